// What a reader's tools miss in Gradio's own parts, mended here and nowhere else.

// Radio buttons are a group only by a common name: with it, arrow keys go through them, and Tab
// stops once.  Gradio names each anew when another is chosen.
function nameGroup(group) {
  const title = group.querySelector('[data-testid="block-info"]')?.textContent.trim();
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", title || "");
  const name = `of-${group.id || title}`;
  function nameAlike() {
    for (const radio of group.querySelectorAll("[type=radio]"))
      if (radio.name !== name) radio.name = name;
  }
  nameAlike();
  const all = { attributeFilter: ["name"], childList: true, subtree: true };
  new MutationObserver(nameAlike).observe(group, all);
}

// The page is English whatever the browser's language, which Gradio writes there.
function tellLanguage() {
  const { documentElement } = document;
  if (documentElement.lang !== "en") documentElement.lang = "en";
}

export function mendGradio() {
  const folding = new MutationObserver((changes) => {
    for (const { target } of changes) tellFolded(target);
  });
  function tellFolded(button) {
    button.setAttribute("aria-expanded", button.classList.contains("open"));
  }
  function mend() {
    document.querySelectorAll("fieldset:not([role]):has([type=radio])").forEach(nameGroup);
    for (const button of document.querySelectorAll(".label-wrap:not([aria-expanded])")) {
      tellFolded(button);
      folding.observe(button, { attributeFilter: ["class"] });
    }
    for (const field of document.querySelectorAll('gradio-app textarea:not([dir="auto"])'))
      field.dir = "auto";
  }
  tellLanguage();
  new MutationObserver(tellLanguage).observe(document.documentElement, {
    attributeFilter: ["lang"],
  });
  let waits = false;
  new MutationObserver(() => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      mend();
    });
  }).observe(document.body, { childList: true, subtree: true });
  mend();
}
