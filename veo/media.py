"""Know a finished clip: is it whole, what is in it, how does it look, which request made it.

Works on files alone. It knows nothing of HTTP, jobs, keys or pages, and trusts no file: whatever
stands at the path, the answer is a fact or a `BrokenClip` with a sentence to show.
"""

import json
import math
import os
import re
import shutil
import struct
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.frame import Frame
from av.sidedata.sidedata import SideDataContainer
from av.stream import Stream
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from veo import mp4
from veo.files import publish
from veo.pictures import as_jpeg
from veo.types import DownloadFailed, unsigned

# Far above any clip of the service (4K for 8 s, 1080p for 148 s), low enough to end soon.
MAX_PICTURE_PIXELS = 4096 * 4096
MAX_FILM_PIXELS = 10_000_000_000
MAX_FRAMES = 50_000  # of pictures and sound together
MAX_INDEX_BYTES = 16 * 2**20
MAX_REQUEST_BYTES = 64 * 1024
MAX_PIXEL_ASPECT = 8
POSTER_CHOICES = 6
MOST_REORDERED = 16  # frames that H.264 decodes before one that is shown earlier

UNCHECKED = mp4.UNCHECKED

REQUEST_KEY = b"veo_request"
"""The name under which `ffprobe` shows the request."""


class BrokenClip(Exception):
    """The file is not a whole video; the text is a sentence to show."""

    kept: Path | None = None
    """Where it lies, if it came from the service: it is paid for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a whole clip is. `dataclasses.asdict` makes it fit for JSON."""

    width: int
    height: int
    """In pixels, like the width: as a player shows it, turned and with square pixels."""
    frame_rate: float
    """Frames a second, on average."""
    duration: float
    """Of all the pictures in the file, in seconds."""
    frames: int
    sound: bool
    """Whether there is a sound track; it may be silent."""
    size: int
    """Of the file, in bytes."""
    odd: list[mp4.Oddity] = field(default_factory=list)
    """What other clips have not, though all of the film is there."""

    def in_words(self) -> str:
        """On one line, for a person: `1280 × 720, 4 s, 24 fps, with sound, 1.4 MB`."""
        sound = "with sound" if self.sound else "no sound"
        film = f"{self.width} × {self.height}, {self.duration:g} s, {self.frame_rate:g} fps"
        return f"{film}, {sound}, {self.size / 1e6:.1f} MB"


def inspect(path: str | os.PathLike[str], *, poster: Path | None = None) -> Facts:
    """Decode the clip from end to end and tell what is in it; raise `BrokenClip` unless whole.

    Whole means: every frame and every piece of sound that the index announces is there, and all of
    them decode; if the boxes do not end where the file ends, that is only odd. For 8 s of 1080p
    this takes about a second. With `poster`, what the function of that name would save is saved
    there, if there is room, out of the same decoding.
    """
    seen = _Poster() if poster else None
    facts = _facts(path, seen)
    if poster and seen:
        seen.save(poster)
    return facts


def _facts(path: str | os.PathLike[str], poster: "_Poster | None") -> Facts:
    with _opened(path) as (container, form, counts):
        video = _video(container, counts)
        sound = container.streams.audio
        seen = _frames(container, [video, *sound], counts)  # none of them may raise
        pictures = (frame for frame in seen if isinstance(frame, av.VideoFrame))
        wanted = _spread(counts[video.index], POSTER_CHOICES) if poster else []
        shown = video.width, video.height
        for position, frame in enumerate(pictures):
            if position == 0:
                shown = _size_shown(frame, video)
            if poster and position in wanted:
                poster.consider(frame, video)
        if not (video.average_rate and video.duration and video.time_base):
            raise BrokenClip("This video file does not say how long it is. Download it again.")
        return Facts(
            width=shown[0],
            height=shown[1],
            frame_rate=float(video.average_rate),
            duration=float(video.duration * video.time_base),
            frames=counts[video.index],
            sound=bool(sound),
            size=Path(path).stat().st_size,
            odd=form.odd,
        )


def poster(path: str | os.PathLike[str], to: str | os.PathLike[str]) -> Path:
    """Save a frame that says much about the clip to `to`: PNG if it ends so, else JPEG.

    Clips often begin and end in black. Of six frames spread over the clip the one with the
    highest entropy of brightness is taken: black, white and fog have little.
    """
    best = max(_pictures(path, POSTER_CHOICES), key=_entropy)
    return _save_picture(best, Path(to))


class _Poster:
    """The best of the frames considered so far: only one is held, for a picture takes megabytes."""

    def __init__(self) -> None:
        self._best: Image.Image | None = None
        self._entropy = -1.0

    def consider(self, frame: av.VideoFrame, video: VideoStream) -> None:
        # A frame that decodes and makes no picture is no fault of the clip.
        with suppress(av.FFmpegError, ValueError, OSError):
            picture = _picture(frame, video)
            entropy = _entropy(picture)
            if entropy > self._entropy:
                self._best, self._entropy = picture, entropy

    def save(self, to: Path) -> None:
        """Save it to `to`; a clip without a poster is better than none."""
        with suppress(OSError):
            if self._best:
                _save_picture(self._best, to)


def _entropy(picture: Image.Image) -> float:
    return picture.convert("L").entropy()


def filmstrip(
    path: str | os.PathLike[str],
    to: str | os.PathLike[str],
    *,
    frames: int = 6,
    width: int = 960,
) -> Path:
    """Save one picture to `to`: frames side by side, evenly spread over the clip.

    `width` is that of the whole strip in pixels; each frame gets an equal share of it.
    """
    if not 0 < frames <= width:
        raise ValueError("A filmstrip needs at least one frame, and a pixel of width for each.")
    share = width // frames
    small = [_thumbnail(picture, share) for picture in _pictures(path, frames)]
    strip = Image.new("RGB", (share * frames, small[0].height))
    for place, picture in enumerate(small):
        strip.paste(picture, (share * place, 0))
    return _save_picture(strip, Path(to))


# One frame, to film on from


def last_frame(path: str | os.PathLike[str]) -> bytes:
    """The clip's last frame as a JPEG to be sent: the same as if all of it were decoded."""
    return frame_at(path, math.inf)


def frame_at(path: str | os.PathLike[str], seconds: float) -> bytes:
    """The frame that is shown `seconds` after the clip's beginning, as a JPEG to be sent.

    Before that it is the first, after the end the last.  Decoded is what comes from the key frame
    before it.
    """
    with _opened(path) as (container, form, counts):
        video = _video(container, counts)
        begin, length, tick = video.start_time or 0, video.duration, video.time_base
        if not length or not tick or not video.average_rate:
            raise BrokenClip("This video file does not say how long it is. Download it again.")
        # A clock's last digit may be below the frame that begins there.
        wanted = min(max(float(seconds), 0.0), float(length * tick)) + 0.001
        latest = begin + math.floor(wanted / tick)
        if form.odd:  # its end may be missing, which shows where all of it is decoded
            shown = _last_until(latest, _frames(container, [video], counts))
        else:
            # A key frame is found by when it is decoded, and may be shown after `latest`.
            earlier = math.ceil(MOST_REORDERED / video.average_rate / tick)
            shown = None
            for target in (latest, max(latest - earlier, begin)):
                if shown is None or (shown.pts or 0) > latest:
                    container.seek(target, stream=video, backward=True)
                    shown = _last_until(latest, container.decode(video))
        if shown is None:
            raise BrokenClip("Frames are missing in this video file. Download it again.")
        return as_jpeg(_picture(shown, video))


def _last_until(latest: int, frames: Iterator[Frame]) -> av.VideoFrame | None:
    """The last of `frames` that is shown at `latest` or before, else the first."""
    shown: av.VideoFrame | None = None
    for frame in frames:
        if not isinstance(frame, av.VideoFrame) or frame.pts is None or frame.is_corrupt:
            raise BrokenClip("A picture in this video is damaged. Download it again.")
        if shown and frame.pts > latest:
            break
        if shown is None or frame.pts > (shown.pts or 0):
            shown = frame
    return shown


# The request inside the clip
#
# It is kept in a `meta` box at the end of the file (ISO/IEC 14496-12, section 8.11), written as
# Apple's key and value metadata, so `ffprobe`, PyAV and every player that reads such keys show it
# under its name. Nothing before it moves: the clip as it came is the beginning of the new file.
# A remux through PyAV was measured and left: it keeps the packets, but renumbers time for any
# track not counted in ffmpeg's own units (1/600 became 1/19200), shortens trimmed clips, and
# drops boxes that ffmpeg does not know.


def write_request(path: str | os.PathLike[str], request: Mapping[str, object]) -> None:
    """Put the request that made the clip into it; a second time replaces the first.

    `request` must be JSON of at most 64 KiB, else `ValueError` or `TypeError`; nothing but its
    fields is written, and of an address no query. A full disk raises `OSError`. Whatever is raised,
    the clip is as it was.
    A clip signed with Content Credentials keeps them, but they no longer match its bytes.
    """
    path = Path(path)
    box = _request_box(_to_json(unsigned(request)))
    boxes = _boxes_to_end(path)
    clip_size = path.stat().st_size - len(_request_box_of(path, boxes))
    with _written_whole(path) as part:
        with path.open("rb") as clip:
            shutil.copyfileobj(clip, part, 2**20)
        part.truncate(clip_size)
        part.seek(clip_size)
        part.write(box)
        shutil.copymode(path, part.name)


def read_request(path: str | os.PathLike[str]) -> dict[str, object] | None:
    """Give back what `write_request` wrote; None if there is nothing of the kind to be read."""
    try:
        box = _request_box_of(Path(path), mp4.top_level_boxes(path))
        request = json.loads(box[len(_request_box(b"")) :].decode())
        _to_json(request)  # refuses what JSON does not know but Python reads: NaN and Infinity
    except (OSError, ValueError, RecursionError):
        return None
    return request if isinstance(request, dict) else None


def receive(
    download: Callable[[Path], object],
    path: Path,
    request: Mapping[str, object] | None,
    *,
    poster: Path | None = None,
) -> Facts:
    """Let `download` fetch a clip and put it at `path` once it is known to be whole.

    Until then it stands beside `path`, under a name that nobody takes for a clip; there it stays
    if it is not whole, for it is paid for.  If it stands there whole, because a process was killed
    before it got its name, nothing is fetched.  The request that made it, if known, is written
    into it; a clip that cannot take it is better than none.  With `poster`, its poster is saved
    there in the end, if there is room.
    """
    unchecked = mp4.unchecked(path)
    seen = _Poster() if poster else None
    try:
        facts = _facts(unchecked, seen)
    except BrokenClip:  # not there yet, or what was kept as not whole
        try:
            download(unchecked)
        except DownloadFailed as error:
            if not error.kept:
                raise
            # It came whole by the host's word; its boxes do not look so, its pictures may.
        seen = _Poster() if poster else None  # of what came now
        facts = _facts_or_kept(unchecked, seen)
    if request and not facts.odd:
        with suppress(OSError, ValueError, TypeError):
            write_request(unchecked, request)
    publish(unchecked, path)
    if poster and seen:
        seen.save(poster)
    return replace(facts, size=path.stat().st_size)


def _facts_or_kept(unchecked: Path, poster: _Poster | None) -> Facts:
    try:
        return _facts(unchecked, poster)
    except BrokenClip as error:
        broken = BrokenClip(f"{error} What came is kept as {unchecked.name}.")
        broken.kept = unchecked
        raise broken from error


def _to_json(request: Mapping[str, object]) -> bytes:
    text = json.dumps(request, ensure_ascii=False, allow_nan=False, sort_keys=True)
    # Half a surrogate pair is no UTF-8. JSON has the same escape for it as Python.
    content = text.encode(errors="backslashreplace")
    if len(content) > MAX_REQUEST_BYTES:
        raise ValueError(f"The request is longer than {MAX_REQUEST_BYTES:,} bytes.")
    return content


def _request_box_of(path: Path, boxes: Sequence[tuple[str, int]]) -> bytes:
    """Read the last of the clip's `boxes` if it is one of ours, else nothing."""
    kind, size = boxes[-1]
    empty = len(_request_box(b""))
    if kind != "meta" or size > empty + MAX_REQUEST_BYTES:
        return b""
    with path.open("rb") as file:
        file.seek(-size, os.SEEK_END)
        box = file.read(size)
    return box if box == _request_box(box[empty:]) else b""


def _request_box(content: bytes) -> bytes:
    version, utf8 = bytes(4), (1).to_bytes(4)
    handler = _box(b"hdlr", version, bytes(4), b"mdta", bytes(13))
    keys = _box(b"keys", version, (1).to_bytes(4), _box(b"mdta", REQUEST_KEY))
    value = _box((1).to_bytes(4), _box(b"data", utf8, bytes(4), content))
    return _box(b"meta", version, handler, keys, _box(b"ilst", value))


def _box(kind: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return (8 + len(payload)).to_bytes(4) + kind + payload


# Reading a file that nobody vouches for


@contextmanager
def _opened(
    path: str | os.PathLike[str],
) -> Iterator[tuple[InputContainer, mp4.Form, Counter[int]]]:
    """Open the clip, and count what its index announces of each stream.

    Whatever libav has to say against it, then or later, is a `BrokenClip`.
    """
    path = Path(path)
    form = _form(path)
    fragments = _refuse_bombs(path, form.boxes)
    try:
        # A file object and a named format: a name cannot choose a protocol, a playlist is no clip.
        with (
            path.open("rb") as file,
            av.open(
                file,
                "r",
                format="mov",
                metadata_errors="replace",
                options={
                    "ignore_editlist": "1",  # frames hidden by an edit list count as well
                    "max_pixels": str(MAX_PICTURE_PIXELS),
                },
            ) as container,
        ):
            yield (
                container,
                form,
                Counter(
                    {each.index: each.frames + fragments[each.id] for each in container.streams}
                ),
            )
    except (av.FFmpegError, ValueError, OSError) as error:
        raise BrokenClip("This video file is damaged. Download it again.") from error


def _form(path: Path) -> mp4.Form:
    """The boxes of the file, which is walked this one time."""
    with _broken_if_unreadable(path):
        return mp4.examine(path)


def _boxes_to_end(path: Path) -> list[tuple[str, int]]:
    """The boxes of a file that has nothing behind them."""
    with _broken_if_unreadable(path):
        return mp4.check_whole(path)


@contextmanager
def _broken_if_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise BrokenClip(f"{error} Download it again.") from error
    except OSError as error:
        raise BrokenClip(f"The video file {path.name} cannot be read: {error.strerror}.") from error


def _refuse_bombs(path: Path, boxes: Sequence[tuple[str, int]]) -> Counter[int]:
    """Refuse an index that announces far more samples than it lists; count those in fragments.

    libav believes it and takes 24 bytes for each: a file of 6 KB cost 3 GB of memory. That can be
    done with a table of samples of equal size, a fragment, or a compressed index.
    """
    index, fragments = _index_bytes(path, boxes)
    equal_sizes = re.findall(rb"stsz.{4}(?!\0{4}).{4}(.{4})", index, re.DOTALL)
    runs = re.findall(rb"(?=trun.{4}(.{4}))", b"".join(fragments), re.DOTALL)
    announced = sum(int.from_bytes(count) for count in [*equal_sizes, *runs])
    if announced > MAX_FRAMES or re.search(rb"tfhd|cmov.{4}dcom", index, re.DOTALL):
        raise BrokenClip("This video file has an index of a kind that clips do not have.")
    return sum(map(mp4.samples_in_fragment, fragments), Counter())


def _index_bytes(path: Path, boxes: Sequence[tuple[str, int]]) -> tuple[bytes, list[bytes]]:
    """Read all boxes in which libav looks for other boxes, without our own: it is only text.

    Those of fragments are apart.
    """
    parts, fragments = list[bytes](), list[bytes]()
    with path.open("rb") as file:
        for kind, size in boxes:
            if kind in ("mdat", "free", "skip", "uuid"):
                file.seek(size, os.SEEK_CUR)
            elif sum(map(len, [*parts, *fragments])) + size > MAX_INDEX_BYTES:
                raise BrokenClip("This video file has an index larger than that of any clip.")
            else:
                (fragments if kind == "moof" else parts).append(file.read(size))
    return b"".join(parts).removesuffix(_request_box_of(path, boxes)), fragments


def _video(container: InputContainer, counts: Counter[int]) -> VideoStream:
    """Give the picture track, ready to be decoded."""
    videos = container.streams.video
    video = next((each for each in videos if counts[each.index] and each.codec_context), None)
    if video is None:
        raise BrokenClip("This file has no pictures that can be shown, so it is no video.")
    pixels = video.width * video.height
    if pixels > MAX_PICTURE_PIXELS or pixels * counts[video.index] > MAX_FILM_PIXELS:
        raise BrokenClip("This video is larger or longer than any clip of the service.")
    video.codec_context.options = {"max_pixels": str(MAX_PICTURE_PIXELS)}
    video.thread_type = "AUTO"
    return video


def _frames(
    container: InputContainer, streams: Sequence[Stream], counts: Counter[int]
) -> Iterator[Frame]:
    """Decode all that the index announces; what is missing or damaged raises."""
    if any(stream.codec_context is None for stream in streams):
        raise BrokenClip("This video file is in a form that is not known here.")
    unseen = sum(counts[stream.index] for stream in streams if stream.type == "video")
    for packet in _packets(container, streams, counts):
        if packet.is_corrupt:
            raise BrokenClip("The end of this video file is missing. Download it again.")
        if _is_zero_filled(packet.stream.codec_context.name, bytes(packet)):
            raise BrokenClip("A piece of this video file is empty. Download it again.")
        for frame in packet.decode():
            if isinstance(frame, Frame):
                if frame.is_corrupt:
                    raise BrokenClip("A picture in this video is damaged. Download it again.")
                unseen -= isinstance(frame, av.VideoFrame)
                yield frame
    if unseen:
        raise BrokenClip("Some frames in this video are empty. Download it again.")


def _packets(
    container: InputContainer, streams: Sequence[Stream], counts: Counter[int]
) -> Iterator["av.Packet[Stream]"]:
    """Read as many packets as the index announces, and raise if there are fewer or more.

    No more is read than the file is long, though an index may name the same bytes many times.
    """
    missing = Counter({stream.index: counts[stream.index] for stream in streams})
    if missing.total() > MAX_FRAMES:
        raise BrokenClip("This video is longer than any clip of the service.")
    unread = container.size
    for packet in container.demux(streams):
        if packet.size:  # an empty one ends each track and asks for what the decoder still holds
            missing[packet.stream.index] -= 1
            unread -= packet.size
        if missing[packet.stream.index] < 0 or unread < 0:
            raise BrokenClip("The index of this video file is damaged. Download it again.")
        yield packet
    if missing.total():
        raise BrokenClip("Frames are missing in this video file. Download it again.")


def _is_zero_filled(codec: str, content: bytes) -> bool:
    """Tell whether zeros stand where pictures should, which decodes more often than not.

    H.264 and HEVC never have three zero bytes in a row in a picture (ITU-T H.264, section 7.4.1).
    """
    return codec in ("h264", "hevc") and bytes(64) in content


def _pictures(path: str | os.PathLike[str], number: int) -> Iterator[Image.Image]:
    """Give one frame from the middle of each of `number` equal parts of the clip."""
    with _opened(path) as (container, _, counts):
        video = _video(container, counts)
        wanted = _spread(counts[video.index], number)
        frames = (f for f in _frames(container, [video], counts) if isinstance(f, av.VideoFrame))
        for position, frame in enumerate(frames):
            for _ in range(wanted.count(position)):
                yield _picture(frame, video)


def _spread(frames: int, number: int) -> list[int]:
    """The position in the middle of each of `number` equal parts."""
    return [(2 * part + 1) * frames // (2 * number) for part in range(number)]


def _picture(frame: av.VideoFrame, video: VideoStream) -> Image.Image:
    """The frame as a player shows it: its colours, square pixels, turned."""
    picture = _in_its_colours(frame)
    size = _with_square_pixels(frame, video)
    if size != picture.size:
        picture = picture.resize(size)
    turn = _turn(frame)
    return picture if turn is None else picture.transpose(turn)


def _in_its_colours(frame: av.VideoFrame) -> Image.Image:
    """The frame in RGB.  Where a clip names no colour space it is that of HDTV, else reds shift."""
    # A frame's own reformatter has a thread for each core, and keeps them until Python next
    # collects what refers to itself: eight clips looked at together left hundreds, and 60 MiB.
    rgb = VideoReformatter().reformat(
        frame,
        format="rgb24",
        interpolation=Interpolation.BICUBIC,
        src_colorspace=_SPACES.get(frame.colorspace, Colorspace.ITU709),
        src_color_range=ColorRange.JPEG
        if frame.color_range == ColorRange.JPEG
        else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    picture: Image.Image = rgb.to_image()  # type: ignore[no-untyped-call]  # PyAV has no types
    return picture


# The numbers of ITU-T H.273, table 4, as swscale names them.
_SPACES = {
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}


def _size_shown(frame: av.VideoFrame, video: VideoStream) -> tuple[int, int]:
    """Width and height of the frame as a player shows it."""
    width, height = _with_square_pixels(frame, video)
    return (height, width) if _turn(frame) in _ON_ITS_SIDE else (width, height)


def _with_square_pixels(frame: av.VideoFrame, video: VideoStream) -> tuple[int, int]:
    """Players widen or heighten a picture whose pixels are not square; they shrink none."""
    width, height, aspect = frame.width, frame.height, float(video.sample_aspect_ratio or 1)
    if not 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT:
        return width, height
    wanted = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    return wanted if math.prod(wanted) <= MAX_PICTURE_PIXELS else (width, height)


def _turn(frame: av.VideoFrame) -> Image.Transpose | None:
    """How a player turns or mirrors the frame: phones film lying and note how they were held.

    A picture at another angle is shown as it is.
    """
    # `frame.side_data` would keep the frame, and be kept by it, until Python next collects such:
    # for each 1080p clip that is looked at 24 MiB, until then.
    matrix = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]  # not typed
    if matrix is None:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix))
    return _TURNS.get(((a > 0) - (a < 0), (b > 0) - (b < 0), (c > 0) - (c < 0), (d > 0) - (d < 0)))


# By the signs of a, b, c and d of the track's matrix (ISO/IEC 14496-12, section 6.2.2), which puts
# the pixel (x, y) at (ax + cy, bx + dy).  Pillow turns to the left.
_TURNS = {
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
_ON_ITS_SIDE = {
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
}


def _thumbnail(picture: Image.Image, width: int) -> Image.Image:
    height = max(1, round(width * picture.height / picture.width))
    return picture.resize((width, height), reducing_gap=3)


# Writing


def _save_picture(picture: Image.Image, to: Path) -> Path:
    with _written_whole(to) as file:
        picture.save(file, "PNG" if to.suffix.lower() == ".png" else "JPEG", quality=88)
    return to


@contextmanager
def _written_whole(path: Path) -> Iterator[BinaryIO]:
    """Give a new file to write that takes the place of `path` at the end, or is gone."""
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            yield file
        publish(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
