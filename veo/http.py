"""One HTTP exchange that ends: bounded in time and size, never repeated, known to be sent or not.

`requests` bounds a single read, not a whole answer: a server that sends one byte a minute holds it
for hours.  And after an error it cannot tell whether a byte of the request had left, which decides
whether repeating costs money.  `Line` is an adapter for a `requests.Session` that knows both.

This module knows sockets and limits; it knows neither the service nor its keys.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["CONNECT_TIMEOUT", "AnswerTooLarge", "Line", "open_session", "read_answer", "read_some"]

CONNECT_TIMEOUT = 5.0
LARGEST_ANSWER = 1 << 20
KEPT_OPEN = 100
"""Connections for those who look next; as many may look at a time without opening a new one."""


class AnswerTooLarge(requests.RequestException):
    """The answer is larger than any honest one."""


class Line(HTTPAdapter):
    """An adapter that hangs up in time and knows whether anything of a request was sent.

    An exchange has `patience` seconds from its first byte out to its last byte in.  With
    `renewed_by`, every so many bytes received grant them anew: a large file may take long, but
    not stand still.  `largest` then bounds what an exchange may receive in all, for headers and
    "100 Continue" may come without end too.  `check_peer` sees each connected socket before a
    byte goes out and raises `OSError` to hang up.
    """

    def __init__(
        self,
        *,
        patience: float,
        renewed_by: int | None = None,
        largest: int | None = None,
        check_peer: Callable[[socket.socket], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.patience = patience
        self.renewed_by = renewed_by
        self.largest = largest
        self.check_peer = check_peer
        self.clock = clock
        self.request_was_sent = False
        """Whether any byte of any request was handed to a connected socket."""
        # urllib3 would repeat even a POST when TLS fails while the answer is read.
        super().__init__(max_retries=0, pool_maxsize=KEPT_OPEN)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        connection = _HTTPS if pool.scheme == "https" else _HTTP
        vars(pool)["ConnectionCls"] = partial(connection, line=self)
        return pool


class _Bounded(HTTPConnection):
    """A connection whose every wait counts against its line's patience."""

    def __init__(self, *args: Any, line: Line, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.line = line
        self.deadline = float("inf")
        self.received = 0

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if self.line.check_peer:
            try:
                self.line.check_peer(sock)
            except OSError:
                sock.close()
                raise
        return sock

    def connect(self) -> None:
        super().connect()
        self.sock = _WatchedSocket(self.sock, self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        self.renew()
        self.received = 0
        super().request(*args, **kwargs)

    def renew(self) -> None:
        self.deadline = self.line.clock() + self.line.patience

    def time_left(self) -> float:
        left = self.deadline - self.line.clock()
        if left <= 0:
            raise TimeoutError(f"no whole answer within {self.line.patience:g} s")
        return left


class _HTTP(_Bounded):
    pass


class _HTTPS(_Bounded, HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLEOFError as error:
            # Else it would look like a wrong certificate, and those are not tried again.
            raise ConnectionResetError("hung up during the greeting of TLS") from error


class _WatchedSocket:
    """A connected socket: notes the first byte that leaves, lets no read outlast the deadline."""

    def __init__(self, sock: socket.socket, connection: _Bounded) -> None:
        self._sock = sock
        self._connection = connection
        self._idle: float | None = sock.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        self._idle = seconds
        self._sock.settimeout(seconds)

    def sendall(self, data: Any) -> None:
        self._connection.line.request_was_sent = True
        self._bound_next_wait()
        self._sock.sendall(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """The stream that `http.client` reads the answer from."""
        return io.BufferedReader(_WatchedStream(self._sock.makefile("rb", buffering=0), self))

    def _bound_next_wait(self) -> None:
        left = self._connection.time_left()
        self._sock.settimeout(left if self._idle is None else min(left, self._idle))

    def _received(self, size: int) -> None:
        connection, line = self._connection, self._connection.line
        before, connection.received = connection.received, connection.received + size
        if line.largest is not None and connection.received > line.largest:
            raise AnswerTooLarge(f"The answer is larger than {line.largest} bytes.")
        if line.renewed_by and before // line.renewed_by < connection.received // line.renewed_by:
            connection.renew()


class _WatchedStream(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, watched: _WatchedSocket) -> None:
        self._raw = raw
        self._watched = watched

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        self._watched._bound_next_wait()
        size = self._raw.readinto(buffer)
        self._watched._received(size or 0)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, for even unasked `requests` reads a redirect's whole body, endless or a gzip bomb.

        Whoever wants to follow one finds it in the answer's `Location`.
        """


def open_session(line: Line) -> requests.Session:
    """A session that talks only through `line` and takes nothing from the environment.

    A `.netrc` entry would replace the Authorization header, a proxy would see the request.  No
    cookie is kept either.
    """
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept-Encoding"] = "identity"
    session.mount("https://", line)
    session.mount("http://", line)
    return session


def read_answer(response: requests.Response, *, largest: int = LARGEST_ANSWER) -> bytes:
    """The body of a streamed `response`, at most `largest` bytes even if it came compressed."""
    body = bytearray()
    try:
        for piece in response.iter_content(64 << 10):
            body += piece
            if len(body) > largest:
                raise AnswerTooLarge(f"The answer is larger than {largest} bytes.")
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    finally:
        response.close()
    return bytes(body)


def read_some(response: requests.Response, most: int) -> bytes:
    """What has come of a streamed body, at most `most` bytes, as sent; empty at its end."""
    try:
        piece: bytes = response.raw.read1(most, decode_content=False)
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    return piece
