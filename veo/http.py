"""One HTTP exchange that ends: bounded in time and size, never repeated, known to be sent or not.

`BoundedAdapter` goes below a `requests.Session`.  `requests` alone leaves three things open, and
where a request costs money, each of them can cost twice:

**Its timeout bounds one read, not the answer.**  `timeout=60` becomes the socket's timeout, which
starts anew with every `recv`.  A server that sends one byte a minute never exceeds it, not in the
body and not in the headers, which `http.client` reads before anybody above sees an answer.  So we
give each exchange a deadline when its request is sent, and before every single wait on the socket
we shorten the socket's timeout to what is left of it (`_WatchedSocket._bound_next_wait`).

**urllib3 repeats.**  Its `Retry` asks whether a method may be repeated only after errors that it
counts as read errors.  A `SSLError` in the middle of an answer counts as "other" and is repeated
for a POST, too (`Retry.increment`).  So there are no retries here: the caller knows what a second
request costs, and repeats it or not.

**After an error nobody knows what was sent.**  "Connection refused" and "connection reset" are both
a `ConnectionError`.  In the first case the service has seen nothing, and asking again is free; in
the second it may be making the clip.  The exception's type does not tell them apart: a reset may
come before or after the request.  What tells is whether a byte of it was handed to the socket.
`http.client` writes through `sock.sendall` alone, so a socket with its own `sendall` sees the first
byte leave.  A TLS handshake runs below it and does not count, nor does the way through a proxy.  It
errs to the safe side: "sent" means that a byte was handed over, not that anybody read it.  But
`sendall` returns only once the system has everything: where the head of a request went out and its
large body did not get through, no server has the whole of it (`request_was_cut`).

For this urllib3's connection classes are replaced by our own, whose socket is wrapped once it is
connected.  That leans on names inside urllib3 (`ConnectionCls`, `_new_conn`) and of `http.client`
(`sock`, `makefile`, `_tunnel`); `tests/client/test_http.py` fails the day they change.

This module knows sockets and limits; it knows neither the service nor its keys.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPException, HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from veo.network import DIRECT, Network, tls_context
from veo.types import Setting

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "CONNECT_TIMEOUT",
    "USER_AGENT",
    "AnswerTooLarge",
    "BoundedAdapter",
    "ProxyRefused",
    "causes",
    "open_session",
    "read_answer",
    "read_some",
    "setting_for",
]

USER_AGENT = "veo-client/1.0"
"""Some hosts refuse whatever calls itself `python-requests`."""
CONNECT_TIMEOUT = 5.0
MAX_ANSWER_BYTES = 1 << 20
SMALL_BODY = 64 << 10
"""Bytes that go out in one piece with their head."""
SENT_PER_TIMEOUT = 1 << 20
"""Bytes of a request that start its time anew: pictures may take long, but not stand still."""
MOST_LATE_BYTES = 64 << 10
"""What may be read of an answer after its time, for there are answers without an end."""
POOL_SIZE = 100
"""Connections kept open: as many threads may look at a time without opening a new one."""


class AnswerTooLarge(requests.RequestException):
    """The answer is larger than any honest one."""


class ProxyRefused(OSError):
    """The proxy opened no way to the host; nothing was sent."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status
        """What it answered; with a 2xx, nothing that speaks TLS was behind it."""

    def in_words(self) -> str:
        if not self.status:
            return "it did not answer"
        no_tls = ", and no TLS came through it" if self.status // 100 == 2 else ""
        return f"it answered {self.status}{no_tls}"


class BoundedAdapter(HTTPAdapter):
    """An adapter that hangs up in time and knows whether anything of a request was sent.

    An exchange has `timeout` seconds from its first byte out to its last byte in, and as many again
    for each megabyte that is sent in pieces.  With
    `bytes_per_timeout`, every so many bytes received start them anew: a large file may take long,
    but not stand still.  `max_bytes` then bounds what an exchange may receive in all, for headers
    and "100 Continue" may come without end too.  `check_peer` sees each connected socket before a
    byte goes out and raises `OSError` to hang up; behind a proxy of `network` that is the proxy's.
    """

    def __init__(
        self,
        *,
        timeout: float,
        bytes_per_timeout: int | None = None,
        max_bytes: int | None = None,
        check_peer: Callable[[socket.socket], None] | None = None,
        network: Network = DIRECT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.timeout = timeout
        self.bytes_per_timeout = bytes_per_timeout
        self.max_bytes = max_bytes
        self.check_peer = check_peer
        self.network = network
        self.tls = network.tls or tls_context()
        self.clock = clock
        self.request_was_sent = False
        """Whether any byte of any request was handed to a connected socket."""
        self.request_was_cut = False
        """Whether the last request's body did not all leave after its head, and nobody answered."""
        # None: urllib3 would repeat even a POST, see above.
        super().__init__(max_retries=0, pool_maxsize=POOL_SIZE)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            bounded = _HTTPS if pool.scheme == "https" else _HTTP
            # Ours before urllib3's own, which is another one behind a SOCKS proxy.
            connection = type(bounded.__name__, (bounded, cast(Any, pool).ConnectionCls), {})
            vars(pool)["ConnectionCls"] = partial(connection, adapter=self)
        return pool

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        kwargs["ssl_context"] = self.tls
        super().init_poolmanager(*args, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        kwargs["ssl_context"] = self.tls
        if (known := self.network.proxy) and known.is_socks:
            return super().proxy_manager_for(known.with_login(), **kwargs)
        if proxy.startswith("https:"):  # urllib3 adds the public authorities for a host alone
            self.tls.load_verify_locations(requests.adapters.DEFAULT_CA_BUNDLE_PATH)
        return super().proxy_manager_for(proxy, proxy_ssl_context=self.tls, **kwargs)

    def proxy_headers(self, _: str) -> dict[str, str]:
        return self.network.proxy.headers if self.network.proxy else {}


class _BoundedConnection(HTTPConnection):
    """A connection whose every wait counts against its adapter's timeout."""

    def __init__(self, *args: Any, adapter: BoundedAdapter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adapter = adapter
        self.deadline = float("inf")
        self.sent = self.received = self.late = 0
        """Bytes of the request, of the answer, and those read after the deadline."""
        self.head_was_sent = False
        self.proxy_said: int | None = None
        self._holds_head = False
        self._head = b""

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if self.adapter.check_peer:
            try:
                self.adapter.check_peer(sock)
            except OSError:
                sock.close()
                raise
        return sock

    def connect(self) -> None:
        super().connect()
        self.sock = _WatchedSocket(self.sock, self)

    def _tunnel(self) -> None:
        """Ask the proxy for a way to the host.

        `http.client` would wait as long as the proxy sends headers, and tells its answer in a text
        alone.  None of this counts as sent: the request goes out after it.
        """
        self.renew()
        host, headers = str(self._tunnel_host), dict(vars(self)["_tunnel_headers"])
        self._validate_host(host)  # type: ignore[attr-defined]  # a line break would add a header
        place = f"[{host.strip('[]')}]:{self._tunnel_port}" if ":" in host else ""
        place = place or f"{host}:{self._tunnel_port}"
        lines = [f"{name}: {value}" for name, value in {"Host": place, **headers}.items()]
        question = "\r\n".join([f"CONNECT {place} HTTP/1.1", *lines, "", ""]).encode()
        watched = _WatchedSocket(self.sock, self)
        # `http.client` quotes an answer that it cannot read, which may repeat the login: it is no
        # cause of ours.
        with suppress(HTTPException, OSError):
            watched.send_aside(question)
            with HTTPResponse(cast(socket.socket, watched), method="CONNECT") as response:
                response.begin()
                self.proxy_said = response.status
        if (self.proxy_said or 0) // 100 != 2:
            raise ProxyRefused(self.proxy_said)

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        self.renew()
        self.sent, self.received, self.late, self.head_was_sent = 0, 0, 0, False
        self._holds_head = isinstance(body, bytes) and 0 < len(body) <= SMALL_BODY
        super().request(method, url, body, *args, **kwargs)

    def send(self, data: Any) -> None:
        """Send; a head waits for its small body, so that chance does not part them."""
        if self._holds_head:
            self._head, self._holds_head = data, False
            return
        head, self._head = self._head, b""
        super().send(head + data if head else data)

    def renew(self) -> None:
        self.deadline = self.adapter.clock() + self.adapter.timeout

    def time_left(self) -> float:
        return max(self.deadline - self.adapter.clock(), 0.0)

    def too_late(self) -> TimeoutError:
        return TimeoutError(f"no whole answer within {self.adapter.timeout:g} s")


class _HTTP(_BoundedConnection):
    pass


class _HTTPS(_BoundedConnection, HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLCertVerificationError:
            raise
        except OSError as error:
            if self.proxy_said and not isinstance(error, ProxyRefused):
                raise ProxyRefused(self.proxy_said) from error
            if isinstance(error, ssl.SSLEOFError):
                # Else it would look like a wrong certificate, and those are not tried again.
                raise ConnectionResetError("hung up during the greeting of TLS") from error
            raise


class _WatchedSocket:
    """A connected socket: notes the first byte that leaves, lets no read outlast the deadline."""

    def __init__(self, sock: socket.socket, connection: _BoundedConnection) -> None:
        self._sock = sock
        self._connection = connection
        self._idle: float | None = sock.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        self._idle = seconds
        self._sock.settimeout(seconds)

    def sendall(self, data: Any) -> None:
        connection, adapter = self._connection, self._connection.adapter
        adapter.request_was_sent = True
        try:
            self.send_aside(data)
        except OSError:
            adapter.request_was_cut = connection.head_was_sent
            raise
        connection.head_was_sent = True
        before, connection.sent = connection.sent, connection.sent + len(data)
        if before // SENT_PER_TIMEOUT < connection.sent // SENT_PER_TIMEOUT:
            connection.renew()  # else a slow way out would leave no time for the answer

    def send_aside(self, data: Any) -> None:
        """Send what is no part of a request."""
        if not self._bound_next_wait():
            raise self._connection.too_late()
        self._sock.sendall(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """The stream that `http.client` reads the answer from."""
        return io.BufferedReader(_WatchedStream(self._sock.makefile("rb", buffering=0), self))

    def _bound_next_wait(self) -> bool:
        """Tell whether there is any time left to wait."""
        left = self._connection.time_left()
        self._sock.settimeout(left if self._idle is None else min(left, self._idle))
        return left > 0

    def _received(self, size: int) -> None:
        connection, adapter = self._connection, self._connection.adapter
        if size:
            adapter.request_was_cut = False  # whoever answers may have read enough
        before, connection.received = connection.received, connection.received + size
        if adapter.max_bytes is not None and connection.received > adapter.max_bytes:
            raise AnswerTooLarge(f"The answer is larger than {adapter.max_bytes} bytes.")
        if (
            adapter.bytes_per_timeout
            and before // adapter.bytes_per_timeout
            < connection.received // adapter.bytes_per_timeout
        ):
            connection.renew()


class _WatchedStream(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, watched: _WatchedSocket) -> None:
        self._raw = raw
        self._watched = watched

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        in_time = self._watched._bound_next_wait()
        # A large file is not lost with its connection, and must not stand still.
        if not in_time and self._watched._connection.adapter.bytes_per_timeout:
            raise self._watched._connection.too_late()
        size = self._raw.readinto(buffer) if in_time else self._read_late(buffer)
        self._watched._received(size or 0)
        return size

    def _read_late(self, buffer: WriteableBuffer) -> int:
        """Read what came already, without a wait: this process may have been stopped (Ctrl-Z) while
        the answer came, and in that may be the id of what is paid for."""
        connection = self._watched._connection
        try:
            size = self._raw.readinto(buffer)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            size = None
        connection.late += size or 0
        if size is None or connection.late > MOST_LATE_BYTES:
            raise connection.too_late()
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, for even unasked `requests` reads a redirect's whole body, endless or a gzip bomb.

        Whoever wants to follow one finds it in the answer's `Location`.
        """


def open_session(adapter: BoundedAdapter) -> requests.Session:
    """A session that talks only through `adapter` and takes nothing from the environment.

    A `.netrc` entry would replace the Authorization header, a proxy would see the request.  No
    cookie is kept either.  The proxy of its own `network` is used for https alone, where it sees no
    request.
    """
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept-Encoding"] = "identity"
    session.headers["User-Agent"] = USER_AGENT
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    if proxy := adapter.network.proxy:
        session.proxies["https"] = proxy.address
    return session


def read_answer(response: requests.Response, *, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """The body of a streamed `response`, at most `max_bytes` bytes even if it came compressed."""
    body = bytearray()
    try:
        for piece in response.iter_content(64 << 10):
            body += piece
            if len(body) > max_bytes:
                raise AnswerTooLarge(f"The answer is larger than {max_bytes} bytes.")
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


# What an error tells


def causes(error: BaseException) -> list[BaseException]:
    """`error` and all that led to it.

    urllib3 names a proxy's error for the cause, and has what went wrong there for the context.
    """
    found = [error]
    for each in found:
        for before in (each.__cause__, each.__context__):
            if before and before not in found:
                found.append(before)
    return found


def setting_for(error: BaseException) -> Setting | None:
    """The setting that may open the way which `error` found closed."""
    found = causes(error)
    certificates = [each for each in found if isinstance(each, ssl.SSLCertVerificationError)]
    if any(each.verify_code in UNKNOWN_AUTHORITY for each in certificates):
        return "VEO_CA_BUNDLE"  # first of all, for it may be the proxy's
    return "VEO_PROXY" if any(isinstance(cause, NOT_CONNECTED) for cause in found) else None


UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's codes for a certificate that nobody signed whom we trust; others are wrong in
themselves, for another host or out of date."""

NOT_CONNECTED = (
    ProxyRefused,
    requests.exceptions.ProxyError,
    NewConnectionError,
    ConnectTimeoutError,
)
