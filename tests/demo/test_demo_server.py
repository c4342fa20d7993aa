"""The demo server over real loopback HTTP, mostly with a renderer that takes no time."""

import base64
import contextlib
import hashlib
import json
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo import api, film, render_queue
from demo.api import LARGEST_BODY, percentiles
from demo.orders import MODELS
from demo_server import FAULTS, DemoServer
from veo import mp4
from veo_client import VeoClient, VideoRequest

ROOT = Path(__file__).parents[2]
MODEL = "google/veo-3.1-t2v"
KEY = {"Authorization": "Bearer any-key"}
RETIRED = "google/veo-3.1-i2v"
ERROR_FIELDS = {"message", "path", "requestId", "statusCode", "timestamp"}


class Renderer:
    """Writes the boxes of an MP4 around noise, at once; remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[dict] = []

    def __call__(self, path: Path, **asked: object) -> Path:
        self.asked.append(asked)
        noise = random.Random(json.dumps(asked, default=str)).randbytes(200_000)
        path.write_bytes(b"".join(box(*part) for part in PARTS) + box(b"mdat", noise))
        return path


PARTS = ((b"ftyp", b"isom0000"), (b"moov", b"nothing"))


def box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4) + kind + content


class GatedRenderer(Renderer):
    """Draws one clip each time `gate` is released."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.at_work = self.most_at_work = 0

    def __call__(self, path: Path, **asked: object) -> Path:
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        assert self.gate.acquire(timeout=10)
        self.at_work -= 1
        return super().__call__(path, **asked)


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test, whatever its fault, may leave a warning or a traceback in the log."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call")] == []


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer()


@pytest.fixture(scope="module")
def server(renderer: Renderer) -> Iterator[DemoServer]:
    with DemoServer(render=renderer) as running:
        yield running


def post(server: DemoServer, prompt: str, **fields: object) -> requests.Response:
    body = {"model": MODEL, "prompt": prompt, **fields}
    return requests.post(
        f"{server.base_url}/v2/video/generations", json=body, headers=KEY, timeout=10
    )


def create(server: DemoServer, prompt: str, **fields: object) -> str:
    answer = post(server, prompt, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def look(server: DemoServer, generation_id: str) -> requests.Response:
    return requests.get(
        f"{server.base_url}/v2/video/generations",
        params={"generation_id": generation_id},
        headers=KEY,
        timeout=10,
    )


def wait_until(happened: Callable[[], object], seconds: float = 10) -> None:
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.005)


def finish(server: DemoServer, generation_id: str) -> dict:
    """Look until the generation is `completed` or `error`."""
    give_up = time.monotonic() + 30
    while (answer := look(server, generation_id).json())["status"] not in ("completed", "error"):
        assert time.monotonic() < give_up, answer
        time.sleep(0.01)
    return answer


def clip_url(server: DemoServer, prompt: str = "a quiet sea") -> str:
    return finish(server, create(server, prompt))["video"]["url"]


def assert_refused(answer: requests.Response, code: int, words: str = "") -> None:
    assert answer.status_code == code, answer.text
    said = answer.json()
    assert said.keys() == ERROR_FIELDS
    assert said["statusCode"] == code
    assert said["path"] == urllib.parse.urlsplit(answer.url).path
    assert words in said["message"]


# --- Programs written for the real service --------------------------------------------------------


def test_a_program_in_the_manner_of_the_vendors_example_gets_its_video(server: DemoServer) -> None:
    """Submit, look until the status is none of the running ones, fetch the address."""
    url = f"{server.base_url}/v2/video/generations"
    body = {"model": MODEL, "prompt": "a lighthouse", "duration": 4}
    answer = requests.post(url, json=body, headers=KEY, timeout=10)
    assert answer.status_code < 400
    generation_id = answer.json()["id"]
    started, data = time.time(), None
    while time.time() - started < 10:
        params = {"generation_id": generation_id}
        data = requests.get(url, params=params, headers=KEY, timeout=10).json()
        if data.get("status") not in ["queued", "generating", "waiting", "active"]:
            break
        time.sleep(0.01)
    assert data["status"] == "completed"
    assert requests.get(data["video"]["url"], timeout=10).content[4:8] == b"ftyp"


@pytest.mark.parametrize("safe", ["", ":/"], ids=["percent-encoded", "raw"])
def test_a_program_of_the_standard_library_gets_its_video(server: DemoServer, safe: str) -> None:
    """It takes the first `url` found anywhere in the answer, as the vendor's kits do."""
    url = f"{server.base_url}/v2/video/generations"
    body = json.dumps({"model": f"{MODEL}-fast", "prompt": "a fox"}).encode()
    generation_id = json.loads(fetch(url, body))["id"]
    status = "queued"
    while status in ("queued", "generating"):
        quoted = urllib.parse.quote(generation_id, safe=safe)
        text = fetch(f"{url}?generation_id={quoted}").decode()
        status = json.loads(text)["status"]
        time.sleep(0.01)
    (found,) = re.findall(r'"url":\s*"([^"]+)"', text)
    assert fetch(found)[4:8] == b"ftyp"


def fetch(url: str, body: bytes | None = None) -> bytes:
    """What a few lines of `urllib` make of it."""
    headers = KEY | {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 (our own server's address)
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (the same)
        return answer.read()


def test_an_id_holds_what_breaks_a_path_or_a_file_name(server: DemoServer) -> None:
    generation_id = create(server, "a fox")
    assert ":" in generation_id
    assert "/" in generation_id


def test_a_completed_answer_has_the_services_shape(server: DemoServer) -> None:
    answer = finish(server, create(server, "a fox", duration=6))
    assert answer["video"].keys() == {"url", "duration"}
    assert (answer["duration"], answer["video"]["duration"]) == (6, 6)
    assert answer["error"] is None
    assert answer["meta"] == {"usage": {"credits_used": 0}}
    assert answer["video"]["url"].startswith(server.base_url)


def test_every_answer_says_that_it_comes_from_the_demo(server: DemoServer) -> None:
    for path in ("/v1/models", "/nowhere"):
        answer = requests.get(server.base_url + path, timeout=10)
        assert answer.headers["Server"] == "veo-demo"


# --- The work -------------------------------------------------------------------------------------


def test_the_renderer_gets_what_was_ordered(server: DemoServer, renderer: Renderer) -> None:
    order = {"aspect_ratio": "9:16", "resolution": "720p", "duration": 4, "generate_audio": False}
    finish(server, create(server, "snow", seed=7, **order))
    assert renderer.asked[-1] == {
        "prompt": "snow",
        "seed": 7,
        "width": 720,
        "height": 1280,
        "duration": 4,
        "sound": False,
    }


def test_the_defaults_are_the_services(server: DemoServer, renderer: Renderer) -> None:
    finish(server, create(server, "snow"))
    asked = renderer.asked[-1]
    assert (asked["width"], asked["height"]) == (1920, 1080)
    assert (asked["duration"], asked["sound"]) == (8, True)


def test_without_a_seed_each_film_is_another(server: DemoServer, renderer: Renderer) -> None:
    for _ in range(2):
        finish(server, create(server, "snow"))
    assert renderer.asked[-1]["seed"] != renderer.asked[-2]["seed"]


def test_a_prompt_with_a_fault_word_still_shows_its_scene(
    server: DemoServer, renderer: Renderer
) -> None:
    finish(server, create(server, "a sunrise over snow #backwards"))
    assert "a sunrise over snow" in renderer.asked[-1]["prompt"]


def test_one_clip_is_drawn_at_a_time_and_the_others_are_queued() -> None:
    renderer = GatedRenderer()
    with DemoServer(render=renderer) as server:
        first, second = create(server, "first"), create(server, "second")

        def statuses() -> tuple[str, str]:
            return look(server, first).json()["status"], look(server, second).json()["status"]

        wait_until(lambda: renderer.at_work)
        assert statuses() == ("generating", "queued")
        renderer.gate.release()
        wait_until(lambda: statuses() == ("completed", "generating"))
        renderer.gate.release()
        wait_until(lambda: statuses() == ("completed", "completed"))
    assert renderer.most_at_work == 1


def test_a_generation_takes_at_least_the_seconds_it_was_given() -> None:
    with DemoServer(seconds=0.3, render=Renderer()) as server:
        started = time.monotonic()
        generation_id = create(server, "a fox")
        wait_until(lambda: look(server, generation_id).json()["status"] == "generating")
        finish(server, generation_id)
        took = time.monotonic() - started
        answer = requests.get(f"{server.base_url}/models/metrics", timeout=10).json()
    assert took >= 0.3
    (measured,) = answer["models"]
    assert measured["alias"] == MODEL
    assert 300 <= measured["metrics"]["duration_ms"]["p50"] <= 1000 * took


def test_a_clip_that_cannot_be_drawn_ends_in_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """And the next one is drawn all the same."""

    def draw(path: Path, **asked: object) -> Path:
        if asked["prompt"] == "impossible":
            raise MemoryError
        return Renderer()(path, **asked)

    with DemoServer(render=draw) as server:
        answer = finish(server, create(server, "impossible"))
        assert answer["error"].keys() == {"name", "message"}
        assert finish(server, create(server, "a fox"))["status"] == "completed"
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [MemoryError]
    caplog.clear()


def test_too_long_a_line_is_refused_until_it_is_shorter() -> None:
    renderer = GatedRenderer()
    with DemoServer(render=renderer) as server:
        create(server, "at work")
        wait_until(lambda: renderer.at_work)
        for _ in range(render_queue.LONGEST_LINE):
            create(server, "waits")
        refused = post(server, "one too many")
        assert_refused(refused, 429)
        assert int(refused.headers["Retry-After"]) > 0
        renderer.gate.release()
        wait_until(lambda: post(server, "now").status_code == 200)
        renderer.gate.release(100)


@pytest.mark.parametrize("limit, value", [("CLIPS_KEPT", 3), ("BYTES_KEPT", 3 * 200_100)])
def test_only_the_newest_clips_are_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, value: int
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(render_queue, limit, value)
    with DemoServer(render=Renderer()) as server:
        ids, urls = [], []
        for number in range(5):
            ids.append(create(server, f"clip {number}"))
            urls.append(finish(server, ids[-1])["video"]["url"])
        codes = [look(server, generation_id).status_code for generation_id in ids]
        assert codes == [404, 404, 200, 200, 200]
        assert [requests.head(url, timeout=10).status_code for url in urls] == codes
        assert len(list(tmp_path.rglob("*.mp4"))) == 3


def test_the_newest_clip_is_kept_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_queue, "BYTES_KEPT", 10)
    with DemoServer(render=Renderer()) as server:
        assert requests.get(clip_url(server), timeout=10).status_code == 200


# --- Checks ---------------------------------------------------------------------------------------

WRONG_FIELDS = [
    ("model", "google/veo-3.2-t2v"),
    ("model", None),
    ("model", []),
    ("prompt", 3),
    ("prompt", None),
    ("prompt", ""),
    ("prompt", "x" * 4001),
    ("aspect_ratio", "1:1"),
    ("aspect_ratio", 16),
    ("duration", "8"),
    ("duration", 5),
    ("duration", True),
    ("duration", 4.5),
    ("resolution", "4k"),
    ("negative_prompt", {}),
    ("enhance_prompt", "false"),
    ("enhance_prompt", 0),
    ("generate_audio", 1),
    ("generate_audio", None),
    ("seed", 1.5),
    ("seed", True),
    ("seed", "7"),
    ("seed", 2**53),
    ("seed", -(2**53)),
    ("auto_fix", "yes"),
    ("provider", 1),
]


@pytest.mark.parametrize("field, value", WRONG_FIELDS)
def test_a_wrong_field_is_named(server: DemoServer, field: str, value: object) -> None:
    answer = post(server, **{"prompt": "a fox", field: value})
    assert_refused(answer, 400, f"{field}: Expected ")
    assert "received " in answer.json()["message"]
    assert len(answer.json()["message"]) < 200


@pytest.mark.parametrize("field", ["model", "prompt"])
def test_a_missing_field_is_named(server: DemoServer, field: str) -> None:
    body = {"model": MODEL, "prompt": "a fox"}
    del body[field]
    url = f"{server.base_url}/v2/video/generations"
    answer = requests.post(url, json=body, headers=KEY, timeout=10)
    assert_refused(answer, 400, f"{field}: Expected a value, received undefined")


@pytest.mark.parametrize(
    "body, code",
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"null", 400),
        (b"[]", 400),
        (b'"prompt"', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 100_000, 400),
        (b'{"prompt": "\\ud800"}', 400),
        (b'{"seed": NaN}', 400),
        (b'{"seed": 1e400}', 400),
        (b'{"seed": ' + b"9" * 5000 + b"}", 400),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_body_that_is_no_order_is_refused(server: DemoServer, body: bytes, code: int) -> None:
    url = f"{server.base_url}/v2/video/generations"
    assert_refused(requests.post(url, body, headers=KEY, timeout=10), code, "Expected ")


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, 2 * LARGEST_BODY])
def test_a_body_that_is_too_large_is_refused(server: DemoServer, size: int) -> None:
    url = f"{server.base_url}/v2/video/generations"
    answer = requests.post(url, bytes(size), headers=KEY, timeout=30)
    assert_refused(answer, 413, f"Expected at most {LARGEST_BODY} bytes, received {size}")


def test_a_body_of_the_largest_size_is_read(server: DemoServer) -> None:
    body = json.dumps({"model": MODEL, "prompt": "a fox"}).encode().rjust(LARGEST_BODY)
    url = f"{server.base_url}/v2/video/generations"
    assert requests.post(url, body, headers=KEY, timeout=10).status_code == 200


def test_bodies_that_arrive_together_have_one_bound(server: DemoServer, monkeypatch) -> None:
    """One of 28 MB is fine, a hundred at once are not; what was refused may be sent again."""
    monkeypatch.setattr(api, "MOST_ARRIVING", 300_000)
    address = urllib.parse.urlsplit(server.base_url)
    body = {"prompt": "a fox", "padding": "x" * 100_000}
    with socket.create_connection((address.hostname, address.port)) as half:
        half.sendall(b"POST /v2/video/generations HTTP/1.1\r\nHost: a\r\n")
        half.sendall(b"Authorization: Bearer k\r\nContent-Length: 900000\r\n\r\n")
        half.sendall(bytes(290_000))
        refused = until(lambda: post(server, **body), lambda answer: answer.status_code != 200)
        assert_refused(refused, 429, "Too many large requests arrive at the same time.")
        assert int(refused.headers["Retry-After"]) > 0
        assert post(server, "a fox").status_code == 200, "a small one has room"
    assert until(lambda: post(server, **body), lambda answer: answer.status_code == 200)


def until(ask: Callable[[], requests.Response], is_so: Callable) -> requests.Response:
    """The first answer that is so, of a hundred."""
    return next(filter(is_so, (ask() for _ in range(100))))


def test_fields_that_do_no_harm_are_accepted(server: DemoServer) -> None:
    """`provider` is documented; unknown fields are dropped, as zod does by default."""
    fields = {"enhance_prompt": False, "auto_fix": False, "provider": "FAL", "negative_prompt": ""}
    assert post(server, "x" * 4000, seed=-1, colour="blue", **fields).status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "any-key", "Bearer #bad-key"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_key_no_generation(server: DemoServer, method: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    url = f"{server.base_url}/v2/video/generations"
    assert_refused(requests.request(method, url, headers=headers, timeout=10), 401)


@pytest.mark.parametrize(
    "method, path, code",
    [
        ("GET", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/v2/video/generations/", 404),
        ("GET", "/v2/video/generations/some-id", 404),
        ("POST", "/v1/video/generations", 404),
        ("GET", "/files/none.mp4", 404),
        ("GET", "/files/expired-none.mp4", 404),
        ("GET", "/files/%2e%2e%2fetc%2fpasswd", 404),
        ("GET", "/v2/video/generations", 400),
        ("GET", "/v2/video/generations?generation_id=", 404),
        ("GET", "/v2/video/generations?generation_id=unknown", 404),
        ("GET", "/v2/video/generations?generation_id=%ff%00", 404),
        ("DELETE", "/v2/video/generations", 405),
        ("PUT", "/v2/billing", 405),
        ("POST", "/files/none.mp4", 405),
    ],
)
def test_what_is_not_there_is_refused_in_the_same_shape(
    server: DemoServer, method: str, path: str, code: int
) -> None:
    answer = requests.request(method, server.base_url + path, headers=KEY, timeout=10)
    assert answer.status_code == code
    assert answer.json().keys() == ERROR_FIELDS


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def orders(wrong: st.SearchStrategy) -> st.SearchStrategy:
    """Orders in which any field may be `wrong` instead."""
    address = (
        st.sampled_from(["https://a.example/b", "data:image/png;base64,", "gs://a/b/c"]) | wrong
    )
    media = ("image_url", "last_image_url", "video_url", "previous_interaction_id")
    return st.fixed_dictionaries(
        {"model": st.sampled_from([*MODELS]) | wrong, "prompt": st.text(min_size=1) | wrong},
        optional={
            "aspect_ratio": st.sampled_from(["16:9", "9:16"]) | wrong,
            "duration": st.sampled_from([4, 6, 8]) | wrong,
            "resolution": st.sampled_from(["720p", "1080p"]) | wrong,
            "negative_prompt": st.text() | wrong,
            "enhance_prompt": st.booleans() | wrong,
            "generate_audio": st.booleans() | wrong,
            "seed": st.integers() | wrong,
            "auto_fix": st.booleans() | wrong,
            "task": st.sampled_from(["edit", "extend", "image_to_video"]) | wrong,
            "image_urls": st.lists(address) | wrong,
            **dict.fromkeys(media, address),
            "more": anything,
        },
    )


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(body=orders(st.nothing()) | orders(anything) | anything)
def test_any_json_gets_an_id_or_a_refusal(server: DemoServer, body: object) -> None:
    answer = requests.post(
        f"{server.base_url}/v2/video/generations",
        json.dumps(body).encode("utf-8", "surrogatepass"),
        headers=KEY,
        timeout=10,
    )
    if answer.status_code == 200:
        assert answer.json().keys() == {"id", "status"}
    else:
        assert answer.status_code in (400, 429)
        assert answer.json().keys() == ERROR_FIELDS


def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_news(server: DemoServer) -> None:
    port = urllib.parse.urlsplit(server.base_url).port
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(
            b"POST /v2/video/generations HTTP/1.1\r\nHost: demo\r\nAuthorization: Bearer k\r\n"
            b'Content-Length: 100\r\n\r\n{"model'
        )
    assert requests.get(f"{server.base_url}/v1/models", timeout=10).ok


# --- Helpers --------------------------------------------------------------------------------------


def test_the_price_has_the_shape_to_parse_and_is_nothing(server: DemoServer) -> None:
    url = f"{server.base_url}/v1/models"
    (entry,) = requests.get(url, params={"id": MODEL, "include": "pricing"}, timeout=10).json()[
        "data"
    ]
    assert entry["id"] == MODEL
    assert entry["pricing"]["kind"] == "variants"
    assert entry["pricing"]["dimensions"] == ["resolution"]
    assert {variant["when"]["resolution"] for variant in entry["pricing"]["variants"]} == {
        "720p",
        "1080p",
    }
    for variant in entry["pricing"]["variants"]:
        assert (variant["price"], variant["unit"], variant["per"]) == (0.0, "second", 1)


def test_with_prices_it_tells_them_before_and_what_a_clip_cost_after(renderer: Renderer) -> None:
    """As a client of the real service reads them."""
    request = VideoRequest("a fox", duration=4, resolution="720p")
    with DemoServer(prices=True, render=renderer) as service:
        client = VeoClient("any", base_url=service.base_url)
        told = client.price(request.model).estimate(request)
        for update in client.generate(request, expected=1, sleep=lambda _: None):
            video = update.video
    assert told == 1.04
    assert video and video.usd_spent == told


def test_the_catalogue_is_filtered_and_has_prices_only_on_request(server: DemoServer) -> None:
    def models(query: str) -> list[dict]:
        return requests.get(f"{server.base_url}/v1/models{query}", timeout=10).json()["data"]

    assert [entry["id"] for entry in models("")] == [*MODELS]
    assert "pricing" not in models("")[0]
    assert "pricing" in models("?include=capabilities,pricing")[0]
    assert len(models(f"?id={MODEL},{MODEL}-fast")) == 2
    assert models("?id=unknown") == []


def test_metrics_hold_only_what_was_measured(server: DemoServer) -> None:
    finish(server, create(server, "a fox"))

    def measured(query: str) -> list[str]:
        answer = requests.get(f"{server.base_url}/models/metrics{query}", timeout=10).json()
        assert answer["window_seconds"] == 300
        return [entry["alias"] for entry in answer["models"]]

    assert MODEL in measured("")
    assert measured(f"?aliases={MODEL}&aliases=other") == [MODEL]
    assert measured("?aliases=other") == []


def test_metrics_reject_an_unknown_parameter(server: DemoServer) -> None:
    answer = requests.get(f"{server.base_url}/models/metrics?alias=x", timeout=10)
    assert_refused(answer, 400, "aliases")


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert percentiles([7.0]) == {"p50": 7.0, "p75": 7.0, "p90": 7.0, "p99": 7.0}
    assert percentiles([3.0, 1.0, 2.0]) == {"p50": 2.0, "p75": 3.0, "p90": 3.0, "p99": 3.0}
    hundred = [float(value) for value in range(100, 0, -1)]
    assert percentiles(hundred) == {"p50": 50.0, "p75": 75.0, "p90": 90.0, "p99": 99.0}


def test_the_balance_needs_a_key(server: DemoServer) -> None:
    url = f"{server.base_url}/v2/billing"
    assert_refused(requests.get(url, timeout=10), 401)
    answer = requests.get(url, headers=KEY, timeout=10).json()
    assert answer == {"current_balance": 100.0, "currency": "USD"}


# --- Files ----------------------------------------------------------------------------------------


def test_a_clip_is_fetched_without_a_key(server: DemoServer) -> None:
    answer = requests.get(clip_url(server), timeout=10)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["ETag"]), "a strong one"
    assert int(answer.headers["Content-Length"]) == len(answer.content) > 200_000


def test_a_clips_name_cannot_be_guessed(server: DemoServer) -> None:
    first, second = clip_url(server), clip_url(server)
    assert re.search(r"/files/[0-9a-f]{32}\.mp4$", first)
    assert first != second


def test_head_tells_the_same_as_get(server: DemoServer) -> None:
    url = clip_url(server)
    head, get = requests.head(url, timeout=10), requests.get(url, timeout=10)
    assert head.content == b""
    for name in ("Content-Length", "ETag", "Content-Type", "Accept-Ranges"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    "asked, part",
    [
        ("bytes=100-", slice(100, None)),
        ("bytes=0-9", slice(0, 10)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=5-9999999", slice(5, None)),
    ],
)
def test_a_range_is_exactly_what_was_asked_for(server: DemoServer, asked: str, part: slice) -> None:
    url = clip_url(server)
    whole = requests.get(url, timeout=10).content
    answer = requests.get(url, headers={"Range": asked}, timeout=10)
    assert answer.status_code == 206
    assert answer.content == whole[part]
    start, stop, _ = part.indices(len(whole))
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"


def test_a_range_behind_the_end_is_refused_with_the_length(server: DemoServer) -> None:
    url = clip_url(server)
    size = requests.head(url, timeout=10).headers["Content-Length"]
    answer = requests.get(url, headers={"Range": f"bytes={size}-"}, timeout=10)
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{size}"


def test_if_range_goes_on_only_with_the_same_file(server: DemoServer) -> None:
    url = clip_url(server)
    etag = requests.head(url, timeout=10).headers["ETag"]

    def code(if_range: str) -> int:
        headers = {"Range": "bytes=100-", "If-Range": if_range}
        return requests.get(url, headers=headers, timeout=10).status_code

    assert code(etag) == 206
    assert code('"another"') == 200
    assert code(f"W/{etag}") == 200


def test_several_ranges_come_in_parts(server: DemoServer) -> None:
    answer = requests.get(clip_url(server), headers={"Range": "bytes=0-1,9-9"}, timeout=10)
    assert answer.status_code == 206
    assert answer.headers["Content-Type"].startswith("multipart/byteranges")


# --- Faults ---------------------------------------------------------------------------------------


def test_every_fault_is_tested_here() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [fault for fault in FAULTS if not re.search(rf"{fault}\b", tests)] == []


@pytest.mark.parametrize(
    "fault, code",
    [("#bad-key", 401), ("#no-credits", 403), ("#blocked", 400), ("#too-many", 429)],
)
def test_a_refusal_asked_for_is_given(server: DemoServer, fault: str, code: int) -> None:
    answer = post(server, f"a fox {fault.upper()}, please")
    assert_refused(answer, code)
    assert answer.headers.get("Retry-After") == ("3600" if code == 429 else None)


def test_a_word_that_only_begins_like_a_fault_is_none(server: DemoServer) -> None:
    assert post(server, "a #blocked-road and a bad-key").status_code == 200


def test_must_enhance_refuses_only_the_order_not_to(server: DemoServer) -> None:
    refused = post(server, "a fox #must-enhance", enhance_prompt=False)
    assert_refused(refused, 400, "rompt enhancement cannot be disabled")
    assert post(server, "a fox #must-enhance").status_code == 200


def test_model_gone_refuses_this_order_alone(server: DemoServer) -> None:
    """Others of the same service keep their model: `retired` is for all."""
    refused = post(server, "a fox #model-gone")
    assert_refused(refused, 404, f"The model {MODEL} is no longer available.")
    assert post(server, "a fox").status_code == 200


def test_only_new_leaves_out_the_clip_that_is_gone_on_from(
    server: DemoServer, renderer: Renderer, tmp_path: Path
) -> None:
    clip = film.render(
        tmp_path / "clip.mp4", prompt="sea", seed=1, width=160, height=96, duration=1, sound=False
    )
    video = f"data:video/mp4;base64,{base64.b64encode(clip.read_bytes()).decode()}"
    fields = {"model": "google/veo3-1-extend-video", "video_url": video}
    lengths = [
        finish(server, create(server, prompt, **fields))["duration"]
        for prompt in ("it rains", "it rains #only-new")
    ]
    assert lengths == [8, 7]
    assert [asked["given"].only_new for asked in renderer.asked[-2:]] == [False, True]


def test_busy_refuses_a_prompt_once(server: DemoServer) -> None:
    refused = post(server, "a fox #busy")
    assert_refused(refused, 429)
    assert refused.headers["Retry-After"] == "1"
    assert post(server, "a fox #busy").status_code == 200
    assert_refused(post(server, "a wolf #busy"), 429)


def test_bad_gateway_is_a_web_page(server: DemoServer) -> None:
    answer = post(server, "a fox #bad-gateway")
    assert answer.status_code == 502
    assert answer.headers["Content-Type"].startswith("text/html")


def test_lost_answer_is_cut_off_after_the_order_was_accepted(
    server: DemoServer, renderer: Renderer
) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post(server, "a fox #lost-answer")
    wait_until(lambda: renderer.asked[-1]["prompt"] == "a fox #lost-answer")


def test_no_answer_is_silence_after_the_order_was_accepted(
    server: DemoServer, renderer: Renderer
) -> None:
    url = f"{server.base_url}/v2/video/generations"
    body = {"model": MODEL, "prompt": "a fox #no-answer"}
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, json=body, headers=KEY, timeout=0.2)
    wait_until(lambda: renderer.asked[-1]["prompt"] == "a fox #no-answer")


def test_not_found_yet_then_found(server: DemoServer) -> None:
    generation_id = create(server, "a fox #not-found-yet")
    assert_refused(look(server, generation_id), 404)
    assert finish(server, generation_id)["status"] == "completed"


def test_flaky_then_fine(server: DemoServer) -> None:
    generation_id = create(server, "a fox #flaky")
    looks = [look(server, generation_id) for _ in range(2)]
    assert [answer.status_code for answer in looks] == [503, 200]
    assert {answer.headers["Content-Type"] for answer in looks} == {"text/html; charset=utf-8"}
    assert finish(server, generation_id)["status"] == "completed"


@pytest.mark.parametrize(
    "fault, first", [("#unknown-status", ["upscaling"]), ("#backwards", ["generating", "queued"])]
)
def test_odd_statuses_then_completed(server: DemoServer, fault: str, first: list[str]) -> None:
    generation_id = create(server, f"a fox {fault}")
    assert [look(server, generation_id).json()["status"] for _ in first] == first
    assert finish(server, generation_id)["status"] == "completed"


def test_stuck_never_ends_and_holds_nobody_up(server: DemoServer) -> None:
    stuck = create(server, "a fox #stuck")
    assert finish(server, create(server, "a wolf"))["status"] == "completed"
    assert look(server, stuck).json()["status"] == "generating"


def test_refused_ends_in_an_error_object(server: DemoServer) -> None:
    answer = finish(server, create(server, "a fox #refused"))
    assert answer["status"] == "error"
    assert answer["error"]["name"] == "ContentPolicyViolation"
    assert "content policy" in answer["error"]["message"]


def test_failed_ends_in_plain_text(server: DemoServer) -> None:
    answer = finish(server, create(server, "a fox #failed"))
    assert answer["status"] == "error"
    assert isinstance(answer["error"], str)


def test_no_url_is_completed_without_a_video(server: DemoServer) -> None:
    answer = finish(server, create(server, "a fox #no-url"))
    assert answer["status"] == "completed"
    assert "url" not in json.dumps(answer)


def test_expired_link_is_fresh_when_asked_again(server: DemoServer) -> None:
    generation_id = create(server, "a fox #expired-link")
    expired = finish(server, generation_id)["video"]["url"]
    fresh = finish(server, generation_id)["video"]["url"]
    for _ in range(2):
        assert_refused(requests.get(expired, timeout=10), 403)
    assert requests.get(fresh, timeout=10).status_code == 200


def test_cut_download_is_resumed_by_range(server: DemoServer) -> None:
    url = clip_url(server, "a fox #cut-download")
    head = requests.head(url, timeout=10).headers
    size, received = int(head["Content-Length"]), b""
    with requests.get(url, stream=True, timeout=10) as answer:
        assert answer.headers["Content-Length"] == str(size)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for piece in answer.iter_content(1000):
                received += piece
    assert len(received) <= size // 2
    headers = {"Range": f"bytes={len(received)}-", "If-Range": head["ETag"]}
    rest = requests.get(url, headers=headers, timeout=10)
    assert rest.status_code == 206
    assert received + rest.content == requests.get(url, timeout=10).content


def test_cut_download_leaves_a_small_range_whole(server: DemoServer) -> None:
    url = clip_url(server, "a fox #cut-download")
    answer = requests.get(url, headers={"Range": "bytes=0-99"}, timeout=10)
    assert len(answer.content) == 100


def test_broken_file_never_is_a_whole_film(server: DemoServer, tmp_path: Path) -> None:
    url = clip_url(server, "a fox #broken-file")
    film = tmp_path / "film.mp4"
    for _ in range(2):
        answer = requests.get(url, timeout=10)
        film.write_bytes(answer.content)
        assert answer.headers["Content-Length"] == str(film.stat().st_size)
        with pytest.raises(ValueError, match="cut short"):
            mp4.check_whole(film)


def test_slow_download_trickles(server: DemoServer) -> None:
    url = clip_url(server, "a fox #slow-download")
    size = int(requests.head(url, timeout=10).headers["Content-Length"])
    received, started = 0, time.monotonic()
    with requests.get(url, stream=True, timeout=10) as answer:
        for piece in answer.iter_content(1000):
            received += len(piece)
            if time.monotonic() - started > 0.4:
                break
    assert 0 < received < size / 5


# --- Coming and going -----------------------------------------------------------------------------


def open_files() -> Counter[str]:
    """What this process has open, sockets included, by name."""
    names = Counter[str]()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists the folder
            names[str(descriptor.readlink())] += 1
    return names


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No thread, no socket, no folder: whether the work was done, waiting, or in the middle."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads, files = set(threading.enumerate()), open_files()
    with pytest.raises(KeyError), DemoServer(render=Renderer()) as server:
        requests.get(clip_url(server), timeout=10)
        for _ in range(5):
            create(server, "a fox")
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    assert open_files() - files == Counter()
    wait_until(lambda: set(threading.enumerate()) <= threads, 1)
    with pytest.raises(requests.ConnectionError):
        look(server, "any")


def test_stopping_waits_for_no_client() -> None:
    """Not for one that hears nothing, one in the middle of a clip, or one that keeps its line."""
    server = DemoServer(render=Renderer()).start()
    url = f"{server.base_url}/v2/video/generations"
    body = {"model": MODEL, "prompt": "a fox #no-answer"}
    outcome: list[Exception] = []

    def wait_for_an_answer() -> None:
        try:
            requests.post(url, json=body, headers=KEY, timeout=10)
        except requests.ConnectionError as error:
            outcome.append(error)

    waiting = threading.Thread(target=wait_for_an_answer)
    waiting.start()
    slow = clip_url(server, "a fox #slow-download")
    with requests.Session() as session, session.get(slow, stream=True, timeout=10) as answer:
        next(answer.iter_content(10))
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 2
    waiting.join(5)
    assert len(outcome) == 1


def test_a_look_over_an_open_connection_is_quick(server: DemoServer) -> None:
    """40 looks took 1.7 s when each answer's second half waited for the client's delayed ACK."""
    generation_id = create(server, "a fox")
    with requests.Session() as session:
        took = []
        for _ in range(40):
            started = time.monotonic()
            session.get(
                f"{server.base_url}/v2/video/generations",
                params={"generation_id": generation_id},
                headers=KEY,
                timeout=10,
            )
            took.append(time.monotonic() - started)
    # Other work on the machine holds up some of them, the client's ACK held up each by 40 ms.
    assert sorted(took)[10] < 1 / 40


def test_no_call_is_logged_even_where_calls_are(
    server: DemoServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Another uvicorn of the same process, such as the page's, may log its own."""
    caplog.set_level("INFO", "uvicorn.access")
    assert requests.get(f"{server.base_url}/v1/models", timeout=10).ok


def test_it_stops_twice_and_starts_again() -> None:
    server = DemoServer(render=Renderer()).start()
    generation_id = create(server, "a fox")
    server.stop()
    server.stop()
    with server:
        assert_refused(look(server, generation_id), 404)


def test_two_servers_do_not_know_each_other() -> None:
    with DemoServer(render=Renderer()) as one, DemoServer(render=Renderer()) as other:
        generation_id = create(one, "a fox")
        assert look(other, generation_id).status_code == 404
        other.stop()
        assert finish(one, generation_id)["status"] == "completed"


def test_a_port_in_use_is_told() -> None:
    with DemoServer(render=Renderer()) as server:
        port = urllib.parse.urlsplit(server.base_url).port
        with pytest.raises(OSError, match="in use"):
            DemoServer(port=port).start()


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, **options)


@pytest.mark.slow
def test_by_hand_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("demo_server.py", "--port", port)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert port in done.stderr


@pytest.mark.slow
def test_help_lists_every_fault() -> None:
    listed = run("demo_server.py", "--help").stdout
    assert [
        f for f, meaning in FAULTS.items() if f"{f} " not in listed or meaning not in listed
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "option", "a_second"),
    [(signal.SIGINT, [], 0.0), (signal.SIGTERM, ["--prices", "--retire", RETIRED], 0.26)],
)
def test_by_hand_it_stops_cleanly_and_tells_prices_and_retires_a_model_if_it_is_told_to(
    tmp_path: Path, how: signal.Signals, option: list[str], a_second: float
) -> None:
    options = ["--port", "0", "--seconds", "0", *option]
    command = [sys.executable, "-W", "error", "demo_server.py", *options]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background has SIGINT ignored, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            base_url = process.stdout.readline().split()[-1]
            listed = requests.get(f"{base_url}/v1/models?include=pricing", timeout=10).json()
            assert listed["data"][0]["pricing"]["variants"][0]["price"] == a_second
            there = {entry["id"] for entry in listed["data"]}
            assert {*MODELS} - there == {*option} & {RETIRED}
            assert len(list(tmp_path.iterdir())) == 1
            process.send_signal(how)
            _, complaints = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    assert complaints == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_program_that_forgets_to_stop_ends_all_the_same(tmp_path: Path) -> None:
    script = "from demo_server import DemoServer; server = DemoServer().start()"
    done = run("-c", script, env={"TMPDIR": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


# --- The real thing -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_real_clip_is_a_film_of_the_ordered_form(tmp_path: Path) -> None:
    order = {"duration": 4, "resolution": "720p", "aspect_ratio": "9:16", "generate_audio": False}
    digests = []
    with DemoServer() as server:
        for _ in range(2):
            answer = finish(server, create(server, "a night sea", seed=5, **order))
            film = tmp_path / "film.mp4"
            film.write_bytes(requests.get(answer["video"]["url"], timeout=10).content)
            digests.append(hashlib.sha256(film.read_bytes()).digest())
    mp4.check_whole(film)
    with av.open(str(film)) as container:
        (video,) = container.streams
        assert (video.width, video.height) == (720, 1280)
        assert float(container.duration / av.time_base) == pytest.approx(4, abs=0.05)
    assert digests[0] == digests[1], "the same order and seed give the same film"
