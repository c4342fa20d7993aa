"""The button that saves the clip in the player, under a name that tells it from others."""

from __future__ import annotations

import gradio as gr

from page import texts


def build() -> gr.DownloadButton:
    return gr.DownloadButton(texts.DOWNLOAD, interactive=False, size="md", elem_id="download")


def of_clip(path: str, name: str) -> gr.DownloadButton:
    """What the button becomes while a clip is in the player: see `gradio_patches.named_files`."""
    return gr.DownloadButton(value=(path, name), interactive=True)  # type: ignore[arg-type]


def of_nothing() -> gr.DownloadButton:
    return gr.DownloadButton(value=None, interactive=False)
