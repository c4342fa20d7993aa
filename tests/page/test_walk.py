"""Once through everything the page offers, at a desk and on a phone, by day and by night."""

import re

import pytest
from playwright.sync_api import Page, expect
from served import (
    FOX,
    actions_of,
    by_day_and_night,
    choose,
    close_sheet,
    fill_unfolded,
    finished_takes,
    open_page,
    open_sheet,
    press_generate,
    visiting,
    wait_for,
)

from page import texts


def expect_all_within_reach(tab: Page) -> None:
    """By day and by night, nothing is wider than the screen, the stage is at the page's top, the
    button in sight."""
    for _ in by_day_and_night(tab):
        assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        # At once, for the page may be scrolling.
        button_ends, stage_begins, window_ends = tab.evaluate(
            """() => {
              const box = each => document.querySelector(each).getBoundingClientRect();
              return [box('#generate').bottom, box('#stage').top + scrollY, innerHeight];
            }"""
        )
        assert button_ends <= window_ends
        assert stage_begins < 200


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_visitor_walks_through_everything(width, scheme, demo_page, browser, tmp_path):
    with visiting(browser, width=width, scheme=scheme) as tab:
        open_page(tab, demo_page)
        assert tab.evaluate("document.body.classList.contains('dark')") is (scheme == "dark")
        expect_all_within_reach(tab)

        # 1. Money before the click
        expect(tab.locator("#generate")).to_have_text("Generate · free")
        expect(tab.locator("#cost")).to_have_text("Demo clips are free.")

        # 4. Help with the prompt
        open_sheet(tab, texts.HELP_SECTION)
        tab.get_by_label("Subject", exact=True).fill("a red fox")
        tab.get_by_label("Action", exact=True).fill("trots through fresh snow")
        tab.get_by_role("button", name=texts.HELP_PUT).click()
        prompt = tab.get_by_label("Prompt", exact=True)
        expect(prompt).to_have_value("A red fox trots through fresh snow.")
        expect_all_within_reach(tab)
        close_sheet(tab)
        tab.locator("#examples").get_by_role("button", name="Night surf").click()
        expect(prompt).to_have_value(re.compile("^Waves roll"))
        expect_all_within_reach(tab)
        tab.locator("#draft").get_by_role("button", name=texts.UNDO).click()
        expect(prompt).to_have_value("A red fox trots through fresh snow.")
        open_sheet(tab)
        fill_unfolded(tab, "Negative prompt", "no people")
        tab.keyboard.press("Tab")
        tab.locator("#nouns").get_by_role("button", name=texts.NOUNS_USE).click()
        expect(tab.get_by_label("Negative prompt")).to_have_value("people")
        expect_all_within_reach(tab)
        open_sheet(tab, texts.PRESETS_SECTION)
        tab.get_by_label(texts.PRESET_NAME).fill("Mine")
        tab.get_by_role("button", name=texts.PRESET_SAVE).click()
        expect(tab.locator("#presets li span")).to_have_text(["Mine"])
        expect_all_within_reach(tab)
        close_sheet(tab)

        # 2. Waiting: who asks for it is told
        chime = tab.get_by_role("button", name=texts.CHIME)
        chime.click()
        expect(chime).to_have_attribute("aria-pressed", "true")

        # 5. Takes, and 2. waiting
        choose(tab, "2")
        expect(tab.locator("#generate")).to_have_text("Generate 2 takes · free")
        press_generate(tab, f"{FOX}, {width} {scheme}")
        wait_for(tab, re.compile("Waiting in line|Making the video"))
        expect(tab.locator("#status [aria-current=step]")).to_have_count(1)
        expect(tab.locator("#status .clock")).to_contain_text("so far")
        expect(tab).to_have_title(re.compile("Film a sentence"))
        expect_all_within_reach(tab)
        done = finished_takes(tab)
        expect(done).to_have_count(2)
        expect(tab.locator("#status .title")).to_contain_text("Your demo clip is ready")
        for number in (0, 1):
            actions_of(done.nth(number)).get_by_role("button", name=texts.COMPARE).click()
        expect(tab.locator("#compare video")).to_have_count(2)
        tab.get_by_role("button", name=texts.COMPARE_PLAY).click()
        tab.wait_for_function(
            "[...document.querySelectorAll('#compare video')].every(v => v.currentTime > 0)"
        )
        expect_all_within_reach(tab)
        tab.locator("#compare").get_by_role("button", name=texts.COMPARE_CLOSE).click()

        # 6. Settings live in the file
        newest = tab.locator("#my-clips li").first
        with tab.expect_download() as download:
            actions_of(newest).get_by_role("link", name=re.compile("^Download")).click()
        clip = tmp_path / "clip.mp4"
        download.value.save_as(clip)
        tab.keyboard.press("Escape")  # the menu, which lies over the composer on a phone
        prompt.fill("Something else")
        open_sheet(tab)
        with tab.expect_file_chooser() as chooser:
            tab.get_by_role("button", name=texts.FILE_CHOOSE).click()
        chooser.value.set_files(clip)
        expect(prompt).to_have_value(f"{FOX}, {width} {scheme}")
        close_sheet(tab)

        # 7. The code, and what was really sent
        tab.locator("#clip-tools").get_by_role("button", name=texts.CODE_SECTION).click()
        expect(tab.get_by_role("tabpanel")).to_contain_text(FOX)
        tab.locator("#clip-tools").get_by_role("button", name=texts.EXCHANGES_SECTION).click()
        expect(tab.locator("#exchanges")).to_contain_text("POST /v2/video/generations")
        expect_all_within_reach(tab)

        # 3. States in words, with what can be done
        choose(tab, "1 take")
        press_generate(tab, f"{FOX} #refused")
        wait_for(tab, "The prompt was refused")
        expect(tab.locator("#status .cost")).to_have_text("Demo clips are free.")
        open_sheet(tab)
        fill_unfolded(tab, "Seed", "-1")
        close_sheet(tab)
        tab.get_by_role("button", name="Generate").click()
        expect(tab.locator("#advanced .wrong")).to_contain_text("seed must be")
        expect_all_within_reach(tab)
