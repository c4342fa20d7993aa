"""One of several servers without a page, or the plain table that it is beside: a process that is
told what to do, a line of JSON each, and answers so.

    python -m benchmarks.one_server jobs SERVICE LEDGER NAME EVERY    our jobs, with their engine
    python -m benchmarks.one_server table SERVICE LEDGER NAME EVERY   looks that are due in a table

EVERY: seconds between two looks at a job, on average.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from backend.engine import DEAD_AFTER, Here, shared
from backend.jobs import Jobs
from backend.ledger import Ledger
from benchmarks.bench_waiting import Instant
from benchmarks.measure import peak_mib
from veo import polling
from veo_client import Generation, Update, VeoClient, VideoRequest

POLLED_EVERY, AT_A_TIME = 0.5, 100

CLAIM = """
UPDATE looks SET due = due + 3600 WHERE id IN (
    SELECT id FROM looks WHERE due <= extract(epoch FROM clock_timestamp())
    ORDER BY due LIMIT :at_a_time FOR UPDATE SKIP LOCKED
) RETURNING id, due - 3600
"""
NEXT = "UPDATE looks SET due = :due WHERE id = :id"


class Looking(VeoClient):
    """Notes how late each look begins."""

    def __init__(self, url: str, every: float) -> None:
        super().__init__("key", base_url=url)
        self.due: dict[str, float] = {}
        self.late: list[float] = []
        self.next_wait = partial(next_wait, every)

    def follow(self, generation_id: str, **options: Any) -> Generator[Update, None, None]:
        for update in super().follow(generation_id, **options):
            self.due[generation_id] = time.monotonic() + update.next_poll_in
            yield update

    def check(self, generation_id: str) -> Generation:
        self.late.append(time.monotonic() - self.due[generation_id])
        return super().check(generation_id)


class Server:
    """What is asked of either kind."""

    def __init__(self, client: Looking) -> None:
        self.client = client

    async def figures(self) -> dict[str, float]:
        late = [*self.client.late]
        self.client.late.clear()
        return {
            "cpu": time.process_time(),
            "mib": peak_mib(),
            "late": 1000 * float(np.percentile(late or [0.0], 99)),
        }


class OfJobs(Server):
    def __init__(self, client: Looking, jobs: Jobs) -> None:
        super().__init__(client)
        self.jobs = jobs

    async def ask(self, first: int, number: int) -> float:
        """So many at once; seconds until each has its id."""
        began = time.monotonic()
        await asyncio.gather(*map(self._ask, range(first, first + number)))
        return time.monotonic() - began

    async def _ask(self, number: int) -> None:
        job = await self.jobs.generate(
            VideoRequest(f"job {number}"),
            owner="everybody",
            payer="server",
            quota_key="everybody",
            expected=60.0,
        )
        async for _ in job.follow():
            if job.generation_id:
                return

    async def follow(self, ids: list[str]) -> list[list[Any]]:
        """Follow them to their ends; what each was said to be, and when."""
        return [each for one in await asyncio.gather(*map(self._follow, ids)) for each in one]

    async def _follow(self, job_id: str) -> list[list[Any]]:
        job = await self.jobs.get(job_id, "everybody")
        assert job
        assert job.request
        heard = []
        async for _ in job.follow():
            status = job.state if job.is_over else job.update and job.update.status
            heard.append([job.request.prompt, status, time.monotonic()])
        return heard


@asynccontextmanager
async def of_jobs(client: Looking, url: str, name: str) -> AsyncIterator[Server]:
    engine = shared(url, dead_after=DEAD_AFTER) if url.startswith("postgresql") else Here()
    ledger = Ledger(url, runner=name, hand=engine.hand)
    engine.install(ledger)
    with tempfile.TemporaryDirectory() as folder:
        storage = Instant(Path(folder), most_bytes=1)
        jobs = Jobs(ledger, storage, client_of=lambda _: client, engine=engine)
        await jobs.start()
        yield OfJobs(client, jobs)
        await jobs.stop()


@asynccontextmanager
async def of_a_table(client: Looking, url: str, _name: str) -> AsyncIterator[Server]:
    database = sa.create_engine(url)
    with ThreadPoolExecutor(64) as pool:
        polling_it = asyncio.create_task(asyncio.to_thread(poll, database, client, pool))
        yield Server(client)
        polling_it.cancel()


def poll(database: sa.Engine, client: Looking, pool: ThreadPoolExecutor) -> None:
    while True:
        with database.begin() as connection:
            due = connection.execute(sa.text(CLAIM), {"at_a_time": AT_A_TIME}).all()
        for job, was_due in due:
            client.due[job] = was_due - time.time() + time.monotonic()
            pool.submit(look, database, client, job)
        if len(due) < AT_A_TIME:
            time.sleep(POLLED_EVERY)


def look(database: sa.Engine, client: Looking, job: str) -> None:
    client.check(job)
    with database.begin() as connection:
        connection.execute(sa.text(NEXT), {"id": job, "due": time.time() + client.next_wait()})


def next_wait(every: float, *_: object) -> float:
    return random.uniform(0.02, 1.98) * every


async def serve(kind: str, service: str, url: str, name: str, every: str) -> None:
    client = Looking(service, float(every))
    polling.next_wait = client.next_wait
    async with {"jobs": of_jobs, "table": of_a_table}[kind](client, url, name) as server:
        print(json.dumps("ready"), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command, *arguments = json.loads(line)
            print(json.dumps(await getattr(server, command)(*arguments)), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
