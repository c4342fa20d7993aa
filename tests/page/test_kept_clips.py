"""A clip that came in another form than it should: shown, or kept for its owner, and told."""

import pytest
from fault_server import answer, file_answer, html_answer, json_answer
from jobs_fixture import (
    FOX,
    ID,
    ME,
    Service,
    begin,
    completed,
    film,
    in_a_loop,
    until,
    watch,
)

from backend import runner as runner_module
from backend.background import Background
from page import status_card, strip
from veo import explain, polling
from veo.types import DownloadFailed


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(polling.PollState, "wait", lambda *_: 0.005)
    monkeypatch.setattr(runner_module, "LOOK_AGAIN_AFTER", (0.005,) * 7)


def row_of(job, house):
    return strip.rows([job], house.storage, is_guest=lambda _: False)[0]


def card_of(job):
    has_clip = job.state == "done"
    return status_card.card_for_job(job, has_clip=has_clip, is_guest=False)


CUT = film()[:-100]
NOT_TO_BE_SHOWN = {
    "cut at the service": CUT,
    "another format": b"\x1a\x45\xdf\xa3" + bytes(5000),
    "zeros": bytes(5000),
    "without an index": film().replace(b"moov", b"free", 1),
}


@pytest.mark.parametrize("kind", NOT_TO_BE_SHOWN)
@in_a_loop
async def test_what_cannot_be_shown_is_kept_for_its_owner_and_not_fetched_for_ever(house, kind):
    """Once more, for a host may have all of it only a moment later; then it rests."""
    content = NOT_TO_BE_SHOWN[kind]
    with Service(look=[completed], file=[answer(200, content)]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: not job.is_driven)
            assert job.state == "needs_attention"
            assert (service.count("file"), service.count("create")) == (2, 1)
        async with house.process(service) as later:
            job = await later.get(job.id, ME)
            assert not job.is_driven
            assert service.count("file") == 2
    assert isinstance(job.error, DownloadFailed)
    assert house.storage.file(job.entry.clip) is None
    assert house.storage.file(job.entry.clip, "kept").read_bytes() == content
    row, card = row_of(job, house), card_of(job)
    assert row["kept"].endswith("veo-clip.mp4.unchecked")
    assert row["file"].endswith(".mp4.unchecked")
    assert row["clip"] == row["poster"] == ""
    assert card["title"] == "The video cannot be shown"
    assert card["cost"] == explain.CHARGED
    assert "Save it from My clips" in card["next"]
    assert [action for action, *_ in card["actions"]] == ["fetch_again"]


@in_a_loop
async def test_what_was_not_all_there_is_fetched_once_more_by_itself(house):
    with Service(look=[completed], file=[answer(200, CUT), file_answer(film())]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: not job.is_driven)
    assert job.state == "done"
    assert house.storage.file(job.entry.clip).read_bytes().startswith(film())
    assert row_of(job, house)["kept"] == ""


@in_a_loop
async def test_what_is_kept_can_be_fetched_again_by_hand(house):
    damaged = [answer(200, CUT)] * 2
    with Service(look=[completed], file=[*damaged, file_answer(film())]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: not job.is_driven)
            job = await jobs.look_again(job)
            assert (await watch(job))[-1] == "done"
    assert service.count("create") == 1


@in_a_loop
async def test_what_is_kept_stays_when_a_page_comes_in_its_place(house, monkeypatch):
    monkeypatch.setattr(Background, "pause", lambda *_: None)
    files = [answer(200, CUT), answer(200, CUT), html_answer(200)]
    with Service(look=[completed], file=files) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: not job.is_driven)
            await watch(await jobs.look_again(job))
            assert house.storage.file(job.entry.clip, "kept").read_bytes() == CUT


@in_a_loop
async def test_a_page_in_place_of_the_file_is_looked_for_again(house, monkeypatch):
    monkeypatch.setattr(Background, "pause", lambda *_: None)
    files = [html_answer(200)] * 3 + [file_answer(film())]
    with Service(look=[completed], file=files) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await until(lambda: not job.is_driven)
    assert job.state == "done"


ODD = {
    "padding": (film() + bytes(2048), "bytes_after"),
    "a tag": (film() + b"TAG" + bytes(125), "bytes_after"),
}


@pytest.mark.parametrize("kind", ODD)
@in_a_loop
async def test_an_odd_clip_is_shown_with_a_line_about_it(house, kind):
    content, oddity = ODD[kind]
    with Service(look=[completed], file=[answer(200, content)]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
        assert service.count("file") == 1
        async with house.process(start=False) as later:
            later = await later.get(job.id, ME)
    assert house.storage.file(job.entry.clip).read_bytes() == content
    assert later.facts.odd == job.facts.odd == [oddity]
    assert explain.ODDITIES[oddity] in card_of(later)["next"]


@in_a_loop
async def test_the_card_says_what_is_not_as_asked(house):
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs, request=FOX)
            await watch(job)
    assert card_of(job)["next"] == (
        "Not as asked: 16:9, 720p, 4 s, sound; it came with 160 × 96, 1 s, no sound."
    )


@in_a_loop
async def test_nothing_is_said_of_a_clip_whose_request_is_not_known(house):
    with Service(look=[completed]) as service:
        async with house.process(service) as jobs:
            job = await jobs.resume(ID, owner=ME, payer="server", expected=2.0)
            await watch(job)
    assert job.state == "done"
    assert card_of(job)["next"] == ""


def completed_for(usage):
    def look(connection):
        url = f"http://{connection.request.headers['Host']}/clip.mp4"
        said = {"id": ID, "status": "completed", "video": [{"url": url}], "meta": {"usage": usage}}
        json_answer(200, said)(connection)

    return look


@pytest.mark.parametrize("spent", [1.6, "1.60", "$1.6"])
@in_a_loop
async def test_what_was_really_charged_is_told_instead_of_the_estimate(house, spent):
    with Service(look=[completed_for({"credits_used": 1, "usd_spent": spent})]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs, dollars=3.2)
            await watch(job)
            assert (await jobs.spent(ME, 0.0)).dollars == 1.6
    assert card_of(job)["cost"] == "Charged $1.60."
    assert job.entry.dollars == 1.6


@pytest.mark.parametrize("usage", [None, [], 7, "much", {"usd_spent": None}])
@in_a_loop
async def test_where_nothing_is_told_the_estimate_stays(house, usage):
    with Service(look=[completed_for(usage)]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs, dollars=3.2)
            await watch(job)
    assert card_of(job)["cost"] == "Charged $3.20 (list price)."


@in_a_loop
async def test_a_clip_that_the_filter_dropped_has_failed_in_the_services_words(house):
    dropped = {"id": ID, "status": "completed", "video": None, "error": "Dropped by the filter."}
    with Service(look=[json_answer(200, dropped)]) as service:
        async with house.process(service) as jobs:
            job = await begin(jobs)
            await watch(job)
            await until(lambda: not job.is_driven)
        assert service.count("look") == 1
    assert job.state == "failed"
    assert card_of(job)["happened"] == "Dropped by the filter."
    assert card_of(job)["cost"] == explain.NOT_CHARGED


@in_a_loop
async def test_a_restart_finds_the_words_of_a_clip_that_was_dropped_meanwhile(house):
    row = house.row("downloading")
    dropped = {"id": ID, "status": "completed", "video": [], "error": {"message": "Dropped."}}
    with Service(look=[json_answer(200, dropped)]) as service:
        async with house.process(service) as jobs:
            job = await jobs.get(row.id, ME)
            await until(lambda: not job.is_driven)
        assert service.count("look") == 1
    assert card_of(job)["happened"] == "Dropped."
