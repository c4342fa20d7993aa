"""Finished clips: each in a folder of its own, with its poster and a note beside it.

A clip is known by its `clip_id`, the folder's name.  It cannot be guessed, because whoever knows it
may fetch what is in it.  There is room for so many bytes; demo clips are evicted first, then the
oldest.  A browser gets an address and what must read a file its path; where several servers share
the clips, these lie elsewhere (`backend.bucket`).  This module knows no jobs and no network.
"""

from __future__ import annotations

import asyncio
import errno
import json
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Mapping,
    MutableMapping,
)
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote
from weakref import WeakValueDictionary

from veo import media
from veo.files import publish, try_out

if TYPE_CHECKING:
    from backend.ledger import Ledger

POSTER, NOTE = "poster.jpg", "clip.json"
DEMO_CLIP = "demo-clip.mp4"
"""The name of what cost nothing, and is easily made again."""
CLIP = "veo-clip.mp4"
CLIP_ID = re.compile(r"[A-Za-z0-9_-]{22}")
"""What `new_clip_id` gives; a folder with another name is none of ours."""

PIECE = 256 * 1024
"""Bytes of a file that are in memory at once."""

Kind = Literal["clip", "poster", "note", "kept"]
"""A note is the clip's request and facts, as JSON; what is kept came and cannot be shown."""


class Storage:
    """Finished clips below `folder`, at most `most_bytes` of them, served below `served_at`."""

    def __init__(
        self, folder: Path, *, most_bytes: float, served_at: str = "gradio_api/file="
    ) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self._served_at = served_at
        self._evicting = threading.Lock()
        self._receiving: MutableMapping[str, threading.Lock] = WeakValueDictionary()
        self._choosing = threading.Lock()
        self._shelving = threading.Lock()

    is_shared = False
    """Whether other servers reach the same clips."""

    @staticmethod
    def new_clip_id(*, is_demo: bool = False) -> str:  # noqa: ARG004  # a bucket's says it
        """The name of a folder for one clip."""
        return secrets.token_urlsafe(16)

    def use_ledger(self, ledger: Ledger) -> None:
        """Learn where it stands which clips there are; of what lies here, the folder says it."""

    def require(self) -> None:
        """Raise the `OSError` of what keeps clips from being kept here at all, at the start."""

    def try_out(self) -> None:
        """Raise the `OSError` of what stands in the way of keeping a clip, before one is paid."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try_out(self.folder)

    def address(self, clip_id: str | None, kind: Kind = "clip") -> str:
        """Where a browser gets it, relative to the page; empty when it is not there."""
        path = self.file(clip_id, kind)
        return f"{self._served_at}{quote(str(path))}" if path else ""

    def name(self, clip_id: str | None, kind: Kind = "clip") -> str:
        """What the clip is called when it is saved; empty when it is not there."""
        path = self.file(clip_id, kind)
        return path.name if path else ""

    def file(self, clip_id: str | None, kind: Kind = "clip") -> Path | None:
        """The file, for what must read it; None when it was removed or never came."""
        with suppress(_NoSuchClip, FileNotFoundError):
            folder = self._folder_of(clip_id)
            if kind == "clip":
                return next(folder.glob("*.mp4"), None)
            if kind == "kept":
                return next(folder.glob(f"*.mp4{media.UNCHECKED}"), None)
            path = folder / {"poster": POSTER, "note": NOTE}[kind]
            return path if path.is_file() else None
        return None

    def has(self, clip_id: str | None) -> bool:
        """Whether the clip of a finished job is there; asks no other machine."""
        return self.file(clip_id) is not None

    def to_give(self, clip_id: str | None) -> str:
        """What Gradio is told of the clip when it is to give it out; empty when it is not there."""
        return str(self.file(clip_id) or "")

    def has_something(self, clip_id: str | None) -> bool:
        """Whether a clip arrived, be it whole or not."""
        with suppress(_NoSuchClip, FileNotFoundError):
            return bool(self.file(clip_id, "kept") or self.file(clip_id))
        return False

    def receive(
        self,
        clip_id: str,
        download: Callable[[Path], object],
        *,
        name: str,
        request: Mapping[str, object] | None,
        charged: float | None = None,
    ) -> media.Facts:
        """Let `download` fetch the clip and tell what it is; once it is whole, only tell.

        Who comes second for one clip waits for the first: a job may be taken anew while the thread
        that fetched for it goes on.  `charged` is what the service said that it cost.  Raises what
        `download` does, `BrokenClip`, or `OSError`.
        """
        with self._choosing:
            only_one = self._receiving.setdefault(clip_id, threading.Lock())
        with only_one:
            return self._receive(clip_id, download, name=name, request=request, charged=charged)

    def _receive(
        self,
        clip_id: str,
        download: Callable[[Path], object],
        *,
        name: str,
        request: Mapping[str, object] | None,
        charged: float | None = None,
    ) -> media.Facts:
        path = self._folder_of(clip_id) / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        poster = path.with_name(POSTER)
        try:
            facts = media.inspect(path, poster=poster)
        except media.BrokenClip:  # not there yet, or damaged since
            facts = media.receive(download, path, request, poster=poster)
        with suppress(OSError):
            _write_note(path.with_name(NOTE), note_of(request, facts, charged))
        return facts

    def remove(self, clip_id: str) -> bool:
        """Remove all of the clip; tell whether that need not be tried again."""
        with suppress(_NoSuchClip):
            shutil.rmtree(self._folder_of(clip_id), ignore_errors=True)
        return True

    async def open(self, clip_id: str, name: str, part: Mapping[str, Any] | None = None) -> Opened:
        """Begin to read what no web server finds by itself; what lies here, it does.

        Raises `FileNotFoundError`, `NoSuchPart` or `BucketAway`.
        """
        raise FileNotFoundError(clip_id, name, part)

    async def read(self, clip_id: str, kind: Kind = "clip") -> AsyncGenerator[bytes]:
        """A file of a clip as it comes, in pieces; raises `FileNotFoundError` or `BucketAway`."""
        path = self.file(clip_id, kind)
        if not path:
            raise FileNotFoundError(clip_id, kind)
        with await asyncio.to_thread(path.open, "rb") as file:
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece

    @asynccontextmanager
    async def as_file(self, clip_id: str) -> AsyncIterator[Path]:
        """A clip as a file, wherever it lies; raises `FileNotFoundError` or `BucketAway`."""
        if path := self.file(clip_id):
            yield path
            return
        with tempfile.TemporaryDirectory(prefix="veo-") as folder:
            path = Path(folder, CLIP)
            with path.open("wb") as file:
                async for piece in self.read(clip_id):
                    await asyncio.to_thread(file.write, piece)
            yield path

    # Pictures that films are made from, each one file with an id of its own

    def put_picture(self, file: str, content: bytes) -> None:
        """Keep a picture, whole or not at all; raises `OSError`."""
        path = self._picture_path(file)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unnamed = path.with_suffix(".part")
        with self._shelving:  # the same picture may come twice at once
            unnamed.write_bytes(content)
            publish(unnamed, path)

    def picture(self, file: str) -> bytes:
        """Raises `FileNotFoundError`, or `BucketAway`."""
        return self._picture_path(file).read_bytes()

    def remove_picture(self, file: str) -> bool:
        """Remove a picture; tell whether that need not be tried again."""
        path = self._picture_path(file)
        try:
            for each in (path.with_suffix(".part"), path):
                each.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def _picture_path(self, file: str) -> Path:
        # Beside the clips' folder, for all that lies in that is given out by its name.
        return self.folder.with_name("pictures") / f"{file}.jpg"

    def clean_up(self, is_awaited: Callable[[str], bool]) -> None:
        """Remove what a crash left of clips that nobody awaits; here no job is without its clip."""

    def evict(self, in_use: Collection[str]) -> list[str]:
        """Remove the oldest clips until the rest fits; never one that is just arriving.

        Demo clips go first, and none pushes out what was paid for: anybody may make them.
        """
        with self._evicting:  # two at once would count what is just going, and take one too many
            sizes = {folder: _bytes_in(folder) for folder in self._oldest_first()}
            free = {folder: size for folder, size in sizes.items() if _is_demo(folder)}
            paid = {folder: size for folder, size in sizes.items() if folder not in free}
            left = self.most_bytes - sum(paid.values())
            return [
                *self._remove_oldest(free, left, in_use),
                *self._remove_oldest(paid, self.most_bytes, in_use),
            ]

    def _remove_oldest(
        self, sizes: Mapping[Path, int], most_bytes: float, in_use: Collection[str]
    ) -> list[str]:
        too_many, removed = sum(sizes.values()) - most_bytes, list[str]()
        for folder, size in sizes.items():
            if too_many <= 0:
                break
            if folder.name not in in_use:
                self.remove(folder.name)
                removed.append(folder.name)
                too_many -= size - _bytes_in(folder)  # a file that is open may not go
        return removed

    def _folder_of(self, clip_id: str | None) -> Path:
        """The folder of a clip; no id leads out of ours."""
        if not clip_id or not CLIP_ID.fullmatch(clip_id):
            raise _NoSuchClip("There is no clip with that id.")
        return self.folder / clip_id

    def _oldest_first(self) -> list[Path]:
        arrived = dict[Path, float]()
        for folder in self.folder.glob("*"):
            with suppress(FileNotFoundError):
                if CLIP_ID.fullmatch(folder.name) and folder.is_dir():
                    arrived[folder] = folder.stat().st_mtime
        return sorted(arrived, key=arrived.__getitem__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file of a clip, or a part of it, as it comes."""

    size: int
    """Of the whole file."""
    etag: str
    modified: datetime
    start: int
    end: int
    """The first byte that does not come."""
    pieces: AsyncIterator[bytes]


class NoSuchPart(Exception):
    """The file has no such part."""

    def __init__(self, size: int) -> None:
        super().__init__(f"of {size} bytes")
        self.size = size


class BucketAway(OSError):
    """The bucket of the clips does not do what it should; nothing that it said is in here."""

    def __init__(self, what: Literal["away", "missing", "denied"] = "away") -> None:
        super().__init__(errno.EIO, IN_WORDS[what])
        self.what = what


IN_WORDS = {
    "away": "the bucket does not answer",
    "missing": "there is no such bucket",
    "denied": "the bucket refuses our keys",
}


class _NoSuchClip(ValueError):
    """Not an id that `new_clip_id` can give."""


def _is_demo(folder: Path) -> bool:
    """Whether a demo clip is there, or arriving."""
    with suppress(FileNotFoundError):
        return any(folder.glob(f"{DEMO_CLIP}*"))
    return False


def _bytes_in(folder: Path) -> int:
    """How much is there now: other threads may be filling or emptying it."""
    size = 0
    with suppress(FileNotFoundError):
        for file in folder.iterdir():
            with suppress(FileNotFoundError):
                size += file.stat().st_size
    return size


def note_of(
    request: Mapping[str, object] | None, facts: media.Facts, charged: float | None = None
) -> str:
    """The request and the facts as JSON, and the US dollars that were charged, if that is told."""
    note: dict[str, object] = {"request": request, "facts": asdict(facts)}
    if charged is not None:
        note["usd_spent"] = charged
    return json.dumps(note, ensure_ascii=False, indent=1)


def _write_note(path: Path, note: str) -> None:
    unnamed = path.with_suffix(".part")
    unnamed.write_text(note, encoding="utf-8")
    publish(unnamed, path)
