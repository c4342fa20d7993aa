"""Several servers on one PostgreSQL: 10,000 jobs that wait, one of two killed, 300 who follow.

Beside two programs that poll a table of looks, as is often built, and beside one process with
SQLite.  Both look equally often, once a minute at each job.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import sqlalchemy as sa

from backend.engine import DEAD_AFTER
from backend.ledger import Entry, Ledger
from benchmarks import service
from benchmarks.table import Row

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))
from postgres import PostgresServer  # noqa: E402  # the tests' database

JOBS = 10_000
LOOKED_AT_EVERY = 60.0
FOLLOWED_EVERY = 3.0
"""Seconds between two looks at a job, on average: while it waits, and while 300 follow."""
WATCHED_FOR = 10.0
"""Seconds."""
LATEST_MS = 500
TAKEN_WITHIN = DEAD_AFTER + 5.0
FOLLOWERS, SERVERS = 300, 3
GENERATING_AFTER, COMPLETED_AFTER = 8.0, 14.0
LATEST_STATUS, LATEST_NEWS = 1.0, 2.0
FOR_EVER = 3600.0

WAITING = """
INSERT INTO veo_jobs (id, owner, payer, spender, runner, state, request, expected, generation_id,
                      created, submitted, updated, epoch)
SELECT 'job-' || n, 'everybody', 'server', 'everybody', 'nobody', 'running', :request, 60,
       to_json('job-' || n), :now, :now, :now, 1
FROM generate_series(1, :jobs) AS n
"""
HANDED = """
SELECT procrastinate_defer_jobs_v1(array_agg(
    ROW('any', 'run', 0, NULL, NULL, jsonb_build_object('job_id', 'job-' || n), NULL)
        ::procrastinate_job_to_defer_v1
)) FROM generate_series(1, :jobs) AS n
"""
"""Jobs of a server that left them to whoever is alive."""
LOOKS = """
CREATE TABLE looks AS
SELECT 'job-' || n AS id, :now + random() * 2 * :every AS due FROM generate_series(1, :jobs) AS n;
ALTER TABLE looks ADD PRIMARY KEY (id);
CREATE INDEX ON looks (due);
"""
TAKEN = "SELECT runner, count(*) FROM veo_jobs GROUP BY runner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    cpu: float
    """Milliseconds of CPU time a second of both servers and the database."""
    mib: float
    """Peak of the larger server."""
    late: float
    """Milliseconds from when a look was due to when it began: 99 of 100 were no later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    started: float
    """Jobs a second, from all pressed at once to the last id."""
    here: float
    """Seconds that a status is late where its job is driven: 95 of 100 were no later."""
    elsewhere: float = 0.0
    """Likewise for the end of a job, on another server."""


class Process:
    """`benchmarks.one_server`."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.one_server", *arguments]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)

    def tell(self, *command: object) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def ask(self, *command: object) -> Any:
        self.tell(*command)
        return self.hear()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def rows() -> Iterator[Row]:
    with PostgresServer() as postgres:
        yield from rows_of_waiting(postgres)
        yield from rows_of_followers(postgres)


def rows_of_waiting(postgres: PostgresServer) -> Iterator[Row]:
    ours, peer = measure_jobs(postgres), measure_table(postgres)
    peer_name = "a table of looks, polled by two"
    yield Row(
        name="10,000 jobs, 2 servers, a second",
        ours=ours.cpu,
        peer=peer.cpu,
        unit="ms CPU",
        peer_name=peer_name,
        limit=1.5,
    )
    yield Row(
        name="10,000 jobs, 2 servers, the larger",
        ours=ours.mib,
        peer=peer.mib,
        unit="MiB",
        peer_name=peer_name,
        limit=4,
    )
    yield Row(
        name="10,000 jobs, 2 servers, p99",
        ours=ours.late,
        peer=peer.late,
        unit="ms late",
        peer_name=peer_name,
        limit=LATEST_MS,
        absolute=True,
    )
    yield Row(
        name="10,000 jobs, one of 2 killed",
        ours=measure_takeover(postgres),
        peer=DEAD_AFTER,
        unit="s",
        peer_name="when a server counts as dead",
        limit=TAKEN_WITHIN,
        absolute=True,
    )


def rows_of_followers(postgres: PostgresServer) -> Iterator[Row]:
    ours = measure_followers([postgres.new_schema()] * SERVERS)
    with tempfile.TemporaryDirectory() as folder:
        peer = measure_followers([f"sqlite:///{folder}/ledger.sqlite"])
    peer_name = "one process with SQLite"
    yield Row(
        name="300 pressed at once, 3 servers",
        ours=ours.started,
        peer=peer.started,
        unit="a second",
        peer_name=peer_name,
        limit=0.3,
        at_most=False,
    )
    yield Row(
        name="300 followers, 3 servers, p95",
        ours=ours.here,
        peer=peer.here,
        unit="s late",
        peer_name=peer_name,
        limit=LATEST_STATUS,
        absolute=True,
    )
    yield Row(
        name="300 followers elsewhere, p95",
        ours=ours.elsewhere,
        peer=peer.here,
        unit="s late",
        peer_name=peer_name,
        limit=LATEST_NEWS,
        absolute=True,
    )


# 10,000 that wait


def measure_jobs(postgres: PostgresServer) -> Waiting:
    with handed_out(postgres, JOBS) as (servers, connection):
        return Waiting(**watch(connection, servers))


def measure_takeover(postgres: PostgresServer) -> float:
    """Seconds from the death of one server until the other drives all of its jobs."""
    with handed_out(postgres, JOBS) as (servers, connection):
        servers[0].kill()
        died = time.monotonic()
        wait_until(lambda: [*taken(connection)] == ["server 1"], 60)
        return time.monotonic() - died


@contextmanager
def handed_out(
    postgres: PostgresServer, jobs: int
) -> Iterator[tuple[list[Process], sa.Connection]]:
    """Two servers that drive so many jobs together."""
    url = postgres.new_schema()
    two = started("jobs", [url] * 2, every=LOOKED_AT_EVERY)
    with two as (servers, _), connected(url) as connection:
        values = {"now": time.time(), "jobs": jobs, "request": '{"prompt": "a fox"}'}
        connection.execute(sa.text(WAITING), values)
        connection.execute(sa.text(HANDED), values)
        wait_until(lambda: "nobody" not in taken(connection), 120)
        yield servers, connection


def measure_table(postgres: PostgresServer) -> Waiting:
    url = postgres.new_schema()
    with connected(url) as connection:
        values = {"now": time.time(), "every": LOOKED_AT_EVERY, "jobs": JOBS}
        for statement in LOOKS.strip().split(";\n"):
            connection.execute(sa.text(statement.rstrip(";")), values)
        with started("table", [url] * 2, every=LOOKED_AT_EVERY) as (servers, _):
            return Waiting(**watch(connection, servers))


def watch(connection: sa.Connection, servers: list[Process]) -> dict[str, float]:
    time.sleep(2.0)
    before = [server.ask("figures") for server in servers]
    of_database, began = cpu_of_database(connection), time.monotonic()
    time.sleep(WATCHED_FOR)
    after = [server.ask("figures") for server in servers]
    cpu = sum(each["cpu"] for each in after) - sum(each["cpu"] for each in before)
    cpu += cpu_of_database(connection) - of_database
    return {
        "cpu": 1000 * cpu / (time.monotonic() - began),
        "mib": max(each["mib"] for each in after),
        "late": max(each["late"] for each in after),
    }


def taken(connection: sa.Connection) -> dict[str, int]:
    return {server: jobs for server, jobs in connection.execute(sa.text(TAKEN))}


def cpu_of_database(connection: sa.Connection) -> float:
    """Seconds of PostgreSQL and every process of its own, those that have ended too."""
    backend = int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
    server = stat(backend)[1]
    of_all = [each for path in Path("/proc").glob("[0-9]*") if (each := stat(int(path.name)))]
    ticks = sum(each[11] + each[12] for each in of_all if each[1] == server)
    own = stat(server)
    return (ticks + sum(own[11:15])) / 100


def stat(process: int) -> list[int]:
    """From the state on; empty for one that has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [0, *map(int, fields[1:])]


# 300 who follow


def measure_followers(urls: list[str]) -> Followed:
    with started("jobs", urls, every=FOLLOWED_EVERY, ends=True) as (servers, at):
        each = FOLLOWERS // len(servers)
        for number, server in enumerate(servers):
            server.tell("ask", number * each, each)
        took = max(server.hear() for server in servers)
        entries = entries_of(urls[0])
        ids: list[list[str]] = [[] for _ in servers]
        for number, entry in enumerate(entries):
            # Every second one follows on another server than the one that drives the job.
            ids[(int(entry.runner[-1]) + number % 2) % len(servers)].append(entry.id)
        for server, followed in zip(servers, ids, strict=True):
            server.tell("follow", followed)
        heard = [server.hear() for server in servers]
        told = httpx.get(f"{at}/told").json()
    driven = {entry.request["prompt"]: entry.runner for entry in entries if entry.request}
    here, elsewhere = [], []
    for number, of_one in enumerate(heard):
        for prompt, status, when in firsts(of_one):
            is_here = driven[prompt] == f"server {number}"
            if status == "generating" and is_here:
                here.append(when - told[prompt]["generating"])
            if status == "done":
                (here if is_here else elsewhere).append(when - told[prompt]["completed"])
    p95 = [float(np.percentile(each or [0.0], 95)) for each in (here, elsewhere)]
    return Followed(started=FOLLOWERS / took, here=p95[0], elsewhere=p95[1])


def entries_of(url: str) -> list[Entry]:
    ledger = Ledger(url)
    entries = ledger.of("everybody", limit=FOLLOWERS)
    ledger.close()
    assert len(entries) == FOLLOWERS
    return entries


def firsts(heard: list[list[Any]]) -> Iterator[tuple[str, str, float]]:
    seen = set()
    for prompt, status, when in heard:
        if (prompt, status) not in seen:
            seen.add((prompt, status))
            yield prompt, status, when


# What both need


@contextmanager
def started(
    kind: str, urls: list[str], *, every: float, ends: bool = False
) -> Iterator[tuple[list[Process], str]]:
    """Servers that are ready, and the address of their service, whose clips have an end or not."""
    times = (GENERATING_AFTER, COMPLETED_AFTER) if ends else (0.0, FOR_EVER)
    serving = service.serving(generating_after=times[0], completed_after=times[1])
    with ExitStack() as stack:
        at = stack.enter_context(serving)
        servers = []
        for number, url in enumerate(urls):
            servers.append(Process(kind, at, url, f"server {number}", str(every)))
            stack.callback(servers[-1].kill)
        for server in servers:
            assert server.hear() == "ready"
        yield servers, at


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def wait_until(condition: Any, seconds: float) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.25)


if __name__ == "__main__":
    for row in rows():
        print(row, "holds" if row.holds else "DOES NOT HOLD")
