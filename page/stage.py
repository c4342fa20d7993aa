"""The stage: the clip, what is said over it, the buttons under it, and what unfolds below them.

It puts parts together whose insides are their own.  The buttons are a Gradio HTML component that
hears in the browser which clip is shown: `edit` asks for its settings, for another take of it.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from page import (
    code_panel,
    components,
    download,
    example_film,
    http_panel,
    player,
    status_card,
    texts,
)


def build() -> dict[str, Any]:
    """Its components, by the names of `page.view.Parts`; the clip is seen before its buttons."""
    there: dict[str, Any] = {
        "example_film": example_film.build(),
        "video": player.build(),
        "card": status_card.build(),
    }
    with gr.Row(elem_id="tools"):
        there["download"] = download.build()
        there["tools"] = build_tools()
    # No accordions: Gradio mounts what is in one only once it is unfolded, and nobody could pin it.
    with gr.Column(elem_id="drawer"):
        there["programs"] = code_panel.build()
        there["http"] = http_panel.build()
        with gr.Column(elem_id="earlier"):
            there["generation_id"] = gr.Textbox(label=texts.EARLIER_LABEL, elem_id="earlier-id")
            there["look"] = gr.Button(texts.LOOK, size="sm")
    return there


def build_tools() -> gr.HTML:
    """What can be done with the clip that is shown, what unfolds below it, and the pin of that."""
    return components.component(
        "stage_tools",
        None,
        elem_id="clip-tools",
        label=texts.CLIP,
        folds={
            "code": texts.CODE_SECTION,
            "under-the-hood": texts.EXCHANGES_SECTION,
            "earlier": texts.EARLIER_SECTION,
        },
        go_on=texts.GO_ON_WITH,
        texts={
            "another_take": texts.ANOTHER_TAKE,
            "compare": texts.COMPARE,
            "go_on": texts.GO_ON,
            "pin": texts.PIN,
            "pin_about": texts.PIN_ABOUT,
        },
    )
