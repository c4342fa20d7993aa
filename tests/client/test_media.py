import contextlib
import dataclasses
import errno
import gc
import json
import math
import os
import random
import re
import stat
import time
import tracemalloc
import types
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageStat

from demo.film import render
from veo import media
from veo.media import (
    BrokenClip,
    Facts,
    filmstrip,
    inspect,
    poster,
    read_request,
    receive,
    write_request,
)

FPS = 24
TITLES = {"title": "A demo", "comment": "Drawn by the demo server, not by Veo: 狐 🦊"}
REQUEST = {
    "model": "google/veo-3.1-t2v",
    "prompt": "Füchse 🦊 im Schnee\n狐",
    "duration": 8,
    "seed": 7,
}

sharing_one_clip = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)


def moving(position):
    """A picture that differs from every other: noise that wanders by a pixel a frame."""
    noise = np.random.default_rng(1).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(np.roll(noise.repeat(8, 0).repeat(8, 1), position, 1))


def make_clip(
    path,
    *,
    picture=moving,
    frames=FPS,
    sound=True,
    movflags="faststart",
    b_frames=2,
    clock=None,
    metadata=TITLES,
):
    """Write a small clip; `picture` draws frame number so and so."""
    options = {"fflags": "+bitexact"}
    if movflags:
        options["movflags"] = movflags
    if clock:
        options["video_track_timescale"] = str(clock)
    with av.open(path, "w", format="mp4", options=options) as file:
        file.metadata.update(metadata)
        if picture:
            first = picture(0)
            video = file.add_stream("libx264", rate=FPS)
            video.width, video.height, video.pix_fmt = *first.size, "yuv420p"
            video.options = {"bf": str(b_frames), "g": "12", "preset": "ultrafast"}
            video.codec_context.colorspace = 1  # BT.709, as the service's and the demo's clips
        if sound:
            audio = file.add_stream("aac", rate=48_000, layout="stereo")
        for position in range(frames if picture else 0):
            frame = av.VideoFrame.from_image(picture(position))
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            frame.pts, frame.time_base = position, Fraction(1, FPS)
            file.mux(video.encode(frame))
        if picture:
            file.mux(video.encode(None))
        if sound:
            samples = 48_000 * frames // FPS
            tone = np.sin(np.arange(samples) / 20).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
            frame.sample_rate, frame.pts = 48_000, 0
            file.mux(audio.encode(frame))
            file.mux(audio.encode(None))
    return path


KINDS = {
    "sound": {},
    "silent": {"sound": False},
    "index last": {"movflags": None},
    "no b-frames": {"b_frames": 0},
    "another clock": {"clock": 600},
}


@pytest.fixture(scope="session")
def clips_of_all_kinds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    return {
        kind: make_clip(folder / f"{kind}.mp4", **options).read_bytes()
        for kind, options in KINDS.items()
    }


@pytest.fixture(params=KINDS)
def any_clip(request, clips_of_all_kinds, tmp_path):
    return save(tmp_path, clips_of_all_kinds[request.param])


@pytest.fixture
def whole(clips_of_all_kinds):
    """The bytes of a clip with sound."""
    return clips_of_all_kinds["sound"]


@pytest.fixture
def clip(whole, tmp_path):
    return save(tmp_path, whole)


def save(folder, content):
    path = folder / "clip.mp4"
    path.write_bytes(content)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def patched(content, box, offset, values):
    """Overwrite 32-bit numbers, counted in bytes from the box's type."""
    place = content.index(box) + offset
    new = b"".join(value.to_bytes(4) for value in values)
    return content[:place] + new + content[place + len(new) :]


def inside_mdat(content):
    """Where the pictures and the sound of a faststart clip begin and end."""
    return content.index(b"mdat") + 4, len(content)


def box(kind, payload):
    return (8 + len(payload)).to_bytes(4) + kind + payload


# What is in a clip


def test_a_clip_with_sound_is_described(clip, whole):
    assert inspect(clip) == Facts(
        width=64,
        height=48,
        frame_rate=24.0,
        duration=1.0,
        frames=24,
        sound=True,
        size=len(whole),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_clip_is_whole(kind, clips_of_all_kinds, tmp_path):
    facts = inspect(save(tmp_path, clips_of_all_kinds[kind]))
    assert (facts.frames, facts.frame_rate, facts.duration) == (24, 24.0, 1.0)
    assert facts.sound == (kind != "silent")


def test_facts_become_json(clip):
    facts = json.loads(json.dumps(dataclasses.asdict(inspect(clip))))
    assert facts["frames"] == 24


@pytest.mark.slow
def test_a_demo_clip_is_whole_and_keeps_saying_that_it_is_one(tmp_path):
    path = tmp_path / "demo.mp4"
    render(path, prompt="snow", seed=1, width=320, height=180, duration=4, sound=True)
    with av.open(path) as file:
        before = file.metadata
    write_request(path, REQUEST)
    facts = inspect(path)
    assert (facts.width, facts.height, facts.duration, facts.frames) == (320, 180, 4.0, 96)
    with av.open(path) as file:
        after = file.metadata
    assert "demo" in before["comment"].lower()
    assert {key: after[key] for key in before} == before


def test_a_path_may_be_a_string(clip, tmp_path):
    assert inspect(str(clip)).frames == 24
    assert poster(str(clip), str(tmp_path / "poster.png")) == tmp_path / "poster.png"
    write_request(str(clip), REQUEST)
    assert read_request(str(clip)) == REQUEST


@pytest.mark.parametrize("name", ["data:,clip", "concat:a|b", "https:x.mp4", "f\udcffx.mp4"])
def test_a_name_is_never_taken_for_a_protocol(name, whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(whole)
    assert inspect(name).frames == 24


# What is no whole clip


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silent", "index last"])
def test_a_clip_cut_at_any_byte_is_broken(kind, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", frames=6, **KINDS[kind])
    assert inspect(path).frames == 6
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(BrokenClip):
            inspect(path)


@pytest.mark.slow
def test_a_cut_clip_with_mended_boxes_is_broken(whole, tmp_path):
    """The boxes fit, and the index still announces what is not there."""
    start, end = inside_mdat(whole)
    for length in range(start + 8, end, 97):
        mended = patched(whole[:length], b"mdat", -4, [length - start + 8])
        with pytest.raises(BrokenClip):
            inspect(save(tmp_path, mended))


@pytest.mark.parametrize("kind", ["silent", pytest.param("sound", marks=pytest.mark.slow)])
def test_zeros_in_the_middle_are_found(kind, clips_of_all_kinds, tmp_path):
    """They stand where a block never reached the disk; many of them decode without a word."""
    content = clips_of_all_kinds[kind]
    start, end = inside_mdat(content)
    for place in range(start, end - 1024, 211):
        with pytest.raises(BrokenClip):
            inspect(save(tmp_path, content[:place] + bytes(1024) + content[place + 1024 :]))


def test_zeros_in_a_picture_are_found_without_decoding():
    assert media._is_zero_filled("h264", b"\1" + bytes(64) + b"\1")
    assert not media._is_zero_filled("h264", b"\1" + bytes(3) + b"\1")
    assert not media._is_zero_filled("aac", bytes(64))


def test_zeros_that_decode_without_a_word_are_found(whole, tmp_path):
    """Here they stand in x264's note on itself, which no decoder looks at."""
    place = whole.index(b"x264 - core")
    with pytest.raises(BrokenClip, match="piece of this video file is empty"):
        inspect(save(tmp_path, whole[:place] + bytes(99) + whole[place + 99 :]))


def test_a_packet_without_a_picture_is_found(clips_of_all_kinds, tmp_path):
    """The last one becomes filler data, which a decoder passes over (H.264, section 7.3.2.7)."""
    path = save(tmp_path, clips_of_all_kinds["no b-frames"])
    with av.open(path) as file:
        last = [bytes(packet) for packet in file.demux(video=0) if packet.size][-1]
    filler = (len(last) - 4).to_bytes(4) + b"\x0c" + b"\xff" * (len(last) - 6) + b"\x80"
    path.write_bytes(path.read_bytes().replace(last, filler))
    with pytest.raises(BrokenClip, match="Some frames"):
        inspect(path)
    with pytest.raises(BrokenClip, match="Some frames"):
        poster(path, tmp_path / "poster.jpg")


def test_frames_hidden_by_an_edit_list_count(whole, tmp_path):
    """A clip trimmed without encoding it anew keeps them, and they must be whole too."""
    hides_a_group_of_pictures = patched(whole, b"elst", 12, [400, 1024 + 14 * 512])
    path = save(tmp_path, hides_a_group_of_pictures)
    with av.open(path) as file:
        assert sum(packet.size > 0 for packet in file.demux(video=0)) < FPS
    assert inspect(path).frames == FPS


def test_a_clip_that_does_not_say_how_long_it_is_is_broken(clips_of_all_kinds, tmp_path):
    timeless = patched(clips_of_all_kinds["silent"], b"mdhd", 20, [0])
    timeless = patched(timeless, b"stts", 16, [0])
    with pytest.raises(BrokenClip, match="how long"):
        inspect(save(tmp_path, timeless))


@pytest.mark.parametrize("error", [ValueError("odd"), OSError(errno.EIO, "disk")])
def test_whatever_the_library_raises_is_a_broken_clip(error, clip, monkeypatch):
    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(BrokenClip, match="damaged"):
        inspect(clip)


def test_missing_frames_are_found(whole, tmp_path):
    more_than_there_are = patched(whole, b"stts", 12, [25])
    with pytest.raises(BrokenClip, match="missing"):
        inspect(save(tmp_path, more_than_there_are))


def test_more_frames_than_announced_are_found(whole, tmp_path):
    with pytest.raises(BrokenClip, match="index"):
        inspect(save(tmp_path, patched(whole, b"stts", 12, [23])))


def test_no_more_is_read_than_the_file_is_long(clip):
    with av.open(clip) as file:
        video, counts = file.streams.video, Counter({0: FPS})
        assert len(list(media._packets(file, video, counts))) == FPS + 1
    with av.open(clip) as file:
        short = types.SimpleNamespace(size=100, demux=file.demux)
        with pytest.raises(BrokenClip, match="index"):
            list(media._packets(short, file.streams.video, counts))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html><title>403 Forbidden</title>",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\nfile:///etc/hostname\n",
        bytes(4096),
        bytes(range(256)) * 16,
        box(b"ftyp", b"isom"),
        box(b"ftyp", b"isom") + box(b"moov", b"") + box(b"mdat", b""),
        box(b"ftyp", b"isom") + box(b"moov", bytes(99)) + box(b"mdat", bytes(99)),
    ],
    ids=["empty", "html", "png", "playlist", "zeros", "noise", "head", "hollow", "blank"],
)
def test_something_else_is_broken(content, tmp_path):
    path = save(tmp_path, content)
    with pytest.raises(BrokenClip):
        inspect(path)
    with pytest.raises(BrokenClip):
        poster(path, tmp_path / "poster.jpg")
    assert read_request(path) is None


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", box(b"ftyp", b"") + box(b"moov", b"")])
def test_no_request_is_written_into_something_else(content, tmp_path):
    path = save(tmp_path, content)
    with pytest.raises(BrokenClip):
        write_request(path, REQUEST)
    assert path.read_bytes() == content


def test_a_clip_without_pictures_is_broken(tmp_path):
    with pytest.raises(BrokenClip, match="pictures"):
        inspect(make_clip(tmp_path / "sound.mp4", picture=None))


def test_a_folder_a_link_a_pipe_and_nothing_are_broken(clip, tmp_path):
    (tmp_path / "link").symlink_to(clip)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    before = clip.read_bytes()
    for name in ("link", "pipe", "folder", "nothing"):
        path = tmp_path / name
        for use in (
            inspect,
            lambda path: poster(path, tmp_path / "poster.jpg"),
            lambda path: filmstrip(path, tmp_path / "strip.png"),
            lambda path: write_request(path, REQUEST),
        ):
            with pytest.raises(BrokenClip):
                use(path)
        assert read_request(path) is None
    assert clip.read_bytes() == before


FRAGMENTED = ["frag_keyframe+empty_moov", "frag_keyframe", "dash", "default_base_moof+empty_moov"]


@pytest.mark.parametrize("movflags", FRAGMENTED)
def test_a_file_in_fragments_plays(movflags, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", movflags=movflags)
    facts = inspect(path, poster=tmp_path / "poster.jpg")
    assert (facts.frames, facts.sound, facts.odd) == (24, True, ["fragments"])
    assert (tmp_path / "poster.jpg").exists()


def test_a_file_in_fragments_that_was_cut_is_broken_but_between_them(tmp_path):
    """There only the host's word tells."""
    path = make_clip(tmp_path / "clip.mp4", movflags="frag_keyframe+empty_moov")
    film = path.read_bytes()
    last = film.rindex(b"moof") - 4
    for size in {*range(last + 16, len(film) - 150, 997), film.rindex(b"mdat") + 20}:
        path.write_bytes(film[:size])
        with pytest.raises(BrokenClip):
            inspect(path)


def test_a_fragment_whose_pictures_are_missing_is_broken(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", movflags="frag_keyframe+empty_moov")
    film = bytearray(path.read_bytes())
    film[film.rindex(b"mdat") + 4 : -200] = bytes(len(film) - 200 - film.rindex(b"mdat") - 4)
    path.write_bytes(film)
    with pytest.raises(BrokenClip):
        inspect(path)


@pytest.mark.parametrize("more", [b"", b"tfhd", b"trun"])
def test_a_fragment_that_announces_too_many_samples_is_refused_unread(more, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", movflags="frag_keyframe+empty_moov")
    film = bytearray(path.read_bytes())
    at = film.index(b"trun") + 8
    film[at : at + 4] = (media.MAX_FRAMES + 1).to_bytes(4)
    path.write_bytes(film + box(b"udta", more))
    with pytest.raises(BrokenClip, match="index of a kind"):
        inspect(path)


@pytest.mark.slow
def test_a_fragment_of_many_boxes_takes_no_time(tmp_path):
    path = make_clip(tmp_path / "clip.mp4")
    with path.open("ab") as file:
        file.write(box(b"moof", box(b"traf", box(b"abcd", b"") * 1_000_000)))
    began = time.process_time()
    with contextlib.suppress(BrokenClip):
        inspect(path)
    assert time.process_time() - began < 5


def test_a_clip_may_speak_of_anything(tmp_path):
    """The search for fragments must not stumble over words in a title or a prompt."""
    titles = {"title": "An elephant's trunk", "comment": "traf moof truncated"}
    path = make_clip(tmp_path / "clip.mp4", metadata=titles)
    write_request(path, {"prompt": "tfhd stsz 1111 2222 3333 cmov 4444 dcom"})
    assert inspect(path).frames == 24


def test_an_index_that_announces_too_many_samples_is_refused_unread(whole, tmp_path):
    """libav takes 24 bytes for each: with this trick a file of 6 KB cost 3 GB of memory."""
    bomb = patched(whole, b"stsz", 8, [1, media.MAX_FRAMES + 1])
    with pytest.raises(BrokenClip, match="index of a kind"):
        inspect(save(tmp_path, bomb))


def test_a_compressed_index_is_refused_unread(whole, tmp_path):
    hidden = box(b"moov", box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", bytes(99))))
    with pytest.raises(BrokenClip, match="index of a kind"):
        inspect(save(tmp_path, whole + hidden))


def test_an_index_of_unusual_size_is_refused_unread(clip):
    size = media.MAX_INDEX_BYTES + 8
    with clip.open("ab") as file:
        file.write(size.to_bytes(4) + b"udta")
        file.truncate(file.tell() + size - 8)
    with pytest.raises(BrokenClip, match="larger"):
        inspect(clip)


@pytest.mark.parametrize("kind", [b"uuid", b"free", b"skip"])
def test_a_large_box_of_another_kind_is_none_of_our_business(kind, clip):
    """Content Credentials come in such a box."""
    with clip.open("ab") as file:
        file.write(box(kind, b"tfhd" + bytes(media.MAX_INDEX_BYTES)))
    assert inspect(clip).frames == 24


@pytest.mark.slow
def test_a_picture_too_large_is_refused(tmp_path):
    black = Image.new("RGB", (4096, 4098))
    path = make_clip(tmp_path / "clip.mp4", picture=lambda _: black, frames=1, sound=False)
    with pytest.raises(BrokenClip, match="larger"):
        inspect(path)


def test_a_picture_that_grows_on_the_way_is_refused(clips_of_all_kinds, tmp_path, monkeypatch):
    """H.264 may announce a new size inside the stream, of which the index says nothing."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 128, 96, "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    frame = av.VideoFrame.from_image(Image.new("RGB", (128, 96))).reformat(format="yuv420p")
    grown = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    units = re.split(rb"\x00\x00\x00?\x01", grown)[1:]
    small, path = save(tmp_path, clips_of_all_kinds["no b-frames"]), tmp_path / "grows.mp4"
    with av.open(small) as source, av.open(path, "w") as target:
        track = target.add_stream_from_template(source.streams.video[0])
        for packet in [p for p in source.demux(video=0) if p.size][:12]:
            packet.stream = track
            last = packet.pts
            target.mux(packet)
        added = av.Packet(b"".join(len(unit).to_bytes(4) + unit for unit in units))
        added.stream, added.time_base, added.is_keyframe = track, track.time_base, True
        added.pts = added.dts = last + 512
        target.mux(added)
    assert inspect(path).frames == 13
    monkeypatch.setattr(media, "MAX_PICTURE_PIXELS", 64 * 48)
    assert inspect(small).frames == 24
    with pytest.raises(BrokenClip):
        inspect(path)


@pytest.mark.parametrize(
    ("limit", "most"), [("MAX_FILM_PIXELS", 64 * 48 * 24), ("MAX_FRAMES", 24 + 48)]
)
def test_a_film_too_long_is_refused(limit, most, clip, monkeypatch):
    monkeypatch.setattr(media, limit, most - 1)
    with pytest.raises(BrokenClip, match="longer"):
        inspect(clip)
    monkeypatch.setattr(media, limit, most)
    assert inspect(clip).frames == 24


def test_sound_in_an_unknown_form_is_broken(whole, tmp_path):
    unknown = whole.replace(b"mp4a", b"what").replace(b"esds", b"ever")
    with pytest.raises(BrokenClip, match="not known"):
        inspect(save(tmp_path, unknown))


def test_pictures_in_an_unknown_form_are_broken(whole, tmp_path):
    with pytest.raises(BrokenClip, match="no pictures"):
        inspect(save(tmp_path, whole.replace(b"avc1\0", b"what\0")))


@pytest.mark.slow
def test_a_flipped_bit_never_breaks_more_than_the_clip(whole, tmp_path, capfd):
    chance = random.Random(1)
    found = 0
    for _ in range(150):
        content = bytearray(whole)
        content[chance.randrange(*inside_mdat(whole))] ^= 1 << chance.randrange(8)
        path = save(tmp_path, content)
        try:
            inspect(path)
        except BrokenClip:
            found += 1
        poster_or_broken(path, tmp_path)
    assert found > 60  # 70; 53 if only errors of the decoder counted
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@sharing_one_clip
@given(data=st.data())
def test_a_spoilt_index_never_breaks_more_than_the_clip(data, whole, tmp_path):
    content = bytearray(whole)
    length = content.index(b"mdat")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, length))
        spoilt = data.draw(st.binary(min_size=1, max_size=8))
        content[place : place + len(spoilt)] = spoilt
    path = save(tmp_path, content)
    try:
        facts = inspect(path)
    except BrokenClip as error:
        assert str(error).endswith(".")
    else:
        assert math.isfinite(facts.duration)
    poster_or_broken(path, tmp_path)
    read_request(path)


def poster_or_broken(path, folder):
    with contextlib.suppress(BrokenClip):
        poster(path, folder / "poster.jpg")


def test_words_of_an_error_are_a_sentence(clip):
    os.truncate(clip, 2000)
    with pytest.raises(BrokenClip) as raised:
        inspect(clip)
    assert str(raised.value).startswith("This video file is cut short")
    assert str(raised.value).endswith("Download it again.")


# Pictures of a clip


def brightness(picture):
    return ImageStat.Stat(picture.convert("L")).mean[0]


def fading_in(position):
    """Black for half of the clip, then the picture."""
    return moving(position) if position >= 12 else Image.new("RGB", (64, 48))


def getting_brighter(position):
    return Image.new("RGB", (64, 48), (position * 10,) * 3)


def test_a_poster_is_not_the_black_beginning(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", picture=fading_in)
    with Image.open(poster(path, tmp_path / "poster.jpg")) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
        assert brightness(picture) > 60


def test_a_black_clip_has_a_poster(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", picture=lambda _: Image.new("RGB", (64, 48)))
    with Image.open(poster(path, tmp_path / "poster.png")) as picture:
        assert picture.format == "PNG"
        assert brightness(picture) < 5


@pytest.mark.parametrize("colour", [(200, 40, 40), (40, 200, 40), (40, 40, 200), (235, 235, 235)])
def test_a_poster_has_the_colours_of_the_clip(colour, tmp_path):
    path = make_clip(
        tmp_path / "clip.mp4", picture=lambda _: Image.new("RGB", (64, 48), colour), frames=3
    )
    with Image.open(poster(path, tmp_path / "poster.png")) as picture:
        assert picture.getpixel((32, 24)) == pytest.approx(colour, abs=4)


def test_the_same_clip_gives_the_same_pictures(clip, tmp_path):
    for make, name in ((poster, "poster.jpg"), (filmstrip, "strip.png")):
        make(clip, tmp_path / f"1{name}")
        make(clip, tmp_path / f"2{name}")
        assert (tmp_path / f"1{name}").read_bytes() == (tmp_path / f"2{name}").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux does")
def test_a_clip_that_was_looked_at_leaves_no_frame_and_no_thread(clip, tmp_path):
    """A frame of 1080p is 3 MiB, and Python may collect what refers to itself minutes later."""

    def left():
        frames = [each for each in gc.get_objects() if isinstance(each, av.VideoFrame)]
        return len(frames), len(list(Path("/proc/self/task").iterdir()))

    gc.collect()
    gc.disable()
    before = left()
    try:
        inspect(clip, poster=tmp_path / "poster.jpg")
        filmstrip(clip, tmp_path / "strip.png")
        media.last_frame(clip)
        assert left() == before
    finally:
        gc.enable()


def test_a_filmstrip_is_spread_evenly_over_the_whole_clip(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", picture=getting_brighter)
    strip_path = filmstrip(path, tmp_path / "strip.png", frames=4, width=128)
    with Image.open(strip_path) as strip:
        assert (strip.format, strip.size) == ("PNG", (128, 24))
        seen = [brightness(strip.crop((32 * k, 0, 32 * k + 32, 24))) for k in range(4)]
    assert seen == pytest.approx([30, 90, 150, 210], abs=5)


def test_a_filmstrip_is_six_frames_and_small(clip, tmp_path):
    with Image.open(filmstrip(clip, tmp_path / "strip.png")) as strip:
        assert strip.size == (960, 120)


def test_a_filmstrip_of_more_frames_than_there_are_repeats_some(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", picture=getting_brighter, frames=2)
    with Image.open(filmstrip(path, tmp_path / "strip.png", frames=6, width=60)) as strip:
        assert strip.size == (60, 8)


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"frames": -1}, {"frames": 10, "width": 9}])
def test_a_filmstrip_without_frames_or_width_is_refused(wrong, clip, tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        filmstrip(clip, tmp_path / "strip.png", **wrong)


@pytest.mark.parametrize("make", [poster, filmstrip])
def test_a_picture_that_cannot_be_written_leaves_the_old_one(make, clip, tmp_path, monkeypatch):
    to = tmp_path / "picture.png"
    to.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space"):
        make(clip, to)
    assert to.read_bytes() == b"old"
    assert names(tmp_path) == ["clip.mp4", "picture.png"]


@pytest.mark.parametrize("make", [poster, filmstrip])
def test_a_damaged_clip_leaves_no_picture(make, whole, tmp_path):
    start, _ = inside_mdat(whole)
    path = save(tmp_path, whole[:start] + bytes(len(whole) - start))
    with pytest.raises(BrokenClip):
        make(path, tmp_path / "picture.png")
    assert names(tmp_path) == ["clip.mp4"]


# The request inside a clip


def packets(path):
    with av.open(path) as file:
        return [
            (p.stream_index, p.pts, p.dts, p.duration, p.time_base, p.is_keyframe, bytes(p))
            for p in file.demux()
        ]


def decoded(path):
    """Everything that is shown and heard, with its time, as a player gets it."""
    with av.open(path) as file:
        return [(f.pts, f.time_base, f.to_ndarray().tobytes()) for f in file.decode()]


def tags(path):
    with av.open(path) as file:
        return dict(file.metadata)


def test_a_request_survives_in_every_kind_of_clip(any_clip):
    before = any_clip.read_bytes(), packets(any_clip), decoded(any_clip), inspect(any_clip)
    write_request(any_clip, REQUEST)
    assert read_request(any_clip) == REQUEST
    assert any_clip.read_bytes().startswith(before[0])
    assert (packets(any_clip), decoded(any_clip)) == before[1:3]
    assert inspect(any_clip) == dataclasses.replace(before[3], size=any_clip.stat().st_size)


def test_any_reader_of_tags_shows_the_request_beside_what_was_there(clip):
    before = tags(clip)
    write_request(clip, REQUEST)
    after = tags(clip)
    assert json.loads(after.pop("veo_request")) == REQUEST
    assert after == before
    assert after.items() >= TITLES.items()


def test_writing_twice_replaces(clip):
    write_request(clip, {"prompt": "much longer than the second" * 9})
    write_request(clip, REQUEST)
    twice = clip.read_bytes()
    assert read_request(clip) == REQUEST
    assert twice.count(b"veo_request") == 1
    write_request(clip, REQUEST)
    assert clip.read_bytes() == twice


def test_equal_requests_give_equal_bytes(whole, tmp_path):
    write_request(save(tmp_path, whole), REQUEST)
    first = (tmp_path / "clip.mp4").read_bytes()
    write_request(save(tmp_path, whole), dict(reversed(REQUEST.items())))
    assert (tmp_path / "clip.mp4").read_bytes() == first


def test_a_box_that_another_program_added_stays(clip):
    write_request(clip, {"prompt": "first"})
    with clip.open("ab") as file:
        file.write(box(b"uuid", b"theirs"))
    before = clip.read_bytes()
    assert read_request(clip) is None
    write_request(clip, REQUEST)
    assert clip.read_bytes().startswith(before)
    assert read_request(clip) == REQUEST


def test_nothing_but_the_request_is_written(clip, whole, monkeypatch):
    monkeypatch.setenv("AIMLAPI_KEY", "canary-0123456789")
    write_request(clip, {"prompt": "a fox"})
    added = clip.read_bytes()[len(whole) :]
    assert added.endswith(b'{"prompt": "a fox"}')
    assert len(added) == 112 + len(b'{"prompt": "a fox"}')
    assert b"canary" not in added


def test_the_clip_keeps_its_permissions(clip):
    clip.chmod(0o600)
    write_request(clip, REQUEST)
    assert stat.S_IMODE(clip.stat().st_mode) == 0o600


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    # Half a surrogate pair is fine, but two halves side by side are one character to JSON.
    | st.text() | st.characters(categories=["Cs"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.slow
@sharing_one_clip
@given(request=st.dictionaries(st.text(), json_values, max_size=8))
def test_any_json_comes_back_as_it_was(request, whole, tmp_path):
    path = save(tmp_path, whole)
    write_request(path, request)
    assert read_request(path) == request
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"seed": math.nan}, ValueError),
        ({"seed": math.inf}, ValueError),
        ({"path": object()}, TypeError),
        ({"prompt": "狐" * 22_000}, ValueError),
    ],
    ids=["nan", "infinity", "no json", "too long"],
)
def test_a_request_that_cannot_be_kept_is_refused(request_, error, clip, whole, tmp_path):
    with pytest.raises(error):
        write_request(clip, request_)
    assert clip.read_bytes() == whole
    assert names(tmp_path) == ["clip.mp4"]


def test_the_longest_request_fits(clip):
    request = {"prompt": "x" * (media.MAX_REQUEST_BYTES - len('{"prompt": ""}'))}
    write_request(clip, request)
    assert read_request(clip) == request
    assert inspect(clip).frames == 24


def disk_full(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(*args, **kwargs):
    raise KeyboardInterrupt


@pytest.mark.parametrize("failure", [disk_full, interrupted])
@pytest.mark.parametrize("step", ["shutil.copyfileobj", "shutil.copymode", "os.fsync"])
def test_a_failure_in_the_middle_leaves_the_clip_and_no_litter(
    step, failure, clip, whole, tmp_path, monkeypatch
):
    monkeypatch.setattr(step, failure)
    with pytest.raises((OSError, KeyboardInterrupt)):
        write_request(clip, REQUEST)
    assert clip.read_bytes() == whole
    assert names(tmp_path) == ["clip.mp4"]


def test_the_new_file_is_on_disk_before_it_takes_the_place_and_the_folder_after(clip, monkeypatch):
    steps = []
    fsync = os.fsync

    def recorded(descriptor):
        opened = os.fstat(descriptor)
        what = "folder" if stat.S_ISDIR(opened.st_mode) else "file"
        steps.append((what, opened.st_size, read_request(clip)))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    write_request(clip, REQUEST)
    (first, size, before), (second, _, after) = steps
    assert (first, size, before) == ("file", clip.stat().st_size, None)
    assert (second, after) == ("folder", REQUEST)


def test_a_clip_without_a_request_has_none(clip):
    assert read_request(clip) is None


def test_huge_metadata_is_not_read(clip):
    size = 2**28
    with clip.open("ab") as file:
        file.write(size.to_bytes(4) + media._request_box(b"")[4:])
        file.truncate(file.tell() + size - 112)
    tracemalloc.start()
    assert read_request(clip) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_metadata_of_another_program_is_neither_read_nor_replaced(clip):
    with clip.open("ab") as file:
        file.write(box(b"meta", bytes(104) + b'{"seed": 1}'))
    before = clip.read_bytes()
    assert read_request(clip) is None
    write_request(clip, REQUEST)
    assert clip.read_bytes().startswith(before)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b'"text"',
        b'{"seed": NaN}',
        b'{"seed": 1e999}',
        b'{"a": "\xff"}',
        b'{"a":' * 10_000,
        b"[" * 60_000,
        b'{"seed": ' + b"9" * 5_000 + b"}",
        b'{"prompt": "' + b"x" * 65_536 + b'"}',
        '{"seed": 1}'.encode("utf-16"),
    ],
    ids=[
        "nothing",
        "cut",
        "list",
        "text",
        "nan",
        "infinity",
        "no text",
        "deep",
        "deeper",
        "long number",
        "oversized",
        "utf-16",
    ],
)
def test_a_spoilt_request_is_none(content, whole, tmp_path):
    path = save(tmp_path, whole + media._request_box(content))
    assert read_request(path) is None
    assert inspect(path).frames == 24


@sharing_one_clip
@given(content=st.binary(max_size=300))
def test_no_metadata_makes_reading_fail(content, whole, tmp_path):
    for last in (media._request_box(content), box(b"meta", content)):
        found = read_request(save(tmp_path, whole + last))
        assert found is None or isinstance(found, dict)


# Receiving a clip


def arriving(content):
    """A download that brings `content`."""
    return lambda path: path.write_bytes(content)


def no_download(_):
    raise ConnectionError


def test_a_received_clip_is_whole_and_knows_its_request(whole, tmp_path):
    facts = receive(arriving(whole), tmp_path / "fox.mp4", REQUEST)
    assert facts == inspect(tmp_path / "fox.mp4")
    assert read_request(tmp_path / "fox.mp4") == REQUEST
    assert names(tmp_path) == ["fox.mp4"]


def test_a_clip_whose_request_is_not_known_is_received_as_it_came(whole, tmp_path):
    receive(arriving(whole), tmp_path / "fox.mp4", None)
    assert (tmp_path / "fox.mp4").read_bytes() == whole


def test_what_came_damaged_is_kept_but_never_shown_as_a_clip(whole, tmp_path):
    """It is paid for, and our own judgement may be wrong."""
    half = whole[:-100]
    with pytest.raises(BrokenClip, match=r"kept as fox\.mp4\.unchecked"):
        receive(arriving(half), tmp_path / "fox.mp4", REQUEST)
    assert names(tmp_path) == ["fox.mp4.unchecked"]
    assert (tmp_path / "fox.mp4.unchecked").read_bytes() == half


def test_a_whole_clip_that_did_not_get_its_name_is_not_fetched_again(whole, tmp_path):
    """The process was killed between the two; the service may no longer have it."""
    (tmp_path / "fox.mp4.unchecked").write_bytes(whole)
    facts = receive(no_download, tmp_path / "fox.mp4", REQUEST)
    assert facts == inspect(tmp_path / "fox.mp4")
    assert read_request(tmp_path / "fox.mp4") == REQUEST
    assert names(tmp_path) == ["fox.mp4"]


def test_a_damaged_clip_that_was_kept_is_fetched_again(whole, tmp_path):
    (tmp_path / "fox.mp4.unchecked").write_bytes(whole[:-100])
    receive(arriving(whole), tmp_path / "fox.mp4", None)
    assert (tmp_path / "fox.mp4").read_bytes() == whole
    assert names(tmp_path) == ["fox.mp4"]


@pytest.mark.parametrize("trouble", [OSError(errno.ENOSPC, "disk full"), ValueError, TypeError])
def test_a_clip_that_cannot_take_its_request_is_better_than_none(
    trouble, whole, tmp_path, monkeypatch
):
    def refuse(*_):
        raise trouble

    monkeypatch.setattr(media, "write_request", refuse)
    receive(arriving(whole), tmp_path / "fox.mp4", REQUEST)
    assert (tmp_path / "fox.mp4").read_bytes() == whole


def test_a_download_that_fails_leaves_the_place_to_the_next_one(tmp_path):
    with pytest.raises(ConnectionError):
        receive(no_download, tmp_path / "fox.mp4", REQUEST)
    assert names(tmp_path) == []
