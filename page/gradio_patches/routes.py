"""What Gradio's web server has no setting for: other sites' access, connections, an agent's log."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from typing import Any

import gradio.http_server
import gradio.routes
from gradio.brotli_middleware import BrotliMiddleware
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import HTTP_PROTOCOLS

from page.web.address import LOOPBACK
from page.web.half_sent import BoundedConnection


class NoCors:
    """In place of Gradio's CORS middleware, which would let other sites read the answers.

    Gradio puts that before the middleware of ours, so it cannot be taken back there.
    """

    def __init__(self, app: ASGIApp, **_: object) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def send_no_cors_headers() -> None:
    gradio.routes.CustomCORSMiddleware = NoCors  # type: ignore[attr-defined,assignment]


class WholeFiles(BrotliMiddleware):
    """Gradio's compression, but not of a part: its range counts the bytes of the plain file.

    What is compressed is another text than the plain one, so it cannot be gone on with by a range:
    its `ETag` becomes a weak one, with which no part may be asked for.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "range" in Headers(scope=scope):
            await self.app(scope, receive, send)
            return

        async def send_weakly(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "content-encoding" in headers and "etag" in headers:
                    headers["etag"] = f"W/{headers['etag'].removeprefix('W/')}"
                    headers["accept-ranges"] = "none"
            await send(message)

        await super().__call__(scope, receive, send_weakly)


def compress_whole_files() -> None:
    gradio.routes.BrotliMiddleware = WholeFiles  # type: ignore[attr-defined]


def look_for_ports_on_loopback() -> None:
    """Gradio looks whether a port is free with a socket for IPv4, at the address that it is told:
    at one of IPv6 it finds none."""
    gradio.http_server.LOCALHOST_NAME = LOOPBACK


def bound_connections() -> None:
    """Let uvicorn serve with `BoundedConnection`.

    Gradio makes uvicorn's `Config` itself and passes no protocol, so we change what "auto" means.
    """
    HTTP_PROTOCOLS["auto"] = f"{BoundedConnection.__module__}:{BoundedConnection.__name__}"


def has_mcp() -> bool:
    """Whether the package is there that Gradio serves agents with."""
    return importlib.util.find_spec("mcp") is not None


def log_no_requests_of_agents() -> None:
    """Let the package `mcp` log the place of an error alone: its messages quote requests."""
    package = importlib.util.find_spec("mcp")
    if package:
        log_only_places(package.submodule_search_locations or [])


def log_only_places(folders: Sequence[str]) -> None:
    """Let the code in `folders` log where something went wrong, not what.

    What it logs by the root logger is left out: the sender is told so, or a named logger says it
    too.
    """
    make = logging.getLogRecordFactory()

    def is_theirs(record: logging.LogRecord) -> bool:
        return record.pathname.startswith(tuple(folders))

    def make_discreetly(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        if is_theirs(record):
            record.msg, record.args = f"{record.module}.py, line {record.lineno}", ()
            record.exc_info = None
        return record

    logging.setLogRecordFactory(make_discreetly)
    logging.getLogger().addFilter(lambda record: not is_theirs(record))
