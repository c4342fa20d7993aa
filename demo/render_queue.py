"""Make the demo server's clips: a line of orders, one renderer, a shelf with room for the newest.

One clip is drawn at a time, because a render fills two cores; the others wait, honestly `queued`.
The server's event loop alone adds and removes generations, the one worker thread only fills in the
generation it works on, and `ended` last: so there is no lock.

This module knows no HTTP, no keys and no prices.
"""

import logging
import math
import os
import queue
import secrets
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from demo import film
from demo.clip import NoClip
from demo.given import Given, NoPicture
from demo.media import read_given
from demo.orders import Order

__all__ = ["Generation", "LineFull", "Render", "Status", "Studio"]

LONGEST_LINE = 16
CLIPS_KEPT = 64
BYTES_KEPT = 256 * 2**20

Status = Literal["queued", "generating", "completed", "error"]


class Render(Protocol):
    """Draws one clip to `path`; `demo.film.render` is the real one.

    `given` is there only where an order gives more than words.
    """

    def __call__(
        self,
        path: Path,
        *,
        prompt: str,
        seed: int,
        width: int,
        height: int,
        duration: int,
        sound: bool,
        given: Given | None = None,
    ) -> Path: ...


class LineFull(Exception):
    """As many orders wait as the studio is willing to promise."""


@dataclass(kw_only=True, eq=False)
class Generation:
    """One order on its way to a clip. Times are the studio's monotonic clock."""

    id: str
    order: Order
    given: Given | None
    clip: Path
    created: float
    started: float | None = None
    ended: float | None = None
    """May lie ahead: a generation takes at least the studio's `seconds`."""
    error: dict[str, str] | str | None = None
    size: int = 0
    """Bytes on the shelf; 0 as long as there is no clip."""
    visits: Counter[str] = field(default_factory=Counter)
    """How often a client came, by what for."""

    @property
    def duration(self) -> float:
        """Seconds of the whole clip, with the one that it goes on from."""
        given = self.given or Given()
        if given.clip and not given.goes_on:
            return given.clip.count / film.FPS
        if not given.frames_before:
            return self.order.duration
        return self.order.duration + given.frames_before / film.FPS

    def status_at(self, now: float) -> Status:
        if self.started is None:
            return "queued"
        if self.ended is None or now < self.ended:
            return "generating"
        return "error" if self.error else "completed"


class Studio:
    """Takes orders and makes their clips in `folder`, one after the other."""

    def __init__(
        self,
        folder: Path,
        *,
        seconds: float,
        render: Render = film.render,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._folder = folder
        self._seconds = seconds
        self._render = render
        self._generations: dict[str, Generation] = {}
        self._line: queue.SimpleQueue[Generation | None] = queue.SimpleQueue()
        self._closing = False
        self._worker = threading.Thread(target=self._work, name="veo-demo-studio", daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Let go of the waiting orders; returns when the clip being drawn is done."""
        self._closing = True
        self._line.put(None)
        self._worker.join()

    def accept(self, order: Order) -> Generation:
        """Put `order` into the line; raise `LineFull` if that is too long.

        Raise `WrongOrder` if a picture or a clip in it cannot be used.
        """
        self._make_room()
        waiting = sum(generation.started is None for generation in self._generations.values())
        if waiting >= LONGEST_LINE:
            raise LineFull
        given = read_given(order, self._folder, self._find_own)
        generation = Generation(
            # The service says that ids may contain ":" and "/", so a client should meet both here.
            id=f"{uuid.uuid4()}:{order.model}",
            order=order.without_media(),
            given=given,
            clip=self._folder / f"{secrets.token_hex(16)}.mp4",
            created=self.clock(),
        )
        self._generations[generation.id] = generation
        self._line.put(generation)
        return generation

    def find(self, generation_id: str) -> Generation | None:
        self._make_room()
        return self._generations.get(generation_id)

    def find_clip(self, name: str) -> Generation | None:
        """The generation whose clip has the file name `name`, which only a finished one tells."""
        for generation in self._generations.values():
            if generation.clip.name == name:
                return generation
        return None

    def _find_own(self, address: str) -> Path | None:
        """The clip at an address of ours, whatever host and port it is reached by, or of an id."""
        name = address.partition("?")[0].rpartition("/files/")[2]
        made = self._generations.get(address) or self.find_clip(name.removeprefix("expired-"))
        return made.clip if made and made.size else None

    def durations(self, *, within: float) -> dict[str, list[float]]:
        """Seconds from order to clip, by model, of what was completed in the last `within` s."""
        now, durations = self.clock(), dict[str, list[float]]()
        for made in self._generations.values():
            if made.status_at(now) == "completed" and made.ended and now - made.ended <= within:
                durations.setdefault(made.order.model, []).append(made.ended - made.created)
        return durations

    def _make_room(self) -> None:
        """Forget the oldest finished generations and their clips, always keeping the newest."""
        finished = [made for made in self._generations.values() if made.ended is not None]
        size = sum(made.size for made in finished)
        while len(finished) > 1 and (len(finished) > CLIPS_KEPT or size > BYTES_KEPT):
            oldest = finished.pop(0)
            size -= oldest.size
            oldest.clip.unlink(missing_ok=True)
            del self._generations[oldest.id]

    def _work(self) -> None:
        let_others_go_first()
        while (generation := self._line.get()) and not self._closing:
            generation.started = self.clock()
            try:
                self._make(generation)
            except (NoClip, NoPicture) as error:
                message = f"What was given cannot be used: expected {error}."
                generation.error = {"name": "InvalidInput", "message": message}
            except OSError as error:
                message = f"The demo server cannot keep this clip: {error.strerror}."
                generation.error = {"name": "NoRoom", "message": message}
            except Exception:
                logging.getLogger(__name__).exception("A demo clip could not be drawn.")
                message = "The demo server could not draw this clip; its log says why."
                generation.error = {"name": "RenderFailed", "message": message}
            if generation.given:
                generation.given.remove()
            never = "#stuck" in generation.order.faults
            earliest = math.inf if never else generation.started + self._seconds
            generation.ended = max(self.clock(), earliest)

    def _make(self, generation: Generation) -> None:
        """Draw the clip, or end as a fault word asks."""
        order = generation.order
        if "#refused" in order.faults:
            message = "The prompt was refused by the content policy. Describe the scene otherwise."
            generation.error = {"name": "ContentPolicyViolation", "message": message}
        elif "#failed" in order.faults:
            generation.error = "The video could not be made."
        elif not order.faults & {"#stuck", "#no-url"}:
            generation.size = self._draw(generation.clip, order, generation.given)

    def _draw(self, clip: Path, order: Order, given: Given | None) -> int:
        """Draw the clip and return its size in bytes."""
        width, height = size_of(order, given)
        self._render(
            clip,
            prompt=order.prompt,
            seed=order.seed,
            width=width,
            height=height,
            duration=order.duration,
            sound=order.generate_audio,
            **({"given": given} if given else {}),
        )
        size = clip.stat().st_size
        if "#broken-file" in order.faults:
            size //= 2
            with clip.open("rb+") as file:
                file.truncate(size)
        return size


def size_of(order: Order, given: Given | None) -> tuple[int, int]:
    """Width and height; a film of nobody's wish is as what was given."""
    shape = order.aspect_ratio
    if shape not in ("16:9", "9:16"):
        shape = "9:16" if given and given.upright else "16:9"
    return film.SIZES[order.resolution.lower(), shape]


def let_others_go_first() -> None:
    """Have this thread, and those that it begins, wait for whatever else wants to run.

    Drawing takes all cores; meanwhile a page looks at the clip that came before from end to end.
    Elsewhere than on Linux this would hold up the whole process.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
