"""Pictures in the composer: the slots, and the models and settings that follow from them."""

import json

import pytest

from page import chips, form
from veo.models import MODELS
from veo_client import InvalidRequest, VideoRequest

PICTURE = f"picture:{7:064x}"
FIRST, REFERENCES = {"image_url": PICTURE}, {"image_urls": [PICTURE]}
VALUES = form.values_from(VideoRequest("A fox", seed=7))


# The form's values


def test_what_the_model_does_not_take_stays_typed_and_is_not_sent():
    values = VALUES | {
        "model": "google/veo-3.1-i2v-fast",
        "pictures": form.pictures_of(FIRST),
        "negative_prompt": "people",
        "auto_fix": False,
    }
    request = form.request_from(**values)
    assert (request.image_url, request.seed, request.auto_fix) == (PICTURE, None, None)
    assert "seed" not in request.body()
    assert set(form.values_from(request)) == {*form.FIELDS} - {"seed", "enhance_prompt", "auto_fix"}


@pytest.mark.parametrize("model", MODELS)
def test_the_form_has_every_model_and_gives_its_request_back(model):
    needed = {name: form.ANY_INPUT[name] for name in MODELS[model].needs}
    request = VideoRequest("A fox", model=model, **needed)
    assert form.request_from(**VALUES | form.values_from(request)) == request


@pytest.mark.parametrize("pictures", ["{", "7", "[]", None, 7, '{"image_url": 7}', "[" * 10_000])
def test_what_a_program_makes_of_the_pictures_is_refused_or_nothing(pictures):
    values = VALUES | {"model": "google/veo-3.1-i2v", "pictures": pictures}
    with pytest.raises(InvalidRequest):
        form.request_from(**values)


def test_a_form_that_was_kept_before_there_were_pictures_is_as_it_was():
    before = ["", "google/veo-3.1-t2v-fast", "9:16", 4, "720p", False, "people", "7", True, False]
    kept = form.kept(before)
    assert [kept[name] for name in form.BEFORE_PICTURES] == before
    now = [before[0], form.pictures_of(FIRST), "google/veo-3.1-i2v", *before[2:]]
    assert json.loads(form.kept(now)["pictures"]) == FIRST
    assert "duration" not in form.kept([*before[:3], 7, *before[4:]])  # 7 s is another model's


# The models


def test_what_is_offered_costs_something_without_a_picture():
    for name, model in MODELS.items():
        priced = {"model": name, "duration": model.durations[0], "generate_audio": True}
        assert form.request_to_price(**priced, resolution=model.resolutions[0]).model == name


def test_the_browser_knows_of_each_model_what_the_table_says():
    table = chips.table()
    assert {name for _, names in table["offered"] for name in names} == {*MODELS}
    assert table["models"]["google/veo-3.1-reference-to-video"]["lacks"] == [
        "aspect_ratio",
        "negative_prompt",
        "seed",
        "enhance_prompt",
        "auto_fix",
    ]
    assert form.choices_for("duration", "google/veo3-1-extend-video") == [7]
    assert form.choices_for("model", "", form.pictures_of(REFERENCES)) == (
        "google/veo-3.1-reference-to-video",
        "google/gemini-omni-1.1-flash",
    )
