// The page's button waits for what its press came to; the card and the form tell it.
const NEWS = "veo-card";

export function tellTheButton() {
  document.dispatchEvent(new Event(NEWS));
}

export function onNews(heard) {
  document.addEventListener(NEWS, heard);
}
