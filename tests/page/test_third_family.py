"""Another family is one entry of the table: page, command and programs make clips with it."""

import pytest
from conftest import KEY
from playwright.sync_api import expect
from served import FOX, FRESH, ServedPage, choice, choose, open_page, program, wait_for
from third_family import AT_THE_SERVICE, IN_THE_TABLE, NAME

import make_clip
from demo import orders
from demo_server import DemoServer
from veo import media
from veo_client import MODELS

AS_ASKED = (640, 360, 2.0)


@pytest.fixture
def service(monkeypatch):
    """A service that makes clips with it, too."""
    monkeypatch.setitem(orders.MODELS, NAME, AT_THE_SERVICE)
    monkeypatch.setitem(orders.CALLED, NAME, NAME)
    with DemoServer(prices=True) as server:
        yield server


@pytest.mark.slow
def test_page_command_and_program_make_clips_with_an_entry_of_the_table(
    service, tab, tmp_path, monkeypatch
):
    settings = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": service.base_url}
    with ServedPage(tmp_path, program="tests/third_family.py", python=FRESH, **settings) as served:
        open_page(tab, served)
        tab.get_by_label("Prompt", exact=True).fill(FOX)
        choose(tab, "Third")
        for name in ("2 s", "360p"):
            expect(choice(tab, name)).to_be_checked()
        expect(tab.locator("#generate")).to_have_text("Generate · $0.20")
        tab.locator("#generate").click()
        wait_for(tab, "Your clip is ready")
        expect(tab.locator("#status .detail")).to_contain_text("640 × 360, 2 s")

        client = program(served)
        _, facts = client.predict(prompt=FOX, model=NAME, api_name="/generate")
        assert (facts["width"], facts["height"], round(facts["duration"], 1)) == AS_ASKED
        assert {row["state"] for row in served.rows()} == {"done"}

    monkeypatch.setitem(MODELS, NAME, IN_THE_TABLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIMLAPI_KEY", KEY)
    monkeypatch.setenv("AIMLAPI_BASE_URL", service.base_url)
    assert make_clip.main([FOX, "--model", NAME, "-o", "third.mp4"]) == 0
    facts = media.inspect(tmp_path / "third.mp4")
    assert (facts.width, facts.height, round(facts.duration, 1)) == AS_ASKED
