"""Two clips side by side, with one play button, one position and one choice of sound.

A Gradio HTML component.  Which two is picked in the browser, in the strip and under the stage;
Python gets the ids of the jobs and gives the addresses, and never takes one from the browser.  It
knows jobs and their settings, no events.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend import takes
from backend.jobs import Job
from backend.storage import Storage
from page import components, texts
from veo_client import MODELS, VideoRequest


def build() -> gr.HTML:
    """The component; give it the values of `side_by_side`."""
    first, second = texts.COMPARE_SIDES
    return components.component(
        "comparison",
        {},
        elem_id="compare",
        label=texts.COMPARE_TITLE,
        texts={
            "title": texts.COMPARE_TITLE,
            "close": texts.COMPARE_CLOSE,
            "play": texts.COMPARE_PLAY,
            "pause": texts.COMPARE_PAUSE,
            "seek": texts.COMPARE_SEEK,
            "sound": texts.COMPARE_SOUND,
            "first": first,
            "second": second,
            "mute": texts.COMPARE_MUTE,
            "picked": texts.COMPARE_PICKED,
            "cancel": texts.COMPARE_CANCEL,
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
    settings = _in_words(job.request, [name for name in names if name != "prompt"])
    return f"{settings}\n{job.request.prompt}" if "prompt" in names else settings


def _in_words(request: VideoRequest, names: Sequence[str]) -> str:
    """The settings `names` of `request` as a person reads them."""
    return " · ".join(filter(None, (_setting(request, name) for name in names)))


def _setting(request: VideoRequest, name: str) -> str:
    value = getattr(request, name)
    if value is None or name == "task":  # its model has no such field, or it says the same twice
        return ""
    if name in texts.IN_A_SENTENCE:
        return texts.IN_A_SENTENCE[name] if value else ""
    match name:
        case "seed":
            return texts.SEED_IS.format(value=value)
        case "model":
            return MODELS[value].label
        case "duration":
            return texts.SECONDS.format(value=value)
        case "negative_prompt":
            return texts.WITHOUT.format(value=value) if value else ""
    return texts.SWITCHED[name][value] if name in texts.SWITCHED else str(value)
