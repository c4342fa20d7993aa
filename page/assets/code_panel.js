import { copyAndSay } from "./copying.js";
import { onFormChanged } from "./form_changed.js";
import { onShown } from "./stage_news.js";

export function mount({ element, props, watch, trigger }) {
  const find = (what) => element.querySelector(what);
  const tabs = () => [...element.querySelectorAll('[role="tab"]')];
  let selected = tabs()[0].dataset.name;
  const chosen = { of: "form", against: "real" };
  let job = "";

  function paint() {
    const value = props.value || {};
    for (const [what, which] of Object.entries(chosen))
      for (const button of element.querySelectorAll(`[data-${what}]`))
        button.setAttribute("aria-pressed", button.dataset[what] === which);
    find(".note").hidden = chosen.against !== "demo";
    find(".wrong").textContent = value.wrong || "";
    find(".wrong").hidden = !value.wrong;
    find(".programs").hidden = !value.programs;
    for (const tab of tabs()) {
      const is = tab.dataset.name === selected;
      tab.setAttribute("aria-selected", is);
      tab.tabIndex = is ? 0 : -1;
    }
    find(".program").setAttribute("aria-labelledby", `code-${selected}`);
    const code = find("code");
    const text = value.programs ? value.programs[selected] : "";
    if (code.textContent !== text) code.textContent = text;
  }
  function select(tab) {
    selected = tab.dataset.name;
    paint();
    find(".program").scrollTo(0, 0);
  }
  element.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-of], [data-against]");
    if (choice) {
      Object.assign(chosen, choice.dataset);
      paint();
      ask();
    }
    const tab = event.target.closest('[role="tab"]');
    const copy = event.target.closest(".copy");
    if (tab) select(tab);
    if (copy)
      copyAndSay(find("code").textContent, props.texts, (said) => {
        copy.textContent = said;
      });
  });
  element.addEventListener("keydown", (event) => {
    const all = tabs();
    const at = all.indexOf(event.target);
    if (at < 0) return;
    const end = all.length - 1;
    const next = { ArrowRight: at + 1, ArrowLeft: at + end, Home: 0, End: end };
    if (!(event.key in next)) return;
    event.preventDefault();
    const tab = all[next[event.key] % all.length];
    tab.focus();
    select(tab);
  });
  watch("value", paint);
  paint();

  // Folded away it asks for nothing; a form that is being typed into is left alone for a moment.
  let moment;
  let missed = false;
  function ask() {
    clearTimeout(moment);
    moment = setTimeout(() => {
      missed = !element.offsetParent;
      if (missed) return;
      if (chosen.of === "clip") trigger("select", { job, against: chosen.against });
      else trigger("focus", { against: chosen.against });
    }, 400);
  }
  onFormChanged(() => (chosen.of === "form" || missed) && ask());
  onShown((shown) => {
    const is_another = shown.job !== job;
    job = shown.job;
    if (is_another && chosen.of === "clip") ask();
  });
  ask();
}
