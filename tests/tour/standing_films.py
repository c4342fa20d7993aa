"""Imported in a notebook's kernel: its demo films are drawn only as far as they are looked at.

They stand still between the frames that the notebook shows.  One that was asked for with a fault is
about the fault, so any film of its length and size does, unless it is shown.  All are kept in a
folder that the run's kernels share.  What films are like is tested with the films.
"""

import hashlib
import os
import re
import shutil
import time
from pathlib import Path

from films import copy_film

from demo import film

FOLDER = Path(os.environ["FILMS"])
SHOWN_WITH_A_FAULT = ("A red fox in fresh snow #cut-download",)
SETTLES = 2
"""Frames before one that is looked at: with them it is as sharp as in a film that moves."""

looked_at = (1, 5)
"""How many pictures the notebook shows of a clip; each is the middle one of as many equal parts."""
film_it = film.render
DRAWING = 0.5
"""Seconds that a film takes: a look meets one in the making."""


class Standing:
    def _frame(self, number):
        places = {(2 * part + 1) * self.count // (2 * of) for of in looked_at for part in range(of)}
        places.add(self.count - 1)
        if number == 0 or any(place - SETTLES <= number <= place for place in places):
            self.seen = super()._frame(number)
        self.seen.pts = number
        return self.seen


class StandingFilm(Standing, film.Film):
    """A painted one."""


class StandingPictureFilm(Standing, film.PictureFilm):
    """One of a picture."""


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
film.render = render
