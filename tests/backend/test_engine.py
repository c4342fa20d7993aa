"""Several servers on one PostgreSQL: what a dead, frozen or cut-off one leaves, and who goes on.

Each server is a process of its own (`several_servers.py`); one is taken for dead after `DEAD`.
"""

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import procrastinate
import pytest
import server_child
from jobs_fixture import FOX, House
from postgres import PostgresServer
from servers_chaos import DEAD, MISTAKES, found_by
from several_servers import OWNER, Fleet, Proxy, a_running_job, finish, until
from test_ledger import child

from backend import engine
from backend.engine import Here, Lease, NoEngine, shared
from backend.jobs import Jobs
from backend.ledger import VERSION, Ledger, NotWritten
from veo_client import VeoClient

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the servers count on fork and pidfd"),
    pytest.mark.slow,
]

RESCUED_WITHIN = DEAD + 5.0


@pytest.fixture(scope="module")
def postgres():
    with PostgresServer() as server:
        yield server


@pytest.fixture
def fleet(postgres, tmp_path):
    with Fleet(tmp_path, postgres, dead_after=DEAD) as fleet:
        yield fleet


def looked_at_by(fleet, server, job, since):
    """Seconds until `server` looked at it, from `since`."""
    until(lambda: fleet.looks(server, since), what=lambda: fleet.story(job))
    return fleet.looks(server, since)[0].at - since


# Who goes on


def test_a_killed_servers_job_is_looked_at_again_and_paid_once(fleet):
    a, b = fleet.server("a"), fleet.server("b")
    job = a_running_job(fleet, a)
    a.kill()
    assert looked_at_by(fleet, b, job, time.time()) < RESCUED_WITHIN
    finish(fleet, job)
    assert fleet.takes(job) == ["a", "b"]
    assert fleet.judge(deaths=1) == []


def test_nothing_is_taken_from_a_server_whose_heartbeat_is_arriving(fleet):
    """Else it goes on with what it took meanwhile, and two look."""
    a = fleet.server("a")
    job = a_running_job(fleet, a)
    a.freeze()
    with fleet.ledger._writing.begin() as connection:
        connection.exec_driver_sql("UPDATE procrastinate_workers SET last_heartbeat = now()")
        b = fleet.server("b")
        time.sleep(2 * DEAD)
        assert fleet.takes(job) == ["a"], fleet.story(job)
    looked_at_by(fleet, b, job, time.time())
    finish(fleet, job)
    assert fleet.judge(deaths=1) == []


def test_a_frozen_server_that_wakes_neither_looks_nor_writes(fleet):
    """It stood before a write; another took the job, and has not come to that write yet."""
    a, _ = fleet.server("a", stops_before="downloading"), fleet.server("b")
    job = a_running_job(fleet, a)
    fleet.service.is_completed = True
    until(lambda: a.is_frozen)
    fleet.service.may_tell.clear()
    until(lambda: fleet.takes(job) == ["a", "b"], what=lambda: fleet.story(job))
    a.wake()
    time.sleep(2 * DEAD)
    assert fleet.state(job) == "running"
    fleet.service.may_tell.set()
    finish(fleet, job)
    assert fleet.takes(job) == ["a", "b"]
    assert fleet.judge(deaths=1) == []


def test_one_that_is_cut_from_the_database_lets_go_before_another_takes_over(
    fleet, postgres, tmp_path
):
    folder = tmp_path / "way"
    folder.mkdir()
    proxy = Proxy(folder, postgres.socket)
    try:
        a = fleet.server("a", url=fleet.url.replace(str(postgres.socket.parent), str(folder)))
        b = fleet.server("b")
        job = a_running_job(fleet, a)
        proxy.cut()
        cut = time.time()
        assert looked_at_by(fleet, b, job, cut) < RESCUED_WITHIN
        assert max(look.at for look in fleet.looks(a)) < cut + DEAD
        proxy.mend()
        time.sleep(DEAD)
        finish(fleet, job)
    finally:
        proxy.close()
    assert fleet.takes(job) == ["a", "b"]
    assert fleet.judge(deaths=1) == []


def test_a_server_that_stops_hands_over_and_its_request_gets_its_id_first(fleet):
    a, b = fleet.server("a", dead_after=20.0), fleet.server("b", dead_after=20.0)
    running = a_running_job(fleet, a)
    fleet.service.may_answer.clear()
    sent = a.ask("another fox")
    until(lambda: fleet.service.accepted["another fox"])
    a.terminate()
    stopped = time.time()
    assert looked_at_by(fleet, b, running, stopped) < 5
    assert not a.has_ended
    fleet.service.may_answer.set()
    a.wait()
    assert time.time() - stopped < 15
    finish(fleet, running)
    fleet.wait_for_state(sent, "done")
    assert fleet.ledger.get(sent).generation_id in fleet.service.accepted["another fox"]
    assert fleet.judge(deaths=1) == []


def test_all_go_on_when_postgresql_was_restarted(fleet, postgres):
    servers = [fleet.server(name) for name in "ab"]
    jobs = [each.ask(f"fox {n} of {each.name}") for n in range(4) for each in servers]

    def looked_at(since=0.0):
        return {look.generation_id for look in fleet.service.seen if look.at > since}

    until(lambda: len(looked_at()) == len(jobs))
    ids = looked_at()
    postgres.stop()
    time.sleep(0.5)
    postgres.start()
    back = time.time()
    took = until(lambda: looked_at(back) == ids, what=lambda: fleet.story(jobs[0]))
    assert took < RESCUED_WITHIN + 5
    fleet.service.is_completed = True
    for job in jobs:
        fleet.wait_for_state(job, "done")
    assert fleet.judge(deaths=9) == []


# The request


def test_an_id_that_comes_late_revives_what_was_given_up(fleet):
    fleet.service.may_answer.clear()
    a, _ = fleet.server("a"), fleet.server("b")
    job = a.ask("a fox")
    until(lambda: fleet.service.accepted["a fox"])
    a.freeze()
    fleet.wait_for_state(job, "uncertain")
    fleet.service.may_answer.set()
    a.wake()
    finish(fleet, job)
    assert fleet.judge(deaths=2) == []


def test_another_servers_request_is_given_time_before_it_counts_as_lost(fleet):
    fleet.service.may_answer.clear()
    a, _ = fleet.server("a", sent_within=8.0), fleet.server("b", sent_within=8.0)
    job = a.ask("a fox")
    until(lambda: fleet.service.accepted["a fox"])
    written = fleet.history(job)[-1].at
    a.kill()
    fleet.wait_for_state(job, "uncertain")
    assert fleet.history(job)[-1].at - written == pytest.approx(8.0, abs=1.0)
    assert fleet.judge(deaths=1) == []


def test_what_was_not_sent_before_its_server_died_is_not_sent(fleet):
    a, _ = fleet.server("a", stops_before="submitting"), fleet.server("b")
    job = a.ask("a fox")
    fleet.wait_for_state(job, "rejected")
    a.wake()
    time.sleep(DEAD)
    assert fleet.service.accepted["a fox"] == []
    assert fleet.judge(deaths=1) == []


def test_limits_are_exact_over_several_servers(fleet, monkeypatch):
    variables = {"VEO_CLIPS_A_DAY": "10"}
    servers = [fleet.server(name, variables=variables) for name in "abc"]

    def ask(number):
        (answer,) = servers[number % 3].call("ask", prompt=f"fox {number}", owner=f"owner {number}")
        return "job" in answer

    with ThreadPoolExecutor(30) as pool:
        assert sum(pool.map(ask, range(30))) == 10


# The visitor


def test_a_job_that_another_server_drives_is_shown_as_it_goes_on(fleet):
    a, b = fleet.server("a"), fleet.server("b")
    job = a_running_job(fleet, a)
    following = b.follow(job)
    assert next(following) == {"state": "running", "here": False, "away": False}
    fleet.service.is_completed = True
    states = [each for each, _ in groupby(told["state"] for told in following)]
    assert states[-1] == "done"
    assert time.time() - fleet.history(job)[-1].at < 3
    assert fleet.judge() == []


@pytest.mark.parametrize("on", ["a", "b"])
def test_who_follows_is_told_that_the_database_is_away_and_that_it_is_back(fleet, postgres, on):
    """Where the job is driven, once that server has let go of it; elsewhere at once."""
    servers = {name: fleet.server(name) for name in "ab"}
    following = servers[on].follow(a_running_job(fleet, servers["a"]))
    assert not next(following)["away"]
    postgres.stop()
    try:
        assert any(told["away"] for told in following)
    finally:
        postgres.start()
    assert any(not told["away"] for told in following)
    fleet.service.is_completed = True
    last = [*following][-1]
    assert (last["state"], last["away"]) == ("done", False)


def test_a_visitor_whose_server_died_finds_the_job_on_another_and_sees_it_end(fleet):
    a, b = fleet.server("a"), fleet.server("b")
    job = a_running_job(fleet, a)
    a.kill()
    following = b.follow(job)
    assert next(following)["state"] == "running"
    fleet.service.is_completed = True
    told = [*following]
    assert told[-1]["state"] == "done"
    assert any(each["here"] for each in told)
    assert fleet.judge(deaths=1) == []


def test_a_visitors_key_stays_in_its_server_and_is_asked_for_on_another(fleet):
    a, b = fleet.server("a"), fleet.server("b")
    [*a.call("give_key", key="key-of-a")]
    job = a_running_job(fleet, a)
    assert fleet.ledger.get(job).payer == "visitor"
    a.kill()
    fleet.wait_for_state(job, "needs_key")
    [*b.call("give_key", key="key-of-b")]
    finish(fleet, job)
    assert fleet.judge(deaths=2) == []


def test_a_visitors_job_comes_back_to_whom_has_the_key_and_is_followed(fleet, postgres, tmp_path):
    """As when the database was away for all, and another server was the first to take jobs over."""
    folder = tmp_path / "way"
    folder.mkdir()
    proxy = Proxy(folder, postgres.socket)
    try:
        a = fleet.server("a", url=fleet.url.replace(str(postgres.socket.parent), str(folder)))
        fleet.server("b")
        [*a.call("give_key", key="key-of-a")]
        job = a_running_job(fleet, a)
        following = a.follow(job)
        next(following)
        proxy.cut()
        fleet.wait_for_state(job, "needs_key")
        proxy.mend()
        fleet.wait_for_state(job, "running")
        fleet.service.is_completed = True
        assert [*following][-1]["state"] == "done"
    finally:
        proxy.close()
    assert fleet.judge(deaths=2) == []


def test_nothing_begins_where_the_database_was_not_heard_of(tmp_path):
    class Unheard(Here):
        def held(self, _term):
            return False

    house = House(tmp_path)
    jobs = Jobs(house.ledger, house.storage, client_of=VeoClient, engine=Unheard())
    with pytest.raises(NotWritten):
        asyncio.run(jobs.generate(FOX, owner=OWNER, payer="server", quota_key=OWNER, expected=9.0))
    assert house.ledger.of(OWNER) == []
    house.ledger.close()


def test_a_demo_clip_is_made_anew_where_it_is_taken_over(fleet):
    variables = {"AIMLAPI_KEY": ""}
    a = fleet.server("a", variables=variables, demo_seconds=60.0)
    b = fleet.server("b", variables=variables)
    job = a.ask("a fox")
    fleet.wait_for_state(job, "running")
    of_a = fleet.ledger.get(job).generation_id
    a.kill()
    fleet.wait_for_state(job, "done")
    assert (b.name, fleet.ledger.get(job).generation_id != of_a) == ("b", True)
    assert fleet.takes(job) == ["a", "b"]


def test_who_looks_again_at_a_job_that_rests_elsewhere_has_it_from_then_on(fleet):
    a, b = fleet.server("a"), fleet.server("b")
    job = a_running_job(fleet, a)
    entry = fleet.ledger.get(job)
    assert fleet.ledger.move(job, "running", "needs_attention", epoch=entry.epoch)
    assert next(b.call("look_again", job=job))["state"] == "running"
    assert looked_at_by(fleet, b, job, time.time()) < 2
    finish(fleet, job)
    assert fleet.takes(job) == ["a", "b"]


DEFER = """
SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(
    'any', 'run', 0, NULL, NULL, jsonb_build_object('job_id', %s::text), NULL
)::procrastinate_job_to_defer_v1])
"""


def test_a_job_that_is_handed_out_four_times_is_driven_once(fleet):
    a = fleet.server("a")
    job = a_running_job(fleet, a)
    for _ in range(3):
        with fleet.ledger._writing.begin() as connection:
            connection.exec_driver_sql(DEFER, (job,))
    until(lambda: len(fleet.takes(job)) == 4, what=lambda: fleet.story(job))
    time.sleep(0.5)
    now = time.time()
    time.sleep(2.0)
    assert len(fleet.looks(a, now)) <= 11, "one looks every 0.2 s"
    finish(fleet, job)
    assert fleet.judge(deaths=3) == []


def test_an_open_job_that_is_in_no_queue_is_found_again(fleet):
    """As when the server that took it was taken for dead before, and has died since."""
    a, b = fleet.server("a"), fleet.server("b")
    job = a_running_job(fleet, a)
    a.freeze()
    with fleet.ledger._writing.begin() as connection:
        connection.exec_driver_sql("DELETE FROM procrastinate_jobs")
    a.kill()
    looked_at_by(fleet, b, job, time.time())
    finish(fleet, job)
    assert fleet.judge(deaths=1) == []


def test_hundreds_that_a_server_left_are_fetched_and_taken_many_at_once(fleet):
    fleet.service.is_completed = True
    gone = Ledger(fleet.url, runner="gone")
    jobs = []
    for number in range(250):
        request = {"prompt": f"fox {number}"}
        entry = gone.add(owner=OWNER, payer="server", request=request, expected=9.0)
        gone.move(entry.id, "prepared", "submitting")
        gid = fleet.service.accept(request["prompt"])
        gone.move(entry.id, "submitting", "running", generation_id=gid)
        jobs.append(entry.id)
    gone.take_all(jobs)
    gone.close()
    fleet.server("a")
    until(lambda: {fleet.state(job) for job in jobs} == {"done"}, seconds=60)
    assert all(fleet.takes(job).count("a") == 1 for job in jobs)


# Beginning


def test_a_server_that_was_alone_and_is_one_of_several_goes_on_with_what_it_left(fleet):
    alone = Ledger(fleet.url, runner="a")
    entry = alone.add(owner=OWNER, payer="server", request={"prompt": "a fox"}, expected=9.0)
    gid = fleet.service.accept("a fox")
    assert alone.move(entry.id, "prepared", "submitting")
    assert alone.move(entry.id, "submitting", "running", generation_id=gid)
    alone.close()
    fleet.server("a")
    finish(fleet, entry.id)


def test_six_that_begin_at_once_install_the_engine_once(fleet):
    servers = [fleet.begin(name) for name in "abcdef"]
    for server in servers:
        server.wait_until_ready()
    with fleet.ledger._engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT version, engine FROM veo_ledger").one()
    assert row == (VERSION, procrastinate.__version__)


def test_another_version_of_the_engine_is_told_by_name(postgres):
    url = postgres.new_schema()
    ledger = Ledger(url)
    ledger.install_engine("2.9.9", "SELECT 1")
    with pytest.raises(NoEngine, match=r'pip install "procrastinate==2\.9\.9"'):
        shared(url, dead_after=DEAD).install(ledger)
    ledger.close()


def test_an_engine_that_is_not_installed_is_asked_for_by_name(monkeypatch):
    monkeypatch.delitem(sys.modules, "backend.shared_engine", raising=False)
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    with pytest.raises(NoEngine, match=r'pip install "procrastinate==3\.10\.0"'):
        shared("postgresql+psycopg://x/y", dead_after=DEAD)


ALONE = """
import sys
import app
from backend import config
from backend.service import Service
with Service(config.read({"VEO_DATA_DIR": sys.argv[1]})) as service:
    print(*{"procrastinate", "psycopg", "psycopg_pool", "obstore"} & {*sys.modules})
"""


def test_one_server_alone_imports_nothing_of_several(tmp_path):
    with child(ALONE, str(tmp_path)) as process:
        assert process.stdout.read().split() == []


# The lease


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_lease_counts_from_when_the_heartbeat_was_sent():
    lease = Lease(10.0, clock=(clock := Clock()))
    assert not lease.held(lease.term)
    clock.now += 3
    lease.beat(clock.now - 3)
    term = lease.term
    clock.now += 6.9
    assert lease.held(term)
    clock.now += 0.1
    assert not lease.held(term)


def test_a_heartbeat_after_its_end_begins_another_term():
    lease = Lease(10.0, clock=(clock := Clock()))
    lease.beat(clock.now)
    first = lease.term
    clock.now += 9
    lease.beat(clock.now)
    assert lease.held(first)
    clock.now += 10
    lease.beat(clock.now)
    assert not lease.held(first)
    assert lease.held(lease.term)


def test_a_heartbeat_that_took_long_to_arrive_is_as_old_as_it_is():
    lease = Lease(10.0, clock=(clock := Clock()))
    sent = clock.now
    clock.now += 11
    lease.beat(sent)
    assert not lease.held(lease.term)


def test_the_lease_ends_before_another_takes_over_and_one_alone_has_no_end():
    assert engine.LEASE < 1
    assert engine.SEND_WITHIN < 1 - 0.5
    assert Here().held(Here().term)


# Mistakes are found


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(postgres, mistake):
    """The judge is worth something only if it sees what it is there to see."""
    _, kind = MISTAKES[mistake]
    broken = found_by(postgres, mistake)
    assert kind in [each for each, _ in broken], broken


STORIES = [*dict.fromkeys(story for story, _ in MISTAKES.values())]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_without_a_mistake_nothing_is_found(fleet, story):
    story(fleet)
    assert fleet.judge(deaths=1) == []


def test_every_broken_variant_has_to_be_found():
    assert {*MISTAKES} == {*server_child.BROKEN}
    assert os.environ.get("VEO_SERVERS") is None
