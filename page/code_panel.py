"""Code: the form as it stands, as programs to read, run and take away.

A Gradio HTML component.  The browser asks for the programs, by `focus`, only while the part is
unfolded and once nobody has changed the form for a moment; it inserts them as text.  It knows the
form and decides nothing about the programs, which are in `page.code_samples`.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from page import code_samples, components, form, texts
from veo_client import BASE_URL, MODELS, InvalidRequest, VideoRequest


def build() -> gr.HTML:
    """The part of the drawer with the component in it; give `connect` what this returns."""
    with gr.Column(elem_id="code"):
        return components.component(
            "code_panel",
            {},
            elem_id="programs",
            label=texts.CODE_SECTION,
            languages=texts.CODE_LANGUAGES,
            of=texts.CODE_OF,
            against=texts.CODE_AGAINST,
            texts={
                "language": texts.CODE_LANGUAGES_LABEL,
                "of": texts.CODE_OF_LABEL,
                "against": texts.CODE_AGAINST_LABEL,
                "demo": texts.CODE_DEMO,
                "copy": texts.COPY,
                "copied": texts.COPIED,
            },
        )


def connect(programs: gr.HTML, fields: Mapping[str, Component]) -> None:
    """Let the programs follow the form; those of the clip are asked for by `select`."""
    changes: list[Any] = [*fields.values()]
    gr.on([field.change for field in changes], None, js=components.function("tell_form_changed"))

    def on_focus(event: gr.EventData, **fields: Any) -> dict[str, Any]:
        return of_form(base_url_of(event), **fields)

    programs.focus(
        on_focus,
        inputs_kwargs={**fields},
        outputs=programs,
        trigger_mode="always_last",
        **components.QUIET,
    )


def base_url_of(event: gr.EventData) -> str:
    """Against which service the programs are to be, by the panel's choice.

    The real one is the one that everybody reaches, whichever this server asks by
    `AIMLAPI_BASE_URL`: the programs are taken away, and run elsewhere.
    """
    return code_samples.DEMO_URL if getattr(event, "against", "") == "demo" else BASE_URL


def of_request(request: VideoRequest, base_url: str = BASE_URL) -> dict[str, Any]:
    return {"programs": code_samples.write_samples(request, base_url)}


def of_form(base_url: str = BASE_URL, /, **fields: Any) -> dict[str, Any]:
    """The component's value for the form's values: the programs, or what is wrong with the form."""
    if fields["seed"] in (None, "") and "seed" in _fields_of(fields["model"]):
        # One that stays while the prompt does: a new one each time would look like a change.
        fields["seed"] = str(zlib.crc32(str(fields["prompt"]).encode(errors="replace")))
    try:
        return of_request(form.request_from(**fields), base_url)
    except InvalidRequest as error:
        return {"wrong": texts.CODE_WRONG.format(error=error)}


def _fields_of(model: Any) -> Collection[str]:
    return MODELS[model].takes if model in MODELS else ()
