"""What it costs to begin: CPU time of importing the client, seconds to a served page."""

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
IMPORTS = 15
STARTS = 3

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
        ours=1000 * statistics.median(ours),
        peer=1000 * statistics.median(peer),
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
        limit=1.5,
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


def seconds_to_a_page(command: list[str]) -> float:
    began = time.monotonic()
    with served(command):
        return time.monotonic() - began


@contextlib.contextmanager
def served(command: list[str]) -> Iterator[str]:
    """A page's address once it answers, far from a person's keys and files."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIML", "VEO"))}
        environment = inherited | {
            "VEO_DATA_DIR": folder,
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_TEMP_DIR": folder,
            "GRADIO_ANALYTICS_ENABLED": "False",
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
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 9)
            process.wait()


def serves(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/", timeout=5).ok
    except requests.ConnectionError:
        return False
