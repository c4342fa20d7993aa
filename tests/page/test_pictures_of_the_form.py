"""Pictures over HTTP, on the page as it is served: in and out, bounded, and nobody else's."""

import hashlib
import io
import random
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
from films import SMALLER
from PIL import Image
from served import FOX, ServedPage, program

from veo import media
from veo.models import LARGEST_UPLOAD, MODELS

FAR = "https://a.example/b.jpg"
OTHER = "picture:" + "0" * 64


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with ServedPage(tmp_path_factory.mktemp("pictures")) as page:
        yield page


@pytest.fixture
def ann():
    """A new visitor's id."""
    return secrets.token_urlsafe(32)


def photo(seed=0, size=(320, 200), kind="JPEG", **more):
    content = io.BytesIO()
    squares = Image.frombytes("RGB", (4, 4), random.Random(seed).randbytes(48))
    squares.resize(size, Image.Resampling.NEAREST).save(content, kind, **more)
    return content.getvalue()


def headers_of(visitor):
    return {"X-Veo-Visitor": visitor} if visitor else {}


def post(served, content, visitor, query="", **headers):
    sent = headers_of(visitor) | headers
    return requests.post(f"{served.url}/pictures{query}", content, headers=sent, timeout=30)


def get(served, name, visitor):
    path = f"{served.url}/pictures/{name.removeprefix('picture:')}"
    return requests.get(path, headers=headers_of(visitor), timeout=30)


def keep(served, visitor, seed=0, query="?resolution=720p", **more):
    answer = post(served, photo(seed, **more), visitor, query)
    assert answer.status_code == 200, answer.text
    return answer.json()["name"]


def test_a_picture_goes_in_and_comes_back_as_it_will_be_sent(served, ann):
    name = keep(served, ann, query="?aspect_ratio=9:16&resolution=720p")
    answer = get(served, name, ann)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (720, 1280))
    owner = f"browser:{ann}".encode()
    assert name == f"picture:{hashlib.sha256(owner + bytes(1) + answer.content).hexdigest()}"


def test_a_reference_keeps_all_of_itself(served, ann):
    name = keep(served, ann, query="?reference=1&resolution=720p")
    with Image.open(io.BytesIO(get(served, name, ann).content)) as picture:
        assert picture.size == (320, 200)


def test_one_that_is_here_is_made_ready_for_another_shape(served, ann):
    name = keep(served, ann)
    again = f"?again={name}&aspect_ratio=9:16&resolution=720p"
    other = post(served, b"", ann, again).json()["name"]
    with Image.open(io.BytesIO(get(served, other, ann).content)) as picture:
        assert picture.size == (720, 1280)
    for visitor, wrong in ((secrets.token_urlsafe(32), again), (ann, "?again=a%00b%ED%A0%80")):
        answer = post(served, b"", visitor, wrong)
        assert (answer.status_code, answer.text) == (404, "Not here.")


def test_strangers_get_what_anybody_gets_for_what_is_not_there(served, ann):
    name = keep(served, ann)
    bob = secrets.token_urlsafe(32)
    missing = get(served, OTHER, ann)
    assert (missing.status_code, missing.text) == (404, "Not here.")
    for visitor in (bob, None, "", "short", ann[:-1], ann.swapcase(), f"{ann}x"):
        answer = get(served, name, visitor)
        assert (answer.status_code, answer.text) == (404, "Not here.")
        assert {*answer.headers} == {*missing.headers}


def test_no_other_route_leads_to_a_picture(served, ann):
    name = keep(served, ann)
    (path, *_) = (served.folder / "data" / "pictures").glob("*.jpg")
    below = "/gradio_api/file="
    digest = name.removeprefix("picture:")
    for route in (
        f"{below}{path}",
        f"{below}{path.parent.parent}/clips/../pictures/{path.name}",
        f"{below}pictures/{path.name}",
        f"{below}clips/{path.stem}/{path.name}",
        f"{below}clips/{digest[:22]}/poster.jpg",
        f"/pictures/{path.name}",
        f"/pictures/{path.stem}",
        f"/pictures/{digest}/",
        f"/pictures/{digest.upper()}",
        f"/pictures/..%2Fpictures%2F{digest}",
        f"/clips.zip?{path.stem}",
        "/pictures/",
        "/static/pictures",
    ):
        session = requests.Session()
        asked = requests.Request("GET", served.url, headers=headers_of(ann)).prepare()
        asked.url = served.url + route  # as it stands, without its dots resolved
        answer = session.send(asked, timeout=10)
        assert answer.status_code in (400, 403, 404), route
        assert b"\xff\xd8\xff" not in answer.content


@pytest.mark.parametrize("visitor", [None, "", "short", "a b" * 12, "x" * 65])
def test_who_does_not_say_who_they_are_brings_nothing(served, visitor):
    answer = post(served, photo(), visitor)
    assert answer.status_code == 400
    assert "x-veo-visitor" in answer.text


def test_another_page_brings_nothing(served, ann):
    answer = post(served, photo(), ann, Origin="https://evil.example")
    assert answer.status_code == 403
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = requests.options(f"{served.url}/pictures", headers=asked, timeout=10)
    assert not answer.ok
    assert not any(name.startswith("Access-Control") for name in answer.headers)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_picture_is_brought_by_a_post_alone(served, ann, method):
    answer = requests.request(method, f"{served.url}/pictures", headers=headers_of(ann), timeout=10)
    assert answer.status_code == 405


@pytest.mark.parametrize(
    "query", ["?aspect_ratio=4:3", "?resolution=9999p", "?resolution=../etc", "?aspect_ratio="]
)
def test_a_shape_that_no_film_has_is_refused(served, ann, query):
    answer = post(served, photo(), ann, query)
    assert answer.status_code == 400
    assert "must be one of" in answer.text


@pytest.mark.parametrize("announced", [True, False])
def test_twelve_mebibytes_are_the_most(served, ann, announced):
    content = b"\xff\xd8\xff" + bytes(LARGEST_UPLOAD - 2)
    assert len(content) == LARGEST_UPLOAD + 1
    pieces = (content[start : start + 65536] for start in range(0, len(content), 65536))
    try:
        answer = post(served, content if announced else pieces, ann)
    except requests.ConnectionError:
        assert announced  # it is answered before all of it has left
    else:
        assert (answer.status_code, answer.text) == (413, "This picture is larger than 12 MiB.")
    assert post(served, content[:-1], ann).status_code == 400  # which is large enough for no JPEG


def test_elsewhere_a_quarter_of_a_mebibyte_stays_the_most(served, ann):
    body = bytes(300_000)
    for path in ("/pictures/" + "0" * 64, "/gradio_api/call/generate", "/pictures/x"):
        answer = requests.post(served.url + path, body, headers=headers_of(ann), timeout=10)
        assert answer.status_code in (404, 413)


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a" + bytes(100), b"<svg xmlns='http://www.w3.org/2000/svg'/>", photo()[:300]],
    ids=["empty", "gif", "svg", "truncated"],
)
def test_what_is_no_picture_is_told_in_a_sentence(served, ann, content):
    answer = post(served, content, ann)
    assert answer.status_code == 400
    assert answer.text.startswith("This ")
    assert answer.text.endswith(".")


def test_a_hundred_at_once_stop_at_the_bound(served, ann):
    with ThreadPoolExecutor(20) as pool:
        answers = [*pool.map(lambda seed: post(served, photo(seed), ann), range(100))]
    kept = [each.json()["name"] for each in answers if each.ok]
    refused = [each for each in answers if not each.ok]
    assert len({*kept}) == len(kept) == 40
    assert {each.status_code for each in refused} == {429}
    assert {each.text for each in refused} == {
        "You have brought many pictures that no clip was made from. Try again in an hour."
    }
    assert all(each.headers["Retry-After"] == "3600" for each in refused)
    keep(served, secrets.token_urlsafe(32))  # another visitor has room


def test_half_a_picture_leaves_nothing(served, ann):
    before = [*(served.folder / "data" / "pictures").glob("*")]
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as half:
        head = (
            f"POST /pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Veo-Visitor: {ann}\r\n"
            "Content-Length: 5000\r\n\r\n"
        )
        half.sendall(head.encode() + photo()[:1000])
        assert requests.get(served.url, timeout=10).status_code == 200
    keep(served, ann)
    after = [*(served.folder / "data" / "pictures").glob("*")]
    assert len(after) == len(before) + 1


def test_no_log_line_and_no_file_holds_what_a_camera_wrote(served, ann):
    exif = Image.Exif()
    exif[0x010E] = "canary-of-a-camera"
    content = photo(seed=77, exif=exif) + b"canary-behind-the-end"
    assert b"canary-of-a-camera" in content
    answer = post(served, content, ann, **{"Content-Disposition": 'filename="canary-name.jpg"'})
    assert b"canary" not in get(served, answer.json()["name"], ann).content
    assert "canary" not in served.log
    for path in served.folder.rglob("*"):
        if path.is_file():
            assert b"canary" not in path.read_bytes(), path


# Programs and agents


def as_picture(content):
    """As large as the tests' films are."""
    with Image.open(io.BytesIO(content)) as picture:
        small = picture.convert("RGB").resize((1280 // SMALLER, 720 // SMALLER))
        return np.asarray(small).astype(float)


def likeness(one, other):
    """Decibels (PSNR) between two pictures of one size."""
    return 10 * np.log10(255**2 / max(np.mean((one - other) ** 2), 1e-9))


def short(**more):
    return {"duration": 4, "resolution": "720p", "api_name": "/generate", **more}


@pytest.fixture(autouse=True)
def clients_leave_nothing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def test_a_program_films_a_picture_that_it_brought(keyed_page, ann):
    name = keep(keyed_page, ann)
    client = program(keyed_page, **{"X-Veo-Visitor": ann})
    clip, facts = client.predict(FOX, image_url=name, **short())
    sent = as_picture(get(keyed_page, name, ann).content)
    first = as_picture(media.frame_at(clip, 0))
    assert likeness(first, sent) > 30
    assert facts["request"]["image_url"] == name
    assert facts["request"]["model"] == "google/veo-3.1-i2v"
    assert (facts["usd"], facts["usd_is_charged"]) == (0.0, False)  # by the demo's price list
    last, name_of_last = as_picture(media.last_frame(clip)), facts["generation_id"]

    clip, facts = client.predict(FOX, last_frame_of=name_of_last, **short())
    assert likeness(as_picture(media.frame_at(clip, 0)), last) > 30
    clip, facts = client.predict(FOX, extend=name_of_last, **short(duration=8))
    assert facts["request"]["model"] == "google/veo3-1-extend-video"
    assert facts["request"]["video_url"] == f"clip:{name_of_last}"
    assert facts["duration"] == pytest.approx(11, abs=0.3)
    client.close()


def test_a_program_without_a_name_films_on_from_an_id(keyed_page):
    client = program(keyed_page)
    clip, facts = client.predict(FOX, **short())
    known = facts["generation_id"]
    last = as_picture(media.last_frame(clip))
    clip, facts = client.predict(FOX, last_frame_of=known, **short())
    assert likeness(as_picture(media.frame_at(clip, 0)), last) > 30
    _, facts = client.predict(FOX, extend=known, wait=False, api_name="/generate")
    assert facts["request"]["video_url"] == f"clip:{known}"
    client.close()


def test_three_references_and_two_ends_go_the_same_way(keyed_page, ann):
    names = [keep(keyed_page, ann, n) for n in range(2)]
    references = [keep(keyed_page, ann, n, "?reference=1&resolution=720p") for n in range(3)]
    client = program(keyed_page, **{"X-Veo-Visitor": ann})
    clip, facts = client.predict(FOX, image_url=names[0], last_image_url=names[1], **short())
    assert facts["request"]["model"] == "google/veo-3.1-first-last-image-to-video"
    end = as_picture(get(keyed_page, names[1], ann).content)
    assert likeness(as_picture(media.last_frame(clip)), end) > 30
    _, facts = client.predict(FOX, image_urls=references, wait=False, api_name="/generate")
    assert facts["request"]["image_urls"] == references
    client.close()


def test_a_price_needs_no_picture(keyed_page):
    client = program(keyed_page)
    for model, settings in MODELS.items():
        resolution = settings.resolutions[0]
        asked = {"model": model, "resolution": resolution, "api_name": "/price"}
        assert client.predict(**asked, duration=8)["text"] == "free"
    client.close()


def test_another_visitors_picture_is_not_filmed(keyed_page, ann):
    name = keep(keyed_page, ann)
    before = len(keyed_page.rows())
    for visitor in ({}, {"X-Veo-Visitor": secrets.token_urlsafe(32)}):
        client = program(keyed_page, **visitor)
        for wrong in ({"image_url": name}, {"image_urls": [name]}, {"image_url": OTHER}):
            with pytest.raises(Exception, match="is not here any more, so nothing was sent"):
                client.predict(FOX, **wrong, **short(duration=8))
        client.close()
    assert len(keyed_page.rows()) == before


def test_what_does_not_go_together_is_told_and_nothing_is_sent(keyed_page, ann):
    client = program(keyed_page, **{"X-Veo-Visitor": ann})
    for given, said in (
        ({"image_url": "a"}, "must be an address"),
        ({"image_url": FAR, "model": "google/veo-3.1-t2v-fast"}, "is nothing"),
        ({"last_image_url": FAR}, "without a first one"),
        ({"extend": "x", "last_frame_of": "y"}, "not both"),
        ({"extend": "no-such-id"}, "no such clip"),
        ({"image_url": FAR, "seed": 7}, "seed cannot be chosen"),
        ({"image_url": "data:image/png;base64,iVBORw0KGgo="}, "bring it first"),
        ({"provider": "nobody"}, "provider must be"),
    ):
        with pytest.raises(Exception, match=said):
            client.predict(FOX, **given, api_name="/generate")
    client.close()
