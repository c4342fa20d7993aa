"""Jobs as tests meet them: a service that answers over real HTTP, and a data folder on the disk.

A `House` is a data folder; the processes that work in it, one after the other, are a `Jobs` each.
"""

import asyncio
import functools
import gc
import itertools
import math
import ssl
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from urllib.parse import urljoin

from conftest import KEY
from fault_server import FaultServer, file_answer, html_answer, json_answer, stands_still

from backend.jobs import Job, Jobs
from backend.ledger import Entry, open_ledger
from backend.storage import Storage
from demo import film as demo_film
from veo.session import Session
from veo_client import VeoClient, VideoRequest

FOX = VideoRequest("a fox", seed=7, duration=4, resolution="720p")
ID = "uuid:google/veo"
ME = "browser:me"
ALL_THE_WAY = ["prepared", "submitting", "running", "downloading", "done"]


# The service


TAKEN = json_answer(200, {"id": ID, "status": "queued"})
QUEUED = json_answer(200, {"id": ID, "status": "queued"})
NOT_FOUND = json_answer(404, {"message": "There is no such generation."})
BAD_KEY = json_answer(401, {"message": "This key is not known."})
DOWN = html_answer(503)


def completed_at(address):
    """The clip is at `address`, which may be a path at the service."""

    def answer(connection):
        scheme = "https" if isinstance(connection.sock, ssl.SSLSocket) else "http"
        url = urljoin(f"{scheme}://{connection.request.headers['Host']}/", address)
        json_answer(200, {"id": ID, "status": "completed", "video": {"url": url}})(connection)

    return answer


completed = completed_at("/clip.mp4")


@functools.cache
def film(seed=7):
    """A small clip, whole."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        size = {"width": 160, "height": 96, "duration": 1}
        return demo_film.render(path, prompt="a fox", seed=seed, sound=False, **size).read_bytes()


class Service(FaultServer):
    """Answers of its own for the three calls; the last one of each is given for ever.

    `early` names connections by their number, from 1, and what they meet before the service has
    read anything; before that it cannot know which call it is.
    """

    def __init__(self, *, create=(TAKEN,), look=(QUEUED, completed), file=(), early=None, tls=None):
        self.scripts = {
            "create": [*create],
            "look": [*look],
            "file": [*(file or [file_answer(film())])],
        }
        self.early = early or {}
        super().__init__(self._play, tls=tls)

    def _next(self, moment):
        early = self.early.get(self.connections)
        return early if early and early.moment == moment else super()._next(moment)

    def _play(self, connection):
        request = connection.request
        script = self.scripts[call_of(request)]
        (script.pop(0) if len(script) > 1 else script[0])(connection)

    def will_stand_still(self, method):
        return stands_still(self.scripts["create" if method == "POST" else "look"][0])

    def count(self, call):
        return [call_of(request) for request in self.requests].count(call)


def call_of(request):
    if request.method == "POST":
        return "create"
    return "file" if request.path.endswith(".mp4") else "look"


def client_of(server, key=KEY, **options):
    return VeoClient(key, base_url=getattr(server, "base_url", None) or server.url, **options)


class BrieflyPatient(VeoClient):
    """Waits as long as ever, but briefly where `server` has no answer that ends.

    So no busy machine makes a fault of an honest answer.
    """

    def __init__(self, server, **options):
        super().__init__(KEY, **{"base_url": server.url, **options})
        self._session = BrieflyPatientSession(KEY, self.base_url, timeout=60.0, clock=self._clock)
        self._session._server = server


class BrieflyPatientSession(Session):
    BRIEFLY = 0.3

    def _send(self, session, method, path, **options):
        if not self._server.will_stand_still(method):
            return super()._send(session, method, path, **options)
        adapter, honest = session.get_adapter(self.base_url), self._timeout
        part = self.BRIEFLY / honest
        adapter.timeout, self._timeout = adapter.timeout * part, honest * part
        try:
            return super()._send(session, method, path, **options)
        finally:
            adapter.timeout, self._timeout = adapter.timeout / part, honest


@functools.cache
def empty_ledger():
    """The file of a ledger without rows: to make its tables takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.sqlite"
        open_ledger(f"sqlite:///{file}").close()
        return file.read_bytes()


class House:
    """A data folder with its ledger and its shelf."""

    def __init__(self, folder):
        self.folder = folder
        file = folder / "ledger.sqlite"
        if folder.is_dir() and not file.exists():
            file.write_bytes(empty_ledger())
        self.ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}", runner="here")
        self.storage = Storage(folder / "clips", most_bytes=math.inf)

    @asynccontextmanager
    async def process(self, service=None, *, start=True, **options):
        """A process of the server from its start to its end; `service` is where its key counts."""
        client = client_of(service) if isinstance(service, FaultServer) else service
        payers = {"server": client, "demo": client}
        jobs = Jobs(self.ledger, self.storage, client_of=payers.get, **options)
        try:
            if start:
                await jobs.start()
            yield jobs
        finally:
            await jobs.stop()

    def row(self, state, *, payer="server", error=None, age=0.0, clip=None, owner=ME):
        """A job that an earlier process left in `state`."""
        request = FOX.body()
        entry = self.ledger.add(owner=owner, payer=payer, request=request, expected=2.0)
        changes = {
            "running": {"generation_id": ID, "submitted": time.time() - age},
            "downloading": {"clip": clip or self.storage.new_clip_id()},
        }
        for was, to in itertools.pairwise(WAYS[state]):
            assert self.ledger.move(entry.id, was, to, **changes.get(to, {"error": error}))
        return self.ledger.get(entry.id)

    def files(self):
        """The name of every file on the shelf."""
        return sorted(path.name for path in self.storage.folder.rglob("*") if path.is_file())


WAYS = {state: ALL_THE_WAY[: ALL_THE_WAY.index(state) + 1] for state in ALL_THE_WAY} | {
    "rejected": ["prepared", "submitting", "rejected"],
    "uncertain": ["prepared", "submitting", "uncertain"],
    "failed": ["prepared", "submitting", "running", "failed"],
    "needs_key": ["prepared", "submitting", "running", "needs_key"],
    "needs_attention": ["prepared", "submitting", "running", "needs_attention"],
}


# What happens in a house


def in_a_loop(story):
    """Let a test be a coroutine.  No task may outlive it, nor end in an error unseen."""

    @functools.wraps(story)
    def test(*arguments, **named):
        unseen = []

        async def watched():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: unseen.append(context))
            async with asyncio.timeout(60):
                await story(*arguments, **named)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            gc.collect()

        gc.freeze()  # what was there before the test need not be gone through after it
        try:
            asyncio.run(watched())
        finally:
            gc.unfreeze()
        assert unseen == []

    return test


def a_job(state="prepared", **changes):
    """A job in memory alone, for who follows it."""
    nothing = dict.fromkeys(each.name for each in fields(Entry))
    known = {"id": "job", "owner": "me", "created": 0.0, "updated": 0.0, "expected": 1.0}
    job = Job(Entry(**nothing | known | {"state": state, "request": FOX.body()} | changes))
    job.is_driven = True  # by the test
    return job


async def begin(jobs, *, owner=ME, payer="server", request=FOX, **options):
    return await jobs.generate(
        request, owner=owner, payer=payer, quota_key=owner, expected=2.0, **options
    )


async def watch(job):
    """The states that somebody sees who watches `job` to its end."""
    states = [each.state async for each in job.follow()]
    return [state for state, _ in itertools.groupby(states)]


async def until(condition):
    """Wait for what nobody tells."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def told(error):
    """All that `veo.explain` makes of an error."""
    reason = getattr(error, "reason", None)
    return type(error), str(error), reason, error.retry_after, error.generation_id
