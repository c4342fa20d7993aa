"""One job to its end: submit the request, poll until the video is there, receive the file.

A request costs money and the service has no way to send it twice for one price, so:

    intent before the request   The ledger says `submitting` before anything leaves.  After a crash
                                that row may have been sent, and it is never sent again by itself.
    id right after the answer   The id is the only way to a video that is paid for.  It is written
                                down first of all, however long the disk is full, and though
                                whoever pressed the button left, or the process is about to stop.
    nothing sent twice          Every step begins with a compare-and-set in the ledger
                                (`Runner.transition`).  Of two who would take the same step one
                                succeeds.

All after the id may be done again and costs nothing: looking at it, and fetching its file.  Where
that fails for now, the job rests as `needs_attention` and is looked for again by itself, for a day.
A visitor's job whose key is gone rests as `needs_key`.

A thread is held only while the service is asked, a file arrives (or is waited for at its address, a
minute at most) or the ledger is written; in between a job costs a timer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from backend.background import LONGEST_STOP, Background
from backend.engine import Engine, Lost, steady_now
from backend.job import Job, UnbrokenWait
from backend.keys import Keys
from backend.ledger import ACTIVE_STATES, PICTURE, Entry, Ledger, OutOfReach, State
from backend.pictures import Pictures, PicturesGone, are_gone, kept_here
from backend.recent_http import RecentHttp
from backend.storage import CLIP, DEMO_CLIP, Storage
from backend.stored_errors import error_as_json
from veo import media
from veo.files import reason
from veo.polling import failure, is_dropped
from veo_client import (
    Busy,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoClient,
    VeoError,
    Video,
    VideoRequest,
)

WRITE_AGAIN_AFTER, WRITE_AGAIN_AT_LEAST_EVERY = 1.0, 60.0
LOOK_AGAIN_AFTER = (60.0, 300.0, 900.0, 3600.0, 3600.0 * 3, 3600.0 * 7, 3600.0 * 13)
"""Seconds, a day in all.  A video that the service finished is paid for: a long outage must not
lose it."""
SENT_WITHIN = LONGEST_STOP
"""Seconds after which another server's request has its answer, or never will."""

WITH_PICTURES_AT_ONCE = 8
"""Requests that are sent with pictures, which are in memory as long as that takes."""

Result = TypeVar("Result")
Inputs = Mapping[str, str | bytes]
"""What the service can read in the place of each name of ours in a request."""

_log = logging.getLogger(__name__)


class Runner:
    """Takes the steps of jobs; who runs which job, and that nobody else does, `Jobs` knows."""

    def __init__(
        self,
        ledger: Ledger,
        storage: Storage,
        *,
        pictures: Pictures,
        keys: Keys,
        recent_http: RecentHttp,
        background: Background,
        engine: Engine,
        arriving: Callable[[], Collection[str]],
        give_up_after: float,
    ) -> None:
        """`arriving` names the clips of the jobs that run: none of them may be evicted."""
        self._ledger = ledger
        self._storage = storage
        self._pictures = pictures
        self._with_pictures = asyncio.Semaphore(WITH_PICTURES_AT_ONCE)
        self._keys = keys
        self._recent_http = recent_http
        self._background = background
        self._engine = engine
        self._arriving = arriving
        self._give_up_after = give_up_after

    async def run(self, job: Job, *, left_over: bool) -> None:
        """Run `job` until it is over for good, or only a person can help.

        `left_over` says that an earlier process began it, or another server.  Raises `Lost` when
        this one may not go on.
        """
        if left_over:
            await self._recover(job)
        was_kept = False
        for pause in (*LOOK_AGAIN_AFTER, None):
            error = await self._advance(job)
            if job.is_only_looked_for:
                return
            # A host may serve a file that it has not all of yet: fetched once more, it is as it is.
            once_more, was_kept = is_kept(error) and not was_kept, is_kept(error)
            goes_on = may_pass(error) or once_more
            if job.state != "needs_attention" or pause is None or not goes_on:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await job.changed()  # somebody looked again by hand, or deleted it
            if job.is_over:
                await self.transition(job, "needs_attention", "running")
            if job.is_over:
                return

    async def _recover(self, job: Job) -> None:
        """Begin with what an earlier process left.

        What may have been sent is not sent again; nor is what was not, for whoever pressed the
        button may be gone, or was told that nothing was sent.
        """
        match job.state:
            case "prepared":
                not_sent = _held_up() if job.is_taken else _restarted_before_sending()
                await self._fail(job, not_sent)
            case "submitting":
                await self._wait_for_a_late_id(job)
                await self._fail(job, _restarted_while_sending())
            case "needs_attention":
                await self.transition(job, "needs_attention", "running")
            case "running" | "downloading" if job.is_demo and job.is_taken:
                await self._begin_demo_anew(job)
            case "running" if job.is_demo:
                await self._fail(job, _demo_restarted())
            case "running" if job.is_only_looked_for and not job.is_followed:
                await self._fail(job, _nobody_waits(job))

    async def _wait_for_a_late_id(self, job: Job) -> None:
        """Give who sent it, and was taken for dead, the time that a request may take."""
        if job.is_taken:
            waited = max(time.time() - job.entry.updated, 0.0)
            await asyncio.sleep(max(SENT_WITHIN - waited, 0.0))

    async def _begin_demo_anew(self, job: Job) -> None:
        """Have the demo clip made here whose server is gone, and its demo service with it."""
        client, request = self._keys.client_for(job.entry.owner, job.entry.payer), job.request
        if client is None or request is None or await self._has_something(job):
            return
        try:
            if await self._ask(_is_known, client, job.generation_id or ""):
                return
            inputs = await self._inputs_of(job, client, request)
            generation_id = await self._ask(_submit, client, request, inputs)
        except VeoError as error:
            await self._fail(job, error)
            return
        begin = partial(self._ledger.begin_demo_anew, job.id, generation_id, epoch=job.entry.epoch)
        what = f"Job {job.id}: another demo clip"
        if await self._insist(begin, what, may_write=partial(self._require_held, job)):
            job.change(state="running", generation_id=generation_id, submitted=time.time())

    async def _ask(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return await self._background.run_in_pool(self._background.asking, call, *arguments)

    def _require_held(self, job: Job) -> None:
        """Raise `Lost` if another server may drive `job` by now."""
        if job.term is not None and not self._engine.held(job.term):
            raise Lost

    async def _advance(self, job: Job) -> VeoError | None:
        """Take `job` as far as it goes; gives the error that it ended in, if it did."""
        error: VeoError
        try:
            if job.state == "prepared":
                await self._submit(job)
            video = await self._poll(job) if job.state == "running" else None
            if job.state == "downloading":
                self._require_held(job)
                await self._receive(job, video)
            return None
        except Lost:
            raise
        except VeoError as known:
            error = known
        except Exception:
            _log.exception("Job %s ended in a fault of ours.", job.id)
            error = _our_fault(job)
        await self._fail(job, error)
        return error

    # Submit: the step that costs money

    async def _submit(self, job: Job) -> None:
        client, request = self._keys.client_for(job.entry.owner, job.entry.payer), job.request
        if client is None or request is None:
            raise _key_forgotten()
        client = self._observed(client, job)
        async with self._with_pictures if any(kept_here(request)) else nullcontext():
            # Before the intent: what is not there any more costs nothing, and no time is lost
            # between the intent and the request.
            inputs = await self._inputs_of(job, client, request)
            begun = steady_now()
            # The intent.  From here to the id nobody may cancel: the answer names what was bought.
            if await self.transition(job, "prepared", "submitting"):
                send = partial(self._send_in_time, begun, client, request, inputs)
                sending = asyncio.ensure_future(self._background.shielded(self._send(job, send)))
                try:
                    await asyncio.shield(sending)
                except asyncio.CancelledError:
                    # Another server is given it with its id.
                    await asyncio.gather(sending, return_exceptions=True)
                    raise

    async def _inputs_of(self, job: Job, client: VeoClient, request: VideoRequest) -> Inputs:
        """Get what `request` names: pictures off the shelf, and a fresh address for a clip."""
        found = dict[str, str | bytes]()
        for _, name in kept_here(request):
            if name.startswith(PICTURE):
                found[name] = await self._ask(self._picture, job, request, name)
            else:
                found[name] = await self._ask(_clip, client, name)
        return found

    def _picture(self, job: Job, request: VideoRequest, name: str) -> bytes:
        try:
            return self._pictures.read(job.entry.owner, name)
        except PicturesGone as error:
            raise are_gone(request, error.names) from None
        except (OutOfReach, OSError) as error:
            _log.error("The picture of job %s cannot be read. %s", job.id, error)
            raise TookTooLong("The server cannot read the picture, so nothing was sent.") from None

    def _send_in_time(
        self, begun: float, client: VeoClient, request: VideoRequest, inputs: Inputs
    ) -> str:
        """Send in a thread, unless that held it up so long that another server may have the job."""
        if steady_now() - begun > self._engine.send_within:
            raise _held_up()
        return _submit(client, request, inputs)

    async def _send(self, job: Job, send: Callable[[], str]) -> None:
        try:
            generation_id = await self._ask(send)
        except VeoError as error:
            # Written down here, for whoever drives the job may have been stopped.
            await self._fail(job, error, even_if_lost=True)
            return
        # A process may die before it is written down.
        _log.info("Job %s has the id %r.", job.id, generation_id)
        # Shown at once: if it cannot be written down now, a person may.
        job.change(generation_id=generation_id)
        job.wait = UnbrokenWait()
        moved = await self.transition(
            job,
            ("submitting", "uncertain"),
            "running",
            even_if_lost=True,
            generation_id=generation_id,
            submitted=time.time(),
        )
        if not moved:
            found = partial(self._ledger.found, job.id, generation_id)
            await self._insist(found, f"Job {job.id}: the id {generation_id!r}")

    # Poll: ask until the service shows a video, or says that there will be none

    async def _poll(self, job: Job) -> Video | None:
        if await self._has_something(job):
            # The service may have it no longer, and what is here may be whole.
            await self.transition(job, "running", "downloading")
            return None
        with self._keys.lend(job.entry.owner, job.entry.payer) as client:
            if client is None:
                raise _key_forgotten()
            updates = self._observed(client, job).follow(
                job.generation_id or "",
                expected=job.expected,
                submitted_ago=_age_of(job),
                sleep=_no_sleep,
                give_up_after=self._give_up_after,
            )

            def next_update() -> Update | None:
                # In the thread, which may have been waited for.
                self._require_held(job)
                # With a default: a StopIteration out of a thread would hang whoever awaits it.
                return next(updates, None)

            while update := await self._ask(next_update):
                job.change(update=update)
                if update.video:
                    charged = _charged(update.video)
                    await self.transition(job, "running", "downloading", **charged)
                    return update.video
                await self._pause(job, update.next_poll_in)
                if not job.is_wanted:
                    raise _nobody_waits(job)
                if self._keys.client_for(job.entry.owner, job.entry.payer) is not client:
                    return await self._poll(job)  # with another key, if there is one
        return None

    async def _has_something(self, job: Job) -> bool:
        clip_id = job.entry.clip
        if not clip_id or not self._storage.is_shared:
            return self._storage.has_something(clip_id)
        # Over the network, in a thread.
        asking = self._background.asking
        return await self._background.run_in_pool(asking, self._storage.has_something, clip_id)

    async def _pause(self, job: Job, seconds: float) -> None:
        """Wait for the next look; who hangs up is not waited for."""
        if not job.is_for_one_call:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await job.left()

    # Receive: the file, which is done once it is whole and has its name

    async def _receive(self, job: Job, video: Video | None) -> None:
        job.set_arrived(False)
        charged = (job.entry.facts or {}).get("usd_spent")
        arrived = partial(_tell, asyncio.get_running_loop(), job)
        with self._keys.lend(job.entry.owner, job.entry.payer) as client:
            observed = self._observed(client, job) if client else None
            receive = partial(
                self._receive_in_thread,
                job.id,
                job.entry.clip or "",
                partial(
                    _download,
                    observed,
                    job.generation_id or "",
                    video,
                    self._background.pause,
                    arrived,
                ),
                name=DEMO_CLIP if job.is_demo else CLIP,
                request=job.entry.request,
                charged=charged,
            )
            fetching = self._background.fetching
            try:
                facts = asdict(await self._background.run_in_pool(fetching, receive))
            except media.BrokenClip as error:
                raise DownloadFailed(str(error), kept=str(error.kept or "")) from error
            except OSError as error:
                message = f"The clip cannot be kept here ({reason(error)})."
                raise DownloadFailed(message) from error
        took = job.wait.seconds if video and job.wait else None
        if took is not None:
            facts["took"] = took
        if charged is not None:
            facts["usd_spent"] = charged
        await self.transition(job, "downloading", "done", facts=facts)
        await self._background.run_in_pool(fetching, self._evict)

    def _receive_in_thread(
        self, job_id: str, clip_id: str, *arguments: Any, **named: Any
    ) -> media.Facts:
        try:
            return self._storage.receive(clip_id, *arguments, **named)
        finally:
            if self._storage.is_shared:
                while not self._is_settled(job_id, clip_id):
                    self._background.pause(WRITE_AGAIN_AFTER)

    def _is_settled(self, job_id: str, clip_id: str) -> bool:
        """Remove a clip that its row does not name any more; tell whether all is well.

        Where this thread was held up, another server may have finished the job, and its clip may
        have been deleted or evicted there: what is put after that, nobody else removes.
        """
        try:
            entry = self._ledger.get(job_id)
        except OutOfReach:
            return False
        is_named = entry is not None and entry.clip == clip_id
        return is_named or self._storage.remove(clip_id)

    def _evict(self) -> None:
        """Make room for other clips, in a thread.  Whatever goes wrong, this job is done."""
        try:
            self._storage.evict(self._arriving())
        except Exception:
            _log.exception("No room could be made for other clips.")

    def _observed(self, client: VeoClient, job: Job) -> VeoClient:
        return client.with_trace(partial(self._recent_http.note, job.id))

    # What every step writes

    async def _fail(self, job: Job, error: VeoError, *, even_if_lost: bool = False) -> None:
        """Write down how it ended."""
        job.wait = None  # if it goes on some day, there was a rest in between
        unknown = isinstance(error, Refused) and error.reason == "not_found"
        if unknown and job.is_demo and job.entry.submitted:
            error = _demo_restarted()
        to = _state_after(job.entry, error)
        await self.transition(
            job, job.state, to, even_if_lost=even_if_lost, error=error_as_json(error)
        )

    async def transition(
        self,
        job: Job,
        was: State | tuple[State, ...],
        to: State,
        *,
        even_if_lost: bool = False,
        **changes: Any,
    ) -> bool:
        """Change the state in the ledger, then here; tell whether this call did.

        Raises `Lost` if another server may drive `job`, unless it is to be written all the same:
        it is only if nobody took the job.
        """
        if to in ACTIVE_STATES:
            changes.setdefault("error", None)
        if to == "downloading" and not job.entry.clip:
            # Where the file will lie is written down before it comes: a crash in the middle of it
            # leaves no file that no row names.
            changes["clip"] = self._storage.new_clip_id(is_demo=job.is_demo)
        may_write = None if even_if_lost else partial(self._require_held, job)
        move = partial(self.persist, job.id, was, to, may_write=may_write, epoch=job.entry.epoch)
        moved = await move(**changes)
        if moved:
            changes.pop("hand", None)
            job.change(state=to, updated=time.time(), **changes)
        return moved

    async def persist(
        self,
        job_id: str,
        was: State | tuple[State, ...],
        to: State,
        *,
        may_write: Callable[[], None] | None = None,
        **changes: Any,
    ) -> bool:
        """Change the state in the ledger.  What was paid for is written, however long the disk is
        full or the database away."""

        def is_written() -> bool:
            entry = self._ledger.get(job_id)
            mine = changes.get("epoch") in (None, entry and entry.epoch)
            return entry is not None and entry.state == to and mine

        given = changes.get("generation_id")
        what = f"{to} with the id {given!r}" if given else to
        write = partial(self._ledger.move, job_id, was, to, **changes)
        return await self._insist(
            write, f"Job {job_id}: {what}", may_write=may_write, is_written=is_written
        )

    async def _insist(
        self,
        write: Callable[[], bool],
        what: str,
        *,
        may_write: Callable[[], None] | None = None,
        is_written: Callable[[], bool] | None = None,
    ) -> bool:
        """Write until the ledger says whether it was done."""
        pause = 0.0
        while True:
            if may_write:
                may_write()
            try:
                done = await self._background.write(write)
                if not done and pause and is_written:
                    # A database that was lost in the very commit may have written it.
                    done = await self._background.write(is_written)
                return done
            except OutOfReach as error:
                _log.error("%s cannot be written down; trying again. %s", what, error)
                pause = min(2 * pause or WRITE_AGAIN_AFTER, WRITE_AGAIN_AT_LEAST_EVERY)
                await asyncio.sleep(pause)


def _submit(client: VeoClient, request: VideoRequest, inputs: Inputs) -> str:
    if not inputs:
        return client.submit(request)
    return client.submit(request, attach=lambda address: inputs.get(address, address))


def _clip(client: VeoClient, name: str) -> str:
    """Where the service can fetch a clip that it made: an address is good for a while only."""
    try:
        video = client.check(name.partition(":")[2]).video
    except VeoError as error:
        if not (isinstance(error, Refused) and error.reason in ("request", "not_found")):
            error.generation_id = None  # that of the new clip, which was not asked for yet
            raise
        video = None
    if video is None:
        message = "The service has no such clip to go on from, so nothing was sent."
        raise InvalidRequest(message, field="video_url")
    return video.url


def _download(
    client: VeoClient | None,
    generation_id: str,
    video: Video | None,
    sleep: Callable[[float], object],
    arrived: Callable[[], object],
    path: Path,
) -> Path:
    """Fetch the clip and tell that it is here; after a restart its address is asked for anew, for
    none is written down."""
    if client is None:
        raise _key_forgotten()
    if video is None:
        generation = client.check(generation_id)
        if generation.status == "error" or is_dropped(generation):
            raise failure(generation)
        video = generation.video
    if video is None:
        raise DownloadFailed("The service shows no video for this id.", generation_id=generation_id)
    downloaded = client.download(video, path, sleep=sleep)
    arrived()
    return downloaded


def _tell(loop: asyncio.AbstractEventLoop, job: Job) -> None:
    """Tell who follows `job`, from the thread that fetched its file."""
    with suppress(RuntimeError):  # the process ends, and its loop has
        loop.call_soon_threadsafe(job.set_arrived, True)


def _charged(video: Video) -> dict[str, Any]:
    """What the service says that it charged, in the place of what its price list told."""
    told = video.usd_spent
    return {} if told is None else {"dollars": told, "facts": {"usd_spent": told}}


def _age_of(job: Job) -> float | None:
    """Seconds since the service took it, as far as that is known."""
    if job.wait and (waited := job.wait.seconds) is not None:
        return waited
    submitted = job.entry.submitted
    return max(time.time() - submitted, 0.0) if submitted else None


def _state_after(entry: Entry, error: VeoError) -> State:
    """Where `error` leads from the state that it was met in."""
    match entry.state:
        case "prepared":
            return "rejected"
        case "submitting":
            return "uncertain" if isinstance(error, SubmissionUncertain) else "rejected"
        case "running" if isinstance(error, Failed):
            return "failed"
    lacks_key = isinstance(error, Refused) and error.is_about_the_key
    return "needs_key" if lacks_key and entry.payer == "visitor" else "needs_attention"


def may_pass(error: VeoError | None) -> bool:
    """Whether looking again later may help without anybody's doing."""
    passes = isinstance(error, Busy | Unreachable | TookTooLong | DownloadFailed)
    return passes and not is_kept(error)


def is_kept(error: VeoError | None) -> bool:
    """Whether the file came and cannot be shown: what the host has is here."""
    return isinstance(error, DownloadFailed) and bool(error.kept)


def is_about_the_account(error: VeoError | None) -> bool:
    """Whether another key, or a top-up, may help: there may have been one since."""
    about_it = ("no_key", "key", "credits", "forbidden")
    return isinstance(error, Refused) and error.reason in about_it


def _key_forgotten() -> Refused:
    return Refused("The key for this clip is not here any more.", reason="no_key")


def _restarted_before_sending() -> TookTooLong:
    return TookTooLong("The server stopped before the request was sent.")


def _restarted_while_sending() -> SubmissionUncertain:
    return SubmissionUncertain.after("This server stopped while sending the service a request")


def _held_up() -> TookTooLong:
    return TookTooLong("The server was held up, so nothing was sent.")


def _is_known(client: VeoClient, generation_id: str) -> bool:
    try:
        client.check(generation_id)
    except Refused as error:
        return error.reason != "not_found"
    return True


def _demo_restarted() -> Failed:
    return Failed("The demo service was restarted and has forgotten this clip.")


def _nobody_waits(job: Job) -> TookTooLong:
    message = "Nobody waited for this clip any more."
    return TookTooLong(message, generation_id=job.generation_id)


def _our_fault(job: Job) -> VeoError:
    """What can be said after an error that nobody foresaw."""
    if job.state == "submitting":
        return SubmissionUncertain.after(
            "Something went wrong here while sending the service a request"
        )
    return VeoError("Something went wrong here.", generation_id=job.generation_id)


def _no_sleep(_: float) -> None:
    """The generator's `sleep`: the event loop waits instead, without a thread."""
