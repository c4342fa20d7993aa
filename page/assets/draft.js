import { keepDraft } from "./draft_storage.js";
import { onFormValues, parted } from "./form_values.js";

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
  const { texts, counted_from, longest } = props;
  const line = element.querySelector(".said");
  const count = element.querySelector(".count");
  const field = () => document.querySelector("#prompt textarea");
  const draft = makeDraft(field()?.value || ""); // it is there already

  // A press replaces the form: what it was then is what can be given back.
  let values;
  let before;
  let lost_form;
  onFormValues((now) => {
    values = now;
  });
  for (const press of ["click", "drop"])
    document.addEventListener(
      press,
      ({ target }) => {
        if (!element.contains(target)) before = values;
      },
      true,
    );

  function tellLength() {
    const { length } = field()?.value || "";
    count.hidden = length < counted_from;
    count.classList.toggle("over", length > longest);
    const figures = [length, longest].map((each) => each.toLocaleString("en"));
    count.textContent = texts.characters.replace(/\{\}/g, () => figures.shift());
  }
  document.addEventListener("input", (event) => {
    if (!event.target.matches("#prompt textarea")) return;
    draft.typed(event.target.value);
    keepDraft(event.target.value);
    line.hidden = true;
    tellLength();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.closest("#help")) draft.helping();
  });
  watch("value", () => {
    // The field's own text: Gradio's comes later, and would seem to replace what is typed.
    const now = field().value;
    keepDraft(now);
    tellLength();
    if (!draft.isReplacedBy(now)) return;
    lost_form = before; // whatever is pressed from now on
    line.hidden = false;
    line.firstElementChild.textContent = texts.replaced; // now, so that it is read out
  });
  element.querySelector("button").addEventListener("click", () => {
    line.hidden = true;
    field().focus();
    trigger("select", { prompt: draft.undo(), form: lost_form && parted(lost_form).form });
  });
  if (navigator.platform.startsWith("Mac")) element.querySelector("kbd").textContent = "⌘";
  tellLength();
}
