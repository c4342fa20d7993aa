"""Walk the top-level boxes of an MP4 file, to tell a whole file from one that was cut short.

An MP4 is a row of boxes, each with its size and a four-letter type in front (ISO/IEC 14496-12,
section 4.2). A download that stopped early leaves a last box that runs past the end of the file,
which is the one sign of it that players do not look at. This module knows nothing of what is
inside a box, nor of pictures or sound.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

MAX_BOXES = 1_000
"""More than any clip has: one with a fragment for each of its 192 frames has about 390."""


def check_whole(path: str | os.PathLike[str]) -> list[tuple[str, int]]:
    """Raise `ValueError` unless this is an MP4 with an index and pictures, down to its last byte.

    Gives its `top_level_boxes`.  A file that cannot be read at all raises `OSError`.
    """
    boxes = top_level_boxes(path)
    found = {kind for kind, _ in boxes}
    if "moov" not in found:
        raise ValueError("This video file has no index (moov), so it is not whole.")
    if "mdat" not in found:
        raise ValueError("This video file has an index but no pictures (mdat), so it is not whole.")
    return boxes


def top_level_boxes(path: str | os.PathLike[str]) -> list[tuple[str, int]]:
    """List type and size in bytes, header included, of each box; the sizes add up to the file's.

    Raises `ValueError` when they cannot: the file is no MP4 or its last box or header is cut. A
    box that says "I reach to the end of the file" (size 0) is refused too: it says so after a cut
    as well. Only plain files are opened: a named pipe would make the caller wait for ever.
    """
    if not stat.S_ISREG(Path(path).lstat().st_mode):
        raise ValueError("This is not a plain file, so it cannot be a video.")
    with Path(path).open("rb") as file:
        return _walk(file, os.fstat(file.fileno()).st_size)


def _walk(file: BinaryIO, file_size: int) -> list[tuple[str, int]]:
    if file_size == 0:
        raise ValueError("This file is empty.")
    boxes: list[tuple[str, int]] = []
    position = 0
    while position < file_size:
        file.seek(position)
        kind, size = _box_header(file.read(16))
        if not boxes and kind != "ftyp":
            raise ValueError("This file is not an MP4 video.")
        if position + size > file_size:
            missing = position + size - file_size
            raise ValueError(f"This video file is cut short: {missing:,} bytes are missing.")
        if len(boxes) == MAX_BOXES:
            raise ValueError(f"This video file has more than {MAX_BOXES:,} parts.")
        boxes.append((kind, size))
        position += size
    return boxes


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
