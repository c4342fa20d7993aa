"""Settings out of a file: a clip made here, or the JSON beside it, fills the form.

A Gradio HTML component.  The browser reads the file itself, piece by piece, and sends nothing but
the settings in it; they are checked like any others.  This module knows no jobs, and takes no
files: the page has no way to upload one.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from page import components, form, texts
from veo.media import MAX_REQUEST_BYTES, REQUEST_KEY
from veo_client import InvalidRequest

MOST_BYTES = MAX_REQUEST_BYTES + 1024
"""Of the box in a clip, or the JSON beside it, that holds a request and a little more."""


def build() -> gr.HTML:
    """The component; `upload` brings the settings of a file."""
    return components.component(
        "settings_import",
        None,
        elem_id="settings-file",
        label=texts.FILE_TITLE,
        fields=form.FIELDS,
        request_key=REQUEST_KEY.decode(),
        most=MOST_BYTES,
        texts={
            "title": texts.FILE_TITLE,
            "hint": texts.FILE_HINT,
            "choose": texts.FILE_CHOOSE,
            "none": texts.NO_SETTINGS,
        },
    )


def on_upload(event: gr.EventData) -> list[Any]:
    """The form's values from the settings of a file, and what the component says to that."""
    name = str(getattr(event, "name", ""))[:100]
    try:
        values = form.values_from(form.request_of(getattr(event, "settings", None)))
    except InvalidRequest as error:
        said = texts.FILE_REFUSED.format(name=name, reason=error)
        return [*[gr.skip()] * len(form.FIELDS), {"said": said, "fits": False}]
    return [*values, {"said": texts.FILE_READ.format(name=name), "fits": True}]
