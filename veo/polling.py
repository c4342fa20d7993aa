"""When to look at a generation again, and what follows from what was seen.

Deciding is apart from waiting: nothing here sleeps, asks anybody or has a clock.
"""

from __future__ import annotations

import math
import random

from veo.types import (
    Busy,
    DownloadFailed,
    Failed,
    Generation,
    Refused,
    Unreachable,
    Update,
    Video,
    subject_of,
)

LEAST_WAIT, LONGEST_WAIT = 0.25, 15.0
LEAST_EXPECTED, LONGEST_EXPECTED = 1.0, 1200.0
USUALLY_EXPECTED = 120.0
LONGEST_LOOK = 120.0
"""Seconds that a look may take at most.  If more passed, the machine slept or its clock was set."""
MAX_CONSECUTIVE_ERRORS = 10
SHORTEST_RETRY_AFTER, LONGEST_RETRY_AFTER = 1.0, 60.0
"""Seconds, whatever the service says: it may say 0, or name a time that is over."""
NOT_FOUND_GRACE = 60.0
"""Seconds after creation in which a 404 only means that the service has not caught up yet."""
NOT_FOUND_GRACE_UNKNOWN_AGE = 3.0
"""The same where nobody knows when it was created: whoever typed an id waits for the answer."""
MISSING_URL_GRACE = 60.0
FRESH_ADDRESS_PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each fresh address of a file, a minute in all.  An address that died needs no
pause; a file that is not at its address yet comes there within seconds, as a rule."""

# When to look again.  With a hazard rate h(t) of finishing, the cheapest schedule has intervals
# proportional to 1/sqrt(h): rare looks at first, the most around the expected time, fewer in the
# long tail.  The early looks double, so that a refusal or a fast model is not noticed late.


def next_wait(elapsed: float, expected: float) -> float:
    """Seconds until the next look at a generation `elapsed` seconds old, without jitter.

    Whatever a clock made of its arguments, it is `LEAST_WAIT` at least and `LONGEST_WAIT` at most.
    """
    planned = _planned(_not_negative(elapsed), bounded_expected(expected))
    return min(max(planned, LEAST_WAIT), LONGEST_WAIT)


def bounded_expected(seconds: float) -> float:
    """`seconds` as far as a generation takes so long: what was stored may be of a broken clock."""
    if math.isnan(seconds):
        return USUALLY_EXPECTED
    return min(max(seconds, LEAST_EXPECTED), LONGEST_EXPECTED)


def counted(passed: float, waited: float) -> float:
    """What counts of the `passed` seconds of a clock, in which we meant to wait and then looked.

    A clock that was set back, or a machine that slept, gives a span that no look takes: then only
    the wait counts, so that a deadline comes neither at once nor never.
    """
    return passed if 0 <= passed <= waited + LONGEST_LOOK else waited


def _not_negative(seconds: float) -> float:
    return seconds if seconds > 0 else 0.0  # and so is what is not a number


def _planned(elapsed: float, expected: float) -> float:
    first = min(max(expected / 4, 0.5), 3.0)
    steady = min(max(expected / 26, 1.0), 4.5)
    if elapsed < first / 2:
        return first - elapsed
    if elapsed < expected / 2 - steady:
        return min(elapsed, expected / 15, LONGEST_WAIT)
    if elapsed < 1.6 * expected:
        return steady
    return min(2 * steady * elapsed / (1.6 * expected), LONGEST_WAIT)


_STATUSES = ("queued", "generating", "completed")
"""In the order a generation goes through them."""


def is_dropped(generation: Generation) -> bool:
    """Whether the filter took the clip after the work: the service then says `completed`, with an
    `error` in the place of the video."""
    return generation.status == "completed" and not generation.video and bool(generation.error)


def failure(generation: Generation) -> Failed:
    """The error of a generation that has failed."""
    reason = generation.error or "The service gave no reason."
    return Failed(reason, generation_id=generation.generation_id, about=subject_of(reason))


class PollState:
    """What follows from each look at one generation.  It has no clock and asks nobody."""

    def __init__(self, generation_id: str, *, expected: float, submitted_ago: float | None) -> None:
        self.generation_id = generation_id
        self.expected = bounded_expected(expected)
        self.age = _not_negative(submitted_ago or 0.0)
        # Of unknown age, or from before a long stop: it may long be there.
        self._looks_at_once = submitted_ago is None or self.age > 1.6 * self.expected
        self.not_found_grace = (
            NOT_FOUND_GRACE_UNKNOWN_AGE if submitted_ago is None else NOT_FOUND_GRACE - self.age
        )
        self.status = _STATUSES[0]
        self.video: Video | None = None
        self.trouble: str | None = None
        self._furthest = 0
        self._errors = 0
        self._pause = 0.0
        self._without_url_since: float | None = None

    def wait(self, followed: float) -> float:
        """Seconds until the next look, after following for `followed` seconds."""
        if self._looks_at_once:
            return 0.0
        planned = next_wait(self.age + followed, self.expected) * random.uniform(0.9, 1.1)
        return max(planned, self._pause)

    def update(self, followed: float, wait: float) -> Update:
        return Update(
            generation_id=self.generation_id,
            status=self.status,
            elapsed=self.age + followed,
            next_poll_in=0.0 if self.video else wait,
            expected=self.expected,
            trouble=self.trouble,
            video=self.video,
        )

    def record(self, generation: Generation, followed: float) -> None:
        """Take in an answer.  A status never goes back, and `completed` stays."""
        self._errors, self._pause, self.trouble, self._looks_at_once = 0, 0.0, None, False
        if self.status != "completed":
            if generation.status == "error":
                raise failure(generation)
            self._advance(generation.status)
        if self.status == "completed":
            if is_dropped(generation):
                raise failure(generation)
            self.video = generation.video
            self._without_url_since = self._without_url_since or followed
            if self.video is None and followed - self._without_url_since > MISSING_URL_GRACE:
                raise DownloadFailed(
                    "The video is ready, but the service gives no address for it.",
                    generation_id=self.generation_id,
                )

    def record_miss(self, error: Busy | Unreachable | Refused, followed: float) -> None:
        """Take in a look without news.  The video is paid for: a lost answer must not lose it."""
        self._looks_at_once = False
        if isinstance(error, Refused):
            if error.reason != "not_found" or followed >= self.not_found_grace:
                raise error
            self.trouble = "The service does not know this id yet."
            return
        self._errors += 1
        if self._errors >= MAX_CONSECUTIVE_ERRORS:
            raise error
        self.trouble = str(error)
        asked_for = min(error.retry_after or 0.0, LONGEST_RETRY_AFTER)
        self._pause = max(asked_for, min(2.0**self._errors, 30.0))

    def _advance(self, status: str | None) -> None:
        if status in _STATUSES:
            if _STATUSES.index(status) < self._furthest:
                return
            self._furthest = _STATUSES.index(status)
        self.status = status or self.status
