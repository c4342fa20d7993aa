"""What "Code" shows runs as shown: each program, unchanged, against a service that listens.

Only the waiting is not real: each language's own sleep is shortened from outside.
"""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import playwright
import pytest
from conftest import KEY
from fault_server import FaultServer, file_answer, html_answer, json_answer
from hypothesis import given
from hypothesis import strategies as st
from served import FOX, ROOT
from test_jobs import film

from page import code_samples, form
from veo import media
from veo.models import shows_something
from veo_client import BASE_URL, MODELS, VideoRequest

NAMES = ("client", "requests", "curl", "node")
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
IMPATIENT = (
    "data:text/javascript,const wait = setTimeout; globalThis.setTimeout ="
    "(done, ms, ...rest) => wait(done, ms === 10_000 ? 50 : ms, ...rest);"
)


def run(name, code, folder):
    """Run one program in `folder`, as a person would but for the waiting."""
    path = folder / {"curl": "clip.sh", "node": "clip.mjs"}.get(name, "clip.py")
    path.write_bytes(code.encode())
    quick = folder / "quick"
    quick.mkdir()
    (quick / "sleep").write_text("#!/bin/sh\nexec /bin/sleep 0.05\n")
    (quick / "sleep").chmod(0o755)
    command = {"curl": ["bash"], "node": [NODE, "--import", IMPATIENT]}.get(name, PYTHON)
    environment = {
        "PATH": f"{quick}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
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


GENERATING = json_answer(200, {"id": "a:b/c d", "status": "generating"})


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("name", NAMES)
def test_it_sends_this_request_once_and_saves_the_clip(name, request_name, tmp_path):
    """Two looks at work in the making and one that the service stumbles over come before."""
    request = REQUESTS[request_name]
    with Service(GENERATING, html_answer(503), GENERATING) as service:
        ran = run(name, code_samples.write_samples(request, service.url)[name], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "clip.mp4").read_bytes() == film()
    assert service.bodies() == [request.body()]
    assert "a:b/c d" in ran.stdout
    assert KEY not in ran.stdout + ran.stderr
    keys = {call.path: call.headers["Authorization"] for call in service.requests}
    assert keys.pop("/clip.mp4?signed=a&b") is None
    assert set(keys.values()) == {f"Bearer {KEY}"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "look",
    [
        json_answer(200, {"id": "a:b/c d", "status": "waiting"}),
        json_answer(200, {"id": "a:b/c d", "status": "upscaling"}),
        json_answer(200, {"id": "a:b/c d"}),
        json_answer(404, {"message": "There is no such generation."}),
    ],
    ids=["waiting", "upscaling", "no status", "not found yet"],
)
def test_a_look_that_shows_no_end_abandons_no_paid_clip(name, look, tmp_path):
    with Service(look, look) as service:
        ran = run(name, code_samples.write_samples(REQUESTS["plain"], service.url)[name], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "clip.mp4").read_bytes() == film()
    assert len(service.bodies()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_it_gets_a_real_clip_from_the_demo_service(name, demo, tmp_path):
    ran = run(name, code_samples.write_samples(REQUESTS["plain"], demo.base_url)[name], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert media.inspect(tmp_path / "clip.mp4").frames == 96


@pytest.mark.parametrize("name", NAMES)
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
    if name == "requests":
        literal = re.search(r"^BODY = (\{\n.*?^\})$", code, re.S | re.M)[1]
        return ast.literal_eval(literal)
    if name == "curl":
        # What bash makes of quotes is what shlex makes of them.
        quoted = re.search(r"^body=(.+?)\n\n# Prints", code, re.S | re.M)[1]
        (body,) = shlex.split(quoted)
        return json.loads(body)
    # JSON is JavaScript since 2019, whatever is in its strings.
    return json.loads(re.search(r"^const body = (.+?);\n\nconst ask", code, re.S | re.M)[1])


@st.composite
def any_request(draw):
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
    prompt = draw(text.filter(shows_something) | st.just(NASTY))
    model = draw(st.sampled_from(form.OFFERED[frozenset()]))
    return VideoRequest(
        prompt,
        model=model,
        duration=draw(st.sampled_from(MODELS[model].durations)),
        negative_prompt=draw(text),
        generate_audio=draw(st.booleans()),
        enhance_prompt=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@given(any_request())
def test_the_code_says_the_request_whatever_is_in_it(request):
    for name, code in code_samples.write_samples(request).items():
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


@pytest.mark.parametrize("name", ["client", "requests"])
def test_the_python_is_formatted_as_ours_is(name, tmp_path):
    code = code_samples.write_samples(REQUESTS["plain"])[name]
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--line-length", "100", "-"]
    ran = subprocess.run(command, input=code, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout
