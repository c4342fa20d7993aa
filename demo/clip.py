"""Look into a clip that was given: its size and length, its frames, its sound.

A clip may come from anybody. Only the demuxer of MP4 is asked, which follows no address, and the
decoder refuses pictures above `MOST_PIXELS` before it makes room for them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
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
NEARLY = 0.001  # seconds: times are rounded in a file
MOST_SAMPLES = 2**16  # in one frame of sound; ALAC and FLAC may say any number
LONGEST_PIECE = 10  # seconds of sound in one frame
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


@contextmanager
def open_clip(path: Path) -> Iterator[Any]:
    """The file, as long as it can be read; some of PyAV's errors are `OSError`s, too."""
    try:
        with av.open(str(path), format="mov", options=OPTIONS) as container:
            yield container
    except av.FFmpegError:
        raise NoClip("a clip that can be read to its end") from None


def inspect(path: Path) -> Clip:
    """Read what the file says of itself; raise `NoClip`."""
    try:
        with open_clip(path) as container:
            video = container.streams.video[0]
            seconds = float((video.duration or 0) * video.time_base)
            width, height = video.width, video.height
    except (IndexError, ValueError, TypeError, AttributeError):  # a stream that nothing can decode
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
            while upcoming and upcoming.time - start < number / FPS + NEARLY:
                current, upcoming = upcoming, next(frames, None)
            yield covering(current, width, height, reformatter)


def decode(container: Any) -> Iterator[av.VideoFrame]:
    """Every frame there is."""
    video = container.streams.video[0]
    video.thread_type, video.thread_count = "FRAME", 2
    yield from container.decode(video)


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
    sound, heard = np.zeros((2, clip.count * SAMPLE_RATE // FPS), F), 0
    with open_clip(clip.path) as container:
        if not container.streams.audio:
            return None
        for piece in pieces_of_sound(container):
            part = piece[:, : sound.shape[1] - heard]
            sound[:, heard : heard + part.shape[1]] = part
            heard += part.shape[1]
            if heard == sound.shape[1]:
                break  # a file may bring hours of sound beside a second of pictures
    return sound


def pieces_of_sound(container: Any) -> Iterator[Array]:
    """The sound from its beginning, a frame at a time; raise `NoClip` if one of them is huge."""
    resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE)
    audio = container.streams.audio[0]
    if audio.codec_context is None:  # nothing can decode it
        raise NoClip("a clip with sound of a common kind")
    audio.codec_context.options = {"max_samples": str(MOST_SAMPLES)}
    for frame in container.decode(audio):
        # Resampled, a frame of a very low rate would be a thousand times as large.
        if frame.samples > LONGEST_PIECE * frame.sample_rate:
            raise NoClip("a clip with sound of a common kind")
        for piece in resampler.resample(frame):
            yield piece.to_ndarray()
