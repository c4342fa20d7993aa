"""Clips in a bucket (S3), which any number of servers share.

    fetch, check      In a folder of this server, as where clips stay in one (`backend.storage`).
    put               Poster, note, and last the clip, each by one request: where the clip is, it is
                      whole and the rest is there.  No multipart, of which a crash leaves pieces.
    clear the folder  Once the bucket has it.  What could not be put stays, and is put later.

Whether a finished clip is there the ledger says, not the bucket: nobody waits for a network to see
a list of clips.  What is given out comes in pieces, so that no clip is in memory.  This module
knows no jobs."""

from __future__ import annotations

import json
import mimetypes
import os
import re
import shutil
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from backend.ledger import Ledger
from backend.storage import (
    CLIP,
    CLIP_ID,
    DEMO_CLIP,
    NOTE,
    PIECE,
    POSTER,
    BucketAway,
    Kind,
    NoSuchPart,
    Opened,
    Storage,
    note_of,
)
from veo import media

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, RetryConfig

DEMO = "demo-"
"""How the ids of demo clips begin here; another's begin so once in a thousand million."""
SERVED_BELOW = "clips"
"""What stands in an address in the place of a folder."""
TRIAL = ".trial"
NAMES = (
    *(f"{clip}{ending}" for clip in (CLIP, DEMO_CLIP) for ending in ("", media.UNCHECKED)),
    POSTER,
    NOTE,
)
"""All that a clip may have here."""

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

LEFT_FOR = 86400.0
"""Seconds after which a file is no longer arriving that no job awaits."""

QUICK: ClientConfig = {
    "allow_http": True,  # only where AWS_ENDPOINT_URL says so: S3's own address is https
    "connect_timeout": timedelta(seconds=3),
    "timeout": timedelta(seconds=10),
}
WHOLE: ClientConfig = {**QUICK, "timeout": timedelta(minutes=5)}
"""For a clip that is put: as long as one of 512 MiB takes at 2 MB a second."""
# Who plays a clip may halt it for hours; only a bucket that says nothing is given up.
PIECES: ClientConfig = {
    **QUICK,
    "timeout": timedelta(days=1),
    "read_timeout": timedelta(seconds=20),
}


class Bucket(Storage):
    """Finished clips in the bucket at `address`, `s3://bucket/prefix`; they arrive in `folder`.

    Keys, region and another endpoint are read from the environment (`AWS_…`).
    """

    is_shared = True

    def __init__(self, address: str, folder: Path, *, most_bytes: float) -> None:
        super().__init__(folder, most_bytes=most_bytes)
        self._served_below = f"gradio_api/file={SERVED_BELOW}"
        self._quick, self._whole, self._pieces = (
            _store(address, client) for client in (QUICK, WHOLE, PIECES)
        )
        self._ledger: Ledger | None = None
        # obstore reads a file that it puts into memory: one at a time.
        self._putting = threading.Lock()

    @staticmethod
    def new_clip_id(*, is_demo: bool = False) -> str:
        """A part of the names of one clip's files, which says what those are called."""
        unguessable = Storage.new_clip_id()
        return f"{DEMO}{unguessable[len(DEMO) :]}" if is_demo else unguessable

    def use_ledger(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def require(self) -> None:
        """Raise the `OSError` of what is wrong with the bucket: it is listed, and written to."""
        with _as_bucket_away():
            next(iter(obstore.list(self._quick, TRIAL)), None)
        self.try_out()

    def try_out(self) -> None:
        super().try_out()
        with _as_bucket_away():
            obstore.put(self._quick, TRIAL, b"", use_multipart=False)

    # What is there

    def address(self, clip_id: str | None, kind: Kind = "clip") -> str:
        name = self.name(clip_id, kind)
        return f"{self._served_below}/{clip_id}/{name}" if name else ""

    def name(self, clip_id: str | None, kind: Kind = "clip") -> str:
        if not clip_id or not CLIP_ID.fullmatch(clip_id):
            return ""
        clip = DEMO_CLIP if clip_id.startswith(DEMO) else CLIP
        names = {"clip": clip, "kept": f"{clip}{media.UNCHECKED}", "poster": POSTER, "note": NOTE}
        return names[kind]

    def has(self, clip_id: str | None) -> bool:
        """Whether a finished job's clip is there: the row of one that was evicted names none."""
        return bool(self.name(clip_id))

    def to_give(self, clip_id: str | None) -> str:
        name = self.name(clip_id)
        return f"{SERVED_BELOW}/{clip_id}/{name}" if name else ""

    def has_something(self, clip_id: str | None) -> bool:
        if super().has_something(clip_id):
            return True
        with suppress(BucketAway):
            return any(self._size(clip_id, kind) is not None for kind in ("clip", "kept"))
        return False

    # A clip comes

    def _receive(
        self,
        clip_id: str,
        download: Callable[[Path], object],
        *,
        name: str,
        request: Mapping[str, object] | None,
        charged: float | None = None,
    ) -> media.Facts:
        if not self.file(clip_id) and self.name(clip_id):
            with suppress(BucketAway):
                if self._size(clip_id, "clip") is not None:  # put before a crash
                    return self._found(clip_id, name=name, request=request)
        try:
            facts = super()._receive(clip_id, download, name=name, request=request, charged=charged)
        except media.BrokenClip as error:
            if error.kept:
                self._put(clip_id, "kept", error.kept)
            raise
        self._put_all(clip_id, facts, request, charged)
        return facts

    def _put_all(
        self,
        clip_id: str,
        facts: media.Facts,
        request: Mapping[str, object] | None,
        charged: float | None = None,
    ) -> None:
        if poster := self.file(clip_id, "poster"):
            self._put(clip_id, "poster", poster)
        note = note_of(request, facts, charged)
        self._put(clip_id, "note", note.encode(errors="backslashreplace"))
        if clip := self.file(clip_id):
            self._put(clip_id, "clip", clip)
        super().remove(clip_id)

    def _found(
        self, clip_id: str, *, name: str, request: Mapping[str, object] | None
    ) -> media.Facts:
        """What is known of a clip that the bucket has; should its note be no help, it is looked
        into."""
        try:
            note = json.loads(self._read(clip_id, "note"))
            facts = media.Facts(**note["facts"])
            is_of_it = facts.size == self._size(clip_id, "clip")
        except (FileNotFoundError, LookupError, TypeError, ValueError):
            is_of_it = False
        if not is_of_it:

            def copy(path: Path) -> None:
                self._copy(clip_id, path)

            facts = super()._receive(clip_id, copy, name=name, request=request)
            self._put_all(clip_id, facts, request)
        super().remove(clip_id)
        return facts

    def _put(self, clip_id: str, kind: Kind, content: Path | bytes) -> None:
        key = self._key(clip_id, kind)
        kind_of_file = mimetypes.guess_type(key)[0] or "application/octet-stream"
        with self._putting, _as_bucket_away():
            obstore.put(
                self._whole,
                key,
                content,
                use_multipart=False,
                attributes={"Content-Type": kind_of_file},
            )

    def _read(self, clip_id: str, kind: Kind) -> bytes:
        with _as_bucket_away():
            return bytes(obstore.get(self._quick, self._key(clip_id, kind)).bytes())

    def _copy(self, clip_id: str, to: Path) -> None:
        with _as_bucket_away(), to.open("wb") as file:
            for piece in obstore.get(self._pieces, self._key(clip_id, "clip")).stream(PIECE):
                file.write(piece)

    def _size(self, clip_id: str | None, kind: Kind) -> int | None:
        """None when it is not there."""
        if not clip_id or not self.name(clip_id):
            return None
        with suppress(FileNotFoundError), _as_bucket_away():
            return obstore.head(self._quick, self._key(clip_id, kind))["size"]
        return None

    def _key(self, clip_id: str, kind: Kind) -> str:
        return f"{clip_id}/{self.name(clip_id, kind)}"

    # What goes

    def remove(self, clip_id: str) -> bool:
        if not CLIP_ID.fullmatch(clip_id):
            return True
        super().remove(clip_id)
        with suppress(BucketAway), _as_bucket_away():
            obstore.delete(self._quick, [f"{clip_id}/{name}" for name in NAMES])
            return True
        return False

    def evict(self, in_use: Collection[str]) -> list[str]:
        """Let the ledger take the oldest clips off its rows until the rest fits, and remove them.

        A crash in between leaves them in the ledger's list, and whoever comes next removes them;
        as it does what could not be removed when its job was deleted.
        """
        if not (ledger := self._ledger):
            return []
        ledger.take_off_oldest(self.most_bytes, in_use)
        for deleted in ledger.awaiting_file_removal(anywhere=True):
            if self.remove(deleted.clip or ""):
                ledger.clip_removed(deleted.id, anywhere=True)
        gone = [clip_id for clip_id in ledger.clips_to_remove() if self.remove(clip_id)]
        for clip_id in gone:
            ledger.clip_is_gone(clip_id)
        return gone

    def clean_up(self, is_awaited: Callable[[str], bool]) -> None:
        """Remove from the folder what arrived for a job that another server finished, or that was
        deleted there."""
        for folder in [*self.folder.glob("*")]:
            with suppress(FileNotFoundError):
                is_old = time.time() - folder.stat().st_mtime > LEFT_FOR
                if is_old and CLIP_ID.fullmatch(folder.name) and not is_awaited(folder.name):
                    shutil.rmtree(folder, ignore_errors=True)

    # Pictures

    def put_picture(self, file: str, content: bytes) -> None:
        with _as_bucket_away():
            obstore.put(
                self._whole,
                _picture_key(file),
                content,
                use_multipart=False,
                attributes={"Content-Type": "image/jpeg"},
            )

    def picture(self, file: str) -> bytes:
        with _as_bucket_away():
            return bytes(obstore.get(self._quick, _picture_key(file)).bytes())

    def remove_picture(self, file: str) -> bool:
        with suppress(BucketAway), _as_bucket_away():
            obstore.delete(self._quick, [_picture_key(file)])
            return True
        return False

    # A clip is given out

    async def open(self, clip_id: str, name: str, part: Mapping[str, Any] | None = None) -> Opened:
        if not CLIP_ID.fullmatch(clip_id) or name not in NAMES:
            raise FileNotFoundError
        key = f"{clip_id}/{name}"
        try:
            with _as_bucket_away():
                found = await obstore.get_async(
                    self._pieces, key, options=cast("GetOptions | None", part)
                )
        except BucketAway:
            if not part:
                raise
            with _as_bucket_away():
                size = (await obstore.head_async(self._quick, key))["size"]
            if _start_of(part["range"], size) < size:
                raise
            raise NoSuchPart(size) from None
        start, end = found.range
        return Opened(
            size=found.meta["size"],
            etag=found.meta["e_tag"] or "",
            modified=found.meta["last_modified"],
            start=start,
            end=end,
            pieces=_pieces(found),
        )

    async def read(self, clip_id: str, kind: Kind = "clip") -> AsyncGenerator[bytes]:
        async for piece in (await self.open(clip_id, self.name(clip_id, kind))).pieces:
            yield piece


def _start_of(part: Mapping[str, int] | tuple[int, int], size: int) -> int:
    """Where a part begins, which obstore takes in three forms."""
    if isinstance(part, tuple):
        return part[0]
    return part["offset"] if "offset" in part else max(size - part["suffix"], 0)


def _picture_key(file: str) -> str:
    return f"pictures/{file}.jpg"


async def _pieces(found: obstore.GetResult) -> AsyncIterator[bytes]:
    with _as_bucket_away():
        async for piece in found.stream(PIECE):
            yield bytes(piece)


def _store(address: str, client: ClientConfig) -> S3Store:
    retry: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
    with _past_proxies():
        return S3Store.from_url(address, client_options=client, retry_config=retry)


@contextmanager
def _past_proxies() -> Iterator[None]:
    """The bucket is asked directly, as the service is: obstore has no switch for that, and looks
    for other programs' proxies when a store is made."""
    others = {name: os.environ.pop(name) for name in [*os.environ] if name.upper() in PROXIES}
    try:
        yield
    finally:
        os.environ.update(others)


@contextmanager
def _as_bucket_away() -> Iterator[None]:
    """What obstore raises as `BucketAway`, without its text: that quotes keys and addresses."""
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError):
        raise BucketAway("denied") from None
    except BaseError as error:
        code = re.search(r"<Code>(\w+)</Code>", str(error))
        raise BucketAway(CODES.get(code[1] if code else "", "away")) from None


CODES: Mapping[str, Literal["missing", "denied"]] = {
    "NoSuchBucket": "missing",
    "AccessDenied": "denied",
    "InvalidAccessKeyId": "denied",
    "SignatureDoesNotMatch": "denied",
}
"""S3's own names for what is wrong; a list of files is refused without a kind of its own."""
