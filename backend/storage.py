"""The folder of finished clips: each in a folder of its own, with its poster and a note beside it.

A folder's name cannot be guessed, because whoever knows it may fetch what is in it.  The shelf has
room for so many bytes; demo clips go first, then the oldest.  This module knows files; it knows no
jobs, no network and no page.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from veo import media
from veo.files import publish

POSTER, NOTE = "poster.jpg", "clip.json"
DEMO_CLIP = "demo-clip.mp4"
"""The name of what cost nothing, and is easily made again."""
PLACE = re.compile(r"[A-Za-z0-9_-]{22}")
"""What `new_clip_id` gives; a folder with another name is none of ours."""


class Storage:
    """Finished clips below `folder`, at most `most_bytes` of them."""

    def __init__(self, folder: Path, *, most_bytes: float) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self._making_room = threading.Lock()

    @staticmethod
    def new_clip_id() -> str:
        """The name of a folder for one clip."""
        return secrets.token_urlsafe(16)

    def clip(self, place: str | None) -> Path | None:
        """The clip at `place`, unless it was removed."""
        with suppress(_NoPlace, FileNotFoundError):
            return next(self._at(place).glob("*.mp4"), None)
        return None

    def has_something(self, place: str | None) -> bool:
        """Whether a clip arrived at `place`, be it whole or not."""
        with suppress(_NoPlace, FileNotFoundError):
            return any(self._at(place).glob(f"*.mp4{media.UNCHECKED}")) or bool(self.clip(place))
        return False

    def poster(self, place: str | None) -> Path | None:
        return self._beside(place, POSTER)

    def note(self, place: str | None) -> Path | None:
        """The clip's request and facts, as JSON."""
        return self._beside(place, NOTE)

    def _beside(self, place: str | None, name: str) -> Path | None:
        with suppress(_NoPlace):
            path = self._at(place) / name
            return path if path.is_file() else None
        return None

    def receive(
        self,
        place: str,
        download: Callable[[Path], object],
        *,
        name: str,
        request: Mapping[str, object] | None,
    ) -> media.Facts:
        """Let `download` fetch a clip to `place` and tell what it is; once it is whole, only tell.

        Raises what `download` does, `BrokenClip`, or `OSError`.
        """
        path = self._at(place) / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            facts = media.inspect(path)
        except media.BrokenClip:  # not there yet, or damaged since
            facts = media.receive(download, path, request)
        with suppress(media.BrokenClip, OSError):
            media.poster(path, path.with_name(POSTER))
        with suppress(OSError):
            _write_note(path.with_name(NOTE), {"request": request, "facts": asdict(facts)})
        return facts

    def remove(self, place: str) -> None:
        with suppress(_NoPlace):
            shutil.rmtree(self._at(place), ignore_errors=True)

    def evict(self, in_use: Collection[str]) -> list[str]:
        """Remove the oldest clips until the rest fits; never one that is just arriving.

        Demo clips go first, and none pushes out what was paid for: anybody may make them.
        """
        with self._making_room:  # two at once would count what is just going, and take one too many
            sizes = {place: _bytes_in(place) for place in self._oldest_first()}
            free = {place: size for place, size in sizes.items() if _is_demo(place)}
            paid = {place: size for place, size in sizes.items() if place not in free}
            left = self.most_bytes - sum(paid.values())
            return [
                *self._remove_oldest(free, left, in_use),
                *self._remove_oldest(paid, self.most_bytes, in_use),
            ]

    def _remove_oldest(
        self, sizes: Mapping[Path, int], most_bytes: float, in_use: Collection[str]
    ) -> list[str]:
        too_many, removed = sum(sizes.values()) - most_bytes, list[str]()
        for place, size in sizes.items():
            if too_many <= 0:
                break
            if place.name not in in_use:
                self.remove(place.name)
                removed.append(place.name)
                too_many -= size - _bytes_in(place)  # a file that is open may not go
        return removed

    def _at(self, place: str | None) -> Path:
        """The folder of `place`; no name leads out of the shelf."""
        if not place or not PLACE.fullmatch(place):
            raise _NoPlace("There is no place of that name on a shelf.")
        return self.folder / place

    def _oldest_first(self) -> list[Path]:
        arrived = dict[Path, float]()
        for place in self.folder.glob("*"):
            with suppress(FileNotFoundError):
                if PLACE.fullmatch(place.name) and place.is_dir():
                    arrived[place] = place.stat().st_mtime
        return sorted(arrived, key=arrived.__getitem__)


class _NoPlace(ValueError):
    """No name of a folder on a shelf."""


def _is_demo(place: Path) -> bool:
    """Whether a demo clip is there, or arriving."""
    with suppress(FileNotFoundError):
        return any(place.glob(f"{DEMO_CLIP}*"))
    return False


def _bytes_in(place: Path) -> int:
    """How much is there now: other threads may be filling or emptying it."""
    size = 0
    with suppress(FileNotFoundError):
        for file in place.iterdir():
            with suppress(FileNotFoundError):
                size += file.stat().st_size
    return size


def _write_note(path: Path, note: Mapping[str, object]) -> None:
    unnamed = path.with_suffix(".part")
    unnamed.write_text(json.dumps(note, ensure_ascii=False, indent=1), encoding="utf-8")
    publish(unnamed, path)
