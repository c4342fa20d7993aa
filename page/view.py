"""The parts of the page by name, and what an event changes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import gradio as gr
from gradio.components import Component

UNCHANGED: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The components that events read or change."""

    mode: gr.HTML
    """Which service the page talks to, and whose key pays."""
    form: Mapping[str, Component]
    """One for each field of a request, by its name."""
    mistake: gr.HTML
    count: gr.Radio
    differs: gr.Dropdown
    chips: gr.HTML
    draft: gr.HTML
    generate: gr.Button
    rehearse: gr.Button
    cost: gr.HTML
    example_film: gr.HTML
    card: gr.HTML
    tools: gr.HTML
    """The buttons under the clip; they also say what the form was given."""
    video: gr.HTML
    download: gr.DownloadButton
    examples: gr.HTML
    presets: gr.HTML
    settings_file: gr.HTML
    key_box: gr.Textbox
    use_key: gr.Button
    forget_key: gr.Button
    key_note: gr.HTML
    generation_id: gr.Textbox
    look: gr.Button
    programs: gr.HTML
    http: gr.HTML
    comparison: gr.HTML
    clips: gr.HTML
    found: gr.HTML
    """What was sought of the clips."""
    shown_late: tuple[gr.Column | gr.HTML, ...]
    """What is not mounted before the form is painted."""
    browser_state: gr.BrowserState
    """Who the visitor is, the form, the job on the card, and the takes of the last press."""
    offer: gr.State
    """What the button last said, as of `Offer.as_dict`: nobody pays more than that."""

    def named(self, *names: str) -> dict[str, Component]:
        """Some of them, to be given to a handler under their names."""
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What an event changes, by the names of `Parts`; the rest stays as it is."""

    card: Any = UNCHANGED
    tools: Any = UNCHANGED
    video: Any = UNCHANGED
    download: Any = UNCHANGED
    browser_state: Any = UNCHANGED
    clips: Any = UNCHANGED
    found: Any = UNCHANGED
    http: Any = UNCHANGED
    programs: Any = UNCHANGED
    mistake: Any = UNCHANGED
    chips: Any = UNCHANGED
    count: Any = UNCHANGED
    differs: Any = UNCHANGED
    generation_id: Any = UNCHANGED
    generate: Any = UNCHANGED
    rehearse: Any = UNCHANGED
    cost: Any = UNCHANGED
    mode: Any = UNCHANGED
    offer: Any = UNCHANGED
    key_box: Any = UNCHANGED
    key_note: Any = UNCHANGED
    comparison: Any = UNCHANGED
    form: Mapping[str, Any] = field(default_factory=dict)
    """Some fields of the request, by their names."""

    def of(self, parts: Parts) -> dict[Any, Any]:
        """The same for Gradio."""
        names = {each.name for each in fields(self)} - {"form"}
        changed = {getattr(parts, name): getattr(self, name) for name in names}
        changed |= form_values(self.form, parts.form)
        changed = {part: value for part, value in changed.items() if value is not UNCHANGED}
        return changed or gr.skip()


def form_values(values: Mapping[str, Any], form: Mapping[str, Component]) -> dict[Component, Any]:
    """`values` of some fields for Gradio; the other fields stay as they are."""
    return {form[name]: value for name, value in values.items()}
