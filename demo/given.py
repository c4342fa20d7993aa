"""What a request gives beside words: pictures and a clip, read from data URIs, bounded, in files.

Nobody's address is fetched. A clip of our own is found by its name; whatever lies elsewhere is
stood in for by a drawing that says so.
"""

import struct
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from demo.clip import Clip

__all__ = ["Given", "NoPicture", "Picture", "look_at", "open_picture"]

MOST_PIXELS = {"JPEG by lines": 50_000_000, "JPEG": 2**24, "PNG": 2**24, "WEBP": 7_000_000}
"""A JPEG that is read by lines is never in memory at its full size; libwebp keeps five copies."""
SHRINKS = 4_000
"""Pixels of the shorter side from which on libjpeg reads it at a fraction of its size."""
FORMATS = ("JPEG", "PNG", "WEBP")
ORIENTATION = 0x0112
BROKEN = (OSError, ValueError, SyntaxError, struct.error)
"""What Pillow raises at a file that is not as it should be; no format has an error of its own."""
LYING = range(5, 9)  # the orientations that have width and height exchanged


class NoPicture(ValueError):
    """What was given is no picture that can be drawn; the text says what would be one."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that was given, or the address of one that nobody fetched."""

    address: str = ""
    path: Path | None = None
    upright: bool = False
    """Whether it is higher than wide."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a film is made from, beside its prompt."""

    first: Picture | None = None
    last: Picture | None = None
    references: tuple[Picture, ...] = ()
    clip: Clip | None = None
    goes_on: bool = False
    """Whether the film goes on from the clip; else it is the clip, changed."""
    only_new: bool = False
    """Whether it leaves out the clip that it goes on from."""

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return (*filter(None, (self.first, self.last)), *self.references)

    @property
    def upright(self) -> bool:
        """Whether the film should be, if nobody says so."""
        if self.clip:
            return self.clip.height > self.clip.width
        return bool(self.pictures) and self.pictures[0].upright

    @property
    def frames_before(self) -> int:
        """How many frames of the clip the film begins with."""
        return self.clip.count if self.clip and self.goes_on and not self.only_new else 0

    def remove(self) -> None:
        """Remove the files."""
        for path in (*(picture.path for picture in self.pictures), self.clip and self.clip.path):
            if path:
                path.unlink(missing_ok=True)


def look_at(data: bytes) -> bool:
    """Whether a picture is upright, read from its head alone; raise `NoPicture`."""
    with opened(BytesIO(data)) as picture:
        # Others than JPEG may tell it behind their pixels, which are not read here.
        turned = picture.format == "JPEG" and orientation_of(picture) in LYING
        width, height = picture.size[::-1] if turned else picture.size
    return height > width


def orientation_of(picture: Image.Image) -> object:
    """What the picture says of it, which may be anything; None if nothing can be read."""
    try:
        return picture.getexif().get(ORIENTATION)
    except BROKEN:
        return None


def opened(source: BytesIO | Path) -> Image.Image:
    """A picture of which only the head was read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(source, formats=FORMATS)
    except Image.DecompressionBombError:
        raise NoPicture(f"a picture of at most {MOST_PIXELS['PNG']:,} pixels") from None
    except BROKEN:
        raise NoPicture("a JPEG, PNG or WebP picture") from None
    by_lines = picture.format == "JPEG" and not picture.info.get("progressive")
    by_lines = by_lines and min(picture.size) >= SHRINKS
    most = MOST_PIXELS["JPEG by lines" if by_lines else str(picture.format)]
    if picture.width * picture.height > most:
        picture.close()
        raise NoPicture(f"a picture of at most {most:,} pixels")
    return picture


def open_picture(path: Path, width: int, height: int) -> Image.Image:
    """The picture turned as it is meant, on white, not much larger than such a film needs it."""
    large = min(max(width, height), SHRINKS // 2)
    with opened(path) as picture:
        try:
            picture.draft("RGB", (large, large))  # libjpeg then decodes a fraction of the size
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
        except BROKEN:
            raise NoPicture("a picture that can be read to its end") from None
        return on_white(reduced(picture, width, height))


def reduced(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in a plain mode, at a whole fraction of its size where that is enough.

    A copy at its full size may take 64 MiB.
    """
    times = min(picture.width // width, picture.height // height)
    if picture.mode in ("1", "P", "PA"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        picture = picture.point(lambda value: value / 256).convert("L")
    return picture.reduce(times) if times > 1 else picture


def on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(layer, mask=layer)
    return white
