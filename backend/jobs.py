"""Drives every job to its end in the background, whoever watches and whatever is restarted.

A closed tab stops no job and any number of watchers follow one.  What a job costs and how far it
is stands in the ledger before anything else happens, so that after a crash each goes on where it
was, and none is sent twice.  What is only looked for by its id goes on while somebody waits for it:
anybody may look.  A thread is held only while the service is asked, a file arrives or the ledger is
written; in between a job costs a timer.  This module knows no page and no words, and keeps a
visitor's key in memory for a while, nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from backend.ledger import (
    OPEN,
    Entry,
    Ledger,
    Limits,
    NotWritten,
    OutOfReach,
    Payer,
    Spent,
    State,
    new_id,
)
from backend.look_limits import Turn, Turns
from backend.storage import DEMO_CLIP, Shelf
from backend.stored_errors import error_from_json, error_to_json
from veo import media
from veo.trace import Recent
from veo_client import (
    Busy,
    DownloadFailed,
    Failed,
    Generation,
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

Result = TypeVar("Result")

ASKING_THREADS, FETCHING_THREADS, LOOKING_THREADS = 96, 8, 16
LONGEST_STOP = 75.0
"""Seconds, as many as the service has to take a request."""
WRITE_AGAIN_AFTER, WRITE_AGAIN_AT_LEAST_EVERY = 1.0, 60.0
LOOK_AGAIN_AFTER = (60.0, 300.0, 900.0, 3600.0, 3600.0 * 3, 3600.0 * 7, 3600.0 * 13)
"""Seconds, a day in all.  A video that the service finished is paid for: a long outage must not
lose it."""

ONE_CALL = "program:"
"""Begins the name of an owner who is one call: nobody can ask for its jobs once that has ended."""
LEFT_AFTER = 30.0
"""Seconds for which a look at an id goes on though nobody follows it: a page asks for its list of
clips more often, and a reload takes less."""
CALL_SERVED = 3600.0
"""Seconds in which a program may fetch the clip that it looked for by an id."""
JUST_TAKEN = 60.0
"""Seconds in which the service may not know an id yet that it gave."""

NEXT_LOOK: Mapping[State, State] = {
    "needs_attention": "running",
    "needs_key": "running",
    "done": "downloading",
}
"""Where a job goes on that is looked for again."""

_log = logging.getLogger(__name__)


class Job:
    """One video on its way.  Read it; `Jobs` alone changes it."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.update: Update | None = None
        """What the last look showed, while somebody looks."""
        self.is_driven = False
        """Whether anything will change it here.  Else it is as it stood when it was read: what is
        open may be another server's, or one's that is gone."""
        self._changed = asyncio.Event()
        self._left = asyncio.Event()
        """Set while nobody follows it, who did."""
        self._followers = 0
        self._wanted = time.monotonic()

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def state(self) -> State:
        return self.entry.state

    @property
    def is_over(self) -> bool:
        """Whether nobody drives it just now."""
        return self.state not in OPEN

    @property
    def is_demo(self) -> bool:
        return self.entry.payer == "demo"

    @property
    def generation_id(self) -> str | None:
        return self.entry.generation_id

    @property
    def request(self) -> VideoRequest | None:
        """None when only the id of an earlier request is known."""
        return VideoRequest(**self.entry.request) if self.entry.request else None

    @property
    def is_only_looked_for(self) -> bool:
        """Whether it was not asked for here, and cost nothing here."""
        return self.entry.request is None and self.entry.submitted is None

    @property
    def is_for_one_call(self) -> bool:
        """Whether nobody can ask for it once its call has ended; what was paid for here stays."""
        return self.is_only_looked_for and self.entry.owner.startswith(ONE_CALL)

    @property
    def was_left(self) -> bool:
        """Whether it rests because nobody wanted it, and may go on for who comes back."""
        rests = self.is_only_looked_for and self.state == "needs_attention"
        return rests and isinstance(self.error, TookTooLong)

    @property
    def is_wanted(self) -> bool:
        """Whether it is worth one more look: somebody paid for it here, or waits for it."""
        if not self.is_only_looked_for or self._followers:
            return True
        hung_up = self.is_for_one_call and self._left.is_set()
        return not hung_up and time.monotonic() - self._wanted < LEFT_AFTER

    def want(self) -> None:
        """Note that its owner is there."""
        self._wanted = time.monotonic()

    @property
    def error(self) -> VeoError | None:
        return error_from_json(self.entry.error, self.entry.generation_id)

    @property
    def facts(self) -> media.Facts | None:
        facts = dict(self.entry.facts or {})
        facts.pop("took", None)
        return media.Facts(**facts) if facts else None

    @property
    def elapsed(self) -> float:
        """Seconds from the start to now, or to the end."""
        return max((self.entry.updated if self.is_over else time.time()) - self.entry.created, 0.0)

    async def follow(self) -> AsyncIterator[Job]:
        """The job now, and again after each change, until it is over or if nobody drives it."""
        with self._followed():
            while True:
                # Noted before the yield: the job may end while whoever follows is busy with it.
                changed, was_over = self._changed, self.is_over or not self.is_driven
                yield self
                if was_over:
                    return
                await changed.wait()

    @contextmanager
    def _followed(self) -> Iterator[None]:
        self._followers += 1
        self._left.clear()
        try:
            yield
        finally:
            self._followers -= 1
            self.want()
            if not self._followers:
                self._left.set()

    def _tell(self, *, update: Update | None = None, **changes: Any) -> None:
        self.entry = replace(self.entry, **changes)
        self.update = update or self.update
        self._changed.set()
        self._changed = asyncio.Event()


class Jobs:
    """The jobs of one process, on one event loop; `start` goes on with what an earlier one left.

    `client_of` gives the client for who pays, or None when there is no such key; a visitor's comes
    from `bring_key` and is forgotten `key_kept` seconds after that.
    """

    def __init__(
        self,
        ledger: Ledger,
        shelf: Shelf,
        *,
        client_of: Callable[[Payer], VeoClient | None],
        key_kept: float = 3600.0,
        give_up_after: float = 1200.0,
    ) -> None:
        self.ledger = ledger
        self.shelf = shelf
        self.exchanges = Recent()
        """What was asked and answered for each job since this process began."""
        self._turns = Turns()
        self._client_of = client_of
        self._key_kept = key_kept
        self._give_up_after = give_up_after
        self._visitors: dict[str, VeoClient] = {}
        self._forgetting: dict[str, asyncio.TimerHandle] = {}
        self._live: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._promises: set[asyncio.Task[Any]] = set()
        self._is_stopping = False
        self._asking = ThreadPoolExecutor(ASKING_THREADS, "asking")
        self._fetching = ThreadPoolExecutor(FETCHING_THREADS, "fetching")
        # Apart, for an id may be made up: that must not hold up what is sent and followed.
        self._looking = ThreadPoolExecutor(LOOKING_THREADS, "looking")
        self._writing = ThreadPoolExecutor(1, "writing")

    async def start(self) -> None:
        """Begin to go on with what an earlier process left; each job by itself, in its own time.

        A ledger that cannot be written keeps them waiting, not the server.
        """
        for deleted in await self._in(self._writing, self.ledger.half_deleted):
            await self._in(self._writing, self._remove_files, deleted)
        for job in map(Job, await self._in(self._writing, self.ledger.only_looked_for)):
            if job.is_for_one_call:
                await self._in(self._writing, self._remove, job.entry)
        for entry in await self._in(self._writing, self.ledger.in_states, *OPEN, "needs_attention"):
            job = Job(entry)
            if job.is_over and job.is_only_looked_for:
                continue
            if not job.is_over or _may_pass(job.error) or _is_about_the_account(job.error):
                self._drive(job, left_over=True)

    async def stop(self) -> None:
        """Stop driving, but let what is being sent get its id, and that be written down.

        It takes `LONGEST_STOP` at most, and nothing new is begun from now on.  A process that is
        killed instead leaves nothing worse than a job that is uncertain.
        """
        self._is_stopping = True
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_STOP
        while waited_for := self._tasks | self._promises:
            left = until - clock()
            for task in self._tasks if left > 0 else waited_for:
                task.cancel()
            await asyncio.wait(waited_for, timeout=left if left > 0 else None)
        # In a thread, for a download may take long; the event loop goes on meanwhile.
        closing = threading.Thread(target=self._close_pools, daemon=True)
        closing.start()
        while closing.is_alive() and clock() < until:
            await asyncio.sleep(0.01)

    def _close_pools(self) -> None:
        for pool in (self._asking, self._looking, self._fetching, self._writing):
            pool.shutdown(cancel_futures=True)

    async def generate(
        self,
        request: VideoRequest,
        *,
        owner: str,
        payer: Payer,
        spender: str,
        expected: float,
        dollars: float | None = None,
        limits: Limits | None = None,
    ) -> Job:
        """Write `request` down, submit it and see it through.  Call it once for a click.

        Raises `LimitReached`, or `NotWritten` when it cannot be written down; nothing is sent then.
        """
        return await self._begin(
            owner=owner,
            payer=payer,
            spender=spender,
            request=request.body(),
            expected=expected,
            dollars=dollars,
            limits=limits,
        )

    async def look(
        self, generation_id: str, *, owner: str, payer: Payer, spender: str = ""
    ) -> Generation:
        """Look once at an id; raises `Busy` if `spender` has too many looks."""
        with self._turn_of(spender or owner, generation_id) as turn:
            return await self._look_once(generation_id, owner, payer, turn)

    async def resume(
        self, generation_id: str, *, owner: str, payer: Payer, expected: float, spender: str = ""
    ) -> Job:
        """Follow an earlier request by its id.

        A job of the same owner that has the id goes on, unless another server drives it, or who
        pays for it is another and may not know the id.  Else the service is asked before anything
        is written down, and the error of that leaves nothing; `Busy` says that `spender` has too
        many looks.
        """
        for entry in await self._in(self._writing, self.ledger.with_id, owner, generation_id):
            job = self._live.get(entry.id) or Job(entry)
            has_clip = job.state == "done" and self.shelf.clip(entry.clip)
            if has_clip or (entry.payer == payer and (job.is_over or job.is_driven)):
                return await self.look_again(job)
        lately = partial(self.ledger.was_taken_since, since=time.time() - JUST_TAKEN)
        with self._turn_of(spender or owner, generation_id) as turn:
            # What was sent here a moment ago is known to be there.
            if not await self._in(self._writing, lately, generation_id, payer):
                await self._look_once(generation_id, owner, payer, turn)
            return await self._begin(
                turn,
                owner=owner,
                payer=payer,
                spender=spender or owner,
                request=None,
                expected=expected,
                generation_id=generation_id,
            )

    @contextmanager
    def _turn_of(self, spender: str, generation_id: str | None) -> Iterator[Turn]:
        """One of the looks at ids that `spender` may have."""
        try:
            turn = self._turns.take(spender)
        except Busy as error:
            error.generation_id = generation_id
            raise
        try:
            yield turn
        finally:
            turn.end()

    async def _look_once(
        self, generation_id: str, owner: str, payer: Payer, turn: Turn
    ) -> Generation:
        """Ask the service; the thread holds `turn`, too, for it may outlast whoever asked."""
        with self._key_of(owner, payer) as client:
            if client is None:
                raise Refused("There is no key to look with.", reason="no_key")
            asked = self._looking.submit(client.check, generation_id)
            asked.add_done_callback(turn.share().end)
            return await asyncio.wrap_future(asked)

    async def look_again(self, job: Job) -> Job:
        """Go on with a job that needs a key or attention, or whose clip made room for others.

        Without a key it ends at once as one that needs it, and goes on when that is brought.  For
        what was not asked for here, `Busy` says that there are too many such looks.
        """

        async def go_on(job: Job) -> Job:
            state, to = job.state, NEXT_LOOK.get(job.state)
            is_there = state == "done" and self.shelf.clip(job.entry.clip)
            if not to or is_there:
                return self._live.get(job.id, job)
            with self._turn_if_only_looked_for(job) as turn:
                if await self._move(job, state, to):
                    return self._drive(job, turn)
            return self._live.get(job.id, job)  # perhaps another tab was faster

        return await self._surely(go_on(self._live.get(job.id, job)))

    def _turn_if_only_looked_for(self, job: Job) -> AbstractContextManager[Turn | None]:
        if not job.is_only_looked_for:
            return nullcontext()
        return self._turn_of(job.entry.spender, job.generation_id)

    async def get(self, job_id: str, owner: str) -> Job | None:
        """The job, if it is this visitor's."""
        job = self._live.get(job_id)
        # No database takes half a character, and no id of ours holds one.
        if job is None and job_id.isascii():
            entry = await self._in(self._writing, self.ledger.get, job_id)
            # Somebody may have looked again meanwhile.
            job = self._live.get(job_id) or (Job(entry) if entry else None)
        return job if job and job.entry.owner == owner else None

    async def of(self, owner: str) -> list[Job]:
        """A visitor's jobs, newest first."""
        entries = await self._in(self._writing, self.ledger.of, owner)
        jobs = [self._live.get(entry.id) or Job(entry) for entry in entries]
        for job in jobs:
            job.want()
        return jobs

    async def spent(self, owner: str, since: float) -> Spent:
        """What a visitor's clips cost since `since`, in seconds since 1970."""
        return await self._in(self._writing, self.ledger.spent, owner, since)

    async def delete(self, job: Job) -> bool:
        """Forget a job and its clip, for good, once nobody drives it; tell whether it was done."""

        def forget() -> bool:
            entry = self.ledger.get(job.id)
            if not entry or not self.ledger.delete(job.id):
                return False
            self._remove_files(entry)
            return True

        async def forget_and_tell() -> bool:
            if not await self._in(self._writing, forget):
                return False
            self.exchanges.forget(job.id)
            if live := self._live.pop(job.id, None):
                live._tell(deleted=time.time())  # wakes who would have looked again
            return True

        return await self._surely(forget_and_tell())

    def _remove_files(self, deleted: Entry) -> None:
        if deleted.clip:
            self.shelf.remove(deleted.clip)
            with suppress(NotWritten):  # the next start tries again
                self.ledger.clip_removed(deleted.id)

    def _remove(self, entry: Entry) -> None:
        """Take away all of a job that was only looked for: first the clip, whose place the row
        names."""
        if entry.clip:
            self.shelf.remove(entry.clip)
        with suppress(OutOfReach):  # the next start tries again
            self.ledger.remove(entry.id)

    async def _clear_away(self, job: Job) -> None:
        """Remove what a program looked for and nobody can ask for again, once it had its clip."""
        self.drop_key(job.entry.owner)
        if job.state == "done":
            await asyncio.sleep(CALL_SERVED)
        await self._in(self._writing, self._remove, job.entry)
        self.exchanges.forget(job.id)

    async def bring_key(self, owner: str, client: VeoClient) -> None:
        """Take a visitor's key for a while; jobs that waited for it go on."""
        self.drop_key(owner)
        self._visitors[owner] = client
        loop = asyncio.get_running_loop()
        self._forgetting[owner] = loop.call_later(self._key_kept, self.drop_key, owner)
        waiting = partial(self.ledger.in_states, "needs_key", owner=owner)
        for entry in await self._in(self._writing, waiting):
            with suppress(Busy):  # it still says that it may be looked for again
                await self.look_again(Job(entry))

    def client_for(self, owner: str, payer: Payer) -> VeoClient | None:
        """The client that pays, while its key is known."""
        return self._visitors.get(owner) if payer == "visitor" else self._client_of(payer)

    def has_key(self, owner: str) -> bool:
        return owner in self._visitors

    def go_on_for(self, owner: str) -> bool:
        """Whether a job of `owner` is driven, or will be again by itself."""
        mine = [job for job in self._live.values() if job.entry.owner == owner]
        return any(not job.is_over or job.state == "needs_attention" for job in mine)

    def drop_key(self, owner: str) -> None:
        if self._visitors.pop(owner, None):
            self._forgetting.pop(owner).cancel()

    # One job, step by step

    async def _begin(self, turn: Turn | None = None, **row: Any) -> Job:
        """Write a job down and drive it."""
        if self._is_stopping:
            raise NotWritten("the server stops")
        job_id = new_id()
        held = turn.share() if turn else None  # whoever asked may leave meanwhile

        async def begin() -> Job:
            add = partial(self.ledger.add, job_id=job_id, **row)
            try:
                return self._drive(Job(await self._in(self._writing, add)), held)
            except NotWritten:
                self._keep(self._take_back(job_id, was_sent=bool(row.get("generation_id"))))
                raise
            finally:
                if held:
                    held.end()

        return await self._surely(begin())

    async def _take_back(self, job_id: str, *, was_sent: bool) -> None:
        """End a job that nobody drives, if it was written down though the ledger could not say so.

        Else it would count against a limit, and could not be deleted, until the next start.
        """
        was: State = "running" if was_sent else "prepared"
        to: State = "needs_attention" if was_sent else "rejected"
        await self._write(job_id, was, to, error=error_to_json(_not_written_down()))

    async def _surely(self, steps: Coroutine[Any, Any, Result]) -> Result:
        """Go through with `steps`, though whoever asked leaves: a closed tab cancels its handler,
        and a row that says "running" would have nobody who drives it."""
        task = asyncio.get_running_loop().create_task(steps)
        self._promises.add(task)
        task.add_done_callback(self._promises.discard)
        return await asyncio.shield(task)

    def _drive(self, job: Job, turn: Turn | None = None, *, left_over: bool = False) -> Job:
        if self._is_stopping:
            return self._live.get(job.id, job)  # the next process goes on with it
        if job.id not in self._live:
            self._live[job.id] = job
            job.is_driven = True
            job.want()
            self._keep(self._see_through(job, turn and turn.share(), left_over=left_over))
        return self._live[job.id]

    def _keep(self, steps: Coroutine[Any, Any, None]) -> None:
        """Go through with `steps` until `stop`."""
        task = asyncio.get_running_loop().create_task(steps)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_through(self, job: Job, turn: Turn | None, *, left_over: bool) -> None:
        try:
            if left_over:
                await self._take_up(job)
            for pause in (*LOOK_AGAIN_AFTER, None):
                error = await self._go_on(job)
                if job.is_only_looked_for:
                    return
                if job.state != "needs_attention" or pause is None or not _may_pass(error):
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await job._changed.wait()  # somebody looked again by hand, or deleted it
                if job.is_over:
                    await self._move(job, "needs_attention", "running")
                if job.is_over:
                    return
        finally:
            self._live.pop(job.id, None)
            job.is_driven = False
            job._tell()  # whoever follows what was left half-way
            if turn:
                turn.end()
            if job.is_for_one_call and not self._is_stopping:
                self._keep(self._clear_away(job))

    async def _take_up(self, job: Job) -> None:
        """Begin with what an earlier process left.

        What may have been sent is not sent again; nor is what was not, for whoever pressed the
        button may be gone, or was told that nothing was sent.
        """
        match job.state:
            case "prepared":
                await self._end(job, _restarted_before_sending())
            case "submitting":
                await self._end(job, _restarted_while_sending())
            case "needs_attention":
                await self._move(job, "needs_attention", "running")
            case "running" if job.is_demo:
                await self._end(job, _demo_restarted())
            case "running" if job.is_only_looked_for:
                await self._end(job, _nobody_waits(job))

    async def _go_on(self, job: Job) -> VeoError | None:
        """Take `job` as far as it goes; gives the error that it ended in, if it did."""
        error: VeoError
        try:
            if job.state == "prepared":
                await self._submit(job)
            video = await self._look(job) if job.state == "running" else None
            if job.state == "downloading":
                await self._receive(job, video)
            return None
        except VeoError as known:
            error = known
        except Exception:
            _log.exception("Job %s ended in a fault of ours.", job.id)
            error = _our_fault(job)
        await self._end(job, error)
        return error

    async def _submit(self, job: Job) -> None:
        """The step that costs money.  That it is about to be taken is written down before."""
        client, request = self.client_for(job.entry.owner, job.entry.payer), job.request
        if client is None or request is None:
            raise _key_forgotten()
        if await self._move(job, "prepared", "submitting"):
            await self._surely(self._send(job, client, request))

    async def _send(self, job: Job, client: VeoClient, request: VideoRequest) -> None:
        try:
            submit = self._observed(client, job).submit
            generation_id = await self._in(self._asking, submit, request)
        except VeoError as error:
            # Written down here, for whoever drives the job may have been stopped.
            await self._end(job, error)
            return
        # A process may die before it is written down.
        _log.info("Job %s has the id %r.", job.id, generation_id)
        # Shown at once: if it cannot be written down now, a person may.
        job._tell(generation_id=generation_id)
        await self._move(
            job,
            ("submitting", "uncertain"),
            "running",
            generation_id=generation_id,
            submitted=time.time(),
        )

    async def _look(self, job: Job) -> Video | None:
        if self.shelf.has_something(job.entry.clip):
            # The service may have it no longer, and what is here may be whole.
            await self._move(job, "running", "downloading")
            return None
        submitted = job.entry.submitted
        with self._key_of(job.entry.owner, job.entry.payer) as client:
            if client is None:
                raise _key_forgotten()
            updates = self._observed(client, job).follow(
                job.generation_id or "",
                expected=job.entry.expected,
                submitted_ago=max(time.time() - submitted, 0.0) if submitted else None,
                sleep=_leave_waiting_to_us,
                give_up_after=self._give_up_after,
            )

            def next_update() -> Update | None:
                # With a default: a StopIteration out of a thread would hang whoever awaits it.
                return next(updates, None)

            while update := await self._in(self._asking, next_update):
                job._tell(update=update)
                if update.video:
                    place = job.entry.clip or self.shelf.new_place()
                    await self._move(job, "running", "downloading", clip=place)
                    return update.video
                await self._pause(job, update.next_poll_in)
                if not job.is_wanted:
                    raise _nobody_waits(job)
                if self.client_for(job.entry.owner, job.entry.payer) is not client:
                    return await self._look(job)  # with another key, if there is one
        return None

    async def _pause(self, job: Job, seconds: float) -> None:
        """Wait for the next look; who hangs up is not waited for."""
        if not job.is_for_one_call:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await job._left.wait()

    async def _receive(self, job: Job, video: Video | None) -> None:
        with self._key_of(job.entry.owner, job.entry.payer) as client:
            observed = self._observed(client, job) if client else None
            receive = partial(
                self.shelf.receive,
                job.entry.clip or "",
                partial(_download, observed, job.generation_id or "", video),
                name=DEMO_CLIP if job.is_demo else "veo-clip.mp4",
                request=job.entry.request,
            )
            try:
                facts = asdict(await self._in(self._fetching, receive))
            except media.BrokenClip as error:
                raise DownloadFailed(str(error)) from error
            except OSError as error:
                reason = (error.strerror or type(error).__name__).lower()
                raise DownloadFailed(f"The clip cannot be kept here ({reason}).") from error
        if video and job.entry.submitted:
            facts["took"] = time.time() - job.entry.submitted
        await self._move(job, "downloading", "done", facts=facts)
        await self._in(self._fetching, self._make_room)

    def _make_room(self) -> None:
        """Room for other clips, in a thread.  Whatever goes wrong, this job is done."""
        arriving = {job.entry.clip for job in [*self._live.values()] if job.entry.clip}
        try:
            self.shelf.make_room(arriving)
        except Exception:
            _log.exception("No room could be made on the shelf.")

    def _observed(self, client: VeoClient, job: Job) -> VeoClient:
        return client.with_trace(partial(self.exchanges.note, job.id))

    @contextmanager
    def _key_of(self, owner: str, payer: Payer) -> Iterator[VeoClient | None]:
        """The client that asks for `owner`, if its key is known; a visitor's that is refused is
        forgotten."""
        client = self.client_for(owner, payer)
        try:
            yield client
        except Refused as error:
            # Another may have been brought meanwhile.
            if error.is_about_the_key and self._visitors.get(owner) is client:
                self.drop_key(owner)
            raise

    async def _end(self, job: Job, error: VeoError) -> None:
        """Write down how it ended."""
        unknown = isinstance(error, Refused) and error.reason == "not_found"
        if unknown and job.is_demo and job.entry.submitted:
            error = _demo_restarted()
        await self._move(job, job.state, _state_after(job.entry, error), error=error_to_json(error))

    async def _move(
        self, job: Job, was: State | tuple[State, ...], to: State, **changes: Any
    ) -> bool:
        """Change the state in the ledger, then here."""
        if to in OPEN:
            changes.setdefault("error", None)
        moved = await self._write(job.id, was, to, **changes)
        if moved:
            job._tell(state=to, updated=time.time(), **changes)
        return moved

    async def _write(
        self, job_id: str, was: State | tuple[State, ...], to: State, **changes: Any
    ) -> bool:
        """Change the state in the ledger.  What was paid for is written, however long the disk is
        full or the database away."""
        write = partial(self.ledger.move, job_id, was, to, **changes)
        pause = 0.0
        while True:
            try:
                moved = await self._in(self._writing, write)
                if not moved and pause:
                    # A database that was lost in the very commit may have written it.
                    entry = await self._in(self._writing, self.ledger.get, job_id)
                    moved = entry is not None and entry.state == to
                return moved
            except OutOfReach as error:
                given = changes.get("generation_id")
                what = f"{to} with the id {given!r}" if given else to
                said = "Job %s: %s cannot be written down; trying again. %s"
                _log.error(said, job_id, what, error)
                pause = min(2 * pause or WRITE_AGAIN_AFTER, WRITE_AGAIN_AT_LEAST_EVERY)
                await asyncio.sleep(pause)

    async def _in(
        self, pool: ThreadPoolExecutor, call: Callable[..., Result], *arguments: Any
    ) -> Result:
        return await asyncio.get_running_loop().run_in_executor(pool, partial(call, *arguments))


def _download(
    client: VeoClient | None, generation_id: str, video: Video | None, path: Path
) -> Path:
    """Fetch the clip; after a restart its address is asked for anew, for none is written down."""
    if client is None:
        raise _key_forgotten()
    video = video or client.check(generation_id).video
    if video is None:
        raise DownloadFailed("The service shows no video for this id.", generation_id=generation_id)
    return client.download(video, path)


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


def _may_pass(error: VeoError | None) -> bool:
    """Whether looking again later may help without anybody's doing."""
    return isinstance(error, Busy | Unreachable | TookTooLong | DownloadFailed)


def _is_about_the_account(error: VeoError | None) -> bool:
    """Whether another key, or a top-up, may help: there may have been one since."""
    return isinstance(error, Refused) and (error.is_about_the_key or error.reason == "credits")


def _key_forgotten() -> Refused:
    return Refused("The key for this clip is not here any more.", reason="no_key")


def _not_written_down() -> TookTooLong:
    return TookTooLong("The server could not write its list of clips.")


def _restarted_before_sending() -> TookTooLong:
    return TookTooLong("The server stopped before the request was sent.")


def _restarted_while_sending() -> SubmissionUncertain:
    return SubmissionUncertain.after("The server stopped while the request was sent")


def _demo_restarted() -> Failed:
    return Failed("The demo service was restarted and has forgotten this clip.")


def _nobody_waits(job: Job) -> TookTooLong:
    said = "Nobody waited for this clip any more."
    return TookTooLong(said, generation_id=job.generation_id)


def _our_fault(job: Job) -> VeoError:
    """What can be said after an error that nobody foresaw."""
    if job.state == "submitting":
        return SubmissionUncertain.after("Something went wrong here")
    return VeoError("Something went wrong here.", generation_id=job.generation_id)


def _leave_waiting_to_us(_: float) -> None:
    """The generator's `sleep`: the event loop waits instead, without a thread."""
