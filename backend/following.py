"""Who follows which jobs: each viewer follows one set of jobs at a time, until all are over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from typing import Any

from backend.job import Job

STOP_TIMEOUT = 5.0
"""Seconds to wait for the last that a follower yields; nobody may be there to take it."""


class Following:
    """The viewers of one event loop.  A viewer is whatever tells one open page from another."""

    def __init__(self) -> None:
        self._ends: dict[Hashable, tuple[asyncio.Future[None], asyncio.Future[None]]] = {}
        """For each viewer, what is done when it shall end, and what is done when it has ended."""

    def stop(self, viewer: Hashable) -> asyncio.Future[None] | None:
        """End what `viewer` follows: whoever asks for something else looks no longer at that.

        Gives what is done when all of it has been yielded.
        """
        end, ended = self._ends.pop(viewer, (None, None))
        if end:
            end.set_result(None)
        return ended

    async def stop_and_wait(self, viewer: Hashable) -> None:
        """End what `viewer` follows, and come back when nothing of it is yielded any more."""
        if ended := self.stop(viewer):
            await asyncio.wait([ended], timeout=STOP_TIMEOUT)

    async def follow(
        self, jobs: Sequence[Job], *, viewer: Hashable
    ) -> AsyncGenerator[asyncio.Future[None]]:
        """Yield for `jobs` as they are now, and again after each change, until all are over.

        It ends, too, when `viewer` follows others; what it yields is a future that is done then.
        """
        self.stop(viewer)
        loop = asyncio.get_running_loop()
        end, ended = self._ends[viewer] = loop.create_future(), loop.create_future()
        streams = [job.follow() for job in jobs]
        for stream in streams:
            await anext(stream)
        changing: dict[asyncio.Future[Any], AsyncIterator[Job]]
        changing = {asyncio.ensure_future(anext(stream, None)): stream for stream in streams}
        try:
            yield end
            while changing:
                changed, _ = await asyncio.wait(
                    [*changing, end], return_when=asyncio.FIRST_COMPLETED
                )
                if end.done():
                    return
                over = 0
                for each in changed:
                    stream = changing.pop(each)
                    if each.result() is None:
                        over += 1
                    else:
                        changing[asyncio.ensure_future(anext(stream, None))] = stream
                if over < len(changed):
                    yield end
        finally:
            for each in changing:
                each.cancel()
            if self._ends.get(viewer) == (end, ended):
                del self._ends[viewer]
            ended.set_result(None)
