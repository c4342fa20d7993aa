"""My clips: a visitor's jobs, newest first, each with what can be done with it.

A Gradio HTML component.  Python sends plain values; the browser inserts them as text and tells
Python which button was pressed on which job: `select` plays, `edit` takes its settings, `input`
its seed, `retry` looks or sends again, `delete` deletes, `focus` asks for the list anew.  It knows
jobs and words, and decides nothing.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend import states
from backend.jobs import Job
from backend.runner import is_kept
from backend.storage import Storage
from page import components, texts


def build() -> gr.HTML:
    """The component; give it the values of `rows`."""
    return components.component(
        "clip_list",
        [],
        elem_id="my-clips",
        label=texts.MY_CLIPS,
        texts={
            **texts.MY_CLIPS_ACTIONS,
            "title": texts.MY_CLIPS,
            "none": texts.MY_CLIPS_NONE,
            "compare": texts.COMPARE,
        },
    )


def rows(jobs: list[Job], storage: Storage) -> list[dict[str, Any]]:
    """What the browser shows of `jobs`; all of it may be shown to their owner."""
    return [_row(job, storage) for job in jobs]


def _row(job: Job, storage: Storage) -> dict[str, Any]:
    entry = job.entry
    clip = storage.address(entry.clip) if entry.state == "done" else ""
    # It came and cannot be shown: it is paid for, and another player may show it.
    kept = storage.address(entry.clip, "kept") if is_kept(job.error) else ""
    again = states.AGAIN.get(entry.state) if not clip else None
    return {
        "id": job.id,
        "state": entry.state,
        "running": not job.is_over,
        "title": states.explain_state(entry.state, gone=entry.state == "done" and not clip),
        "name": str((entry.request or {}).get("prompt") or f"id {entry.generation_id}"),
        "created": entry.created,
        "cost": states.explain_cost(
            entry.state, entry.payer, entry.dollars, was_complete=bool(entry.clip)
        ),
        "poster": storage.address(entry.clip, "poster") if clip else "",
        "clip": clip,
        "note": storage.address(entry.clip, "note") if clip else "",
        "kept": kept,
        "file": storage.name(entry.clip, "kept" if kept else "clip") if clip or kept else "",
        "settings": bool(entry.request),
        "seed": texts.SEED_IS.format(value=entry.request["seed"]) if entry.request else "",
        "again": again if entry.state != "done" or entry.generation_id else None,
        "ask": states.SEND_AGAIN if entry.state == "uncertain" and not job.is_demo else "",
    }
