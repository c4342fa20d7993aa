"""Takes: how many and in what they differ, and a grid of them as they arrive.

The grid is a Gradio HTML component like the list of clips: Python sends plain values, the browser
inserts them as text and tells Python which button was pressed on which job.  It knows jobs and
words, and neither sends nor follows anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend import states
from backend import takes as backend_takes
from backend.jobs import Job
from backend.storage import Storage
from page import components, texts
from veo import explain
from veo_client import MODELS, VideoRequest

COUNTS = range(1, backend_takes.MOST + 1)


def controls() -> tuple[gr.Radio, gr.Dropdown]:
    """How many takes, and in what they differ; the second shows once there are several."""
    with gr.Row(elem_id="takes-asked"):
        count = gr.Radio(
            [(texts.TAKES[number - 1], number) for number in COUNTS],
            value=1,
            label=texts.TAKES_LABEL,
            show_label=False,
            container=False,
            min_width=320,  # room for all of them in one line
            elem_id="takes-count",
        )
        differs = gr.Dropdown(
            [(_choice(name), name) for name in backend_takes.DIFFERS],
            value="seed",
            label=texts.DIFFERS_LABEL,
            show_label=False,
            container=False,
            filterable=False,
            visible=False,
            min_width=120,
            elem_id="takes-differ",
        )
    count.change(None, count, differs, js="count => ({ __type__: 'update', visible: count > 1 })")
    return count, differs


def _choice(differs: str) -> str:
    """What differs, with how many takes that gives if they are fewer than `takes.MOST`."""
    most = len(backend_takes.takes_of(VideoRequest("how many"), backend_takes.MOST, differs))
    said = texts.SETTING_DIFFERS if most == backend_takes.MOST else texts.FEW_DIFFER
    return said.format(setting=texts.DIFFERS[differs], takes=most)


def build() -> gr.HTML:
    """The grid; give it the values of `rows`."""
    return components.component(
        "takes_grid",
        [],
        elem_id="takes",
        label=texts.TAKES_TITLE,
        texts={
            "title": texts.TAKES_TITLE,
            "show": texts.SHOW,
            "use_settings": texts.USE_SETTINGS,
            "use_seed": texts.USE_SEED,
            "seed_used": texts.SEED_USED,
            "compare": texts.COMPARE,
        },
    )


def rows(
    takes: Sequence[Job], storage: Storage, *, on_card: Job | None = None
) -> list[dict[str, Any]]:
    """What the browser shows of `takes`; nothing of one alone.  `on_card` is marked."""
    if len(takes) < 2:
        return []
    requests = [job.request for job in takes if job.request]
    names = ["seed", *(name for name in backend_takes.differing(requests) if name != "seed")]
    return [
        _row(job, number, names, storage) | {"shown": on_card is not None and job.id == on_card.id}
        for number, job in enumerate(takes, 1)
    ]


def _row(job: Job, number: int, names: list[str], storage: Storage) -> dict[str, Any]:
    clip = storage.address(job.entry.clip) if job.state == "done" else ""
    return {
        "id": job.id,
        "name": texts.TAKE.format(number=number),
        "state": job.state,
        "running": not job.is_over,
        "title": _title(job, gone=job.state == "done" and not clip),
        "elapsed": round(job.elapsed, 1),
        "settings": in_words(job.request, names) if job.request else "",
        "poster": storage.address(job.entry.clip, "poster") if clip else "",
        "clip": bool(clip),
    }


def _title(job: Job, *, gone: bool) -> str:
    if job.error:
        return explain.explain_error(job.error).title
    if job.state == "running" and job.update:
        return explain.explain_status(job.update)
    return states.explain_state(job.state, gone=gone)


def in_words(request: VideoRequest, names: Sequence[str]) -> str:
    """The settings `names` of `request` as a person reads them."""
    return " · ".join(filter(None, (_setting(request, name) for name in names)))


def _setting(request: VideoRequest, name: str) -> str:
    value = getattr(request, name)
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
