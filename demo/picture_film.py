"""Films that are made from pictures and clips instead of painted scenes.

A picture becomes three YUV planes once; for each frame Pillow cuts a box out of each plane, with
edges between pixels, which is all the painting there is. The first frame is the picture that was
given, and where a second one was given the last frame is that one: words come and go beside them.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from demo.clip import Clip, frames_of
from demo.layers import FPS, Layer, Sharp, even, planes_of
from demo.scenery import Array, Dice, smoothstep

__all__ = ["ChangedClip", "ContinuedClip", "PictureFilm", "draw_references", "rgb_of", "yuv_of"]

ZOOM = 0.14
"""How much of the picture is left out where the camera is closest."""
PASSES = (0.3, 0.8)
"""Between which parts of the film one picture passes into the other."""


def yuv_of(picture: Image.Image) -> list[Array]:
    """The picture's planes as a film stores them: BT.709, limited range, 4:2:0."""
    frame = av.VideoFrame.from_ndarray(np.asarray(picture), "rgb24").reformat(
        format="yuv420p",
        interpolation=Interpolation.BICUBIC,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
    )
    return [plane.copy() for plane in planes_of(frame, np.uint8)]


def rgb_of(frame: av.VideoFrame) -> Image.Image:
    """The picture that a frame of a film stores."""
    seen = frame.reformat(
        format="rgb24",
        interpolation=Interpolation.BICUBIC,
        src_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    )
    return Image.fromarray(seen.to_ndarray())


class PictureFilm:
    """A slow move of the camera into a picture; to a second one, if there is one, and out of it."""

    def __init__(
        self,
        first: list[Array],
        last: list[Array] | None = None,
        *,
        dice: Dice,
        duration: int,
        layers: Sequence[Sharp],
    ) -> None:
        """Take the planes of pictures as large as the film."""
        self.height, self.width = first[0].shape
        self.count = duration * FPS
        self.towards = dice.uniform(0.25, 0.75, 2)
        self.first, self.last, self.layers = as_images(first), last and as_images(last), layers

    def __iter__(self) -> Iterator[av.VideoFrame]:
        for number in range(self.count):
            yield self._frame(number)

    def _frame(self, number: int) -> av.VideoFrame:
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        planes = planes_of(frame, np.uint8)
        for plane, seen in zip(planes, self._seen(number / (self.count - 1)), strict=True):
            plane[:] = seen
        for layer in self.layers:
            layer.blend(planes, number)
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        return frame

    def _seen(self, part: float) -> list[Array]:
        """What the camera sees after this part, 0..1, of the film."""
        way = ease(part)
        if not self.last:
            return self._cut(self.first, way)
        begins, ends = PASSES
        passed = ease((part - begins) / (ends - begins))
        if passed in (0, 1):
            return self._cut(self.last, 1 - way) if passed else self._cut(self.first, way)
        images = [
            Image.blend(*pair, passed)
            for pair in zip(
                self._boxed(self.first, way), self._boxed(self.last, 1 - way), strict=True
            )
        ]
        return [np.asarray(image) for image in images]

    def _cut(self, images: list[Image.Image], way: float) -> list[Array]:
        return [np.asarray(image) for image in self._boxed(images, way)]

    def _boxed(self, images: list[Image.Image], way: float) -> list[Image.Image]:
        """The planes as the camera sees them on its way in, 0..1; at 0 they are what they are."""
        if way == 0:
            return images
        share = 1 - ZOOM * way
        return [
            image.resize(
                image.size,
                Image.Resampling.BILINEAR,
                box=box_of(image.size, share, self.towards),
            )
            for image in images
        ]


def as_images(planes: list[Array]) -> list[Image.Image]:
    return [Image.fromarray(np.ascontiguousarray(plane)) for plane in planes]


def ease(part: float) -> float:
    return float(smoothstep(np.array(part)))


def box_of(
    size: tuple[int, int], share: float, towards: Array
) -> tuple[float, float, float, float]:
    """A box of this share of the picture, which shrinks towards a place in it."""
    left, top = (length * (1 - share) * place for length, place in zip(size, towards, strict=True))
    return left, top, left + size[0] * share, top + size[1] * share


class ContinuedClip:
    """A clip, and a film that goes on from its last frame."""

    def __init__(self, clip: Clip, ahead: PictureFilm) -> None:
        self.clip, self.ahead = clip, ahead
        self.width, self.height = ahead.width, ahead.height
        self.count = clip.count + ahead.count

    def __iter__(self) -> Iterator[av.VideoFrame]:
        yield from numbered(frames_of(self.clip, self.width, self.height))
        for number, frame in enumerate(self.ahead, start=self.clip.count):
            frame.pts = number
            yield frame


class ChangedClip:
    """A clip in another light, which stands for what an edit would make of it."""

    def __init__(
        self, clip: Clip, *, dice: Dice, width: int, height: int, layers: Sequence[Sharp]
    ) -> None:
        self.clip, self.width, self.height, self.count = clip, width, height, clip.count
        self.layers = layers
        warm = float(dice.choice([-1, 1])) * dice.uniform(10, 16)
        levels = np.arange(256)
        self.tables = [
            (levels * 0.92 + 8).round().astype(np.uint8),
            (levels - warm).clip(16, 240).astype(np.uint8),
            (levels + warm).clip(16, 240).astype(np.uint8),
        ]

    def __iter__(self) -> Iterator[av.VideoFrame]:
        for number, frame in enumerate(frames_of(self.clip, self.width, self.height)):
            changed = av.VideoFrame(self.width, self.height, "yuv420p")
            planes = planes_of(changed, np.uint8)
            seen = planes_of(frame, np.uint8)
            for plane, table, before in zip(planes, self.tables, seen, strict=True):
                plane[:] = table.take(before)
            for layer in self.layers:
                layer.blend(planes, number)
            changed.pts, changed.time_base = number, Fraction(1, FPS)
            yield changed


def numbered(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    for number, frame in enumerate(frames):
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        yield frame


# --- References -----------------------------------------------------------------------------------


def draw_references(
    pictures: Sequence[Image.Image], dice: Dice, width: int, height: int
) -> list[Layer]:
    """Lay prints of the pictures into the scene: in rows, each turned a little, none hidden."""
    columns = min(len(pictures), 3) if width > height else 1 + len(pictures) // 4
    rows = -(-len(pictures) // columns)
    # The badge is above them, the caption below.
    room = width * 0.9 / columns, height * 0.62 / rows
    layers = []
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        in_row = min(columns, len(pictures) - row * columns)
        x = width / 2 + (column - (in_row - 1) / 2) * room[0]
        y = height * 0.44 + (row - (rows - 1) / 2) * room[1]
        layers.append(draw_print(picture, room, (x, y), float(dice.uniform(-4, 4))))
    return layers


def draw_print(
    picture: Image.Image, room: tuple[float, float], middle: tuple[float, float], turn: float
) -> Layer:
    """Draw a print with a white rim and a shadow, as large as fits when it is turned."""
    inside = round(room[0] * 0.78), round(room[1] * 0.78)
    small = ImageOps.contain(picture, inside, Image.Resampling.LANCZOS)
    rim = max(2, round(min(room) * 0.02))
    edge = 4 * rim
    paper = Image.new("RGBA", (small.width + 2 * edge, small.height + 2 * edge), (0, 0, 0, 0))
    sheet = [edge - rim, edge - rim, small.width + edge + rim - 1, small.height + edge + rim - 1]
    ImageDraw.Draw(paper).rectangle(sheet, fill=(245, 245, 242, 255))
    paper.paste(small, (edge, edge))
    turned = paper.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    size = even(turned.width), even(turned.height)
    whole = Image.new("RGBA", size, (0, 0, 0, 0))
    whole.paste(turned)
    shadow = whole.getchannel("A").filter(ImageFilter.GaussianBlur(rim * 1.2))
    alpha = np.asarray(whole.getchannel("A")) / 255
    both = alpha + np.asarray(shadow) / 255 * 0.6 * (1 - alpha)
    left, top = (
        max(0, round((at - length / 2) / 2) * 2) for at, length in zip(middle, size, strict=True)
    )
    return Layer(np.asarray(whole)[..., :3] / 255 * alpha[..., None], both, left, top)
