"""The page's views: one shot, or all clips at full width.

A Gradio HTML component; the browser alone goes from one to the other.
"""

from __future__ import annotations

import gradio as gr

from page import components, texts


def build() -> gr.HTML:
    return components.component("tabs", "", elem_id="tabs", texts=texts.TABS)
