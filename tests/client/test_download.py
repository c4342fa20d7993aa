"""Downloads against a server that misbehaves in every way we know."""

from __future__ import annotations

import contextlib
import errno
import gzip
import itertools
import json
import os
import queue
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_server import (
    Answer,
    Connection,
    FaultServer,
    answer,
    at_once,
    close,
    close_before_handshake,
    drip,
    endless,
    file_answer,
    garbage,
    gzip_bomb,
    hang,
    head,
    html_answer,
    huge_length,
    redirect,
    refused_url,
    reset,
    send_then_close,
    send_then_hang,
    send_then_reset,
    tls_trusted,
    tls_untrusted,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veo import download, files, mp4
from veo.download import AddressExpired, DownloadError, fetch

ROOT = Path(__file__).parents[2]
SIGNED = "/clip.mp4?signature=SECRET"


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


def film(size: int = 100_000, seed: int = 0) -> bytes:
    """A whole MP4 of about `size` bytes, as far as boxes tell."""
    noise = random.Random(seed).randbytes(size)
    return box(b"ftyp", b"isom") + box(b"moov", bytes(100)) + box(b"mdat", noise)


FILM = film()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    return tmp_path / "films" / "clip.mp4"


@pytest.fixture
def anywhere_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server on loopback stand in for a host on the internet."""
    monkeypatch.setattr(download, "is_public", lambda _: True)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Little patience until this pause: whatever comes after it may take its time."""
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    return lambda _: monkeypatch.setattr(download, "TIMEOUT", 30.0)


def get(server: FaultServer, path: Path, *, query: str = "signature=SECRET", **rules) -> Path:
    """Fetch as the client would, without a real pause."""
    rules = {"sleep": lambda _: None, "trusted": server.url, **rules}
    return fetch(f"{server.url}/clip.mp4?{query}", path, **rules)


def refusal(server: FaultServer, path: Path, **rules) -> str:
    """The text of the error, after a look at what else it shows."""
    with pytest.raises(DownloadError) as caught:
        get(server, path, **rules)
    shown = "".join(traceback.format_exception(caught.value))
    assert "SECRET" not in shown
    with contextlib.suppress(OSError):  # the name is too long
        assert not path.is_file()
    return str(caught.value)


def left_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def leave_part(server_url: str, path: Path, size: int, *, content: bytes = FILM) -> None:
    """What an interrupted download of `content` leaves behind."""
    with FaultServer([file_answer(content, cut_after=size)]) as server:
        refusal(server, path, attempts=1)
    note = path.with_name("clip.mp4.part.json")
    kept = json.loads(note.read_text())
    note.write_text(json.dumps({**kept, "address": f"{server_url}/clip.mp4"}))
    assert path.with_name("clip.mp4.part").stat().st_size == size


# The way it should go


def test_a_file_arrives_whole_and_alone(path):
    with FaultServer([file_answer(FILM)]) as server:
        assert get(server, path) == path
    assert path.read_bytes() == FILM
    assert left_in(path.parent) == ["clip.mp4"]


def test_the_host_learns_nothing_of_us(path, monkeypatch, tmp_path):
    """No key, cookie, referrer, nor anything from the environment."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", refused_url())
    monkeypatch.setenv("http_proxy", refused_url())
    monkeypatch.setenv("no_proxy", "")
    hop = answer(302, headers=[("Location", "/next"), ("Set-Cookie", "canary=1; Path=/")])
    with FaultServer([hop, file_answer(FILM)]) as server:
        get(server, path)
    for request in server.requests:
        names = {name.lower() for name in request.headers}
        assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert request.headers["Accept-Encoding"] == "identity"
        assert "canary" not in str(request)
    assert "SECRET" not in str(server.requests[1])


def test_a_file_over_https(path, monkeypatch, tmp_path, anywhere_is_public):
    with FaultServer([file_answer(FILM)], tls=tls_trusted(monkeypatch, tmp_path)) as server:
        get(server, path, trusted=None)
    assert path.read_bytes() == FILM


def test_an_older_file_of_that_name_is_replaced_only_at_the_end(path):
    path.write_bytes(b"older")
    with FaultServer([answer(200, FILM[:-1]), file_answer(FILM)]) as server:
        with pytest.raises(DownloadError):
            get(server, path)
        assert path.read_bytes() == b"older"
        get(server, path)
    assert path.read_bytes() == FILM


def test_progress_is_told(path):
    told = []
    with FaultServer([file_answer(FILM)]) as server:
        get(server, path, on_progress=lambda *progress: told.append(progress))
    assert told[-1] == (len(FILM), len(FILM))
    assert told == sorted(told)


@pytest.mark.parametrize(
    "framing", [send_then_close(head(200) + FILM), "chunked"], ids=["until close", "chunked"]
)
def test_a_file_without_a_length(path, framing):
    if framing == "chunked":
        chunk = b"%x\r\n%b\r\n" % (len(FILM), FILM)
        first = head(200, [("Transfer-Encoding", "chunked"), ("ETag", '"one"')])
        framing = send_then_close(first + chunk + b"0\r\n\r\n")
    told = []
    with FaultServer([framing]) as server:
        get(server, path, on_progress=lambda *progress: told.append(progress))
    assert path.read_bytes() == FILM
    assert told[-1] == (len(FILM), None)


def test_bytes_after_the_stated_length_are_not_part_of_the_file(path):
    first = head(200, [("Content-Length", len(FILM))])
    with FaultServer([send_then_close(first + FILM + b"more")]) as server:
        get(server, path)
    assert path.read_bytes() == FILM


# Cut and taken up again


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_cut_download_goes_on_where_it_stopped(
    path, secure, monkeypatch, tmp_path, anywhere_is_public
):
    tls = tls_trusted(monkeypatch, tmp_path) if secure else None
    pauses = []
    with FaultServer([file_answer(FILM, cut_after=40_000), file_answer(FILM)], tls=tls) as server:
        get(server, path, sleep=pauses.append)
    assert path.read_bytes() == FILM
    assert "Range" not in server.requests[0].headers
    assert server.requests[1].headers["Range"] == "bytes=40000-"
    assert server.requests[1].headers["If-Range"] == '"one"'
    assert len(pauses) == 1
    assert left_in(path.parent) == ["clip.mp4"]


def test_a_later_run_goes_on_with_a_fresh_address(path):
    """The signature differs, the file is the same."""
    with FaultServer([file_answer(FILM, cut_after=40_000), file_answer(FILM)]) as server:
        assert "40,000 of 100,128 bytes are kept" in refusal(server, path, attempts=1)
        assert left_in(path.parent) == ["clip.mp4.part", "clip.mp4.part.json"]
        get(server, path, query="signature=ANOTHER")
    assert server.requests[1].headers["Range"] == "bytes=40000-"
    assert path.read_bytes() == FILM


def test_the_note_beside_the_part_holds_no_query(path):
    with FaultServer([file_answer(FILM, cut_after=40_000)]) as server:
        refusal(server, path, attempts=1)
    note = path.with_name("clip.mp4.part.json").read_text()
    assert "SECRET" not in note
    assert json.loads(note)["address"] == f"{server.url}/clip.mp4"


def test_another_address_starts_over(path):
    """An ETag names a version of one resource, not of every resource on earth."""
    with FaultServer([file_answer(FILM)]) as server:
        leave_part("http://other.example", path, 40_000, content=film(seed=1))
        get(server, path)
    assert "Range" not in server.requests[0].headers
    assert path.read_bytes() == FILM


@pytest.mark.parametrize("etag", [None, 'W/"one"', "one", '"', '"a" "b"'])
def test_without_a_strong_etag_it_starts_over(path, etag):
    cut = file_answer(FILM, etag=etag, cut_after=40_000)
    with FaultServer([cut, file_answer(FILM, etag=etag)]) as server:
        get(server, path)
    assert "Range" not in server.requests[1].headers
    assert path.read_bytes() == FILM


def test_a_file_that_changed_meanwhile_starts_over(path):
    """And the new one is resumed in its turn."""
    other = film(90_000, seed=1)
    answers = [
        file_answer(FILM, cut_after=40_000),
        file_answer(other, etag='"two"', cut_after=30_000),
        file_answer(other, etag='"two"'),
    ]
    with FaultServer(answers) as server:
        get(server, path)
    ranges = [(r.headers["Range"], r.headers["If-Range"]) for r in server.requests]
    assert ranges == [(None, None), ("bytes=40000-", '"one"'), ("bytes=30000-", '"two"')]
    assert path.read_bytes() == other


def partial(content_range: str | None, body: bytes = FILM[40_000:], etag: str = '"one"') -> Answer:
    extra = [("Content-Range", content_range)] if content_range else []
    return answer(206, body, [("ETag", etag), *extra])


@pytest.mark.parametrize(
    "wrong",
    [
        partial("bytes 39999-100127/100128"),
        partial("bytes 0-100127/100128"),
        partial("bytes 40000-100127/*"),
        partial("bytes 40000-100126/100128"),
        partial("bytes 40000-100128/100129"),
        partial("bytes=40000-100127/100128"),
        partial(None),
        partial("bytes 40000-100127/100128", etag='"two"'),
        partial("bytes 40000-100127/100128", etag='W/"one"'),
        partial("bytes 40000-100127/100128", FILM),
        partial("bytes 40000-100127/100128", FILM[50_000:]),
        answer(206, b"--x", [("Content-Type", "multipart/byteranges; boundary=x")]),
        answer(416, headers=[("Content-Range", "bytes */100128")]),
        answer(416),
    ],
)
def test_a_range_other_than_asked_for_is_not_used(path, wrong):
    with FaultServer([file_answer(FILM, cut_after=40_000), wrong, file_answer(FILM)]) as server:
        get(server, path)
    assert [request.headers["Range"] for request in server.requests] == [None, "bytes=40000-", None]
    assert path.read_bytes() == FILM


@pytest.mark.parametrize("rest", [FILM[40_000:-1], FILM[40_000:] + b"more"], ids=["short", "long"])
def test_a_rest_that_does_not_fit_is_not_the_end(path, rest):
    """In chunks, it has no length that would tell in advance."""
    headers = [
        ("Transfer-Encoding", "chunked"),
        ("ETag", '"one"'),
        ("Content-Range", f"bytes 40000-{len(FILM) - 1}/{len(FILM)}"),
    ]
    chunks = send_then_close(head(206, headers) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest))
    with FaultServer([file_answer(FILM, cut_after=40_000), chunks, file_answer(FILM)]) as server:
        get(server, path)
    assert path.read_bytes() == FILM


def test_a_range_nobody_asked_for_is_not_used(path):
    with FaultServer([partial("bytes 0-100127/100128", FILM), file_answer(FILM)]) as server:
        get(server, path)
    assert path.read_bytes() == FILM


def test_a_process_that_died_between_the_last_byte_and_the_name_lost_nothing(path):
    """The host answers 416: nothing is missing."""
    with FaultServer([file_answer(FILM)]) as server:
        leave_part(server.url, path, len(FILM) - 1)
        with path.with_name("clip.mp4.part").open("ab") as part:
            part.write(FILM[-1:])
        get(server, path)
    assert server.requests[0].headers["Range"] == f"bytes={len(FILM)}-"
    assert path.read_bytes() == FILM


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"address": 1, "etag": "x", "total": 5}',
        b'{"address": "ADDRESS", "etag": null, "total": 100128}',
        b'{"address": "ADDRESS", "etag": "\\"one\\"", "total": null}',
        b'{"address": "ADDRESS", "etag": "\\"one\\"", "total": "many"}',
        b'{"address": "ADDRESS", "etag": "\\"one\\"", "total": 39999}',
    ],
)
def test_a_damaged_note_means_starting_over(path, note):
    with FaultServer([file_answer(FILM)]) as server:
        leave_part(server.url, path, 40_000)
        address = f"{server.url}/clip.mp4".encode()
        path.with_name("clip.mp4.part.json").write_bytes(note.replace(b"ADDRESS", address))
        get(server, path)
    assert "Range" not in server.requests[0].headers
    assert path.read_bytes() == FILM


def test_a_note_without_its_part_means_starting_over(path):
    with FaultServer([file_answer(FILM)]) as server:
        leave_part(server.url, path, 40_000)
        path.with_name("clip.mp4.part").unlink()
        get(server, path)
    assert path.read_bytes() == FILM


@pytest.mark.parametrize(
    "fault",
    [
        close_before_handshake,
        close,
        reset,
        garbage,
        send_then_close(head(200, [("Content-Length", len(FILM))]) + FILM[:50]),
        send_then_reset(head(200, [("Content-Length", len(FILM))]) + FILM[:50]),
        send_then_close(head(200, [("Transfer-Encoding", "chunked")]) + b"ff\r\nshort"),
        send_then_close(head(200, [("Transfer-Encoding", "chunked")]) + b"no number\r\n"),
        send_then_close(head(200) + FILM[:50]),
        send_then_close(head(200)[:-2]),
        *(answer(status) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_a_passing_fault_costs_one_more_attempt(path, fault):
    with FaultServer([fault, file_answer(FILM)]) as server:
        get(server, path)
    assert path.read_bytes() == FILM


def test_attempts_end(path):
    pauses = []
    with FaultServer([answer(503)] * 5) as server:
        assert "HTTP 503" in refusal(server, path, sleep=pauses.append)
    assert len(pauses) == 4
    assert left_in(path.parent) == []


def test_pauses_grow_and_differ_but_stay_short():
    pauses = [[download._pause_before(attempt) for _ in range(50)] for attempt in range(1, 9)]
    assert all(0 < pause <= download.LONGEST_PAUSE for row in pauses for pause in row)
    assert max(pauses[0]) < min(pauses[2])
    assert all(len(set(row)) > 1 for row in pauses)


def test_nobody_listens(path):
    url = refused_url()
    with pytest.raises(DownloadError, match="stopped"):
        fetch(f"{url}{SIGNED}", path, trusted=url, sleep=lambda _: None)
    assert left_in(path.parent) == []


def test_an_unknown_host(path, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DownloadError, match="stopped"):
        fetch(f"https://cdn.example{SIGNED}", path, sleep=lambda _: None)


# Slow, endless, large


@pytest.mark.parametrize(
    "slow",
    [
        hang,
        send_then_hang(head(200, [("Content-Length", len(FILM))]) + FILM[:50]),
        drip(head(200)),
        drip(FILM, after=head(200, [("Content-Length", len(FILM))])),
    ],
    ids=["hang", "hang in the body", "drip in the head", "drip in the body"],
)
def test_standing_still_counts_as_a_lost_connection(path, slow, impatient):
    with FaultServer([slow, file_answer(FILM)]) as server:
        get(server, path, sleep=impatient)
    assert path.read_bytes() == FILM


class Trickle:
    """A clock that runs with the bytes, as if they came at so many a second."""

    def __init__(self, rate: float) -> None:
        self.now = 0.0
        self._rate = rate

    def __call__(self) -> float:
        return self.now

    def on_progress(self, size: int, _: int | None) -> None:
        self.now = size / self._rate


def test_less_than_64_kib_in_30_seconds_is_a_stall_and_what_came_is_kept(path, monkeypatch):
    monkeypatch.setattr(download, "PIECE", 1024)
    clock = Trickle(0.95 * (64 << 10) / 30)
    rules = {"attempts": 1, "clock": clock, "on_progress": clock.on_progress}
    with FaultServer([file_answer(FILM)]) as server:
        assert "too little came in time" in refusal(server, path, **rules)
    assert 60_000 < path.with_name("clip.mp4.part").stat().st_size < 64 << 10


def test_slow_but_steady_is_patiently_received(path, monkeypatch):
    """It takes longer than the patience in all, never for as much as keeps it alive."""
    monkeypatch.setattr(download, "PIECE", 1024)
    clock = Trickle(1.05 * (64 << 10) / 30)
    with FaultServer([file_answer(film(300_000))]) as server:
        get(server, path, attempts=1, clock=clock, on_progress=clock.on_progress)
    assert path.read_bytes() == film(300_000)
    assert clock.now > 120


def test_a_stated_length_over_the_cap_is_refused_unread(path):
    with FaultServer([huge_length]) as server:
        assert "larger than" in refusal(server, path)
    assert left_in(path.parent) == []


def chunks_without_end(connection: Connection) -> None:
    endless(head(200, [("Transfer-Encoding", "chunked")]), b"1000\r\n%b\r\n" % bytes(4096))(
        connection
    )


@pytest.mark.parametrize("flood", [endless(), chunks_without_end])
def test_an_endless_file_is_refused_and_removed(path, flood):
    with FaultServer([flood]) as server:
        assert "larger than" in refusal(server, path, max_bytes=1_000_000)
    assert left_in(path.parent) == []


@pytest.mark.parametrize(
    "flood",
    [
        endless(b"", head(100) * 100),
        endless(head(200, [("Transfer-Encoding", "chunked")]) + b"0\r\n", b"X: y\r\n" * 1000),
    ],
    ids=["100 Continue", "trailers"],
)
def test_an_endless_frame_around_nothing_ends_too(path, flood):
    with FaultServer([flood]) as server:
        assert "without end" in refusal(server, path, max_bytes=100_000)
    assert left_in(path.parent) == []


def test_a_file_at_the_cap_is_welcome(path):
    with FaultServer([file_answer(FILM)]) as server:
        get(server, path, max_bytes=len(FILM))
    with FaultServer([file_answer(FILM)]) as server:
        path.unlink()
        refusal(server, path, max_bytes=len(FILM) - 1)


@pytest.mark.parametrize("plain", [FILM, bytes(1 << 20)], ids=["a film", "nothing"])
@pytest.mark.parametrize("label", ["gzip", "br", ""])
def test_what_comes_compressed_unasked_is_kept_as_it_came(path, plain, label):
    """It is paid for, and whoever has it can unpack it."""
    packed = gzip.compress(plain)
    with FaultServer([answer(200, packed, [("Content-Encoding", label)])]) as server:
        assert "What came is kept as" in refusal(server, path)
    assert mp4.unchecked(path).read_bytes() == packed
    assert not path.exists()


def test_a_bomb_is_not_unpacked(path):
    with FaultServer([gzip_bomb(64 << 20)]) as server:
        refusal(server, path, max_bytes=1 << 20)
    assert sum(each.stat().st_size for each in path.parent.iterdir()) < 1 << 20


# No film


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Sign in to the network</body></html>",
    ],
    ids=["empty", "HTML"],
)
def test_what_is_no_film_is_removed_and_the_next_try_starts_clean(path, body):
    with FaultServer([file_answer(body), file_answer(FILM)]) as server:
        assert "not kept" in refusal(server, path)
        assert left_in(path.parent) == []
        get(server, path)
    assert "Range" not in server.requests[1].headers
    assert path.read_bytes() == FILM


@pytest.mark.parametrize(
    "body",
    [
        random.Random(1).randbytes(5000),
        FILM[:-1],
        box(b"ftyp") + box(b"mdat"),
        box(b"ftyp") + box(b"moov"),
    ],
    ids=["garbage", "short", "no moov", "no mdat"],
)
def test_what_came_whole_by_the_hosts_word_is_kept_under_another_name(path, body):
    """It is paid for."""
    with FaultServer([file_answer(body), file_answer(FILM)]) as server:
        assert "What came is kept as clip.mp4.unchecked." in refusal(server, path)
        assert left_in(path.parent) == ["clip.mp4.unchecked"]
        assert path.with_name("clip.mp4.unchecked").read_bytes() == body
        get(server, path)
    assert "Range" not in server.requests[1].headers
    assert path.read_bytes() == FILM


def test_bytes_after_the_film_are_no_reason_to_refuse_it(path):
    with FaultServer([file_answer(FILM + b"more")]) as server:
        get(server, path)
    assert path.read_bytes() == FILM + b"more"


def test_html_with_its_type_is_no_film_either(path):
    with FaultServer([html_answer()]) as server:
        assert "not an MP4" in refusal(server, path)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_expired_address_is_told_apart_and_what_came_is_kept(path, status):
    with FaultServer([file_answer(FILM, cut_after=40_000), answer(status)]) as server:
        with pytest.raises(AddressExpired, match=f"HTTP {status}"):
            get(server, path)
    assert left_in(path.parent) == ["clip.mp4.part", "clip.mp4.part.json"]


@pytest.mark.parametrize("status", [201, 204, 300, 302, 304, 402, 405, 416])
def test_any_other_answer_without_a_file_is_a_reason_for_a_fresh_address(path, status):
    with FaultServer([answer(status)]) as server:
        with pytest.raises(AddressExpired, match=f"HTTP {status}"):
            get(server, path)


# Where it may go


PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "2002:808:808::1",
    "64:ff9b::808:808",
]
NOT_PUBLIC = [
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "0.0.0.0",  # noqa: S104 - to be refused
    "::",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "2001::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address):
    assert download.is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_only_we_can_reach(address):
    assert not download.is_public(address)


class ConnectedTo:
    """As much of a socket as the check looks at."""

    def __init__(self, address: str) -> None:
        self.address = address

    def getpeername(self) -> tuple[str, int]:
        return self.address, 443


def is_refused(address: str, **where: bool) -> bool:
    try:
        download._check_peer(ConnectedTo(address), **where)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "8.8.8.8", "10.0.0.1", "169.254.169.254"])
@pytest.mark.parametrize("https", [False, True])
@pytest.mark.parametrize("at_home", [False, True])
def test_where_a_connection_may_lead(address, https, at_home):
    """To the public by https, to loopback at home, nowhere else; a base URL in a LAN is no home."""
    may = (at_home and address in ("127.0.0.1", "::1")) or (https and address == "8.8.8.8")
    assert is_refused(address, at_home=at_home, https=https) != may


@pytest.mark.parametrize(
    "url",
    [
        "",
        "clip.mp4",
        "//cdn.example/clip.mp4",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "ftp://cdn.example/clip.mp4",
        "gopher://cdn.example/",
        "data:video/mp4;base64,AAAA",
        "javascript:alert(1)",
        "http://cdn.example/clip.mp4",
        "HTTP://cdn.example/clip.mp4",
        "http://127.0.0.1:8001/clip.mp4",
        "http://127.0.0.1/clip.mp4",
        "http://localhost:8000/clip.mp4",
        "http://127.0.0.1:8000@cdn.example/",
        "http://127.0.0.1:8000.cdn.example/",
        "https://user:password@cdn.example/",
        "https://user@cdn.example/",
        "https:///clip.mp4",
        "https://?clip.mp4",
        "https://:443/",
        "https://cdn.example:99999/",
        "https://cdn.example:port/",
        "https://[::1/",
        "https://cdn..example/",
        f"https://{'a' * 64}.example/",
        "https://*.example/",
        "https://\x00/",
        "https://\udcff/",
    ],
)
def test_addresses_that_are_not_opened(path, url, monkeypatch):
    """Not even their name is looked up."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up"))
    with pytest.raises(DownloadError, match="address"):
        fetch(url, path, trusted="http://127.0.0.1:8000")
    assert left_in(path.parent) == []


@pytest.mark.slow
@given(url=st.text(max_size=40) | st.from_regex(r"https?://[^a-z]{0,20}", fullmatch=True))
def test_no_text_makes_checking_an_address_crash(url):
    with contextlib.suppress(DownloadError):
        download.check_address(download._address("", url), "http://127.0.0.1:8000")


def test_the_trusted_origin_is_exact():
    home = "http://127.0.0.1:80/v2"
    assert download.check_address("http://127.0.0.1/clip.mp4", home)
    assert not download.check_address("https://127.0.0.1/clip.mp4", home)
    assert not download.check_address("https://cdn.example/", "https://cdn.example:8443")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",  # noqa: S104 - to be refused
        "rebound.example",
    ],
)
def test_no_spelling_leads_to_this_machine(path, host, monkeypatch):
    """Nothing is said to what answers there, not even the greeting of TLS."""
    look_up = socket.getaddrinfo

    def rebound(name, *rest, **options):
        return look_up("127.0.0.1" if "rebound" in name else name, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    heard: queue.Queue[bytes] = queue.Queue()

    @at_once
    def listen(connection: Connection) -> None:
        heard.put(connection.sock.recv(100))

    with FaultServer(listen) as server:
        url = f"https://{host}:{server.port}{SIGNED}"
        with pytest.raises(DownloadError, match="private network"):
            fetch(url, path, trusted="http://127.0.0.1:1", sleep=pytest.fail)
        assert heard.get(timeout=5) == b""


# Redirects


def test_three_redirects_are_followed(path):
    hops = [redirect("/a", 301), redirect("b?x=1", 307), redirect("//HOST/c", 308)]
    with FaultServer([*hops[:2], file_answer(FILM)]) as server:
        get(server, path)
    assert [request.path for request in server.requests] == [SIGNED, "/a", "/b?x=1"]
    assert path.read_bytes() == FILM


def test_the_body_of_a_redirect_is_not_read(path):
    """`requests` by itself would keep all of it in memory."""
    fat = endless(head(302, [("Location", "/next")]))
    with FaultServer([fat, file_answer(FILM)]) as server:
        get(server, path, attempts=1)
    assert path.read_bytes() == FILM


def test_redirects_end(path):
    with FaultServer(redirect("/again")) as server:
        assert "redirects too often" in refusal(server, path)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "http://cdn.example/clip.mp4",
        "https://user@cdn.example/",
        "https://[::1",
        "http://127.0.0.1:1/",
    ],
)
def test_each_redirect_is_checked(path, target):
    with FaultServer([redirect(target)]) as server:
        assert "address" in refusal(server, path)


def test_a_redirect_into_the_private_network_is_refused(path):
    with FaultServer([]) as inside:
        with FaultServer([redirect(f"https://{inside.host}/")]) as server:
            assert "private network" in refusal(server, path)
    assert not inside.requests


def test_the_public_may_not_redirect_home(path, monkeypatch, tmp_path, anywhere_is_public):
    """A host on the internet must not make us talk to what listens on loopback."""
    tls = tls_trusted(monkeypatch, tmp_path)
    with FaultServer([]) as home, FaultServer([redirect(f"{home.url}/x")], tls=tls) as cdn:
        assert "not https" in refusal(cdn, path, trusted=home.url)
    assert home.connections == 0


def test_home_may_redirect_to_the_public(path, monkeypatch, tmp_path, anywhere_is_public):
    tls = tls_trusted(monkeypatch, tmp_path)
    with FaultServer([file_answer(FILM)], tls=tls) as cdn:
        with FaultServer([redirect(f"{cdn.url}/clip.mp4")]) as home:
            get(home, path)
    assert path.read_bytes() == FILM
    assert "Referer" not in cdn.requests[0].headers


def test_a_resumed_download_may_be_redirected(path):
    answers = [file_answer(FILM, cut_after=40_000), redirect("/moved"), file_answer(FILM)]
    with FaultServer(answers) as server:
        get(server, path)
    assert server.requests[2].headers["Range"] == "bytes=40000-"
    assert path.read_bytes() == FILM


OUTSIDE, INSIDE = "8.8.8.8", "127.0.0.1"


@pytest.mark.parametrize(
    "answers",
    [[[OUTSIDE], [INSIDE]], [[INSIDE], [OUTSIDE]], [[OUTSIDE, INSIDE]], [[INSIDE, OUTSIDE]]],
    ids=["outside first", "inside first", "both, outside first", "both, inside first"],
)
def test_a_name_that_leads_elsewhere_when_asked_again_gives_nothing_away(
    path, monkeypatch, answers
):
    """To check one answer and go by another is what a rebound name waits for."""
    heard, tried, answers, connect = [], [], itertools.cycle(answers), socket.socket.connect

    @at_once
    def listen(connection: Connection) -> None:
        heard.append(connection.sock.recv(100))

    def look_up(_, port, *__, **___):
        kind = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, ""
        return [(*kind, (address, port)) for address in next(answers)]

    def connect_inside(sock, address):
        tried.append(address[0])
        if address[0] != INSIDE:
            raise ConnectionRefusedError
        connect(sock, address)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect_inside)
    with FaultServer(listen) as inside:
        with pytest.raises(DownloadError, match="private network"):
            fetch(f"https://cdn.example:{inside.port}{SIGNED}", path, sleep=lambda _: None)
    assert tried[-1] == INSIDE
    assert b"".join(heard) == b""


@pytest.mark.parametrize("fault", ["unknown authority", "another host"])
def test_a_bad_certificate_is_no_passing_fault(
    path, fault, monkeypatch, tmp_path, anywhere_is_public
):
    tls = tls_trusted(monkeypatch, tmp_path, host="other.example")
    if fault == "unknown authority":
        tls = tls_untrusted()
    with FaultServer([], tls=tls) as server:
        assert "certificate" in refusal(server, path, trusted=None, sleep=pytest.fail)


# The disk


def test_a_full_disk(path):
    path.with_name("clip.mp4.part").symlink_to("/dev/full")
    with FaultServer([file_answer(FILM)]) as server:
        assert refusal(server, path) == (
            "The disk is full. Free some space and run again; the clip stays at the service."
        )


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_file_that_is_not_safe_on_the_disk_is_not_shown(path, trouble, monkeypatch):
    def fail(descriptor):
        raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr(os, "fsync", fail)
    with FaultServer([file_answer(FILM)] * 2) as server:
        assert "run again" in refusal(server, path)
        assert left_in(path.parent) == ["clip.mp4.part", "clip.mp4.part.json"]
        monkeypatch.undo()
        get(server, path)
    assert path.read_bytes() == FILM


def test_the_file_is_on_the_disk_before_its_name_and_its_name_before_the_end(path, monkeypatch):
    steps = []
    sync, replace = os.fsync, Path.replace

    def spy_sync(descriptor):
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def spy_replace(self, target):
        steps.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(Path, "replace", spy_replace)
    with FaultServer([file_answer(FILM)]) as server:
        get(server, path)
    assert steps == ["file", "name", "folder"]


def test_places_that_cannot_be_written_are_told_before_anything_is_asked(path):
    """Root may write everywhere, so these are places where nobody can."""
    path.write_bytes(b"a file")
    (path.parent / "folder").mkdir()
    (path.parent / "taken.part.json").mkdir()
    with FaultServer([]) as server:
        for place, words in {
            path.parent / "missing" / "clip.mp4": "No such file or directory",
            path / "clip.mp4": "Not a directory",
            path.parent / ("x" * 250): "File name too long",
            path.parent / ("x" * 300): "File name too long",
            path.parent / "folder": "is a folder",
            path.parent / "taken": "Is a directory",
            Path(): "is a folder",
        }.items():
            text = refusal(server, place)
            assert words in text
            assert "run again" in text
    assert server.connections == 0


# Two at once


def test_a_second_download_of_the_same_file_is_refused(path):
    going = threading.Event()

    def slowly(connection: Connection) -> None:
        connection.send(head(200, [("Content-Length", len(FILM))]) + FILM[:500])
        going.set()
        second.wait(60)
        connection.send(FILM[500:])

    second = threading.Event()
    with FaultServer([slowly]) as server:
        first = threading.Thread(target=get, args=(server, path))
        first.start()
        assert going.wait(60)
        assert "Another download" in refusal(server, path)
        second.set()
        first.join()
    assert path.read_bytes() == FILM
    assert left_in(path.parent) == ["clip.mp4"]


@contextlib.contextmanager
def another_process(server: FaultServer, path: Path) -> Iterator[subprocess.Popen]:
    """A process that downloads the same file; it says so when the first bytes have come."""
    program = (
        "import sys, pathlib; from veo import download\n"
        "url, path, trusted = sys.argv[1:]\n"
        "tell = lambda *_: print('going', flush=True)\n"
        "download.fetch(url, pathlib.Path(path), trusted=trusted, on_progress=tell)\n"
    )
    command = [sys.executable, "-c", program, server.url + SIGNED, str(path), server.url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"going\n"
            yield process
        finally:
            process.kill()


def test_another_process_is_refused_and_its_death_frees_the_file(path):
    first = head(200, [("Content-Length", len(FILM)), ("ETag", '"one"')])
    with FaultServer([send_then_hang(first + FILM[:50_000]), file_answer(FILM)]) as server:
        with another_process(server, path) as process:
            assert "Another download" in refusal(server, path)
            process.send_signal(signal.SIGKILL)
            process.wait()
        get(server, path)
    assert server.requests[1].headers["Range"].startswith("bytes=")
    assert path.read_bytes() == FILM


def test_many_downloads_of_the_same_file_do_no_damage(path):
    """Each wins or is refused, also in the moment in which another one cleans up."""
    won = []

    def insist() -> None:
        for _ in range(40):
            with contextlib.suppress(DownloadError):
                get(server, path, attempts=1)
                won.append(path.read_bytes() == FILM)

    with FaultServer(file_answer(FILM)) as server:
        threads = [threading.Thread(target=insist) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert won
    assert all(won)
    assert left_in(path.parent) == ["clip.mp4"]


def test_a_lock_on_a_note_that_is_gone_is_no_lock(path, monkeypatch):
    """The one who held it has finished; another may have made a new note since."""
    note, lock, locked = path.with_name("clip.mp4.part.json"), files._lock, []

    def vanish_first(file):
        if not locked:
            note.unlink()
        locked.append(file)
        lock(file)

    monkeypatch.setattr(files, "_lock", vanish_first)
    with files.locked(note) as held:
        assert len(locked) == 2
        assert os.path.samestat(os.fstat(held.fileno()), note.stat())


# Any interleaving


MOMENTS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "reset", "changed", "weak", "plain 200", "503", "no length"]),
        st.integers(0, 40_000),
    ),
    max_size=5,
)


@pytest.mark.slow
@given(moments=MOMENTS, size=st.integers(0, 40_000), piece=st.sampled_from([1000, 8192, 256 << 10]))
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_row_of_cuts_ends_in_the_same_bytes_or_an_error(tmp_path_factory, moments, size, piece):
    """Never in a damaged file."""
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    content, changed = film(size), film(size, seed=2)

    def play(kind: str, at: int) -> Answer:
        length = [("Content-Length", len(content))]
        return {
            "cut": file_answer(content, cut_after=at),
            "reset": send_then_reset(head(200, [*length, ("ETag", '"one"')]) + content[:at]),
            "changed": file_answer(changed, etag='"two"', cut_after=at),
            "weak": file_answer(content, etag='W/"one"', cut_after=at),
            "plain 200": send_then_close(head(200, length) + content[:at]),
            "503": answer(503),
            "no length": send_then_close(head(200) + content[:at]),
        }[kind]

    answers = [play(*moment) for moment in moments]
    before, download.PIECE = download.PIECE, piece
    try:
        with FaultServer([*answers, *[file_answer(content)] * 9]) as server:
            for _ in range(3):
                with contextlib.suppress(DownloadError):
                    get(server, path, attempts=2)
                    break
    finally:
        download.PIECE = before
    assert path.read_bytes() in (content, changed)
    assert left_in(path.parent) == ["clip.mp4"]
