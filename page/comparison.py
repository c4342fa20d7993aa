"""Two clips side by side, with one play button, one position and one choice of sound.

A Gradio HTML component.  Which two is picked in the browser, with the buttons of `page.picking`;
Python gets the ids of the jobs and gives the addresses, and never takes one from the browser.  It
knows jobs and their settings, no events.
"""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend import takes
from backend.jobs import Job
from backend.storage import Storage
from page import takes_grid, texts

TEMPLATE = """
<section hidden aria-labelledby="compare-title">
  <header>
    <h2 id="compare-title" tabindex="-1">{title}</h2>
    <button type="button" class="close">{close}</button>
  </header>
  <p class="note" role="status"></p>
  <div class="sides">
    <figure><video playsinline preload="auto"></video><figcaption></figcaption></figure>
    <figure><video playsinline preload="auto"></video><figcaption></figcaption></figure>
  </div>
  <div class="controls">
    <button type="button" class="play">{play}</button>
    <input type="range" class="seek" min="0" max="0" step="0.05" value="0" aria-label="{seek}">
    <span class="time" aria-hidden="true"></span>
    <fieldset>
      <legend>{sound}</legend>
      <label><input type="radio" name="compare-sound" value="0" checked> {first}</label>
      <label><input type="radio" name="compare-sound" value="1"> {second}</label>
      <label><input type="radio" name="compare-sound" value=""> {mute}</label>
    </fieldset>
  </div>
</section>
<div class="picked" hidden>
  <p role="status"></p>
  <button type="button" class="cancel">{cancel}</button>
</div>
"""

CSS = """
section { border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg);
  background: var(--block-background-fill); padding: var(--spacing-xl); }
header { display: flex; justify-content: space-between; align-items: center; }
h2 { font-size: var(--text-lg); margin: 0; font-weight: 600; color: var(--body-text-color); }
p { margin: 0; color: var(--body-text-color); overflow-wrap: anywhere; }
.note:empty { display: none; }
.sides { display: grid; gap: var(--spacing-lg); margin: var(--spacing-lg) 0;
  grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); }
figure { margin: 0; min-width: 0; }
video { width: 100%; aspect-ratio: 16 / 9; max-height: 65vh; object-fit: contain; display: block;
  background: #000; border-radius: var(--radius-md); }
[data-tall="true"] video { aspect-ratio: 3 / 4; }
figcaption { color: var(--body-text-color); overflow-wrap: anywhere; white-space: pre-line;
  font-size: var(--text-sm); margin-top: var(--spacing-sm); }
.controls { display: flex; flex-wrap: wrap; gap: var(--spacing-md) var(--spacing-lg);
  align-items: center; }
.seek { flex: 1 1 12rem; accent-color: var(--color-accent); }
.time { font-variant-numeric: tabular-nums; color: var(--body-text-color-subdued); }
fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap;
  gap: 0 var(--spacing-lg); align-items: center; color: var(--body-text-color); }
legend { float: left; padding: 0; color: var(--body-text-color-subdued); }
fieldset label { display: flex; gap: var(--spacing-sm); align-items: center; cursor: pointer; }
fieldset input { appearance: auto; accent-color: var(--color-accent);
  background: none !important; border: 0; margin: 0; }
button { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  padding: 4px 12px; background: transparent; color: var(--body-text-color); cursor: pointer;
  font: inherit; }
.play { min-width: 7rem; background: var(--button-primary-background-fill);
  color: var(--button-primary-text-color); border-color: var(--button-primary-border-color); }
.play:disabled { opacity: .6; cursor: default; }
.picked p { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2;
  overflow: hidden; }
.picked { position: fixed; z-index: 10; inset: auto 0 1rem; margin: auto; width: fit-content;
  max-width: calc(100vw - 2rem); display: flex; gap: var(--spacing-lg); align-items: center;
  padding: var(--spacing-lg); border: 1px solid var(--color-accent);
  border-radius: var(--radius-lg); background: var(--block-background-fill);
  box-shadow: var(--shadow-drop-lg); }
[hidden] { display: none !important; }
@media (max-width: 640px) {
  video { max-height: 32vh; }
  .seek { flex-basis: 100%; order: -1; }
}
"""

JAVASCRIPT = """
const texts = props.texts, find = each => element.querySelector(each);
const videos = [...element.querySelectorAll('video')];
const captions = [...element.querySelectorAll('figcaption')];
const section = find('section'), play = find('.play'), seek = find('.seek');
const STEP = 0.1;  // seconds that the two may be apart
const NEAR_END = 0.25;  // a clip this close to its end is not started once more
let playing = false, picked = null, pressed = null;

// Two picks open it

function pick(choice) {
  picked = choice;
  document.body.dataset.picked = choice ? choice.job : '';
  for (const button of document.querySelectorAll('[data-pick]'))
    button.setAttribute('aria-pressed', Boolean(choice) && button.dataset.pick === choice.job);
  find('.picked').hidden = !choice;
  find('.picked p').textContent = choice ? texts.picked + choice.name : '';
}
document.addEventListener('pick', event => {
  const choice = event.detail, first = picked;
  pressed = choice.button;
  pick(first ? null : choice);
  if (first && first.job !== choice.job) trigger('submit', { jobs: [first.job, choice.job] });
});
find('.cancel').addEventListener('click', () => { pick(null); pressed?.focus(); });

// One position for both.  The longer one leads: it is there to the end.

const lengths = () => videos.map(each => each.duration || 0);
const leader = () => videos[lengths()[0] >= lengths()[1] ? 0 : 1];
const minutes = s => Math.floor(s / 60) + ':' + String(Math.floor(s % 60)).padStart(2, '0');
function paint() {
  const end = Math.max(...lengths()), now = leader().currentTime;
  seek.max = end;
  seek.value = now;
  find('.time').textContent = minutes(now) + ' / ' + minutes(end);
  seek.setAttribute('aria-valuetext', find('.time').textContent);
  play.textContent = playing ? texts.pause : texts.play;
  play.disabled = !lengths().every(Boolean);
}
function tick() {
  if (!playing) return;
  const lead = leader(), now = lead.currentTime;
  for (const each of videos) {
    if (each === lead || each.seeking || now > each.duration - NEAR_END) continue;
    if (Math.abs(each.currentTime - now) > STEP) each.currentTime = now;
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
  const chosen = element.querySelector('fieldset input:checked').value;
  videos.forEach((each, side) => { each.muted = chosen !== String(side); });
}
play.addEventListener('click', () => { if (playing) stop(); else start(); });
seek.addEventListener('input', () => goTo(Number(seek.value)));
find('fieldset').addEventListener('change', chooseSound);
for (const each of videos) {
  each.addEventListener('loadedmetadata', paint);
  each.addEventListener('seeked', paint);
  // A headset's key or the system may pause one of them.
  each.addEventListener('pause', () => { if (playing && !each.ended) stop(); });
  each.addEventListener('ended', () => { if (each === leader()) stop(); });
  each.addEventListener('error', () => {
    if (each.hasAttribute('src')) find('.note').textContent = texts.broken;
  });
}

// Opening and closing

function empty() {
  stop();
  for (const each of videos) { each.removeAttribute('src'); each.load(); }
}
function open() {
  const value = props.value || {}, sides = value.sides || [];
  section.hidden = !value.opened;
  if (!value.opened) return;
  empty();
  find('.note').textContent = value.note;
  find('.sides').hidden = find('.controls').hidden = sides.length === 0;
  find('.sides').dataset.tall = Boolean(value.tall);
  sides.forEach((side, at) => {
    videos[at].src = side.clip;
    videos[at].setAttribute('aria-label', side.caption);
    captions[at].textContent = side.caption;
  });
  chooseSound();
  paint();
  find('h2').focus({ preventScroll: true });
  const gently = !matchMedia('(prefers-reduced-motion: reduce)').matches;
  section.scrollIntoView({ block: 'nearest', behavior: gently ? 'smooth' : 'auto' });
}
find('.close').addEventListener('click', () => {
  empty();
  section.hidden = true;
  pressed?.focus({ preventScroll: true });
});
watch('value', open);
"""


def build() -> gr.HTML:
    """The component; give it the values of `side_by_side`."""
    first, second = texts.COMPARE_SIDES
    template = TEMPLATE.format(
        title=html.escape(texts.COMPARE_TITLE),
        close=html.escape(texts.COMPARE_CLOSE),
        play=html.escape(texts.COMPARE_PLAY),
        seek=html.escape(texts.COMPARE_SEEK),
        sound=html.escape(texts.COMPARE_SOUND),
        first=html.escape(first),
        second=html.escape(second),
        mute=html.escape(texts.COMPARE_MUTE),
        cancel=html.escape(texts.COMPARE_CANCEL),
    )
    return gr.HTML(
        {},
        html_template=template,
        css_template=CSS,
        js_on_load=JAVASCRIPT,
        apply_default_css=False,
        elem_id="compare",
        label=texts.COMPARE_TITLE,
        texts={
            "picked": texts.COMPARE_PICKED,
            "play": texts.COMPARE_PLAY,
            "pause": texts.COMPARE_PAUSE,
            "broken": texts.COMPARE_BROKEN,
        },
    )


def side_by_side(jobs: Sequence[Job], storage: Storage) -> dict[str, Any]:
    """What the browser shows of two jobs of its visitor; a note when a clip is not there."""
    there = [
        (job, clip)
        for job in jobs
        if job.state == "done" and (clip := storage.address(job.entry.clip))
    ]
    opened = time.time()  # so that the same two open again
    if len(there) != 2:
        return {"opened": opened, "note": texts.COMPARE_GONE, "sides": []}
    requests = [job.request for job, _ in there if job.request]
    names = ["seed", *(name for name in takes.differing(requests) if name != "seed")]
    return {
        "opened": opened,
        "note": "",
        "tall": any(job.facts and job.facts.height > job.facts.width for job, _ in there),
        "sides": [
            {"clip": clip, "caption": f"{side} · {_caption(job, names)}"}
            for side, (job, clip) in zip(texts.COMPARE_SIDES, there, strict=True)
        ],
    }


def _caption(job: Job, names: Sequence[str]) -> str:
    if not job.request:
        return f"id {job.generation_id}"
    settings = takes_grid.in_words(job.request, [name for name in names if name != "prompt"])
    return f"{settings}\n{job.request.prompt}" if "prompt" in names else settings
