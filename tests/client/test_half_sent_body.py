"""A request whose large body did not all leave cannot have been taken; every other one may have."""

from __future__ import annotations

import socket
import struct
import time

import pytest
from conftest import KEY
from fault_server import (
    PIECE,
    Connection,
    FaultServer,
    answer,
    before_reading,
    close,
    head,
    json_answer,
    tls_trusted,
)

from veo.pieces import Pieces
from veo.session import Session
from veo_client import SubmissionUncertain, Unreachable

LARGE = {"prompt": "a fox", "image": "x" * (1 << 20)}
HUGE = {"prompt": "a fox", "image": "x" * (16 << 20)}
"""Larger than all that the system would take for a service that reads no more."""
SMALL = {"prompt": "a fox"}
WAIT = 0.2


@pytest.fixture(params=["http", "https"])
def tls(request, monkeypatch, tmp_path):
    return tls_trusted(monkeypatch, tmp_path) if request.param == "https" else None


def post(server: FaultServer, body: dict, *, timeout: float = 30.0):
    return Session(KEY, server.url, timeout=timeout).post_once(
        "/v2/video/generations", Pieces(body)
    )


def read(connection: Connection, size: int) -> None:
    taken = 0
    while taken < size and (piece := connection.sock.recv(min(PIECE, size - taken))):
        taken += len(piece)


def abort(connection: Connection) -> None:
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def takes(size: int, *then) -> object:
    """Reads so many bytes of the request, then does `then`."""

    @before_reading
    def play(connection: Connection) -> None:
        read(connection, size)
        for each in then:
            each(connection)

    return play


def stand_still(connection: Connection) -> None:
    connection.wait()


CUT = {
    "nothing, then closes": takes(0),
    "the head alone, then closes": takes(100),
    "a part, then closes": takes(1 << 20),
    "a part, then resets": takes(1 << 20, abort),
}


@pytest.mark.parametrize("how", CUT)
def test_a_service_that_leaves_before_the_end_has_not_taken_it(how, tls):
    with FaultServer([CUT[how]], tls=tls) as server:
        with pytest.raises(Unreachable, match="only a part of the request") as caught:
            post(server, HUGE)
    assert server.connections == 1
    assert caught.value.retry_after is None  # a person decides; it would be as slow again


def test_a_service_that_stops_taking_has_not_taken_it(tls):
    with FaultServer([takes(1 << 20, stand_still)], tls=tls) as server:
        began = time.monotonic()
        with pytest.raises(Unreachable, match="only a part of the request"):
            post(server, HUGE, timeout=WAIT)
    assert time.monotonic() - began < 20
    assert server.connections == 1


def test_a_slow_service_is_left_at_the_deadline(tls):
    """It takes a little all the time, so that no single wait is too long."""

    @before_reading
    def sip(connection: Connection) -> None:
        while not connection.wait(0.02):
            read(connection, 4096)

    with FaultServer([sip], tls=tls) as server:
        with pytest.raises(Unreachable, match="only a part of the request"):
            post(server, HUGE, timeout=WAIT)


def test_a_slow_way_out_leaves_time_for_the_answer(tls):
    """Sixteen megabytes take longer than one exchange may, and each of them does not."""
    taken = json_answer(200, {"id": "a"})

    @before_reading
    def slowly(connection: Connection) -> None:
        for _ in range(8):
            read(connection, 2 << 20)
            connection.wait(0.3)
        taken(connection)

    with FaultServer([slowly], tls=tls) as server:
        began = time.monotonic()
        assert post(server, HUGE, timeout=1.5).status == 200
    assert time.monotonic() - began > 1.25 * 1.5


@pytest.mark.parametrize("body", [LARGE, SMALL], ids=["large", "small"])
def test_a_whole_request_without_an_answer_is_uncertain(body, tls):
    with FaultServer([close], tls=tls) as server:
        with pytest.raises(SubmissionUncertain):
            post(server, body)
    assert server.requests[0].json() == body


def test_a_small_request_leaves_in_one_piece_and_is_uncertain_as_soon_as_it_left(tls):
    with FaultServer([takes(0)], tls=tls) as server:
        with pytest.raises(SubmissionUncertain):
            post(server, SMALL)
    assert server.connections == 1


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 2", head(200, [("Content-Length", 60)]) + b'{"id": "uuid'],
    ids=["half a status", "half a body"],
)
def test_whoever_began_to_answer_may_have_taken_it(said):
    """A part may be enough for a service that reads no further."""
    with FaultServer([takes(1 << 20, lambda connection: connection.send(said))]) as server:
        with pytest.raises(SubmissionUncertain):
            post(server, HUGE)


def test_an_answer_before_the_end_counts():
    """A service that refuses a request for its size need not read it."""
    refusal = json_answer(413, {"message": "Too large."})

    @before_reading
    def refuse(connection: Connection) -> None:
        read(connection, 1 << 20)
        refusal(connection)
        read(connection, 20 << 20)

    with FaultServer([refuse]) as server:
        assert post(server, HUGE).status == 413


def test_the_next_request_is_judged_by_itself():
    with FaultServer([CUT["a part, then closes"], close, answer(500)]) as server:
        session = Session(KEY, server.url, timeout=30.0)
        with pytest.raises(Unreachable):
            session.post_once("/", Pieces(HUGE))
        with pytest.raises(SubmissionUncertain):
            session.post_once("/", Pieces(SMALL))
        assert session.post_once("/", Pieces(SMALL)).status == 500
