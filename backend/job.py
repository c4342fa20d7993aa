"""One video on its way, as everybody reads it and anybody may follow it.

It is a row of the ledger, and what is known beside it while somebody drives it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from backend.ledger import ACTIVE_STATES, ONE_CALL, Entry, State
from backend.stored_errors import error_from_json
from veo import media
from veo.differences import Difference, differences
from veo.polling import bounded_expected
from veo_client import InvalidRequest, TookTooLong, Update, VeoError, VideoRequest

LEFT_AFTER = 30.0
"""Seconds for which a look at an id goes on though nobody follows it: a page asks for its list of
clips more often, and a reload takes less."""


CLOCKS_AGREE_WITHIN = 5.0
"""Seconds by which a clock of the wall may drift from a steady one while we wait."""


class UnbrokenWait:
    """Measures how long a job takes, as long as nothing breaks the wait for it.

    A machine that sleeps halts the steady clock and not the wall's; whoever sets a clock sets the
    wall's alone.  A restart, or a job that rested, has no such wait.
    """

    def __init__(self) -> None:
        self._began, self._began_by_the_wall = time.monotonic(), time.time()

    @property
    def seconds(self) -> float | None:
        """Until now; None when it was broken."""
        steady = time.monotonic() - self._began
        by_the_wall = time.time() - self._began_by_the_wall
        return steady if abs(by_the_wall - steady) <= CLOCKS_AGREE_WITHIN else None


class Job:
    """One video on its way.  Read it; `Jobs` and `Runner` alone change it."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.update: Update | None = None
        """What the last look showed, while somebody looks."""
        self.is_driven = False
        """Whether this process drives it.  Else it is as it stood when it was read: what is open
        may be another server's, or one's that is gone."""
        self.has_news = False
        """Whether another server drives it, and its row is read anew while somebody follows it."""
        self.list_is_away = False
        """Whether its row was looked for, and the ledger could not be reached."""
        self.has_arrived = False
        """Whether its file is here, and looked at from end to end: for seconds, where much runs."""
        self.driver: asyncio.Task[Any] | None = None
        """What drives it here, of several servers, once it was taken."""
        self.is_replaced = False
        """Whether its driver is to let it go, for another has taken it."""
        self.term: int | None = None
        """Of the engine's, in which its driver may look and write; None is at any time."""
        self.wait: UnbrokenWait | None = None
        """Since the service took it, if this process sent it and nothing was in between."""
        self._generating_since: float | None = None
        """By the steady clock, since a look first showed that the service makes it."""
        self._began = time.monotonic() - max(time.time() - entry.created, 0.0)
        """By the steady clock, so that no clock that is set moves what a person sees."""
        self._request: tuple[dict[str, Any] | None, VideoRequest | None] = (None, None)
        """As it stands in the row, and as it was read from that: it is asked for at every look."""
        self._changed = asyncio.Event()
        self._left = asyncio.Event()
        """Set while nobody follows it, who did."""
        self._followers = 0
        self._wanted = time.monotonic()

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def state(self) -> State:
        return self.entry.state

    @property
    def is_over(self) -> bool:
        """Whether nobody drives it just now."""
        return self.state not in ACTIVE_STATES

    @property
    def is_demo(self) -> bool:
        return self.entry.payer == "demo"

    @property
    def is_taken(self) -> bool:
        """Whether one of several servers drives it; one alone takes no job."""
        return self.entry.epoch > 0

    @property
    def is_followed(self) -> bool:
        return self._followers > 0

    @property
    def generation_id(self) -> str | None:
        return self.entry.generation_id

    @property
    def request(self) -> VideoRequest | None:
        """None when only the id of an earlier request is known, or we would not send it today."""
        if self._request[0] is not self.entry.request:
            self._request = self.entry.request, _as_sent_today(self.entry.request)
        return self._request[1]

    @property
    def is_only_looked_for(self) -> bool:
        """Whether it was not asked for here, and cost nothing here."""
        return self.entry.request is None and self.entry.submitted is None

    @property
    def is_for_one_call(self) -> bool:
        """Whether nobody can ask for it once its call has ended; what was paid for here stays."""
        return self.is_only_looked_for and self.entry.owner.startswith(ONE_CALL)

    @property
    def was_left(self) -> bool:
        """Whether it rests because nobody wanted it, and may go on for who comes back."""
        rests = self.is_only_looked_for and self.state == "needs_attention"
        return rests and isinstance(self.error, TookTooLong)

    @property
    def is_wanted(self) -> bool:
        """Whether it is worth one more look: somebody paid for it here, or waits for it."""
        if not self.is_only_looked_for or self._followers:
            return True
        hung_up = self.is_for_one_call and self._left.is_set()
        return not hung_up and time.monotonic() - self._wanted < LEFT_AFTER

    def want(self) -> None:
        """Note that its owner is there."""
        self._wanted = time.monotonic()

    @property
    def error(self) -> VeoError | None:
        return error_from_json(self.entry.error, self.entry.generation_id)

    @property
    def facts(self) -> media.Facts | None:
        facts = dict(self.entry.facts or {})
        for beside in ("took", "usd_spent"):
            facts.pop(beside, None)
        return media.Facts(**facts) if facts else None

    @property
    def differences(self) -> list[Difference]:
        """What of a finished clip is not as it was asked for, as far as both are known."""
        request, facts = self.request, self.facts
        return differences(request, facts) if request and facts else []

    @property
    def cost_is_told(self) -> bool:
        """Whether `entry.dollars` is what the service says that it charged."""
        return "usd_spent" in (self.entry.facts or {})

    @property
    def elapsed(self) -> float:
        """Seconds from the start to now, or to the end."""
        if self.is_over:
            return max(self.entry.updated - self.entry.created, 0.0)
        return time.monotonic() - self._began

    @property
    def generating_for(self) -> float:
        """Seconds since a look first showed that the service makes it; what it waited before, in
        line behind others, does not count."""
        since = self._generating_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def expected(self) -> float:
        """Seconds that a generation like this takes, as a guess that no broken clock made."""
        return bounded_expected(self.entry.expected)

    async def follow(self) -> AsyncIterator[Job]:
        """The job now, and again after each change, until it is over, or nothing changes it."""
        with self._followed():
            while True:
                # Noted before the yield: the job may end while whoever follows is busy with it.
                changes = self.is_driven or self.has_news
                changed, was_over = self._changed, self.is_over or not changes
                yield self
                if was_over:
                    return
                await changed.wait()

    @contextmanager
    def _followed(self) -> Iterator[None]:
        self._followers += 1
        self._left.clear()
        try:
            yield
        finally:
            self._followers -= 1
            self.want()
            if not self._followers:
                self._left.set()

    async def changed(self) -> None:
        """Come back after the next change."""
        await self._changed.wait()

    async def left(self) -> None:
        """Come back once nobody follows it any more; at once if its followers have all left."""
        await self._left.wait()

    def set_away(self, is_away: bool) -> None:
        if is_away != self.list_is_away:
            self.list_is_away = is_away
            self.change()

    def set_arrived(self, has_arrived: bool) -> None:
        if has_arrived != self.has_arrived:
            self.has_arrived = has_arrived
            self.change()

    def change(
        self, *, entry: Entry | None = None, update: Update | None = None, **changes: Any
    ) -> None:
        """Take over what was written down, or seen, and wake whoever follows."""
        self.entry = replace(entry or self.entry, **changes)
        self.update = update or self.update
        if self.update and self.update.status == "generating" and self._generating_since is None:
            self._generating_since = time.monotonic()
        self._changed.set()
        self._changed = asyncio.Event()


def _as_sent_today(request: dict[str, Any] | None) -> VideoRequest | None:
    with suppress(InvalidRequest, TypeError):  # a later version may have had other fields
        return VideoRequest(**request) if request else None
    return None
