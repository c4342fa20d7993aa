// What was sought comes by itself: in the strip's own value, a newer list would take its place
// before it was seen.
export function mount({ props, watch }) {
  watch("value", () => {
    document.dispatchEvent(new CustomEvent("clips-found", { detail: props.value }));
  });
}
