import { keepDraft } from "./draft_storage.js";

// Whose words stand in the prompt: somebody's own, or what a press put there.
export function makeDraft(mine) {
  let lost = "";
  let helped = false;
  return {
    typed(text) {
      mine = text;
    },
    // The help writes for them: what it puts there is theirs.
    helping() {
      helped = true;
    },
    // Whether `now` takes the place of words of their own.
    isReplacedBy(now) {
      if (!now.includes(mine.trim())) {
        [lost, mine] = [mine, ""];
        return true;
      }
      if (mine || helped) mine = now;
      helped = false;
      return false;
    },
    undo() {
      mine = lost;
      return lost;
    },
  };
}

export function mount({ element, props, watch, trigger }) {
  const line = element.querySelector("p");
  const field = () => document.querySelector("#prompt textarea");
  const draft = makeDraft(field()?.value || ""); // it is there already
  document.addEventListener("input", (event) => {
    if (!event.target.matches("#prompt textarea")) return;
    draft.typed(event.target.value);
    keepDraft(event.target.value);
    line.hidden = true;
  });
  document.addEventListener("submit", (event) => {
    if (event.target.closest("#help")) draft.helping();
  });
  watch("value", () => {
    // The field's own text: Gradio's comes later, and would seem to replace what is typed.
    const now = field().value;
    keepDraft(now);
    if (!draft.isReplacedBy(now)) return;
    line.hidden = false;
    line.firstElementChild.textContent = props.texts.replaced; // now, so that it is read out
  });
  element.querySelector("button").addEventListener("click", () => {
    line.hidden = true;
    field().focus();
    trigger("select", { prompt: draft.undo() });
  });
}
