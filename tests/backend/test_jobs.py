"""Jobs against a service that answers over HTTP, their ledger and shelf on the disk."""

import asyncio
import contextlib
import errno
import gc
import itertools
import json
import logging
import os
import threading
import time
import weakref
from types import SimpleNamespace
from typing import get_args

import pytest
from conftest import KEY
from fault_server import (
    answer,
    close,
    file_answer,
    garbage,
    hang,
    html_answer,
    json_answer,
    refused_url,
    reset,
)
from jobs_fixture import (
    ALL_THE_WAY,
    BAD_KEY,
    DOWN,
    FOX,
    ID,
    ME,
    NOT_FOUND,
    QUEUED,
    TAKEN,
    WAYS,
    BrieflyPatient,
    House,
    Service,
    begin,
    call_of,
    client_of,
    completed,
    film,
    in_a_loop,
    told,
    until,
    watch,
)

import veo_client
from backend import background as background_module
from backend import job as job_module
from backend import jobs as jobs_module
from backend import runner as runner_module
from backend.background import Background
from backend.job import ONE_CALL
from backend.ledger import (
    ACTIVE_STATES,
    DAY,
    TRANSITIONS,
    Ledger,
    LimitReached,
    Limits,
    NotWritten,
    Sought,
    Spent,
)
from backend.look_limits import AT_ONCE
from backend.runner import LOOK_AGAIN_AFTER
from veo import download, explain, media, polling, session
from veo.types import Reason
from veo_client import (
    Busy,
    DownloadFailed,
    Failed,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoClient,
    VeoError,
    Video,
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Nobody waits for the service; who looks again does so after an hour."""
    monkeypatch.setattr(polling.PollState, "wait", lambda *_: 0.005)
    monkeypatch.setattr(runner_module, "WRITE_AGAIN_AFTER", 0.005)
    monkeypatch.setattr(runner_module, "LOOK_AGAIN_AFTER", (3600.0, 3600.0))


async def kept(house, job):
    """`job` as the next process finds it in the ledger."""
    async with house.process(start=False) as later:
        return await later.get(job.id, job.entry.owner)


def left_by(runner, house, state, **options):
    """A job that the server of that name left in `state`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.ledger, "_runner", runner)
        return house.row(state, **options)


def hold(monkeypatch, owner, name):
    """Let a call of `owner.name` wait in the middle: gives (has begun, may go on)."""
    original, begun, may_go_on = getattr(owner, name), threading.Event(), threading.Event()

    def held(*arguments, **named):
        begun.set()
        assert may_go_on.wait(10)
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, held)
    return begun, may_go_on


# Seen through


@in_a_loop
async def test_a_job_is_seen_through_and_everybody_sees_the_end(demo, house):
    async with house.process(client_of(demo)) as jobs:
        job = await begin(jobs, payer="demo")
        together = await asyncio.gather(*(watch(job) for _ in range(50)))
        assert together == [ALL_THE_WAY] * 50
        assert await watch(job) == ["done"]
        assert await jobs.get(job.id, ME) is not None
    clip = house.storage.file(job.entry.clip)
    assert house.files() == ["clip.json", "demo-clip.mp4", "poster.jpg"]
    assert house.storage.file(job.entry.clip, "poster").read_bytes()[:2] == b"\xff\xd8"
    assert media.read_request(clip) == FOX.body()
    assert (job.facts.width, job.facts.frames, job.facts.size) == (320, 96, clip.stat().st_size)
    note = json.loads(clip.with_name("clip.json").read_text())
    assert note["request"] == FOX.body()
    assert media.Facts(**note["facts"]) == job.facts
    assert job.request == FOX
    assert job.error is None
    later = await kept(house, job)
    assert (later.state, later.facts, later.generation_id) == ("done", job.facts, job.generation_id)
    assert job.id not in str(clip)


@pytest.mark.slow
@in_a_loop
async def test_who_waits_hears_that_the_file_is_here_while_it_is_looked_at(demo, house):
    """The look takes seconds where much runs: it is no fetching."""
    async with house.process(client_of(demo)) as jobs:
        job = await begin(jobs, payer="demo")
        seen = [(each.state, each.has_arrived) async for each in job.follow()]
    way = [each for each, _ in itertools.groupby(seen) if each[0] == "downloading"]
    assert way == [("downloading", False), ("downloading", True)]


@in_a_loop
async def test_nobody_needs_to_watch(house):
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            follower = job.follow()
            await anext(follower)
            await follower.aclose()
            await until(lambda: job.is_over)
    assert house.files() == ["clip.json", "poster.jpg", "veo-clip.mp4"]
    assert house.ledger.get(job.id).facts["took"] < 10


@in_a_loop
async def test_a_slow_watcher_still_sees_the_end(house):
    """The job may be over before whoever follows has dealt with its first state."""
    with Service(create=[BAD_KEY]) as service:
        async with house.process(service) as jobs:
            seen = []
            async for each in (await begin(jobs)).follow():
                seen.append(each.state)
                await until(lambda each=each: each.is_over)
    assert seen == ["prepared", "rejected"]


@in_a_loop
async def test_what_the_service_says_is_shown_while_it_runs(house):
    upscaling = json_answer(200, {"id": ID, "status": "upscaling"})
    with Service(look=[QUEUED, DOWN, upscaling, completed]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            updates = [each.update async for each in job.follow()]
    shown = [(each.status, bool(each.trouble)) for each in updates if each]
    seen = [what for what, _ in itertools.groupby(shown)]
    troubled = [("queued", False), ("queued", True), ("upscaling", False), ("completed", False)]
    assert seen == troubled
    assert {each.generation_id for each in updates if each} == {ID}


@in_a_loop
async def test_nobody_gets_the_job_of_another(house):
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            for running in (True, False):
                assert job.is_over is not running
                assert (await jobs.get(job.id, ME)).id == job.id
                assert await jobs.get(job.id, "browser:you") is None
                assert await jobs.of("browser:you") == []
                await watch(job)
            for odd in ("", "x" * 10_000, "\0", "\ud800", "' OR 1=1 --", ID):
                assert await jobs.get(odd, ME) is None


@in_a_loop
async def test_the_newest_job_comes_first(house):
    with Service(create=[BAD_KEY]) as service:
        async with house.process(service) as jobs:
            made = [await begin(jobs) for _ in range(3)]
            await asyncio.gather(*map(watch, made))
            assert [job.id for job in await jobs.of(ME)] == [job.id for job in reversed(made)]


@in_a_loop
async def test_a_clip_is_fetched_by_its_id_alone(house):
    with Service() as service:
        async with house.process(service) as jobs:
            job = await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
            assert await watch(job) == ["running", "downloading", "done"]
            assert (job.request, job.generation_id) == (None, ID)
            assert await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
            assert len(await jobs.of(ME)) == 1
    clip = house.storage.file(job.entry.clip)
    assert json.loads(clip.with_name("clip.json").read_text())["request"] is None
    assert clip.read_bytes() == film()
    assert service.count("create") == 0
    assert service.count("file") == 1


@in_a_loop
async def test_an_id_that_has_a_job_goes_on_as_that_job(house):
    row = house.row("needs_attention", error={"kind": "Refused", "text": "Out of credits."})
    with Service() as service:
        async with house.process(service) as jobs:
            job = await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
            assert job.id == row.id
            assert await watch(job) == ["running", "downloading", "done"]


@pytest.mark.slow
@in_a_loop
async def test_an_id_is_found_however_many_jobs_came_after(house):
    row = house.row("done")
    for _ in range(101):
        house.row("rejected")
    async with house.process() as jobs:
        (house.storage.folder / row.clip).mkdir(parents=True)
        (house.storage.folder / row.clip / "veo-clip.mp4").write_bytes(film())
        assert (await jobs.resume(ID, owner=ME, payer="server", expected=2.0)).id == row.id


@pytest.mark.parametrize("state", ["running", "downloading"])
@pytest.mark.parametrize("runner", ["here", "elsewhere"])
@in_a_loop
async def test_an_id_whose_job_nobody_drives_here_gets_another(house, runner, state):
    """Another server's, which may be gone, or one that was read before `start`."""
    row = left_by(runner, house, state)
    with Service() as service:
        async with house.process(service, start=False) as jobs:
            job = await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
            assert job.id != row.id
            again = await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
            assert again is job
            assert (await watch(job))[-1] == "done"
    assert house.ledger.get(row.id) == row


@in_a_loop
async def test_who_follows_another_server_s_job_sees_it_as_it_stands(house):
    row = left_by("elsewhere", house, "running")
    async with house.process() as jobs:
        for job in (await jobs.get(row.id, ME), *await jobs.of(ME)):
            assert await watch(job) == ["running"]


@in_a_loop
async def test_who_follows_learns_that_the_process_ends(house):
    with Service(look=[QUEUED]) as service:
        async with house.process(service) as jobs:
            watching = asyncio.create_task(watch(await begin(jobs)))
            await until(lambda: service.count("look"))
        assert (await watching)[-1] == "running"


@pytest.mark.parametrize(
    "reply", [NOT_FOUND, BAD_KEY, DOWN, hang], ids=["404", "401", "503", "none"]
)
@in_a_loop
async def test_an_id_that_the_service_does_not_show_leaves_nothing(house, reply):
    with Service(look=[reply]) as service:
        async with house.process(BrieflyPatient(service)) as jobs:
            with pytest.raises(VeoError) as refused:
                await jobs.resume("made up", owner=ME, payer="server", expected=2.0)
            assert refused.value.generation_id == "made up"
            assert await jobs.of(ME) == []
            assert (jobs._live, jobs.recent_http._heard, jobs.background.tasks) == ({}, {}, set())
        assert service.count("look") == 1
    assert house.files() == []


@in_a_loop
async def test_an_id_that_was_given_here_a_moment_ago_may_be_unknown_for_a_while(house):
    house.row("running", owner="browser:another")
    with Service(look=[NOT_FOUND, QUEUED, completed]) as service:
        async with house.process(service, start=False) as jobs:
            job = await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
            assert (await watch(job))[-1] == "done"


async def looked_for(jobs, service, *, owner=ME):
    """A job that somebody looks for and follows; who follows it."""
    job = await jobs.resume(ID, owner=owner, payer="server", expected=2.0)
    watching = asyncio.create_task(watch(job))
    await until(lambda: service.count("look") > 3)
    return job, watching


@in_a_loop
async def test_a_look_at_an_id_rests_once_its_visitor_left_and_goes_on_when_they_are_back(
    house, monkeypatch
):
    monkeypatch.setattr(job_module, "LEFT_AFTER", 0.05)
    with Service(look=[QUEUED]) as service:
        async with house.process(service) as jobs:
            job, watching = await looked_for(jobs, service)
            await asyncio.sleep(0.2)
            assert job.state == "running"  # somebody follows it
            watching.cancel()
            await until(lambda: not job.is_driven)
            assert job.was_left
            looks = service.count("look")
            await asyncio.sleep(0.05)
            assert service.count("look") == looks
            service.scripts["look"] = [completed]
            [job] = await jobs.of(ME)
            assert (await watch(await jobs.look_again(job)))[-1] == "done"


@in_a_loop
async def test_what_was_sent_here_goes_on_though_nobody_follows_it(house, monkeypatch):
    monkeypatch.setattr(job_module, "LEFT_AFTER", 0.0)
    with Service(look=[QUEUED] * 9 + [completed]) as service:
        async with house.process(service) as jobs:
            for owner in (ME, f"{ONE_CALL}x"):
                job = await begin(jobs, owner=owner)
                await until(lambda job=job: job.is_over)
                assert job.state == "done"
                assert house.ledger.get(job.id)


@in_a_loop
async def test_nothing_stays_of_what_a_call_looked_for_that_has_ended(house, monkeypatch):
    monkeypatch.setattr(jobs_module, "CALL_SERVED", 0.2)
    owner = f"{ONE_CALL}x"
    with Service(look=[QUEUED]) as service:
        async with house.process(service) as jobs:
            await jobs.set_key(owner, client_of(service))
            job, watching = await looked_for(jobs, service, owner=owner)
            watching.cancel()
            await until(lambda: not jobs.background.tasks)
            assert house.ledger.of(owner) == []
            assert (jobs._live, jobs.recent_http._heard, jobs.keys._clients) == ({}, {}, {})

            service.scripts["look"] = [completed]
            job = await jobs.resume(ID, owner=owner, payer="server", expected=2.0)
            assert (await watch(job))[-1] == "done"
            assert house.storage.file(job.entry.clip)  # its caller may fetch it now
            await until(lambda: not jobs.background.tasks)
            assert house.ledger.of(owner) == []
    assert house.files() == []


@in_a_loop
async def test_what_an_earlier_process_only_looked_for_is_not_looked_for_by_itself(house):
    for owner in (f"{ONE_CALL}x", ME):
        for state in ("running", "needs_attention", "done"):
            entry = house.ledger.add(
                owner=owner, payer="server", request=None, expected=2.0, generation_id=state
            )
            if state == "done":
                house.ledger.move(
                    entry.id, "running", "downloading", clip=house.storage.new_clip_id()
                )
                house.ledger.move(entry.id, "downloading", "done")
            elif state != "running":
                error = {"kind": "Unreachable", "text": "Away."}
                house.ledger.move(entry.id, "running", state, error=error)
    with Service() as service:
        async with house.process(service) as jobs:
            await until(lambda: not jobs._live)
            assert {job.state for job in await jobs.of(ME)} == {"needs_attention", "done"}
            assert house.ledger.of(f"{ONE_CALL}x") == []
        assert service.requests == []


@pytest.mark.slow
@in_a_loop
async def test_nobody_has_many_looks_at_ids_at_once_by_whatever_name(house):
    def known(connection):
        json_answer(200, {"id": "any", "status": "queued"})(connection)

    with Service(look=[known]) as service:
        async with house.process(service) as jobs:

            async def look(number, quota_key):
                return await jobs.resume(
                    f"id {number}",
                    owner=f"browser:{number}",
                    payer="server",
                    expected=2.0,
                    quota_key=quota_key,
                )

            found = [await look(number, "address:a") for number in range(AT_ONCE)]
            with pytest.raises(Busy):
                await look(9, "address:a")
            with pytest.raises(Busy):
                await jobs.look("x", owner="program:x", payer="server", quota_key="address:a")
            assert await look(9, "address:b")
            assert await begin(jobs)
            service.scripts["look"] = [NOT_FOUND]
            await until(lambda: all(job.is_over for job in found))
            service.scripts["look"] = [known]
            assert await jobs.look_again(found[0])
            assert await look(10, "address:a")


@pytest.mark.parametrize("state", ["running", "needs_attention", "failed"])
@in_a_loop
async def test_an_id_looked_for_in_demo_mode_is_looked_for_anew_with_a_key(house, state):
    row = house.row(state, payer="demo")
    with Service(look=[NOT_FOUND]) as demo, Service() as service:
        async with house.process(service, start=False) as jobs:
            jobs._client_of = {"demo": client_of(demo), "server": client_of(service)}.get
            job = await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
            assert (await watch(job))[-1] == "done"
            assert (await jobs.resume(ID, owner=ME, payer="demo", expected=2.0)).id == job.id
        assert demo.requests == []
    assert house.ledger.get(row.id) == row


@in_a_loop
async def test_what_was_spent_counts_what_was_sent_here_and_deleted(house):
    """Not what was only fetched by its id."""
    before = time.time()
    with Service() as service:
        async with house.process(service) as jobs:
            assert await watch(await jobs.resume("x", owner=ME, payer="server", expected=2.0))
            job = await begin(jobs, dollars=1.6)
            await watch(job)
            spent = Spent(dollars=1.6, may_be_less=False, may_be_more=False)
            assert await jobs.spent(ME, before) == spent
            assert await jobs.delete(job)
            assert await jobs.spent(ME, before) == spent
            assert (await jobs.spent(ME, time.time())).dollars == 0.0


# The request that costs money


LOST = (SubmissionUncertain, "The service did not answer", None, None)
REPLIES = {
    "401": (BAD_KEY, (Refused, "This key is not known.", "key", None)),
    "402": (json_answer(402, {"message": "Pay."}), (Refused, "Pay.", "credits", None)),
    "403": (json_answer(403, {"message": "No."}), (Refused, "No.", "forbidden", None)),
    "403 for credits": (
        json_answer(403, {"message": "No credits."}),
        (Refused, "No credits.", "credits", None),
    ),
    "400": (json_answer(400, {"message": "Odd."}), (Refused, "Odd.", "request", None)),
    "429": (
        json_answer(429, {"message": "Full."}, [("Retry-After", "3600")]),
        (Busy, "Full.", None, 3600.0),
    ),
    "close": (close, LOST),
    "reset": (reset, LOST),
    "garbage": (garbage, LOST),
    "hang": (hang, LOST),
    "502": (html_answer(502), (SubmissionUncertain, "answered 502 without", None, None)),
    "html": (html_answer(200), (SubmissionUncertain, "answered 200 without", None, None)),
    "no-id": (json_answer(200, {}), (SubmissionUncertain, "answered 200 without", None, None)),
}


@pytest.mark.parametrize("reply", REPLIES)
@in_a_loop
async def test_a_request_that_is_not_taken_is_sent_once(house, reply):
    """Its words are kept for the next process, and that does not send it either."""
    answered, (kind, text, reason, retry_after) = REPLIES[reply]
    state = "uncertain" if kind is SubmissionUncertain else "rejected"
    with Service(create=[answered]) as service:
        async with house.process(BrieflyPatient(service)) as jobs:
            job = await begin(jobs)
            assert await watch(job) == ["prepared", "submitting", state]
        async with house.process(service) as later:
            again = await later.get(job.id, ME)
        assert [request.method for request in service.requests] == ["POST"]
    assert told(again.error) == told(job.error) == (kind, str(job.error), reason, retry_after, None)
    assert text in str(job.error)
    assert (again.state, again.generation_id) == (state, None)


@in_a_loop
async def test_a_service_that_is_not_there_was_sent_nothing(house, monkeypatch):
    monkeypatch.setattr(session, "random", SimpleNamespace(uniform=lambda *_: 0.0))
    async with house.process(VeoClient(KEY, base_url=refused_url())) as jobs:
        job = await begin(jobs)
        assert await watch(job) == ["prepared", "submitting", "rejected"]
    assert told((await kept(house, job)).error) == told(job.error)
    assert isinstance(job.error, Unreachable)


@in_a_loop
async def test_a_429_is_waited_out_before_the_request_is_sent_again(house):
    """The event loop takes over the waits between looks, not this one."""
    busy = json_answer(429, {"message": "Too many requests."}, [("Retry-After", "0.3")])
    with Service(create=[busy, BAD_KEY]) as service:
        async with house.process(service) as jobs:
            job, before = await begin(jobs), time.monotonic()
            await watch(job)
            assert time.monotonic() - before >= 0.3
    assert isinstance(job.error, Refused)
    assert service.count("create") == 2


@in_a_loop
async def test_the_row_says_submitting_before_the_request_arrives(house):
    seen = []

    def look_it_up(connection):
        seen.extend((row.state, row.request) for row in house.ledger.of(ME))
        TAKEN(connection)

    with Service(create=[look_it_up]) as service:
        async with house.process(service) as jobs:
            await watch(await begin(jobs))
            assert service.requests[0].json() == FOX.body()
    assert seen == [("submitting", FOX.body())]


@in_a_loop
async def test_nothing_is_sent_until_that_is_written_down(house, monkeypatch, caplog):
    writable = unwritable(house, monkeypatch, "submitting")
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: caplog.text.count("trying again") > 3)
            assert (job.state, service.requests) == ("prepared", [])
            writable.set()
            assert await watch(job) == ALL_THE_WAY
        assert service.count("create") == 1


@in_a_loop
async def test_an_id_that_cannot_be_written_down_is_shown_and_written_later(house, monkeypatch):
    writable = unwritable(house, monkeypatch, "running")
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            shown = [each.generation_id async for each in until_shown(job)]
            assert shown[-1] == ID
            assert (job.state, house.ledger.get(job.id).generation_id) == ("submitting", None)
            writable.set()
            assert (await watch(job))[-1] == "done"
        assert service.count("create") == 1
    row = house.ledger.get(job.id)
    assert (row.generation_id, row.state) == (ID, "done")
    assert time.time() - 20 < row.submitted <= time.time()


@in_a_loop
async def test_what_was_written_though_the_database_could_not_say_so(house, monkeypatch):
    """It was lost in the very commit: the change is there, and a second one finds another state."""
    move = house.ledger.move
    lost = []

    def unconfirmed(job_id, was, to, **changes):
        moved = move(job_id, was, to, **changes)
        if to not in lost:
            lost.append(to)
            raise NotWritten("server closed the connection unexpectedly")
        return moved

    monkeypatch.setattr(house.ledger, "move", unconfirmed)
    with Service() as service:
        async with house.process(service) as jobs:
            assert await watch(await begin(jobs)) == ALL_THE_WAY
        assert service.count("create") == 1
    assert lost == ALL_THE_WAY[1:]


async def until_shown(job):
    async for each in job.follow():
        yield each
        if each.generation_id:
            return


def unwritable(house, monkeypatch, *states):
    """Let no row come into `states` until the event is set."""
    move, writable = house.ledger.move, threading.Event()

    def refuse(job_id, was, to, **changes):
        if to in states and not writable.is_set():
            raise NotWritten("disk I/O error")
        return move(job_id, was, to, **changes)

    monkeypatch.setattr(house.ledger, "move", refuse)
    return writable


@in_a_loop
async def test_what_cannot_be_written_down_is_not_sent(house, monkeypatch):
    def full(**row):
        raise NotWritten("database or disk is full")

    monkeypatch.setattr(house.ledger, "add", full)
    with Service() as service:
        async with house.process(service) as jobs:
            with pytest.raises(NotWritten):
                await begin(jobs)
            with pytest.raises(NotWritten):
                await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
    assert [request.method for request in service.requests] == ["GET"]  # the look at the id


@in_a_loop
async def test_what_was_not_sent_counts_for_no_limit_though_its_row_is_there(house, monkeypatch):
    """The database was lost in the very commit, or has the row while its copy has not."""
    add = house.ledger.add

    def unconfirmed(**row):
        add(**row)
        raise NotWritten("server closed the connection unexpectedly")

    with Service() as service:
        async with house.process(service) as jobs:
            monkeypatch.setattr(house.ledger, "add", unconfirmed)
            with pytest.raises(NotWritten):
                await begin(jobs, limits=Limits(clips=1))
            with pytest.raises(NotWritten):
                await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
            monkeypatch.setattr(house.ledger, "add", add)
            await until(lambda: not jobs.background.tasks)
            looked_for, rejected = await jobs.of(ME)
            assert str(explain.explain_error(rejected.error)) == (
                "The server could not write its list of clips. Nothing was charged. Try again."
            )
            assert (looked_for.state, rejected.state) == ("needs_attention", "rejected")
            assert [request.method for request in service.requests] == ["GET"]
            assert (await watch(await jobs.look_again(looked_for)))[-1] == "done"
            assert await jobs.delete(rejected)
            assert await jobs.delete(looked_for)
            await watch(await begin(jobs, limits=Limits(clips=2)))
        assert service.count("create") == 1


@in_a_loop
async def test_a_row_whose_copy_cannot_be_written_is_taken_back(house, caplog):
    away = house.folder / "away"
    house.ledger._copy = away / "copy"
    async with house.process(start=False) as jobs:
        with pytest.raises(NotWritten):
            await begin(jobs)
        await until(lambda: caplog.text.count("trying again") > 3)
        assert [row.state for row in house.ledger.of(ME)] == ["rejected"]
        assert jobs.background.tasks
        away.mkdir()
        await until(lambda: not jobs.background.tasks)
        assert await jobs.delete((await jobs.of(ME))[0])


@in_a_loop
async def test_what_is_not_there_is_not_taken_back_for_ever(house, monkeypatch):
    """Nor does a process wait for that at its end."""

    def full(*_, **__):
        raise NotWritten("database or disk is full")

    monkeypatch.setattr(house.ledger, "add", full)
    async with house.process(start=False) as jobs:
        with pytest.raises(NotWritten):
            await begin(jobs)
        assert jobs.background.tasks
        await until(lambda: not jobs.background.tasks)
        monkeypatch.setattr(house.ledger, "move", full)
        with pytest.raises(NotWritten):
            await begin(jobs)
        began = time.monotonic()
    assert time.monotonic() - began < 5


@in_a_loop
async def test_what_is_above_a_limit_is_not_sent(house):
    with Service(create=[TAKEN]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs, limits=Limits(clips=1))
            with pytest.raises(LimitReached):
                await begin(jobs, limits=Limits(clips=1))
            await watch(job)
            assert len(await jobs.of(ME)) == 1
    assert service.count("create") == 1


@in_a_loop
async def test_a_tab_closed_at_the_click_leaves_no_job_undriven(house, monkeypatch):
    """The page's handler is cancelled while the row is being written."""
    writing, may_go_on = hold(monkeypatch, house.ledger, "add")
    with Service() as service:
        async with house.process(service) as jobs:
            click = asyncio.create_task(begin(jobs))
            await asyncio.to_thread(writing.wait, 10)
            click.cancel()
            with pytest.raises(asyncio.CancelledError):
                await click
            may_go_on.set()
            [job] = await jobs.of(ME)
            assert (await watch(job))[-1] == "done"
        assert service.count("create") == 1


@in_a_loop
async def test_stopping_during_the_submission_does_not_lose_the_id(house):
    arrived, go_on = threading.Event(), threading.Event()

    def slow(connection):
        arrived.set()
        go_on.wait(10)
        TAKEN(connection)

    with Service(create=[slow]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await asyncio.to_thread(arrived.wait, 10)
            asyncio.get_running_loop().call_later(0.05, go_on.set)
        row = house.ledger.get(job.id)
        assert (row.state, row.generation_id) == ("running", ID)
        async with house.process(service) as later:
            assert (await watch(await later.get(job.id, ME)))[-1] == "done"
        assert service.count("create") == 1


@pytest.fixture
def stopping(house, monkeypatch):
    """`async with stopping(reply) as (jobs, job, service)`: the end of the process has begun while
    the service is slow to answer `job`'s request with `reply`, which it does at the end."""

    @contextlib.asynccontextmanager
    async def stopping(reply=TAKEN):
        arrived, go_on = threading.Event(), threading.Event()

        def slow(connection):
            arrived.set()
            go_on.wait(10)
            reply(connection)

        with Service(create=[slow]) as service:
            async with house.process(service) as jobs:
                job = await begin(jobs)
                await asyncio.to_thread(arrived.wait, 10)
                stop = asyncio.create_task(jobs.stop())
                await asyncio.sleep(0)
                yield jobs, job, service
                go_on.set()
                await stop

    return stopping


@in_a_loop
async def test_nothing_new_is_sent_once_the_process_stops(house, stopping):
    resting = house.row("needs_attention", error={"kind": "VeoError", "text": "Odd."})
    async with stopping() as (jobs, job, service):
        with pytest.raises(NotWritten):
            await begin(jobs)
        with pytest.raises(NotWritten):
            await jobs.resume("another", owner=ME, payer="server", expected=2.0)
        again = await jobs.look_again(await jobs.get(resting.id, ME))
        assert await watch(again) == ["running"]
    assert len(service.requests) == 1
    assert house.ledger.get(job.id).generation_id == ID
    assert {row.state for row in house.ledger.of(ME)} == {"running"}


@in_a_loop
async def test_what_is_refused_while_the_process_stops_is_known_to_have_cost_nothing(
    house, stopping
):
    async with stopping(json_answer(400, {"message": "Odd."})) as (_, job, _):
        pass
    assert house.ledger.get(job.id).state == "rejected"


@in_a_loop
async def test_an_id_that_cannot_be_written_down_in_time_is_in_the_log(
    house, stopping, monkeypatch, caplog
):
    """The process ends all the same."""
    monkeypatch.setattr(background_module, "LONGEST_STOP", 1.0)
    unwritable(house, monkeypatch, "running")
    began = time.monotonic()
    async with stopping() as (_, job, _):
        pass
    assert time.monotonic() - began < 8
    assert house.ledger.get(job.id).state == "submitting"
    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert any(repr(ID) in each.message and job.id in each.message for each in told)


@in_a_loop
async def test_an_id_is_in_the_log_before_it_is_written_down(house, monkeypatch, caplog):
    """At a level that is not shown unless somebody asks: mostly all goes well."""
    caplog.set_level(logging.INFO)
    seen, move = [], house.ledger.move

    def noting(job_id, was, to, **changes):
        if to == "running":
            seen.extend((each.levelno, repr(ID) in each.message) for each in caplog.records)
        return move(job_id, was, to, **changes)

    monkeypatch.setattr(house.ledger, "move", noting)
    with Service() as service:
        async with house.process(service) as jobs:
            await watch(await begin(jobs))
    assert (logging.INFO, True) in seen
    assert max(level for level, _ in seen) < logging.WARNING


@in_a_loop
async def test_the_end_does_not_wait_for_ever_for_what_a_thread_is_at(house, monkeypatch):
    monkeypatch.setattr(background_module, "LONGEST_STOP", 0.3)
    with Service(look=[hang]) as service:
        async with house.process(client_of(service, timeout=5.0)) as jobs:
            await begin(jobs)
            await until(lambda: service.count("look"))
            began = time.monotonic()
        assert time.monotonic() - began < 3


# Every other end


REFUSED = {"id": ID, "status": "error", "error": {"message": "The prompt was refused."}}
HOLLOW = b"".join(
    (8 + len(content)).to_bytes(4) + kind + content
    for kind, content in ((b"ftyp", b"isom" + bytes(4)), (b"moov", bytes(20)), (b"mdat", bytes(99)))
)
ENDS = {
    "error": ({"look": [json_answer(200, REFUSED)]}, Failed, "The prompt was refused.", None),
    "key": ({"look": [BAD_KEY]}, Refused, "This key is not known.", "key"),
    "credits": ({"look": [json_answer(402, {"message": "Empty."})]}, Refused, "Empty.", "credits"),
    "forbidden": ({"look": [json_answer(403, {"message": "No."})]}, Refused, "No.", "forbidden"),
    "not-found": ({"look": [NOT_FOUND]}, Refused, "There is no such generation.", "not_found"),
    "misses": ({"look": [DOWN]}, Unreachable, "no usable answer (503)", None),
    "busy": ({"look": [json_answer(429, {"message": "Full."})]}, Busy, "Full.", None),
    "too-long": ({"look": [QUEUED]}, TookTooLong, "No video after", None),
    "no-url": (
        {"look": [json_answer(200, {"id": ID, "status": "completed"})]},
        DownloadFailed,
        "gives no address",
        None,
    ),
    "hollow": ({"file": [answer(200, HOLLOW)]}, DownloadFailed, "What came is kept as", None),
    "html": ({"file": [html_answer(200)]}, DownloadFailed, "not an MP4", None),
}


@pytest.mark.parametrize("end", ENDS)
@in_a_loop
async def test_every_end_has_its_words_and_keeps_the_id(house, monkeypatch, end):
    """The next process finds the same words."""
    monkeypatch.setattr(Background, "pause", lambda *_: None)
    monkeypatch.setattr(polling, "NOT_FOUND_GRACE", 0.0)
    monkeypatch.setattr(polling, "MISSING_URL_GRACE", 0.0)
    script, kind, text, reason = ENDS[end]
    with Service(**script) as service:
        give_up_after = 0.1 if end == "too-long" else 60.0
        async with house.process(service, give_up_after=give_up_after) as jobs:
            job = await begin(jobs)
            await watch(job)
            later = await kept(house, job)
        assert service.count("create") == 1
        if end in ("misses", "busy"):
            assert service.count("look") == 10
    assert later.state == job.state == ("failed" if kind is Failed else "needs_attention")
    assert told(later.error) == told(job.error)
    assert (type(job.error), getattr(job.error, "reason", None)) == (kind, reason)
    assert text in str(job.error)
    assert job.error.generation_id == ID
    assert house.storage.file(job.entry.clip) is None
    assert [name for name in house.files() if name.endswith(".mp4")] == []


def test_every_error_leads_to_a_state_that_the_ledger_knows():
    """From wherever it was met: else the job would end nowhere."""
    kinds = [getattr(veo_client, name) for name in veo_client.__all__]
    errors = [kind("") for kind in kinds if isinstance(kind, type) and issubclass(kind, VeoError)]
    assert len(errors) == 9
    for state, payer, error in itertools.product(
        ACTIVE_STATES, ("demo", "server", "visitor"), errors
    ):
        entry = SimpleNamespace(state=state, payer=payer)
        for reason in get_args(Reason):
            vars(error).update(reason=reason)
            assert runner_module._state_after(entry, error) in TRANSITIONS[state]


@in_a_loop
async def test_a_full_disk_while_the_clip_arrives(house):
    """Once there is room again, the clip is fetched without a new request."""
    clip_id = house.storage.new_clip_id()
    (house.storage.folder / clip_id).mkdir(parents=True)
    full = house.storage.folder / clip_id / "veo-clip.mp4.unchecked.part"
    full.symlink_to("/dev/full")
    row = house.row("downloading", clip=clip_id)
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            assert await watch(job) == ["downloading", "needs_attention"]
            assert told(job.error)[:2] == (
                DownloadFailed,
                "The disk is full. Free some space and run again; the clip stays at the service.",
            )
            full.unlink()
            assert (await watch(await jobs.look_again(job)))[-1] == "done"
            assert job.error is None
        assert service.count("create") == 0


@in_a_loop
async def test_a_disk_that_is_full_at_the_very_end(house, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(media, "publish", full)
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
    assert job.state == "needs_attention"
    assert str(job.error) == "The clip cannot be kept here (no space left on device)."


@in_a_loop
async def test_a_folder_that_cannot_be_written_keeps_the_id(house):
    house.storage.folder.write_text("a file where the folder should be")
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            assert (await watch(job))[-1] == "needs_attention"
            assert str(job.error) == "The clip cannot be kept here (not a directory)."
            assert job.error.generation_id == ID
            house.storage.folder.unlink()
            assert (await watch(await jobs.look_again(job)))[-1] == "done"


@in_a_loop
async def test_a_fault_of_ours_does_not_claim_that_nothing_was_sent(house, monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(VeoClient, "submit", broken)
    async with house.process(VeoClient(KEY)) as jobs:
        job = await begin(jobs)
        assert (await watch(job))[-1] == "uncertain"
    assert isinstance(job.error, SubmissionUncertain)
    assert "ended in a fault of ours" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("where", ["follow", "download"])
@in_a_loop
async def test_a_fault_of_ours_keeps_the_id(house, monkeypatch, caplog, where):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(VeoClient, where, broken)
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            assert (await watch(job))[-1] == "needs_attention"
    assert told(job.error) == (VeoError, "Something went wrong here.", None, None, ID)
    assert told((await kept(house, job)).error) == told(job.error)
    assert "ZeroDivisionError" in caplog.text


@in_a_loop
async def test_a_shelf_that_makes_no_room_takes_no_clip_away(house, monkeypatch, caplog):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(house.storage, "evict", broken)
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            assert await watch(job) == ALL_THE_WAY
            await until(lambda: not jobs._live)
    assert house.ledger.get(job.id).state == "done"
    assert "ZeroDivisionError" in caplog.text


# Visitors' keys


@in_a_loop
async def test_a_refused_key_of_a_visitor_waits_for_another(house):
    with Service(look=[BAD_KEY, QUEUED, completed]) as service:
        async with house.process(start=False) as jobs:
            await jobs.set_key(ME, client_of(service))
            job = await begin(jobs, payer="visitor")
            assert (await watch(job))[-1] == "needs_key"
            assert told(job.error) == (Refused, "This key is not known.", "key", None, ID)
            assert told((await kept(house, job)).error) == told(job.error)
            assert not jobs.has_key(ME)
            assert await watch(await jobs.look_again(job)) == ["running", "needs_key"]
            assert "is not here any more" in str(job.error)
            await jobs.set_key("browser:you", client_of(service))
            assert house.ledger.get(job.id).state == "needs_key"

            await jobs.set_key(ME, client_of(service, "another-key"))
            job = await jobs.get(job.id, ME)
            assert (await watch(job))[-1] == "done"
            assert job.error is None
        keys = [request.headers["Authorization"] for request in service.requests]
        assert keys[0] == f"Bearer {KEY}"
        assert set(keys[2:-1]) == {"Bearer another-key"}
        assert service.count("create") == 1


@pytest.mark.parametrize("state", ["needs_attention", "done"])
@in_a_loop
async def test_looking_again_without_the_key_says_that_it_is_needed(house, state):
    """Pressed for a clip that made room, too; it goes on once the key is brought."""
    row = house.row(state, payer="visitor", error={"kind": "VeoError", "text": "Odd."})
    with Service(look=[completed]) as service:
        async with house.process() as jobs:
            job = await jobs.look_again(await jobs.get(row.id, ME))
            assert (await watch(job))[-1] == "needs_key"
            assert explain.explain_error(job.error).title == "A key is needed"
            await jobs.set_key(ME, client_of(service))
            job = await jobs.get(row.id, ME)
            assert (await watch(job))[-1] == "done"
    assert house.storage.file(job.entry.clip)


@in_a_loop
async def test_a_key_is_forgotten_after_a_while(house):
    with Service(look=[QUEUED]) as service:
        async with house.process(start=False, key_kept=0.5) as jobs:
            await jobs.set_key(ME, client_of(service))
            job = await begin(jobs, payer="visitor")
            assert (await watch(job))[-1] == "needs_key"
            assert str(job.error) == "The key for this clip is not here any more."
            assert not jobs.has_key(ME)
            assert jobs.client_for(ME, "visitor") is None
            late = await begin(jobs, payer="visitor")
            assert await watch(late) == ["prepared", "rejected"]
        assert service.count("create") == 1


@in_a_loop
async def test_a_key_brought_again_is_kept_from_then_on(house):
    async with house.process(start=False, key_kept=0.05) as jobs:
        await jobs.set_key(ME, VeoClient(KEY))
        jobs.keys.kept_for = 3600.0
        await jobs.set_key(ME, VeoClient(KEY))
        await asyncio.sleep(0.1)
        assert jobs.has_key(ME)
        jobs.forget_key(ME)
        assert not jobs.has_key(ME)


@in_a_loop
async def test_a_key_that_was_forgotten_is_nowhere_in_memory(house):
    """Neither is one that a newer one took the place of; a timer would hold it for an hour."""
    async with house.process(start=False) as jobs:
        client = VeoClient(KEY)
        first = weakref.ref(client)
        await jobs.set_key(ME, client)
        client = VeoClient(KEY)
        second = weakref.ref(client)
        await jobs.set_key(ME, client)
        del client
        gc.collect()
        assert (first(), bool(second())) == (None, True)
        jobs.forget_key(ME)
        jobs.forget_key(ME)
        gc.collect()
        assert second() is None


@in_a_loop
async def test_a_key_brought_anew_does_not_stop_what_runs(house):
    with Service(look=[QUEUED]) as service:
        async with house.process(start=False) as jobs:
            await jobs.set_key(ME, client_of(service))
            job = await begin(jobs, payer="visitor")
            await until(lambda: service.count("look") > 2)
            await jobs.set_key(ME, client_of(service, "another-key"))
            service.scripts["look"] = [QUEUED, completed]
            assert (await watch(job))[-1] == "done"
            assert jobs.has_key(ME)
        looks = [request for request in service.requests if call_of(request) == "look"]
        assert looks[-1].headers["Authorization"] == "Bearer another-key"


@in_a_loop
async def test_a_refused_key_does_not_take_a_newer_one_along(house):
    arrived, go_on = threading.Event(), threading.Event()

    def refuse_late(connection):
        arrived.set()
        go_on.wait(10)
        BAD_KEY(connection)

    with Service(look=[refuse_late]) as service:
        async with house.process(start=False) as jobs:
            await jobs.set_key(ME, client_of(service))
            job = await begin(jobs, payer="visitor")
            await asyncio.to_thread(arrived.wait, 10)
            newer = client_of(service, "another-key")
            await jobs.set_key(ME, newer)
            go_on.set()
            assert (await watch(job))[-1] == "needs_key"
            assert jobs.client_for(ME, "visitor") is newer


# Looking again, and deleting


@in_a_loop
async def test_what_may_pass_is_looked_at_again_by_itself(house, monkeypatch):
    monkeypatch.setattr(runner_module, "LOOK_AGAIN_AFTER", (0.02, 0.02))
    with Service(look=[DOWN] * 10 + [completed], file=[html_answer(), file_answer(film())]) as it:
        async with house.process(it) as jobs:
            job = await begin(jobs)
            assert (await watch(job))[-1] == "needs_attention"
            await until(lambda: job.state == "done")
            assert job.error is None
    assert it.count("create") == 1
    assert house.ledger.get(job.id).error is None


def test_it_is_looked_for_again_for_a_day_after_longer_and_longer_pauses():
    """As docs/survival.md says."""
    assert DAY <= sum(LOOK_AGAIN_AFTER) <= 1.05 * DAY
    assert [*LOOK_AGAIN_AFTER] == sorted({*LOOK_AGAIN_AFTER})


@in_a_loop
async def test_looking_again_by_itself_ends(house, monkeypatch):
    monkeypatch.setattr(runner_module, "LOOK_AGAIN_AFTER", (0.02, 0.02))
    with Service(look=[DOWN]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: not jobs._live)
            assert job.state == "needs_attention"
        assert service.count("look") == 30


@pytest.mark.parametrize(
    ("reply", "looks"), [(BAD_KEY, 2), (json_answer(400, {"message": "Odd."}), 1)]
)
@in_a_loop
async def test_what_cannot_pass_is_left_alone(house, monkeypatch, reply, looks):
    """But for one look after a restart, which may have brought another key."""
    monkeypatch.setattr(runner_module, "LOOK_AGAIN_AFTER", (0.02, 0.02))
    with Service(look=[reply]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            assert (await watch(job))[-1] == "needs_attention"
            await asyncio.sleep(0.1)
        async with house.process(service) as jobs:
            await until(lambda: service.count("look") >= looks)
            await asyncio.sleep(0.1)
            assert (await jobs.get(job.id, ME)).state == "needs_attention"
        assert service.count("look") == looks


@in_a_loop
async def test_looking_again_by_hand_does_not_wait_for_the_hour(house):
    with Service(look=[DOWN] * 10 + [completed]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            assert (await watch(job))[-1] == "needs_attention"
            job = await jobs.look_again(job)
            assert job.state == "running"
            assert (await watch(job))[-1] == "done"
            await until(lambda: not jobs._live)


@pytest.mark.parametrize("state", ["needs_key", "needs_attention"])
@in_a_loop
async def test_two_tabs_that_look_again_see_one_job(house, state):
    row = house.row(state)
    with Service() as service:
        async with house.process(service) as jobs:
            tabs = [await jobs.get(row.id, ME) for _ in range(2)]
            first, second = await asyncio.gather(*map(jobs.look_again, tabs))
            assert first is second
            assert (await watch(first))[-1] == "done"
            assert (await jobs.look_again(tabs[0])).state == "done"
        assert service.count("file") == 1


@in_a_loop
async def test_a_stale_tab_does_not_stop_a_job_that_waits(house):
    """It still shows what needed attention earlier; the job, meanwhile, has gone on and rests."""
    row = house.row("needs_attention", error={"kind": "VeoError", "text": "Odd."})
    with Service(look=[DOWN] * 10 + [QUEUED, completed]) as service:
        async with house.process(service) as jobs:
            stale = await jobs.get(row.id, ME)
            assert (await watch(await jobs.look_again(await jobs.get(row.id, ME))))[-1] == (
                "needs_attention"
            )
            assert (await watch(await jobs.look_again(stale)))[-1] == "done"


@in_a_loop
async def test_a_tab_closed_while_looking_again_leaves_no_job_undriven(house, monkeypatch):
    row = house.row("needs_attention", error={"kind": "VeoError", "text": "Odd."})
    with Service() as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            writing, may_go_on = hold(monkeypatch, house.ledger, "move")
            click = asyncio.create_task(jobs.look_again(job))
            await asyncio.to_thread(writing.wait, 10)
            click.cancel()
            may_go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await click
            assert (await watch(await jobs.get(row.id, ME)))[-1] == "done"


@in_a_loop
async def test_who_asks_while_another_looks_again_gets_the_driven_job(house, monkeypatch):
    """The row is read just when it says `running`: a copy of it would never change again."""
    row = house.row("needs_attention", error={"kind": "VeoError", "text": "Odd."})
    with Service(look=[QUEUED]) as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            writing, may_go_on = hold(monkeypatch, house.ledger, "move")
            looking = asyncio.create_task(jobs.look_again(job))
            await asyncio.to_thread(writing.wait, 10)
            asking = asyncio.create_task(jobs.get(row.id, ME))
            listing = asyncio.create_task(jobs.of(ME))
            await asyncio.sleep(0.02)
            may_go_on.set()
            assert await asking is await looking
            assert await listing == [await looking]


@in_a_loop
async def test_a_clip_that_made_room_is_fetched_again(house):
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
            await until(lambda: not jobs._live)
            assert (await jobs.look_again(job)).state == "done"
            assert service.count("file") == 1
            house.storage.remove(job.entry.clip)
            assert await watch(await jobs.look_again(job)) == ["downloading", "done"]
        assert house.storage.file(job.entry.clip)
        assert service.count("file") == 2
        assert service.count("create") == 1


@in_a_loop
async def test_the_oldest_clip_makes_room_for_the_newest(house):
    with Service() as service:
        async with house.process(service) as jobs:
            made = []
            for _ in range(3):
                made.append(await begin(jobs))
                await watch(made[-1])
                await until(lambda: not jobs._live)
                house.storage.most_bytes = 2.5 * len(film())
            clip_ids = [job.entry.clip for job in made]
            there = [bool(house.storage.file(clip_id)) for clip_id in clip_ids]
    assert there == [False, True, True]


@in_a_loop
async def test_a_strangers_demo_clip_pushes_no_paid_one_out(house):
    house.storage.most_bytes = 1.5 * len(film())
    with Service() as service:
        async with house.process(service) as jobs:
            paid = await begin(jobs)
            for owner in ("browser:one", "browser:two"):
                free = await begin(jobs, owner=owner, payer="demo")
                await watch(free)
                await until(lambda: paid.is_over and not jobs._live)
    assert house.storage.file(paid.entry.clip)


@in_a_loop
async def test_a_clip_that_just_came_never_makes_room(house):
    house.storage.most_bytes = 0
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
            await until(lambda: not jobs._live)
    assert house.storage.file(job.entry.clip)


@in_a_loop
async def test_a_deleted_job_is_gone_with_its_clip(house):
    with Service(look=[QUEUED]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: service.count("look"))
            assert not await jobs.delete(job)
            assert await jobs.get(job.id, ME) is job
            service.scripts["look"] = [completed]
            assert (await watch(job))[-1] == "done"
            other = await begin(jobs)
            await watch(other)
            assert await jobs.delete(job)
            assert not await jobs.delete(job)
            assert await jobs.get(job.id, ME) is None
            assert [each.id for each in await jobs.of(ME)] == [other.id]
            assert (await jobs.look_again(job)).state == "done"
    assert not (house.storage.folder / job.entry.clip).exists()
    assert house.storage.file(other.entry.clip)


@in_a_loop
async def test_a_star_is_seen_at_once_whoever_drives_the_job(house):
    with Service(look=[QUEUED]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: service.count("look"))
            assert not await jobs.star(job.id, "browser:other", starred=True)
            assert await jobs.star(job.id, ME, starred=True)
            (shown,) = await jobs.of(ME)
            assert shown is job
            assert job.entry.starred
            assert await jobs.of(ME, Sought(only="starred")) == [job]
            service.scripts["look"] = [completed]
            assert (await watch(job))[-1] == "done"
            assert (await jobs.get(job.id, ME)).entry.starred
            assert (await jobs.newest(ME, 1))[1].starred == 1
            assert (await jobs.newest(ME, 2))[1].starred == 1


@in_a_loop
async def test_a_visitor_has_of_some_ids_their_own_in_their_order(house):
    with Service() as service:
        async with house.process(service) as jobs:
            mine = [await begin(jobs) for _ in range(3)]
            other = await begin(jobs, owner="browser:other")
            ids = [mine[2].id, other.id, "nobody", "\ud800", mine[0].id]
            assert await jobs.some_of(ME, ids) == [mine[2], mine[0]]
            assert await jobs.some_of(ME, []) == []
            for job in (*mine, other):
                await watch(job)


@in_a_loop
async def test_a_job_that_rests_can_be_deleted(house, monkeypatch):
    """And nobody looks at it again: not after its hour either."""
    monkeypatch.setattr(Background, "pause", lambda *_: None)
    with Service(file=[html_answer()]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
            assert (house.storage.folder / job.entry.clip).exists()
            looks = service.count("look")
            assert await jobs.delete(job)
            assert await jobs.get(job.id, ME) is None
            assert await jobs.of(ME) == []
            await until(lambda: not jobs.background.tasks)
            assert service.count("look") == looks
    assert list(house.storage.folder.iterdir()) == []


@in_a_loop
async def test_a_stale_tab_deletes_all_there_is(house):
    row = house.row("needs_key")
    with Service() as service:
        async with house.process(service) as jobs:
            stale = await jobs.get(row.id, ME)
            job = await jobs.look_again(await jobs.get(row.id, ME))
            assert (await watch(job))[-1] == "done"
            await until(lambda: not jobs._live)
            assert await jobs.delete(stale)
    assert list(house.storage.folder.iterdir()) == []


@in_a_loop
async def test_a_clip_whose_deletion_was_cut_off_goes_at_the_next_start(house):
    """The process was killed when the row was forgotten and the files were still there."""
    kept, deleted = [house.row("done") for _ in range(2)]
    for row in (kept, deleted):
        (house.storage.folder / row.clip).mkdir(parents=True)
        (house.storage.folder / row.clip / "veo-clip.mp4").write_bytes(film())
    assert house.ledger.delete(deleted.id)
    async with house.process() as jobs:
        assert [path.name for path in house.storage.folder.iterdir()] == [kept.clip]
        assert [job.id for job in await jobs.of(ME)] == [kept.id]


@in_a_loop
async def test_a_deletion_is_told_though_its_end_cannot_be_written_down(house, monkeypatch):
    monkeypatch.setattr(Background, "pause", lambda *_: None)
    with Service(file=[html_answer()]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)

            def full(_job_id, **_):
                raise NotWritten("database or disk is full")

            monkeypatch.setattr(house.ledger, "clip_removed", full)
            assert await jobs.delete(job)
            assert await jobs.get(job.id, ME) is None
            await until(lambda: not jobs.background.tasks)


@in_a_loop
async def test_a_tab_closed_while_deleting_leaves_no_clip_behind(house, monkeypatch):
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
            writing, may_go_on = hold(monkeypatch, house.ledger, "delete")
            click = asyncio.create_task(jobs.delete(job))
            await asyncio.to_thread(writing.wait, 10)
            click.cancel()
            may_go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await click
            assert await jobs.of(ME) == []
    assert list(house.storage.folder.iterdir()) == []


# After a restart


@in_a_loop
async def test_what_was_not_sent_yet_is_not_sent_any_more(house):
    """Whoever pressed the button may be gone, or was told that nothing was sent."""
    rows = [house.row("prepared", payer=payer) for payer in ("demo", "server", "visitor")]
    with Service() as service:
        async with house.process(service) as jobs:
            for row in rows:
                job = await jobs.get(row.id, ME)
                assert (await watch(job))[-1] == "rejected"
                assert str(explain.explain_error(job.error)) == (
                    "The server stopped before the request was sent. Nothing was charged. "
                    "Try again."
                )
            await jobs.set_key(ME, client_of(service))
        assert service.requests == []


@pytest.mark.parametrize("payer", ["server", "visitor", "demo"])
@in_a_loop
async def test_what_may_have_been_sent_is_never_sent_again(house, payer):
    row = house.row("submitting", payer=payer)
    with Service() as service:
        for _ in range(2):
            async with house.process(service) as jobs:
                job = await jobs.get(row.id, ME)
                await jobs.set_key(ME, client_of(service))
                assert (await watch(job))[-1] == "uncertain"
                assert (await jobs.look_again(job)).state == "uncertain"
                assert isinstance(job.error, SubmissionUncertain)
                assert "you may be charged" in str(job.error)
        assert service.requests == []


@in_a_loop
async def test_a_leftover_that_cannot_be_written_keeps_nothing_else_waiting(house, monkeypatch):
    """Neither the server nor other jobs; who follows it sees how it ends once it can be written."""
    sent, going = house.row("submitting"), house.row("running")
    resting = house.row("needs_attention", error={"kind": "Busy", "text": "Full."})
    writable = unwritable(house, monkeypatch, "uncertain", "running")
    with Service() as service:
        async with house.process(service) as jobs:
            assert (await watch(await jobs.get(going.id, ME)))[-1] == "done"
            left = await jobs.get(sent.id, ME)
            waits = await jobs.get(resting.id, ME)
            assert (left.state, waits.state) == ("submitting", "needs_attention")
            watching = asyncio.create_task(watch(left))
            writable.set()
            assert await watching == ["submitting", "uncertain"]
            await until(lambda: waits.state == "done")
        assert service.count("create") == 0


@pytest.mark.parametrize("state", ["running", "downloading"])
@in_a_loop
async def test_what_was_on_its_way_goes_on(house, state):
    row = house.row(state)
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            way = ALL_THE_WAY[ALL_THE_WAY.index(state) :]
            assert await watch(await jobs.get(row.id, ME)) == way
        assert service.count("create") == 0
    assert media.read_request(house.storage.file(house.ledger.get(row.id).clip)) == FOX.body()


@pytest.mark.parametrize("payer", ["server", "demo"])
@in_a_loop
async def test_a_clip_that_is_in_its_place_is_not_fetched_again(house, payer):
    clip_id = house.storage.new_clip_id()
    (house.storage.folder / clip_id).mkdir(parents=True)
    name = "demo-clip.mp4" if payer == "demo" else "veo-clip.mp4"
    (house.storage.folder / clip_id / name).write_bytes(film())
    row = house.row("downloading", clip=clip_id, payer=payer)
    with Service() as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            assert await watch(job) == ["downloading", "done"]
        assert service.requests == []
    assert job.facts == media.inspect(house.storage.file(clip_id))
    assert house.files() == sorted(["clip.json", "poster.jpg", name])


def put(house, row, name, content=None):
    path = house.storage.folder / row.clip / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content or film())


@pytest.mark.parametrize("payer", ["server", "visitor"])
@pytest.mark.parametrize("name", ["veo-clip.mp4", "veo-clip.mp4.unchecked"])
@in_a_loop
async def test_a_whole_clip_that_is_here_needs_neither_key_nor_service(house, payer, name):
    """The process was killed before the clip got its name, or before the row said so."""
    row = house.row("downloading", clip=house.storage.new_clip_id(), payer=payer)
    put(house, row, name)
    async with house.process() as jobs:
        assert await watch(await jobs.get(row.id, ME)) == ["downloading", "done"]
    assert house.files() == ["clip.json", "poster.jpg", "veo-clip.mp4"]


@pytest.mark.parametrize("state", ["needs_key", "needs_attention"])
@in_a_loop
async def test_a_whole_clip_that_is_here_is_not_asked_for(house, monkeypatch, state):
    """Not even whether the service still has it: it may have forgotten it."""
    monkeypatch.setitem(WAYS, state, [*ALL_THE_WAY[:4], state])
    row = house.row(state, clip=house.storage.new_clip_id())
    put(house, row, "veo-clip.mp4.unchecked")
    with Service(look=[NOT_FOUND]) as service:
        async with house.process(service) as jobs:
            job = await jobs.look_again(await jobs.get(row.id, ME))
            assert await watch(job) == ["running", "downloading", "done"]
        assert service.requests == []


@in_a_loop
async def test_what_was_kept_as_not_whole_is_fetched_again(house, monkeypatch):
    monkeypatch.setitem(WAYS, "needs_attention", [*ALL_THE_WAY[:4], "needs_attention"])
    row = house.row("needs_attention", clip=house.storage.new_clip_id())
    put(house, row, "veo-clip.mp4.unchecked", HOLLOW)
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            job = await jobs.look_again(await jobs.get(row.id, ME))
            assert (await watch(job))[-1] == "done"
    assert house.storage.file(row.clip).read_bytes().startswith(film())


@in_a_loop
async def test_a_damaged_clip_in_its_place_is_fetched_again(house):
    clip_id = house.storage.new_clip_id()
    (house.storage.folder / clip_id).mkdir(parents=True)
    (house.storage.folder / clip_id / "veo-clip.mp4").write_bytes(film()[:-1000])
    row = house.row("downloading", clip=clip_id)
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            assert await watch(await jobs.get(row.id, ME)) == ["downloading", "done"]
    assert house.storage.file(clip_id).read_bytes().startswith(film())


@in_a_loop
async def test_a_download_that_was_cut_off_goes_on_where_it_was(house):
    clip_id = house.storage.new_clip_id()
    row = house.row("downloading", clip=clip_id)
    half = len(film()) // 2
    cut = file_answer(film(), cut_after=half)
    with Service(look=[completed], file=[cut, file_answer(film())]) as service:
        path = house.storage.folder / clip_id / "veo-clip.mp4.unchecked"
        path.parent.mkdir(parents=True)
        video = Video(generation_id=ID, url=f"{service.url}/clip.mp4")
        with pytest.raises(download.DownloadError):
            download.fetch(video.url, path, trusted=service.url, attempts=1)
        async with house.process(service) as jobs:
            assert (await watch(await jobs.get(row.id, ME)))[-1] == "done"
        assert service.requests[-1].headers["Range"] == f"bytes={half}-"


@in_a_loop
async def test_demo_clips_that_were_being_made_have_failed(house):
    """The demo service forgot them with the process that it ran in."""
    row = house.row("running", payer="demo")
    with Service() as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            assert await watch(job) == ["running", "failed"]
            assert isinstance(job.error, Failed)
            assert "was restarted and has forgotten" in str(job.error)
        assert service.requests == []


@pytest.mark.parametrize("state", ["downloading", "needs_attention"])
@in_a_loop
async def test_demo_clips_that_were_made_have_the_same_words(house, state, monkeypatch):
    """Not that an id should be checked: there is no account to find it in."""
    waited = {"kind": "DownloadFailed", "text": "The disk is full."}
    row = house.row(state, payer="demo", error=waited, age=100.0)
    with Service(look=[NOT_FOUND]) as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            await until(lambda: not jobs._live)
            assert "was restarted and has forgotten" in str(job.error)
            assert isinstance(job.error, Failed)


@pytest.mark.parametrize("state", ["running", "downloading"])
@in_a_loop
async def test_what_a_visitor_pays_waits_for_the_key(house, state):
    row = house.row(state, payer="visitor")
    with Service() as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            assert await watch(job) == [state, "needs_key"]
            assert told(job.error)[1:3] == ("The key for this clip is not here any more.", "no_key")
            assert service.requests == []
            await jobs.set_key(ME, client_of(service))
            assert (await watch(await jobs.get(row.id, ME)))[-1] == "done"
        assert service.count("create") == 0


@in_a_loop
async def test_a_key_of_the_server_that_is_gone_keeps_the_id(house):
    rows = [house.row(state) for state in ("prepared", "running", "downloading")]
    async with house.process() as jobs:
        states = [(await watch(await jobs.get(row.id, ME)))[-1] for row in rows]
    assert states == ["rejected", "needs_attention", "needs_attention"]
    assert [house.ledger.get(row.id).generation_id for row in rows] == [None, ID, ID]


@pytest.mark.parametrize("state", ["done", "failed", "rejected", "uncertain", "needs_key"])
@in_a_loop
async def test_what_was_over_is_left_as_it_was(house, state):
    row = house.row(state)
    with Service() as service:
        async with house.process(service) as jobs:
            assert (await jobs.get(row.id, ME)).entry == row
            assert not jobs._live
        assert service.requests == []
    assert house.ledger.get(row.id) == row


@in_a_loop
async def test_what_may_have_passed_is_looked_at_at_once(house):
    row = house.row("needs_attention", error={"kind": "TookTooLong", "text": "No video."})
    with Service() as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            await until(lambda: job.state == "done")


@pytest.mark.parametrize("reason", ["no_key", "key", "credits", "forbidden"])
@in_a_loop
async def test_a_restart_may_have_brought_another_key_or_credits(house, reason):
    refused = {"kind": "Refused", "text": "No.", "reason": reason}
    row = house.row("needs_attention", error=refused)
    with Service() as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            await until(lambda: job.state == "done")
        assert service.count("create") == 0


@pytest.mark.parametrize(("age", "end"), [(5.0, "done"), (100.0, "needs_attention")])
@in_a_loop
async def test_a_generation_keeps_its_age(house, age, end):
    """Right after its creation a 404 only says that the service has not caught up."""
    row = house.row("running", age=age)
    with Service(look=[NOT_FOUND, completed]) as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            ages = [each.update.elapsed async for each in job.follow() if each.update]
            assert (job.state, getattr(job.error, "reason", None)) == (
                end,
                None if end == "done" else "not_found",
            )
    assert age <= ages[0] < age + 5


@in_a_loop
async def test_another_process_s_jobs_are_left_alone(house):
    others = Ledger(house.ledger._engine.url, runner="elsewhere")
    entry = others.add(owner=ME, payer="server", request=FOX.body(), expected=2.0)
    others.close()
    with Service() as service:
        async with house.process(service):
            await asyncio.sleep(0.05)
        assert service.requests == []
    assert house.ledger.get(entry.id).state == "prepared"


@pytest.fixture
def elsewhere(house):
    """Another server's house, on the same database."""
    folder = house.folder / "elsewhere"
    folder.mkdir()
    another = House(folder)
    another.ledger.close()
    another.ledger = Ledger(house.ledger._engine.url, runner="elsewhere")
    yield another
    another.ledger.close()


@in_a_loop
async def test_a_job_that_another_server_looks_at_again_is_its_own_from_then_on(house, elsewhere):
    """Both would drive it, once the first is started anew."""
    row = elsewhere.row("needs_attention", error={"kind": "Busy", "text": "Full."})
    with Service(look=[QUEUED]) as service:
        async with house.process(service) as jobs:
            assert row.id not in jobs._live
            job = await jobs.look_again(await jobs.get(row.id, ME))
            async with elsewhere.process(service) as others:
                assert row.id not in others._live
            service.scripts["look"] = [completed]
            assert (await watch(job))[-1] == "done"


@in_a_loop
async def test_a_clip_that_another_server_deletes_goes_at_the_next_start(house, elsewhere):
    row = elsewhere.row("done")
    clip = elsewhere.storage.folder / row.clip / "veo-clip.mp4"
    clip.parent.mkdir(parents=True)
    clip.write_bytes(film())
    async with house.process() as jobs:
        assert await jobs.delete(await jobs.get(row.id, ME))
    async with elsewhere.process():
        assert not clip.exists()
        assert elsewhere.ledger.awaiting_file_removal() == []


# Keys stay where they belong, threads are few, and there is an end


@pytest.mark.slow
@in_a_loop
async def test_the_key_is_nowhere(house, caplog, capfd, monkeypatch):
    """The service repeats it in every answer, and every kind of end is met."""
    monkeypatch.setattr(Background, "pause", lambda *_: None)
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(runner_module, "LOOK_AGAIN_AFTER", ())
    monkeypatch.setattr(polling, "NOT_FOUND_GRACE", 0.0)
    shown, states = [], set()
    said = {"message": f"No such key: {KEY}"}
    scripts = [{"create": [json_answer(status, said)]} for status in (400, 401, 403, 429, 500)]
    scripts += [{"look": [json_answer(status, said)]} for status in (400, 401, 404, 503)]
    scripts += [
        {"look": [json_answer(200, {"id": ID, "status": "error", "error": said})]},
        {"look": [json_answer(200, {"id": ID, "status": KEY}), completed]},
        {"create": [close]},
        {"file": [html_answer()]},
        {},
    ]
    for script, payer in itertools.product(scripts, ("server", "visitor")):
        with Service(**script) as service:
            async with house.process(service, start=False) as jobs:
                await jobs.set_key(ME, client_of(service))
                job = await begin(jobs, payer=payer)
                async for each in job.follow():
                    shown += [repr(each), str(vars(each)), repr(each.error), str(each.error)]
                shown += [repr(jobs), str(vars(jobs)), repr(await jobs.of(ME))]
            keys = {request.headers["Authorization"] for request in service.requests}
            assert keys - {None} == {f"Bearer {KEY}"}
            states.add(job.state)
    monkeypatch.setattr(VeoClient, "submit", lambda *_: 1 / 0)
    async with house.process(VeoClient(KEY)) as jobs:
        await watch(await begin(jobs))
    assert states == set(TRANSITIONS) - set(ACTIVE_STATES)
    files = [path for path in house.folder.rglob("*") if path.is_file()]
    assert any(path.name == "ledger.sqlite-wal" for path in files)
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
    output = "".join([caplog.text, *shown, *capfd.readouterr()])
    assert "No such key: [key]" in output
    assert KEY not in output


class Patient:
    """A client whose service takes nothing until `open`; its clips take until `ready`, and fail."""

    def __init__(self):
        self.open = threading.Event()
        self.ready = threading.Event()
        self.sent = itertools.count()
        self.held = 0.0
        """Seconds that waiting kept a thread."""

    def with_trace(self, _):
        return self

    def submit(self, _):
        self.open.wait(30)
        return f"id-{next(self.sent)}"

    def follow(self, generation_id, *, sleep, **_):
        while not self.ready.is_set():
            yield Update(
                generation_id=generation_id,
                status="queued",
                elapsed=0.0,
                next_poll_in=0.3,
                expected=2.0,
            )
            before = time.monotonic()
            sleep(0.3)
            self.held += time.monotonic() - before
        raise Failed("No.", generation_id=generation_id)


@pytest.mark.slow
@in_a_loop
async def test_a_thousand_jobs_wait_on_few_threads(house):
    client = Patient()
    async with house.process(client) as jobs:
        waiting = await asyncio.gather(*(begin(jobs) for _ in range(1000)))
        await until(lambda: all(job.state == "submitting" for job in waiting))
        assert threading.active_count() < 120
        client.open.set()
        await until(lambda: all(job.state == "running" for job in waiting))
        assert threading.active_count() < 120
        client.ready.set()
        await asyncio.gather(*map(watch, waiting))
        assert threading.active_count() < 120
    assert client.held < 30
    assert {job.state for job in waiting} == {"failed"}
    assert len({job.generation_id for job in waiting}) == 1000
    assert len(house.ledger.in_states("failed")) == 1000


@in_a_loop
async def test_the_end_of_a_process_leaves_no_task_and_no_thread(house, monkeypatch):
    """Whatever its jobs are at: a look, a rest, a download, a ledger that cannot be written."""
    before = threading.active_count()
    resting = house.row("running")
    with Service(look=[DOWN] * 10 + [QUEUED]) as service:
        async with house.process(client_of(service, timeout=0.5)) as jobs:
            assert (await watch(await jobs.get(resting.id, ME)))[-1] == "needs_attention"
            looking = await begin(jobs)
            await until(lambda: looking.state == "running" and looking.update)
            service.scripts["look"] = [completed]
            service.scripts["file"] = [hang]
            monkeypatch.setattr(download, "TIMEOUT", 0.2)
            monkeypatch.setattr(download, "_pause_before", lambda _: 0.0)
            await until(lambda: looking.state == "downloading")
            service.scripts["look"] = [hang]
            hanging = await begin(jobs)
            await until(lambda: hanging.state == "running" and service.count("look") > 12)
            unwritable(house, monkeypatch, "submitting")
            unwritten = await begin(jobs)
            assert len(jobs.background.tasks) == 4
            began = time.monotonic()
        assert time.monotonic() - began < 10
    assert not jobs.background.tasks
    states = {job.id: house.ledger.get(job.id).state for job in (looking, hanging, unwritten)}
    assert [*states.values()] == ["downloading", "running", "prepared"]
    assert threading.active_count() <= before


# Under the hood


@in_a_loop
async def test_each_job_keeps_what_was_asked_and_answered_for_it(house):
    """Also once it is over and asked for anew; not after a restart, and never on the disk."""
    with Service(look=[QUEUED, QUEUED, completed]) as service:
        async with house.process(service) as jobs:
            one = await begin(jobs)
            await watch(one)
            two = await begin(jobs)
            await watch(two)
            heard = jobs.recent_http.of((await jobs.get(one.id, ME)).id)
            create, waiting, done, file = [each.exchange for each in heard]
            assert [each.times for each in heard] == [1, 2, 1, 1]
            assert (create.method, json.loads(create.sent)) == ("POST", FOX.body())
            assert '"queued"' in waiting.answer
            assert '"completed"' in done.answer
            assert (file.address, file.size) == ("127.0.0.1", len(film()))
            assert len(jobs.recent_http.of(two.id)) == 3
            await jobs.delete(two)
            assert jobs.recent_http.of(two.id) == ()
            assert KEY not in repr(heard)
        async with house.process(service) as jobs:
            assert jobs.recent_http.of(one.id) == ()
    files = [path for path in house.folder.rglob("*") if path.is_file()]
    assert "ledger.sqlite" in {path.name for path in files}
    assert not any(b"/v2/video" in path.read_bytes() for path in files)


@in_a_loop
async def test_who_follows_finds_what_led_to_each_change(house):
    with Service(create=[json_answer(403, {"message": "No credits."})]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            async for _ in job.follow():
                heard = jobs.recent_http.of(job.id)
                assert bool(heard) == (job.state not in ("prepared", "submitting"))
    assert job.state == "rejected"
    assert "No credits." in heard[0].exchange.answer


@pytest.mark.parametrize(
    "other", [{"prompt": "\u200b"}, {"model": "google/veo-3.0-t2v"}, {"fps": 24}], ids=str
)
@in_a_loop
async def test_a_clip_that_we_would_not_send_today_is_shown_all_the_same(house, other):
    """An earlier version sent a prompt of which nobody sees anything, or a model that the table has
    lost, and it was paid for."""
    request = FOX.body() | other
    entry = house.ledger.add(owner=ME, payer="server", request=request, expected=2.0)
    for was, to in itertools.pairwise(("prepared", "submitting", "running")):
        changes = {"generation_id": ID, "submitted": time.time()} if to == "running" else {}
        assert house.ledger.move(entry.id, was, to, **changes)
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            (job,) = await jobs.of(ME)
            assert (await watch(job))[-1] == "done"
            assert (job.request, job.is_only_looked_for) == (None, False)


@in_a_loop
async def test_a_file_that_is_waited_for_holds_up_no_stop(house):
    """Its address has none yet; who stops the server does not wait for the next look."""
    with Service(look=[completed], file=[html_answer(404)]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: service.count("file") > 2)
            began = time.monotonic()
        assert time.monotonic() - began < 1
    assert job.state == "downloading"
