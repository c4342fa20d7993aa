"""The player: the clip on the stage, in the browser's own video element.

A Gradio HTML component.  `gr.Video` would bring a library for streams, half as heavy as a whole
bare page, before there is anything to play.  It knows an address on this page and no jobs.
"""

from __future__ import annotations

import gradio as gr

from page import components, texts


def build() -> gr.HTML:
    """The component; give it a clip's address as of `Storage.address`, or nothing."""
    return components.component(
        "player",
        "",
        elem_id="video",
        label=texts.CLIP,
        texts={"clip": texts.CLIP},
    )
