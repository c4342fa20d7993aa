"""Slots: the pictures and the clip that a film is made of, beside the settings.

A Gradio HTML component, whose value is the form's `pictures`.  The browser takes a file, a drop, a
paste, the camera or a clip of the strip, cuts a picture to the film's shape, and sends it to the
route for pictures, which gives a name for it: the name alone is in the form.  `input` asks for a
frame of a clip.  Which slots go together is in the table of the models.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gradio as gr

from page import chips, components, form, texts
from page.view import Parts
from page.visitors import VISITOR_ID_HEADER
from veo.pictures import MOST_PIXELS
from veo_client import InvalidRequest


def build() -> gr.HTML:
    """The component, which is mounted once the form is painted."""
    return components.component(
        "slots",
        "",
        padding=False,
        visible=False,
        elem_id="slots",
        label=texts.PICTURES_LABEL,
        slots=[
            {"field": field, "id": field.replace("_", "-"), "name": name}
            for field, name in texts.SLOTS.items()
        ],
        fields=chips.VALUES,
        table=chips.table(),
        header=VISITOR_ID_HEADER,
        most_pixels=MOST_PIXELS,
        in_a_sentence=texts.IN_A_SENTENCE,
        texts=texts.SLOT,
    )


def connect(parts: Parts, on_frame: Callable[..., Any]) -> None:
    """Let the slots have frames of clips, and the page know when they came, or did not."""
    asked = parts.form["pictures"].input(  # type: ignore[attr-defined]  # Gradio adds events
        on_frame,
        inputs_kwargs=parts.named("browser_state"),
        outputs=[parts.form["aspect_ratio"], parts.tools],
        **components.QUIET,
    )
    asked.then(None, parts.tools, js=components.function("frame_came"), **components.QUIET)


def continues(pictures: str) -> bool:
    """Whether a clip is continued."""
    with suppress(InvalidRequest):
        return "video_url" in form.inputs_in(pictures)
    return False
