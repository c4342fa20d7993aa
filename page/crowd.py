"""How much of the page one visitor may hold: events at once, and messages that they do not read.

It bounds Gradio's queue, and knows nothing of what the events do.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from gradio.queueing import Queue

SESSIONS = 100_000
"""Whose messages are kept.  At Gradio's 2,000, so many page loads push a waiting visitor's out."""

UNREAD = 100
"""Messages of one session after which it must read before it asks for more.

A page that loads has two dozen before it reads; to drop the oldest would break what follows, for
Gradio sends differences.
"""

AT_ONCE = 200
"""Events of one address that wait or run.  A tab that follows a job holds one, a hostile program
would hold all."""


TOO_MUCH = "Too much at once: read what was answered, or wait until something has ended."


def bound(queue: Queue) -> None:
    """Let `queue` refuse what is too much for one visitor, as it does when it is full."""
    queue.pending_messages_per_session.max_size = SESSIONS
    push = queue.push

    async def push_bounded(body: Any, request: Any, username: str | None) -> Any:
        unread = queue.pending_messages_per_session.get(body.session_hash)
        if (unread and unread.qsize() >= UNREAD) or held_by(request, queue) >= AT_ONCE:
            return False, TOO_MUCH, "queue_full"
        return await push(body=body, request=request, username=username)

    queue.push = push_bounded  # type: ignore[method-assign]  # Gradio has no hook for it


def held_by(request: Any, queue: Queue) -> int:
    """How many events wait or run for where `request` comes from.

    None for an address that is no place on the internet: behind it, as behind a proxy's, may be
    everybody.
    """
    address = request.client.host
    if not _is_a_place(address):
        return 0
    waiting = [each.queue for each in queue.event_queue_per_concurrency_id.values()]
    running = [each for each in queue.active_jobs if each]
    events = [event for group in (*waiting, *running) for event in group]
    clients = [event.request.client for event in events]
    return sum(client is not None and client.host == address for client in clients)


def _is_a_place(address: str) -> bool:
    try:
        return ipaddress.ip_network(address).is_global
    except ValueError:
        return False
