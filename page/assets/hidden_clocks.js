// Before Gradio's own scripts: its spinners count the seconds of each event, in every frame.  This
// page shows none of them; the one over a page that loads even counts on when it is gone.

// The callback has no name: it is known by what it alone does.
const counts = (callback) => String(callback).includes("(performance.now()-");

export function run() {
  const ask = window.requestAnimationFrame;
  window.requestAnimationFrame = (callback) => (counts(callback) ? 0 : ask.call(window, callback));
}
