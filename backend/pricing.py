"""Money before the click: what a press would cost, what is left, what was offered.

Every figure is the service's own, from its price list and its billing; what it does not tell is
said to be unknown.  This module asks and compares; it spends nothing and knows no jobs.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar, get_args
from weakref import WeakKeyDictionary

from backend.ledger import Payer
from veo.types import read_number
from veo_client import MODELS, InvalidRequest, Price, TookTooLong, VeoClient, VeoError, VideoRequest

Answer = TypeVar("Answer")

PAYERS: tuple[Payer, ...] = get_args(Payer)

HALF_A_CENT = 0.005
TIMEOUT = 2.0
"""Seconds that a click waits for what is good to know, and not needed."""
PRICE_KEPT, NO_PRICE_KEPT = 600.0, 30.0
"""Seconds for which a price list is believed, and for which one that failed is not asked again."""
CATALOGUE_KEPT = 3600.0
"""Seconds for which the list of models is believed, or not asked for again if it failed."""
BALANCE_KEPT = 20.0
"""Seconds for which a balance is shown without asking again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a button tells before it is pressed: who pays, and how many US dollars."""

    payer: Payer | None
    """None when nobody is named who could: such an offer is never valid."""
    dollars: float | None
    """None while the price is not known."""

    @classmethod
    def from_untrusted(cls, told: object) -> Offer:
        """The offer that a browser sends back, whatever it made of it."""
        fields = told if isinstance(told, dict) else {}
        payer = next((each for each in PAYERS if each == fields.get("payer")), None)
        dollars = read_number(fields.get("dollars"))
        return cls(payer=payer, dollars=dollars if dollars is not None and dollars >= 0 else None)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class OfferChanged(InvalidRequest):
    """The price, or whose key pays, is another than was offered; nothing was sent."""


def offer_still_valid(offer: Offer, now: Offer) -> bool:
    """Whether a press costs no more than `offer` said, and the same key pays.

    The browser may show an old price for a moment, and a key may be forgotten meanwhile.
    """
    if offer.payer != now.payer:
        return False
    if offer.dollars is None:
        # It said that the price is not known: nobody pays by that what is known to cost something.
        return not now.dollars
    return now.dollars is not None and now.dollars <= offer.dollars + HALF_A_CENT


class Prices:
    """The service's price lists and balances, each asked for once however many want it."""

    def __init__(self) -> None:
        # Not asyncio's own pool: a service that hangs would hold what else is waited for there.
        self._helpers = ThreadPoolExecutor(16, "helping")
        self._lists: dict[tuple[str, str], tuple[float, Future[Price]]] = {}
        self._catalogues: dict[str, tuple[float, Future[frozenset[str]]]] = {}
        self._balances: WeakKeyDictionary[VeoClient, tuple[float, float]] = WeakKeyDictionary()

    def close(self) -> None:
        """Wait for no answer any more."""
        self._helpers.shutdown(wait=False, cancel_futures=True)

    async def estimate(self, client: VeoClient | None, request: VideoRequest) -> float | None:
        """US dollars for `request`; None when the service does not tell, or not in time."""
        if client is None:
            return None
        try:
            price = await self._list_of(client, request.model)
        except VeoError:
            return None
        return price.estimate(request)

    def models_gone(self, client: VeoClient) -> frozenset[str]:
        """The models that the service no longer lists, as far as that is known by now.

        Asks for its list in the background and waits for nothing.
        """
        asked, answer = self._catalogues.get(client.base_url, (0.0, None))
        if not answer or time.monotonic() - asked > CATALOGUE_KEPT:
            answer = self._in_helper_thread(client.offered)
            self._catalogues[client.base_url] = time.monotonic(), answer
        listed = answer.result() if answer.done() and not answer.exception() else frozenset()
        # One that lists none of ours is no list to go by.
        return frozenset(MODELS) - listed if listed else frozenset()

    async def balance(self, client: VeoClient) -> float | None:
        """US dollars left with the key of `client`; None when the service does not tell."""
        asked, balance = self._balances.get(client, (-math.inf, 0.0))
        if time.monotonic() - asked > BALANCE_KEPT:
            try:
                balance = await self.balance_now(client)
            except VeoError:
                return None
            self._balances[client] = time.monotonic(), balance
        return balance

    async def balance_now(self, client: VeoClient) -> float:
        """The same, asked for anew; raises what the service says of the key."""
        return await with_timeout(self._in_helper_thread(client.balance))

    async def _list_of(self, client: VeoClient, model: str) -> Price:
        asked, answer = self._lists.get((client.base_url, model), (0.0, None))
        failed = answer and answer.done() and answer.exception()
        if not answer or time.monotonic() - asked > (NO_PRICE_KEPT if failed else PRICE_KEPT):
            answer = self._in_helper_thread(client.price, model)
            self._lists[client.base_url, model] = time.monotonic(), answer
        return await with_timeout(answer)

    def _in_helper_thread(self, call: Callable[..., Answer], *arguments: Any) -> Future[Answer]:
        return self._helpers.submit(call, *arguments)


async def with_timeout(asked: Future[Answer]) -> Answer:
    """What a helper thread answers within `TIMEOUT`; raises `VeoError` otherwise."""
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(asked)), TIMEOUT)
    except TimeoutError:
        raise TookTooLong("The service takes its time.") from None
