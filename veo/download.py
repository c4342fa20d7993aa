"""Fetch a file from an address that nobody vouches for: public hosts only, and whole or not at all.

A finished video's address comes out of a server's answer, so it may point anywhere, and what it
gives may be cut short, changed half-way or no video.  What has arrived is kept (`veo.files`), and
the next attempt goes on from there.

This module knows addresses and answers; it knows neither the service nor its keys.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import random
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from veo import file_host, mp4
from veo.files import Locked, Part, PartialFile, claim, publish
from veo.http import (
    CONNECT_TIMEOUT,
    AnswerTooLarge,
    BoundedAdapter,
    ProxyRefused,
    causes,
    open_session,
    read_some,
    setting_for,
)
from veo.network import DIRECT, Network, literal
from veo.types import Setting

__all__ = ["AddressExpired", "DownloadError", "NotPlayable", "fetch"]

TIMEOUT, BYTES_PER_TIMEOUT = 30.0, 64 << 10
"""Seconds, and the bytes that must arrive in them."""
PIECE = 256 << 10
MOST_REDIRECTS = 3
LONGEST_PAUSE = 8.0

ASK_AGAIN = "Look for the clip again by its id; if that does not help, tell the service."

Progress = Callable[[int, int | None], None]


class DownloadError(Exception):
    """The file did not arrive; the text says what to do."""

    def __init__(self, message: str, *, setting: Setting | None = None) -> None:
        super().__init__(message)
        self.setting = setting
        """What may help, where the network here stands in the way."""


class AddressExpired(DownloadError):
    """The host does not give the file out: ask for the generation again for a fresh address."""


class NotPlayable(DownloadError):
    """All came that the host told of, and it cannot be played; it is kept."""

    def __init__(self, message: str, kept: Path) -> None:
        super().__init__(message)
        self.kept = kept


class _Interrupted(Exception):
    """This attempt is over, and another may end better."""

    def __init__(self, reason: str, *, setting: Setting | None = None) -> None:
        super().__init__(reason)
        self.setting = setting


class _NotPublic(OSError):
    """The connection leads to a machine that only we can reach."""

    def __init__(self, setting: Setting | None = None) -> None:
        super().__init__("a private network")
        self.setting = setting


def fetch(
    url: str,
    path: Path,
    *,
    trusted: str | None = None,
    max_bytes: int = 512 << 20,
    attempts: int = 5,
    network: Network = DIRECT,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    on_progress: Progress | None = None,
) -> Path:
    """Download the MP4 at `url` to `path`, which appears once it is whole and safe on the disk.

    `trusted` is the base URL the user set: if that is on loopback, `url` may be there too.
    `on_progress` is told the bytes so far and in all, the latter None if the host does not say.
    A lost connection is tried again, `attempts` times in all, waiting with `sleep`.
    Raises `AddressExpired` or `DownloadError`; neither ever carries a query, which may be a secret.
    """
    download = _Download(url, trusted, max_bytes, network, clock, on_progress)
    try:
        if path.is_dir():
            raise DownloadError(f"{path} is a folder. Choose a name for the file and run again.")
        with claim(path, _without_query(url)) as part:
            for attempt in range(attempts):
                if attempt:
                    sleep(_pause_before(attempt))
                try:
                    return download.attempt(part)
                except _Interrupted as interruption:
                    reason, setting = str(interruption), interruption.setting
            words = f"The download stopped: {reason}. {part.kept().in_words()}"
            raise DownloadError(words, setting=setting)
    except Locked:
        raise DownloadError(
            f"Another download holds {path}. Wait for it, or choose another name."
        ) from None
    except OSError as error:
        raise DownloadError(_disk_trouble(error, path)) from error


def _pause_before(attempt: int) -> float:
    """Seconds before a repeated attempt, spread so that many clients do not come back at once."""
    return min(2.0**attempt, LONGEST_PAUSE) * random.uniform(0.5, 1)


# Where a download may go


def check_address(url: str, trusted: str | None) -> bool:
    """Say whether `url` is at home, at the origin of `trusted`.

    Raises `DownloadError` if it is out of bounds; where its name leads, `_check_peer` sees.
    """
    try:
        parts = urlsplit(url)
        # `requests` lets empty and overlong labels through, and urllib3's own error would escape.
        has_name = bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        has_name = False
    if not has_name:
        raise DownloadError(f"The video's address is not a web address. {ASK_AGAIN}")
    if parts.username is not None or parts.password is not None:
        raise DownloadError(
            f"The video's address holds a user name, so it was not opened. {ASK_AGAIN}"
        )
    at_home = trusted is not None and _origin(url) == _origin(trusted)
    if parts.scheme != "https" and not at_home:
        raise DownloadError(f"The video's address is not https, so it was not opened. {ASK_AGAIN}")
    return at_home


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _address(base: str, reference: str) -> str:
    """Where `reference` leads, spelt as `requests` will open it: that spelling is checked."""
    try:
        return requests.Request("GET", urljoin(base, reference)).prepare().url or ""
    except (requests.RequestException, ValueError):
        raise DownloadError(f"The video's address is not a web address. {ASK_AGAIN}") from None


def _without_query(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet would reach."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if inner := ip.ipv4_mapped or ip.sixtofour or _behind_nat64(ip):
            return is_public(str(inner))
        if ip not in _UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and ip not in _PROTOCOLS


_UNICAST = ipaddress.IPv6Network("2000::/3")
_PROTOCOLS = ipaddress.IPv4Network("192.0.0.0/24")  # a cloud keeps its metadata there
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _behind_nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a translating network reaches through `ip` (RFC 6052)."""
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None


def _check_peer(sock: socket.socket, *, at_home: bool, https: bool, host: str = "") -> None:
    """Refuse by where the connection leads: a host's name and its spelling prove nothing."""
    address = sock.getpeername()[0]
    if at_home and ipaddress.ip_address(address).is_loopback:
        return
    if not (https and (is_public(address) or _is_stand_in(address, host))):
        raise _NotPublic("VEO_PROXY" if host and not literal(host) else None)


_STAND_INS = ipaddress.IPv4Network("198.18.0.0/15")


def _is_stand_in(address: str, host: str) -> bool:
    """Whether a program on this machine or network answered for the name `host`.

    Such a resolver (Clash, Surge, sing-box) gives every name an address of the block for tests of
    networks (RFC 2544), catches the connection and takes it to the true one.  Over https nothing is
    sent before a certificate proves the name, so no machine of ours can pass for it.  Where an
    address asks for that block itself, nobody stands between.
    """
    ip = ipaddress.ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return bool(host) and not literal(host) and ip.version == 4 and ip in _STAND_INS


def leads_inside(host: str) -> bool:
    """Whether `host` itself, unasked, is no place on the internet.

    That is all to be seen of a connection that a proxy makes: where a name leads, it decides.
    """
    ip = literal(host)
    is_own_name = f".{host}".lower().rstrip(".").endswith(".localhost")
    return not is_public(str(ip)) if ip else is_own_name


# What an answer means


def interpret_response(
    status: int, headers: Mapping[str, str], kept: PartialFile
) -> PartialFile | None:
    """Say what the body of this answer continues; None means nothing that is of use."""
    if status == 416 and kept.size:
        had_all = headers.get("Content-Range") == f"bytes */{kept.total}" and kept.is_whole()
        return kept if had_all else None
    if status == 200:
        return PartialFile(total=_length(headers), etag=_strong_etag(headers))
    return kept if _is_the_rest(headers, kept) else None


def has_a_file(status: int, kept: PartialFile) -> bool:
    return status in (200, 206) or (status == 416 and bool(kept.size))


def _is_the_rest(headers: Mapping[str, str], kept: PartialFile) -> bool:
    """Whether a 206 brings exactly what is missing, of the same file."""
    if not kept.size or kept.total is None or _strong_etag(headers) != kept.etag:
        return False
    wanted = f"bytes {kept.size}-{kept.total - 1}/{kept.total}"
    length_fits = _length(headers) in (None, kept.total - kept.size)
    return headers.get("Content-Range") == wanted and length_fits


def _strong_etag(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("ETag", "")
    return etag if re.fullmatch(r'"[\x21\x23-\x7e]+"', etag) else None


def _length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("Content-Length", "")
    if "Transfer-Encoding" in headers or not re.fullmatch(r"[0-9]{1,18}", length):
        return None
    return int(length)


# One download


@dataclass(frozen=True, slots=True)
class _Download:
    url: str
    trusted: str | None
    max_bytes: int
    network: Network
    clock: Callable[[], float]
    on_progress: Progress | None

    def attempt(self, part: Part) -> Path:
        """Ask once, receive what comes, and finish if that makes the file whole."""
        kept = part.kept()
        with self._answer(kept.headers()) as response:
            if not has_a_file(response.status_code, kept):
                raise self._refusal(response)
            known = interpret_response(response.status_code, response.headers, kept)
            if known is None:
                part.discard()
                raise _Interrupted("what came does not fit what was kept")
            if not known.is_whole():
                self._receive(response, known, part)
            # The last chunk says that it is the last; a connection that ends says nothing.
            is_all = known.total is not None or "Transfer-Encoding" in response.headers
        return self._finish(part, is_all=is_all)

    @contextlib.contextmanager
    def _answer(self, headers: dict[str, str]) -> Iterator[requests.Response]:
        """The answer at the end of at most three redirects, each to an address checked anew."""
        url, trusted = "", self.trusted
        reference = self.url
        for _ in range(1 + MOST_REDIRECTS):
            url = _address(url, reference)
            at_home = check_address(url, trusted)
            if not at_home:
                trusted = None  # a public host must not lead back into this machine
            with self._get(url, headers, at_home) as response:
                if not response.is_redirect:
                    yield response
                    return
                reference = response.headers["Location"]
        raise DownloadError(f"The video's address redirects too often. {ASK_AGAIN}")

    @contextlib.contextmanager
    def _get(self, url: str, headers: dict[str, str], at_home: bool) -> Iterator[requests.Response]:
        host, proxy = urlsplit(url).hostname or "", self.network.proxy_for(url)
        if self.network.proxy and not at_home and leads_inside(host):
            raise _into_a_private_network()
        check_peer = partial(
            _check_peer, host=host, at_home=at_home, https=url.startswith("https:")
        )
        adapter = BoundedAdapter(
            timeout=TIMEOUT,
            bytes_per_timeout=BYTES_PER_TIMEOUT,
            max_bytes=2 * self.max_bytes + (1 << 20),  # room for headers and for those of chunks
            check_peer=None if proxy else check_peer,
            network=replace(self.network, proxy=proxy),
            clock=self.clock,
        )
        # A session for each host: no cookie and no connection goes from one to the next.
        with open_session(adapter) as session:
            try:
                timeout = (CONNECT_TIMEOUT, TIMEOUT)
                response = session.get(
                    url, headers=headers, stream=True, allow_redirects=False, timeout=timeout
                )
            except requests.RequestException as error:
                raise translate_error(error) from None
            with response:
                yield response

    def _refusal(self, response: requests.Response) -> DownloadError | _Interrupted:
        """The error for an answer without a file, with what the host says."""
        status = response.status_code
        code, words = file_host.code_and_words(_beginning(response), response.headers)
        said = file_host.say(code, words, self.url, str(response.url))
        if file_host.is_passing(status):
            return _Interrupted(f"the host answered HTTP {status}{_in_brackets(said)}")
        it_says = f" It says: {said}." if said else ""
        return AddressExpired(
            f"The video's host does not give the file out (HTTP {status}).{it_says}"
        )

    def _receive(self, response: requests.Response, known: PartialFile, part: Part) -> None:
        size = known.size
        try:
            self._check_size(known.total or size)
            with part.open(known) as file:
                # As sent, whatever its label: uploads label plain files `none`, and `gzip`, too.
                while piece := _next_piece(response):
                    size += len(piece)
                    self._check_size(size)
                    file.write(piece)
                    if self.on_progress:
                        self.on_progress(size, known.total)
        except DownloadError:
            part.discard()
            raise
        if known.total is not None and size != known.total:
            raise _Interrupted("the connection was lost")

    def _finish(self, part: Part, *, is_all: bool) -> Path:
        """Give the file its name if it is whole; `is_all` says that the host told where it ends.

        What was paid for is kept, whatever its form; a page that says why it is not there is not.
        """
        try:
            form = mp4.examine(part.file)
            # Pictures that reach "to the end of the file" say nothing of a cut: the host does.
            if "overlong" in form.odd or ("open_end" in form.odd and not is_all):
                mp4.check_whole(part.file)  # tells what is missing
            # Nor do fragments, unless the list of them comes behind the last one.
            if "fragments" in form.odd and not is_all and form.boxes[-1][0] != "mfra":
                raise ValueError("This video file may go on.")
            return publish(part.file, part.path)
        except ValueError as error:
            trouble = str(error)
        if not is_all:
            part.discard()
            raise _Interrupted("the host tells no length, and the file is not whole")
        if mp4.is_a_page(part.file):
            part.discard()
            # As hosts answer with 200 that a link has expired, or lead to where one signs in.
            raise AddressExpired(f"{trouble} It was not kept.")
        kept = publish(part.file, mp4.unchecked(part.path))
        raise NotPlayable(f"{trouble} What came is kept as {kept.name}.", kept)

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise DownloadError(
                f"The file is larger than the {self.max_bytes:,} bytes allowed, so it was not kept."
                " Allow more and run again, if so large a clip is right."
            )


def _in_brackets(said: str) -> str:
    return f" ({said})" if said else ""


def _beginning(response: requests.Response) -> bytes:
    """What the host sends in place of the file, as far as it comes."""
    sent = b""
    with contextlib.suppress(requests.RequestException):
        while piece := read_some(response, file_host.MOST_READ - len(sent)):
            sent += piece
            if len(sent) >= file_host.MOST_READ:
                break
    return sent


def _next_piece(response: requests.Response) -> bytes:
    try:
        return read_some(response, PIECE)
    except requests.RequestException as error:
        raise translate_error(error) from None


def translate_error(error: requests.RequestException) -> DownloadError | _Interrupted:
    """Our own error for one of `requests`, whose text would quote the whole address."""
    setting = setting_for(error)
    for cause in causes(error):
        if isinstance(cause, _NotPublic):
            return _into_a_private_network(cause.setting)
        if isinstance(cause, requests.exceptions.ProxyError):
            return _Interrupted("the proxy could not be reached", setting=setting)
        if isinstance(cause, ssl.SSLCertVerificationError):
            message = f"The video's host has no valid certificate. {ASK_AGAIN}"
            return DownloadError(message, setting=setting)
        if isinstance(cause, ProxyRefused):
            reason = f"the proxy opened no way to the video's host ({cause.in_words()})"
            return _Interrupted(reason, setting=setting)
        if isinstance(cause, AnswerTooLarge):
            return DownloadError(f"The video's host sends without end. {ASK_AGAIN}")
        if isinstance(cause, TimeoutError):
            return _Interrupted("too little came in time", setting=setting)
    return _Interrupted("the connection was lost", setting=setting)


def _into_a_private_network(setting: Setting | None = None) -> DownloadError:
    return DownloadError(
        f"The video's address leads into a private network, so it was not opened. {ASK_AGAIN}",
        setting=setting,
    )


def _disk_trouble(error: OSError, path: Path) -> str:
    """The sentence for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Free some space and run again; the clip stays at the service."
    why = error.strerror or type(error).__name__
    return (
        f"Cannot write {path}: {why}. "
        "Choose another place and run again; the clip stays at the service."
    )
