import { tellFormChanged } from "./form_changed.js";
import { pickButton } from "./picking.js";
import { followPin } from "./pin.js";
import { onShown } from "./stage_news.js";

const SAID_FOR = 5000;

export function mount({ element, props, watch, trigger }) {
  const { texts } = props;
  const find = (selector) => element.querySelector(selector);
  let shown = {};
  let offered = "";
  let silent;
  let sends = false;

  onShown((value) => {
    find(".another").hidden = !value.prompt;
    find(".place").hidden = value.state !== "done";
    shown = value;
    if (value.state !== "done" || value.job === offered) return;
    offered = value.job;
    find(".place").replaceChildren(pickButton(offered, value.prompt, texts.compare));
  });
  find(".another").addEventListener("click", () => {
    sends = true;
    trigger("edit", { job: shown.job });
  });
  // What is folded away follows nothing meanwhile.
  element.addEventListener("click", (event) => {
    const fold = event.target.closest("[data-opens]");
    if (!fold) return;
    const opens = fold.ariaExpanded !== "true";
    fold.setAttribute("aria-expanded", opens);
    document.getElementById(fold.dataset.opens)?.toggleAttribute("data-open", opens);
    tellFormChanged();
  });
  followPin(find(".pin"));

  // Over whatever is in sight: what was pressed may stand far from the form that it changed.
  watch("value", () => {
    find(".toast").textContent = props.value?.said || "";
    clearTimeout(silent);
    silent = setTimeout(() => {
      find(".toast").textContent = "";
    }, SAID_FOR);
    if (sends) document.querySelector("#generate")?.focus({ preventScroll: true });
    sends = false;
  });
}
