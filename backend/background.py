"""Threads, and tasks that go on though whoever asked has left, until the process stops.

`run_in_pool` keeps the event loop free, `shielded` survives whoever asked, `spawn` has no asker.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")

ASKING_THREADS, FETCHING_THREADS, LOOKING_THREADS, PREPARING_THREADS = 96, 8, 16, 2
LONGEST_STOP = 75.0
"""Seconds, as many as the service has to take a request."""


class Background:
    """The pools and tasks of one event loop.

    Each kind of work has a pool of its own, so that a service that hangs, or a file that arrives
    slowly, holds up nothing else.  One thread writes: SQLite lets one write at a time anyway.
    """

    def __init__(self) -> None:
        self.asking = ThreadPoolExecutor(ASKING_THREADS, "asking")
        self.fetching = ThreadPoolExecutor(FETCHING_THREADS, "fetching")
        # Apart, for an id may be made up: that must not hold up what is sent and followed.
        self.looking = ThreadPoolExecutor(LOOKING_THREADS, "looking")
        # A picture takes 150 MiB while it is made ready, whatever it is.
        self.preparing = ThreadPoolExecutor(PREPARING_THREADS, "preparing")
        self.writing = ThreadPoolExecutor(1, "writing")
        self.tasks: set[asyncio.Task[None]] = set()
        self._stopping = threading.Event()
        self._shielded: set[asyncio.Task[Any]] = set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def pause(self, seconds: float) -> None:
        """Wait in a thread; `stop` need not wait for that, and ends what the thread does."""
        if self._stopping.wait(seconds):
            raise CancelledError

    async def run_in_pool(
        self, pool: ThreadPoolExecutor, call: Callable[..., Result], *arguments: Any
    ) -> Result:
        return await asyncio.get_running_loop().run_in_executor(pool, partial(call, *arguments))

    async def write(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Read or write the ledger."""
        return await self.run_in_pool(self.writing, call, *arguments)

    async def shielded(self, steps: Coroutine[Any, Any, Result]) -> Result:
        """Go through with `steps` though whoever asked leaves; `stop` waits for them, too.

        A closed tab cancels its handler, and a row that says "running" would have no driver.
        """
        task = asyncio.get_running_loop().create_task(steps)
        self._shielded.add(task)
        task.add_done_callback(self._shielded.discard)
        return await asyncio.shield(task)

    def spawn(self, steps: Coroutine[Any, Any, None]) -> None:
        """Go through with `steps` until `stop` cancels them."""
        task = asyncio.get_running_loop().create_task(steps)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def begin_stop(self) -> None:
        """Let nothing new begin from now on."""
        self._stopping.set()

    async def stop(self) -> None:
        """Cancel what was spawned and wait for what is shielded, `LONGEST_STOP` at most."""
        self.begin_stop()
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_STOP
        while waited_for := self.tasks | self._shielded:
            left = until - clock()
            for task in self.tasks if left > 0 else waited_for:
                task.cancel()
            await asyncio.wait(waited_for, timeout=left if left > 0 else None)
        # In a thread, for a download may take long; the event loop goes on meanwhile.
        closing = threading.Thread(target=self._close_pools, daemon=True)
        closing.start()
        while closing.is_alive() and clock() < until:
            await asyncio.sleep(0.01)

    def _close_pools(self) -> None:
        for pool in (self.asking, self.looking, self.fetching, self.preparing, self.writing):
            pool.shutdown(cancel_futures=True)
