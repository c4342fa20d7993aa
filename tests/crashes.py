"""Kill the server at every step, start it again, and look at what is left.

    python tests/crashes.py                  everything; the exit code is 1 if an invariant breaks
    python tests/crashes.py --only random    the parts with this word in their name

The service lives in this process and never dies; it remembers every create request that it took.
The server (`crash_child.py`) is killed with SIGKILL and started again until it ends by itself.
Whether all is well is judged from outside: by the ledger's file, the data folder and the service's
memory.  A kill is no power cut: what was written but not synced survives it.
"""

import argparse
import base64
import functools
import itertools
import json
import os
import queue
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import numpy as np
from PIL import Image

from backend.ledger import ACTIVE_STATES
from backend.pictures import name_of
from veo import media

KEY = "canary-of-the-crash-tests-0123456789"
"""Not a key; where it turns up in a file or in what the server prints, an invariant is broken."""

OWNER = "owner"
"""As in the child."""

CHILD = Path(__file__).with_name("crash_child.py")
WORKERS = (os.cpu_count() or 2) + 1  # a life waits for the disk and the service, too

PATHS = (
    ["prepared", "submitting", "running", "downloading", "done"],
    ["prepared", "submitting", "uncertain"],
    ["running", "downloading", "done"],  # of a job that began with its id
    ["prepared", "rejected"],  # killed before it was sent, or the visitor's key was forgotten
)
"""What a job may go through while the service is well."""

CALLS = (
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "?rename,?renameat,?renameat2",
    "connect",
    "sendto",
    "?unlink,?unlinkat",
)
"""System calls that change the world."""


class Broken(Exception):
    """The harness itself cannot work here; the text says why."""


# The service


class Service:
    """The video service on loopback: honest, quick, and with a memory of what it took.

    It loses its first answer to a prompt with `#lost-answer` in it.
    """

    def __init__(self, clip: bytes) -> None:
        self.accepted: defaultdict[str, list[str]] = defaultdict(list)
        """Ids by prompt, in the order they were given out."""
        self.pictures: defaultdict[str, list[str]] = defaultdict(list)
        """By prompt, the names of the pictures that came."""
        self.looks: Counter[str] = Counter()
        self.slowness = 0.0
        """Seconds that an answer takes at most."""
        self.lock = threading.Lock()
        self._clip = clip
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> "Service":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def accept(self, prompt: str) -> str:
        with self.lock:
            number = sum(map(len, self.accepted.values()))
            generation_id = f"{number}-{random.randrange(16**8):08x}:google/veo"
            self.accepted[prompt].append(generation_id)
        return generation_id

    def note_picture(self, prompt: str, picture: str) -> None:
        content = base64.b64decode(picture.partition(",")[2])
        with self.lock:
            self.pictures[prompt].append(name_of(OWNER, content))

    @property
    def given(self) -> set[str]:
        with self.lock:
            return {each for ids in self.accepted.values() for each in ids}

    def status(self, generation_id: str) -> str:
        with self.lock:
            self.looks[generation_id] += 1
        return ("queued", "generating", "completed")[min(self.looks[generation_id], 3) - 1]

    def film(self, generation_id: str) -> bytes:
        """The clip of that id; no two are alike."""
        name = generation_id.encode()
        return self._clip + (8 + len(name)).to_bytes(4, "big") + b"free" + name

    def come_to_rest(self) -> None:
        """Wait until whatever dead clients sent is dealt with."""
        with socket.create_connection(self._server.server_address) as probe:
            probe.sendall(b"GET /v1/models HTTP/1.1\r\nHost: me\r\nConnection: close\r\n\r\n")
            while probe.recv(1 << 16):
                pass
        while self._server.conversations:
            time.sleep(0.001)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments) -> None:
        self.conversations: set[object] = set()
        super().__init__(*arguments)

    def process_request(self, request, client_address) -> None:
        self.conversations.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        super().shutdown_request(request)
        self.conversations.discard(request)

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exception(), OSError):  # clients are killed: that is the test
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: Service

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # nobody can take half a request
            return
        request = json.loads(body)
        prompt = request["prompt"]
        if "image_url" in request:
            self.service.note_picture(prompt, request["image_url"])
        generation_id = self.service.accept(prompt)
        self._wait()
        if "#lost-answer" in prompt and len(self.service.accepted[prompt]) == 1:
            self.close_connection = True
            return
        self._answer({"id": generation_id, "status": "queued"})

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        self._wait()
        if path == "/v1/models":
            self._answer({"data": []})
        elif path.startswith("/films/"):
            assert "Authorization" not in self.headers
            self._send_film(bytes.fromhex(path.removeprefix("/films/")).decode())
        elif query.get("generation_id", [""])[0] not in self.service.given:
            self._answer({"message": "There is no such generation."}, status=400)
        else:
            (generation_id,) = query["generation_id"]
            answer = {"id": generation_id, "status": self.service.status(generation_id)}
            if answer["status"] == "completed":
                answer["video"] = {
                    "url": f"{self.service.url}/films/{generation_id.encode().hex()}"
                }
            self._answer(answer)

    def _send_film(self, generation_id: str) -> None:
        film, etag = self.service.film(generation_id), f'"{generation_id}"'
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.headers["If-Range"] == etag else 0
        headers = {"ETag": etag}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(film) - 1}/{len(film)}"
        self._begin(206 if start else 200, len(film) - start, headers)
        for position in range(start, len(film), 4096):
            self.wfile.write(film[position : position + 4096])
            self._wait()

    def _answer(self, answer: object, status: int = 200) -> None:
        body = json.dumps(answer).encode()
        self._begin(status, len(body), {"Content-Type": "application/json"}, body)

    def _begin(self, status: int, length: int, headers: dict[str, str], body: bytes = b"") -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    def _wait(self) -> None:
        if self.service.slowness:
            time.sleep(random.uniform(0, self.service.slowness))

    def log_message(self, *_: object) -> None:
        pass


@functools.cache
def make_clip() -> bytes:
    """A second of noise with pictures only: a real MP4 of about 40 KB."""
    noise = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as file:
            video = file.add_stream("libx264", rate=12)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            video.options = {"preset": "ultrafast"}
            for _ in range(12):
                picture = noise.integers(0, 255, (48, 64, 3), dtype=np.uint8)
                file.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            file.mux(video.encode(None))
        return path.read_bytes()


# A server that dies


@dataclass(frozen=True, kw_only=True)
class Death:
    """Where a life ends; nowhere, if nothing is given: it then ends by itself."""

    step: tuple[str, int] | None = None
    """At a step of that name, for the so manieth time."""
    call: tuple[str, int] | None = None
    """Before that system call, for the so manieth time; 0 only counts."""
    after: float | None = None
    """Seconds."""

    def __str__(self) -> str:
        name, times = self.call or self.step or (f"{self.after} s", 1)
        return f"{name} (#{times})"


@dataclass(kw_only=True)
class Outcome:
    """What became of one data folder."""

    story: str
    points: int = 0
    """1 if every kill that was planned came to pass."""
    kills: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)
    """Each broken invariant, and where."""
    steps: list[list[str]] = field(default_factory=list)
    """Of each life that ended by itself."""
    uncertain: int = 0
    left_over: list[str] = field(default_factory=list)
    """Files that nobody needs any more."""

    def add(self, more: "Outcome") -> None:
        self.kills += more.kills
        self.uncertain += more.uncertain
        self.broken += more.broken
        self.left_over += more.left_over

    def note(self, past: str, broken: Iterable[tuple[str, str]]) -> None:
        self.broken += [(kind, f"{self.story}{past}: {what}") for kind, what in broken]


_numbers = itertools.count(1)


class Worker:
    """A service that never dies and a process that makes servers that do."""

    def __init__(self, folder: Path, service: Service) -> None:
        self.folder = folder
        self.service = service
        self.calls: dict[str, int] = {}
        """Of the last life that strace looked at: how often a thread made each, at most."""
        self._maker = subprocess.Popen(
            [sys.executable, CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Nothing of a person's, and no threads in a process that forks.
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "OPENBLAS_NUM_THREADS": "1"},
        )

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._maker.stdin.close()
        self._maker.wait()
        self._maker.stdout.close()

    def tell(
        self,
        story: str,
        prompts: Sequence[str],
        deaths: Sequence[Death] = (),
        *,
        variant: str | None = None,
        room: float | None = None,
        visitor: bool = False,
        in_one_thread: bool = False,
    ) -> Outcome:
        """Let a server die each of `deaths` on one data folder, then live to its end; judge it."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            number = next(_numbers)  # nobody else asks for the same
            site = Site(Path(folder), self.service, [f"{each} ({number})" for each in prompts])
            site.room, site.visitor = room, visitor
            outcome, past = Outcome(story=story), ""
            for death in (*deaths, Death(call=(",".join(CALLS), 0)) if in_one_thread else Death()):
                end = self._live(site, death, variant)
                self.service.come_to_rest()
                if end == "killed":
                    outcome.kills += 1
                    past += f", killed at {death}"
                    outcome.note(past, site.judge_a_kill())
                    continue
                past += ", then lived" if past else ", a life without a kill"
                if end != "exit 0":
                    outcome.note(past, [("ended badly", f"{end}\n{site.output()[-3000:]}")])
                break
            outcome.note(past, site.judge_the_end())
            outcome.points = int(0 < outcome.kills == len(deaths))
            outcome.steps = site.told("steps")
            outcome.uncertain = sum(row.state == "uncertain" for row in site.rows())
            outcome.left_over = site.left_over()
            return outcome

    def _live(self, site: "Site", death: Death, variant: str | None) -> str:
        life = {
            "prompts": [each for each in site.prompts if each not in site.told("asked")],
            "environment": {
                "VEO_DATA_DIR": str(site.data),
                "VEO_KEEP_GB": str(site.room or 5),
                "AIMLAPI_KEY": "" if site.visitor else KEY,
                "AIMLAPI_BASE_URL": self.service.url,
            },
            "visitors_key": KEY if site.visitor else None,
            "variant": variant,
            "output": str(site.folder / "output"),
            "told": str(site.folder / "told"),
            "calls": str(site.folder / "calls"),
            **asdict(death),
        }
        with suppress(BrokenPipeError):
            self._maker.stdin.write(json.dumps(life) + "\n")
            self._maker.stdin.flush()
        answer = self._maker.stdout.readline()
        if not answer:
            raise Broken("The process that makes servers has ended; see above.")
        if death.call:
            calls = re.findall(r"^(\d+) +(\w+)\(", (site.folder / "calls").read_text(), re.M)
            self.calls = {
                name: count for (_, name), count in reversed(Counter(calls).most_common())
            }
        return json.loads(answer)


class Site:
    """A data folder, what was asked there, and what can be known of it from outside."""

    room: float | None = None
    """Gigabytes, if clips may have to go."""
    visitor: bool = False
    """Whether a visitor pays, whose key is forgotten with every life and brought again."""

    def __init__(self, folder: Path, service: Service, prompts: list[str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.service = service
        self.prompts = prompts
        self.waiting_at_a_kill: set[str] = set()
        """Jobs that may be rejected: nothing of them was sent."""
        self.sending_at_a_kill: set[str] = set()
        """Jobs that may be uncertain."""
        self.shelf: dict[str, str] = {}
        """The pictures that the ledger knew when its rows were read, by their names."""

    def told(self, what: str) -> list:
        """What the server said before it died."""
        path = self.folder / "told"
        lines = path.read_text().splitlines() if path.exists() else []
        return [told[what] for told in map(json.loads, lines) if what in told]

    def output(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def rows(self) -> list["Row"]:
        """The ledger as the next life will find it; read from a copy, for SQLite tidies up."""
        with tempfile.TemporaryDirectory(dir=self.folder) as copy:
            for path in (self.data / "ledger.sqlite", self.data / "ledger.sqlite-wal"):
                with suppress(FileNotFoundError):
                    shutil.copy(path, copy)
            with closing(sqlite3.connect(Path(copy) / "ledger.sqlite")) as ledger:
                tables = {name for (name,) in ledger.execute("SELECT name FROM sqlite_master")}
                if "history" not in tables:
                    return []
                ledger.row_factory = sqlite3.Row
                past = list(ledger.execute("SELECT * FROM history ORDER BY rowid"))
                jobs = list(ledger.execute("SELECT * FROM veo_jobs ORDER BY created"))
                self.shelf = {
                    name: file
                    for name, file in ledger.execute("SELECT name, file FROM veo_pictures")
                }
        return [Row(job, [each for each in past if each["job"] == job["id"]]) for job in jobs]

    def left_over(self) -> list[str]:
        """Files that nobody needs any more."""
        places = {row.clip for row in self.rows() if not row.deleted}
        return [
            re.sub("[0-9a-f]{32}", "*", path.name)
            for path in (self.data / "clips").glob("*/*")
            if path.parent.name not in places
            or (path.name not in ("poster.jpg", "clip.json") and path.suffix != ".mp4")
        ]

    # Judging

    def judge_a_kill(self) -> Iterator[tuple[str, str]]:
        """What must hold at any moment."""
        rows = self.rows()
        self.waiting_at_a_kill |= {row.id for row in rows if row.state == "prepared"}
        self.sending_at_a_kill |= {row.id for row in rows if row.state == "submitting"}
        yield from self._judge_files()
        yield from self._judge_pictures(rows)
        for row in rows:
            if row.state == "done" and not row.deleted:
                yield from self._judge_clip(row)

    def judge_the_end(self) -> Iterator[tuple[str, str]]:
        """What must hold once a life has ended by itself."""
        yield from self._judge_files()
        rows = self.rows()
        yield from self._judge_pictures(rows)
        left = {path.name for path in (self.data / "pictures").glob("*")}
        needed = {f"{self.shelf[row.picture]}.jpg" for row in rows if row.picture in self.shelf}
        if left != needed:
            yield "picture left over", f"{len(left)} are there, {len(needed)} are needed"
        for prompt in self.prompts:
            yield from self._judge_money(prompt, [row for row in rows if row.prompt == prompt])
        for row in rows:
            yield from self._judge_way(row)
            if row.state == "done" and not row.deleted:
                yield from self._judge_clip(row)
            if row.deleted and row.clip and (self.data / "clips" / row.clip).exists():
                yield "deleted clip kept", f"the files of {row.prompt!r} are still there"
        name = self.data / "runner"
        names = {row.runner for row in rows} | {name.read_text() if name.exists() else ""}
        if len(names) != 1 or "" in names:
            yield "lost its name", f"the data folder goes by {names}"
        if aside := [path.name for path in self.data.glob("ledger.sqlite.*")]:
            yield "ledger given up", ", ".join(aside)
        if "Traceback" in self.output():
            yield "traceback", self.output()[-3000:]

    def _judge_money(self, prompt: str, rows: list["Row"]) -> Iterator[tuple[str, str]]:
        given = self.service.accepted[prompt]
        known = {row.generation_id for row in rows}
        lost = [each for each in given if each not in known]
        if len(given) > len(rows):
            yield "double submit", f"{len(given)} requests, {len(rows)} rows: {prompt!r}"
        if len(lost) > sum(row.state == "uncertain" for row in rows):
            yield "lost id", f"{lost} of {prompt!r}"
        if len(rows) != 1:
            yield "lost click", f"{len(rows)} rows of {prompt!r}"
        for row in rows:
            if row.generation_id and row.generation_id not in given:
                yield "lost id", f"{row.generation_id} was given to another than {prompt!r}"

    def _judge_pictures(self, rows: list["Row"]) -> Iterator[tuple[str, str]]:
        for row in rows:
            if row.picture:
                path = self.data / "pictures" / f"{self.shelf.get(row.picture)}.jpg"
                if not path.exists() or name_of(OWNER, path.read_bytes()) != row.picture:
                    yield "picture not there", f"{row.prompt!r} names it"
            sent = self.service.pictures[row.prompt]
            if any(each != row.picture for each in sent) and not row.deleted:
                yield "another picture", f"not what {row.prompt!r} names was sent"

    def _judge_way(self, row: "Row") -> Iterator[tuple[str, str]]:
        way = " → ".join(row.states)
        if row.state in ACTIVE_STATES:
            yield "left open", f"{way}: {row.prompt!r}"
        elif (_without_waiting(row.states) if self.visitor else row.states) not in PATHS:
            yield "wrong way", f"{way}: {row.prompt!r}"
        if len({*row.ids}) > 1 or (row.ids and row.ids[-1] != row.generation_id):
            yield "lost id", f"{row.ids} became {row.generation_id}"
        explained = row.id in self.sending_at_a_kill or "#lost-answer" in row.prompt
        if row.state == "rejected" and not (self.visitor or row.id in self.waiting_at_a_kill):
            yield "wrong way", f"rejected without need: {row.prompt!r}"
        if row.state == "uncertain" and not explained:
            yield "wrong way", f"uncertain without need: {row.prompt!r}"

    def _judge_files(self) -> Iterator[tuple[str, str]]:
        for path in self.data.rglob("*"):
            if path.is_file():
                if KEY.encode() in path.read_bytes():
                    yield "key told", f"in {path.name}"
                if not _is_whole(path):
                    yield "partial file", f"{path.name} ({path.stat().st_size} bytes)"
        if KEY in self.output():
            yield "key told", "in what the server printed"

    def _judge_clip(self, row: "Row") -> Iterator[tuple[str, str]]:
        place = self.data / "clips" / (row.clip or "nowhere")
        found = list(place.glob("*.mp4"))
        if not found and self.room:
            return
        if len(found) != 1:
            yield "done without clip", f"{len(found)} clips of {row.prompt!r}"
        elif not self.room and {"poster.jpg", "clip.json"} - {*map(_name, place.iterdir())}:
            yield "done without clip", f"poster or note is missing of {row.prompt!r}"
        elif row.generation_id.encode() not in found[0].read_bytes():
            yield "wrong clip", f"another film as {row.prompt!r}"
        elif (media.read_request(found[0]) or {}).get("prompt") != row.prompt:
            yield "wrong clip", f"the request is missing in {row.prompt!r}"
        elif row.facts | {"took": 0} != asdict(media.inspect(found[0])) | {"took": 0}:
            yield "wrong clip", f"the ledger has other facts of {row.prompt!r}"


class Row:
    """A job as it stands in the ledger, and the states that it went through."""

    def __init__(self, job: sqlite3.Row, past: list[sqlite3.Row]) -> None:
        self.id: str = job["id"]
        self.prompt: str = past[0]["prompt"]
        self.state: str = job["state"]
        self.runner: str = job["runner"]
        self.deleted = job["deleted"] is not None
        # A deleted row has forgotten it.
        self.picture: str | None = json.loads(job["request"] or "{}").get("image_url")
        self.facts: dict = json.loads(job["facts"] or "{}")
        self.states = [each["state"] for each in past]
        self.ids = [each["generation_id"] for each in past if each["generation_id"]]
        # A deleted row has forgotten them.
        self.generation_id: str | None = json.loads(job["generation_id"] or "null")
        self.clip: str | None = job["clip"]
        if self.deleted:
            self.generation_id, self.clip = past[-1]["generation_id"], past[-1]["clip"]


def _without_waiting(states: list[str]) -> list[str]:
    """The same way without the stops at which the visitor's key was missing."""
    on = [
        state
        for state, after in zip(states, [*states[1:], ""], strict=True)
        if after != "needs_key"
    ]
    on = [state for state in on if state != "needs_key"]
    return [state for state, _ in itertools.groupby(on)]


def _name(path: Path) -> str:
    return path.name


def _is_whole(path: Path) -> bool:
    """Whether this is what its name says; what has another name than a finished file may be not."""
    try:
        if path.suffix == ".mp4":
            media.inspect(path)
        elif path.suffix == ".jpg":
            Image.open(path).load()
        elif path.name == "clip.json":
            json.loads(path.read_text())
    except (media.BrokenClip, OSError, ValueError):
        return False
    return True


# What is tried

Story = tuple[str, Callable[[Worker], Outcome]]
"""Its name, and how a worker tells it."""

FOX, THREE, EIGHT = ([f"film {number}" for number in range(size)] for size in (1, 3, 8))
EIGHT[1::2] = [f"{prompt} #picture" for prompt in EIGHT[1::2]]
LOST, DELETED = ["a fox #lost-answer"], ["a fox #delete"]
PICTURED = ["a fox #picture", "a hen #picture #delete"]
DELETED_PICTURE = ["a fox #picture #delete"]
CROWD = [*THREE[:2], *LOST]
ROOM_FOR_TWO = 85e3 / 1e9  # gigabytes; a clip with poster and note takes about 35 KB

FIRST_OF_TWO = (
    "after backend.service.open_ledger",
    "after Ledger.add",
    "before VeoClient.submit",
    "after VeoClient.submit",
    "after Ledger.move to running",
    "after Ledger.move to downloading",
    "after veo.download._next_piece",
    "after veo.media.write_request veo-clip.mp4.unchecked",
    "after veo.media._save_picture",
)
"""Where the first of two kills comes, one for each stage of a job."""


class Crew:
    """Some workers side by side."""

    def __init__(self, folder: Path, size: int = WORKERS) -> None:
        self._exit = ExitStack()
        self._idle: queue.Queue[Worker] = queue.Queue()
        self._threads = self._exit.enter_context(ThreadPoolExecutor(size))
        clip = make_clip()
        for _ in range(size):
            worker = Worker(folder, self._exit.enter_context(Service(clip)))
            self._exit.callback(worker.close)
            self._idle.put(worker)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def tell(self, stories: Iterable[Story]) -> list[Outcome]:
        return list(self._threads.map(self._tell, stories))

    def _tell(self, story: Story) -> Outcome:
        worker = self._idle.get()
        try:
            return story[1](worker)
        finally:
            self._idle.put(worker)


def story(name: str, prompts: Sequence[str], *deaths: Death, **more) -> Story:
    return name, lambda worker: worker.tell(name, prompts, deaths, **more)


def steps_of(crew: Crew, prompts: Sequence[str], *deaths: Death, **more) -> list[str]:
    """The steps of the last life after `deaths`, in which nothing may break."""
    (outcome,) = crew.tell([story("its last life is counted", prompts, *deaths, **more)])
    if outcome.kills != len(deaths) or not outcome.steps:
        raise Broken(f"It did not come to {deaths}: {outcome.broken}")
    return outcome.steps[-1]


def points(steps: Sequence[str]) -> list[Death]:
    """A death at each of these steps."""
    return [Death(step=(name, steps[:number].count(name) + 1)) for number, name in enumerate(steps)]


def killed_once(deaths: Iterable[Death], prompts: Sequence[str], **more) -> list[Story]:
    """One life is killed, the next one ends by itself."""
    return [story(f"jobs: {len(prompts)}", prompts, death, **more) for death in deaths]


def twice(crew: Crew, every: int = 1) -> Iterator[Story]:
    """Killed at one of `FIRST_OF_TWO`, and again on the way up."""
    for name in FIRST_OF_TWO:
        first = Death(step=(name, 1))
        for death in points(steps_of(crew, FOX, first))[::every]:
            yield story("twice", FOX, first, death)


def calls_of(crew: Crew) -> list[Death]:
    """A death at each system call of a life that changes the world."""
    require_strace()
    counts: dict[str, int] = {}

    def count(worker: Worker) -> Outcome:
        outcome = worker.tell("calls are counted", FOX, in_one_thread=True)
        counts.update(worker.calls)
        return outcome

    crew.tell([("calls are counted", count)])
    if not all(counts.get(call) for call in ("write", "fsync", "connect", "sendto")):
        raise Broken(f"strace saw too little: {counts}")
    return [
        Death(call=(call, number)) for call, most in counts.items() for number in range(1, most + 1)
    ]


def at_random(stories: int, kills: int, seed: int) -> list[Story]:
    """Folders of eight jobs, servers killed after a random time, so many kills a story."""

    def tell(dice: random.Random, worker: Worker) -> Outcome:
        together = Outcome(story=f"jobs: 8, seed {seed}")
        worker.service.slowness = 0.02
        try:
            while missing := kills - together.kills:  # where all is done, another folder begins
                deaths = [Death(after=dice.uniform(0.02, 0.4)) for _ in range(missing)]
                together.add(worker.tell(together.story, EIGHT, deaths))
        finally:
            worker.service.slowness = 0.0
        together.points = together.kills
        return together

    return [
        ("killed at random", functools.partial(tell, random.Random(seed + number)))
        for number in range(stories)
    ]


def require_strace() -> None:
    """Find or install it; never do without in silence."""
    if not shutil.which("strace") and shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update"], ["install", "--yes", "--no-install-recommends", "strace"]):
            command = [*sudo, "apt-get", "--quiet=2", *step]
            with suppress(OSError):
                subprocess.run(command, check=False, env=environment, stdout=sys.stderr)
    if not shutil.which("strace"):
        raise Broken(
            "Install strace (on Debian: apt install strace): kills at system calls need it."
        )


# Mistakes that must be found

MISTAKES = {
    "sends_before_it_writes": ("double submit", "after VeoClient.submit"),
    "sends_again_after_a_restart": ("double submit", "after VeoClient.submit"),
    "keeps_the_id_in_memory": ("lost id", "after Ledger.move to running"),
    "commits_at_the_end": ("lost id", "after VeoClient.submit"),
    "downloads_straight_to_the_name": ("partial file", "after Part.open"),
    "done_before_it_is_there": ("done without clip", "after Ledger.move to done"),
    "done_before_poster_and_note": ("done without clip", "after Ledger.move to done"),
    "sends_again_when_the_answer_is_lost": ("double submit", None),
    "two_drivers_without_compare_and_set": ("double submit", None),
    "forgets_downloads_at_the_start": ("left open", "after Ledger.move to downloading"),
    "names_a_picture_before_it_is_there": ("picture not there", "after Ledger.add"),
    "leaves_the_picture_of_what_was_deleted": ("picture left over", None),
    "sends_another_picture": ("another picture", None),
    "writes_the_key_down": ("key told", None),
}
"""What each broken variant is found by, and the step at which a kill shows it; None: any life."""


def with_mistake(name: str, *deaths: Death) -> Story:
    prompts = LOST if "lost" in name else DELETED_PICTURE if "deleted" in name else FOX
    return story(
        name,
        PICTURED[:1] if "_picture" in name and "deleted" not in name else prompts,
        *deaths,
        variant=name,
    )


def is_found(name: str, outcome: Outcome) -> bool:
    return any(kind == MISTAKES[name][0] for kind, _ in outcome.broken)


def hunt() -> list[Story]:
    """For each mistake a life without a kill, then every other step in any order, till found."""

    def find(name: str, worker: Worker) -> Outcome:
        outcome, tried = with_mistake(name)[1](worker), 1
        deaths = points(outcome.steps[-1] if outcome.steps else [])[::2]
        random.Random(7).shuffle(deaths)
        while deaths and not is_found(name, outcome):
            outcome, tried = with_mistake(name, deaths.pop())[1](worker), tried + 1
        outcome.points = tried
        return outcome

    return [(name, functools.partial(find, name)) for name in MISTAKES]


# The whole of it

HEADS = (
    "points",
    "missed",
    "kills",
    "double submits",
    "lost ids",
    "partial files",
    "other",
    "uncertain",
    "seconds",
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill the server at every step.")
    parser.add_argument("--only", default="", help="the parts with this in their name")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the dice")
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("Run this on Linux: it counts on fork, pidfd and strace.")
    with tempfile.TemporaryDirectory(prefix="crashes-") as folder, Crew(Path(folder)) as crew:
        try:
            sys.exit(0 if kill_all(crew, options.only, options.seed) else 1)
        except Broken as error:
            sys.exit(f"The harness does not work here. {error}")


MISTAKES_PART = "mistakes"
LEAST_POINTS, LEAST_KILLS, LEAST_FOUND = 300, 200, 6
"""Of the whole of it: points, kills at random, and mistakes that were found."""
MOST_MISSED = 0.2
"""The share of kills of one part that may come after the life they were for has ended."""


def parts(crew: Crew, seed: int) -> dict[str, Callable[[], Iterable[Story]]]:
    """The stories of each part; its steps are counted when they are asked for."""

    def of_a_deletion() -> list[Death]:
        deaths = points(steps_of(crew, DELETED))
        return deaths[deaths.index(Death(step=("before Ledger.delete", 1))) :]

    def with_little_room() -> list[Death]:
        return points(steps_of(crew, THREE, room=ROOM_FOR_TWO))[::5]

    def with_a_visitors_key() -> list[Death]:
        return points(steps_of(crew, FOX, visitor=True))[::2]

    return {
        "every step, 1 job": lambda: killed_once(points(steps_of(crew, FOX)), FOX),
        "every 2nd step, 3 jobs": lambda: killed_once(points(steps_of(crew, CROWD))[::2], CROWD),
        "every system call, 1 job": lambda: killed_once(calls_of(crew), FOX),
        "two kills, 1 job": lambda: twice(crew, 4),
        "every 5th step, room for 2 of 3": lambda: killed_once(
            with_little_room(), THREE, room=ROOM_FOR_TWO
        ),
        "every step of a deletion": lambda: killed_once(of_a_deletion(), DELETED),
        "every step, with a picture": lambda: killed_once(
            points(steps_of(crew, PICTURED)), PICTURED
        ),
        "every 2nd step, a picture deleted": lambda: killed_once(
            points(steps_of(crew, DELETED_PICTURE))[::2], DELETED_PICTURE
        ),
        "every 2nd step, a visitor's key": lambda: killed_once(
            with_a_visitors_key(), FOX, visitor=True
        ),
        f"at random (seed {seed}), 8 jobs": lambda: at_random(25, 8, seed),
    }


def kill_all(crew: Crew, only: str, seed: int) -> bool:
    """Print what came of it; tell whether every invariant held, every mistake was found, and
    enough was tried for that to mean something."""
    everything = parts(crew, seed)
    if not any(only in name for name in (*everything, MISTAKES_PART)):
        raise Broken(f"No part has {only!r} in its name: {', '.join(everything)}, {MISTAKES_PART}.")
    told: dict[str, list[Outcome]] = {}
    began = time.monotonic()
    print(_row("killed at", HEADS))
    for name, stories in everything.items():
        if only in name:
            since = time.monotonic()
            told[name] = crew.tell(stories())
            figures = [*_figures(told[name]), round(time.monotonic() - since)]
            print(_row(name, figures), flush=True)
    outcomes = [each for part in told.values() for each in part]
    print(_row("together", [*_figures(outcomes), round(time.monotonic() - began)]))
    left_over = Counter(name for each in outcomes for name in each.left_over)
    print(f"Files left over: {dict(left_over) or 'none'}\n")
    broken = [each for outcome in outcomes for each in outcome.broken]
    for kind, what in broken[:40]:
        print(f"BROKEN  {kind}: {what}")
    not_found = show_mistakes(crew.tell(hunt())) if only in MISTAKES_PART else 0
    found = len(MISTAKES) - not_found
    lacking = too_little(told, found if only in MISTAKES_PART else None, whole=not only)
    for what in lacking:
        print(f"TOO LITTLE  {what}")
    return not broken and not not_found and not lacking


def too_little(told: dict[str, list[Outcome]], found: int | None, *, whole: bool) -> list[str]:
    """Why what held proves nothing: kills that came too late, and of the whole, too few tries."""
    lacking = []
    for name, outcomes in told.items():
        missed = sum(not each.points for each in outcomes)
        if not outcomes or missed > MOST_MISSED * len(outcomes):
            lacking.append(f"{missed} of {len(outcomes)} kills missed: {name}")
    if whole:
        at_random = [each for name, part in told.items() if "at random" in name for each in part]
        for what, number, least in (
            ("points", sum(each.points for part in told.values() for each in part), LEAST_POINTS),
            ("kills at random", sum(each.kills for each in at_random), LEAST_KILLS),
            ("mistakes found", found or 0, LEAST_FOUND),
        ):
            if number < least:
                lacking.append(f"{number} {what}, and not {least}")
    return lacking


def show_mistakes(outcomes: list[Outcome]) -> int:
    """Print what found each mistake; give the number of those that were not found."""
    print(f"{'mistake':38}{'points':>8}  found by")
    for name, outcome in zip(MISTAKES, outcomes, strict=True):
        kind, _ = MISTAKES[name]
        where = next((what for each, what in outcome.broken if each == kind), "NOT FOUND")
        print(f"{name:38}{outcome.points:8}  {kind}: {where.partition(': ')[0]}")
    return sum(not is_found(name, each) for name, each in zip(MISTAKES, outcomes, strict=True))


def _figures(outcomes: list[Outcome]) -> list[int]:
    kinds = Counter(kind for outcome in outcomes for kind, _ in outcome.broken)
    named = [kinds.pop(kind, 0) for kind in ("double submit", "lost id", "partial file")]
    return [
        sum(each.points for each in outcomes),
        sum(not each.points for each in outcomes),
        sum(each.kills for each in outcomes),
        *named,
        kinds.total(),
        sum(each.uncertain for each in outcomes),
    ]


def _row(name: str, values: Iterable[object]) -> str:
    cells = zip(values, HEADS, strict=True)
    return f"{name:34}" + "".join(f"{value:>{len(head) + 2}}" for value, head in cells)


if __name__ == "__main__":
    main()
