"""The last HTTP exchanges of each job, in memory only, for the panel that shows them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from veo.trace import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedExchange:
    """An exchange, and how many times in a row it was the same."""

    number: int
    exchange: Exchange
    """The last of them."""
    times: int = 1
    began: float = field(default=0.0, compare=False)
    """When the first of them was asked, in seconds since the epoch."""
    ended: float = field(default=0.0, compare=False)
    """When the last of them was answered."""


class RecentHttp:
    """The last exchanges of the jobs last heard of.  Threads may share it."""

    def __init__(
        self, *, jobs: int = 500, of_each: int = 50, clock: Callable[[], float] = time.time
    ) -> None:
        self._most_jobs = jobs
        self._of_each = of_each
        self._clock = clock
        self._heard: dict[str, tuple[RepeatedExchange, ...]] = {}
        self._lock = threading.Lock()

    def note(self, job_id: str, exchange: Exchange) -> None:
        """Keep `exchange`; one that says what the last one said is only counted."""
        with self._lock:
            heard = self._heard.pop(job_id, ())
            self._heard[job_id] = _with(heard, exchange, self._clock())[-self._of_each :]
            if len(self._heard) > self._most_jobs:
                del self._heard[next(iter(self._heard))]

    def of(self, job_id: str) -> tuple[RepeatedExchange, ...]:
        """The oldest first; empty for a job that was not heard of since the process began."""
        with self._lock:
            return self._heard.get(job_id, ())

    def forget(self, job_id: str) -> None:
        with self._lock:
            self._heard.pop(job_id, None)


def _with(
    heard: tuple[RepeatedExchange, ...], exchange: Exchange, now: float
) -> tuple[RepeatedExchange, ...]:
    last = heard[-1] if heard else None
    if last and replace(last.exchange, seconds=exchange.seconds) == exchange:
        again = replace(last, exchange=exchange, times=last.times + 1, ended=now)
        return (*heard[:-1], again)
    new = RepeatedExchange(
        number=last.number + 1 if last else 1,
        exchange=exchange,
        began=now - exchange.seconds,
        ended=now,
    )
    return (*heard, new)
