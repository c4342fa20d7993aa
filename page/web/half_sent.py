"""Closes connections whose request does not arrive whole: each after a time, and the oldest when
one address has too many.

uvicorn bounds only how long a connection is idle between two requests.  A head that stops in its
middle, a body that was announced, or a byte a second would hold a connection for ever.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import h11
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from page.web.guard import BOUNDS_ITSELF, network_of

TOO_SLOW = b"The request did not arrive in time: send it again."


class BoundedConnection(H11Protocol):
    """uvicorn's connection, which a request that is not whole holds for a bounded time."""

    head_seconds = 10.0
    body_seconds = 30.0
    """For at most `guard.LARGEST_BODY`: a phone on a bad line sends a form in five."""

    picture_seconds = 120.0
    """For at most `veo.models.LARGEST_UPLOAD`: that is 100 kB a second."""

    max_half_sent = 50
    """Half-sent requests of one network, once they are older than `new_seconds`."""
    new_seconds = 2.0
    """An honest request is whole by then, or its browser has connected ahead and will try again."""
    max_new = 600
    """Half-sent requests of one network, however new: those of a hundred browsers behind a school's
    one address that open the page at once, with six connections each."""

    _timer: asyncio.TimerHandle | None = None
    _awaited: Any = None
    """What h11 awaits from the visitor: `IDLE` for a head, `SEND_BODY` for a body."""
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        host = self.client[0] if self.client else ""
        self._network = network_of(host)
        # A proxy's connections are those of many visitors.
        if not _is_a_proxy(host, self.config.forwarded_allow_ips):
            self._bound_its_network()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _should_upgrade(self) -> bool:
        """Never: nothing here speaks WebSocket, and uvicorn's would have no bounds."""
        return False

    def _watch(self) -> None:
        """Start the clock when a head or a body is awaited; what comes of it does not reset it."""
        if self.conn.their_state is self._awaited:
            return
        self._stop_watching()
        self._awaited = self.conn.their_state
        is_picture = bool(self.scope) and self.scope["path"].endswith(BOUNDS_ITSELF)
        body_seconds = self.picture_seconds if is_picture else self.body_seconds
        limits = {h11.IDLE: self.head_seconds, h11.SEND_BODY: body_seconds}
        if self._awaited in limits and not self.transport.is_closing():
            self._since = self.loop.time()
            self._timer = self.loop.call_later(limits[self._awaited], self._give_up)

    def _stop_watching(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _bound_its_network(self) -> None:
        """Close the oldest of what is too much: what is new may be whole in a moment."""
        half_sent = [
            each
            for each in self.connections
            if isinstance(each, BoundedConnection)
            and each._timer
            and each._network == self._network
        ]
        half_sent.sort(key=lambda each: each._since)
        waited_since = self.loop.time() - self.new_seconds
        waiting = [each for each in half_sent if each._since < waited_since]
        waiting.sort(key=lambda each: each._has_begun())
        for each in (
            waiting[: max(0, len(half_sent) - self.max_half_sent)]
            or half_sent[: max(0, len(half_sent) - self.max_new)]
        ):
            each._give_up()

    def _has_begun(self) -> bool:
        """Whether a part of a request has come.

        Before that a browser takes no harm when we close: it has connected ahead, or has kept the
        connection for its next request, and opens another.
        """
        return self._awaited is h11.SEND_BODY or bool(self.conn.trailing_data[0])

    def _give_up(self) -> None:
        self._stop_watching()
        if self._has_begun() and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer_too_slow()
            self.transport.close()
        else:
            # Nothing was asked yet, as by a browser that connects ahead, or it is answered already.
            self.transport.abort()

    def _answer_too_slow(self) -> None:
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(TOO_SLOW))),
            ("Connection", "close"),
        ]
        for event in (
            h11.Response(status_code=408, headers=headers, reason="Request Timeout"),
            h11.Data(data=TOO_SLOW),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")


def _is_a_proxy(host: str, proxies: str | list[str]) -> bool:
    """Whether uvicorn believes `host` when it says for whom it asks."""
    return host in _trusted(proxies if isinstance(proxies, str) else ",".join(proxies))


@functools.cache
def _trusted(proxies: str) -> Any:
    async def nothing(*_: Any) -> None: ...

    return ProxyHeadersMiddleware(nothing, proxies).trusted_hosts
