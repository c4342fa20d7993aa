"""What the strip is told: of a clip the same as its card says, of a deletion what is gone."""

from dataclasses import fields
from types import SimpleNamespace

import pytest
from jobs_fixture import FOX, in_a_loop

from backend import config
from backend.job import Job
from backend.ledger import Entry, NotWritten
from backend.service import Service
from page import status_card, strip, texts
from page.handlers import Handlers
from page.view import View

VISITOR = "o" * 43
NO_REQUEST = SimpleNamespace(session_hash="tab", request=None, client=None)

LOST = {
    "kind": "SubmissionUncertain",
    "text": "The service did not answer: you may be charged.",
    "event": "The service did not answer",
}


@pytest.fixture
def service(tmp_path):
    with Service(config.read({"VEO_DATA_DIR": str(tmp_path / "data")})) as service:
        yield service


def job_with(**known):
    row = {"id": "a", "state": "uncertain", "created": 0.0, "expected": 60.0} | known
    return Job(Entry(**dict.fromkeys(each.name for each in fields(Entry)) | row))


@pytest.mark.parametrize(
    ("payer", "is_guest", "may_be_charged"),
    [
        ("visitor", False, True),
        ("server", False, True),
        ("server", True, False),
        ("demo", False, False),
    ],
)
def test_what_went_wrong_is_said_as_on_the_card(service, payer, is_guest, may_be_charged):
    job = job_with(payer=payer, error=LOST)
    (row,) = strip.rows([job], service.storage, is_guest=lambda _: is_guest)
    card = status_card.card_for_job(job, has_clip=False, is_guest=is_guest)
    assert (row["title"], row["why"]) == (card["title"], card["happened"])
    assert ("you may be charged" in row["why"]) == may_be_charged


def test_a_take_is_told_by_its_row(service):
    """The first one, too; a clip that was asked for alone is none."""
    first, second, alone = (
        job_with(id=name, payer="demo", state="running", batch=batch, take=take)
        for name, batch, take in (("a", None, 1), ("b", "a", 2), ("c", None, None))
    )
    told = strip.rows([second, first, alone], service.storage, is_guest=lambda _: False)
    assert [(row["batch"], row["take"]) for row in told] == [("a", 2), ("a", 1), ("c", 1)]


@in_a_loop
async def test_half_a_deletion_tells_what_is_gone(service, monkeypatch):
    ledger = service.jobs.ledger
    ids = []
    for _ in range(3):
        entry = ledger.add(
            owner=f"browser:{VISITOR}", payer="demo", request=FOX.body(), expected=60.0
        )
        ledger.move(entry.id, "prepared", "rejected")
        ids.append(entry.id)
    delete = ledger.delete

    def fills_up(job_id):
        if job_id == ids[0]:
            return delete(job_id)
        raise NotWritten("database or disk is full")

    monkeypatch.setattr(ledger, "delete", fills_up)
    names = {each.name for each in fields(View)} - {"form"}
    parts = SimpleNamespace(form={}, **{name: name for name in names})
    asked = {"browser_state": {"visitor": VISITOR, "job": ids[0]}}

    async def press():
        event = SimpleNamespace(chosen=ids)
        return await Handlers(service, parts).on_delete(NO_REQUEST, event, **asked)

    with pytest.warns(UserWarning, match=texts.HALF_DELETED):  # outside of Gradio's own events
        changed = await press()
    assert changed["clips"]["gone"] == [ids[0]]
    assert {row["id"] for row in changed["clips"]["rows"]} == {*ids[1:]}
    assert changed["card"] == status_card.idle() | {"made": changed["card"]["made"]}
    ids.pop(0)
    with pytest.raises(NotWritten):  # nothing is gone, and that is told as ever
        monkeypatch.setattr(ledger, "delete", lambda _: fills_up("another"))
        await press()
