"""Money before the click: what the button would cost, what is left, what this visit has spent.

Every figure is the service's own, from its price list and its billing; what it does not tell is
said to be unknown.  This module asks and adds up; it spends nothing and knows no widgets.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import words
from ledger import Spent
from page import server, texts
from veo_client import VeoClient, VeoError, VideoRequest
from veo_types import read_number

HALF_A_CENT = 0.005
BALANCE_KEPT = 20.0
"""Seconds for which a balance is shown without asking again."""

_balances: WeakKeyDictionary[VeoClient, tuple[float, float]] = WeakKeyDictionary()


async def price_of(requests: Sequence[VideoRequest], owner: str) -> float | None:
    """US dollars for all of `requests`; None when the service does not tell one of them."""
    payer = server.payer_for(owner)
    if payer == "demo":
        return 0.0
    client = server.the_jobs().client_for(owner, payer)
    prices = await asyncio.gather(*(server.dollars_for(client, request) for request in requests))
    return sum(price for price in prices if price is not None) if None not in prices else None


async def balance_of(owner: str) -> float | None:
    """US dollars left with the key that pays, if whoever looks may know."""
    payer, jobs = server.payer_for(owner), server.the_jobs()
    is_theirs = payer == "visitor" or (payer == "server" and not server.the_settings().on_space)
    client = jobs.client_for(owner, payer) if is_theirs else None
    if client is None:
        return None
    asked, balance = _balances.get(client, (-math.inf, 0.0))
    if time.monotonic() - asked > BALANCE_KEPT:
        try:
            balance = await server.briefly(server.ask(client.balance))
        except VeoError:
            return None
        _balances[client] = time.monotonic(), balance
    return balance


def offer_of(owner: str | None, price: float | None = None) -> dict[str, Any]:
    """What a button tells: who pays, and how many US dollars; None when the price is not known."""
    payer = server.payer_for(owner) if owner else server.payer_without_key()
    return {"payer": payer, "dollars": price}


async def holds(offer: object, requests: Sequence[VideoRequest], owner: str) -> bool:
    """Whether a press costs no more than `offer` said, and the same key pays.

    The browser may show an old price for a moment, and a key may be forgotten meanwhile.
    """
    said = offer if isinstance(offer, dict) else {}
    if said.get("payer") != server.payer_for(owner):
        return False
    most, price = read_number(said.get("dollars")), await price_of(requests, owner)
    if most is None or most < 0:
        # It said that the price is not known: nobody pays by that what is known to cost something.
        return not price
    return price is not None and price <= most + HALF_A_CENT


def button(requests: Sequence[VideoRequest], price: float | None, *, is_demo: bool) -> str:
    """What the button says: what it makes and what that costs."""
    first = requests[0]
    takes = f"{len(requests)} × " if len(requests) > 1 else ""
    same = all(
        (each.duration, each.resolution) == (first.duration, first.resolution) for each in requests
    )
    what = f"{takes}{first.duration} s {first.resolution}" if same else f"{len(requests)} clips"
    return texts.GENERATE_FOR.format(what=what, price=_tag(price, is_demo=is_demo))


def note(price: float | None, visit: Spent, *, is_demo: bool) -> str:
    """The line beside the button."""
    if is_demo:
        return texts.DEMO_IS_FREE
    said = [words.CHARGED_WHEN_COMPLETE if price is not None else texts.PRICE_NOT_TOLD]
    if visit.may_be_more:
        said.append(texts.VISIT_NOT_KNOWN)
    elif visit.dollars:
        amount = words.dollars(visit.dollars)
        may_be_less = texts.VISIT_AT_MOST if visit.may_be_less else texts.VISIT
        said.append(may_be_less.format(amount=amount))
    return " ".join(said)


def _tag(price: float | None, *, is_demo: bool) -> str:
    if is_demo or price == 0:
        return texts.FREE
    if price is None or not math.isfinite(price):
        return texts.PRICE_UNKNOWN
    return f"≈ ${price:,.2f}" if price >= 0.01 else "< $0.01"
