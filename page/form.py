"""The form: one widget for each field of a request, and the way from its values to a checked one.

It knows the table of what models take and nothing of jobs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import gradio as gr

from page import prompt_helper, texts
from veo.given import model_for
from veo.models import INPUTS, models_for
from veo_client import MODELS, InvalidRequest, VideoRequest

FIELDS = (
    "prompt",
    "model",
    "aspect_ratio",
    "duration",
    "resolution",
    "generate_audio",
    "negative_prompt",
    "seed",
    "enhance_prompt",
    "auto_fix",
)
"""The request's fields in the order of the form."""

OF_PROGRAMS = (
    "image_url",
    "last_image_url",
    "image_urls",
    "video_url",
    "last_frame_of",
    "extend",
    "person_generation",
    "provider",
)
"""What programs and agents may give beside that, in its order; the form has no widget for it."""

PRICED = ("model", "duration", "resolution", "generate_audio")
"""The fields that a price may depend on."""


def request_from(*, seed: Any, **given: Any) -> VideoRequest:
    """A checked request from the form's values, by the names of `FIELDS`."""
    if seed not in (None, ""):
        # What is no whole number goes on as it came, to be refused in the one place for that.
        text = str(seed).strip().removesuffix(".0")
        given["seed"] = int(text) if text.isdecimal() and len(text) <= 10 else seed
    return VideoRequest(**given)


def request_of_program(*, model: str, **given: Any) -> VideoRequest:
    """A checked request from a program's values, which has the form's where it gave none.

    The form's own model makes way for the likeliest that takes what was given; so does each value
    of the form that another model does not take.  What a program changed is held to its word.
    """
    defaults = asdict(VideoRequest("defaults"))
    inputs = [name for name in INPUTS if given.get(name)]
    if inputs and model == defaults["model"]:
        model = model_for(inputs)
    if isinstance(model, str) and model in MODELS:
        takes = MODELS[model]
        for name, value in [*given.items()]:
            taken = name in takes.takes and value in getattr(takes, f"{name}s", (value,))
            if not taken and value == defaults.get(name):
                del given[name]
    for name in OF_PROGRAMS:
        if name in given and given[name] in (None, ""):
            del given[name]
    return request_from(seed=given.pop("seed", None), **({"prompt": ""} | given), model=model)


NOWHERE = "https://nowhere.invalid/"


def request_to_price(*, model: str, **priced: Any) -> VideoRequest:
    """A checked request with the settings in `PRICED`, to ask for its price.

    Nobody sends it, so its prompt says nothing, and what its model needs beside that is nowhere.  A
    price list may name any field in its conditions: the others have the service's defaults.
    """
    needs = MODELS[model].needs if isinstance(model, str) and model in MODELS else ()
    given = {name: (NOWHERE,) if name == "image_urls" else NOWHERE for name in needs}
    return request_of_program(prompt="price", model=model, **given, **priced)


def values_from(request: VideoRequest) -> dict[str, Any]:
    """The form's values for `request`, by the names of `FIELDS`; its seed, too."""
    return {name: getattr(request, name) for name in FIELDS} | {"seed": str(request.seed)}


CHANGES: Mapping[str, Mapping[str, Any]] = {
    "without_sound": {"generate_audio": False},
    "with_auto_fix": {"auto_fix": True},
    "with_enhancement": {"enhance_prompt": True},
}
"""What an action of `explain.ACTIONS` changes in the request; `another_seed` draws one."""


def retry_request(request: VideoRequest, action: str) -> VideoRequest:
    """The same request, changed as `action` says; most leave it as it was."""
    fields = {**asdict(request), **CHANGES.get(action, {})}
    if action == "another_seed":
        del fields["seed"]
    return VideoRequest(**fields)


def values_after_action(action: str) -> Mapping[str, Any]:
    """The form's values after `action`: the setting that it changed, and nothing else."""
    return CHANGES.get(action, {})


def request_from_untrusted(settings: object) -> VideoRequest:
    """A checked request from settings that nobody vouches for: a file's, a browser's storage.

    What is no field of a request is left aside; what is missing is the service's default.  A model
    that is not offered, because the table has lost it or the form has no place for what it needs,
    is left aside as well, with what only it takes.
    """
    if not isinstance(settings, dict):
        raise InvalidRequest("These are no settings of a clip.")
    known = {name: settings[name] for name in FIELDS if name in settings}
    model = known.get("model", OFFERED[0])
    if model not in OFFERED and isinstance(model, str) and MODEL_NAME.fullmatch(model):
        del known["model"]
        known = {
            name: value for name, value in known.items() if value in CHOICES.get(name, [value])
        }
    return VideoRequest(**{"prompt": "", **known})


MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.:/-]{0,99}", re.ASCII)
"""What a model may be called; anything else is a wrong value, and told."""

OFFERED = models_for(*FIELDS)
"""The models that make a film of all that the form has, and need no more."""


def _taken(of: str) -> list[Any]:
    """What any model that is offered takes for a field, in the table's order."""
    models = (MODELS[name] for name in OFFERED)
    return list(dict.fromkeys(choice for model in models for choice in getattr(model, of)))


CHOICES: Mapping[str, Sequence[Any]] = {
    "model": OFFERED,
    "aspect_ratio": _taken("aspect_ratios"),
    "duration": _taken("durations"),
    "resolution": _taken("resolutions"),
    "generate_audio": (True, False),
    "enhance_prompt": (True, False),
    "auto_fix": (True, False),
}
"""What the fields offer that are chosen and not written."""


def kept(values: object) -> dict[str, Any]:
    """The form's values that a browser kept, in the order of `FIELDS`; a choice that is no longer
    offered is left out."""
    if not isinstance(values, list) or len(values) != len(FIELDS):
        return {}
    named = dict(zip(FIELDS, values, strict=True))
    return {name: value for name, value in named.items() if value in CHOICES.get(name, (value,))}


def build_prompt() -> gr.Textbox:
    """The one field that is always in sight."""
    return gr.Textbox(
        label=texts.PROMPT_LABEL,
        lines=2,
        max_lines=12,
        container=False,
        placeholder=texts.PROMPT_PLACEHOLDER,
        autofocus=True,
        elem_id="prompt",
    )


def build_settings() -> dict[str, Any]:
    """A widget for each setting that `page.chips` opens."""
    defaults = VideoRequest("defaults")
    names = [(MODELS[name].label, name) for name in OFFERED]
    lengths = [(f"{seconds} s", seconds) for seconds in CHOICES["duration"]]
    return {
        "model": _radio("model", names, defaults.model, texts.MODEL_LABEL),
        "aspect_ratio": _radio(
            "aspect-ratio",
            CHOICES["aspect_ratio"],
            defaults.aspect_ratio,
            texts.ASPECT_RATIO_LABEL,
        ),
        "duration": _radio("duration", lengths, defaults.duration, texts.DURATION_LABEL),
        "resolution": _radio(
            "resolution", CHOICES["resolution"], defaults.resolution, texts.RESOLUTION_LABEL
        ),
        "generate_audio": gr.Checkbox(
            value=True,
            label=texts.SOUND_LABEL,
            elem_id="generate-audio",
            elem_classes="setting",
        ),
    }


def _radio(elem_id: str, offered: Sequence[Any], value: Any, label: str) -> gr.Radio:
    return gr.Radio(offered, value=value, label=label, elem_id=elem_id, elem_classes="setting")


def build_advanced() -> dict[str, Any]:
    """The widgets of what is set now and then."""
    with gr.Accordion(texts.ADVANCED_SECTION, elem_id="advanced"):
        negative_prompt = gr.Textbox(
            value="",
            label=texts.NEGATIVE_PROMPT_LABEL,
            elem_id="negative-prompt",
            info=texts.NEGATIVE_PROMPT_INFO,
        )
        prompt_helper.offer_nouns(negative_prompt)
        return {
            "negative_prompt": negative_prompt,
            # Not a gr.Number: unfolding shows an empty one as 0, and a seed of 0 is a seed.
            "seed": gr.Textbox(
                value="", label=texts.SEED_LABEL, elem_id="seed", info=texts.SEED_INFO
            ),
            "enhance_prompt": gr.Checkbox(
                value=True, label=texts.ENHANCE_LABEL, info=texts.ENHANCE_INFO
            ),
            "auto_fix": gr.Checkbox(
                value=True, label=texts.AUTO_FIX_LABEL, info=texts.AUTO_FIX_INFO
            ),
        }
