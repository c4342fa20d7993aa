"""What hosts of files answer when they do not give one out: one table, and what is told of it."""

from __future__ import annotations

import json
import time
import traceback
from pathlib import Path

import pytest
from conftest import KEY
from fault_server import (
    Answer,
    Connection,
    FaultServer,
    answer,
    drip,
    file_answer,
    head,
    html_answer,
    json_answer,
    redirect,
    send_then_close,
)
from test_download import FILM, left_in
from test_veo_client import Clock

from veo import download, explain, file_host, polling
from veo.download import AddressExpired, DownloadError, fetch
from veo_client import DownloadFailed, VeoClient, Video, VideoRequest

SECRET = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
QUERY = f"X-Amz-Expires=60&X-Amz-Signature={SECRET}&X-Amz-Security-Token=a%2Fb%2Bto%20ken"


def xml(code: str, message: str, more: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>{more}"
        f"<RequestId>4442587FB7D0A2F9</RequestId></Error>"
    ).encode()


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


DEAD = {
    "S3: AccessDenied": (403, xml("AccessDenied", "Request has expired"), "AccessDenied: Request"),
    "S3: ExpiredToken": (400, xml("ExpiredToken", "The provided token has expired."), "ExpiredT"),
    "S3: InvalidToken": (400, xml("InvalidToken", "The provided token is malformed."), "InvalidT"),
    "S3: a clock": (403, xml("RequestTimeTooSkewed", "The difference is too large."), "Skewed"),
    "S3: a signature": (
        403,
        xml(
            "SignatureDoesNotMatch", "It does not match.", f"<StringToSign>{SECRET}</StringToSign>"
        ),
        "SignatureDoesNotMatch: It does not match",
    ),
    "S3: a query": (400, xml("AuthorizationQueryParametersError", "X-Amz-Date."), "X-Amz-Date"),
    "S3: no key": (404, xml("NoSuchKey", "The specified key does not exist."), "NoSuchKey: The"),
    "R2": (400, xml("ExpiredRequest", "Request expired"), "ExpiredRequest: Request expired"),
    "Google": (400, xml("ExpiredToken", "Invalid argument.", "<Details>x</Details>"), "Expired"),
    "Google: no login": (401, xml("AuthenticationRequired", "Authentication required."), "Authe"),
    "Google: JSON": (
        403,
        as_json({"error": {"code": 403, "message": "Expired.", "status": "PERMISSION_DENIED"}}),
        "PERMISSION_DENIED: Expired",
    ),
    "Azure": (403, xml("AuthenticationFailed", "Server failed to authenticate."), "Authentica"),
    "Azure: with a mark": (
        403,
        b"\xef\xbb\xbf" + xml("AuthenticationFailed", "Signature not valid in the time frame."),
        "AuthenticationFailed: Signature not valid",
    ),
    "Azure: closed": (409, xml("PublicAccessNotPermitted", "Not permitted."), "PublicAccess"),
    "Azure: gone": (404, xml("BlobNotFound", "The specified blob does not exist."), "BlobNotF"),
    "OSS": (403, xml("AccessDenied", "Request has expired."), "AccessDenied: Request has"),
    "CloudFront": (403, xml("AccessDenied", "Access denied"), "AccessDenied: Access denied"),
    "CloudFront: a page": (
        403,
        b"<HTML><HEAD><TITLE>ERROR</TITLE></HEAD><H1>403 ERROR</H1>Bad request.</HTML>",
        "403 ERROR Bad request",
    ),
    "Cloudflare": (410, b"error code: 1001", "(HTTP 410). It says: error code: 1001."),
    "Supabase": (
        400,
        as_json({"statusCode": "400", "error": "InvalidJWT", "message": '"exp" claim failed'}),
        'InvalidJWT: "exp" claim failed',
    ),
    "Backblaze": (
        401,
        as_json({"code": "expired_auth_token", "message": "Expired.", "status": 401}),
        "expired_auth_token: Expired",
    ),
    "another with its code": (
        422,
        as_json({"error": "InvalidJWT"}),
        "(HTTP 422). It says: InvalidJWT.",
    ),
    "another with S3's code": (
        405,
        xml("AccessDenied", "No."),
        "(HTTP 405). It says: AccessDenied",
    ),
    "no money": (402, as_json({"message": "Pay first."}), "It says: Pay first."),
    "a method": (405, b"", "(HTTP 405)."),
    "a conflict": (409, xml("OperationAborted", "Conflict."), "OperationAborted: Conflict"),
    "English alone": (409, b"Request has expired", "It says: Request has expired."),
    "a lock": (423, b"The file is being written", "It says: The file is being written."),
    "nginx": (494, b"", "(HTTP 494)."),
    "an empty success": (204, b"", "(HTTP 204)."),
    "not quite there": (202, as_json({"message": "In preparation."}), "It says: In preparation."),
    "fal": (404, as_json({"detail": "File not found"}), "It says: File not found."),
    "Discord": (404, b"This content is no longer available.", "This content is no longer"),
    "Laravel": (419, b"", "(HTTP 419)."),
    "a guard": (498, b"Token expired", "(HTTP 498). It says: Token expired."),
    "a law": (451, b"", "(HTTP 451)."),
    "nothing said": (400, b"", "(HTTP 400)."),
    "XML cut short": (403, xml("AccessDenied", "Request has expired")[:-40], "AccessDenied: Re"),
    "XML with a prefix": (400, b"<x:Error><x:Code>ExpiredToken</x:Code></x:Error>", "ExpiredToken"),
}
"""What a host says of an address that is no longer good, or not yet: status, body, and what is told
of it."""


def get(server: FaultServer, path: Path, **rules):
    rules = {"trusted": server.url, "sleep": pytest.fail, **rules}
    return fetch(f"{server.url}/clip.mp4?{QUERY}", path, **rules)


@pytest.mark.parametrize("host", DEAD)
def test_a_dead_address_is_told_apart_in_whatever_words(host, tmp_path):
    status, body, told = DEAD[host]
    with FaultServer([answer(status, body)]) as server:
        with pytest.raises(AddressExpired) as caught:
            get(server, tmp_path / "clip.mp4")
    assert f"HTTP {status}" in str(caught.value)
    assert told in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("header", ["AuthenticationFailed", "PublicAccessNotPermitted"])
def test_azure_says_its_code_in_a_header_too(header, tmp_path):
    with FaultServer([answer(409, headers=[("x-ms-error-code", header)])]) as server:
        with pytest.raises(AddressExpired, match=rf"HTTP 409\)\. It says: {header}"):
            get(server, tmp_path / "clip.mp4")


PASSING = {
    "slow down": (503, xml("SlowDown", "Reduce your rate."), "HTTP 503 (SlowDown: Reduce your"),
    "too many": (429, as_json({"error": {"message": "Later."}}), "HTTP 429 (Later)"),
    "its code at a fault of its own": (500, xml("AccessDenied", "Oops."), "HTTP 500"),
    "a CDN whose own host is away": (522, b"error code: 522", "HTTP 522 (error code: 522)"),
}


@pytest.mark.parametrize("what", PASSING)
def test_what_passes_by_itself_is_no_reason_for_another_address(what, tmp_path):
    status, body, told = PASSING[what]
    with FaultServer([answer(status, body)]) as server:
        with pytest.raises(DownloadError) as caught:
            get(server, tmp_path / "clip.mp4", attempts=1)
    assert type(caught.value) is DownloadError
    assert told in str(caught.value)


# What is told


LEAKS = [
    f"Bad signature {SECRET}".encode(),
    f"<p>/clip.mp4?{QUERY.replace('&', '&amp;')}</p>".encode(),
    f"https://cdn.example/clip.mp4?{QUERY}".encode(),
    as_json({"message": f"{SECRET} is no good"}),
    as_json({"message": "token a/b+to ken is no good"}),
    b'{"message": "' + "".join(f"\\u{ord(c):04x}" for c in SECRET).encode() + b'"}',
    xml("AccessDenied", f"No such signature: {SECRET}"),
    xml(SECRET, "No."),
    f"cut {SECRET[:-2]}".encode(),
    f"cut {SECRET[3:15]}".encode(),
    f"x{SECRET.upper()}0123 encoded".encode(),
]


@pytest.mark.parametrize("body", LEAKS, ids=range(len(LEAKS)))
@pytest.mark.parametrize("status", [403, 402, 503])
def test_nothing_of_the_query_is_told(body, status, tmp_path):
    with FaultServer([answer(status, body)]) as server:
        with pytest.raises(DownloadError) as caught:
            get(server, tmp_path / "clip.mp4", attempts=1)
    shown = "".join(traceback.format_exception(caught.value)).lower()
    for secret in (SECRET[3:15], "a/b+to ken", "a%2fb%2bto"):
        assert secret.lower() not in shown


@pytest.mark.parametrize(
    "body",
    [
        b"x " * 100_000,
        b"<" * 100_000,
        b"<a" * 100_000,
        b"<Code>" * 100_000,
        b"/" * 100_000,
        b"[" * 100_000,
        b'{"error":' * 50_000,
        b"\x00\xff\xfe" * 1000,
        b"\x1b[31mred\r\nInjected: 1\n" * 10,
        "\u202egnp.exe \u2028 ".encode() * 100,
    ],
    ids=range(10),
)
def test_whatever_is_said_is_short_and_on_one_line(body):
    began = time.monotonic()
    told = file_host.say(*file_host.code_and_words(body[: file_host.MOST_READ], {}), "")
    assert time.monotonic() - began < 1
    assert len(told) <= file_host.LONGEST_SAID
    assert told.isprintable()


def test_no_more_is_read_than_is_told(tmp_path):
    read = []

    def endless(connection: Connection) -> None:
        connection.send(head(403))
        for _ in range(1 << 12):
            connection.send(b"no " * 20_000)
            read.append(1)

    with FaultServer([endless]) as server, pytest.raises(AddressExpired, match="no no no"):
        get(server, tmp_path / "clip.mp4")
    assert len(read) < 1 << 12


def test_who_says_it_slowly_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    slow = drip(b"no " * 100, after=head(403, [("Content-Length", 300)]))
    with (
        FaultServer([slow]) as server,
        pytest.raises(AddressExpired, match=r"HTTP 403\)\. It says: no"),
    ):
        get(server, tmp_path / "clip.mp4")


# Who we are


@pytest.mark.parametrize("refused", ["python-requests", "python", "requests", "urllib3"])
def test_a_host_that_refuses_other_programs_gives_us_the_file(refused, tmp_path):
    def guard(connection: Connection) -> None:
        name = connection.request.headers["User-Agent"]
        (html_answer(403) if refused in name else file_answer(FILM))(connection)

    with FaultServer(guard) as server:
        get(server, tmp_path / "clip.mp4")
    assert {request.headers["User-Agent"] for request in server.requests} == {"veo-client/1.0"}


# Labels


PLAIN = ["none", "identity", "utf-8", "UTF-8", "binary", "aws-chunked", "", " ", "8bit", "mp4"]
MISLABELLED = ["gzip", "br", "deflate", "zstd", "x-gzip", "aws-chunked,gzip"]


@pytest.mark.parametrize("label", [*PLAIN, *MISLABELLED])
def test_plain_bytes_are_plain_whatever_their_label(label, tmp_path):
    headers = [("Content-Encoding", label), ("ETag", '"one"')]
    with FaultServer([answer(200, FILM, headers)]) as server:
        get(server, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == FILM


@pytest.mark.parametrize("first", [b"wide", b"free", b"styp"])
def test_plain_bytes_with_a_label_may_begin_as_other_films_do(first, tmp_path):
    film = (8).to_bytes(4) + first + FILM
    with FaultServer([answer(200, film, [("Content-Encoding", "gzip")])]) as server:
        get(server, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == film


def test_a_label_does_not_keep_a_cut_file_from_going_on(tmp_path):
    label = [("Content-Encoding", "none"), ("ETag", '"one"')]

    def cut(connection: Connection) -> None:
        connection.send(head(200, [("Content-Length", len(FILM)), *label]) + FILM[:40_000])

    def rest(connection: Connection) -> None:
        told = ("Content-Range", f"bytes 40000-{len(FILM) - 1}/{len(FILM)}")
        answer(206, FILM[40_000:], [told, *label])(connection)

    with FaultServer([cut, rest]) as server:
        get(server, tmp_path / "clip.mp4", sleep=lambda _: None)
    assert (tmp_path / "clip.mp4").read_bytes() == FILM


# A fresh address


class Service(FaultServer):
    """Gives a new address at each look; the file is at the address of this number, and later
    ones."""

    def __init__(self, *, at: int, refusal: Answer | None = None) -> None:
        self.at, self.refusal = at, refusal or html_answer(404)
        self.looks = 0
        super().__init__(self.play)

    def play(self, connection: Connection) -> None:
        if "generation_id" in connection.request.path:
            self.looks += 1
            video = {"url": f"{self.url}/{self.looks}.mp4"}
            json_answer(200, {"status": "completed", "video": video})(connection)
            return
        number = int(connection.request.path.strip("/").removesuffix(".mp4"))
        (file_answer(FILM) if number >= self.at else self.refusal)(connection)

    def download(self, path: Path, clock: Clock) -> Path:
        client = VeoClient(KEY, base_url=self.url)
        video = Video(generation_id="a", url=f"{self.url}/0.mp4")
        return client.download(video, path, sleep=clock.sleep)


NO_FILE = {
    **{str(status): html_answer(status) for status in (400, 401, 403, 404, 410, 419, 451)},
    "402": html_answer(402),
    "423": html_answer(423),
    "202": json_answer(202, {"message": "In preparation."}),
    "204": answer(204),
    "304": answer(304),
    "a page with 200": html_answer(200, "<title>This link has expired</title>"),
    "JSON with 200": json_answer(200, {"error": "expired"}),
    "XML with 200": answer(200, xml("AccessDenied", "Request has expired")),
    "nothing with 200": answer(200),
}


@pytest.mark.parametrize("refusal", NO_FILE)
def test_a_dead_address_is_replaced_without_a_pause(refusal, tmp_path):
    clock = Clock()
    with Service(at=1, refusal=NO_FILE[refusal]) as service:
        assert service.download(tmp_path / "clip.mp4", clock).read_bytes() == FILM
    assert clock.now == 0


def test_a_dead_address_may_lead_to_where_one_signs_in(tmp_path):
    class Guarded(Service):
        def play(self, connection: Connection) -> None:
            is_sign_in = connection.request.path == "/sign-in"
            (html_answer(200) if is_sign_in else super().play)(connection)

    with Guarded(at=1, refusal=redirect("/sign-in")) as service:
        assert service.download(tmp_path / "clip.mp4", Clock()).read_bytes() == FILM


@pytest.mark.parametrize("at", [2, 3, 5, 7])
def test_a_file_that_is_not_there_yet_is_waited_for(at, tmp_path):
    clock = Clock()
    with Service(at=at) as service:
        assert service.download(tmp_path / "clip.mp4", clock).read_bytes() == FILM
    assert clock.slept == sorted(clock.slept)
    assert clock.slept == list(polling.FRESH_ADDRESS_PAUSES[:at])


STRAY = {
    "a page": html_answer(200),
    "a gateway": html_answer(502),
    "another gateway": json_answer(503, {"message": "Later."}),
    "too many": json_answer(429, {"message": "Later."}),
    "a cut": send_then_close(b"HTTP/1.1 200 OK\r\n"),
}


@pytest.mark.parametrize("stray", STRAY)
def test_a_look_without_news_is_no_reason_to_stop_asking_for_a_fresh_address(stray, tmp_path):
    class Stumbling(Service):
        def play(self, connection: Connection) -> None:
            is_first_look = "generation_id" in connection.request.path and not self.looks
            if is_first_look:
                self.looks += 1
                return STRAY[stray](connection)
            return super().play(connection)

    with Stumbling(at=2) as service:
        assert service.download(tmp_path / "clip.mp4", Clock()).read_bytes() == FILM


def test_after_a_minute_it_fails_with_what_the_host_said(tmp_path):
    clock = Clock()
    refusal = answer(404, xml("NoSuchKey", "The specified key does not exist."))
    with Service(at=99, refusal=refusal) as service:
        with pytest.raises(DownloadFailed, match=r"HTTP 404\)\. It says: NoSuchKey: The") as caught:
            service.download(tmp_path / "clip.mp4", clock)
    assert clock.now == 60
    assert service.looks < 10
    assert caught.value.generation_id == "a"
    assert str(caught.value).endswith("We asked for fresh addresses for a minute.")
    assert left_in(tmp_path) == []
    # The service has it, so nobody is told to send, and pay, again.
    read = explain.explain_error(caught.value, request=VideoRequest("a fox"), was_complete=True)
    assert (read.title, read.actions) == ("The video did not arrive", ("fetch_again",))


def test_what_had_come_is_gone_on_with_at_a_later_address(tmp_path, monkeypatch):
    """The signature of the first address runs out half-way."""
    answers = [file_answer(FILM, cut_after=40_000), html_answer(403), html_answer(404)]
    with FaultServer([]) as server:
        fresh = {"status": "completed", "video": {"url": f"{server.url}/a.mp4?another=1"}}
        look = json_answer(200, fresh)
        server._script.extend([*answers[:2], look, answers[2], look, file_answer(FILM)])
        client, clock = VeoClient(KEY, base_url=server.url), Clock()
        monkeypatch.setitem(fetch.__kwdefaults__, "sleep", clock.sleep)
        video = Video(generation_id="a", url=f"{server.url}/a.mp4?one=1")
        client.download(video, tmp_path / "clip.mp4", sleep=clock.sleep)
    assert server.requests[-1].headers["Range"] == "bytes=40000-"
    assert (tmp_path / "clip.mp4").read_bytes() == FILM
