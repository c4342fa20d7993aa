"""The words: each said in one way, by its actor, and none of those that read as translated."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import states
from page import status_card, texts
from veo import explain, terminal, types
from veo.explain import Explanation

ROOT = Path(__file__).parents[2]
ROOMS = (texts, states, explain)


def sentences(told: object) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    elif isinstance(told, Explanation):
        yield from (told.title, told.what_happened, told.cost, told.next_step)
    elif isinstance(told, dict):
        yield from (each for value in told.values() for each in sentences(value))
    elif isinstance(told, tuple | list):
        yield from (each for value in told for each in sentences(value))


SAID = {
    each
    for room in ROOMS
    for name, told in vars(room).items()
    if name.isupper()
    for each in sentences(told)
}


@pytest.mark.parametrize(
    "words",
    [
        "Loading…",
        "This page didn't finish loading. Reload \N{EN DASH} your prompt is saved.",
        '<b class="demo">Demo</b> \N{EN DASH} simple drawings, free. Add a key for real Veo clips.',
        "No price available.",
        "You pay only if the clip completes.",
        "You pay only for takes that complete.",
        "This visit: up to {amount}.",
        "This visit: total unknown.",
        "You can close this page \N{EN DASH} the clip will be in My clips.",
        "Still working. We keep checking.",
        "No longer watching",
        "It continues in My clips.",
        "We don't know if the service got it",
        "Check your AI/ML API account before sending again.",
        "The price has changed",
        "Try another seed",
        "Enter a key",
        "Find",
        "Find a clip by its ID",
        "Code",
        "HTTP",
        "Vary",
        "Vary: {setting}",
        "Same prompt and seed: nearly the same clip. Empty: a new one each time.",
        'List what to avoid, as nouns ("people, text", not "no people").',
        "Veo 3.1 may refuse requests with this off.",
        "Add to prompt",
        "Clear",
        "Added after your own text; adding again replaces the last addition.",
        "Form filled from {name}.",
        "Preset {name} applied.",
        "Your browser blocks storage here; the preset wasn't saved.",
        "Key forgotten.",
        "{times} × the same answer · last took {time}",
        "Requests are kept in memory only; a restart cleared these.",
        "The file. Its signed address is hidden: anyone who has it can download the clip.",
    ],
)
def test_it_is_said_so(words):
    assert words in SAID


def test_who_looks_for_an_id_hears_that_looking_costs_nothing():
    words = states.WAITING["looking"]
    assert words.what_happened == "Looking costs nothing."
    # What is looked for may be nobody's clip: only of a job it is said who pays.
    card = status_card.looking()
    assert (card["happened"], card["cost"]) == (words.what_happened, "")


def test_what_was_dropped_fills_the_form():
    assert texts.FILE_HINT.startswith(
        "Drop one of your clips (or its JSON) anywhere to reuse its settings. "
    )


def test_an_event_of_which_nobody_knows_what_came_is_told_with_what_may_follow():
    error = types.SubmissionUncertain.after("The service did not answer")
    assert str(error) == (
        "The service did not answer: it may be making the clip, and you may be charged. "
        "Check your AI/ML API account before sending again."
    )


OLD = re.compile(
    r"charged only if|if all complete|is not known\b|was taken\b|goes on without|still at it"
    r"|the rest of the page|much the same|keep out|leave this out|give a key|about \$|≈|< \$"
    r"|look for it|an earlier|another now|no key is kept|in the making|may cost",
    re.IGNORECASE,
)


def test_nothing_is_said_as_it_was():
    said = {*SAID, *terminal.EXIT_CODES.values()}
    assert [each for each in said if OLD.search(each)] == []
    command = "".join((ROOT / name).read_text() for name in ("make_clip.py", "veo/options.py"))
    assert not re.search(r"keep out|much the same|Veo may refuse", command)


def test_no_sentence_begins_with_the_name_of_a_field():
    names = types.VideoRequest.__dataclass_fields__
    begins = re.compile(rf"(^|[.!?] )({'|'.join(names)}) (must|has|holds)")
    wrong = [
        {"prompt": "x" * 4300},
        {"prompt": 7},
        {"negative_prompt": "\ud800"},
        {"seed": -1},
        {"duration": "8"},
        {"duration": 5},
        {"aspect_ratio": "1:1"},
        {"generate_audio": 1},
    ]
    said = []
    for fields in wrong:
        with pytest.raises(types.InvalidRequest) as refused:
            types.VideoRequest(**{"prompt": "a fox", **fields})
        said.append(str(refused.value))
    assert not [each for each in said if begins.search(each)]
    assert said == [
        "The prompt is 300 characters too long (4,300 of 4,000).",
        "The prompt must be text.",
        "The negative prompt holds half a character. Type it again.",
        "The seed must be a whole number from 0 to 4,294,967,295.",
        "The duration must be the whole number 4, 6 or 8.",
        "The duration must be 4, 6 or 8.",
        "The aspect ratio must be 16:9 or 9:16.",
        "Sound must be true or false.",
    ]
