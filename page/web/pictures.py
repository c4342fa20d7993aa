"""Takes a visitor's pictures in, and gives out their own.

    POST /pictures?aspect_ratio=16:9&resolution=1080p&reference=0    {"name": "picture:<hash>"}
    POST /pictures?again=picture:<hash>&aspect_ratio=9:16            the same for another shape
    GET  /pictures/<hash>                                            the picture, as it is sent

The body is the file's bytes and nothing else, so nobody tells its name.  Who asks is told in a
header (`page.visitors`); what is another's is answered like what is not there.  A body waits on the
disk until it is its turn, so that memory holds only what is worked on.  An ASGI middleware; it
stands behind `page.web.guard`, and knows no widgets.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from typing import IO
from weakref import WeakValueDictionary

from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.ledger import PICTURE
from backend.pictures import PicturesGone
from backend.service import Service
from page.visitors import VISITOR_ID_HEADER, owner_of_scope, quota_key_at
from veo.models import LARGEST_UPLOAD
from veo_client import Busy, InvalidRequest, VeoError

PATH = "/pictures"
ONE = re.compile(r"/pictures/([0-9a-f]{64})")

AT_ONCE, AT_ONCE_OF_A_NETWORK = 64, 16
"""Bodies that come in; the others wait unread, and are hung up on when that takes too long."""
IN_MEMORY = 256 * 1024
"""Bytes of a body that stay off the disk."""

WHO = (
    f"Say who you are in the header {VISITOR_ID_HEADER}: 32 to 64 letters, digits, - or _, "
    "that nobody can guess."
)
NOT_KEPT = {"Cache-Control": "no-store"}


class PictureRoutes:
    """Answers what is asked of the pictures of `service`."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self._app, self._service = app, service
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._turns_of: MutableMapping[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        one = ONE.fullmatch(path)
        if path != PATH and not one:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive, one[1] if one else None)
        except ClientDisconnect:
            return
        answer.headers.update(NOT_KEPT)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, one: str | None) -> Response:
        if scope["method"] not in (("GET", "HEAD") if one else ("POST",)):
            return PlainTextResponse("Not so.", 405, {"Allow": "GET" if one else "POST"})
        owner = owner_of_scope(scope)
        try:
            if one:
                return await self._give(one, owner)
            if owner is None:
                return PlainTextResponse(WHO, 400)
            return await self._take(scope, receive, owner)
        except PicturesGone:
            return PlainTextResponse("Not here.", 404)
        except VeoError as error:
            return _refusal(error)

    async def _give(self, one: str, owner: str | None) -> Response:
        if owner is None:
            raise PicturesGone([one])
        content = await self._service.picture(PICTURE + one, owner)
        return Response(content, media_type="image/jpeg")

    async def _take(self, scope: Scope, receive: Receive, owner: str) -> Response:
        asked = QueryParams(scope["query_string"])
        network = scope["client"][0] if scope["client"] else ""
        keep = partial(
            self._service.keep_picture,
            owner=owner,
            quota_key=quota_key_at(owner, network),
            aspect_ratio=asked.get("aspect_ratio", "16:9"),
            resolution=asked.get("resolution", "1080p"),
            is_reference=asked.get("reference") == "1",
        )
        if again := asked.get("again"):
            content = await self._service.picture(again, owner)
            return JSONResponse({"name": await keep(lambda: content)})
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced) > LARGEST_UPLOAD:
            return _too_large()
        async with self._turn(network):
            with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
                if not await _write_body(receive, file):
                    return _too_large()
                return JSONResponse({"name": await keep(partial(_read, file))})

    @asynccontextmanager
    async def _turn(self, network: str) -> AsyncIterator[None]:
        of_it = self._turns_of.setdefault(network, asyncio.Semaphore(AT_ONCE_OF_A_NETWORK))
        async with of_it, self._turns:
            yield


async def _write_body(receive: Receive, file: IO[bytes]) -> bool:
    """Write the request's body into `file` as it comes; False when it is larger than a picture."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        file.write(message.get("body", b""))
        if file.tell() > LARGEST_UPLOAD:
            return False
        if not message.get("more_body"):
            return True


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _too_large() -> Response:
    said = f"This picture is larger than {LARGEST_UPLOAD >> 20} MiB."
    return PlainTextResponse(said, 413, {"Connection": "close"})


def _refusal(error: VeoError) -> Response:
    """`error` as an answer, in its own words."""
    status = 400 if isinstance(error, InvalidRequest) else 429 if isinstance(error, Busy) else 503
    wait = error.retry_after
    return PlainTextResponse(str(error), status, {"Retry-After": f"{wait:.0f}"} if wait else None)
