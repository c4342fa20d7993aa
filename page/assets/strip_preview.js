import { make } from "./elements.js";

const PAUSE = 200; // milliseconds: who only passes by loads no film

// The clip under the pointer, or with the keyboard on it, plays without sound.  One at a time.
export function previewIn(list) {
  let video = null;
  let timer;
  function stop() {
    clearTimeout(timer);
    if (!video) return;
    // Else the browser goes on loading it.
    video.removeAttribute("src");
    video.load();
    video.remove();
    video = null;
  }
  function start(item) {
    stop();
    if (!item?.row?.clip || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    timer = setTimeout(() => {
      const started = make("video");
      video = started;
      Object.assign(video, { muted: true, loop: true, playsInline: true, src: item.row.clip });
      video.setAttribute("aria-hidden", "true");
      video.tabIndex = -1;
      item.querySelector(".says").before(video);
      started.play().catch(() => video === started && stop());
    }, PAUSE);
  }
  list.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const item = event.target.closest("li");
    if (item && !item.contains(event.relatedTarget)) start(item);
  });
  list.addEventListener("pointerout", (event) => {
    if (!event.target.closest("li")?.contains(event.relatedTarget)) stop();
  });
  list.addEventListener("focusin", (event) => {
    if (event.target.matches(".tile:focus-visible")) start(event.target.closest("li"));
  });
  list.addEventListener("focusout", stop);
}
