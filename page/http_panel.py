"""HTTP: what was asked of the service for the clip on the card, and what it answered.

A Gradio HTML component.  Python sends plain values; the browser inserts them as text and keeps
unfolded what somebody unfolded.  It knows jobs and exchanges, and asks nothing itself.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import gradio as gr

from backend.jobs import Job
from backend.recent_http import RepeatedExchange
from page import code_samples, components, texts
from veo.trace import Exchange
from veo_client import BASE_URL


def build() -> gr.HTML:
    """The part of the drawer with the component in it; give it what the functions return."""
    with gr.Column(elem_id="under-the-hood"):
        return components.component(
            "http_panel",
            nothing(),
            elem_id="exchanges",
            label=texts.EXCHANGES_SECTION,
        )


# The component's value, a note and the rows, is a list and not a dict.  Where it is not mounted at
# first, as in a folded accordion, the component keeps the very value that it got; a later message
# that leaves it as it is would turn a dict, in place, into Gradio's own {"__type__": "update"}.


def nothing() -> list[Any]:
    """While no job is on the card."""
    return [texts.EXCHANGES_NO_JOB, []]


def of_job(job: Job, heard: Sequence[RepeatedExchange], *, base_url: str = BASE_URL) -> list[Any]:
    """What was heard of `job` from the service at `base_url`, or from the demo; or why there is
    nothing."""
    not_yet = job.state in ("prepared", "submitting")
    why_none = texts.EXCHANGES_NOT_YET if not_yet else texts.EXCHANGES_GONE
    return ["" if heard else why_none, [_row(job, each, base_url) for each in heard]]


def _row(job: Job, heard: RepeatedExchange, base_url: str) -> dict[str, Any]:
    exchange = heard.exchange
    is_the_service = exchange.address.startswith("/")  # of a file, it is the host
    is_whole = not exchange.sent.endswith("…")
    timing = texts.EXCHANGES_TIMES if heard.times > 1 else texts.EXCHANGES_ONCE
    said = {
        # Whatever is asked of the service for a job carries the key; a file's host never sees it.
        texts.EXCHANGES_HEADER: texts.EXCHANGES_KEY if is_the_service else "",
        texts.EXCHANGES_SENT: exchange.sent,
        texts.EXCHANGES_ANSWERED: exchange.answer,
    }
    if exchange.size is not None:
        said = {texts.EXCHANGES_ANSWERED: texts.EXCHANGES_NO_TEXT}
    return {
        "key": f"{job.id} {heard.number}",
        "what": f"{exchange.method} {exchange.address}",
        "host": _host(job, base_url) if is_the_service else "",
        "began": heard.began,
        "ended": heard.ended,
        "outcome": _outcome(exchange),
        "timing": timing.format(times=heard.times, time=_time(exchange.seconds)),
        "texts": [[title, text] for title, text in said.items() if text],
        "curl": _curl(exchange, job, base_url) if is_the_service and is_whole else "",
        "texts_of_curl": {"copy": texts.COPY_AS_CURL, "copied": texts.COPIED},
    }


def _host(job: Job, base_url: str) -> str:
    """The name of the service that `job` is asked of."""
    return texts.HOST_OF_THE_DEMO if job.is_demo else urlsplit(base_url).hostname or ""


def _curl(exchange: Exchange, job: Job, base_url: str) -> str:
    """The same question for a terminal, with the key from the environment.

    The demo is the one that a person starts: this page's own is gone with it.
    """
    asked = code_samples.DEMO_URL if job.is_demo else base_url
    parts = [
        f"curl -X {exchange.method} {shlex.quote(asked + exchange.address)}",
        f'-H "Authorization: Bearer ${code_samples.KEY}"',
    ]
    if exchange.sent:
        parts += ["-H 'Content-Type: application/json'", f"--data {shlex.quote(exchange.sent)}"]
    warning = f"{texts.CURL_COSTS}\n" if exchange.method == "POST" and not job.is_demo else ""
    return warning + " \\\n  ".join(parts)


def _outcome(exchange: Exchange) -> str:
    if exchange.size is not None:
        return texts.EXCHANGES_FILE.format(size=exchange.size)
    if exchange.status is None:
        return texts.EXCHANGES_NO_ANSWER.format(trouble=exchange.trouble)
    return str(exchange.status)


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
