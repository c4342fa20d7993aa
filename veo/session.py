"""One call to the service: the key goes into its header, the answer comes bounded and redacted.

`VeoClient` says what is asked and what an answer means; this says how it is asked, and raises our
own errors where there is no answer to read.  It knows neither prices nor waiting.
"""

from __future__ import annotations

import copy
import datetime
import email.utils
import json
import math
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from veo.http import (
    CONNECT_TIMEOUT,
    SMALL_BODY,
    USER_AGENT,
    BoundedAdapter,
    ProxyRefused,
    causes,
    open_session,
    read_answer,
    setting_for,
)
from veo.network import DIRECT, Network, is_loopback
from veo.pieces import Pieces
from veo.settings import key_in, plain
from veo.trace import Exchange, redact
from veo.types import (
    Busy,
    DownloadFailed,
    InvalidRequest,
    Reason,
    Refused,
    SubmissionUncertain,
    Unreachable,
    VeoError,
    error_words,
    names_credits,
    subject_of,
)

__all__ = ["USER_AGENT", "Answer", "Session", "read_retry_after"]

LONGEST_KEY = 500
SHORTEST_REAL_KEY = 8

REJECTED = frozenset({400, 401, 402, 403, 404, 405, 413, 415, 422})
"""Answers to a create request that say it was not taken, whoever in front of the service gives
them."""

_REASONS: Mapping[int, Reason] = {
    401: "key",
    402: "credits",
    403: "forbidden",
    404: "not_found",
}
"""What a status code is about; every other one in `REJECTED` is about the request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, of any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    secret: str = field(default="", repr=False)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json_object(self) -> dict[str, Any] | None:
        """The JSON object in the body, or None for anything else."""
        try:
            found = json.loads(self.body)
            if self.secret and b"\\" in self.body:
                # JSON may spell the key in other ways, all of which it writes alike.
                spelt = json.dumps(self.secret)[1:-1]
                found = json.loads(json.dumps(found).replace(spelt, "[key]"))
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def as_error(self) -> VeoError:
        """What an answer without the asked-for object means."""
        said = self.json_object()
        message = error_words(said)
        status = self.status
        if status == 429:
            retry_after = read_retry_after(self.headers.get("Retry-After"))
            return Busy(message or "The service has too many requests.", retry_after=retry_after)
        if status in REJECTED and said is None and self.body.strip() and status != 404:
            # A firewall, a proxy or a sign-in page in front: none of it is the service's word.
            text = f"Something in front of the service answered in its place ({status})."
            return Refused(text, reason="guard")
        if status in REJECTED:
            return Refused(
                message or f"The service refused the request ({status}).",
                reason=self._reason(said or {}),
                about=subject_of(message),
            )
        return self.as_no_news()

    def as_no_news(self) -> Unreachable:
        """What an answer means that is none of the service's."""
        return Unreachable(
            f"The service gave no usable answer ({self.status}).",
            retry_after=read_retry_after(self.headers.get("Retry-After")),
        )

    def _reason(self, said: Mapping[str, Any]) -> Reason:
        if self.status == 403 and names_credits(said):
            return "credits"
        return _REASONS.get(self.status, "request")


class Session:
    """The connections of one account at one service.  Threads may share it."""

    def __init__(
        self,
        api_key: str | None,
        base_url: str,
        *,
        timeout: float,
        network: Network = DIRECT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bearer = _Bearer(_checked_key(api_key))
        self.base_url = _checked_base_url(base_url)
        self._network = network
        self._timeout = timeout
        self._clock = clock
        self._on_exchange: Callable[[Exchange], object] | None = None
        self._connections = self._connect()[0]

    @property
    def has_key(self) -> bool:
        return bool(self._bearer.key)

    def with_trace(self, on_exchange: Callable[[Exchange], object]) -> Session:
        """The same connections; `on_exchange` is told of every exchange made through this one."""
        traced = copy.copy(self)
        traced._on_exchange = on_exchange
        return traced

    def get(self, path: str, *, key: bool = True, **params: str) -> dict[str, Any]:
        """The JSON object at `path`; asking costs nothing, so a pooled connection will do."""
        try:
            answer = self._request(self._connections, "GET", path, key=key, params=params)
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        found = answer.json_object()
        if found is None and answer.status != 429:
            # A page of something in front of the service says nothing about what was asked.
            raise answer.as_no_news()
        if found is None or not answer.is_success:
            raise answer.as_error()
        return found

    def post_once(
        self, path: str, body: Pieces, *, shown: Mapping[str, object] | None = None
    ) -> Answer:
        """The answer to a request that costs money, sent at most once.

        `Unreachable` means that it did not leave, or not as a whole; else, without an answer, it is
        `SubmissionUncertain`.  A trace has `shown`: the request without its pictures.
        """
        # A fresh connection: a pooled one may have been closed by the service, which only shows
        # once the request is on its way.
        connection, adapter = self._connect()
        connection.headers["Connection"] = "close"
        try:
            return self._request(connection, "POST", path, body=body, shown=shown)
        except requests.RequestException as error:
            if adapter.request_was_cut:
                raise self._cut_short() from error
            if adapter.request_was_sent:
                raise SubmissionUncertain.after("The service did not answer") from error
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def fetch(self, url: str, path: Path) -> Path:
        """Download a finished clip; the key stays here, for another host serves the file."""
        # Imported here: who only submits and looks starts without it.
        from veo import download

        began = self._clock()
        try:
            saved = download.fetch(url, path, trusted=self._loopback(), network=self._network)
        except download.DownloadError as error:
            self._trace("GET", _host(url), began, trouble=type(error).__name__)
            expired = isinstance(error, download.AddressExpired)
            kept = str(error.kept) if isinstance(error, download.NotPlayable) else ""
            raise DownloadFailed(
                str(error), expired=expired, kept=kept, setting=error.setting
            ) from error
        self._trace("GET", _host(url), began, saved=saved)
        return saved

    def _connect(self) -> tuple[requests.Session, BoundedAdapter]:
        # A whole exchange gets a quarter more than one read of it.
        proxy = self._network.proxy_for(self.base_url)
        network = replace(self._network, proxy=proxy)
        adapter = BoundedAdapter(timeout=self._timeout * 1.25, network=network)
        return open_session(adapter), adapter

    def _request(
        self,
        session: requests.Session,
        method: str,
        path: str,
        *,
        shown: Mapping[str, object] | None = None,
        **kwargs: Any,
    ) -> Answer:
        began, asked = self._clock(), {"shown": shown, "params": kwargs.get("params")}
        try:
            answer = self._send(session, method, path, **kwargs)
        except requests.RequestException as error:
            self._trace(method, path, began, asked, trouble=type(error).__name__)
            raise
        self._trace(method, path, began, asked, answer=answer)
        return answer

    def _send(
        self,
        session: requests.Session,
        method: str,
        path: str,
        *,
        key: bool = True,
        params: Mapping[str, str] | None = None,
        body: Pieces | None = None,
    ) -> Answer:
        try:
            response = session.request(
                method,
                self.base_url + path,
                auth=self._bearer if key else None,
                timeout=(CONNECT_TIMEOUT, self._timeout),
                allow_redirects=False,
                stream=True,
                params=params,
                # A small one goes out in one piece with its head, see `veo.http`.
                data=b"".join(body) if body and len(body) <= SMALL_BODY else body,
                headers={"Content-Type": "application/json"} if body else None,
            )
            answer = _read(response)
            if secret := self._bearer.secret:
                # Some services repeat the key in an error's text.
                answer = answer.replace(secret.encode(), b"[key]")
            return Answer(response.status_code, response.headers, answer, secret)
        except requests.RequestException as error:
            # The request in it carries the key, and an error may be logged, kept or pickled.
            error.request = error.response = None
            if secret := self._bearer.secret:
                _forget(secret, error)
            raise

    def _trace(
        self,
        method: str,
        address: str,
        began: float,
        asked: Mapping[str, Any] = {},
        *,
        answer: Answer | None = None,
        saved: Path | None = None,
        trouble: str = "",
    ) -> None:
        """Tell whoever observes; whatever goes wrong in that, the answer counts."""
        if not self._on_exchange:
            return
        show = partial(redact, secret=self._bearer.secret)
        with suppress(Exception):
            if asked.get("params"):
                address += "?" + urlencode(asked["params"], safe=":/")
            self._on_exchange(
                Exchange(
                    method=method,
                    address=show(address),
                    seconds=self._clock() - began,
                    status=answer.status if answer else None,
                    sent=show(asked["shown"]) if asked.get("shown") else "",
                    answer=show(answer.body) if answer else "",
                    size=saved.stat().st_size if saved else None,
                    trouble=trouble,
                )
            )

    def _loopback(self) -> str | None:
        """The base URL if it is this machine: the one place a clip may come from in the clear."""
        return self.base_url if is_loopback(urlsplit(self.base_url).hostname or "") else None

    def _unreachable(self, error: requests.RequestException) -> Unreachable:
        """Nothing was sent, or nothing that costs; the error names the setting that may help."""
        host, setting = urlsplit(self.base_url).hostname, setting_for(error)
        if isinstance(error, requests.exceptions.SSLError):
            message = f"{host} could not prove its identity; nothing was sent."
            return Unreachable(message, setting=setting)
        again = random.uniform(0.5, 1.5) if isinstance(error, requests.ConnectionError) else None
        message = f"{host} could not be reached: check the connection."
        for refused in (each for each in causes(error) if isinstance(each, ProxyRefused)):
            message = f"The proxy opened no way to {host} ({refused.in_words()})."
            # A login or a rule that it asks for now, it asks for again.
            again = None if 400 <= (refused.status or 0) < 500 else again
        if isinstance(error, requests.exceptions.ProxyError):
            message = "The proxy could not be reached; nothing was sent."
        if setting == "VEO_PROXY" and self._loopback():
            setting = None
        return Unreachable(message, retry_after=again, setting=setting)

    def _cut_short(self) -> Unreachable:
        host = urlsplit(self.base_url).hostname
        return Unreachable(f"{host} took only a part of the request, and cannot act on it.")


class _Bearer(requests.auth.AuthBase):
    """Puts the key into the one header it belongs in; shows it nowhere."""

    def __init__(self, key: str | None) -> None:
        self.key = key

    def __repr__(self) -> str:
        return "<key>" if self.key else "<no key>"

    @property
    def secret(self) -> str:
        """The key, if it is one to hide: "demo" is a word."""
        return self.key if self.key and len(self.key) >= SHORTEST_REAL_KEY else ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request


def _read(response: requests.Response) -> bytes:
    """The body; empty where it cannot be had and the status alone says that nothing was taken.

    A service may repeat all of a picture that it does not like.
    """
    try:
        return read_answer(response)
    except requests.RequestException:
        if response.status_code in (*REJECTED, 429):
            return b""
        raise


def _forget(secret: str, error: BaseException) -> None:
    """Take `secret` out of the texts of `error` and its causes: `http.client` and urllib3 quote an
    answer that they cannot read, and it may repeat the key."""

    def without(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.replace(secret.encode(), b"[key]")
        return value.replace(secret, "[key]") if isinstance(value, str) else value

    for cause in causes(error):
        cause.args = tuple(map(without, cause.args))
        for name, value in vars(cause).items():
            setattr(cause, name, without(value))


def read_retry_after(header: str | None) -> float | None:
    """Seconds from a `Retry-After` header: a number, a date, or None for neither (RFC 9110)."""
    if not header:
        return None
    with suppress(ValueError):
        seconds = float(header)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    with suppress(ValueError, OverflowError):
        then = email.utils.parsedate_to_datetime(header)
        then = then if then.tzinfo else then.replace(tzinfo=datetime.UTC)  # "-0000", or no zone
        return max((then - datetime.datetime.now(datetime.UTC)).total_seconds(), 0.0)
    return None


def _checked_key(key: str | None) -> str | None:
    """The key without what was pasted around it.  `requests` would put a bad one into its error
    text."""
    key = key_in(str(key or ""))
    if not key.isascii() or not key.isprintable() or " " in key or len(key) > LONGEST_KEY:
        raise InvalidRequest(
            "That API key holds a space or a character that no key has; copy it again.",
            field="api_key",
        )
    return key or None


def _checked_base_url(url: str) -> str:
    """`url` without a trailing slash or version; https, except on this machine."""
    try:
        parts = urlsplit(plain(url))
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    keeps_the_key_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not keeps_the_key_safe or not host or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidRequest(
            "The base URL must look like https://host, or http://127.0.0.1:port on this machine.",
            field="base_url",
        )
    # The vendor's own examples write the version into the base URL.
    path = parts.path.rstrip("/").removesuffix("/v1").removesuffix("/v2").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _host(url: str) -> str:
    with suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""
