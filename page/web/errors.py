"""What nobody foresaw is one line in the log, by its kind and place: nothing of what was sent.

Gradio and its web server would write a hundred lines for one odd request, and quote it.  An ASGI
middleware, and what events and agents have in common with it; it knows nothing of the page.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from gradio.route_utils import FnIndexInferError, get_root_url
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)

NOT_THERE = (KeyError, FnIndexInferError)
"""What Gradio's routes raise when a request names an event that there is not."""


def told(error: BaseException) -> str:
    """The kind of `error` and where it was raised, in one line; its text may quote a key."""
    frames = traceback.extract_tb(error.__traceback__)
    places = "; ".join(f'File "{at.filename}", line {at.lineno}, in {at.name}' for at in frames)
    return f"{type(error).__name__}, raised here: {places}"


async def not_valid(_request: Request, _error: Exception) -> Response:
    """The answer to a body of another shape; FastAPI's own repeats the body."""
    return PlainTextResponse("Not a valid request.", 422)


HANDLERS = {RequestValidationError: not_valid}
"""For FastAPI."""


class Unforeseen:
    """Answers a request that ends in an error; the web server would log each frame of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun: Message = {}

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = begun or message
            await send(message)

        if scope["method"] == "POST" and not _names_a_host(scope):
            await PlainTextResponse("Not a host.", 400)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            level = logging.INFO if _is_said(error) else logging.ERROR
            _log.log(level, "A request ended in %s", told(error))
            if not begun:
                await _answer_to(error)(scope, receive, send)
            elif _is_stream(begun):  # Gradio has said in it what was wrong
                await send({"type": "http.response.body"})


def _answer_to(error: Exception) -> Response:
    if _is_not_there(error):
        return PlainTextResponse("Not here.", 404)
    return PlainTextResponse("That could not be handled.", 500)


def _is_said(error: Exception) -> bool:
    """Whether the visitor is told all there is to know: what they named is not there.

    Also without any fault of theirs: a page that is being left hangs up, and an answer on its way
    makes it open one more stream of a session that is gone.
    """
    return _is_not_there(error) or isinstance(error.__cause__, HTTPException)


def _is_not_there(error: Exception) -> bool:
    """Whether Gradio looked for what the request names; a line of ours that fails is a fault."""
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    raised_in: str = frame.f_globals["__name__"]
    return isinstance(error, NOT_THERE) and raised_in.startswith("gradio.")


def _is_stream(begun: Message) -> bool:
    kind = Headers(raw=begun["headers"]).get("content-type", "")
    return kind.startswith("text/event-stream")


def _names_a_host(scope: Scope) -> bool:
    """Whether Gradio can make the page's address of the request's headers.

    For an event it does so where nobody hears the error: the log gets it, and the visitor waits.
    """
    try:
        get_root_url(Request(scope), scope["path"], None)
    except Exception:
        return False
    return True


def only_places_of(folders: Sequence[str]) -> None:
    """Let the code in `folders` log where something went wrong, not what: that quotes requests.

    What it logs by no logger's name is left out: the sender is told so, or a named one says it too.
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
