"""Under the hood: what was asked of the service for the clip on the card, and what it answered.

A Gradio HTML component.  Python sends plain values; the browser inserts them as text and keeps
unfolded what somebody unfolded.  It knows jobs and exchanges, and asks nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend.jobs import Job
from page import texts
from veo.trace import Exchange, RepeatedExchange

TEMPLATE = """
<p class="note"></p>
<ol></ol>
"""

CSS = """
.note { margin: 0; color: var(--body-text-color-subdued); }
[hidden] { display: none !important; }
ol { list-style: none; margin: 0; padding: 0; }
li { border-top: 1px solid var(--border-color-primary); }
li:first-child { border-top: 0; }
summary { display: flex; flex-wrap: wrap; gap: 0 var(--spacing-lg); cursor: pointer;
  padding: var(--spacing-md) 0; font-size: var(--text-sm); color: var(--body-text-color);
  overflow-wrap: anywhere; }
summary::before { content: '▸'; }
[open] > summary::before { content: '▾'; }
.what { font-family: var(--font-mono); flex: 1 1 14rem; min-width: 0; }
.outcome { font-weight: 600; }
.timing { color: var(--body-text-color-subdued); font-variant-numeric: tabular-nums; }
details p { margin: 0 0 2px; font-size: var(--text-sm);
  color: var(--body-text-color-subdued); }
pre { margin: 0 0 var(--spacing-md); padding: var(--spacing-md); overflow: auto; max-height: 20rem;
  border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  background: var(--background-fill-secondary); color: var(--body-text-color);
  font: var(--text-sm) / 1.5 var(--font-mono); white-space: pre; }
"""

# Elements are changed in place: a new look must not fold away what is being read.
JAVASCRIPT = """
function make(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}
function build(row) {
  const item = document.createElement('li');
  item.dataset.row = row.key;
  const details = make('details', '', item), summary = make('summary', '', details);
  for (const name of ['what', 'outcome', 'timing']) make('span', name, summary);
  for (const [title, text] of row.texts) {
    make('p', '', details).textContent = title;
    const pre = make('pre', '', details);
    pre.textContent = text;
    pre.tabIndex = 0;
  }
  return item;
}
function paint() {
  const value = props.value || {}, list = element.querySelector('ol');
  element.querySelector('.note').textContent = value.note || '';
  element.querySelector('.note').hidden = !value.note;
  const there = new Map([...list.children].map(item => [item.dataset.row, item]));
  const items = (value.rows || []).map(row => {
    const item = there.get(row.key) || build(row);
    for (const name of ['what', 'outcome', 'timing'])
      item.querySelector('.' + name).textContent = row[name];
    return item;
  });
  for (const item of [...list.children]) if (!items.includes(item)) item.remove();
  items.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] || null);
  });
}
watch('value', paint);
paint();
"""


def build() -> gr.HTML:
    """The folded part with the component in it; give it the values that the functions return."""
    with gr.Accordion(texts.EXCHANGES_SECTION, open=False, elem_id="under-the-hood"):
        return gr.HTML(
            nothing(),
            html_template=TEMPLATE,
            css_template=CSS,
            js_on_load=JAVASCRIPT,
            apply_default_css=False,
            elem_id="exchanges",
            label=texts.EXCHANGES_SECTION,
        )


def nothing() -> dict[str, Any]:
    """While no job is on the card."""
    return {"note": texts.EXCHANGES_NO_JOB, "rows": []}


def of_job(job: Job, heard: Sequence[RepeatedExchange]) -> dict[str, Any]:
    """What was heard of `job`, or why there is nothing."""
    not_yet = job.state in ("prepared", "submitting")
    why_none = texts.EXCHANGES_NOT_YET if not_yet else texts.EXCHANGES_GONE
    return {
        "note": "" if heard else why_none,
        "rows": [_row(job, each) for each in heard],
    }


def _row(job: Job, heard: RepeatedExchange) -> dict[str, Any]:
    exchange = heard.exchange
    timing = texts.EXCHANGES_TIMES if heard.times > 1 else texts.EXCHANGES_ONCE
    said = {
        # Whatever is asked of the service for a job carries the key; a file's host never sees it.
        texts.EXCHANGES_HEADER: texts.EXCHANGES_KEY if exchange.address.startswith("/") else "",
        texts.EXCHANGES_SENT: exchange.sent,
        texts.EXCHANGES_ANSWERED: exchange.answer,
    }
    if exchange.size is not None:
        said = {texts.EXCHANGES_ANSWERED: texts.EXCHANGES_NO_TEXT}
    return {
        "key": f"{job.id} {heard.number}",
        "what": f"{exchange.method} {exchange.address}",
        "outcome": _outcome(exchange),
        "timing": timing.format(times=heard.times, time=_time(exchange.seconds)),
        "texts": [[title, text] for title, text in said.items() if text],
    }


def _outcome(exchange: Exchange) -> str:
    if exchange.size is not None:
        return texts.EXCHANGES_FILE.format(size=exchange.size)
    if exchange.status is None:
        return texts.EXCHANGES_NO_ANSWER.format(trouble=exchange.trouble)
    return str(exchange.status)


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
