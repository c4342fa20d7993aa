"""Set words into the picture: the caption at the bottom left, the badge that says it is a demo."""

import bisect
import unicodedata
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from demo.layers import Layer, even
from demo.scenery import Array

FONT = Path(__file__).parent / "fonts" / "Inter-Medium.otf"
CAPTION_LINES = 3
CAPTION_READS = 2_000  # characters of a prompt the caption looks at; three lines never hold more
PAPER = 0.04
"""How light the dark paper below letters is."""
NO_LETTERS = "This demo's font has no letters for the script of this prompt."
SOME_LETTERS = "(This demo's font lacks some of the letters.)"


def printable(text: str, font: ImageFont.FreeTypeFont) -> str:
    """Return the text on one line, without what the font cannot draw."""
    text = " ".join(unicodedata.normalize("NFC", text[:CAPTION_READS]).split())
    missing = bytes(font.getmask("\U0010fffe"))
    drawable = {
        char
        for char in set(text)
        if unicodedata.category(char)[0] != "C" and bytes(font.getmask(char)) != missing
    }
    return " ".join("".join(char for char in text if char in drawable).split())


def caption_of(prompt: str, font: ImageFont.FreeTypeFont) -> str:
    """Return what the caption says: the prompt, and whether the font lacks letters of it."""
    said = printable(prompt, font)
    if not letters_of(prompt[:CAPTION_READS]) - letters_of(said):
        return said
    return f"{SOME_LETTERS} {said}" if letters_of(said) else f"{NO_LETTERS} {said}".rstrip()


def letters_of(text: str) -> set[str]:
    return {char for char in unicodedata.normalize("NFC", text) if char.isalpha()}


def wrap(text: str, font: ImageFont.FreeTypeFont, width: float, lines: int) -> list[str]:
    """Break a text into at most `lines` lines; one that is cut ends in an ellipsis."""
    wrapped: list[str] = []
    while text and len(wrapped) < lines:
        fits = longest_fit(text, font, width)
        space = text.rfind(" ", 0, fits + 1) if fits < len(text) else fits
        cut = space if space > 0 else max(fits, 1)
        wrapped.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    if text:
        fits = longest_fit(wrapped[-1], font, width - font.getlength("…"))
        wrapped[-1] = wrapped[-1][:fits].rstrip(" ,.") + "…"
    return wrapped


def longest_fit(text: str, font: ImageFont.FreeTypeFont, width: float) -> int:
    """Return how many leading characters fit into the width."""
    counts = range(1, len(text) + 1)
    return bisect.bisect_right(counts, width, key=lambda count: font.getlength(text[:count]))


def draw_caption(prompt: str, width: int, height: int, *, plate: bool = False) -> list[Layer]:
    """Set the prompt at the bottom left, or say that the font lacks it.

    White on a soft shadow; on a `plate` where the picture below may hold words already.
    """
    unit = min(width, height)
    size, margin = max(9, round(unit * 0.036)), even(unit * 0.045)
    font = ImageFont.truetype(FONT, size, layout_engine=ImageFont.Layout.BASIC)
    measure = (width - 2 * margin) * (0.72 if width > height else 0.96)
    lines = wrap(caption_of(prompt, font), font, measure, CAPTION_LINES)
    if not lines:
        return []
    image, border = set_lines(lines, font, size)
    left = max(0, margin - border)
    top = max(0, height - margin + border - image.height)
    if plate:
        return [Layer(*on_plate(image, size), left, top)]
    text = np.asarray(image) / 255
    shadow = np.asarray(image.filter(ImageFilter.GaussianBlur(size * 0.28))) / 255
    shadow = np.minimum(shadow * 1.5, 1) * 0.7
    alpha = text + shadow * (1 - text)
    white = np.repeat(text[..., None] * 0.97, 3, axis=2)
    return [Layer(white, alpha, left, top)]


def draw_note(text: str, width: int, height: int) -> Layer:
    """Set a few lines in the middle of the picture, on a plate."""
    size = max(9, round(min(width, height) * 0.036))
    font = ImageFont.truetype(FONT, size, layout_engine=ImageFont.Layout.BASIC)
    lines = [part for line in text.splitlines() for part in wrap(line, font, width * 0.6, 2)]
    image, _ = set_lines(lines, font, size)
    left, top = (width - image.width) // 4 * 2, (height - image.height) // 4 * 2
    return Layer(*on_plate(image, size), left, top)


def set_lines(lines: list[str], font: ImageFont.FreeTypeFont, size: int) -> tuple[Image.Image, int]:
    """Draw lines white on black, and tell how wide the border around them is."""
    pitch, border = round(size * 1.36), even(size)
    box = even(max(map(font.getlength, lines)) + 2 * border), even(pitch * len(lines) + 2 * border)
    image = Image.new("L", box, 0)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((border, border + number * pitch), line, font=font, fill=255)
    return image, border


def on_plate(text: Image.Image, size: int) -> tuple[Array, Array]:
    """White letters on dark paper that nothing shines through: RGB times alpha, and alpha."""
    paper = Image.new("L", (text.width * 4, text.height * 4), 0)
    inset = size * 1.6
    shape = [inset, inset, paper.width - inset, paper.height - inset]
    ImageDraw.Draw(paper).rounded_rectangle(shape, radius=size * 1.6, fill=255)
    alpha = np.asarray(paper.resize(text.size, Image.Resampling.BOX)) / 255
    ink = np.asarray(text) / 255 * alpha
    shades = ink * 0.97 + (alpha - ink) * PAPER
    return np.repeat(shades[..., None], 3, axis=2), alpha


def draw_badge(seed: int | None, width: int, height: int, *, plate: bool = False) -> Layer:
    """Say in the top right corner that this is a demo, and from which seed."""
    unit, scale = min(width, height), 4
    size, margin = max(8, round(unit * 0.028)), even(unit * 0.035)
    font = ImageFont.truetype(FONT, size * scale, layout_engine=ImageFont.Layout.BASIC)
    words = " · ".join(["DEMO", *([] if seed is None else [f"seed {seed}"]), "not made by Veo"])
    box = even(font.getlength(words) / scale + size * 1.8), even(size * 2.0)
    large = box[0] * scale, box[1] * scale
    pill, text = Image.new("L", large, 0), Image.new("L", large, 0)
    shape = [0, 0, large[0] - 1, large[1] - 1]
    fill = 255 if plate else 150
    ImageDraw.Draw(pill).rounded_rectangle(shape, radius=large[1] / 2, fill=fill)
    ImageDraw.Draw(text).text((large[0] / 2, large[1] / 2), words, font=font, fill=245, anchor="mm")
    paper, ink = (
        np.asarray(image.resize(box, Image.Resampling.BOX)) / 255 for image in (pill, text)
    )
    alpha = ink + paper * (1 - ink)
    premultiplied = ink[..., None] * np.ones(3) + (paper * (1 - ink))[..., None] * np.full(3, PAPER)
    return Layer(premultiplied, alpha, max(0, (width - margin - box[0]) // 2 * 2), margin)
