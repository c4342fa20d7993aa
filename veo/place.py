"""Where a clip goes: to a file to be, or into a folder in which a name is chosen for it.

No other file is overwritten, and what cannot be written is known before anything is paid for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from veo.files import reason, try_out
from veo.types import InvalidRequest

__all__ = ["beside", "check_place", "claim", "make_folder", "note_of"]

MIN_FREE_BYTES = 1 << 20
"""Bytes that must fit where the clip will go: about a small clip."""


def check_place(place: Path) -> None:
    """See that a clip can be saved at `place`, before anything is paid for."""
    path = place
    try:
        if os.path.lexists(place) and not place.is_dir():
            raise InvalidRequest(f"{place} exists already: choose another name.", field="output")
        path = claim(place)
        try:
            path.write_bytes(bytes(MIN_FREE_BYTES))
        finally:
            path.unlink()
        try_out(path.parent)
    except OSError as error:
        raise InvalidRequest(
            f"Cannot write {error.filename or path} ({reason(error)}): make that possible, or "
            "choose another place with -o.",
            field="output",
        ) from error


def beside(place: Path, generation_id: str, ending: str) -> Path:
    """A file named after the id: two runs in one folder never meet, one that resumes finds its
    part."""
    tag = hashlib.sha256(ascii(generation_id).encode()).hexdigest()[:12]
    return (place if place.is_dir() else place.parent) / f"clip-{tag}{ending}"


def note_of(place: Path, generation_id: str) -> Path:
    return beside(place, generation_id, ".resume.txt")


def make_folder(place: Path) -> None:
    """Make the folder for the clips of a list, unless it is there."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{place} can be no folder for the clips of the list ({reason(error)})."
        raise InvalidRequest(message, field="output") from error


def claim(place: Path) -> Path:
    """Make an empty file under the first free name, so that no other file is overwritten."""
    for path in _names(place):
        with suppress(FileExistsError):
            path.touch(exist_ok=False)
            return path
    raise AssertionError("there is always another name")


def _names(place: Path) -> Iterator[Path]:
    first = place / "clip.mp4" if place.is_dir() else place
    yield first
    for number in count(2):
        yield first.with_stem(f"{first.stem}-{number}")
