"""How many takes, and in what they differ; it neither sends nor follows anything."""

from __future__ import annotations

import functools

import gradio as gr

from backend import takes as backend_takes
from page import texts
from veo_client import VideoRequest

COUNTS = range(1, backend_takes.MOST + 1)


def controls() -> tuple[gr.Radio, gr.Dropdown]:
    """How many takes, and in what they differ; the second shows once there are several."""
    with gr.Column(elem_id="takes-asked", elem_classes="setting"):
        count = gr.Radio(
            [(texts.TAKES[number - 1], number) for number in COUNTS],
            value=1,
            label=texts.TAKES_LABEL,
            elem_id="takes-count",
        )
        differs = gr.Dropdown(
            choices(),
            value="seed",
            label=texts.DIFFERS_LABEL,
            container=False,
            filterable=False,
            visible=False,
            elem_id="takes-differ",
        )
    count.change(None, count, differs, js="count => ({ __type__: 'update', visible: count > 1 })")
    return count, differs


def choices() -> list[tuple[str, str]]:
    """What takes may differ in; where the model has no seed, that choice is `texts.ONCE_MORE`."""
    return [(_choice(name), name) for name in backend_takes.DIFFERS]


@functools.cache
def _choice(differs: str) -> str:
    """What differs, with how many takes that gives if they are fewer than `takes.MOST`."""
    most = len(backend_takes.takes_of(VideoRequest("how many"), backend_takes.MOST, differs))
    said = texts.SETTING_DIFFERS if most == backend_takes.MOST else texts.FEW_DIFFER
    return said.format(setting=texts.DIFFERS[differs].lower(), takes=most)
