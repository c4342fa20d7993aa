"""Several takes of one request: which there are, and when the rest is sent."""

import asyncio

import pytest
from jobs_fixture import a_job

from backend import takes as backend_takes
from veo_client import Busy, InvalidRequest, VideoRequest

FOX = VideoRequest("a fox", seed=2**32 - 2, duration=6, aspect_ratio="9:16", generate_audio=False)


@pytest.mark.parametrize("count", range(1, backend_takes.MOST + 1))
def test_takes_have_seeds_of_their_own_and_the_first_keeps_the_given_one(count):
    takes = backend_takes.takes_of(FOX, count)
    assert takes[0] == FOX
    assert len({take.seed for take in takes}) == len(takes) == count
    assert backend_takes.takes_of(FOX, count) == takes


@pytest.mark.parametrize("differs", [name for name in backend_takes.DIFFERS if name != "seed"])
def test_takes_of_a_setting_differ_in_nothing_else(differs):
    takes = backend_takes.takes_of(FOX, backend_takes.MOST, differs)
    assert takes[0] == FOX
    assert backend_takes.differing(takes) == [differs]
    assert len({getattr(take, differs) for take in takes}) == len(takes)
    assert len(takes) == {"duration": 3}.get(differs, 2)
    assert backend_takes.takes_of(FOX, 1, differs) == [FOX]


@pytest.mark.parametrize("count", [0, 5, -1, True, 1.0, "2", None])
def test_another_number_of_takes_is_refused(count):
    with pytest.raises(InvalidRequest, match="1 to 4 takes"):
        backend_takes.takes_of(FOX, count)


@pytest.mark.parametrize("differs", ["prompt", "", None, ["seed"]])
def test_takes_differ_in_nothing_that_is_not_listed(differs):
    with pytest.raises(InvalidRequest, match="may differ in"):
        backend_takes.takes_of(FOX, 2, differs)


# Jobs


def test_the_rest_follows_once_the_first_is_taken():
    async def story():
        begun, first = [], a_job()

        async def begin(request):
            begun.append(request)
            return a_job()

        rest = asyncio.create_task(backend_takes.begin_after(first, [FOX, FOX], begin))
        first.change(state="submitting")
        await asyncio.sleep(0.01)
        assert begun == []
        first.change(generation_id="taken", state="running")
        jobs, error = await rest
        assert len(jobs) == len(begun) == 2
        assert error is None

    asyncio.run(story())


@pytest.mark.parametrize("state", ["rejected", "uncertain"])
def test_nothing_follows_a_first_that_was_not_taken(state):
    async def begin(request):
        raise AssertionError("sent")

    assert asyncio.run(backend_takes.begin_after(a_job(state), [FOX], begin)) == ([], None)


def test_a_limit_ends_the_rest_and_keeps_what_was_begun():
    full = Busy("The clips of a day are made.")
    asked = []

    async def begin(request):
        asked.append(request)
        if len(asked) == 2:
            raise full
        return a_job()

    first = a_job("running", generation_id="taken")
    jobs, error = asyncio.run(backend_takes.begin_after(first, [FOX] * 3, begin))
    assert (len(jobs), error, len(asked)) == (1, full, 2)


def test_the_card_tells_of_what_is_on_its_way_and_then_of_what_is_done():
    failed, running, done = a_job("failed"), a_job("running"), a_job("done")
    assert backend_takes.job_to_show([failed, done, running]) is running
    assert backend_takes.job_to_show([failed, done]) is done
    assert backend_takes.job_to_show([failed]) is failed


def test_a_model_without_a_seed_films_the_same_once_more():
    request = VideoRequest("A fox", model="veo-3.1-lite-generate-001")
    assert backend_takes.takes_of(request, 3) == [request] * 3
    assert [each.duration for each in backend_takes.takes_of(request, 3, "duration")] == [8, 4, 6]
