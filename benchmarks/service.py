"""A service on loopback, in a process of its own, that costs next to nothing.

It takes every request, says `queued`, then `generating`, then `completed`, and remembers when it
first said so of which job.  A job's id is its prompt, so that whoever asked knows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def serving(
    *,
    generating_after: float = 0.0,
    completed_after: float,
    answers_after: float = 0.0,
    film: Path | None = None,
) -> Iterator[str]:
    """The service's address; each answer takes `answers_after` seconds on its way."""
    numbers = (generating_after, completed_after, answers_after)
    command = [sys.executable, "-m", "benchmarks.service", *map(str, numbers), str(film or "")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


class Service:
    def __init__(
        self, generating_after: float, completed_after: float, answers_after: float, film: bytes
    ) -> None:
        self.generating_after = generating_after
        self.completed_after = completed_after
        self.answers_after = answers_after
        self.film = film
        self.url = ""
        self.taken: dict[str, float] = {}
        self.told: dict[str, dict[str, float]] = {}
        """When the first answer with a status left, for each job, on the machine's own clock."""

    def answer(self, method: str, target: str, body: bytes) -> object:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if method == "POST":
            prompt = json.loads(body)["prompt"]
            self.taken[prompt] = time.monotonic()
            return {"id": prompt, "status": "queued"}
        if path == "/v2/video/generations":
            return self.look(query["generation_id"][0])
        if path == "/film.mp4":
            return self.film
        return self.told if path == "/told" else {"data": []}

    def look(self, job: str) -> dict[str, object]:
        # What another process was given, in a time before this one, is as old as the first look.
        age = time.monotonic() - self.taken.setdefault(job, time.monotonic())
        if age >= self.completed_after:
            status = "completed"
        else:
            status = "generating" if age >= self.generating_after else "queued"
        answered = time.monotonic() + self.answers_after
        self.told.setdefault(job, {}).setdefault(status, answered)
        video = {"video": {"url": f"{self.url}/film.mp4"}} if status == "completed" else {}
        return {"id": job, "status": status, **video}


class Connection(asyncio.Protocol):
    """As much of HTTP/1.1 as our client and a browser's form speak."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, ended, body = self.received.partition(b"\r\n\r\n")
        first, *headers = head.decode("latin-1").split("\r\n")
        lengths = [line[15:] for line in headers if line.lower().startswith("content-length:")]
        if not ended or len(body) < int(lengths[0] if lengths else 0):
            return
        self.received = b""
        method, target, _ = first.split()
        answer = self.service.answer(method, target, body)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        whole = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
        if self.service.answers_after:
            loop = asyncio.get_running_loop()
            loop.call_later(self.service.answers_after, self.transport.write, whole)
        else:
            self.transport.write(whole)


async def serve(service: Service) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=2000)
    port = server.sockets[0].getsockname()[1]
    service.url = f"http://127.0.0.1:{port}"
    print(port, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    *numbers, film = sys.argv[1:]
    content = Path(film).read_bytes() if film else b""
    asyncio.run(serve(Service(*map(float, numbers), content)))
