"""All jobs of one server: begin one, find one by its id, look again, delete; on one event loop.

A closed tab stops no job, and any number of viewers follow one.  What a job costs and how far it is
stands in the ledger before anything else happens, so that after a crash each goes on where it was,
and none is sent twice: `backend.runner` has the steps.  A job that is only looked for by its id
goes on while somebody waits for it, for anybody may look.

Who calls `Jobs.run` is `backend.engine`'s to say: this process alone, or one of several servers.
What another server drives is shown from its row, which is read once a second while somebody follows
it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from backend.background import Background
from backend.engine import Engine, Here, Lost
from backend.following import Following
from backend.job import Job
from backend.keys import Keys
from backend.ledger import (
    ACTIVE_STATES,
    EVERY_JOB,
    ONE_CALL,
    TO_DRIVE,
    Entry,
    Held,
    Ledger,
    Limits,
    NotWritten,
    OutOfReach,
    Payer,
    Sought,
    Spent,
    State,
    new_id,
)
from backend.look_limits import Turn, Turns
from backend.pictures import Pictures
from backend.recent_http import RecentHttp
from backend.runner import Runner, is_about_the_account, may_pass
from backend.storage import Storage
from backend.stored_errors import error_as_json
from veo_client import Busy, Generation, Refused, TookTooLong, VeoClient, VideoRequest

__all__ = ["ONE_CALL", "Job", "Jobs"]

CALL_SERVED = 3600.0
"""Seconds in which a program may fetch the clip that it looked for by an id."""
JUST_TAKEN = 60.0
"""Seconds in which the service may not know an id yet that it gave."""
_log = logging.getLogger(__name__)

NEWS_EVERY = 1.0
"""Seconds after which rows are read anew that another server changes."""
RESTING_EVERY = 10
"""Of those, once for what rests here and nobody follows: another server may have taken it."""

NEXT_LOOK: Mapping[State, State] = {
    "needs_attention": "running",
    "needs_key": "running",
    "done": "downloading",
}
"""Where a job goes on that is looked for again."""


class Jobs:
    """The jobs of one process; `start` goes on with what an earlier one left.

    `client_of` gives the client for who pays, or None when there is no such key; a visitor's comes
    from `set_key` and is forgotten `key_kept` seconds after that.
    """

    def __init__(
        self,
        ledger: Ledger,
        storage: Storage,
        *,
        client_of: Callable[[Payer], VeoClient | None],
        key_kept: float = 3600.0,
        give_up_after: float = 1200.0,
        engine: Engine | None = None,
    ) -> None:
        self._engine = engine or Here()
        self.ledger = ledger
        self.storage = storage
        storage.use_ledger(ledger)
        self.pictures = Pictures(ledger, storage)
        self.keys = Keys(client_of, kept_for=key_kept)
        self.recent_http = RecentHttp()
        """What was asked and answered for each job since this process began."""
        self.following = Following()
        self.background = Background()
        self._turns = Turns()
        self._live: dict[str, Job] = {}
        """The jobs that this process drives, by their id."""
        self._elsewhere: MutableMapping[str, Job] = WeakValueDictionary()
        """The open jobs that other servers drive and somebody holds here."""
        self._asked_here: dict[str, asyncio.Event] = {}
        """The jobs that go on because of what was pressed here, until they are driven; each with
        whether it stands in `_live`."""
        self._held_turns: dict[str, Turn] = {}
        self._taking: MutableMapping[str, asyncio.Lock] = WeakValueDictionary()
        self._to_take: dict[str, asyncio.Future[Entry | None]] = {}
        self._taking_all = asyncio.Lock()
        self._runner = Runner(
            ledger,
            storage,
            pictures=self.pictures,
            keys=self.keys,
            recent_http=self.recent_http,
            background=self.background,
            engine=self._engine,
            arriving=self._arriving,
            give_up_after=give_up_after,
        )
        self._engine.attach(self.run, self.background)

    async def start(self) -> None:
        """Begin to go on with what an earlier process left; each job by itself, in its own time.

        A ledger that cannot be written keeps them waiting, not the server.
        """
        write, ledger = self.background.write, self.ledger
        await write(self.storage.clean_up, ledger.awaits_clip)
        for deleted in await write(self._awaiting_file_removal):
            await self._in_its_thread(self._remove_files, deleted)
        await self.clean_up_pictures()
        for job in map(Job, await write(ledger.only_looked_for)):
            if job.is_for_one_call:
                await self._in_its_thread(self._remove, job.entry)
        left_over = map(Job, await write(ledger.in_states, *TO_DRIVE))
        await self._start_engine([job for job in left_over if _goes_on_by_itself(job)])

    async def stop(self) -> None:
        """Stop driving, but let what is being sent get its id, and that be written down.

        It takes `background.LONGEST_STOP` at most, with several servers twice that if the database
        is away, and nothing new is begun from now on.  A process that is killed instead leaves
        nothing worse than a job that is uncertain.
        """
        self.background.begin_stop()
        await self._engine.stop()
        await self.background.stop()

    async def generate(
        self,
        request: VideoRequest,
        *,
        owner: str,
        payer: Payer,
        quota_key: str,
        expected: float,
        dollars: float | None = None,
        limits: Limits | None = None,
        batch: str | None = None,
        take: int | None = None,
    ) -> Job:
        """Write `request` down, submit it and see it through.  Call it once for a click.

        A further take names the id of the first, its `batch`, and which one it is.

        Raises `LimitReached`, `PriceNotTold`, `PicturesGone`, or `NotWritten` when it cannot be
        written down; nothing is sent then.
        """
        return await self._begin(
            owner=owner,
            payer=payer,
            quota_key=quota_key,
            request=request.noted(),
            expected=expected,
            dollars=dollars,
            limits=limits,
            batch=batch,
            take=take,
            pictures_anywhere=self.storage.is_shared,
        )

    async def look(
        self, generation_id: str, *, owner: str, payer: Payer, quota_key: str = ""
    ) -> Generation:
        """Look once at an id; raises `Busy` if `quota_key` has too many looks."""
        with self._turn_of(quota_key or owner, generation_id) as turn:
            return await self._look_once(generation_id, owner, payer, turn)

    async def resume(
        self, generation_id: str, *, owner: str, payer: Payer, expected: float, quota_key: str = ""
    ) -> Job:
        """Follow an earlier request by its id.

        A job of the same owner that has the id goes on, unless another server drives it, or who
        pays for it is another and may not know the id.  Else the service is asked before anything
        is written down, and the error of that leaves nothing; `Busy` says that `quota_key` has too
        many looks.
        """
        write = self.background.write
        for entry in await write(self.ledger.with_id, owner, generation_id):
            job = self._shown(entry)
            has_clip = job.state == "done" and self.storage.has(entry.clip)
            goes_on = job.is_over or job.is_driven or job.has_news
            if has_clip or (entry.payer == payer and goes_on):
                return await self.look_again(job)
        self._require_running()
        lately = partial(self.ledger.was_taken_since, since=time.time() - JUST_TAKEN)
        with self._turn_of(quota_key or owner, generation_id) as turn:
            # What was sent here a moment ago is known to be there.
            if not await write(lately, generation_id, payer):
                await self._look_once(generation_id, owner, payer, turn)
            return await self._begin(
                turn,
                owner=owner,
                payer=payer,
                quota_key=quota_key or owner,
                request=None,
                expected=expected,
                generation_id=generation_id,
            )

    async def look_again(self, job: Job) -> Job:
        """Go on with a job that needs a key or attention, or whose clip was evicted.

        Without a key it ends at once as one that needs it, and goes on when that is given.  For
        what was not asked for here, `Busy` says that there are too many such looks.
        """

        async def go_on(job: Job) -> Job:
            state, to = job.state, NEXT_LOOK.get(job.state)
            is_there = state == "done" and self.storage.has(job.entry.clip)
            if not to or is_there:
                return self._live.get(job.id, job)
            with self._turn_if_only_looked_for(job) as turn, self._asking_here(job.id):
                again = partial(self._runner.transition, job, state, to, even_if_lost=True)
                if await again(hand=True):
                    return self._start_driver(job, turn)
                self._asked_here.pop(job.id, None)
            return self._live.get(job.id, job)  # perhaps another tab was faster

        return await self.background.shielded(go_on(self._live.get(job.id, job)))

    async def get(self, job_id: str, owner: str) -> Job | None:
        """The job, if it is this visitor's."""
        job = self._live.get(job_id)
        # No database takes half a character, and no id of ours holds one.
        if job is None and job_id.isascii():
            entry = await self.background.write(self.ledger.get, job_id)
            # Somebody may have looked again meanwhile.
            job = self._live.get(job_id) or (self._shown(entry) if entry else None)
        return job if job and job.entry.owner == owner else None

    async def of(self, owner: str, sought: Sought = EVERY_JOB, *, limit: int = 100) -> list[Job]:
        """A visitor's jobs, newest first."""
        read = partial(self.ledger.of, owner, limit, sought=sought)
        return self._wanted(await self.background.write(read))

    async def newest(self, owner: str, limit: int) -> tuple[list[Job], Held]:
        """A visitor's newest jobs, and how many they have, with the room that their clips take."""
        entries, held = await self.background.write(self.ledger.newest, owner, limit)
        return self._wanted(entries), held

    def _wanted(self, entries: Iterable[Entry]) -> list[Job]:
        jobs = [*map(self._shown, entries)]
        for job in jobs:
            job.want()
        return jobs

    async def some_of(self, owner: str, job_ids: Collection[str]) -> list[Job]:
        """Those of `job_ids` that are this visitor's, in their order."""
        entries = await self.background.write(self.ledger.by_ids, [*filter(str.isascii, job_ids)])
        mine = {each.id: self._shown(each) for each in entries if each.owner == owner}
        return [mine[each] for each in job_ids if each in mine]

    async def with_id(self, owner: str, generation_id: str) -> list[Job]:
        """A visitor's jobs that have this id of the service, newest first."""
        entries = await self.background.write(self.ledger.with_id, owner, generation_id)
        return [*map(self._shown, entries)]

    async def star(self, job_id: str, owner: str, *, starred: bool) -> bool:
        """Give a visitor's own job a star, or take it away; tell whether it is theirs."""
        if not job_id.isascii():
            return False
        return await self.background.write(
            partial(self.ledger.star, job_id, owner, starred=starred)
        )

    async def spent(self, owner: str, since: float) -> Spent:
        """What a visitor's clips cost since `since`, in seconds since 1970."""
        return await self.background.write(self.ledger.spent, owner, since)

    async def delete(self, job: Job) -> bool:
        """Forget a job and its clip, for good, once nobody drives it; tell whether it was done."""

        def forget() -> Entry | None:
            entry = self.ledger.get(job.id)
            return entry if entry and self.ledger.delete(job.id) else None

        async def forget_and_tell() -> bool:
            entry = await self.background.write(forget)
            if not entry:
                return False
            await self._in_its_thread(self._remove_files, entry)
            self.recent_http.forget(job.id)
            if live := self._live.pop(job.id, None):
                live.change(deleted=time.time())  # wakes who would have looked again
            return True

        return await self.background.shielded(forget_and_tell())

    # Visitors' keys

    async def set_key(self, owner: str, client: VeoClient) -> None:
        """Take a visitor's key for a while; jobs that waited for it go on."""
        self.keys.set(owner, client)
        anywhere = self._engine.is_shared
        waiting = partial(self.ledger.in_states, "needs_key", owner=owner, anywhere=anywhere)
        for entry in await self.background.write(waiting):
            with suppress(Busy):  # it still says that it may be looked for again
                await self.look_again(Job(entry))

    async def _go_on_with_key(self, entry: Entry) -> None:
        with suppress(Busy, OutOfReach):  # it is asked for again with the next news
            await self.look_again(Job(entry))

    def forget_key(self, owner: str) -> None:
        self.keys.forget(owner)

    def has_key(self, owner: str) -> bool:
        return self.keys.has(owner)

    def client_for(self, owner: str, payer: Payer) -> VeoClient | None:
        """The client that pays, while its key is known."""
        return self.keys.client_for(owner, payer)

    def has_unfinished(self, owner: str) -> bool:
        """Whether a job of `owner` is driven, or will be again by itself."""
        mine = [job for job in self._live.values() if job.entry.owner == owner]
        return any(not job.is_over or job.state == "needs_attention" for job in mine)

    # Looks at ids, which anybody may make up

    @contextmanager
    def _turn_of(self, quota_key: str, generation_id: str | None) -> Iterator[Turn]:
        """One of the looks at ids that `quota_key` may have."""
        try:
            turn = self._turns.take(quota_key)
        except Busy as error:
            error.generation_id = generation_id
            raise
        try:
            yield turn
        finally:
            turn.end()

    def _turn_if_only_looked_for(self, job: Job) -> AbstractContextManager[Turn | None]:
        if not job.is_only_looked_for:
            return nullcontext()
        return self._turn_of(job.entry.quota_key, job.generation_id)

    async def _look_once(
        self, generation_id: str, owner: str, payer: Payer, turn: Turn
    ) -> Generation:
        """Ask the service; the thread holds `turn`, too, for it may outlast whoever asked."""
        with self.keys.lend(owner, payer) as client:
            if client is None:
                raise Refused("There is no key to look with.", reason="no_key")
            asked = self.background.looking.submit(client.check, generation_id)
            asked.add_done_callback(turn.share().end)
            return await asyncio.wrap_future(asked)

    # From a row to a driver

    async def _begin(self, turn: Turn | None = None, **row: Any) -> Job:
        """Write a job down and drive it."""
        self._require_running()
        job_id = new_id()
        held = turn.share() if turn else None  # whoever asked may leave meanwhile

        async def begin() -> Job:
            add = partial(self.ledger.add, job_id=job_id, **row)
            try:
                with self._asking_here(job_id):
                    return self._start_driver(Job(await self.background.write(add)), held)
            except NotWritten:
                was_sent = bool(row.get("generation_id"))
                self.background.spawn(self._take_back(job_id, was_sent=was_sent))
                raise
            finally:
                if held:
                    held.end()

        return await self.background.shielded(begin())

    def _require_running(self) -> None:
        if self.background.is_stopping:
            raise NotWritten("the server stops")
        if not self._engine.held(self._engine.term):
            raise NotWritten("the database has not been heard of")

    async def _take_back(self, job_id: str, *, was_sent: bool) -> None:
        """End a job that nobody drives, if it was written down though the ledger could not say so.

        Else it would count against a limit, and could not be deleted, until the next start.
        """
        was: State = "running" if was_sent else "prepared"
        to: State = "needs_attention" if was_sent else "rejected"
        error = TookTooLong("The server could not write its list of clips.")
        await self._runner.persist(job_id, was, to, error=error_as_json(error))

    @contextmanager
    def _asking_here(self, job_id: str) -> Iterator[None]:
        """Note that the job goes on because of what was pressed here: it is no left-over.

        An engine may run it as soon as its row is committed, before whoever pressed has it: `run`
        waits for that.
        """
        is_there = self._asked_here.setdefault(job_id, asyncio.Event())
        try:
            yield
        finally:
            if job_id not in self._live:
                self._asked_here.pop(job_id, None)
            is_there.set()

    def _start_driver(self, job: Job, turn: Turn | None = None, *, left_over: bool = False) -> Job:
        """Have `job` driven unless somebody does; gives the job that is driven."""
        if self.background.is_stopping:
            return self._live.get(job.id, job)  # the next process goes on with it
        if job.id not in self._live:
            self._live[job.id] = job
            job.is_driven = True
            job.want()
            if not left_over:
                self._asked_here.setdefault(job.id, asyncio.Event())
            if turn:
                self._held_turns[job.id] = turn.share()
            self._engine.begin(job.id)
        elif not self._engine.is_shared:  # who drives it goes on
            self._asked_here.pop(job.id, None)
        return self._live[job.id]

    async def _start_engine(self, left_over: Collection[Job]) -> None:
        if self._engine.is_shared:
            self.background.spawn(self._read_news())
        else:
            for job in left_over:
                self._start_driver(job, left_over=True)
        await self._engine.start([job.id for job in left_over])

    async def run(self, job_id: str) -> None:
        """Drive a job until it is over for good, or only a person can help.

        The one path to that, whoever calls it and however often.  Raises `Lost` when this server
        may not go on: the job is another's then, or nobody's.
        """
        job = await self._take(job_id) if self._engine.is_shared else self._live.get(job_id)
        if job is None:
            return
        left_over = self._asked_here.pop(job_id, None) is None
        try:
            await self._runner.run(job, left_over=left_over)
        except asyncio.CancelledError:
            if not job.is_replaced:
                raise
        finally:
            self._end_driver(job)

    async def _take(self, job_id: str) -> Job | None:
        """Make the job this server's, in the place of whoever drives it, here or elsewhere."""
        if is_there := self._asked_here.get(job_id):
            await is_there.wait()
        # One after the other: two who share a `Job` would write with the same epoch.
        async with self._taking.setdefault(job_id, asyncio.Lock()):
            if (older := self._live.get(job_id)) and older.driver:
                _replace(older)
                await asyncio.wait([older.driver])
            return await self._take_from_nobody_here(job_id)

    async def _take_from_nobody_here(self, job_id: str) -> Job | None:
        term = self._engine.term
        if not self._engine.held(term):
            raise Lost
        entry = await self._take_with_others(job_id)
        job = self._live.get(job_id) or self._elsewhere.pop(job_id, None)
        if entry is None:
            if job:
                self._end_driver(job)
            return None
        job = job or Job(entry)
        job.driver, job.term, job.is_replaced = asyncio.current_task(), term, False
        job.is_driven, job.has_news, job.list_is_away = True, False, False
        self._live[job_id] = job
        job.change(entry=entry)
        return job

    async def _take_with_others(self, job_id: str) -> Entry | None:
        """Take it in one statement with all that come while the one before is written."""
        told: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        self._to_take[job_id] = told
        if len(self._to_take) == 1:
            self.background.spawn(self._take_all())
        return await told

    async def _take_all(self) -> None:
        """Take the jobs that wait for it, and tell whoever waits for each."""
        async with self._taking_all:
            waiting, self._to_take = self._to_take, {}
            try:
                taken = await self.background.write(self.ledger.take_all, [*waiting])
                for job_id, told in waiting.items():
                    if not told.done():  # who waited may have left
                        told.set_result(taken.get(job_id))
            except Exception as error:  # whatever it is, each of them is to have it
                for told in waiting.values():
                    if not told.done():
                        told.set_exception(error)
            finally:
                for told in waiting.values():
                    told.cancel()

    def _end_driver(self, job: Job) -> None:
        """Drive `job` here no more; others may go on with it."""
        if self._live.get(job.id) is job:
            del self._live[job.id]
        job.is_driven, job.driver, job.term = False, None, None
        if self._engine.is_shared and not job.is_over:
            job.has_news = True
            self._elsewhere[job.id] = job
        job.change()  # whoever follows what was left half-way
        if turn := self._held_turns.pop(job.id, None):
            turn.end()
        if job.is_for_one_call and not job.has_news and not self.background.is_stopping:
            self.background.spawn(self._clear_away(job))

    # What other servers drive

    def _shown(self, entry: Entry) -> Job:
        """The job of a row that was read just now."""
        if live := self._live.get(entry.id):
            # Its owner gives a star, on whatever server; who drives it does not hear of that.
            live.entry = replace(live.entry, starred=entry.starred)
            return live
        if not self._engine.is_shared or entry.state not in ACTIVE_STATES:
            return Job(entry)
        job = self._elsewhere.get(entry.id) or Job(entry)
        self._elsewhere[entry.id] = job
        job.has_news = True
        if job.entry != entry:
            job.change(entry=entry)
        return job

    async def _read_news(self) -> None:
        """Read the rows that others may change: once a second what somebody follows here."""
        for seconds in count():
            await asyncio.sleep(NEWS_EVERY)
            # Here nothing happens to these, so a driver would not find out that it was replaced.
            still = [job for job in self._live.values() if not job.driver or _rests(job)]
            followed = [job for job in (*self._elsewhere.values(), *still) if job.is_followed]
            try:
                await self._read_news_of(followed if seconds % RESTING_EVERY else followed + still)
            except Exception:  # whatever it is, the next round may go better
                _log.exception("What other servers do could not be read.")

    async def _read_news_of(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        read = partial(self.ledger.by_ids, [job.id for job in jobs])
        try:
            rows = {entry.id: entry for entry in await self.background.write(read)}
        except OutOfReach:
            for job in jobs:
                job.set_away(True)
            return
        for job in jobs:
            job.set_away(False)
            self._take_news(job, rows.get(job.id))

    def _take_news(self, job: Job, entry: Entry | None) -> None:
        if entry is None:
            job.has_news = False
            job.change(deleted=time.time())
        elif self._live.get(job.id) is not job:
            job.has_news = job.has_news and entry.state in ACTIVE_STATES
            if entry.state == "needs_key" and self.has_key(entry.owner):
                # Another server took it over, which has no key.
                self.background.spawn(self._go_on_with_key(entry))
            elif job.entry != entry:
                job.change(entry=entry)
        elif job.driver and entry.epoch > job.entry.epoch:
            _replace(job)
        elif not job.driver and entry.epoch and entry.runner != self.ledger.runner:
            self._asked_here.pop(job.id, None)
            job.change(entry=entry)
            self._end_driver(job)

    def _arriving(self) -> Collection[str]:
        """The clips that may not be evicted; called in a thread."""
        return {job.entry.clip for job in [*self._live.values()] if job.entry.clip}

    # What is removed

    async def _in_its_thread(self, remove: Callable[..., None], *what: Entry) -> None:
        """The ledger's thread waits for no network."""
        background = self.background
        pool = background.asking if self.storage.is_shared else background.writing
        await background.run_in_pool(pool, remove, *what)

    async def clean_up_pictures(self) -> None:
        """Remove the pictures that nobody needs any more."""
        try:
            await self._in_its_thread(self.pictures.clean_up)
        except Exception:  # whatever it is, the next round may go better
            _log.exception("Pictures that nobody needs could not be removed.")

    def _awaiting_file_removal(self) -> list[Entry]:
        return self.ledger.awaiting_file_removal(anywhere=self.storage.is_shared)

    def _remove_files(self, deleted: Entry) -> None:
        if deleted.clip and self.storage.remove(deleted.clip):
            with suppress(NotWritten):  # the next start tries again
                self.ledger.clip_removed(deleted.id, anywhere=self.storage.is_shared)
        with suppress(OutOfReach):  # likewise
            self.pictures.remove_listed()

    def _remove(self, entry: Entry) -> None:
        """Take away all of a job that was only looked for: first the clip, whose id the row
        names."""
        if entry.clip and not self.storage.remove(entry.clip):
            return  # the next start tries again
        with suppress(OutOfReach):  # likewise
            self.ledger.remove(entry.id)

    async def _clear_away(self, job: Job) -> None:
        """Remove what a program looked for and nobody can ask for again, once it had its clip."""
        self.forget_key(job.entry.owner)
        if job.state == "done":
            await asyncio.sleep(CALL_SERVED)
        await self._in_its_thread(self._remove, job.entry)
        self.recent_http.forget(job.id)


def _goes_on_by_itself(job: Job) -> bool:
    """Whether a job that an earlier process left is to be driven on, without anybody's doing."""
    if job.is_over and job.is_only_looked_for:
        return False
    return not job.is_over or may_pass(job.error) or is_about_the_account(job.error)


def _rests(job: Job) -> bool:
    """Whether its driver waits long, or for another server's request."""
    return job.is_over or job.state == "submitting"


def _replace(job: Job) -> None:
    """Have the driver let go: another took the job."""
    job.is_replaced = True
    if job.driver:
        job.driver.cancel()
