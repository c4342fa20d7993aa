export function mount({ element, props, watch, trigger }) {
  const form = element.querySelector("form");
  const said = element.querySelector(".said");
  said.textContent = props.texts.keeps;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    trigger("submit", { parts: Object.fromEntries(new FormData(form)) });
  });
  watch("value", () => {
    said.textContent = props.value.said;
  });
}
