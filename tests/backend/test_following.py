"""How a viewer follows several jobs, and stops."""

import asyncio

import pytest
from jobs_fixture import a_job

from backend import following as following_module
from backend.following import Following


@pytest.fixture
def following():
    return Following()


async def soon(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


def test_several_jobs_are_followed_until_all_are_over_with_one_word_for_each_change(following):
    async def story():
        told = []
        jobs = [a_job("running"), a_job("done"), a_job("running")]

        async def follow():
            async for _ in following.follow(jobs, viewer="me"):
                told.append([job.state for job in jobs])

        watching = asyncio.create_task(follow())
        await soon(lambda: len(told) == 1)
        jobs[2].change(state="downloading")
        await soon(lambda: len(told) == 2)
        jobs[2].change(state="done")
        await soon(lambda: len(told) == 3)
        jobs[0].change(state="failed")
        await watching
        assert told == [
            ["running", "done", "running"],
            ["running", "done", "downloading"],
            ["running", "done", "done"],
            ["failed", "done", "done"],
        ]

    asyncio.run(story())


def test_who_stops_following_leaves_no_task_behind(following):
    async def story():
        changes = following.follow([a_job("running"), a_job("running")], viewer="me")
        await anext(changes)
        waiting = asyncio.create_task(anext(changes))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await changes.aclose()
        await soon(lambda: asyncio.all_tasks() == {asyncio.current_task()})

    asyncio.run(story())


def test_who_follows_others_no_longer_follows_these(following):
    async def story():
        before = following.follow([a_job("running")], viewer="me")
        end = await anext(before)
        elsewhere = following.follow([a_job("running")], viewer="you")
        waiting = asyncio.create_task(anext(before, None))
        await anext(elsewhere)
        assert not end.done()
        now = following.follow([a_job("running")], viewer="me")
        assert await anext(now) is not end
        assert end.done()
        assert await waiting is None
        following.stop("me")
        assert await anext(now, None) is None
        await elsewhere.aclose()
        await soon(lambda: asyncio.all_tasks() == {asyncio.current_task()})

    asyncio.run(story())
    assert following._ends == {}


def test_whoever_stops_hears_the_last_word_first(following, monkeypatch):
    """And waits no longer than for a while, for nobody may be there to hear it."""
    monkeypatch.setattr(following_module, "STOP_TIMEOUT", 0.1)

    async def story():
        changes = following.follow([a_job("running")], viewer="me")
        await anext(changes)  # and what it yields is on its way
        stopping = asyncio.create_task(following.stop_and_wait("me"))
        await asyncio.sleep(0.01)
        assert not stopping.done()
        assert await anext(changes, None) is None  # it was told, and the next is asked for
        await stopping
        deaf = following.follow([a_job("running")], viewer="me")
        await anext(deaf)
        await asyncio.wait_for(following.stop_and_wait("me"), 1)
        await deaf.aclose()
        await following.stop_and_wait("nobody")

    asyncio.run(story())
