"""Serves the page under a path (`GRADIO_ROOT_PATH`), whether a proxy strips that path or not.

Our middleware knows routes from `/`, so `FromRoot` takes the path off before it.  Gradio's router
redirects, and mounts the agents' door, only by a whole path, so `UnderPath` puts it back.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

AGENTS = "/gradio_api/mcp"
"""Without a slash behind it, Gradio's router redirects: to http, whatever a proxy speaks."""


def path_of(root: str) -> str:
    """The path in `root`, a path or a whole address; "" for the root of a host."""
    return urlsplit(root).path


class FromRoot:
    """Takes the path off a request's, if it is there: a proxy that strips it has done so already.

    A relative address on the page `/veo` would lead to `/`: the page's own base says where it is.
    """

    def __init__(self, app: ASGIApp, *, root: str) -> None:
        self._app, self._prefix = app, unquote(path_of(root))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path, prefix = scope["path"], self._prefix
            inside = path.removeprefix(prefix) if f"{path}/".startswith(f"{prefix}/") else path
            scope = {**scope, "path": inside or "/", "root_path": ""}
        await self._app(scope, receive, send)


class UnderPath:
    """Gives Gradio the request as if no proxy had stripped the path, which is ASGI's own rule."""

    def __init__(self, app: ASGIApp, *, root: str) -> None:
        self._app, self._prefix = app, unquote(path_of(root))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            prefix, path = self._prefix, scope["path"]
            path = f"{AGENTS}/" if path == AGENTS else path
            scope = {**scope, "path": prefix + path, "root_path": prefix}
        await self._app(scope, receive, send)
