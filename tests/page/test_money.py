"""What a click would cost, what is left, and what a visit has spent: the service's own figures."""

import asyncio
import contextlib
import re
import secrets
import threading

import pytest
from conftest import KEY
from fault_server import FaultServer, json_answer
from playwright.sync_api import expect
from served import (
    FOX,
    ServedPage,
    call,
    choice,
    choose,
    fill_unfolded,
    open_page,
    posts,
    press_generate,
    wait_for,
)

from backend.ledger import Spent
from backend.pricing import Offer, offer_still_valid
from page import chips, price_label
from veo_client import MODELS, VideoRequest

SHORT = VideoRequest("a fox", duration=4, resolution="720p")


def visit(dollars=0.0, *, less=False, more=False) -> Spent:
    return Spent(dollars=dollars, may_be_less=less, may_be_more=more)


@pytest.mark.parametrize(
    ("requests", "price", "is_demo", "label"),
    [
        ([SHORT], 1.6, False, "Generate · $1.60"),
        ([SHORT] * 3, 4.8, False, "Generate · 3 × $1.60 = $4.80"),
        ([SHORT, VideoRequest("a fox")], 4.8, False, "Generate 2 takes · $4.80"),
        ([SHORT], 1234.5, False, "Generate · $1,234.50"),
        ([SHORT], 0.004, False, "Generate · less than $0.01"),
        ([SHORT], 0.0, False, "Generate · free"),
        ([SHORT], None, False, "Generate · no price available"),
        ([SHORT], float("nan"), False, "Generate · no price available"),
        ([SHORT], None, True, "Generate · free"),
    ],
)
def test_the_button_says_what_it_makes_and_what_that_costs(requests, price, is_demo, label):
    assert price_label.button(requests, price, is_demo=is_demo) == label


@pytest.mark.parametrize(
    ("now", "other", "said"),
    [
        (1.6, 3.2, "+$1.60"),
        (3.2, 1.6, "\N{MINUS SIGN}$1.60"),
        (0.0, 1234.5, "+$1,234.50"),
        (1.6, 1.6049, ""),
        (None, 1.6, ""),
        (1.6, None, ""),
        (1.6, float("nan"), ""),
        (float("inf"), float("inf"), ""),
    ],
)
def test_another_choice_says_how_much_more_or_less_it_costs(now, other, said):
    assert price_label.difference(now, other) == said


@pytest.mark.parametrize(
    ("price", "spent", "is_demo", "line"),
    [
        (1.6, visit(), False, "You pay only if the clip completes."),
        (1.6, visit(3.2), False, "You pay only if the clip completes. This visit: $3.20."),
        (
            1.6,
            visit(3.2, less=True),
            False,
            "You pay only if the clip completes. This visit: up to $3.20.",
        ),
        (
            None,
            visit(3.2, more=True),
            False,
            "No price available. You pay only if the clip completes. This visit: total unknown.",
        ),
        (0.0, visit(), True, "Demo clips are free."),
    ],
)
def test_the_line_beside_the_button(price, spent, is_demo, line):
    assert price_label.price_note(price, spent, is_demo=is_demo) == line


@pytest.mark.parametrize(
    ("takes", "is_guest", "line"),
    [
        (4, False, "You pay only for takes that complete."),
        (1, True, "This server's owner pays, and only if the clip completes."),
        (4, True, "This server's owner pays, and only for takes that complete."),
    ],
)
def test_who_pays_and_for_what_stands_beside_the_button(takes, is_guest, line):
    note = price_label.price_note(1.6, visit(), is_demo=False, takes=takes, is_guest=is_guest)
    assert note == line


def test_all_choices_of_a_chip_are_priced_at_once():
    """A service that is slow to tell is waited for once, and not once for each of them."""
    form = {"model": "google/veo-3.1-t2v", "duration": 8, "resolution": "1080p"}
    form |= {"generate_audio": True, "count": 1, "differs": "seed"}

    async def ask():
        all_asked = asyncio.Barrier(1 + len(MODELS[form["model"]].durations))

        async def offer_for(asked):
            await all_asked.wait()
            return Offer(payer="server", dollars=sum(each.duration for each in asked))

        async with asyncio.timeout(5):
            return await chips.differences("duration", offer_for, **form)

    assert asyncio.run(ask())["duration"][-1] == ""


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
            expect(button).to_have_text("Generate · $3.20")
            expect(line).to_have_text("You pay only if the clip completes.")
            expect(tab.locator("#mode")).to_contain_text("$12.50 left")
            choose(tab, "Sound", on=False)
            expect(button).to_have_text("Generate · $1.60")
            press_generate(tab, FOX)
            wait_for(tab, re.compile("Waiting in line|Making"))
            expect(line).to_contain_text("This visit: up to $0.80.")
            tab.reload()
            expect(line).to_contain_text("This visit: up to $0.80.")
            tab.goto("about:blank")


def test_a_price_that_is_not_told_is_not_guessed_and_the_balance_is_the_visitors(tmp_path, tab):
    shop = Shop()
    shop.pricing = {"kind": "by the moon"}
    with FaultServer(shop) as service:
        with ServedPage(tmp_path, AIMLAPI_BASE_URL=service.url) as served:
            open_page(tab, served)
            expect(tab.locator("#generate")).to_have_text("Generate · free")
            tab.get_by_role("button", name="Your own API key").click()
            fill_unfolded(tab, "AI/ML API key", KEY)
            tab.get_by_role("button", name="Use this key").click()
            expect(tab.locator("#generate")).to_have_text("Generate · no price available")
            expect(tab.locator("#cost")).to_contain_text("No price available.")
            expect(tab.locator("#mode")).to_contain_text("$12.50 left")
            tab.goto("about:blank")


# Nobody pays more than a button said


class Refusing(Shop):
    """It prices everything, and makes nothing with sound; what is in `slow` it holds back."""

    def __init__(self):
        super().__init__()
        self.slow = ""
        self.released = threading.Event()

    def __call__(self, connection):
        path = connection.request.path
        if self.slow and self.slow in path:
            self.released.wait(30)
        if "generation_id" in path:
            error = {"name": "Refused", "message": "The audio of this prompt was refused."}
            json_answer(200, {"id": "job", "status": "error", "error": error})(connection)
        else:
            super().__call__(connection)


@contextlib.contextmanager
def shop_and_page(tmp_path, shop, **environment):
    with FaultServer(shop) as service:
        with ServedPage(tmp_path, AIMLAPI_BASE_URL=service.url, **environment) as served:
            yield service, served


def give_key(tab):
    tab.get_by_role("button", name="Your own API key").click()
    fill_unfolded(tab, "AI/ML API key", KEY)
    tab.get_by_role("button", name="Use this key").click()
    expect(tab.locator("#mode")).to_contain_text("Your key")


def test_a_button_of_the_card_says_what_it_costs_now(tmp_path, tab):
    with shop_and_page(tmp_path, Refusing(), AIMLAPI_KEY=KEY) as (service, served):
        open_page(tab, served)
        press_generate(tab, FOX)
        wait_for(tab, "The sound was refused")
        buttons = tab.locator("#status .actions button")
        expect(buttons.nth(0)).to_have_text("Try without sound ($0.80)")
        expect(buttons.nth(1)).to_have_text("Try another seed ($1.60)")
        buttons.nth(0).click()
        expect(choice(tab, "Sound")).not_to_be_checked()
        expect(buttons.nth(0)).to_have_text("Try another seed ($0.80)")
        assert [each.get("generate_audio", True) for each in posts(service)] == [True, False]
        tab.goto("about:blank")


def test_a_key_that_was_forgotten_makes_no_other_key_pay(tmp_path, tab):
    """Its price stands on the button still; the next press is for what the button says then."""
    shop = Shop()
    with shop_and_page(tmp_path, shop, VEO_KEY_MINUTES="0.05") as (service, served):
        open_page(tab, served)
        tab.get_by_role("button", name="Your own API key").click()
        fill_unfolded(tab, "AI/ML API key", KEY)
        tab.get_by_role("button", name="Use this key").click()
        expect(tab.locator("#generate")).to_contain_text("$3.20")
        tab.wait_for_timeout(3100)
        tab.get_by_label("Prompt", exact=True).fill(FOX)
        tab.locator("#generate").click()
        wait_for(tab, "The price has changed")
        expect(tab.locator("#status .cost")).to_have_text("Nothing was sent.")
        expect(tab.locator("#generate")).to_contain_text("free")
        expect(tab.locator("#mode")).to_contain_text("Demo")
        assert served.rows() == posts(service) == []
        tab.goto("about:blank")


def test_a_button_that_says_free_spends_nothing(tmp_path, tab):
    """A key came in another tab; so it is with a button of the card."""
    with shop_and_page(tmp_path, Refusing()) as (service, served):
        open_page(tab, served)
        press_generate(tab, f"{FOX} #refused")
        wait_for(tab, "The prompt was refused")
        other = tab.context.new_page()
        other.goto(served.url)
        wait_for(other, "The prompt was refused")  # it is the same visitor's
        give_key(other)
        expect(tab.locator("#generate")).to_contain_text("free")
        tab.get_by_role("button", name="Try another seed (free)").click()
        expect(tab.locator("#status .next")).to_contain_text("The price has changed.")
        expect(tab.locator("#status .actions button").last).to_contain_text("another seed ($")
        tab.locator("#generate").click()
        wait_for(tab, "The price has changed")
        expect(tab.locator("#generate")).to_contain_text("$1.60")
        assert len(served.rows()) == 1
        assert posts(service) == []
        tab.locator("#generate").click()
        wait_for(tab, "The sound was refused")
        assert len(posts(service)) == 1


def test_a_price_that_does_not_come_is_not_the_old_one(tmp_path, tab):
    """And whoever presses before the page knows is not held up for long, nor charged more."""
    shop = Refusing()
    shop.slow = "fast"
    with shop_and_page(tmp_path, shop, AIMLAPI_KEY=KEY) as (service, served):
        try:
            open_page(tab, served)
            expect(tab.locator("#generate")).to_have_text("Generate · $3.20")
            tab.get_by_label("Prompt", exact=True).fill(FOX)
            choose(tab, "Veo 3.1 Fast")
            tab.locator("#generate").click()
            wait_for(tab, "The price has changed")
            expect(tab.locator("#generate")).to_contain_text("no price available")
            assert posts(service) == []
            tab.locator("#generate").click()  # it says so, and is believed
            wait_for(tab, "The sound was refused")
            assert len(posts(service)) == 1
        finally:
            shop.released.set()


# Offers that a program makes up

NO_PRICES = [None, float("nan"), float("inf"), float("-inf"), True, -1, "1.6", [], {}, 10**400, "-"]


@pytest.mark.parametrize("dollars", NO_PRICES, ids=repr)
def test_an_offer_without_a_price_holds_only_while_there_is_none(dollars):
    offer = {"payer": "server"} | ({} if dollars == "-" else {"dollars": dollars})

    def holds(price, **changes):
        now = Offer(payer="server", dollars=price)
        return offer_still_valid(Offer.from_untrusted(offer | changes), now)

    assert not holds(1.6)
    assert holds(None)
    assert not holds(None, payer="demo")
    assert not holds(None, dollars=1.6)
    assert holds(0.0)


@pytest.mark.parametrize("offer", [None, "server", ["payer"], {}, {"dollars": 9}], ids=repr)
def test_an_offer_that_names_nobody_who_pays_never_holds(offer):
    for dollars in (None, 0.0, 1.6):
        now = Offer(payer="server", dollars=dollars)
        assert not offer_still_valid(Offer.from_untrusted(offer), now)


@pytest.mark.parametrize("dollars", [None, 0.0, 1.6])
def test_an_offer_comes_back_from_the_browser_as_it_was_told(dollars):
    offer = Offer(payer="visitor", dollars=dollars)
    assert Offer.from_untrusted(offer.as_dict()) == offer
    assert offer_still_valid(offer, offer)


def test_no_made_up_offer_sends_what_costs_something(tmp_path):
    """In the event of a card's button; the page's own offer is on the server, out of reach."""
    forged = [{"payer": "server", "dollars": each} for each in (None, True, -1, "9", [9], 10**400)]
    forged += [{"payer": "server"}, {"payer": "visitor", "dollars": 9}, None, "server"]
    me = {"visitor": "m" * 43}
    form = [FOX, "", "google/veo-3.1-t2v", "16:9", 4, "720p", True, "", "7", True, True]
    priced = ["google/veo-3.1-t2v", 4, "720p", True, 4, "seed", me, ""]
    with shop_and_page(tmp_path, Refusing(), AIMLAPI_KEY=KEY) as (service, served):
        for offer in forged:
            said = call(served, "on_generate", [me, *form, 4, "seed", offer], {})
            assert "The price has changed" in said
        assert served.rows() == posts(service) == []

        session = secrets.token_hex(8)
        call(served, "on_money", priced, {}, session=session)
        call(served, "on_generate", [me, *form, 4, "seed", None], {}, session=session)
        (row, *_) = served.rows()
        sent = len(posts(service))
        assert sent >= 1
        for offer in forged:
            event = {"job": row["id"], "action": "another_seed", "offer": offer}
            said = call(served, "on_action", [me], event)
            assert "The price has changed" in said
        assert len(posts(service)) == sent
        event["offer"] = {"payer": "server", "dollars": 1.6}
        call(served, "on_action", [me], event)
        assert len(posts(service)) == sent + 1
