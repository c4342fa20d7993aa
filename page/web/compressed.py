"""The page itself, compressed: Gradio compresses files by their endings, and it has none.

An ASGI middleware. It knows two paths and nothing of what they hold.
"""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

PATHS = ("/", "/config")
"""Both hold the whole page's layout.  What is a stream or a film already must stay as it is."""


class Compressed:
    """Compresses the answers for `PATHS`, for browsers that take that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._compressing = app, GZipMiddleware(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        compressed = scope["type"] == "http" and scope["path"] in PATHS
        await (self._compressing if compressed else self._app)(scope, receive, send)
