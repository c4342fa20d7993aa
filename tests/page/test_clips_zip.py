"""Several clips as one zip file: whole, one's own alone, and never in memory at once."""

import asyncio
import gc
import io
import json
import tracemalloc
import zipfile
from contextlib import aclosing

import pytest
import requests
from many_clips import FILES, VISITOR, fill
from served import ServedPage

from backend.storage import NOTE, PIECE, BucketAway, Storage
from page import texts
from page.web.clips_zip import MOST, PATH, ClipsZip, name_of, zipped

CLIP = next(FILES.glob("*.mp4")).read_bytes()
REQUEST = {"prompt": "A fox / an owl: run!", "seed": 7}


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "clips", most_bytes=1e9)


def put(storage, content=CLIP, *, name="veo-clip.mp4", note=REQUEST):
    clip_id = storage.new_clip_id()
    folder = storage.folder / clip_id
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    if note is not None:
        (folder / NOTE).write_text(json.dumps({"request": note, "facts": {}}))
    return clip_id


def unzipped(storage, ids):
    async def all_of_it():
        return b"".join([piece async for piece in zipped(storage, ids)])

    made = asyncio.run(all_of_it())
    if not made:
        return {}
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_each_clip_has_a_name_of_its_own_and_its_settings_beside_it(storage):
    ids = [put(storage), put(storage, b"another"), put(storage, b"third", note=None)]
    files = unzipped(storage, ids)
    assert [*files] == [
        "A-fox-an-owl-run-seed-7.mp4",
        "A-fox-an-owl-run-seed-7.json",
        "A-fox-an-owl-run-seed-7 (2).mp4",
        "A-fox-an-owl-run-seed-7 (2).json",
        "clip.mp4",
    ]
    assert files["A-fox-an-owl-run-seed-7.mp4"] == CLIP
    assert json.loads(files["A-fox-an-owl-run-seed-7.json"])["request"] == REQUEST


def test_what_is_not_there_is_left_out_and_what_cannot_be_shown_is_not(storage):
    there, kept = put(storage), put(storage, b"kept", name="veo-clip.mp4.unchecked", note=None)
    files = unzipped(storage, [storage.new_clip_id(), kept, there])
    assert files["clip.mp4.unchecked"] == b"kept"
    assert [content for name, content in files.items() if name.endswith(".mp4")] == [CLIP]
    assert unzipped(storage, [storage.new_clip_id()]) == {}
    assert unzipped(storage, []) == {}


@pytest.mark.parametrize(
    "note", [b"", b"no json", b"[]", b'{"request": null}', b'{"request": {"prompt": "../../a"}}']
)
def test_no_note_leads_out_of_the_zip_file(note):
    name = name_of(note, [])
    assert name in (texts.FILE_CLIP, "a")


def test_a_clip_that_breaks_off_is_named_and_the_others_are_whole(storage, monkeypatch):
    ids = [put(storage), put(storage, b"x" * 3 * PIECE), put(storage)]
    read = storage.read

    async def breaks_off(clip_id, kind="clip"):
        async with aclosing(read(clip_id, kind)) as pieces:
            async for piece in pieces:
                yield piece
                if clip_id == ids[1] and kind == "clip":
                    raise BucketAway

    monkeypatch.setattr(storage, "read", breaks_off)
    files = unzipped(storage, ids)
    told = files[texts.ZIP_BROKEN_NAME].decode()
    assert "A-fox-an-owl-run-seed-7 (2).mp4" in told
    assert told.count(".mp4") == 1
    assert [*files.values()].count(CLIP) == 2


def test_a_bucket_that_is_away_is_told_before_anything_came(storage, monkeypatch):
    async def away(*_):
        raise BucketAway
        yield b""

    monkeypatch.setattr(storage, "read", away)
    with pytest.raises(BucketAway):
        unzipped(storage, [put(storage)])


def test_who_leaves_in_the_middle_leaves_no_trouble_behind(storage):
    """Neither Python nor the event loop has to close what they had open, and complains of it."""
    app = ClipsZip(None, storage=storage)
    clip = put(storage, b"x" * 8 * PIECE)
    troubles = []

    async def leave():
        loop, begun = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda _, trouble: troubles.append(trouble))

        async def receive():
            await begun.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message.get("body"):
                begun.set()
                await asyncio.Event().wait()

        scope = {"type": "http", "path": PATH, "method": "GET", "query_string": clip.encode()}
        await app(scope, receive, send)
        assert begun.is_set()
        for _ in range(10):  # what nobody closed is closed by the event loop, one by one
            gc.collect()
            await asyncio.sleep(0.01)

    asyncio.run(leave())
    assert troubles == []


def test_no_clip_is_in_memory(storage):
    """Of 40 MB, a few pieces are, whoever takes them and how slowly."""
    ids = [put(storage, b"x" * 8_000_000) for _ in range(5)]

    async def walk():
        return sum([len(piece) async for piece in zipped(storage, ids)])

    tracemalloc.start()
    try:
        assert asyncio.run(walk()) > 40_000_000
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 12 * PIECE


# As the page gives it


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zip")
    fill(folder / "data", 3)
    with ServedPage(folder) as page:
        yield page


def ids_in(served):
    return [row["clip"] for row in served.rows() if row["owner"] == f"browser:{VISITOR}"]


def test_the_page_gives_it_with_the_headers_of_any_file(served):
    answer = requests.get(f"{served.url}/clips.zip?{','.join(ids_in(served))}", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment;")
    page = requests.get(served.url, timeout=10)
    for name in ("content-security-policy", "x-content-type-options", "referrer-policy"):
        assert answer.headers[name] == page.headers[name]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert sum(name.endswith(".mp4") for name in archive.namelist()) == 3


def test_who_knows_no_clips_id_gets_nothing(served):
    known = ids_in(served)[0]
    for query in ("", "*", "%", known[:-1], known[:-1] + "!", "../" + known, "x" * 22, ",,,"):
        assert requests.get(f"{served.url}/clips.zip?{query}", timeout=10).status_code == 404
    assert requests.get(f"{served.url}/clips.zip", timeout=10).status_code == 404
    assert requests.post(f"{served.url}/clips.zip?{known}", timeout=10).status_code in (404, 405)
    elsewhere = {"Host": "elsewhere.example"}
    answer = requests.get(f"{served.url}/clips.zip?{known}", headers=elsewhere, timeout=10)
    assert answer.status_code == 400


def test_all_that_the_page_lets_be_chosen_fits_into_one_address(served):
    query = ",".join(["x" * 22] * (MOST - 1) + ids_in(served)[:1])
    assert requests.get(f"{served.url}/clips.zip?{query}", timeout=10).status_code == 200
