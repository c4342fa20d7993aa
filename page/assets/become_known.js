// Run before the page asks for anything, and at a press, which may come before that: who is new has
// an id from then on.  Made by the server, two first requests at once would get two; kept with the
// rest alone, which is written later, two first tabs at once would.  A visit is a tab: it lasts until
// that is closed.
export function run(kept, ...others) {
  const drawn = Array.from(crypto.getRandomValues(new Uint8Array(32)));
  let visitor = drawn.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  let visit_began = Date.now() / 1000;
  try {
    localStorage.veoVisitor ||= kept?.visitor || visitor;
    visitor = localStorage.veoVisitor;
    sessionStorage.veoVisitBegan ||= visit_began;
    visit_began = Number(sessionStorage.veoVisitBegan);
  } catch {} // a frame of another site may have no storage
  window.veoVisitor = kept?.visitor || visitor; // for what asks outside of Gradio
  return [{ visitor, ...kept, visit_began }, ...others];
}
