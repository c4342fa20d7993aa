"""Drives jobs to their end in the background, whoever watches.

A closed tab stops no job and any number of watchers follow one.  A thread is held only while the
service is asked or a file arrives; in between a job costs a timer.  Jobs live in memory: what
survives a restart is the id, kept by whoever started it.  This module knows no page and no words.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import clips
from veo_client import (
    DownloadFailed,
    SubmissionUncertain,
    Update,
    VeoClient,
    VeoError,
    Video,
    VideoRequest,
)

Result = TypeVar("Result")
Phase = Literal["sending", "running", "downloading", "done", "failed", "stopped"]

THREADS = 32
JOBS_KEPT = 500


class Job:
    """One video on its way.  Read it; `Jobs` alone changes it."""

    def __init__(self, *, request: VideoRequest | None, expected: float, demo: bool) -> None:
        self.token = secrets.token_urlsafe(16)
        """Unguessable; whoever has it may follow the job."""
        self.request = request
        """None when only the id of an earlier request is known."""
        self.expected = expected
        self.demo = demo
        self.phase: Phase = "sending" if request else "running"
        self.generation_id: str | None = None
        self.update: Update | None = None
        self.error: VeoError | None = None
        self.clip: Path | None = None
        self.facts: clips.Facts | None = None
        self._started, self._ended = time.monotonic(), 0.0
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self.phase in ("done", "failed", "stopped")

    @property
    def elapsed(self) -> float:
        """Seconds from the start to now, or to the end."""
        return (self._ended or time.monotonic()) - self._started

    def stop_looking(self) -> None:
        """Stop asking for it, once its id is known.  The service goes on making it."""
        self._stop.set()

    async def follow(self) -> AsyncIterator[Job]:
        """The job now, and again after each change, until it is over."""
        while True:
            # Noted before the yield: the job may end while whoever follows is busy with it.
            changed, was_over = self._changed, self.is_over
            yield self
            if was_over:
                return
            await changed.wait()

    def _tell(self, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        if self.is_over:
            self._ended = time.monotonic()
        self._changed.set()
        self._changed = asyncio.Event()


class Jobs:
    """The jobs of one process; finished clips go into folders of their own below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="jobs")

    def get(self, token: str) -> Job | None:
        return self._jobs.get(token)

    def generate(
        self, client: VeoClient, request: VideoRequest, *, expected: float, demo: bool
    ) -> Job:
        """Submit `request` and see it through.  Call it once for a click: this costs money."""
        job = Job(request=request, expected=expected, demo=demo)
        return self._start(job, client, _updates(client, request, expected))

    def resume(self, client: VeoClient, generation_id: str, *, expected: float, demo: bool) -> Job:
        """Follow an earlier request by its id."""
        job = Job(request=None, expected=expected, demo=demo)
        job.generation_id = generation_id
        updates = client.follow(generation_id, expected=expected, sleep=_leave_waiting_to_us)
        next(updates)  # it comes before the first look and knows nothing
        return self._start(job, client, updates)

    def _start(self, job: Job, client: VeoClient, updates: Generator[Update, None, Video]) -> Job:
        self._jobs[job.token] = job
        self._forget_the_oldest()
        task = asyncio.get_running_loop().create_task(self._drive(job, client, updates))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def _drive(
        self, job: Job, client: VeoClient, updates: Generator[Update, None, Video]
    ) -> None:
        try:
            await self._see_through(job, client, updates)
        except VeoError as error:
            error.generation_id = error.generation_id or job.generation_id
            job._tell(phase="failed", error=error)
        except Exception:
            logging.getLogger(__name__).exception("A job ended in a fault of ours.")
            job._tell(phase="failed", error=_our_fault(job))

    async def _see_through(
        self, job: Job, client: VeoClient, updates: Generator[Update, None, Video]
    ) -> None:
        # `next` with a default: a StopIteration out of a thread would hang whoever awaits it.
        while update := await self._in_thread(partial(next, updates, None)):
            job._tell(phase="running", generation_id=update.generation_id, update=update)
            if update.video:
                job._tell(phase="downloading")
                await self._in_thread(partial(self._receive, job, client, update.video))
                job._tell(phase="done")
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(job._stop.wait(), update.next_poll_in)
                job._tell(phase="stopped")
                return

    def _receive(self, job: Job, client: VeoClient, video: Video) -> None:
        folder = self._folder / secrets.token_urlsafe(16)
        path = folder / ("demo-clip.mp4" if job.demo else "veo-clip.mp4")
        body = job.request.body() if job.request else None
        try:
            folder.mkdir(parents=True)
            job.facts = clips.receive(partial(client.download, video), path, body)
        except clips.BrokenClip as error:
            raise DownloadFailed(str(error)) from error
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise DownloadFailed(f"The clip cannot be kept here ({reason}).") from error
        job.clip = path

    async def _in_thread(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def _forget_the_oldest(self) -> None:
        over = [token for token, job in self._jobs.items() if job.is_over]
        for token in over[: max(0, len(self._jobs) - JOBS_KEPT)]:
            del self._jobs[token]


def _updates(
    client: VeoClient, request: VideoRequest, expected: float
) -> Generator[Update, None, Video]:
    """`VeoClient.generate` with the waits between looks left to the event loop.

    The pause that a 429 asks for before a request is sent again is slept through in the thread.
    """
    generation_id = client.submit(request)
    return (
        yield from client.follow(
            generation_id, expected=expected, submitted_ago=0.0, sleep=_leave_waiting_to_us
        )
    )


def _our_fault(job: Job) -> VeoError:
    """What can be said after an error that nobody foresaw."""
    if job.generation_id is None:
        return SubmissionUncertain(
            "Something went wrong here: the clip may be in the making, and may cost. "
            "Look at your account before you send it again."
        )
    return VeoError("Something went wrong here.", generation_id=job.generation_id)


def _leave_waiting_to_us(_: float) -> None:
    """The generator's `sleep`: the event loop waits instead, without a thread."""
