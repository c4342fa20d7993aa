"""Gives out clips that lie in a bucket, whole or in one range, as Gradio does files of a folder.

The address is a clip's unguessable id and the name of one of its files.  An ASGI middleware; it
stands behind `page.web.guard`, with its policy and headers, and behind `page.web.ranges`, which
leaves one range at most.  The bytes come and go in pieces.
"""

from __future__ import annotations

import logging
import mimetypes
import re
from collections.abc import AsyncIterator, Mapping
from email.utils import format_datetime
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.storage import BucketAway, NoSuchPart, Opened, Storage

PATH = re.compile(r"clips/([A-Za-z0-9_-]{22})/([a-z0-9.-]{1,64})")
"""A clip's id and the name of a file of it; `Bucket.address` makes it."""
SERVED_AT = "/gradio_api/file="

RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE)

_log = logging.getLogger(__name__)


class SharedClipFiles:
    """Answers what is asked of the clips of `storage`."""

    def __init__(self, app: ASGIApp, *, storage: Storage) -> None:
        self._app, self._storage = app, storage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        found = PATH.fullmatch(path.removeprefix(SERVED_AT))
        if not found or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        answer = await self._answer(found[1], found[2], Headers(scope=scope), scope["method"])
        await answer(scope, receive, send)

    async def _answer(self, clip_id: str, name: str, asked: Headers, method: str) -> Response:
        try:
            part = part_of(asked.get("range", ""))
            opened = await self._storage.open(clip_id, name, part)
            if part and not _is_same(opened, asked.get("if-range")):
                part, opened = None, await self._storage.open(clip_id, name)
        except FileNotFoundError:
            return PlainTextResponse("Not here.", 404)
        except NoSuchPart as error:
            return PlainTextResponse("", 416, headers={"Content-Range": f"bytes */{error.size}"})
        except BucketAway as error:
            _log.error("A clip cannot be given out: %s.", error.strerror)
            return PlainTextResponse("Not now.", 503, headers={"Retry-After": "5"})
        headers = _headers(opened, name, is_part=part is not None)
        status = 206 if part else 200
        if method == "HEAD":
            return Response(status_code=status, headers=headers)
        return StreamingResponse(_as_far_as_they_come(opened.pieces), status, headers)


async def _as_far_as_they_come(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`pieces`; should they end early, so does the answer, which its length tells."""
    try:
        async for piece in pieces:
            yield piece
    except BucketAway as error:
        _log.error("A clip broke off while it was given out: %s.", error.strerror)


def part_of(asked: str) -> Mapping[str, Any] | None:
    """The one range that is asked for, as obstore takes it; None for the whole file."""
    if not (found := RANGE.fullmatch(asked.strip())):
        return None
    first, last = found.groups()
    if not first:
        return {"range": {"suffix": int(last)}} if last else None
    if not last:
        return {"range": {"offset": int(first)}}
    return {"range": (int(first), int(last) + 1)} if int(first) <= int(last) else None


def _is_same(opened: Opened, tag: str | None) -> bool:
    """Whether the file is the one that the other parts are of (`If-Range`)."""
    return tag in (None, opened.etag, _date(opened))


def _date(opened: Opened) -> str:
    return format_datetime(opened.modified, usegmt=True)


def _headers(opened: Opened, name: str, *, is_part: bool) -> dict[str, str]:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    part = f"bytes {opened.start}-{opened.end - 1}/{opened.size}"
    return {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Length": str(opened.end - opened.start),
        "Content-Type": kind,
        "ETag": opened.etag,
        "Last-Modified": _date(opened),
        **({"Content-Range": part} if is_part else {}),
    }
