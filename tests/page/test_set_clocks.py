"""What a card says of a job's time while the machine's clock is set."""

import time

import pytest
from jobs_fixture import FOX
from test_broken_waits import JUMPS

from backend import job as job_module
from page import status_card
from veo.polling import LONGEST_EXPECTED


@pytest.mark.parametrize("expected", [-3597.0, 36_015.0, 0.0])
def test_an_expectation_that_was_stored_is_bounded_on_the_card_and_in_the_plan(expected, house):
    entry = house.ledger.add(owner="me", payer="server", request=FOX.body(), expected=expected)
    job = job_module.Job(entry)
    card = status_card.card_for_job(job, has_clip=False, is_guest=False)
    assert 1.0 <= card["expected"] <= LONGEST_EXPECTED
    assert card["elapsed"] >= 0


def test_no_clock_that_is_set_moves_what_a_card_says(house, monkeypatch):
    job, real = job_module.Job(house.row("running")), time.time
    for by in JUMPS.values():
        monkeypatch.setattr(time, "time", lambda by=by: real() + by)
        assert 0 <= job.elapsed < 10
        shown, next_shown = (
            status_card.card_for_job(job, has_clip=False, is_guest=False)["made"] for _ in range(2)
        )
        assert shown <= next_shown
