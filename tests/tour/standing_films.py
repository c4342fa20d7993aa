"""Imported in a notebook's kernel: its demo films are drawn only as far as they are looked at.

They have the frames that the notebook shows, and silence.  One that was asked for with a fault is
about the fault, so any film of its length and size does, unless it is shown.  All are kept in a
folder that the run's kernels share.  What films are like is tested with the films.
"""

import hashlib
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
from films import copy_film

from demo import film
from demo.sound import SAMPLE_RATE

FOLDER = Path(os.environ["FILMS"])
SHOWN_WITH_A_FAULT = ("A red fox in fresh snow #cut-download",)
looked_at = (1, 5)
"""How many pictures the notebook shows of a clip; each is the middle one of as many equal parts."""
film_it, add_video = film.render, film.add_video
DRAWING = 0.5
"""Seconds that a film takes: a look meets one in the making."""


STILL = object()
"""In the place of a frame that is not encoded."""


class StandingFilm(film.Film):
    """Two frames for each picture that is looked at: one that it follows from, and itself.

    So the middle one of each part is the same as of a film that has all of them.
    """

    def __iter__(self):
        most = max(looked_at)
        numbers = {}
        for part in range(most):
            middle = (2 * part + 1) * self.count // (2 * most)
            numbers[2 * part], numbers[2 * part + 1] = max(0, middle - 1), middle
        if most % 2 == 0:
            numbers[most] = self.count // 2
        shown = {place * self.count // len(numbers): number for place, number in numbers.items()}
        for number in range(self.count):
            if number in shown:
                frame = super()._frame(shown[number])
                frame.pts = number
                yield frame
            else:
                yield STILL


class StandingPictureFilm(film.PictureFilm):
    """Stands still between the frames that are looked at."""

    def _frame(self, number):
        places = {(2 * part + 1) * self.count // (2 * of) for of in looked_at for part in range(of)}
        if number == 0 or {number, number + 1} & {*places, self.count - 1}:
            self.seen = super()._frame(number)
        self.seen.pts = number
        return self.seen


class Stream:
    """Encodes the frames that are there; the last one lasts until the film's end."""

    def __init__(self, stream, count):
        self.stream, self.count = stream, count

    def encode(self, frame):
        packets = [] if frame is STILL else self.stream.encode(frame)
        for packet in packets:
            packet.duration = self.count - packet.pts
        return packets


def nothing_to_hear(prompt, seed, duration):
    return np.zeros((2, duration * SAMPLE_RATE), np.float32)


def render(path, *, prompt, seed, given=None, **shape):
    if given:  # to models without a seed, so that chance would choose
        return film_it(path, prompt=prompt, seed=1, given=given, **shape)
    if re.search(r"#[a-z]", prompt) and prompt not in SHOWN_WITH_A_FAULT:
        time.sleep(DRAWING)
        return copy_film(FOLDER, path, prompt=prompt, seed=seed, **shape)
    text = repr((prompt, seed, shape, looked_at))
    there = FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()}.mp4"
    if not there.exists():
        own = FOLDER / f"{os.getpid()}-{there.name}"
        film_it(own, prompt=prompt, seed=seed, **shape).replace(there)
    return Path(shutil.copyfile(there, path))


film.Film, film.PictureFilm = StandingFilm, StandingPictureFilm
film.compose_sound = nothing_to_hear
film.add_video = lambda container, frames: Stream(add_video(container, frames), frames.count)
film.render = render
