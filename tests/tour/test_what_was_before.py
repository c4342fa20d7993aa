"""What the version before the rooms wrote still opens: ledger, clips, the browser's storage.

`tests/fixtures/before` was made by that version: a visitor filmed one demo clip with a preset and a
draft in their browser, and the ledger got a row in each state that waits for a person.
"""

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect
from served import FOX, ServedPage, choice, open_sheet, wait_for

from veo import media

BEFORE = Path(__file__).parents[1] / "fixtures" / "before"
CLIP = next(BEFORE.glob("data/clips/*/demo-clip.mp4"))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    shutil.copytree(BEFORE / "data", folder / "data")
    with ServedPage(folder) as page:
        yield page


@pytest.fixture
def returned(tab, served):
    """The visitor of that time, back with their browser."""
    storage = json.loads((BEFORE / "browser-storage.json").read_text())
    tab.goto(f"{served.url}/robots.txt")
    tab.evaluate("kept => Object.assign(localStorage, kept)", storage)
    tab.goto(served.url)
    expect(tab.locator("#first-paint")).to_have_count(0)
    return tab


@pytest.mark.slow
def test_a_visitor_finds_their_clip_and_every_other_job(returned):
    wait_for(returned, "Your demo clip is ready")
    expect(returned.locator("#my-clips li[data-state]")).to_have_count(6)
    for state in ("done", "rejected", "uncertain", "failed", "needs_key", "needs_attention"):
        expect(returned.locator(f'#my-clips li[data-state="{state}"]')).to_have_count(1)


@pytest.mark.slow
def test_the_draft_and_the_form_are_as_they_were(returned):
    prompt = returned.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value("A draft that was not sent")
    expect(choice(returned, "9:16")).to_be_checked()
    expect(choice(returned, "4 s")).to_be_checked()


@pytest.mark.slow
def test_a_preset_fills_the_form(returned):
    open_sheet(returned, "Presets")
    returned.get_by_role("button", name="Use: Upright fox").click()
    expect(returned.get_by_label("Prompt", exact=True)).to_have_value("A preset's own words")
    expect(choice(returned, "8 s")).to_be_checked()


def test_the_settings_inside_a_clip_are_read():
    request = media.read_request(CLIP)
    assert request["prompt"] == FOX
    assert (request["aspect_ratio"], request["duration"]) == ("9:16", 4)
    assert request == json.loads((CLIP.parent / "clip.json").read_text())["request"]
