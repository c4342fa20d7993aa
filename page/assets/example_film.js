import { forgetShown, wasShown } from "./stage_news.js";

// Milliseconds in which the clip that stood here comes again: then nobody needs the film.
const COMES_AGAIN = 8000;

export function mount({ element, props, trigger }) {
  const video = element.querySelector("video");
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const play = () => calm() || video.play().catch(() => {}); // a browser may forbid it
  function fetchFilm() {
    // Before the card is there, nothing is shown.
    if ((element.closest("#stage")?.dataset.state ?? "idle") !== "idle") return;
    forgetShown();
    video.addEventListener("loadeddata", () => {
      video.hidden = false;
      play();
    });
    video.preload = "auto";
    video.src = new URL(props.film, document.baseURI).href;
  }
  setTimeout(fetchFilm, wasShown() ? COMES_AGAIN : 0);
  // It has played once, and plays again for who comes by.
  element.addEventListener("pointerenter", () => {
    if (video.ended) play();
  });
  element.querySelector("button").addEventListener("click", () => {
    trigger("select", { number: props.number });
    document.querySelector("#generate")?.focus({ preventScroll: true });
  });
}
