"""How many looks at ids somebody has at once, and begins in a minute.

Anybody may make an id up, and each look at one holds a thread and goes out with a key.  This module
counts; it knows neither what is looked at nor who somebody is.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

from veo.types import Busy

AT_ONCE, A_MINUTE = 4, 30
MINUTE = 60.0


class Turn:
    """One look, until everything that serves it has ended.  Threads may share it."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._holders = 1
        self._lock = threading.Lock()

    def share(self) -> Turn:
        """The same turn for one more that holds it."""
        with self._lock:
            self._holders += 1
        return self

    def end(self, *_: object) -> None:
        """Give it back; each holder does so once."""
        with self._lock:
            self._holders -= 1
            left = self._holders
        if not left:
            self._end()


class Turns:
    """The turns of everybody; what is over for a minute is forgotten.  Threads may share it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held = Counter[str]()
        self._begun = deque[tuple[float, str]]()
        self._begun_by = Counter[str]()
        self._lock = threading.Lock()

    def take(self, quota_key: str) -> Turn:
        """A turn for one look; raises `Busy` for one too many."""
        with self._lock:
            now = self._clock()
            self._forget(now - MINUTE)
            if self._held[quota_key] >= AT_ONCE:
                raise Busy(f"You look for {AT_ONCE} clips by their ids, and no more go at once.")
            if self._begun_by[quota_key] >= A_MINUTE:
                said = f"You looked at {A_MINUTE} ids in a minute, and no more are allowed."
                raise Busy(said, retry_after=MINUTE)
            self._held[quota_key] += 1
            self._begun_by[quota_key] += 1
            self._begun.append((now, quota_key))
        return Turn(lambda: self._end(quota_key))

    def _end(self, quota_key: str) -> None:
        with self._lock:
            _count_down(self._held, quota_key)

    def _forget(self, before: float) -> None:
        while self._begun and self._begun[0][0] < before:
            _count_down(self._begun_by, self._begun.popleft()[1])


def _count_down(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if counter[name] <= 0:
        del counter[name]
