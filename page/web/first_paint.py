"""The first paint: heading and prompt, there to be typed into while Gradio's own are still coming.

An ASGI middleware puts them into the page as it leaves.  They stand where Gradio's form will, hold
the draft, and hand what was typed, the caret and the focus over to it.  It knows how the page
looks, and no widgets.
"""

from __future__ import annotations

import html
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from page import components, texts
from page.gradio_patches import stream_ends

HEAD = (
    f"<title>{html.escape(texts.TITLE)}</title>"
    f"<style>{components.read('first_paint.css')}</style>"
    + components.script("stream_ends", header=stream_ends.ENDED)
    + components.script("hidden_clocks")
)

SCRIPT = components.script(
    "first_paint", coming=texts.STILL_COMING, does_not_come=texts.DOES_NOT_COME
)

GRADIOS_BASE = b'<base href="./" />'
GRADIOS_MANIFEST, MANIFEST = b'href="/manifest.json"', b'href="manifest.json"'


def markup(mode: str) -> str:
    """What is there first, in the body; `mode` is the line beside the heading, as HTML."""
    first = components.html(
        "first_paint",
        title=html.escape(texts.TITLE),
        shot=html.escape(texts.TABS["shot"]),
        clips=html.escape(texts.TABS["clips"]),
        mode=mode,
        prompt=html.escape(texts.PROMPT_LABEL),
        placeholder=html.escape(texts.PROMPT_PLACEHOLDER),
    )
    return first + SCRIPT


class FirstPaint:
    """Puts `markup` into the page; `mode` gives the line beside the heading.

    `path` is where the page is served: it becomes what relative addresses are relative to, for
    Gradio's own `./` leads from `/veo` to `/`.
    """

    def __init__(self, app: ASGIApp, *, mode: Callable[[], str], path: str = "") -> None:
        self._app, self._mode = app, mode
        self._base = b'<base href="%b/" />' % html.escape(path or ".").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        page = b""

        async def send_whole(message: Message) -> None:
            nonlocal start, page
            if message["type"] == "http.response.start":
                start = message  # the length that it tells is not known yet
                return
            page += message.get("body", b"")
            if message.get("more_body"):
                return
            for place, what in (("</head>", HEAD), ("<gradio-app", markup(self._mode()))):
                page = page.replace(place.encode(), f"{what}{place}".encode(), 1)
            page = page.replace(GRADIOS_BASE, self._base, 1).replace(GRADIOS_MANIFEST, MANIFEST, 1)
            if page:
                MutableHeaders(scope=start)["content-length"] = str(len(page))
            await send(start)
            await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, send_whole)
