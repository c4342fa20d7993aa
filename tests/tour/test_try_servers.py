"""`make servers` starts all of it, says where it is, and leaves nothing behind."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
import try_servers
from conftest import KEY

ROOT = Path(__file__).parents[2]
PORT = re.compile(r"http://127\.0\.0\.1:(\d+)")


@pytest.fixture
def folder():
    """Where everything is kept; short, for a socket's path, and open for PostgreSQL's own user."""
    folder = Path(tempfile.mkdtemp(prefix="all-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def started(folder):
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": ".:tests"}
    environment["AIMLAPI_KEY"] = KEY
    process = subprocess.Popen(
        [sys.executable, "-u", "tests/try_servers.py"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for each in processes_in(folder):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def processes_in(folder):
    """Every process that works in `folder` or was told of it, whoever its parent is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = b"".join((process / name).read_bytes() for name in ("cmdline", "environ"))
            if str(folder).encode() in told + os.fsencode((process / "cwd").readlink()):
                found.append(int(process.name))
    return [each for each in found if each != os.getpid()]


def read_until(process, word):
    said = ""
    while word not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes by /proc")
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_it_serves_a_page_and_leaves_nothing_behind(how, folder):
    with started(folder) as process:
        said = read_until(process, "Stop  ")
        front, *servers = [int(port) for port in PORT.findall(said)]
        assert len(servers) == 3
        for port in (front, *servers):
            assert requests.get(f"http://127.0.0.1:{port}/", timeout=20).ok
        assert len(processes_in(folder)) > 6
        for server in re.findall(r"process (\d+)", said):  # nothing here may cost
            assert KEY.encode() not in Path(f"/proc/{server}/environ").read_bytes()
        if how == "Ctrl-C":  # reaches every process of the terminal
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.terminate()
        assert process.wait(60) == 0
        assert process.stdout.read().split() == ["Stopped."]
        assert processes_in(folder) == []
        for port in (front, *servers):
            socket.create_server(("127.0.0.1", port)).close()
    assert list(folder.iterdir()) == []


def test_everything_that_is_missing_is_named_before_anything_is_started(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("nginx.shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("seaweed.sysconfig.get_path", lambda _: "/nowhere")
    monkeypatch.setattr(try_servers, "postgres_programs", lambda: None)
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    with pytest.raises(try_servers.Missing) as caught:
        try_servers.require_programs()
    lines = str(caught.value).splitlines()
    assert [next(word for word in WORDS if word in line) for line in lines] == [*WORDS]


WORDS = ("nginx", "SeaweedFS", "PostgreSQL", "procrastinate")
