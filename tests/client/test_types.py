"""What may be asked, and how answers are read."""

import json
import pickle
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veo import types
from veo.models import LONGEST_PROMPT, MODELS
from veo.types import (
    InvalidRequest,
    Price,
    VideoRequest,
    clean_text,
    read_generation,
    read_number,
    read_price,
)

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = [each.name for each in fields(VideoRequest)]


def test_every_field_of_the_service_is_there():
    assert FIELDS == [
        "prompt",
        "model",
        "aspect_ratio",
        "duration",
        "resolution",
        "negative_prompt",
        "enhance_prompt",
        "generate_audio",
        "seed",
        "auto_fix",
        "image_url",
        "last_image_url",
        "image_urls",
        "video_url",
        "person_generation",
        "provider",
        "task",
    ]


def test_only_what_differs_from_the_services_defaults_is_sent():
    assert VideoRequest("a fox", seed=7).body() == {
        "prompt": "a fox",
        "model": "google/veo-3.1-t2v",
        "aspect_ratio": "16:9",
        "seed": 7,
    }


def test_every_field_reaches_the_body():
    everything = {
        "prompt": "a fox",
        "model": "google/veo-3.1-t2v-fast",
        "aspect_ratio": "9:16",
        "duration": 4,
        "resolution": "720p",
        "negative_prompt": "people",
        "enhance_prompt": False,
        "generate_audio": False,
        "seed": 2**32 - 1,
        "auto_fix": False,
        "provider": "google",
    }
    assert VideoRequest(**everything).body() == everything


def test_a_seed_is_chosen_when_none_is_given():
    seeds = {VideoRequest("a fox").seed for _ in range(20)}
    assert len(seeds) > 1
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ""),
        ("prompt", " \n\t"),
        ("prompt", "x" * (LONGEST_PROMPT + 1)),
        ("prompt", "half \ud83d"),
        ("prompt", None),
        ("prompt", 7),
        ("negative_prompt", "x" * (LONGEST_PROMPT + 1)),
        ("negative_prompt", 7),
        ("model", "google/veo-3.0-t2v"),
        ("model", None),
        ("model", ["google/veo-3.1-t2v"]),
        ("aspect_ratio", "1:1"),
        ("duration", 5),
        ("duration", "8"),
        ("duration", 8.0),
        ("duration", True),
        ("resolution", "4k"),
        ("resolution", 720),
        ("enhance_prompt", 1),
        ("generate_audio", "false"),
        ("auto_fix", 0),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", 1.0),
        ("seed", True),
        ("seed", "7"),
        ("provider", "nobody"),
        ("image_url", "https://host/a.png"),
        ("image_urls", ("https://host/a.png",)),
        ("image_urls", 7),
        ("video_url", "https://host/a.mp4"),
        ("person_generation", "allow_adult"),
        ("task", "edit"),
    ],
)
def test_a_wrong_value_is_refused_at_its_field(field, value):
    with pytest.raises(InvalidRequest) as caught:
        VideoRequest(**{"prompt": "a fox", field: value})
    assert caught.value.field == field
    assert str(caught.value).endswith(".")


def test_the_longest_prompt_is_taken():
    VideoRequest("x" * LONGEST_PROMPT, negative_prompt="x" * LONGEST_PROMPT)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(FIELDS), ANY_JSON))
def test_whatever_is_given_is_in_range_or_refused(given_fields):
    try:
        request = VideoRequest(**{"prompt": "a fox", **given_fields})
    except InvalidRequest as error:
        assert error.field in FIELDS
        return
    json.dumps(request.body()).encode()
    assert request.duration in MODELS[request.model].durations
    assert type(request.duration) is int
    assert request.seed is None or 0 <= request.seed < 2**32
    assert request == VideoRequest(**json.loads(json.dumps(request.body())))
    assert request.expected_seconds > 0


# Answers


def test_a_finished_generation_is_read_in_full():
    generation = read_generation(
        "a",
        {
            "status": "completed",
            "video": {"url": "https://cdn.example/a.mp4", "duration": 8},
            "duration": 6,
            "meta": {"usage": {"credits_used": 120000}},
        },
    )
    assert generation.status == "completed"
    assert generation.video.url == "https://cdn.example/a.mp4"
    assert generation.video.duration == 8
    assert generation.video.credits_used == 120000


def test_older_answers_say_tokens_and_leave_the_duration_at_the_top():
    video = read_generation(
        "a", {"video": {"url": "u"}, "duration": 8, "meta": {"usage": {"tokens_used": 5}}}
    ).video
    assert (video.duration, video.credits_used) == (8, 5)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"name": "policy", "message": "not this"}, "not this"),
        ({"name": "policy"}, "policy"),
        ("plain words", "plain words"),
        (None, None),
        ([1], None),
    ],
)
def test_an_error_is_read_as_object_or_as_text(error, words):
    assert read_generation("a", {"status": "error", "error": error}).error == words


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(["status", "video", "error", "meta", "duration"]), ANY_JSON))
def test_no_answer_breaks_the_reader(answer):
    generation = read_generation("a", answer)
    assert generation.status is None or isinstance(generation.status, str)


def test_a_number_is_finite_and_no_truth_value():
    assert read_number(1) == 1.0
    for value in (True, "1", None, float("nan"), float("inf"), 10**400):
        assert read_number(value) is None


def test_words_of_the_service_become_one_short_line():
    assert clean_text("a\n\x1b[31mb\u202e  c") == "a [31mb c"
    assert len(clean_text("x" * 10_000)) == 300
    assert clean_text({"not": "text"}) == ""


@pytest.mark.parametrize("address", ["https://cdn.example/a.mp4", "//cdn.example/a", "HTTP://a"])
@pytest.mark.parametrize("signature", ["?Signature=canary&Expires=1", "#canary", "?a\x00canary"])
def test_words_of_the_service_that_quote_a_signed_address_are_kept_without_its_query(
    address, signature
):
    """They stand in the ledger."""
    said = clean_text(f"Cannot fetch {address}{signature} now.")
    assert said == f"Cannot fetch {address}?… now."
    seen = read_generation("a", {"status": "error", "error": {"message": address + signature}})
    assert "canary" not in seen.error
    assert "canary" not in clean_text(f"{'x' * 1990} {address}{signature}")


def test_a_question_of_the_service_is_left_as_it_is():
    assert clean_text("Really? Ask https://help.example/why first #7") == (
        "Really? Ask https://help.example/why first #7"
    )


# Prices


def priced(pricing, **fields):
    request = VideoRequest("a fox", **fields)
    return Price(model=request.model, pricing=pricing).estimate(request)


VARIANTS = {
    "kind": "variants",
    "currency": "USD",
    "dimensions": ["resolution"],
    "variants": [
        {"when": {"resolution": "720p"}, "price": 0.39, "unit": "second", "per": 1},
        {"when": {"resolution": "1080p"}, "price": 0.65, "unit": "second", "per": 1},
    ],
}


def test_a_variant_price_follows_the_request():
    assert priced(VARIANTS, resolution="720p", duration=4) == pytest.approx(1.56)
    assert priced(VARIANTS) == pytest.approx(5.20)


def test_a_fixed_price_is_read_with_what_it_is_per():
    rate = {"price": 65, "unit": "seconds", "per": 100}
    assert priced({"kind": "fixed", "units": [rate]}) == pytest.approx(5.20)
    rate = {"price": 3, "unit": "video", "per": 1}
    assert priced({"kind": "fixed", "units": [rate]}) == 3


@pytest.mark.parametrize(
    "pricing",
    [
        {},
        {"kind": "variable"},
        {"kind": "fixed"},
        {"kind": "fixed", "units": [{"price": 1, "unit": "second"}]},
        {"kind": "fixed", "units": [{"price": 1, "unit": "second", "per": 0}]},
        {"kind": "fixed", "units": [{"price": -1, "unit": "second", "per": 1}]},
        {"kind": "fixed", "units": [{"price": 1, "unit": "second", "per": -1}]},
        {"kind": "fixed", "units": [{"price": True, "unit": "second", "per": 1}]},
        {"kind": "fixed", "units": [{"price": 1, "unit": "token", "per": 1}]},
        {"kind": "fixed", "currency": "EUR", "units": [{"price": 1, "unit": "second", "per": 1}]},
        {
            "kind": "variants",
            "variants": [{"when": {"mood": "blue"}, "price": 1, "unit": "second", "per": 1}],
        },
        {"kind": "variants", "variants": ["nonsense", None]},
    ],
)
def test_a_price_that_is_not_told_is_not_guessed(pricing):
    assert priced(pricing) is None


@pytest.mark.slow
@given(ANY_JSON)
def test_no_price_list_breaks_the_reader(answer):
    read_price("m", {"data": answer}).estimate(VideoRequest("a fox"))
    read_price("m", {"data": [{"id": "m", "pricing": answer}]}).estimate(VideoRequest("a fox"))


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(["kind", "units", "variants", "currency"]), ANY_JSON))
def test_no_pricing_breaks_the_estimate(pricing):
    priced(pricing)


def test_a_model_is_found_by_its_alias():
    listed = {"data": [{"id": "x", "aliases": ["m"], "pricing": VARIANTS}]}
    assert read_price("m", listed).pricing == VARIANTS
    assert read_price("other", listed).pricing == {}


# The module


def test_the_error_tree_in_the_docstring_is_the_real_one():
    errors = [
        name
        for name, kind in vars(types).items()
        if isinstance(kind, type) and issubclass(kind, types.VeoError)
    ]
    assert all(name in types.__doc__ for name in errors)
    assert len(errors) == 9


def test_an_error_survives_pickling():
    for error in (InvalidRequest("no", field="seed"), types.Refused("no", reason="key")):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
        assert str(again) == "no"
        assert vars(again) == vars(error)


def test_a_list_of_another_model_tells_no_price():
    pricing = {"kind": "fixed", "units": [{"price": 0.4, "per": 1, "unit": "second"}]}
    assert priced(pricing) == pytest.approx(3.2)
    assert Price(model="another", pricing=pricing).estimate(VideoRequest("a fox")) is None


NOTHING_TO_SEE = {
    "nothing": "",
    "spaces": " \t\n\u3000\xa0",
    "a zero-width space": "\u200b",
    "joiners": "\u200d\u200c\u2060",
    "marks of byte order": "\ufeff \ufffe",
    "marks of direction": "\u200e\u202e\u2066",
    "control characters": "\x00\x07\x1b",
    "accents alone": "\u0301\u0308",
    "a variation selector": "\ufe0f",
    "a soft hyphen": "\xad",
    "never a character": "\ufdd0\U0010ffff",
    "kept for more unseen ones": "\u2065\ufff0\U000e0fff",
    "fillers": "\u3164\u115f\u1160\uffa0",
    "an empty Braille cell": "\u2800",
    "tags": "\U000e0041\U000e007f",
    "a private character": "\ue000",
    "a place for an object": "\ufffc",
}


@pytest.mark.parametrize("prompt", NOTHING_TO_SEE.values(), ids=NOTHING_TO_SEE)
def test_a_prompt_that_shows_nothing_is_empty(prompt):
    with pytest.raises(InvalidRequest, match="the prompt is empty") as caught:
        VideoRequest(prompt)
    assert caught.value.field == "prompt"


@pytest.mark.parametrize(
    "prompt", ["狐", "🦊", "❤\ufe0f", "👩\u200d🚀", "e\u0301", "?", "7", "\u200ba\u200b", "א", "क्"]
)
def test_a_prompt_of_one_sign_is_one(prompt):
    assert VideoRequest(prompt).body()["prompt"] == prompt
