"""One object is the back end of one page: it is opened and closed, and begins what was offered."""

import asyncio
import errno
import fcntl
import os
import threading
from dataclasses import replace

import pytest
from jobs_fixture import ME, in_a_loop

from backend import config
from backend.data_folder import InUse
from backend.pricing import Offer, OfferChanged
from backend.service import NoLedger, Service
from veo_client import InvalidRequest, TookTooLong, VeoClient, VideoRequest

SHORT = VideoRequest("a fox", duration=4, resolution="720p", seed=7)


def settings_for(folder, **environment):
    return config.read({"VEO_DATA_DIR": str(folder), **environment})


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A service with a key of the server's, whose every clip costs `dollars`, and which writes down
    what would be sent."""
    monkeypatch.setenv("AIMLAPI_KEY", "the-owners")
    service = Service(settings_for(tmp_path / "data"))
    service.dollars, service.asked, service.sent, service.takes = 1.6, [], [], []

    async def estimate(client, request):
        service.asked.append(request)
        return service.dollars

    async def generate(request, **named):
        service.sent.append((request, named["payer"], named["dollars"]))
        service.takes.append(named["take"])
        return "job"

    with service:
        monkeypatch.setattr(service.prices, "estimate", estimate)
        monkeypatch.setattr(service.jobs, "generate", generate)
        yield service


def begin(service, offer=None, **more):
    return service.begin(SHORT, owner=ME, quota_key=ME, offer=offer, **more)


@in_a_loop
async def test_what_was_offered_is_sent_and_its_price_asked_once(shop):
    offer = await shop.offer_for([SHORT], ME)
    assert offer == Offer(payer="server", dollars=1.6)
    shop.asked.clear()
    await begin(shop, offer)
    assert shop.sent == [(SHORT, "server", 1.6)]
    assert shop.asked == [SHORT]


@in_a_loop
async def test_an_offer_is_for_all_takes_of_a_press_together(shop):
    others = [SHORT, SHORT]
    offer = await shop.offer_for([SHORT, *others], ME)
    assert offer.dollars == pytest.approx(4.8)
    await begin(shop, offer, others=others)
    assert shop.sent == [(SHORT, "server", 1.6)]  # the others follow once it is taken
    with pytest.raises(OfferChanged):
        await begin(shop, Offer(payer="server", dollars=1.6), others=others)
    assert len(shop.sent) == 1


@in_a_loop
async def test_the_first_of_several_takes_is_written_down_as_the_first(shop):
    await begin(shop)
    await begin(shop, others=[SHORT])
    await begin(shop, batch="the first", take=2)
    assert shop.takes == [None, 1, 2]


@pytest.mark.parametrize("told", [Offer(payer="server", dollars=1.5), Offer(payer=None, dollars=9)])
@in_a_loop
async def test_nothing_is_sent_for_more_or_by_another_than_was_offered(told, shop):
    with pytest.raises(OfferChanged):
        await begin(shop, told)
    assert shop.sent == []


@in_a_loop
async def test_a_key_of_the_visitors_that_came_meanwhile_does_not_pay_what_the_server_was_to(shop):
    offer = await shop.offer_for([SHORT], ME)
    await shop.jobs.set_key(ME, VeoClient("a-visitors"))
    with pytest.raises(OfferChanged):
        await begin(shop, offer)
    with pytest.raises(InvalidRequest, match="Another key would pay"):
        await begin(shop, payer="server")
    assert shop.sent == []
    await begin(shop, payer="visitor")
    assert [payer for _, payer, _ in shop.sent] == ["visitor"]
    shop.jobs.forget_key(ME)


def test_the_demo_is_free_without_asking_anybody(tmp_path):
    with Service(settings_for(tmp_path / "data")) as service:
        offer = asyncio.run(service.offer_for([SHORT, SHORT], ME))
        assert offer == Offer(payer="demo", dollars=0.0)
        assert "demo_service" not in vars(service)


# Its life


def test_a_closed_service_leaves_its_folder_to_the_next_and_no_thread(tmp_path):
    before = threading.active_count()
    for number in (1, 2):
        with Service(settings_for(tmp_path / "data")) as service:
            ledger = service.jobs.ledger
            ledger.add(owner=ME, payer="demo", request=SHORT.body(), expected=1.0)
            assert service.client_of("demo").check
            assert len(ledger.of(ME)) == number
    assert threading.active_count() == before, threading.enumerate()


def test_two_services_have_two_folders(tmp_path):
    with Service(settings_for(tmp_path / "a")) as a, Service(settings_for(tmp_path / "b")) as b:
        a.jobs.ledger.add(owner=ME, payer="demo", request=SHORT.body(), expected=1.0)
        assert [len(each.jobs.ledger.of(ME)) for each in (a, b)] == [1, 0]
        with pytest.raises(InUse), Service(a.settings):
            pass


def test_a_ledger_that_cannot_be_used_is_told_and_the_folder_is_free_again(tmp_path):
    wrong = settings_for(tmp_path / "data", VEO_DATABASE_URL="nonsense://")
    with pytest.raises(NoLedger, match="VEO_DATABASE_URL"), Service(wrong):
        pass
    with Service(settings_for(tmp_path / "data")):
        pass


def test_only_on_a_space_is_somebody_else_a_guest(tmp_path):
    def is_guest(payer, **environment):
        job = type("Job", (), {"entry": type("Entry", (), {"payer": payer})})
        return Service(settings_for(tmp_path, **environment)).is_guest(job)

    assert is_guest("server", SPACE_ID="a/b")
    assert not is_guest("visitor", SPACE_ID="a/b")
    assert not is_guest("server")


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, 12.5),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, None),  # noqa: S104
        ({"VEO_ALLOWED_HOSTS": "film.example"}, None),
        ({"SPACE_ID": "a/b", "VEO_SHARE_SERVER_KEY": "1"}, None),
    ],
    ids=str,
)
@in_a_loop
async def test_what_is_left_is_told_to_who_owns_the_key(environment, told, tmp_path, monkeypatch):
    async def balance(_client):
        return 12.5

    monkeypatch.setenv("AIMLAPI_KEY", "the-owners")
    with Service(settings_for(tmp_path / "data", **environment)) as service:
        monkeypatch.setattr(service.prices, "balance", balance)
        assert await service.balance_of(ME) == told
        await service.jobs.set_key(ME, VeoClient("a-visitors"))
        assert await service.balance_of(ME) == 12.5
        service.jobs.forget_key(ME)


# A place where no clip can be kept


PLACES = {
    "a disk that is full": errno.ENOSPC,
    "a disk that is read only by now": errno.EROFS,
    "a network folder that lost its locks": errno.ENOLCK,
    "locks that nobody may have": errno.EACCES,
}


@pytest.mark.parametrize("number", PLACES.values(), ids=PLACES)
@in_a_loop
async def test_where_no_clip_can_be_kept_nothing_is_sent(shop, monkeypatch, number):
    """The ledger may lie elsewhere, and take what the clips' folder does not."""

    def cannot(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", cannot)
    with pytest.raises(TookTooLong, match="nothing was sent") as caught:
        await begin(shop)
    assert shop.sent == []
    assert str(shop.storage.folder) in str(caught.value)
    assert "VEO_DATA_DIR" in str(caught.value)


@in_a_loop
async def test_only_who_sits_at_the_machine_is_told_where_its_clips_lie(shop, monkeypatch):
    def cannot(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(fcntl, "flock", cannot)
    shop.settings = replace(shop.settings, address="0.0.0.0")  # noqa: S104
    with pytest.raises(TookTooLong, match="its data folder") as caught:
        await begin(shop)
    assert str(shop.settings.data) not in str(caught.value)


@in_a_loop
async def test_a_clips_folder_that_was_removed_is_made_again(shop):
    shop.storage.folder.rmdir()
    await begin(shop)
    assert len(shop.sent) == 1
    assert list(shop.storage.folder.iterdir()) == []


def test_what_a_crash_left_of_a_trial_is_removed(tmp_path):
    clips = tmp_path / "data" / "clips"
    clips.mkdir(parents=True)
    for name in (".trial-0123.part", ".trial-0123.part.json", "not ours"):
        (clips / name).touch()
    with Service(settings_for(tmp_path / "data")):
        assert [path.name for path in clips.iterdir()] == ["not ours"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EROFS])
def test_a_server_does_not_start_where_no_clip_can_be_kept(tmp_path, monkeypatch, number):
    def cannot(*_):
        raise OSError(number, os.strerror(number))

    service = Service(settings_for(tmp_path / "data"))
    monkeypatch.setattr(fcntl, "flock", cannot)
    with pytest.raises(OSError), service:
        pass
