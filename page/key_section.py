"""A visitor's own key: the folded part of the page where it is given and forgotten."""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from page import texts


def build(seconds_kept: float) -> dict[str, Component]:
    """Its components, by the names of `page.view.Parts`."""
    with gr.Accordion(texts.KEY_SECTION, open=False, elem_id="key"):
        key_box = gr.Textbox(
            label=texts.KEY_LABEL,
            type="password",
            info=texts.KEY_INFO.format(how_long=how_long(seconds_kept)),
            html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            elem_id="key-box",
        )
        with gr.Row():
            use_key = gr.Button(texts.USE_KEY, size="sm")
            forget_key = gr.Button(texts.FORGET_KEY, size="sm")
        key_note = gr.HTML(elem_id="key-note")
    return {
        "key_box": key_box,
        "use_key": use_key,
        "forget_key": forget_key,
        "key_note": key_note,
    }


def how_long(seconds: float) -> str:
    minutes = round(seconds / 60)
    return "an hour" if minutes == 60 else f"{minutes} minutes"
