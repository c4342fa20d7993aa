"""What a price reads like: on the button, and in the line beside it.

It knows words and figures, and asks nobody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend.ledger import Spent
from backend.pricing import HALF_A_CENT, Offer
from page import form, texts
from veo import explain
from veo_client import VideoRequest

MINUS = "\N{MINUS SIGN}"


def button(
    requests: Sequence[VideoRequest],
    price: float | None,
    *,
    is_demo: bool,
    continues: bool = False,
) -> str:
    """What the button says: how many takes it makes and what they cost; of a clip that is
    continued, how much longer it gets."""
    count = len(requests)
    label = explain.dollars(0.0 if is_demo else price)
    if price and not is_demo and count > 1 and len({_priced(each) for each in requests}) == 1:
        each = explain.dollars(price / count)
        label = texts.PRICE_OF_TAKES.format(count=count, each=each, total=label)
        return texts.GENERATE_ONE.format(price=label)
    if continues and count == 1:
        said = texts.CONTINUE_FREE if is_demo or price is None else texts.CONTINUE_ONE
        return said.format(seconds=requests[0].duration, price=label)
    said = texts.GENERATE_TAKES if count > 1 else texts.GENERATE_ONE
    return said.format(count=count, price=label)


def to_go_on(request: VideoRequest, offer: Offer, *, longer: bool) -> str:
    """What stands beside a way to go on from a clip; `longer` says that it is continued."""
    price = _dollars(offer)
    said = texts.GO_ON_LONGER if longer and offer.payer != "demo" else texts.GO_ON_PRICE
    return said.format(seconds=request.duration, price=price)


def rehearse(offer: Offer | None) -> dict[str, Any]:
    """The button for a rehearsal, for Gradio; out of sight where there is none."""
    if offer is None:
        return gr.update(visible=False)
    return gr.update(value=texts.REHEARSE_FOR.format(price=_dollars(offer)), visible=True)


def properly(offer: Offer) -> str:
    """What the button says that films a rehearsal properly."""
    return texts.FILM_PROPERLY.format(price=_dollars(offer))


def _dollars(offer: Offer) -> str:
    return explain.dollars(0.0 if offer.payer == "demo" else offer.dollars)


def _priced(request: VideoRequest) -> tuple[Any, ...]:
    """What a price may depend on: takes that share it cost the same."""
    return tuple(getattr(request, name) for name in form.PRICED)


def difference(now: float | None, other: float | None) -> str:
    """How much more or less `other` is; nothing where that is not known, or is nothing."""
    if now is None or other is None or not math.isfinite(other - now):
        return ""
    more = other - now
    if abs(more) < HALF_A_CENT:
        return ""
    return f"{'+' if more > 0 else MINUS}{explain.dollars(abs(more))}"


def price_note(
    price: float | None, visit: Spent, *, is_demo: bool, takes: int = 1, is_guest: bool = False
) -> str:
    """The line beside the button; `is_guest` says that another pays than who presses it."""
    if is_demo:
        return texts.DEMO_IS_FREE
    who_pays = {
        (False, False): texts.YOU_PAY_FOR_ONE,
        (False, True): texts.YOU_PAY_FOR_TAKES,
        (True, False): texts.OWNER_PAYS_FOR_ONE,
        (True, True): texts.OWNER_PAYS_FOR_TAKES,
    }[is_guest, takes > 1]
    sentences = [texts.PRICE_NOT_TOLD, who_pays] if price is None else [who_pays]
    if visit.may_be_more:
        sentences.append(texts.VISIT_NOT_KNOWN)
    elif visit.dollars:
        amount = explain.dollars(visit.dollars)
        may_be_less = texts.VISIT_AT_MOST if visit.may_be_less else texts.VISIT
        sentences.append(may_be_less.format(amount=amount))
    return " ".join(sentences)
