"""Pictures and facts of a clip are as a player shows it; what is not as asked is told."""

import struct
from fractions import Fraction

import av
import pytest
from client.test_media import make_clip
from PIL import Image

from veo import explain, media
from veo.differences import Difference, differences
from veo.media import Facts
from veo.types import VideoRequest

ONE = 1 << 16
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CORNERS = [RED, GREEN, BLUE, WHITE]
"""Of the clip as it is stored: above left and right, below left and right."""


def quarters(_position):
    picture = Image.new("RGB", (2, 2))
    picture.putdata(CORNERS)
    return picture.resize((96, 64), Image.Resampling.NEAREST)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("quarters") / "film.mp4"
    return make_clip(path, picture=quarters, frames=3, sound=False, b_frames=0).read_bytes()


def turned(film, a, b, c, d):
    """`film` with another matrix in its track's header (version 0)."""
    at = film.index(b"tkhd") + 4 + 40
    matrix = struct.pack(">9i", a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)
    return film[:at] + matrix + film[at + 36 :]


def corners(picture):
    """The nearest of the four colours at each corner."""
    width, height = picture.size
    places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]

    def name(colour):
        return min(CORNERS, key=lambda each: sum(abs(p - q) for p, q in zip(each, colour)))  # noqa: B905

    return [name(picture.getpixel(place)) for place in places]


TURNS = {
    "as it is": ((1, 0, 0, 1), (96, 64), [RED, GREEN, BLUE, WHITE]),
    "to the right": ((0, 1, -1, 0), (64, 96), [BLUE, RED, WHITE, GREEN]),
    "upside down": ((-1, 0, 0, -1), (96, 64), [WHITE, BLUE, GREEN, RED]),
    "to the left": ((0, -1, 1, 0), (64, 96), [GREEN, WHITE, RED, BLUE]),
    "mirrored": ((-1, 0, 0, 1), (96, 64), [GREEN, RED, WHITE, BLUE]),
    "mirrored upside down": ((1, 0, 0, -1), (96, 64), [BLUE, WHITE, RED, GREEN]),
    "mirrored and turned": ((0, 1, 1, 0), (64, 96), [RED, BLUE, GREEN, WHITE]),
    "mirrored and turned back": ((0, -1, -1, 0), (64, 96), [WHITE, GREEN, BLUE, RED]),
}


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_clip_is_pictured_as_it_is_played(turn, film, tmp_path):
    matrix, size, shown = TURNS[turn]
    path, poster = tmp_path / "a.mp4", tmp_path / "poster.png"
    path.write_bytes(turned(film, *matrix))
    facts = media.inspect(path, poster=poster)
    assert (facts.width, facts.height) == size
    for picture in (poster, media.poster(path, tmp_path / "alone.png")):
        with Image.open(picture) as image:
            assert image.size == size
            assert corners(image) == shown
    with Image.open(media.filmstrip(path, tmp_path / "strip.png", frames=1, width=48)) as strip:
        assert (strip.height > strip.width) == (size[1] > size[0])


def with_pixels(film, wide, high):
    """`film` with another shape of its pixels, as its picture's box `pasp` tells."""
    at = film.index(b"pasp") + 4
    return film[:at] + wide.to_bytes(4) + high.to_bytes(4) + film[at + 8 :]


@pytest.fixture(scope="module")
def squeezed(tmp_path_factory):
    """A clip whose pixels are not square."""
    path = tmp_path_factory.mktemp("squeezed") / "film.mp4"
    with av.open(path, "w", format="mp4", options={"movflags": "faststart"}) as file:
        video = file.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for position in range(3):
            frame = av.VideoFrame.from_image(quarters(position)).reformat(format="yuv420p")
            frame.pts = position
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("pixels", "size"),
    [
        ((4, 3), (128, 64)),
        ((3, 4), (96, 85)),
        ((1, 1), (96, 64)),
        ((2, 1), (192, 64)),
        ((0, 1), (128, 64)),  # none: that of the pictures themselves counts
        ((1 << 30, 1), (96, 64)),
        ((1, 1 << 30), (96, 64)),
    ],
)
def test_pixels_that_are_not_square_are_stretched(pixels, size, squeezed, tmp_path):
    path, poster = tmp_path / "a.mp4", tmp_path / "poster.png"
    path.write_bytes(with_pixels(squeezed, *pixels))
    facts = media.inspect(path, poster=poster)
    with Image.open(poster) as image:
        assert image.size == (facts.width, facts.height) == size
        assert corners(image) == CORNERS


def test_a_clip_may_be_both(squeezed, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(turned(with_pixels(squeezed, 2, 1), 0, 1, -1, 0))
    facts = media.inspect(path)
    assert (facts.width, facts.height) == (64, 192)


# What differs from the request


def facts_of(width, height, seconds=8.0, *, sound=True):
    return Facts(
        width=width,
        height=height,
        frame_rate=24.0,
        duration=seconds,
        frames=round(24 * seconds),
        sound=sound,
        size=1000,
    )


TALL = VideoRequest("a fox", aspect_ratio="9:16", resolution="1080p", duration=8, seed=1)
WIDE = VideoRequest("a fox", resolution="720p", duration=4, generate_audio=False, seed=1)


@pytest.mark.parametrize(
    ("request_", "facts", "says"),
    [
        (
            TALL,
            facts_of(320, 180, 1.0, sound=False),
            "Not as asked: 9:16, 1080p, 8 s, sound; it came with 320 × 180, 1 s, no sound.",
        ),
        (TALL, facts_of(1920, 1080), "Not as asked: 9:16; it came with 1920 × 1080."),
        (TALL, facts_of(720, 1280), "Not as asked: 1080p; it came with 720 × 1280."),
        (TALL, facts_of(1080, 1920, 6.0), "Not as asked: 8 s; it came with 6 s."),
        (TALL, facts_of(1080, 1920, sound=False), "Not as asked: sound; it came with no sound."),
        (WIDE, facts_of(1280, 720, 4.0), "Not as asked: no sound; it came with sound."),
        (WIDE, facts_of(1280, 720, 5.04, sound=False), "Not as asked: 4 s; it came with 5 s."),
        (WIDE, facts_of(960, 720, 4.0, sound=False), "Not as asked: 16:9; it came with 960 × 720."),
    ],
    ids=str,
)
def test_what_is_not_as_asked_is_told_in_one_line(request_, facts, says):
    assert explain.explain_differences(differences(request_, facts)) == says


@pytest.mark.parametrize(
    ("request_", "facts"),
    [
        (TALL, facts_of(1080, 1920)),
        (TALL, facts_of(1088, 1920, 8.04)),
        (TALL, facts_of(1072, 1920, 7.96)),
        (WIDE, facts_of(1280, 720, 4.0, sound=False)),
        (WIDE, facts_of(1280, 704, 4.4, sound=False)),
    ],
    ids=str,
)
def test_what_an_encoder_rounds_is_no_difference(request_, facts):
    assert differences(request_, facts) == []
    assert explain.explain_differences([]) == ""


def test_what_a_model_does_not_take_was_asked_by_nobody():
    """References from upright pictures become an upright film; Omni has no switch for sound."""
    references = VideoRequest(
        "a fox",
        model="google/veo-3.1-reference-to-video",
        image_urls=("https://a.example/b.jpg",),
    )
    omni = VideoRequest("a fox", model="google/gemini-omni-1.1-flash", resolution="720p")
    assert differences(references, facts_of(1080, 1920)) == []
    assert differences(omni, facts_of(1280, 720, sound=False)) == []


def test_a_difference_is_data():
    assert differences(TALL, facts_of(1080, 1920, 6.0)) == [
        Difference(setting="duration", asked=8, came=6.0)
    ]
