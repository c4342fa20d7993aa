"""What "Code" shows runs as shown: each program, unchanged, against a service that listens.

Only the waiting is not real: each language's own sleep is shortened from outside.
"""

import ast
import base64
import hashlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import av
import PIL.Image
import PIL.ImageChops
import PIL.ImageDraw
import PIL.ImageStat
import playwright
import pytest
from conftest import KEY
from fault_server import FaultServer, file_answer, html_answer, json_answer
from hypothesis import given, settings
from hypothesis import strategies as st
from served import FOX, ROOT
from test_jobs import film

from page import code_samples, form
from veo import media
from veo.models import shows_something
from veo.options import read_options, request_fields
from veo.pieces import data_uri
from veo_client import BASE_URL, MODELS, VeoClient, VideoRequest

NAMES = ("client", "command", "requests", "curl", "node")
PROGRAMS = tuple(name for name in NAMES if name != "command")
"""What the command does in trouble is tested with the command."""
NASTY = (
    'She said "it\'s" `whoami` $HOME ${AIMLAPI_KEY} $(id) %s {0} \\n \\\\ §key\n\tC:\\new\r\n'
    "</script><!-- ]]> 'quoted' \"\"\" ''' ${alert(1)} #{x} !! "
    "é 狐 🦊 \u2028 \u202e \x00 \x7f \x1b[0m"
)
REQUESTS = {
    "plain": VideoRequest(FOX, seed=7, duration=4, resolution="720p"),
    "nasty": VideoRequest(NASTY, seed=0, negative_prompt=f"'{NASTY}'", auto_fix=False),
    "leading": VideoRequest("@file", seed=2**32 - 1, negative_prompt="-o x", enhance_prompt=False),
}

NODE = Path(playwright.__file__).parent / "driver" / "node"
"""Playwright brings one."""

PYTHON = [
    sys.executable,
    "-c",
    "import sys, time, runpy; slept = time.sleep; time.sleep = lambda _: slept(0.05);"
    "runpy.run_path(sys.argv[1], run_name='__main__')",
]
HASTE = """
import time

slept, now, skipped = time.sleep, time.monotonic, []

def sleep(seconds):
    skipped.append(seconds)
    slept(0.5)

time.sleep, time.monotonic = sleep, lambda: now() + sum(skipped)
"""
"""For the command, which looks at the clock to see how long it has waited."""
IMPATIENT = (
    "data:text/javascript,const wait = setTimeout; globalThis.setTimeout ="
    "(done, ms, ...rest) => wait(done, ms === 10_000 ? 50 : ms, ...rest);"
)


def run(name, code, folder):
    """Run one program in `folder`, as a person would but for the waiting."""
    ending = {"command": ".sh", "curl": ".sh", "node": ".mjs"}.get(name, ".py")
    path = folder / f"clip{ending}"
    path.write_bytes(code.encode())
    quick = folder / "quick"
    quick.mkdir()
    (folder / "make_clip.py").symlink_to(ROOT / "make_clip.py")
    (quick / "sitecustomize.py").write_text(HASTE)
    (quick / "sleep").write_text("#!/bin/sh\nexec /bin/sleep 0.05\n")
    (quick / "sleep").chmod(0o755)
    shell, node = ["bash"], [NODE, "--import", IMPATIENT]
    command = {"command": shell, "curl": shell, "node": node}.get(name, PYTHON)
    environment = {
        "PATH": f"{quick}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{quick}" if name == "command" else str(ROOT),
        "HOME": str(folder),
        "AIMLAPI_KEY": KEY,
    }
    return subprocess.run(
        [*command, path], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


class Service(FaultServer):
    """Takes a request, gives these looks one after the other, and then the film."""

    def __init__(self, *looks, create=None):
        self.looks = [*looks]
        self.create = create or json_answer(200, {"id": "a:b/c d", "status": "queued"})
        super().__init__(self.play)

    def play(self, connection):
        request = connection.request
        if request.method == "POST":
            self.create(connection)
        elif request.path == "/clip.mp4?signed=a&b":
            file_answer(film())(connection)
        elif self.looks:
            self.looks.pop(0)(connection)
        else:
            video = {"url": f"{self.url}/clip.mp4?signed=a&b"}
            json_answer(200, {"id": "a:b/c d", "status": "completed", "video": video})(connection)

    def bodies(self):
        return [request.json() for request in self.requests if request.method == "POST"]


def assert_saved(name, folder):
    clip = folder / "clip.mp4"
    if name == "command":  # which writes the settings into it
        (folder / "film.mp4").write_bytes(film())
        facts = [media.inspect(clip), media.inspect(folder / "film.mp4")]
        assert replace(facts[0], size=facts[1].size) == facts[1]
    else:
        assert clip.read_bytes() == film()


GENERATING = json_answer(200, {"id": "a:b/c d", "status": "generating"})


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("name", NAMES)
def test_it_sends_this_request_once_and_saves_the_clip(name, request_name, tmp_path):
    """Two looks at work in the making and one that the service stumbles over come before."""
    request = REQUESTS[request_name]
    if name == "command" and request_name == "nasty":
        request = replace(request, prompt=NASTY.replace("\0", ""), negative_prompt="\x1b[0m 狐")
    with Service(GENERATING, html_answer(503), GENERATING) as service:
        ran = run(name, code_samples.write_samples(request, service.url)[name], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert_saved(name, tmp_path)
    assert service.bodies() == [request.body()]
    assert "a:b/c d" in ran.stdout + ran.stderr  # where the command tells its progress
    assert KEY not in ran.stdout + ran.stderr
    keys = {call.path: call.headers["Authorization"] for call in service.requests}
    assert keys.pop("/clip.mp4?signed=a&b") is None
    assert set(keys.values()) == {f"Bearer {KEY}"}


NO_END = {
    "waiting": json_answer(200, {"id": "a:b/c d", "status": "waiting"}),
    "upscaling": json_answer(200, {"id": "a:b/c d", "status": "upscaling"}),
    "no status": json_answer(200, {"id": "a:b/c d"}),
    "not found yet": json_answer(404, {"message": "There is no such generation."}),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_looks_that_show_no_end_abandon_no_paid_clip(name, tmp_path):
    """Each kind twice in a row; a program that stops at one of them has not looked at the rest."""
    with Service(*(look for kind in NO_END.values() for look in (kind, kind))) as service:
        ran = run(name, code_samples.write_samples(REQUESTS["plain"], service.url)[name], tmp_path)
        assert service.looks == []
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "clip.mp4").read_bytes() == film()
    assert len(service.bodies()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_it_gets_a_real_clip_from_the_demo_service(name, demo, tmp_path):
    ran = run(name, code_samples.write_samples(REQUESTS["plain"], demo.base_url)[name], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert media.inspect(tmp_path / "clip.mp4").frames == 96


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    ("create", "looks", "said"),
    [
        (json_answer(403, {"message": "You are out of credits."}), [], "out of credits"),
        (html_answer(502), [], "502"),
        (None, [json_answer(200, {"status": "error", "error": {"message": "No cats"}})], "No cats"),
    ],
    ids=["refused", "no usable answer", "failed"],
)
def test_it_stops_and_says_why(name, create, looks, said, tmp_path):
    with Service(*looks, create=create) as service:
        ran = run(name, code_samples.write_samples(REQUESTS["plain"], service.url)[name], tmp_path)
    assert ran.returncode != 0
    assert said in ran.stderr
    assert len(service.bodies()) == 1
    assert not (tmp_path / "clip.mp4").exists()


@pytest.mark.parametrize("name", ["requests", "node"])
def test_it_looks_no_more_with_a_key_that_is_refused(name, tmp_path):
    """curl cannot tell what passes from what does not: it shows the code and looks again."""
    with Service(*[json_answer(401, {"message": "Invalid API key."})] * 2) as service:
        ran = run(name, code_samples.write_samples(REQUESTS["plain"], service.url)[name], tmp_path)
    assert ran.returncode != 0
    assert "Invalid API key." in ran.stderr
    assert len(service.requests) == 2


@pytest.mark.parametrize("look", [GENERATING, html_answer(503)], ids=["unready", "no answer"])
@pytest.mark.parametrize("name", ["requests", "curl", "node"])
def test_its_patience_ends(name, look, tmp_path):
    """The client's own is tested with the client."""
    with Service(*[look] * 4) as service:
        code = code_samples.write_samples(REQUESTS["plain"], service.url)[name]
        ran = run(name, re.sub(r"\b120\b", "3", code), tmp_path)
    assert ran.returncode != 0
    assert "under this id" in ran.stderr
    assert len(service.requests) == 4


# Pictures and clips: files beside the program, or a clip that was made

SMALL = {"model": "google/gemini-omni-1.1-flash", "duration": 3, "resolution": "360p"}


def photo(path, size=(640, 360)):
    """A JPEG that is too long for an argument, and is of no film's colours."""
    noise = PIL.Image.effect_noise(size, 90).convert("RGB")
    PIL.ImageDraw.Draw(noise).rectangle((0, 0, size[0] // 2, size[1]), fill=(30, 90, 200))
    noise.save(path, quality=95)
    return path.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_read_from_the_folder_and_never_written_out(name, tmp_path):
    files = {each: photo(tmp_path / each) for each in ("first.jpg", "last.jpg")}
    addresses = [data_uri(content) for content in files.values()]
    assert min(map(len, addresses)) > 128 << 10
    request = VideoRequest(
        NASTY.replace("\0", ""),
        model="google/veo-3.1-first-last-image-to-video",
        image_url=addresses[0],
        last_image_url=addresses[1],
    )
    with Service() as service:
        code = code_samples.write_samples(request, service.url)[name]
        ran = run(name, code, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert_saved(name, tmp_path)
    assert "base64,/9j" not in code
    assert len(code) < 6000
    (body,) = service.bodies()
    if name in ("client", "command"):  # they make them fit the film first
        sent = [body.pop(field) for field in ("image_url", "last_image_url")]
        assert all(shown(address).size == (1920, 1080) for address in sent)
        assert body == {key: request.body()[key] for key in body}
    else:
        assert body == request.body()


def shown(address):
    return PIL.Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


@pytest.mark.parametrize("name", PROGRAMS)
def test_references_are_addresses_and_files_in_their_order(name, tmp_path):
    there = "https://example.com/cat.jpg?a=1&b='2'"
    content = photo(tmp_path / "reference-2.jpg", (64, 64))
    request = VideoRequest(
        FOX,
        model="google/veo-3.1-reference-to-video",
        image_urls=(there, f"picture:{hashlib.sha256(content).hexdigest()}"),
    )
    with Service() as service:
        ran = run(name, code_samples.write_samples(request, service.url)[name], tmp_path)
    assert ran.returncode == 0, ran.stderr
    (body,) = service.bodies()
    first, second = body.pop("image_urls")
    assert first == there
    assert shown(second).size == (64, 64)
    assert body == {key: request.body()[key] for key in body}


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_sent_without_the_picture(name, tmp_path):
    request = VideoRequest(FOX, model="google/veo-3.1-i2v", image_url=f"picture:{'0' * 64}")
    with Service() as service:
        ran = run(name, code_samples.write_samples(request, service.url)[name], tmp_path)
    assert ran.returncode != 0
    assert "first.jpg" in ran.stderr
    assert service.requests == []


@pytest.mark.parametrize("name", NAMES)
def test_the_demo_films_a_picture_and_goes_on_from_a_clip(name, demo, made, tmp_path):
    (picture, before) = (tmp_path / "picture", tmp_path / "clip")
    picture.mkdir()
    before.mkdir()
    photo(picture / "first.jpg")
    request = VideoRequest(FOX, image_url=f"picture:{'0' * 64}", **SMALL)
    ran = run(name, code_samples.write_samples(request, demo.base_url)[name], picture)
    assert ran.returncode == 0, ran.stderr
    with av.open(picture / "clip.mp4") as film:
        frame = next(film.decode(video=0)).to_image()
    assert frame.size == (160, 90)
    whole = PIL.Image.open(picture / "first.jpg")
    difference = PIL.ImageChops.difference(frame, whole.resize(frame.size))
    assert max(PIL.ImageStat.Stat(difference).mean[:2]) < 12

    request = VideoRequest(FOX, video_url=f"clip:{made}", **SMALL)
    ran = run(name, code_samples.write_samples(request, demo.base_url)[name], before)
    assert ran.returncode == 0, ran.stderr
    assert media.inspect(before / "clip.mp4").duration == 6


@pytest.fixture(scope="module")
def made(demo):
    """The id of a clip that the demo made."""
    client = VeoClient("demo", base_url=demo.base_url)
    *_, last = client.generate(VideoRequest(FOX, **SMALL), sleep=lambda _: time.sleep(0.05))
    return last.generation_id


def test_what_the_command_cannot_switch_on_it_does_not_say():
    request = VideoRequest(
        FOX, model="google/veo3-1-extend-video", video_url="clip:a:b/c", auto_fix=True
    )
    assert code_samples.write_samples(request)["command"].startswith("# The command cannot")
    assert "--seed=1 " in code_samples.write_samples(VideoRequest(FOX, seed=1))["command"]


def test_a_clip_of_a_file_is_read_from_the_folder():
    request = VideoRequest(
        FOX, model="google/veo3-1-extend-video", video_url=data_uri(film()), aspect_ratio="9:16"
    )
    for name, code in code_samples.write_samples(request).items():
        assert "before.mp4" in code, name
        assert len(code) < 6000, name


# Any request at all: read back what the code says, without running it


def sent_by(name, code):
    """The body that the program sends, by the rules of its language."""
    if name == "client":
        (call,) = [
            node
            for node in ast.walk(ast.parse(code))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "VideoRequest"
        ]
        given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        return VideoRequest(**given).body()
    if name == "command":
        typed = read_options(read_by_bash(code.partition("make_clip.py ")[2]))
        return VideoRequest(**request_fields(typed)).body()
    if name == "requests":
        literal = re.search(r"^BODY = (\{\n.*?^\})$", code, re.S | re.M)[1]
        return ast.literal_eval(literal)
    if name == "curl":
        # What bash makes of quotes is what shlex makes of them.
        quoted = re.search(r"^body=(.+?)\n\n# The call", code, re.S | re.M)[1]
        (body,) = shlex.split(quoted)
        return json.loads(body)
    # JSON is JavaScript since 2019, whatever is in its strings.
    return json.loads(re.search(r"^const body = (.+?);\n\n// The call", code, re.S | re.M)[1])


def read_by_bash(words):
    """`$'…'` is no other shell's."""
    ran = subprocess.run(["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True)
    return ran.stdout.decode().split("\0")[:-1]


@st.composite
def any_request(draw):
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
    prompt = draw(text.filter(shows_something) | st.just(NASTY))
    model = draw(st.sampled_from(form.OFFERED[frozenset()]))
    fields = {
        "duration": draw(st.sampled_from(MODELS[model].durations)),
        "negative_prompt": draw(text),
        "generate_audio": draw(st.booleans()),
        "enhance_prompt": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }
    takes = MODELS[model].takes
    return VideoRequest(
        prompt, model=model, **{name: value for name, value in fields.items() if name in takes}
    )


@settings(deadline=None)
@given(any_request())
def test_the_code_says_the_request_whatever_is_in_it(request):
    for name, code in code_samples.write_samples(request).items():
        if name == "command" and "\0" in request.prompt + request.negative_prompt:
            assert code.startswith("# The command cannot say this")
        else:
            assert sent_by(name, code) == request.body()
        ugly = [c for c in code if not c.isprintable() and c != "\n"]
        assert ugly == [], "a reader would not see it"


def test_the_real_service_stands_there_and_no_key():
    written = code_samples.write_samples(REQUESTS["plain"])
    assert tuple(written) == NAMES
    for code in written.values():
        assert BASE_URL in code
        assert "AIMLAPI_KEY" in code
        assert max(map(len, code.replace(FOX, "").splitlines())) <= 100


WITH_INPUTS = {
    "plain": REQUESTS["plain"],
    "picture": VideoRequest(FOX, model="google/veo-3.1-i2v", image_url=f"picture:{'0' * 64}"),
    "references": VideoRequest(
        FOX,
        model="google/veo-3.1-reference-to-video",
        image_urls=("https://example.com/cat.jpg", f"picture:{'0' * 64}"),
    ),
    "made": VideoRequest(FOX, model="google/veo3-1-extend-video", video_url="clip:a:b/c"),
    "file": VideoRequest(FOX, model="google/veo3-1-extend-video", video_url=f"clip:{'0' * 64}"),
}


@pytest.mark.parametrize("request_name", WITH_INPUTS)
@pytest.mark.parametrize("name", ["client", "requests"])
def test_the_python_is_formatted_as_ours_is(name, request_name, tmp_path):
    code = code_samples.write_samples(WITH_INPUTS[request_name])[name]
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--line-length", "100", "-"]
    ran = subprocess.run(command, input=code, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("request_name", WITH_INPUTS)
def test_a_program_reads_well(request_name):
    for name, code in code_samples.write_samples(WITH_INPUTS[request_name]).items():
        assert max(map(len, code.replace(FOX, "").splitlines())) <= 100, name
        assert "\n\n\n\n" not in code, name
