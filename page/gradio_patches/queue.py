"""Gradio's queue, with limits: how many events one visitor may hold, and how many unread bytes.

Gradio keeps the messages of every session until they are read, and every event's input until it
has run; neither has a limit.  `Queue.push` has no hook, so `PageQueue` overrides it, and refuses
what is too much with the answer that Gradio gives when its queue is full.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import sys
import time
from collections import deque
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import LRUCache, run_coro_in_background

from page.web.guard import AGENT_GONE

MAX_SESSIONS = 20_000
"""Sessions whose messages are kept.  `MAX_BYTES` is reached long before."""

MAX_UNREAD = 100
"""Messages of one session after which it must read before it asks for more.

A page that loads has two dozen before it reads; to drop the oldest would break what follows, for
Gradio sends differences.
"""

MAX_EVENTS_OF_AN_ADDRESS = 200
"""Events of one address that wait or run.  A tab that follows a job holds one, a hostile program
would hold all."""

MAX_BYTES = 64 << 20
"""Bytes that all sessions hold, their unread messages, and the inputs of what waits or runs."""

MAX_BYTES_OF_AN_ADDRESS = MAX_BYTES // 8

MAX_REQUEST_BYTES = 2 << 20
"""The largest body, of 256 KiB, takes 1 MiB where one of its characters is outside of Unicode's
first 65,536; what takes more is made of tens of thousands of empty lists."""

LARGE_REQUEST_BYTES = 64 << 10
"""No form of the page's own takes as much."""

SESSION_BYTES = 16 << 10
"""What Gradio keeps of one, without its messages: mostly a list of the page's components."""

SMALL_SESSION_BYTES = 256 << 10
"""Bytes that a session may leave unread and still go on when `MAX_BYTES` is reached: a page that
loads leaves a tenth of that."""

MAX_STATES = 4096
"""Sessions of which Gradio keeps what the button last said; the longest unused makes room."""

FORGET_AFTER = 300.0
"""Seconds after which a session goes that nobody listens to."""

FORGET_EVERY = 10.0
"""Seconds between two looks at who has gone."""

MAX_NAME = 64
"""Characters.  Gradio's page and its client name their sessions with up to 36."""

TOO_MUCH = "Too much at once: read what was answered, or wait until something has ended."
FULL = "The page is full: others have not read what was answered. Try again in a few minutes."
TOO_LARGE = "A request of this page is never as large as that."
TOO_LONG = f"A session's name has {MAX_NAME} characters at most."


class PageQueue(Queue):
    """The queue of `blocks`; `options` are those of Gradio's own."""

    def __init__(self, blocks: gr.Blocks, **options: Any) -> None:
        super().__init__(
            live_updates=True,
            concurrency_count=blocks.max_threads,
            update_intervals=1,
            blocks=blocks,
            **options,
        )
        # Gradio looks for something to do 1,000 times a second: 54 ms of CPU a second more, on a
        # page that nobody visits.
        self.sleep_when_free = 0.02
        self.unread = Sessions(MAX_SESSIONS)
        self.pending_messages_per_session = self.unread
        self.pending_event_ids_session = EventIds()
        self.streams_ended: LRUCache[str, int] = LRUCache(MAX_SESSIONS)
        """How many streams of each session have ended: `stream_ends` counts them."""
        self._inputs: WeakKeyDictionary[Event, tuple[str, int]] = WeakKeyDictionary()
        """The address and the weight of what waits or runs."""
        self.has_failed = False
        """Whether an event has ended in an error since the collector was last called."""

    def start(self) -> None:
        super().start()  # type: ignore[no-untyped-call]  # Gradio's
        app: Any = self.server_app
        app.state_holder = PageStates()  # type: ignore[no-untyped-call]  # Gradio's
        app.state_holder.set_blocks(self.blocks)
        # What the page is made of is no garbage: the collector need not go through it again.
        gc.freeze()
        run_coro_in_background(self._forget_for_ever)

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Take an event in, unless its visitor holds too much already."""
        weight, address = await weight_of(request), request.client.host
        if refused := self._refusal(body.session_hash, weight, address):
            return False, *refused
        pushed = await super().push(body=body, request=request, username=username)
        if pushed[0]:
            self._note(body.session_hash, str(pushed[1]), weight, address)
        # No stream of the session ends from here on until this event has ended.
        request.state.streams_ended = self.streams_ended.get(body.session_hash, 0)
        return pushed

    async def process_events(self, events: list[Event], *more: Any, **named: Any) -> None:
        """Run `events`; what a large one brought is let go at its end, also if that is an error.

        Gradio keeps an error in a variable: it stands in a circle with the frames that hold the
        body, until Python's collector comes by, which on a quiet page is seldom.
        """
        weight = sum(self._inputs.get(event, ("", 0))[1] for event in events)
        try:
            await super().process_events(events, *more, **named)
        finally:
            if self.has_failed and weight > LARGE_REQUEST_BYTES:
                self.has_failed = False
                gc.collect()

    def _refusal(self, session: str | None, weight: int, address: str) -> tuple[str, str] | None:
        """Why an event of `weight` bytes may not come in, and Gradio's name for such a refusal."""
        if session and len(session) > MAX_NAME:
            return TOO_LONG, "error"
        if weight > MAX_REQUEST_BYTES:
            return TOO_LARGE, "error"
        unread = self.unread.get(session)
        if unread and unread.qsize() >= MAX_UNREAD:
            return TOO_MUCH, "queue_full"
        if is_public(address) and (
            self.events_of(address) >= MAX_EVENTS_OF_AN_ADDRESS
            or self.weight(address) + weight > MAX_BYTES_OF_AN_ADDRESS
        ):
            return TOO_MUCH, "queue_full"
        reads = unread and unread.weight + weight < SMALL_SESSION_BYTES
        if not reads and self.weight() + weight > MAX_BYTES:
            return FULL, "queue_full"
        return None

    def _note(self, session: str, event_id: str, weight: int, address: str) -> None:
        """Remember who came, and with how much."""
        if event := self.event_ids_to_events.get(event_id):
            self._inputs[event] = address, weight
        if unread := self.unread.get(session):
            unread.address = unread.address or address
            if unread.weight < SMALL_SESSION_BYTES:  # who reads has a moment to open a stream
                unread.unheard_since = time.monotonic()

    def weight(self, address: str | None = None) -> int:
        """Bytes that `address` holds, or everybody."""
        sessions = [(each.address, each.weight + SESSION_BYTES) for each in self.unread.values()]
        held = [*sessions, *self._inputs.values()]
        return sum(weight for of, weight in held if address in (None, of))

    def events_of(self, address: str) -> int:
        """How many events wait or run for `address`."""
        waiting = [
            event for each in self.event_queue_per_concurrency_id.values() for event in each.queue
        ]
        clients = [event.request.client for event in (*waiting, *self.running())]
        return sum(client is not None and client.host == address for client in clients)

    def running(self) -> list[Event]:
        """The events that run now."""
        return [event for job in self.active_jobs if job for event in job]

    async def _forget_for_ever(self) -> None:
        while not self.stopped:
            await asyncio.sleep(FORGET_EVERY)
            await self._forget()

    async def _forget(self) -> None:
        """Drop the sessions that nobody listens to."""
        now = time.monotonic()
        # Programs come back for one answer, which may take minutes.
        awaited = {each.session_hash for each in self.running() if not each.fn.types_generator}
        for session, unread in list(self.unread.items()):
            if now - unread.unheard_since > FORGET_AFTER and session not in awaited:
                del self.unread[session]
                await self.clean_events(session_hash=session)
        # Gradio's own way to drop one leaves the ids of what runs.
        for session in [*self.pending_event_ids_session]:
            if session not in self.unread:
                del self.pending_event_ids_session[session]
        self._forget_states()

    def _forget_states(self) -> None:
        """Keep those of tabs, which may be asleep: each is held to the price that it shows."""
        app: Any = self.server_app
        states: StateHolder = app.state_holder
        kept = {*self.unread, *self.unread.once_heard}
        before = datetime.now() - timedelta(seconds=FORGET_AFTER)
        for session, used in list(states.time_last_used.items()):
            if used < before and session not in kept:
                states.session_data.pop(session, None)
                states.time_last_used.pop(session, None)


class Unread(asyncio.Queue[EventMessage]):
    """The messages of one session, how many bytes they take, and since when nobody reads them."""

    def __init__(self) -> None:
        super().__init__()
        self._weights: deque[int] = deque()
        self.weight = 0
        self.address = ""
        self.was_heard = False
        self.unheard_since = time.monotonic()

    def _put(self, message: EventMessage) -> None:
        self._weights.append(size_of(vars(message)))
        self.weight += self._weights[-1]
        super()._put(message)

    def _get(self) -> EventMessage:
        self.weight -= self._weights.popleft()
        return super()._get()

    async def get(self) -> EventMessage:
        """Gradio's streams call it at least every ten seconds, if their visitor reads."""
        self.was_heard = True
        self.unheard_since = time.monotonic()
        return await super().get()


class Sessions(LRUCache[str, Any]):
    """The unread messages of each session.  Gradio puts in a plain queue; we keep an `Unread`."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.once_heard: LRUCache[str, bool] = LRUCache(MAX_STATES)
        """Sessions that were dropped after somebody had listened to them."""

    def __setitem__(self, session: str, _: object) -> None:
        super().__setitem__(session, Unread())

    def __delitem__(self, session: str) -> None:
        if self[session].was_heard:
            self.once_heard[session] = True
        super().__delitem__(session)


class EventIds(dict[str, set[str]]):
    """The unread events of each session.  Gradio asks for those of a session that we have dropped
    while its stream hung: there are none."""

    def __missing__(self, _: str) -> set[str]:
        return set()


class PageStates(StateHolder):
    """What Gradio keeps of each session."""

    def __getitem__(self, session: str) -> SessionState:
        """Gradio's own; a direct call may name a session, and a long name is not kept."""
        if len(session) > MAX_NAME:
            return SessionState(self.blocks)
        return super().__getitem__(session)


async def has_gone(request: gr.Request) -> bool:
    """Whether whoever called has hung up: on their stream of messages, or on the call itself."""
    asked: Any = request.request
    if asked is None:
        return False
    if asked.scope[AGENT_GONE]():
        return True
    for event in asked.app.get_blocks()._queue.running():
        if event.request is asked:
            # Its own connection ended when the queue had taken it.
            return not event.alive
    return bool(await asked.is_disconnected())


def is_public(address: str) -> bool:
    """Whether `address` is on the internet; behind another, as a proxy's, may be everybody."""
    try:
        return ipaddress.ip_network(address).is_global
    except ValueError:
        return False


async def weight_of(request: Any) -> int:
    """Bytes that the body of `request` takes, as it came and as Python reads it; Gradio keeps both
    as long as the event waits or runs."""
    return len(await request.body()) + size_of(await request.json())


def size_of(value: object) -> int:
    """About how many bytes a JSON value takes in memory, which may be many times its text."""
    size, left = 0, [value]
    while left:
        each = left.pop()
        size += sys.getsizeof(each)
        if isinstance(each, dict):
            left.extend(each)
            left.extend(each.values())
        elif isinstance(each, list | tuple):
            left.extend(each)
    return size
