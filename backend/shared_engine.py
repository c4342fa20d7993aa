"""The engine of several servers: Procrastinate, in the ledger's own PostgreSQL, one task for a job.

It does three things: it hands a job to one live server, beats hearts, and lets others have what a
dead server held.  The task is `run(job_id)`, the same as in one process, and lasts as long as the
job is driven; the waits between looks stay timers of this process.

    at-<this server>   the queue of what begins here: a visitor's key is in this server's memory
    any                the queue of what a server left that died, or stops

A job comes back to its own server's queue after a lost connection, and is moved to `any` if that
does not fetch it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, cast

import procrastinate
import psycopg
from procrastinate import exceptions, jobs, manager, retry, schema
from sqlalchemy import Connection, make_url, text

from backend.background import LONGEST_STOP, Background
from backend.engine import DEAD_AFTER, LEASE, SEND_WITHIN, Lease, Lost, NoEngine, Run, steady_now
from backend.ledger import ACTIVE_STATES, Ledger, OutOfReach

ANY = "any"
AT_ONCE = 100_000
"""Jobs that one server drives: each costs a timer, and the last one alive must take them all."""
CONNECTIONS = 3
BEGIN_AGAIN_AFTER = 0.5
"""Seconds after which a worker is begun in place of one that ended."""
LET_GO_AFTER = 1.0
"""Seconds, at most, before a job goes back to a queue that could not be begun: nobody hurries."""
FAULT_AGAIN_AFTER = 60
"""Seconds after which a job is run again that ended in a fault of ours."""

CANNOT_NOW = (Lost, OutOfReach)
"""What ends a job here that goes on as soon as the database is heard of again."""

FETCHED_AT_ONCE = 100
RESCUE = (*[("rescue", "unclaimed")] * 23, ("rescue", "unclaimed", "forgotten"))
"""The statements of each round; all rounds take as long as a server has until it counts as dead."""

_log = logging.getLogger(__name__)


@cache
def _query(name: str) -> str:
    return (Path(__file__).with_name("sql") / f"{name}.sql").read_text()


class Shared:
    """One of several servers, from `start` to `stop`, on one event loop."""

    is_shared = True

    def __init__(self, ledger_url: str, *, dead_after: float = DEAD_AFTER) -> None:
        self.send_within = SEND_WITHIN * dead_after
        self._dead_after = dead_after
        self._lease = Lease(LEASE * dead_after)
        self._mine = f"at-{secrets.token_hex(4)}"
        self._hand = text(_query("hand"))
        self._is_stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._app = procrastinate.App(connector=_connector(ledger_url, dead_after))
        self._manager = _Manager(self._app.connector, self._lease, beat_within=dead_after / 3)
        self._app.job_manager = self._manager

        @self._app.task(name="run", queue=ANY, retry=_HandBack(self._queue_to_go_back_to))
        async def run(job_id: str) -> None:
            try:
                await self._run(job_id)
            except CANNOT_NOW:
                await asyncio.sleep(min(LET_GO_AFTER, dead_after / 6))
                raise

        self._task = run

    @property
    def term(self) -> int:
        return self._lease.term

    def held(self, term: int, /) -> bool:
        return self._lease.held(term)

    def install(self, ledger: Ledger) -> None:
        """Make Procrastinate's tables; raises `NoEngine` if another version of it made them."""
        ours = procrastinate.__version__
        made_by = ledger.install_engine(ours, schema.SchemaManager.get_schema())
        if made_by != ours:
            raise NoEngine(
                f"The ledger's database was set up with Procrastinate {made_by}, and {ours} is "
                f'installed here: pip install "procrastinate=={made_by}"'
            )

    def attach(self, run: Run, _background: Background, /) -> None:
        self._run = run

    def hand(self, connection: Connection, job_id: str) -> None:
        connection.execute(self._hand, {"queue": self._mine, "job_id": job_id})

    def begin(self, job_id: str) -> None:
        """Do nothing: the database told the worker when the row was committed."""

    async def start(self, left_over: Collection[str]) -> None:
        await self._app.open_async()
        if left_over:
            in_queues = {job.task_kwargs["job_id"] for job in await self._manager.list_jobs_async()}
            for job_id in {*left_over} - in_queues:
                await self._task.configure(queue=self._mine).defer_async(job_id=job_id)
        steps = self._work(), self._rescue()
        self._tasks = [asyncio.create_task(each) for each in steps]
        with suppress(TimeoutError):  # until then nothing may begin here
            await asyncio.wait_for(self._manager.has_beaten.wait(), self._dead_after)

    async def stop(self) -> None:
        """Let others have what is driven here; what is being sent gets its id first."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LONGEST_STOP)
            with suppress(exceptions.ConnectorException, TimeoutError):
                await asyncio.wait_for(self._app.close_async(), timeout=5)

    def _queue_to_go_back_to(self) -> str:
        return ANY if self._is_stopping else self._mine

    async def _work(self) -> None:
        """Fetch jobs and run them.  A worker ends with its connection: another is begun then."""
        while True:
            await self._work_once()
            await asyncio.sleep(BEGIN_AGAIN_AFTER)

    async def _work_once(self) -> None:
        self._manager.must_end.clear()
        ends = [
            asyncio.create_task(self._app.run_worker_async(**self._worker())),
            asyncio.create_task(self._must_end()),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ends:
                each.cancel()
            # The jobs that it runs are let go, and go back to a queue.
            for ended in await asyncio.gather(*ends, return_exceptions=True):
                if isinstance(ended, Exception):
                    _log.warning("The worker has ended; another begins. %s", ended)

    async def _must_end(self) -> None:
        await self._manager.must_end.wait()

    def _worker(self) -> dict[str, Any]:
        return {
            "queues": [ANY, self._mine],
            "concurrency": AT_ONCE,
            "delete_jobs": "always",
            "shutdown_graceful_timeout": 0,
            "install_signal_handlers": False,
            "fetch_job_polling_interval": min(1.0, self._dead_after / 6),
            "update_heartbeat_interval": self._dead_after / 3,
            "stalled_worker_timeout": self._dead_after,
        }

    async def _rescue(self) -> None:
        """Let those who are alive have what the dead left."""
        for names in cycle(RESCUE):
            await asyncio.sleep(self._dead_after / len(RESCUE))
            try:
                async with asyncio.timeout(self._dead_after / 6):  # then the pool is asked anew
                    for name in names:
                        await self._app.connector.execute_query_async(
                            _query(name), dead=self._dead_after, states=[*ACTIVE_STATES]
                        )
            except Exception as error:  # whatever it is, the next round may go better
                _log.warning("Jobs of other servers cannot be looked for. %s", error)


def _connector(ledger_url: str, dead_after: float) -> procrastinate.PsycopgConnector:
    url = make_url(ledger_url).set(drivername="postgresql")
    timeout = int(1000 * dead_after / 3)

    async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
        """No row is held by a server that is frozen in the middle of a write."""
        # Each of Procrastinate's calls is one statement: a transaction more is two round trips.
        await connection.set_autocommit(True)
        settings = dict.fromkeys(("lock_timeout", "idle_in_transaction_session_timeout"), timeout)
        # The next job is found by its index.  Statistics from before a server died with thousands
        # say that there are few, and all of them would be sorted to fetch one: 7 ms, and not 0.5.
        for name, value in {**settings, "enable_sort": "off"}.items():
            await connection.execute("SELECT set_config(%s, %s, false)", (name, str(value)))

    return procrastinate.PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        # A network that takes and answers nothing must not hold a heartbeat for minutes.
        kwargs={"connect_timeout": 5, "tcp_user_timeout": int(1000 * dead_after)},
        configure=configure,
        min_size=1,
        max_size=CONNECTIONS,
        timeout=dead_after,
        # By itself the pool would try at longer and longer intervals, up to minutes apart.
        reconnect_timeout=dead_after / 10,
    )


class _HandBack(retry.BaseRetryStrategy):
    """What a worker lets go of goes back to a queue, however it came about: none stays open."""

    def __init__(self, queue: Callable[[], str]) -> None:
        self._queue = queue

    def get_retry_decision(
        self,
        *,
        exception: BaseException,
        job: jobs.Job,  # noqa: ARG002  # so it is called
    ) -> retry.RetryDecision | None:
        if isinstance(exception, (asyncio.CancelledError, exceptions.JobAborted, *CANNOT_NOW)):
            return retry.RetryDecision(queue=self._queue())
        return retry.RetryDecision(queue=self._queue(), retry_in={"seconds": FAULT_AGAIN_AFTER})


class _Manager(manager.JobManager):
    """Tells the lease which heartbeats arrived; `JobManager` has no hook, so we subclass it."""

    def __init__(self, connector: Any, lease: Lease, *, beat_within: float) -> None:
        super().__init__(connector)
        self.must_end = asyncio.Event()
        """Set when this server holds a row that it cannot give back: a worker that is dead is
        rescued, and one that lives is not."""
        self.has_beaten = asyncio.Event()
        self._lease = lease
        self._beat_within = beat_within
        self._fetched: deque[jobs.Job] = deque()
        self._fetched_by = 0

    async def register_worker(self) -> int:
        return int(await self._heard(super().register_worker()))

    async def update_heartbeat(self, worker_id: int) -> None:
        try:
            async with asyncio.timeout(self._beat_within):
                await self._heard(super().update_heartbeat(worker_id))
        except (exceptions.ConnectorException, TimeoutError) as error:
            # Raised, it would end the heart and not the worker: `Worker` watches its side tasks
            # only until the first has ended, and the one for periodic tasks ends at once.
            _log.warning("A heartbeat did not arrive. %s", error)

    async def _heard(self, beat: Coroutine[Any, Any, Any]) -> Any:
        sent = steady_now()
        told = await beat
        self._lease.beat(sent)
        self.has_beaten.set()
        return told

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> jobs.Job | None:
        """Give the next of those that were fetched together.

        Those that a worker leaves behind are rescued, as all that it held.
        """
        if worker_id != self._fetched_by:
            self._fetched.clear()
        if not self._fetched:
            self._fetched_by = worker_id
            rows = await self.connector.execute_query_all_async(
                _query("fetch"),
                queues=list(queues or ()),
                worker_id=worker_id,
                at_most=FETCHED_AT_ONCE,
            )
            self._fetched.extend(map(jobs.Job.from_row, rows))
        return self._fetched.popleft() if self._fetched else None

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:
        with self._giving_back():
            await super().finish_job(job, status, delete_job)

    async def retry_job(
        self,
        job: jobs.Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        with self._giving_back():
            await self.retry_job_by_id_async(
                job_id=job.id or 0,
                # As it is, for `JobManager` would put this machine's time in the place of none,
                # and that may be ahead of the database's.
                retry_at=cast(datetime, retry_at),
                priority=priority,
                queue=queue,
                lock=lock,
            )

    @contextmanager
    def _giving_back(self) -> Iterator[None]:
        try:
            yield
        except exceptions.ConnectorException as error:
            # That there is no such row says that others rescued it.
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                self.must_end.set()
