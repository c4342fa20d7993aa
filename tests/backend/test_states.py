"""What a person reads of a job: each state says what it costs, and what can be done."""

import re

import pytest
from test_explain import BLOCKED, ENHANCEMENT, FOX, SOUND, no_longer_there, update

from backend import states
from veo import explain
from veo_client import (
    Busy,
    Failed,
    InvalidRequest,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    VideoRequest,
)


def said_of(kind, text, **known):
    error = kind(text, **known)
    return explain.explain_error(error, request=FOX)


EVERY_STATE = {
    "empty": states.EMPTY,
    "gone": states.GONE,
    "invalid": said_of(InvalidRequest, "seed must be a whole number."),
    **{state: states.explain_waiting(state) for state in states.WAITING},
    "ready": states.explain_ready("1280 × 720, 4 s.", 1.6, is_demo=False),
    "removed": states.REMOVED,
    "stopped": states.STOPPED,
    "no key": said_of(Refused, "No API key: set AIMLAPI_KEY or give one.", reason="no_key"),
    "bad key": said_of(Refused, "Invalid API key.", reason="key"),
    "no credit": said_of(Refused, "You are out of credits.", reason="credits"),
    "not allowed": said_of(Refused, "Your account needs verification.", reason="forbidden"),
    "not through": said_of(Refused, "Something in front answered (403).", reason="guard"),
    "refused prompt": said_of(Refused, BLOCKED, about="policy"),
    "refused sound": said_of(Failed, SOUND, generation_id="a", about="sound"),
    "enhancement refused": explain.explain_error(
        Refused(ENHANCEMENT, about="enhancement"), request=VideoRequest("fox", enhance_prompt=False)
    ),
    "too many": said_of(Busy, "Too many requests.", retry_after=3600),
    "service trouble": said_of(Unreachable, "No usable answer (503).", generation_id="a"),
    "uncertain": said_of(SubmissionUncertain, "It may cost."),
    "gave up looking": said_of(TookTooLong, "No video after 20 minutes.", generation_id="a"),
    "expired": explain.explain_error(no_longer_there()[0], request=FOX, was_complete=True),
}
NOTHING_TO_DO = {"empty", "gone", "invalid", "ready", *states.WAITING}
"""Where a person waits, or writes, or has the clip."""


@pytest.mark.parametrize("state", EVERY_STATE)
def test_every_state_says_what_it_costs_and_what_can_be_done(state):
    said = EVERY_STATE[state]
    assert said.title
    assert re.search(r"[Cc]harge|cost|free|[Pp]ay|sent", said.cost)
    assert bool(said.actions) == (state not in NOTHING_TO_DO)
    assert len(said.actions) <= 2
    assert set(said.actions) <= set(explain.ACTIONS)
    if said.actions:
        assert said.what_happened
        assert said.next_step


def test_no_two_states_share_a_title():
    titles = [said.title for said in EVERY_STATE.values()]
    assert sorted(set(titles)) == sorted(titles)


def test_no_news_is_told_with_what_stands_in_the_way():
    said = states.explain_waiting("generating", update(trouble="No usable answer (503)."))
    assert said.title == "No news from the service"
    assert said.what_happened == "No usable answer (503). We keep checking."
    assert states.explain_waiting("generating", update("upscaling <b>")).title == "upscaling <b>"


@pytest.mark.parametrize("state", states.WAITING)
def test_a_demo_clip_on_its_way_is_free(state):
    assert states.explain_waiting(state, is_demo=True).cost == explain.DEMO_FREE


@pytest.mark.parametrize("state", states.WAITING)
@pytest.mark.parametrize("trouble", [None, "No usable answer (503)."])
def test_a_finished_clip_that_is_looked_for_again_is_charged_already(state, trouble):
    seen = update(trouble=trouble)
    assert states.explain_waiting(state, seen, was_complete=True).cost == explain.CHARGED


@pytest.mark.parametrize("state", states.WAITING)
@pytest.mark.parametrize("list_is_away", [False, True])
def test_a_guest_is_told_that_the_owner_pays(state, list_is_away):
    """Whatever says *you pay* to anybody else, and nothing else."""
    alone = states.explain_waiting(state, list_is_away=list_is_away)
    cost = {explain.CHARGED_WHEN_COMPLETE: explain.OWNER_CHARGED_WHEN_COMPLETE}
    said = states.explain_waiting(state, is_guest=True, list_is_away=list_is_away)
    assert said.cost == cost.get(alone.cost, alone.cost)
    seen = {"is_guest": True, "list_is_away": list_is_away}
    assert states.explain_waiting(state, was_complete=True, **seen).cost == explain.CHARGED


@pytest.mark.parametrize(
    ("state", "payer", "amount", "was_complete", "cost"),
    [
        ("running", "visitor", 3.2, False, "$3.20 if it completes"),
        ("uncertain", "visitor", 3.2, False, "$3.20 if it completes"),
        ("needs_attention", "visitor", 3.2, False, "$3.20 if it completes"),
        ("running", "visitor", 3.2, True, "$3.20"),
        ("downloading", "visitor", 3.2, True, "$3.20"),
        ("needs_attention", "visitor", 3.2, True, "$3.20"),
        ("done", "server", 3.2, True, "$3.20"),
        ("failed", "visitor", 3.2, False, "nothing charged"),
        ("failed", "visitor", 3.2, True, "$3.20"),
        ("rejected", "visitor", 3.2, False, "nothing charged"),
        ("done", "visitor", None, True, ""),
        ("downloading", "demo", 0.0, True, "demo, free"),
    ],
)
def test_the_list_says_what_a_clip_costs_and_no_if_once_it_is_complete(
    state, payer, amount, was_complete, cost
):
    assert states.explain_cost(state, payer, amount, was_complete=was_complete) == cost


def test_the_list_says_about_where_the_service_did_not_tell():
    for state, cost in (("done", "about $3.20"), ("downloading", "$3.20")):
        said = states.explain_cost(state, "visitor", 3.2, was_complete=True, is_told=False)
        assert said == cost


@pytest.mark.parametrize(
    ("paid", "is_demo", "cost"),
    [
        (1.6, False, "Charged $1.60 (list price)."),
        (0.0, False, "It was free."),
        (None, False, "Charged."),
        (None, True, explain.DEMO_FREE),
    ],
)
def test_a_finished_clip_says_what_it_cost_as_far_as_that_is_known(paid, is_demo, cost):
    assert states.explain_ready("4 s.", paid, is_demo=is_demo).cost == cost


def test_stopping_says_what_goes_on_and_what_it_costs():
    said = "The service keeps working. {cost} It continues in My clips."
    for known, cost in (
        ({}, explain.CHARGED_WHEN_COMPLETE),
        ({"is_guest": True}, explain.OWNER_CHARGED_WHEN_COMPLETE),
        ({"was_complete": True}, explain.CHARGED),
        ({"was_complete": True, "is_guest": True}, explain.CHARGED),
        ({"was_complete": True, "is_demo": True}, explain.DEMO_FREE),
    ):
        assert str(states.explain_stopped(**known)) == said.format(cost=cost)
