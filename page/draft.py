"""The draft: what somebody writes is kept while they write, and given back when it is replaced.

A Gradio HTML component beside the prompt.  The browser keeps the draft, so that a reload or a lost
connection costs no words; an example, a preset or a file that takes its place can be undone.  It
knows the prompt's field and nothing of requests.
"""

from __future__ import annotations

import gradio as gr

from page import components, texts


def build(prompt: gr.Textbox) -> gr.HTML:
    """The component, which wires itself to `prompt`."""
    line = components.component(
        "draft",
        "",
        padding=False,
        visible=False,  # mounted once the form is painted
        elem_id="draft",
        label=texts.PROMPT_LABEL,
        texts={"undo": texts.UNDO, "replaced": texts.PROMPT_REPLACED},
    )
    prompt.change(None, prompt, line, js="prompt => prompt", **components.QUIET)
    line.select(on_undo, None, prompt, **components.QUIET)
    return line


def on_undo(event: gr.EventData) -> str:
    """The prompt that was replaced."""
    return str(getattr(event, "prompt", ""))
