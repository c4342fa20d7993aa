"""Requests that never arrive whole: how long they hold a connection, and how many of them."""

import asyncio
import contextlib
import json
import resource
import select
import socket
import threading
import time

import pytest
import requests
import uvicorn
from served import FOX, ServedPage

from page.web.half_sent import BoundedConnection

HEAD_SECONDS, BODY_SECONDS, NEW_SECONDS = 2.5, 2.5, 0.1
PICTURE_SECONDS = 6.0
SLACK = 2.0
"""Seconds that a busy machine may take longer."""
AT_ONCE = 50
HOST = b"Host: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def hasty_page(tmp_path_factory):
    with ServedPage(tmp_path_factory.mktemp("hasty"), program="tests/in_haste.py") as served:
        yield served


def opened(port, sent=b"", source="127.0.0.1"):
    connection = socket.create_connection(
        ("127.0.0.1", port), timeout=10, source_address=(source, 0)
    )
    connection.sendall(sent)
    return connection


def held(connections):
    """Those that the server has not closed."""
    ready, _, _ = select.select(connections, [], [], 0)
    return [each for each in connections if each not in ready]


def closed_with(connection, within):
    """What the server said before it closed; fails if it does not close in time."""
    end, said = time.monotonic() + within, b""
    with contextlib.suppress(ConnectionError):
        while True:
            connection.settimeout(max(0.01, end - time.monotonic()))
            piece = connection.recv(65536)
            if not piece:
                break
            said += piece
    return said


JOIN = b"POST /gradio_api/queue/join HTTP/1.1\r\n" + HOST
HALVES = {
    "nothing": b"",
    "a letter": b"G",
    "a line": b"GET / HTTP/1.1\r\n",
    "a head without its end": b"GET / HTTP/1.1\r\n" + HOST,
    "a body announced": JOIN + b"Content-Length: 99\r\n\r\n",
    "half a body": JOIN + b'Content-Length: 99\r\n\r\n{"data":',
    "a body asked for": JOIN + b"Content-Length: 99\r\nExpect: 100-continue\r\n\r\n",
    "half a chunk": JOIN + b"Transfer-Encoding: chunked\r\n\r\n50\r\n{",
    "no last chunk": JOIN + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "a body of a GET": b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 99\r\n\r\n{",
    "a body for a stream": b"GET /gradio_api/heartbeat/some HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 99\r\n\r\n{",
    "a body for nothing": b"POST /none HTTP/1.1\r\n" + HOST + b"Content-Length: 99\r\n\r\n{",
    "a body that is too large": JOIN + b"Content-Length: 999999\r\n\r\n{",
    "a body of another page": JOIN + b"Origin: null\r\nContent-Length: 99\r\n\r\n{",
    "a web socket": b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: upgrade\r\n",
    "a whole request before it": b"GET /none HTTP/1.1\r\n" + HOST + b"\r\nGET / HTTP/1.1\r\nHo",
}


@contextlib.contextmanager
def one_of_each(port):
    """A connection for each of `HALVES`, by its name."""
    with contextlib.ExitStack() as stack:
        yield {what: stack.enter_context(opened(port, half)) for what, half in HALVES.items()}


def still_held(connections, within, drip=b""):
    """The names of those that the server has not closed in time; each is sent `drip` meanwhile."""
    end = time.monotonic() + within
    while connections and time.monotonic() < end:
        for what, connection in [*connections.items()]:
            try:
                connection.sendall(drip)
                connection.settimeout(0.01)
                gone = not connection.recv(65536)
            except TimeoutError:
                gone = False
            except ConnectionError:
                gone = True
            if gone:
                del connections[what]
        time.sleep(0.1)
    return [*connections]


@pytest.mark.parametrize("drip", [b"", b"a"])
def test_no_half_of_a_request_is_waited_for_for_ever(drip, hasty_page):
    """Not even if a byte comes now and then."""
    with one_of_each(hasty_page.port) as connections:
        assert still_held(connections, max(HEAD_SECONDS, BODY_SECONDS) + SLACK, drip) == []


def test_a_picture_has_more_time_and_not_for_ever(hasty_page):
    visitor = b"X-Veo-Visitor: " + b"v" * 32 + b"\r\n"
    head = b"POST /pictures HTTP/1.1\r\n" + HOST + visitor
    began = time.monotonic()
    with opened(hasty_page.port, head + b"Content-Length: 9999\r\n\r\n\xff\xd8") as connection:
        said = closed_with(connection, PICTURE_SECONDS + SLACK)
        assert time.monotonic() - began > PICTURE_SECONDS - 1
    assert said.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("half", ["a letter", "a head without its end", "half a body"])
def test_who_is_too_slow_is_told(half, hasty_page):
    with opened(hasty_page.port, HALVES[half]) as connection:
        said = closed_with(connection, BODY_SECONDS + SLACK)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert said.endswith(b"The request did not arrive in time: send it again.")


def test_a_connection_on_which_nothing_was_asked_is_told_nothing(hasty_page):
    """A browser connects ahead, and would take an answer for that to its next request."""
    with opened(hasty_page.port) as connection:
        assert closed_with(connection, HEAD_SECONDS + SLACK) == b""


@pytest.mark.parametrize("half", ["nothing", "a line", "half a body", "half a chunk"])
def test_one_address_holds_few_and_keeps_nobody_out(half, hasty_page):
    with contextlib.ExitStack() as stack:

        def hold(many, source):
            each = [opened(hasty_page.port, HALVES[half], source) for _ in range(many)]
            return [stack.enter_context(connection) for connection in each]

        other = hold(3, "127.0.0.2")
        stream = b"GET /gradio_api/heartbeat/some HTTP/1.1\r\n" + HOST + b"\r\n"
        honest = stack.enter_context(opened(hasty_page.port, stream))
        assert b" 200 " in honest.recv(65536)
        flood = hold(AT_ONCE + 70, "127.0.0.1")
        time.sleep(NEW_SECONDS + 0.3)
        assert requests.get(hasty_page.url, timeout=10).status_code == 200
        assert len(held(flood)) <= AT_ONCE
        # The newest stay: an honest request is among them until it is whole.
        assert held(flood[:60]) == []
        assert len(held(other)) == 3
        time.sleep(BODY_SECONDS)
        for connection in [*flood, *other]:
            closed_with(connection, SLACK)
        honest.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            assert honest.recv(65536)  # it lives, whether it has news or not
    assert requests.get(hasty_page.url, timeout=10).status_code == 200


def test_a_flood_keeps_no_visitor_waiting(hasty_page):
    """Connections come as fast as they can, from the visitor's own address, too."""
    over = threading.Event()

    def flood(half):
        with contextlib.ExitStack() as stack:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    stack.enter_context(opened(hasty_page.port, half))
                time.sleep(0.005)

    halves = [HALVES["a line"], HALVES["half a body"]]
    floods = [threading.Thread(target=flood, args=(half,)) for half in halves]
    for each in floods:
        each.start()
    try:
        for _ in range(20):
            began = time.monotonic()
            assert requests.get(f"{hasty_page.url}/theme.css", timeout=10).status_code == 200
            assert time.monotonic() - began < SLACK
    finally:
        over.set()
        for each in floods:
            each.join()


def test_a_slow_phone_is_waited_for(hasty_page):
    """A form of 8 KB in many pieces."""
    data = ["google/veo-3.1-t2v", 4, "720p", True]
    body = json.dumps({"data": data, "x": "x" * 8000}).encode()
    head = (
        b"POST /gradio_api/run/price HTTP/1.1\r\n"
        + HOST
        + b"Content-Type: application/json\r\nConnection: close\r\n"
        + b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with opened(hasty_page.port) as connection:
        for message, seconds in ((head, HEAD_SECONDS / 2), (body, BODY_SECONDS / 2)):
            for at in range(10):
                size = len(message) // 10 + 1
                connection.sendall(message[at * size : (at + 1) * size])
                time.sleep(seconds / 10)
        assert closed_with(connection, 10).startswith(b"HTTP/1.1 200 ")


def test_a_kept_connection_has_the_time_anew_for_each_request(hasty_page):
    with requests.Session() as session:
        began = time.monotonic()
        while time.monotonic() - began < 2 * HEAD_SECONDS:
            assert session.get(f"{hasty_page.url}/theme.css", timeout=10).status_code == 200
            time.sleep(HEAD_SECONDS / 5)


def test_an_answer_may_take_longer_than_a_request(hasty_page):
    """A stream of news goes on for as long as the page is open."""
    stream = b"GET /gradio_api/heartbeat/another HTTP/1.1\r\n" + HOST + b"\r\n"
    with opened(hasty_page.port, stream) as connection:
        assert still_held({"it": connection}, BODY_SECONDS + SLACK) == ["it"]


def test_half_a_body_is_no_request(hasty_page):
    """What came may be whole JSON: it is not acted upon."""
    body = json.dumps({"data": [FOX, "google/veo-3.1-t2v", 4, "720p"]}).encode()
    for path in (b"call/generate", b"run/generate"):
        head = b"POST /gradio_api/" + path + b" HTTP/1.1\r\n" + HOST
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (len(body) + 9)
        for patient in (True, False):
            with opened(hasty_page.port, head + body) as connection:
                if patient:
                    assert b" 408 " in closed_with(connection, BODY_SECONDS + SLACK)
    time.sleep(1)
    assert hasty_page.rows() == []


def test_nothing_of_it_is_logged(hasty_page):
    before = hasty_page.log
    with one_of_each(hasty_page.port) as connections:
        assert still_held(connections, BODY_SECONDS + SLACK) == []
    assert hasty_page.log == before


# Behind a proxy


class InMoreHaste(BoundedConnection):
    head_seconds = body_seconds = 1.0
    max_half_sent, new_seconds = 5, 0.0


@contextlib.contextmanager
def server_that_believes(proxies, protocol=InMoreHaste):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    config = uvicorn.Config(
        app, port=0, http=protocol, lifespan="off", log_config=None, forwarded_allow_ips=proxies
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve(),))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(
    ("proxies", "stay"),
    [("127.0.0.1", 20), ("127.0.0.0/8", 20), ("*", 20), ("", 5), ("10.0.0.0/8", 5)],
)
def test_a_proxy_may_hold_many_for_its_visitors_but_not_for_longer(proxies, stay):
    with server_that_believes(proxies) as port, contextlib.ExitStack() as stack:
        halves = [stack.enter_context(opened(port, b"GET / HT")) for _ in range(20)]
        time.sleep(0.5)
        assert len(held(halves)) == stay
        for each in halves:
            closed_with(each, 0.5 + SLACK)


# A school, whose pupils have one address


class InASchool(BoundedConnection):
    """As it is, but what is new on a busy machine may take longer to be whole."""

    new_seconds, head_seconds = 30.0, 60.0


@pytest.fixture
def many_files():
    """Both ends of 600 connections in one process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_hundred_browsers_of_a_school_connect_at_once_and_each_is_served():
    """Each six times, before the first of them has sent its request."""
    with server_that_believes("", InASchool) as port, contextlib.ExitStack() as stack:
        school = [stack.enter_context(opened(port)) for _ in range(6 * 100)]
        time.sleep(0.5)
        for connection in school:
            connection.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        for connection in school:
            connection.settimeout(30)
            assert connection.recv(12) == b"HTTP/1.1 200"


class InABusySchool(BoundedConnection):
    """As it is, but for a class and not a school."""

    max_half_sent, new_seconds, max_new = 5, 1.0, 20
    head_seconds = 60.0


def soon_held(connections, many):
    """Those that are left when they are `many`, or after a time."""
    end = time.monotonic() + SLACK
    while len(held(connections)) != many and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.1)  # no more are closed
    return held(connections)


def test_what_is_new_is_closed_only_if_it_is_far_too_much():
    with server_that_believes("", InABusySchool) as port, contextlib.ExitStack() as stack:

        def hold(many):
            return [stack.enter_context(opened(port, b"GET / HT")) for _ in range(many)]

        first = hold(20)
        assert soon_held(first, 20) == first
        more = hold(3)
        assert soon_held(first, 17) == first[3:]  # the oldest go
        time.sleep(InABusySchool.new_seconds)
        assert len(held([*first, *more])) == 20  # who comes next has them closed
        last = hold(1)
        assert soon_held([*first, *more, *last], 5) == [*first, *more, *last][-5:]


def test_a_slow_phone_keeps_its_place_beside_connections_that_ask_nothing():
    """A browser keeps some open for its next request."""
    with server_that_believes("", InABusySchool) as port, contextlib.ExitStack() as stack:
        phone = stack.enter_context(opened(port, b"GET / HTTP/1.1\r\nHo"))
        time.sleep(0.1)
        idle = [stack.enter_context(opened(port)) for _ in range(15)]
        time.sleep(1.2)
        idle.append(stack.enter_context(opened(port)))
        assert soon_held(idle, 4) == idle[-4:]
        phone.sendall(b"st: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert closed_with(phone, SLACK).startswith(b"HTTP/1.1 200 ")


def test_the_newest_two_seconds_of_a_hundred_browsers_are_safe():
    assert BoundedConnection.max_new >= 6 * 100
    assert 2.0 <= BoundedConnection.new_seconds < BoundedConnection.head_seconds
