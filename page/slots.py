"""Slots: the pictures and the clip that a film is made of, beside the settings.

A Gradio HTML component, whose value is the form's `pictures`.  The browser takes a file, a drop, a
paste, the camera or a clip of the strip, cuts a picture to the film's shape, and sends it to the
route for pictures, which gives a name for it: the name alone is in the form.  `input` asks for a
frame of a clip.  Which slots go together is in the table of the models.
"""

from __future__ import annotations

import gradio as gr

from page import chips, components, texts
from page.visitors import VISITOR_ID_HEADER


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
        in_a_sentence=texts.IN_A_SENTENCE,
        texts=texts.SLOT,
    )
