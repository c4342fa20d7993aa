"""Chips: each setting of the form as a button that says its value and opens its widget.

A Gradio HTML component over widgets that stay Gradio's: the browser shows them as popovers, reads
their values when they change, and keeps them for the next visit.  Python tells what another choice
would cost once a chip is opened.  This module knows the form and asks no prices itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from backend.pricing import Offer
from backend.takes import DIFFERS, takes_of
from page import components, form, price_label, texts
from page.takes_asked import COUNTS
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
    """The component; `focus` asks for differences in price, `delete` empties the seed."""
    return components.component(
        "chips",
        {},
        padding=False,
        elem_id="chips",
        label=texts.SETTINGS_LABEL,
        chips=[
            _chip("model", texts.MODEL_LABEL, {name: MODELS[name].label for name in form.OFFERED}),
            _chip("aspect_ratio", texts.ASPECT_RATIO_LABEL),
            _chip("duration", texts.DURATION_LABEL, "{} s"),
            _chip("resolution", texts.RESOLUTION_LABEL),
            _chip("generate_audio", texts.SOUND_LABEL, texts.SOUND_IS),
            _chip("count", texts.TAKES_LABEL, dict(zip(COUNTS, texts.TAKES_ARE, strict=True)))
            | {"opens": "takes-asked"},
        ],
        fields=VALUES,
        texts={"seed": texts.SEED_CHIP, "no_seed": texts.NO_SEED, "more": texts.SHEET_TITLE},
    )


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
        "said": said[str(first).lower()],
        "opens": opens,
    }


def connect(chips: gr.HTML, fields: Mapping[str, Component]) -> None:
    """Let the chips follow the form, and empty its seed; `fields` are those of `VALUES`."""
    values: list[Any] = [fields[name] for name in VALUES]
    tells = components.function("tell_form_values")
    gr.on([each.change for each in values], None, values, None, js=tells)
    chips.delete(None, None, fields["seed"], js="() => ''", **components.QUIET)


async def differences(field: object, offer_for: OfferFor, **values: Any) -> dict[str, list[str]]:
    """What each choice of `field` would cost more or less than the form as it stands, in words.

    Nothing where the price of either is not known, and nothing for the choice that stands.
    """
    if not isinstance(field, str) or field not in CHOICES:
        return {}
    choices = [values, *(values | {field: choice} for choice in CHOICES[field])]
    now, *prices = await asyncio.gather(*(_price(offer_for, each) for each in choices))
    return {field: [price_label.difference(now, price) for price in prices]}


async def _price(offer_for: OfferFor, values: Mapping[str, Any]) -> float | None:
    asked = {name: values[name] for name in form.PRICED}
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
