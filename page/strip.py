"""The strip: a visitor's clips, newest first, as pictures that play, are found and acted upon.

A Gradio HTML component.  Python sends plain values, a page of them at a time; the browser inserts
them as text, keeps what it was sent, and tells Python what was pressed on which job: `select` puts
it on the stage, `star` marks it, `edit` takes its settings, `input` its seed, `retry` looks or
sends again, `delete` deletes some, `focus` asks for the newest anew, `find` for what is sought.
What is found comes by a component of its own.  It knows jobs and words, and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, get_args

import gradio as gr

from backend import states
from backend.jobs import Job
from backend.ledger import FAILED_STATES, RUNNING_STATES, Held, Only, Sought
from backend.runner import is_kept
from backend.storage import Storage
from page import components, texts
from page.file_name import KEPT, PLAYS, name_of
from page.web import clips_zip
from veo import explain
from veo.explain import Explanation

PAGE = 60
"""Clips that are sent at once; who wants to see more asks for the next."""

LONGEST_SEARCH = 200
"""Characters."""

ONLY: tuple[Only, ...] = get_args(Only)

IsGuest = Callable[[Job], bool]
"""Whether the key that pays for a job is somebody else's."""


def build() -> gr.HTML:
    """The component; give it a value of `newest`."""
    return components.component(
        "strip",
        {},
        elem_id="my-clips",
        label=texts.MY_CLIPS,
        longest=LONGEST_SEARCH,
        most_in_a_zip=clips_zip.MOST,
        texts={
            **texts.MY_CLIPS_ACTIONS,
            **texts.STRIP,
            "title": texts.MY_CLIPS,
            "none": texts.MY_CLIPS_NONE,
            "compare": texts.COMPARE,
            "take": texts.TAKE,
        },
    )


def build_found() -> gr.HTML:
    """What carries the values of `found` to the strip; nothing of it is seen."""
    return components.component("strip_found", {}, elem_id="found-clips")


def newest(
    jobs: Sequence[Job],
    storage: Storage,
    *,
    held: Held,
    is_guest: IsGuest,
    gone: Sequence[str] = (),
) -> dict[str, Any]:
    """The newest of a visitor's `jobs`, of which there is one more than is shown if there are
    older ones.  Those in `gone` are not there any more."""
    return {
        "rows": rows(jobs[:PAGE], storage, is_guest=is_guest),
        "more": len(jobs) > PAGE,
        "counts": {only: getattr(held, only) for only in ONLY},
        "room": room(held, storage),
        "gone": [*gone],
    }


def found(
    jobs: Sequence[Job], storage: Storage, sought: Sought, *, is_guest: IsGuest
) -> dict[str, Any]:
    """A page of what was sought, likewise, with what that was."""
    return {
        "words": sought.words,
        "only": sought.only,
        "older_than": sought.older_than,
        "rows": rows(jobs[:PAGE], storage, is_guest=is_guest),
        "more": len(jobs) > PAGE,
    }


def sought_by(event: object) -> Sought:
    """What a browser asks for, which may be anything."""
    words, only = getattr(event, "words", ""), getattr(event, "only", "all")
    return Sought(
        # Half a character could not be told back.
        words=words[:LONGEST_SEARCH].encode(errors="ignore").decode()
        if isinstance(words, str)
        else "",
        only=only if only in ONLY else "all",
        older_than=_place(getattr(event, "older_than", None)),
    )


def _place(told: object) -> tuple[float, str] | None:
    """When a job was made and its id, if `told` is that."""
    match told:
        case [int() | float() as created, str() as job_id] if (
            math.isfinite(created) and len(job_id) <= 64 and job_id.isascii() and "\0" not in job_id
        ):
            return float(created), job_id
    return None


def room(held: Held, storage: Storage) -> str:
    """What a visitor's clips take of the room that there is; nothing where there is no limit."""
    if not math.isfinite(storage.most_bytes):
        return ""
    # The row of a clip that was evicted from a folder still tells its size.
    used = min(held.bytes, storage.most_bytes)
    return texts.ROOM.format(used=_bytes(used), most=_bytes(storage.most_bytes))


def _bytes(number: float) -> str:
    """Bytes as a person reads them."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number / 1e3:.0f} kB"


def rows(jobs: Sequence[Job], storage: Storage, *, is_guest: IsGuest) -> list[dict[str, Any]]:
    """What the browser shows of `jobs`; all of it may be shown to their owner."""
    return [_row(job, storage, _words_of_error(job, is_guest=is_guest(job))) for job in jobs]


def _words_of_error(job: Job, *, is_guest: bool) -> Explanation | None:
    """The same as on its card."""
    if job.error is None:
        return None
    return explain.explain_error(
        job.error, is_demo=job.is_demo, is_guest=is_guest, was_complete=bool(job.entry.clip)
    )


def _row(job: Job, storage: Storage, wrong: Explanation | None) -> dict[str, Any]:
    entry = job.entry
    request = entry.request or {}
    clip = storage.address(entry.clip) if entry.state == "done" else ""
    # It came and cannot be shown: it is paid for, and another player may show it.
    kept = storage.address(entry.clip, "kept") if is_kept(job.error) else ""
    again = states.AGAIN.get(entry.state) if not clip else None
    gone = entry.state == "done" and not clip
    return {
        "id": job.id,
        "state": entry.state,
        "kind": _kind(job),
        "running": not job.is_over,
        "title": _title(job, wrong, gone=gone),
        "why": wrong.what_happened if wrong else "",
        "short": _short(job, wrong, gone=gone),
        "name": str(request.get("prompt") or f"id {entry.generation_id}"),
        "batch": entry.batch or job.id,
        "take": entry.take or 1,
        "starred": entry.starred is not None,
        "created": entry.created,
        "elapsed": round(job.elapsed, 1) if not job.is_over else 0,
        "expected": job.expected if not job.is_over else 0,
        "cost": states.explain_cost(
            entry.state,
            entry.payer,
            entry.dollars,
            was_complete=bool(entry.clip),
            is_told=job.cost_is_told,
        ),
        "poster": storage.address(entry.clip, "poster") if clip else "",
        "clip": clip,
        "note": storage.address(entry.clip, "note") if clip else "",
        "kept": kept,
        "file": name_of(job, ending=KEPT if kept else PLAYS) if clip or kept else "",
        "zip": entry.clip if clip or kept else "",
        "settings": bool(request),
        "seed": texts.SEED_IS.format(value=request["seed"]) if "seed" in request else "",
        "again": again if entry.state != "done" or entry.generation_id else None,
        "ask": states.SEND_AGAIN if entry.state == "uncertain" and not job.is_demo else "",
    }


def _kind(job: Job) -> str:
    """Under which of the filters it stands."""
    if job.state in FAILED_STATES:
        return "failed"
    return "running" if job.state in RUNNING_STATES else "done"


def _title(job: Job, wrong: Explanation | None, *, gone: bool) -> str:
    """Its state; of what came to nothing, the reason."""
    if wrong and job.state in FAILED_STATES:
        return wrong.title
    if job.state == "running" and job.update:
        return explain.explain_status(job.update)
    return states.explain_state(job.state, gone=gone)


def _short(job: Job, wrong: Explanation | None, *, gone: bool) -> str:
    """The same on a small picture; nothing for what is made now, where a clock goes."""
    if gone:
        return texts.STRIP_SHORT["gone"]
    if job.state == "done":
        # Of a clip that was continued, the request tells only what came to it.
        seconds = job.facts.duration if job.facts else (job.entry.request or {}).get("duration")
        return texts.SECONDS.format(value=round(seconds)) if seconds else ""
    if job.state == "running":
        status = job.update.status if job.update else ""
        return texts.STRIP_SHORT.get(status, "")
    return texts.STRIP_SHORT.get(job.state) or _title(job, wrong, gone=gone)
