import { onNews } from "./card_news.js";
import { onePress } from "./one_press.js";

// No double click, no key held down, no second try before an answer.
export function watchGenerate() {
  const press = onePress();
  onNews(press.answered);
  document.addEventListener("input", press.answered);
  window.addEventListener(
    "click",
    (event) => {
      if (!event.target.closest("#generate")) return;
      if (press.waits() || event.detail > 1) event.stopImmediatePropagation();
      else press.begin();
    },
    true,
  );
  window.addEventListener(
    "keydown",
    (event) => {
      if (event.repeat && event.target.closest("#generate")) event.preventDefault();
    },
    true,
  );
}
