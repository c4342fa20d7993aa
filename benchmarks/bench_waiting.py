"""A thousand jobs that wait in one process, beside a thread for each that sleeps in a loop.

Both look as often, by the client's own schedule, each in a process of its own; downloads are no
part of it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.jobs import Jobs
from backend.ledger import open_ledger
from backend.storage import Storage
from benchmarks import service
from benchmarks.measure import peak_mib
from benchmarks.table import Row
from veo.media import Facts
from veo_client import Generation, Update, VeoClient, VideoRequest

JOBS = 1000
BEGUN_WITHIN = 8.0
"""Seconds: a thousand people do not click at once."""
EXPECTED = 60.0
"""Seconds.  At this guess a look comes every 4 s; for a clip of 120 s never oftener than 4.5 s."""
COMPLETED_AFTER = 20.0
ANSWERS_AFTER = 0.2
"""Seconds, as from another continent."""
LATEST_MS = 500
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    cpu: float
    """Milliseconds of CPU time a second, while all of them wait."""
    mib: float
    """Peak memory above that of the process before."""
    late: float
    """Milliseconds from when a look was due to when it began: 99 of 100 were no later."""


def rows() -> list[Row]:
    ours, peer = measure("jobs"), measure("threads")
    peer_name = "a thread each, sleeping in a loop"
    return [
        Row(
            name="1,000 jobs waiting, a second",
            ours=ours.cpu,
            peer=peer.cpu,
            unit="ms CPU",
            peer_name=peer_name,
            limit=1.6,
        ),
        Row(
            name="1,000 jobs waiting, added",
            ours=ours.mib,
            peer=peer.mib,
            unit="MiB",
            peer_name=peer_name,
            limit=0.7,
        ),
        Row(
            name="1,000 jobs waiting, p99 of looks",
            ours=ours.late,
            peer=peer.late,
            unit="ms late",
            peer_name=peer_name,
            limit=LATEST_MS,
            absolute=True,
        ),
    ]


def measure(how: str) -> Measured:
    """In a process of its own, with a service of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        service.serving(completed_after=COMPLETED_AFTER, answers_after=ANSWERS_AFTER) as url,
    ):
        command = [sys.executable, "-m", "benchmarks.bench_waiting", how, url, folder]
        process = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    return Measured(**json.loads(process.stdout))


def measure_here(how: str, url: str, folder: str) -> Measured:
    client, before = Watched(url), peak_mib()
    drive = wait_as_jobs if how == "jobs" else wait_in_threads
    driver = threading.Thread(target=drive, args=(client, Path(folder)), daemon=True)
    driver.start()
    while len(client.due) < JOBS:
        assert driver.is_alive()
        time.sleep(0.05)
    began, cpu = time.monotonic(), time.process_time()
    while not client.completed:
        time.sleep(0.05)
    cpu, waited = time.process_time() - cpu, time.monotonic() - began
    assert waited > 1, "there was no time in which all of them waited"
    driver.join()
    assert len(client.completed) == JOBS
    return Measured(
        cpu=1000 * cpu / waited,
        mib=peak_mib() - before,
        late=1000 * float(np.percentile(client.late, 99)),
    )


class Watched(VeoClient):
    """Notes how much later than planned each look begins."""

    def __init__(self, url: str) -> None:
        super().__init__("key", base_url=url)
        self.due: dict[str, float] = {}
        self.late: list[float] = []
        self.completed: set[str] = set()

    def follow(self, generation_id: str, **options: Any) -> Generator[Update, None, None]:
        for update in super().follow(generation_id, **options):
            self.due[generation_id] = time.monotonic() + update.next_poll_in
            yield update

    def check(self, generation_id: str) -> Generation:
        self.late.append(time.monotonic() - self.due[generation_id])
        seen = super().check(generation_id)
        if seen.status == "completed":
            self.completed.add(generation_id)
        return seen


def wait_in_threads(client: VeoClient, _: Path) -> None:
    def wait(number: int) -> None:
        for update in client.generate(VideoRequest(f"job {number}"), expected=EXPECTED):
            video = update.video
        assert video

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(JOBS)]
    for thread in threads:
        thread.start()
        time.sleep(BEGUN_WITHIN / JOBS)
    for thread in threads:
        thread.join()


def wait_as_jobs(client: VeoClient, folder: Path) -> None:
    async def wait(jobs: Jobs, number: int) -> None:
        await asyncio.sleep(BEGUN_WITHIN * number / JOBS)
        job = await jobs.generate(
            VideoRequest(f"job {number}"),
            owner=f"visitor {number}",
            payer="server",
            quota_key="everybody",
            expected=EXPECTED,
        )
        async for _ in job.follow():
            pass
        assert job.state == "done"

    async def wait_for_all() -> None:
        ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
        jobs = Jobs(ledger, Instant(folder, most_bytes=1), client_of=lambda _: client)
        await jobs.start()
        await asyncio.gather(*(wait(jobs, number) for number in range(JOBS)))
        await jobs.stop()

    asyncio.run(wait_for_all())


class Instant(Storage):
    """Has every clip at once."""

    def receive(self, *_: Any, **__: Any) -> Facts:
        return Facts(width=2, height=2, frame_rate=1, duration=1, frames=1, sound=False, size=1)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [how, url, folder]:
            print(json.dumps(asdict(measure_here(how, url, folder))))
        case _:
            for row in rows():
                print(row, "holds" if row.holds else "DOES NOT HOLD")
