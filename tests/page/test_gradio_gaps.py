"""What a reader's tools miss in Gradio's own parts is mended: groups, folded parts, language."""

import pytest
from playwright.sync_api import Browser, expect
from served import ServedPage, choice, open_page, open_sheet, visiting


def test_radio_buttons_are_one_group_with_a_name_that_the_arrow_keys_go_through(demo_page, tab):
    open_page(tab, demo_page)
    tab.get_by_role("button", name="Duration: 8 s").click()
    group = tab.get_by_role("radiogroup", name="Duration")
    expect(group).to_be_visible()
    assert len({radio.get_attribute("name") for radio in group.get_by_role("radio").all()}) == 1
    expect(choice(tab, "8 s")).to_be_focused()
    for key, chosen in (
        ("Up", "6 s"),
        ("Up", "4 s"),
        ("Up", "8 s"),
        ("Down", "4 s"),
        ("Down", "6 s"),
    ):
        tab.keyboard.press(f"Arrow{key}")
        expect(choice(tab, chosen)).to_be_focused()
        expect(choice(tab, chosen)).to_be_checked()
    expect(choice(tab, "1080p")).to_be_checked()  # another group
    tab.keyboard.press("Enter")
    chip = tab.get_by_role("button", name="Duration: 6 s")
    expect(chip).to_be_focused()
    expect(group).to_be_hidden()


def test_a_folded_part_tells_whether_it_is_open(demo_page, tab):
    open_page(tab, demo_page)
    open_sheet(tab)
    for name, is_open in (("Advanced", True), ("Presets", False)):
        button = tab.get_by_role("button", name=name)
        for expected in (is_open, not is_open, is_open):
            expect(button).to_have_attribute("aria-expanded", str(expected).lower())
            button.click()


@pytest.mark.new_browser
def test_the_page_is_english_in_every_browser(demo_page: ServedPage, browser: Browser):
    with visiting(browser, locale="de-DE") as tab:
        open_page(tab, demo_page)
        assert tab.evaluate("document.documentElement.lang") == "en"


def test_a_prompt_reads_in_its_own_direction(demo_page, tab):
    open_page(tab, demo_page)
    prompt = tab.get_by_label("Prompt", exact=True)
    for text, direction in (("A red fox", "ltr"), ("ثعلب أحمر في الثلج", "rtl")):
        prompt.fill(text)
        assert prompt.evaluate("e => getComputedStyle(e).direction") == direction
