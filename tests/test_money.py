"""What a click would cost, what is left, and what a visit has spent: the service's own figures."""

import dataclasses
import re
from types import SimpleNamespace

import pytest
from conftest import KEY
from faults import FaultServer, json_answer
from playwright.sync_api import expect
from served import FOX, ServedPage, fill_unfolded, open_page, press_generate, wait_for

from ledger import Entry
from page import money
from veo_client import VideoRequest

SHORT = VideoRequest("a fox", duration=4, resolution="720p")


def job(**changes):
    """As much of a job as money looks at."""
    row = dict.fromkeys(field.name for field in dataclasses.fields(Entry))
    paid = {"payer": "server", "state": "done", "request": SHORT.body(), "dollars": 1.5}
    entry = Entry(**row | paid | {"created": 10.0} | changes)
    return SimpleNamespace(entry=entry, state=entry.state)


@pytest.mark.parametrize(
    ("requests", "price", "is_demo", "label"),
    [
        ([SHORT], 1.6, False, "Generate · 4 s 720p ≈ $1.60"),
        ([SHORT] * 3, 4.8, False, "Generate · 3 × 4 s 720p ≈ $4.80"),
        ([SHORT, VideoRequest("a fox")], 4.8, False, "Generate · 2 clips ≈ $4.80"),
        ([SHORT], 1234.5, False, "Generate · 4 s 720p ≈ $1,234.50"),
        ([SHORT], 0.004, False, "Generate · 4 s 720p < $0.01"),
        ([SHORT], 0.0, False, "Generate · 4 s 720p · free"),
        ([SHORT], None, False, "Generate · 4 s 720p · price not known"),
        ([SHORT], float("nan"), False, "Generate · 4 s 720p · price not known"),
        ([SHORT], None, True, "Generate · 4 s 720p · free"),
    ],
)
def test_the_button_says_what_it_makes_and_what_that_costs(requests, price, is_demo, label):
    assert money.button(requests, price, is_demo=is_demo) == label


@pytest.mark.parametrize(
    ("jobs", "spent"),
    [
        ([], (0.0, False)),
        ([job(), job(state="running")], (3.0, True)),
        ([job(), job(state="failed"), job(state="rejected")], (1.5, False)),
        ([job(), job(created=4.0)], (1.5, False)),  # of an earlier visit
        ([job(), job(payer="demo", dollars=None)], (1.5, False)),
        ([job(state="uncertain")], (1.5, True)),
        ([job(dollars=None)], None),
        ([job(request=None, dollars=None)], (0.0, False)),  # fetched by its id
    ],
)
def test_what_a_visit_has_spent(jobs, spent):
    assert money.spent(jobs, since=5.0) == spent


@pytest.mark.parametrize(
    ("price", "visit", "is_demo", "line"),
    [
        (1.6, (0.0, False), False, "It is charged only if it completes."),
        (1.6, (3.2, False), False, "It is charged only if it completes. This visit: about $3.20."),
        (
            1.6,
            (3.2, True),
            False,
            "It is charged only if it completes. This visit: about $3.20 if all complete.",
        ),
        (
            None,
            None,
            False,
            "The service does not tell what this costs. It is charged only if it completes. "
            "What this visit costs is not known.",
        ),
        (0.0, (0.0, False), True, "Demo clips cost nothing."),
    ],
)
def test_the_line_beside_the_button(price, visit, is_demo, line):
    assert money.note(price, visit, is_demo=is_demo) == line


PRICING = {
    "kind": "variants",
    "currency": "USD",
    "variants": [
        {"when": {"generate_audio": sound}, "price": price, "unit": "second", "per": 1}
        for sound, price in ((True, 0.4), (False, 0.2))
    ],
}


class Shop:
    """A service with prices, a balance, and clips that it never finishes."""

    def __init__(self):
        self.pricing = PRICING

    def __call__(self, connection):
        path = connection.request.path
        if "/v1/models" in path:
            model = re.search(r"id=([^&]+)", path)[1].replace("%2F", "/")
            found = {"data": [{"id": model, "pricing": self.pricing}]}
        elif "billing" in path:
            found = {"current_balance": 12.5}
        else:
            found = {"id": "job", "status": "queued"}
        json_answer(200, found)(connection)


def test_the_price_follows_the_form_and_the_visit_adds_up(tmp_path, tab):
    with FaultServer(Shop()) as service:
        environment = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": service.url}
        with ServedPage(tmp_path, **environment) as served:
            open_page(tab, served)
            button, line = tab.locator("#generate"), tab.locator("#cost")
            expect(button).to_have_text("Generate · 8 s 1080p ≈ $3.20")
            expect(line).to_have_text("It is charged only if it completes.")
            expect(tab.locator("#mode")).to_contain_text("$12.50 left")
            tab.get_by_label("Sound").uncheck()
            expect(button).to_have_text("Generate · 8 s 1080p ≈ $1.60")
            press_generate(tab, FOX)
            wait_for(tab, re.compile("Waiting in line|Making"))
            expect(line).to_contain_text("This visit: about $0.80 if all complete.")
            tab.reload()
            expect(line).to_contain_text("This visit: about $0.80 if all complete.")
            tab.goto("about:blank")


def test_a_price_that_is_not_told_is_not_guessed_and_the_balance_is_the_visitors(tmp_path, tab):
    shop = Shop()
    shop.pricing = {"kind": "by the moon"}
    with FaultServer(shop) as service:
        with ServedPage(tmp_path, AIMLAPI_BASE_URL=service.url) as served:
            open_page(tab, served)
            expect(tab.locator("#generate")).to_have_text("Generate · 8 s 1080p · free")
            tab.get_by_role("button", name="Your own API key").click()
            fill_unfolded(tab, "AI/ML API key", KEY)
            tab.get_by_role("button", name="Use this key").click()
            expect(tab.locator("#generate")).to_have_text("Generate · 8 s 1080p · price not known")
            expect(tab.locator("#cost")).to_contain_text("does not tell what this costs")
            expect(tab.locator("#mode")).to_contain_text("$12.50 left")
            tab.goto("about:blank")
