"""The folder of finished clips: what gets in, what goes first, and what no name may reach."""

import dataclasses
import functools
import json
import math
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from PIL import Image

from backend import storage as storage_module
from backend.storage import Storage
from demo import film as demo_film
from veo import media
from veo.media import BrokenClip

REQUEST = {"prompt": "a fox 🦊", "seed": 7}
HOSTILE = [
    "",
    ".",
    "..",
    "../outside",
    "../shelf/../outside",
    "ABSOLUTE",
    "\0",
    "a\0b",
    "~",
    "C:\\",
    "..\\outside",
    "é" * 22,
    "a" * 21 + "\n",
    "a" * 10_000,
    "*",
]


@functools.cache
def film():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        size = {"width": 160, "height": 96, "duration": 1}
        return demo_film.render(path, prompt="a fox", seed=7, sound=False, **size).read_bytes()


@pytest.fixture
def shelf(tmp_path):
    return Storage(tmp_path / "shelf", most_bytes=math.inf)


@pytest.fixture
def place(shelf):
    """A place with a clip in it."""
    place = shelf.new_clip_id()
    receive(shelf, place)
    return place


def receive(shelf, place, *, content=None, request=REQUEST):
    """Let a clip arrive; gives its facts and how often it was downloaded."""
    downloads = []

    def download(path):
        downloads.append(path)
        path.write_bytes(film() if content is None else content)

    facts = shelf.receive(place, download, name="veo-clip.mp4", request=request)
    return facts, len(downloads)


def put(shelf, *, size, age, name="veo-clip.mp4"):
    """A place with `size` bytes in two files that arrived `age` seconds ago."""
    place = shelf.new_clip_id()
    folder = shelf.folder / place
    folder.mkdir(parents=True)
    (folder / name).write_bytes(bytes(size - 10))
    (folder / "poster.jpg").write_bytes(bytes(10))
    os.utime(folder, (1e9 - age, 1e9 - age))
    return place


def there(shelf, places):
    return [bool(shelf.clip(place)) for place in places]


def test_the_name_of_a_place_cannot_be_guessed(shelf):
    """128 random bits: whoever knows the name may fetch the clip."""
    places = {shelf.new_clip_id() for _ in range(1000)}
    assert len(places) == 1000
    assert all(storage_module.PLACE.fullmatch(place) for place in places)
    *columns, _ = zip(*places, strict=True)
    assert min(len(set(column)) for column in columns) > 32


def test_a_clip_gets_a_poster_and_a_note(shelf):
    place = shelf.new_clip_id()
    facts, downloads = receive(shelf, place)
    assert downloads == 1
    clip = shelf.clip(place)
    assert sorted(path.name for path in clip.parent.iterdir()) == [
        "clip.json",
        "poster.jpg",
        "veo-clip.mp4",
    ]
    assert facts == media.inspect(clip)
    assert media.read_request(clip) == REQUEST
    with Image.open(shelf.poster(place)) as poster:
        assert (poster.format, poster.size) == ("JPEG", (160, 96))
    note = json.loads(shelf.note(place).read_text(encoding="utf-8"))
    assert note == {"request": REQUEST, "facts": dataclasses.asdict(facts)}


def test_a_clip_that_is_there_is_not_downloaded_again(shelf, place):
    shelf.poster(place).unlink()
    before = shelf.clip(place).read_bytes()
    assert receive(shelf, place) == (media.inspect(shelf.clip(place)), 0)
    assert shelf.clip(place).read_bytes() == before
    assert shelf.poster(place)


@pytest.mark.parametrize("damage", [b"", film()[:-1000], bytes(100)], ids=["empty", "cut", "zeros"])
def test_a_damaged_clip_is_downloaded_again(shelf, place, damage):
    shelf.clip(place).write_bytes(damage)
    facts, downloads = receive(shelf, place)
    assert downloads == 1
    assert facts == media.inspect(shelf.clip(place))


def test_a_damaged_clip_is_never_told_to_be_whole(shelf, place):
    shelf.clip(place).write_bytes(film()[:-1000])

    def offline(_):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        shelf.receive(place, offline, name="veo-clip.mp4", request=None)


def test_what_is_no_clip_gets_no_name_of_one(shelf):
    place = shelf.new_clip_id()
    with pytest.raises(BrokenClip, match=r"kept as veo-clip\.mp4\.unchecked"):
        receive(shelf, place, content=film()[:-1000])
    assert (shelf.clip(place), shelf.poster(place), shelf.note(place)) == (None, None, None)


@pytest.mark.parametrize("trouble", [OSError, BrokenClip])
def test_a_clip_without_poster_and_note_is_better_than_none(shelf, monkeypatch, trouble):
    def fail(*_):
        raise trouble

    monkeypatch.setattr(media, "poster", fail)
    monkeypatch.setattr(
        storage_module, "publish", lambda *_: fail() if trouble is OSError else None
    )
    place = shelf.new_clip_id()
    receive(shelf, place)
    assert shelf.clip(place)
    assert shelf.poster(place) is None


def test_what_arrived_is_known_of_be_it_whole_or_not(shelf, place):
    empty, unchecked = shelf.new_clip_id(), shelf.new_clip_id()
    for other, name in ((empty, "veo-clip.mp4.unchecked.part"), (unchecked, "x.mp4.unchecked")):
        (shelf.folder / other).mkdir()
        (shelf.folder / other / name).touch()
    found = map(shelf.has_something, (place, unchecked, empty, shelf.new_clip_id(), None, "../x"))
    assert [*found] == [True, True, False, False, False, False]


def test_a_removed_clip_is_gone(shelf, place):
    other = shelf.new_clip_id()
    receive(shelf, other)
    shelf.remove(place)
    assert (shelf.clip(place), shelf.poster(place), shelf.note(place)) == (None, None, None)
    assert [path.name for path in shelf.folder.iterdir()] == [other]
    shelf.remove(place)
    assert (shelf.clip(None), shelf.poster(None)) == (None, None)


# Room


def test_the_oldest_clips_make_room(shelf):
    """By arrival; their names and sizes do not count."""
    second, third, first = (put(shelf, size=100, age=age) for age in (20, 10, 30))
    shelf.most_bytes = 150
    assert shelf.evict([]) == [first, second]
    assert there(shelf, [first, second, third]) == [False, False, True]


def test_demo_clips_make_room_before_any_that_was_paid_for(shelf):
    """Anybody may make as many as they like; among themselves the oldest goes first."""
    demo = "demo-clip.mp4"
    paid = [put(shelf, size=100, age=age) for age in (50, 40)]
    free = [put(shelf, size=100, age=age, name=demo) for age in (20, 10, 30)]
    shelf.most_bytes = 300
    assert shelf.evict([]) == [free[2], free[0]]
    shelf.most_bytes = 150
    assert shelf.evict([]) == [free[1], paid[0]]


@pytest.mark.parametrize(("most", "left"), [(300, 3), (299, 2), (200, 2), (199, 1), (0, 0)])
def test_every_byte_counts_and_no_clip_too_many_goes(shelf, most, left):
    places = [put(shelf, size=100, age=age) for age in (30, 20, 10)]
    shelf.most_bytes = most
    assert shelf.evict([]) == places[: 3 - left]
    assert shelf.evict([]) == []
    assert sum(there(shelf, places)) == left


def test_what_is_arriving_never_makes_room(shelf):
    places = [put(shelf, size=100, age=age) for age in (30, 20, 10)]
    shelf.most_bytes = 0
    assert shelf.evict([places[0], places[2]]) == [places[1]]
    assert there(shelf, places) == [True, False, True]


def test_without_a_limit_nothing_goes(shelf):
    put(shelf, size=100, age=0)
    assert shelf.evict([]) == []


def test_a_shelf_that_does_not_exist_yet_has_room(shelf):
    shelf.most_bytes = 0
    assert shelf.evict([]) == []
    assert shelf.clip(shelf.new_clip_id()) is None


def test_what_is_not_the_shelf_s_own_stays(shelf):
    """A folder somebody put there is neither removed nor counted."""
    clip = put(shelf, size=100, age=0)
    names = ["lost+found", ".Trash-0", "holiday", "é" * 22, "a" * 23]
    for name in names:
        (shelf.folder / name).mkdir()
        (shelf.folder / name / "veo-clip.mp4").write_bytes(bytes(1000))
    (shelf.folder / shelf.new_clip_id()).write_bytes(bytes(1000))
    shelf.most_bytes = 100
    assert shelf.evict([]) == []
    shelf.most_bytes = 0
    assert shelf.evict([]) == [clip]
    assert all((shelf.folder / name / "veo-clip.mp4").exists() for name in names)
    assert there(shelf, names) == [False] * len(names)


def test_a_clip_that_cannot_be_removed_does_not_count_as_room(shelf, monkeypatch):
    """A file that is open stays on Windows: the next clip has to go."""
    places = [put(shelf, size=100, age=age) for age in (30, 20, 10)]
    rmtree = shutil.rmtree

    def held(path, **options):
        if path.name != places[0]:
            rmtree(path, **options)

    monkeypatch.setattr(shutil, "rmtree", held)
    shelf.most_bytes = 200
    shelf.evict([])
    assert there(shelf, places) == [True, False, True]


def test_clips_may_come_and_go_while_room_is_made(shelf):
    """Many threads do so at once; none meets an error, and no clip too many goes."""
    places = [put(shelf, size=100, age=100 - age) for age in range(60)]
    shelf.most_bytes = 1000
    errors = []
    begin = threading.Barrier(4)

    def evict():
        begin.wait()
        try:
            shelf.evict([])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=evict) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert there(shelf, places) == [False] * 50 + [True] * 10


def test_a_file_that_gets_its_name_meanwhile_is_no_error(shelf, monkeypatch):
    """A download becomes a clip between the listing and the counting."""
    place = put(shelf, size=100, age=0)
    part = shelf.folder / place / "clip.part"
    part.write_bytes(b"x")
    stat = Path.stat

    def too_late(path, **options):
        if path.suffix == ".part":
            raise FileNotFoundError
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", too_late)
    shelf.most_bytes = 100
    assert shelf.evict([]) == []
    shelf.most_bytes = 99
    assert shelf.evict([]) == [place]


# Names that lead elsewhere


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leads_out_of_the_shelf(shelf, place, name, monkeypatch):
    removed = []
    # Were the shelf wrong, this test would remove what it names.
    monkeypatch.setattr(shutil, "rmtree", lambda path, **_: removed.append(path))
    outside = shelf.folder.with_name("outside")
    name = name.replace("ABSOLUTE", str(outside))
    for folder in (outside, shelf.folder):
        folder.mkdir(exist_ok=True)
        (folder / "clip.mp4").write_bytes(b"x")
        (folder / "poster.jpg").write_bytes(b"x")
    assert shelf.clip(name) is None
    assert shelf.poster(name) is None
    shelf.remove(name)
    with pytest.raises(ValueError, match="no place"):
        receive(shelf, name)
    assert there(shelf, [place]) == [True]
    assert removed == []
    for folder in (outside, shelf.folder):
        assert (folder / "clip.mp4").exists()
        assert (folder / "poster.jpg").exists()
