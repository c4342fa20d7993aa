"""The composer: the prompt, what is set for it, and the button, in reach at every size."""

import json
import re

import pytest
from conftest import KEY
from fault_server import FaultServer
from playwright.sync_api import Browser, Page, expect
from served import (
    FOX,
    ServedPage,
    actions_of,
    choice,
    choose,
    close_sheet,
    fill_unfolded,
    in_a_fresh_python,
    open_page,
    open_sheet,
    press_example,
    prompt_of,
    visiting,
    wait_for,
    wait_until_made,
)
from test_money import Shop


def chip(tab: Page, name: str):
    return tab.locator("#chips").get_by_role("button", name=name)


# Chips


def test_a_chip_says_its_value_and_opens_its_choices(demo_page, tab):
    open_page(tab, demo_page)
    said = [each.inner_text() for each in tab.locator("#chips [data-field]").all()]
    assert said == ["Veo 3.1", "16:9", "8 s", "1080p", "♪ on", "1 take"]
    for name, chosen, says in (
        ("Model", "Veo 3.1 Fast", "Veo 3.1 Fast"),
        ("Aspect ratio", "9:16", "9:16"),
        ("Duration", "4 s", "4 s"),
        ("Resolution", "720p", "720p"),
        ("Takes", "3", "3 takes"),
    ):
        chip(tab, name).click()
        expect(choice(tab, chosen)).to_be_visible()
        choice(tab, chosen).check()
        tab.keyboard.press("Escape")
        expect(choice(tab, chosen)).to_be_hidden()
        expect(chip(tab, f"{name}: {says}")).to_have_text(says)
    choose(tab, "Sound", on=False)
    expect(chip(tab, "Sound: ♪ off")).to_have_text("♪ off")


PRESS_AT_ONCE = """
new MutationObserver((_, observer) => {
  const chip = document.querySelector('#chips [data-field="duration"]');
  if (!chip || document.getElementById('first-paint')) return;
  observer.disconnect();
  window.there = Boolean(document.getElementById('duration'));
  chip.click();
}).observe(document, { childList: true, subtree: true });
"""


@pytest.mark.new_browser
def test_a_chip_pressed_before_its_choices_are_there_opens_them_then(demo_page, tab):
    tab.add_init_script(PRESS_AT_ONCE)
    tab.goto(demo_page.url)
    expect(tab.locator("#duration")).to_be_visible()
    assert tab.evaluate("window.there") is False


def test_what_another_choice_costs_stands_beside_it(tmp_path, tab):
    with FaultServer(Shop()) as service:
        with ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url) as served:
            open_page(tab, served)
            expect(tab.locator("#generate")).to_have_text("Generate · $3.20")
            for name, told in (
                ("Duration", ["\N{MINUS SIGN}$1.60", "\N{MINUS SIGN}$0.80", ""]),
                ("Resolution", ["", ""]),
                ("Sound", ["\N{MINUS SIGN}$1.60"]),
                ("Takes", ["", "+$3.20", "+$6.40", "+$9.60"]),
            ):
                opened = chip(tab, name)
                opened.click()
                block = tab.locator("#" + opened.get_attribute("popovertarget"))
                for label, said in zip(block.locator("label:visible").all(), told, strict=False):
                    expect(label).to_have_attribute("data-difference", said)
                block.evaluate("e => e.hidePopover()")
            # The same answer again, after the form has changed.
            for prompt in ("A fox", "A boat"):
                prompt_of(tab).fill(prompt)
                chip(tab, "Duration").click()
                first = tab.locator("#duration label:visible").first
                expect(first).to_have_attribute("data-difference", "\N{MINUS SIGN}$1.60")
                tab.locator("#duration").evaluate("e => e.hidePopover()")
            choose(tab, "4")
            expect(tab.locator("#generate")).to_have_text("Generate · 4 × $3.20 = $12.80")
            tab.goto("about:blank")


def test_the_demo_tells_no_difference_in_price(demo_page, tab):
    open_page(tab, demo_page)
    # The answer sets them anew, to whatever it tells.
    tab.evaluate(
        """() => new MutationObserver(() => { window.told = true; }).observe(
          document.querySelector('#duration'),
          { attributeFilter: ['data-difference'], subtree: true })"""
    )
    chip(tab, "Duration").click()
    tab.wait_for_function("window.told")
    told = tab.locator("#duration label").evaluate_all("e => e.map(e => e.dataset.difference)")
    assert not any(told)


def test_no_value_from_a_program_makes_a_price_of_a_choice_a_fault():
    in_a_fresh_python("""
import asyncio
from page import chips
from backend.pricing import Offer

async def offer_for(asked):
    return Offer(payer="server", dollars=sum(each.duration for each in asked))

async def told(field, **changed):
    good = dict(model="google/veo-3.1-t2v", duration=8, resolution="1080p", generate_audio=True)
    values = {**good, "count": 1, "differs": "seed", **changed}
    return await chips.differences(field, offer_for, **values)

async def main():
    less = ["\N{MINUS SIGN}$4.00", "\N{MINUS SIGN}$2.00", ""]
    assert await told("duration") == {"duration": less}
    for field in (None, "prompt", [], {}, 7):
        assert await told(field) == {}
    for wrong in ({"count": 9}, {"differs": "prompt"}, {"model": []}, {"duration": None}):
        assert set((await told("resolution", **wrong))["resolution"]) == {""}

asyncio.run(main())
""")


# The keyboard


def test_from_the_prompt_to_the_button_are_at_most_eight_tabs(demo_page, tab):
    open_page(tab, demo_page)
    open_sheet(tab)
    fill_unfolded(tab, "Seed", "7")  # one chip more
    close_sheet(tab)
    prompt_of(tab).focus()
    tabs = 0
    while tab.evaluate("document.activeElement.id") != "generate":
        tab.keyboard.press("Tab")
        tabs += 1
        assert tabs <= 8
    chip(tab, "Takes").focus()
    tab.keyboard.press("ArrowRight")
    expect(chip(tab, "Remove the seed 7")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(chip(tab, "Remove the seed")).to_have_count(0)
    expect(prompt_of(tab)).to_be_focused()


@pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter"])
def test_the_shortcut_is_one_press(keys, keyed_page, tab):
    prompt = f"By {keys} #stuck"
    open_page(tab, keyed_page)
    prompt_of(tab).fill(prompt)
    for _ in range(5):
        tab.keyboard.down(keys.partition("+")[0])
        tab.keyboard.down("Enter")
    tab.keyboard.up("Enter")
    tab.keyboard.up(keys.partition("+")[0])
    wait_until_made(tab)
    assert sum(prompt in (row["request"] or "") for row in keyed_page.rows()) == 1
    expect(prompt_of(tab)).to_have_value(prompt)


def test_the_sheet_is_a_dialog_that_escape_closes(demo_page, tab):
    open_page(tab, demo_page)
    opener = chip(tab, "More settings")
    opener.press("Enter")
    sheet = tab.get_by_role("dialog", name="More settings")
    expect(sheet).to_be_visible()
    expect(sheet.get_by_role("heading", name="More settings")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(opener).to_be_focused()
    # It stays while the prompt is written and something is chosen.
    open_sheet(tab)
    prompt_of(tab).fill(FOX)
    choose(tab, "4 s")
    expect(sheet).to_be_visible()
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()


# What is kept


def test_a_reload_keeps_the_whole_form_as_it_stands(demo_page, tab):
    open_page(tab, demo_page)
    prompt_of(tab).fill(FOX)
    for name in ("Veo 3.1 Fast", "9:16", "4 s", "720p", "3"):
        choose(tab, name)
    choose(tab, "Sound", on=False)
    open_sheet(tab)
    fill_unfolded(tab, "Negative prompt", "people")
    fill_unfolded(tab, "Seed", "7")
    tab.get_by_label("Auto-fix").uncheck()
    tab.wait_for_function("localStorage['veo-form']?.endsWith('false,3,\"seed\"]')")
    tab.reload()
    expect(chip(tab, "Takes: 3 takes")).to_be_visible()
    said = [each.inner_text() for each in tab.locator("#chips [data-field], #chips .seed").all()]
    assert said == ["Veo 3.1 Fast", "9:16", "4 s", "720p", "♪ off", "3 takes", "seed 7"]
    expect(prompt_of(tab)).to_have_value(FOX)
    expect(tab.get_by_label("Negative prompt")).to_have_value("people")
    expect(tab.get_by_label("Auto-fix")).not_to_be_checked()


def test_what_a_browser_kept_of_the_form_breaks_nothing(demo_page, tab):
    open_page(tab, demo_page)
    fitting = ["", "veo-0", "9:16", 5, "<img>", True, "", "", True, True, 9, "prompt"]
    for stored in (fitting, fitting[:3], [[]] * 12, {"form": 1}, 7, None, "x" * 20_000):
        tab.evaluate("kept => localStorage['veo-form'] = kept", json.dumps(stored))
        tab.reload()
        expect(tab.locator("body")).to_have_attribute("data-form-restored", "")
        expect(chip(tab, "Model: Veo 3.1")).to_be_visible()
        expect(chip(tab, "Duration: 8 s")).to_be_visible()
        expect(chip(tab, "Takes: 1 take")).to_be_visible()
        assert choice(tab, "1080p").is_checked()
    assert demo_page.faults() == []


def test_undo_brings_back_the_whole_form(demo_page, tab):
    open_page(tab, demo_page)
    prompt_of(tab).fill("My own words")
    choose(tab, "4 s")
    open_sheet(tab)
    fill_unfolded(tab, "Seed", "7")
    close_sheet(tab)
    press_example(tab, "Campfire")
    expect(chip(tab, "Aspect ratio: 9:16")).to_be_visible()
    expect(chip(tab, "Remove the seed")).to_have_count(0)
    tab.locator("#draft").get_by_role("button", name="Undo").click()
    expect(prompt_of(tab)).to_have_value("My own words")
    for name in ("Aspect ratio: 16:9", "Duration: 4 s", "Remove the seed 7"):
        expect(chip(tab, name)).to_be_visible()
    # Whatever is clicked before it.
    press_example(tab, "Campfire")
    expect(chip(tab, "Aspect ratio: 9:16")).to_be_visible()
    tab.locator("#head h1").click()
    tab.locator("#draft").get_by_role("button", name="Undo").click()
    for name in ("Aspect ratio: 16:9", "Duration: 4 s", "Remove the seed 7"):
        expect(chip(tab, name)).to_be_visible()


def test_an_example_and_the_settings_of_a_clip_bring_no_seed(demo_page, tab):
    open_page(tab, demo_page)
    prompt_of(tab).fill(f"{FOX} #no-credits")
    choose(tab, "4 s")
    tab.locator("#generate").click()
    wait_for(tab, "No credits left")
    for press in (
        lambda: press_example(tab, "Night surf"),
        lambda: (
            actions_of(tab.locator("#my-clips li").first)
            .get_by_role("button", name="Use settings")
            .click()
        ),
    ):
        open_sheet(tab)
        fill_unfolded(tab, "Seed", "7")
        close_sheet(tab)
        expect(chip(tab, "Remove the seed 7")).to_be_visible()
        press()
        expect(chip(tab, "Remove the seed")).to_have_count(0)
    expect(prompt_of(tab)).to_have_value(f"{FOX} #no-credits")


# In reach


@pytest.mark.new_browser
@pytest.mark.parametrize(
    ("width", "height"), [(1280, 800), (390, 779), (320, 568), (844, 390), (640, 400)]
)
def test_the_button_is_on_the_first_screen_with_a_long_prompt(
    width, height, demo_page: ServedPage, browser: Browser
):
    with visiting(browser) as tab:
        tab.set_viewport_size({"width": width, "height": height})
        open_page(tab, demo_page)
        prompt_of(tab).fill(("A fox in the snow, " * 25)[:400])
        box = tab.locator("#generate").bounding_box()
        assert box["y"] + box["height"] <= height
        assert box["x"] + box["width"] <= width
        tab.mouse.wheel(0, 400)
        tab.wait_for_timeout(300)
        assert tab.locator("#generate").bounding_box()["y"] + box["height"] <= height
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_characters_are_counted_once_there_are_many(demo_page, tab):
    open_page(tab, demo_page)
    count = tab.locator("#draft .count")
    prompt_of(tab).fill("x" * 3499)
    expect(count).to_be_hidden()
    prompt_of(tab).fill("x" * 3500)
    expect(count).to_have_text("3,500 of 4,000 characters")
    expect(count).not_to_have_class(re.compile("over"))
    prompt_of(tab).fill("x" * 4001)
    expect(count).to_have_text("4,001 of 4,000 characters")
    expect(count).to_have_class(re.compile("over"))


@pytest.mark.new_browser
def test_the_price_has_its_place_before_it_comes(tmp_path, tab):
    tab.add_init_script(
        """window.widths = new Set();
        requestAnimationFrame(function look() {
          const { width } = document.querySelector("#generate")?.getBoundingClientRect() || {};
          if (width) window.widths.add(width);
          requestAnimationFrame(look);
        })"""
    )
    with FaultServer(Shop()) as service:
        with ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url) as served:
            open_page(tab, served)
            choose(tab, "4")
            expect(tab.locator("#generate")).to_have_text("Generate · 4 × $3.20 = $12.80")
            assert tab.evaluate("widths.size") == 1
            tab.goto("about:blank")


# A file


DRAG = """
([what, types]) => {
  const data = new DataTransfer();
  for (const each of types) data.items.add(each === 'Files' ? new File(['{}'], 'diary.txt') : each);
  document.body.dispatchEvent(new DragEvent(what, { dataTransfer: data, bubbles: true }));
}
"""


def test_a_dragged_file_draws_a_veil_and_a_wrong_one_is_told_in_a_toast(demo_page, tab):
    open_page(tab, demo_page)
    veil = tab.locator("#veil")
    tab.evaluate(DRAG, ["dragover", ["Files"]])
    expect(veil).to_be_visible()
    expect(veil).to_contain_text("Drop")
    tab.evaluate(DRAG, ["dragleave", ["Files"]])
    expect(veil).to_be_hidden()
    tab.evaluate(DRAG, ["dragover", ["Files"]])
    tab.evaluate(DRAG, ["drop", ["Files"]])
    expect(veil).to_be_hidden()
    expect(tab.get_by_test_id("toast-body")).to_contain_text("diary.txt")


# Older browsers


@pytest.mark.new_browser
def test_a_browser_without_popovers_breaks_nothing(keyed_page, tab):
    """It knows neither the attribute nor its selector."""
    tab.add_init_script(
        """for (const name of ['popover', 'showPopover', 'hidePopover', 'togglePopover'])
          delete HTMLElement.prototype[name];
        for (const name of ['matches', 'closest', 'querySelector', 'querySelectorAll']) {
          const ask = Element.prototype[name];
          Element.prototype[name] = function (selector) {
            if (selector.includes(':popover-open')) throw new SyntaxError(selector);
            return ask.call(this, selector);
          };
        }"""
    )
    open_page(tab, keyed_page)
    tab.locator("#generate").click()
    expect(tab.locator("#prompt")).to_contain_text("the prompt is empty")
    tab.evaluate(DRAG, ["dragover", ["Files"]])
    tab.evaluate(DRAG, ["drop", ["Files"]])
    expect(tab.get_by_test_id("toast-body")).to_contain_text("diary.txt")
    prompt_of(tab).fill(f"{FOX} #no-credits")
    tab.locator("#generate").click()
    wait_for(tab, "No credits left")
    entry, menu = tab.locator("#my-clips li").first, tab.locator("#my-clips .menu")
    expect(menu).to_be_empty()
    entry.locator(".more").click()
    expect(menu).to_contain_text("No credits left")
    tab.locator("#head h1").click()
    expect(menu).to_be_empty()
    entry.locator(".more").click()
    menu.locator("[data-name=star]").evaluate("button => button.click()")
    expect(entry.locator(".star")).to_have_attribute("aria-pressed", "true")
    expect(menu).to_be_empty()


# Type


def test_letters_have_three_sizes(demo_page, tab):
    open_page(tab, demo_page)
    open_sheet(tab, "Help with the prompt", "Presets")
    sizes = tab.locator("#composer *").evaluate_all(
        "all => all.filter(e => e.checkVisibility() && e.innerText)"
        ".map(e => getComputedStyle(e).fontSize)"
    )
    assert set(sizes) <= {"13px", "15px", "20px"}
