"""Works around a race in Gradio's event stream: an event whose messages nobody reads.

Gradio's server ends a session's stream when none of its events is pending, and its browser side
opens another for the next event.  If that end and the answer to the next event cross on the way,
the browser takes the old stream for open, and nobody reads what the event came to: a clip is paid
for, and the page shows nothing.

So the answer to each event tells how many streams of its session have ended, and the browser side
waits until it has heard as many ends before it takes the event for begun.
"""

from __future__ import annotations

from gradio.server_messages import CloseStreamMessage
from starlette.datastructures import MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from page.gradio_patches.queue import PageQueue

ENDED = "x-streams-ended"

END = f"data: {CloseStreamMessage().model_dump_json()}\n\n".encode()
"""The last that Gradio sends in a stream."""


class StreamEnds:
    """Counts the streams of `queue` that end, and tells the number with the answer to an event."""

    def __init__(self, app: ASGIApp, *, queue: PageQueue) -> None:
        self._app, self._ended = app, queue.streams_ended

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
