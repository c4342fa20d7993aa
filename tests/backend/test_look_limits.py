"""How many looks at ids somebody has: at once, in a minute, and what is remembered of that."""

import pytest

from backend.look_limits import A_MINUTE, AT_ONCE, MINUTE, Turns
from veo_client import Busy


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def turns(clock):
    return Turns(clock=clock)


def test_who_gives_a_turn_back_may_have_another(turns):
    held = [turns.take("ann") for _ in range(AT_ONCE)]
    with pytest.raises(Busy, match="at once"):
        turns.take("ann")
    assert turns.take("ben")
    held.pop().end()
    assert turns.take("ann")


def test_a_shared_turn_is_held_until_the_last_has_ended(turns):
    held = [turns.take("ann") for _ in range(AT_ONCE)]
    other = held[0].share()
    held[0].end()
    with pytest.raises(Busy):
        turns.take("ann")
    other.end()
    assert turns.take("ann")


def test_after_a_minute_there_are_turns_again(turns, clock):
    for _ in range(A_MINUTE):
        turns.take("ann").end()
    with pytest.raises(Busy, match="in a minute") as refused:
        turns.take("ann")
    assert refused.value.retry_after == MINUTE
    turns.take("ben").end()
    clock.now += MINUTE + 1
    turns.take("ann").end()


def test_nobody_is_remembered_for_longer_than_that(turns, clock):
    for number in range(1000):
        turns.take(str(number)).end()
    clock.now += MINUTE + 1
    turns.take("ann").end()
    assert len(turns._begun) == len(turns._begun_by) == 1
    assert not turns._held
