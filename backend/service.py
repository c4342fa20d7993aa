"""The back end of one page as one object: settings, ledger, storage, jobs, prices; and who pays.

Two of them may live in one process, each with a data folder of its own.  This module knows no
widgets and no words.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, Self

from backend import states, takes
from backend.config import Settings
from backend.data_folder import data_folder_held, name_of
from backend.engine import DEAD_AFTER, Engine, Here, shared
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
from backend.pictures import UNUSED_FOR, PicturesFull, PicturesGone, are_gone, require_no_data
from backend.pricing import Offer, OfferChanged, Prices, offer_still_valid
from backend.storage import BucketAway, Storage
from demo_server import DemoServer
from veo import media
from veo.files import reason
from veo.models import IN_WORDS
from veo.pictures import BadPicture, film_size
from veo.polling import USUALLY_EXPECTED
from veo.settings import key_in
from veo_client import (
    KEY_VARIABLES,
    MODELS,
    Busy,
    InvalidRequest,
    Refused,
    TookTooLong,
    VeoClient,
    VeoError,
    VideoRequest,
)

_log = logging.getLogger(__name__)

DEMO_SECONDS = 6.0
DEMO_EXPECTED = 8.0
STOP_TIMEOUT = 80.0
"""Seconds in which a request that is being sent gets its id, at most."""

CLEANED_UP_EVERY = 600.0
"""Seconds after which pictures are looked through that nobody needs."""

LONGEST_ID = 500
LARGEST = "4k"
"""Of no film is a frame larger."""


class NoLedger(Exception):
    """There is nothing to write jobs down in; the text says what to do."""


class NoBucket(Exception):
    """The clips cannot be kept where they should; the text says what to do."""


class Service:
    """What outlives a tab.  Each part is made when it is first asked for; `with` it, the data
    folder is this process's alone, and closed at the end.

    One of several servers is taken for dead `dead_after` seconds after its last heartbeat.
    """

    def __init__(self, settings: Settings, *, dead_after: float = DEAD_AFTER) -> None:
        self.settings = settings
        self._dead_after = dead_after
        self.storage = _storage(settings)
        self.prices = Prices()
        self._closing = ExitStack()
        self._closing.callback(self.prices.close)
        self._loops: list[asyncio.AbstractEventLoop] = []
        self._rests: set[asyncio.Task[tuple[list[Job], VeoError | None]]] = set()

    def __enter__(self) -> Self:
        """Hold the data folder and open the ledger; raises `InUse`, `NoLedger`, `NoEngine`,
        `NoBucket` or `OSError`."""
        with ExitStack() as opened:
            opened.enter_context(data_folder_held(self.settings.data))
            _require_bucket(self.storage, self.settings)
            opened.callback(self.close)
            self.jobs  # noqa: B018  # now, where a person reads what is wrong with the ledger
            self._held = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def close(self) -> None:
        """Close the ledger, stop the demo service and what is asked in threads of its own."""
        self._closing.close()

    @functools.cached_property
    def jobs(self) -> Jobs:
        engine: Engine = Here()
        if self.settings.several_servers:
            engine = shared(self.settings.database_url, dead_after=self._dead_after)
        ledger = _open_ledger(self.settings, engine)
        self._closing.callback(ledger.close)
        return Jobs(
            ledger,
            self.storage,
            client_of=self.client_of,
            key_kept=self.settings.key_seconds,
            engine=engine,
        )

    @functools.cached_property
    def demo_service(self) -> DemoServer:
        """The demo service of this page, started when first needed."""
        started = DemoServer(seconds=DEMO_SECONDS).start()
        self._closing.callback(started.stop)
        return started

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """Go on with the jobs that an earlier process left."""
        self._loops.append(asyncio.get_running_loop())
        await self.jobs.start()
        cleaning_up = asyncio.create_task(self._clean_up())
        try:
            yield
        finally:
            cleaning_up.cancel()
            # Before a web server that ends by itself takes its event loop away.
            await self.jobs.stop()

    async def _clean_up(self) -> None:
        while True:
            await asyncio.sleep(CLEANED_UP_EVERY)
            await self.jobs.clean_up_pictures()

    def stop_jobs(self) -> None:
        """Let what is being sent get its id, and that be written down, before the process ends."""
        for loop in self._loops:
            if loop.is_running():  # else it was stopped at its end
                stopping = asyncio.run_coroutine_threadsafe(self.jobs.stop(), loop)
                with suppress(TimeoutError):
                    stopping.result(STOP_TIMEOUT)

    # Who pays

    def client_of(self, payer: Payer) -> VeoClient | None:
        """The client for the demo or for the server's key, if there is one."""
        if payer == "demo":
            return self._demo_client
        with suppress(InvalidRequest):
            return self._server_client if self._server_client.has_key else None
        return None

    @functools.cached_property
    def _demo_client(self) -> VeoClient:
        return VeoClient("demo", base_url=self.demo_service.base_url)

    @functools.cached_property
    def _server_client(self) -> VeoClient:
        return VeoClient()

    @property
    def base_url(self) -> str:
        """Where real clips are asked of."""
        return self._server_client.base_url

    def payer_for(self, owner: str | None) -> Payer:
        """Whose key pays for a new clip of `owner`: their own, else the server's if it has one to
        share, else the demo; without `owner`, for somebody without a key."""
        if owner and self.jobs.has_key(owner):
            return "visitor"
        return "server" if self.settings.may_share_key and self.client_of("server") else "demo"

    def is_guest(self, job: Job) -> bool:
        """Whether the server's key pays for somebody else: at home its account is their own."""
        return self.pays_for_a_guest(job.entry.payer)

    def pays_for_a_guest(self, payer: Payer | None) -> bool:
        return payer == "server" and not self.settings.is_at_home

    @property
    def key_variable(self) -> str:
        """Where in the environment the server's key stands."""
        found = (name for name in KEY_VARIABLES if key_in(os.environ.get(name)))
        return next(found, KEY_VARIABLES[0])

    # What it costs

    async def offer_for(self, requests: Sequence[VideoRequest], owner: str) -> Offer:
        """Who would pay for all of `requests`, and how much."""
        payer = self.payer_for(owner)
        return _sum_of(payer, await self._prices_of(requests, owner, payer))

    async def balance_of(self, owner: str) -> float | None:
        """US dollars left with the key that pays, if whoever looks may know."""
        payer = self.payer_for(owner)
        is_theirs = payer != "demo" and not self.pays_for_a_guest(payer)
        client = self.jobs.client_for(owner, payer) if is_theirs else None
        return await self.prices.balance(client) if client else None

    def models_gone(self, owner: str) -> frozenset[str]:
        """The models that whoever makes clips for `owner` no longer has, as far as it is known."""
        payer = self.payer_for(owner)
        client = None if payer == "demo" else self.jobs.client_for(owner, payer)
        return self.prices.models_gone(client) if client else frozenset()

    async def _prices_of(
        self, requests: Sequence[VideoRequest], owner: str, payer: Payer
    ) -> list[float | None]:
        if payer == "demo":
            return [0.0] * len(requests)
        client = self.jobs.client_for(owner, payer)
        return await asyncio.gather(*(self.prices.estimate(client, each) for each in requests))

    # From a request to a job

    async def begin(
        self,
        request: VideoRequest,
        *,
        owner: str,
        quota_key: str,
        offer: Offer | None = None,
        payer: Payer | None = None,
        others: Sequence[VideoRequest] = (),
        batch: str | None = None,
        take: int | None = None,
    ) -> Job:
        """The one way to a new job, whoever asks; a `VeoError` says that nothing was sent.

        `offer` is what was said that `request` and the `others` of the same press cost together: if
        that is more by now, or somebody else would pay, `OfferChanged` is raised.  `payer` says
        only who was to pay, whatever it costs.  A further `take` of a press says which one it is,
        and in `batch` the id of the first, which is the one that knows of `others`.
        """
        require_no_data(request)
        pays = self.payer_for(owner)
        if payer not in (None, pays):
            raise InvalidRequest(
                "Another key would pay than was said, so nothing was sent. "
                "Press Generate: its button says what it costs now."
            )
        prices = await self._prices_of([request, *others], owner, pays)
        if offer and not offer_still_valid(offer, _sum_of(pays, prices)):
            raise OfferChanged("The price has changed, so nothing was sent.")
        await self._require_place()
        try:
            return await self.jobs.generate(
                request,
                owner=owner,
                payer=pays,
                quota_key=quota_key,
                expected=await self._expected_seconds(request, pays),
                dollars=prices[0],
                limits=self.settings.limits if pays == "server" else None,
                batch=batch,
                take=take or (1 if others else None),
            )
        except PriceNotTold:
            message = "The service doesn't say what this clip costs."
            raise Refused(message, reason="no_price") from None
        except LimitReached as error:
            raise Busy(states.explain_limit(error), retry_after=DAY) from None
        except PicturesGone as error:
            raise are_gone(request, error.names) from None
        except OutOfReach:
            message = "The server cannot write its list of clips now, so nothing was sent."
            raise TookTooLong(message) from None

    # Pictures

    async def keep_picture(
        self,
        read: Callable[[], bytes],
        *,
        owner: str,
        quota_key: str,
        aspect_ratio: str = "16:9",
        resolution: str = "1080p",
        is_reference: bool = False,
    ) -> str:
        """Make a picture ready for a film of that shape, keep it for its owner, and give its name.

        `read` gives the picture as it came, in a thread, once it is its turn.  Of a reference all
        is kept; any other is cropped.  A `VeoError` says why it was not kept.
        """
        keep = partial(self.jobs.pictures.keep, quota_key=quota_key, crop=not is_reference)
        size = _film_size(aspect_ratio, resolution)
        return await self._kept(lambda: keep(owner, read(), size))

    async def _kept(self, keep: Callable[[], str]) -> str:
        background = self.jobs.background
        try:
            return await background.run_in_pool(background.preparing, keep)
        except BadPicture as error:
            raise InvalidRequest(str(error), field="picture") from None
        except PicturesFull as error:
            wait = UNUSED_FOR if error.for_an_hour else None
            raise Busy(states.explain_full(error), retry_after=wait) from None
        except (OutOfReach, PicturesGone, OSError) as error:
            _log.error("A picture cannot be kept. %s", error)
            raise TookTooLong("The server cannot keep a picture now. Try again.") from None

    async def picture(self, name: str, owner: str) -> bytes:
        """A visitor's own picture; raises `PicturesGone` if it is not there, or is another's."""
        background = self.jobs.background
        try:
            read = partial(self.jobs.pictures.read, owner, name)
            return await background.run_in_pool(background.asking, read)
        except (OutOfReach, OSError) as error:
            _log.error("A picture cannot be read. %s", error)
            raise TookTooLong("The server cannot read the picture now. Try again.") from None

    async def keep_frame(
        self,
        some_id: object,
        *,
        owner: str,
        quota_key: str,
        seconds: float | None = None,
        aspect_ratio: str | None = None,
        resolution: str | None = None,
    ) -> str:
        """Keep a frame of a visitor's own clip as a picture, as large as it is unless the shape of
        another film is told; a `VeoError` says why it was not kept."""
        content = await self.frame_of(some_id, owner, seconds)
        is_for_another = aspect_ratio is not None and resolution is not None
        return await self.keep_picture(
            lambda: content,
            owner=owner,
            quota_key=quota_key,
            aspect_ratio=aspect_ratio or "16:9",
            resolution=resolution if resolution and is_for_another else LARGEST,
            is_reference=not is_for_another,
        )

    async def frame_of(self, some_id: object, owner: str, seconds: float | None = None) -> bytes:
        """A frame of a visitor's own clip: its last, or the one that is shown after `seconds`.

        The clip is known by its job's id or the service's.
        """
        job = await self.job_of(some_id, owner)
        clip_id = job.entry.clip if job and job.state == "done" else None
        if not clip_id or not self.storage.has(clip_id):
            raise InvalidRequest("That clip is not here, so none of its frames is.", field="clip")
        at = math.inf if seconds is None else seconds
        if math.isnan(at):
            raise InvalidRequest("That is no time of a clip.", field="clip")
        background = self.jobs.background
        try:
            async with self.storage.as_file(clip_id) as path:
                return await background.run_in_pool(background.preparing, media.frame_at, path, at)
        except media.BrokenClip as error:
            raise InvalidRequest(str(error), field="clip") from None
        except OSError as error:
            _log.error("A clip cannot be read for its frame. %s", error)
            raise TookTooLong("The clip cannot be read now. Try again.") from None

    async def job_of(self, some_id: object, owner: str) -> Job | None:
        """A visitor's own job, by its id or by the newest that has this id of the service."""
        sought = checked_id(some_id)
        if job := await self.jobs.get(sought, owner):
            return job
        found = await self.jobs.with_id(owner, sought)
        return next((job for job in found if job.state == "done"), next(iter(found), None))

    async def clip_to_continue(self, some_id: object, owner: str) -> str:
        """What `video_url` is to be, for a job of the visitor's or an id of the service.

        Whether the service has such a clip is asked when the request is sent, for its address is
        good for a while only.
        """
        sought = checked_id(some_id)
        job = await self.jobs.get(sought, owner)
        return f"clip:{checked_id(job.generation_id if job else sought)}"

    async def _require_place(self) -> None:
        """See that a clip can be kept, before one is paid for: a disk may be full by now."""
        try:
            await asyncio.to_thread(self.storage.try_out)
        except BucketAway as error:
            _log.error("No clip can be kept in %s: %s.", self.settings.clips, reason(error))
            raise TookTooLong(
                f"The server cannot keep a clip now ({reason(error)}), so nothing was sent. "
                "Try again in a while."
            ) from None
        except OSError as error:
            _log.error("No clip can be kept in %s. %s", self.storage.folder, error.strerror)
            where = str(self.storage.folder) if self.settings.is_at_home else "its data folder"
            raise TookTooLong(
                f"The server cannot keep a clip in {where} now ({reason(error)}), so nothing was "
                "sent. Whoever runs it makes that possible, or sets VEO_DATA_DIR to another folder."
            ) from None

    def begin_rest(
        self, first: Job, requests: Sequence[VideoRequest], *, owner: str, quota_key: str
    ) -> asyncio.Task[tuple[list[Job], VeoError | None]]:
        """`backend.takes.begin_after` with `begin`; it goes on though whoever asked leaves."""
        payer = first.entry.payer
        numbers = itertools.count(2)

        def begin(request: VideoRequest) -> Awaitable[Job]:
            return self.begin(
                request,
                owner=owner,
                quota_key=quota_key,
                payer=payer,
                batch=first.id,
                take=next(numbers),
            )

        rest = asyncio.create_task(takes.begin_after(first, requests, begin))
        self._rests.add(rest)
        rest.add_done_callback(self._rests.discard)
        return rest

    async def look_for(self, generation_id: object, *, owner: str, quota_key: str) -> Job:
        """Follow an earlier request by its id; a `VeoError` says what is wrong with that."""
        payer = self.payer_for(owner)
        try:
            return await self.jobs.resume(
                checked_id(generation_id),
                owner=owner,
                payer=payer,
                expected=DEMO_EXPECTED if payer == "demo" else USUALLY_EXPECTED,
                quota_key=quota_key,
            )
        except OutOfReach:
            raise TookTooLong("The server cannot write its list of clips now.") from None

    async def _expected_seconds(self, request: VideoRequest, payer: Payer) -> float:
        """How long it took of late, else the client's guess."""
        if payer == "demo":
            return DEMO_EXPECTED
        typical = await asyncio.to_thread(self.jobs.ledger.typical_seconds, request.noted())
        return typical or request.expected_seconds


def _sum_of(payer: Payer, prices: Sequence[float | None]) -> Offer:
    """What several requests cost together; not known if one of them is not."""
    known = [price for price in prices if price is not None]
    return Offer(payer=payer, dollars=sum(known) if len(known) == len(prices) else None)


def _film_size(aspect_ratio: str, resolution: str) -> tuple[int, int]:
    """The size of a film in pixels; raises `InvalidRequest` for what no model takes."""
    for name, value in (("aspect_ratio", aspect_ratio), ("resolution", resolution)):
        known = {each for model in MODELS.values() for each in getattr(model, f"{name}s")}
        if value not in known:
            offered = ", ".join(sorted(known))
            raise InvalidRequest(f"{IN_WORDS[name]} must be one of {offered}.", field=name)
    return film_size(aspect_ratio, resolution)


def checked_id(generation_id: object) -> str:
    """What may be an id of the service; raises `InvalidRequest`."""
    sought = str(generation_id or "").strip()
    if not 0 < len(sought) <= LONGEST_ID or not sought.isprintable():
        raise InvalidRequest("Give the id of an earlier request.", field="generation_id")
    return sought


def _storage(settings: Settings) -> Storage:
    if not settings.clips:
        return Storage(settings.data / "clips", most_bytes=settings.keep_bytes)
    from backend.bucket import Bucket  # whose package few need

    # Not where clips stay in a folder: those may be there from before.
    return Bucket(settings.clips, settings.data / "arriving", most_bytes=settings.keep_bytes)


def _require_bucket(storage: Storage, settings: Settings) -> None:
    """Raise `NoBucket` unless clips can be kept in the bucket, where a person reads it."""
    try:
        storage.require()
    except BucketAway as error:
        check = {
            "missing": "make it, or check VEO_CLIPS and AWS_ENDPOINT_URL",
            "denied": "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may: list, "
            "read, write and delete",
            "away": "check AWS_ENDPOINT_URL and AWS_REGION, and that it runs",
        }[error.what]
        raise NoBucket(
            f"The clips cannot be kept in {settings.clips} ({reason(error)}): {check}."
        ) from None


def _open_ledger(settings: Settings, engine: Engine) -> Ledger:
    url, copy = settings.database_url, settings.ledger_copy
    try:
        ledger = open_ledger(url, runner=name_of(settings.data), hand=engine.hand, copy=copy)
        with ExitStack() as opened:
            opened.callback(ledger.close)
            engine.install(ledger)
            opened.pop_all()
        return ledger
    except (OutOfReach, UnusableLedger) as error:
        raise NoLedger(
            f"The ledger cannot be used: check VEO_DATABASE_URL and VEO_DATA_DIR. {error}"
        ) from error
