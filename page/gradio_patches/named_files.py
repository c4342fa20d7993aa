"""Lets Gradio's button for a download give a file another name than it has on the server.

Gradio takes the name from the path.  A component of our own would not do: Gradio writes a stub
beside the file of every class that is one.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.data_classes import FileData


def name_downloads() -> None:
    """From now on the button's value is `(path, name)`."""
    gr.DownloadButton.postprocess = _postprocess  # type: ignore[method-assign,assignment]


def _postprocess(_button: gr.DownloadButton, value: Any) -> FileData | None:
    return FileData(path=value[0], orig_name=value[1]) if value else None
