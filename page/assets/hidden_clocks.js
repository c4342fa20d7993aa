// Before Gradio's own scripts: at each event it counts the seconds, in every frame, for a spinner
// that this page never shows; and after the one that was there while the page loaded, for ever.

// The callback has no name; this is what only it does.
const counts = (callback) => String(callback).includes("(performance.now()-");

export function run() {
  const ask = window.requestAnimationFrame;
  window.requestAnimationFrame = (callback) => (counts(callback) ? 0 : ask.call(window, callback));
}
