// The browser's own event for a field that changed, by whomever; no server hears of it.
const CHANGED = "veo-form-changed";

export function tellFormChanged() {
  window.dispatchEvent(new Event(CHANGED));
}

export function onFormChanged(heard) {
  window.addEventListener(CHANGED, heard);
}
