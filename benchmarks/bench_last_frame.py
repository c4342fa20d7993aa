"""The last frame of a clip beside decoding all of it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import av

from benchmarks.bench_render import DURATION, HEIGHT, PROMPTS, ROUNDS, WIDTH, seconds_of
from benchmarks.table import Row
from demo import film
from veo import media


def rows() -> list[Row]:
    """The best of alternating runs, for disturbance only adds."""
    ours, peer = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        size = {"width": WIDTH, "height": HEIGHT}
        film.render(clip, prompt=PROMPTS["sea"], seed=7, duration=DURATION, sound=False, **size)
        for _ in range(ROUNDS):
            ours.append(seconds_of(lambda: media.last_frame(clip), time.process_time))
            peer.append(seconds_of(lambda: last_of_all(clip), time.process_time))
    return [
        Row(
            name=f"last frame of {DURATION} s of 1080p",
            ours=min(ours),
            peer=min(peer),
            unit="s of CPU",
            peer_name="decoding all of it",
            limit=0.6,
        )
    ]


def last_of_all(clip: Path) -> object:
    with av.open(str(clip)) as container:
        *_, last = container.decode(video=0)
        return last.to_ndarray(format="rgb24")


if __name__ == "__main__":
    for row in rows():
        print(row, f"ratio {row.ratio:.2f}", "holds" if row.holds else "DOES NOT HOLD")
