"""Three hundred visitors who follow their clips in the page, beside a plain Gradio page.

Each is a program that speaks Gradio's queue over HTTP as a browser does: it presses the button and
listens.  A status is late by the time from the service's answer that told it to the visitor.  The
peer's handler sleeps in a loop, at Gradio's defaults; it has `PEER_SECONDS`, and whoever is not
answered then has waited that long.

Then three servers behind nginx, on one PostgreSQL, beside our one: every second visitor opens the
page of another server, and follows there what the one before has pressed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from backend.ledger import open_ledger
from benchmarks import service
from benchmarks.bench_start import serves
from benchmarks.measure import peak_mib
from benchmarks.table import Row
from demo import film as demo_film
from page import form
from veo import explain
from veo_client import VideoRequest

VISITORS = 300
PRESSED_WITHIN = 20.0
"""Seconds; with clips that take two minutes, 300 who follow are 300 presses in two minutes."""
PATIENCE = 120.0
OPENED_AFTER = 3.0
"""Seconds after the press, by who follows it elsewhere."""
FIRST_ALONE = 2.0
"""Seconds; what Gradio imports for the very first visitor is no matter here."""
GENERATING_AFTER, COMPLETED_AFTER = 5.0, 20.0
ANSWERS_AFTER = 0.2
"""Seconds, as from another continent."""
PEER_SECONDS = 23.0
LATEST_ANSWER, LATEST_STATUS = 1.0, 2.0
MOST_MIB = 400.0
SERVERS = 3
ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))
from nginx import NginxServer  # noqa: E402  # the tests' servers
from postgres import PostgresServer  # noqa: E402  # as above
from seaweed import SeaweedServer  # noqa: E402  # as above

Serving = Callable[[str], contextlib.AbstractContextManager[tuple[str, subprocess.Popen[bytes]]]]
"""What serves a page for a service's address: the page's own, and its process."""

PLAIN_PAGE = """
import gradio as gr
from veo_client import VeoClient, VideoRequest

client = VeoClient()

def film(prompt):
    for update in client.generate(VideoRequest(prompt)):
        yield update.status

with gr.Blocks(analytics_enabled=False) as demo:
    prompt, status = gr.Textbox(), gr.Textbox()
    gr.Button().click(film, prompt, status)
demo.launch(ssr_mode=False)
"""


STATUSES = ("queued", "generating", "completed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button: the handler behind it, what it sends for a prompt, and what it shows, in order."""

    handler: str
    values: Callable[[str], list[Any]]
    shown: tuple[str, ...]
    heard: frozenset[str] = frozenset(STATUSES[1:])
    """The statuses that must reach who listens."""


def on_generate(prompt: str, **browser_state: str) -> list[Any]:
    return [browser_state, *form.values_from(VideoRequest(prompt)).values(), 1, "seed", None]


SHOWN = (*map(explain.STATUSES.__getitem__, STATUSES), "Your clip is ready")
GENERATE = Press(handler="on_generate", values=on_generate, shown=SHOWN)
GENERATE_AS = Press(
    handler="on_generate", values=lambda prompt: on_generate(prompt, visitor=prompt), shown=SHOWN
)
LOAD = Press(
    handler="on_load",
    values=lambda prompt: [{"visitor": prompt}],
    shown=SHOWN,
    # How far the service is, only the server says that asks it; the others, what became of it.
    heard=frozenset({"completed"}),
)
FILM = Press(handler="film", values=lambda prompt: [prompt], shown=STATUSES)


@dataclass(slots=True)
class Visitor:
    name: str
    clip: str
    """The prompt of the clip that they follow."""
    press: Press
    comes: float
    """Seconds after the first."""
    server: int = 1
    """Behind nginx."""
    pressed: float = 0.0
    heard: list[tuple[float, str]] = field(default_factory=list)
    """What the handler gave, as JSON, and when."""

    def first(self, *words: str) -> float | None:
        """When the handler first gave something with one of `words` in it."""
        return next((at for at, given in self.heard if any(word in given for word in words)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    answer: float
    """Seconds from the press to the first status: 95 of 100 were no later."""
    late: float
    """Seconds from the service's answer with a new status to the visitor, likewise."""
    mib: float
    """Peak of the server."""
    unanswered: int


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        demo_film.render(film, prompt="", seed=1, width=64, height=36, duration=4, sound=False)
        ours = measure(one_page([sys.executable, "app.py"]), pressing(GENERATE), film)
        plain = one_page([sys.executable, "-c", PLAIN_PAGE])
        peer = measure(plain, pressing(FILM), film, seconds=PEER_SECONDS)
        several = measure(three_pages, pressing_and_following(), film)
    assert not ours.unanswered
    assert not several.unanswered
    peer_name = f"a plain handler ({peer.unanswered} unanswered)"
    return [
        Row(
            name="300 visitors, p95 of first status",
            ours=ours.answer,
            peer=peer.answer,
            unit="s",
            peer_name=peer_name,
            limit=LATEST_ANSWER,
            absolute=True,
        ),
        Row(
            name="300 visitors, p95 of new status",
            ours=ours.late,
            peer=peer.late,
            unit="s late",
            peer_name=peer_name,
            limit=LATEST_STATUS,
            absolute=True,
        ),
        Row(
            name="300 visitors, the server",
            ours=ours.mib,
            peer=peer.mib,
            unit="MiB",
            peer_name=peer_name,
            limit=MOST_MIB,
            absolute=True,
        ),
        Row(
            name="300 on 3 servers, first status",
            ours=several.answer,
            peer=ours.answer,
            unit="s",
            peer_name="one server",
            limit=LATEST_ANSWER,
            absolute=True,
        ),
        Row(
            name="300 on 3 servers, new status",
            ours=several.late,
            peer=ours.late,
            unit="s late",
            peer_name="one server",
            limit=LATEST_STATUS,
            absolute=True,
        ),
    ]


def pressing(press: Press) -> list[Visitor]:
    names = [f"visitor {number}" for number in range(VISITORS)]
    return [Visitor(name, name, press, comes(number)) for number, name in enumerate(names)]


def comes(number: int) -> float:
    return FIRST_ALONE + PRESSED_WITHIN * number / VISITORS if number else 0


def pressing_and_following() -> list[Visitor]:
    visitors = []
    for number in range(0, VISITORS, 2):
        # The clip's prompt is its owner's id, too, as a browser makes one.
        clip, server = f"{number:032}", number // 2 % SERVERS + 1
        when, elsewhere = comes(number), server % SERVERS + 1
        visitors.append(Visitor(f"visitor {number}", clip, GENERATE_AS, when, server))
        later = when + OPENED_AFTER
        visitors.append(Visitor(f"visitor {number + 1}", clip, LOAD, later, elsewhere))
    return visitors


def measure(
    serving: Serving, visitors: list[Visitor], film: Path, seconds: float = PATIENCE
) -> Measured:
    """Serve a page, let everybody press, and listen until all was said, at most `seconds`."""
    with (
        service.serving(
            generating_after=GENERATING_AFTER,
            completed_after=COMPLETED_AFTER,
            answers_after=ANSWERS_AFTER,
            film=film,
        ) as service_url,
        serving(service_url) as (url, process),
    ):
        asyncio.run(visit(url, visitors, seconds))
        ended = time.monotonic()
        told = httpx.get(f"{service_url}/told").json()
        mib = peak_mib(process.pid)
    unanswered = [ended - visitor.pressed for visitor in visitors if not visitor.heard]
    answers = [at - visitor.pressed for visitor in visitors if (at := visitor.first(""))]
    late = [
        # Who came later than the news heard it at once.
        (visitor.first(*shown[STATUSES.index(status) :]) or ended) - max(at, visitor.pressed)
        for visitor in visitors
        for shown in [visitor.press.shown]
        for status, at in told.get(visitor.clip, {}).items()
        if status in visitor.press.heard and visitor.heard
    ]
    return Measured(
        answer=float(np.percentile(answers + unanswered, 95)),
        late=float(np.percentile(late + unanswered, 95)),
        mib=mib,
        unanswered=len(unanswered),
    )


def one_page(command: list[str]) -> Serving:
    @contextlib.contextmanager
    def serving(service_url: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        with tempfile.TemporaryDirectory() as folder:
            remember_clips(f"sqlite:///{folder}/ledger.sqlite")
            with served(command, service_url, folder) as (port, process):
                yield f"http://127.0.0.1:{port}", process

    return serving


@contextlib.contextmanager
def three_pages(service_url: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Behind nginx, which sends each visitor to the server that their cookie names."""
    with contextlib.ExitStack() as stack:
        postgres, bucket = (stack.enter_context(each()) for each in (PostgresServer, SeaweedServer))
        shared = {
            "VEO_SERVERS": "many",
            "VEO_DATABASE_URL": postgres.new_schema(),
            "VEO_CLIPS": bucket.new_address(),
            **bucket.environment,
        }
        remember_clips(shared["VEO_DATABASE_URL"])
        servers = []
        for _ in range(SERVERS):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            page = served([sys.executable, "app.py"], service_url, folder, **shared)
            servers.append(stack.enter_context(page))
        nginx = NginxServer(free_port(), [port for port, _ in servers])
        yield stack.enter_context(nginx).url, servers[0][1]


@contextlib.contextmanager
def served(
    command: list[str], service_url: str, folder: str, **settings: str
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A page's port and process, far from a person's keys and files."""
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIML", "VEO"))}
    environment = inherited | {
        "AIMLAPI_KEY": "key",
        "AIMLAPI_BASE_URL": service_url,
        "VEO_DATA_DIR": folder,
        "GRADIO_TEMP_DIR": folder,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        **settings,
    }
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not serves(port):
            assert process.poll() is None, f"{command} ended"
            time.sleep(0.1)
        yield port, process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def remember_clips(url: str) -> None:
    """Three that took a minute.  A look then comes every 4 s, as it does late in two minutes."""
    ledger = open_ledger(url)
    for _ in range(3):
        request = VideoRequest("an earlier one").body()
        job = ledger.add(owner="somebody", payer="server", request=request, expected=60.0)
        for was, to in pairwise(("prepared", "submitting", "running", "downloading", "done")):
            ledger.move(job.id, was, to, facts={"took": 60.0})
    ledger.close()


async def visit(url: str, visitors: list[Visitor], seconds: float) -> None:
    queue, unbounded = f"{url}/gradio_api/queue", httpx.Limits()
    async with httpx.AsyncClient(base_url=queue, limits=unbounded, timeout=PATIENCE) as http:
        config = (await http.get(f"{url}/config")).json()
        numbers = {each["api_name"]: each["id"] for each in config["dependencies"]}

        async def press_and_listen(visitor: Visitor) -> None:
            await asyncio.sleep(visitor.comes)
            visitor.pressed = time.monotonic()
            press, session = visitor.press, {"session_hash": visitor.name}
            pressed = {"fn_index": numbers[press.handler], "data": press.values(visitor.clip)}
            stay = {"Cookie": f"veo_server={visitor.server}"}
            joined = await http.post("/join", json=pressed | session, headers=stay)
            assert joined.is_success, joined.text
            async with http.stream("GET", "/data", params=session, headers=stay) as stream:
                async for line in stream.aiter_lines():
                    output = json.loads(line[6:]).get("output") if line else None
                    if output and output.get("data"):
                        visitor.heard.append((time.monotonic(), json.dumps(output["data"])))
                    if visitor.first(*press.shown[2:]):
                        return

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*map(press_and_listen, visitors))


if __name__ == "__main__":
    for row in rows():
        print(row, "holds" if row.holds else "DOES NOT HOLD")
