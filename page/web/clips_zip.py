"""Gives out several clips as one zip file, each with its settings beside it.

Asked for are the clips' unguessable ids, as for a single one: whoever knows an id may have the
clip.  Clips are compressed already, so they are put one after the other as they come, from a folder
or from a bucket: no clip is in memory.  An ASGI middleware; it stands behind `page.web.guard`.
"""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.storage import CLIP_ID, PIECE, BucketAway, Storage
from page import texts

PATH = "/clips.zip"
MOST = 300
"""Clips of one file: all their ids are its address."""
LONGEST_NAME = 60
"""Characters of a prompt in a file's name."""

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
        answer = await self._answer(ids[:MOST])
        await answer(scope, receive, send)

    async def _answer(self, ids: Sequence[str]) -> Response:
        pieces = zipped(self._storage, ids)
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


async def zipped(storage: Storage, ids: Sequence[str]) -> AsyncIterator[bytes]:
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
                async for _ in _written(archive, storage, clip_id):
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


async def _written(archive: zipfile.ZipFile, storage: Storage, clip_id: str) -> AsyncIterator[None]:
    """Write a clip and then its note, and let whoever asks take what was written in between."""
    note = await _note(storage, clip_id)
    first, rest = await _opened(storage, clip_id)
    name = name_of(note, archive.namelist())
    with archive.open(f"{name}.mp4", "w", force_zip64=True) as file:
        file.write(first)
        async for piece in rest:
            file.write(piece)
            yield
    if note:
        archive.writestr(f"{name}.json", note)
    yield


async def _opened(storage: Storage, clip_id: str) -> tuple[bytes, AsyncIterator[bytes]]:
    """The clip's first bytes and the rest; or those of what came and cannot be shown."""
    try:
        pieces = storage.read(clip_id)
        return await anext(pieces, b""), pieces
    except FileNotFoundError:
        pieces = storage.read(clip_id, "kept")
        return await anext(pieces, b""), pieces


async def _note(storage: Storage, clip_id: str) -> bytes:
    try:
        return b"".join([piece async for piece in storage.read(clip_id, "note")])
    except FileNotFoundError:
        return b""


def name_of(note: bytes, taken: Collection[str]) -> str:
    """What a clip is called that has this note, by its prompt and seed, unlike those in `taken`."""
    try:
        request: Any = json.loads(note)["request"] or {}
    except (ValueError, LookupError, TypeError):
        request = {}
    prompt = re.sub(r"\W+", " ", str(request.get("prompt", "")))[:LONGEST_NAME].strip()
    seed = texts.SEED_IS.format(value=request["seed"]) if "seed" in request else ""
    plain = ", ".join(filter(None, (prompt, seed))) or texts.CLIP
    names = (plain if number == 1 else f"{plain} ({number})" for number in range(1, MOST + 1))
    return next(name for name in names if f"{name}.mp4" not in taken)


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
