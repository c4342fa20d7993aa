"""Visitors' pictures, with either database: kept before they are named, bounded, bound to whose
they are, sent as bytes, and gone with the last job that names them."""

# ruff: noqa: F811  # the fixtures of another file are parameters here
import base64
import hashlib
import io
import json
import math
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import sqlalchemy as sa
from fault_server import json_answer
from jobs_fixture import (
    ID,
    ME,
    NOT_FOUND,
    QUEUED,
    House,
    Service,
    begin,
    completed,
    completed_at,
    in_a_loop,
    until,
    watch,
)
from PIL import Image

# The databases of those tests.
from test_ledger import clock, file, ledger, opened, postgres, url  # noqa: F401

from backend import picture_rows
from backend.ledger import names_in
from backend.pictures import UNUSED_FOR, Pictures, PicturesFull, PicturesGone, Room, name_of
from backend.storage import Storage
from veo import polling
from veo.pictures import BadPicture, prepare
from veo_client import InvalidRequest, TookTooLong, VideoRequest

SIZE = (128, 72)


def photo(seed=0, size=(192, 108)):
    """A PNG; no two seeds give the same."""
    content = io.BytesIO()
    squares = Image.frombytes("RGB", (4, 4), random.Random(seed).randbytes(48))
    squares.resize(size, Image.Resampling.NEAREST).save(content, "PNG")
    return content.getvalue()


def asking_for(*names, **more):
    """A request as it is noted, from one picture or two."""
    pictures = dict(zip(("image_url", "last_image_url"), names, strict=False))
    return {"prompt": "a fox", "model": "google/veo-3.1-i2v", **pictures, **more}


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "clips", most_bytes=math.inf)


@pytest.fixture
def pictures(ledger, storage):
    return Pictures(ledger, storage)


def keep(pictures, seed=0, owner="ann", **more):
    return pictures.keep(owner, photo(seed), SIZE, **more)


def add(ledger, request, owner="ann"):
    return ledger.add(owner=owner, payer="server", request=request, expected=60.0)


def finish(ledger, entry):
    assert ledger.move(entry.id, "prepared", "rejected")


def files(storage):
    return sorted(storage.folder.with_name("pictures").glob("*"))


# Kept, and whose it is


def test_what_is_kept_is_what_will_be_sent_under_a_name_of_its_owner_and_its_bytes(pictures):
    name = keep(pictures)
    content = pictures.read("ann", name)
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", SIZE)
    assert name == f"picture:{hashlib.sha256(b'ann' + bytes(1) + content).hexdigest()}"
    assert name == name_of("ann", content)
    assert keep(pictures) == name
    assert keep(pictures, owner="bob") != name


def test_what_is_no_picture_leaves_nothing(pictures, storage, ledger):
    for content in (b"", b"GIF89a", photo()[:50], b"<svg/>"):
        with pytest.raises(BadPicture):
            pictures.keep("ann", content, SIZE)
    assert files(storage) == []


def test_another_visitors_picture_is_as_one_that_is_not_there(pictures, ledger):
    name = keep(pictures)
    for owner, which in (("bob", name), ("ann", f"picture:{'0' * 64}"), ("ann", "../../ledger")):
        with pytest.raises(PicturesGone):
            pictures.read(owner, which)
    with pytest.raises(PicturesGone) as refused:
        add(ledger, asking_for(name), owner="bob")
    assert refused.value.names == {name}
    assert ledger.of("bob") == []


def test_a_job_that_names_what_is_not_there_is_not_written(pictures, ledger):
    there, other = keep(pictures), f"picture:{'1' * 64}"
    with pytest.raises(PicturesGone) as refused:
        add(ledger, asking_for(there, other))
    assert refused.value.names == {other}
    assert ledger.of("ann") == []
    with pytest.raises(PicturesGone):
        add(ledger, asking_for(image_urls=[there, other]))


def test_a_picture_whose_bytes_are_not_there_yet_is_named_by_nobody(
    pictures,
    ledger,
    storage,
    monkeypatch,
):
    def dies(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "put_picture", dies)
        with pytest.raises(OSError, match="No space"):
            keep(pictures)
    name = asking_name()
    with pytest.raises(PicturesGone):
        pictures.read("ann", name)
    with pytest.raises(PicturesGone):
        add(ledger, asking_for(name))
    assert keep(pictures) == name  # the next try is as good as a first
    add(ledger, asking_for(name))


def asking_name():
    return name_of("ann", prepare(photo(), SIZE))


def test_the_same_picture_twice_at_once_is_kept_once(pictures, storage):
    with ThreadPoolExecutor(8) as pool:
        names = {*pool.map(lambda _: keep(pictures), range(16))}
    assert len(names) == len(files(storage)) == 1
    assert pictures.read("ann", *names)


# How long


def test_a_picture_goes_with_the_last_job_that_names_it(pictures, ledger, storage):
    name = keep(pictures)
    jobs = [add(ledger, asking_for(name)), add(ledger, asking_for(keep(pictures, 1), name))]
    for job in jobs:
        finish(ledger, job)
    assert ledger.delete(jobs[0].id)
    pictures.remove_listed()
    assert pictures.read("ann", name)
    assert ledger.delete(jobs[1].id)
    with pytest.raises(PicturesGone):
        pictures.read("ann", name)
    assert len(files(storage)) == 2
    pictures.remove_listed()
    assert files(storage) == []
    assert ledger.pictures_to_remove() == []


def test_what_no_job_names_goes_after_an_hour(pictures, ledger, storage, clock):
    unnamed, named = keep(pictures), keep(pictures, 1)
    add(ledger, asking_for(named))
    clock.now += UNUSED_FOR - 1
    pictures.clean_up()
    assert pictures.read("ann", unnamed)
    clock.now += 2
    pictures.clean_up()
    with pytest.raises(PicturesGone):
        pictures.read("ann", unnamed)
    assert pictures.read("ann", named)
    assert len(files(storage)) == 1


def test_what_is_brought_again_is_kept_for_another_hour(pictures, clock):
    name = keep(pictures)
    clock.now += UNUSED_FOR - 1
    assert keep(pictures) == name
    clock.now += UNUSED_FOR - 1
    pictures.clean_up()
    assert pictures.read("ann", name)


def test_what_a_crash_left_half_written_goes_after_an_hour(
    pictures,
    ledger,
    storage,
    clock,
):
    more = {"owner": "ann", "quota_key": "ann", "size": 9, "room": Room()}
    left = [ledger.reserve_picture(f"picture:{n}", **more) for n in range(2)]
    keep(pictures)
    folder = storage.folder.with_name("pictures")
    (folder / f"{left[0]}.part").write_bytes(b"half")
    (folder / f"{left[1]}.jpg").write_bytes(b"whole")
    clock.now += UNUSED_FOR + 1
    keep(pictures, 2)
    pictures.clean_up()
    assert len(files(storage)) == 1


def test_what_was_deleted_and_is_brought_again_while_it_is_removed_stays(
    pictures,
    ledger,
    storage,
):
    name = keep(pictures)
    job = add(ledger, asking_for(name))
    finish(ledger, job)
    ledger.delete(job.id)
    assert keep(pictures) == name  # before the first one's bytes are gone
    pictures.remove_listed()
    assert pictures.read("ann", name)
    assert len(files(storage)) == 1


def test_what_cannot_be_removed_is_tried_again(pictures, ledger, storage, clock, monkeypatch):
    keep(pictures)
    clock.now += UNUSED_FOR + 1
    with monkeypatch.context() as patched:
        patched.setattr(storage, "remove_picture", lambda _: False)
        pictures.clean_up()
    assert len(files(storage)) == 1
    pictures.clean_up()
    assert files(storage) == []


def test_what_one_call_of_a_program_asked_for_goes_once_it_has_ended(
    pictures,
    ledger,
    clock,
):
    call = "program:one"
    name = keep(pictures, owner=call)
    job = add(ledger, asking_for(name), owner=call)
    clock.now += UNUSED_FOR + 1
    pictures.clean_up()
    assert pictures.read(call, name)
    finish(ledger, job)
    pictures.clean_up()
    assert pictures.read(call, name)
    clock.now += UNUSED_FOR + 1
    pictures.clean_up()
    with pytest.raises(PicturesGone):
        pictures.read(call, name)


def test_what_an_earlier_version_deleted_goes_with_the_next_look(pictures, ledger, storage):
    """It deletes rows and knows no pictures."""
    name = keep(pictures)
    job = add(ledger, asking_for(name))
    finish(ledger, job)
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE veo_jobs SET deleted = 1.0, request = NULL")
    pictures.clean_up()
    assert files(storage) == []


# How many


@pytest.mark.parametrize(
    ("room", "for_an_hour"),
    [
        (Room(unnamed=5), True),
        (Room(unnamed_of_a_network=5), True),
        (Room(pictures=5), False),
        (Room(bytes=5 * 800), False),
        (Room(bytes_of_all=5 * 800), False),
    ],
)
def test_a_hundred_at_once_stop_at_the_bound(ledger, storage, room, for_an_hour):
    pictures = Pictures(ledger, storage, room=room)
    refused = list[PicturesFull]()

    def one(seed):
        with suppress(PicturesFull):
            return keep(pictures, seed)
        refused.append(seed)
        return None

    with ThreadPoolExecutor(8) as pool:
        kept = {*pool.map(one, range(100))} - {None}
    sizes = [len(pictures.read("ann", name)) for name in kept]
    assert 1 <= len(kept) == len(files(storage)) <= 5
    assert len(refused) == 100 - len(kept)
    assert sum(sizes) <= room.bytes
    assert sum(sizes) <= room.bytes_of_all
    with pytest.raises(PicturesFull) as full:
        for seed in range(100, 110):
            keep(pictures, seed)
    assert full.value.for_an_hour == for_an_hour


def test_one_visitor_does_not_take_anothers_room(ledger, storage):
    pictures = Pictures(ledger, storage, room=Room(unnamed=1))
    name = keep(pictures)
    with pytest.raises(PicturesFull):
        keep(pictures, 1)
    keep(pictures, 1, owner="bob")
    add(ledger, asking_for(name))  # and what is named makes room for the next
    keep(pictures, 1)


# Two at once


def test_a_job_that_begins_while_the_last_one_is_deleted_finds_it_or_is_not_written(
    ledger,
    storage,
):
    """Whoever is first: no row names a picture that is not there."""
    pictures = Pictures(ledger, storage)
    for turn in range(15):
        name = keep(pictures, turn)
        last = add(ledger, asking_for(name))
        finish(ledger, last)
        together = threading.Barrier(2)
        begun = []

        def again(name=name, together=together, begun=begun):
            together.wait()
            with suppress(PicturesGone):
                begun.append(add(ledger, asking_for(name)))

        def forget(last=last, together=together):
            together.wait()
            ledger.delete(last.id)
            pictures.remove_listed()

        with ThreadPoolExecutor(2) as pool:
            for each in [pool.submit(again), pool.submit(forget)]:
                each.result()
        assert no_row_names_what_is_not_there(ledger, storage)
        if begun:
            assert pictures.read("ann", name)


def no_row_names_what_is_not_there(ledger, storage):
    there = {path.stem for path in files(storage)}
    with ledger._engine.connect() as connection:
        named = connection.execute(sa.select(picture_rows._uses.c.file)).scalars()
        return {*named} <= there


# Sent


PNG = photo()


def from_a_picture(name, **more):
    return VideoRequest("a fox", model="google/veo-3.1-i2v", image_url=name, **more)


@in_a_loop
async def test_the_service_gets_the_bytes_and_the_ledger_keeps_the_name(house):
    with Service() as service:
        async with house.process(service) as jobs:
            name = jobs.pictures.keep(ME, PNG, SIZE)
            job = await begin(jobs, request=from_a_picture(name))
            assert (await watch(job))[-1] == "done"
            content = jobs.pictures.read(ME, name)
            trace = repr(jobs.recent_http.of(job.id))
    (created,) = [each for each in service.requests if each.method == "POST"]
    sent = created.json()["image_url"]
    assert sent == f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
    assert name in trace
    assert sent[30:90] not in trace
    assert house.ledger.get(job.id).request["image_url"] == name
    (note,) = house.storage.folder.rglob("clip.json")
    assert name in note.read_text()
    everything = b"".join(path.read_bytes() for path in house.folder.rglob("ledger*"))
    assert base64.b64encode(content)[:60] not in everything
    assert content[:60] not in everything


@in_a_loop
async def test_a_picture_that_is_gone_when_it_is_to_be_sent_costs_nothing(house):
    with Service() as service:
        async with house.process(service) as jobs:
            name = jobs.pictures.keep(ME, PNG, SIZE)
            for path in files(house.storage):
                path.unlink()
            job = await begin(jobs, request=from_a_picture(name))
            assert (await watch(job))[-1] == "rejected"
    assert isinstance(job.error, InvalidRequest)
    assert service.count("create") == 0


@in_a_loop
async def test_a_shelf_that_cannot_be_read_costs_nothing(house, monkeypatch):
    def away(_):
        raise OSError(5, "Input/output error")

    with Service() as service:
        async with house.process(service) as jobs:
            name = jobs.pictures.keep(ME, PNG, SIZE)
            monkeypatch.setattr(house.storage, "picture", away)
            job = await begin(jobs, request=from_a_picture(name))
            assert (await watch(job))[-1] == "rejected"
    assert isinstance(job.error, TookTooLong)
    assert service.count("create") == 0


@in_a_loop
async def test_a_deleted_job_takes_its_picture_with_it(house):
    with Service() as service:
        async with house.process(service) as jobs:
            name = jobs.pictures.keep(ME, PNG, SIZE)
            job = await begin(jobs, request=from_a_picture(name))
            await watch(job)
            assert len(files(house.storage)) == 1
            assert await jobs.delete(job)
    assert files(house.storage) == []


@in_a_loop
async def test_at_most_eight_are_sent_at_once(house, monkeypatch):
    reading = []
    most = []
    go_on = threading.Event()
    read = Pictures.read

    def slowly(self, owner, name):
        reading.append(name)
        most.append(len(reading))
        go_on.wait(20)
        content = read(self, owner, name)
        reading.remove(name)
        return content

    with Service() as service:
        async with house.process(service) as jobs:
            names = [jobs.pictures.keep(ME, photo(n), SIZE) for n in range(12)]
            monkeypatch.setattr(Pictures, "read", slowly)
            begun = [await begin(jobs, request=from_a_picture(name)) for name in names]
            await until(lambda: len(reading) == 8)
            go_on.set()
            for job in begun:
                assert (await watch(job))[-1] == "done"
    assert max(most) == 8
    assert service.count("create") == 12


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(polling.PollState, "wait", lambda *_: 0.005)


@in_a_loop
async def test_what_a_start_finds_that_nobody_needs_is_removed(tmp_path):
    house = House(tmp_path)
    house.ledger._clock = lambda: 1.0
    Pictures(house.ledger, house.storage).keep(ME, PNG, SIZE)
    house.ledger._clock = lambda: 2.0 + UNUSED_FOR
    with Service() as service:
        async with house.process(service):
            assert files(house.storage) == []
    house.ledger.close()


def test_all_of_a_request_is_looked_through_for_names():
    first, second = (f"picture:{n * 64}" for n in "ab")
    assert names_in(None) == set()
    assert names_in({"prompt": first, "image_url": "https://a.example/b.jpg"}) == set()
    assert names_in({"image_url": first, "last_image_url": second}) == {first, second}
    assert names_in({"image_urls": [first, second], "video_url": "clip:7"}) == {first, second}


# A clip that is continued, a model that is gone


def continuing(name="clip:earlier"):
    return VideoRequest("it goes on", model="google/veo3-1-extend-video", video_url=name)


@in_a_loop
async def test_a_clip_is_given_by_the_address_that_it_has_when_it_is_sent(house):
    with Service() as service:
        service.scripts["look"] = [completed_at("/fresh.mp4"), completed]
        async with house.process(service) as jobs:
            job = await begin(jobs, request=continuing())
            assert (await watch(job))[-1] == "done"
    first, second, *_ = service.requests
    assert (first.method, "generation_id=earlier" in first.path) == ("GET", True)
    assert second.json()["video_url"].endswith("/fresh.mp4")
    assert house.ledger.get(job.id).request["video_url"] == "clip:earlier"


@pytest.mark.parametrize("look", [NOT_FOUND, QUEUED], ids=["unknown", "not ready"])
@in_a_loop
async def test_a_clip_that_the_service_does_not_have_costs_nothing(house, look):
    with Service(look=[look]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs, request=continuing())
            assert (await watch(job))[-1] == "rejected"
    assert (type(job.error), job.error.generation_id) == (InvalidRequest, None)
    assert service.count("create") == 0


@in_a_loop
async def test_a_model_that_is_gone_is_told_with_the_nearest_that_does_the_same(house):
    model = "google/veo-3.1-i2v"
    gone = json_answer(404, {"error": {"message": f"Model {model} not found"}})
    with Service(create=[gone]) as service:
        async with house.process(service) as jobs:
            name = jobs.pictures.keep(ME, PNG, SIZE)
            job = await begin(jobs, request=from_a_picture(name))
            assert (await watch(job))[-1] == "rejected"
    stored = house.ledger.get(job.id).error
    assert stored["reason"] == "model_gone"
    assert (stored["model"], stored["nearest"]) == (model, f"{model}-fast")
    again = job.request.for_model(stored["nearest"])
    assert (again.model, again.image_url) == (stored["nearest"], name)
    assert service.count("create") == 1


@in_a_loop
async def test_what_was_charged_takes_the_place_of_the_estimate(house):
    charged = {"id": ID, "status": "completed", "meta": {"usage": {"usd_spent": 1.25}}}

    def look(connection):
        address = f"http://{connection.request.headers['Host']}/clip.mp4"
        json_answer(200, charged | {"video": {"url": address}})(connection)

    with Service(look=[look]) as service:
        async with house.process(service) as jobs:
            name = jobs.pictures.keep(ME, PNG, SIZE)
            job = await begin(jobs, request=from_a_picture(name), dollars=3.2)
            async for each in job.follow():
                if each.state == "downloading":
                    assert each.entry.facts == {"usd_spent": 1.25}
            assert job.state == "done"
    assert house.ledger.get(job.id).dollars == 1.25
    assert job.cost_is_told
    (note,) = house.storage.folder.rglob("clip.json")
    assert json.loads(note.read_text())["usd_spent"] == 1.25


@in_a_loop
async def test_a_restart_knows_what_was_charged(house):
    """It is told with the clip's address, and written down before the file is here."""
    row = house.row("running")
    told = {"dollars": 1.25, "facts": {"usd_spent": 1.25}, "clip": house.storage.new_clip_id()}
    assert house.ledger.move(row.id, "running", "downloading", **told)
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            assert (await watch(job))[-1] == "done"
    assert (job.entry.dollars, job.cost_is_told) == (1.25, True)
