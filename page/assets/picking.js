import { label, makeButton } from "./elements.js";

// A list lets its clips be picked for comparing; comparison.js hears of it.
export function pickButton(job, name, compare) {
  const button = makeButton("pick", "", () =>
    document.dispatchEvent(new CustomEvent("pick", { detail: { job, name, button } })),
  );
  button.dataset.pick = job;
  button.dataset.name = "pick";
  button.setAttribute("aria-pressed", document.body.dataset.picked === job);
  label(button, compare, name);
  return button;
}
