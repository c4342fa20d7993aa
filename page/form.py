"""The form: one widget for each field of a request, and the way from its values to a checked one.

It knows the table of what models take and nothing of jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr

from page import draft, prompt_helper, texts
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

PRICED = ("model", "duration", "resolution", "generate_audio")
"""The fields that a price may depend on."""


def request_from(*, seed: Any, **given: Any) -> VideoRequest:
    """A checked request from the form's values, by the names of `FIELDS`."""
    if seed not in (None, ""):
        # What is no whole number goes on as it came, to be refused in the one place for that.
        text = str(seed).strip().removesuffix(".0")
        given["seed"] = int(text) if text.isdecimal() and len(text) <= 10 else seed
    return VideoRequest(**given)


def request_to_price(**priced: Any) -> VideoRequest:
    """A checked request with the settings in `PRICED`, to ask for its price.

    Nobody sends it, so its prompt says nothing.  A price list may name any field in its conditions:
    the others have the service's defaults.
    """
    return VideoRequest("price", **priced)


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

    What is no field of a request is left aside; what is missing is the service's default.
    """
    if not isinstance(settings, dict):
        raise InvalidRequest("These are no settings of a clip.")
    known = {name: settings[name] for name in FIELDS if name in settings}
    return VideoRequest(**{"prompt": "", **known})


def choices(of: str) -> list[Any]:
    """What any model takes for a field, in the table's order."""
    return list(dict.fromkeys(choice for model in MODELS.values() for choice in getattr(model, of)))


def build() -> tuple[dict[str, gr.components.Component], gr.HTML]:
    """The widgets of a request, by the names of `FIELDS` and in their order; the draft's line."""
    defaults = VideoRequest("defaults")
    widgets: dict[str, gr.components.Component] = {}
    widgets["prompt"] = prompt = gr.Textbox(
        label=texts.PROMPT_LABEL,
        lines=4,
        max_lines=12,
        placeholder=texts.PROMPT_PLACEHOLDER,
        autofocus=True,
        elem_id="prompt",
    )
    line = draft.build(prompt)
    with gr.Accordion(texts.HELP_SECTION, open=False, elem_id="help"):
        prompt_helper.build(prompt)
    with gr.Row():
        names = [(each.label, name) for name, each in MODELS.items()]
        widgets["model"] = gr.Radio(names, value=defaults.model, label=texts.MODEL_LABEL)
        widgets["aspect_ratio"] = gr.Radio(
            choices("aspect_ratios"), value=defaults.aspect_ratio, label=texts.ASPECT_RATIO_LABEL
        )
    with gr.Row():
        lengths = [(f"{seconds} s", seconds) for seconds in choices("durations")]
        widgets["duration"] = gr.Radio(lengths, value=defaults.duration, label=texts.DURATION_LABEL)
        widgets["resolution"] = gr.Radio(
            choices("resolutions"), value=defaults.resolution, label=texts.RESOLUTION_LABEL
        )
    widgets["generate_audio"] = gr.Checkbox(value=True, label=texts.SOUND_LABEL)
    with gr.Accordion(texts.ADVANCED_SECTION, open=False, elem_id="advanced"):
        widgets["negative_prompt"] = negative_prompt = gr.Textbox(
            value="",
            label=texts.NEGATIVE_PROMPT_LABEL,
            elem_id="negative-prompt",
            info=texts.NEGATIVE_PROMPT_INFO,
        )
        prompt_helper.offer_nouns(negative_prompt)
        # Not a gr.Number: unfolding shows an empty one as 0, and a seed of 0 is a seed.
        widgets["seed"] = gr.Textbox(
            value="",
            label=texts.SEED_LABEL,
            elem_id="seed",
            info=texts.SEED_INFO,
        )
        widgets["enhance_prompt"] = gr.Checkbox(
            value=True, label=texts.ENHANCE_LABEL, info=texts.ENHANCE_INFO
        )
        widgets["auto_fix"] = gr.Checkbox(
            value=True, label=texts.AUTO_FIX_LABEL, info=texts.AUTO_FIX_INFO
        )
    return {name: widgets[name] for name in FIELDS}, line
