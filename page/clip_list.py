"""My clips: a visitor's jobs, newest first, each with what can be done with it.

A Gradio HTML component.  Python sends plain values; the browser inserts them as text and tells
Python which button was pressed on which job: `select` plays, `edit` takes its settings, `input`
its seed, `retry` looks or sends again, `delete` deletes, `focus` asks for the list anew.  It knows
jobs and words, and decides nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from backend.jobs import Job
from backend.storage import Shelf
from page import components, texts
from veo import explain


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


def rows(jobs: list[Job], shelf: Shelf) -> list[dict[str, Any]]:
    """What the browser shows of `jobs`; all of it may be shown to their owner."""
    return [_row(job, shelf) for job in jobs]


def _row(job: Job, shelf: Shelf) -> dict[str, Any]:
    entry = job.entry
    clip = shelf.clip(entry.clip) if entry.state == "done" else None
    again = explain.AGAIN.get(entry.state) if not clip else None
    return {
        "id": job.id,
        "state": entry.state,
        "running": not job.is_over,
        "title": explain.of_state(entry.state, gone=entry.state == "done" and not clip),
        "name": str((entry.request or {}).get("prompt") or f"id {entry.generation_id}"),
        "created": entry.created,
        "cost": explain.of_cost(
            entry.state, entry.payer, entry.dollars, was_complete=bool(entry.clip)
        ),
        "poster": address(shelf.poster(entry.clip) if clip else None),
        "clip": address(clip),
        "note": address(shelf.note(entry.clip) if clip else None),
        "file": clip.name if clip else "",
        "settings": bool(entry.request),
        "seed": texts.SEED_IS.format(value=entry.request["seed"]) if entry.request else "",
        "again": again if entry.state != "done" or entry.generation_id else None,
        "ask": explain.SEND_AGAIN if entry.state == "uncertain" and not job.is_demo else "",
    }


def address(path: Path | None) -> str:
    """Where this page serves the file, relative to it."""
    return f"gradio_api/file={quote(str(path))}" if path else ""
