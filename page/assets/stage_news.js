// What the stage shows: the card tells it, and whatever speaks of the same clip hears it, also what
// is mounted later.
const SHOWN = "veo-shown";

const KEPT = "veo-stage";

// Storage may be forbidden, as in a frame.
function keepShown(job, before) {
  try {
    if (job) localStorage.setItem(KEPT, job);
    else if (before) localStorage.removeItem(KEPT);
  } catch {}
}

// Whether a clip stood there when the page was left: it will come again.
export function wasShown() {
  try {
    return Boolean(localStorage.getItem(KEPT));
  } catch {
    return false;
  }
}

// It did not come.
export function forgetShown() {
  keepShown("", true);
}

export function tellShown(value, stage) {
  keepShown(value.job, window.veoShown?.job);
  window.veoShown = value;
  if (stage) stage.dataset.state = value.state;
  stage?.style.setProperty("--aspect", value.aspect.replace(":", " / "));
  document.dispatchEvent(new Event(SHOWN));
}

export function onShown(heard) {
  document.addEventListener(SHOWN, () => heard(window.veoShown));
  if (window.veoShown) heard(window.veoShown);
}
