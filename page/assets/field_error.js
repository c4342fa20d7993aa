import { tellTheButton } from "./card_news.js";
import { make } from "./elements.js";
import { onFormValues } from "./form_values.js";

export function mount({ props, watch }) {
  let said = null;
  function gone() {
    said?.remove();
    said = null;
    for (const field of document.querySelectorAll("#composer [aria-invalid]"))
      field.removeAttribute("aria-invalid");
  }
  // A slot is filled in more ways than by a click.
  onFormValues(() => {
    if (said?.closest("#slots")) gone();
  });
  watch("value", () => {
    gone();
    if (!props.value) return;
    tellTheButton();
    const block = document.getElementById(props.value.field) || document.getElementById("prompt");
    const over = block.closest("[popover]");
    const shut = over?.popover && !over.matches(":popover-open");
    if (shut) document.querySelector(`[popovertarget="${over.id}"]`).click();
    const folded = block.closest("#advanced");
    if (folded && !block.checkVisibility()) folded.querySelector("button").click();
    said = make("p", "wrong");
    said.setAttribute("role", "alert");
    said.textContent = props.value.said;
    // In the field's own block, so that it stands and moves with it; a slot has no room for it.
    const place = block.closest("#slots") || block;
    place.append(said);
    const field = block.querySelector("textarea, input, button");
    if (!field.matches("button")) field.setAttribute("aria-invalid", "true");
    place.addEventListener(place === block ? "input" : "click", gone, { once: true });
    setTimeout(() => field.focus(), 100); // once it is unfolded
  });
}
