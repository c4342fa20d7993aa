"""Under the hood: what was asked of the service for the clip on the card, and what it answered.

A Gradio HTML component.  Python sends plain values; the browser inserts them as text and keeps
unfolded what somebody unfolded.  It knows jobs and exchanges, and asks nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend.jobs import Job
from page import components, texts
from veo.trace import Exchange, RepeatedExchange


def build() -> gr.HTML:
    """The folded part with the component in it; give it the values that the functions return."""
    with gr.Accordion(texts.EXCHANGES_SECTION, open=False, elem_id="under-the-hood"):
        return components.component(
            "http_panel",
            nothing(),
            elem_id="exchanges",
            label=texts.EXCHANGES_SECTION,
        )


# The component's value, a note and the rows, is a list and not a dict: what is folded away is not
# mounted, and Gradio's page keeps the very value that it got for it.  A later message that leaves
# the component as it is would turn a dict, in place, into Gradio's own {"__type__": "update"}.


def nothing() -> list[Any]:
    """While no job is on the card."""
    return [texts.EXCHANGES_NO_JOB, []]


def of_job(job: Job, heard: Sequence[RepeatedExchange]) -> list[Any]:
    """What was heard of `job`, or why there is nothing."""
    not_yet = job.state in ("prepared", "submitting")
    why_none = texts.EXCHANGES_NOT_YET if not_yet else texts.EXCHANGES_GONE
    return ["" if heard else why_none, [_row(job, each) for each in heard]]


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
