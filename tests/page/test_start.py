"""A start says what it lacks, each by its name; whatever ends it, ids are waited for."""

import errno
import json
import socket
import threading
import time
from pathlib import Path

import pytest
from conftest import KEY
from fault_server import FaultServer
from served import (
    FOX,
    FRESH,
    ROOT,
    ServedPage,
    free_port,
    in_a_fresh_python,
    refused_start,
    service_that_never_finishes,
)

from page.web import address

FIELDS = ["google/veo-3.1-t2v", "16:9", 4, "720p", True, "", None, True, True]


@pytest.fixture(scope="module")
def taken_port():
    with socket.create_server(("127.0.0.1", free_port())) as server:
        yield str(server.getsockname()[1])


NOT_A_FOLDER = str(Path(__file__))
STARTS = {
    "a port that is taken": ({"GRADIO_SERVER_PORT": "TAKEN"}, "GRADIO_SERVER_PORT"),
    "an address of another": ({"GRADIO_SERVER_NAME": "192.0.2.7"}, "GRADIO_SERVER_NAME"),
    "a temporary folder": ({"GRADIO_TEMP_DIR": NOT_A_FOLDER}, "GRADIO_TEMP_DIR"),
    "a data folder": ({"VEO_DATA_DIR": NOT_A_FOLDER}, "VEO_DATA_DIR"),
}


@pytest.mark.parametrize(("environment", "name"), STARTS.values(), ids=STARTS)
def test_what_a_start_lacks_is_said_in_a_sentence_that_names_its_setting(
    environment, name, taken_port, tmp_path
):
    given = {key: value.replace("TAKEN", taken_port) for key, value in environment.items()}
    given = {"VEO_DATA_DIR": str(tmp_path / "data"), "AIMLAPI_KEY": KEY, **given}
    others = {told for _, told in STARTS.values()} - {name}
    in_a_fresh_python(f"""
import os
os.environ |= {given!r}
import app
try:
    app.main()
except SystemExit as end:
    said = end.code
assert {name!r} in said and not any(other in said for other in {others!r}), said
assert said.count("\\n") == 0 and {KEY!r} not in said, said
""")


@pytest.mark.slow
def test_a_port_that_is_none_is_said_before_gradio_falls_over_it(tmp_path):
    said = refused_start(tmp_path, python=FRESH, GRADIO_SERVER_PORT="http")
    assert said == "GRADIO_SERVER_PORT must be a port, 1 to 65535; it is 'http'.\n"


def test_where_nothing_temporary_can_be_written_the_variable_is_named(tmp_path):
    in_a_fresh_python("""
import tempfile
import app
from page.web import serve

def none():
    raise FileNotFoundError(2, "No usable temporary directory found")

tempfile.gettempdir = none
try:
    serve.require_temp_folder()
except serve.CannotStart as error:
    assert "TMPDIR" in str(error)
else:
    raise AssertionError("it starts")
""")


def test_a_port_is_blamed_for_nothing_else():
    """Between our look and the start; Gradio's own error about ports has no number."""
    in_a_fresh_python("""
import errno
import app
from page.web import serve

for error, says_port in (
    (OSError("Cannot find empty port in range: 7860-7860."), True),
    (OSError(errno.EADDRINUSE, "Address already in use"), True),
    (OSError(errno.EMFILE, "Too many open files"), False),
    (OSError(errno.ENOSPC, "No space left on device"), False),
):
    def fail(error=error):
        raise error
    serve.VeoClient = fail
    try:
        app.main()
    except SystemExit as end:
        said = end.code
    assert ("GRADIO_SERVER_PORT" in said) == says_port, said
    assert says_port or error.strerror.lower() in said.lower(), said
""")


ADDRESSES = {
    "a name of nobody": ("nobody.invalid", None, "GRADIO_SERVER_NAME"),
    "a whole address": ("http://0.0.0.0", None, "GRADIO_SERVER_NAME"),
    "an address of another": ("192.0.2.7", None, "GRADIO_SERVER_NAME is 192.0.2.7"),
    "a name with an empty part": ("a..b", None, "GRADIO_SERVER_NAME"),
    "a name that is too long": ("a" * 64, None, "GRADIO_SERVER_NAME"),
    "one of IPv6": ("[2001:db8::7]", None, "GRADIO_SERVER_NAME"),
}


@pytest.mark.parametrize(("host", "port", "says"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_that_is_not_here_is_named(host, port, says):
    with pytest.raises(address.NoAddress, match=says):
        address.free_port(host, port or free_port())


def test_a_port_is_taken_wherever_another_listens(taken_port):
    for host in ("127.0.0.1", "0.0.0.0", "localhost"):  # noqa: S104  # which is then refused
        with pytest.raises(address.NoAddress, match="GRADIO_SERVER_PORT"):
            address.free_port(host, int(taken_port))


def test_a_port_below_1024_may_need_rights(monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(address, "_bind", refuse)
    with pytest.raises(address.NoAddress, match="above 1023 with GRADIO_SERVER_PORT"):
        address.free_port("127.0.0.1", 80)


def test_without_a_port_the_first_one_that_is_free_is_taken(monkeypatch, taken_port):
    monkeypatch.setattr(address, "FIRST_PORT", int(taken_port))
    assert address.free_port("127.0.0.1", None) > int(taken_port)
    monkeypatch.setattr(address, "PORTS", 1)
    with pytest.raises(address.NoAddress, match="choose another with GRADIO_SERVER_PORT"):
        address.free_port("127.0.0.1", None)


# What is being sent when a server ends


class Answering:
    """A service that takes a request, and answers once the test lets it."""

    def __init__(self):
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def __call__(self, connection):
        if connection.request.method == "POST":
            self.asked.set()
            self.may_answer.wait(30)
        service_that_never_finishes(connection)


def test_a_web_server_that_takes_its_time_is_waited_for():
    """Gradio gives it five seconds by the wall's clock, then starts another at the next port."""
    in_a_fresh_python("""
import app, itertools, socket, types, uvicorn
from gradio import http_server
from page.gradio_patches.patient_start import wait_for_the_server

async def nothing(scope, receive, send):
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})

hours = itertools.count(0, 3600)
http_server.time = types.SimpleNamespace(time=lambda: next(hours), sleep=lambda _: None)
wait_for_the_server()
server = http_server.Server(uvicorn.Config(nothing, port=0, log_level="error"))
server.run_in_thread()
assert server.started and server.thread.is_alive()
server.close()
with socket.create_server(("127.0.0.1", 0)) as other:
    taken = other.getsockname()[1]
    try:
        config = uvicorn.Config(nothing, port=taken, log_level="critical")
        http_server.Server(config).run_in_thread()
    except http_server.ServerFailedToStartError:
        pass
    else:
        raise AssertionError("it says that it serves")
""")


PRESS = """
import json, threading, urllib.request

def press(url):
    body = json.dumps({{"data": [{prompt!r}, *{fields!r}, True, None]}}).encode()
    head = {{"Content-Type": "application/json"}}
    asked = urllib.request.Request(url + "gradio_api/call/generate", body, head)
    urllib.request.urlopen(asked).read()
"""

ENDS = {
    "Gradio raises in the first second": "raise ValueError('When localhost is not accessible')",
    "somebody calls sys.exit": "raise SystemExit(3)",
    "the terminal is gone when it prints": "raise BrokenPipeError(32, 'Broken pipe')",
    "the web server ends by itself": "page.server.should_exit = True",
}

PROGRAM = """
import os, sys
sys.path.insert(0, {root!r})
import app
from page.gradio_patches.blocks import PageBlocks
from page.web import serve
{press}
launch = PageBlocks.launch

def press_and_end(page, **options):
    launch(page, **options)
    press(page.local_url)
    while not os.path.exists({asked!r}):
        pass
    {end}

PageBlocks.launch = press_and_end
app.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_whatever_ends_a_server_what_was_sent_gets_its_id(end, tmp_path):
    """A press in the first second, on a machine so slow that Gradio gives up."""
    service, asked = Answering(), tmp_path / "asked"
    program = tmp_path / "program.py"
    press = PRESS.format(prompt=FOX, fields=FIELDS)
    program.write_text(PROGRAM.format(root=str(ROOT), press=press, asked=str(asked), end=end))
    with FaultServer(service) as server:
        served = ServedPage(tmp_path, program=program, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=server.url)
        try:
            assert service.asked.wait(40), served.log
            asked.touch()
            time.sleep(0.5)
            assert served._process.is_alive(), served.log
            service.may_answer.set()
            served._process.join(30)
            assert served._process.exitcode
            assert KEY not in served.log
        finally:
            served._process.kill()
            served._process.join()
            served._log.close()
        (row,) = served.rows()
        assert (row["state"], json.loads(row["generation_id"])) == ("running", "job")
        assert [request.method for request in server.requests].count("POST") == 1
