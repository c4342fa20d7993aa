"""The server is away: the card says so and counts nothing, and no press is lost without a word."""

import pytest
from conftest import KEY
from fault_server import FaultServer
from playwright.sync_api import Page, expect
from served import (
    FOX,
    ServedPage,
    open_page,
    posts,
    press_generate,
    service_that_never_finishes,
    wait_for,
    wait_until_made,
)

from page import texts


def expect_lost(tab: Page, text: str) -> None:
    expect(tab.locator("#status .lost")).to_have_text(text)


@pytest.fixture
def service():
    with FaultServer(service_that_never_finishes) as service:
        yield service


def test_a_server_that_went_while_a_clip_runs_is_told_of_and_nothing_counted(
    service, tab, tmp_path
):
    environment = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": service.url}
    with ServedPage(tmp_path, **environment) as served:
        open_page(tab, served)
        press_generate(tab, FOX)
        wait_until_made(tab)
        served.kill()
        wait_for(tab, texts.SERVER_AWAY)
        expect(tab.locator("#status .happened")).to_have_text(texts.SERVER_AWAY_TRYING)
        said = tab.title(), tab.locator("#status .card").inner_text()
        assert said[0].startswith(texts.SERVER_AWAY)
        tab.wait_for_timeout(1500)
        assert said == (tab.title(), tab.locator("#status .card").inner_text())
        tab.locator("#generate").click()
        expect_lost(tab, texts.PRESS_UNSENT)
    with ServedPage(tmp_path, served.port, **environment):
        # It loads itself anew.
        wait_until_made(tab)
        expect_lost(tab, texts.PRESS_UNSENT)
        assert len(posts(service)) == 1
        tab.locator("#generate").click()
        expect_lost(tab, "")
        expect(tab.locator("#my-clips li")).to_have_count(2)
        assert len(posts(service)) == 2


def test_a_press_as_the_server_goes_is_told_of_and_another_is_heard(service, tab, tmp_path):
    environment = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": service.url}
    with ServedPage(tmp_path, **environment) as served:
        open_page(tab, served)
        # Gradio's page ends its stream some time after its last news, and hears of nothing then.
        tab.wait_for_timeout(1000)
        served.kill()
        press_generate(tab, FOX)
        wait_for(tab, texts.SERVER_AWAY)
        expect(tab.locator("#status .lost")).not_to_be_empty()
    assert len(posts(service)) == 0
    with ServedPage(tmp_path, served.port, **environment):
        wait_for(tab, "Ready when you are")
        expect(tab.locator("#generate")).to_be_enabled()
        expect(tab.get_by_label("Prompt", exact=True)).to_have_value(FOX)
        tab.locator("#generate").click()
        wait_until_made(tab)
        assert len(posts(service)) == 1
