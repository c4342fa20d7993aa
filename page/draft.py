"""The draft: what somebody writes is kept while they write, and given back when it is replaced.

A Gradio HTML component beside the prompt.  The browser keeps the draft, so that a reload or a lost
connection costs no words; an example, a preset or a file that takes its place can be undone, with
the settings that came with it.  It counts the characters, too, once there are many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from page import components, form, texts
from page.view import form_values
from veo.models import LONGEST_PROMPT

COUNTED_FROM = 3500
"""Characters."""


def build(prompt: gr.Textbox) -> gr.HTML:
    """The component, which wires itself to `prompt`."""
    line = components.component(
        "draft",
        "",
        padding=False,
        visible=False,  # mounted once the form is painted
        elem_id="draft",
        label=texts.PROMPT_LABEL,
        counted_from=COUNTED_FROM,
        longest=LONGEST_PROMPT,
        texts={
            "undo": texts.UNDO,
            "replaced": texts.PROMPT_REPLACED,
            "characters": texts.CHARACTERS,
            "shortcut": texts.SHORTCUT,
        },
    )
    prompt.change(None, prompt, line, js="prompt => prompt", **components.QUIET)
    return line


def connect(line: gr.HTML, fields: Mapping[str, Component]) -> None:
    """Let the line give the form back."""

    def on_undo(event: gr.EventData) -> dict[Any, Any]:
        return form_values(undone(event), fields) or gr.skip()

    line.select(on_undo, None, [*fields.values()], **components.QUIET)


def undone(event: gr.EventData) -> dict[str, Any]:
    """The form as it stood before its prompt was replaced; the prompt alone if nothing else is
    known."""
    values = form.kept(getattr(event, "form", None))
    return values | {"prompt": str(getattr(event, "prompt", ""))}
