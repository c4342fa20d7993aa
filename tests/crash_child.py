"""A server's process as it lives and dies in `crashes.py`: ledger, shelf and jobs, without a page.

    python tests/crash_child.py        reads a life per line (JSON), tells how each ended (JSON)

Importing takes longer than living, so this process imports once and forks for each life.  A life
is killed before or after a step that changes the world (`STEPS`), at a system call (by strace), or
after some time.  All hooks are put on from here: the code under test knows of none.  `BROKEN` are
variants of that code with a mistake each, for the harness to find.
"""

import asyncio
import ctypes
import functools
import gc
import io
import json
import mmap
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import sqlalchemy as sa
from PIL import Image

from backend import config, picture_rows, service
from backend import ledger as ledger_module
from backend import storage as storage_module
from backend.data_folder import data_folder_held
from backend.jobs import Job, Jobs
from backend.ledger import Ledger
from backend.storage import Storage
from veo import download as veo_download
from veo import files, http, media, polling
from veo_client import SubmissionUncertain, VeoClient, VideoRequest

OWNER = "owner"
LONGEST_LIFE = 30.0
READY, GO = 1, 2
PIECE = 4096
"""Of a download, so that a small clip comes in several."""


def _drawn() -> bytes:
    """The picture that films with `#picture` in their prompt begin with."""
    content = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(content, "PNG")
    return content.getvalue()


PICTURE = _drawn()

STEPS = (
    (service, "open_ledger"),
    (Ledger, "add"),
    (Ledger, "move"),
    (Ledger, "delete"),
    (Ledger, "reserve_picture"),
    (Ledger, "picture_arrived"),
    (Ledger, "take_off_pictures"),
    (Ledger, "picture_is_gone"),
    (VeoClient, "price"),
    (VeoClient, "submit"),
    (VeoClient, "check"),
    (VeoClient, "download"),
    (http._WatchedSocket, "sendall"),
    (http._WatchedStream, "readinto"),
    (veo_download, "_next_piece"),
    (files.Part, "open"),
    (media, "_facts"),
    (media, "write_request"),
    (media, "_save_picture"),
    (storage_module, "_write_note"),
    (Storage, "evict"),
    (Storage, "remove"),
    (Storage, "put_picture"),
    (Storage, "picture"),
    (Storage, "remove_picture"),
    (shutil, "rmtree"),
    (os, "fsync"),
    (os, "unlink"),
    (os, "rmdir"),
    (Path, "open"),
    (Path, "mkdir"),
    (Path, "replace"),
    (Path, "unlink"),
)
"""What changes the world or asks it; a kill can come before and after each, and before a commit."""

HISTORY = """
CREATE TABLE IF NOT EXISTS history (job, prompt, state, generation_id, clip);
CREATE TRIGGER IF NOT EXISTS born AFTER INSERT ON veo_jobs BEGIN
    INSERT INTO history VALUES (
        NEW.id, NEW.request ->> 'prompt', NEW.state, NEW.generation_id ->> '$', NEW.clip
    );
END;
CREATE TRIGGER IF NOT EXISTS moved AFTER UPDATE OF state ON veo_jobs BEGIN
    INSERT INTO history VALUES (
        NEW.id, NEW.request ->> 'prompt', NEW.state, NEW.generation_id ->> '$', NEW.clip
    );
END;
"""
"""Every state that was ever committed: SQLite itself writes it, in the same transaction."""


def main() -> None:
    # What a life would import, and compile, at its first clip; then no collection looks at it.
    Ledger("sqlite://").close()
    Image.preinit()
    gc.freeze()
    for line in sys.stdin:
        life = json.loads(line)
        gate = mmap.mmap(-1, 1)
        process = os.fork()
        if not process:
            live(life, gate)
        ended = os.pidfd_open(process)
        while gate[0] != READY and not select.select([ended], [], [], 0.001)[0]:
            pass
        tracer = _traced(process, *life["call"], life["calls"]) if life["call"] else None
        gate[0] = GO
        print(json.dumps(_end_of(process, ended, life["after"])), flush=True)
        if tracer:
            tracer.wait(10)
        os.close(ended)


def _traced(process: int, names: str, when: int, calls: str) -> subprocess.Popen[bytes]:
    """Let strace kill the process as it enters that call for the so manieth time, 0 for never."""
    inject = ["-e", f"inject={names}:signal=KILL:when={when}"] if when else []
    options = ["-f", "-qq", "-o", calls, "-e", f"trace={names}", "-e", "signal=none", *inject]
    tracer = subprocess.Popen(["strace", *options, "-p", str(process)])
    while "TracerPid:\t0\n" in Path(f"/proc/{process}/status").read_text():
        if tracer.poll() is not None:
            raise SystemExit("strace may not trace here; allow ptrace (as root, or CAP_SYS_PTRACE)")
        time.sleep(0.001)
    return tracer


def _end_of(process: int, ended: int, after: float | None) -> str:
    """Wait for the end or bring it about: `exit 0` and the like, `killed` or `stuck`."""
    in_time = select.select([ended], [], [], after or LONGEST_LIFE)[0]
    if not in_time:
        os.kill(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if code != -signal.SIGKILL:
        return f"exit {code}"
    return "killed" if in_time or after else "stuck"


# One life


def live(life: dict, gate: mmap.mmap) -> None:
    """Be a server from its start until no job is open; never returns."""
    try:
        # Some systems let strace trace a sibling only if that agrees.
        ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)
        for stream in (1, 2):
            os.dup2(os.open(life["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        os.environ.update(life["environment"])
        veo_download.PIECE = PIECE
        polling.next_wait = lambda *_: 0.01
        told = Told(life["told"])
        if life["variant"]:
            VARIANTS[life["variant"]]()
        steps = Steps(told, life["step"])
        gate[0] = READY
        while gate[0] != GO:
            pass  # without a system call: strace would come into the middle of it
        asyncio.run(_work(life, told))
        told.write(steps=steps.names)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


async def _work(life: dict, told: "Told") -> None:
    ours = service.Service(config.read())
    with data_folder_held(ours.settings.data):
        jobs = await _jobs_in_one_thread(ours) if life["call"] else ours.jobs
        with jobs.ledger._engine.connect() as connection:
            connection.connection.driver_connection.executescript(HISTORY)
        async with ours.lifespan(None):
            if life["visitors_key"]:
                await jobs.set_key(OWNER, VeoClient(life["visitors_key"]))
            known = {job.entry.request["prompt"] for job in await jobs.of(OWNER) if job.request}
            asked = [prompt for prompt in life["prompts"] if prompt not in known]
            await asyncio.gather(*(_ask(ours, prompt, told) for prompt in asked))
            drivers.append(jobs)
            while any(_is_driven(job) for each in drivers for job in each._live.values()):
                await asyncio.sleep(0.005)
            for job in await jobs.of(OWNER):
                if job.request and "#delete" in job.request.prompt and await jobs.delete(job):
                    told.write(deleted=job.id)
            for finish in at_end:
                finish()
            jobs.ledger.close()


def _is_driven(job: Job) -> bool:
    """A job that is done still makes room for others; one that waits for attention is left."""
    return not job.is_over or job.state == "done"


async def _ask(ours: service.Service, prompt: str, told: "Told") -> None:
    request = VideoRequest(prompt, seed=7)
    if "#picture" in prompt:
        whose = {"owner": OWNER, "quota_key": OWNER}
        name = await ours.keep_picture(lambda: PICTURE, **whose, resolution="360p")
        request = VideoRequest(prompt, model="google/veo-3.1-i2v", image_url=name)
    await ours.begin(request, owner=OWNER, quota_key=OWNER)
    told.write(asked=prompt)


async def _jobs_in_one_thread(ours: service.Service) -> Jobs:
    """strace counts calls by thread: with all work in one, each of them is a point of its own."""
    loop, one = asyncio.get_running_loop(), ThreadPoolExecutor(1)
    loop.set_default_executor(one)
    jobs = await loop.run_in_executor(one, lambda: ours.jobs)
    background = jobs.background
    background.asking = background.fetching = background.writing = background.preparing = one
    return jobs


drivers: list[Jobs] = []
at_end: list = []
"""What a broken variant still has to do before it may say that all is well."""


class Told:
    """What the harness hears, whatever happens next."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, **what: object) -> None:
        os.write(self._file, json.dumps(what).encode() + b"\n")


class Steps:
    """Notes the steps of this life and ends it at the last one: a name, for the so manieth time.

    By name, for their number changes with how an answer comes out of the network.
    """

    def __init__(self, told: Told, last: tuple[str, int] | None) -> None:
        self.names: list[str] = []
        self._told = told
        self._last, self._times = last or ("", 0)
        self._lock = threading.Lock()
        for owner, name in STEPS:
            self._hook(owner, name)
        sa.event.listen(sa.Engine, "commit", lambda _: self._step("before commit"))

    def _step(self, name: str) -> None:
        with self._lock:
            self.names.append(name)
            if name == self._last and self.names.count(name) == self._times:
                self._told.write(killed=name)
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

    def _hook(self, owner: object, name: str) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def hooked(*arguments, **named):
            if original is _open_path and not _to_write(*arguments, **named):
                return original(*arguments, **named)
            what = f"{getattr(owner, '__name__', owner)}.{name}{_hint(arguments)}"
            self._step(f"before {what}")
            try:
                return original(*arguments, **named)
            finally:
                self._step(f"after {what}")

        setattr(owner, name, hooked)


_open_path = Path.open


def _to_write(_path: Path, mode: str = "r", *_: object, **__: object) -> bool:
    return mode[0] != "r" or "+" in mode


def _hint(arguments: tuple) -> str:
    """The state or the kind of file that a step is about; the same in every life."""
    if arguments and isinstance(arguments[0], Ledger) and len(arguments) > 3:
        return f" to {arguments[3]}"
    if arguments and isinstance(arguments[0], Path):
        path = arguments[0]
        is_random = len(path.name) > 20 and not path.name.endswith((".unchecked", ".json", ".part"))
        return f" {path.suffix or 'folder' if is_random or path.name[0] == '.' else path.name}"
    return ""


# Mistakes for the harness to find.  Each is made in the code before the steps are hooked.


def sends_before_it_writes() -> None:
    """The request goes out before anything is written down."""

    async def generate(self, request, *, owner, payer, expected, limits=None, **more):
        send = self.client_for(owner, payer).submit
        generation_id = await self.background.run_in_pool(self.background.asking, send, request)
        add = partial(
            self.ledger.add, owner=owner, payer=payer, request=request.body(), expected=expected
        )
        entry = await self.background.write(partial(add, generation_id=generation_id, **more))
        return self._start_driver(Job(entry))

    Jobs.generate = generate


def sends_again_after_a_restart() -> None:
    """What may have been sent is sent again at the next start."""
    start = Jobs.start

    async def hopeful(self):
        def rename(was, to):
            with self.ledger._write() as connection:
                state = ledger_module._jobs.c.state
                connection.execute(sa.update(state.table).where(state == was).values(state=to))

        sent = self.ledger.in_states("submitting")
        rename("submitting", "failed")
        await start(self)
        rename("failed", "prepared")
        for entry in sent:
            self._start_driver(Job(replace(entry, state="prepared")))

    Jobs.start = hopeful


def keeps_the_id_in_memory() -> None:
    """The id is written down one state too late."""
    move, ids = Ledger.move, {}

    def late(self, job_id, was, to, **changes):
        if to == "running":
            ids[job_id] = changes.pop("generation_id", None)
        elif ids.get(job_id):
            changes["generation_id"] = ids.pop(job_id)
        return move(self, job_id, was, to, **changes)

    Ledger.move = late


def commits_at_the_end() -> None:
    """Changes of state stay in memory until the process ends."""
    move = Ledger.move

    def later(*arguments, **changes):
        at_end.append(partial(move, *arguments, **changes))
        return True

    Ledger.move = later


def downloads_straight_to_the_name() -> None:
    """The clip has its name while its bytes arrive."""

    def receive(download, path, request, *, poster):
        download(path)
        facts = media.inspect(path, poster=poster)
        media.write_request(path, request)
        return replace(facts, size=path.stat().st_size)

    files.Part.file = property(lambda self: self.path)
    media.receive = receive


def done_before_it_is_there() -> None:
    """The row says done while the clip still lies elsewhere."""
    receive = Storage.receive

    def hasty(self, place, *arguments, **named):
        aside = Storage(self.folder.with_name("aside"), most_bytes=self.most_bytes)
        facts = receive(aside, place, *arguments, **named)

        def arrive():
            time.sleep(0.05)
            (aside.folder / place).rename(self.folder / place)

        thread = threading.Thread(target=arrive)
        thread.start()
        at_end.append(thread.join)
        return facts

    Storage.receive = hasty


def done_before_poster_and_note() -> None:
    """The row says done before the clip's poster and note are there."""
    save, evict, missing = media._save_picture, Storage.evict, []

    def later(*arguments):
        missing.append(arguments)

    def catch_up(self, in_use):
        while missing:
            save(*missing.pop())
        return evict(self, in_use)

    media._save_picture, Storage.evict = later, catch_up


def sends_again_when_the_answer_is_lost() -> None:
    """A create request whose answer was lost is repeated, as public SDKs do."""
    submit = VeoClient.submit

    def insistent(self, request, **named):
        try:
            return submit(self, request, **named)
        except SubmissionUncertain:
            return submit(self, request, **named)

    VeoClient.submit = insistent


def two_drivers_without_compare_and_set() -> None:
    """Two drive the same job, and a move does not look at the state that it comes from."""
    two_drivers()

    def move(self, job_id, was, to, **changes):
        jobs = ledger_module._jobs
        change = jobs.update().where(jobs.c.id == job_id).values(state=to, **changes)
        with self._write() as connection:
            return connection.execute(change).rowcount == 1

    Ledger.move = move


def two_drivers() -> None:
    """Two drive the same job.  No mistake where money is concerned, as long as moves compare."""
    drive = Jobs._start_driver

    def twice(self, job, *turn, **left_over):
        if job.state == "prepared":
            drivers.append(Jobs(self.ledger, self.storage, client_of=self.keys._client_of))
            drive(drivers[-1], Job(job.entry))
        return drive(self, job, *turn, **left_over)

    Jobs._start_driver = twice


def forgets_downloads_at_the_start() -> None:
    """A job whose clip was arriving is not gone on with."""
    in_states = Ledger.in_states

    def forgetful(self, *states):
        return in_states(self, *(state for state in states if state != "downloading"))

    Ledger.in_states = forgetful


def names_a_picture_before_it_is_there() -> None:
    """The picture's bytes are written after the row that names them."""
    put, read, later = Storage.put_picture, Storage.picture, []

    def wait(self, *picture):
        later.append((self, *picture))

    def catch_up(self, file):
        while later:
            put(*later.pop())
        return read(self, file)

    Storage.put_picture, Storage.picture = wait, catch_up


def leaves_the_picture_of_what_was_deleted() -> None:
    """A deletion does not list the picture that no row names any more."""
    picture_rows.let_go = lambda *_: None


def sends_another_picture() -> None:
    """What is sent is not what the row names."""
    Storage.picture = lambda *_: PICTURE


def writes_the_key_down() -> None:
    """A row names whose spending it is by the key that pays."""
    add = Ledger.add

    def telling(self, **named):
        return add(self, **{**named, "quota_key": os.environ["AIMLAPI_KEY"]})

    Ledger.add = telling


BROKEN = {
    mistake.__name__: mistake
    for mistake in (
        sends_before_it_writes,
        sends_again_after_a_restart,
        keeps_the_id_in_memory,
        commits_at_the_end,
        downloads_straight_to_the_name,
        done_before_it_is_there,
        done_before_poster_and_note,
        sends_again_when_the_answer_is_lost,
        two_drivers_without_compare_and_set,
        forgets_downloads_at_the_start,
        names_a_picture_before_it_is_there,
        leaves_the_picture_of_what_was_deleted,
        sends_another_picture,
        writes_the_key_down,
    )
}

VARIANTS = BROKEN | {"two_drivers": two_drivers}


if __name__ == "__main__":
    main()
