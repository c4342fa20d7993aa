"""The demo clips: exact, whole, alive, honest about what they are, and the same every time."""

import hashlib
import itertools
import os
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import ImageFont

from demo import film as demo_film
from demo import lettering, words
from demo.sound import compose_sound

ROOT = Path(__file__).parents[2]
SMALL = {"width": 320, "height": 180, "duration": 4}
QUICKEST = (1280, 720, 4, True)
# Every size and, small, every length with and without sound: neither knows of the other.
EVERY_CLIP = [
    QUICKEST,
    (720, 1280, 6, False),
    (1920, 1080, 4, False),
    (1080, 1920, 8, True),
    *((320, 180, duration, sound) for duration in (4, 6, 8) for sound in (True, False)),
]
# One prompt for each kind of scene and weather, so that these clips meet them all.
PROMPTS = (
    "A quiet valley at sunrise, mist drifting between the ridges",
    "Northern lights over a frozen lake",
    "City lights out of focus on a rainy evening",
    "The ocean at noon",
    "Snow in a forest at night",
)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What one full decode of a rendered file showed."""

    width: int
    height: int
    duration: int
    sound: bool
    boxes: list[str]
    metadata: dict[str, str]
    seconds: float
    start: int
    codec: str
    pixels: str
    colours: tuple[int, int, int, int]
    times: list[float]
    contrasts: list[float]
    changes: list[float]
    audio: np.ndarray | None
    audio_format: tuple[str, int, str] | None
    audio_seconds: float | None


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(form, marks=[] if form == QUICKEST else [pytest.mark.slow])
        for form in EVERY_CLIP
    ],
    ids=lambda form: "{}x{}-{}s-sound={}".format(*form),
)
def clip(request, tmp_path_factory):
    """Render and decode one of these, once for all tests about it."""
    width, height, duration, sound = request.param
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    prompt = PROMPTS[request.param_index % len(PROMPTS)]
    demo_film.render(
        path, prompt=prompt, seed=7, width=width, height=height, duration=duration, sound=sound
    )
    asked = {"width": width, "height": height, "duration": duration, "sound": sound}
    seen = decode(path, **asked)
    path.unlink()
    return seen


def decode(path, **asked):
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        encoder = video.codec_context
        facts = {
            "boxes": top_level_boxes(path),
            "metadata": dict(container.metadata),
            "seconds": container.duration / av.time_base,
            "start": video.start_time,
            "codec": encoder.name,
            "pixels": encoder.pix_fmt,
            "colours": (
                int(encoder.color_range),
                int(encoder.colorspace),
                int(encoder.color_primaries),
                int(encoder.color_trc),
            ),
            "audio": None,
            "audio_format": None,
            "audio_seconds": None,
        }
        times, contrasts, changes = look(container)
        if container.streams.audio:
            facts |= listen(container)
    return Clip(**asked, **facts, times=times, contrasts=contrasts, changes=changes)


def look(container):
    """Decode every frame; measure the contrast of each and the change to the one before."""
    times, contrasts, changes, before = [], [], [], None
    for frame in container.decode(video=0):
        assert (frame.width, frame.height) == (container.streams.video[0].width, frame.height)
        luma = luma_of(frame)[::4, ::4].astype(np.float32)
        times.append(frame.time)
        contrasts.append(float(luma.std()))
        if before is not None:
            changes.append(float(np.abs(luma - before).mean()))
        before = luma
    return times, contrasts, changes


def listen(container):
    container.seek(0)
    stream = container.streams.audio[0]
    pieces = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return {
        "audio": np.concatenate(pieces, axis=1),
        "audio_format": (stream.codec_context.name, stream.rate, stream.layout.name),
        "audio_seconds": float(stream.duration * stream.time_base),
    }


def luma_of(frame):
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, -1)[:, : frame.width]


def top_level_boxes(path):
    """Return the names of the MP4's outer boxes in their order."""
    data, names, at = path.read_bytes(), [], 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        names.append(name.decode())
        at += size
    assert at == len(data)
    return names


def decibel(level):
    return 20 * np.log10(level)


# --- Every size, length and sound -----------------------------------------------------------------


def test_clip_has_exactly_the_frames_asked_for_evenly_spaced(clip):
    assert clip.times == pytest.approx([n / 24 for n in range(clip.duration * 24)], abs=1e-9)


def test_clip_has_exactly_the_length_asked_for_and_starts_at_zero(clip):
    assert clip.seconds == clip.duration
    assert clip.start == 0


def test_clip_is_h264_that_every_browser_plays_in_tagged_bt709(clip):
    assert (clip.codec, clip.pixels) == ("h264", "yuv420p")
    assert clip.colours == (1, 1, 1, 1)  # limited range, then BT.709 three times


def test_clip_has_its_index_in_front_so_that_it_plays_while_it_loads(clip):
    assert clip.boxes.index("ftyp") == 0
    assert clip.boxes.index("moov") < clip.boxes.index("mdat")


def test_no_frame_is_blank_and_every_frame_moves(clip):
    assert min(clip.contrasts) > 4
    assert min(clip.changes) > 0.02
    assert sum(clip.changes) > 10


def test_nothing_jumps_from_frame_to_frame(clip):
    """A film drifts: a wrapped tile or a lost phase would show as one far greater change."""
    typical = float(np.median(clip.changes))
    assert max(clip.changes) < 3 * typical + 0.5


def test_sound_is_there_when_asked_for_and_no_track_is_there_when_not(clip):
    assert (clip.audio is not None) == clip.sound
    if clip.sound:
        assert clip.audio_format == ("aac", 48_000, "stereo")
        assert clip.audio_seconds == clip.duration


def test_sound_is_calm_fades_in_and_out_and_never_clips_or_clicks(clip):
    if not clip.sound:
        assert clip.audio_format is None
        return
    second = 48_000
    middle = clip.audio[:, second : (clip.duration - 2) * second]
    end = clip.duration * second
    assert -32 < decibel(np.sqrt((middle**2).mean())) < -15
    assert -13 < decibel(np.abs(clip.audio).max()) < -11
    assert np.abs(clip.audio[:, :480]).max() < 0.002
    assert np.abs(clip.audio[:, end - 480 : end]).max() < 0.002
    assert np.abs(np.diff(clip.audio)).max() < 0.05


def test_metadata_says_that_it_is_a_demo(clip):
    assert clip.metadata["title"] == "Demo clip"
    assert "not generated by Veo" in clip.metadata["comment"]
    assert "creation_time" not in clip.metadata


# --- The same request -----------------------------------------------------------------------------


def render_small(path, prompt="A harbour", seed=1, **changed):
    return demo_film.render(
        path, **{"prompt": prompt, "seed": seed, "sound": True, **SMALL, **changed}
    )


@pytest.mark.slow
def test_same_request_and_seed_give_the_same_bytes_in_this_and_in_another_process(tmp_path):
    size = {"width": 1280, "height": 720, "duration": 2}
    first = render_small(tmp_path / "first.mp4", **size).read_bytes()
    second = render_small(tmp_path / "second.mp4", **size).read_bytes()
    script = (
        "import sys, pathlib; from demo import film; film.render(pathlib.Path(sys.argv[1]),"
        " prompt='A harbour', seed=1, width=1280, height=720, duration=2, sound=True)"
    )
    third = tmp_path / "third.mp4"
    subprocess.run(
        [sys.executable, "-c", script, str(third)],
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "4711"},
    )
    digests = {hashlib.sha256(data).digest() for data in (first, second, third.read_bytes())}
    assert len(digests) == 1


def pictures(prompt, seed, numbers=(0, 48, 90), **changed):
    """Return some frames of a film as RGB, without the rows of badge and caption."""
    film = demo_film.Film(prompt=prompt, seed=seed, **{**SMALL, **changed})
    rows = np.s_[film.height // 8 : -film.height // 4]
    return np.array([film._frame(n).to_ndarray(format="rgb24")[rows] for n in numbers], float)


def test_a_frame_is_the_same_whatever_was_drawn_before_it():
    """So the tests below draw only those that they look at."""
    film = demo_film.Film(prompt="snow at night", seed=1, **SMALL)
    *_, last = itertools.islice(film, 25)
    other = demo_film.Film(prompt="snow at night", seed=1, **SMALL)._frame(24)
    assert np.array_equal(last.to_ndarray(), other.to_ndarray())


def difference(one, other):
    return float(np.abs(one - other).mean())


@pytest.mark.parametrize(
    "prompt", ["hills at night", "the sea at noon", "aurora", "city lights", "a cat"]
)
def test_another_seed_gives_a_visibly_different_film_with_the_caption_masked(prompt):
    films = [pictures(prompt, seed) for seed in range(5)]
    assert min(difference(a, b) for a, b in itertools.combinations(films, 2)) > 2.5


def test_another_prompt_gives_a_visibly_different_film_with_the_caption_masked():
    prompts = [
        "a fox in the hills at night",
        "a wolf in the hills at night",
        "hills, night, an owl",
    ]
    films = [pictures(prompt, 1) for prompt in prompts]
    assert min(difference(a, b) for a, b in itertools.combinations(films, 2)) > 2.5


def test_another_seed_gives_another_sound():
    one, other = (compose_sound("a cat", seed, 4) for seed in (1, 2))
    assert np.abs(one - other).mean() > 0.01


# --- Words tilt the scene -------------------------------------------------------------------------


def average(prompt, rows=slice(None)):
    """Return mean red, green and blue over a few seeds."""
    films = [pictures(prompt, seed, numbers=(40,))[:, rows] for seed in range(6)]
    return np.mean(films, axis=(0, 1, 2, 3))


@pytest.mark.slow
def test_night_is_darker_than_dusk_and_dusk_than_noon():
    for place in ("hills", "sea"):
        night, dusk, noon = (
            average(f"{place} {when}").mean() for when in ("night", "dusk", "noon")
        )
        assert night < 0.6 * dusk
        assert dusk < 0.95 * noon


@pytest.mark.slow
def test_sunset_is_warmer_than_noon():
    sunset, noon = average("hills at sunset"), average("hills at noon")
    assert sunset[0] / sunset[2] > 1.15 * noon[0] / noon[2]


def test_fire_is_red():
    red, _, blue = average("a campfire")
    assert red > 2 * blue


@pytest.mark.slow
def test_a_forest_is_greener_than_other_hills():
    def greenness(prompt):
        red, green, blue = average(prompt, rows=slice(-30, None))
        return green - (red + blue) / 2

    assert greenness("a forest at dusk") > greenness("hills at dusk") + 8


def test_rain_takes_the_colour_out_of_the_sky():
    dry, wet = average("the sea at noon"), average("the sea at noon in the rain")
    assert np.ptp(wet) < 0.75 * np.ptp(dry)


@pytest.mark.slow
def test_snow_falls_in_flakes():
    """Flakes are small and bright: between neighbouring pixels there are many more steep edges."""

    def edges(prompt):
        films = [pictures(prompt, seed, numbers=(40,))[:, :60] for seed in range(6)]
        return np.mean([np.abs(np.diff(film, axis=2)).mean() for film in films])

    assert edges("hills at dusk in the snow") > 1.3 * edges("hills at dusk")


@pytest.mark.parametrize(("row", "wish"), words.WORDS, ids=[r for r, _ in words.WORDS])
def test_every_word_of_the_table_is_heard(row, wish):
    for word in row.split():
        for prompt in (word, f"A {word.upper()}, please", f"({word})"):
            mood = vars(words.read_mood(prompt, 5))
            assert {name: mood[name] for name in wish} == dict(wish)


def test_words_are_matched_whole():
    """Half a word asks for nothing: the dice then give every light and every clear scene."""
    moods = [words.read_mood("knights seasoned raincoats", seed) for seed in range(60)]
    assert {mood.weather for mood in moods} == {"clear"}
    assert {mood.light for mood in moods} == {"day", "dusk", "night"}
    assert {mood.scene for mood in moods} == {"hills", "sea", "aurora", "lights"}


def test_words_add_up_and_the_first_row_wins():
    mood = words.read_mood("Snow on the ocean at night, a ship and a forest", 1)
    assert (mood.scene, mood.light, mood.weather) == ("sea", "night", "snow")


# --- Captions and the badge -----------------------------------------------------------------------

HOSTILE = {
    "empty": "",
    "blank": " \n\t ",
    "control characters": "\x00\x07\x1b[31m\u202e\u200b a fox",
    "lone surrogate": "\ud800 a fox \udfff",
    "only Chinese": "一只狐狸走过雪地",
    "only emoji": "🦊🌲👩\u200d👩\u200d👧",
    "right to left": "שועל בשלג",
    "marks upon marks": "e" + "\u0301\u0323" * 3000,
    "one endless word": "W" * 10_000,
    "many words": "fox " * 2_500,
    "every letter there is": "".join(map(chr, range(0x20, 0x20 + 10_000))),
    "markup": "<script>alert(1)</script> ${x} {{y}}",
}


@pytest.fixture
def font():
    return ImageFont.truetype(lettering.FONT, 24, layout_engine=ImageFont.Layout.BASIC)


@pytest.mark.slow
@pytest.mark.parametrize("prompt", HOSTILE.values(), ids=HOSTILE)
def test_any_text_makes_a_whole_clip(prompt, tmp_path):
    path = render_small(tmp_path / "clip.mp4", prompt=prompt, duration=1, sound=False)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 24


@pytest.mark.parametrize("prompt", HOSTILE.values(), ids=HOSTILE)
def test_any_text_is_set_in_less_than_a_second_of_work(prompt):
    """Processor time, not the clock: other work on the machine must not fail this test."""
    started = time.process_time()
    lettering.draw_caption(prompt, 1920, 1080)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("name", ["empty", "blank", "only Chinese", "only emoji", "right to left"])
def test_text_the_font_lacks_gives_no_boxes(name, font):
    assert lettering.printable(HOSTILE[name], font) == ""


@pytest.mark.parametrize("name", ["empty", "blank", "only emoji"])
def test_text_without_a_letter_gives_no_caption(name):
    assert lettering.draw_caption(HOSTILE[name], 1280, 720) == []


@pytest.mark.parametrize("name", ["only Chinese", "right to left"])
def test_a_script_that_the_font_lacks_is_said_in_the_picture(name, font):
    assert lettering.caption_of(HOSTILE[name], font) == lettering.NO_LETTERS
    (caption,) = lettering.draw_caption(HOSTILE[name], 1280, 720)
    (said,) = lettering.draw_caption(lettering.NO_LETTERS, 1280, 720)
    assert np.array_equal(caption.planes[0], said.planes[0])


def test_letters_that_are_left_out_are_said_and_those_that_are_there_are_not(font):
    mixed = lettering.caption_of("a fox, 狐狸, in the snow", font)
    assert mixed == f"{lettering.SOME_LETTERS} a fox, , in the snow"
    assert lettering.caption_of("Füchse und λύκοι 🦊", font) == "Füchse und λύκοι"


def test_caption_keeps_what_the_font_covers_and_drops_the_rest(font):
    text = "Füchse,  λύκοι и лисы\n— „5 €“ 狐狸 🦊 \x00\ud800soft\u00adly"
    assert lettering.printable(text, font) == "Füchse, λύκοι и лисы — „5 €“ softly"


@pytest.mark.parametrize("text", ["fox " * 200, "W" * 500, "a fox " + "W" * 300 + " runs"])
def test_long_caption_fills_three_lines_and_ends_in_an_ellipsis(text, font):
    lines = lettering.wrap(text.strip(), font, 300, lettering.CAPTION_LINES)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert max(map(font.getlength, lines)) <= 300


def test_short_caption_is_set_whole(font):
    text = "A fox runs over the snow and looks back once"
    lines = lettering.wrap(text, font, 300, lettering.CAPTION_LINES)
    assert " ".join(lines) == text
    assert len(lines) == 2


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(size, marks=[pytest.mark.slow] if max(size) > 2_000 else [])
        for size in demo_film.SIZES.values()
    ],
)
@pytest.mark.parametrize("prompt", ["sea at noon", "sea at night"])
def test_caption_and_badge_stand_out_inside_the_picture(size, prompt):
    """Both are bright letters on a darker ground, on light pictures and on dark ones."""
    width, height = size
    film = demo_film.Film(prompt=prompt, seed=4_294_967_295, width=width, height=height, duration=4)
    luma = luma_of(next(iter(film))).astype(int)
    unit = min(size)
    for layer in (
        lettering.draw_badge(4_294_967_295, *size),
        *lettering.draw_caption(prompt, *size),
    ):
        rows, columns = layer.planes[0][0].shape
        assert layer.top + rows <= height
        assert layer.left + columns <= width
        box = luma[layer.top : layer.top + rows, layer.left : layer.left + columns]
        assert np.percentile(box, 99) > 200
        assert np.percentile(box, 20) < 170
        assert rows >= unit * 0.05


def test_badge_is_in_every_frame_and_names_its_seed():
    one, other = (lettering.draw_badge(seed, 1280, 720).planes[0][1] for seed in (1, 2))
    assert not np.array_equal(one, other)
    film = demo_film.Film(prompt="sea at noon", seed=1, width=1280, height=720, duration=1)
    badge = lettering.draw_badge(1, 1280, 720)
    rows, columns = badge.planes[0][0].shape
    letters = badge.planes[0][1] > 200 * 256
    assert letters.sum() > 500
    for frame in film:
        box = luma_of(frame)[badge.top : badge.top + rows, badge.left : badge.left + columns]
        assert box[letters].min() > 190


# --- When something breaks ------------------------------------------------------------------------


class BreaksHalfWay:
    """A scene that paints for a second and then raises."""

    def __init__(self, *_composition):
        pass

    def draw(self, _canvas, seconds):
        if seconds > 1:
            raise KeyboardInterrupt


def test_a_scene_that_breaks_leaves_neither_a_file_nor_a_part(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_film, "SCENES", {"sea": BreaksHalfWay})
    with pytest.raises(KeyboardInterrupt):
        render_small(tmp_path / "clip.mp4", prompt="sea")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_disk_that_refuses_at_the_last_moment_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        render_small(tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


FILLS_UP = """
import resource, sys, pathlib
from demo import film
for room in (0, 1_000, 50_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        film.render(pathlib.Path(sys.argv[1]), prompt="sea", seed=1, width=640, height=360,
                    duration=2, sound=True)
    except OSError:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        print(room, flush=True)
"""


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_nothing(tmp_path):
    """The kernel refuses to let the file grow: the writes fail as they do on a full disk."""
    path = tmp_path / "clip.mp4"
    run = subprocess.run(
        [sys.executable, "-c", FILLS_UP, path], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert run.stdout.split() == ["0", "1000", "50000"]
    assert list(tmp_path.iterdir()) == []


def test_a_render_that_fails_leaves_the_older_clip_alone(tmp_path, monkeypatch):
    path = render_small(tmp_path / "clip.mp4", prompt="sea", duration=1)
    before = path.read_bytes()
    monkeypatch.setattr(demo_film, "SCENES", {"sea": BreaksHalfWay})
    with pytest.raises(KeyboardInterrupt):
        render_small(path, prompt="sea")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_frames_are_made_one_at_a_time():
    """A film of an hour starts at once: nothing is drawn ahead and nothing is kept."""
    film = demo_film.Film(prompt="sea", seed=1, width=320, height=180, duration=3_600)
    frames = iter(film)
    assert next(frames).pts == 0
    assert film.count == 86_400


# --- What is shipped ------------------------------------------------------------------------------


OF_VEO = {
    ("720p", "16:9"): (1280, 720),
    ("720p", "9:16"): (720, 1280),
    ("1080p", "16:9"): (1920, 1080),
    ("1080p", "9:16"): (1080, 1920),
}


def test_sizes_are_those_the_service_sells():
    assert {*OF_VEO.values()} <= {(width, height) for width, height, *_ in EVERY_CLIP}
    assert demo_film.SIZES == OF_VEO | {
        ("360p", "16:9"): (640, 360),
        ("360p", "9:16"): (360, 640),
        ("4k", "16:9"): (3840, 2160),
        ("4k", "9:16"): (2160, 3840),
    }
    assert demo_film.FPS == 24


def test_the_font_is_small_and_comes_with_its_licence():
    assert {path.name for path in lettering.FONT.parent.iterdir()} == {
        lettering.FONT.name,
        "OFL.txt",
    }
    assert lettering.FONT.stat().st_size < 400_000
    licence = (lettering.FONT.parent / "OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "Copyright 2020 The Inter Project Authors" in licence
    assert lettering.FONT.name in licence
