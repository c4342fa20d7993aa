"""What a person reads: whole for every error, and nothing promised that is not true."""

import inspect
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import veo_types
import words
from veo_types import (
    Busy,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Reason,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoError,
    Video,
)

KINDS = [
    VeoError,
    InvalidRequest,
    Busy,
    Unreachable,
    SubmissionUncertain,
    Failed,
    TookTooLong,
    DownloadFailed,
]


def every_error(generation_id):
    """One of each class, and of each reason where a class has several."""
    errors = [kind("It rained.") for kind in KINDS]
    errors += [Refused("It rained.", reason=reason) for reason in get_args(Reason)]
    for error in errors:
        error.generation_id = generation_id
    return errors


def named(error):
    return f"{type(error).__name__} {getattr(error, 'reason', '')}".strip()


BEFORE_AN_ID = every_error(None)
WITH_AN_ID = every_error("a:b/c")


def update(status="generating", **fields):
    facts = {"generation_id": "a", "elapsed": 1.0, "next_poll_in": 1.0, "expected": 120.0}
    return Update(status=status, **facts | fields)


def refused(said, reason="request", generation_id=None):
    error = Refused(said, reason=reason)
    error.generation_id = generation_id
    return words.of_error(error)


# Errors


def test_the_list_above_has_every_error():
    classes = {
        each
        for each in vars(veo_types).values()
        if inspect.isclass(each) and issubclass(each, VeoError)
    }
    assert {type(error) for error in WITH_AN_ID} == classes


@pytest.mark.parametrize("error", BEFORE_AN_ID + WITH_AN_ID, ids=named)
def test_every_error_has_title_sentence_cost_and_next_step(error):
    explained = words.of_error(error)
    assert explained.title
    assert not explained.title.endswith(".")
    assert explained.what_happened == "It rained."
    assert explained.cost.endswith(".")
    assert explained.next_step.endswith(".")
    assert str(explained) == f"It rained. {explained.cost} {explained.next_step}"


def test_no_two_kinds_of_error_share_a_title():
    titles = {words.of_error(error).title for error in BEFORE_AN_ID}
    assert len(titles) == len(BEFORE_AN_ID)


@pytest.mark.parametrize("error", WITH_AN_ID, ids=named)
def test_no_charge_is_ruled_out_once_there_is_an_id(error):
    """But for a generation that failed: the vendor says that those are never charged."""
    rules_it_out = words.NOT_CHARGED in str(words.of_error(error))
    assert rules_it_out == isinstance(error, Failed)


@pytest.mark.parametrize("error", BEFORE_AN_ID, ids=named)
def test_without_an_id_nothing_points_to_one(error):
    explained = words.of_error(error)
    assert " id" not in str(explained)
    assert "look again" not in str(explained).lower()


def test_a_request_that_may_have_been_taken_is_never_called_free():
    for error in (SubmissionUncertain("It rained."), VeoError("It rained.")):
        explained = str(words.of_error(error)).lower()
        assert words.NOT_CHARGED.lower() not in explained
        assert "then try again" not in explained
    uncertain = words.of_error(SubmissionUncertain("It rained."))
    assert "not sent again" in uncertain.next_step
    assert "account" in uncertain.next_step


def test_a_clip_that_did_not_arrive_is_known_to_be_paid_for():
    explained = words.of_error(DownloadFailed("It rained.", generation_id="a"))
    assert "charged already" in explained.cost
    assert "costs nothing more" in explained.cost


def test_a_key_refused_while_a_clip_is_made_leaves_the_clip_its_price():
    assert refused("Invalid key.", "key").cost == words.NOT_CHARGED
    assert refused("Invalid key.", "key", "a").cost == words.CHARGED_WHEN_COMPLETE


def test_credits_that_ran_out_while_a_clip_is_made_do_not_ask_for_a_second_clip():
    assert refused("No credits.", "credits").next_step.endswith("try again.")
    assert refused("No credits.", "credits", "a").next_step.endswith("look again.")


def test_an_unknown_id_and_an_unknown_path_have_different_cures():
    assert "id" in refused("Nothing here.", "not_found", "a").next_step
    assert "base URL" in refused("Nothing here.", "not_found").next_step


@pytest.mark.parametrize(
    ("said", "next_step"),
    [
        ("enhance_prompt: Prompt enhancement cannot be disabled.", "Leave enhance_prompt on"),
        ("Audio was refused by a filter.", "Try without sound"),
        ("The content policy refuses the prompt.", "Change the prompt"),
    ],
)
def test_a_refusal_is_met_with_what_would_help(said, next_step):
    assert refused(said).next_step.startswith(next_step)
    assert words.of_error(Failed(said, generation_id="a")).next_step.startswith(next_step)


@pytest.mark.parametrize(
    ("said", "shown"),
    [("No credits left", "No credits left."), ("Really?", "Really?"), ("", "No credits left")],
)
def test_the_services_words_become_a_sentence(said, shown):
    assert refused(said, "credits").what_happened == shown


@pytest.mark.parametrize(
    ("seconds", "wait"),
    [
        (None, "Wait a minute,"),
        (0.0, "Wait 1 s,"),
        (30.2, "Wait 31 s,"),
        (120.0, "Wait 2 minutes,"),
        (3600.0, "Wait 60 minutes,"),
        (86400.0, "Wait 24 hours,"),
    ],
)
def test_how_long_to_wait_is_in_a_unit_that_fits(seconds, wait):
    explained = words.of_error(Busy("Too many.", retry_after=seconds))
    assert explained.next_step == f"{wait} then try again."


# States


def test_known_states_are_in_our_words():
    assert words.of_status(update("queued")) == "Waiting in line at the service"
    assert words.of_status(update("generating")) == "Making the video"


def test_a_state_that_nobody_documented_is_shown_as_it_came():
    assert words.of_status(update("upscaling <b>2×</b>")) == "upscaling <b>2×</b>"


def test_fetching_is_said_only_when_there_is_something_to_fetch():
    video = Video(generation_id="a", url="https://cdn.example/a.mp4")
    assert words.of_status(update("completed", video=video)) == "Fetching the video"
    assert "Fetching" not in words.of_status(update("completed"))


def test_trouble_is_told_beside_the_state():
    shown = words.of_status(update(trouble="The service gave no usable answer (503)."))
    assert shown == "Making the video. The service gave no usable answer (503). Looking again."
    assert words.of_status(update(trouble="busy")) == "Making the video. busy. Looking again."


def test_stopping_says_what_goes_on_and_what_it_costs():
    assert "goes on" in str(words.STOPPED)
    assert words.CHARGED_WHEN_COMPLETE in str(words.STOPPED)


# Figures


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (0.99, "0:00"), (59.9, "0:59"), (60, "1:00"), (754.2, "12:34"), (-1, "0:00")],
)
def test_a_clock_shows_minutes_and_whole_seconds(seconds, shown):
    assert words.clock(seconds) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "price not known"),
        (float("inf"), "price not known"),
        (0.0, "free"),
        (0.004, "less than $0.01"),
        (0.01, "about $0.01"),
        (5.2, "about $5.20"),
        (1234.5, "about $1,234.50"),
    ],
)
def test_dollars_are_an_estimate_and_never_a_guess(amount, shown):
    assert words.dollars(amount) == shown


@given(st.floats(min_value=0, exclude_min=True))
def test_what_costs_something_is_never_called_free(amount):
    assert "free" not in words.dollars(amount)
    assert "$0.00" not in words.dollars(amount)
