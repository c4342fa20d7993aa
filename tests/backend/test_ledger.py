"""The ledger on SQLite and on PostgreSQL: arrows, races, limits, faults, damage, kills.

What takes a `url` or a `ledger` is run on both.
"""

import dataclasses
import itertools
import math
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jobs_fixture import empty_ledger
from postgres import PostgresServer

from backend import ledger as ledger_module
from backend.ledger import (
    ACTIVE_STATES,
    DAY,
    FAILED_STATES,
    MOST_WORDS,
    TRANSITIONS,
    UNCHARGED_STATES,
    VERSION,
    WITHOUT_ID,
    Held,
    Ledger,
    LimitReached,
    Limits,
    NotWritten,
    OutOfReach,
    PriceNotTold,
    Sought,
    Spent,
    UnusableLedger,
    open_ledger,
)
from backend.states import explain_limit

ROOT = Path(__file__).parents[2]
STATES = tuple(TRANSITIONS)
CALLED_FOX = {"model": "veo", "prompt": "a fox", "resolution": "720p", "duration": 4}

walking = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40
)


@pytest.fixture(scope="session")
def postgres():
    with PostgresServer() as server:
        yield server


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ledger.sqlite"


# Every wait for PostgreSQL is short, and there are thousands.
@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, file):
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{file}"
    return request.getfixturevalue("postgres").new_schema()


@pytest.fixture
def opened():
    """`Ledger`, closed when the test is over."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(closing(Ledger(*args, **kwargs)))


@pytest.fixture
def reopened():
    """`open_ledger`, likewise."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(closing(open_ledger(*args, **kwargs)))


class Clock:
    """Stands still until it is told."""

    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(url, file, opened, clock):
    if url.startswith("sqlite"):
        file.write_bytes(empty_ledger())
    return opened(url, runner="here", clock=clock)


def add(ledger, **changes):
    asked = {"owner": "ann", "payer": "server", "request": CALLED_FOX, "expected": 60.0}
    return ledger.add(**asked | changes)


def take(ledger, job_id):
    """None says that there is nothing to drive."""
    return ledger.take_all([job_id]).get(job_id)


def way_to(state):
    """The shortest walk along the arrows from `prepared`."""
    ways = [("prepared",)]
    for way in ways:
        if way[-1] == state:
            return way
        ways += [(*way, to) for to in sorted(TRANSITIONS[way[-1]]) if to not in way]
    raise AssertionError(f"no way leads to {state}")


def bring(ledger, state, changes=None, **asked):
    """A job that got to `state` by the arrows."""
    entry = add(ledger, **asked)
    for was, to in itertools.pairwise(way_to(state)):
        assert ledger.move(entry.id, was, to, **(changes or {} if to == state else {}))
    return ledger.get(entry.id)


@contextmanager
def looking_into(url):
    """A connection of somebody else's."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(url):
    with looking_into(url) as connection:
        return [dict(row._mapping) for row in connection.execute(sa.text("SELECT * FROM veo_jobs"))]


def change(url, *statements):
    with looking_into(url) as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
        connection.commit()


def all_at_once(calls):
    """What each call returned, or the exception that it raised."""
    ready = threading.Barrier(len(calls))

    def one(call):
        ready.wait()
        try:
            return call()
        except LimitReached as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


# A row


@pytest.mark.parametrize(
    "prompt",
    ["ein Fuchs 🦊 狐", "a\0b", "half \ud800 a character", "x" * 1_000_000, "", "\u202e'; --%s:x"],
    ids=["unicode", "nul", "surrogate", "long", "empty", "punctuation"],
)
def test_a_row_is_read_as_it_was_added(ledger, prompt):
    entry = add(
        ledger,
        owner="änn",
        quota_key="the office",
        request={"prompt": prompt, "seed": 2**32 - 1, "auto_fix": True, "duration": 8},
        expected=61.7,
        dollars=0.1 + 0.2,
    )
    assert ledger.get(entry.id) == entry
    assert entry.request["prompt"] == prompt
    assert (entry.owner, entry.quota_key, entry.runner) == ("änn", "the office", "here")
    assert (entry.state, entry.generation_id, entry.dollars) == ("prepared", None, 0.1 + 0.2)
    assert entry.created == entry.updated == Clock.now


def test_a_quota_key_is_the_owner_unless_another_is_named(ledger):
    assert ledger.get(add(ledger, owner="ben").id).quota_key == "ben"


def test_ids_cannot_be_guessed_and_differ(ledger):
    ids = {add(ledger).id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(each) >= 22 for each in ids)


@pytest.mark.parametrize("generation_id", ["abc:veo", "a\0b", "\ud800", "x" * 10_000])
def test_no_id_of_the_service_is_lost_for_its_characters(ledger, generation_id):
    found = bring(ledger, "running", {"generation_id": generation_id, "submitted": 2.5})
    assert (found.generation_id, found.submitted) == (generation_id, 2.5)
    resumed = add(ledger, request=None, generation_id=generation_id)
    assert ledger.get(resumed.id) == resumed
    assert (resumed.state, resumed.request) == ("running", None)


def test_what_a_move_brings_is_written_with_it(ledger, clock):
    clock.now += 5
    entry = bring(ledger, "downloading", {"clip": "näme\N{FOX FACE}", "error": {"text": "a\0"}})
    assert (entry.clip, entry.error) == ("näme\N{FOX FACE}", {"text": "a\0"})
    clock.now += 5
    assert ledger.move(entry.id, "downloading", "done", facts={"took": 61.5}, error=None)
    done = ledger.get(entry.id)
    assert done == dataclasses.replace(
        entry, state="done", facts={"took": 61.5}, error=None, updated=clock.now
    )
    assert (done.created, done.updated) == (clock.now - 5, clock.now)


def test_a_move_of_a_column_that_is_not_there_is_our_fault_and_changes_nothing(ledger):
    entry = add(ledger)
    with pytest.raises(sa.exc.CompileError):
        ledger.move(entry.id, "prepared", "submitting", colour="red")
    assert ledger.get(entry.id) == entry


def test_nobody_is_an_unknown_job(ledger):
    assert ledger.get("nobody") is None
    assert not ledger.move("nobody", "prepared", "submitting")
    assert not ledger.delete("nobody")


# Arrows


@pytest.mark.parametrize("was", STATES)
def test_every_arrow_leads_on_and_everything_else_changes_nothing(ledger, clock, was):
    asked = bring(ledger, was)
    clock.now += 1
    for to in STATES:
        if to not in TRANSITIONS[was]:
            with pytest.raises(ValueError, match=f"no arrow leads from {was} to {to}"):
                ledger.move(asked.id, was, to)
    for elsewhere in set(STATES) - {was}:
        for to in TRANSITIONS[elsewhere]:
            assert not ledger.move(asked.id, elsewhere, to, clip="taken")
    assert ledger.get(asked.id) == asked
    for to in TRANSITIONS[was]:
        another = bring(ledger, was)
        assert ledger.move(another.id, was, to)
        assert ledger.get(another.id).state == to
        assert not ledger.move(another.id, was, to)
    assert ledger.get(asked.id) == asked


def test_one_of_several_states_is_enough_and_each_needs_its_arrow(ledger):
    entry = bring(ledger, "uncertain")
    with pytest.raises(ValueError, match="from done to running"):
        ledger.move(entry.id, ("uncertain", "done"), "running")
    assert not ledger.move(entry.id, (), "running")
    assert ledger.get(entry.id) == entry
    assert ledger.move(entry.id, ("submitting", "uncertain"), "running", generation_id="late")
    assert ledger.get(entry.id).generation_id == "late"


@pytest.mark.parametrize("state", STATES)
def test_who_goes_on_with_a_job_that_rested_drives_it_and_no_other(url, opened, state):
    """Two servers would drive it once both are started anew."""
    here, there = (opened(url, runner=name) for name in ("here", "there"))
    for to in TRANSITIONS[state]:
        entry = bring(there, state)
        assert here.move(entry.id, state, to)
        taken_over = state not in ACTIVE_STATES and to in ACTIVE_STATES
        assert here.get(entry.id).runner == ("here" if taken_over else "there")


def test_who_takes_a_job_alone_writes_it_from_then_on(url, opened):
    here, there = (opened(url, runner=name) for name in ("here", "there"))
    entry = bring(there, "running")
    taken = take(here, entry.id)
    assert taken == here.get(entry.id)
    assert taken == dataclasses.replace(entry, epoch=1, runner="here")
    assert not there.move(entry.id, "running", "downloading", epoch=0)
    assert here.move(entry.id, "running", "downloading", epoch=1)


@pytest.mark.parametrize("state", STATES)
def test_only_what_somebody_has_to_drive_is_taken(ledger, state):
    entry = bring(ledger, state)
    taken = take(ledger, entry.id)
    assert (taken is not None) == (state in (*ACTIVE_STATES, "needs_attention"))
    assert ledger.get(entry.id).epoch == (1 if taken else 0)


def test_of_twenty_who_take_a_job_each_has_an_epoch_of_its_own(ledger):
    entry = add(ledger)
    taken = all_at_once([partial(take, ledger, entry.id)] * 20)
    assert sorted(each.epoch for each in taken) == [*range(1, 21)]
    moves = [
        partial(ledger.move, entry.id, "prepared", "submitting", epoch=each.epoch) for each in taken
    ]
    assert sum(all_at_once(moves)) == 1


@pytest.mark.slow
def test_two_servers_that_take_the_same_jobs_do_not_wait_for_each_other(url, opened):
    here, there = (opened(url, runner=name) for name in ("here", "there"))
    ids = [bring(here, "running").id for _ in range(30)]
    takes = [partial(here.take_all, ids), partial(there.take_all, ids[::-1])] * 10
    assert [len(taken) for taken in all_at_once(takes)] == [30] * 20
    assert {here.get(each).epoch for each in ids} == {20}


@pytest.mark.parametrize("state", STATES)
def test_an_id_that_comes_late_is_written_whoever_took_the_job(ledger, clock, state):
    entry = bring(ledger, state)
    take(ledger, entry.id)
    found = ledger.found(entry.id, "late")
    assert found == (state in ("submitting", "uncertain"))
    row = ledger.get(entry.id)
    assert (row.generation_id == "late") == found
    assert row.state == ("running" if found else state)


def test_a_job_is_handed_in_the_same_transaction(url, opened):
    """Whoever is told of a job finds its row, and no row is without somebody who is told."""
    handed, fails = [], []

    def hand(connection, job_id):
        assert connection.in_transaction()
        handed.append(job_id)
        if fails:
            raise sa.exc.DBAPIError("", {}, Exception("no engine"))

    ledger = opened(url, hand=hand)
    first = add(ledger)
    assert ledger.move(first.id, "prepared", "submitting")
    assert not ledger.move(first.id, "prepared", "submitting", hand=True)
    assert handed == [first.id]
    assert ledger.found(first.id, "late")
    assert ledger.move(first.id, "running", "needs_attention")
    assert ledger.move(first.id, "needs_attention", "running", hand=True)
    assert handed == [first.id] * 3
    fails.append(True)
    with pytest.raises(NotWritten):
        add(ledger)
    assert [each.id for each in ledger.of("ann")] == [first.id]


def test_a_demo_job_follows_another_generation_and_no_other_job_does(ledger):
    demo, paid = bring(ledger, "downloading", payer="demo"), bring(ledger, "downloading")
    assert not ledger.begin_demo_anew(demo.id, "another", epoch=1)
    assert ledger.begin_demo_anew(demo.id, "another", epoch=0)
    assert not ledger.begin_demo_anew(paid.id, "another", epoch=0)
    assert ledger.get(demo.id).generation_id == "another"
    assert [ledger.get(each.id).state for each in (demo, paid)] == ["running", "downloading"]


def test_jobs_are_read_by_their_ids(ledger):
    some = [add(ledger) for _ in range(3)]
    ids = [each.id for each in some[:2]]
    assert {each.id for each in ledger.by_ids([*ids, "nobody"])} == {*ids}
    assert ledger.by_ids([]) == []


@pytest.mark.slow
@walking
@given(steps=st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(STATES)), max_size=12))
def test_no_walk_leaves_the_table(ledger, steps):
    """Whatever is tried, the state is where the arrows that were there have led."""
    job, state = add(ledger), "prepared"
    for guess, to in steps:
        onwards = sorted(TRANSITIONS[state])
        was = state if onwards and STATES.index(guess) % 2 else guess
        to = onwards[STATES.index(to) % len(onwards)] if was == state and onwards else to
        try:
            moved = ledger.move(job.id, was, to)
        except ValueError:
            moved = False
        assert moved == (was == state and to in TRANSITIONS[state])
        state = to if moved else state
        assert ledger.get(job.id).state == state


def test_of_twenty_who_move_a_job_one_does(ledger):
    entry = add(ledger)
    moves = [
        partial(ledger.move, entry.id, "prepared", "submitting", clip=str(number))
        for number in range(20)
    ]
    moved = all_at_once(moves)
    assert sorted(moved) == [False] * 19 + [True]
    assert ledger.get(entry.id).clip == str(moved.index(True))


def test_the_docstring_names_every_state_and_its_main_line_is_one_of_arrows():
    drawn = re.search(r"\n\n(    prepared.+?)\n\n", ledger_module.__doc__, re.S)[1]
    assert set(re.findall(r"\w+", drawn)) == set(TRANSITIONS)
    main_line = drawn.splitlines()[0]
    names, signs = re.findall(r"\w+", main_line), re.findall(r"◄?─+►", main_line)
    for (was, to), sign in zip(itertools.pairwise(names), signs, strict=True):
        assert to in TRANSITIONS[was]
        assert (was in TRANSITIONS[to]) == sign.startswith("◄")


def test_no_arrow_leads_to_a_second_request():
    """Only what was never sent may be sent; of what may have been sent, news is all that comes."""
    assert [was for was in STATES if "submitting" in TRANSITIONS[was]] == ["prepared"]
    assert not any("prepared" in onwards for onwards in TRANSITIONS.values())
    assert TRANSITIONS["uncertain"] == {"running"}
    assert not TRANSITIONS["rejected"] | TRANSITIONS["failed"]  # what cost nothing stays so


def test_every_state_is_known_to_the_types_and_can_be_reached():
    assert set(ledger_module.State.__args__) == set(TRANSITIONS)
    assert all(way_to(state)[-1] == state for state in STATES)
    assert {*ACTIVE_STATES, *UNCHARGED_STATES} < set(TRANSITIONS)


# Deleting


@pytest.mark.parametrize("state", STATES)
def test_a_job_can_be_deleted_once_nobody_drives_it(ledger, state):
    entry = bring(ledger, state)
    assert ledger.delete(entry.id) == (state not in ACTIVE_STATES)
    assert ledger.get(entry.id) == (entry if state in ACTIVE_STATES else None)


def test_what_is_deleted_is_neither_moved_nor_listed(ledger):
    entry = bring(ledger, "needs_attention")
    assert ledger.delete(entry.id)
    assert not ledger.delete(entry.id)
    assert not ledger.move(entry.id, "needs_attention", "running", generation_id="late")
    assert ledger.get(entry.id) is None
    assert ledger.of("ann") == []
    assert ledger.in_states(*STATES) == []


def secrets_of(number):
    """A different mark in each field that is to be forgotten."""
    asked = {"request": {"prompt": f"MARK{number:04} of the prompt" * random.randrange(1, 300)}}
    changes = {
        "generation_id": f"MARK{number:04} of the id",
        "clip": f"MARK{number:04} of the clip",
        "facts": {"took": 1.0, "title": f"MARK{number:04} of the facts"},
        "error": {"text": f"MARK{number:04} of the error" * random.randrange(1, 100)},
    }
    return asked, changes


def test_the_row_of_a_deleted_job_keeps_what_it_cost_and_nothing_of_what_it_was(ledger, url, clock):
    asked, changes = secrets_of(1)
    entry = bring(ledger, "done", changes, dollars=3.2, batch="the first", take=2, **asked)
    assert ledger.star(entry.id, "ann", starred=True)
    assert all("MARK" in str(value) for value in (entry.request, *changes.values()))
    clock.now += 7
    assert ledger.delete(entry.id)
    assert [each.clip for each in ledger.awaiting_file_removal()] == [entry.clip]
    ledger.clip_removed(entry.id)
    assert ledger.awaiting_file_removal() == []
    [row] = rows(url)
    assert "MARK" not in str(row)
    forgotten = ("request", "words", "generation_id", "clip", "facts", "error")
    assert [row[name] for name in forgotten] == [None] * 6
    assert [row[name] for name in ("starred", "batch", "take")] == [None] * 3
    kept = (row["owner"], row["spender"], row["state"], row["dollars"], row["created"])
    assert kept == ("ann", "ann", "done", 3.2, entry.created)
    assert row["deleted"] == clock.now


def test_a_clip_in_another_servers_folder_is_not_forgotten(url, opened):
    here, there = (opened(url, runner=name) for name in ("here", "there"))
    entry = bring(there, "done", {"clip": "its place"})
    assert here.delete(entry.id)
    here.clip_removed(entry.id)
    assert [each.clip for each in there.awaiting_file_removal()] == ["its place"]
    there.clip_removed(entry.id)
    assert there.awaiting_file_removal() == []


def test_what_is_deleted_is_gone_from_sqlites_files(opened, file):
    """Out of freed pages and out of the journal too, at once; what stays is still there."""
    ledger = opened(f"sqlite:///{file}")
    jobs = []
    for number in range(30):
        asked, changes = secrets_of(number)
        jobs.append(bring(ledger, "done", changes, **asked))
    random.shuffle(jobs)
    stays = jobs.pop()
    for entry in jobs:
        assert ledger.delete(entry.id)
        ledger.clip_removed(entry.id)
    found = b"".join(path.read_bytes() for path in file.parent.iterdir())
    marks = set(re.findall(rb"MARK\d{4}", found))
    assert marks == {stays.request["prompt"][:8].encode()}


def test_a_reader_does_not_hinder_deleting(opened, file, monkeypatch):
    monkeypatch.setattr(ledger_module, "BUSY_TIMEOUT", 50)
    ledger = opened(f"sqlite:///{file}")
    entry = bring(ledger, "done")
    with looking_into(f"sqlite:///{file}") as reader:
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT * FROM veo_jobs").all()
        assert ledger.delete(entry.id)
    assert ledger.get(entry.id) is None


# Lists


def test_a_visitors_jobs_come_newest_first_and_nobody_elses(ledger, clock):
    mine = []
    for number in range(5):
        clock.now += 1
        mine.append(add(ledger, expected=number))
        add(ledger, owner="ben", quota_key="ann")
    assert ledger.of("ann") == mine[::-1]
    assert ledger.of("ann", limit=2) == mine[:-3:-1]
    assert ledger.of("Ann") == ledger.of("an%") == []


def prompts(jobs):
    return [each.request["prompt"] for each in jobs]


def asked_for(ledger, clock, *texts, **asked):
    """A job for each of these prompts, a second after the one before."""
    for text in texts:
        clock.now += 1
        add(ledger, request={"prompt": text}, **asked)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["100 % rain_bow", "ÄRGER im Straßenverkehr", "A fox and an owl", "a Fox"]),
        ("FOX", ["A fox and an owl", "a Fox"]),
        ("owl  fox", ["A fox and an owl"]),
        ("ärger STRASSEN", ["ÄRGER im Straßenverkehr"]),
        ("%", ["100 % rain_bow"]),
        ("n_b", ["100 % rain_bow"]),
        ("_", ["100 % rain_bow"]),
        ("fox' OR '1'='1", []),
        ("\0", ["100 % rain_bow", "ÄRGER im Straßenverkehr", "A fox and an owl", "a Fox"]),
        ("\ud800fox", ["A fox and an owl", "a Fox"]),
    ],
)
def test_a_visitors_prompts_are_searched_and_nobody_elses(ledger, clock, words, found):
    asked_for(ledger, clock, "a Fox", "A fox and an owl", "ÄRGER im Straßenverkehr")
    asked_for(ledger, clock, "fox", "a fox and an owl", owner="ben")
    asked_for(ledger, clock, "100 % rain_bow")
    assert prompts(ledger.of("ann", sought=Sought(words=words))) == found


@pytest.mark.parametrize("prompt", ["a\0b", "half \ud800 a character", ""])
def test_what_no_database_takes_as_text_is_no_hindrance(ledger, clock, prompt):
    asked_for(ledger, clock, prompt)
    assert prompts(ledger.of("ann")) == [prompt]
    assert prompts(ledger.of("ann", sought=Sought(words=prompt))) == [prompt]


def test_what_was_only_looked_for_is_listed_and_found_by_no_word(ledger):
    entry = add(ledger, request=None, generation_id="an id")
    assert ledger.of("ann") == [entry]
    assert ledger.of("ann", sought=Sought(words="id")) == []


def test_a_star_is_its_owners_to_give_and_to_take(ledger, clock):
    mine, other = add(ledger), add(ledger)
    clock.now += 5
    assert not ledger.star(mine.id, "ben", starred=True)
    assert not ledger.star("nobody", "ann", starred=True)
    assert ledger.star(mine.id, "ann", starred=True)
    assert ledger.get(mine.id) == dataclasses.replace(mine, starred=clock.now)
    assert [each.id for each in ledger.of("ann", sought=Sought(only="starred"))] == [mine.id]
    assert ledger.get(other.id) == other
    assert not ledger.star(mine.id, "ben", starred=False)
    assert ledger.star(mine.id, "ann", starred=False)
    assert ledger.get(mine.id) == mine


def test_a_star_outlives_what_becomes_of_the_job(url, opened, clock):
    """Whoever drives it, on whatever server, writes its state alone."""
    here, there = (opened(url, runner=name, clock=clock) for name in ("here", "there"))
    entry = bring(here, "running")
    taken = take(here, entry.id)
    assert there.star(entry.id, "ann", starred=True)
    assert here.move(entry.id, "running", "downloading", epoch=taken.epoch, clip="it")
    assert there.get(entry.id).starred == clock.now


def test_every_state_is_in_one_of_the_filters_or_is_done(ledger):
    ids = {state: bring(ledger, state).id for state in STATES}
    listed = {
        only: {each.id for each in ledger.of("ann", sought=Sought(only=only))}
        for only in ("all", "running", "failed")
    }
    assert listed["all"] == set(ids.values())
    assert listed["running"] == {ids[state] for state in (*ACTIVE_STATES, "needs_key")}
    assert listed["failed"] == {ids[state] for state in FAILED_STATES}
    assert listed["all"] - listed["running"] - listed["failed"] == {ids["done"]}


def test_older_ones_come_in_pages_without_a_gap_or_a_repeat(ledger, clock):
    """Though some were begun in the very same moment, and new ones come in between."""
    for _ in range(7):
        clock.now += 1
        for _ in range(3):
            add(ledger)
            add(ledger, owner="ben")
    every = ledger.of("ann")
    seen = ledger.of("ann", limit=4)
    while len(seen) < 21:
        last = seen[-1]
        add(ledger)
        page = ledger.of("ann", limit=4, sought=Sought(older_than=(last.created, last.id)))
        assert page
        seen += page
    assert seen == every


def test_a_visitors_jobs_and_room_are_counted_and_nobody_elses(ledger, clock):
    sizes = {"facts": {"size": 100, "took": 1.0}}
    bring(ledger, "done", {**sizes, "clip": None})  # evicted from a bucket
    done = ledger.get(finished(ledger, clock, "clip", size=250))
    another = ledger.get(finished(ledger, clock, "another", size=50))
    for state in ("running", "needs_key", "rejected", "uncertain"):
        bring(ledger, state, owner="me")
    ledger.star(done.id, "me", starred=True)
    held = {"all": 6, "starred": 1, "running": 2, "failed": 2}
    assert ledger.held("me") == Held(**held, bytes=300)
    assert ledger.newest("me", 6) == (ledger.of("me", 6), ledger.held("me"))
    assert ledger.newest("me", 7) == (ledger.of("me"), ledger.held("me"))
    ledger.delete(another.id)
    assert ledger.held("me") == Held(**held | {"all": 5}, bytes=250)
    assert Held.of(ledger.of("me")) == ledger.held("me")
    assert ledger.held("stranger") == Held(all=0, starred=0, running=0, failed=0, bytes=0)


def test_of_a_search_the_first_words_are_looked_for(ledger):
    """Each is one more pass over every prompt of the visitor."""
    words = " ".join(f"w{number}" for number in range(MOST_WORDS))
    entry = add(ledger, request={"prompt": words})
    assert ledger.of("ann", sought=Sought(words=f"{words} another")) == [entry]
    assert ledger.of("ann", sought=Sought(words=f"another {words}")) == []


def test_the_takes_of_a_press_know_each_other(ledger):
    first = add(ledger, take=1)
    second = add(ledger, batch=first.id, take=2)
    assert (first.batch, first.take) == (None, 1)
    assert ledger.get(second.id) == second
    assert (second.batch, second.take) == (first.id, 2)


@pytest.mark.parametrize("generation_id", ["abc:veo", "a\0b", "\ud800", 'é"%\\', "1", "x" * 10_000])
def test_a_visitors_jobs_are_found_by_the_service_s_id(url, opened, clock, generation_id):
    here, there = (opened(url, runner=name, clock=clock) for name in ("here", "there"))
    changes = {"generation_id": generation_id}
    older = bring(here, "done", changes)
    clock.now += 1
    newer = bring(there, "running", changes)
    bring(here, "done", changes, owner="ben")
    bring(here, "done", {"generation_id": generation_id + "0"})
    assert here.delete(bring(here, "done", changes).id)
    add(here)
    assert here.with_id("ann", generation_id) == [newer, older]
    assert here.with_id("ann", "null") == []


def test_only_this_runners_jobs_are_found_by_state_oldest_first(url, opened, clock):
    here, there = (opened(url, runner=name, clock=clock) for name in ("here", "there"))
    ours, theirs = [], []
    for state in ("running", "done", "prepared", "needs_key"):
        clock.now += 1
        ours.append(bring(here, state))
        theirs.append(bring(there, state))
    assert here.in_states(*ACTIVE_STATES, "needs_key") == [ours[0], ours[2], ours[3]]
    assert there.in_states("prepared", "done") == [theirs[1], theirs[2]]
    assert here.in_states("failed") == here.in_states() == []
    assert here.get(theirs[0].id) == theirs[0]


def finish(ledger, took, **asked):
    return bring(ledger, "done", {"facts": {"took": took}}, **asked)


def test_typical_seconds_are_the_median_of_finished_jobs_of_the_same_kind(ledger):
    for took in (100.0, 300.0):
        finish(ledger, took)
    finish(ledger, 1.0, payer="demo")
    for name, value in (("model", "another"), ("resolution", "1080p"), ("duration", 8)):
        for _ in range(3):
            finish(ledger, 2.0, request=CALLED_FOX | {name: value})
    finish(ledger, 3.0, request=None)
    bring(ledger, "done", {"facts": {"width": 1280}})
    bring(ledger, "running", {"facts": {"took": 4.0}})
    assert ledger.delete(finish(ledger, 5.0).id)
    assert ledger.typical_seconds(CALLED_FOX) is None
    finish(ledger, 110, payer="visitor", owner="ben", request=CALLED_FOX | {"prompt": "a hen"})
    assert ledger.typical_seconds(CALLED_FOX | {"seed": 7}) == 110.0
    assert ledger.typical_seconds(CALLED_FOX | {"duration": 6}) is None


def test_typical_seconds_know_a_length_that_is_not_sent_because_it_is_the_default(ledger):
    short = {"model": "veo", "prompt": "a fox"}
    for _ in range(3):
        finish(ledger, 50.0, request=short)
        finish(ledger, 20.0)
    assert ledger.typical_seconds(short) == 50.0


# What a visitor spent


def test_what_a_visitor_spent_is_what_was_asked_here_and_may_have_cost(ledger, clock):
    since = clock.now
    taken = {"submitted": clock.now}
    for asked in ({"payer": "demo"}, {"owner": "ben"}, {"request": None, "generation_id": "id"}):
        finished = add(ledger, dollars=100.0, **asked)
        if finished.generation_id:
            assert ledger.move(finished.id, "running", "downloading")
            assert ledger.move(finished.id, "downloading", "done")
    for state in UNCHARGED_STATES:
        bring(ledger, state, dollars=100.0)
    assert ledger.spent("ann", since) == Spent(dollars=0.0, may_be_less=False, may_be_more=False)
    bring(ledger, "done", taken, dollars=1.5, payer="visitor")
    assert ledger.spent("ann", since) == Spent(dollars=1.5, may_be_less=False, may_be_more=False)
    bring(ledger, "prepared", dollars=2.0)
    bring(ledger, "running", taken)
    assert ledger.spent("ann", since) == Spent(dollars=3.5, may_be_less=True, may_be_more=True)
    assert ledger.spent("ann", since + 1) == Spent(
        dollars=0.0, may_be_less=False, may_be_more=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("state", sorted({*STATES} - {*UNCHARGED_STATES, *ACTIVE_STATES}))
def test_deleting_a_clip_does_not_lower_what_was_spent(ledger, clock, state):
    taken = {} if state in WITHOUT_ID else {"submitted": clock.now}
    for _ in range(101):
        entry = bring(ledger, state, taken, dollars=0.5)
    before = ledger.spent("ann", clock.now)
    assert before.dollars == 50.5
    assert ledger.delete(entry.id)
    assert ledger.spent("ann", clock.now) == before


# Limits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "fit"),
    [
        (Limits(clips=7), 7),
        (Limits(dollars=2.8), 7),
        (Limits(clips_a_visitor=3), 12),
        (Limits(dollars_a_visitor=1.2), 12),
        (Limits(clips_a_visitor=3, clips=7), 7),
        (Limits(), 100),
    ],
    ids=str,
)
def test_a_hundred_at_once_stop_exactly_at_the_limit(ledger, url, limits, fit):
    adds = [
        partial(
            add,
            ledger,
            owner=f"owner {number}",
            quota_key=str(number % 4),
            dollars=0.4,
            limits=limits,
        )
        for number in range(100)
    ]
    results = all_at_once(adds)
    written = rows(url)
    assert len(written) == fit
    assert {row["id"] for row in written} == {
        each.id for each in results if not isinstance(each, LimitReached)
    }
    if limits.clips_a_visitor < math.inf or limits.dollars_a_visitor < math.inf:
        assert max(sum(row["spender"] == str(n) for row in written) for n in range(4)) <= 3


CHILD_THAT_ADDS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from backend.ledger import Ledger, LimitReached, Limits

ledger = Ledger(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()

def add(_):
    try:
        ledger.add(owner="a", payer="server", request=None, expected=1.0, limits=Limits(clips=25))
    except LimitReached:
        return 0
    return 1

with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(add, range(40))))
ledger.close()
"""


def child(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_stop_together_at_the_limit(url, opened):
    opened(url)
    with ExitStack() as stack:
        children = [stack.enter_context(child(CHILD_THAT_ADDS, url)) for _ in range(2)]
        assert [each.stdout.readline() for each in children] == ["ready\n"] * 2
        for each in children:
            each.stdin.write("go\n")
            each.stdin.flush()
        added = [int(each.stdout.readline()) for each in children]
    assert [each.returncode for each in children] == [0, 0]
    assert sum(added) == len(rows(url)) == 25


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("limits", [Limits(clips=1), Limits(dollars=5.0)], ids=str)
def test_what_certainly_cost_nothing_does_not_count_and_all_else_does(ledger, state, limits):
    entry = bring(ledger, state, dollars=3.2)
    for _ in range(2):
        if state in ("rejected", "failed"):
            ledger.delete(add(ledger, dollars=3.2, limits=limits, payer="visitor").id)
        else:
            with pytest.raises(LimitReached):
                add(ledger, dollars=3.2, limits=limits)
        ledger.delete(entry.id)  # what it cost stays


@pytest.mark.parametrize("state", ["running", "needs_attention", "needs_key", "done"])
def test_what_was_only_looked_for_counts_against_no_limit(ledger, state):
    limits = Limits(clips=1, clips_a_visitor=1, dollars=3.2, dollars_a_visitor=3.2)
    ways = {"done": ("running", "downloading", "done")}
    for number in range(30):
        entry = add(ledger, request=None, generation_id=f"id {number}", dollars=3.2)
        for was, to in itertools.pairwise(ways.get(state, ("running", state))):
            assert was == to or ledger.move(entry.id, was, to)
        if number % 2 and state != "running":
            assert ledger.delete(entry.id)
    assert add(ledger, dollars=3.2, limits=limits)
    with pytest.raises(LimitReached):
        add(ledger, dollars=3.2, limits=limits)


def test_only_what_was_looked_for_can_be_taken_out_whole(ledger, url):
    looked_for = add(ledger, request=None, generation_id="id")
    sent = [bring(ledger, state) for state in STATES]
    deleted = bring(ledger, "done")
    assert ledger.delete(deleted.id)
    assert ledger.only_looked_for() == [looked_for]
    for entry in (looked_for, deleted, *sent):
        ledger.remove(entry.id)
    assert {row["id"] for row in rows(url)} == {each.id for each in (deleted, *sent)}


def test_an_id_that_was_given_here_lately_is_known(ledger, clock):
    bring(ledger, "running", {"generation_id": "an id"})
    add(ledger, request=None, generation_id="looked for")
    assert ledger.was_taken_since("an id", "server", clock.now - 60)
    assert not ledger.was_taken_since("an id", "visitor", clock.now - 60)
    assert not ledger.was_taken_since("looked for", "server", clock.now - 60)
    clock.now += 61
    assert not ledger.was_taken_since("an id", "server", clock.now - 60)


@pytest.mark.parametrize("payer", ["demo", "visitor"])
def test_only_what_the_servers_key_pays_counts(ledger, payer):
    add(ledger, payer=payer, dollars=3.2)
    assert add(ledger, dollars=3.2, limits=Limits(clips=1, clips_a_visitor=1, dollars=3.2))


def test_after_a_day_there_is_room_again(ledger, clock):
    limits = Limits(clips=2, dollars_a_visitor=6.4)
    add(ledger, dollars=3.2, limits=limits)
    clock.now += 60
    add(ledger, dollars=3.2, limits=limits)
    clock.now += DAY - 61
    with pytest.raises(LimitReached):
        add(ledger, dollars=3.2, limits=limits)
    clock.now += 1
    add(ledger, dollars=3.2, limits=limits)
    with pytest.raises(LimitReached):
        add(ledger, dollars=3.2, limits=limits)


def test_a_clock_that_went_back_gives_no_room(ledger, clock):
    add(ledger, limits=Limits(clips=1))
    clock.now -= DAY * 30
    with pytest.raises(LimitReached):
        add(ledger, limits=Limits(clips=1))


LIMIT = "$3.20 in 24 hours, this clip costs $3.20, and the limit is $4.00."


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(clips=1), "Visitors together have made 1 clip in 24 hours, and the limit is 1."),
        (Limits(clips_a_visitor=1), "You have made 1 clip in 24 hours, and the limit is 1."),
        (Limits(dollars=4), f"Visitors together have spent {LIMIT}"),
        (Limits(dollars_a_visitor=4), f"You have spent {LIMIT}"),
    ],
    ids=str,
)
def test_the_refusal_says_which_limit_and_writes_nothing(ledger, url, limits, words):
    add(ledger, dollars=3.2, limits=limits)
    with pytest.raises(LimitReached) as refusal:
        add(ledger, dollars=3.2, limits=limits)
    assert explain_limit(refusal.value).startswith(f"{words} With an API key of your own")
    assert len(rows(url)) == 1


def test_a_visitor_at_the_limit_hinders_no_other(ledger):
    limits = Limits(clips_a_visitor=1, dollars_a_visitor=3.2)
    add(ledger, owner="a browser", quota_key="ann", dollars=3.2, limits=limits)
    with pytest.raises(LimitReached) as refusal:
        add(ledger, owner="another browser", quota_key="ann", dollars=3.2, limits=limits)
    assert refusal.value.whose == "visitor"
    assert add(ledger, owner="a browser", quota_key="ben", dollars=3.2, limits=limits)


@pytest.mark.parametrize("dollars", [0.1, 0.4, 0.7, 1 / 3])
def test_dollars_are_counted_to_the_cent_whatever_floats_make_of_them(ledger, dollars):
    for count in (3, 10):
        limits = Limits(dollars_a_visitor=round(dollars * count, 6))
        for _ in range(count):
            add(ledger, quota_key=str(count), dollars=dollars, limits=limits)
        with pytest.raises(LimitReached):
            add(ledger, quota_key=str(count), dollars=dollars, limits=limits)


@pytest.mark.parametrize("limits", [Limits(dollars=9), Limits(dollars_a_visitor=9)], ids=str)
def test_an_unknown_price_is_refused_where_dollars_are_limited(ledger, limits):
    with pytest.raises(PriceNotTold) as refusal:
        add(ledger, dollars=None, limits=limits)
    assert refusal.value.limit == 9
    assert add(ledger, dollars=None, limits=Limits(clips=9, clips_a_visitor=9))


def test_a_price_that_is_no_number_is_refused_too(ledger, url):
    with pytest.raises(LimitReached):
        add(ledger, dollars=math.nan, limits=Limits(dollars=9))
    assert rows(url) == []


def test_a_limit_of_nothing_lets_nothing_through(ledger):
    for limits in (Limits(clips=0), Limits(dollars=0), Limits(clips_a_visitor=0)):
        with pytest.raises(LimitReached):
            add(ledger, dollars=0.1, limits=limits)


# What stands in the way


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(ledger_module, "BUSY_TIMEOUT", 100)


def require_nothing_written(ledger, url, entry):
    """No call gets through, each says so, and the rows are as before."""
    before = rows(url)
    for call in (
        partial(add, ledger),
        partial(add, ledger, dollars=1.0, limits=Limits(clips=99)),
        partial(ledger.move, entry.id, "done", "downloading"),
        partial(ledger.delete, entry.id),
    ):
        with pytest.raises(NotWritten) as failed:
            call()
        assert str(failed.value)
        assert isinstance(failed.value.__cause__, sa.exc.SQLAlchemyError)
        assert CALLED_FOX["prompt"] not in str(failed.value.__cause__)
    return before


@pytest.mark.usefixtures("impatient")
def test_a_locked_database_is_told_and_nothing_is_changed(url, opened):
    ledger = opened(url)
    entry = bring(ledger, "done")
    lock = {
        "sqlite": "BEGIN EXCLUSIVE",
        "postgresql": "LOCK TABLE veo_jobs IN EXCLUSIVE MODE",
    }[sa.make_url(url).get_backend_name()]
    with looking_into(url) as somebody:
        somebody.exec_driver_sql(lock)
        before = require_nothing_written(ledger, url, entry)
        assert ledger.get(entry.id) == entry  # a reader does not wait
        somebody.rollback()
    assert rows(url) == before
    assert ledger.move(entry.id, "done", "downloading")


@pytest.mark.usefixtures("impatient")
def test_a_locked_file_is_not_moved_aside(file, opened, reopened):
    url = f"sqlite:///{file}"
    entry = add(opened(url))
    with looking_into(url) as somebody:
        somebody.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(NotWritten, match="locked"):
            reopened(url)
    assert reopened(url).get(entry.id) == entry
    assert asides(file) == []


@pytest.mark.usefixtures("impatient")
def test_nobody_waits_for_ever_for_a_locked_postgres(postgres, opened):
    url = postgres.new_schema()
    ledger = opened(url)
    with looking_into(url) as somebody:
        somebody.exec_driver_sql("LOCK TABLE veo_jobs IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(NotWritten, match="lock timeout"):
            opened(url)
        with pytest.raises(OutOfReach, match="lock timeout"):
            ledger.of("ann")


def test_who_is_frozen_in_the_middle_of_a_write_holds_the_row_no_longer(
    postgres, opened, monkeypatch
):
    """A server that is dead has no session; the session of one that is frozen goes on."""
    monkeypatch.setattr(ledger_module, "IDLE_TIMEOUT", 300)
    url = postgres.new_schema()
    frozen, alive = opened(url, runner="frozen"), opened(url, runner="alive")
    entry = add(frozen)
    with pytest.raises(sa.exc.DBAPIError):
        with frozen._writing.begin() as connection:
            connection.exec_driver_sql("UPDATE veo_jobs SET state = 'submitting'")
            assert take(alive, entry.id).state == "prepared"
    assert alive.get(entry.id).state == "prepared"


def test_a_full_disk_is_told_and_nothing_is_changed(file, opened):
    """SQLite's own measure of full: the database may not grow by a page."""
    url = f"sqlite:///{file}"
    ledger = opened(url)
    entry = bring(ledger, "done")
    with ledger._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    before = rows(url)
    with pytest.raises(NotWritten, match="full"):
        add(ledger, request={"prompt": "x" * 100_000})
    with pytest.raises(NotWritten, match="full"):
        ledger.move(entry.id, "done", "downloading", error={"text": "x" * 100_000})
    assert rows(url) == before
    with ledger._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=100000")
    assert add(ledger, request={"prompt": "x" * 100_000})


def test_a_write_that_the_system_refuses_is_told_and_nothing_is_changed(file, opened):
    url = f"sqlite:///{file}"
    ledger = opened(url)
    entry = bring(ledger, "done")
    before = rows(url)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(NotWritten, match=r"I/O|full"):
            add(ledger, request={"prompt": "x" * 100_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert rows(url) == before
    assert add(ledger, request={"prompt": "x" * 100_000})
    assert ledger.move(entry.id, "done", "downloading")


def test_too_many_writers_at_once_are_told(url, opened, monkeypatch):
    one = partial(sa.create_engine, pool_size=1, max_overflow=0, pool_timeout=0.05)
    monkeypatch.setattr(ledger_module.sa, "create_engine", one)
    ledger = opened(url)
    monkeypatch.undo()
    with ledger._engine.connect():
        with pytest.raises(NotWritten, match="too many"):
            add(ledger)
    assert add(ledger)


@pytest.mark.slow
def test_a_postgres_that_is_stopped_is_told_and_found_again(postgres, opened, reopened):
    url = postgres.new_schema()
    ledger = opened(url)
    entry = bring(ledger, "done")
    before = rows(url)
    postgres.stop()
    try:
        for call in (
            partial(add, ledger),
            partial(ledger.move, entry.id, "done", "downloading"),
            partial(ledger.delete, entry.id),
            partial(reopened, url),
        ):
            with pytest.raises(NotWritten):
                call()
        with pytest.raises(OutOfReach):
            ledger.get(entry.id)
    finally:
        postgres.start()
    assert rows(url) == before
    assert ledger.get(entry.id) == entry


def test_a_postgres_that_was_restarted_is_found_at_once(postgres, opened):
    """Nobody is told of connections that the restart has cut."""
    ledger = opened(postgres.new_schema())
    entry = bring(ledger, "done")
    postgres.stop()
    postgres.start()
    assert ledger.move(entry.id, "done", "downloading")


def test_a_postgres_that_may_only_be_read_is_told(postgres, opened):
    """Such is a replica, and a server that was just demoted to one."""
    url = postgres.new_schema()
    entry = bring(opened(url), "done")
    demoted = opened(f"{url}%20-cdefault_transaction_read_only%3Don")
    require_nothing_written(demoted, url, entry)


@contextmanager
def somebody_without_rights():
    """Root may write everywhere; for a while we are nobody."""
    Ledger("sqlite://").close()  # what is imported late may lie where nobody may read
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def closed_folder():
    """A folder that may be read and not written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield folder
        folder.chmod(0o755)


def test_an_unwritable_folder_is_told_and_nothing_is_moved(closed_folder, reopened):
    file = closed_folder / "ledger.sqlite"
    closed_folder.chmod(0o555)
    with somebody_without_rights(), pytest.raises(NotWritten, match=re.escape(str(file))) as told:
        reopened(f"sqlite:///{file}")
    assert "unable to open database file" in str(told.value)
    assert list(closed_folder.iterdir()) == []


def test_a_ledger_in_an_unwritable_folder_stays_where_it_is(closed_folder, reopened):
    file = closed_folder / "ledger.sqlite"
    with closing(Ledger(f"sqlite:///{file}")) as ledger:
        add(ledger)
    before = file.read_bytes()
    file.chmod(0o444)
    closed_folder.chmod(0o555)
    with somebody_without_rights(), pytest.raises(NotWritten, match=re.escape(str(file))):
        reopened(f"sqlite:///{file}")
    assert [path.read_bytes() for path in closed_folder.iterdir()] == [before]


@pytest.mark.parametrize("place", ["nowhere/ledger.sqlite", "file/ledger.sqlite", "folder"])
def test_a_place_where_no_file_can_be_is_told(tmp_path, reopened, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    with pytest.raises(NotWritten, match=place):
        reopened(f"sqlite:///{tmp_path / place}")
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}
    assert (tmp_path / "file").read_text() == "kept"


# Damage

LATER = f"UPDATE veo_ledger SET version = {VERSION + 1}"  # noqa: S608


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The file of a ledger of many pages."""
    file = tmp_path_factory.mktemp("sound") / "ledger.sqlite"
    with closing(Ledger(f"sqlite:///{file}")) as ledger:
        for number in range(120):
            add(ledger, request={"prompt": f"{number} " * 300})
    return file


def middle_page_garbled(data):
    middle = len(data) // 4096 // 2 * 4096
    return (
        data[:middle]
        + bytes(byte ^ 0xFF for byte in data[middle : middle + 4096])
        + data[middle + 4096 :]
    )


DAMAGE = {
    "garbage": lambda data: bytes(random.Random(1).randbytes(len(data))),
    "another file": lambda data: b"%PDF-1.7\n" + data,
    "a word": lambda _: b"hello",
    "a garbled page": middle_page_garbled,
    "cut in half": lambda data: data[: len(data) // 2],
    "cut in the header": lambda data: data[:60],
    "a later format": lambda data: data[:47] + b"\x09" + data[48:],
    "a type that is no text": lambda data: data.replace(b"VARCHAR(32)", b"\x80ARCHAR(32)", 1),
    "a name that is no text": lambda data: data.replace(b"indexveo", b"index\x80eo", 1),
    "another name": lambda data: data.replace(b"\n\towner ", b"\n\townes "),
}


def asides(file):
    return sorted(path for path in file.parent.iterdir() if re.search(r"\.\w{4}$", path.name))


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_moved_aside_and_a_new_ledger_begun(
    file, sound, reopened, caplog, damage
):
    damaged = damage(sound.read_bytes())
    file.write_bytes(damaged)
    ledger = reopened(f"sqlite:///{file}", runner="here")
    [aside] = asides(file)
    assert aside.read_bytes() == damaged
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert str(aside) in record.getMessage()
    assert ledger.of("ann") == []
    entry = add(ledger)
    assert entry.runner == "here"
    ledger.close()
    assert reopened(f"sqlite:///{file}").of("ann") == [entry]
    assert len(caplog.records) == 1


def left_by_a_kill(file, sound, *statements):
    """A ledger as a kill leaves it: what was committed last lies in the journal only."""
    source = file.with_name("source.sqlite")
    shutil.copy(sound, source)
    with closing(Ledger(f"sqlite:///{source}")) as ledger:
        entry = add(ledger)
        change(f"sqlite:///{source}", *statements)
        for ending in ("", "-wal", "-shm"):
            shutil.copy(f"{source}{ending}", f"{file}{ending}")
    assert entry.id.encode() not in file.read_bytes()
    return entry


def test_what_a_kill_left_in_the_journal_is_found(file, sound, reopened):
    entry = left_by_a_kill(file, sound)
    assert reopened(f"sqlite:///{file}").get(entry.id)
    assert asides(file) == []


def test_the_journal_beside_a_damaged_file_goes_with_it(file, sound, reopened):
    """It would be taken for the new ledger's."""
    entry = left_by_a_kill(file, sound)
    file.write_bytes(file.read_bytes()[:5000])
    journal = Path(f"{file}-wal").read_bytes()
    ledger = reopened(f"sqlite:///{file}")
    assert ledger.of("ann") == []
    [aside] = asides(file)
    assert Path(f"{aside}-wal").read_bytes() == journal
    assert Path(f"{aside}-shm").exists()
    assert entry.id.encode() in journal
    added = add(ledger)
    ledger.close()
    assert reopened(f"sqlite:///{file}").of("ann") == [added]


def test_two_damaged_files_in_one_second_are_both_kept(file, reopened, monkeypatch):
    monkeypatch.setattr(ledger_module.time, "strftime", lambda _: "2026-01-01-000000")
    for content in (b"first", b"second"):
        file.write_bytes(content)
        for ending in ("-wal", "-shm"):
            Path(f"{file}{ending}").unlink(missing_ok=True)
        reopened(f"sqlite:///{file}").close()
    assert {path.read_bytes() for path in asides(file)} == {b"first", b"second"}


def test_a_new_name_that_cannot_be_given_leaves_all_as_it_was(closed_folder, reopened):
    file = closed_folder / "ledger.sqlite"
    file.write_bytes(b"not a database")
    file.chmod(0o666)
    closed_folder.chmod(0o555)
    with somebody_without_rights(), pytest.raises(OSError, match=re.escape(str(file))):
        reopened(f"sqlite:///{file}")
    assert [path.read_bytes() for path in closed_folder.iterdir()] == [b"not a database"]


def test_an_empty_file_is_a_new_ledger(file, reopened, caplog):
    file.touch()
    assert add(reopened(f"sqlite:///{file}"))
    assert asides(file) == []
    assert not caplog.records


def test_an_index_that_lost_its_rows_is_damage(file, sound, reopened, caplog):
    """Jobs could not be found by it any more."""
    shutil.copy(sound, file)
    with closing(sqlite3.connect(file)) as connection:
        # An index that leaves out some rows and says that it has all.
        connection.execute("DROP INDEX veo_jobs_by_owner")
        told = "CREATE INDEX veo_jobs_by_owner ON veo_jobs (owner, created)"
        connection.execute(f"{told} WHERE owner <> 'ann'")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = ? WHERE name = 'veo_jobs_by_owner'", [told]
        )
        connection.commit()
    assert add(reopened(f"sqlite:///{file}"))
    assert len(asides(file)) == 1
    assert "missing from index" in caplog.text


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    page=st.integers(0, 38),
    offset=st.integers(0, 4095),
    garbage=st.none() | st.binary(min_size=1, max_size=50) | st.just(bytes(5000)),
)
def test_whatever_the_damage_there_is_a_ledger_and_no_byte_is_lost(sound, page, offset, garbage):
    whole = sound.read_bytes()
    place = (page * 4096 + offset) % len(whole)
    damaged = whole[:place]  # cut there, or garbled
    if garbage is not None:
        damaged += garbage + whole[place + len(garbage) :]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.sqlite"
        file.write_bytes(damaged)
        with closing(open_ledger(f"sqlite:///{file}")) as ledger:
            moved = asides(file)
            if moved:
                assert add(ledger)
        assert [path.read_bytes() for path in moved] == [damaged] * len(moved)
        assert moved or len(file.read_bytes()) >= len(damaged)


def test_a_later_versions_ledger_is_moved_aside_whole(file, sound, reopened, caplog):
    entry = left_by_a_kill(file, sound, LATER)
    assert reopened(f"sqlite:///{file}").of("ann") == []
    [aside] = asides(file)
    assert f"another version ({VERSION + 1}, not {VERSION})" in caplog.text
    assert str(aside) in caplog.text
    with closing(sqlite3.connect(aside)) as connection:
        assert (entry.id,) in connection.execute("SELECT id FROM veo_jobs").fetchall()
        assert connection.execute("SELECT version FROM veo_ledger").fetchall() == [(VERSION + 1,)]


def test_no_hand_is_kept_on_a_file_that_was_moved_aside(file, sound, reopened):
    """SQLite removes a journal by its name when the last connection is closed: the new one's."""
    shutil.copy(sound, file)
    change(f"sqlite:///{file}", LATER)
    kept = []

    def moved_aside(path):
        kept.append(open_files(path.parent))
        return real(path)

    real = ledger_module._moved_aside
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_module, "_moved_aside", moved_aside)
        reopened(f"sqlite:///{file}")
    assert kept == [[]]
    assert set(open_files(file.parent)) == {file, Path(f"{file}-wal"), Path(f"{file}-shm")}


def open_files(folder):
    links = [Path("/proc/self/fd", number) for number in os.listdir("/proc/self/fd")]
    names = {link.readlink() for link in links if link.is_symlink()}
    return sorted(name for name in names if name.parent == folder)


def test_a_later_versions_postgres_is_left_alone(postgres, opened, reopened):
    url = postgres.new_schema()
    entry = add(opened(url))
    change(url, LATER)
    with pytest.raises(UnusableLedger, match=rf"another version \({VERSION + 1}, not {VERSION}\)"):
        reopened(url)
    assert [row["id"] for row in rows(url)] == [entry.id]


def test_a_table_of_somebody_elses_is_not_taken_for_ours(url, reopened, file):
    change(url, "CREATE TABLE veo_jobs (id INTEGER, title TEXT)")
    if file.exists():
        assert add(reopened(url))
        assert len(asides(file)) == 1
    else:
        with pytest.raises(UnusableLedger, match="owner"):
            reopened(url)
    with looking_into(f"sqlite:///{asides(file)[0]}" if file.exists() else url) as connection:
        names = sa.inspect(connection).get_table_names()
        assert names == ["veo_jobs"]


def test_a_database_may_hold_other_tables(url, opened):
    change(url, "CREATE TABLE jobs (id INTEGER)", "CREATE INDEX jobs_by_state ON jobs (id)")
    ledger = opened(url)
    assert ledger.of("ann") == []
    assert add(ledger)


def test_no_password_is_in_what_is_said(opened):
    with pytest.raises(NotWritten) as told:
        opened("postgresql+psycopg://ann:canary-0123456789abcdef@/x?host=/nowhere")
    assert "canary" not in str(told.value)
    assert "/nowhere" in str(told.value)


def test_many_servers_may_begin_at_once(url, opened):
    """Postgres is new to all of them; a new file has one server, by the lock on its folder."""
    if "sqlite" in url:
        opened(url)
    ledgers = all_at_once([partial(opened, url)] * 8)
    entries = all_at_once([partial(add, each) for each in ledgers])
    assert {each.id for each in ledgers[0].of("ann")} == {each.id for each in entries}
    with looking_into(url) as connection:
        versions = connection.exec_driver_sql("SELECT version FROM veo_ledger").all()
    assert versions == [(VERSION,)]


AS_VERSION_3 = (
    *(
        f"DROP TABLE {name}"
        for name in ("veo_pictures", "veo_picture_uses", "veo_pictures_to_remove")
    ),
    "UPDATE veo_ledger SET version = 3",
)
AS_VERSION_2 = (
    *AS_VERSION_3,
    *(f"ALTER TABLE veo_jobs DROP COLUMN {name}" for name in ("starred", "batch", "take", "words")),
    "UPDATE veo_ledger SET version = 2",
)
AS_VERSION_1 = (
    *AS_VERSION_2,
    "ALTER TABLE veo_jobs DROP COLUMN epoch",
    "ALTER TABLE veo_ledger DROP COLUMN engine",
    "UPDATE veo_ledger SET version = 1",
)


@pytest.mark.parametrize("earlier", [AS_VERSION_1, AS_VERSION_2, AS_VERSION_3], ids=["1", "2", "3"])
def test_a_ledger_of_an_earlier_version_gets_what_it_lacks_and_keeps_all_it_has(
    url, opened, file, earlier
):
    first = opened(url)
    entries = [bring(first, state) for state in STATES]
    odd = [add(first, request={"prompt": text}) for text in ("ÄRGER", "a\0b \ud800", "")]
    by_id = add(first, request=None, generation_id="an id")
    entries += [*odd, by_id]
    deleted = bring(first, "done")
    first.delete(deleted.id)
    first.close()
    change(url, *earlier)
    if "sqlite" in url:  # a file has one server, by the lock on its folder
        opened(url)
    ledgers = all_at_once([partial(opened, url)] * 8)
    assert {each.id: each for each in ledgers[0].of("ann")} == {each.id: each for each in entries}
    with looking_into(url) as connection:
        versions = connection.exec_driver_sql("SELECT version FROM veo_ledger").all()
    # Which is another than the earlier one's, so that no program of that time opens it.
    assert versions == [(VERSION,)]
    assert VERSION not in (1, 2, 3)
    assert take(ledgers[1], entries[0].id).epoch == 1
    # What was there before is found and starred as what comes.
    assert ledgers[2].of("ann", sought=Sought(words="ärger")) == odd[:1]
    assert {each.id for each in ledgers[2].of("ann", sought=Sought(words="fox"))} == {
        each.id for each in entries[: len(STATES)]
    }
    assert ledgers[3].star(entries[1].id, "ann", starred=True)
    assert [row["words"] for row in rows(url) if row["id"] == deleted.id] == [None]
    assert asides(file) == []


def test_an_engine_is_installed_once_however_many_servers_begin(postgres, opened):
    url = postgres.new_schema()
    ledgers = [opened(url) for _ in range(8)]
    schema = "CREATE TABLE of_the_engine (id INTEGER); INSERT INTO of_the_engine VALUES (1)"
    versions = all_at_once(
        [partial(each.install_engine, str(n), schema) for n, each in enumerate(ledgers)]
    )
    assert len({*versions}) == 1
    with looking_into(url) as connection:
        assert connection.exec_driver_sql("SELECT id FROM of_the_engine").all() == [(1,)]


def test_a_limit_is_counted_while_others_move_their_jobs(postgres, opened):
    """Nobody waits for who counts but who counts, too."""
    url = postgres.new_schema()
    ledger, other = opened(url), opened(url)
    entry = add(ledger)
    with other._writing.begin() as connection:
        other._check_limits(connection, "ann", None, Limits(clips=9))
        assert ledger.move(entry.id, "prepared", "submitting")
        assert add(ledger)


@pytest.mark.parametrize("url", ["nonsense", "no-such-kind://host/name", "postgresql+nothing://x"])
def test_an_address_that_means_nothing_is_told(opened, url):
    with pytest.raises(UnusableLedger):
        opened(url)
    with pytest.raises(UnusableLedger):
        open_ledger(url)


# A file on a disk that is not kept


def test_a_copy_is_whole_after_every_change(file, opened, tmp_path):
    """The file itself may still have it all in the journal beside it."""
    ledger = opened(f"sqlite:///{file}", copy=tmp_path / "copy")
    entry = add(ledger)
    for to in ("submitting", "running"):
        assert ledger.move(entry.id, entry.state, to)
        entry = ledger.get(entry.id)
        shutil.copy(tmp_path / "copy", tmp_path / "looked at")
        assert opened(f"sqlite:///{tmp_path / 'looked at'}").get(entry.id) == entry


def test_a_ledger_that_is_gone_begins_as_its_copy(file, tmp_path):
    url, copy = f"sqlite:///{file.parent}/not yet there/ledger", tmp_path / "kept" / "ledger"
    copy.parent.mkdir()
    with closing(open_ledger(url, copy=copy)) as ledger:
        entry = add(ledger)
    shutil.rmtree(file.parent / "not yet there")
    with closing(open_ledger(url, copy=copy)) as ledger:
        assert ledger.get(entry.id) == entry
        assert ledger.move(entry.id, "prepared", "submitting")
    copy.unlink()  # the file itself counts, as long as it is there
    with closing(open_ledger(url, copy=copy)) as ledger:
        assert ledger.get(entry.id).state == "submitting"


def test_a_damaged_copy_is_never_overwritten(file, tmp_path, caplog):
    copy = tmp_path / "copy"
    copy.write_bytes(b"what was a ledger" * 1000)
    with closing(open_ledger(f"sqlite:///{file}", copy=copy)) as ledger:
        assert add(ledger)
    assert copy.read_bytes().startswith(b"SQLite format 3")
    (aside,) = tmp_path.glob("copy.*")
    assert aside.read_bytes() == b"what was a ledger" * 1000
    assert "is kept as" in caplog.text


def test_nothing_counts_as_written_before_the_copy_has_it(file, opened, tmp_path):
    copy = tmp_path / "away" / "copy"
    ledger = opened(f"sqlite:///{file}", copy=copy)
    with pytest.raises(NotWritten, match="its copy"):
        add(ledger)
    copy.parent.mkdir()
    entry = add(ledger)
    shutil.rmtree(copy.parent)
    with pytest.raises(NotWritten):
        ledger.move(entry.id, "prepared", "submitting")
    copy.parent.mkdir()
    assert not ledger.move(entry.id, "prepared", "submitting")  # it is, and now the copy says so
    assert opened(f"sqlite:///{copy}").get(entry.id).state == "submitting"


# A process that is killed


CHILD_THAT_IS_KILLED = """
import os, signal, sys
from backend.ledger import Ledger, _jobs

ledger = Ledger(sys.argv[1])
entry = ledger.add(owner="ann", payer="server", request={"prompt": "a fox"}, expected=1.0)
if sys.argv[2] == "moved":
    ledger.move(entry.id, "prepared", "submitting")
    print(entry.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
with ledger._write() as connection:
    connection.execute(_jobs.update().values(state="submitting"))
    print(entry.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("step", "state"), [("moved", "submitting"), ("moving", "prepared")])
def test_a_kill_loses_nothing_that_was_committed_and_keeps_nothing_else(url, opened, step, state):
    with child(CHILD_THAT_IS_KILLED, url, step) as killed:
        job_id = killed.stdout.readline().strip()
    assert killed.returncode == -signal.SIGKILL
    ledger = opened(url)
    assert [(each.id, each.state) for each in ledger.of("ann")] == [(job_id, state)]
    assert ledger.move(job_id, state, "submitting" if step == "moving" else "running")


def test_every_connection_is_a_safe_one(file, opened):
    """A commit is on the disk, a reader never waits, a writer does, deleting is overwriting."""
    ledger = opened(f"sqlite:///{file}")
    with ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(ledger._engine.connect())
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "busy_timeout", "secure_delete")
            }
            assert pragmas == {
                "journal_mode": "wal",
                "synchronous": 2,  # FULL
                "busy_timeout": ledger_module.BUSY_TIMEOUT,
                "secure_delete": 1,
            }


def test_a_ledger_reads_while_another_writes(url, opened):
    ledger, another = opened(url), opened(url)
    entry = add(ledger)
    with another._write() as connection:
        connection.execute(ledger_module._jobs.update().values(state="done"))
        assert ledger.get(entry.id) == entry
        assert ledger.of("ann") == [entry]
    assert ledger.get(entry.id).state == "done"


# Clips that several servers share


def finished(ledger, clock, clip, *, size, payer="server", state="done"):
    """A row whose clip has come, a second after the last."""
    clock.now += 1
    entry = ledger.add(owner="me", payer=payer, request=CALLED_FOX, expected=1.0)
    ledger.move(entry.id, "prepared", "submitting")
    ledger.move(entry.id, "submitting", "running", generation_id="x")
    ledger.move(entry.id, "running", "downloading", clip=clip)
    if state == "done":
        facts = {"size": size, "width": 1}
        ledger.move(entry.id, "downloading", "done", facts=facts)
    return entry.id


def clip_of(ledger, job_id):
    return ledger.get(job_id).clip


@pytest.mark.parametrize(
    ("most", "gone"),
    [
        (math.inf, []),
        (500, []),
        (499, ["free-1"]),
        (400, ["free-1"]),
        (301, ["free-1", "free-2"]),
        (299, ["free-1", "free-2", "paid-1"]),
        (0, ["free-1", "free-2", "paid-1", "paid-2", "paid-3"]),
    ],
)
def test_the_oldest_clips_are_taken_off_their_rows_demo_clips_first(ledger, clock, most, gone):
    order = ["paid-1", "free-1", "paid-2", "free-2", "paid-3"]
    rows = {
        clip: finished(ledger, clock, clip, size=100, payer="demo" if "free" in clip else "server")
        for clip in order
    }
    ledger.take_off_oldest(most, [])
    assert sorted(ledger.clips_to_remove()) == gone
    for clip, job_id in rows.items():
        assert clip_of(ledger, job_id) == (None if clip in gone else clip)
        assert ledger.get(job_id).state == "done"
    for clip in gone:
        ledger.clip_is_gone(clip)
    ledger.take_off_oldest(most, [])
    assert ledger.clips_to_remove() == []


def test_what_arrives_or_was_deleted_makes_no_room(ledger, clock):
    deleted = finished(ledger, clock, "deleted", size=100)
    arriving = finished(ledger, clock, "arriving", size=100, state="downloading")
    in_use = finished(ledger, clock, "in-use", size=100)
    old = finished(ledger, clock, "old", size=100)
    ledger.delete(deleted)
    ledger.take_off_oldest(0, ["in-use"])
    assert ledger.clips_to_remove() == ["old"]
    assert [clip_of(ledger, each) for each in (arriving, in_use, old)] == [
        "arriving",
        "in-use",
        None,
    ]
    assert [each.clip for each in ledger.awaiting_file_removal()] == ["deleted"]


def test_servers_that_make_room_at_once_take_none_too_many(url, opened, clock):
    servers = [opened(url, runner=name, clock=clock) for name in ("a", "b", "c", "d")]
    for number in range(20):
        finished(servers[0], clock, f"clip-{number:02}", size=100)
    begin = threading.Barrier(4)

    def make_room(server):
        begin.wait()
        server.take_off_oldest(1000, [])

    with ThreadPoolExecutor(4) as pool:
        [*pool.map(make_room, servers)]
    assert sorted(servers[0].clips_to_remove()) == [f"clip-{number:02}" for number in range(10)]


def test_any_server_forgets_a_clip_that_all_of_them_reach(url, opened, clock):
    here, there = (opened(url, runner=name, clock=clock) for name in ("here", "there"))
    job_id = finished(here, clock, "clip", size=1)
    assert not here.awaits_clip("clip")
    here.delete(job_id)
    assert there.awaiting_file_removal() == []
    assert [each.id for each in there.awaiting_file_removal(anywhere=True)] == [job_id]
    there.clip_removed(job_id)
    assert here.awaiting_file_removal() != []
    there.clip_removed(job_id, anywhere=True)
    assert here.awaiting_file_removal() == []


def test_a_clip_is_awaited_until_its_job_is_done(ledger, clock):
    finished(ledger, clock, "comes", size=1, state="downloading")
    assert ledger.awaits_clip("comes")
    assert not ledger.awaits_clip("unknown")
