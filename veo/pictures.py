"""A picture made ready to be sent: upright, of the film's shape and size, and nothing else in it.

Whatever comes in may be meant to harm: its pixels are counted before one of them is decoded, what
it would take in memory is known before it is taken, and what goes out is drawn anew, so that where
and when it was made, and whatever hides behind it, stays here.  It knows no file, page or wire.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress

from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from veo.models import LARGEST_PICTURE, LARGEST_UPLOAD

__all__ = [
    "MOST_PIXELS",
    "BadPicture",
    "as_jpeg",
    "film_size",
    "nearest_shape",
    "prepare",
]

MOST_PIXELS = 50_000_000
MOST_MEMORY = 100 << 20
"""Bytes that decoding may take: with all that follows it stays below 150 MiB."""
SHORTEST_SIDE = 64
"""Pixels; the service wants 720 or more, and what is smaller than this shows nothing."""
MOST_SCANS = 100
"""A progressive JPEG has about ten; each takes the time of the whole picture."""
MOST_SEGMENTS = 10_000
"""Parts of a JPEG; one with a long colour profile and a long description has hundreds."""
START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN = 0xD8, 0xD9, 0xDA
STRIP = 1 << 20
"""Pixels that are laid on white at a time."""
QUALITIES = (95, 90, 85, 75, 60, 40)
"""The first whose JPEG is no larger than what is sent; that is almost always 95."""

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a picture is turned to be upright, by its EXIF."""

ON_ITS_SIDE = {TURNS[each] for each in (5, 6, 7, 8)}

BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2}
"""Of a decoded picture, in Pillow; every other mode takes four."""


class BadPicture(ValueError):
    """It cannot be sent; the text is a sentence to show."""


def film_size(aspect_ratio: str, resolution: str) -> tuple[int, int]:
    """Width and height of a film in pixels; 16:9 where its shape is that of the clip before."""
    short = {"4k": 2160}.get(resolution) or int(resolution.removesuffix("p"))
    wide, high = map(int, (aspect_ratio if ":" in aspect_ratio else "16:9").split(":"))
    longer = round(short * max(wide, high) / min(wide, high) / 2) * 2
    return (longer, short) if wide >= high else (short, longer)


def nearest_shape(content: bytes, shapes: Sequence[str]) -> str | None:
    """Which of `shapes`, such as `9:16`, loses least of the picture; None if it cannot be read."""
    try:
        with _opened(content) as picture:
            width, height = picture.size
            if TURNS.get(_orientation(picture)) in ON_ITS_SIDE:
                width, height = height, width
    except Exception:  # whatever it is, `prepare` says it
        return None
    known = {each: film_size(each, "720p") for each in shapes if ":" in each}
    return min(known, key=lambda each: _lost((width, height), known[each]), default=None)


def _lost(whole: tuple[int, int], shape: tuple[int, int]) -> float:
    """How far two shapes are from each other."""
    return abs(math.log(max(whole[0], 1) * shape[1] / (max(whole[1], 1) * shape[0])))


def prepare(content: bytes, size: tuple[int, int], *, crop: bool = True) -> bytes:
    """The picture as a JPEG of `size`, its middle if it is of another shape; raises `BadPicture`.

    Without `crop`, as for a reference, all of it is kept and `size` is the most that it has.
    """
    if len(content) > LARGEST_UPLOAD:
        raise BadPicture(f"This picture is larger than {LARGEST_UPLOAD >> 20} MiB.")
    try:
        with _opened(content) as picture:
            small = _drawn(picture, content, size, crop=crop)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadPicture(_too_many("")) from None
    except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
        if isinstance(error, BadPicture):
            raise
        raise BadPicture("This picture is damaged, or not all of it is here.") from None
    return as_jpeg(small)


def _opened(content: bytes) -> Image.Image:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        content = _plain_png(content)
    elif content.startswith(b"\xff\xd8\xff"):
        if content.count(b"\xff\xda") > MOST_SCANS and _has_too_many_scans(content):
            raise BadPicture("This picture is built in a way that pictures are not.")
    elif not (content.startswith(b"RIFF") and content[8:12] == b"WEBP"):
        raise BadPicture("This is no JPEG, PNG or WebP picture.")
    return Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP"))


MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""The beginning of a segment of a JPEG; not a part of what is coded."""


def _has_too_many_scans(content: bytes) -> bool:
    """Whether a JPEG has more than `MOST_SCANS` up to its end, behind which a phone may have put a
    film (ITU-T T.81, annex B).  What libjpeg skips without its length is not jumped over."""
    at, scans = 2, 0
    for _ in range(MOST_SEGMENTS):
        found = MARKER.search(content, at)
        if found is None or content[found.end() - 1] == END_OF_IMAGE:
            return False
        at, kind = found.end(), content[found.end() - 1]
        scans += kind == START_OF_SCAN
        if scans > MOST_SCANS:
            return True
        if kind >= 0xC0 and kind != START_OF_IMAGE:
            at += int.from_bytes(content[at : at + 2])
    return True


PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"IDAT", b"IEND")
"""What a picture is made of; texts in it may be long when they are unpacked."""


def _plain_png(content: bytes) -> bytes:
    """The picture without what is no part of it, before its end or behind it."""
    parts, at = [content[:8]], 8
    while at + 12 <= len(content):
        kind, end = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4])
        if kind == b"acTL":
            raise BadPicture(MOVES)
        if kind in PNG_CHUNKS:
            parts.append(content[at:end])
        if kind == b"IEND":
            break
        at = end
    return b"".join(parts)


MOVES = "This picture moves: choose a still one."


def _drawn(
    picture: Image.Image, content: bytes, size: tuple[int, int], *, crop: bool
) -> Image.Image:
    """`picture` upright on white, of `size`; whatever is wrong with it is found before it is
    decoded."""
    whole = picture.size
    _check_size(picture)
    if picture.format == "WEBP" and getattr(picture, "is_animated", False):
        raise BadPicture(MOVES)
    turn = TURNS.get(_orientation(picture))
    wanted = size[::-1] if turn in ON_ITS_SIDE else size
    if not crop:
        wanted = _inside(whole, wanted)
    picture.draft("RGB", wanted)  # a JPEG is decoded at a fraction of its size, if that is enough
    if _memory(picture, content, whole) > MOST_MEMORY:
        plain = " that is not progressive" if picture.format == "JPEG" else ""
        raise BadPicture(_too_many(f": save it smaller, or as a JPEG{plain}"))
    box = _middle(picture.size, wanted)
    profile = picture.info.get("icc_profile")
    flat = _on_white(picture, box, wanted)
    picture.close()
    small = _as_srgb(flat.resize(wanted, Image.Resampling.LANCZOS), profile)
    return small if turn is None else small.transpose(turn)


def _check_size(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise BadPicture(_too_many(""))
    if min(width, height) < SHORTEST_SIDE:
        raise BadPicture(
            f"This picture has {width} × {height} pixels: it needs {SHORTEST_SIDE} on each side."
        )


def _too_many(hint: str) -> str:
    return f"This picture has more pixels than can be taken here{hint}."


def _orientation(picture: Image.Image) -> int:
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1  # Pillow would decode all of it to look for one behind its pixels
    with suppress(Exception):  # EXIF is anybody's, and a picture without it is a picture
        return int(picture.getexif().get(ORIENTATION, 1))
    return 1


def _memory(picture: Image.Image, content: bytes, whole: tuple[int, int]) -> int:
    """Bytes that decoding takes, before it is done."""
    if picture.format == "WEBP":
        return 16 * math.prod(whole)  # two canvases of libwebp, a copy, and the picture
    decoded = BYTES_PER_PIXEL.get(picture.mode, 4) * math.prod(picture.size)
    if not isinstance(picture, JpegImageFile) or _is_one_scan(content):
        return decoded
    # libjpeg keeps every coefficient of a picture that comes in several scans, in two bytes.
    samples = [(wide, high) for _, wide, high, _ in picture.layer]
    most = max(wide for wide, _ in samples) * max(high for _, high in samples)
    return decoded + 2 * math.prod(whole) * sum(map(math.prod, samples)) // max(most, 1)


def _is_one_scan(content: bytes) -> bool:
    """Whether the first scan of a JPEG has all of its components (ITU-T T.81, annex B)."""
    at, components = 2, 0
    while at + 10 < len(content) and content[at] == 0xFF:
        kind, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if kind in (0xC0, 0xC1):
            components = content[at + 9]
        elif kind == 0xDA:
            return components > 0 and content[at + 4] == components
        at += 1 if kind == 0xFF else 2 + length
    return False


def _inside(whole: tuple[int, int], most: tuple[int, int]) -> tuple[int, int]:
    """The size of a picture of `whole` that fits into `most`, in either position."""
    longest, shortest = max(most), min(most)
    scale = min(longest / max(whole), shortest / min(whole), 1.0)
    return max(1, round(whole[0] * scale)), max(1, round(whole[1] * scale))


def _middle(whole: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest box of `shape` in the middle of `whole`."""
    width = min(whole[0], max(1, round(whole[1] * shape[0] / shape[1])))
    height = min(whole[1], max(1, round(whole[0] * shape[1] / shape[0])))
    left, top = (whole[0] - width) // 2, (whole[1] - height) // 2
    return left, top, left + width, top + height


def _on_white(
    picture: Image.Image, box: tuple[int, int, int, int], size: tuple[int, int]
) -> Image.Image:
    """The pixels in `box`, averaged down towards `size` and opaque.

    In strips, for a picture with transparency is held three times where it is converted whole.
    """
    left, top, right, bottom = box
    factor = max(1, min((right - left) // size[0], (bottom - top) // size[1]))
    flat = Image.new("RGB", (-(-(right - left) // factor), -(-(bottom - top) // factor)))
    picture.load()
    for upper, lower in _strips(top, bottom, right - left, factor):
        strip = _opaque(picture.crop((left, upper, right, lower)))
        flat.paste(strip.reduce(factor), (0, (upper - top) // factor))
    return flat


def _strips(top: int, bottom: int, width: int, factor: int) -> Iterator[tuple[int, int]]:
    """Upper and lower ends of strips, each but the last a multiple of `factor` high."""
    height = max(1, STRIP // width // factor) * factor
    for upper in range(top, bottom, height):
        yield upper, min(upper + height, bottom)


def _opaque(picture: Image.Image) -> Image.Image:
    """`picture` in RGB, laid on white."""
    if picture.mode.startswith("I"):  # 16 bits of grey
        picture = picture.convert("I").point(lambda value: value / 257).convert("L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _as_srgb(picture: Image.Image, profile: object) -> Image.Image:
    """The colours as they are meant: a phone's are of a larger space than a film's."""
    if isinstance(profile, bytes):
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            meant = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(picture, meant, srgb) or picture
    return picture


def as_jpeg(picture: Image.Image) -> bytes:
    """`picture` as it is sent: as good as fits into what may be sent."""
    for quality in QUALITIES:
        file = io.BytesIO()
        # Every pixel keeps its colour: what is filmed from it is as sharp as it is.
        picture.save(file, "JPEG", quality=quality, subsampling=0)
        if file.tell() <= LARGEST_PICTURE:
            break
    return file.getvalue()
