"""What a reader's tools miss in Gradio's own parts is mended: groups, folded parts, language."""

import pytest
import requests
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


ASKED = """
  window.asked = 0;
  const ask = window.requestAnimationFrame;
  window.requestAnimationFrame = callback => { window.asked += 1; return ask(callback); };
"""


def frames_a_second(tab):
    tab.evaluate("asked = 0")
    tab.wait_for_timeout(1000)
    return tab.evaluate("asked")


@pytest.mark.new_browser
@pytest.mark.parametrize("mended", [True, False])
def test_a_page_that_is_only_looked_at_asks_for_no_frames(mended, demo_page, tab):
    """Its CPU goes to them: 6 of 100 of a core.  The day Gradio asks for none, ours can go."""
    tab.emulate_media(reduced_motion="reduce")
    tab.add_init_script(ASKED)
    if not mended:
        tab.add_init_script(
            "Object.defineProperty(window, 'requestAnimationFrame', "
            "{ value: requestAnimationFrame, writable: false });"
        )
    open_page(tab, demo_page)
    # What moves while the page loads may go on for seconds.
    assert any(frames_a_second(tab) < 5 for _ in range(5)) is mended


def values_in(given):
    """How many there are in JSON."""
    inside = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return sum(map(values_in, inside)) if isinstance(given, dict | list) else 1


def test_no_component_brings_much_that_each_event_copies(demo_page):
    """Gradio copies every value of a component that an event writes to, five times an event."""
    config = requests.get(f"{demo_page.url}/config", timeout=10).json()
    sizes = [values_in(each["props"]) for each in config["components"]]
    assert len(sizes) > 50
    assert max(sizes) <= 150


def test_a_prompt_reads_in_its_own_direction(demo_page, tab):
    open_page(tab, demo_page)
    prompt = tab.get_by_label("Prompt", exact=True)
    for text, direction in (("A red fox", "ltr"), ("ثعلب أحمر في الثلج", "rtl")):
        prompt.fill(text)
        assert prompt.evaluate("e => getComputedStyle(e).direction") == direction
