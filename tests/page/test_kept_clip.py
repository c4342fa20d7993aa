"""A file that cannot be shown, on the page: its owner saves it, and nothing plays it."""

import re

from playwright.sync_api import expect
from served import FOX, actions_of, open_page, press_generate, wait_for

from veo import explain


def test_what_cannot_be_shown_is_saved_from_the_list(keyed_page, tab, tmp_path):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #broken-file")
    wait_for(tab, "The video cannot be shown")
    expect(tab.locator("#status")).to_contain_text("is missing")
    expect(tab.locator("#status")).to_contain_text("Save it from My clips")
    entry = tab.locator("#my-clips li").first
    expect(entry.locator(".state")).to_have_text("The video cannot be shown")
    expect(entry.locator("img")).to_be_hidden()
    with tab.expect_download() as saving:
        actions_of(entry).get_by_role("link", name="Download").click()
    saved = tmp_path / "saved.mp4"
    saving.value.save_as(saved)
    assert re.fullmatch(r"A-red-fox-.*-seed-\d+\.mp4\.unchecked", saving.value.suggested_filename)
    assert saved.read_bytes()[4:8] == b"ftyp"
    assert tab.locator("#video video[src]").count() == 0
    assert explain.CHARGED in tab.locator("#status").inner_text()
