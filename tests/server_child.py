"""One of several servers, as it lives and dies in `several_servers.py`: a `Service` without a page.

    python tests/server_child.py      reads a life per line (JSON), tells its process id and its end

Importing takes longer than starting, so this process imports once and forks for each life.  A
server is asked through a socket in its data folder: a line of JSON, and lines in answer.  `BROKEN`
are variants of the code with a mistake each, for the tests to find.
"""

import asyncio
import functools
import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import sqlalchemy as sa

from backend import config, engine, runner, service, shared_engine
from backend import ledger as ledger_module
from backend.ledger import Ledger
from demo import film as demo_film
from veo import polling
from veo_client import VeoClient, VideoRequest


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for line in sys.stdin:
        life = json.loads(line)
        if not (process := os.fork()):
            live(life)
        print(process, flush=True)


def live(life: dict) -> None:
    """Be a server until SIGTERM; never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for stream in (1, 2):
            os.dup2(os.open(life["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        os.environ.update(life["environment"])
        polling.next_wait = lambda *_: life["looks_every"]
        runner.SENT_WITHIN = life["sent_within"]
        if pause := life.get("looks_again_after"):
            runner.LOOK_AGAIN_AFTER = (pause,) * 100
        demo_film.render = _small(demo_film.render)
        service.DEMO_SECONDS = life["demo_seconds"]
        if life["variant"]:
            BROKEN[life["variant"]]()
        if life["stops_before"]:
            stop_before(life["stops_before"])
        asyncio.run(_serve(life))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _small(render):
    def small(path, **shape):
        return render(path, **shape | {"width": 160, "height": 96, "duration": 1})

    return small


def stop_before(state: str) -> None:
    """Freeze this process once, just before the database gets a job's move to `state`."""
    stopped = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def freeze(_connection, _cursor, statement, parameters, *_) -> None:
        is_move = statement.startswith("UPDATE veo_jobs") and parameters.get("state") == state
        if is_move and not stopped:
            stopped.append(True)
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(0.1)  # it stops within that, and not in the call


async def _serve(life: dict) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    # Some of these servers keep clips in their folders, which a person's may not.
    settings = replace(config.read(), several_servers=True)
    with service.Service(settings, dead_after=life["dead_after"]) as ours:
        async with ours.lifespan(None):
            answer = functools.partial(_answer, ours)
            place = ours.settings.data / "ask"
            with suppress(FileNotFoundError):
                place.unlink()
            async with await asyncio.start_unix_server(answer, place):
                (ours.settings.data / "is-ready").touch()
                await stop.wait()


async def _answer(ours, reader, writer) -> None:
    def tell(**what) -> None:
        writer.write(json.dumps(what).encode() + b"\n")

    try:
        asked = json.loads(await reader.readline())
        await COMMANDS[asked.pop("command")](ours, tell, **asked)
        await writer.drain()
    except Exception as error:
        tell(error=f"{type(error).__name__}: {error}")
    finally:
        writer.close()


async def _ask(ours, tell, *, prompt, owner) -> None:
    request = VideoRequest(prompt, seed=7, duration=4, resolution="720p")
    job = await ours.begin(request, owner=owner, quota_key=owner)
    tell(job=job.id)


async def _follow(ours, tell, *, job, owner) -> None:
    found = await ours.jobs.get(job, owner)
    async for each in found.follow():
        tell(state=each.state, here=each.is_driven, away=each.list_is_away)


async def _give_key(ours, tell, *, owner, key) -> None:
    await ours.jobs.set_key(owner, VeoClient(key))
    tell(given=True)


async def _look_again(ours, tell, *, job, owner) -> None:
    found = await ours.jobs.look_again(await ours.jobs.get(job, owner))
    tell(state=found.state)


COMMANDS = {"ask": _ask, "follow": _follow, "give_key": _give_key, "look_again": _look_again}


# Mistakes for the tests to find.


def without_epoch() -> None:
    """A move looks at the state that it comes from, and not at who took the job."""
    move = Ledger.move

    def unfenced(self, job_id, was, to, *, epoch=None, **changes):
        return move(self, job_id, was, to, **changes)

    Ledger.move = unfenced


def without_lease() -> None:
    """A server drives on however long it has not heard of the database."""
    engine.Lease.held = lambda *_: True


def without_term() -> None:
    """A heartbeat that arrives after the lease was over makes it good again."""
    held = engine.Lease.held
    engine.Lease.held = lambda self, _term: held(self, self.term)


def rescues_by_the_manual() -> None:
    """What a dead server held is retried, as Procrastinate's manual says, and keeps its row."""

    async def rescue(self):
        while True:
            await asyncio.sleep(self._dead_after / 6)
            stalled = await self._manager.get_stalled_jobs(seconds_since_heartbeat=self._dead_after)
            for job in stalled:
                with suppress(Exception):
                    await self._manager.retry_job(job, queue=shared_engine.ANY)

    shared_engine.Shared._rescue = rescue


def reads_then_writes() -> None:
    """A move reads whether it may be made, and then makes it whatever happened in between."""

    def move(self, job_id, was, to, *, epoch=None, hand=False, **changes):
        entry = self.get(job_id)
        if entry is None or entry.state not in ([was] if isinstance(was, str) else was):
            return False
        jobs = ledger_module._jobs
        with self._write() as connection:
            connection.execute(
                sa.update(jobs).where(jobs.c.id == job_id).values(state=to, **changes)
            )
        return True

    Ledger.move = move


BROKEN = {
    mistake.__name__: mistake
    for mistake in (
        without_epoch,
        without_lease,
        without_term,
        rescues_by_the_manual,
        reads_then_writes,
    )
}


if __name__ == "__main__":
    main()
