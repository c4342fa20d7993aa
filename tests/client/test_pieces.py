"""A request with pictures: sent whole, once, without a second copy; shown without them."""

import base64
import json
import os
import random
import subprocess
import sys

import pytest
from conftest import KEY
from fault_server import FaultServer, answer, before_reading, close, json_answer
from test_half_sent_body import read
from test_models import EXTEND, I2V, PICTURE, REFERENCES, ROOT, data_uri, needed

from veo.models import LARGEST_CLIP, LARGEST_PICTURE
from veo.pieces import Pieces
from veo.pieces import data_uri as as_data_uri
from veo_client import InvalidRequest, Refused, SubmissionUncertain, Unreachable, VeoClient

TAKEN = json_answer(200, {"id": "a", "status": "queued"})
NAME = f"picture:{'a' * 64}"
JPEG, PNG = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"
WEBP, MP4 = b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypisom"
BIG = JPEG + random.Random(1).randbytes(LARGEST_PICTURE - len(JPEG))


def client_for(server):
    return VeoClient(KEY, base_url=server.url)


def whole(body):
    return json.loads(b"".join(Pieces(body)))


@pytest.mark.parametrize("size", [4, 5, 6, (48 << 10) - 1, 48 << 10, (48 << 10) + 1, 200_000])
@pytest.mark.parametrize("begins", [JPEG, PNG, WEBP], ids=["jpeg", "png", "webp"])
def test_bytes_become_a_data_uri(size, begins):
    picture = begins + os.urandom(size)
    body = {"prompt": 'a "fox"\n狐', "image_url": picture, "image_urls": [picture, PICTURE]}
    kind = {JPEG: "jpeg", PNG: "png", WEBP: "webp"}[begins]
    written = f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
    assert whole(body) == body | {"image_url": written, "image_urls": [written, PICTURE]}
    assert as_data_uri(picture) == written
    assert len(Pieces(body)) == len(b"".join(Pieces(body)))
    assert b"".join(Pieces(body)) == json.dumps(whole(body)).encode()


def test_a_long_address_is_written_as_it_is():
    long = data_uri(bytes(300_000))
    assert whole({"image_url": long}) == {"image_url": long}


def test_a_request_can_be_sent_again():
    """What was not taken is sent once more, with its pictures."""
    busy = answer(429, headers=[("Retry-After", "0")])
    request = needed(REFERENCES, image_urls=(NAME, PICTURE))
    with FaultServer([busy, TAKEN]) as server:
        client = client_for(server)
        assert client.submit(request, attach={NAME: BIG, PICTURE: PICTURE}.get, sleep=id) == "a"
    sent = [each.json() for each in server.requests]
    assert sent[0] == sent[1] == request.body({NAME: as_data_uri(BIG), PICTURE: PICTURE}.get)
    assert [each.headers["Content-Type"] for each in server.requests] == ["application/json"] * 2
    assert "Transfer-Encoding" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("name", "field", "found"),
    [
        (I2V, "image_url", NAME),  # nobody has it
        (I2V, "image_url", None),
        (I2V, "image_url", b""),
        (I2V, "image_url", b"GIF89a"),
        (I2V, "image_url", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        (I2V, "image_url", MP4),
        (I2V, "image_url", BIG + b"a"),
        (I2V, "image_url", "http://host.example/a.png"),
        (I2V, "image_url", "file:///etc/passwd"),
        (REFERENCES, "image_urls", NAME),
        (EXTEND, "video_url", JPEG),
        (EXTEND, "video_url", MP4 + bytes(LARGEST_CLIP)),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_the_service_could_not_read_is_not_sent(name, field, found):
    given = {"image_url": NAME, "image_urls": (NAME,), "video_url": "https://host/a.mp4"}
    request = needed(name, **{field: given[field]})
    with FaultServer([]) as server:
        with pytest.raises(InvalidRequest) as caught:
            client_for(server).submit(request, attach=lambda _: found)
    assert caught.value.field == field
    assert str(caught.value).endswith(".")
    assert server.connections == 0


def test_without_attach_a_name_of_ours_is_not_sent():
    with FaultServer([]) as server, pytest.raises(InvalidRequest) as caught:
        client_for(server).submit(needed(I2V, image_url=NAME))
    assert caught.value.field == "image_url"


# A clip by its id


def seen(**answer_):
    return json_answer(200, {"id": "uuid:a/b", **answer_})


def test_a_clip_is_sent_as_its_fresh_address():
    video = {"url": "https://cdn.example/a.mp4?signed=1"}
    with FaultServer([seen(status="completed", video=video), TAKEN]) as server:
        client_for(server).submit(needed(EXTEND, video_url="clip:uuid:a/b"))
    look, create = server.requests
    assert look.path.endswith("?generation_id=uuid%3Aa%2Fb")
    assert create.json()["video_url"] == video["url"]


@pytest.mark.parametrize(
    ("look", "kind"),
    [
        (seen(status="generating"), InvalidRequest),
        (json_answer(404, {"message": "There is no such generation."}), InvalidRequest),
        (json_answer(401, {"message": "Expected a valid key."}), Refused),
        (answer(503), Unreachable),
    ],
)
def test_a_clip_that_is_not_there_costs_nothing(look, kind):
    with FaultServer([look]) as server, pytest.raises(kind) as caught:
        client_for(server).submit(needed(EXTEND, video_url="clip:uuid:a/b"))
    assert [each.method for each in server.requests] == ["GET"]
    assert caught.value.generation_id is None


# What left, and what did not


def test_half_a_picture_has_not_been_taken():
    with FaultServer([cut_after(1 << 20)]) as server:
        with pytest.raises(Unreachable, match="only a part of the request"):
            client_for(server).submit(three(), attach=lambda _: BIG, sleep=pytest.fail)
    assert server.connections == 1


def test_a_whole_picture_without_an_answer_may_have_been_taken():
    with FaultServer([close]) as server, pytest.raises(SubmissionUncertain):
        client_for(server).submit(three(), attach=lambda _: BIG, sleep=pytest.fail)
    assert len(server.requests[0].json()["image_urls"]) == 3


def three():
    return needed(REFERENCES, image_urls=[f"picture:{each * 64}" for each in "abc"])


def cut_after(size):
    @before_reading
    def play(connection):
        read(connection, size)

    return play


# What is told of it


def test_a_trace_holds_no_picture():
    seen = []
    with FaultServer([TAKEN]) as server:
        client = client_for(server).with_trace(seen.append)
        client.submit(needed(I2V, image_url=as_data_uri(BIG)))
    (exchange,) = seen
    assert len(exchange.sent) < 500
    assert json.loads(exchange.sent) == needed(I2V, image_url=as_data_uri(BIG)).noted()


# Memory

MEASURE = """
import base64, re, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
import requests
from veo_client import VeoClient, VideoRequest

how, url = sys.argv[1:]
client = VeoClient("{key}", base_url=url)

def post(body):
    requests.post(url + "/v2/video/generations", json=body, timeout=60)

def in_text(name):
    return "data:image/jpeg;base64," + base64.b64encode(pictures[name]).decode()

def kib(what):
    return int(re.search(what + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

pictures = {{f"picture:{{each * 64}}": b"\\xff\\xd8\\xff" + bytes(2 << 20)[3:] for each in "abc"}}
request = VideoRequest("a fox", model="{model}", image_urls=tuple(pictures))
words = VideoRequest("a fox")
post(words.body())
client.submit(words)
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
before, began = kib("VmHWM"), time.process_time()
client.submit(request, attach=pictures.get) if how == "ours" else post(request.body(in_text))
took = time.process_time() - began
print(kib("VmHWM") - before, round(1000 * took))
"""


@pytest.mark.slow
def test_three_pictures_take_no_memory_of_their_own():
    """6 MiB of pictures: `requests` holds them as text, as JSON, and as bytes of that."""
    code = MEASURE.format(root=str(ROOT), key=KEY, model=REFERENCES)
    with FaultServer([TAKEN] * 6) as server:
        ours, plain = (
            subprocess.check_output([sys.executable, "-c", code, how, server.url]).split()
            for how in ("ours", "requests")
        )
    assert int(ours[0]) < 2 << 10  # KiB
    assert int(plain[0]) > 8 << 10
