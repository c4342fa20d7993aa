"""What there is one of in this process: settings, ledger, shelf, jobs, demo service; and who pays.

Each is made when it is first asked for.  This module knows no widgets and no words.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from backend import config, takes
from backend.config import Settings
from backend.jobs import Job, Jobs
from backend.ledger import (
    DAY,
    Ledger,
    LimitReached,
    OutOfReach,
    Payer,
    PriceNotTold,
    UnusableLedger,
    open_ledger,
)
from backend.storage import Storage
from demo_server import DemoServer
from veo.files import Locked, keep_private, locked, publish
from veo_client import (
    Busy,
    InvalidRequest,
    Price,
    Refused,
    TookTooLong,
    VeoClient,
    VeoError,
    VideoRequest,
)

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

DEMO_SECONDS = 6.0
DEMO_EXPECTED = 8.0
PRICE_KEPT, NO_PRICE_KEPT = 600.0, 30.0
"""Seconds for which a price list is believed, and for which one that failed is not asked again."""
PATIENCE = 2.0
"""Seconds that a click waits for what is good to know, and not needed."""
STOPPING = 80.0
"""Seconds in which a request that is being sent gets its id, at most."""

LONGEST_ID = 500


class InUse(Exception):
    """Another process works in the same data folder; the text says what to do."""


class NoLedger(Exception):
    """There is nothing to write jobs down in; the text says what to do."""


@functools.cache
def the_settings() -> Settings:
    return config.read()


@functools.cache
def demo_service() -> DemoServer:
    """The demo service of this process, started when first needed."""
    return DemoServer(seconds=DEMO_SECONDS).start()


@functools.cache
def the_shelf() -> Storage:
    return Storage(the_settings().data / "clips", most_bytes=the_settings().keep_bytes)


@functools.cache
def the_jobs() -> Jobs:
    return Jobs(
        _open_ledger(), the_shelf(), client_of=client_of, key_kept=the_settings().key_seconds
    )


def _open_ledger() -> Ledger:
    data = the_settings().data
    # The folder's name for its rows: a restart finds them, another server on the same database
    # leaves them alone.
    name = data / "runner"
    if not name.exists():
        unnamed = data / "runner.part"
        unnamed.write_text(secrets.token_hex(8))
        publish(unnamed, name)
    url, copy = the_settings().database_url, the_settings().ledger_copy
    try:
        return open_ledger(url, runner=name.read_text(), copy=copy)
    except (OutOfReach, UnusableLedger) as error:
        raise NoLedger(
            f"The ledger cannot be used: check VEO_DATABASE_URL and VEO_DATA_DIR. {error}"
        ) from error


@contextmanager
def data_folder_held() -> Iterator[None]:
    """The data folder, for this process alone; raises `InUse` or `OSError`."""
    data = the_settings().data
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / "clips").mkdir(exist_ok=True, mode=0o700)
    _close_to_others(data)
    try:
        with locked(data / "lock"):
            yield
    except Locked:
        raise InUse(
            f"Another server works in {data}: stop it, or choose another folder with VEO_DATA_DIR."
        ) from None


OURS = ("clips", "lock", "runner", "ledger.sqlite")
"""How the names of all begin that we keep in the data folder."""


def _close_to_others(data: Path) -> None:
    """Let nobody else on the machine read what an earlier server left: the ledger holds every
    prompt.

    A folder with other things in it, or of somebody else, keeps its rights: it may be a home.
    """
    there = list(data.iterdir())
    ours = [path for path in there if path.name.startswith(OURS)]
    if ours == there and (os.name != "posix" or data.stat().st_uid == os.geteuid()):
        ours.append(data)
    still_open = {path for path in ours if not keep_private(path)}
    if data / "clips" in still_open:
        still_open |= {path for path in data.glob("clips/**/*") if not keep_private(path)}
    if still_open and not _is_closed(data):
        _log.warning("Others on this machine may read what is in %s.", data)


def _is_closed(folder: Path) -> bool:
    return not folder.stat().st_mode & 0o077


_loops: list[asyncio.AbstractEventLoop] = []


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Go on with the jobs that an earlier process left."""
    _loops.append(asyncio.get_running_loop())
    await the_jobs().start()
    yield


def stop_jobs() -> None:
    """Let what is being sent get its id, and that be written down, before the process ends."""
    for loop in _loops:
        stopping = asyncio.run_coroutine_threadsafe(the_jobs().stop(), loop)
        with suppress(TimeoutError):
            stopping.result(STOPPING)


# Who pays


def client_of(payer: Payer) -> VeoClient | None:
    """The client for the demo or for the server's key, if there is one."""
    if payer == "demo":
        return _demo_client()
    with suppress(InvalidRequest):
        client = _server_client()
        return client if client.has_key else None
    return None


@functools.cache
def _demo_client() -> VeoClient:
    return VeoClient("demo", base_url=demo_service().base_url)


@functools.cache
def _server_client() -> VeoClient:
    return VeoClient()


def payer_for(owner: str) -> Payer:
    """Whose key pays for a new clip of `owner`: their own, else the server's, else the demo."""
    return "visitor" if the_jobs().has_key(owner) else payer_without_key()


def payer_without_key() -> Payer:
    """Who pays for a visitor without a key: the server, if it has one to share, else the demo."""
    return "server" if the_settings().may_share_key and client_of("server") else "demo"


async def dollars_for(client: VeoClient | None, request: VideoRequest) -> float | None:
    """What `request` costs by the service's price list; None when it cannot be had."""
    if client is None:
        return None
    with suppress(VeoError):
        price = await _price(client, request.model)
        return price.estimate(request)
    return None


# Not asyncio's own pool: a service that hangs would hold what else is waited for there.
_helpers = ThreadPoolExecutor(16, "helping")
_prices: dict[tuple[str, str], tuple[float, Future[Price]]] = {}


async def briefly(asked: Future[Answer]) -> Answer:
    """What a helper call answers within `PATIENCE`; raises `VeoError` otherwise."""
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(asked)), PATIENCE)
    except TimeoutError:
        raise TookTooLong("The service takes its time.") from None


def ask(call: Callable[..., Answer], *arguments: Any) -> Future[Answer]:
    """Ask the service for what a clip does not need, in a thread."""
    return _helpers.submit(call, *arguments)


async def _price(client: VeoClient, model: str) -> Price:
    """The price list, asked for once however many want it."""
    asked, answer = _prices.get((client.base_url, model), (0.0, None))
    failed = answer and answer.done() and answer.exception()
    if not answer or time.monotonic() - asked > (NO_PRICE_KEPT if failed else PRICE_KEPT):
        answer = ask(client.price, model)
        _prices[client.base_url, model] = time.monotonic(), answer
    return await briefly(answer)


# From a request to a job


async def begin(
    request: VideoRequest, *, owner: str, spender: str, payer: Payer | None = None
) -> Job:
    """The one way to a new job, whoever asks; a `VeoError` says that nothing was sent.

    With `payer`, who was said to pay: if somebody else would now, nothing is sent.
    """
    jobs, pays = the_jobs(), payer_for(owner)
    if payer not in (None, pays):
        raise InvalidRequest(
            "Another key would pay than was said, so nothing was sent. "
            "Press Generate: its button says what it costs now."
        )
    payer = pays
    try:
        return await jobs.generate(
            request,
            owner=owner,
            payer=payer,
            quota_key=spender,
            expected=await _expected_seconds(request, payer),
            dollars=await dollars_for(jobs.client_for(owner, payer), request),
            limits=the_settings().limits if payer == "server" else None,
        )
    except PriceNotTold:
        said = "The service does not tell what this clip costs."
        raise Refused(said, reason="no_price") from None
    except LimitReached as error:
        said = f"{explain_limit(error)} With an API key of your own you may go on."
        raise Busy(said, retry_after=DAY) from None
    except OutOfReach:
        said = "The server cannot write its list of clips now, so nothing was sent."
        raise TookTooLong(said) from None


def explain_limit(reached: LimitReached) -> str:
    """Which limit of the server's key one more clip would be above, in a sentence."""
    who = {"visitor": "You have", "everybody": "Visitors together have"}[reached.whose]
    if reached.counted == "clips":
        made = "1 clip" if reached.so_far == 1 else f"{reached.so_far:.0f} clips"
        return f"{who} made {made} in 24 hours, and the limit is {reached.limit:g}."
    return (
        f"{who} spent ${reached.so_far:,.2f} in 24 hours, this clip costs "
        f"${reached.this_clip:,.2f}, and the limit is ${reached.limit:,.2f}."
    )


_rests: set[asyncio.Task[tuple[list[Job], VeoError | None]]] = set()


def begin_rest(
    first: Job, requests: Sequence[VideoRequest], *, owner: str, spender: str
) -> asyncio.Task[tuple[list[Job], VeoError | None]]:
    """`backend.takes.begin_after` with `begin`; it goes on though whoever asked leaves."""
    each = functools.partial(begin, owner=owner, spender=spender, payer=first.entry.payer)
    rest = asyncio.create_task(takes.begin_after(first, requests, each))
    _rests.add(rest)
    rest.add_done_callback(_rests.discard)
    return rest


def checked_id(generation_id: object) -> str:
    """What may be an id of the service; raises `InvalidRequest`."""
    sought = str(generation_id or "").strip()
    if not 0 < len(sought) <= LONGEST_ID or not sought.isprintable():
        raise InvalidRequest("Give the id of an earlier request.", field="generation_id")
    return sought


async def look_for(generation_id: object, *, owner: str, spender: str) -> Job:
    """Follow an earlier request by its id; a `VeoError` says what is wrong with that."""
    payer = payer_for(owner)
    try:
        return await the_jobs().resume(
            checked_id(generation_id),
            owner=owner,
            payer=payer,
            expected=DEMO_EXPECTED if payer == "demo" else 120.0,
            quota_key=spender,
        )
    except OutOfReach:
        raise TookTooLong("The server cannot write its list of clips now.") from None


async def _expected_seconds(request: VideoRequest, payer: Payer) -> float:
    """How long it took of late, else the client's guess."""
    if payer == "demo":
        return DEMO_EXPECTED
    typical = await asyncio.to_thread(the_jobs().ledger.typical_seconds, request.body())
    return typical or request.expected_seconds
