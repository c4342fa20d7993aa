"""The client over real HTTP: the demo service where it behaves, raw sockets where it does not."""

import datetime
import json
import subprocess
import sys
import time
import traceback
from types import SimpleNamespace

import pytest
import requests
from conftest import KEY
from fault_server import (
    FaultServer,
    answer,
    close,
    close_before_handshake,
    close_before_reading,
    deaf_url,
    drip,
    endless,
    file_answer,
    garbage,
    garbage_handshake,
    gzip_bomb,
    hang,
    head,
    html_answer,
    huge_length,
    json_answer,
    redirect,
    refused_url,
    reset,
    reset_before_reading,
    send_then_close,
    tls_trusted,
    tls_untrusted,
)
from hypothesis import given
from hypothesis import strategies as st
from jobs_fixture import BrieflyPatient

import veo_client
from demo.faults import FAULTS
from veo import media, session
from veo.polling import FRESH_ADDRESS_PAUSES, SHORTEST_RETRY_AFTER
from veo.session import Answer, read_retry_after
from veo_client import (
    Busy,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    VeoClient,
    VeoError,
    Video,
    VideoRequest,
)

UNCERTAIN = SubmissionUncertain, None
FOX = VideoRequest("a fox", seed=7, duration=4, resolution="720p")
TAKEN = json_answer(200, {"id": "uuid:google/veo", "status": "queued"})
CUT_OFF = send_then_close(head(200, [("Content-Length", 60)]) + b'{"id": "uuid:google/veo"')


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


def client_for(server, clock=None):
    more = {"clock": clock} if clock else {}
    if isinstance(server, str):
        return VeoClient(KEY, base_url=server, **more)
    return BrieflyPatient(server, **more)


def posts(server):
    return [request for request in server.requests if request.method == "POST"]


# Submitting: at most one request that could be accepted


@pytest.fixture(params=["http", "https"])
def tls(request, monkeypatch, tmp_path):
    return tls_trusted(monkeypatch, tmp_path) if request.param == "https" else None


def test_the_request_is_what_the_documentation_asks_for(tls):
    with FaultServer([TAKEN], tls=tls) as server:
        assert client_for(server).submit(FOX) == "uuid:google/veo"
    (request,) = server.requests
    assert request.path == "/v2/video/generations"
    assert request.json() == FOX.body()
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Connection"] == "close"
    assert "veo-client" in request.headers["User-Agent"]


@pytest.mark.parametrize(
    "fault",
    [
        close_before_reading,
        close,
        reset,
        hang,
        drip(b"HTTP/1.1 200 OK\r\n" + b"x" * 200),
        drip(b" " * 200, after=head(200, [("Content-Length", 200)])),
        garbage,
        CUT_OFF,
        huge_length,
        endless(),
        gzip_bomb(64 << 20),
        html_answer(200),
        answer(200, b""),
        answer(200, b"[" * 100_000),
        json_answer(200, ["id"]),
        json_answer(200, {"status": "queued"}),
        json_answer(200, {"id": ""}),
        json_answer(200, {"id": True}),
        json_answer(200, {"id": 7.5}),
        json_answer(200, {"id": None}),
        redirect("https://elsewhere.example/"),
        redirect("/v2/video/generations", status=307),
        *[json_answer(status, {"message": "trouble"}) for status in (408, 409, 418, 425, 451)],
        *[html_answer(status) for status in (500, 502, 503, 504, 520, 599)],
    ],
)
def test_a_lost_or_strange_answer_is_uncertain_and_never_sent_again(fault, tls, clock):
    with FaultServer([fault], tls=tls) as server:
        with pytest.raises(SubmissionUncertain, match="may be charged") as caught:
            client_for(server).submit(FOX, sleep=clock.sleep)
        assert "account" in str(caught.value)
    assert len(posts(server)) <= 1
    assert server.connections == 1
    assert clock.slept == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "request"),
        (401, "key"),
        (402, "credits"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "request"),
        (413, "request"),
        (415, "request"),
        (422, "request"),
    ],
)
def test_a_rejection_is_told_in_the_services_words(status, reason, tls, clock):
    said = {"message": "Expected '4' | '6' | '8', received '5'", "statusCode": status}
    with FaultServer([json_answer(status, said)], tls=tls) as server:
        with pytest.raises(Refused, match="Expected") as caught:
            client_for(server).submit(FOX, sleep=clock.sleep)
    assert caught.value.reason == reason
    assert len(posts(server)) == 1
    assert clock.slept == []


NOT_TAKEN = {
    400: "request",
    401: "key",
    402: "credits",
    403: "forbidden",
    404: "not_found",
    405: "request",
    413: "request",
    415: "request",
    422: "request",
}
"""All the answers that say so, and why.  Written down here, for the client must not be asked."""


class Judge(VeoClient):
    """A client that has got its answers, without a wire."""

    def __init__(self, answers, **options):
        super().__init__(KEY, **options)
        self._session._request = lambda *_, **__: self.answer()
        self.answers = answers

    def answer(self):
        status, said = self.answers.pop(0)
        return Answer(status, {}, json.dumps(said).encode())


def outcome(call):
    try:
        return call()
    except VeoError as error:
        return type(error), getattr(error, "reason", None)


@pytest.mark.parametrize("said", [{"message": "no"}, {"id": "a"}], ids=["no id", "an id"])
def test_only_these_statuses_say_that_a_request_was_not_taken(said):
    """Every other one is uncertain, whatever it holds: sending again could cost twice."""
    taken = dict.fromkeys([200, 201, 202, 204, 206], "a" if "id" in said else UNCERTAIN)
    expected = dict.fromkeys([*range(300, 309), *range(400, 600)], UNCERTAIN) | taken
    expected |= {429: (Busy, None)}
    expected |= {status: (Refused, reason) for status, reason in NOT_TAKEN.items()}
    assert expected == {
        status: outcome(lambda: Judge([(status, said)]).submit(FOX, sleep=pytest.fail))  # noqa: B023
        for status in expected
    }


def test_only_these_statuses_end_the_looking():
    """Every other one is no news: the video is paid for.  404 is none for a minute."""
    expected = dict.fromkeys([*range(300, 309), *range(400, 600)], "went on")
    expected |= {status: (Refused, why) for status, why in NOT_TAKEN.items() if status != 404}

    def look(status):
        clock = Clock()
        completed = {"status": "completed", "video": {"url": "https://cdn.example/a.mp4"}}
        client = Judge([(status, {"message": "no"}), (200, completed)], clock=clock)
        *_, last = client.follow("a", submitted_ago=0, sleep=clock.sleep)
        return "went on" if last.video else "stopped"

    assert expected == {status: outcome(lambda: look(status)) for status in expected}  # noqa: B023


def test_a_rejection_without_words_is_still_a_sentence():
    with FaultServer([html_answer(403)]) as server, pytest.raises(Refused, match="403"):
        client_for(server).submit(FOX)


def test_too_many_requests_waits_as_asked_and_tries_again(clock):
    busy = json_answer(429, {"message": "slow down"}, [("Retry-After", "7")])
    with FaultServer([busy, busy, TAKEN]) as server:
        assert client_for(server).submit(FOX, sleep=clock.sleep) == "uuid:google/veo"
    assert clock.slept == [7, 7]


def test_too_many_requests_is_told_after_three_tries(clock):
    busy = json_answer(429, {"message": "slow down"}, [("Retry-After", "1")])
    with FaultServer([busy] * 3) as server, pytest.raises(Busy, match="slow down"):
        client_for(server).submit(FOX, sleep=clock.sleep)
    assert clock.slept == [1, 1]


@pytest.mark.parametrize(
    "header",
    ["0", "0.0", "-0", "-30", "0.001", "1e-9", "Wed, 21 Oct 2015 07:28:00 GMT"],
)
def test_a_service_that_asks_for_no_pause_gets_one(header, clock):
    busy = json_answer(429, {"message": "slow down"}, [("Retry-After", header)])
    with FaultServer([busy] * 3) as server, pytest.raises(Busy):
        client_for(server).submit(FOX, sleep=clock.sleep)
    assert clock.slept == [SHORTEST_RETRY_AFTER] * 2 == [1.0, 1.0]


@pytest.mark.parametrize("header", ["61", "3600", "2027", "soon", "", "nan", "inf", None])
def test_a_long_or_unreadable_retry_after_is_told_at_once(header, clock):
    headers = [] if header is None else [("Retry-After", header)]
    with FaultServer([json_answer(429, {}, headers)]) as server, pytest.raises(Busy):
        client_for(server).submit(FOX, sleep=clock.sleep)
    assert clock.slept == []


def test_a_connection_reset_at_once_is_uncertain_only_if_a_byte_had_left(tls, clock):
    """Whether the reset comes before or after the first byte is chance; both must be right."""
    with FaultServer(reset_before_reading, tls=tls) as server:
        with pytest.raises((SubmissionUncertain, Unreachable)) as caught:
            client_for(server).submit(FOX, sleep=clock.sleep)
    tries = len(clock.slept) + 1
    assert server.connections == tries
    assert tries == 3 or isinstance(caught.value, SubmissionUncertain)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_sent_nothing_and_is_tried_three_times(scheme, clock):
    with pytest.raises(Unreachable, match="could not be reached"):
        client_for(refused_url(scheme)).submit(FOX, sleep=clock.sleep)
    assert len(clock.slept) == 2
    assert all(0.5 <= seconds <= 1.5 for seconds in clock.slept)


def test_a_name_that_does_not_resolve_sent_nothing(clock):
    with pytest.raises(Unreachable, match=r"no-such-host\.invalid could not be reached"):
        client_for("https://no-such-host.invalid").submit(FOX, sleep=clock.sleep)
    assert len(clock.slept) == 2


def test_a_connect_timeout_sent_nothing(clock, monkeypatch):
    monkeypatch.setattr(session, "CONNECT_TIMEOUT", 0.1)
    with deaf_url() as url, pytest.raises(Unreachable):
        client_for(url).submit(FOX, sleep=clock.sleep)
    assert len(clock.slept) == 2


def test_a_service_that_comes_back_gets_the_request_once(clock, monkeypatch, tmp_path):
    """TLS that breaks before a byte of the request is out is safe to try again."""
    tls = tls_trusted(monkeypatch, tmp_path)
    with FaultServer([close_before_handshake, TAKEN], tls=tls) as server:
        assert client_for(server).submit(FOX, sleep=clock.sleep) == "uuid:google/veo"
    assert len(posts(server)) == len(clock.slept) == 1


@pytest.mark.parametrize("wrong", ["authority", "host"])
def test_a_bad_certificate_sends_nothing_and_is_not_tried_again(
    wrong, clock, monkeypatch, tmp_path
):
    tls = (
        tls_untrusted()
        if wrong == "authority"
        else tls_trusted(monkeypatch, tmp_path, "other.example")
    )
    with FaultServer([TAKEN], tls=tls) as server:
        with pytest.raises(Unreachable, match="identity"):
            client_for(server).submit(FOX, sleep=clock.sleep)
    assert server.requests == []
    assert clock.slept == []


def test_an_odd_tls_greeting_sends_nothing(clock, monkeypatch, tmp_path):
    tls = tls_trusted(monkeypatch, tmp_path)
    with FaultServer([garbage_handshake], tls=tls) as server, pytest.raises(Unreachable):
        client_for(server).submit(FOX, sleep=clock.sleep)
    assert server.requests == []


def test_a_long_id_of_odd_characters_is_kept():
    name = "é:/?#%2F" * 1000
    with FaultServer([json_answer(201, {"id": name})]) as server:
        assert client_for(server).submit(FOX) == name


@pytest.mark.parametrize("number", [0, 7, 2**70])
def test_an_id_that_is_a_number_is_kept(number, clock):
    with FaultServer([json_answer(200, {"id": number})]) as server:
        assert client_for(server).submit(FOX, sleep=clock.sleep) == str(number)
    assert len(posts(server)) == 1


# Looking


RUNNING = json_answer(200, {"id": "a", "status": "generating"})
DONE = json_answer(
    200, {"id": "a", "status": "completed", "video": {"url": "https://cdn.example/a.mp4"}}
)


def test_the_id_is_sent_whole_whatever_is_in_it():
    with FaultServer([RUNNING]) as server:
        assert client_for(server).check("a:/b&c=d é").status == "generating"
    assert server.requests[0].path.endswith("?generation_id=a%3A%2Fb%26c%3Dd+%C3%A9")


@pytest.mark.parametrize(
    "fault",
    [
        close_before_reading,
        close,
        reset,
        hang,
        drip(b"HTTP/1.1 200 OK\r\n" + b"x" * 200),
        garbage,
        CUT_OFF,
        endless(),
        gzip_bomb(64 << 20),
        html_answer(200),
        json_answer(200, []),
        answer(200, b""),
        redirect("https://elsewhere.example/"),
        json_answer(408, {}),
        json_answer(425, {}),
        json_answer(429, {}, [("Retry-After", "2")]),
        *[html_answer(status) for status in (500, 502, 503, 504)],
    ],
)
def test_a_look_without_news_does_not_lose_the_video(fault, tls, clock):
    with FaultServer([TAKEN, fault, RUNNING, DONE], tls=tls) as server:
        updates = list(client_for(server, clock).generate(FOX, sleep=clock.sleep))
    assert updates[1].trouble
    assert updates[2].trouble is None
    assert updates[-1].video.url == "https://cdn.example/a.mp4"
    assert len(posts(server)) == 1


def test_the_first_update_carries_the_id_before_the_first_look():
    with FaultServer([TAKEN]) as server:
        first = next(client_for(server).generate(FOX))
    assert (first.generation_id, first.status) == ("uuid:google/veo", "queued")
    assert len(server.requests) == 1


def test_the_video_is_yielded_and_returned(clock):
    with FaultServer([TAKEN, DONE]) as server:
        updates = client_for(server, clock).generate(FOX, sleep=clock.sleep)
        next(updates)
        last = next(updates)
        with pytest.raises(StopIteration) as end:
            next(updates)
    assert end.value.value == last.video
    assert last.next_poll_in == 0


def test_looks_share_one_connection(clock):
    with FaultServer([RUNNING, RUNNING, RUNNING, DONE]) as server:
        list(client_for(server, clock).follow("a", sleep=clock.sleep))
    assert server.connections == 1


@pytest.mark.parametrize(("status", "reason"), [(401, "key"), (403, "forbidden"), (400, "request")])
def test_a_refused_look_ends_with_the_id(status, reason, clock):
    with FaultServer([TAKEN, json_answer(status, {"message": "no"})]) as server:
        with pytest.raises(Refused) as caught:
            list(client_for(server, clock).generate(FOX, sleep=clock.sleep))
    assert caught.value.reason == reason
    assert caught.value.generation_id == "uuid:google/veo"


def test_not_found_right_after_creation_is_no_news(clock):
    missing = json_answer(404, {"message": "not found"})
    with FaultServer([TAKEN, missing, missing, DONE]) as server:
        *_, last = client_for(server, clock).generate(FOX, sleep=clock.sleep)
    assert last.video


def test_not_found_later_ends_with_the_id(clock):
    with FaultServer(json_answer(404, {"message": "not found"})) as server:
        with pytest.raises(Refused) as caught:
            list(client_for(server, clock).follow("a", submitted_ago=0, sleep=clock.sleep))
    assert caught.value.reason == "not_found"
    assert caught.value.generation_id == "a"
    assert 60 <= clock.now < 70


def test_a_failed_generation_says_why(clock):
    failed = {"status": "error", "error": {"name": "policy", "message": "not this"}}
    with FaultServer([TAKEN, json_answer(200, failed)]) as server:
        with pytest.raises(Failed, match="not this") as caught:
            list(client_for(server, clock).generate(FOX, sleep=clock.sleep))
    assert caught.value.generation_id == "uuid:google/veo"


def test_looking_ends_in_twenty_minutes_and_keeps_the_id(clock):
    with FaultServer(RUNNING) as server, pytest.raises(TookTooLong, match="20 minutes") as caught:
        list(client_for(server, clock).follow("a", sleep=clock.sleep))
    assert caught.value.generation_id == "a"
    assert clock.now == pytest.approx(1200)


def test_the_last_look_comes_at_the_deadline_not_before(clock):
    with FaultServer([RUNNING, RUNNING, DONE]) as server:
        updates = client_for(server, clock).follow(
            "a", submitted_ago=0, sleep=clock.sleep, give_up_after=7.0
        )
        *_, last = updates
    assert clock.now == pytest.approx(7.0)
    assert last.video


def test_an_outage_ends_after_ten_lost_answers_and_keeps_the_id(clock):
    with FaultServer(html_answer(502)) as server, pytest.raises(Unreachable) as caught:
        list(client_for(server, clock).follow("a", sleep=clock.sleep))
    assert caught.value.generation_id == "a"
    assert len(server.requests) == 10


@pytest.mark.parametrize("following", ["generate", "follow"])
def test_who_knows_no_expected_time_may_say_so(following, clock):
    """`expected=None` is the client's own guess in both."""
    with FaultServer(json_answer(200, {"id": "a", "status": "queued"})) as server:
        client = client_for(server, clock)
        wait = (
            client.generate(FOX, expected=None, sleep=clock.sleep)
            if following == "generate"
            else client.follow("a", expected=None, sleep=clock.sleep)
        )
        assert next(wait).expected == (FOX.expected_seconds if following == "generate" else 120)


def test_a_driver_that_waits_itself_sees_when_to_come_back(clock):
    """The page passes a sleep that does not sleep, and waits `next_poll_in` in its own way."""
    with FaultServer([RUNNING, DONE]) as server:
        updates = client_for(server, clock).follow("a", submitted_ago=0, sleep=lambda _: None)
        first = next(updates)
        clock.now += first.next_poll_in
        assert next(updates).elapsed == pytest.approx(first.next_poll_in)


def test_closing_the_generator_asks_nothing_more():
    with FaultServer([TAKEN]) as server:
        updates = client_for(server).generate(FOX)
        next(updates)
        updates.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("-3", 0),
        ("0", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("2027", 2027),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("", None),
        (None, None),
    ],
)
def test_every_form_ofread_retry_after(header, seconds):
    assert read_retry_after(header) == seconds


@pytest.mark.parametrize(
    "date",
    [
        "Thu, 04 Mar 2027 05:06:37 GMT",
        "Thu, 04 Mar 2027 05:06:37 -0000",
        "Thu, 04 Mar 2027 05:06:37",
        "Thu, 04 Mar 2027 07:06:37 +0200",
    ],
)
def test_a_date_in_retry_after(date, monkeypatch):
    now = datetime.datetime(2027, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)
    today = SimpleNamespace(datetime=SimpleNamespace(now=now.astimezone), UTC=datetime.UTC)
    monkeypatch.setattr(session, "datetime", today)
    assert read_retry_after(date) == 30


@pytest.mark.slow
@given(st.text())
def test_no_retry_after_breaks_the_client(header):
    seconds = read_retry_after(header)
    assert seconds is None or seconds >= 0


# Downloading


def mp4(size=1000):
    def box(kind, content):
        return (8 + len(content)).to_bytes(4, "big") + kind + content

    return box(b"ftyp", b"isom" + bytes(4)) + box(b"moov", bytes(20)) + box(b"mdat", bytes(size))


def video_at(server, path="/a.mp4"):
    return Video(generation_id="a", url=server.url + path)


def test_the_file_is_put_there_whole(tmp_path):
    with FaultServer([file_answer(mp4())]) as server:
        path = client_for(server).download(video_at(server), tmp_path / "a.mp4")
    assert path.read_bytes() == mp4()
    assert list(tmp_path.iterdir()) == [path]


def test_the_key_stays_away_from_the_file_host(tmp_path):
    with FaultServer([RUNNING, file_answer(mp4())]) as server:
        client = client_for(server)
        client.check("a")
        client.download(video_at(server), tmp_path / "a.mp4")
    look, file = server.requests
    assert "Authorization" not in file.headers
    assert KEY in str(look)
    assert KEY not in str(file)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_expired_address_is_asked_for_again(status, tmp_path):
    with FaultServer([]) as server:
        fresh = {"status": "completed", "video": {"url": server.url + "/fresh.mp4"}}
        server._script.extend([html_answer(status), json_answer(200, fresh), file_answer(mp4())])
        path = client_for(server).download(video_at(server), tmp_path / "a.mp4")
    assert path.read_bytes() == mp4()
    assert [request.path for request in server.requests][-1] == "/fresh.mp4"


def test_an_address_that_stays_expired_is_told_with_the_id(tmp_path, clock):
    with FaultServer([]) as server:
        fresh = {"status": "completed", "video": {"url": server.url + "/a.mp4"}}
        again = [html_answer(403), json_answer(200, fresh)]
        server._script.extend([*again * len(FRESH_ADDRESS_PAUSES), html_answer(403)])
        with pytest.raises(DownloadFailed) as caught:
            client_for(server).download(video_at(server), tmp_path / "a.mp4", sleep=clock.sleep)
    assert caught.value.generation_id == "a"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_video_is_told_with_the_id(tmp_path):
    def play(connection):
        is_look = "generation_id" in connection.request.path
        (json_answer(200, {}) if is_look else html_answer(200))(connection)

    with FaultServer(play) as server, pytest.raises(DownloadFailed, match="not an MP4") as caught:
        client_for(server).download(video_at(server), tmp_path / "a.mp4", sleep=lambda _: None)
    assert caught.value.generation_id == "a"
    assert list(tmp_path.iterdir()) == []


def test_another_port_of_this_machine_is_not_trusted(tmp_path):
    with FaultServer([]) as server, FaultServer([]) as other, pytest.raises(DownloadFailed):
        client_for(server).download(video_at(other), tmp_path / "a.mp4")


# Helpers, key and address


def test_price_and_balance_come_from_the_demo_service(demo):
    client = VeoClient(KEY, base_url=demo.base_url)
    assert client.price("google/veo-3.1-t2v").estimate(FOX) == 0
    assert client.balance() > 0


def test_price_needs_no_key_and_sends_none(tls):
    with FaultServer([json_answer(200, {"data": []})], tls=tls) as server:
        assert client_for(server).price("google/veo-3.1-t2v").estimate(FOX) is None
    assert "Authorization" not in server.requests[0].headers


def test_a_balance_that_is_not_told():
    with FaultServer([json_answer(200, {"current_balance": "much"})]) as server:
        with pytest.raises(Unreachable):
            client_for(server).balance()


@pytest.mark.parametrize("call", ["submit", "check", "balance"])
def test_without_a_key_nothing_is_sent(call):
    with FaultServer([]) as server:
        client = VeoClient(base_url=server.url)
        with pytest.raises(Refused, match="AIMLAPI_KEY") as caught:
            {
                "submit": lambda: client.submit(FOX),
                "check": lambda: client.check("a"),
                "balance": client.balance,
            }[call]()
    assert caught.value.reason == "no_key"
    assert not client.has_key


@pytest.mark.parametrize("name", ["AIMLAPI_KEY", "AIML_API_KEY", "AIMLAPI_API_KEY"])
def test_the_key_is_found_in_the_environment(name, monkeypatch):
    monkeypatch.setenv(name, f"  {KEY}\n")
    monkeypatch.setenv("OPENAI_API_KEY", "never")
    with FaultServer([json_answer(200, {"current_balance": 1})]) as server:
        monkeypatch.setenv("AIMLAPI_BASE_URL", server.url + "/")
        assert VeoClient().balance() == 1
    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert server.requests[0].path == "/v2/billing"


@pytest.mark.parametrize(
    "key",
    [
        "two words",
        "tab\there",
        "line\nbreak",
        "nul\0",
        "schlüssel",
        "half “quoted",
        "x" * 501,
    ],
)
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key):
    with pytest.raises(InvalidRequest) as caught:
        VeoClient(key)
    assert caught.value.field == "api_key"
    assert repr(key) not in str(caught.value)
    assert str(key) not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.aimlapi.com",
        "http://192.168.1.1:8000",
        "ftp://127.0.0.1",
        "api.aimlapi.com",
        "https://",
        "https://user:password@host",
        "https://:password@host",
        "https://@host",
        "https://host?x=1",
        "https://host#x",
        "https://host:99999",
        "https://[::1",
        "http://localhost.evil.example",
        "file:///etc/passwd",
    ],
)
def test_a_base_url_that_would_show_the_key_is_refused(url):
    with pytest.raises(InvalidRequest) as caught:
        VeoClient(KEY, base_url=url)
    assert caught.value.field == "base_url"


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("https://api.aimlapi.com/", "https://api.aimlapi.com"),
        (" https://api.aimlapi.com/v2 ", "https://api.aimlapi.com"),
        ("https://proxy.example/aiml/v1/", "https://proxy.example/aiml"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_base_url_is_taken_as_people_write_it(url, base_url):
    assert VeoClient(KEY, base_url=url).base_url == base_url


def test_a_netrc_or_proxy_of_the_environment_changes_nothing(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other\n")
    (tmp_path / ".netrc").chmod(0o600)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, refused_url())
    with FaultServer([json_answer(200, {"current_balance": 1})]) as server:
        client_for(server).balance()
    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def everything_about(error):
    """All that could be printed, logged or kept of an error and its causes."""
    shown = ["".join(traceback.format_exception(error))]
    while error:
        shown += [repr(error), repr(vars(error)), repr(error.args)]
        shown += [repr(getattr(argument, "__dict__", "")) for argument in error.args]
        error = error.__cause__ or error.__context__
    return " ".join(shown)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        close,
        reset,
        hang,
        garbage,
        CUT_OFF,
        json_answer(401, {"message": f"Invalid API key: {KEY}"}),
        json_answer(200, {"status": "error", "error": f"bad {KEY}"}),
        json_answer(500, {"message": KEY}),
        redirect(f"https://elsewhere.example/{KEY}"),
    ],
)
def test_no_error_carries_the_key(fault, clock):
    with FaultServer(fault) as server:
        client = client_for(server, clock)
        for call in (
            lambda: client.submit(FOX),
            lambda: list(client.follow("a", sleep=clock.sleep)),
        ):
            with pytest.raises(VeoError) as caught:
                call()
            assert KEY not in everything_about(caught.value)


def test_a_client_does_not_show_its_key():
    client = VeoClient(KEY)
    assert KEY not in repr(client)
    assert KEY not in repr(vars(client))


# The whole way, with the demo service


def test_from_a_sentence_to_a_file(demo, tmp_path):
    client = VeoClient(KEY, base_url=demo.base_url)
    statuses = []
    for update in client.generate(FOX, expected=2.0):
        statuses.append(update.status)
    assert statuses[0] == "queued"
    assert statuses[-1] == "completed"
    path = client.download(update.video, tmp_path / "fox.mp4")
    assert path.stat().st_size > 50_000


FAULTS_MET = {
    "#bad-key": Refused,
    "#no-credits": Refused,
    "#blocked": Refused,
    "#must-enhance": None,
    "#busy": None,
    "#too-many": Busy,
    "#model-gone": Refused,
    "#bad-gateway": SubmissionUncertain,
    "#lost-answer": SubmissionUncertain,
    "#no-answer": SubmissionUncertain,
    "#not-found-yet": None,
    "#flaky": None,
    "#unknown-status": None,
    "#backwards": None,
    "#stuck": TookTooLong,
    "#refused": Failed,
    "#failed": Failed,
    "#no-url": DownloadFailed,
    "#only-new": None,
    "#expired-link": None,
    "#cut-download": None,
    "#broken-file": DownloadFailed,
    "#slow-download": None,
}
"""What the client makes of each fault of the demo service; None: the clip arrives all the same."""


def test_every_fault_of_the_demo_service_is_met_here():
    assert set(FAULTS_MET) == set(FAULTS)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "outcome"), FAULTS_MET.items())
def test_each_fault_of_the_demo_service_ends_as_it_should(fault, outcome, demo, clock, tmp_path):
    """The client's own clock only runs while it sleeps; the service needs real time to draw."""

    def sleep(seconds):
        clock.sleep(seconds)
        time.sleep(min(seconds, 0.15))

    timeout = 1.0 if fault == "#no-answer" else 60.0
    patience = 300 if fault == "#stuck" else 1e6
    client = VeoClient(KEY, base_url=demo.base_url, timeout=timeout, clock=clock)
    request = VideoRequest(f"fox {fault}", duration=4, resolution="720p")
    path = tmp_path / "fox.mp4"

    def story():
        *_, last = client.generate(request, expected=8.0, sleep=sleep, give_up_after=patience)
        client.download(last.video, path)

    if outcome is None:
        story()
        assert media.inspect(path).frames == 96
    else:
        with pytest.raises(outcome):
            story()
        assert not path.exists()


# Watching the wire


def observed(client):
    heard = []
    return client.with_trace(heard.append), heard


def test_every_exchange_is_told_with_what_was_said(demo, tmp_path, clock):
    client, heard = observed(VeoClient(KEY, base_url=demo.base_url, clock=clock))

    def sleep(seconds):
        clock.sleep(seconds)
        time.sleep(0.2)

    *_, update = client.generate(FOX, sleep=sleep)
    path = client.download(update.video, tmp_path / "fox.mp4")
    create, *looks, file = heard
    assert (create.method, create.address) == ("POST", "/v2/video/generations")
    assert json.loads(create.sent) == FOX.body()
    assert json.loads(create.answer)["id"] == update.generation_id
    assert create.status == 200
    address = f"/v2/video/generations?generation_id={update.generation_id}"
    assert {(look.method, look.address, look.status) for look in looks} == {("GET", address, 200)}
    assert json.loads(looks[-1].answer)["status"] == "completed"
    assert (file.method, file.address, file.size) == ("GET", "127.0.0.1", path.stat().st_size)
    assert (file.answer, file.sent, file.status, file.trouble) == ("", "", None, "")


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [(reset, "ConnectionError"), (hang, "ReadTimeout")],
)
def test_an_exchange_without_an_answer_is_told_by_its_error(fault, trouble):
    with FaultServer(fault) as server:
        client, heard = observed(client_for(server))
        with pytest.raises(SubmissionUncertain):
            client.submit(FOX)
    (exchange,) = heard
    assert (exchange.status, exchange.answer) == (None, "")
    assert exchange.trouble == trouble


def test_a_download_that_failed_is_told_without_its_address(tmp_path):
    with FaultServer([json_answer(410, {}), json_answer(401, {"error": KEY})]) as server:
        client, heard = observed(client_for(server))
        video = Video(generation_id="a", url=f"{server.url}/clip.mp4?signature=s3cret")
        with pytest.raises(Refused):
            client.download(video, tmp_path / "fox.mp4")
        bad = Video(generation_id="a", url="https://[?signature=s3cret")
        with pytest.raises(DownloadFailed):
            client.download(bad, tmp_path / "fox.mp4")
    assert [exchange.trouble for exchange in heard] == ["AddressExpired", "", "DownloadError"]
    assert [exchange.address for exchange in heard][::2] == ["127.0.0.1", ""]
    assert "s3cret" not in repr(heard)
    assert KEY not in repr(heard)


AWKWARD = 'canary-"\\/<&>+=%?#0123'


@pytest.mark.parametrize(
    ("key", "spelt"),
    [
        (KEY, KEY),
        (KEY, KEY.replace("c", "\\u0063")),
        (KEY, "".join(f"\\u{ord(character):04X}" for character in KEY)),
        (AWKWARD, json.dumps(AWKWARD)[1:-1]),
        (AWKWARD, json.dumps(AWKWARD)[1:-1].replace("/", "\\/").replace("<", "\\u003c")),
    ],
)
def test_no_error_holds_the_key_however_the_service_spells_it(key, spelt):
    said = f'{{"message": "No such key: {spelt}.", "status": "error", "error": "Not {spelt}."}}'
    refusal, failure = (answer(code, said.encode()) for code in (401, 200))
    with FaultServer([refusal, failure]) as server:
        client = VeoClient(key, base_url=server.url)
        with pytest.raises(Refused) as caught:
            client.submit(FOX)
        assert client.check("a").error == "Not [key]."
    assert str(caught.value) == "No such key: [key]."


UNREADABLE = {
    "a first line": f"Bearer {KEY}\r\n\r\n".encode(),
    "a protocol": f"HTTP/{KEY} 200 OK\r\n\r\n".encode(),
    "a length of a chunk": head(200, [("Transfer-Encoding", "chunked")]) + KEY.encode() + b"\r\n",
}


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_no_error_quotes_the_key_from_an_answer_that_nobody_can_read(unreadable):
    """Its causes are those of `http.client` and urllib3, which quote what they met."""
    with FaultServer(send_then_close(unreadable)) as server:
        client = VeoClient(KEY, base_url=server.url)
        for call in (lambda: client.submit(FOX), lambda: client.check("job"), client.balance):
            with pytest.raises((SubmissionUncertain, Unreachable)) as caught:
                call()
            shown = "".join(traceback.format_exception(caught.value))
            assert "[key]" in shown
            assert KEY not in shown


def test_no_exchange_holds_the_key_though_the_service_repeats_it():
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
    said = f'{{"message": "No such key: {KEY} {escaped}", "status": "error"}}'.encode()
    with FaultServer(answer(401, said, [("X-Key", KEY)])) as server:
        client, heard = observed(client_for(server))
        with pytest.raises(Refused):
            client.submit(VideoRequest(f"my key is {KEY}", negative_prompt=KEY))
        with pytest.raises(Refused):
            client.check(KEY)
    assert [exchange.status for exchange in heard] == [401, 401]
    assert repr(heard).count("[key]") == 7
    assert KEY not in repr(heard)
    assert server.requests[0].json()["negative_prompt"] == KEY


def test_an_observer_that_fails_loses_no_id():
    def fail(_):
        raise ZeroDivisionError

    with FaultServer([TAKEN]) as server:
        assert client_for(server).with_trace(fail).submit(FOX) == "uuid:google/veo"


def test_an_observer_hears_of_its_own_exchanges_alone():
    """The connections are shared, so that being observed costs no new one."""
    with FaultServer(json_answer(200, {"id": "a", "status": "queued"})) as server:
        client = client_for(server)
        (first, heard), (second, also_heard) = observed(client), observed(client)
        client.check("a")
        first.check("b")
        second.check("c")
        assert server.connections == 1
    assert [exchange.address[-1] for exchange in heard] == ["b"]
    assert [exchange.address[-1] for exchange in also_heard] == ["c"]


def test_every_public_name_is_exported():
    """A reader of `from veo_client import ...` finds all types and errors in one place."""
    own = ("veo_client", "veo.types", "veo.models")
    public = [
        name
        for name, value in vars(veo_client).items()
        if isinstance(value, type) and value.__module__ in own and not name.startswith("_")
    ]
    assert sorted(veo_client.__all__) == sorted([*public, "MODELS"])


def test_importing_the_client_needs_only_requests():
    """Teaching machines have no Gradio; the client must not ask for more than `requests`."""
    code = (
        "import sys; import requests; before = set(sys.modules); import veo_client;"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}"
        " - set(sys.stdlib_module_names)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "['veo', 'veo_client']"


def test_requests_is_what_we_think_it_is():
    """The transport relies on this hook of the adapter; a new release must not drop it unseen."""
    assert hasattr(requests.adapters.HTTPAdapter, "get_connection_with_tls_context")
