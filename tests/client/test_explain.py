"""What a person reads: whole for every error, and nothing promised that is not true."""

import inspect
import re
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veo import explain, types
from veo.types import (
    Busy,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Reason,
    Refused,
    Setting,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoError,
    Video,
    VideoRequest,
    subject_of,
)
from veo_client import VeoClient

FOX = VideoRequest("fox", seed=7)

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
    error = Refused(said, reason=reason, about=subject_of(said))
    error.generation_id = generation_id
    return explain.explain_error(error)


# Errors


def test_the_list_above_has_every_error():
    classes = {
        each
        for each in vars(types).values()
        if inspect.isclass(each) and issubclass(each, VeoError)
    }
    assert {type(error) for error in WITH_AN_ID} == classes


@pytest.mark.parametrize("error", BEFORE_AN_ID + WITH_AN_ID, ids=named)
def test_every_error_has_title_sentence_cost_and_next_step(error):
    explained = explain.explain_error(error)
    assert explained.title
    assert not explained.title.endswith(".")
    assert explained.what_happened == "It rained."
    assert explained.cost.endswith(".")
    assert explained.next_step.endswith(".")
    assert str(explained) == f"It rained. {explained.cost} {explained.next_step}"


def test_no_two_kinds_of_error_share_a_title():
    titles = {explain.explain_error(error).title for error in BEFORE_AN_ID}
    assert len(titles) == len(BEFORE_AN_ID)


@pytest.mark.parametrize("error", WITH_AN_ID, ids=named)
def test_no_charge_is_ruled_out_once_there_is_an_id(error):
    """But for a generation that failed: the vendor says that those are never charged."""
    rules_it_out = explain.NOT_CHARGED in str(explain.explain_error(error))
    assert rules_it_out == isinstance(error, Failed)


@pytest.mark.parametrize("error", BEFORE_AN_ID, ids=named)
def test_without_an_id_nothing_points_to_one(error):
    explained = explain.explain_error(error)
    assert " id" not in str(explained)
    assert "look again" not in str(explained).lower()


def test_a_request_that_may_have_been_taken_is_never_called_free():
    for error in (SubmissionUncertain("It rained."), VeoError("It rained.")):
        explained = str(explain.explain_error(error)).lower()
        assert explain.NOT_CHARGED.lower() not in explained
        assert "then try again" not in explained


def test_who_does_not_know_whether_it_was_taken_looks_at_the_account_first():
    """Once: the client's sentence says it, too."""
    lost = SubmissionUncertain.after("The service did not answer")
    assert str(lost).endswith(f" {explain.LOOK_FIRST}")
    explained = explain.explain_error(lost, request=FOX)
    assert explained.what_happened == (
        "The service did not answer: it may be making the clip, and you may be charged."
    )
    assert explained.next_step == explain.LOOK_FIRST
    assert str(explained).count("account") == 1
    assert explained.actions == ("send_again",)


def test_a_file_that_did_not_arrive_belongs_to_a_clip_that_is_charged():
    explained = explain.explain_error(DownloadFailed("It was cut off.", generation_id="a"))
    assert explained.cost == "The clip is already charged; fetching it costs nothing more."
    assert explained.actions == ("fetch_again",)


@pytest.mark.parametrize("error", BEFORE_AN_ID + WITH_AN_ID, ids=named)
def test_a_demo_clip_is_free_whatever_becomes_of_it(error):
    assert explain.explain_error(error, is_demo=True).cost == explain.DEMO_FREE


def test_a_lost_demo_request_neither_may_cost_nor_needs_an_insisting_person():
    lost = SubmissionUncertain.after("The service did not answer")
    explained = explain.explain_error(lost, request=FOX, is_demo=True)
    assert explained.what_happened == "The service did not answer: it may be making the clip."
    assert "charged" not in str(explained)
    assert "account" not in str(explained)
    assert explained.actions == ("send",)


@pytest.mark.parametrize("error", BEFORE_AN_ID + WITH_AN_ID, ids=named)
def test_a_guest_is_never_sent_to_an_account_that_is_not_theirs(error):
    explained = explain.explain_error(error, request=FOX, is_guest=True)
    assert not re.search("your (AI/ML API )?account", str(explained))
    about_the_account = ("no_key", "key", "credits", "forbidden")
    if isinstance(error, Refused) and error.reason in about_the_account:
        assert "its owner has to" in explained.next_step
        assert ("bring_key" in explained.actions) == (error.generation_id is None)
    elif "account" not in str(explain.explain_error(error)):
        the_same = explain.explain_error(error, request=FOX)
        assert replace(explained, cost="") == replace(the_same, cost="")


def test_a_guest_pays_nothing_whatever_becomes_of_it():
    lost = SubmissionUncertain.after("The service did not answer")
    explained = explain.explain_error(lost, request=FOX, is_guest=True)
    assert explained.what_happened == "The service did not answer: it may be making the clip."
    assert explained.cost == explain.OWNER_CHARGED_IF_TAKEN
    for error in BEFORE_AN_ID + WITH_AN_ID:
        assert not re.search(
            r"\byou (pay|may be)\b", str(explain.explain_error(error, is_guest=True)), re.I
        )
    stopped = TookTooLong("It rained.", generation_id="a")
    assert explain.explain_error(stopped, is_guest=True).cost == explain.OWNER_CHARGED_WHEN_COMPLETE
    assert explain.explain_error(stopped, is_guest=True, was_complete=True).cost == explain.CHARGED


def test_whose_key_has_no_credits_is_told_to_whoever_can_do_something():
    out = Refused("No credits.", reason="credits")
    assert explain.explain_error(out, is_guest=True).next_step == (
        "This server's key has no credits left: its owner has to top it up, or enter a key of "
        "your own."
    )
    lost = SubmissionUncertain.after("The service did not answer")
    assert explain.explain_error(lost, is_guest=True).next_step == (
        "The owner of this server sees in their account if the service got it."
    )


def test_a_key_refused_while_a_clip_is_made_leaves_the_clip_its_price():
    assert refused("Invalid key.", "key").cost == explain.NOT_CHARGED
    assert refused("Invalid key.", "key", "a").cost == explain.CHARGED_WHEN_COMPLETE


def test_credits_that_ran_out_while_a_clip_is_made_do_not_ask_for_a_second_clip():
    assert refused("No credits.", "credits").next_step.endswith("try again.")
    assert refused("No credits.", "credits", "a").next_step.endswith("look again.")


def test_an_unknown_id_and_an_unknown_path_have_different_cures():
    assert "id" in refused("Nothing here.", "not_found", "a").next_step
    assert "base URL" in refused("Nothing here.", "not_found").next_step


HELPS = {
    "Leave prompt enhancement on": [
        "enhance_prompt: Prompt enhancement cannot be disabled.",
        "Veo 3 prompt enhancement cannot be disabled.",
        "enhancePrompt=false is not supported by this model.",
        "enhance_prompt must be true",
        "enhance_prompt: Expected true, received false",
        "enhance_prompt: Invalid literal value, expected true",
    ],
    "Try without sound": [
        "Audio was refused by a filter.",
        "We encountered an issue with the audio for your prompt. Your account was not charged.",
        "generate_audio is not supported for this model.",
        "The generated speech was blocked by our safety filters.",
        "The sound of this video violates the content policy.",
    ],
    "Change the prompt first": [
        "The content policy refuses the prompt.",
        "prompt: Refused by the content policy.",
        "This prompt contains sensitive words that violate Google's Responsible AI practices.",
        "The prompt contains hate speech and violates our usage policies.",
        "The audiovisual content is prohibited by the safety filters.",
        "Flagged by moderation.",
        "The prompt must be in line with our policies.",
    ],
    "Change what it names": [
        "generate_audio: Expected boolean, received string",
        "enhance_prompt: Expected boolean, received number",
        "enhance_prompt: Invalid input: expected boolean, received string",
        "prompt: Expected string, received undefined",
        "Expected '4' | '6' | '8', received '5'",
        "resolution: Invalid enum value. Expected '720p' | '1080p', received '4k'",
        'resolution: Invalid option: expected one of "720p"|"1080p"',
        "duration must be one of 4, 6, 8",
        "seed must be less than or equal to 4294967295",
        "Unrecognized key(s) in object: 'sound'",
    ],
    "Change the prompt or the settings": [
        "enhanced security check failed",
        "Image enhancement is not part of this plan.",
        "Model names are case-sensitive.",
        "The police car could not be rendered.",
        "The partner responsible for this model gave up under moderate load.",
        "That sounds like two scenes.",
        "Nobody knows why.",
    ],
}
"""What would help, and messages as services and their partners write them."""


@pytest.mark.parametrize(
    ("said", "next_step"), [(said, helps) for helps, all_said in HELPS.items() for said in all_said]
)
def test_a_refusal_is_met_with_what_would_help(said, next_step):
    assert refused(said).next_step.startswith(next_step)
    failed = Failed(said, generation_id="a", about=subject_of(said))
    assert explain.explain_error(failed).next_step.startswith(next_step)


def test_what_a_refusal_is_about_is_read_where_the_answer_is_read():
    """Afterwards the attribute alone decides, whatever the text says."""
    said = "generate_audio is not supported for this model."
    assert subject_of(said) == "sound"
    assert explain.explain_error(Refused(said)).title == "The service refused this request"
    assert explain.explain_error(Refused("No.", about="sound")).title == "The sound was refused"


# What can be done next


BLOCKED = "prompt: Refused by the content policy."
SOUND = "The audio of this video was refused by a filter."
ENHANCEMENT = "enhance_prompt: Prompt enhancement cannot be disabled."


@pytest.mark.parametrize(
    ("said", "changes", "actions"),
    [
        (BLOCKED, {}, ("change_prompt", "another_seed")),
        (BLOCKED, {"auto_fix": False}, ("change_prompt", "with_auto_fix")),
        (SOUND, {}, ("without_sound", "another_seed")),
        (SOUND, {"generate_audio": False}, ("another_seed", "change_prompt")),
        (ENHANCEMENT, {"enhance_prompt": False}, ("with_enhancement", "change_prompt")),
        (ENHANCEMENT, {}, ("change_prompt",)),
        ("duration must be one of 4, 6, 8", {}, ()),
        ("Nobody knows why.", {}, ("another_seed", "change_prompt")),
    ],
)
def test_a_refusal_offers_only_what_would_change_something(said, changes, actions):
    request = VideoRequest("fox", **changes)
    about = subject_of(said)
    assert explain.explain_error(Refused(said, about=about), request=request).actions == actions
    failed = Failed(said, generation_id="a", about=about)
    assert explain.explain_error(failed, request=request).actions == actions


def test_every_action_has_a_label_and_none_is_offered_that_has_not():
    assert set(explain.ACTIONS) == set(get_args(explain.Action))
    assert set(explain.ACTIONS) > explain.SENDING
    offered = set()
    for error in BEFORE_AN_ID + WITH_AN_ID:
        offered |= set(explain.explain_error(error, request=FOX).actions)
    assert offered < set(explain.ACTIONS)


@pytest.mark.parametrize("error", BEFORE_AN_ID + WITH_AN_ID, ids=named)
def test_without_a_request_nothing_can_be_sent_again(error):
    assert explain.SENDING.isdisjoint(explain.explain_error(error).actions)


@pytest.mark.parametrize("error", WITH_AN_ID, ids=named)
def test_a_clip_that_may_come_is_looked_for_and_not_made_twice(error):
    """All that sends again is for a clip that certainly will not come."""
    sends = not explain.SENDING.isdisjoint(explain.explain_error(error, request=FOX).actions)
    assert sends == isinstance(error, Failed | SubmissionUncertain)


def test_a_limit_of_this_server_leaves_ones_own_key():
    limit = Busy("You have made 3 clips in 24 hours, and the limit is 3.", retry_after=86400)
    assert explain.explain_error(limit).actions == ("bring_key",)


def test_a_price_that_is_not_told_is_no_crowd_and_may_be_told_later():
    """The limit of this server is in dollars: without a price nobody knows whether it is kept."""
    explained = refused("The service does not tell what this clip costs.", "no_price")
    assert explained.title == "No price available"
    assert explained.next_step == "Try again later, or enter a key of your own."
    assert "24 hours" not in str(explained)


def test_a_key_that_is_missing_is_not_called_wrong():
    with pytest.raises(Refused) as missing:
        VeoClient().submit(FOX)
    assert explain.explain_error(missing.value).title == "A key is needed"
    assert refused("Gone.", "no_key").title == "A key is needed"
    assert refused("Invalid API key.", "key").title == "The key is not accepted"


def test_only_the_reason_says_what_a_refusal_is_about():
    """A service that answers 401 may use our own sentences."""
    said = "No API key: set AIMLAPI_KEY or give one."
    assert refused(said, "key").title == "The key is not accepted"


def no_longer_there():
    gone = Refused("There is no such generation.", reason="not_found")
    gone.generation_id = "a"
    link = DownloadFailed("HTTP 410.", generation_id="a", expired=True)
    return gone, link, Failed("It expired.", generation_id="a")


def test_a_video_that_was_there_has_expired():
    for error in no_longer_there():
        explained = explain.explain_error(error, request=FOX, was_complete=True)
        assert explained.title == "The service no longer has this video"
        assert explained.cost == "It was charged when it completed, and one more is charged again."
        assert explained.actions == ("send", "check_again")
        assert explain.explain_error(error, request=FOX).title != explained.title


@pytest.mark.parametrize("error", WITH_AN_ID, ids=named)
def test_a_clip_that_was_complete_is_never_said_to_be_free_or_not_charged_yet(error):
    """But for what is about a new request; a job that has its id meets neither."""
    if isinstance(error, InvalidRequest | SubmissionUncertain):
        return
    cost = explain.explain_error(error, was_complete=True).cost
    assert cost == explain.CHARGED or cost.startswith("It was charged when it completed")


def test_a_demo_clip_that_the_service_has_no_longer_is_made_again_for_nothing():
    error = Failed("The demo service was restarted.", generation_id="a")
    explained = explain.explain_error(error, request=FOX, is_demo=True, was_complete=True)
    assert "charged" not in str(explained)
    assert explained.actions == ("send", "check_again")


def test_a_cut_off_file_has_not_expired():
    """Whatever the text says: the attribute decides."""
    error = DownloadFailed("It was cut off, and is no longer valid.", generation_id="a")
    assert explain.explain_error(error, was_complete=True).title == "The video did not arrive"


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
    explained = explain.explain_error(Busy("Too many.", retry_after=seconds))
    assert explained.next_step == f"{wait} then try again."


# Statuses


def test_known_states_are_in_our_words():
    assert explain.explain_status(update("queued")) == "Waiting in line at the service"
    assert explain.explain_status(update("generating")) == "Making the video"


def test_a_state_that_nobody_documented_is_shown_as_it_came():
    assert explain.explain_status(update("upscaling <b>2×</b>")) == "upscaling <b>2×</b>"


def test_fetching_is_said_only_when_there_is_something_to_fetch():
    video = Video(generation_id="a", url="https://cdn.example/a.mp4")
    assert explain.explain_status(update("completed", video=video)) == "Fetching the video"
    assert "Fetching" not in explain.explain_status(update("completed"))


def test_trouble_is_told_beside_the_state():
    shown = explain.explain_status(update(trouble="The service gave no usable answer (503)."))
    assert shown == "Making the video. The service gave no usable answer (503). We keep checking."
    assert (
        explain.explain_status(update(trouble="busy"))
        == "Making the video. busy. We keep checking."
    )


def test_who_stops_the_command_is_told_of_the_id_for_there_nobody_looks_any_more():
    said = str(explain.explain_error(TookTooLong("Stopped.", generation_id="a")))
    assert "The id is kept" in said
    assert "goes on" not in said
    assert "My clips" not in said


# Figures


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (0.99, "0:00"), (59.9, "0:59"), (60, "1:00"), (754.2, "12:34"), (-1, "0:00")],
)
def test_a_clock_shows_minutes_and_whole_seconds(seconds, shown):
    assert explain.clock(seconds) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "no price available"),
        (float("inf"), "no price available"),
        (0.0, "free"),
        (0.004, "less than $0.01"),
        (0.01, "$0.01"),
        (5.2, "$5.20"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money_is_written_in_one_way_and_never_a_guess(amount, shown):
    assert explain.dollars(amount) == shown


@given(st.floats(min_value=0, exclude_min=True))
def test_what_costs_something_is_never_called_free(amount):
    assert "free" not in explain.dollars(amount)
    assert "$0.00" not in explain.dollars(amount)


@pytest.mark.parametrize("setting", get_args(Setting))
@pytest.mark.parametrize("kind", [Unreachable, DownloadFailed])
def test_where_the_network_stands_in_the_way_the_setting_is_named(kind, setting):
    words = explain.explain_error(kind("No way.", setting=setting), request=FOX)
    assert words.what_happened.startswith("No way. ")
    assert words.what_happened.count(setting) == 1
    assert setting not in str(explain.explain_error(kind("No way."), request=FOX))
