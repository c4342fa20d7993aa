"""Every fault we know of, met by a job: how it ends, what a person reads, how often it was sent.

A row is a fault and how it is met.  Each is met over http and over https, on real sockets; only the
waiting is not real.  What the client alone makes of each stands in the tests of the client.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import email.utils
import errno
import itertools
import os
import random
import socket
import ssl
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import urllib3.util.connection
from conftest import KEY
from fault_server import (
    LOOPBACK,
    PIECE,
    Answer,
    FaultServer,
    another_certificate,
    answer,
    at_once,
    close,
    close_before_handshake,
    close_before_reading,
    deaf_url,
    drip,
    endless,
    file_answer,
    garbage,
    garbage_handshake,
    gzip_bomb,
    hang,
    head,
    html_answer,
    huge_length,
    json_answer,
    redirect,
    refused_url,
    reset,
    reset_unread,
    send_then_close,
    send_then_hang,
    send_then_reset,
    tls_trusted,
    tls_untrusted,
)
from jobs_fixture import (
    DOWN,
    FOX,
    ID,
    NOT_FOUND,
    QUEUED,
    TAKEN,
    BrieflyPatient,
    House,
    Service,
    begin,
    call_of,
    completed,
    completed_at,
    film,
    in_a_loop,
    told,
    watch,
)

import demo_server
import veo_client
from backend import runner as runner_module
from backend.background import Background
from backend.jobs import Job
from backend.ledger import Ledger, NotWritten
from backend.storage import POSTER, Storage
from demo_server import DemoServer
from veo import download, explain, media, polling, session
from veo.http import CONNECT_TIMEOUT
from veo_client import VeoClient, VideoRequest

LISTED = """
DNS, connection refused, connect timeout, bad certificate, close before reading,
close after reading, reset, hang, drip, garbage status line, truncated JSON, HTML with 200,
array instead of object, object without id, 2 GB answer, gzip bomb, redirect to another host,
4xx, 5xx, Retry-After, unknown status, backward status, error as string, error as object,
completed without URL, file: URL, metadata URL, private URL, loopback URL, IPv6-mapped URL,
decimal URL, DNS-rebound URL, CDN 403 404 410, short file, long file, endless file, empty file,
HTML file, garbage file, slow file, changed ETag, wrong range, disk full, unwritable folder,
corrupt ledger
"""
"""What has to be met, at least."""


# How it ends


@dataclass(frozen=True, kw_only=True)
class End:
    """The state in the ledger, and what stands below what happened."""

    state: str
    title: str = ""
    cost: str = ""
    next_step: str = ""


def rejected(title: str, next_step: str) -> End:
    cost = "Nothing was charged."
    return End(state="rejected", title=title, cost=cost, next_step=next_step)


def unfetched(title: str, next_step: str, cost: str = "You pay only if the clip completes.") -> End:
    return End(state="needs_attention", title=title, cost=cost, next_step=next_step)


DONE = End(state="done")
NOT_SENT = rejected("No answer from the service", "Try again later.")
REFUSED = rejected("The service refused this request", "Change what it names, then try again.")
NO_KEY = rejected("The key is not accepted", "Check it: your AI/ML API account shows your keys.")
NO_CREDITS = rejected("No credits left", "Top up your AI/ML API account, then try again.")
NOT_ALLOWED = rejected(
    "The service does not allow this",
    "Look at your AI/ML API account for what it names, then try again.",
)
NOT_THROUGH = rejected(
    "The request did not get through",
    "It may be a firewall, a VPN or a sign-in page of the network: try from another one, or later.",
)
NO_SERVICE = rejected("Not found", "Check the base URL: the service is not there.")
UNCERTAIN = End(
    state="uncertain",
    title="We don't know if the service got it",
    cost="If the service got it, you pay once it completes.",
    next_step="Check your AI/ML API account before sending again.",
)
FAILED = End(
    state="failed",
    title="The service could not make this video",
    cost="Nothing was charged.",
    next_step="Change the prompt or the settings, then try again.",
)
SILENT = unfetched("No answer from the service", "Look again later.")
TOO_LONG = unfetched("We stopped looking", "The id is kept: look again later.")
NOT_SHOWN = unfetched("The service does not show this video", "Check the id, then look again.")
NO_KEY_NOW = unfetched(NO_KEY.title, NO_KEY.next_step)
NO_CREDITS_NOW = unfetched(NO_CREDITS.title, "Top up your AI/ML API account, then look again.")
NOT_ALLOWED_NOW = unfetched(
    NOT_ALLOWED.title, "Look at your AI/ML API account for what it names, then look again."
)
UNKNOWN_ID = unfetched(
    "Not found", "Check the id: it belongs to the key that made it.", "Looking costs nothing."
)
NOT_ARRIVED = unfetched(
    "The video did not arrive",
    "It stays at the service for a while: fetch it again.",
    "The clip is already charged; fetching it costs nothing more.",
)
NOT_SHOWABLE = unfetched(
    "The video cannot be shown",
    "Another player may show it; else fetch it again from the service.",
    NOT_ARRIVED.cost,
)


def busy(wait: str, then: str = "try again") -> End:
    end = rejected("Too many requests", f"Wait {wait}, then {then}.")
    return end if then == "try again" else unfetched(end.title, end.next_step)


# What is read while it runs

IN_LINE = "Waiting in line at the service"
MAKING = "Making the video"
NO_ADDRESS = "The video is ready, its address is not there yet"
FETCHING = "Fetching the video"


def no_news(trouble: str) -> tuple[str, ...]:
    """One look brings none, and the next one the video."""
    return IN_LINE, f"{IN_LINE}. {trouble} We keep checking.", FETCHING


UNREACHED = no_news(f"{LOOPBACK} could not be reached: check the connection.")


def unusable(status: int) -> tuple[str, ...]:
    return no_news(f"The service gave no usable answer ({status}).")


# What stands between


class Network:
    """All leads to this machine, and no name is asked for outside it.

    `detours` are by the number of the connection.  Port 443 is that of another host, the neighbour,
    and `ADDRESSES` are where a connection to him says that it leads.
    """

    ADDRESSES: Mapping[str, str] = {
        "cdn.example": "8.8.8.8",
        "10.0.0.1": "10.0.0.1",
        "169.254.169.254": "169.254.169.254",
        "::ffff:127.0.0.1": "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe": "::ffff:169.254.169.254",
    }
    NAMES = ("service.example", "rebound.example", "elsewhere.example", "cdn.example")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, detours: Mapping[int, "Detour"]) -> None:
        self.asked: set[str] = set()
        self.neighbours_port = 0
        self.tries = 0
        self._detours = detours
        self._look_up = socket.getaddrinfo
        self._connect = urllib3.util.connection.create_connection
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)
        monkeypatch.setattr(urllib3.util.connection, "create_connection", self.connect)

    def look_up(self, host, *rest, **options):
        self.asked.add(host)
        if host.endswith(".example"):
            if host not in self.NAMES:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = LOOPBACK
        return self._look_up(host, *rest, **options)

    def connect(self, address, timeout, **options):
        assert timeout == CONNECT_TIMEOUT == 5
        self.tries += 1
        host, port = address
        if detour := self._detours.get(self.tries):
            with detour() as (host, port):
                return self._connect((host, port), SHORT, **options)
        port = self.neighbours_port if port == 443 else port
        if host not in self.ADDRESSES:
            return self._connect((host, port), timeout, **options)
        sock = self._connect((LOOPBACK, port), timeout, **options)
        faraway = Faraway(fileno=sock.detach())
        faraway.settimeout(timeout)
        faraway.address = self.ADDRESSES[host]
        return faraway


class Faraway(socket.socket):
    """A connection that says it leads to `address`."""

    address = ""

    def getpeername(self):
        return self.address, 443


Detour = Callable[[], contextlib.AbstractContextManager[tuple[str, int]]]


def _host_and_port(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


@contextlib.contextmanager
def unknown_name() -> Iterator[tuple[str, int]]:
    yield "no-such-host.example", 443


@contextlib.contextmanager
def nobody_listens() -> Iterator[tuple[str, int]]:
    yield _host_and_port(refused_url())


@contextlib.contextmanager
def nobody_accepts() -> Iterator[tuple[str, int]]:
    with deaf_url() as url:
        yield _host_and_port(url)


NOBODY: Mapping[str, Detour] = {
    "DNS": unknown_name,
    "connection refused": nobody_listens,
    "connect timeout": nobody_accepts,
}


def every_try(detour: Detour) -> Mapping[int, Detour]:
    return dict.fromkeys(range(1, veo_client.SUBMIT_TRIES + 1), detour)


# The table

LONG, SHORT = 30.0, 0.4
"""Seconds that are waited; short where they have to pass."""

Certificate = Callable[[pytest.MonkeyPatch, Path], ssl.SSLContext]


def unknown_authority(*_):
    return tls_untrusted()


def for_another_host(monkeypatch, folder):
    return tls_trusted(monkeypatch, folder, "other.example")


def for_its_name(monkeypatch, folder):
    return tls_trusted(monkeypatch, folder, "service.example")


def untroubled(*_) -> None:
    """The machine is as it should be."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault on the way of one job, and all that follows from it."""

    fault: str
    """By its name in the list."""
    how: str
    """When it is met, and in which form."""
    end: End
    says: str = ""
    """Part of what happened, as a person reads it."""
    seen: tuple[str, ...] = ()
    """Every word about the state while it runs, in order, where this is about those."""
    posts: int = 1
    """Create requests that the service saw."""
    create: Sequence[Answer] = (TAKEN,)
    look: Sequence[Answer] = (QUEUED, completed)
    file: Sequence[Answer] = ()
    early: Mapping[int, Answer] = dataclasses.field(default_factory=dict)
    """What a connection meets, by its number, before anything is read."""
    detours: Mapping[int, Detour] = dataclasses.field(default_factory=dict)
    tries: int | None = None
    """Connections in all, where this is about those that failed."""
    patience: float = LONG
    """Seconds for enough of a file."""
    host: str = LOOPBACK
    certificate: Certificate = tls_trusted
    schemes: tuple[str, ...] = ("http", "https")
    neighbours_certificate: Certificate | None = None
    """None when nothing may be said to him, not even the greeting of TLS."""
    here: Callable[[pytest.MonkeyPatch, Path], object] = untroubled
    """What is wrong on our side."""
    first_wait: float | None = None
    longest_wait: float | None = None
    """Seconds."""
    arrives: int = 7
    """The seed of the film that arrives, if one does."""

    def __str__(self) -> str:
        return f"{self.fault}, {self.how}"


SAID = {"message": "Expected '4' | '6' | '8', received '5'"}
CUT_OFF = send_then_close(head(200, [("Content-Length", 60)]) + b'{"id": "uuid:google/veo"')
TWO_GIGABYTES = endless(head(200, [("Content-Length", 2 << 30)]), b" " * PIECE)
REDIRECTS = (300, 301, 302, 303, 304, 307, 308)

LOST = {
    "close after reading": {"at once": close},
    "reset": {
        "after reading": reset,
        "in the body": send_then_reset(head(200, [("Content-Length", 60)]) + b'{"id": "uuid:goo'),
    },
    "hang": {"without a byte": hang, "in the body": send_then_hang(head(200) + b"{")},
    "drip": {
        "of the head": drip(b"HTTP/1.1 200 OK\r\n" + b"x" * 200),
        "of the body": drip(b" " * 200, after=head(200, [("Content-Length", 200)])),
    },
    "garbage status line": {"at once": garbage},
    "truncated JSON": {"below the stated length": CUT_OFF},
    "2 GB answer": {"of spaces": TWO_GIGABYTES, "endless": endless(), "announced": huge_length},
    "gzip bomb": {"of 2 GB": gzip_bomb()},
}
"""Answers that do not come, or not to an end."""

STRANGE = {
    "truncated JSON": {"of the stated length": (200, answer(200, b'{"id": "uuid:goo'))},
    "HTML with 200": {"a page": (200, html_answer(200))},
    "array instead of object": {"with the object in it": (200, json_answer(200, [{"id": ID}]))},
    "redirect to another host": {
        f"{status}": (status, redirect("https://elsewhere.example/", status))
        for status in REDIRECTS
    },
    "4xx": {
        f"{status}": (status, json_answer(status, SAID))
        for status in (406, 408, 409, 410, 418, 425)
    },
    "5xx": {f"{status}": (status, html_answer(status)) for status in (500, 502, 503, 504, 530)},
}
"""Answers that say nothing of use, with their status."""


def each_of(table):
    return [(fault, how, what) for fault, ways in table.items() for how, what in ways.items()]


NOW = datetime.datetime(2027, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)
"""When all this happens, by the client's calendar."""


def in_seconds(seconds: float) -> str:
    """An HTTP date."""
    return email.utils.format_datetime(NOW + datetime.timedelta(seconds=seconds), usegmt=True)


def come_back(after: str, status: int = 429) -> Answer:
    return json_answer(status, {"message": "Full."}, [("Retry-After", after)])


YEAR = 365 * 86400
RETRY_AFTER = {
    "seconds": ("7", 7.0),
    "a fraction": ("7.25", 7.25),
    "negative": ("-30", 1.0),
    "no pause": ("0", 1.0),
    "a date": (in_seconds(30), 30.0),
    "a date without a zone": (in_seconds(30).removesuffix(" GMT"), 30.0),
    "a date long past": ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0),
    "a minute": ("60", 60.0),
}
"""Forms that are waited out, and for how many seconds."""
RETRY_AFTER_TOLD = {
    "more than a minute": ("61", "61 s"),
    "a word": ("soon", "a minute"),
    "a year as such": ("2027", "34 minutes"),
    "a year of seconds": (f"{YEAR}", "8,760 hours"),
    "a date in a year": (in_seconds(YEAR), "8,760 hours"),
    "nothing": ("", "a minute"),
}
"""Forms that are told, and the wait that a person reads."""


def says(status: str, **more: object) -> Answer:
    return json_answer(200, {"id": ID, "status": status, **more})


def only_at(path: str, refusal: int) -> Answer:
    """The file, at an address that is still good."""

    def play(connection):
        good = connection.request.path == path
        (file_answer(film()) if good else html_answer(refusal))(connection)

    return play


def bytes_of(cut: slice = slice(None), more: bytes = b"") -> Answer:
    return lambda connection: answer(200, film()[cut] + more)(connection)


def a_part(of: int = 7, etag: str = '"one"', cut_after: int | None = None) -> Answer:
    """The file, made when it is asked for."""
    return lambda connection: file_answer(film(of), etag=etag, cut_after=cut_after)(connection)


def wrong_part(connection) -> None:
    """The right bytes, said to be others."""
    rest = film()[1000:]
    told = f"bytes 999-{len(film()) - 1}/{len(film())}"
    answer(206, rest, [("ETag", '"one"'), ("Content-Range", told)])(connection)


def rest_of_another(connection) -> None:
    """Bytes of a newer file, in the place of those that are missing."""
    size = len(film())
    told = f"bytes 1000-{size - 1}/{size}"
    answer(206, bytes(size - 1000), [("ETag", '"two"'), ("Content-Range", told)])(connection)


def cut_without_etag(connection) -> None:
    length = [("Content-Length", len(film()))]
    send_then_close(head(200, length) + film()[:1000])(connection)


def begun_file() -> bytes:
    """The head and the first thousand bytes."""
    length = [("Content-Length", len(film())), ("ETag", '"one"')]
    return head(200, length) + film()[:1000]


def stalls(connection) -> None:
    send_then_hang(begun_file())(connection)


def drips(connection) -> None:
    drip(film()[1000:], after=begun_file())(connection)


def a_reset_part(connection) -> None:
    send_then_reset(begun_file())(connection)


# What is wrong here

PLACE = "a-place-of-22-letters-"


def full_disk(monkeypatch, folder):
    """What arrives is written to a device that is always full."""
    monkeypatch.setattr(Storage, "new_clip_id", staticmethod(lambda **_: PLACE))
    place = folder / "clips" / PLACE
    place.mkdir(parents=True)
    (place / "veo-clip.mp4.unchecked.part").symlink_to("/dev/full")


def full_at_the_end(monkeypatch, _):
    def publish(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(media, "publish", publish)


def full_for_the_note(monkeypatch, folder):
    """The note beside the clip is written to a device that is always full."""
    monkeypatch.setattr(Storage, "new_clip_id", staticmethod(lambda **_: PLACE))
    place = folder / "clips" / PLACE
    place.mkdir(parents=True)
    (place / "clip.part").symlink_to("/dev/full")


def full_for_the_poster(monkeypatch, _):
    publish = media.publish

    def refuse(unnamed, path):
        if path.name == POSTER:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return publish(unnamed, path)

    monkeypatch.setattr(media, "publish", refuse)


def full_for_the_id(monkeypatch, _):
    """The ledger takes the id at the third try."""
    move, refusals = Ledger.move, iter(range(2))

    def refuse(ledger, job_id, was, to, **changes):
        if to == "running" and next(refusals, None) is not None:
            raise NotWritten("database or disk is full")
        return move(ledger, job_id, was, to, **changes)

    monkeypatch.setattr(Ledger, "move", refuse)


def file_in_place_of_the_folder(_, folder):
    (folder / "clips").write_text("a file where the folder should be")


def folder_in_place_of_the_file(monkeypatch, folder):
    monkeypatch.setattr(Storage, "new_clip_id", staticmethod(lambda **_: PLACE))
    (folder / "clips" / PLACE / "veo-clip.mp4.unchecked.part.json").mkdir(parents=True)


def garbage_ledger(_, folder):
    (folder / "ledger.sqlite").write_bytes(random.Random(1).randbytes(5000))


def cut_ledger(_, folder):
    """The half of one that was sound."""
    house = House(folder)
    house.row("running")
    house.ledger.close()
    ledger = folder / "ledger.sqlite"
    ledger.write_bytes(ledger.read_bytes()[:10_000])


# A row is a fault: a formatter would make a page of it.
# fmt: off
CASES = (
    # The request that costs money: it was not sent
    *(
        Case(fault=fault, how="at every try", end=NOT_SENT, posts=0, detours=every_try(detour),
             tries=3, says=f"{LOOPBACK} could not be reached: check the connection.")
        for fault, detour in NOBODY.items()
    ),
    *(
        Case(fault=fault, how="at the first two tries", end=DONE, detours={1: detour, 2: detour})
        for fault, detour in NOBODY.items()
    ),
    *(
        Case(fault="bad certificate", how=how, end=NOT_SENT, posts=0, schemes=("https",),
             certificate=certificate, tries=1,
             says=f"{LOOPBACK} could not prove its identity; nothing was sent.{may_help}")
        for how, certificate, may_help in (
            ("unknown authority", unknown_authority, f" {explain.SETTINGS['VEO_CA_BUNDLE']}"),
            ("another host", for_another_host, ""),
        )
    ),
    Case(fault="close before reading", how="in the greeting of TLS", end=DONE, schemes=("https",),
         early={1: close_before_handshake}),
    Case(fault="bad certificate", how="no TLS at all", end=NOT_SENT, posts=0, schemes=("https",),
         early={1: garbage_handshake}, tries=1,
         says=f"{LOOPBACK} could not prove its identity; nothing was sent."),
    # ... it may have been taken
    Case(fault="close before reading", how="the request", end=UNCERTAIN, posts=0,
         early={1: close_before_reading}, says="you may be charged."),
    Case(fault="reset", how="the request, unread", end=UNCERTAIN, posts=0,
         early={1: reset_unread}, says="you may be charged."),
    *(
        Case(fault=fault, how=f"the request, {how}", end=UNCERTAIN, create=[lost],
             says="The service did not answer: it may be making the clip, and you may be charged.")
        for fault, how, lost in each_of(LOST)
    ),
    *(
        Case(fault=fault, how=f"the request, {how}", end=UNCERTAIN, create=[strange],
             says=f"The service answered {status} without an id: it may be making the clip")
        for fault, how, (status, strange) in each_of(STRANGE)
    ),
    *(
        Case(fault="Retry-After", how=f"the request, with {status}", end=UNCERTAIN,
             create=[come_back("1", status), TAKEN], says=f"The service answered {status} without")
        for status in (408, 500, 502, 503, 504)
    ),
    *(
        Case(fault="object without id", how=how, end=UNCERTAIN, create=[taken],
             says=f"The service answered {status} without an id")
        for how, status, taken in (
            ("none at all", 200, json_answer(200, {"status": "queued"})),
            ("an empty one", 200, json_answer(200, {"id": ""})),
            ("a truth value", 200, json_answer(200, {"id": True})),
            ("none with 201", 201, json_answer(201, {"status": "queued"})),
            ("none with 202", 202, json_answer(202, {"status": "queued"})),
            ("none with 204", 204, answer(204)),
            ("half of it with 206", 206, answer(206, b'{"id": "uuid:goo')),
        )
    ),
    # ... it was refused
    *(
        Case(fault="4xx", how=f"the request, {status}", end=end, create=[json_answer(status, SAID)],
             says="Expected '4' | '6' | '8', received '5'.")
        for status, end in {
            400: REFUSED,
            401: NO_KEY,
            402: NO_CREDITS,
            403: REFUSED,
            404: NO_SERVICE,
            405: REFUSED,
            413: REFUSED,
            415: REFUSED,
            422: REFUSED,
        }.items()
    ),
    *(
        Case(fault="4xx", how=f"the request, 403, {said!r}", end=end, says=said,
             create=[json_answer(403, {"error": said})])
        for said, end in {
            "Your account needs verification": NOT_ALLOWED,
            "You are out of credits": NO_CREDITS,
        }.items()
    ),
    *(
        Case(fault="4xx", how=f"the request, a page with {status}", end=NOT_THROUGH,
             create=[html_answer(status)],
             says=f"Something in front of the service answered in its place ({status}).")
        for status in (400, 401, 402, 403, 405)
    ),
    Case(fault="4xx", how="the request, 429 at every try", end=busy("7 s"), posts=3,
         create=[come_back("7")], first_wait=7.0, says="Full."),
    *(
        Case(fault="Retry-After", how=f"the request, {how}", end=DONE, posts=2,
             create=[come_back(header), TAKEN], first_wait=seconds)
        for how, (header, seconds) in RETRY_AFTER.items()
    ),
    *(
        Case(fault="Retry-After", how=f"the request, {how}", end=busy(wait), says="Full.",
             create=[come_back(header), TAKEN])
        for how, (header, wait) in RETRY_AFTER_TOLD.items()
    ),
    # Looking: no news, and then the video
    *(
        Case(fault=fault, how="a look", end=DONE, seen=UNREACHED, look=[completed],
             detours={2: detour})
        for fault, detour in NOBODY.items()
    ),
    Case(fault="close before reading", how="a look", end=DONE, seen=UNREACHED, look=[completed],
         early={2: close_before_reading}),
    Case(fault="reset", how="a look, unread", end=DONE, seen=UNREACHED, look=[completed],
         early={2: reset_unread}),
    Case(fault="bad certificate", how="a look", end=DONE, schemes=("https",), look=[completed],
         early={2: another_certificate}, longest_wait=2.0,
         seen=no_news(f"{LOOPBACK} could not prove its identity; nothing was sent.")),
    *(
        Case(fault=fault, how=f"a look, {how}", end=DONE, seen=UNREACHED, look=[lost, completed])
        for fault, how, lost in each_of(LOST)
    ),
    *(
        Case(fault=fault, how=f"a look, {how}", end=DONE, seen=unusable(status),
             look=[strange, completed])
        for fault, how, (status, strange) in each_of(STRANGE)
    ),
    Case(fault="object without id", how="a look", end=DONE, seen=(IN_LINE, MAKING, FETCHING),
         look=[json_answer(200, {"status": "generating"}), completed]),
    Case(fault="4xx", how="a look, 404 at first", end=DONE, look=[NOT_FOUND, completed],
         seen=no_news("The service does not know this id yet.")),
    Case(fault="4xx", how="a look, 429", end=DONE, look=[come_back("7"), completed],
         seen=no_news("Full."), longest_wait=7.0),
    *(
        Case(fault="Retry-After", how=f"a look, {how}", end=DONE, longest_wait=max(seconds, 2.0),
             look=[come_back(header, 503), completed], seen=unusable(503))
        for how, (header, seconds) in RETRY_AFTER.items()
    ),
    *(
        Case(fault="Retry-After", how=f"a look, {how}", end=DONE, seen=unusable(503),
             look=[come_back(header, 503), completed],
             longest_wait=2.0 if wait == "a minute" else 60.0)
        for how, (header, wait) in RETRY_AFTER_TOLD.items()
    ),
    # ... no news for ever
    Case(fault="connection refused", how="every look", end=SILENT, says="could not be reached",
         detours=dict.fromkeys(range(2, 20), nobody_listens)),
    Case(fault="5xx", how="every look", end=SILENT, look=[DOWN], says="no usable answer (503)"),
    Case(fault="4xx", how="every look, 429", end=busy("7 s", "look again"), look=[come_back("7")],
         says="Full.", longest_wait=30.0),
    Case(fault="4xx", how="every look, 404", end=UNKNOWN_ID, look=[NOT_FOUND],
         says="There is no such generation."),
    *(
        Case(fault="4xx", how=f"a look, a page with {status}", end=DONE, seen=unusable(status),
             look=[html_answer(status), completed])
        for status in (400, 401, 403, 404, 405)
    ),
    # ... refused
    *(
        Case(fault="4xx", how=f"a look, {status}", end=end, look=[json_answer(status, SAID)],
             says="Expected '4' | '6' | '8', received '5'.")
        for status, end in {
            400: NOT_SHOWN,
            401: NO_KEY_NOW,
            402: NO_CREDITS_NOW,
            403: NOT_ALLOWED_NOW,
            405: NOT_SHOWN,
            413: NOT_SHOWN,
            415: NOT_SHOWN,
            422: NOT_SHOWN,
        }.items()
    ),
    # ... an odd state
    Case(fault="unknown status", how="for a while", end=DONE, look=[says("upscaling"), completed],
         seen=(IN_LINE, "upscaling", FETCHING)),
    Case(fault="unknown status", how="for ever", end=TOO_LONG, look=[says("upscaling")],
         says="No video after 20 minutes of looking.", seen=(IN_LINE, "upscaling")),
    Case(fault="backward status", how="to the queue", end=DONE, seen=(IN_LINE, MAKING, FETCHING),
         look=[says("generating"), QUEUED, QUEUED, completed]),
    Case(fault="backward status", how="from the end", end=DONE,
         seen=(IN_LINE, NO_ADDRESS, FETCHING),
         look=[says("completed"), says("generating"), says("error"), completed]),
    *(
        Case(fault=fault, how=how, end=FAILED, look=[says("error", **error)], says=text)
        for fault, how, error, text in (
            ("error as string", "a sentence", {"error": "Not this."}, "Not this."),
            ("error as object", "a message", {"error": {"message": "Not this."}}, "Not this."),
            ("error as object", "a name", {"error": {"name": "odd"}}, "odd."),
            ("error as object", "empty", {"error": {}}, "The service gave no reason."),
        )
    ),
    Case(fault="completed without URL", how="for a while", end=DONE,
         look=[says("completed"), says("completed", video=None), completed],
         seen=(IN_LINE, NO_ADDRESS, FETCHING)),
    Case(fault="completed without URL", how="for ever", end=NOT_ARRIVED, look=[says("completed")],
         says="The video is ready, but the service gives no address for it.",
         seen=(IN_LINE, NO_ADDRESS)),
    # Fetching: an address that is not opened
    *(
        Case(fault=fault, how=url, end=NOT_ARRIVED, look=[completed_at(url)], says=text)
        for fault, url, text in (
            ("file: URL", "file:///etc/passwd", "is not a web address"),
            ("file: URL", "ftp://cdn.example/clip.mp4", "is not https"),
            ("metadata URL", "http://169.254.169.254/latest/meta-data/", "is not https"),
            ("metadata URL", "https://169.254.169.254/clip.mp4", "into a private network"),
            ("private URL", "https://10.0.0.1/clip.mp4", "into a private network"),
            ("loopback URL", "http://127.0.0.1:443/clip.mp4", "is not https"),
            ("loopback URL", "https://127.0.0.1/clip.mp4", "into a private network"),
            ("IPv6-mapped URL", "https://[::ffff:127.0.0.1]/clip.mp4", "into a private network"),
            ("IPv6-mapped URL", "https://[::ffff:a9fe:a9fe]/clip.mp4", "into a private network"),
            ("decimal URL", "https://2130706433/clip.mp4", "into a private network"),
            ("DNS-rebound URL", "https://rebound.example/clip.mp4", explain.SETTINGS["VEO_PROXY"]),
        )
    ),
    Case(fault="loopback URL", how="of a service that is not there", end=NOT_ARRIVED,
         host="service.example", certificate=for_its_name, schemes=("https",),
         says="into a private network"),
    Case(fault="redirect to another host", how="the file, into a private network",
         end=NOT_ARRIVED, file=[redirect("https://169.254.169.254/")],
         says="into a private network"),
    Case(fault="redirect to another host", how="the file, in the clear", end=NOT_ARRIVED,
         file=[redirect("http://elsewhere.example/")], says="is not https"),
    Case(fault="redirect to another host", how="the file, for ever", end=NOT_ARRIVED,
         file=[redirect("/again.mp4")], says="redirects too often"),
    Case(fault="bad certificate", how="of the file's host", end=NOT_ARRIVED,
         look=[completed_at("https://cdn.example/clip.mp4")],
         neighbours_certificate=unknown_authority, says="has no valid certificate"),
    # ... an address that is good no more
    *(
        Case(fault="CDN 403 404 410", how=f"{status}, then a fresh address", end=DONE,
             look=[completed, completed_at("/fresh.mp4")], file=[only_at("/fresh.mp4", status)])
        for status in (400, 401, 403, 404, 410, 419, 451)
    ),
    Case(fault="CDN 403 404 410", how="403 at every address", end=NOT_ARRIVED,
         file=[html_answer(403)], longest_wait=30.0,
         says="does not give the file out (HTTP 403). It says: Bad gateway."),
    Case(fault="CDN 403 404 410", how="404 for some seconds", end=DONE, longest_wait=8.0,
         file=[*[html_answer(404)] * 5, a_part()]),
    # ... not the whole file, or another
    *(
        Case(fault=fault, how=how, end=NOT_ARRIVED, file=[file], says=text)
        for fault, how, file, text in (
            ("short file", "cut at every try", cut_without_etag, "the connection was lost"),
            ("endless file", "without a length", endless(), "larger than the 1,000,000 bytes"),
            ("endless file", "announced", huge_length, "larger than the 1,000,000 bytes"),
            ("gzip bomb", "of 2 GB, the file", gzip_bomb(), "larger than the 1,000,000 bytes"),
            ("garbage status line", "the file", garbage, "the connection was lost"),
            ("5xx", "the file", html_answer(502), "the host answered HTTP 502"),
        )
    ),
    # ... none at any address
    *(
        Case(fault=fault, how=how, end=NOT_ARRIVED, file=[file], says=text, longest_wait=30.0)
        for fault, how, file, text in (
            ("empty file", "of length 0", answer(200), "It was not kept."),
            ("HTML file", "with its type", html_answer(200), "not an MP4"),
            ("4xx", "the file, 402", html_answer(402), "does not give the file out (HTTP 402)"),
        )
    ),
    # ... whole by the host's word, and not as it should be
    *(
        Case(fault=fault, how=how, end=NOT_SHOWABLE, file=[file],
             says="What came is kept as veo-clip.mp4.unchecked.")
        for fault, how, file in (
            ("short file", "as told", bytes_of(slice(-1))),
            ("garbage file", "noise", answer(200, random.Random(1).randbytes(5000))),
        )
    ),
    Case(fault="long file", how="as told", end=DONE, file=[bytes_of(more=b"more")]),
    *(
        Case(fault=fault, how=how, end=DONE, file=[passing, a_part()])
        for fault, how, passing in (
            ("short file", "cut once, then resumed", a_part(cut_after=1000)),
            ("reset", "the file", reset),
            ("reset", "the file, in the middle", a_reset_part),
            ("5xx", "the file, 503 once", html_answer(503)),
        )
    ),
    Case(fault="slow file", how="at every try", end=NOT_ARRIVED, file=[stalls], patience=SHORT,
         says="too little came in time"),
    Case(fault="slow file", how="once, then resumed", end=DONE, file=[stalls, a_part()],
         patience=SHORT),
    Case(fault="slow file", how="dripping once, then resumed", end=DONE, file=[drips, a_part()],
         patience=SHORT),
    Case(fault="changed ETag", how="half-way", end=DONE, arrives=8,
         file=[a_part(cut_after=1000), a_part(8, '"two"')]),
    Case(fault="changed ETag", how="of the rest alone", end=DONE,
         file=[a_part(cut_after=1000), rest_of_another, a_part()]),
    Case(fault="wrong range", how="once", end=DONE,
         file=[a_part(cut_after=1000), wrong_part, a_part()]),
    Case(fault="wrong range", how="at every try", end=NOT_ARRIVED,
         file=[a_part(cut_after=1000), wrong_part], says="does not fit what was kept"),
    # On this machine
    Case(fault="disk full", how="as the file arrives", end=NOT_ARRIVED, here=full_disk,
         says="The disk is full. Free some space"),
    Case(fault="disk full", how="at the very end", end=NOT_ARRIVED, here=full_at_the_end,
         says="The clip cannot be kept here (no space left on device)."),
    Case(fault="disk full", how="as the id is written down", end=DONE, here=full_for_the_id),
    Case(fault="disk full", how="as the poster is drawn", end=DONE, here=full_for_the_poster),
    Case(fault="disk full", how="as the note is written", end=DONE, here=full_for_the_note),
    Case(fault="unwritable folder", how="a file in its place", end=NOT_ARRIVED,
         here=file_in_place_of_the_folder, says="The clip cannot be kept here (not a directory)."),
    Case(fault="unwritable folder", how="below it", end=NOT_ARRIVED,
         here=folder_in_place_of_the_file, says="Is a directory"),
    Case(fault="corrupt ledger", how="garbage", end=DONE, here=garbage_ledger),
    Case(fault="corrupt ledger", how="cut in half", end=DONE, here=cut_ledger),
)
# fmt: on


# The proof


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """Waits between tries and between looks are over at once, and counted."""
    clock = Clock()

    async def pause(_runner, _job, seconds):
        clock.sleep(seconds)
        await asyncio.sleep(0)

    today = SimpleNamespace(datetime=SimpleNamespace(now=NOW.astimezone), UTC=datetime.UTC)
    monkeypatch.setattr(session, "datetime", today)
    monkeypatch.setattr(runner_module.Runner, "_pause", pause)
    monkeypatch.setitem(VeoClient.submit.__kwdefaults__, "sleep", clock.sleep)
    monkeypatch.setitem(download.fetch.__kwdefaults__, "sleep", clock.sleep)
    monkeypatch.setattr(Background, "pause", lambda _, seconds: clock.sleep(seconds))
    monkeypatch.setitem(download.fetch.__kwdefaults__, "max_bytes", 1_000_000)
    monkeypatch.setattr(runner_module, "WRITE_AGAIN_AFTER", 0.005)
    monkeypatch.setattr(runner_module, "LOOK_AGAIN_AFTER", (3600.0,))
    return clock


@contextlib.contextmanager
def neighbour_of(case, folder, monkeypatch):
    """The host behind port 443; if it may not be spoken to, not a byte reaches it."""
    heard = []

    @at_once
    def listen(connection):
        heard.append(connection.sock.recv(100))

    certificate = case.neighbours_certificate
    tls = certificate(monkeypatch, folder) if certificate else None
    with FaultServer([] if tls else listen, tls=tls) as neighbour:
        yield neighbour
    assert b"".join(heard) == b""


@contextlib.contextmanager
def little_memory(fault):
    """What is too large is not read; else a client that waits until it has all would pass too."""
    if fault not in ("2 GB answer", "gzip bomb", "endless file"):
        yield
        return
    tracemalloc.start()
    try:
        yield
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 << 20


@pytest.mark.parametrize(
    ("case", "scheme"),
    [
        pytest.param(
            *(case, scheme),
            id=f"{case}, {scheme}",
            # Whoever changes a room sees each fault once.
            marks=[] if scheme == case.schemes[0] else [pytest.mark.slow],
        )
        for case in CASES
        for scheme in case.schemes
    ],
)
@in_a_loop
async def test_a_fault_has_its_end_its_words_and_its_price(
    case, scheme, tmp_path, monkeypatch, clock
):
    network = Network(monkeypatch, case.detours)
    tls = case.certificate(monkeypatch, tmp_path) if scheme == "https" else None
    service = Service(create=case.create, look=case.look, file=case.file, early=case.early, tls=tls)
    monkeypatch.setattr(download, "TIMEOUT", case.patience)
    case.here(monkeypatch, tmp_path)
    damaged = [path.read_bytes() for path in tmp_path.glob("ledger.sqlite")]
    house = House(tmp_path)
    with closing(house.ledger), service, neighbour_of(case, tmp_path, monkeypatch) as neighbour:
        network.neighbours_port = neighbour.port
        base_url = f"{scheme}://{case.host}:{service.port}"
        client = BrieflyPatient(service, base_url=base_url, clock=clock)
        with little_memory(case.fault):
            async with house.process(client) as jobs:
                job = await begin(jobs)
                seen = [
                    explain.explain_status(each.update)
                    async for each in job.follow()
                    if each.update
                ]

    # The state, here and for the next process, and the id with it.
    with closing(House(tmp_path).ledger) as later:
        entry = later.get(job.id)
    taken = case.end.state not in ("rejected", "uncertain")
    for state, generation_id in (
        (job.state, job.generation_id),
        (entry.state, entry.generation_id),
    ):
        assert (state, generation_id) == (case.end.state, ID if taken else None)
    kept_aside = [path.read_bytes() for path in tmp_path.glob("ledger.sqlite.*")]
    assert set(damaged) <= set(kept_aside)

    # What a person reads.
    if case.seen:
        assert tuple(word for word, _ in itertools.groupby(seen)) == case.seen
    if case.end is DONE:
        assert job.error is None
    else:
        read = explain.explain_error(job.error)
        assert (read.title, read.cost, read.next_step) == (
            case.end.title,
            case.end.cost,
            case.end.next_step,
        )
        assert case.says in read.what_happened
        assert told(Job(entry).error) == told(job.error)

    # The price: what the service saw of it, and that no wait was longer than a minute.
    assert service.count("create") == case.posts
    if case.end is UNCERTAIN:
        assert clock.slept == []
    if case.tries is not None:
        assert network.tries == case.tries
    assert max(clock.slept, default=0.0) <= polling.LONGEST_RETRY_AFTER
    if case.first_wait is not None:
        assert clock.slept[0] == case.first_wait
    if case.longest_wait is not None:
        assert max(clock.slept) == case.longest_wait

    # A clip is there whole or not at all.
    clip = house.storage.file(entry.clip)
    if case.end is DONE:
        assert clip.read_bytes().startswith(film(case.arrives))
    else:
        assert clip is None

    # And nobody but the service was asked, or given the key.
    assert "elsewhere.example" not in network.asked
    assert neighbour.requests == []
    keyed = [request for request in service.requests if "Authorization" in request.headers]
    assert "file" not in map(call_of, keyed)


@in_a_loop
async def test_what_a_full_disk_cannot_write_down_is_not_sent(tmp_path, clock):
    """By SQLite's own measure of full; what was begun goes on once there is room."""
    house, begun = House(tmp_path), []

    def limit(pages):
        with house.ledger._engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    async def may_have(pages):
        await jobs.background.write(limit, pages)  # it is a limit of one connection

    with closing(house.ledger), Service() as service:
        async with house.process(service) as jobs:
            await may_have(1)  # no more than there are
            with pytest.raises(NotWritten, match="full"):
                while True:
                    begun.append(await begin(jobs, request=VideoRequest("a fox " * 600)))
            await may_have(100_000)
            begun.append(await begin(jobs))
            for job in begun:
                assert (await watch(job))[-1] == "done"
    assert service.count("create") == len(begun)


# The demo's own faults, as people meet them


DEMO_ENDS = {
    "": ("done", 1),
    "#bad-key": ("rejected", 1),
    "#blocked": ("rejected", 1),
    "#busy": ("done", 2),
    "#too-many": ("rejected", 1),
    "#bad-gateway": ("uncertain", 1),
    "#lost-answer": ("uncertain", 1),
    "#not-found-yet": ("done", 1),
    "#flaky": ("done", 1),
    "#backwards": ("done", 1),
    "#refused": ("failed", 1),
    "#failed": ("failed", 1),
    "#no-url": ("needs_attention", 1),
    "#expired-link": ("done", 1),
    "#cut-download": ("done", 1),
    "#broken-file": ("needs_attention", 1),
}
"""The state that a job ends in, and the create requests that it took."""


@pytest.mark.slow
@in_a_loop
async def test_the_faults_of_the_demo_over_https(tmp_path, monkeypatch, clock):
    tls, configure = tls_trusted(monkeypatch, tmp_path), demo_server.configure

    def with_tls(app):
        config = configure(app)
        config.ssl_context_factory = lambda *_: tls
        return config

    monkeypatch.setattr(demo_server, "configure", with_tls)
    ends, house = {}, House(tmp_path)
    with (
        closing(house.ledger),
        DemoServer(render=lambda clip, **_: clip.write_bytes(film())) as demo,
    ):
        client = VeoClient(KEY, base_url=demo.base_url.replace("http:", "https:"), clock=clock)
        async with house.process(client, give_up_after=1e6) as jobs:
            for word in DEMO_ENDS:
                job = await begin(jobs, request=dataclasses.replace(FOX, prompt=f"a fox {word}"))
                state = (await watch(job))[-1]
                heard = jobs.recent_http.of(job.id)
                creates = sum(each.times for each in heard if each.exchange.method == "POST")
                ends[word] = state, creates
                assert (house.storage.file(job.entry.clip) is not None) == (state == "done")
    assert ends == DEMO_ENDS


def test_every_fault_of_the_list_is_in_the_table():
    listed = [fault.strip() for fault in LISTED.replace("\n", " ").split(",")]
    assert {case.fault for case in CASES} == set(listed)


def test_the_table_is_long_and_no_row_stands_twice():
    names = [str(case) for case in CASES]
    assert len(names) == len(set(names)) >= 60
    both = [case for case in CASES if case.schemes == ("http", "https")]
    assert len(both) >= 60
