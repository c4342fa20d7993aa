export function mount({ element, props, watch }) {
  const video = element.querySelector("video");
  const none = element.querySelector("p");
  // A clip that a reload brings back does not start by itself.  The browser's own
  // `userActivation` would outlive the reload.
  let touched = false;
  for (const kind of ["pointerdown", "keydown"])
    window.addEventListener(
      kind,
      () => {
        touched = true;
      },
      { capture: true, once: true },
    );
  function paint() {
    video.hidden = !props.value;
    none.hidden = Boolean(props.value);
    video.autoplay = touched && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (props.value) video.src = new URL(props.value, document.baseURI).href;
    else video.removeAttribute("src");
    video.load();
  }
  watch("value", paint);
  if (props.value) paint();
}
