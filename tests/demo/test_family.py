"""Every model over real loopback HTTP: its fields, its refusals, and the film that it makes."""

import base64
import functools
import io
import socket
from dataclasses import dataclass

import av
import numpy as np
import pytest
import requests
from films import SMALLER, copy_small_film
from PIL import Image
from test_demo_server import (
    Renderer,
    assert_refused,
    create,
    finish,
    post,
)

from demo import film as demo_film
from demo.layers import planes_of
from demo.orders import MODELS
from demo.picture_film import rgb_of
from demo_server import DemoServer
from veo import models as client_models
from veo_client import VeoClient, VideoRequest

T2V, I2V = "google/veo-3.1-t2v", "google/veo-3.1-i2v"
FIRST_LAST = "google/veo-3.1-first-last-image-to-video"
REFERENCES = "google/veo-3.1-reference-to-video"
EXTEND, FAST_EXTEND = "google/veo3-1-extend-video", "google/veo3-1-fast-extend-video"
LITE, OMNI = "veo-3.1-lite-generate-001", "google/gemini-omni-1.1-flash"


# --- What is given --------------------------------------------------------------------------------


@functools.cache
def picture(kind: int, width: int = 1280, height: int = 720) -> Image.Image:
    """A picture with soft forms and fine ones, another for each kind."""
    dice = np.random.default_rng(kind)
    coarse = Image.fromarray(dice.integers(30, 225, (9, 16, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    fine = np.asarray(coarse.resize((width // 8, height // 8), Image.Resampling.NEAREST))
    fine = np.asarray(Image.fromarray(fine).resize((width, height)), np.int16)
    return Image.fromarray(((3 * soft + fine) // 4).clip(0, 255).astype(np.uint8))


def uri_of(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@functools.cache
def picture_uri(kind: int, width: int = 1280, height: int = 720) -> str:
    return uri_of(encoded(picture(kind, width, height)))


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A clip of one second as a data URI."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    size = {"width": 160, "height": 96, "duration": 1}
    demo_film.render(path, prompt="the sea", seed=1, sound=True, **size)
    return uri_of(path.read_bytes(), "video/mp4")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer()


@pytest.fixture(scope="module")
def server(renderer: Renderer):
    with DemoServer(render=renderer) as running:
        yield running


# --- Every model's film ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Film:
    """What one full decode of a model's film showed."""

    told: dict
    frames: int
    seconds: float
    first: np.ndarray
    last: np.ndarray
    middle: np.ndarray
    changes: list[float]
    """The mean difference of each frame to the one before."""
    sound: np.ndarray | None
    url: str

    @property
    def size(self) -> tuple[int, int]:
        return self.first.shape[1], self.first.shape[0]


SMALL = {"duration": 4, "resolution": "720p"}
ORDERS = {
    T2V: SMALL,
    f"{T2V}-fast": SMALL,
    I2V: SMALL | {"image_url": 1},
    f"{I2V}-fast": SMALL | {"image_url": 1},
    FIRST_LAST: SMALL | {"image_url": 1, "last_image_url": 2},
    f"{FIRST_LAST}-fast": SMALL | {"image_url": 1, "last_image_url": 2},
    REFERENCES: {"resolution": "720p", "image_urls": [1, 2]},
    EXTEND: {"video_url": T2V},
    FAST_EXTEND: {"video_url": T2V},
    LITE: {"duration": 4, "image_url": 1},
    OMNI: {"duration": 3, "resolution": "360p"},
}
SIZES = dict.fromkeys(ORDERS, (1280, 720)) | {OMNI: (640, 360)}
SECONDS = {model: order.get("duration", 8) for model, order in ORDERS.items()}
SECONDS |= {EXTEND: 4 + 7, FAST_EXTEND: 4 + 7}


@pytest.fixture(scope="module")
def small_films(films):
    """The demo service, with real films that are `SMALLER`."""

    with DemoServer(render=functools.partial(copy_small_film, films)) as running:
        yield running


@functools.cache
def film_of(service: DemoServer, model: str) -> Film:
    """Order the model's film and look at it, once for all tests."""
    fields = {
        name: [*map(picture_uri, value)]
        if name == "image_urls"
        else picture_uri(value)
        if name.endswith("image_url")
        else film_of(service, value).url
        if name == "video_url"
        else value
        for name, value in ORDERS[model].items()
    }
    told = finish(service, create(service, "a fox", model=model, **fields))
    assert told["status"] == "completed", told
    url = told["video"]["url"]
    return Film(told=told, url=url, **seen(requests.get(url, timeout=10).content))


@functools.cache
def seen(data: bytes) -> dict:
    with av.open(io.BytesIO(data)) as container:
        container.streams.video[0].thread_type = "AUTO"
        facts = {"seconds": container.duration / av.time_base}
        before, changes = None, []
        for number, frame in enumerate(container.decode(video=0)):
            luma = planes_of(frame, np.uint8)[0][::4, ::4].astype(np.int16)
            if number in (0, 50):
                facts["middle" if number else "first"] = np.asarray(rgb_of(frame))
            if before is not None:
                changes.append(float(np.abs(luma - before).mean()))
            before, last = luma, frame
        facts |= {"frames": number + 1, "changes": changes, "last": np.asarray(rgb_of(last))}
        facts["sound"] = None
        if container.streams.audio:
            container.seek(0)
            heard = [frame.to_ndarray() for frame in container.decode(audio=0)]
            facts["sound"] = np.concatenate(heard, axis=1)
    return facts


def psnr(one: np.ndarray | Image.Image, other: np.ndarray | Image.Image) -> float:
    error = np.mean((np.asarray(one, np.float32) - np.asarray(other, np.float32)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


ALIKE = [
    (T2V, f"{T2V}-fast"),
    (I2V, f"{I2V}-fast", LITE),
    (FIRST_LAST, f"{FIRST_LAST}-fast"),
    (REFERENCES,),
    (EXTEND, FAST_EXTEND),
    (OMNI,),
]
"""Models of which the demo makes the same film, so that it is drawn once."""


@pytest.mark.slow
@pytest.mark.parametrize("models", ALIKE, ids=lambda models: models[0])
def test_every_model_makes_the_film_that_it_was_asked_for(small_films, models):
    for model in models:
        film, order = film_of(small_films, model), ORDERS[model]
        is_of_the_size_and_length_asked_for_and_sounds(film, model)
        moves_and_nothing_in_it_jumps(film)
        if "image_url" in order:
            begins_with(film, small(1))
        if "last_image_url" in order:
            comes_to_rest_on(film, small(2))
        if "image_urls" in order:
            shows_in_the_scene(film, [picture(1), picture(2)])
        if "video_url" in order:
            goes_on_without_a_jump_from(film, film_of(small_films, T2V))


def test_the_films_above_are_every_models():
    assert {model for models in ALIKE for model in models} == {*ORDERS} == {*MODELS}


def is_of_the_size_and_length_asked_for_and_sounds(film, model):
    assert [SMALLER * length for length in film.size] == [*SIZES[model]]
    assert film.frames == 24 * SECONDS[model]
    assert film.seconds == film.told["duration"] == SECONDS[model]
    assert film.told["video"]["duration"] == SECONDS[model]
    loudness = 20 * np.log10(np.sqrt((film.sound**2).mean()))
    assert -32 < loudness < -15
    assert np.abs(np.diff(film.sound)).max() < 0.05, "a click"


def moves_and_nothing_in_it_jumps(film):
    assert sum(film.changes) > 10
    triples = zip(film.changes, film.changes[1:], film.changes[2:], strict=False)
    assert [
        change for before, change, after in triples if change > 2 * max(before, after) + 1
    ] == []


def small(kind: int) -> Image.Image:
    return picture(kind).resize((1280 // SMALLER, 720 // SMALLER), Image.Resampling.LANCZOS)


def begins_with(film, given):
    """With all of it: caption and badge come only after it."""
    assert psnr(film.first, given) > 33


def comes_to_rest_on(film, given):
    assert psnr(film.last, given) > 33
    assert film.changes[-1] < 2


def goes_on_without_a_jump_from(film, clip):
    """The clip is there as it was, its last frame and the first new one are all but the same."""
    assert psnr(film.first, clip.first) > 33
    joint = clip.frames - 1
    assert film.changes[joint] < min(2, max(film.changes[joint - 24 : joint]))
    at = round(clip.seconds * 48_000)
    around = film.sound[:, at - 480 : at + 480]
    assert np.abs(around).max() < 0.01, "quiet at the joint"
    assert np.abs(film.sound[:, at + 48_000 :]).max() > 0.1


def shows_in_the_scene(film, given):
    """Each lies where its print should, turned a little, so only its colours are compared."""
    width, height = film.size
    for number, image in enumerate(given):
        x, y = round(width * (0.5 + 0.45 * (number - 0.5))), round(height * 0.44)
        there = film.middle[y - height // 8 : y + height // 8, x - width // 8 : x + width // 8]
        small = image.resize((round(width * 0.45 * 0.78), round(width * 0.45 * 0.78 * 9 / 16)))
        left, top = (small.width - there.shape[1]) // 2, (small.height - there.shape[0]) // 2
        middle = np.asarray(small)[top : top + there.shape[0], left : left + there.shape[1]]
        fits, turned = coarse(middle), coarse(middle[::-1])
        assert psnr(coarse(there), fits) > max(22, psnr(coarse(there), turned) + 5)


def coarse(box: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(box)).resize((8, 5), Image.Resampling.BOX)


# --- Fields and refusals --------------------------------------------------------------------------

NEEDED = {
    "image_url": picture_uri(1, 64, 36),
    "last_image_url": picture_uri(2, 64, 36),
    "image_urls": [picture_uri(1, 64, 36)],
    "video_url": "https://elsewhere.example/clip.mp4",
}


def least(model: str, **fields: object) -> dict:
    """What a create request for the model has to say."""
    return {name: NEEDED[name] for name in MODELS[model].needs} | {"model": model} | fields


@pytest.mark.parametrize("model", MODELS)
def test_what_a_model_needs_is_enough_and_the_rest_is_as_the_documents_have_it(
    server, renderer, model
):
    finish(server, create(server, "a fox", **least(model)))
    asked = renderer.asked[-1]
    size = {EXTEND: 720, FAST_EXTEND: 720, LITE: 720, OMNI: 720}.get(model, 1080)
    assert min(asked["width"], asked["height"]) == size
    assert asked["duration"] == (7 if "extend" in model else 8)
    assert asked["sound"]


@pytest.mark.parametrize(
    ("model", "name"), [(model, name) for model in MODELS for name in MODELS[model].needs]
)
def test_what_a_model_needs_is_missed(server, model, name):
    fields = least(model)
    del fields[name]
    assert_refused(post(server, "a fox", **fields), 400, f"{name}: Expected a value, received und")


WRONG = [
    (I2V, {"image_url": 3}, "image_url: Expected a valid string, received 3"),
    (I2V, {"image_url": None}, "image_url: Expected a valid string, received null"),
    (I2V, {"image_url": ""}, "image_url: Expected a URL or a base64 data URI"),
    (
        I2V,
        {"image_url": "cat.jpg"},
        'image_url: Expected a URL or a base64 data URI, received "cat',
    ),
    (I2V, {"image_url": "file:///etc/passwd"}, "image_url: Expected a URL"),
    (I2V, {"duration": 7}, "duration: Expected 4, 6 or 8, received 7"),
    (I2V, {"aspect_ratio": "auto"}, "aspect_ratio: Expected '16:9' or '9:16', received"),
    (I2V, {"resolution": "4k"}, "resolution: Expected '720p' or '1080p', received"),
    (FIRST_LAST, {"last_image_url": []}, "last_image_url: Expected a valid string, received []"),
    (REFERENCES, {"image_urls": "https://a.example/b"}, "image_urls: Expected a valid list"),
    (REFERENCES, {"image_urls": []}, "image_urls: Expected 1 to 3 pictures, received 0"),
    (REFERENCES, {"image_urls": ["https://a.example/b"] * 4}, "image_urls: Expected 1 to 3 pict"),
    (REFERENCES, {"image_urls": [7]}, "image_urls.0: Expected a valid string, received 7"),
    (REFERENCES, {"image_urls": ["cat.jpg"]}, "image_urls.0: Expected a URL"),
    (REFERENCES, {"duration": 4}, "duration: Expected 8, received 4"),
    (EXTEND, {"duration": 8}, "duration: Expected 7, received 8"),
    (EXTEND, {"resolution": "1080p"}, "resolution: Expected '720p', received"),
    (EXTEND, {"aspect_ratio": "1:1"}, "aspect_ratio: Expected 'auto', '16:9' or '9:16', received"),
    (FAST_EXTEND, {"auto_fix": "no"}, "auto_fix: Expected a valid boolean, received"),
    (LITE, {"resolution": "720p"}, "resolution: Expected '720P' or '1080P', received"),
    (LITE, {"person_generation": "allow_all"}, "person_generation: Expected 'dont_allow' or 'all"),
    (LITE, {"last_image_url": "https://a.example/b"}, "image_url: Expected a value beside last_im"),
    (OMNI, {"duration": 11}, "duration: Expected 3, 4, 5, 6, 7, 8, 9 or 10, received 11"),
    (OMNI, {"resolution": "1080P"}, "resolution: Expected '360p', '720p', '1080p' or '4k', rec"),
    (OMNI, {"task": "dance"}, "task: Expected 'text_to_video', "),
    (OMNI, {"task": "extend"}, "video_url or previous_interaction_id: Expected a value for extend"),
    (OMNI, {"task": "image_to_video"}, "image_url or image_urls: Expected a value for image_to_"),
    (OMNI, {"image_urls": ["https://a.example/b"] * 7}, "image_urls: Expected 1 to 6 pictures, re"),
    (OMNI, {"previous_interaction_id": "none"}, "previous_interaction_id: Expected the id of an"),
    (OMNI, {"delivery": "inline"}, "delivery: Expected 'uri', received"),
]


@pytest.mark.parametrize(("model", "fields", "words"), WRONG)
def test_what_a_model_does_not_take_is_refused_with_the_fields_name(server, model, fields, words):
    answer = post(server, "a fox", **least(model, **fields))
    assert_refused(answer, 400, words)
    assert len(answer.json()["message"]) < 200


def test_what_a_model_does_not_know_is_dropped(server, renderer):
    """As zod does by default: a seed for a film from a picture changes nothing."""
    for _ in range(2):
        finish(server, create(server, "a fox", **least(I2V, seed=7, video_url=5, auto_fix="?")))
    assert renderer.asked[-1]["seed"] != renderer.asked[-2]["seed"]


@pytest.mark.parametrize("model", MODELS)
def test_the_clients_table_and_this_one_say_the_same(model):
    """Two hands wrote them from the same documents; the client leaves out what it cannot use."""
    ours, theirs = MODELS[model], client_models.MODELS[model]
    unused = {OMNI: {"audio_url", "previous_interaction_id", "delivery"}}.get(model, set())
    assert ours.fields - unused == theirs.takes
    assert ours.needs == theirs.needs
    sizes = tuple(theirs.wire.get(size, size) for size in theirs.resolutions)
    assert ours.choices["resolution"] == tuple(ours.a_second) == sizes
    assert ours.choices["duration"] == theirs.durations
    assert ours.choices.get("aspect_ratio", ("16:9",)) == theirs.aspect_ratios
    assert {*client_models.MODELS} == {*MODELS}


@pytest.mark.parametrize("model", MODELS)
def test_what_the_client_sends_is_taken_and_costs_what_it_says_beforehand(model, renderer):
    request = VideoRequest("a fox", model=model, **{k: NEEDED[k] for k in MODELS[model].needs})
    with DemoServer(render=renderer, prices=True) as server:
        client = VeoClient("any", base_url=server.base_url)
        price = client.price(model).estimate(request)
        for update in client.generate(request, expected=1, sleep=lambda _: None):
            video = update.video
    assert price is not None
    assert video.usd_spent == pytest.approx(price)


# --- What is given --------------------------------------------------------------------------------

UPRIGHT, LYING = picture_uri(1, 36, 64), picture_uri(1, 64, 36)
TURNED = Image.Exif()
TURNED[0x0112] = 6  # held upright, stored lying


@pytest.mark.parametrize(
    ("given", "asked", "size"),
    [
        (LYING, {}, (1280, 720)),
        (UPRIGHT, {}, (720, 1280)),
        (UPRIGHT, {"aspect_ratio": "16:9"}, (1280, 720)),
        (uri_of(encoded(picture(1, 64, 36), "JPEG", exif=TURNED), "image/jpeg"), {}, (720, 1280)),
        (uri_of(encoded(picture(1, 36, 64), "WEBP"), "image/webp"), {}, (720, 1280)),
        ("https://elsewhere.example/upright.png", {}, (1280, 720)),
    ],
    ids=["lying", "upright", "cropped", "turned by its camera", "webp", "not fetched"],
)
def test_a_film_has_the_shape_of_its_picture_unless_another_is_asked_for(
    server, renderer, given, asked, size
):
    finish(server, create(server, "a fox", model=I2V, image_url=given, resolution="720p", **asked))
    assert (renderer.asked[-1]["width"], renderer.asked[-1]["height"]) == size


def test_two_pictures_of_omni_are_first_and_last_if_it_is_told_so(server, renderer):
    both = [UPRIGHT, LYING]
    for task in ("image_to_video", None):
        fields = {"image_urls": both} | ({"task": task} if task else {})
        finish(server, create(server, "a fox", model=OMNI, **fields))
    told, guessed = (asked["given"] for asked in renderer.asked[-2:])
    assert told.first.upright and told.last and not told.references
    assert len(guessed.references) == 2 and guessed.first is None


@pytest.mark.parametrize(
    ("task", "duration"), [("extend", 1 + 3), (None, 1)], ids=["extended", "edited"]
)
def test_omni_goes_on_from_a_clip_or_changes_it(server, renderer, small_clip, task, duration):
    fields = {"duration": 3, "video_url": small_clip} | ({"task": task} if task else {})
    answer = finish(server, create(server, "a fox", model=OMNI, **fields))
    assert (answer["status"], answer["duration"]) == ("completed", duration)
    assert renderer.asked[-1]["given"].goes_on is (task == "extend")


def bomb(width: int, height: int) -> bytes:
    return encoded(Image.new("1", (width, height)), "PNG")


WHOLE = encoded(picture(1, 64, 36), "JPEG")
LARGE = ("900 million pixels", "a strip of 48 million pixels")
"""They take long to make."""
BAD_PICTURES = {
    "nothing": (lambda: b"", "a JPEG, PNG or WebP picture"),
    "text": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a JPEG, PNG or WebP picture"),
    "gif": (lambda: encoded(picture(1, 64, 36), "GIF"), "a JPEG, PNG or WebP picture"),
    "only a head": (lambda: WHOLE[:10], "a JPEG, PNG or WebP picture"),
    "900 million pixels": (lambda: bomb(30_000, 30_000), "a picture of at most 16,777,216 pixels"),
    "17 million pixels": (lambda: bomb(4_097, 4_096), "a picture of at most 16,777,216 pixels"),
    "a strip of 48 million pixels": (
        lambda: encoded(Image.new("L", (60_000, 800)), "JPEG"),
        "a picture of at most 16,777,216 pixels",
    ),
    "too many bytes": (lambda: bytes(8 * 2**20 + 3), "at most 8,388,608 bytes"),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(each, marks=[pytest.mark.slow] if each in LARGE else [])
        for each in BAD_PICTURES
    ],
)
def test_what_is_no_picture_is_refused(server, name):
    make, words = BAD_PICTURES[name]
    fields = least(FIRST_LAST, last_image_url=uri_of(make()))
    assert_refused(post(server, "a fox", **fields), 400, f"last_image_url: Expected {words}, rec")


def test_a_data_uri_that_is_not_base64_is_refused(server):
    fields = least(I2V, image_url="data:image/png;base64,%%%")
    assert_refused(post(server, "a fox", **fields), 400, "image_url: Expected a data URI whose ba")


@pytest.mark.parametrize("data", [b"", b"RIFF", WHOLE, b"#EXTM3U\nfile:///etc/passwd\n"])
def test_what_is_no_clip_is_refused(server, data):
    fields = least(EXTEND, video_url=uri_of(data, "video/mp4"))
    assert_refused(post(server, "a fox", **fields), 400, "video_url: Expected an MP4 with a film")


def test_a_picture_that_breaks_off_ends_in_an_error(demo, caplog):
    """Only its head is read when it comes; it is the visitor's fault, and no news for the log."""
    cut = encoded(picture(1), "JPEG", quality=95)[:5000]
    answer = finish(demo, create(demo, "a fox", model=I2V, image_url=uri_of(cut), **SMALL))
    assert answer["status"] == "error"
    assert answer["error"]["name"] == "InvalidInput"
    assert "a picture that can be read to its end" in answer["error"]["message"]
    assert not caplog.records


def test_nothing_given_is_kept_longer_than_it_takes(renderer, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with DemoServer(render=renderer) as server:
        finish(server, create(server, "a fox", **least(FIRST_LAST)))
        asked = renderer.asked[-1]["given"]
        assert not asked.first.path.exists() and not asked.last.path.exists()
        post(server, "a fox", **least(FIRST_LAST, last_image_url=uri_of(b"")))
        assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".mp4"}


@pytest.mark.parametrize("model", [I2V, REFERENCES, EXTEND])
def test_no_address_is_fetched(server, renderer, model):
    """Whoever listens there hears nothing; the film shows a drawing in its place."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        address = "http://{}:{}/cat.mp4".format(*elsewhere.getsockname())
        (name,) = MODELS[model].needs
        value = [address] if name == "image_urls" else address
        answer = finish(server, create(server, "a fox", **least(model, **{name: value})))
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert answer["status"] == "completed"
    (stand_in,) = renderer.asked[-1]["given"].pictures
    assert (stand_in.path, stand_in.address) == (None, address)


# --- Models come and go ---------------------------------------------------------------------------


def listed(server: DemoServer, query: str = "") -> dict[str, dict]:
    answer = requests.get(f"{server.base_url}/v1/models{query}", timeout=10).json()
    return {entry["id"]: entry for entry in answer["data"]}


def test_a_model_is_listed_by_its_other_names_and_asked_for_by_them(server, renderer):
    (entry,) = listed(server, "?id=veo-3.1-i2v&include=pricing").values()
    assert (entry["id"], entry["aliases"]) == (I2V, ["veo-3.1-i2v"])
    generation_id = create(server, "a fox", **least(I2V) | {"model": "veo-3.1-i2v"})
    assert generation_id.endswith(f":{I2V}")


def test_a_retired_model_is_not_listed_and_refused_by_name(renderer):
    with DemoServer(render=renderer, retired=[T2V]) as server:
        assert {*MODELS} - {*listed(server)} == {T2V}
        assert listed(server, f"?id={T2V}") == {}
        for name in (T2V, "veo-3.1-t2v"):
            refused = post(server, "a fox", model=name, duration=5)
            assert_refused(refused, 404, f"The model {name} is no longer available.")
        assert post(server, "a fox", model=f"{T2V}-fast").status_code == 200


def test_a_model_retires_while_the_service_runs(renderer):
    with DemoServer(render=renderer) as server:
        made = create(server, "a fox")
        server.retired.add(T2V)
        assert_refused(post(server, "a fox"), 404, "no longer available")
        assert finish(server, made)["status"] == "completed"


def test_every_model_has_its_price_and_what_it_cost(renderer):
    with DemoServer(render=renderer, prices=True) as server:
        for name, entry in listed(server, "?include=pricing").items():
            variants = entry["pricing"]["variants"]
            prices = {each["when"]["resolution"]: each["price"] for each in variants}
            assert tuple(prices) == MODELS[name].choices["resolution"]
            answer = finish(server, create(server, "a fox", **least(name)))
            size = MODELS[name].defaults.get("resolution", "1080p")
            seconds = 7 if "extend" in name else 8
            assert answer["meta"]["usage"]["usd_spent"] == pytest.approx(prices[size] * seconds)
