"""Settings out of a file: a clip made here, or the JSON beside it, fills the form.

A Gradio HTML component.  The browser reads the file itself, piece by piece, and sends nothing but
the settings in it; they are checked like any others.  This module knows no jobs, and takes no
files: the page has no way to upload one.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from page import components, form, texts
from page.view import form_values
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
        fields=form.SETTINGS,
        request_key=REQUEST_KEY.decode(),
        most=MOST_BYTES,
        texts={
            "title": texts.FILE_TITLE,
            "hint": texts.FILE_HINT,
            "choose": texts.FILE_CHOOSE,
            "drop": texts.DROP_HERE,
        },
    )


def connect(settings_file: gr.HTML, fields: Mapping[str, Component]) -> None:
    """Let a file fill the form in; a toast says so, for the component is folded away."""

    def on_upload(event: gr.EventData) -> dict[Component, Any]:
        values, answer = uploaded(event)
        toast = gr.Info if answer["fits"] else gr.Warning
        toast(html.escape(answer["said"]))
        return form_values(values, fields) | {settings_file: answer}

    settings_file.upload(on_upload, None, [*fields.values(), settings_file], **components.QUIET)


def uploaded(event: gr.EventData) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form's values from the settings of a file, and what the component says to that."""
    name, settings = str(getattr(event, "name", ""))[:100], getattr(event, "settings", None)
    if settings is None:
        return {}, {"said": texts.NO_SETTINGS + name, "fits": False}
    try:
        request = form.request_from_untrusted(settings)
    except InvalidRequest as error:
        return {}, {"said": texts.FILE_REFUSED.format(name=name, reason=error), "fits": False}
    return form.values_from(request), {"said": texts.FILE_READ.format(name=name), "fits": True}
