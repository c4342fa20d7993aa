"""The form: one widget for each field of a request, and the way from its values to a checked one.

It knows the table of what models take and nothing of jobs.  The pictures and the clip that a film
is made of are one value of the form, as JSON: `page.slots` shows them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import gradio as gr

from page import prompt_helper, texts
from veo.given import model_for
from veo.models import DOES, INPUTS, Model, models_for
from veo_client import MODELS, InvalidRequest, VideoRequest

FIELDS = (
    "prompt",
    "pictures",
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
"""The form's fields in its order: those of a request, and `pictures` for all in `INPUTS`."""

BEFORE_PICTURES = tuple(name for name in FIELDS if name != "pictures")
"""The fields as a browser kept them when a film was made of words alone."""

SETTINGS = (*BEFORE_PICTURES, *INPUTS)
"""What the form has by its name in a request."""

OF_PROGRAMS = (
    "image_url",
    "last_image_url",
    "image_urls",
    "video_url",
    "last_frame_of",
    "extend",
    "person_generation",
    "provider",
    "task",
)
"""What programs and agents may give beside that, in its order; the form has no widget for it."""

PRICED = ("model", "duration", "resolution", "generate_audio")
"""The fields that a price may depend on."""


def request_from(*, pictures: object = "", **given: Any) -> VideoRequest:
    """A checked request from the form's values, by the names of `FIELDS`.

    What its model does not take is hidden in the form, stays typed there, and is left out.
    """
    return _request(**_taken(given), **inputs_in(pictures))


def _request(*, seed: Any = None, **given: Any) -> VideoRequest:
    if seed not in (None, ""):
        # What is no whole number goes on as it came, to be refused in the one place for that.
        text = str(seed).strip().removesuffix(".0")
        given["seed"] = int(text) if text.isdecimal() and len(text) <= 10 else seed
    return VideoRequest(**given)


def _taken(given: Mapping[str, Any]) -> dict[str, Any]:
    """What of these fields their model takes."""
    model = _model(given.get("model"))
    return {name: value for name, value in given.items() if not model or name in model.takes}


def _model(name: object) -> Model | None:
    return MODELS.get(name) if isinstance(name, str) else None


def inputs_in(pictures: object) -> dict[str, Any]:
    """The fields in `INPUTS` that are filled, from the form's one value for them, which a browser
    may have made of anything."""
    try:
        found = json.loads(pictures) if isinstance(pictures, str) and pictures else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidRequest("These are no pictures.", field="pictures")
    return {name: found[name] for name in INPUTS if found.get(name)}


def pictures_of(inputs: Mapping[str, Any]) -> str:
    """The form's one value for the fields in `INPUTS` that are filled."""
    filled = {name: inputs[name] for name in INPUTS if inputs.get(name)}
    return json.dumps(filled, separators=(",", ":")) if filled else ""


def request_of_program(*, model: str, **given: Any) -> VideoRequest:
    """A checked request from a program's values, which has the form's where it gave none.

    The form's own model makes way for the likeliest that takes what was given; so does each value
    of the form that another model does not take.  What a program changed is held to its word.
    """
    inputs = [name for name in INPUTS if given.get(name)]
    if inputs and model == VideoRequest("defaults").model:
        model = model_for(inputs)
    for name in OF_PROGRAMS:
        if name in given and given[name] in (None, ""):
            del given[name]
    return _request(**{"prompt": "", **without_defaults(model=model, **given)})


def without_defaults(**given: Any) -> dict[str, Any]:
    """`given` without what stands in the form by itself and its model does not take."""
    model = _model(given.get("model"))
    if not model:
        return given
    defaults = asdict(VideoRequest("defaults"))
    return {
        name: value
        for name, value in given.items()
        if value != defaults.get(name)
        or (name in model.takes and value in getattr(model, OF_THE_MODEL.get(name, ""), (value,)))
    }


def request_to_price(*, pictures: object = "", **priced: Any) -> VideoRequest:
    """A checked request with the settings in `PRICED` and what is filled, to ask for its price.

    Nobody sends it, so its prompt and its pictures say nothing; what its model needs is there even
    if it is not filled yet.  A price list may name any field in its conditions: the others have the
    service's defaults.
    """
    model = _model(priced.get("model"))
    given = [name for name in inputs_in(pictures) if model and name in model.takes]
    if given == ["last_image_url"]:
        given.append("image_url")  # which is still to come
    needed = {name: ANY_INPUT[name] for name in (*given, *(model.needs if model else ()))}
    return VideoRequest("price", **_taken(priced), **needed)


def priced_with(field: str, values: Mapping[str, Any]) -> VideoRequest:
    """What to ask a price for if `field` alone were filled: the model that then follows from
    the form's `values`, as `models.js` has it, and their settings as far as it takes them."""
    offered = [(name, MODELS[name]) for name in OFFERED[frozenset({field})]]
    now = _model(values.get("model")) or MODELS[offered[0][0]]
    name, model = min(
        offered,
        key=lambda each: (
            each[1].label != now.label,
            each[1].grade != now.grade,
            now.grade == "lite" and each[1].grade != "fast",
        ),
    )
    priced = {each: values[each] for each in PRICED if each in values} | {"model": name}
    for each, of in OF_THE_MODEL.items():
        if each in priced and priced[each] not in getattr(model, of):
            del priced[each]
    return request_to_price(**priced)


_ANY_PICTURE = f"picture:{0:064x}"
ANY_INPUT: Mapping[str, Any] = {
    "image_url": _ANY_PICTURE,
    "last_image_url": _ANY_PICTURE,
    "image_urls": (_ANY_PICTURE,),
    "video_url": "clip:any",
}
"""What stands for a picture or a clip in a request that nobody sends."""


def values_from(request: VideoRequest) -> dict[str, Any]:
    """The form's values for `request`, by the names of `FIELDS`; its seed, too.

    What its model does not take stays in the form as it is.
    """
    named = {name: getattr(request, name) for name in SETTINGS}
    named |= {"pictures": pictures_of(named)}
    if request.seed is not None:
        named["seed"] = str(request.seed)
    return {name: named[name] for name in FIELDS if named[name] is not None}


CHANGES: Mapping[str, Mapping[str, Any]] = {
    "without_sound": {"generate_audio": False},
    "with_auto_fix": {"auto_fix": True},
    "with_enhancement": {"enhance_prompt": True},
}
"""What an action of `explain.ACTIONS` changes in the request; `another_seed` draws one."""


def retry_request(request: VideoRequest, action: str, nearest: str | None = None) -> VideoRequest:
    """The same request, changed as `action` says; most leave it as it was.

    `nearest` is the model that takes the place of one that is gone.
    """
    if action == "nearest_model" and nearest:
        return request.for_model(nearest)
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
    known = {name: settings[name] for name in SETTINGS if name in settings}
    filled = frozenset(name for name in INPUTS if known.get(name))
    model, offered = known.get("model", VideoRequest("any").model), OFFERED.get(filled, ())
    if model not in offered and isinstance(model, str) and MODEL_NAME.fullmatch(model):
        model = known["model"] = offered[0] if offered else model
        known = {
            name: value
            for name, value in _taken(known).items()
            if name in ("model", *INPUTS) or value in (choices_for(name, model) or [value])
        }
    return VideoRequest(**{"prompt": "", **known})


MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.:/-]{0,99}", re.ASCII)
"""What a model may be called; anything else is a wrong value, and told."""

OFFERED: Mapping[frozenset[str], Sequence[str]] = {
    **{filled: models_for(*filled) for filled in DOES},
    frozenset({"last_image_url"}): models_for("image_url", "last_image_url"),
}
"""The models that make a film of what is filled; of a last frame, which still needs its first."""


OF_THE_MODEL = {
    "aspect_ratio": "aspect_ratios",
    "duration": "durations",
    "resolution": "resolutions",
}
"""Fields whose choices are the model's, and where it has them."""


def _in_any_model(of: str) -> list[Any]:
    """What any model takes for a field; in the order of the one that takes most."""
    by_length = sorted((getattr(model, of) for model in MODELS.values()), key=len, reverse=True)
    return list(dict.fromkeys(choice for choices in by_length for choice in choices))


CHOICES: Mapping[str, Sequence[Any]] = {
    "model": tuple(MODELS),
    **{name: _in_any_model(of) for name, of in OF_THE_MODEL.items()},
    "generate_audio": (True, False),
    "enhance_prompt": (True, False),
    "auto_fix": (True, False),
}
"""What the fields offer that are chosen and not written, with any model."""


WHOLE_SHAPES = tuple(each for each in CHOICES["aspect_ratio"] if each != "auto")

SHAPES = {"auto": texts.AS_THE_CLIP}
"""An aspect ratio in words, where it is no ratio."""


def choices_for(field: str, model: object, pictures: object = "") -> Sequence[Any]:
    """What `field` offers with `model` and what is filled."""
    if field == "model":
        return OFFERED.get(frozenset(inputs_in(pictures)), ())
    if field in OF_THE_MODEL and (known := _model(model)):
        return [each for each in CHOICES[field] if each in getattr(known, OF_THE_MODEL[field])]
    return CHOICES.get(field, ())


def kept(values: object) -> dict[str, Any]:
    """The form's values that a browser kept, in the order of `FIELDS`; a choice that is no longer
    offered is left out."""
    names = BEFORE_PICTURES if isinstance(values, list) and len(values) < len(FIELDS) else FIELDS
    if not isinstance(values, list) or len(values) != len(names):
        return {}
    named = dict(zip(names, values, strict=True))
    model = named["model"] if _model(named["model"]) else VideoRequest("defaults").model
    offered = {name: choices_for(name, model) for name in CHOICES if name != "model"}
    offered["model"] = CHOICES["model"]
    return {name: value for name, value in named.items() if value in offered.get(name, (value,))}


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
    names = [(model.in_full, name) for name, model in MODELS.items()]
    lengths = [(f"{seconds} s", seconds) for seconds in CHOICES["duration"]]
    return {
        "model": _radio("model", names, defaults.model, texts.MODEL_LABEL),
        "aspect_ratio": _radio(
            "aspect-ratio",
            [(SHAPES.get(each, each), each) for each in CHOICES["aspect_ratio"]],
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
                value=True,
                label=texts.ENHANCE_LABEL,
                info=texts.ENHANCE_INFO,
                elem_id="enhance-prompt",
            ),
            "auto_fix": gr.Checkbox(
                value=True,
                label=texts.AUTO_FIX_LABEL,
                info=texts.AUTO_FIX_INFO,
                elem_id="auto-fix",
            ),
        }
