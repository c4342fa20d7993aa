"""Chips: each setting of the form as a button that says its value and opens its widget.

A Gradio HTML component over widgets that stay Gradio's: the browser shows them as popovers, reads
their values when they change, and keeps them for the next visit.  Python tells what another choice
would cost once a chip is opened.  What a model takes decides which chips and choices there are:
the browser has the table, for no server is waited for.  This module asks no prices itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import gradio as gr
from gradio.components import Component

from backend.pricing import Offer
from backend.takes import DIFFERS, takes_of
from page import components, form, price_label, takes_asked, texts
from page.takes_asked import COUNTS
from veo.models import Model
from veo_client import MODELS, InvalidRequest, VideoRequest

VALUES = (*form.FIELDS, "count", "differs")
"""What the browser keeps of the form, in this order."""

CHOICES: Mapping[str, Sequence[Any]] = {
    **{name: form.CHOICES[name] for name in form.PRICED},
    "count": tuple(COUNTS),
}
"""What the chips offer that a price may depend on."""

OfferFor = Callable[[list[VideoRequest]], Awaitable[Offer]]


def build() -> gr.HTML:
    """The component; `focus` asks for differences in price, `delete` empties the seed, `submit`
    brings the model and its settings that fit what is filled."""
    shapes = {each: form.SHAPES.get(each, each) for each in form.CHOICES["aspect_ratio"]}
    labels = {name: model.label for name, model in MODELS.items()}
    return components.component(
        "chips",
        {},
        padding=False,
        elem_id="chips",
        label=texts.SETTINGS_LABEL,
        chips=[
            _chip("model", texts.MODEL_LABEL, labels),
            _chip("aspect_ratio", texts.ASPECT_RATIO_LABEL, shapes),
            _chip("duration", texts.DURATION_LABEL, "{} s"),
            _chip("resolution", texts.RESOLUTION_LABEL),
            _chip("generate_audio", texts.SOUND_LABEL, texts.SOUND_IS),
            _chip("count", texts.TAKES_LABEL, dict(zip(COUNTS, texts.TAKES_ARE, strict=True)))
            | {"opens": "takes-asked"},
        ],
        fields=VALUES,
        table=table(),
        vary=takes_asked.choices(),
        texts={
            "seed": texts.SEED_CHIP,
            "no_seed": texts.NO_SEED,
            "more": texts.SHEET_TITLE,
            "again": texts.ONCE_MORE,
            "gone": texts.NO_LONGER,
        },
    )


def table() -> str:
    """What the browser has to know of the models: which are offered for what is filled, and what
    each takes.

    As JSON, for Gradio copies each value in each prop at each step of each event: a text is one.
    """
    return json.dumps(
        {
            "offered": [[sorted(filled), names] for filled, names in form.OFFERED.items()],
            "models": {name: _in_the_browser(model) for name, model in MODELS.items()},
            "has_choices": [*form.OF_THE_MODEL],
        }
    )


def _in_the_browser(model: Model) -> dict[str, Any]:
    choices = {name: getattr(model, of) for name, of in form.OF_THE_MODEL.items()}
    return {
        "label": model.label,
        "grade": model.grade,
        "lacks": [name for name in form.BEFORE_PICTURES if name not in model.takes],
        "references": model.most_references,
        "choices": choices,
        "defaults": {name: model.default(name) for name in choices},
    }


def _chip(field: str, name: str, words: Any = "{}") -> dict[str, Any]:
    """A chip of `field`; `words` say its values, or how to make words of them."""
    values = CHOICES.get(field) or form.CHOICES[field]
    if isinstance(words, str):
        words = {value: words.format(value) for value in values}
    said = {str(value).lower(): text for value, text in words.items()}  # as JavaScript writes them
    first = getattr(VideoRequest("defaults"), field, 1)
    opens = field.replace("_", "-")
    return {
        "field": field,
        "name": name,
        "words": said,
        "values": [*said],
        "said": said[str(first).lower()],
        "opens": opens,
    }


def connect(chips: gr.HTML, fields: Mapping[str, Component]) -> None:
    """Let the chips follow the form, and empty its seed; `fields` are those of `VALUES`."""
    values: list[Any] = [fields[name] for name in VALUES]
    tells = components.function("tell_form_values")
    gr.on([each.change for each in values], None, values, None, js=tells)
    chips.delete(None, None, fields["seed"], js="() => ''", **components.QUIET)
    # What the model has to be for what is filled, and what it takes.
    fitted = [fields[name] for name in ("model", *form.OF_THE_MODEL, "differs")]
    chips.submit(None, None, fitted, js=components.function("fitted_model"), **components.QUIET)


async def differences(field: object, offer_for: OfferFor, **values: Any) -> dict[str, list[str]]:
    """What each choice of `field` would cost more or less than the form as it stands, in words.

    Choices are those that the model and what is filled leave.  Nothing where the price of either is
    not known, and nothing for the choice that stands.
    """
    if not isinstance(field, str) or field not in CHOICES:
        return {}
    offered = CHOICES[field]
    if field in form.CHOICES:
        with suppress(InvalidRequest):
            offered = form.choices_for(field, values.get("model"), values.get("pictures"))
    choices = [values, *(values | {field: choice} for choice in offered)]
    now, *prices = await asyncio.gather(*(_price(offer_for, each) for each in choices))
    return {field: [price_label.difference(now, price) for price in prices]}


async def _price(offer_for: OfferFor, values: Mapping[str, Any]) -> float | None:
    asked = {name: values[name] for name in form.PRICED} | {"pictures": values.get("pictures")}
    try:
        request = form.request_to_price(**asked)
        offer = await offer_for(takes_of(request, values["count"], values["differs"]))
    except InvalidRequest:  # the form says what is wrong with it
        return None
    return None if offer.payer == "demo" else offer.dollars


def kept_takes(asked: object) -> tuple[int, str] | None:
    """How many takes in what, as a browser kept it, if that is still offered."""
    offered = [[count, differs] for count in COUNTS for differs in DIFFERS]
    return (asked[0], asked[1]) if isinstance(asked, list) and asked in offered else None
