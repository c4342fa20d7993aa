"""What it costs to begin, and to be there: CPU time of importing the client, seconds to a served
page, CPU time of a page that nobody visits."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from benchmarks.table import Row

ROOT = Path(__file__).parents[1]
IMPORTS = 31
STARTS = 3
IDLE = 10.0
"""Seconds."""

BARE_PAGE = """
import gradio as gr
with gr.Blocks(analytics_enabled=False) as demo:
    gr.Textbox()
    gr.Button(elem_id="generate")
demo.launch(ssr_mode=False)
"""


def rows() -> Iterator[Row]:
    ours, peer = [], []
    for _ in range(IMPORTS):
        ours.append(cpu_seconds("import veo_client"))
        peer.append(cpu_seconds("import requests"))
    yield Row(
        name="import veo_client",
        ours=1000 * min(ours),
        peer=1000 * min(peer),
        unit="ms CPU",
        peer_name="import requests",
        limit=1.2,
    )
    ours, peer = [], []
    for _ in range(STARTS):
        ours.append(seconds_to_a_page(["make", "run"]))
        peer.append(seconds_to_a_page([sys.executable, "-c", BARE_PAGE]))
    yield Row(
        name="make run to a served page",
        ours=statistics.median(ours),
        peer=statistics.median(peer),
        unit="s",
        peer_name="a bare Gradio page",
        limit=1.1,
    )
    yield Row(
        name="a page that nobody visits, a second",
        ours=idle_cpu([sys.executable, "app.py"]),
        peer=idle_cpu([sys.executable, "-c", BARE_PAGE]),
        unit="ms CPU",
        peer_name="a bare Gradio page",
        limit=0.5,
    )


def cpu_seconds(code: str) -> float:
    """User and system time of a fresh Python that runs `code`."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    # Our modules may keep their compiled form as those of an installed package do.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = spent()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=environment)
    return spent() - start


def idle_cpu(command: list[str]) -> float:
    """Milliseconds of CPU time a second, once the page has been asked for."""
    with served(command) as (_, process):
        time.sleep(1)
        before = cpu_of(process)
        time.sleep(IDLE)
        return 1000 * (cpu_of(process) - before) / IDLE


def cpu_of(process: subprocess.Popen[bytes]) -> float:
    """User and system time in seconds, so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds_to_a_page(command: list[str]) -> float:
    began = time.monotonic()
    with served(command):
        return time.monotonic() - began


@contextlib.contextmanager
def served(command: list[str], **settings: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A page's address once it answers, far from a person's keys and files, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIML", "VEO"))}
        environment = inherited | {
            "VEO_DATA_DIR": folder,
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_TEMP_DIR": folder,
            "GRADIO_ANALYTICS_ENABLED": "False",
            **settings,
        }
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not serves(port):
                assert process.poll() is None, f"{command} ended"
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}", process
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has ended, which is told
                os.killpg(process.pid, 9)
            process.wait()


def serves(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/", timeout=5).ok
    except requests.ConnectionError:
        return False
