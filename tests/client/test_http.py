"""One HTTP exchange that ends, against a server that does not want it to."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from fault_server import (
    Connection,
    FaultServer,
    answer,
    at_once,
    before_reading,
    close,
    close_before_handshake,
    close_before_reading,
    deaf_url,
    drip,
    endless,
    garbage,
    garbage_handshake,
    gzip_bomb,
    hang,
    head,
    json_answer,
    refused_url,
    reset,
    send_then_close,
    send_then_hang,
    send_then_reset,
    stands_still,
    tls_trusted,
    tls_untrusted,
)

from veo.http import (
    CONNECT_TIMEOUT,
    AnswerTooLarge,
    BoundedAdapter,
    open_session,
    read_answer,
    read_some,
)

PATIENCE = 0.2
LONG = 60.0
"""For what comes to an end by itself, however busy the machine is."""


@pytest.fixture(params=["http", "https"])
def tls(request, monkeypatch, tmp_path) -> ssl.SSLContext | None:
    """Everything happens twice: in the clear and over TLS."""
    return tls_trusted(monkeypatch, tmp_path) if request.param == "https" else None


def ask(
    url: str, adapter: BoundedAdapter | None = None, *, method: str = "GET", **options
) -> bytes:
    """One exchange, its answer read to the end; the timeouts of `requests` alone would not do."""
    adapter = adapter or BoundedAdapter(timeout=PATIENCE)
    options = {"timeout": (CONNECT_TIMEOUT, LONG), "stream": True, **options}
    with open_session(adapter) as session:
        return read_answer(session.request(method, url, **options))


def length(size: int) -> bytes:
    return head(200, [("Content-Length", size)])


# It ends


@pytest.mark.parametrize(
    "slow",
    [
        hang,
        send_then_hang(b"HTTP/1.1 20"),
        send_then_hang(b"HTTP/1.1 200 OK\r\nContent-Le"),
        send_then_hang(length(100) + b"some"),
        drip(head(200)),
        drip(b"X: y\r\n" * 50, after=b"HTTP/1.1 200 OK\r\n"),
        drip(bytes(100), after=length(100)),
        drip(b"5\r\nabcde\r\n" * 20, after=head(200, [("Transfer-Encoding", "chunked")])),
        endless(b"", head(100)),
    ],
    ids=[
        "hang",
        "hang in the status line",
        "hang in a header",
        "hang in the body",
        "drip in the status line",
        "drip in the headers",
        "drip in the body",
        "drip in chunks",
        "100 Continue without end",
    ],
)
def test_no_answer_outlasts_the_patience(tls, slow):
    began = time.monotonic()
    with FaultServer([slow], tls=tls) as server:
        with pytest.raises((requests.Timeout, requests.ConnectionError)):
            ask(server.url)
    assert PATIENCE <= time.monotonic() - began < LONG / 2


def test_a_request_that_nobody_takes_ends_too(tls):
    """The server reads nothing, so that sending stands still."""

    @before_reading
    def deaf(connection):
        connection.wait()

    with FaultServer([deaf], tls=tls) as server:
        with pytest.raises((requests.Timeout, requests.ConnectionError)):
            began = time.monotonic()
            ask(server.url, method="POST", data=bytes(20 << 20))
    assert time.monotonic() - began < LONG / 2


@pytest.mark.parametrize(
    "fault",
    [
        close,
        reset,
        garbage,
        close_before_handshake,
        close_before_reading,
        send_then_close(length(100) + b"some"),
        send_then_reset(length(100) + b"some"),
        send_then_close(head(200, [("Transfer-Encoding", "chunked")]) + b"5\r\nab"),
        send_then_close(head(200, [("Transfer-Encoding", "chunked")]) + b"no number\r\n"),
        send_then_close(head(200, [("Content-Length", "5, 6")]) + b"abcde"),
        send_then_close(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000),
        send_then_close(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000),
        answer(200, b"no gzip", [("Content-Encoding", "gzip")]),
    ],
)
def test_every_broken_answer_is_an_error_of_requests(tls, fault):
    """So that one `except` is enough.  And none is asked for twice."""
    with FaultServer([fault], tls=tls) as server:
        with pytest.raises(requests.RequestException):
            ask(server.url, BoundedAdapter(timeout=LONG))
    assert server.connections == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("fault", [close, reset, garbage, hang, answer(503), answer(307)])
def test_nothing_is_ever_sent_twice(tls, method, fault):
    """A repeated create request may cost twice; the script holds one answer and no more."""
    with FaultServer([fault], tls=tls) as server:
        adapter = BoundedAdapter(timeout=PATIENCE if stands_still(fault) else LONG)
        with contextlib.suppress(requests.RequestException):
            ask(server.url, adapter, method=method)
        while not server.requests:  # it may hang before it was read
            time.sleep(0.01)
    assert len(server.requests) == 1
    assert server.connections == 1


# It stays small


@pytest.mark.parametrize(
    "large",
    [
        answer(200, bytes((1 << 20) + 1)),
        endless(),
        endless(head(200, [("Transfer-Encoding", "chunked")]), b"1000\r\n%b\r\n" % bytes(4096)),
        gzip_bomb(),
    ],
    ids=["1 MiB and a byte", "endless", "endless in chunks", "gzip bomb"],
)
def test_an_answer_larger_than_any_honest_one_is_not_read(tls, large):
    with FaultServer([large], tls=tls) as server:
        with pytest.raises(AnswerTooLarge):
            ask(server.url, BoundedAdapter(timeout=LONG))


def test_an_answer_of_the_largest_size_is_read(tls):
    with FaultServer([answer(200, bytes(1 << 20))], tls=tls) as server:
        assert len(ask(server.url, BoundedAdapter(timeout=LONG))) == 1 << 20


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("location", ["/next", "https://[::1", "\xff"])
def test_a_redirect_is_an_answer_like_any_other(tls, location, follow):
    """Neither followed nor read: `requests` would unpack its body into memory, even unasked."""
    with FaultServer([endless(head(302, [("Location", location)]))], tls=tls) as server:
        with open_session(BoundedAdapter(timeout=LONG)) as session:
            with session.get(server.url, stream=True, allow_redirects=follow) as response:
                assert response.status_code == 302
                assert response.headers["Location"] == location


@pytest.mark.parametrize(
    "flood",
    [
        endless(b"", head(100) * 100),
        endless(head(200, [("Transfer-Encoding", "chunked")]) + b"0\r\n", b"X: y\r\n" * 100),
        endless(),
    ],
    ids=["100 Continue", "trailers", "body"],
)
def test_renewed_patience_still_ends_at_the_largest_exchange(tls, flood):
    with FaultServer([flood], tls=tls) as server:
        with open_session(
            BoundedAdapter(timeout=LONG, bytes_per_timeout=1024, max_bytes=200_000)
        ) as session:
            with pytest.raises(requests.ConnectionError, match="larger than 200000 bytes"):
                response = session.get(server.url, stream=True)
                with response:
                    while read_some(response, 4096):
                        pass


def test_the_largest_exchange_is_counted_for_each_one(tls):
    with FaultServer([answer(200, bytes(6000))] * 3, tls=tls) as server:
        with open_session(BoundedAdapter(timeout=LONG, max_bytes=10_000)) as session:
            for _ in range(3):
                assert len(read_answer(session.get(server.url, stream=True))) == 6000
    assert server.connections == 1


# Was anything sent?


@pytest.fixture
def adapter() -> BoundedAdapter:
    return BoundedAdapter(timeout=PATIENCE)


def test_nothing_was_sent_when_nobody_listens(adapter):
    with pytest.raises(requests.ConnectionError):
        ask(refused_url(), adapter)
    assert not adapter.request_was_sent


def test_nothing_was_sent_to_an_unknown_host(adapter, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(requests.ConnectionError):
        ask("https://cdn.example", adapter)
    assert not adapter.request_was_sent


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nothing_was_sent_when_connecting_took_too_long(adapter, scheme):
    with deaf_url(scheme) as url:
        with pytest.raises(requests.ConnectTimeout):
            ask(url, adapter, timeout=(0.1, 5))
    assert not adapter.request_was_sent


@pytest.mark.parametrize("fault", [close_before_handshake, garbage_handshake])
def test_nothing_was_sent_when_the_handshake_failed(adapter, fault, monkeypatch, tmp_path):
    with FaultServer([fault], tls=tls_trusted(monkeypatch, tmp_path)) as server:
        with pytest.raises(requests.ConnectionError):
            ask(server.url, adapter)
    assert not adapter.request_was_sent


def test_nothing_was_sent_when_the_handshake_stood_still(adapter, monkeypatch, tmp_path):
    @at_once
    def stand_still(connection):
        connection.wait()

    with FaultServer([stand_still], tls=tls_trusted(monkeypatch, tmp_path)) as server:
        with pytest.raises(requests.RequestException):
            ask(server.url, adapter, timeout=(0.1, 5))
    assert not adapter.request_was_sent


@pytest.mark.parametrize("fault", ["unknown authority", "another host"])
def test_nothing_was_sent_to_whom_the_certificate_does_not_fit(
    adapter, fault, monkeypatch, tmp_path
):
    tls = tls_trusted(monkeypatch, tmp_path, host="other.example")
    if fault == "unknown authority":
        tls = tls_untrusted()
    with FaultServer([], tls=tls) as server:
        with pytest.raises(requests.exceptions.SSLError):
            ask(server.url, adapter)
    assert not adapter.request_was_sent


def test_nothing_was_sent_to_a_refused_peer(tls):
    peers = []

    def refuse(sock: socket.socket) -> None:
        peers.append(sock.getpeername())
        raise PermissionError("not there")

    adapter = BoundedAdapter(timeout=PATIENCE, check_peer=refuse)
    with FaultServer([], tls=tls) as server:
        with pytest.raises(requests.ConnectionError, match="not there"):
            ask(server.url, adapter)
        assert peers == [("127.0.0.1", server.port)]
    assert not adapter.request_was_sent
    assert not server.requests


def test_an_accepted_peer_is_asked(tls):
    adapter = BoundedAdapter(timeout=LONG, check_peer=lambda _: None)
    with FaultServer([answer(200, b"hello")], tls=tls) as server:
        assert ask(server.url, adapter) == b"hello"


@pytest.mark.parametrize(
    "whatever",
    [close, reset, hang, garbage, answer(500), answer(400), json_answer(200, {})],
)
def test_something_was_sent_whatever_came_back(tls, adapter, whatever):
    with FaultServer([whatever], tls=tls) as server:
        with contextlib.suppress(requests.RequestException):
            ask(server.url, adapter, method="POST", json={"prompt": "a fox"})
    assert adapter.request_was_sent


def test_something_was_sent_even_if_nobody_may_have_read_it(tls, adapter):
    """Over TLS the connection closes after the handshake, before the request was read."""
    with FaultServer([close_before_reading], tls=tls) as server:
        with pytest.raises(requests.ConnectionError):
            ask(server.url, adapter, method="POST", json={"prompt": "a fox"})
    assert adapter.request_was_sent


# It stays useful


def test_a_connection_is_used_again_and_each_exchange_has_its_own_patience(tls):
    """Two exchanges together take longer than one may."""
    clock = Clock()
    with FaultServer([answer(200, bytes(60_000))] * 2, tls=tls) as server:
        with open_session(BoundedAdapter(timeout=LONG, clock=clock)) as session:
            for _ in range(2):
                response = session.get(server.url, stream=True)
                clock.now += 0.6 * LONG
                assert len(read_answer(response)) == 60_000
    assert server.connections == 1


def test_patience_is_counted_by_the_given_clock(tls):
    """A clock that jumps ends the exchange without a wait."""
    clock = iter(range(0, 10_000, 100))
    with FaultServer([hang], tls=tls) as server:
        with pytest.raises((requests.Timeout, requests.ConnectionError)):
            ask(server.url, BoundedAdapter(timeout=99, clock=lambda: next(clock)))


def test_what_came_while_the_process_was_stopped_is_read(tls):
    """As after Ctrl-Z and `fg`: the answer lies there, and in it the id of what is paid for."""
    clock, is_sent = Clock(), threading.Event()

    def in_pieces(connection: Connection) -> None:
        for piece in (length(10), b"the ", b"whole "):  # over TLS each is a record of its own
            connection.send(piece)
        is_sent.set()

    with FaultServer([in_pieces], tls=tls) as server:
        with open_session(BoundedAdapter(timeout=1.0, clock=clock)) as session:
            response = session.get(server.url, stream=True, timeout=LONG)
            is_sent.wait()
            clock.now += 3600
            assert read_answer(response) == b"the whole "


def test_nothing_is_waited_for_after_the_time(tls):
    clock = Clock()
    with FaultServer([send_then_hang(length(10) + b"the")], tls=tls) as server:
        with open_session(BoundedAdapter(timeout=1.0, clock=clock)) as session:
            response = session.get(server.url, stream=True, timeout=LONG)
            clock.now += 3600
            with pytest.raises(requests.ConnectionError, match="timed out"):
                read_answer(response)


def test_who_sends_without_end_is_not_read_after_the_time(tls):
    clock = Clock()
    with FaultServer([endless()], tls=tls) as server:
        with open_session(BoundedAdapter(timeout=1.0, clock=clock)) as session:
            response = session.get(server.url, stream=True, timeout=LONG)
            clock.now += 3600
            with pytest.raises(requests.ConnectionError, match="timed out"):
                read_answer(response)


class Clock:
    """Time that passes only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def received_slowly(server: FaultServer, *, bytes_per_timeout: int) -> int:
    """How many bytes come, at 100 a second: with patience for 15,000 in a row."""
    clock, size = Clock(), 0
    adapter = BoundedAdapter(timeout=150, bytes_per_timeout=bytes_per_timeout, clock=clock)
    with open_session(adapter) as session, session.get(server.url, stream=True) as response:
        while piece := read_some(response, 100):
            size += len(piece)
            clock.now = size / 100
    return size


def test_patience_is_renewed_by_what_comes(tls):
    with FaultServer([answer(200, bytes(60_000))], tls=tls) as server:
        assert received_slowly(server, bytes_per_timeout=10_000) == 60_000


def test_patience_is_not_renewed_by_less(tls):
    with FaultServer([answer(200, bytes(60_000))], tls=tls) as server:
        with pytest.raises(requests.ConnectionError, match="timed out"):
            received_slowly(server, bytes_per_timeout=20_000)


def test_nothing_is_taken_from_the_environment(tls, monkeypatch, tmp_path):
    """No login from .netrc, no proxy, no other certificates, and no cookie for the next request."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, refused_url())
        monkeypatch.setenv(name.lower(), refused_url())
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "missing.pem"))
    cookie = answer(200, headers=[("Set-Cookie", "canary=1; Path=/")])
    with FaultServer([cookie, answer()], tls=tls) as server:
        with open_session(BoundedAdapter(timeout=LONG)) as session:
            for _ in range(2):
                read_answer(session.get(server.url, stream=True))
    assert len(server.requests) == 2
    for request in server.requests:
        assert request.headers["Authorization"] is None
        assert "canary" not in str(request.headers)
        assert request.headers["Accept-Encoding"] == "identity"


def pieces(url: str) -> Iterator[bytes]:
    with (
        open_session(BoundedAdapter(timeout=LONG)) as session,
        session.get(url, stream=True) as response,
    ):
        while piece := read_some(response, 1000):
            yield piece


def test_a_body_can_be_read_as_it_comes(tls):
    """What has come is not lost with the connection."""
    with FaultServer([send_then_close(length(5000) + b"x" * 2500)], tls=tls) as server:
        received = b""
        with pytest.raises(requests.ConnectionError):
            for piece in pieces(server.url):
                assert len(piece) <= 1000
                received += piece
    assert received == b"x" * 2500
