"""Draws the examples' posters anew with the demo's own renderer, without its caption and badge, and
the film of the empty stage.

.venv/bin/python docs/draw_posters.py
"""

import itertools
import sys
from pathlib import Path

import av
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from demo import film as demo_film  # its folder is on the path only now
from page.example_film import NUMBER
from page.examples import EXAMPLES, Example

SEED = 7
MOMENT = 2 * demo_film.FPS
LONG, SHORT = 320, 180
"""Pixels.  A poster is shown at half of that."""

FILM_SIZE = 960, 540
X264 = {"preset": "veryslow", "crf": "31"}


def film_without_words(example: Example) -> demo_film.Film:
    """The example's demo clip; its words would be too small, and a label beside it says them."""
    width, height = demo_film.SIZES["720p", example.aspect_ratio]
    film = demo_film.Film(prompt=example.prompt, seed=SEED, width=width, height=height, duration=4)
    del film.layers[-1 - len(demo_film.draw_caption(example.prompt, width, height)) :]
    return film


def write_film(example: Example) -> None:
    """The whole clip, small enough to come right after the form."""
    width, height = FILM_SIZE
    with av.open(example.film, "w", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", rate=demo_film.FPS, options=X264)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in film_without_words(example):
            for packet in stream.encode(frame.reformat(width, height)):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)


def draw(example: Example) -> Image.Image:
    """One frame of the example's demo clip, at the poster's size."""
    film = film_without_words(example)
    width, height = film.width, film.height
    frame = next(itertools.islice(film, MOMENT, None))
    size = (LONG, SHORT) if width > height else (round(SHORT * width / height), SHORT)
    return frame.to_image().resize(size, Image.Resampling.LANCZOS)


def main() -> None:
    write_film(EXAMPLES[NUMBER])
    for example in EXAMPLES:
        draw(example).save(example.poster, quality=75, method=6)
        print(f"{example.poster.name}: {example.poster.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
