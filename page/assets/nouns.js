export function mount({ element, props, watch, trigger }) {
  const button = element.querySelector("button");
  function paint() {
    element.querySelector("span").textContent = props.value;
    button.hidden = !props.value;
  }
  button.addEventListener("click", () => trigger("select"));
  watch("value", paint);
  paint();
}
