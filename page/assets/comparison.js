import { clock } from "./clock.js";

const APART = 0.1; // seconds that the two may be apart
const NEAR_END = 0.25; // a clip this close to its end is not started once more

// Two picks open it; the same one twice is no pick.
export function pickTwo(first, choice) {
  if (!first) return { picked: choice, jobs: null };
  return { picked: null, jobs: first.job === choice.job ? null : [first.job, choice.job] };
}

export function mount({ element, props, watch, trigger }) {
  const { texts } = props;
  const find = (each) => element.querySelector(each);
  const videos = [...element.querySelectorAll("video")];
  const captions = [...element.querySelectorAll("figcaption")];
  const dialog = find("dialog");
  const play = find(".play");
  const seek = find(".seek");
  let playing = false;
  let picked = null;
  let pressed = null;

  function showPicked(choice) {
    picked = choice;
    document.body.dataset.picked = choice ? choice.job : "";
    for (const button of document.querySelectorAll("[data-pick]"))
      button.setAttribute("aria-pressed", Boolean(choice) && button.dataset.pick === choice.job);
    find(".picked").hidden = !choice;
    find(".picked p").textContent = choice ? texts.picked + choice.name : "";
  }
  document.addEventListener("pick", (event) => {
    pressed = event.detail.button;
    const two = pickTwo(picked, event.detail);
    showPicked(two.picked);
    if (two.jobs) trigger("submit", { jobs: two.jobs });
  });
  document.addEventListener("unpick", () => showPicked(null));
  find(".cancel").addEventListener("click", () => {
    showPicked(null);
    pressed?.focus();
  });

  // One position for both.  The longer one leads: it is there to the end.

  const lengths = () => videos.map((each) => each.duration || 0);
  const leader = () => videos[lengths()[0] >= lengths()[1] ? 0 : 1];
  function paint() {
    const end = Math.max(...lengths());
    const now = leader().currentTime;
    seek.max = end;
    seek.value = now;
    find(".time").textContent = `${clock(now)} / ${clock(end)}`;
    seek.setAttribute("aria-valuetext", find(".time").textContent);
    play.textContent = playing ? texts.pause : texts.play;
    play.disabled = !lengths().every(Boolean);
  }
  function tick() {
    if (!playing) return;
    const lead = leader();
    const now = lead.currentTime;
    for (const each of videos) {
      if (each === lead || each.seeking || now > each.duration - NEAR_END) continue;
      if (Math.abs(each.currentTime - now) > APART) each.currentTime = now;
      if (each.paused) each.play().catch(stop);
    }
    paint();
    requestAnimationFrame(tick);
  }
  function start() {
    if (leader().ended) goTo(0);
    playing = true;
    leader().play().catch(stop);
    tick();
  }
  function stop() {
    playing = false;
    for (const each of videos) each.pause();
    paint();
  }
  function goTo(time) {
    for (const each of videos) each.currentTime = Math.min(time, each.duration || 0);
    paint();
  }
  function chooseSound() {
    const chosen = element.querySelector("fieldset input:checked").value;
    videos.forEach((each, side) => {
      each.muted = chosen !== String(side);
    });
  }
  play.addEventListener("click", () => {
    if (playing) stop();
    else start();
  });
  seek.addEventListener("input", () => goTo(Number(seek.value)));
  find("fieldset").addEventListener("change", chooseSound);
  for (const each of videos) {
    each.addEventListener("loadedmetadata", paint);
    each.addEventListener("seeked", paint);
    // A headset's key or the system may pause one of them.
    each.addEventListener("pause", () => {
      if (playing && !each.ended) stop();
    });
    each.addEventListener("ended", () => {
      if (each === leader()) stop();
    });
    each.addEventListener("error", () => {
      if (each.hasAttribute("src")) find(".note").textContent = texts.broken;
    });
  }

  // Opening and closing

  function empty() {
    stop();
    for (const each of videos) {
      each.removeAttribute("src");
      each.load();
    }
  }
  function open() {
    const value = props.value || {};
    const sides = value.sides || [];
    if (!value.opened) return;
    empty();
    find(".note").textContent = value.note;
    find(".sides").hidden = sides.length === 0;
    find(".controls").hidden = sides.length === 0;
    find(".sides").dataset.tall = Boolean(value.tall);
    sides.forEach((side, at) => {
      videos[at].src = side.clip;
      videos[at].setAttribute("aria-label", side.caption);
      captions[at].textContent = side.caption;
    });
    chooseSound();
    paint();
    if (!dialog.open) dialog.showModal();
    find("h2").focus({ preventScroll: true });
  }
  find(".close").addEventListener("click", () => dialog.close());
  // Also at Escape.
  dialog.addEventListener("close", () => {
    empty();
    pressed?.focus({ preventScroll: true });
  });
  watch("value", open);
}
