"""Answers a request that ends in an error, and logs it in one line that quotes nothing of it.

Gradio and uvicorn would log a hundred lines for one odd request, and repeat what was sent in them.
"""

from __future__ import annotations

import logging
import traceback

from fastapi.exceptions import RequestValidationError
from gradio.route_utils import FnIndexInferError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)

NOT_THERE = (KeyError, FnIndexInferError)
"""What Gradio's routes raise when a request names an event that there is not."""


def describe(error: BaseException) -> str:
    """The kind of `error` and where it was raised, in one line; its text may quote a key."""
    frames = traceback.extract_tb(error.__traceback__)
    places = "; ".join(f'File "{at.filename}", line {at.lineno}, in {at.name}' for at in frames)
    return f"{type(error).__name__}, raised here: {places}"


async def not_valid(_request: Request, _error: Exception) -> Response:
    """The answer to a body of another shape; FastAPI's own repeats the body."""
    return PlainTextResponse("Not a valid request.", 422)


HANDLERS = {RequestValidationError: not_valid}
"""For FastAPI."""


class ShortErrors:
    """Answers a request that ends in an error; uvicorn would log each frame of it."""

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

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            level = logging.INFO if _is_no_fault(error) else logging.ERROR
            _log.log(level, "A request ended in %s", describe(error))
            if not begun:
                await _answer_to(error)(scope, receive, send)
            elif _is_stream(begun):  # Gradio has said in it what was wrong
                await send({"type": "http.response.body"})


def _answer_to(error: Exception) -> Response:
    if _is_not_there(error):
        return PlainTextResponse("Not here.", 404)
    return PlainTextResponse("That could not be handled.", 500)


def _is_no_fault(error: Exception) -> bool:
    """Whether the request names something that is not there, which its answer says.

    An honest page may ask so: it hangs up when it is left, and an answer on its way makes it open
    one more stream, of a session that Gradio has just dropped.
    """
    return _is_not_there(error) or isinstance(error.__cause__, HTTPException)


def _is_not_there(error: Exception) -> bool:
    """Whether Gradio did not find what the request names; a `KeyError` of ours is a bug."""
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    raised_in: str = frame.f_globals["__name__"]
    return isinstance(error, NOT_THERE) and raised_in.startswith("gradio.")


def _is_stream(begun: Message) -> bool:
    kind = Headers(raw=begun["headers"]).get("content-type", "")
    return kind.startswith("text/event-stream")
