import { keepDraft, keptDraft } from "./draft_storage.js";

const FORM = ["#prompt textarea", "#generate", "#chips button"];

export function run({ coming, does_not_come }) {
  const first = document.getElementById("first-paint");
  const typed = first.querySelector("textarea");
  const theme = new URLSearchParams(location.search).get("__theme");
  const dark = theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches;
  first.classList.toggle("dark", theme === "dark" || dark);
  const sizes = CSS.supports("field-sizing", "content");
  document.documentElement.classList.toggle("field-sizing", sizes);
  typed.value ||= keptDraft(); // some type before this runs
  typed.addEventListener("input", () => keepDraft(typed.value));
  typed.focus();
  let composing = false;
  typed.addEventListener("compositionstart", () => {
    composing = true;
  });
  typed.addEventListener("compositionend", () => {
    composing = false;
    handOver();
  });
  // Gradio brings a form's parts in any order: it is shown when all are there, and not in the midst
  // of composing a character, which would be lost.
  function handOver() {
    const [field, ...others] = FORM.map((each) => document.querySelector(each));
    if (composing || !field || others.includes(null)) return;
    observer.disconnect();
    late.forEach(clearTimeout);
    const focused = document.activeElement === typed;
    first.remove();
    if (typed.value) {
      field.value = typed.value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (!focused) return;
    field.focus();
    field.setSelectionRange(typed.selectionStart, typed.selectionEnd);
  }
  function say(text) {
    first.querySelector("[role=status]").textContent = text;
  }
  const late = [setTimeout(say, 2000, coming), setTimeout(say, 20000, does_not_come)];
  const observer = new MutationObserver(handOver);
  observer.observe(document.body, { childList: true, subtree: true });
}
