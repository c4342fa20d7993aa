// A picture for the form, from wherever on the page: files that were dropped or pasted, or a frame of
// a clip.  Whoever has one tells it; the slots hear it.
// What a clip of the strip is called while it is dragged.
export const JOB = "text/veo-job";
const OFFERED = "veo-picture";
const CAME = "veo-picture-came";
const PRESSED = "veo-press-waits";

export function offerPicture(picture) {
  document.dispatchEvent(new CustomEvent(OFFERED, { detail: picture }));
}

export function onPicture(heard) {
  document.addEventListener(OFFERED, ({ detail }) => heard(detail));
}

export const isPicture = (file) => Boolean(file?.type.startsWith("image/"));

// While one is on its way, a press would film something else.
export function sendsPicture() {
  return "sending" in document.documentElement.dataset;
}

export function tellPressWaits() {
  document.dispatchEvent(new Event(PRESSED));
}

export function onPressWaits(heard) {
  document.addEventListener(PRESSED, heard);
}

// The server has answered about a frame: a `picture`, or none, and when.
export function tellPictureCame(answer) {
  document.dispatchEvent(new CustomEvent(CAME, { detail: answer }));
}

export function onPictureCame(heard) {
  document.addEventListener(CAME, ({ detail }) => heard(detail));
}
