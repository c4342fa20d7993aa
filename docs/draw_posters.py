"""Draws the examples' posters anew with the demo's own renderer, without its caption and badge.

.venv/bin/python docs/draw_posters.py
"""

import itertools
import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from demo import film as demo_film  # its folder is on the path only now
from page.examples import EXAMPLES, Example

SEED = 7
MOMENT = 2 * demo_film.FPS
LONG, SHORT = 320, 180
"""Pixels.  A poster is shown at half of that."""


def draw(example: Example) -> Image.Image:
    """One frame of the example's demo clip, at the poster's size."""
    width, height = demo_film.SIZES["720p", example.aspect_ratio]
    film = demo_film.Film(prompt=example.prompt, seed=SEED, width=width, height=height, duration=4)
    # Words too small to read: the label beside the posters says what they are.
    del film.layers[-1 - len(demo_film.draw_caption(example.prompt, width, height)) :]
    frame = next(itertools.islice(film, MOMENT, None))
    size = (LONG, SHORT) if width > height else (round(SHORT * width / height), SHORT)
    return frame.to_image().resize(size, Image.Resampling.LANCZOS)


def main() -> None:
    for example in EXAMPLES:
        draw(example).save(example.poster, quality=75, method=6)
        print(f"{example.poster.name}: {example.poster.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
