import { onNews } from "./card_news.js";
import { onePress } from "./one_press.js";
import { sendsPicture, tellPressWaits } from "./picture_news.js";
import { isAway, notePress, onServer } from "./server_away.js";

const SENDS = "#generate, #rehearse, #clip-tools .properly";

// No double click, no key held down, no second try before an answer.
export function watchGenerate() {
  const press = onePress();
  onNews(press.answered);
  document.addEventListener("input", press.answered);
  onServer(() => {
    if (!isAway() || !press.waits()) return;
    press.answered();
    notePress("uncertain");
  });
  window.addEventListener(
    "click",
    (event) => {
      if (!event.target.closest(SENDS)) return;
      if (press.waits() || event.detail > 1) event.stopImmediatePropagation();
      else if (sendsPicture()) {
        event.stopImmediatePropagation();
        tellPressWaits();
      } else if (isAway()) {
        event.stopImmediatePropagation(); // Gradio's page would drop it
        notePress("unsent");
      } else {
        notePress("");
        press.begin();
      }
    },
    true,
  );
  window.addEventListener(
    "keydown",
    (event) => {
      if (event.repeat && event.target.closest(SENDS)) event.preventDefault();
      if (isShortcut(event)) {
        event.preventDefault();
        if (!event.repeat) document.getElementById("generate").click();
      }
    },
    true,
  );
}

// Ctrl or ⌘ with Enter, in the composer: its small forms have buttons of their own.
function isShortcut(event) {
  if (event.key !== "Enter" || event.isComposing || !(event.ctrlKey || event.metaKey)) return false;
  return Boolean(event.target.closest("#composer")) && !event.target.closest("form");
}
