"""Films from pictures and clips, small: what is exact, what is cropped, what nobody can draw."""

import itertools
import random
import subprocess
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from test_family import encoded, picture, psnr

from demo import clip as demo_clip
from demo import film as demo_film
from demo.given import Given, NoPicture, Picture, look_at, open_picture
from demo.layers import FADE, Fading, Layer, planes_of
from demo.lettering import draw_badge
from demo.picture_film import PictureFilm, box_of, rgb_of, yuv_of

ROOT = Path(__file__).parents[2]
SIZE = 320, 180
SHAPE = {"width": 320, "height": 180}
ONE, OTHER = picture(1, *SIZE), picture(2, *SIZE)


def plain_film(first, last=None, duration=1):
    """A film from pictures without words."""
    dice = np.random.default_rng(1)
    return PictureFilm(
        yuv_of(first), last and yuv_of(last), dice=dice, duration=duration, layers=[]
    )


def saved(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def given(folder, first=ONE, last=None):
    pictures = [
        image and Picture(path=saved(folder, f"picture-{number}", encoded(image)))
        for number, image in enumerate((first, last))
    ]
    return Given(first=pictures[0], last=pictures[1])


def compose(prompt="a fox", duration=1, seed=1, **more):
    return demo_film.compose_film(
        prompt=prompt, seed=seed, duration=duration, **SHAPE | {"given": None} | more
    )


# --- The camera -----------------------------------------------------------------------------------


def test_the_camera_rests_at_first_moves_into_the_picture_and_rests_again():
    film = plain_film(ONE)
    frames = [[plane.copy() for plane in planes_of(frame, np.uint8)] for frame in film]
    for plane, whole in zip(frames[0], yuv_of(ONE), strict=True):
        assert np.array_equal(plane, whole)
    luma = Image.fromarray(yuv_of(ONE)[0])
    nearest = luma.resize(SIZE, Image.Resampling.BILINEAR, box_of(SIZE, 0.86, film.towards))
    assert np.array_equal(frames[-1][0], nearest)
    moves = [psnr(one[0], other[0]) for one, other in itertools.pairwise(frames)]
    assert min(moves[0], moves[-1]) > max(moves[9:14])


def test_two_pictures_are_exact_at_both_ends_and_nothing_jumps_between():
    frames = [planes_of(frame, np.uint8)[0].astype(int) for frame in plain_film(ONE, OTHER)]
    assert np.array_equal(frames[0], yuv_of(ONE)[0])
    assert np.array_equal(frames[-1], yuv_of(OTHER)[0])
    changes = [np.abs(a - b).mean() for a, b in itertools.pairwise(frames)]
    assert max(changes) < 3 * np.median(changes) + 1


def test_another_seed_goes_another_way():
    ways = [
        PictureFilm(yuv_of(ONE), dice=np.random.default_rng(n), duration=1, layers=[]).towards
        for n in (1, 2)
    ]
    assert not np.allclose(*ways)


def test_reds_stay_red():
    """BT.709 both ways: read as BT.601, a red would be off by more than 10."""
    red = Image.new("RGB", SIZE, (200, 30, 40))
    back = np.asarray(rgb_of(next(iter(plain_film(red))))).reshape(-1, 3).mean(0)
    assert np.abs(back - (200, 30, 40)).max() < 3


# --- Words on plates ------------------------------------------------------------------------------


def test_words_come_after_the_first_frame_and_go_before_a_last_picture(tmp_path):
    alone, both = (compose(given=given(tmp_path, last=last), duration=2) for last in (None, OTHER))
    for film, has_last in ((alone, False), (both, True)):
        lumas = [planes_of(frame, np.uint8)[0].copy() for frame in film]
        assert np.array_equal(lumas[0], yuv_of(ONE)[0])
        corner = np.s_[4:16, 200:310]
        assert np.percentile(lumas[FADE][corner], 10) < 40, "a dark plate"
        assert np.percentile(lumas[FADE][corner], 99) > 180, "bright letters"
        assert np.array_equal(lumas[-1], yuv_of(OTHER)[0]) is has_last


def test_the_caption_of_a_film_is_gone_before_its_end(tmp_path):
    """What goes on from the last frame would carry it along, beside its own."""
    path = demo_film.render(
        tmp_path / "clip.mp4", prompt="sea", seed=1, duration=1, sound=False, **SHAPE
    )
    badge = draw_badge(1, *SIZE)
    bare = demo_film.Film(prompt="sea", seed=1, duration=1, **SHAPE, layers=[badge])
    *_, last = bare
    assert psnr(planes_of(last, np.uint8)[0], last_luma_of(path)) > 38
    went_on = Given(clip=demo_clip.inspect(path), goes_on=True)
    film = compose(prompt="a cat", given=went_on)
    path = tmp_path / "on.mp4"
    demo_film.write_film(path, film, None)
    film.ahead.layers = film.ahead.layers[-1:]
    *_, last = film
    assert psnr(planes_of(last, np.uint8)[0], last_luma_of(path)) > 38


def last_luma_of(path):
    return demo_clip.last_frame(demo_clip.inspect(path), *SIZE)[0]


def test_nothing_shines_through_a_plate(tmp_path):
    """An older caption below would, at the next joint."""
    white, black = (Image.new("RGB", SIZE, colour) for colour in ("white", "black"))
    films = [compose(given=given(tmp_path, first=colour), duration=2) for colour in (white, black)]
    shown = [[planes_of(frame, np.uint8)[0].copy() for frame in film][FADE] for film in films]
    same = shown[0] == shown[1]
    for plate in demo_film.words_on_plates("a fox", *SIZE):
        keep, _ = plate.planes[0]
        box = same[plate.top : plate.top + keep.shape[0], plate.left : plate.left + keep.shape[1]]
        assert (keep == 0).mean() > 0.4
        assert box[keep == 0].all()


def test_a_layer_fades_evenly():
    layer = Layer(np.ones((4, 4, 3)), np.ones((4, 4)), 0, 0)
    seen = []
    for number in range(3 * FADE):
        planes = [np.full((4, 4), 16, np.uint8), *(np.full((2, 2), 128, np.uint8) for _ in "uv")]
        Fading(layer, 3 * FADE, comes=True, goes=True).blend(planes, number)
        seen.append(int(planes[0][0, 0]))
    assert (seen[0], max(seen), seen[-1]) == (16, 235, 16)
    assert seen == seen[::-1]
    assert max(np.diff(seen)) <= 219 / FADE + 1


# --- What stands in -------------------------------------------------------------------------------


def test_what_is_not_fetched_is_drawn_and_said():
    host = Picture(address="https://elsewhere.example/cat.jpg")
    here, there = (
        next(iter(compose(given=Given(first=Picture(address=address)))))
        for address in (host.address, "https://other.example/cat.jpg")
    )
    shown = planes_of(here, np.uint8)[0].copy()
    middle = shown[70:110, 80:240]
    assert np.percentile(middle, 20) < 40
    assert np.percentile(middle, 99) > 180
    assert psnr(shown, planes_of(there, np.uint8)[0]) < 30


@pytest.mark.parametrize(
    "address", ["", "gs://", "https://[", "https://" + "x" * 1900, "https://猫"]
)
def test_any_address_can_be_stood_in_for(address):
    assert demo_film.draw_stand_in(address, *SIZE).size == SIZE


# --- Pictures of every kind -----------------------------------------------------------------------

GREY16 = Image.fromarray(np.asarray(ONE.convert("L"), np.uint16) * 257)
CLEAR = Image.merge("RGBA", [*ONE.split(), Image.new("L", SIZE, 0)])
KINDS = {
    "grey": (encoded(ONE.convert("L")), ONE.convert("L").convert("RGB")),
    "16 bits of grey, large": (
        encoded(GREY16.resize((960, 540))),
        ONE.convert("L").convert("RGB"),
    ),
    "16 bits of grey": (encoded(GREY16), ONE.convert("L").convert("RGB")),
    "palette": (encoded(ONE.quantize(256)), ONE),
    "cmyk": (encoded(ONE.convert("CMYK"), "JPEG", quality=95), ONE),
    "see-through": (encoded(CLEAR), Image.new("RGB", SIZE, "white")),
    "half see-through": (encoded(Image.merge("LA", [ONE.convert("L"), Image.new("L", SIZE, 0)])),
                         Image.new("RGB", SIZE, "white")),
    "animated": (encoded(ONE, "WEBP", save_all=True, append_images=[OTHER], quality=95), ONE),
    "progressive": (encoded(ONE, "JPEG", progressive=True, quality=95), ONE),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_any_kind_is_what_it_looks_like(kind, tmp_path):
    data, looks = KINDS[kind]
    assert look_at(data) is False
    read = open_picture(saved(tmp_path, "picture", data), *SIZE)
    assert read.mode == "RGB"
    assert psnr(read.resize(looks.size), looks) > 25


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (1, 20_000)])
@pytest.mark.parametrize("role", ["first", "references"])
def test_a_picture_of_an_odd_size_is_drawn_all_the_same(size, role, tmp_path):
    path = saved(tmp_path, "picture", encoded(Image.new("RGB", size, "red")))
    one = Picture(path=path)
    film = compose(given=Given(**{role: (one,) if role == "references" else one}))
    assert next(iter(film)).width == 320


@pytest.mark.parametrize("kind, whole", [("JPEG", ONE), ("PNG", ONE), ("WEBP", ONE)])
def test_a_picture_that_breaks_off_is_told(kind, whole, tmp_path):
    data = encoded(whole, kind)
    with pytest.raises(NoPicture, match=r"can be read to its end|JPEG, PNG or WebP"):
        open_picture(saved(tmp_path, "picture", data[: len(data) // 2]), *SIZE)


def with_orientation(kind: int, value: bytes) -> bytes:
    """A lying JPEG whose EXIF holds this of its orientation."""
    entry = b"\x12\x01" + kind.to_bytes(2, "little") + len(value).to_bytes(4, "little")
    tiff = b"II*\0\x08\0\0\0\x01\0" + entry + value.ljust(4, b"\0") + b"\0\0\0\0"
    return encoded(ONE, "JPEG", exif=b"Exif\0\0" + tiff)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(2, b"6\0"), (2, b"left"), (7, b"\xff\xff"), (5, b""), (3, b""), (99, b"1")],
    ids=["digit as text", "text", "bytes", "no fraction", "nothing", "unknown kind"],
)
def test_an_orientation_that_is_no_number_turns_nothing(kind, value, tmp_path):
    data = with_orientation(kind, value)
    assert look_at(data) is False
    assert open_picture(saved(tmp_path, "picture", data), *SIZE).size == SIZE


EATS = r"""
import re, sys
from pathlib import Path
from demo import film  # what the service has loaded anyway
from demo.given import open_picture
def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before = peak()
for path in sys.argv[1:]:
    open_picture(Path(path), 1920, 1080)
print(peak() - before)
"""


@pytest.mark.slow
def test_the_largest_pictures_that_are_taken_stay_below_150_mib(tmp_path):
    square, large = (4096, 4096), (8000, 6250)
    kept = (3839, 4370)  # too small to be reduced
    largest = {
        "png": encoded(Image.new("RGBA", square), "PNG", compress_level=1),
        "progressive": encoded(Image.new("CMYK", square), "JPEG", progressive=True),
        "kept": encoded(Image.new("RGBA", kept), "PNG", compress_level=1),
        "lines": encoded(Image.new("RGB", large), "JPEG"),
        "webp": encoded(Image.new("RGBA", (3500, 2000)), "WEBP", lossless=True, method=0),
    }
    paths = [saved(tmp_path, name, data) for name, data in largest.items()]
    run = subprocess.run(
        [sys.executable, "-c", EATS, *paths], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert float(run.stdout) < 150


# --- Clips of every kind --------------------------------------------------------------------------


def write_clip(path, *, size=(160, 96), rate=24, count=24, sound=0, seconds=1, codec="aac"):
    """A clip in which each frame is as bright as its number says."""
    with av.open(str(path), "w", format="mp4" if codec == "aac" else "mov") as container:
        video = container.add_stream("libx264", rate=rate, options={"crf": "1", "preset": "fast"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        streams = [video]
        if sound:
            streams.append(container.add_stream(codec, rate=sound, layout="mono"))
        for number in range(count):
            frame = av.VideoFrame(*size, "yuv420p")
            values = min(235, 40 + 4 * number), 90, 200
            for plane, value in zip(planes_of(frame, np.uint8), values, strict=True):
                plane[:] = value
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(video.encode(frame))
        if sound:
            tone = np.sin(np.arange(sound) * 2 * np.pi * 440 / sound)[None].astype(np.float32) / 4
            for second in range(seconds):
                piece = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
                piece.sample_rate, piece.pts = sound, second * sound
                container.mux(streams[1].encode(piece))
        for stream in streams:
            container.mux(stream.encode(None))
    return demo_clip.inspect(path)


def brightness(frames):
    return [round(float(planes_of(frame, np.uint8)[0].mean())) for frame in frames]


def test_every_frame_of_a_clip_comes_once_and_in_its_order(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4")
    shown = brightness(demo_clip.frames_of(clip, 160, 96))
    assert shown == pytest.approx([40 + 4 * number for number in range(24)], abs=1)


@pytest.mark.parametrize(("rate", "count"), [(12, 12), (30, 30), (60, 60), (25, 10)])
def test_a_clip_of_another_pace_keeps_its_length(rate, count, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", rate=rate, count=count)
    shown = brightness(demo_clip.frames_of(clip, 160, 96))
    assert len(shown) == clip.count == round(count / rate * 24)
    assert shown == sorted(shown)
    assert shown[0] == pytest.approx(40, abs=1)


@pytest.mark.parametrize("size", [(160, 96), (96, 160), (320, 180), (64, 64)])
def test_a_clip_of_another_size_fills_the_film_and_its_last_frame_is_the_same(size, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", size=size)
    *_, last = demo_clip.frames_of(clip, *SIZE)
    again = demo_clip.last_frame(clip, *SIZE)
    assert (last.width, last.height) == SIZE
    for plane, other in zip(planes_of(last, np.uint8), again, strict=True):
        assert np.array_equal(plane, other)


def test_a_clip_that_says_no_colours_keeps_them(tmp_path):
    """Taken for BT.601, its chroma would be turned."""
    clip = write_clip(tmp_path / "clip.mp4", size=(64, 64))
    planes = planes_of(next(demo_clip.frames_of(clip, *SIZE)), np.uint8)
    assert [round(float(plane.mean())) for plane in planes] == pytest.approx([40, 90, 200], abs=1)


def test_the_sound_of_a_clip_is_as_long_as_its_pictures(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", sound=22_050)
    sound = demo_clip.sound_of(clip)
    assert sound.shape == (2, 48_000)
    assert 0.15 < np.abs(sound[:, 10_000:30_000]).max() < 0.3
    assert demo_clip.sound_of(write_clip(tmp_path / "mute.mp4")) is None


def test_no_more_sound_is_decoded_than_there_are_pictures(tmp_path):
    """A megabyte may hold an hour of silence, which takes 1.4 GB."""
    clip = write_clip(tmp_path / "clip.mp4", sound=8_000, seconds=20)
    tracemalloc.start()
    try:
        assert demo_clip.sound_of(clip).shape == (2, 48_000)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20  # 20 s take 8 MB, twice
    finally:
        tracemalloc.stop()


def test_sound_of_a_very_low_rate_is_told(tmp_path):
    """A thousand samples of it would become 48 million."""
    clip = write_clip(tmp_path / "clip.mov", sound=1, seconds=2_000, codec="pcm_s16le")
    with pytest.raises(demo_clip.NoClip, match="sound of a common kind"):
        demo_clip.sound_of(clip)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("new", [True, False])
def test_sound_and_silence_are_joined_without_a_click(before, new, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", sound=48_000 if before else 0)
    made_from = Given(clip=clip, goes_on=True)
    track = demo_film.compose_track(prompt="x", seed=1, duration=2, sound=new, given=made_from)
    if not (before or new):
        assert track is None
        return
    assert track.shape == (2, 3 * 48_000)
    assert bool(np.abs(track[:, :48_000]).max() > 0.1) is before
    assert bool(np.abs(track[:, 48_000:]).max() > 0.1) is new
    assert np.abs(track[:, 47_990:48_010]).max() < 0.01


@pytest.mark.parametrize(
    ("shape", "words"),
    [({"size": (4160, 2400), "count": 1}, "pixels"), ({"rate": 1, "count": 142}, "at most 141 s")],
)
def test_a_clip_above_the_limits_is_told(shape, words, tmp_path):
    with pytest.raises(demo_clip.NoClip, match=f"{words}|an MP4 with a film"):
        write_clip(tmp_path / "clip.mp4", **shape)


def test_a_clip_that_breaks_off_is_told(tmp_path):
    """Its index lies in front and promises more than is there."""
    path = demo_film.render(
        tmp_path / "clip.mp4", prompt="sea", seed=1, duration=1, sound=False, **SHAPE
    )
    clip = demo_clip.inspect(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(demo_clip.NoClip, match="read to its end"):
        list(demo_clip.frames_of(clip, *SIZE))


@pytest.mark.parametrize("names", [[b"avc1"], [b"mp4a", b"esds"]], ids=["picture", "sound"])
def test_a_clip_in_a_code_that_nobody_knows_is_told(names, tmp_path):
    path = tmp_path / "clip.mp4"
    write_clip(path, sound=8_000)
    for name in names:
        path.write_bytes(path.read_bytes().replace(name, b"zzzz"))
    with pytest.raises(demo_clip.NoClip):
        demo_clip.sound_of(demo_clip.inspect(path))


@pytest.mark.slow
def test_a_clip_that_was_changed_anywhere_is_drawn_or_told(tmp_path):
    path = tmp_path / "clip.mp4"
    write_clip(path, size=(64, 64), sound=8_000)
    whole, dice = path.read_bytes(), random.Random(1)
    index, drawn = whole.index(b"moov"), 0
    for _ in range(400):
        changed = bytearray(whole)
        for at in dice.choices(range(index, len(whole)), k=dice.choice([1, 2, 4])):
            changed[at] = dice.choice([0, 1, 255, dice.randrange(256)])
        path.write_bytes(changed)
        try:
            clip = demo_clip.inspect(path)
            demo_clip.last_frame(clip, 64, 64)
            demo_clip.sound_of(clip)
            drawn += 1
        except demo_clip.NoClip:
            pass
    assert 0 < drawn < 400


def test_an_edit_is_the_clip_in_another_light(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", size=SIZE)
    film = compose(given=Given(clip=clip))
    shown = [planes_of(frame, np.uint8)[2][60:80].mean() for frame in film]
    assert len(shown) == 24
    assert all(abs(chroma - 200) > 8 for chroma in shown)
