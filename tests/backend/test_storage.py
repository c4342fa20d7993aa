"""The folder of finished clips: what gets in, what goes first, and what no name may reach."""

import dataclasses
import functools
import json
import math
import os
import shutil
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from urllib.parse import quote

import av
import pytest
from PIL import Image

from backend import storage as storage_module
from backend.storage import Storage
from demo import film as demo_film
from veo import media, mp4
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
def storage(tmp_path):
    return Storage(tmp_path / "shelf", most_bytes=math.inf)


@pytest.fixture
def clip_id(storage):
    """A folder with a clip in it."""
    clip_id = storage.new_clip_id()
    receive(storage, clip_id)
    return clip_id


def receive(storage, clip_id, *, content=None, request=REQUEST):
    """Let a clip arrive; gives its facts and how often it was downloaded."""
    downloads = []

    def download(path):
        downloads.append(path)
        path.write_bytes(film() if content is None else content)

    facts = storage.receive(clip_id, download, name="veo-clip.mp4", request=request)
    return facts, len(downloads)


def put(storage, *, size, age, name="veo-clip.mp4"):
    """A folder with `size` bytes in two files that arrived `age` seconds ago."""
    clip_id = storage.new_clip_id()
    folder = storage.folder / clip_id
    folder.mkdir(parents=True)
    (folder / name).write_bytes(bytes(size - 10))
    (folder / "poster.jpg").write_bytes(bytes(10))
    os.utime(folder, (1e9 - age, 1e9 - age))
    return clip_id


def there(storage, clip_ids):
    return [bool(storage.file(clip_id)) for clip_id in clip_ids]


def files(storage, clip_id):
    return [storage.file(clip_id, kind) for kind in ("clip", "poster", "note")]


def test_a_clip_id_cannot_be_guessed(storage):
    """128 random bits: whoever knows the name may fetch the clip."""
    clip_ids = {storage.new_clip_id() for _ in range(1000)}
    assert len(clip_ids) == 1000
    assert all(storage_module.CLIP_ID.fullmatch(clip_id) for clip_id in clip_ids)
    *columns, _ = zip(*clip_ids, strict=True)
    assert min(len(set(column)) for column in columns) > 32


def test_a_clip_gets_a_poster_and_a_note(storage):
    clip_id = storage.new_clip_id()
    facts, downloads = receive(storage, clip_id)
    assert downloads == 1
    clip = storage.file(clip_id)
    assert sorted(path.name for path in clip.parent.iterdir()) == [
        "clip.json",
        "poster.jpg",
        "veo-clip.mp4",
    ]
    assert facts == media.inspect(clip)
    assert media.read_request(clip) == REQUEST
    with Image.open(storage.file(clip_id, "poster")) as poster:
        assert (poster.format, poster.size) == ("JPEG", (160, 96))
    note = json.loads(storage.file(clip_id, "note").read_text(encoding="utf-8"))
    assert note == {"request": REQUEST, "facts": dataclasses.asdict(facts)}


def test_an_arriving_clip_is_decoded_once_for_its_facts_and_its_poster(storage, monkeypatch):
    """Its boxes are walked before it is decoded, and before the request is written into it."""
    seen = Counter()

    def counted(owner, name):
        original = getattr(owner, name)

        def count(*arguments, **named):
            seen[name] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, count)

    def frames(*arguments):
        for frame in original_frames(*arguments):
            seen["pictures"] += isinstance(frame, av.VideoFrame)
            yield frame

    film()  # which opens a file, too
    original_frames = media._frames
    monkeypatch.setattr(media, "_frames", frames)
    counted(mp4, "_walk")
    counted(av, "open")
    clip_id = storage.new_clip_id()
    facts, _ = receive(storage, clip_id)
    assert seen == {"open": 1, "pictures": facts.frames, "_walk": 2}
    assert storage.file(clip_id, "poster")


def test_the_poster_of_an_arriving_clip_is_the_one_that_is_picked_alone(storage, clip_id, tmp_path):
    alone = media.poster(storage.file(clip_id), tmp_path / "alone.jpg")
    assert storage.file(clip_id, "poster").read_bytes() == alone.read_bytes()


def test_a_browser_gets_an_address_and_no_file_has_one_that_is_not_there(tmp_path):
    storage = Storage(tmp_path / "a folder", most_bytes=math.inf, served_at="clips?")
    clip_id = storage.new_clip_id()
    assert (storage.address(clip_id), storage.address(None), storage.name(clip_id)) == ("", "", "")
    receive(storage, clip_id)
    clip, poster, note = files(storage, clip_id)
    assert storage.address(clip_id) == f"clips?{quote(str(clip))}"
    assert storage.address(clip_id, "poster") == f"clips?{quote(str(poster))}"
    assert storage.address(clip_id, "note") == f"clips?{quote(str(note))}"
    assert storage.name(clip_id) == "veo-clip.mp4"


def test_a_clip_that_is_there_is_not_downloaded_again(storage, clip_id):
    storage.file(clip_id, "poster").unlink()
    before = storage.file(clip_id).read_bytes()
    assert receive(storage, clip_id) == (media.inspect(storage.file(clip_id)), 0)
    assert storage.file(clip_id).read_bytes() == before
    assert storage.file(clip_id, "poster")


def test_who_comes_second_for_a_clip_waits_for_the_first(storage):
    """A job may be taken anew while the thread that fetched for it goes on."""
    clip_id, is_fetching, may_go_on = storage.new_clip_id(), threading.Event(), threading.Event()

    def slowly(path):
        is_fetching.set()
        may_go_on.wait(30)
        path.write_bytes(film())

    def get(download):
        return storage.receive(clip_id, download, name="veo-clip.mp4", request=None)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(get, slowly)
        assert is_fetching.wait(30)
        second = pool.submit(get, never)
        assert not wait([second], timeout=0.3).done
        may_go_on.set()
        assert second.result() == first.result()


def never(_path):
    raise AssertionError("it was fetched again")


@pytest.mark.parametrize("damage", [b"", film()[:-1000], bytes(100)], ids=["empty", "cut", "zeros"])
def test_a_damaged_clip_is_downloaded_again(storage, clip_id, damage):
    storage.file(clip_id).write_bytes(damage)
    facts, downloads = receive(storage, clip_id)
    assert downloads == 1
    assert facts == media.inspect(storage.file(clip_id))


def test_a_damaged_clip_is_never_told_to_be_whole(storage, clip_id):
    storage.file(clip_id).write_bytes(film()[:-1000])

    def offline(_):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        storage.receive(clip_id, offline, name="veo-clip.mp4", request=None)


def test_what_is_no_clip_gets_no_name_of_one(storage):
    clip_id = storage.new_clip_id()
    with pytest.raises(BrokenClip, match=r"kept as veo-clip\.mp4\.unchecked"):
        receive(storage, clip_id, content=film()[:-1000])
    assert files(storage, clip_id) == [None, None, None]


@pytest.mark.parametrize(
    ("step", "trouble"), [("_save_picture", OSError), ("_picture", ValueError)]
)
def test_a_clip_without_poster_and_note_is_better_than_none(storage, monkeypatch, step, trouble):
    def fail(*_):
        raise trouble

    monkeypatch.setattr(media, step, fail)
    monkeypatch.setattr(
        storage_module, "publish", lambda *_: fail() if trouble is OSError else None
    )
    clip_id = storage.new_clip_id()
    receive(storage, clip_id)
    assert storage.file(clip_id)
    assert storage.file(clip_id, "poster") is None


def test_what_arrived_is_known_of_be_it_whole_or_not(storage, clip_id):
    empty, unchecked = storage.new_clip_id(), storage.new_clip_id()
    for other, name in ((empty, "veo-clip.mp4.unchecked.part"), (unchecked, "x.mp4.unchecked")):
        (storage.folder / other).mkdir()
        (storage.folder / other / name).touch()
    found = map(
        storage.has_something, (clip_id, unchecked, empty, storage.new_clip_id(), None, "../x")
    )
    assert [*found] == [True, True, False, False, False, False]


def test_a_removed_clip_is_gone(storage, clip_id):
    other = storage.new_clip_id()
    receive(storage, other)
    storage.remove(clip_id)
    assert files(storage, clip_id) == [None, None, None]
    assert [path.name for path in storage.folder.iterdir()] == [other]
    storage.remove(clip_id)
    assert (storage.file(None), storage.file(None, "poster")) == (None, None)


# Room


def test_the_oldest_clips_make_room(storage):
    """By arrival; their names and sizes do not count."""
    second, third, first = (put(storage, size=100, age=age) for age in (20, 10, 30))
    storage.most_bytes = 150
    assert storage.evict([]) == [first, second]
    assert there(storage, [first, second, third]) == [False, False, True]


def test_demo_clips_make_room_before_any_that_was_paid_for(storage):
    """Anybody may make as many as they like; among themselves the oldest goes first."""
    demo = "demo-clip.mp4"
    paid = [put(storage, size=100, age=age) for age in (50, 40)]
    free = [put(storage, size=100, age=age, name=demo) for age in (20, 10, 30)]
    storage.most_bytes = 300
    assert storage.evict([]) == [free[2], free[0]]
    storage.most_bytes = 150
    assert storage.evict([]) == [free[1], paid[0]]


@pytest.mark.parametrize(("most", "left"), [(300, 3), (299, 2), (200, 2), (199, 1), (0, 0)])
def test_every_byte_counts_and_no_clip_too_many_goes(storage, most, left):
    clip_ids = [put(storage, size=100, age=age) for age in (30, 20, 10)]
    storage.most_bytes = most
    assert storage.evict([]) == clip_ids[: 3 - left]
    assert storage.evict([]) == []
    assert sum(there(storage, clip_ids)) == left


def test_what_is_arriving_never_makes_room(storage):
    clip_ids = [put(storage, size=100, age=age) for age in (30, 20, 10)]
    storage.most_bytes = 0
    assert storage.evict([clip_ids[0], clip_ids[2]]) == [clip_ids[1]]
    assert there(storage, clip_ids) == [True, False, True]


def test_without_a_limit_nothing_goes(storage):
    put(storage, size=100, age=0)
    assert storage.evict([]) == []


def test_a_folder_that_does_not_exist_yet_has_room(storage):
    storage.most_bytes = 0
    assert storage.evict([]) == []
    assert storage.file(storage.new_clip_id()) is None


def test_what_is_not_our_own_stays(storage):
    """A folder somebody put there is neither removed nor counted."""
    clip = put(storage, size=100, age=0)
    names = ["lost+found", ".Trash-0", "holiday", "é" * 22, "a" * 23]
    for name in names:
        (storage.folder / name).mkdir()
        (storage.folder / name / "veo-clip.mp4").write_bytes(bytes(1000))
    (storage.folder / storage.new_clip_id()).write_bytes(bytes(1000))
    storage.most_bytes = 100
    assert storage.evict([]) == []
    storage.most_bytes = 0
    assert storage.evict([]) == [clip]
    assert all((storage.folder / name / "veo-clip.mp4").exists() for name in names)
    assert there(storage, names) == [False] * len(names)


def test_a_clip_that_cannot_be_removed_does_not_count_as_room(storage, monkeypatch):
    """A file that is open stays on Windows: the next clip has to go."""
    clip_ids = [put(storage, size=100, age=age) for age in (30, 20, 10)]
    rmtree = shutil.rmtree

    def held(path, **options):
        if path.name != clip_ids[0]:
            rmtree(path, **options)

    monkeypatch.setattr(shutil, "rmtree", held)
    storage.most_bytes = 200
    storage.evict([])
    assert there(storage, clip_ids) == [True, False, True]


def test_clips_may_come_and_go_while_room_is_made(storage):
    """Many threads do so at once; none meets an error, and no clip too many goes."""
    clip_ids = [put(storage, size=100, age=100 - age) for age in range(60)]
    storage.most_bytes = 1000
    errors = []
    begin = threading.Barrier(4)

    def evict():
        begin.wait()
        try:
            storage.evict([])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=evict) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert there(storage, clip_ids) == [False] * 50 + [True] * 10


def test_a_file_that_gets_its_name_meanwhile_is_no_error(storage, monkeypatch):
    """A download becomes a clip between the listing and the counting."""
    clip_id = put(storage, size=100, age=0)
    part = storage.folder / clip_id / "clip.part"
    part.write_bytes(b"x")
    stat = Path.stat

    def too_late(path, **options):
        if path.suffix == ".part":
            raise FileNotFoundError
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", too_late)
    storage.most_bytes = 100
    assert storage.evict([]) == []
    storage.most_bytes = 99
    assert storage.evict([]) == [clip_id]


# Names that lead elsewhere


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leads_out_of_the_folder(storage, clip_id, name, monkeypatch):
    removed = []
    # Were the storage wrong, this test would remove what it names.
    monkeypatch.setattr(shutil, "rmtree", lambda path, **_: removed.append(path))
    outside = storage.folder.with_name("outside")
    name = name.replace("ABSOLUTE", str(outside))
    for folder in (outside, storage.folder):
        folder.mkdir(exist_ok=True)
        (folder / "clip.mp4").write_bytes(b"x")
        (folder / "poster.jpg").write_bytes(b"x")
    assert storage.file(name) is None
    assert storage.file(name, "poster") is None
    storage.remove(name)
    with pytest.raises(ValueError, match="no clip"):
        receive(storage, name)
    assert there(storage, [clip_id]) == [True]
    assert removed == []
    for folder in (outside, storage.folder):
        assert (folder / "clip.mp4").exists()
        assert (folder / "poster.jpg").exists()
