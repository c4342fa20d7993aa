"""The owner's view of a ledger: right figures, nothing of a visitor's, and nothing is changed."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres import PostgresServer

from backend import status
from backend.engine import shared
from backend.ledger import Ledger
from backend.status import Jobs, NoStatus, Spent

ROOT = Path(__file__).parents[2]
DAY = 86400.0
NOON = 1_700_049_600.0  # 2023-11-15, 12:00 UTC
VEO, FAST = "google/veo-3.1-t2v", "google/veo-3.1-t2v-fast"
OWNER = "browser:a-visitor-of-ours"
PROMPT = "a prompt that is nobody else's"
GENERATION_ID = "an-id-of-the-service"


@pytest.fixture(scope="module")
def postgres():
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return request.getfixturevalue("postgres").new_schema()


class Clock:
    now = NOON

    def __call__(self):
        return self.now


@contextlib.contextmanager
def opened(url, runner):
    ledger = Ledger(url, runner=runner, clock=Clock())
    yield ledger
    ledger.close()


def add(ledger, *states, model=VEO, at=NOON, payer="server", dollars=1.6, **more):
    """A job that went through `states`."""
    ledger._clock.now = at
    request = {"model": model, "prompt": PROMPT}
    entry = ledger.add(
        owner=OWNER, payer=payer, request=request, expected=9.0, dollars=dollars, **more
    )
    was = entry.state
    for state in states:
        assert ledger.move(entry.id, was, state)
        was = state
    return entry.id


def taken(*states):
    return ("submitting", "running", *states)


def a_busy_fortnight(url):
    with opened(url, "one") as one, opened(url, "two") as two:
        add(one, *taken("downloading", "done"), at=NOON - DAY)
        add(one, *taken("downloading", "done"), model=FAST, dollars=None)
        add(one, *taken("failed"), at=NOON - 30)
        add(one, *taken(), payer="demo", dollars=0.0)
        add(two, *taken(), payer="visitor", dollars=0.4, at=NOON - 300)
        add(two, "submitting", "uncertain")
        add(two, "rejected")
        add(two, generation_id=GENERATION_ID)  # looked for: it cost nothing here
        add(two, *taken("downloading", "done"), at=NOON - 20 * DAY)
        deleted = add(two, *taken("downloading", "done"), dollars=3.2, at=NOON - DAY)
        assert two.delete(deleted)


def test_jobs_are_counted_by_server_and_state(url):
    a_busy_fortnight(url)
    seen = status.read(url, now=NOON)
    assert seen.jobs == [
        Jobs(server="one", state="done", count=2),
        Jobs(server="one", state="failed", count=1),
        Jobs(server="one", state="running", count=1),
        Jobs(server="two", state="done", count=1),
        Jobs(server="two", state="rejected", count=1),
        Jobs(server="two", state="running", count=2),
        Jobs(server="two", state="uncertain", count=1),
    ]


def test_what_was_spent_is_told_by_day_and_model(url):
    a_busy_fortnight(url)

    def row(day, model, payer, dollars, without_price=0):
        return Spent(
            day=day,
            model=model,
            payer=payer,
            clips=1,
            dollars=pytest.approx(dollars),
            without_price=without_price,
        )

    today, before = "2023-11-15", "2023-11-14"
    by_name = {
        (each.day, each.model, each.payer): each for each in status.read(url, now=NOON).spent
    }
    assert by_name == {
        (today, VEO, "server"): row(today, VEO, "server", 1.6),
        (today, VEO, "visitor"): row(today, VEO, "visitor", 0.4),
        (today, FAST, "server"): row(today, FAST, "server", 0.0, without_price=1),
        (before, VEO, "server"): row(before, VEO, "server", 1.6),
        (before, None, "server"): row(before, None, "server", 3.2),
    }


def test_the_oldest_that_waits_and_the_last_change_are_told(url):
    a_busy_fortnight(url)
    seen = status.read(url, now=NOON + 10)
    assert (seen.waiting, seen.oldest_waiting) == (3, 310.0)
    # A job is deleted at the clock's time then, as it is changed.
    assert seen.last_change == 10.0


def test_an_empty_ledger_is_one(url):
    Ledger(url).close()
    seen = status.read(url)
    assert (seen.jobs, seen.spent, seen.waiting, seen.oldest_waiting) == ([], [], 0, None)
    assert "0 on their way" in status.as_text(seen)


def test_nothing_of_a_visitor_is_shown(url):
    a_busy_fortnight(url)
    seen = status.read(url, now=NOON)
    for text in (status.as_text(seen), repr(seen)):
        for private in (PROMPT, OWNER, GENERATION_ID, "a-visitor"):
            assert private not in text


def test_a_server_that_writes_at_that_moment_waits_for_nobody(url):
    with opened(url, "one") as ledger:
        add(ledger)
        with ledger._write() as connection:
            connection.execute(sa.text("UPDATE veo_jobs SET runner = 'not yet'"))
            assert [each.server for each in status.read(url).jobs] == ["one"]


def test_what_reads_cannot_write(url):
    Ledger(url).close()
    engine = status._reader(url)
    with (
        status._reading(engine) as connection,
        pytest.raises(sa.exc.DBAPIError, match=r"read.?only"),
    ):
        connection.exec_driver_sql("DELETE FROM veo_jobs")
    engine.dispose()


WORKER = sa.text(
    "INSERT INTO procrastinate_workers (last_heartbeat) "
    "VALUES (now() - make_interval(secs => :silent)) RETURNING id"
)
DRIVEN = sa.text(
    "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id, args) "
    "VALUES ('any', 'run', 'doing', :worker, "
    "jsonb_build_object('job_id', CAST(:job AS text)))"
)


def test_servers_that_are_alive_are_told_with_their_names(postgres):
    url = postgres.new_schema()
    ledger = Ledger(url)
    shared(url, dead_after=30.0).install(ledger)
    job = add_running(ledger, runner="one")
    with ledger._write() as connection:
        workers = [
            connection.execute(WORKER, {"silent": silent}).scalar() for silent in (2, 5, 100)
        ]
        connection.execute(DRIVEN, {"worker": workers[1], "job": job})
    ledger.close()
    alive = status.read(url).alive
    assert [each.server for each in alive] == [None, "one"]
    assert [each.silent for each in alive] == pytest.approx([2, 5], abs=1.5)
    assert "2 alive" in status.as_text(status.read(url))


def add_running(ledger, runner):
    ledger._runner = runner
    return ledger.add(owner=OWNER, payer="demo", request=None, expected=9.0, generation_id="x").id


def test_one_server_alone_says_so(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    Ledger(url).close()
    assert status.read(url).alive is None


# What is no ledger


def test_a_ledger_that_is_not_there_is_not_made(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with pytest.raises(NoStatus, match="no server has run yet"):
        status.read(f"sqlite:///{path}")
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_a_ledger_is_left_as_it_is(tmp_path, postgres):
    path = tmp_path / "other.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    for url in (f"sqlite:///{path}", postgres.new_schema()):
        with pytest.raises(NoStatus, match="no ledger of ours"):
            status.read(url)
    assert path.read_bytes() == before


def test_another_versions_ledger_is_named(url):
    ledger = Ledger(url)
    with ledger._write() as connection:
        connection.execute(sa.text("UPDATE veo_ledger SET version = 1"))
    ledger.close()
    with pytest.raises(NoStatus, match=r"another version \(1, not"):
        status.read(url)


def test_what_is_no_database_is_said_in_a_sentence(tmp_path):
    (path := tmp_path / "ledger.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(NoStatus, match="cannot be read"):
        status.read(f"sqlite:///{path}")


def test_a_database_that_does_not_answer_shows_no_password(tmp_path):
    with pytest.raises(NoStatus) as caught:
        status.read(f"postgresql+psycopg://me:canary@/x?host={tmp_path}&password=canary")
    assert "canary" not in str(caught.value)


# The program


def run(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "backend.status", *arguments],
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": str(folder), "VEO_DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.slow
def test_the_program_prints_tables_or_json(tmp_path):
    a_busy_fortnight(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    plain, as_json = run(tmp_path), run(tmp_path, "--json")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert "server  done  failed  rejected  running  uncertain\n" in plain.stdout
    told = json.loads(as_json.stdout)
    assert (told["waiting"], told["alive"]) == (3, None)
    assert {"server": "two", "state": "uncertain", "count": 1} in told["jobs"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong", [{}, {"VEO_DATABASE_URL": "mysql+psycopg://x"}, {"VEO_DATABASE_URL": "nonsense"}]
)
def test_the_program_ends_with_one_sentence_and_code_1(wrong, tmp_path):
    ended = run(tmp_path, **wrong)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert run(tmp_path, "--unknown").returncode == 2
