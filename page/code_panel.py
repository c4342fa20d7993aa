"""See the code: the form as it stands, as programs to read, run and take away.

A Gradio HTML component.  The browser asks for the programs, by `focus`, only while the part is
unfolded and once nobody has changed the form for a moment; it inserts them as text.  It knows the
form and decides nothing about the programs, which are in `page.code_samples`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from page import code_samples, components, form, texts
from veo_client import InvalidRequest


def build() -> gr.HTML:
    """The folded part with the component in it; give `connect` what this returns."""
    with gr.Accordion(texts.CODE_SECTION, open=False, elem_id="code") as part:
        programs = components.component(
            "code_panel",
            {},
            elem_id="programs",
            label=texts.CODE_SECTION,
            languages=texts.CODE_LANGUAGES,
            texts={
                "language": texts.CODE_LANGUAGES_LABEL,
                "copy": texts.COPY,
                "copied": texts.COPIED,
            },
        )
    part.expand(None, js=components.function("tell_form_changed"))
    return programs


def connect(programs: gr.HTML, fields: Mapping[str, Component]) -> None:
    """Let the programs follow the form."""
    changes: list[Any] = [*fields.values()]
    gr.on([field.change for field in changes], None, js=components.function("tell_form_changed"))
    programs.focus(
        of_form,
        inputs_kwargs={**fields},
        outputs=programs,
        trigger_mode="always_last",
        **components.QUIET,
    )


def of_form(**fields: Any) -> dict[str, Any]:
    """The component's value for the form's values: the programs, or what is wrong with the form."""
    if fields["seed"] in (None, ""):
        # One that stays while the prompt does: a new one each time would look like a change.
        fields["seed"] = str(zlib.crc32(str(fields["prompt"]).encode(errors="replace")))
    try:
        return {"programs": code_samples.write_samples(form.request_from(**fields))}
    except InvalidRequest as error:
        return {"wrong": texts.CODE_WRONG.format(error=error)}
