// What was sought comes by itself: in the strip's own value, a newer list would take its place
// before it was seen.  Each answer is taken once, so that the same one again is news.
export function mount({ props, watch }) {
  watch("value", () => {
    if (!props.value) return;
    document.dispatchEvent(new CustomEvent("clips-found", { detail: props.value }));
    props.value = null;
  });
}
