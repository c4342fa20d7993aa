"""Clips in a bucket, on a real S3 server: whole or not there, found again, removed, evicted."""

import asyncio
import io
import math
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import obstore
import pytest
from conftest import KEY
from fault_server import answer, file_answer
from jobs_fixture import (
    FOX,
    ME,
    House,
    Service,
    begin,
    completed,
    film,
    in_a_loop,
    until,
    watch,
)
from obstore.exceptions import GenericError
from PIL import Image
from seaweed import BUCKET, KEY_ID, SECRET, SeaweedServer, free_ports

from backend import config
from backend import runner as runner_module
from backend.bucket import Bucket, Opened
from backend.ledger import open_ledger
from backend.pictures import UNUSED_FOR, Pictures, PicturesGone
from backend.service import NoBucket
from backend.service import Service as BackEnd
from backend.storage import BucketAway, NoSuchPart
from veo import media, polling
from veo_client import VeoClient, VideoRequest

CLIP_NAMES = ["clip.json", "poster.jpg", "veo-clip.mp4"]


@pytest.fixture(scope="module")
def seaweed():
    with SeaweedServer() as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(polling.PollState, "wait", lambda *_: 0.005)
    monkeypatch.setattr(runner_module, "LOOK_AGAIN_AFTER", (0.2,) * 100)


@pytest.fixture
def address(seaweed, monkeypatch):
    """A part of the bucket for one test."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    return seaweed.new_address()


def bucket_in(folder, address, most_bytes=math.inf):
    folder.mkdir(parents=True, exist_ok=True)
    return Bucket(address, folder / "arriving", most_bytes=most_bytes)


@pytest.fixture
def house(house, address):
    """The house of `jobs_fixture`, whose clips go into the bucket."""
    house.storage = bucket_in(house.folder, address)
    return house


@pytest.fixture
def another(house, address, tmp_path):
    """A second server with the same ledger and the same bucket."""
    another = object.__new__(House)
    another.folder = tmp_path / "another"
    another.ledger = open_ledger(f"sqlite:///{house.folder / 'ledger.sqlite'}", runner="there")
    another.storage = bucket_in(another.folder, address)
    yield another
    another.ledger.close()


def names(seaweed, address):
    return sorted(key.rpartition("/")[2] for key in clips(seaweed, address))


def clips(seaweed, address):
    below = address.removeprefix(f"s3://{BUCKET}/")
    keys = {key.removeprefix(f"{below}/"): size for key, size in seaweed.keys(address).items()}
    return {key: size for key, size in keys.items() if not key.startswith(".")}


def content(seaweed, address, key):
    return bytes(obstore.get(seaweed.store(address), key).bytes())


# A clip comes


@in_a_loop
async def test_a_clip_comes_with_poster_and_note_and_leaves_nothing_behind(house, seaweed, address):
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            assert (await watch(job))[-1] == "done"
    assert names(seaweed, address) == CLIP_NAMES
    whole = content(seaweed, address, f"{job.entry.clip}/veo-clip.mp4")
    assert whole.startswith(film())
    assert job.facts.size == len(whole)
    assert house.files() == []
    (house.folder / "again.mp4").write_bytes(whole)
    assert media.read_request(house.folder / "again.mp4") == FOX.body()


def receive(bucket, clip_id, download=None):
    return bucket.receive(
        clip_id,
        download or (lambda path: path.write_bytes(film())),
        name="veo-clip.mp4",
        request=FOX.body(),
    )


def never(_path):
    raise AssertionError("it was fetched again")


def test_the_clip_is_put_last(address, tmp_path, monkeypatch):
    """Where it is, the rest is there."""
    bucket, put, order = bucket_in(tmp_path, address), obstore.put, []

    def noted(store, key, *arguments, **named):
        order.append(key.rpartition("/")[2])
        assert named["use_multipart"] is False
        return put(store, key, *arguments, **named)

    monkeypatch.setattr(obstore, "put", noted)
    receive(bucket, bucket.new_clip_id())
    assert order == ["poster.jpg", "clip.json", "veo-clip.mp4"]


@pytest.mark.parametrize("note", ["whole", "none", "no JSON", "of another"])
def test_a_clip_that_was_put_is_found_again_and_not_fetched(seaweed, address, tmp_path, note):
    """By another server, too; without a note that fits, it is looked into."""
    bucket = bucket_in(tmp_path / "one", address)
    clip_id = bucket.new_clip_id()
    facts = receive(bucket, clip_id)
    store, key = seaweed.store(address), f"{clip_id}/clip.json"
    match note:
        case "none":
            obstore.delete(store, key)
        case "no JSON":
            obstore.put(store, key, b"{")
        case "of another":
            told = content(seaweed, address, key).replace(b'"size": ', b'"size": 1')
            obstore.put(store, key, told)
    other = bucket_in(tmp_path / "other", address)
    assert other.has_something(clip_id)
    assert receive(other, clip_id, never) == facts
    assert names(seaweed, address) == CLIP_NAMES
    assert [path for path in other.folder.rglob("*") if path.is_file()] == []


def test_who_comes_second_for_a_clip_waits_until_the_first_has_put_it(
    address, tmp_path, monkeypatch
):
    bucket, put, order = bucket_in(tmp_path, address), obstore.put, []
    clip_id, is_putting, may_go_on = bucket.new_clip_id(), threading.Event(), threading.Event()

    def slowly(store, key, *arguments, **named):
        order.append(key.rpartition("/")[2])
        is_putting.set()
        may_go_on.wait(30)
        return put(store, key, *arguments, **named)

    monkeypatch.setattr(obstore, "put", slowly)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(receive, bucket, clip_id)
        assert is_putting.wait(30)
        second = pool.submit(receive, bucket, clip_id, never)
        wait([second], timeout=0.3)
        may_go_on.set()
        assert second.result() == first.result()
    assert order == ["poster.jpg", "clip.json", "veo-clip.mp4"]


STEPS = ["poster.jpg", "clip.json", "veo-clip.mp4", "after the clip"]


@pytest.mark.parametrize("step", STEPS)
@in_a_loop
async def test_a_crash_at_any_put_costs_nothing(house, seaweed, address, step, monkeypatch):
    """The next process ends it, with neither a second create nor a second fetch."""
    row = house.row("downloading")
    put = obstore.put

    class Crash(BaseException):
        pass

    def crash(store, key, *arguments, **named):
        if key.endswith(step):
            raise Crash
        put(store, key, *arguments, **named)
        if step == "after the clip" and key.endswith("veo-clip.mp4"):
            raise Crash

    monkeypatch.setattr(obstore, "put", crash)
    with pytest.raises(Crash):
        receive(house.storage, row.clip)
    monkeypatch.undo()
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    with Service() as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            await until(lambda: not job.is_driven)
        assert (service.count("create"), service.count("file")) == (0, 0)
    assert job.state == "done"
    assert names(seaweed, address) == CLIP_NAMES
    assert house.files() == []


SPAWNED = multiprocessing.get_context("spawn")
"""Not forked: obstore has threads of its own."""


def live(folder, address, service_url, dies_at):
    """Be a server that goes on with what is there, until it is done or dies at a call to the
    bucket: at each, before it (even numbers) or after it (odd ones)."""
    calls = iter(range(10_000))

    def dying(call):
        def made(*arguments, **named):
            if next(calls) == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments, **named)
            if next(calls) == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return made

    for name in ("head", "get", "put", "delete"):
        setattr(obstore, name, dying(getattr(obstore, name)))
    polling.PollState.wait = lambda *_: 0.005

    asyncio.run(see_through(folder, address, service_url))


async def see_through(folder, address, service_url):
    """Go on with what is there until nothing is left to do."""
    house = House(folder)
    house.storage = bucket_in(folder, address, most_bytes=1.5 * len(film()))
    async with house.process(VeoClient(KEY, base_url=service_url)) as jobs:
        for entry in house.ledger.of(ME):
            job = await jobs.get(entry.id, ME)
            await until(lambda job=job: not job.is_driven)
    house.ledger.close()


def lived(*life):
    process = SPAWNED.Process(target=live, args=life)
    process.start()
    process.join(60)
    return process.exitcode


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_that_is_killed_at_any_call_to_the_bucket_loses_nothing(
    seaweed, tmp_path, monkeypatch
):
    """Two clips come, of which the second pushes out the first; each is fetched once."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    killed = 0
    for dies_at in range(1000):
        folder, address = tmp_path / str(dies_at), seaweed.new_address()
        folder.mkdir()
        house = House(folder)
        first = house.row("running")
        with Service(look=[completed]) as service:
            asyncio.run(see_through(folder, address, service.url))
            second = house.row("running")
            ended = lived(folder, address, service.url, dies_at)
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            killed += 1
            asyncio.run(see_through(folder, address, service.url))
            house.row("running")  # one more arrives, and room is made again
            asyncio.run(see_through(folder, address, service.url))
            assert service.count("create") == 0
            assert service.count("file") == 3, dies_at
        entries = {entry.id: entry for entry in house.ledger.of(ME)}
        assert {entry.state for entry in entries.values()} == {"done"}
        there = {key.partition("/")[0] for key in clips(seaweed, address)}
        named = {entry.clip for entry in house.ledger.in_states("done") if entry.clip}
        assert there == named, dies_at
        assert len(named) == 1
        assert entries[first.id].clip is entries[second.id].clip is None
        assert house.ledger.clips_to_remove() == []
        assert [path for path in (folder / "arriving").rglob("*") if path.is_file()] == []
        house.ledger.close()
    assert killed >= 8


CUT = film()[:-100]


@in_a_loop
async def test_what_cannot_be_shown_is_kept_in_the_bucket_for_its_owner(house, seaweed, address):
    with Service(look=[completed], file=[answer(200, CUT)]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: not job.is_driven)
        assert service.count("create") == 1
    assert job.state == "needs_attention"
    kept = house.storage.address(job.entry.clip, "kept")
    assert kept == f"gradio_api/file=clips/{job.entry.clip}/veo-clip.mp4.unchecked"
    assert content(seaweed, address, f"{job.entry.clip}/veo-clip.mp4.unchecked") == CUT


# The bucket goes away and comes back


@pytest.mark.slow
@in_a_loop
async def test_while_the_bucket_is_away_a_paid_clip_waits_here(house, seaweed, address):
    """It is fetched once, and put when the bucket is back."""
    row = house.row("running")
    seaweed.stop()
    try:
        with Service(look=[completed], file=[file_answer(film())]) as service:
            async with house.process(service) as jobs:
                job = await jobs.get(row.id, ME)
                await until(lambda: job.error)
                assert job.state == "needs_attention"
                assert "the bucket does not answer" in str(job.error)
                assert house.files() == CLIP_NAMES
                await asyncio.to_thread(seaweed.start)
                await until(lambda: not job.is_driven)
            assert (service.count("create"), service.count("file")) == (0, 1)
    finally:
        seaweed.stop()
        seaweed.start()
    assert job.state == "done"
    assert names(seaweed, address) == CLIP_NAMES
    assert house.files() == []


@pytest.mark.slow
def test_what_cannot_be_kept_is_found_out_before_it_is_paid_for(seaweed, address, tmp_path):
    bucket = bucket_in(tmp_path, address)
    bucket.try_out()
    seaweed.stop()
    try:
        with pytest.raises(BucketAway) as met:
            bucket.try_out()
    finally:
        seaweed.start()
    assert met.value.what == "away"


@pytest.mark.slow
@in_a_loop
async def test_a_clip_whose_files_could_not_be_removed_is_removed_later(
    house, another, seaweed, address
):
    """By whichever server comes first: all of them reach it."""
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
            seaweed.stop()
            try:
                assert await jobs.delete(job)
            finally:
                seaweed.start()
    assert names(seaweed, address) == CLIP_NAMES
    async with another.process():
        pass
    assert names(seaweed, address) == []
    assert house.ledger.awaiting_file_removal(anywhere=True) == []


@in_a_loop
async def test_a_deleted_clip_is_gone_from_the_bucket(house, seaweed, address):
    with Service() as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
            assert await jobs.delete(job)
    assert names(seaweed, address) == []


def deleted_elsewhere(another, job_id):
    """Another server takes the job, finishes it, and its owner deletes the clip there."""
    taken = another.ledger.take_all([job_id])[job_id]
    assert another.ledger.move(job_id, "downloading", "done", epoch=taken.epoch)
    assert another.ledger.delete(job_id)
    assert another.storage.remove(taken.clip)
    another.ledger.clip_removed(job_id, anywhere=True)


@pytest.mark.parametrize("held_up_at", ["poster.jpg", "veo-clip.mp4"])
@in_a_loop
async def test_what_is_put_after_another_server_deleted_the_clip_goes_again(
    house, another, seaweed, address, monkeypatch, held_up_at
):
    row, put = house.row("running"), obstore.put

    def held_up(store, key, *arguments, **named):
        if key.endswith(held_up_at):
            deleted_elsewhere(another, row.id)
        return put(store, key, *arguments, **named)

    monkeypatch.setattr(obstore, "put", held_up)
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            await until(lambda: not jobs._live)
    assert names(seaweed, address) == []


@in_a_loop
async def test_what_is_put_too_late_goes_again_though_the_bucket_stumbles_at_first(
    house, another, seaweed, address, monkeypatch
):
    row, put, delete, stumbles = house.row("running"), obstore.put, obstore.delete, []

    def held_up(store, key, *arguments, **named):
        if key.endswith("veo-clip.mp4"):
            deleted_elsewhere(another, row.id)
            stumbles.append(GenericError("503"))
        return put(store, key, *arguments, **named)

    def stumbling(*arguments):
        if stumbles:
            raise stumbles.pop()
        return delete(*arguments)

    monkeypatch.setattr(obstore, "put", held_up)
    monkeypatch.setattr(obstore, "delete", stumbling)
    monkeypatch.setattr(runner_module, "WRITE_AGAIN_AFTER", 0.05)
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            await until(lambda: not jobs._live)
    assert names(seaweed, address) == []


# Room


async def made(jobs, number, payer="server"):
    done = []
    for _ in range(number):
        job = await begin(jobs, payer=payer)
        await watch(job)
        await until(lambda job=job: not job.is_driven)
        done.append(job)
    return done


@pytest.mark.slow
@in_a_loop
async def test_the_oldest_clips_make_room_and_can_be_fetched_again(house, seaweed, address):
    with Service() as service:
        async with house.process(service) as jobs:
            first, second = await made(jobs, 2)
            house.storage.most_bytes = 2.5 * first.facts.size
            (third,) = await made(jobs, 1)
            there = {key.partition("/")[0] for key in clips(seaweed, address)}
            assert there == {second.entry.clip, third.entry.clip}
            first = await jobs.get(first.id, ME)
            assert (first.state, first.entry.clip) == ("done", None)
            assert house.storage.address(first.entry.clip) == ""
            house.storage.most_bytes = math.inf
            again = await jobs.look_again(first)
            assert (await watch(again))[-1] == "done"
            assert again.entry.clip not in (None, second.entry.clip, third.entry.clip)
        assert service.count("create") == 3
    assert f"{again.entry.clip}/veo-clip.mp4" in clips(seaweed, address)


@pytest.mark.slow
@in_a_loop
async def test_demo_clips_make_room_before_any_that_was_paid_for(house, seaweed, address):
    with Service() as service:
        async with house.process(service) as jobs:
            (paid,) = await made(jobs, 1)
            (free,) = await made(jobs, 1, payer="demo")
            assert f"{free.entry.clip}/demo-clip.mp4" in clips(seaweed, address)
            house.storage.most_bytes = 2.5 * paid.facts.size
            (later,) = await made(jobs, 1)
    there = {key.partition("/")[0] for key in clips(seaweed, address)}
    assert there == {paid.entry.clip, later.entry.clip}


@in_a_loop
async def test_a_crash_while_room_is_made_leaves_nothing_for_ever(
    house, another, seaweed, address, monkeypatch
):
    """What is off its row is on a list, from which any server removes it."""
    with Service() as service:
        async with house.process(service) as jobs:
            (job,) = await made(jobs, 1)
    house.storage.most_bytes = 0
    monkeypatch.setattr(Bucket, "remove", lambda *_: False)
    assert house.storage.evict([]) == []
    monkeypatch.undo()
    assert names(seaweed, address) == CLIP_NAMES
    another.storage.use_ledger(another.ledger)
    assert another.storage.evict([]) == [job.entry.clip]
    assert names(seaweed, address) == []
    assert another.ledger.clips_to_remove() == []


# What arrived and nobody awaits


def test_what_nobody_awaits_goes_after_a_day(house):
    mine, done, unknown, fresh = (house.storage.new_clip_id() for _ in range(4))
    house.row("downloading", clip=mine)
    house.row("done", clip=done)
    for clip_id in (mine, done, unknown, fresh):
        (house.storage.folder / clip_id).mkdir(parents=True)
        if clip_id != fresh:
            os.utime(house.storage.folder / clip_id, (time.time() - 90_000,) * 2)
    other = house.storage.folder / "lost+found"
    other.mkdir()
    os.utime(other, (0, 0))
    house.storage.clean_up(house.ledger.awaits_clip)
    left = {path.name for path in house.storage.folder.iterdir()}
    assert left == {mine, fresh, "lost+found"}


# It is given out


def read(bucket, *arguments):
    async def whole():
        opened: Opened = await bucket.open(*arguments)
        return opened, b"".join([piece async for piece in opened.pieces])

    return asyncio.run(whole())


@pytest.mark.slow
def test_a_large_clip_is_given_out_without_being_in_memory(seaweed, address, tmp_path):
    """In pieces, of which the next is asked for when the last one was taken."""
    bucket = bucket_in(tmp_path, address)
    clip_id, size = bucket.new_clip_id(), 64 * 2**20
    obstore.put(seaweed.store(address), f"{clip_id}/veo-clip.mp4", bytes(size))

    async def memory_and_bytes():
        opened, came, largest = await bucket.open(clip_id, "veo-clip.mp4"), 0, 0
        before = resident()
        async for piece in opened.pieces:
            came += len(piece)
            largest = max(largest, resident())
        return came, largest - before

    came, grew = asyncio.run(memory_and_bytes())
    assert came == size
    assert grew < 16 * 2**20


def resident():
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


HOSTILE = ["", ".", "..", "../x", "/", "a" * 21, "a" * 23, "é" * 22, "*" * 22, "a" * 21 + "\n"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leads_out_of_the_clips(address, tmp_path, name):
    bucket = bucket_in(tmp_path, address)
    assert bucket.address(name) == bucket.to_give(name) == bucket.name(name) == ""
    assert not bucket.has(name)
    assert not bucket.has_something(name)
    assert bucket.remove(name)
    with pytest.raises(ValueError, match="no clip"):
        receive(bucket, name)
    for clip_id, file in ((name, "veo-clip.mp4"), (bucket.new_clip_id(), name)):
        with pytest.raises(FileNotFoundError):
            read(bucket, clip_id, file)


def test_a_part_that_is_not_there_is_told_with_the_size(seaweed, address, tmp_path):
    bucket = bucket_in(tmp_path, address)
    clip_id = bucket.new_clip_id()
    receive(bucket, clip_id)
    opened, _ = read(bucket, clip_id, "veo-clip.mp4")
    with pytest.raises(NoSuchPart) as met:
        read(bucket, clip_id, "veo-clip.mp4", {"range": {"offset": 10**9}})
    assert met.value.size == opened.size


@pytest.mark.parametrize("part", [{"offset": 5}, {"suffix": 5}, (5, 10)], ids=str)
def test_a_bucket_that_stumbles_over_a_part_is_away(address, tmp_path, monkeypatch, part):
    """Whoever plays the clip may ask again: the part is there."""
    bucket = bucket_in(tmp_path, address)
    clip_id = bucket.new_clip_id()
    receive(bucket, clip_id)

    async def stumble(*_, **__):
        raise GenericError("503")

    monkeypatch.setattr(obstore, "get_async", stumble)
    with pytest.raises(BucketAway):
        read(bucket, clip_id, "veo-clip.mp4", {"range": part})


# The start


def settings(tmp_path, monkeypatch, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return config.read({**os.environ, "VEO_DATA_DIR": str(tmp_path), **environment})


def test_a_server_with_a_bucket_starts(address, tmp_path, monkeypatch):
    with BackEnd(settings(tmp_path, monkeypatch, VEO_CLIPS=address)) as service:
        assert service.storage.is_shared
        assert service.storage.folder == tmp_path / "arriving"


WRONG = {
    "missing": ({"VEO_CLIPS": "s3://no-such-bucket/x"}, "there is no such bucket"),
    "another key": ({"AWS_ACCESS_KEY_ID": "somebody"}, "refuses our keys"),
    "another secret": ({"AWS_SECRET_ACCESS_KEY": "canary-wrong"}, "refuses our keys"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_bucket_that_cannot_be_used_ends_the_start_in_one_sentence(
    address, tmp_path, monkeypatch, kind
):
    environment, words = WRONG[kind]
    known = settings(tmp_path, monkeypatch, **{"VEO_CLIPS": address, **environment})
    with pytest.raises(NoBucket, match=words) as met, BackEnd(known):
        pass
    said = f"{met.value!r} {met.value.__cause__!r}"
    assert known.clips in said
    assert not any(secret in said for secret in (KEY_ID, SECRET, "canary"))


def test_where_nothing_answers_the_start_ends_soon(address, tmp_path, monkeypatch):
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    known = settings(tmp_path, monkeypatch, VEO_CLIPS=address, AWS_ENDPOINT_URL=url)
    began = time.monotonic()
    with pytest.raises(NoBucket, match="AWS_ENDPOINT_URL"), BackEnd(known):
        pass
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"])
def test_no_proxy_of_other_programs_is_asked(address, tmp_path, monkeypatch, name):
    (nobody,) = free_ports(1)
    monkeypatch.setenv(name, f"http://127.0.0.1:{nobody}")
    bucket_in(tmp_path, address).require()
    assert os.environ[name].endswith(str(nobody))


# Pictures


def photo(seed=0):
    content = io.BytesIO()
    Image.new("RGB", (192, 108), (seed, 90, 200)).save(content, "PNG")
    return content.getvalue()


@in_a_loop
async def test_a_picture_in_the_bucket_is_every_servers(house, another, seaweed, address):
    here, there = (Pictures(each.ledger, each.storage) for each in (house, another))
    name = here.keep(ME, photo(), (128, 72))
    assert there.read(ME, name) == here.read(ME, name)
    assert there.keep(ME, photo(), (128, 72)) == name
    (key,) = clips(seaweed, address)
    assert key.startswith("pictures/")
    assert content(seaweed, address, key) == here.read(ME, name)
    request = VideoRequest("a fox", model="google/veo-3.1-i2v", image_url=name)
    with Service() as service:
        async with another.process(service) as jobs:
            job = await begin(jobs, request=request)
            assert (await watch(job))[-1] == "done"
            assert await jobs.delete(job)
    assert service.requests[0].json()["image_url"].startswith("data:image/jpeg;base64,")
    assert clips(seaweed, address) == {}
    with pytest.raises(PicturesGone):
        here.read(ME, name)


def test_a_bucket_that_is_away_keeps_no_picture_and_a_later_one_removes_it(
    house, seaweed, address, monkeypatch
):
    pictures = Pictures(house.ledger, house.storage)
    name = pictures.keep(ME, photo(), (128, 72))
    bucket = bucket_at(address, house.folder, free_ports(1)[0], monkeypatch)
    away = Pictures(house.ledger, bucket)
    for ask in (lambda: away.keep(ME, photo(1), (128, 72)), lambda: away.read(ME, name)):
        with pytest.raises(BucketAway):
            ask()
    house.ledger._clock = lambda: time.time() + 2 * UNUSED_FOR
    away.clean_up()
    assert len(clips(seaweed, address)) == 1
    pictures.clean_up()
    assert clips(seaweed, address) == {}
    assert house.ledger.pictures_to_remove(anywhere=True) == []


def bucket_at(address, folder, port, monkeypatch):
    """A bucket behind a port where nobody listens."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    return bucket_in(folder, address)
