"""A create with a picture of 2 MiB against plain `requests`, which makes one JSON of it.

Each is a process of its own that sends the same to the same server, which reads and forgets it.
CPU is that of the process alone, so the server is never what one waits for; memory is what the
first create adds to its peak.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from benchmarks.measure import peak_mib
from benchmarks.table import Row
from veo.models import LARGEST_PICTURE
from veo.pieces import data_uri
from veo_client import VeoClient, VideoRequest

CREATES, ROUNDS = 30, 3
ROOT = Path(__file__).parents[1]
ITSELF = [sys.executable, "-m", "benchmarks.bench_create"]
NAME = f"picture:{'0' * 64}"
REQUEST = VideoRequest("a fox", model="google/veo-3.1-i2v", image_url=NAME)


def rows() -> list[Row]:
    with serving() as url:
        measured: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
        for _ in range(ROUNDS):
            for who, figures in measured.items():
                figures.append(measure(who, url))
    ours, peer = ([min(each) for each in zip(*measured[who], strict=True)] for who in measured)
    return [
        Row(
            name="CPU: create with 2 MiB",
            ours=ours[0],
            peer=peer[0],
            unit="ms",
            peer_name="requests, json=",
            limit=0.6,
        ),
        Row(
            name="memory: create with 2 MiB",
            ours=ours[1],
            peer=peer[1],
            unit="MiB more",
            peer_name="requests, json=",
            limit=0.5,
        ),
    ]


def measure(who: str, url: str) -> tuple[float, float]:
    """Milliseconds of CPU for a create, and MiB that the first one adds."""
    process = subprocess.run([*ITSELF, who, url], check=True, stdout=subprocess.PIPE, cwd=ROOT)
    cpu, memory = map(float, process.stdout.split())
    return cpu, memory


def send(who: str, url: str) -> None:
    # In one piece, or what was free again would hide what a create adds.
    picture = b"\xff\xd8\xff".ljust(LARGEST_PICTURE, b"\1")
    client = VeoClient("key", base_url=url)

    def ours() -> None:
        client.submit(REQUEST, attach=lambda _: picture)

    def peer() -> None:
        body = REQUEST.body(lambda _: data_uri(picture))
        headers = {"Authorization": "Bearer key"}
        answer = requests.post(url, json=body, headers=headers, timeout=60)
        answer.raise_for_status()

    create = ours if who == "ours" else peer
    requests.post(url, json={}, timeout=60)  # whatever a first request loads
    before = peak_mib()
    create()
    more = peak_mib() - before
    began = os.times()
    for _ in range(CREATES):
        create()
    ended = os.times()
    cpu = ended.user + ended.system - began.user - began.system
    print(1000 * cpu / CREATES, more)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of a process that takes every create."""
    with subprocess.Popen(
        [*ITSELF, "serve"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as server:
        try:
            assert server.stdout
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


class Takes(BaseHTTPRequestHandler):
    """Reads a body and answers with an id."""

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 16)))
        self.send_response(200)
        body = b'{"id": "an-id", "status": "queued"}'
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serve() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Takes) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case [who, url]:
            send(who, url)
        case _:
            for row in rows():
                print(row, f"ratio {row.ratio:.2f}", "holds" if row.holds else "DOES NOT HOLD")
