"""Jobs driven in the background against the demo service, watched or not."""

import asyncio
import threading
import time

import pytest
from conftest import KEY
from faults import FaultServer, answer, json_answer

import jobs as jobs_module
from jobs import Jobs
from veo_client import (
    DownloadFailed,
    Refused,
    SubmissionUncertain,
    VeoClient,
    VideoRequest,
)

FOX = VideoRequest("a fox", seed=7, duration=4, resolution="720p")


@pytest.fixture
def jobs(tmp_path):
    jobs = Jobs(tmp_path)
    yield jobs
    jobs._pool.shutdown()


def client_for(server):
    return VeoClient(KEY, base_url=getattr(server, "base_url", None) or server.url)


def begin(jobs, server, request=FOX, expected=2.0):
    return jobs.generate(client_for(server), request, expected=expected, demo=False)


async def watch(job):
    return [(each.phase, each.is_over) async for each in job.follow()]


def test_a_job_is_seen_through_and_its_clip_kept(jobs, demo, tmp_path):
    async def story():
        job = begin(jobs, demo)
        seen = await watch(job)
        return job, seen

    job, seen = asyncio.run(story())
    assert seen[0] == ("sending", False)
    assert seen[-1] == ("done", True)
    assert job.clip.is_file()
    assert tmp_path in job.clip.parents
    assert job.token not in str(job.clip)
    assert (job.facts.width, job.facts.frames) == (1280, 96)
    assert jobs.get(job.token) is job


def test_any_number_may_follow_and_a_latecomer_sees_the_end(jobs, demo):
    async def story():
        job = begin(jobs, demo)
        together = await asyncio.gather(*(watch(job) for _ in range(50)))
        return together, await watch(job)

    together, late = asyncio.run(story())
    assert all(seen[-1] == ("done", True) for seen in together)
    assert late == [("done", True)]


def test_nobody_needs_to_watch(jobs, demo):
    async def story():
        job = begin(jobs, demo)
        follower = job.follow()
        await anext(follower)
        await follower.aclose()
        while not job.is_over:
            await asyncio.sleep(0.05)
        return job

    assert asyncio.run(story()).clip


def test_a_slow_watcher_still_sees_the_end(jobs):
    """The job may be over before whoever follows has dealt with its first state."""

    async def story(server):
        job = begin(jobs, server)
        seen = []
        async for each in job.follow():
            seen.append(each.phase)
            while not job.is_over:
                await asyncio.sleep(0.01)
        return seen

    with FaultServer([json_answer(401, {"message": "no"})]) as server:
        assert asyncio.run(story(server)) == ["sending", "failed"]


def test_a_refusal_ends_the_job_with_its_error(jobs):
    async def story(server):
        job = begin(jobs, server)
        await watch(job)
        return job.error

    with FaultServer([json_answer(401, {"message": "no"})]) as server:
        assert isinstance(asyncio.run(story(server)), Refused)


def test_stop_looking_ends_at_once_and_keeps_the_id(jobs):
    async def story(server):
        job = begin(jobs, server, expected=120.0)
        async for each in job.follow():
            if each.generation_id:
                job.stop_looking()
        return job

    with FaultServer([json_answer(200, {"id": "a"})]) as server:
        job = asyncio.run(story(server))
    assert (job.phase, job.generation_id) == ("stopped", "a")
    assert job.elapsed < 2.0


def test_stopping_during_the_submission_does_not_lose_the_id(jobs):
    arrived, go_on = threading.Event(), threading.Event()

    def slow(connection):
        arrived.set()
        go_on.wait(10)
        json_answer(200, {"id": "a"})(connection)

    async def story(server):
        job = begin(jobs, server)
        await asyncio.to_thread(arrived.wait, 10)
        job.stop_looking()
        go_on.set()
        await watch(job)
        return job

    with FaultServer([slow]) as server:
        job = asyncio.run(story(server))
    assert (job.phase, job.generation_id) == ("stopped", "a")


def test_waiting_holds_no_thread(jobs):
    """Two hundred jobs wait at once on 32 threads: a thread each would leave most unsubmitted."""

    async def story(server):
        waiting = [begin(jobs, server, expected=120.0) for _ in range(200)]
        while not all(job.generation_id for job in waiting):
            await asyncio.sleep(0.02)
        for job in waiting:
            job.stop_looking()
        await asyncio.gather(*(watch(job) for job in waiting))
        return waiting

    with FaultServer(json_answer(200, {"id": "a", "status": "queued"})) as server:
        waiting = asyncio.run(story(server))
        assert len([each for each in server.requests if each.method == "POST"]) == 200
    assert {job.phase for job in waiting} == {"stopped"}


def test_a_damaged_clip_is_never_shown(jobs, tmp_path):
    def box(kind, content):
        return (8 + len(content)).to_bytes(4, "big") + kind + content

    hollow = box(b"ftyp", b"isom" + bytes(4)) + box(b"moov", bytes(20)) + box(b"mdat", bytes(99))

    async def story(server):
        job = begin(jobs, server, expected=1.0)
        await watch(job)
        return job

    with FaultServer([]) as server:
        done = {"id": "a", "status": "completed", "video": {"url": f"{server.url}/a.mp4"}}
        answers = [json_answer(200, {"id": "a"}), json_answer(200, done), answer(200, hollow)]
        server._script.extend(answers)
        job = asyncio.run(story(server))
    assert isinstance(job.error, DownloadFailed)
    assert job.error.generation_id == "a"
    assert job.clip is None
    assert "kept as" in str(job.error)
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".unchecked"]


def test_a_folder_that_cannot_be_written_keeps_the_id(demo, tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    jobs = Jobs(tmp_path / "taken")

    async def story():
        job = begin(jobs, demo)
        await watch(job)
        return job

    job = asyncio.run(story())
    jobs._pool.shutdown()
    assert isinstance(job.error, DownloadFailed)
    assert job.error.generation_id == job.generation_id
    assert "cannot be kept here (" in str(job.error)


def test_a_fault_of_ours_does_not_claim_that_nothing_was_sent(jobs, monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError

    async def story():
        client = VeoClient(KEY, base_url="http://127.0.0.1:9")
        monkeypatch.setattr(client, "submit", broken)
        job = jobs.generate(client, FOX, expected=1.0, demo=False)
        await watch(job)
        return job

    job = asyncio.run(story())
    assert isinstance(job.error, SubmissionUncertain)
    assert "ended in a fault of ours" in caplog.text
    assert KEY not in caplog.text


def test_finished_jobs_are_forgotten_oldest_first_and_running_ones_never(jobs, monkeypatch):
    monkeypatch.setattr(jobs_module, "JOBS_KEPT", 3)

    async def story(server):
        running = jobs.resume(client_for(server), "a", expected=120.0, demo=False)
        over = []
        for number in range(5):
            job = jobs.resume(client_for(server), str(number), expected=120.0, demo=False)
            job.stop_looking()
            await watch(job)
            over.append(job)
        kept = [jobs.get(job.token) is not None for job in [running, *over]]
        running.stop_looking()
        await watch(running)
        return kept

    with FaultServer(json_answer(200, {"status": "queued"})) as server:
        kept = asyncio.run(story(server))
    assert kept == [True, False, False, False, True, True]


def test_a_429_is_waited_out_before_the_request_is_sent_again(jobs):
    """The event loop takes over the waits between looks, not this one."""
    asked_to_wait = json_answer(429, {"message": "Too many requests."}, [("Retry-After", "1")])
    with FaultServer([asked_to_wait, json_answer(403, {"message": "Out of credits."})]) as server:

        async def story():
            job = begin(jobs, server)
            before = time.monotonic()
            await watch(job)
            return job, time.monotonic() - before

        job, took = asyncio.run(story())
    assert isinstance(job.error, Refused)
    assert len(server.requests) == 2
    assert took >= 1
