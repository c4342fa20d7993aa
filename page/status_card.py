"""The status card: one place that says what a job is doing, as a Gradio HTML component.

Python sends the card only when something changed; the browser lets the clock and the bar run in
between.  Everything shown is escaped here and inserted as text there.  It knows jobs and words, no
events.
"""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

import words
from jobs import Job
from veo_client import VeoError

TEMPLATE = """
<div class="card" data-state="${value.state}">
  <div role="status" aria-live="polite" aria-atomic="true">
    <p class="title">${value.title}</p>
    <p class="detail">${value.detail}</p>
  </div>
  <div class="track"><div class="fill"></div></div>
  <p class="clock" aria-hidden="true"></p>
  <p class="id"><span>id</span> <code>${value.generation_id}</code>
    <button type="button" class="copy">Copy</button></p>
</div>
"""

CSS = """
.card { border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg);
  background: var(--block-background-fill); padding: var(--spacing-xl); min-height: 9.5rem;
  display: flex; flex-direction: column; gap: var(--spacing-md); }
.card p { margin: 0; }
.title { font-weight: 600; font-size: var(--text-lg); color: var(--body-text-color); }
.detail { color: var(--body-text-color-subdued); overflow-wrap: anywhere; }
.track { height: 6px; border-radius: 3px; background: var(--border-color-primary);
  overflow: hidden; }
.fill { height: 100%; width: 0; background: var(--color-accent); transition: width .5s linear; }
.clock { font-variant-numeric: tabular-nums; color: var(--body-text-color-subdued);
  min-height: 1.4em; }
.id { margin-top: auto !important; font-size: var(--text-sm);
  color: var(--body-text-color-subdued); overflow-wrap: anywhere; }
.id code { color: var(--body-text-color); background: none; padding: 0; }
.copy { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  padding: 1px 8px; cursor: pointer; color: var(--body-text-color); background: transparent;
  font: inherit; }
.card[data-state="idle"] .track, .card[data-state="failed"] .track,
.card[data-state="stopped"] .track { visibility: hidden; }
.card[data-state="failed"] { border-color: var(--error-border-color, #dc2626); }
@media (prefers-reduced-motion: reduce) { .fill { transition: none; } }
"""

# `watch` runs after the template has been patched in place, so the elements are found anew.
JAVASCRIPT = """
const clock = s => Math.floor(s / 60) + ':' + String(Math.floor(s % 60)).padStart(2, '0');
let seen = performance.now();
function paint() {
  const value = props.value || {}, running = value.state === 'running';
  const elapsed = value.elapsed + (running ? (performance.now() - seen) / 1000 : 0);
  // Slower and slower towards the end, so that it never waits full.
  const share = running ? 1 - Math.exp(-1.6 * elapsed / value.expected) : 1;
  element.querySelector('.fill').style.width = 100 * (value.state === 'idle' ? 0 : share) + '%';
  element.querySelector('.clock').textContent =
    running ? clock(elapsed) + ' so far, usually about ' + clock(value.expected) :
    value.state === 'done' ? 'Took ' + clock(elapsed) : '';
  element.querySelector('.id').style.visibility = value.generation_id ? 'visible' : 'hidden';
}
let state = '';
function begin() {
  seen = performance.now();
  paint();
  // On a phone the card may be below the button's screen: bring it in when something begins.
  if (props.value.state === 'running' && state !== 'running')
    element.scrollIntoView({ block: 'nearest' });
  state = props.value.state;
}
watch('value', begin);
begin();
setInterval(paint, 500);
element.addEventListener('click', async event => {
  if (!event.target.matches('.copy')) return;
  await navigator.clipboard.writeText(element.querySelector('code').textContent);
  event.target.textContent = 'Copied';
  setTimeout(() => { event.target.textContent = 'Copy'; }, 1500);
});
"""


def build() -> gr.HTML:
    """The component; give it the values that the functions below return."""
    return gr.HTML(
        idle(),
        html_template=TEMPLATE,
        css_template=CSS,
        js_on_load=JAVASCRIPT,
        apply_default_css=False,
        elem_id="status",
        label="Status",
    )


def idle() -> dict[str, Any]:
    return _card("idle", "Ready when you are", "Write a prompt, then press Generate.")


def of_error(error: VeoError) -> dict[str, Any]:
    explained = words.of_error(error)
    return _card("failed", explained.title, str(explained), generation_id=error.generation_id)


def stopped(generation_id: object) -> dict[str, Any]:
    """The card of somebody who no longer waits."""
    shown = str(generation_id or "")
    return _card("stopped", words.STOPPED.title, str(words.STOPPED), generation_id=shown)


def gone() -> dict[str, Any]:
    return _card("idle", "That clip is not here any more", "It was deleted meanwhile.")


def of_job(job: Job) -> dict[str, Any]:
    """The card for a job as it stands."""
    if job.error:
        return of_error(job.error)
    state, title, detail = _in_words(job)
    return _card(
        state,
        title,
        detail,
        elapsed=job.elapsed,
        expected=job.entry.expected,
        generation_id=job.generation_id,
    )


def _in_words(job: Job) -> tuple[str, str, str]:
    """State for the style sheet, title and detail."""
    if job.state == "done" and job.facts:
        title = "Your demo clip is ready" if job.is_demo else "Your clip is ready"
        seed = f", seed {job.request.seed}" if job.request else ""
        return "done", title, job.facts.in_words() + seed
    if job.state in ("prepared", "submitting"):
        return "running", "Sending the request", ""
    cost = "" if job.is_demo else words.CHARGED_WHEN_COMPLETE
    state = words.of_status(job.update) if job.update else "Looking for it at the service"
    return "running", state, cost


def _card(
    state: str,
    title: str,
    detail: str,
    *,
    elapsed: float = 0.0,
    expected: float = 1.0,
    generation_id: str | None = None,
) -> dict[str, Any]:
    return {
        "state": state,
        "title": html.escape(title),
        "detail": html.escape(detail),
        "elapsed": round(elapsed, 1),
        "expected": expected,
        "generation_id": html.escape(generation_id or ""),
    }
