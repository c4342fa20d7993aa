"""Real films of the demo service for whoever only needs one: each length and size is filmed once,
whatever it shows, and once for all the same pictures and clips that it is made from.

To draw one, to look through it and to play it costs by the pixel, so most get it `SMALLER`."""

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from demo import film
from demo.given import Given

SMALLER = 4
"""How many times smaller than asked for."""
FOX = "A red fox trots through fresh snow at sunrise"


def copy_film(
    folder: Path, path: Path, *, prompt: str, seed: int, given: Given | None = None, **shape
) -> Path:
    """Do as `demo.film.render` does, with a film out of `folder`, which processes may share."""
    made_from = [digest_of(given)] if given else []
    there = folder / f"{'-'.join(map(str, [*shape.values(), *made_from]))}.mp4"
    if not there.exists():
        own = folder / f"{os.getpid()}-{there.name}"
        more = {"given": given} if given else {}
        film.render(own, prompt=FOX, seed=1, **shape, **more).replace(there)
    return Path(shutil.copyfile(there, path))


def copy_small_film(folder: Path, path: Path, *, width: int, height: int, **asked) -> Path:
    """The same, `SMALLER`."""
    return copy_film(folder, path, width=width // SMALLER, height=height // SMALLER, **asked)


def digest_of(given: Given) -> str:
    """The same for the same pictures and clip, whatever their files are called."""
    digest = hashlib.sha256()
    for picture in given.pictures:
        digest.update(picture.path.read_bytes() if picture.path else picture.address.encode())
    if given.clip:
        digest.update(given.clip.path.read_bytes())
    kind = replace(given, first=None, last=None, references=(), clip=None)
    digest.update(f"{kind} {given.last is None} {len(given.references)}".encode())
    return digest.hexdigest()[:16]
