"""A clock that is set, or a machine that sleeps, while clips run: no look too many, none lost."""

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veo.polling import LEAST_WAIT, LONGEST_EXPECTED, LONGEST_WAIT, PollState, next_wait
from veo.types import Generation, TookTooLong, Unreachable
from veo_client import VeoClient

HOUR = 3600.0


class World:
    """A clock that only waiting moves, and `jumps`: by how much more it goes at which look."""

    def __init__(self, jumps=None):
        self.now = 1_000_000.0
        self.waits = []
        self._jumps = dict(jumps or {})

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds + self._jumps.pop(len(self.waits), 0.0)


def follow(world, monkeypatch, *, statuses=None, **options):
    """What a client sees that follows one generation in `world`."""
    client = VeoClient("key", base_url="http://127.0.0.1:1", clock=lambda: world.now)

    def check(generation_id):
        return Generation(generation_id=generation_id, status="generating")

    monkeypatch.setattr(client, "check", check)
    options = {"expected": 120.0, "submitted_ago": 0.0, "sleep": world.sleep, **options}
    return list_until_end(client.follow("a", **options))


def list_until_end(updates):
    seen = []
    with pytest.raises(TookTooLong):
        for update in updates:
            seen.append(update)
    return seen


JUMPS = {
    "set back an hour": -HOUR,
    "set back for winter": -HOUR,
    "set forward an hour": HOUR,
    "set back by a day": -24 * HOUR,
    "asleep for ten hours": 10 * HOUR,
    "a lid shut for ten minutes": 600.0,
    "to 1970": -1_000_000.0,
}


@pytest.mark.parametrize("by", JUMPS.values(), ids=JUMPS)
def test_a_clock_that_jumps_changes_neither_the_looks_nor_the_end(by, monkeypatch):
    quiet = World()
    follow(quiet, monkeypatch)
    for at in (1, 5, 40):
        world = World({at: by})
        seen = follow(world, monkeypatch)
        assert abs(len(world.waits) - len(quiet.waits)) <= 12
        assert sum(world.waits) == pytest.approx(sum(quiet.waits), abs=200)
        assert min(world.waits[:-1]) >= LEAST_WAIT  # the last one ends with the deadline
        assert all(one.elapsed <= next_one.elapsed for one, next_one in pairwise(seen))
        assert seen[-1].elapsed <= 1300


@pytest.mark.parametrize(
    "expected", [-3597.0, 0.0, -0.0, 36_015.0, 1e12, math.inf, -math.inf, math.nan, 1e-9]
)
def test_an_expectation_out_of_a_broken_span_is_bounded_where_it_is_used(expected):
    state = PollState("a", expected=expected, submitted_ago=0.0)
    assert 1.0 <= state.update(0.0, 1.0).expected <= LONGEST_EXPECTED
    waits, followed = [], 0.0
    while followed < 1200:
        waits.append(state.wait(followed))
        followed += waits[-1]
    assert len(waits) < 1200
    assert all(LEAST_WAIT <= wait <= LONGEST_WAIT * 1.1 for wait in waits)


@given(st.floats(), st.floats())
def test_no_plan_waits_less_than_its_least(elapsed, expected):
    assert LEAST_WAIT <= next_wait(elapsed, expected) <= LONGEST_WAIT


def test_what_was_submitted_before_a_long_stop_is_looked_up_at_once():
    state = PollState("a", expected=120.0, submitted_ago=10 * HOUR)
    assert state.wait(0.0) == 0
    state.record_miss(Unreachable("no answer"), 0.0)
    assert state.wait(0.0) >= 2


@pytest.mark.parametrize("ago", [-HOUR, -1e9, math.nan])
def test_an_age_that_cannot_be_is_none(ago):
    state = PollState("a", expected=120.0, submitted_ago=ago)
    assert LEAST_WAIT <= state.wait(0.0) <= LONGEST_WAIT * 1.1
    assert state.update(0.0, 1.0).elapsed >= 0
    state.record_miss(Unreachable("no answer"), 0.0)
    assert state.wait(0.0) >= LEAST_WAIT


def test_a_span_that_counts_nowhere_leaves_the_deadline_where_it_was(monkeypatch):
    """A laptop that slept for ten hours looks for twenty minutes more, not for none."""
    world = World({3: 10 * HOUR})
    began = datetime.fromtimestamp(world.now, UTC)
    follow(world, monkeypatch)
    ended = datetime.fromtimestamp(world.now, UTC)
    assert ended - began > timedelta(hours=10, minutes=15)
