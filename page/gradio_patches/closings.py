"""What is pressed just as Gradio closes a stream of news is heard of all the same.

Gradio's server ends a session's stream when nothing of it is pending, and its browser side opens
another for the next event.  If the end and the next event's answer cross on the way, the browser
takes the old stream for open, and nobody reads what the event came to: a clip is paid for, and the
page shows nothing.  So each event is answered with how many streams of its session were ended
before, and the browser takes it for begun once it has heard as many ends.

It knows Gradio's queue and its wire, and nothing of what the events do.
"""

from __future__ import annotations

from typing import Any

from gradio.queueing import Queue
from gradio.server_messages import CloseStreamMessage
from gradio.utils import LRUCache
from starlette.datastructures import MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENDED = "x-streams-ended"

END = f"data: {CloseStreamMessage().model_dump_json()}\n\n".encode()
"""The last that Gradio sends in a stream."""


class Closings:
    """Counts the streams of `queue` that end, and tells it with the answer to an event."""

    def __init__(self, app: ASGIApp, *, queue: Queue) -> None:
        self._app = app
        # As many as have messages kept; the longest unused is forgotten, and waits for none.
        self._ended: LRUCache[str, int] = LRUCache(queue.pending_messages_per_session.max_size)
        push = queue.push

        async def push_and_note(body: Any, request: Any, username: str | None) -> Any:
            pushed = await push(body=body, request=request, username=username)
            # From here on no stream ends before this event does, so none is missed.
            request.state.streams_ended = self._ended.get(body.session_hash, 0)
            return pushed

        queue.push = push_and_note  # type: ignore[method-assign]  # Gradio has no hook for it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path == "/gradio_api/queue/data":
            await self._stream(scope, receive, send)
        elif path == "/gradio_api/queue/join":
            await self._join(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = QueryParams(scope["query_string"]).get("session_hash", "")

        async def send_and_count(message: Message) -> None:
            if message.get("body") == END:
                self._ended[session] = self._ended.get(session, 0) + 1
            await send(message)

        await self._app(scope, receive, send_and_count)

    async def _join(self, scope: Scope, receive: Receive, send: Send) -> None:
        noted = scope.setdefault("state", {})

        async def send_and_tell(message: Message) -> None:
            if message["type"] == "http.response.start" and "streams_ended" in noted:
                MutableHeaders(scope=message)[ENDED] = str(noted["streams_ended"])
            await send(message)

        await self._app(scope, receive, send_and_tell)
