"""Gives out several clips as one zip file, each with its settings beside it.

Asked for are the clips' unguessable ids, as for a single one: whoever knows an id may have the
clip.  Clips are compressed already, so they are put one after the other as they come, from a folder
or from a bucket: no clip is in memory.  An ASGI middleware; it stands behind `page.web.guard`.
"""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing
from typing import Any

from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.storage import CLIP_ID, PIECE, BucketAway, Storage
from page import texts
from page.file_name import KEPT, PLAYS, name_for

PATH = "/clips.zip"
MOST = 300
"""Clips of one file: all their ids are its address."""

_log = logging.getLogger(__name__)


class ClipsZip:
    """Answers `PATH` with the clips of `storage` that the query names."""

    def __init__(self, app: ASGIApp, *, storage: Storage) -> None:
        self._app, self._storage = app, storage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        asked = scope["query_string"].decode("latin-1").split(",")
        ids = [each for each in dict.fromkeys(asked) if CLIP_ID.fullmatch(each)]
        # Where somebody leaves in the middle, this closes the generator, and each closes the next:
        # else Python does, in any order, and no zip file closes while one in it is open.
        async with aclosing(zipped(self._storage, ids[:MOST])) as pieces:
            answer = await self._answer(pieces)
            await answer(scope, receive, send)

    async def _answer(self, pieces: AsyncIterator[bytes]) -> Response:
        try:
            first = await anext(pieces, b"")
        except BucketAway as error:
            _log.error("Clips cannot be given out: %s.", error.strerror)
            return PlainTextResponse("Not now.", 503, headers={"Retry-After": "5"})
        if not first:
            return PlainTextResponse("Not here.", 404)
        headers = {"Content-Disposition": f'attachment; filename="{texts.ZIP_NAME}"'}
        return StreamingResponse(_both(first, pieces), 200, headers, "application/zip")


async def _both(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def zipped(storage: Storage, ids: Sequence[str]) -> AsyncGenerator[bytes]:
    """The zip file of those of these clips that are there, in pieces; nothing if none is.

    Raises `BucketAway` before anything came.  What breaks off later is told in a file of its own:
    the others are whole, and so the zip file is, too.
    """
    sink = _Sink()
    broken = list[str]()
    with zipfile.ZipFile(sink, "w") as archive:
        for number, clip_id in enumerate(ids, 1):
            before = len(archive.namelist())
            try:
                async with aclosing(_written(archive, storage, clip_id)) as written:
                    async for _ in written:
                        if sink.size >= PIECE:
                            yield sink.take()
            except FileNotFoundError:
                continue  # deleted, or removed to make room
            except BucketAway:
                if not archive.namelist():
                    raise
                broken.append(next(iter(archive.namelist()[before:]), f"{number}"))
        if not archive.namelist():
            return
        if broken:
            archive.writestr(texts.ZIP_BROKEN_NAME, "\n".join([texts.ZIP_BROKEN, *broken, ""]))
    yield sink.take()


async def _written(
    archive: zipfile.ZipFile, storage: Storage, clip_id: str
) -> AsyncGenerator[None]:
    """Write a clip and then its note, and let whoever asks take what was written in between."""
    note = await _note(storage, clip_id)
    first, rest, ending = await _opened(storage, clip_id)
    name = name_of(note, archive.namelist())
    async with aclosing(rest):
        with archive.open(f"{name}.{ending}", "w", force_zip64=True) as file:
            file.write(first)
            async for piece in rest:
                file.write(piece)
                yield
    if note:
        archive.writestr(f"{name}.json", note)
    yield


async def _opened(storage: Storage, clip_id: str) -> tuple[bytes, AsyncGenerator[bytes], str]:
    """The clip's first bytes, the rest, and the ending of its name; or those of what came and
    cannot be shown."""
    try:
        pieces = storage.read(clip_id)
        return await anext(pieces, b""), pieces, PLAYS
    except FileNotFoundError:
        pieces = storage.read(clip_id, "kept")
        return await anext(pieces, b""), pieces, KEPT


async def _note(storage: Storage, clip_id: str) -> bytes:
    try:
        return b"".join([piece async for piece in storage.read(clip_id, "note")])
    except FileNotFoundError:
        return b""


def name_of(note: bytes, taken: Collection[str]) -> str:
    """What a clip is called that has this note, as when it is saved alone, without an ending;
    unlike those in `taken`."""
    try:
        request: Any = json.loads(note)["request"] or {}
    except (ValueError, LookupError, TypeError):
        request = {}
    plain = name_for(request)
    names = (plain if number == 1 else f"{plain} ({number})" for number in range(1, MOST + 1))
    return next(name for name in names if not {f"{name}.{PLAYS}", f"{name}.{KEPT}"} & {*taken})


class _Sink(io.RawIOBase):
    """What a zip file is written into, and taken out of in pieces; there is no way back in it."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces = list[bytes]()
        self.size = 0

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self.size += len(piece)
        return len(piece)

    def take(self) -> bytes:
        taken, self._pieces, self.size = b"".join(self._pieces), [], 0
        return taken
