import { untilTouched } from "./touched.js";

export function mount({ element, props, watch }) {
  const video = element.querySelector("video");
  const still = element.querySelector("canvas");
  // A clip that a reload brings back does not start by itself.  The browser's own
  // `userActivation` would outlive the reload.
  const touched = untilTouched();
  let drawn = false;
  // The picture that stood here last stays while the next clip is made.
  function keepPicture() {
    if (!video.videoWidth) return;
    still.width = video.videoWidth;
    still.height = video.videoHeight;
    still.getContext("2d").drawImage(video, 0, 0);
    drawn = true;
  }
  function paint() {
    if (video.src) keepPicture();
    still.hidden = Boolean(props.value) || !drawn;
    video.hidden = !props.value;
    video.autoplay = touched() && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (props.value) video.src = new URL(props.value, document.baseURI).href;
    else video.removeAttribute("src");
    video.load();
    element.closest("#stage")?.toggleAttribute("data-clip", Boolean(props.value));
  }
  watch("value", paint);
  if (props.value) paint();
}
