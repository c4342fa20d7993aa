"""Lets Gradio give out clips that lie in no folder of this machine (`backend.bucket`).

Gradio asks the disk whether a file may be given out as it is, and how large it is.  What is asked
for by such an address, `page.web.shared_clips` answers before Gradio.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import gradio as gr
import gradio.utils
from gradio.data_classes import FileData

from page.web.shared_clips import PATH


def give_out_shared_clips() -> None:
    is_on_this_disk = gradio.utils.is_static_file
    of_this_disk = gr.File.postprocess

    def is_static_file(file_path: Any) -> Any:
        path = getattr(file_path, "path", file_path)
        return is_shared_clip(path) or is_on_this_disk(file_path)

    def postprocess(self: gr.File, value: Any) -> Any:
        if not is_shared_clip(value):
            return of_this_disk(self, value)
        return FileData(path=value, orig_name=PurePosixPath(value).name)

    gradio.utils.is_static_file = is_static_file
    gr.File.postprocess = postprocess  # type: ignore[method-assign]


def is_shared_clip(path: object) -> bool:
    return isinstance(path, str) and bool(PATH.fullmatch(path))
