"""A short form of `servers_chaos.py`: three servers are struck at random, on a real PostgreSQL."""

import sys

import pytest
from postgres import PostgresServer
from servers_chaos import FROZEN_FOR, KINDS, SERVERS, chaos, plan

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the servers count on fork and pidfd"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def postgres():
    with PostgresServer() as server:
        yield server


def test_fifteen_blows_at_three_servers_and_a_restart_break_nothing(postgres):
    outcome = chaos(postgres, seed=7, blows=15, restarts=1)
    assert outcome.broken == [], outcome
    assert outcome.blows["restart"] == 1
    assert outcome.states["done"] > 5
    assert outcome.taken_over > 0


def test_a_seed_says_the_whole_plan():
    assert plan(7, 200) == plan(7, 200) != plan(8, 200)
    assert {blow.kind for blow in plan(7, 200)} == {*KINDS}
    assert {blow.server for blow in plan(7, 200)} == {*SERVERS}
    assert {blow.frozen_for for blow in plan(7, 200)} == {*FROZEN_FOR}
