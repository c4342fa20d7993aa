"""A server that does what no framework would: raw sockets and a script of faults.

    with FaultServer([reset, json_answer(200, {"id": "a"})]) as server:
        ...                      # talk to server.url
    assert len(server.requests) == 2

An answer is a function of a `Connection`; a list is played once, a single answer for ever.  Every
request is kept; one beyond the end of a list fails the test.  Nothing outlives the `with`: no
thread, no socket.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import json
import re
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

import pytest
import requests.adapters
import trustme

LOOPBACK = "127.0.0.1"
PIECE = 64 << 10
MOST_SENT = 1 << 28


class Headers(Message):
    """Names in any case; shown whole, so that a search through a request goes through them too."""

    def __repr__(self) -> str:
        return str(self)


Moment = Literal["before the handshake", "before reading", "after reading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the server read."""

    method: str
    path: str
    """The request target as it came, with its query."""
    headers: Headers
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One accepted connection, as an answer sees it."""

    def __init__(self, sock: socket.socket, stopped: threading.Event) -> None:
        self.sock = sock
        self.stopped = stopped
        """Set when the test ends; an answer that waits, waits on it."""
        self.request: Request | None = None
        self.stays_open = False
        """An answer sets it to read another request from the same connection."""
        self._unread = bytearray()

    def secure(self, tls: ssl.SSLContext) -> None:
        self.sock = tls.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        if self.stopped.is_set():
            raise ConnectionAbortedError("the test ended before the new socket could be hung up")
        self.sock.do_handshake()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait; true as soon as the test is over."""
        return self.stopped.wait(seconds)

    def read_request(self) -> Request | None:
        """The next request, or None when the client hung up."""
        head = self._read_head()
        if head is None:
            return None
        first, _, rest = head.partition(b"\r\n")
        method, path, _ = first.decode("latin-1").split(" ", 2)
        headers = BytesParser(Headers).parsebytes(rest, headersonly=True)
        body = self._read_exactly(int(headers.get("Content-Length", 0)))
        return Request(method=method, path=path, headers=headers, body=body)

    def _read_head(self) -> bytes | None:
        while b"\r\n\r\n" not in self._unread:
            if not self._receive():
                return None
        end = self._unread.index(b"\r\n\r\n") + 4
        return self._take(end)

    def _read_exactly(self, size: int) -> bytes:
        while len(self._unread) < size and self._receive():
            pass
        return self._take(size)

    def _receive(self) -> bool:
        piece = self.sock.recv(PIECE)
        self._unread += piece
        return bool(piece)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken


Answer = Callable[[Connection], None]


class FaultServer:
    """Plays `answers` to whoever connects to `url` and keeps every request in `requests`."""

    def __init__(
        self,
        answers: Sequence[Answer] | Answer,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._forever = answers if callable(answers) else None
        self._script = deque(() if callable(answers) else answers)
        self._unscripted = 0
        self._tls = tls
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[Connection] = set()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}"

    def __enter__(self) -> FaultServer:
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self._stopped.set()
        _hang_up(self._listener)
        with self._lock:
            for connection in self._open:
                _hang_up(connection.sock)
        # The first thread accepts; no new thread begins once it has ended.
        for thread in self._threads:
            thread.join()
        self._listener.close()
        if self._unscripted and not error:
            raise AssertionError(f"{self._unscripted} requests more than the script has answers")

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection = Connection(sock, self._stopped)
            with self._lock:
                self._open.add(connection)
            self._start(self._converse, connection)

    def _converse(self, connection: Connection) -> None:
        try:
            # The client's hanging up is what most tests are about.
            with contextlib.suppress(OSError):
                self._answer(connection)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.sock.close()

    def _answer(self, connection: Connection) -> None:
        if self._stopped.is_set():
            return None
        if early := self._next("before the handshake"):
            return early(connection)
        if self._tls:
            connection.secure(self._tls)
        if early := self._next("before reading"):
            return early(connection)
        connection.stays_open = True
        while connection.stays_open and (request := connection.read_request()):
            connection.stays_open = False
            connection.request = request
            with self._lock:
                self.requests.append(request)
            (self._next("after reading") or self._complain)(connection)
        return None

    def _next(self, moment: Moment) -> Answer | None:
        """Take the next answer if its moment has come; after reading, any answer's has."""
        with self._lock:
            if self._forever:
                following = self._forever
            elif self._script:
                following = self._script[0]
            else:
                return None
            if moment not in ("after reading", getattr(following, "moment", None)):
                return None
            if not self._forever:
                self._script.popleft()
            return following

    def will_stand_still(self, _method: str) -> bool:
        """Whether the answer to the next request never comes to an end."""
        with self._lock:
            following = self._forever or (self._script[0] if self._script else None)
        return stands_still(following)

    def _complain(self, connection: Connection) -> None:
        self._unscripted += 1
        answer(500, b"The test's script has no more answers.")(connection)


def _hang_up(sock: socket.socket) -> None:
    """Wake whoever waits on `sock` in another thread, TLS or not."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def at_once(answer: Answer) -> Answer:
    """Let an answer act as soon as it is connected, before TLS."""
    return _at(answer, "before the handshake")


def before_reading(answer: Answer) -> Answer:
    """Let an answer act after the handshake of TLS, before a request is read."""
    return _at(answer, "before reading")


def _at(answer: Answer, moment: Moment) -> Answer:
    vars(answer)["moment"] = moment
    return answer


def never_ending(answer: Answer) -> Answer:
    """Mark an answer that only patience ends: nobody has to wait long for it."""
    vars(answer)["stands_still"] = True
    return answer


def stands_still(answer: Answer | None) -> bool:
    return getattr(answer, "stands_still", False)


# Honest answers


def head(status: int, headers: Iterable[tuple[str, object]] = ()) -> bytes:
    """A status line and headers."""
    reason = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Odd"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(
    status: int = 200, body: bytes = b"", headers: Iterable[tuple[str, object]] = ()
) -> Answer:
    """A whole answer; the connection stays open for another request."""
    whole = head(status, [("Content-Length", len(body)), *headers]) + body

    def send_whole(connection: Connection) -> None:
        connection.stays_open = True
        connection.send(whole)

    return send_whole


def json_answer(status: int, value: object, headers: Iterable[tuple[str, object]] = ()) -> Answer:
    body = json.dumps(value).encode()
    return answer(status, body, [("Content-Type", "application/json"), *headers])


def html_answer(status: int = 200, text: str = "<html><body>Bad gateway</body></html>") -> Answer:
    return answer(status, text.encode(), [("Content-Type", "text/html; charset=utf-8")])


def redirect(location: str, status: int = 302) -> Answer:
    return answer(status, headers=[("Location", location)])


def file_answer(
    content: bytes, *, etag: str | None = '"one"', cut_after: int | None = None
) -> Answer:
    """A file as a good server hands it out: `Range` and `If-Range` honoured.

    With `cut_after`, the connection closes after so many bytes of the body.
    """

    def serve(connection: Connection) -> None:
        assert connection.request
        start = _range_start(connection.request, etag)
        tags = [("ETag", etag)] if etag else []
        if start is not None and start >= len(content):
            return answer(416, headers=[("Content-Range", f"bytes */{len(content)}")])(connection)
        body = content[start or 0 :]
        if start is not None:
            tags.append(("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"))
        first = head(200 if start is None else 206, [("Content-Length", len(body)), *tags])
        connection.send(first + body[:cut_after])
        connection.stays_open = cut_after is None
        return None

    return serve


def _range_start(request: Request, etag: str | None) -> int | None:
    asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    condition = request.headers.get("If-Range")
    return int(asked[1]) if asked and condition in (None, etag) else None


# Faults


@at_once
def close_before_handshake(connection: Connection) -> None:
    """Close as soon as it is connected; over http, before anything was read."""


@at_once
def garbage_handshake(connection: Connection) -> None:
    """Answer a TLS greeting with plain text, and wait for the client to leave."""
    connection.send(b"220 smtp.example ESMTP\r\n")
    connection.sock.recv(PIECE)


@before_reading
def close_before_reading(connection: Connection) -> None:
    """Close before anything was read; over https, after the handshake."""


@before_reading
def reset_before_reading(connection: Connection) -> None:
    reset(connection)


@before_reading
def reset_unread(connection: Connection) -> None:
    """Reset once a byte of the request is there, which nobody read."""
    socket.socket.recv(connection.sock, 1, socket.MSG_PEEK)
    reset(connection)


@at_once
def another_certificate(connection: Connection) -> None:
    """Greet with a certificate that nobody trusts."""
    connection.secure(tls_untrusted())


def close(connection: Connection) -> None:
    """Read the request, then close without a word."""


def reset(connection: Connection) -> None:
    """Read the request, then reset the connection."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@never_ending
def hang(connection: Connection) -> None:
    """Read the request and never answer."""
    connection.wait()


def send_then_close(data: bytes) -> Answer:
    """These bytes, whatever they are, then the end."""
    return lambda connection: connection.send(data)


def send_then_reset(data: bytes) -> Answer:
    def play(connection: Connection) -> None:
        connection.send(data)
        reset(connection)

    return play


def send_then_hang(data: bytes) -> Answer:
    def play(connection: Connection) -> None:
        connection.send(data)
        connection.wait()

    return never_ending(play)


def drip(data: bytes, *, after: bytes = b"", every: float = 0.05) -> Answer:
    """`after` at once, then `data` byte by byte: no single read is ever late."""

    def play(connection: Connection) -> None:
        connection.send(after)
        for byte in data:
            if connection.wait(every):
                return
            connection.send(bytes([byte]))

    return never_ending(play)


def endless(first: bytes | None = None, piece: bytes = bytes(PIECE)) -> Answer:
    """A body that never ends; it says no length unless `first` does.

    As good as never: a client that would take in all fails without filling the machine's memory.
    """

    def play(connection: Connection) -> None:
        connection.send(head(200) if first is None else first)
        for _ in range(MOST_SENT // len(piece)):
            if connection.wait(0):
                return
            connection.send(piece)

    return play


garbage = send_then_close(b"\x00\xff\x13 what HTTP is this\r\n\r\n")
huge_length = send_then_close(head(200, [("Content-Length", 1 << 50)]) + b"a little")


def gzip_bomb(expanded: int = 2 << 30) -> Answer:
    """A short answer that unpacks to `expanded` bytes of nothing."""
    body = _zipped_zeros(16 << 20) * (expanded // (16 << 20))
    return answer(200, body, [("Content-Encoding", "gzip")])


@functools.cache
def _zipped_zeros(size: int) -> bytes:
    return gzip.compress(bytes(size))


# Proxies


def tunnel_to(port: int, heard: list[bytes] | None = None) -> Answer:
    """A proxy's way to this machine's `port`, whatever host was asked for.

    What passes from the client is added to `heard`.
    """

    def play(connection: Connection) -> None:
        assert connection.request
        assert connection.request.method == "CONNECT"
        connection.send(head(200))
        relay(connection, port, [] if heard is None else heard)

    return play


def relay(connection: Connection, port: int, heard: list[bytes]) -> None:
    """Pass bytes on in both directions until either side hangs up."""
    with socket.create_connection((LOOPBACK, port)) as far:
        back = threading.Thread(target=_pass_on, args=(far, connection.sock, []))
        back.start()
        _pass_on(connection.sock, far, heard)
        _hang_up(far)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket, heard: list[bytes]) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            heard.append(piece)
            target.sendall(piece)
    _hang_up(target)


# Nobody there


def refused_url(scheme: str = "http") -> str:
    """An address where nobody listens: the port of RFC 863, which the system gives to nobody."""
    return f"{scheme}://{LOOPBACK}:9"


@contextlib.contextmanager
def deaf_url(scheme: str = "http") -> Iterator[str]:
    """An address where connecting never ends: the queue of waiting connections is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"{scheme}://{LOOPBACK}:{listener.getsockname()[1]}"


# TLS


def tls_trusted(
    monkeypatch: pytest.MonkeyPatch, folder: Path, host: str = LOOPBACK
) -> ssl.SSLContext:
    """For a server: a certificate for `host` from an authority that `requests` now trusts."""
    authority = _authority()
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(bundle))
    return _server_tls(authority, host)


def tls_of_a_company(bundle: Path, host: str = LOOPBACK) -> ssl.SSLContext:
    """For a server: a certificate from an authority that only `bundle`, written here, names."""
    company = trustme.CA()
    company.cert_pem.write_to_path(str(bundle))
    return _server_tls(company, host)


def tls_untrusted(host: str = LOOPBACK) -> ssl.SSLContext:
    """For a server: a certificate from an authority that nobody knows."""
    return _server_tls(trustme.CA(), host)


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


def _server_tls(authority: trustme.CA, host: str) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(tls)
    return tls
