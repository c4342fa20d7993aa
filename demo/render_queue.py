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
import random
import re
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

from pydantic import BaseModel, ConfigDict, Field

from demo import film

__all__ = ["Generation", "LineFull", "Model", "Order", "Render", "Status", "Studio"]

LONGEST_PROMPT = 4000
LARGEST_SEED = 2**53 - 1  # the largest whole number that every reader of JSON agrees on
LONGEST_LINE = 16
CLIPS_KEPT = 64
BYTES_KEPT = 256 * 2**20

Model = Literal["google/veo-3.1-t2v", "google/veo-3.1-t2v-fast"]
Status = Literal["queued", "generating", "completed", "error"]


class Order(BaseModel):
    """What a create request may say: the one table of fields, choices and defaults.

    Strict, so `"8"` is not a number and `true` is not an integer. Fields it does not know are
    dropped, as zod, which the service appears to use, does by default.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    model: Model
    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    aspect_ratio: Literal["16:9", "9:16"] = "16:9"
    duration: Literal[4, 6, 8] = 8
    resolution: Literal["720p", "1080p"] = "1080p"
    negative_prompt: str = ""
    enhance_prompt: bool = True
    generate_audio: bool = True
    seed: int = Field(
        default_factory=lambda: random.randrange(2**32), ge=-LARGEST_SEED, le=LARGEST_SEED
    )
    auto_fix: bool = True
    provider: str = "auto"

    @property
    def faults(self) -> frozenset[str]:
        """Every `#word` of the prompt: what the demo is asked to do wrong."""
        return frozenset(re.findall(r"#[a-z-]+", self.prompt.lower()))


class Render(Protocol):
    """Draws one clip to `path`; `demo.film.render` is the real one."""

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
    ) -> Path: ...


class LineFull(Exception):
    """As many orders wait as the studio is willing to promise."""


@dataclass(kw_only=True, eq=False)
class Generation:
    """One order on its way to a clip. Times are the studio's monotonic clock."""

    id: str
    order: Order
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
        """Put `order` into the line; raise `LineFull` if that is too long."""
        self._make_room()
        waiting = sum(generation.started is None for generation in self._generations.values())
        if waiting >= LONGEST_LINE:
            raise LineFull
        generation = Generation(
            # The service says that ids may contain ":" and "/", so a client should meet both here.
            id=f"{uuid.uuid4()}:{order.model}",
            order=order,
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
            except OSError as error:
                message = f"The demo server cannot keep this clip: {error.strerror}."
                generation.error = {"name": "NoRoom", "message": message}
            except Exception:
                logging.getLogger(__name__).exception("A demo clip could not be drawn.")
                message = "The demo server could not draw this clip; its log says why."
                generation.error = {"name": "RenderFailed", "message": message}
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
            generation.size = self._draw(generation.clip, order)

    def _draw(self, clip: Path, order: Order) -> int:
        """Draw the clip and return its size in bytes."""
        width, height = film.SIZES[order.resolution, order.aspect_ratio]
        self._render(
            clip,
            prompt=order.prompt,
            seed=order.seed,
            width=width,
            height=height,
            duration=order.duration,
            sound=order.generate_audio,
        )
        size = clip.stat().st_size
        if "#broken-file" in order.faults:
            size //= 2
            with clip.open("rb+") as file:
                file.truncate(size)
        return size


def let_others_go_first() -> None:
    """Have this thread, and those that it begins, wait for whatever else wants to run.

    Drawing takes all cores; meanwhile a page looks at the clip that came before from end to end.
    Elsewhere than on Linux this would hold up the whole process.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
