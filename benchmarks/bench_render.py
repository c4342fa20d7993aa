"""The demo clip against the encoder alone, and against its own length.

The peer holds all frames in memory and only encodes them, through PyAV with the settings of
`film.py`: what remains is the cost of drawing, captions and sound.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av

from benchmarks.table import Row
from demo import film
from demo.given import Given, Picture
from demo.picture_film import rgb_of

ROUNDS = 9
DURATION = 8
WIDTH, HEIGHT = film.SIZES["1080p", "16:9"]
PROMPTS = {
    "hills": "A quiet valley at sunrise, mist between the ridges",
    "aurora": "Northern lights over a frozen lake",
    "lights": "City lights out of focus",
    "sea": "The ocean at sunset",
}


def rows() -> list[Row]:
    """Measure every kind of scene, in runs that alternate with the peer's."""
    measured = {scene: measure(prompt) for scene, prompt in PROMPTS.items()}
    against_encoder = [
        Row(
            name=f"render 8 s of 1080p, {scene}",
            ours=ours,
            peer=peer,
            unit="s",
            peer_name="x264 alone, frames held in memory",
            # Nobody waits for the aurora's drawing.
            limit=2.4 if scene == "aurora" else 2.2,
        )
        for scene, (ours, peer, _) in measured.items()
    ]
    slowest = max(least for _, _, least in measured.values())
    ours, peer = measure_picture()
    from_picture = Row(
        name="render 4 s of 1080p from a picture",
        ours=ours,
        peer=peer,
        unit="s of CPU",
        peer_name="x264 alone, the same frames held in memory",
        limit=2.6,
    )
    against_clock = Row(
        name="render 8 s of 1080p, the slowest",
        ours=slowest,
        peer=float(DURATION),
        unit="s",
        peer_name="the clip's own length",
        limit=0.4,
    )
    return [*against_encoder, from_picture, against_clock]


def measure(prompt: str) -> tuple[float, float, float]:
    """Return the seconds of a whole render, of encoding its finished frames, and the least of a
    render: disturbance only adds."""
    request = {"prompt": prompt, "seed": 7, "width": WIDTH, "height": HEIGHT, "duration": DURATION}
    frames = list(film.Film(**request))
    ours, peer = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        for _ in range(ROUNDS):
            ours.append(seconds_of(lambda: film.render(path, **request, sound=True)))
            peer.append(seconds_of(lambda: encode_only(path, frames)))
    return *typical(ours, peer), min(ours)


def typical(ours: list[float], peer: list[float]) -> tuple[float, float]:
    """The pair with the ratio in the middle.  The least of each would be of different moments: a
    short run finds one in which the machine is quicker sooner than a long one."""
    pairs = sorted(zip(ours, peer, strict=True), key=lambda pair: pair[0] / pair[1])
    return pairs[len(pairs) // 2]


def measure_picture() -> tuple[float, float]:
    """The same for a film that begins with a picture, in seconds of all threads."""
    request = {"prompt": PROMPTS["sea"], "seed": 7, "width": WIDTH, "height": HEIGHT, "duration": 4}
    ours, peer = [], []
    with tempfile.TemporaryDirectory() as folder:
        path, picture = Path(folder) / "clip.mp4", Path(folder) / "picture.jpg"
        rgb_of(next(iter(film.Film(**request)))).save(picture, quality=95)
        made_from = Given(first=Picture(path=picture))
        frames = list(film.compose_film(**request, given=made_from))
        for _ in range(ROUNDS):
            ours.append(
                seconds_of(
                    lambda: film.render(path, **request, sound=True, given=made_from),
                    time.process_time,
                )
            )
            peer.append(seconds_of(lambda: encode_only(path, frames), time.process_time))
    return typical(ours, peer)


def seconds_of(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the wall time of one call, or what else `clock` tells."""
    start = clock()
    work()
    return clock() - start


def encode_only(path: Path, frames: list[av.VideoFrame]) -> None:
    """Write finished frames the plain way, without sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=film.FPS, options=film.X264_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, film.FPS)
        stream.codec_context.thread_type, stream.codec_context.thread_count = "FRAME", 3
        stream.codec_context.gop_size = 2 * film.FPS
        for frame in frames:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
