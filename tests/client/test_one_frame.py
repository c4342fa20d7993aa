"""One frame of a clip, to film on from: the very one, in its colours."""

import io
import math
import time
from fractions import Fraction

import av
import numpy as np
import pytest
from client.test_media import FPS, KINDS, make_clip
from PIL import Image
from test_pictures import TURNS, corners, quarters, turned

from veo import media
from veo.media import BrokenClip


def opened(content):
    return Image.open(io.BytesIO(content), formats=["JPEG"])


def psnr(a, b):
    error = np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2)
    return 99.0 if error == 0 else 10 * math.log10(255**2 / error)


def numbered(position):
    """A picture that is unlike every other."""
    picture = Image.new("RGB", (96, 64), (40 + 4 * position, 120, 200 - 4 * position))
    picture.paste((250, 250, 250), (position % 80, 20, position % 80 + 16, 44))
    return picture


def shown(content):
    """Which of the numbered pictures it is."""
    picture = opened(content)
    return max(range(40), key=lambda each: psnr(picture, numbered(each)))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return {
        kind: make_clip(folder / f"{number}.mp4", picture=numbered, frames=37, **options)
        for number, (kind, options) in enumerate(KINDS.items())
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_frame_is_the_last(kind, clips):
    assert shown(media.last_frame(clips[kind])) == 36


@pytest.mark.parametrize("kind", KINDS)
def test_the_frame_at_a_time_is_the_one_that_is_shown_then(kind, clips):
    for position in (0, 1, 11, 12, 13, 23, 24, 35, 36):
        assert shown(media.frame_at(clips[kind], position / FPS)) == position
        assert shown(media.frame_at(clips[kind], (position + 0.9) / FPS)) == position
    assert shown(media.frame_at(clips[kind], -7)) == 0
    assert shown(media.frame_at(clips[kind], 900)) == 36


def test_it_is_as_good_as_the_clip(clips):
    with av.open(clips["sound"]) as container:
        *_, last = container.decode(video=0)
        exact = last.reformat(format="rgb24", src_colorspace="ITU709").to_image()
    assert psnr(opened(media.last_frame(clips["sound"])), exact) > 35


@pytest.mark.parametrize("said", [1, 2, 5])
def test_colours_are_those_of_the_space_that_the_clip_names(said, tmp_path):
    """709, none, which is 709 as well, and 601."""
    red, path = (200, 30, 30), tmp_path / "red.mp4"
    with av.open(path, "w") as file:
        video = file.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.codec_context.colorspace = said
        frame = av.VideoFrame.from_image(Image.new("RGB", (96, 64), red))
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU601" if said == 5 else "ITU709")
        frame.pts, frame.time_base = 0, Fraction(1, 24)
        file.mux(video.encode(frame))
        file.mux(video.encode(None))
    pixel = opened(media.last_frame(path)).getpixel((48, 32))
    assert max(abs(a - b) for a, b in zip(pixel, red, strict=True)) <= 4


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_clip_gives_it_as_it_is_played(turn, tmp_path):
    matrix, size, seen = TURNS[turn]
    path = tmp_path / "a.mp4"
    film = make_clip(path, picture=quarters, frames=3, sound=False, b_frames=0).read_bytes()
    path.write_bytes(turned(film, *matrix))
    picture = opened(media.last_frame(path))
    assert picture.size == size
    assert corners(picture) == seen


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.9])
def test_a_broken_clip_has_none(keep, clips, tmp_path):
    content = clips["sound"].read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(content[: keep if keep >= 1 else int(keep * len(content))])
    with pytest.raises(BrokenClip):
        media.last_frame(path)


def test_a_clip_without_pictures_has_none(tmp_path):
    with pytest.raises(BrokenClip):
        media.last_frame(make_clip(tmp_path / "a.mp4", picture=None))


@pytest.mark.slow
def test_what_comes_before_the_last_key_frame_is_not_decoded(tmp_path):
    path = make_clip(tmp_path / "long.mp4", picture=numbered, frames=40 * FPS, sound=False)

    def all_of_it():
        with av.open(path) as container:
            for _ in container.decode(video=0):
                pass

    def seconds(work):
        began = time.process_time()
        work()
        return time.process_time() - began

    assert min(seconds(lambda: media.last_frame(path)) for _ in range(5)) < seconds(all_of_it) / 3
