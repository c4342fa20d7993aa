export function mount({ element, props, watch, trigger }) {
  const form = element.querySelector("form");
  const said = element.querySelector(".said");
  const parts = () => Object.fromEntries(new FormData(form));
  let composed = "";
  said.textContent = props.texts.keeps;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    trigger("submit", { parts: parts(), composed });
  });
  // Who types is left alone for a moment.
  let moment;
  for (const change of ["input", "reset"])
    form.addEventListener(change, () => {
      clearTimeout(moment);
      moment = setTimeout(() => trigger("input", { parts: parts() }), 300);
    });
  watch("value", () => {
    const { value } = props;
    if ("preview" in value) element.querySelector(".preview").textContent = value.preview;
    if ("said" in value) said.textContent = value.said;
    composed = value.composed ?? composed;
  });
}
