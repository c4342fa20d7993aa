"""Look into a clip that was given: its size and length, its frames, its sound.

A clip may come from anybody. Only the demuxer of MP4 is asked, which follows no address, and the
decoder refuses pictures above `MOST_PIXELS` before it makes room for them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from demo.layers import FPS, planes_of
from demo.scenery import Array, F
from demo.sound import SAMPLE_RATE

__all__ = ["Clip", "NoClip", "frames_of", "inspect", "last_frame", "sound_of"]

MOST_PIXELS = 4096 * 2304
LONGEST = 141  # seconds: the longest clip that any of the documents lets one extend
OPTIONS = {"max_pixels": str(MOST_PIXELS)}
UNSPECIFIED = 2  # in the colour spaces of H.273


class NoClip(ValueError):
    """What was given is no clip that can be gone on from; the text says what would be one."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A file with a film in it."""

    path: Path
    width: int
    height: int
    count: int
    """How many frames it has at `FPS`."""


def open_clip(path: Path) -> Any:
    return av.open(str(path), format="mov", options=OPTIONS)


def inspect(path: Path) -> Clip:
    """Read what the file says of itself; raise `NoClip`."""
    try:
        with open_clip(path) as container:
            video = container.streams.video[0]
            seconds = float((video.duration or 0) * video.time_base)
            width, height = video.width, video.height
    except (av.FFmpegError, IndexError, ValueError, TypeError):
        raise NoClip("an MP4 with a film in it") from None
    if not 0 < seconds <= LONGEST:
        raise NoClip(f"a clip of at most {LONGEST} s")
    if not 0 < width * height <= MOST_PIXELS:
        raise NoClip(f"a clip of at most {MOST_PIXELS:,} pixels")
    return Clip(path=path, width=width, height=height, count=max(1, round(seconds * FPS)))


def frames_of(clip: Clip, width: int, height: int) -> Iterator[av.VideoFrame]:
    """The clip's frames, `count` at `FPS`, cropped to the shape and scaled to the size.

    They are the decoder's own, which predicts others from them: nobody may draw on them.
    """
    reformatter = VideoReformatter()
    with open_clip(clip.path) as container:
        frames = decode(container)
        current = upcoming = next(frames, None)
        if current is None:
            raise NoClip("a clip that can be read to its end")
        start = current.time
        for number in range(clip.count):
            while upcoming and upcoming.time - start <= (number + 0.5) / FPS:
                current, upcoming = upcoming, next(frames, None)
            yield covering(current, width, height, reformatter)


def decode(container: Any) -> Iterator[av.VideoFrame]:
    """Every frame there is; raise `NoClip` where the file breaks."""
    video = container.streams.video[0]
    video.thread_type, video.thread_count = "FRAME", 2
    try:
        yield from container.decode(video)
    except av.FFmpegError:
        raise NoClip("a clip that can be read to its end") from None


def last_frame(clip: Clip, width: int, height: int) -> list[Array]:
    """The planes of the last frame: seek to the last key frame, decode what is behind it."""
    with open_clip(clip.path) as container:
        video = container.streams.video[0]
        container.seek((video.start_time or 0) + video.duration, stream=video, backward=True)
        last = max(decode(container), key=lambda frame: frame.pts or 0, default=None)
        if last is None:
            raise NoClip("a clip that can be read to its end")
        frame = covering(last, width, height, VideoReformatter())
        return [plane.copy() for plane in planes_of(frame, np.uint8)]


def covering(
    frame: av.VideoFrame, width: int, height: int, reformatter: VideoReformatter
) -> av.VideoFrame:
    """The frame in the film's colours, scaled until it covers the size, its middle cut out."""
    scale = max(width / frame.width, height / frame.height)
    wide, high = (round(length * scale / 2) * 2 for length in (frame.width, frame.height))
    # A clip that does not say which colours it means is BT.709; libswscale would take it for 601.
    unsaid = frame.colorspace == UNSPECIFIED
    whole = reformatter.reformat(
        frame,
        max(wide, width),
        max(high, height),
        "yuv420p",
        interpolation=Interpolation.BICUBIC,
        src_colorspace=Colorspace.ITU709 if unsaid else None,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
    # Else the encoder makes a key frame wherever the clip had one.
    whole.pict_type = PictureType.NONE
    return whole if (whole.width, whole.height) == (width, height) else middle(whole, width, height)


def middle(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    cut = av.VideoFrame(width, height, "yuv420p")
    left, top = (frame.width - width) // 4 * 2, (frame.height - height) // 4 * 2
    for number, (to, plane) in enumerate(
        zip(planes_of(cut, np.uint8), planes_of(frame, np.uint8), strict=True)
    ):
        scale = 2 if number else 1
        rows = slice(top // scale, top // scale + to.shape[0])
        to[:] = plane[rows, left // scale : left // scale + to.shape[1]]
    return cut


def sound_of(clip: Clip) -> Array | None:
    """The clip's sound as the demo's own: (2, samples), as long as its pictures; None without."""
    resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE)
    with open_clip(clip.path) as container:
        if not container.streams.audio:
            return None
        try:
            heard = [
                piece.to_ndarray()
                for frame in container.decode(audio=0)
                for piece in resampler.resample(frame)
            ]
        except av.FFmpegError:
            raise NoClip("a clip that can be heard to its end") from None
    sound = np.zeros((2, clip.count * SAMPLE_RATE // FPS), F)
    whole = np.concatenate([sound[:, :0], *heard], axis=1)[:, : sound.shape[1]]
    sound[:, : whole.shape[1]] = whole
    return sound
