"""Presets: the form's values under a name, kept in the browser.

A Gradio HTML component.  The browser keeps them under a key of its own; Python makes them from the
form (`submit`) and puts them back into it (`select`), checked both times, for what a browser keeps
may be old or forged.  This module knows the form and nothing of jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from page import components, form, texts
from page.view import form_values
from veo_client import InvalidRequest

MOST = 30
LONGEST_NAME = 60
"""Characters."""


def build() -> gr.HTML:
    """The component; `submit` asks for a preset of the form, `select` brings one."""
    return components.component(
        "presets",
        None,
        label=texts.PRESETS_SECTION,
        most=MOST,
        longest=LONGEST_NAME,
        texts={
            "hint": texts.PRESETS_HINT,
            "name": texts.PRESET_NAME,
            "save": texts.PRESET_SAVE,
            "use": texts.PRESET_USE,
            "delete": texts.PRESET_DELETE,
            "delete_ask": texts.PRESET_DELETE_ASK,
            "replace": texts.PRESET_REPLACE,
            "unnamed": texts.PRESET_UNNAMED,
            "full": texts.PRESETS_FULL,
            "not_kept": texts.PRESETS_NOT_KEPT,
        },
    )


def connect(presets: gr.HTML, fields: Mapping[str, Component]) -> None:
    """Let the component save the form and fill it in."""

    def on_select(event: gr.EventData) -> dict[Component, Any]:
        values, answer = selected(event)
        return form_values(values, fields) | {presets: answer}

    presets.submit(on_submit, inputs_kwargs={**fields}, outputs=presets, **components.QUIET)
    presets.select(on_select, None, [*fields.values(), presets], **components.QUIET)


def on_submit(event: gr.EventData, **fields: Any) -> dict[str, Any]:
    """A preset of the form's values, for the browser to keep; or why they cannot be one."""
    name = _name(event)
    try:
        settings = settings_of(**fields)
    except InvalidRequest as error:
        return {"said": texts.PRESET_REFUSED.format(name=name, reason=error)}
    return {"said": texts.PRESET_SAVED.format(name=name), "name": name, "settings": settings}


def selected(event: gr.EventData) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form's values from a preset, and what the component says to that."""
    name = _name(event)
    try:
        values = values_of(getattr(event, "settings", None))
    except InvalidRequest as error:
        return {}, {"said": texts.PRESET_REFUSED.format(name=name, reason=error)}
    return values, {"said": texts.PRESET_USED.format(name=name)}


def settings_of(**fields: Any) -> dict[str, Any]:
    """The form's values by name, checked; without an empty prompt and an empty seed."""
    empty = {name for name in ("prompt", "seed") if fields[name] in (None, "")}
    request = form.request_from(**(fields | {"prompt": fields["prompt"] or "any"}))
    settings = {name: getattr(request, name) for name in form.SETTINGS if name not in empty}
    return {name: value for name, value in settings.items() if value not in (None, "", ())}


def values_of(settings: object) -> dict[str, Any]:
    """The form's values for a preset, checked: what it leaves out of prompt and seed is left alone
    and emptied, in that order."""
    if not isinstance(settings, dict):
        raise InvalidRequest("This is no preset.")
    values = form.values_from(form.request_from_untrusted({"prompt": "any", **settings}))
    if "prompt" not in settings:
        del values["prompt"]
    if "seed" not in settings:
        values["seed"] = ""
    return values


def _name(event: gr.EventData) -> str:
    return str(getattr(event, "name", ""))[:LONGEST_NAME]
