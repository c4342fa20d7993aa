"""How much of the page one visitor may hold: events at once, and bytes that they do not read.

It bounds Gradio's queue and the sessions that Gradio keeps beside it, and knows nothing of what the
events do.
"""

from __future__ import annotations

import asyncio
import ipaddress
import sys
import time
from collections import deque
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import LRUCache, run_coro_in_background

from page.web.guard import AGENT_GONE

SESSIONS = 20_000
"""Whose messages are kept at most; long before, their bytes are too many."""

UNREAD = 100
"""Messages of one session after which it must read before it asks for more.

A page that loads has two dozen before it reads; to drop the oldest would break what follows, for
Gradio sends differences.
"""

AT_ONCE = 200
"""Events of one address that wait or run.  A tab that follows a job holds one, a hostile program
would hold all."""

TOGETHER = 64 << 20
"""Bytes that all sessions hold, their unread messages, and the inputs of what waits or runs."""

OF_ONE_ADDRESS = TOGETHER // 8

OF_ONE_REQUEST = 2 << 20
"""The largest body, of 256 KiB, takes 1 MiB where one of its characters is outside of Unicode's
first 65,536; what takes more is made of tens of thousands of empty lists."""

A_SESSION = 16 << 10
"""What Gradio keeps of one, without its messages: mostly a list of the page's components."""

LITTLE = 256 << 10
"""Bytes that a session may leave unread and still go on when `TOGETHER` is reached: a page that
loads leaves a tenth of that."""

STATES = 4096
"""Sessions of which Gradio keeps what the button last said; the longest unused makes room."""

UNHEARD = 300.0
"""Seconds after which a session goes that nobody listens to."""

EVERY = 10.0
"""Seconds between two looks at who has gone."""

LONGEST_NAME = 64
"""Characters.  Gradio's page and its client name their sessions with up to 36."""

TOO_MUCH = "Too much at once: read what was answered, or wait until something has ended."
FULL = "The page is full: others have not read what was answered. Try again in a few minutes."
TOO_LARGE = "A request of this page is never as large as that."
TOO_LONG = f"A session's name has {LONGEST_NAME} characters at most."


def bound(queue: Queue) -> None:
    """Let `queue` refuse what is too much, as it does when it is full, and forget who has gone."""
    crowd = Crowd(queue)
    queue.pending_messages_per_session = crowd.sessions
    queue.pending_event_ids_session = _Ids()
    push, start = queue.push, queue.start

    async def push_bounded(body: Any, request: Any, username: str | None) -> Any:
        weight = await weight_of(request)
        if refused := crowd.refusal(body.session_hash, weight, request.client.host):
            return False, *refused
        pushed = await push(body=body, request=request, username=username)
        if pushed[0]:
            crowd.note(body.session_hash, str(pushed[1]), weight, request.client.host)
        return pushed

    def start_and_forget() -> None:
        start()  # type: ignore[no-untyped-call]
        crowd.take_states()
        run_coro_in_background(crowd.forget_for_ever)

    # Gradio has no hooks for it.
    queue.push = push_bounded  # type: ignore[method-assign]
    queue.start = start_and_forget  # type: ignore[method-assign]


class Unread(asyncio.Queue[EventMessage]):
    """The messages of one session, what they weigh, and since when nobody asks for them."""

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
        """As a stream does: at least every ten seconds, unless its visitor takes nothing more."""
        self.was_heard = True
        self.unheard_since = time.monotonic()
        return await super().get()


class _Sessions(LRUCache[str, Any]):
    """What a session has not read.  Gradio puts a plain queue for a new one, and gets `Unread`."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.once_heard: LRUCache[str, bool] = LRUCache(STATES)
        """Those that went after somebody had listened to them."""

    def __setitem__(self, session: str, _: object) -> None:
        super().__setitem__(session, Unread())

    def __delitem__(self, session: str) -> None:
        if self[session].was_heard:
            self.once_heard[session] = True
        super().__delitem__(session)


class _Ids(dict[str, set[str]]):
    """The unread events of each session; none of one that was dropped while its stream hung."""

    def __missing__(self, _: str) -> set[str]:
        return set()


class _States(StateHolder):
    def __getitem__(self, session: str) -> SessionState:
        """Gradio's own; a direct call may name a session, and a long name is not kept."""
        if len(session) > LONGEST_NAME:
            return SessionState(self.blocks)
        return super().__getitem__(session)


class Crowd:
    """Who holds how much of `queue`."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.sessions = _Sessions(SESSIONS)
        self._bodies: WeakKeyDictionary[Event, tuple[str, int]] = WeakKeyDictionary()

    def refusal(self, session: str | None, weight: int, address: str) -> tuple[str, str] | None:
        """Why an event of `weight` bytes may not come in, in words and in Gradio's."""
        if session and len(session) > LONGEST_NAME:
            return TOO_LONG, "error"
        if weight > OF_ONE_REQUEST:
            return TOO_LARGE, "error"
        unread = self.sessions.get(session)
        if unread and unread.qsize() >= UNREAD:
            return TOO_MUCH, "queue_full"
        if is_a_place(address) and (
            held_by(address, self._queue) >= AT_ONCE
            or self.weight(address) + weight > OF_ONE_ADDRESS
        ):
            return TOO_MUCH, "queue_full"
        reads = unread and unread.weight + weight < LITTLE
        if not reads and self.weight() + weight > TOGETHER:
            return FULL, "queue_full"
        return None

    def note(self, session: str, event_id: str, weight: int, address: str) -> None:
        """Remember who came, and with how much."""
        if event := self._queue.event_ids_to_events.get(event_id):
            self._bodies[event] = address, weight
        if unread := self.sessions.get(session):
            unread.address = unread.address or address
            if unread.weight < LITTLE:  # who reads has a moment to open a stream
                unread.unheard_since = time.monotonic()

    def weight(self, address: str | None = None) -> int:
        """Bytes that `address` holds, or everybody."""
        sessions = [(each.address, each.weight + A_SESSION) for each in self.sessions.values()]
        held = [*sessions, *self._bodies.values()]
        return sum(weight for of, weight in held if address in (None, of))

    def take_states(self) -> None:
        """Keep no state under a long name."""
        app: Any = self._queue.server_app
        app.state_holder.__class__ = _States

    async def forget_for_ever(self) -> None:
        while not self._queue.stopped:
            await asyncio.sleep(EVERY)
            await self.forget()

    async def forget(self) -> None:
        """Drop the sessions that nobody listens to."""
        now, queue = time.monotonic(), self._queue
        made = self._being_made()
        for session, unread in list(self.sessions.items()):
            if now - unread.unheard_since > UNHEARD and session not in made:
                del self.sessions[session]
                await queue.clean_events(session_hash=session)
        # Gradio's own way to drop one leaves the ids of what runs.
        for session in [*queue.pending_event_ids_session]:
            if session not in self.sessions:
                del queue.pending_event_ids_session[session]
        self._forget_states()

    def _forget_states(self) -> None:
        """Keep those of tabs, which may be asleep: each is held to the price that it shows."""
        app: Any = self._queue.server_app
        states: StateHolder = app.state_holder
        kept = {*self.sessions, *self.sessions.once_heard}
        before = datetime.now() - timedelta(seconds=UNHEARD)
        for session, used in list(states.time_last_used.items()):
            if used < before and session not in kept:
                states.session_data.pop(session, None)
                states.time_last_used.pop(session, None)

    def _being_made(self) -> set[str]:
        """The sessions of programs that come back for one answer, which may take minutes."""
        running = [event for group in self._queue.active_jobs if group for event in group]
        return {event.session_hash for event in running if not event.fn.types_generator}


def held_by(address: str, queue: Queue) -> int:
    """How many events wait or run for `address`."""
    waiting = [each.queue for each in queue.event_queue_per_concurrency_id.values()]
    running = [each for each in queue.active_jobs if each]
    events = [event for group in (*waiting, *running) for event in group]
    clients = [event.request.client for event in events]
    return sum(client is not None and client.host == address for client in clients)


async def has_gone(request: Any) -> bool:
    """Whether whoever called has hung up: on the queue's stream of news, or on the call itself."""
    asked = request.request
    if asked is None:
        return False
    if asked.scope[AGENT_GONE]():
        return True
    running = [each for each in asked.app.get_blocks()._queue.active_jobs if each]
    for event in (event for group in running for event in group):
        if event.request is asked:
            # Its own connection ended when the queue had taken it.
            return not event.alive
    return bool(await asked.is_disconnected())


def is_a_place(address: str) -> bool:
    """Whether `address` is on the internet: behind another, as a proxy's, may be everybody."""
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
