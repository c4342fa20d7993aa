"""The table of models against the service's documents, and a request against the table."""

import base64
import dataclasses
import json
from itertools import product
from pathlib import Path

import pytest
from conftest import KEY
from fault_server import FaultServer, json_answer

import make_clip
from veo import models
from veo.models import INPUTS, MODELS, Model, models_for, nearest, what_is_made_of
from veo.terminal import CHANGE_SOMETHING
from veo.types import read_price
from veo_client import InvalidRequest, Price, Refused, VeoClient, VideoRequest

T2V, FAST = "google/veo-3.1-t2v", "google/veo-3.1-t2v-fast"
I2V, LITE, OMNI = "google/veo-3.1-i2v", "veo-3.1-lite-generate-001", "google/gemini-omni-1.1-flash"
FIRST_LAST = "google/veo-3.1-first-last-image-to-video"
REFERENCES, EXTEND = "google/veo-3.1-reference-to-video", "google/veo3-1-extend-video"

PICTURE, CLIP = "https://host.example/a.png", "https://host.example/a.mp4?signed=1"
GIVEN = {
    "image_url": PICTURE,
    "last_image_url": PICTURE,
    "image_urls": (PICTURE,),
    "video_url": CLIP,
}


def needed(name, **others):
    """A request with what its model needs."""
    given = {each: GIVEN[each] for each in MODELS[name].needs}
    return VideoRequest("a fox", model=name, **given | others)


def data_uri(content, kind="image/jpeg"):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


# The documents: where they lie beside the project, they are read; what they said stands here.

SIZES, SHAPES = ("720p", "1080p"), ("16:9", "9:16")
VEO = {"prompt", "model", "duration", "resolution", "generate_audio", "provider"}
WORDS = {"aspect_ratio", "seed", "negative_prompt", "enhance_prompt", "auto_fix"}
OF_EACH = {
    T2V: (VEO | WORDS, set(), SHAPES, (4, 6, 8), SIZES),
    FAST: (VEO | WORDS, set(), SHAPES, (4, 6, 8), SIZES),
    I2V: (VEO | {"aspect_ratio", "image_url"}, {"image_url"}, SHAPES, (4, 6, 8), SIZES),
    FIRST_LAST: (
        VEO | {"aspect_ratio", "image_url", "last_image_url"},
        {"image_url", "last_image_url"},
        SHAPES,
        (4, 6, 8),
        SIZES,
    ),
    REFERENCES: (VEO | {"image_urls"}, {"image_urls"}, ("16:9",), (8,), SIZES),
    EXTEND: (
        VEO | {"aspect_ratio", "auto_fix", "video_url"},
        {"video_url"},
        ("auto", *SHAPES),
        (7,),
        ("720p",),
    ),
    LITE: (
        VEO - {"provider"} | {"aspect_ratio", "image_url", "last_image_url", "person_generation"},
        set(),
        SHAPES,
        (4, 6, 8),
        SIZES,
    ),
    OMNI: (
        VEO - {"provider", "generate_audio"}
        | {"aspect_ratio", "image_url", "image_urls", "video_url", "task"},
        set(),
        SHAPES,
        (3, 4, 5, 6, 7, 8, 9, 10),
        ("360p", "720p", "1080p", "4k"),
    ),
}
FAST_ONES = {
    I2V: "google/veo-3.1-i2v-fast",
    FIRST_LAST: "google/veo-3.1-first-last-image-to-video-fast",
    EXTEND: "google/veo3-1-fast-extend-video",
}
OF_EACH |= {fast: OF_EACH[name] for name, fast in FAST_ONES.items()}

NOT_OFFERED = {OMNI: {"audio_url", "previous_interaction_id", "delivery"}}
"""What a document knows and no request here has."""


@pytest.mark.parametrize("name", OF_EACH)
def test_each_model_takes_what_its_document_says(name):
    takes, needs, shapes, durations, resolutions = OF_EACH[name]
    model = MODELS[name]
    assert (model.takes, {*model.needs}) == (takes, needs)
    assert (model.aspect_ratios, model.durations) == (shapes, durations)
    assert model.resolutions == resolutions


def test_the_table_has_these_models_and_no_other():
    assert MODELS.keys() == OF_EACH.keys()
    assert len(MODELS) == 11


ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT.parent / "shared" / "api"


def create_schemas():
    """What may be sent to create, by model, in each document that is there."""
    for path in sorted(DOCUMENTS.glob("*.json")):
        for call in json.loads(path.read_text()).get("paths", {}).values():
            content = call.get("post", {}).get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            if "model" in schema.get("properties", {}):
                yield schema["properties"]["model"]["enum"][0], schema


def test_the_table_holds_to_every_document_that_is_there():
    seen = dict(create_schemas())
    assert seen.keys() == MODELS.keys() or not DOCUMENTS.is_dir()
    for name, schema in seen.items():
        check_against(name, schema["properties"], {*schema["required"]})


def check_against(name, properties, required):
    model, request = MODELS[name], needed(name)
    assert model.takes == {*properties} - NOT_OFFERED.get(name, set())
    assert {"prompt", "model", *model.needs} == required
    for field, ours in (
        ("aspect_ratio", model.aspect_ratios),
        ("duration", model.durations),
        ("resolution", model.resolutions),
        ("task", tuple(model.tasks.values())),
    ):
        if field in properties:
            assert [model.wire.get(each, each) for each in ours] == properties[field]["enum"]
    for field, of_field in properties.items():
        if field in model.takes and "default" in of_field:
            ours = getattr(request, field)
            # A number's default is written as text.
            assert str(model.wire.get(ours, ours)) == str(of_field["default"]), field
            assert field not in request.body(), field
    has_no_default = {
        each
        for each in ("aspect_ratio", "resolution", "duration", "seed", "task")
        if each in properties and "default" not in properties[each]
    }
    assert {"prompt", "model", *model.needs} | has_no_default == {*request.body()}
    if "image_urls" in properties:
        assert model.most_references == properties["image_urls"].get("maxItems", 3)


# A request as its model has it


@pytest.mark.parametrize("name", MODELS)
def test_what_is_sent_makes_the_same_request_again(name):
    request = needed(name)
    sent = json.loads(json.dumps(request.body()))
    assert VideoRequest(**sent) == request
    assert VideoRequest(**dataclasses.asdict(request)) == request
    assert dataclasses.replace(request, prompt="a fox") == request


@pytest.mark.parametrize("name", MODELS)
def test_every_combination_of_the_table_is_taken(name):
    model = MODELS[name]
    for shape, seconds, size in product(model.aspect_ratios, model.durations, model.resolutions):
        body = needed(name, aspect_ratio=shape, duration=seconds, resolution=size).body()
        assert body.keys() <= model.takes


def test_what_is_not_given_is_as_the_model_has_it():
    request = needed(EXTEND)
    assert (request.aspect_ratio, request.duration, request.resolution) == ("auto", 7, "720p")
    assert (request.auto_fix, request.enhance_prompt, request.seed) == (False, None, None)
    lite = VideoRequest("a fox", model=LITE)
    assert (lite.resolution, lite.person_generation, lite.provider) == ("720p", "allow_adult", None)
    words = VideoRequest("a fox", seed=None, auto_fix=None, negative_prompt=None, provider=None)
    assert (words.auto_fix, words.negative_prompt, words.provider) == (True, "", "auto")
    assert type(words.seed) is int


def test_a_size_is_sent_as_the_service_spells_it():
    request = VideoRequest("a fox", model=LITE, resolution="1080P")
    assert request.resolution == "1080p"
    assert request.body()["resolution"] == "1080P"


@pytest.mark.parametrize(
    ("name", "given", "field"),
    [
        (I2V, {"seed": 1}, "seed"),
        (I2V, {"negative_prompt": "people"}, "negative_prompt"),
        (I2V, {"auto_fix": True}, "auto_fix"),
        (I2V, {"last_image_url": PICTURE}, "last_image_url"),
        (T2V, {"image_url": PICTURE}, "image_url"),
        (T2V, {"task": "text_to_video"}, "task"),
        (REFERENCES, {"aspect_ratio": "9:16"}, "aspect_ratio"),
        (REFERENCES, {"duration": 4}, "duration"),
        (REFERENCES, {"image_urls": [PICTURE] * 4}, "image_urls"),
        (REFERENCES, {"image_urls": []}, "image_urls"),
        (EXTEND, {"duration": 8}, "duration"),
        (EXTEND, {"resolution": "1080p"}, "resolution"),
        (LITE, {"provider": "google"}, "provider"),
        (LITE, {"last_image_url": PICTURE}, "image_url"),
        (OMNI, {"generate_audio": False}, "generate_audio"),
        (OMNI, {"image_urls": [PICTURE] * 7}, "image_urls"),
        (OMNI, {"image_url": PICTURE, "image_urls": [PICTURE]}, "image_url"),
        (OMNI, {"task": "edit"}, "task"),
        (OMNI, {"video_url": CLIP, "task": "text_to_video"}, "task"),
        (LITE, {"person_generation": "everybody"}, "person_generation"),
    ],
    ids=str,
)
def test_what_a_model_does_not_take_is_refused_at_its_field(name, given, field):
    with pytest.raises(InvalidRequest) as caught:
        needed(name, **given)
    assert caught.value.field == field
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("name", "field"), [(name, each) for name, model in MODELS.items() for each in model.needs]
)
def test_what_a_model_needs_is_missed_at_its_field(name, field):
    others = {each: GIVEN[each] for each in MODELS[name].needs if each != field}
    with pytest.raises(InvalidRequest) as caught:
        VideoRequest("a fox", model=name, **others)
    assert caught.value.field == field


def test_a_model_that_does_several_things_says_which():
    def task(**given):
        return VideoRequest("a fox", model=OMNI, **given).body()["task"]

    assert task() == "text_to_video"
    assert task(image_url=PICTURE) == "image_to_video"
    assert task(image_urls=[PICTURE] * 6) == "reference_to_video"
    assert task(video_url=CLIP) == "extend"
    assert task(video_url=CLIP, task="edit") == "edit"


# Pictures


@pytest.mark.parametrize(
    "address",
    [
        PICTURE,
        "HTTPS://host/a",
        f"picture:{'a' * 64}",
        data_uri(b"a"),
        data_uri(b"ab", "image/png"),
        data_uri(b"abc", "image/webp"),
        data_uri(bytes(models.LARGEST_PICTURE)),
    ],
    ids=lambda address: address[:30],
)
def test_a_picture_is_an_address_or_itself(address):
    assert needed(I2V, image_url=address).body()["image_url"] == address


@pytest.mark.parametrize(
    "address",
    [
        7,
        b"a",
        "a.png",
        "http://host/a.png",
        "file:///etc/passwd",
        "https://host/a b",
        'https://host/"a',
        "https://host/\n",
        f"https://host/{'a' * 2100}",
        f"picture:{'A' * 64}",
        "picture:../../a",
        "clip:abc",
        "data:image/jpeg;base64,",
        "data:image/jpeg;base64,abc",
        "data:image/jpeg;base64,ab\nc",
        "data:image/jpeg,abcd",
        "data:image/svg+xml;base64,abcd",
        "data:image/gif;base64,abcd",
        "data:text/html;base64,abcd",
        data_uri(b"a", "video/mp4"),
        data_uri(bytes(models.LARGEST_PICTURE + 3)),
    ],
    ids=lambda address: str(address)[:40],
)
def test_what_is_no_picture_is_refused(address):
    for name, field, value in (
        (I2V, "image_url", address),
        (REFERENCES, "image_urls", (PICTURE, address)),
    ):
        with pytest.raises(InvalidRequest) as caught:
            needed(name, **{field: value})
        assert caught.value.field == field


def test_a_clip_may_be_named_by_its_id():
    for address in (CLIP, "clip:uuid:google/veo", data_uri(b"a", "video/mp4")):
        assert needed(EXTEND, video_url=address).video_url == address
    for address in (f"picture:{'a' * 64}", data_uri(b"a"), "clip:", "clip:a b"):
        with pytest.raises(InvalidRequest, match="clip"):
            needed(EXTEND, video_url=address)


def test_attach_makes_each_address_into_what_the_service_can_read():
    request = needed(REFERENCES, image_urls=(PICTURE, f"picture:{'a' * 64}"))
    body = request.body(lambda address: f"<{address[:7]}>")
    assert body["image_urls"] == ["<https:/>", "<picture>"]
    assert request.body()["image_urls"] == [*request.image_urls]


def test_what_is_noted_holds_no_picture():
    picture = bytes(range(256)) * 4000
    request = needed(I2V, image_url=data_uri(picture))
    noted = request.noted()
    assert len(json.dumps(noted)) < 400
    assert noted["image_url"].startswith("picture:")
    assert VideoRequest(**noted).noted() == noted
    assert noted == needed(I2V, image_url=data_uri(picture)).noted()
    assert noted != needed(I2V, image_url=data_uri(picture[1:])).noted()
    assert "base64" not in repr(request)
    assert needed(I2V).noted() == needed(I2V).body()
    clip = needed(EXTEND, video_url=data_uri(picture, "video/mp4")).noted()
    assert VideoRequest(**clip).noted() == clip


def test_requests_with_pictures_can_be_compared_and_counted():
    assert len({needed(REFERENCES), needed(REFERENCES, image_urls=[PICTURE])}) == 1


# Which model


def test_what_is_given_says_which_models_there_are():
    assert models_for() == (T2V, FAST, LITE, OMNI)
    assert models_for("image_url") == (I2V, FAST_ONES[I2V], LITE, OMNI)
    assert models_for("image_url", "last_image_url") == (FIRST_LAST, FAST_ONES[FIRST_LAST], LITE)
    assert models_for("image_urls") == (REFERENCES, OMNI)
    assert models_for("video_url") == (EXTEND, FAST_ONES[EXTEND], OMNI)
    assert models_for("seed") == (T2V, FAST)
    assert models_for("image_url", "image_urls") == models_for("last_image_url") == ()


def test_every_model_is_found_by_what_it_needs():
    assert {name for model in MODELS.values() for name in models_for(*model.needs)} == {*MODELS}
    for given in product((True, False), repeat=len(INPUTS)):
        filled = [name for name, is_given in zip(INPUTS, given, strict=True) if is_given]
        for name in models_for(*filled):
            VideoRequest("a fox", model=name, **{each: GIVEN[each] for each in filled})
        assert what_is_made_of(filled) or not models_for(*filled)


def test_the_nearest_model_does_the_same():
    assert nearest(T2V) == FAST
    assert nearest(FAST) == T2V
    assert nearest(T2V, gone=[FAST]) == LITE
    assert nearest(I2V) == FAST_ONES[I2V]
    assert nearest(I2V, gone=[FAST_ONES[I2V]]) == LITE
    assert nearest(FIRST_LAST, gone=[FAST_ONES[FIRST_LAST], LITE]) is None
    assert nearest(REFERENCES) == OMNI
    assert nearest(EXTEND) == FAST_ONES[EXTEND]
    assert nearest(LITE) == T2V
    assert nearest(LITE, ["image_url"]) == I2V
    assert nearest(OMNI, ["image_urls"]) == REFERENCES
    assert nearest("google/veo-3.0-t2v") is None


def test_a_request_goes_to_another_model_without_what_that_does_not_take():
    request = VideoRequest(
        "a fox", seed=7, negative_prompt="people", duration=4, aspect_ratio="9:16"
    )
    assert request.for_model(FAST) == dataclasses.replace(request, model=FAST)
    lite = request.for_model(LITE)
    assert (lite.seed, lite.negative_prompt, lite.duration) == (None, "", 4)
    assert (lite.aspect_ratio, lite.resolution) == ("9:16", "1080p")
    continued = needed(EXTEND).for_model(OMNI)
    assert (continued.task, continued.aspect_ratio, continued.duration) == ("extend", "16:9", 7)
    with pytest.raises(InvalidRequest) as caught:
        request.for_model(I2V)
    assert caught.value.field == "image_url"
    with pytest.raises(InvalidRequest) as caught:
        request.for_model("google/veo-3.0-t2v")
    assert caught.value.field == "model"


# Another family


@pytest.fixture
def third(monkeypatch):
    """A model that nobody has thought of, in the table."""
    model = Model(
        label="Third",
        does=("words", "picture"),
        aspect_ratios=("1:1",),
        durations=(2, 20),
        resolutions=("480p",),
        knows=frozenset({"image_url", "seed"}),
        defaults={"duration": 2, "resolution": "480p", "aspect_ratio": "1:1"},
        wire={"480p": "SD"},
        always_sent=frozenset({"resolution"}),
    )
    monkeypatch.setitem(MODELS, "third/one", model)
    return "third/one"


def test_a_third_family_is_one_entry_of_the_table(third):
    request = VideoRequest("a fox", model=third, seed=7)
    assert request.body() == {"prompt": "a fox", "model": third, "resolution": "SD", "seed": 7}
    assert VideoRequest("a fox", model=third, image_url=PICTURE).body()["image_url"] == PICTURE
    assert VideoRequest("a fox", model=third, seed=7, duration=20).expected_seconds > 60
    with pytest.raises(InvalidRequest):
        VideoRequest("a fox", model=third, duration=8)
    assert models_for() == (T2V, FAST, LITE, OMNI, third)
    assert models_for("image_url")[-1] == third


def test_an_entry_of_the_table_is_all_that_client_and_command_need(third, monkeypatch, tmp_path):
    """A clip is asked for, found by what is given, and priced."""
    monkeypatch.chdir(tmp_path)
    refusal = json_answer(400, {"message": "No."})
    with FaultServer([refusal, refusal]) as server:
        client = VeoClient(KEY, base_url=server.url)
        with pytest.raises(Refused):
            client.submit(VideoRequest("a fox", model=third, seed=7), sleep=pytest.fail)
        monkeypatch.setenv("AIMLAPI_KEY", KEY)
        monkeypatch.setenv("AIMLAPI_BASE_URL", server.url)
        asked = ("--model", third, "--image", PICTURE, "--seed", "7", "--resolution", "480p")
        assert make_clip.main(["a fox", *asked]) == CHANGE_SOMETHING
    plain = {"prompt": "a fox", "model": third, "resolution": "SD", "seed": 7}
    assert [each.json() for each in server.requests] == [plain, plain | {"image_url": PICTURE}]
    entry = {
        "id": third,
        "pricing": {
            "kind": "variants",
            "variants": [{"when": {"resolution": "SD"}, "price": 0.5, "unit": "second", "per": 1}],
        },
    }
    assert read_price(third, {"data": [entry]}).estimate({"model": third}) == 1.0


# Prices


PER_SIZE = {
    "kind": "variants",
    "variants": [
        {"when": {"resolution": "720P"}, "price": 0.05, "unit": "second", "per": 1},
        {
            "when": {"resolution": "1080p", "generate_audio": True},
            "price": 8,
            "unit": "second",
            "per": 100,
        },
    ],
}


def test_a_price_needs_no_picture():
    def price(name, **settings):
        return Price(model=name, pricing=PER_SIZE).estimate({"model": name, **settings})

    assert price(I2V) == pytest.approx(0.64)
    assert price(I2V) == Price(model=I2V, pricing=PER_SIZE).estimate(needed(I2V))
    assert price(I2V, generate_audio=False) is None
    assert price(I2V, duration=4, resolution=None) == pytest.approx(0.32)
    assert price(LITE) == pytest.approx(0.4), "the service spells it 720P"
    assert price(EXTEND) is None
    assert Price(model=I2V, pricing=PER_SIZE).estimate({"duration": 4}) is None
    assert Price(model="veo-0", pricing=PER_SIZE).estimate({"model": "veo-0"}) is None


# Models that the table has lost


def test_what_names_a_lost_model_is_refused_at_the_model_and_opens_elsewhere():
    with pytest.raises(InvalidRequest) as caught:
        VideoRequest("a fox", model="google/veo-3.0-t2v", image_url="anything", duration=77)
    assert caught.value.field == "model"
