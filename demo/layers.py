"""Draw sharp on the YUV planes of a frame: stars, trees, and any picture with transparency.

What is drawn here touches only its own box of the frame, at full size; `film.py` says how that
makes a film quick. This module knows no prompt and no film.
"""

from copy import copy
from typing import Protocol

import av
import numpy as np
from PIL import Image, ImageDraw

from demo.scenery import Array, Dice, Mood, oklch, waves

FPS = 24
FADE = FPS // 2  # frames
TO_YUV = np.array(  # BT.709; limited range: luma 16..235, chroma 16..240 around 128
    [[0.2126, 0.7152, 0.0722], [-0.1146, -0.3854, 0.5], [0.5, -0.4542, -0.0458]]
)


class Sharp(Protocol):
    """Anything drawn on the three full-size planes of a frame."""

    def blend(self, planes: list[Array], number: int) -> None: ...


class Layer:
    """A full-size picture with transparency, blended into a box of the frame.

    Alpha is kept as 0..256 in 16 bits, so blending is one multiplication, one addition and a
    shift. A layer wider than the frame pans by some columns a frame.
    """

    def __init__(
        self, premultiplied: Array, alpha: Array, left: int, top: int, pan: int = 0
    ) -> None:
        """Take RGB times alpha (height, width, 3) and alpha, 0..1; every size and place is even."""
        self.left, self.top, self.pan = left, top, pan
        yuv = premultiplied @ TO_YUV.T
        luma = 16 * alpha + 219 * yuv[..., 0]
        quarter = halve(alpha)
        chroma = [128 * quarter + 224 * halve(yuv[..., i]) for i in (1, 2)]
        pairs = [(alpha, luma), (quarter, chroma[0]), (quarter, chroma[1])]
        self.planes = [
            (np.round(256 - 256 * a).astype(np.uint16), np.round(256 * value).astype(np.uint16))
            for a, value in pairs
        ]

    def blend(self, planes: list[Array], number: int) -> None:
        for plane, (keep, add), scale in zip(planes, self.planes, (1, 2, 2), strict=True):
            top, left, start = self.top // scale, self.left // scale, number * self.pan // scale
            box = plane[top : top + keep.shape[0], left : left + keep.shape[1] - start]
            part = np.s_[: box.shape[0], start : start + box.shape[1]]
            mixed = box * keep[part]
            mixed += add[part]
            mixed >>= 8
            box[:] = mixed

    def faded(self, strength: float) -> "Layer":
        """The same, seen only by `strength`, 0..1."""
        faint = copy(self)
        faint.planes = [
            ((256 - (256 - keep) * strength).astype(np.uint16), (add * strength).astype(np.uint16))
            for keep, add in self.planes
        ]
        return faint


class Fading:
    """A layer that is not there yet in a film's first frame, or no more in its last."""

    def __init__(self, layer: Layer, count: int, *, comes: bool, goes: bool) -> None:
        self.layer, self.count, self.comes, self.goes = layer, count, comes, goes

    def blend(self, planes: list[Array], number: int) -> None:
        since = number if self.comes else FADE
        left = self.count - 1 - number if self.goes else FADE
        strength = min(since, left, FADE) / FADE
        if strength == 1:
            self.layer.blend(planes, number)
        elif strength:
            self.layer.faded(strength).blend(planes, number)


class Stars:
    """Twinkling stars, two pixels wide, drawn where the frame's luma is dark enough."""

    def __init__(self, dice: Dice, width: int, height: int) -> None:
        count = round(170 * max(1, width / height))
        self.rows = dice.integers(0, height // 2, count) + np.array([[0], [1], [0], [1]])
        self.columns = dice.integers(0, width - 1, count) + np.array([[0], [0], [1], [1]])
        self.strength = dice.uniform(0.15, 1, count) ** 2.2 * 190
        self.phase, self.pace = dice.uniform(0, 2 * np.pi, count), dice.uniform(1, 4, count)

    def blend(self, planes: list[Array], number: int) -> None:
        twinkle = 0.72 + 0.28 * np.sin(self.pace * (number / FPS) + self.phase)
        below = planes[0][self.rows, self.columns]
        light = np.clip((120.0 - below) / 90, 0, 1) * self.strength * twinkle
        planes[0][self.rows, self.columns] = np.minimum(below + light, 235)


def halve(plane: Array) -> Array:
    """Average each 2 x 2 block, as 4:2:0 video stores colour."""
    return (plane[0::2, 0::2] + plane[1::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 1::2]) / 4


def even(value: float) -> int:
    """Round up to an even number: a colour sample covers two pixels."""
    return int(np.ceil(value / 2)) * 2


def draw_trees(dice: Dice, mood: Mood, width: int, height: int, count: int) -> Layer:
    """Draw the nearest ground with its firs, wide enough to pan through `count` frames."""
    unit, scale = min(width, height), 2
    crowded = mood.hue is not None
    pan = even(height / 400)  # whole, even pixels: the encoder finds such motion exactly
    strip_width, strip_height = width + pan * count, even(unit * 0.20)
    columns = np.arange(0, strip_width * scale + 8, 8)
    line = waves(dice, count=6, lowest=2.2)(columns / scale / height * 1.6)
    ground = (strip_height - unit * 0.045 - line * unit * 0.02) * scale
    image = Image.new("L", (strip_width * scale, strip_height * scale), 0)
    pen = ImageDraw.Draw(image)
    corners = [(columns[-1], strip_height * scale), (0, strip_height * scale)]
    pen.polygon([*zip(columns.tolist(), ground.tolist(), strict=True), *corners], fill=255)
    x = 0.0
    while x < strip_width * scale:
        draw_fir(pen, dice, x, float(np.interp(x, columns, ground)), unit * scale)
        gap = dice.gamma(1.1, 0.012 if crowded else 0.045) + 0.012
        x += unit * scale * (gap if crowded or dice.random() < 0.86 else dice.uniform(0.15, 0.5))
    alpha = np.asarray(image.resize((strip_width, strip_height), Image.Resampling.BOX)) / 255
    colour = oklch(0.14, 0.03, 270 if mood.hue is None else mood.hue)
    return Layer(alpha[..., None] * colour, alpha, 0, height - strip_height, pan)


def draw_fir(pen: ImageDraw.ImageDraw, dice: Dice, x: float, ground: float, unit: float) -> None:
    """Draw a fir as a stack of triangles on a trunk."""
    tall = unit * dice.uniform(0.03, 0.10)
    wide, tiers = tall * dice.uniform(0.30, 0.42), int(dice.integers(5, 9))
    for tier in range(tiers):
        top = ground - tall * (1 - tier / tiers * 0.82)
        half = wide * (0.16 + 0.84 * (tier + 1) / tiers) / 2
        bend, bottom = dice.uniform(-0.08, 0.08) * wide, top + tall * 0.34
        pen.polygon([(x, top), (x - half + bend, bottom), (x + half + bend, bottom)], fill=255)
    pen.rectangle([x - wide * 0.06, ground - tall * 0.1, x + wide * 0.06, ground + tall], fill=255)


def planes_of(frame: av.VideoFrame, kind: type[np.generic]) -> list[Array]:
    """Return writable views of a frame's planes, without the padding at the ends of rows."""
    rows = [np.frombuffer(memoryview(p), kind).reshape(p.height, -1) for p in frame.planes]
    return [view[:, : plane.width] for view, plane in zip(rows, frame.planes, strict=True)]
