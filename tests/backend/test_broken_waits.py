"""A clock that is set, or a machine that sleeps, while jobs run: what they took, and what follows.

The clocks are simulated: the wall's jumps while the service is asked, the steady one goes on.
"""

import time

import pytest
from jobs_fixture import FOX, Service, begin, completed, in_a_loop, until, watch

HOUR = 3600.0
JUMPS = {
    "set back an hour": -HOUR,
    "set forward an hour": HOUR,
    "asleep for ten hours": 10 * HOUR,
    "set back by half a minute": -30.0,
    "set by the network to another year": -30 * 365 * 24 * HOUR,
}


@pytest.fixture
def wall(monkeypatch):
    """The wall's clock, as far as it was set."""
    real = time.time

    class Wall:
        set_by = 0.0

        def time(self):
            return real() + self.set_by

    wall = Wall()
    monkeypatch.setattr(time, "time", wall.time)
    return wall


def service_while(jump):
    """A service that is asked twice; `jump` happens meanwhile."""

    def jump_and_complete(connection):
        jump()
        completed(connection)

    return Service(look=[jump_and_complete])


@pytest.mark.parametrize("by", JUMPS.values(), ids=JUMPS)
def test_a_span_that_a_clock_broke_makes_no_expectation(by, house, wall):
    """Else the next clip is "about 600:14", or is looked for a thousand times in five seconds."""

    @in_a_loop
    async def a_clip():
        with service_while(lambda: setattr(wall, "set_by", by)) as service:
            async with house.process(service) as jobs:
                job = await begin(jobs)
                assert (await watch(job))[-1] == "done"
                assert (service.count("create"), service.count("look")) == (1, 1)
        assert "took" not in house.ledger.get(job.id).facts

    a_clip()


@in_a_loop
async def test_summer_and_winter_time_change_no_clock_of_ours(house, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()

    def to_another_zone():
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()

    with service_while(to_another_zone) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
    monkeypatch.undo()
    time.tzset()
    assert 0 < house.ledger.get(job.id).facts["took"] < 10


@in_a_loop
async def test_a_server_that_was_off_in_the_middle_has_not_waited(house):
    house.row("running", age=10 * HOUR)
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            (job,) = await jobs.of("browser:me")
            await watch(job)
    entry = house.ledger.get(job.id)
    assert entry.state == "done"
    assert "took" not in entry.facts


@in_a_loop
async def test_a_job_that_rested_has_not_been_waited_for(house):
    """Looked for again by hand in the same process, perhaps hours later."""
    with Service(look=[completed]) as service:
        async with house.process(service, give_up_after=0.0) as jobs:
            job = await begin(jobs)
            await until(lambda: job.state == "needs_attention")
            jobs._runner._give_up_after = 60.0
            job = await jobs.look_again(job)
            await until(lambda: job.state == "done")
    assert "took" not in house.ledger.get(job.id).facts


@pytest.mark.parametrize("took", [-3597.0, 36_015.0, 0.0, 1e300, None, "7", True])
def test_what_an_earlier_version_measured_over_a_broken_span_is_left_aside(took, house):
    for seconds in (took, took, took, 40.0, 50.0, 60.0):
        entry = house.row("downloading")
        house.ledger.move(entry.id, "downloading", "done", facts={"took": seconds})
    assert house.ledger.typical_seconds(FOX.body()) == 50.0
