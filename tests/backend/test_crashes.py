"""A short form of `crashes.py`: the server is killed here and there, and every mistake is found."""

import sys

import crash_child
import pytest
from crashes import (
    CROWD,
    DELETED,
    DELETED_PICTURE,
    FIRST_OF_TWO,
    FOX,
    MISTAKES,
    PICTURED,
    ROOM_FOR_TWO,
    THREE,
    Broken,
    Crew,
    Death,
    Outcome,
    at_random,
    calls_of,
    is_found,
    kill_all,
    killed_once,
    points,
    steps_of,
    story,
    too_little,
    with_mistake,
)

pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux", reason="the harness counts on fork, pidfd and strace"
    ),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def crew(tmp_path_factory):
    with Crew(tmp_path_factory.mktemp("crashes")) as crew:
        yield crew


@pytest.fixture(scope="module")
def steps(crew):
    return steps_of(crew, FOX)


def nothing_breaks(outcomes):
    """No invariant, and nearly every kill came to pass; a life may end before its last steps."""
    assert [each for outcome in outcomes for each in outcome.broken] == []
    assert too_little({"here": outcomes}, None, whole=False) == []


def test_a_life_without_a_kill_comes_to_every_step_that_is_hooked(crew, steps):
    deleting = steps_of(crew, DELETED)
    tidying = steps_of(crew, THREE, room=ROOM_FOR_TWO)
    pictured = steps_of(crew, DELETED_PICTURE)
    hooked = {f"after {owner.__name__}.{name}" for owner, name in crash_child.STEPS}
    seen = {" ".join(step.split()[:2]) for step in (*steps, *deleting, *tidying, *pictured)}
    assert hooked <= seen
    assert "before commit" in seen


def test_killed_at_every_tenth_step(crew, steps):
    nothing_breaks(crew.tell(killed_once(points(steps)[::10], FOX)))


def test_killed_with_several_jobs_one_of_them_without_an_answer(crew):
    deaths = points(steps_of(crew, CROWD))[::30]
    nothing_breaks(crew.tell(killed_once(deaths, CROWD)))


def test_killed_while_a_visitors_key_pays(crew):
    deaths = points(steps_of(crew, FOX, visitor=True))[::20]
    nothing_breaks(crew.tell(killed_once(deaths, FOX, visitor=True)))


def test_killed_at_each_step_that_is_about_a_picture(crew):
    deaths = [
        death
        for death in points(steps_of(crew, PICTURED))
        if "picture" in death.step[0] or death.step[0].endswith(("Ledger.add", "Ledger.delete"))
    ]
    assert len(deaths) >= 20
    nothing_breaks(crew.tell(killed_once(deaths, PICTURED)))


def test_killed_while_a_picture_is_removed(crew):
    deaths = points(steps_of(crew, DELETED_PICTURE))
    begin = deaths.index(Death(step=("before Ledger.delete", 1)))
    nothing_breaks(crew.tell(killed_once(deaths[begin::2], DELETED_PICTURE)))


def test_killed_while_it_makes_room(crew):
    removing = ("evict", "Storage.remove", "rmtree folder", "os.unlink", "os.rmdir folder")
    deaths = [
        death
        for death in points(steps_of(crew, THREE, room=ROOM_FOR_TWO))
        if death.step[0].endswith(removing) and death.step[1] == 1
    ]
    assert len(deaths) == 2 * len(removing)
    nothing_breaks(crew.tell(killed_once(deaths, THREE, room=ROOM_FOR_TWO)))


def test_killed_as_it_enters_system_calls(crew):
    nothing_breaks(crew.tell(killed_once(calls_of(crew)[::12], FOX)))


def test_killed_again_on_the_way_up(crew):
    stories = []
    for name in FIRST_OF_TWO:
        first = Death(step=(name, 1))
        second = points(steps_of(crew, FOX, first))
        stories.append(story("twice", FOX, first, second[len(second) * 2 // 3]))
    nothing_breaks(crew.tell(stories))


def test_killed_ten_times_at_random(crew):
    outcomes = crew.tell(at_random(2, 5, seed=7))
    nothing_breaks(outcomes)
    assert sum(outcome.kills for outcome in outcomes) == 10


def test_killed_while_it_begins(crew, steps):
    begin = steps[: steps.index("after backend.service.open_ledger")]
    nothing_breaks(crew.tell(killed_once(points(begin), FOX)))


def test_killed_while_it_deletes(crew):
    deaths = points(steps_of(crew, DELETED))
    begin = deaths.index(Death(step=("before Ledger.delete", 1)))
    nothing_breaks(crew.tell(killed_once(deaths[begin::2], DELETED)))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found(crew, name):
    """The harness is worth something only if it sees what it is there to see."""
    kind, step = MISTAKES[name]
    deaths = [Death(step=(step, 1))] if step else []
    unharmed, outcome = crew.tell([with_mistake(name), with_mistake(name, *deaths)])
    assert is_found(name, outcome), f"{kind} is not among {outcome.broken}"
    if step:
        assert outcome.kills == 1
        assert not is_found(name, unharmed), "a test without a kill would have found it"


def test_every_broken_variant_has_to_be_found():
    assert {*MISTAKES} == {*crash_child.BROKEN}


def test_two_who_drive_a_job_send_it_once_as_long_as_moves_compare(crew):
    (outcome,) = crew.tell([with_mistake("two_drivers")])
    assert "double submit" not in [kind for kind, _ in outcome.broken]


def outcomes(size, **each):
    return [Outcome(story="a story", **each) for _ in range(size)]


@pytest.mark.parametrize(
    ("steps", "kills", "found", "lacking"),
    [
        (outcomes(100, points=1), 200, 6, []),
        (outcomes(99, points=1), 200, 6, ["299 points, and not 300"]),
        (outcomes(101, points=1), 199, 6, ["199 kills at random, and not 200"]),
        (outcomes(100, points=1), 200, 5, ["5 mistakes found, and not 6"]),
        (outcomes(100, points=2) + outcomes(25), 200, 6, []),
        (outcomes(100, points=2) + outcomes(26), 200, 6, ["26 of 126 kills missed: steps"]),
        ([], 300, 6, ["0 of 0 kills missed: steps"]),
    ],
)
def test_too_few_kills_prove_nothing(steps, kills, found, lacking):
    at_random = [Outcome(story="dice", points=kills, kills=kills)]
    assert too_little({"steps": steps, "at random": at_random}, found, whole=True) == lacking


def test_a_part_that_does_not_exist_is_an_error(crew):
    with pytest.raises(Broken, match=r"'evry step' in its name: every step"):
        kill_all(crew, "evry step", seed=1)
