"""Who calls `run(job_id)`, and for how long they may: this process, or one of several servers.

    Here      one server: a task of this process for each job.  The default, which needs nothing.
    Shared    several servers on one PostgreSQL (`backend.shared_engine`): a job is handed to one
              that is alive, and what a dead one held to another.

No engine is trusted with money: it may call `run` for one job twice at once, or late.  The ledger's
row decides, by the job's state and its epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from backend.background import Background
from backend.ledger import Ledger

Run = Callable[[str], Coroutine[Any, Any, None]]

DEAD_AFTER = 30.0
"""Seconds without a heartbeat after which a server is taken for dead."""
LEASE = 0.8
"""Of those, in which a server may drive: it lets go before another takes over."""
SEND_WITHIN = 0.3
"""Of those, in which a request goes out after its intent was written down, or never."""

steady_now: Callable[[], float] = (
    # A clock that goes on while the machine sleeps: the other servers' heartbeats do, too.
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Lost(Exception):
    """This server may have been taken for dead: whoever drives a job lets go and writes nothing."""


class NoEngine(Exception):
    """Several servers cannot work together here; the text says what to do."""


class Engine(Protocol):
    """What `Jobs` asks of either."""

    is_shared: bool
    """Whether other servers may drive the same jobs."""
    send_within: float
    """Seconds from a written intent in which its request goes out, or never."""

    @property
    def term(self) -> int:
        """What a driver keeps from its beginning, for `held`."""
        ...

    def hand(self, connection: Connection, job_id: str) -> None:
        """Write down that a job is to be driven, in the transaction that makes it so."""
        ...

    def install(self, ledger: Ledger) -> None:
        """Make what the engine keeps in the ledger's database."""
        ...

    def attach(self, run: Run, background: Background, /) -> None:
        """Say what is to be called for each job."""
        ...

    def begin(self, job_id: str) -> None:
        """See that a job is driven whose row is committed."""
        ...

    def held(self, term: int, /) -> bool:
        """Whether who began in that term may still look and write."""
        ...

    async def start(self, left_over: Collection[str], /) -> None:
        """Begin; `left_over` are the jobs that an earlier process of this server left open."""
        ...

    async def stop(self) -> None:
        """Drive nothing any more, and let others have what is open."""
        ...


class Here:
    """One server: this process drives every job, until it stops."""

    is_shared = False
    send_within = math.inf
    term = 0

    def hand(self, connection: Connection, job_id: str) -> None:
        """Write nothing: `begin` is enough."""

    def install(self, ledger: Ledger) -> None:
        """Keep nothing."""

    def attach(self, run: Run, background: Background, /) -> None:
        self._run, self._background = run, background

    def begin(self, job_id: str) -> None:
        self._background.spawn(self._run(job_id))

    def held(self, _term: int, /) -> bool:
        return True

    async def start(self, _left_over: Collection[str], /) -> None:
        """Nothing to begin with: `Jobs` begins each that was left."""

    async def stop(self) -> None:
        """Nothing to hand over; `Background.stop` ends the tasks."""


class Lease:
    """How long this server may drive without hearing of the database.

    It counts from when the last heartbeat that arrived was *sent*.  Once it is over, whoever drove
    is out for good: the heartbeat that comes after that begins another term.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = steady_now) -> None:
        self.term = 0
        self._seconds = seconds
        self._clock = clock
        self._sent = -math.inf

    def beat(self, sent: float) -> None:
        if self._clock() - self._sent >= self._seconds:
            self.term += 1
        self._sent = max(sent, self._sent)

    def held(self, term: int) -> bool:
        return term == self.term and self._clock() - self._sent < self._seconds


def shared(ledger_url: str, *, dead_after: float) -> Engine:
    """The engine of several servers; raises `NoEngine` if it is not installed."""
    try:
        from backend.shared_engine import Shared
    except ImportError as error:
        raise NoEngine(
            'VEO_SERVERS=many needs one more package: pip install "procrastinate==3.10.0" '
            f'"psycopg[binary]" ({error})'
        ) from error
    return Shared(ledger_url, dead_after=dead_after)
