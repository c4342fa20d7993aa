"""Money before the click: what a press would cost, what is left, what was offered.

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

from backend import service
from veo.types import read_number
from veo_client import VeoClient, VeoError, VideoRequest

HALF_A_CENT = 0.005
BALANCE_KEPT = 20.0
"""Seconds for which a balance is shown without asking again."""

_balances: WeakKeyDictionary[VeoClient, tuple[float, float]] = WeakKeyDictionary()


async def price_of(requests: Sequence[VideoRequest], owner: str) -> float | None:
    """US dollars for all of `requests`; None when the service does not tell one of them."""
    payer = service.payer_for(owner)
    if payer == "demo":
        return 0.0
    client = service.the_jobs().client_for(owner, payer)
    prices = await asyncio.gather(*(service.dollars_for(client, request) for request in requests))
    return sum(price for price in prices if price is not None) if None not in prices else None


async def balance_of(owner: str) -> float | None:
    """US dollars left with the key that pays, if whoever looks may know."""
    payer, jobs = service.payer_for(owner), service.the_jobs()
    is_theirs = payer == "visitor" or (payer == "server" and not service.the_settings().on_space)
    client = jobs.client_for(owner, payer) if is_theirs else None
    if client is None:
        return None
    asked, balance = _balances.get(client, (-math.inf, 0.0))
    if time.monotonic() - asked > BALANCE_KEPT:
        try:
            balance = await service.briefly(service.ask(client.balance))
        except VeoError:
            return None
        _balances[client] = time.monotonic(), balance
    return balance


def offer_of(owner: str | None, price: float | None = None) -> dict[str, Any]:
    """What a button tells: who pays, and how many US dollars; None when the price is not known."""
    payer = service.payer_for(owner) if owner else service.payer_without_key()
    return {"payer": payer, "dollars": price}


async def holds(offer: object, requests: Sequence[VideoRequest], owner: str) -> bool:
    """Whether a press costs no more than `offer` said, and the same key pays.

    The browser may show an old price for a moment, and a key may be forgotten meanwhile.
    """
    said = offer if isinstance(offer, dict) else {}
    if said.get("payer") != service.payer_for(owner):
        return False
    most, price = read_number(said.get("dollars")), await price_of(requests, owner)
    if most is None or most < 0:
        # It said that the price is not known: nobody pays by that what is known to cost something.
        return not price
    return price is not None and price <= most + HALF_A_CENT
