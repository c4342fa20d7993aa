"""Text-to-video with Google's Veo 3.1 through the AI/ML API.

Waiting for a video is a generator of typed updates: `VeoClient.generate` yields an `Update` each
time something is learned and returns the finished `Video`.  It decides *when* to look again; the
driver waits.  A script lets it sleep, a test passes a recorder, a web page awaits in between.

    client = VeoClient()
    for update in client.generate(VideoRequest("a fox in the snow, low sun")):
        print(f"{update.elapsed:4.0f} s  {update.status}")
    client.download(update.video, "fox.mp4")

What is asked and answered, and every error, stands in `veo.types`; when to look again in
`veo.polling`.  This module knows HTTP and money.  It knows no user interface and no asyncio.
"""

from __future__ import annotations

import copy
import datetime
import email.utils
import ipaddress
import json
import math
import os
import random
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from veo import download as veo_download
from veo.http import CONNECT_TIMEOUT, BoundedAdapter, open_session, read_answer
from veo.polling import LONGEST_RETRY_AFTER, PollState
from veo.trace import Exchange, redact
from veo.types import (
    MODELS,
    Busy,
    DownloadFailed,
    Failed,
    Generation,
    InvalidRequest,
    Model,
    Price,
    Reason,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoError,
    Video,
    VideoRequest,
    clean_text,
    read_generation,
    read_number,
    read_price,
)

__all__ = [
    "MODELS",
    "Busy",
    "DownloadFailed",
    "Failed",
    "Generation",
    "InvalidRequest",
    "Model",
    "Price",
    "Refused",
    "SubmissionUncertain",
    "TookTooLong",
    "Unreachable",
    "Update",
    "VeoClient",
    "VeoError",
    "Video",
    "VideoRequest",
]

BASE_URL = "https://api.aimlapi.com"
GENERATIONS = "/v2/video/generations"
KEY_VARIABLES = ("AIMLAPI_KEY", "AIML_API_KEY", "AIMLAPI_API_KEY")
USER_AGENT = "veo-client/1.0 (python-requests)"

LONGEST_KEY = 500
SHORTEST_REAL_KEY = 8
SUBMIT_TRIES = 3
FRESH_ADDRESSES = 3

REJECTED = frozenset({400, 401, 402, 403, 404, 405, 413, 415, 422})
"""Answers to a create request that say it was not taken."""

_REASONS: Mapping[int, Reason] = {
    401: "key",
    402: "credits",
    403: "credits",
    404: "not_found",
}
"""What a status code is about; every other one in `REJECTED` is about the request."""


class VeoClient:
    """One account at one service.  Keep one and share it; threads may.

    `api_key` comes from the argument, else from `AIMLAPI_KEY`, `AIML_API_KEY` or
    `AIMLAPI_API_KEY`; `base_url` from the argument, else from `AIMLAPI_BASE_URL`.  `timeout` is
    how many seconds one read may take; a whole exchange gets a quarter more.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bearer = _Bearer(_checked_key(api_key or _first_set(KEY_VARIABLES)))
        self.base_url = _checked_base_url(
            base_url or os.environ.get("AIMLAPI_BASE_URL") or BASE_URL
        )
        self._timeout = timeout
        self._clock = clock
        self._on_exchange: Callable[[Exchange], object] | None = None
        self._session = self._open_session()[0]

    def with_trace(self, on_exchange: Callable[[Exchange], object]) -> VeoClient:
        """The same client on the same connections, which tells of every exchange as it ends.

        An `Exchange` holds no key and is fit to show.  It is told in the thread that asks; an error
        of `on_exchange` is dropped, for the answer must not be lost with it.
        """
        observed = copy.copy(self)
        observed._on_exchange = on_exchange
        return observed

    def generate(
        self,
        request: VideoRequest,
        *,
        expected: float | None = None,
        sleep: Callable[[float], object] = time.sleep,
        give_up_after: float = 1200.0,
    ) -> Generator[Update, None, Video]:
        """Submit `request` and follow it to its video.  The first update carries the id."""
        generation_id = self.submit(request, sleep=sleep)
        return (
            yield from self.follow(
                generation_id,
                expected=expected or request.expected_seconds,
                submitted_ago=0.0,
                sleep=sleep,
                give_up_after=give_up_after,
            )
        )

    def submit(
        self, request: VideoRequest, *, sleep: Callable[[float], object] = time.sleep
    ) -> str:
        """Ask for a video and return its `generation_id`.  This is the call that costs money.

        It is sent again only when the service certainly did not take it: nothing had left, or it
        answered 429 with a short `Retry-After`.  A lost answer is `SubmissionUncertain`.
        """
        self._require_key()
        for tries_left in reversed(range(SUBMIT_TRIES)):
            try:
                return self._submit_once(request.body())
            except (Busy, Unreachable) as error:
                wait = error.retry_after
                if not tries_left or wait is None or wait > LONGEST_RETRY_AFTER:
                    raise
                sleep(wait)
        raise AssertionError("the last try returns or raises")

    def check(self, generation_id: str) -> Generation:
        """Look once, without waiting.  Every error carries the id."""
        self._require_key()
        try:
            answer = self._get(GENERATIONS, generation_id=generation_id)
        except VeoError as error:
            error.generation_id = generation_id
            raise
        return read_generation(generation_id, answer)

    def follow(
        self,
        generation_id: str,
        *,
        expected: float | None = None,
        submitted_ago: float | None = None,
        sleep: Callable[[float], object] = time.sleep,
        give_up_after: float = 1200.0,
    ) -> Generator[Update, None, Video]:
        """Look until the video is there.  Closing the generator stops the looking, not the work.

        `expected` and `submitted_ago` are seconds, as far as known: a generation takes 120 by
        default, an id of unknown age is looked up at once.  `give_up_after` counts from now.
        Raises `Failed`, `Refused`, `Unreachable`, `Busy`, `TookTooLong` or `DownloadFailed`, each
        with the id.
        """
        began = self._clock()
        state = PollState(generation_id, expected=expected or 120.0, submitted_ago=submitted_ago)
        while True:
            followed = self._clock() - began
            wait = min(state.wait(followed), give_up_after - followed)
            if state.video is None and followed >= give_up_after:
                raise TookTooLong(
                    f"No video after {followed / 60:.0f} minutes of looking. It may still come.",
                    generation_id=generation_id,
                )
            yield state.update(followed, wait)
            if state.video:
                return state.video
            sleep(wait)
            try:
                state.record(self.check(generation_id), self._clock() - began)
            except (Busy, Unreachable, Refused) as error:
                state.record_miss(error, self._clock() - began)

    def download(self, video: Video, path: str | os.PathLike[str]) -> Path:
        """Save the finished video at `path`: resumed when cut off, checked, put there whole.

        The address may have expired: the service is then asked for a fresh one.  The key goes to
        the service only, never to the host that serves the file.
        """
        for addresses_left in reversed(range(FRESH_ADDRESSES + 1)):
            try:
                return self._fetch(video.url, Path(path))
            except veo_download.AddressExpired as error:
                if not addresses_left:
                    raise DownloadFailed(str(error), generation_id=video.generation_id) from error
            except veo_download.DownloadError as error:
                raise DownloadFailed(str(error), generation_id=video.generation_id) from error
            video = self.check(video.generation_id).video or video
        raise AssertionError("the last try returns or raises")

    def price(self, model: str) -> Price:
        """The price list of `model`, from the service.  Needs no key."""
        return read_price(model, self._get("/v1/models", key=False, id=model, include="pricing"))

    def balance(self) -> float:
        """US dollars left in the account: a cheap way to check a key."""
        self._require_key()
        balance = read_number(self._get("/v2/billing").get("current_balance"))
        if balance is None:
            raise Unreachable("The service did not tell the balance.")
        return balance

    @property
    def has_key(self) -> bool:
        return bool(self._bearer.key)

    def _submit_once(self, body: Mapping[str, object]) -> str:
        # A fresh connection: a pooled one may have been closed by the service, which only shows
        # once the request is on its way.
        session, adapter = self._open_session()
        session.headers["Connection"] = "close"
        try:
            answer = self._request(session, "POST", GENERATIONS, json=body)
        except requests.RequestException as error:
            if adapter.request_was_sent:
                raise SubmissionUncertain(
                    "The service did not answer: the clip may be in the making, and may cost. "
                    "Look at your account before you send it again."
                ) from error
            raise self._unreachable(error) from error
        finally:
            session.close()
        if answer.status == 429 or answer.status in REJECTED:
            raise self._refusal(answer)
        taken = answer.json_object() if 200 <= answer.status < 300 else None
        generation_id = (taken or {}).get("id")
        if type(generation_id) is int:
            # An id all the same: thrown away, it would be a clip that is paid for and lost.
            generation_id = str(generation_id)
        if isinstance(generation_id, str) and generation_id:
            return generation_id
        raise SubmissionUncertain(
            f"The service answered {answer.status} without an id: the clip may be in the making, "
            "and may cost. Look at your account before you send it again."
        )

    def _get(self, path: str, *, key: bool = True, **params: str) -> dict[str, Any]:
        try:
            answer = self._request(self._session, "GET", path, key=key, params=params)
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        found = answer.json_object() if 200 <= answer.status < 300 else None
        if found is None:
            raise self._refusal(answer)
        return found

    def _fetch(self, url: str, path: Path) -> Path:
        began = self._clock()
        try:
            saved = veo_download.fetch(url, path, trusted=self._loopback())
        except veo_download.DownloadError as error:
            self._trace("GET", _host(url), began, trouble=type(error).__name__)
            raise
        self._trace("GET", _host(url), began, saved=saved)
        return saved

    def _request(self, session: requests.Session, method: str, path: str, **kwargs: Any) -> _Answer:
        began = self._clock()
        try:
            answer = self._send(session, method, path, **kwargs)
        except requests.RequestException as error:
            self._trace(method, path, began, kwargs, trouble=type(error).__name__)
            raise
        self._trace(method, path, began, kwargs, answer=answer)
        return answer

    def _send(
        self, session: requests.Session, method: str, path: str, *, key: bool = True, **kwargs: Any
    ) -> _Answer:
        try:
            response = session.request(
                method,
                self.base_url + path,
                auth=self._bearer if key else None,
                timeout=(CONNECT_TIMEOUT, self._timeout),
                allow_redirects=False,
                stream=True,
                **kwargs,
            )
            body = read_answer(response)
            if secret := self._bearer.secret:
                # Some services repeat the key in an error's text.
                body = body.replace(secret.encode(), b"[key]")
            return _Answer(response.status_code, response.headers, body, secret)
        except requests.RequestException as error:
            # The request in it carries the key, and an error may be logged, kept or pickled.
            error.request = error.response = None
            raise

    def _trace(
        self,
        method: str,
        address: str,
        began: float,
        asked: Mapping[str, Any] = {},
        *,
        answer: _Answer | None = None,
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
                    sent=show(asked["json"]) if "json" in asked else "",
                    answer=show(answer.body) if answer else "",
                    size=saved.stat().st_size if saved else None,
                    trouble=trouble,
                )
            )

    def _open_session(self) -> tuple[requests.Session, BoundedAdapter]:
        adapter = BoundedAdapter(timeout=self._timeout * 1.25)
        session = open_session(adapter)
        session.headers["User-Agent"] = USER_AGENT
        return session, adapter

    def _require_key(self) -> None:
        if not self._bearer.key:
            raise Refused(f"No API key: set {KEY_VARIABLES[0]} or give one.", reason="no_key")

    def _loopback(self) -> str | None:
        """The base URL if it is this machine: the one place a clip may come from in the clear."""
        return self.base_url if _is_loopback(urlsplit(self.base_url).hostname or "") else None

    def _unreachable(self, error: requests.RequestException) -> Unreachable:
        host = urlsplit(self.base_url).hostname
        if isinstance(error, requests.exceptions.SSLError):
            return Unreachable(f"{host} could not prove its identity; nothing was sent.")
        again = random.uniform(0.5, 1.5) if isinstance(error, requests.ConnectionError) else None
        return Unreachable(f"{host} could not be reached: check the connection.", retry_after=again)

    def _refusal(self, answer: _Answer) -> VeoError:
        """What an answer without the asked-for object means."""
        said = clean_text((answer.json_object() or {}).get("message"))
        status, retry_after = answer.status, _retry_after(answer.headers.get("Retry-After"))
        if status == 429:
            return Busy(said or "The service has too many requests.", retry_after=retry_after)
        if status in REJECTED:
            reason = _REASONS.get(status, "request")
            return Refused(said or f"The service refused the request ({status}).", reason=reason)
        return Unreachable(
            f"The service gave no usable answer ({status}).", retry_after=retry_after
        )


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


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    secret: str = field(default="", repr=False)

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


def _retry_after(header: str | None) -> float | None:
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


def _first_set(names: tuple[str, ...]) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name, "").strip()), None)


def _checked_key(key: str | None) -> str | None:
    """The key without the spaces around it.  `requests` would put a bad one into its error text."""
    key = str(key or "").strip()
    if not key.isascii() or not key.isprintable() or " " in key or len(key) > LONGEST_KEY:
        raise InvalidRequest(
            "That API key holds a space or a character that no key has; copy it again.",
            field="api_key",
        )
    return key or None


def _checked_base_url(url: str) -> str:
    """`url` without a trailing slash or version; https, except on this machine."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    keeps_the_key_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if not keeps_the_key_safe or not host or parts.query or parts.fragment or parts.username:
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


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
