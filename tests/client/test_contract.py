"""The service's answers, read generously: whatever form they come in, nothing paid for is lost."""

import json
import time

import pytest
from conftest import KEY
from fault_server import FaultServer, answer, html_answer, json_answer, redirect

from veo import explain, terminal
from veo.polling import MAX_CONSECUTIVE_ERRORS
from veo.session import Answer
from veo.types import (
    Failed,
    Refused,
    SubmissionUncertain,
    Unreachable,
    VideoRequest,
    error_words,
    read_generation,
)
from veo_client import VeoClient

FOX = VideoRequest("a fox", seed=7, duration=4, resolution="720p")
URL = "https://cdn.example/a.mp4"
SIGN_IN = "<!doctype html><title>Sign in to the network</title>"


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def client_for(server, clock=None):
    return VeoClient(KEY, base_url=server.url, **({"clock": clock} if clock else {}))


# A video


@pytest.mark.parametrize(
    "video",
    [
        {"url": URL},
        [{"url": URL}],
        [None, {}, {"url": None}, {"url": ""}, {"url": 7}, {"url": URL}],
        [{"url": "blob:a"}, {"url": URL}, {"url": "https://cdn.example/b.mp4"}],
        URL,
        [URL],
        {"url": f" {URL}\n"},
        [[{"url": URL}]],
        {"url": [URL]},
        {"url": [None, {"url": URL}]},
        {"url": {"url": URL}},
        [{"url": []}, {"url": [{"url": "blob:a"}, {"url": URL}]}],
    ],
    ids=str,
)
def test_a_video_is_found_in_whatever_form_it_is_given(video):
    assert read_generation("a", {"status": "completed", "video": video}).video.url == URL


@pytest.mark.parametrize(
    "video", [None, [], {}, "", " ", 7, True, [[]], {"url": {"a": 1}}], ids=str
)
def test_what_has_no_address_is_no_video(video):
    assert read_generation("a", {"status": "completed", "video": video}).video is None


def test_an_address_that_is_none_of_the_web_is_still_told_as_one():
    assert read_generation("a", {"video": {"url": "file:///a"}}).video.url == "file:///a"


# An id


@pytest.mark.parametrize(
    "taken",
    [{"id": "7"}, {"id": 7}, {"generation_id": "7"}, {"id": None, "generation_id": 7}],
    ids=str,
)
def test_an_id_is_found_in_whatever_form_it_is_given(taken):
    with FaultServer([json_answer(200, taken)]) as server:
        assert client_for(server).submit(FOX, sleep=pytest.fail) == "7"
    assert len(server.requests) == 1


@pytest.mark.parametrize("taken", [{}, {"id": ""}, {"id": True}, {"id": {}}, {"id": 7.5}], ids=str)
def test_what_is_no_id_is_not_sent_again(taken):
    with FaultServer([json_answer(200, taken)]) as server, pytest.raises(SubmissionUncertain):
        client_for(server).submit(FOX, sleep=pytest.fail)
    assert len(server.requests) == 1


# What it cost


def used(**answer):
    return read_generation("a", {"video": {"url": URL}, **answer}).video


@pytest.mark.parametrize(
    "spent", [0.06, "0.06", " 0.06 ", "$0.06", "0.06 USD", "US$ 0.06", "6e-2"], ids=repr
)
@pytest.mark.parametrize(
    "place",
    [
        lambda usage: {"meta": {"usage": usage}},
        lambda usage: {"meta": {"usage": [usage]}},
        lambda usage: {"usage": usage},
        lambda usage: {"meta": usage},
        lambda usage: usage,
    ],
    ids=["meta.usage", "a list", "usage", "meta", "the answer"],
)
def test_what_was_really_charged_is_read(spent, place):
    assert used(**place({"usd_spent": spent})).usd_spent == 0.06


@pytest.mark.parametrize("spent", [2, "2", 2.0])
def test_whole_dollars_are_dollars(spent):
    assert used(meta={"usage": {"usd_spent": spent}}).usd_spent == 2.0


@pytest.mark.parametrize(
    "spent",
    [
        None,
        "",
        "much",
        "nan",
        "inf",
        -1,
        "-1",
        "1_0",
        "1e999",
        "$",
        "0.06 EUR",
        True,
        [],
        {},
        10**400,
    ],
)
def test_what_is_no_amount_is_not_told(spent):
    assert used(meta={"usage": {"usd_spent": spent}}).usd_spent is None


@pytest.mark.parametrize("usage", [None, [], [None], 120_000, "120000", True, {"credits_used": []}])
@pytest.mark.parametrize("place", ["usage", "meta"])
def test_no_usage_breaks_the_reader(place, usage):
    for more in ({"meta": {"usage": usage}}, {place: usage}):
        assert used(**more).url == URL


def test_credits_may_be_text_as_well():
    assert used(meta={"usage": {"credits_used": "120000"}}).credits_used == 120_000


# The words of an error


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"message": "No."}, "No."),
        ({"error": "No."}, "No."),
        ({"error": {"message": "No."}}, "No."),
        ({"error": {"name": "no"}}, "no"),
        ({"error": {"code": "no_such_model", "message": None}}, "no_such_model"),
        ({"detail": "No."}, "No."),
        ({"detail": [{"loc": ["body", "duration"], "msg": "must be 4"}]}, "duration: must be 4"),
        ({"detail": [{"loc": ["body"], "msg": "No."}, {"msg": "Nor this."}]}, "No.; Nor this."),
        ({"errors": ["No.", "Nor this."]}, "No.; Nor this."),
        ({"errors": [{"message": "No."}]}, "No."),
        ({"errors": [{"path": ["seed"], "message": "too large"}]}, "seed: too large"),
        ({"errors": [{"field": "seed", "message": "seed is large"}]}, "seed is large"),
        ({"errors": {"duration": ["must be 4"]}}, "duration: must be 4"),
        ({"message": ["No.", "Nor this."], "error": "Bad Request"}, "No.; Nor this."),
        ({"message": "Forbidden", "error": "Verify your account"}, "Verify your account"),
        ({"error": "Forbidden", "message": "Verify your account"}, "Verify your account"),
        ({"error": "Forbidden"}, "Forbidden"),
        ({"message": "Forbidden resource", "error": "Forbidden"}, "Forbidden resource"),
        ({"message": "Invalid", "errors": [{"message": "too long"}]}, "Invalid: too long"),
        ({"message": "", "error": {"message": "No."}}, "No."),
        ({"title": "Forbidden", "detail": "Not here.", "status": 403}, "Not here."),
        ({"title": "Wrong", "detail": "Not here."}, "Wrong: Not here."),
        ({"error": "invalid", "error_description": "No such key."}, "invalid: No such key."),
        ({"error": {"error": {"message": "No."}}}, "No."),
        ({"message": "No.", "path": "/v2/video/generations", "statusCode": 400}, "No."),
    ],
    ids=str,
)
def test_the_words_of_an_error_are_found_wherever_they_stand(said, words):
    assert error_words(said) == words
    assert str(Answer(400, {}, json.dumps(said).encode()).as_error()) == words
    assert read_generation("a", {"status": "error", "error": said}).error == words


@pytest.mark.parametrize("name", ["message", "error", "detail", "errors"])
def test_a_failed_generation_may_say_why_beside_its_status(name):
    assert read_generation("a", {"status": "error", "error": None, name: ["No."]}).error == "No."


@pytest.mark.parametrize("said", [None, 7, True, [], {}, {"message": 7}, {"error": {}}, {"a": "b"}])
def test_who_says_nothing_is_not_quoted(said):
    assert error_words(said) == ""


@pytest.mark.parametrize(
    "said",
    [
        {"errors": ["no\n" * 500_000]},
        {"errors": [{"message": "no"}] * 100_000},
        {"error": [[[[[["no"] * 9] * 9] * 9] * 9] * 9]},
        {"errors": {f"field {number}": ["no"] for number in range(50_000)}},
    ],
    ids=["long", "many", "deep", "of many fields"],
)
def test_the_words_of_an_error_are_one_short_line(said):
    began = time.process_time()
    words = error_words(said)
    assert time.process_time() - began < 0.5
    assert len(words) <= 300
    assert "\n" not in words


@pytest.mark.parametrize("name", ["message", "error", "detail", "errors"])
def test_no_word_of_an_error_holds_the_key_or_a_signature(name):
    said = {name: [f"The key {KEY} may not open https://cdn.example/a?Signature=canary now."]}
    with FaultServer([json_answer(400, said)]) as server, pytest.raises(Refused) as caught:
        client_for(server).submit(FOX)
    assert str(caught.value) == "The key [key] may not open https://cdn.example/a?… now."


# Refused: for money, or for anything else


def refusal(status, said):
    with FaultServer([json_answer(status, said)]) as server, pytest.raises(Refused) as caught:
        client_for(server).submit(FOX)
    return caught.value


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (402, {"message": "Pay."}),
        (403, {"error": {"code": "insufficient_quota", "message": "No."}}),
        (403, {"error": {"type": "INSUFFICIENT_BALANCE"}}),
        (403, {"message": "No.", "code": "PAYMENT_REQUIRED"}),
        (403, {"errors": [{"reason": "outOfCredits", "message": "No."}]}),
        (403, {"error": "insufficient_credits"}),
        (403, {"message": "You are out of credits. Add some to go on."}),
        (403, {"message": "Top up your balance."}),
    ],
    ids=str,
)
def test_who_has_no_credits_is_sent_to_top_up(status, said):
    error = refusal(status, said)
    assert error.reason == "credits"
    assert "Top up" in str(explain.explain_error(error))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"error": "Your account needs verification"}, "Your account needs verification"),
        ({"message": "This model is not available in your country."}, "your country"),
        ({"detail": "Add a credit card to verify who you are."}, "Add a credit card"),
        ({"error": {"message": "Key has no access to video", "code": "no_access"}}, "no access"),
        ({"errors": [{"message": "Blocked"}]}, "Blocked"),
        ({"error": "Your credit history is under review."}, "credit history"),
        ({"error": "Your credit check failed."}, "credit check"),
        ({"statusCode": 403}, "403"),
    ],
    ids=str,
)
def test_a_403_that_is_not_about_money_is_told_as_it_was_said(said, words):
    error = refusal(403, said)
    assert error.reason == "forbidden"
    for is_guest in (False, True):
        told = explain.explain_error(error, request=FOX, is_guest=is_guest)
        assert words in told.what_happened
        assert "top" not in str(told).lower().replace("stop", "")
        assert told.cost == explain.NOT_CHARGED


def test_a_403_about_the_prompt_is_about_the_prompt():
    told = explain.explain_error(refusal(403, {"error": "Against our policy."}), request=FOX)
    assert "change_prompt" in told.actions


# Something in front of the service

PAGES = {
    "a page": html_answer,
    "a line of text": lambda status: answer(status, b"error code: 1020"),
    "a list": lambda status: json_answer(status, [{"message": "no"}]),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("status", [400, 401, 402, 403, 405, 413, 422])
def test_a_page_in_front_of_the_service_is_not_its_word(status, page):
    with FaultServer([PAGES[page](status)]) as server, pytest.raises(Refused) as caught:
        client_for(server).submit(FOX)
    told = explain.explain_error(caught.value, request=FOX)
    assert str(status) in told.what_happened
    assert "in front of the service" in told.what_happened
    assert "network" in told.next_step
    assert not {"credits", "key"} & {*str(told).lower().split()}
    assert told.actions == ("send",)


def test_a_page_in_place_of_the_service_may_mean_a_wrong_base_url():
    with FaultServer([html_answer(404)]) as server, pytest.raises(Refused) as caught:
        client_for(server).submit(FOX)
    assert "base URL" in explain.explain_error(caught.value).next_step


def test_the_command_says_to_run_it_later():
    progress = terminal.Progress(None, as_json=False)
    assert progress.failed(Refused("A page.", reason="guard")) == terminal.TRY_LATER


@pytest.mark.parametrize(
    "page", [html_answer(200, SIGN_IN), redirect("https://portal.example/"), html_answer(511)]
)
def test_a_sign_in_page_is_neither_an_id_nor_a_reason_to_send_again(page):
    with FaultServer([page]) as server, pytest.raises(SubmissionUncertain):
        client_for(server).submit(FOX, sleep=pytest.fail)
    assert len(server.requests) == 1


STRAY = {
    **{f"a page, {status}": html_answer(status) for status in (400, 401, 402, 403, 404, 405, 422)},
    "a sign-in page": html_answer(200, SIGN_IN),
    "a sign-in page elsewhere": redirect("https://portal.example/"),
    "a network that wants a sign-in": html_answer(511),
    "a line of text": answer(403, b"error code: 1020"),
    "nothing": answer(403),
    "a list": json_answer(403, ["no"]),
    "JSON that is cut": answer(403, b'{"message": "n'),
}


@pytest.mark.parametrize("stray", STRAY)
def test_a_stray_page_while_looking_is_no_news(stray):
    done = json_answer(200, {"status": "completed", "video": {"url": URL}})
    clock = Clock()
    with FaultServer([STRAY[stray], STRAY[stray], done]) as server:
        updates = list(client_for(server, clock).follow("a", submitted_ago=90, sleep=clock.sleep))
    assert updates[1].trouble
    assert updates[-1].video.url == URL


@pytest.mark.parametrize("stray", STRAY)
def test_stray_pages_end_as_an_outage_does_and_keep_the_id(stray):
    clock = Clock()
    with FaultServer(STRAY[stray]) as server, pytest.raises(Unreachable) as caught:
        list(client_for(server, clock).follow("a", submitted_ago=90, sleep=clock.sleep))
    assert caught.value.generation_id == "a"
    assert len(server.requests) == MAX_CONSECUTIVE_ERRORS


def test_a_page_is_no_word_about_a_key():
    with FaultServer([html_answer(401)]) as server, pytest.raises(Unreachable):
        client_for(server).balance()


# Completed, and yet no video


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": {"name": "filtered", "message": "Dropped by the filter."}}, "Dropped by the"),
        ({"error": "Dropped by the filter.", "video": None}, "Dropped by the filter."),
        ({"error": {"code": "content_filtered"}, "video": []}, "content_filtered"),
        ({"errors": ["Dropped."], "video": {}}, "Dropped."),
        ({"error": [{"message": "Dropped."}], "video": {"url": None}}, "Dropped."),
        ({"error": {"code": 42201}}, '"code": 42201'),
        ({"error": {"name": None, "text": "Dropped."}}, "Dropped."),
        ({"error": {"status": "FILTERED"}, "video": []}, "FILTERED"),
        ({"error": True}, "true"),
        ({"error": 7}, "7"),
        ({"error": [[[[[[[[{"code": 7}]]]]]]]]}, '"code": 7'),
    ],
    ids=str,
)
def test_completed_with_an_error_in_the_place_of_the_video_has_failed(answer, words):
    clock = Clock()
    with FaultServer([json_answer(200, {"id": "a", "status": "completed", **answer})]) as server:
        with pytest.raises(Failed, match=words) as caught:
            list(client_for(server, clock).follow("a", sleep=clock.sleep))
    assert caught.value.generation_id == "a"


@pytest.mark.parametrize(
    "answer",
    [
        {"video": {"url": URL}, "error": {"message": "The sound was left out."}},
        {"video": [{"url": URL}], "error": "odd"},
    ],
)
def test_a_video_that_is_there_counts_whatever_is_said_beside_it(answer):
    clock = Clock()
    with FaultServer([json_answer(200, {"status": "completed", **answer})]) as server:
        *_, last = client_for(server, clock).follow("a", sleep=clock.sleep)
    assert last.video.url == URL


NO_ERROR = [None, "", {}, [], {"message": None}, {"message": ""}, 0, False, {"code": 0}, [{}], " "]


@pytest.mark.parametrize("error", NO_ERROR, ids=repr)
def test_completed_without_a_word_waits_for_its_address(error):
    completed = {"status": "completed", "video": None, "message": "All went well.", "error": error}
    done = json_answer(200, {"status": "completed", "video": URL, "error": error})
    clock = Clock()
    with FaultServer([json_answer(200, completed), done]) as server:
        *_, last = client_for(server, clock).follow("a", sleep=clock.sleep)
    assert last.video.url == URL
