"""A prompt from its parts, and nouns from instructions."""

import pytest
from test_redact import NASTY, grows_with_its_length

from page import texts
from page.prompt_parts import LONGEST_PART, compose, nouns, put
from veo.models import LONGEST_PROMPT

FULL = {name: example for name, (_, _, example) in texts.HELP_PARTS.items()}


def test_all_ten_parts_read_as_a_film_prompt():
    assert compose(FULL) == (
        "An old fisherman in a yellow coat hauls in a net on a small boat at sea in the rain. "
        "Wide shot at eye level, slow push-in, 35 mm lens, shallow focus. "
        "Muted documentary style, midnight, lit by one swinging lamp. "
        "Sound: rain on planks, a creaking rope. "
        'The fisherman says, "One more, then home."'
    )


def test_an_empty_part_takes_its_comma_along():
    assert compose({"subject": "a fox", "action": " ", "scene": "", "lens": "macro lens"}) == (
        "A fox. Macro lens."
    )
    assert compose({}) == ""


def test_stops_and_lines_that_were_typed_do_not_double():
    parts = {"subject": "A fox.", "scene": "in\n the  snow,", "sound": "Sound: wind!"}
    assert compose(parts) == "A fox in the snow. Sound: wind!"


@pytest.mark.parametrize(
    ("typed", "composed"),
    [
        ("A woman: It is late", 'A woman says, "It is late."'),
        ("a woman says, it is late", 'A woman says, "It is late."'),
        ("A woman says it is late!", 'A woman says, "It is late!"'),
        ("it is late", 'A voice says, "It is late."'),
        ('A woman whispers, "It is late."', 'A woman whispers, "It is late."'),
        ("A woman whispers, “It is late”", "A woman whispers, “It is late”"),
    ],
)
def test_spoken_words_stand_in_quotation_marks(typed, composed):
    assert compose({"dialogue": typed}) == composed


def test_the_longest_parts_fit_into_a_prompt():
    longest = compose(dict.fromkeys(texts.HELP_PARTS, "x" * 9000))
    assert 10 * LONGEST_PART < len(longest) <= LONGEST_PROMPT


def test_parts_that_are_no_text_are_left_out():
    assert compose({"subject": ["a fox"], "action": None, "scene": "in the snow"}) == "In the snow."


def test_what_was_typed_stays_and_what_was_put_there_last_does_not():
    assert put("", "A fox.", "") == "A fox."
    assert put("Noir.\n", "A fox.", "") == "Noir. A fox."
    assert put("Noir. A fox.", "A wolf.", "A fox.") == "Noir. A wolf."
    assert put("A fox.", "A wolf.", "A fox.") == "A wolf."


def test_composed_words_that_were_changed_by_hand_count_as_typed():
    assert put("A blue fox.", "A wolf.", "A fox.") == "A blue fox. A wolf."


@pytest.mark.parametrize(
    ("wish", "better"),
    [
        ("no people, don't show text", "people, text"),
        ("No subtitles; without any logos.", "subtitles, logos"),
        ("please avoid showing a crowd\nfog", "crowd, fog"),
        ("no cars and no salt and pepper", "cars, salt and pepper"),
        ("Don\u2019t add music", "music"),
        ("fog, do not include the moon", "fog, moon"),
    ],
)
def test_instructions_become_nouns(wish, better):
    assert nouns(wish) == better
    assert nouns(better) == better


@pytest.mark.parametrize(
    "wish", ["", "people, text", "snow, piano music, notes", "no one", "salt and pepper. "]
)
def test_nouns_stay_as_they_are(wish):
    assert nouns(wish) == wish


@pytest.mark.parametrize("name", NASTY)
def test_nouns_are_found_in_linear_time(name):
    assert grows_with_its_length(nouns, NASTY[name])
