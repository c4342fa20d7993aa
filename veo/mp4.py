"""Walk the top-level boxes of an MP4 file, to tell a whole file from one that was cut short.

An MP4 is a row of boxes, each with its size and a four-letter type in front (ISO/IEC 14496-12,
section 4.2). A download that stopped early leaves a last box that runs past the end of the file,
which is the one sign of it that players do not look at. This module knows nothing of what is
inside a box, nor of pictures or sound.

A form that is odd is no reason to refuse what is paid for: `examine` tells it, and what decodes the
file says whether anything is missing.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

MAX_BOXES = 1_000
"""More than any clip has: one with a fragment for each of its 192 frames has about 390."""

FIRST_BOXES = ("ftyp", "styp", "moov", "mdat", "free", "skip", "wide", "pnot", "uuid")
"""What files of this kind begin with; all but the first are odd."""
LARGEST_PAGE = 1 << 20

UNCHECKED = ".unchecked"
"""How the name of a clip ends that is not known to be whole."""

Oddity = Literal["other_beginning", "bytes_after", "open_end", "overlong", "fragments"]
"""Another box than `ftyp` comes first; something that is no box follows the last one; the last
`mdat` says that it reaches to the end, or further than the file; the index is in pieces between the
pictures, so that the boxes do not tell whether the last piece is there."""


@dataclass(frozen=True, slots=True)
class Form:
    """The boxes of a file that may be whole, and what is odd about them."""

    boxes: list[tuple[str, int]]
    """Type and size in bytes; what follows the last one is not in them."""
    odd: list[Oddity]


def unchecked(path: Path) -> Path:
    """Where a file stands beside `path` as long as it is not known to be whole."""
    return path if path.name.endswith(UNCHECKED) else path.with_name(path.name + UNCHECKED)


def examine(path: str | os.PathLike[str]) -> Form:
    """The form of a file that has its index and begins its pictures, however it ends.

    Raises `ValueError` for what cannot be played whole, `OSError` for what cannot be read.
    """
    _require_plain(path)
    boxes: list[tuple[str, int]] = []
    odd: list[Oddity] = []
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            _walk(file, size, boxes, first=FIRST_BOXES)
        except ValueError:
            position = sum(size for _, size in boxes)
            last, ending = _ending(file, position)
            if last == "mdat" and ending:
                boxes.append((last, size - position))
                odd.append(ending)
            elif last != "moof" and {"moov", "mdat"} <= {kind for kind, _ in boxes}:
                odd.append("bytes_after")
            else:
                raise
    _require_index_and_pictures(boxes)
    if boxes[0][0] != "ftyp":
        odd.append("other_beginning")
    if "moof" in (kind for kind, _ in boxes):
        odd.append("fragments")
    return Form(boxes, odd)


def samples_in_fragment(moof: bytes) -> Counter[int]:
    """How many samples of each track a `moof` box announces (ISO/IEC 14496-12, section 8.8)."""
    found = Counter[int]()
    for kind, traf in _inside(moof[8:]):
        track = 0
        for inner, content in _inside(traf) if kind == b"traf" else ():
            if inner == b"tfhd":
                track = int.from_bytes(content[4:8])
            if inner == b"trun":
                found[track] += int.from_bytes(content[4:8])
    return found


def _inside(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each box, as far as they fit."""
    at = 0
    while 8 <= (size := int.from_bytes(content[at : at + 4])) <= len(content) - at:
        yield content[at + 4 : at + 8], content[at + 8 : at + size]
        at += size


def _ending(file: BinaryIO, position: int) -> tuple[str, Oddity | None]:
    """The type of the box at `position`, where the walk ended, and how it ends if it has an end."""
    file.seek(position)
    header = file.read(16)
    kind = header[4:8].decode("latin-1")
    if header[:4] == bytes(4):
        return kind, "open_end"
    try:
        _box_header(header)
    except ValueError:
        return kind, None
    return kind, "overlong"


def is_a_page(path: Path) -> bool:
    """Whether this is a page, a line of text or JSON that a host gave in place of a video.

    A video's first bytes hold some that no text has.
    """
    if path.stat().st_size > LARGEST_PAGE:
        return False
    with path.open("rb") as file:
        beginning = file.read(1024)
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    text = beginning.decode("utf-8", errors="replace").removesuffix("\ufffd")
    return all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text) and (
        "\ufffd" not in text
    )


def check_whole(path: str | os.PathLike[str]) -> list[tuple[str, int]]:
    """Raise `ValueError` unless this is an MP4 with an index and pictures, down to its last byte.

    Gives its `top_level_boxes`.  A file that cannot be read at all raises `OSError`.
    """
    boxes = top_level_boxes(path)
    _require_index_and_pictures(boxes)
    return boxes


def _require_index_and_pictures(boxes: list[tuple[str, int]]) -> None:
    found = {kind for kind, _ in boxes}
    if "moov" not in found:
        raise ValueError("This video file has no index (moov), so it is not whole.")
    if "mdat" not in found:
        raise ValueError("This video file has an index but no pictures (mdat), so it is not whole.")


def top_level_boxes(path: str | os.PathLike[str]) -> list[tuple[str, int]]:
    """List type and size in bytes, header included, of each box; the sizes add up to the file's.

    Raises `ValueError` when they cannot: the file is no MP4 or its last box or header is cut. A
    box that says "I reach to the end of the file" (size 0) is refused too: it says so after a cut
    as well. Only plain files are opened: a named pipe would make the caller wait for ever.
    """
    _require_plain(path)
    boxes: list[tuple[str, int]] = []
    with Path(path).open("rb") as file:
        _walk(file, os.fstat(file.fileno()).st_size, boxes)
    return boxes


def _require_plain(path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(Path(path).lstat().st_mode):
        raise ValueError("This is not a plain file, so it cannot be a video.")


def _walk(
    file: BinaryIO,
    file_size: int,
    boxes: list[tuple[str, int]],
    *,
    first: tuple[str, ...] = ("ftyp",),
) -> None:
    """Put into `boxes` what stands in the file, until one of them does not fit."""
    if file_size == 0:
        raise ValueError("This file is empty.")
    position = 0
    while position < file_size:
        file.seek(position)
        kind, size = _box_header(file.read(16))
        if not boxes and kind not in first:
            raise ValueError("This file is not an MP4 video.")
        if position + size > file_size:
            missing = position + size - file_size
            raise ValueError(f"This video file is cut short: {missing:,} bytes are missing.")
        if len(boxes) == MAX_BOXES:
            raise ValueError(f"This video file has more than {MAX_BOXES:,} parts.")
        boxes.append((kind, size))
        position += size


def _box_header(header: bytes) -> tuple[str, int]:
    """Read type and size; `header` is the first 16 bytes of the box, or what is left of them."""
    size, kind = int.from_bytes(header[:4]), header[4:8].decode("latin-1")
    header_size = 8
    if size == 1:  # the size did not fit into 32 bits; 64 follow the type
        size, header_size = int.from_bytes(header[8:16]), 16
    if len(header) < header_size:
        raise ValueError("This video file is cut short in the middle of a box header.")
    if size < header_size:
        raise ValueError("This video file is damaged: a box in it has an impossible size.")
    return kind, size
