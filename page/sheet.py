"""The side sheet: what is set now and then, beside the composer until it is closed.

A Gradio HTML component that heads the column it stands in, and makes that a dialog.  It knows
nothing of what else is there.
"""

from __future__ import annotations

import gradio as gr

from page import components, texts


def build() -> gr.HTML:
    """The heading and the button that closes the sheet; to be laid out first in its column."""
    return components.component(
        "sheet",
        None,
        padding=False,
        elem_id="sheet-head",
        label=texts.SHEET_TITLE,
        texts={"title": texts.SHEET_TITLE, "close": texts.SHEET_CLOSE},
    )
