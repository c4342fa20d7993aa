"""The status card: one place that says what a job is doing, as a Gradio HTML component.

Python sends the card only when something changed; the browser lets the clock and the bar run in
between, inserts every text as text, and tells Python by `retry` which of the offered actions was
pressed.  It knows jobs and words, and decides nothing about sending or waiting.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from backend.jobs import Job
from backend.pricing import Offer
from page import copying, texts
from veo import explain
from veo.explain import Words
from veo_client import VeoError

STEPS = "".join(f'<li data-step="{name}">{label}</li>' for name, label in explain.STEPS.items())

TEMPLATE = f"""
<div class="card" data-state="idle" tabindex="-1">
  <div class="said" role="status" aria-live="polite" aria-atomic="true">
    <p class="title"></p>
    <p class="detail"><span class="happened"></span> <span class="cost"></span>
      <span class="next"></span></p>
  </div>
  <div class="middle">
    <div class="progress">
      <ol class="steps" aria-label="{texts.STEPS}">{STEPS}</ol>
      <div class="track" aria-hidden="true"><div class="fill"></div></div>
      <p class="clock" aria-hidden="true"></p>
    </div>
    <div class="actions" role="group" aria-label="{texts.WHAT_NEXT}"></div>
  </div>
  <div class="foot">
    <p class="known"><span class="seed"></span><span class="id"><span>id</span> <code></code>
      <button type="button" class="copy">{texts.COPY}</button></span></p>
    <p class="wishes">
      <button type="button" data-wish="notice" aria-pressed="false">{texts.NOTICE}</button>
      <button type="button" data-wish="chime" aria-pressed="false">{texts.CHIME}</button>
    </p>
  </div>
</div>
"""

# The steps and the actions share a place: what is not there leaves no hole, and nothing jumps.
CSS = """
.card { border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg);
  background: var(--block-background-fill); padding: var(--spacing-xl); display: flex;
  flex-direction: column; gap: var(--spacing-lg); color: var(--body-text-color); }
.card p { margin: 0; }
.said { min-height: 5.5rem; }
.title { font-weight: 700; font-size: var(--text-lg); overflow-wrap: anywhere; }
.detail { color: var(--body-text-color-subdued); overflow-wrap: anywhere;
  margin-top: var(--spacing-xs) !important; }
.cost { color: var(--body-text-color); }
.middle { display: grid; }
.middle > * { grid-area: 1 / 1; visibility: hidden; min-width: 0; }
.card:is([data-state="running"], [data-state="done"]) .progress,
.card:not([data-state="running"], [data-state="done"]) .actions { visibility: visible; }
.steps { list-style: none; margin: 0; padding: 0; display: grid;
  grid-template-columns: repeat(5, 1fr); font-size: var(--text-sm); text-align: center;
  color: var(--body-text-color-subdued); }
.steps li { margin: 0; padding: 0; }
.steps li::before { content: ""; display: block; width: 10px; height: 10px; margin: 4px auto;
  border-radius: 50%; border: 2px solid var(--neutral-400); box-sizing: border-box; }
.steps li.past::before { background: var(--neutral-400); }
.steps li[aria-current] { color: var(--body-text-color); font-weight: 700; }
.steps li[aria-current]::before { border-color: var(--color-accent);
  background: var(--color-accent); box-shadow: 0 0 0 3px var(--color-accent-soft); }
.track { height: 6px; border-radius: 3px; background: var(--border-color-primary);
  overflow: hidden; margin: var(--spacing-md) 0; }
.fill { height: 100%; width: 0; background: var(--color-accent); }
.clock { font-variant-numeric: tabular-nums; color: var(--body-text-color-subdued);
  min-height: 1.5em; }
.actions { display: flex; flex-wrap: wrap; gap: var(--spacing-md); align-content: flex-start; }
.card button { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  color: var(--body-text-color); background: transparent; font: inherit; cursor: pointer; }
.card button:hover { background: var(--background-fill-secondary); }
.actions button { min-height: 36px; padding: 4px 14px; }
.actions button:first-child { border-color: var(--color-accent); font-weight: 700; }
.actions button[aria-disabled="true"] { opacity: .5; cursor: default; }
.foot { display: flex; flex-wrap: wrap; gap: var(--spacing-sm) var(--spacing-lg);
  justify-content: space-between; align-items: center; font-size: var(--text-sm);
  color: var(--body-text-color-subdued); }
.foot button { min-height: 26px; padding: 2px 8px; }
.known, .id { display: flex; align-items: center; gap: var(--spacing-sm); flex: 1 1 0;
  min-width: 0; min-height: 28px; }
.known { column-gap: var(--spacing-lg); }
.seed { white-space: nowrap; }
.id code { color: var(--body-text-color); background: none; padding: 0; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.wishes { display: flex; flex-wrap: wrap; gap: var(--spacing-sm); }
.wishes button { color: var(--body-text-color-subdued); }
.wishes button[aria-pressed="true"] { color: var(--body-text-color);
  border-color: var(--color-accent); background: var(--color-accent-soft); }
.wishes button[aria-pressed="true"]::before { content: "✓ "; }
.card[data-state="failed"] { border-color: var(--error-border-color, #dc2626); }
@media (max-width: 768px) {
  .said { min-height: 8rem; }
  .middle { min-height: 5.5rem; }
  .foot > * { flex-basis: 100%; }
}
"""

JAVASCRIPT = """
const find = selector => element.querySelector(selector);
const clock = s => Math.floor(s / 60) + ':' + String(Math.floor(s % 60)).padStart(2, '0');
const say = (selector, text) => {
  const place = find(selector);
  if (place.textContent !== text) place.textContent = text; // what is the same is not read again
};
// Storage may be forbidden, as in a frame; the wishes are then forgotten with the tab.
let kept = {};
try { kept = window.localStorage; } catch { }

// How long it will be is not known: no number is finer than that.
function timeLeft(elapsed, expected) {
  if (elapsed > 1.6 * expected) return TEXTS.slow.left;
  if (elapsed > .85 * expected) return TEXTS.soon;
  const left = expected - elapsed;
  return left < 95 ? TEXTS.seconds.replace('{}', Math.max(Math.round(left / 10), 1) * 10)
    : TEXTS.minutes.replace('{}', Math.round(left / 60));
}

let value = {}, seen = 0, titled = false;
function paint() {
  const running = value.state === 'running', done = value.state === 'done';
  const elapsed = value.elapsed + (running ? (performance.now() - seen) / 1000 : 0);
  const slow = running && value.may_be_slow && elapsed > 1.6 * value.expected;
  const title = slow ? TEXTS.slow.title : value.title;
  say('.title', title);
  say('.happened', slow ? TEXTS.slow.happened : value.happened);
  say('.cost', value.cost);
  say('.next', value.next);
  // Slower and slower, never full before its time.
  const share = done ? 1 : running ? .9 * (1 - Math.exp(-1.6 * elapsed / value.expected)) : 0;
  find('.fill').style.width = 100 * share + '%';
  const left = !value.left_known ? '' : value.step === 'queued' && elapsed <= 1.6 * value.expected
    ? TEXTS.usually.replace('{}', clock(value.expected)) : timeLeft(elapsed, value.expected);
  const so_far = TEXTS.so_far.replace('{}', clock(elapsed));
  say('.clock', running ? [so_far, left].filter(Boolean).join(' · ')
    : done && value.elapsed ? TEXTS.took.replace('{}', clock(value.elapsed)) : '');
  const tab = running ? clock(elapsed) + ' · ' + value.doing : done ? TEXTS.ready : title;
  if (value.state !== 'idle' || titled)
    document.title = (value.state === 'idle' ? '' : tab + TEXTS.dash) + TEXTS.title;
  titled = value.state !== 'idle';
}
function paintSteps() {
  const steps = [...element.querySelectorAll('.steps li')];
  const now = steps.findIndex(step => step.dataset.step === value.step);
  steps.forEach((step, index) => {
    step.classList.toggle('past', index < now);
    if (index === now) step.setAttribute('aria-current', 'step');
    else step.removeAttribute('aria-current');
  });
}
function paintWishes() {
  find('[data-wish="notice"]').hidden = !window.Notification || kept['veo-notice'] === 'never';
  for (const button of element.querySelectorAll('.wishes button'))
    button.setAttribute('aria-pressed', wished(button.dataset.wish));
}
// Whoever allowed notifications may forbid them later.
const wished = name => kept['veo-' + name] === 'yes'
  && (name !== 'notice' || window.Notification?.permission === 'granted');
function offer() {
  const had_focus = find('.actions').contains(document.activeElement);
  find('.actions').replaceChildren(...value.actions.map(([name, label, offer]) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = label;
    button.addEventListener('click', () => act(name, offer));
    return button;
  }));
  if (had_focus) find('.card').focus({ preventScroll: true });
}

// One press, at most one request: the buttons are off until the next card, or for a while, as
// Gradio may drop the event.
let pressed;
function press(on) {
  clearTimeout(pressed);
  pressed = on ? setTimeout(press, 5000, false) : 0;
  for (const button of element.querySelectorAll('.actions button'))
    button.setAttribute('aria-disabled', on); // and not `disabled`: that would drop the focus
}
function question(name) {
  const written = document.querySelector('#prompt textarea')?.value.trim();
  const edited = written && value.prompt && written !== value.prompt.trim();
  return [
    TEXTS.sending.includes(name) && edited && TEXTS.other_prompt,
    name === 'send_again' && TEXTS.send_again,
  ].filter(Boolean).join('\\n\\n');
}
function act(name, offer) {
  if (name === 'bring_key') return bring('#key', '#key-box input');
  if (name === 'change_prompt') return bring('#prompt', '#prompt textarea');
  if (pressed) return;
  const asked = question(name);
  if (asked && !window.confirm(asked)) return;
  press(true);
  trigger('retry', { action: name, job: value.job, offer });
}
// The field may be folded away, and comes a moment after it is unfolded.
function bring(place, field, tries = 20) {
  const found = document.querySelector(field);
  if (found && found.offsetParent) return found.focus();
  if (tries === 20) document.querySelector(place + ' button')?.click();
  if (tries) setTimeout(bring, 50, place, field, tries - 1);
}

function chime() {
  const audio = new AudioContext();
  [[660, 0], [880, .18]].forEach(([pitch, after]) => {
    const tone = audio.createOscillator(), volume = audio.createGain();
    const start = audio.currentTime + after;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(.0001, start);
    volume.gain.exponentialRampToValueAtTime(.15, start + .02);
    volume.gain.exponentialRampToValueAtTime(.0001, start + .6);
    tone.connect(volume);
    volume.connect(audio.destination);
    tone.start(start);
    tone.stop(start + .6);
  });
  setTimeout(() => audio.close(), 1500);
}
async function wish(button) {
  const name = 'veo-' + button.dataset.wish, on = !wished(button.dataset.wish);
  if (on && name === 'veo-notice' && await Notification.requestPermission() !== 'granted') {
    button.textContent = TEXTS.blocked;
    return;
  }
  kept[name] = on ? 'yes' : 'no';
  if (on && name === 'veo-chime') chime(); // so that one knows what to listen for
  paintWishes();
}
function tell() {
  if (wished('chime')) chime();
  if (!wished('notice') || !document.hidden) return;
  try {
    // By its tag, what another tab of the same visitor says takes the place of this.
    const body = value.happened + ' ' + value.cost;
    new Notification(value.title, { body, tag: value.click });
  } catch { // Chrome on Android has the permission, and no notifications for a page
    kept['veo-notice'] = 'never';
    paintWishes();
  }
}

function begin() {
  // Each event's news come in their order, but not those of two: a job that somebody stopped
  // waiting for, or another one that was picked, has the last word even so.  A card that is older
  // by far comes from a clock that was set back.
  const older = value.made - props.value.made;
  if (older > 0 && older < 10) return;
  const before = value;
  value = props.value;
  seen = performance.now();
  // The page's button waits for what its press came to.
  if (value.state !== 'running' || value.job !== before.job)
    document.dispatchEvent(new Event('veo-card'));
  find('.card').dataset.state = value.state;
  say('.seed', value.seed);
  say('code', value.generation_id);
  find('code').title = value.generation_id;
  find('.id').style.visibility = value.generation_id ? 'visible' : 'hidden';
  paint();
  paintSteps();
  paintWishes();
  offer();
  press(false);
  // On a phone the card may be below the button's screen: bring it in when something begins.
  if (value.state === 'running' && before.state && before.state !== 'running')
    element.scrollIntoView({ block: 'nearest' });
  if (value.click && value.click === before.click && value.over && !before.over) tell();
}
watch('value', begin);
begin();
setInterval(paint, 500);
element.addEventListener('click', async event => {
  const button = event.target.closest('button');
  if (button?.dataset.wish) await wish(button);
  if (!button?.matches('.copy')) return;
  if (!await copyText(find('code').textContent)) return;
  button.textContent = TEXTS.copied;
  setTimeout(() => { button.textContent = TEXTS.copy; }, 1500);
});
"""

IN_THE_BROWSER = {
    "title": texts.TITLE,
    "dash": texts.DASH,
    "copy": texts.COPY,
    "copied": texts.COPIED,
    "blocked": texts.NOTICE_BLOCKED,
    "so_far": texts.SO_FAR,
    "usually": texts.USUALLY,
    "took": texts.TOOK,
    "seconds": texts.SECONDS_LEFT,
    "minutes": texts.MINUTES_LEFT,
    "soon": texts.SOON,
    "ready": explain.STEPS["ready"],
    "sending": sorted(explain.SENDING),
    "send_again": explain.SEND_AGAIN,
    "other_prompt": texts.OTHER_PROMPT,
    "slow": {
        "left": texts.SLOW,
        "title": explain.WAITING["slow"].title,
        "happened": explain.WAITING["slow"].what_happened,
    },
}

STEP = {
    "sending": "sent",
    "looking": "sent",
    "queued": "queued",
    "generating": "generating",
    "saving": "saving",
}
"""How far a job is that waits in one of `words.WAITING`."""


def build() -> gr.HTML:
    """The component; give it the values that the functions below return."""
    return gr.HTML(
        idle(),
        html_template=TEMPLATE,
        css_template=CSS,
        js_on_load=(
            f"const TEXTS = {json.dumps(IN_THE_BROWSER)};\n{copying.COPY_TEXT}{JAVASCRIPT}"
        ),
        apply_default_css=False,
        elem_id="status",
        label="Status",
    )


def idle() -> dict[str, Any]:
    return _card("idle", explain.EMPTY)


def looking() -> dict[str, Any]:
    """The card while an id is asked for that may be no job's."""
    doing = texts.IN_THE_TAB["looking"]
    return _card("running", explain.WAITING["looking"], step=STEP["looking"], doing=doing)


def offer_changed() -> dict[str, Any]:
    return _card("failed", explain.OFFER_CHANGED)


def gone() -> dict[str, Any]:
    return _card("idle", explain.GONE)


def card_for_error(error: VeoError) -> dict[str, Any]:
    """The card for an error before there was a job."""
    return _card("failed", explain.of_error(error), generation_id=error.generation_id)


def card_for_stopped(job: Job | None, *, has_clip: bool, is_guest: bool) -> dict[str, Any]:
    """The card of somebody who no longer waits; a job that is over shows as it is."""
    if job is None:
        return _card("stopped", explain.STOPPED)
    if job.is_over:
        # Its other takes may go on: this is no end that somebody is told of.
        return card_for_job(job, has_clip=has_clip, is_guest=is_guest) | {"click": ""}
    words = explain.of_stopped(is_demo=job.is_demo, was_complete=bool(job.entry.clip))
    return _of(job, "stopped", words)


def card_for_job(
    job: Job,
    *,
    has_clip: bool,
    is_guest: bool,
    offers: Mapping[explain.Action, Offer] | None = None,
    takes: Sequence[Job] = (),
    note: str = "",
) -> dict[str, Any]:
    """The card for a job as it stands.

    `has_clip` says whether a finished one is still here, `is_guest` whether the key that pays is
    somebody else's.  `offers` are what the buttons that send cost; each is held to that.  Of
    several `takes` the card says which it shows; `note` stands after its own words.
    """
    card = _as_it_stands(job, words_for_job(job, has_clip=has_clip, is_guest=is_guest), has_clip)
    for button in card["actions"]:
        if offer := (offers or {}).get(button[0]):
            button[1] += f" ({explain.dollars(offer.dollars)})"
            button.append(offer.as_dict())
    ids = [each.id for each in takes]
    if len(ids) > 1 and job.id in ids:
        number = ids.index(job.id) + 1
        card["title"] = texts.TAKE_ON_CARD.format(
            number=number, count=len(ids), title=card["title"]
        )
        card |= {"click": ids[0], "over": all(each.is_over for each in takes)}
    if note:
        card["next"] = f"{card['next']} {note}".strip()
    return card


def _as_it_stands(job: Job, words: Words, has_clip: bool) -> dict[str, Any]:
    if job.error:
        return _of(job, "failed", words)
    if job.state == "done":
        took = (job.entry.facts or {}).get("took", 0.0)
        return _of(job, "done" if has_clip else "idle", words, step="ready", elapsed=took)
    waits = _waits(job)
    step = STEP[waits]
    if job.update and job.update.trouble and waits != "saving":
        waits = "reconnecting"
    return _of(
        job,
        "running",
        words,
        step=step,
        doing=texts.IN_THE_TAB[waits],
        elapsed=job.elapsed,
        expected=job.entry.expected,
        # Of an id alone nobody knows the age; how long a file takes is another matter.
        left_known=job.request is not None and waits not in ("looking", "saving"),
        may_be_slow=waits == "generating",
    )


def words_for_job(job: Job, *, has_clip: bool, is_guest: bool) -> Words:
    """What a job's card says and offers."""
    if job.error:
        return explain.of_error(
            job.error,
            request=job.request,
            is_demo=job.is_demo,
            is_guest=is_guest,
            was_complete=bool(job.entry.clip),
        )
    if job.state == "done" and not has_clip:
        return explain.REMOVED.for_a_demo() if job.is_demo else explain.REMOVED
    if job.state == "done" and job.facts:
        facts = f"{job.facts.in_words()}."
        return explain.of_ready(facts, job.entry.dollars, is_demo=job.is_demo)
    return explain.of_waiting(
        _waits(job), job.update, is_demo=job.is_demo, was_complete=bool(job.entry.clip)
    )


def _waits(job: Job) -> str:
    """How far a job is that is on its way, by a name in `STEP`."""
    if job.state in ("prepared", "submitting"):
        return "sending"
    if job.state == "downloading":
        return "saving"
    if not job.update:
        return "looking"
    return {"queued": "queued", "completed": "saving"}.get(job.update.status, "generating")


def _of(job: Job, state: str, words: Words, **more: Any) -> dict[str, Any]:
    return _card(
        state,
        words,
        job=job.id,
        click=job.id,
        over=job.is_over,
        prompt=job.request.prompt if job.request else "",
        seed=texts.SEED_IS.format(value=job.request.seed) if job.request else "",
        generation_id=job.generation_id,
        **more,
    )


def _card(
    state: str,
    words: Words,
    *,
    job: str = "",
    click: str = "",
    over: bool = False,
    prompt: str = "",
    seed: str = "",
    generation_id: str | None = None,
    step: str = "",
    doing: str = "",
    elapsed: float = 0.0,
    expected: float = 1.0,
    left_known: bool = False,
    may_be_slow: bool = False,
) -> dict[str, Any]:
    return {
        "state": state,
        "title": words.title,
        "happened": words.what_happened,
        "cost": words.cost,
        "next": words.next_step,
        "actions": [
            [action, explain.ACTIONS[action]]
            for action in words.actions
            if job or action in explain.WITHOUT_A_JOB
        ],
        "job": job,
        # For whoever wants to be told: what began together, and whether all of that is over.
        "click": click,
        "over": over,
        "prompt": prompt,
        "seed": seed,
        "generation_id": generation_id or "",
        "step": step,
        "doing": doing,
        "made": time.time(),
        "elapsed": round(elapsed, 1),
        "expected": expected,
        "left_known": left_known,
        "may_be_slow": may_be_slow,
    }
