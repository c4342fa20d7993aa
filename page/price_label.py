"""What a price reads like: on the button, and in the line beside it.

It knows words and figures, and asks nobody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from backend.ledger import Spent
from page import texts
from veo import explain
from veo_client import VideoRequest


def button(requests: Sequence[VideoRequest], price: float | None, *, is_demo: bool) -> str:
    """What the button says: what it makes and what that costs."""
    first = requests[0]
    takes = f"{len(requests)} × " if len(requests) > 1 else ""
    same = all(
        (each.duration, each.resolution) == (first.duration, first.resolution) for each in requests
    )
    what = f"{takes}{first.duration} s {first.resolution}" if same else f"{len(requests)} clips"
    return texts.GENERATE_FOR.format(what=what, price=price_label(price, is_demo=is_demo))


def price_note(price: float | None, visit: Spent, *, is_demo: bool) -> str:
    """The line beside the button."""
    if is_demo:
        return texts.DEMO_IS_FREE
    sentences = [explain.CHARGED_WHEN_COMPLETE if price is not None else texts.PRICE_NOT_TOLD]
    if visit.may_be_more:
        sentences.append(texts.VISIT_NOT_KNOWN)
    elif visit.dollars:
        amount = explain.dollars(visit.dollars)
        may_be_less = texts.VISIT_AT_MOST if visit.may_be_less else texts.VISIT
        sentences.append(may_be_less.format(amount=amount))
    return " ".join(sentences)


def price_label(price: float | None, *, is_demo: bool) -> str:
    if is_demo or price == 0:
        return texts.FREE
    if price is None or not math.isfinite(price):
        return texts.PRICE_UNKNOWN
    return f"≈ ${price:,.2f}" if price >= 0.01 else "< $0.01"
