"""The stage: one clip in sight, as large as the window leaves, and all that is said of it."""

import json
import re

import pytest
from playwright.sync_api import Page, expect
from served import (
    FOX,
    choose,
    finished_takes,
    open_page,
    play,
    press_generate,
    visiting,
    wait_for,
    wait_until_made,
)

from page import texts
from page.example_film import NUMBER
from page.examples import EXAMPLES


def seen_size(tab: Page) -> list[float]:
    """Width and height of the picture itself, without the black beside it."""
    return tab.locator("#video video").evaluate(
        """video => {
          const { width, height } = video.getBoundingClientRect();
          const scale = Math.min(width / video.videoWidth, height / video.videoHeight);
          return [scale * video.videoWidth, scale * video.videoHeight];
        }"""
    )


def a_clip(tab: Page, served, prompt: str = FOX) -> None:
    open_page(tab, served)
    press_generate(tab, prompt)
    wait_for(tab, "Your clip is ready")
    tab.wait_for_function("document.querySelector('#video video').videoWidth > 0")


# The clip


def test_the_clip_is_as_large_as_the_window_leaves(keyed_page, tab):
    a_clip(tab, keyed_page)
    for width, height, share in [(1280, 800, 0.6), (390, 844, 0.9)]:
        tab.set_viewport_size({"width": width, "height": height})
        shown, high = seen_size(tab)
        assert shown >= share * width
        assert shown / high == pytest.approx(16 / 9, rel=0.01)
    for scheme in ("light", "dark"):
        tab.evaluate(f"document.body.classList.toggle('dark', {json.dumps(scheme == 'dark')})")
        black = "getComputedStyle(document.querySelector('#stage'), '::before').backgroundColor"
        assert tab.evaluate(black) == "rgb(0, 0, 0)"


def test_an_upright_clip_is_no_smaller_than_a_phone_allows(keyed_page, tab):
    tab.set_viewport_size({"width": 390, "height": 844})
    open_page(tab, keyed_page)
    choose(tab, "9:16")
    press_generate(tab, FOX)
    wait_for(tab, "Your clip is ready")
    tab.wait_for_function("document.querySelector('#video video').videoWidth > 0")
    assert seen_size(tab)[1] >= 0.6 * 844


def test_what_is_said_of_a_clip_goes_out_of_its_way_and_stays_in_the_details(keyed_page, tab):
    a_clip(tab, keyed_page)
    expect(tab.locator("#status .card")).to_have_css("opacity", "0", timeout=20_000)
    expect(tab.locator("#status .card")).to_have_css("pointer-events", "none")
    tab.locator("#status").get_by_role("button", name=texts.DETAILS).click()
    expect(tab.locator("#status .facts")).to_contain_text("320 × 180, 4 s")
    expect(tab.locator("#status [aria-current=step]")).to_be_visible()


# One clip everywhere


def test_card_clip_seed_and_marked_take_are_one(keyed_page, tab):
    open_page(tab, keyed_page)
    choose(tab, "2")
    press_generate(tab, f"{FOX}, told apart")
    wait_for(tab, "Take 1 of 2: Your clip is ready")
    expect(finished_takes(tab)).to_have_count(2)
    expect(tab.locator("#status .take")).to_have_text("Take 1 of 2")
    expect(tab.locator("#status .prompt")).to_have_text(f"{FOX}, told apart")
    first, second = [row for row in keyed_page.rows() if "told apart" in (row["request"] or "")]
    expect(tab.locator("#status .seed")).to_have_text(f"seed {seed(first)}")
    expect(tab.locator("#video video")).to_have_attribute("src", re.compile(first["clip"]))
    play(tab.locator('#my-clips [data-take="2"]'))
    expect(tab.locator("#status .take")).to_have_text("Take 2 of 2")
    expect(tab.locator("#status .seed")).to_have_text(f"seed {seed(second)}")
    expect(tab.locator("#video video")).to_have_attribute("src", re.compile(second["clip"]))


def seed(row) -> int:
    return json.loads(row["request"])["seed"]


def test_the_picture_that_stood_there_stays_while_the_next_clip_is_made(keyed_page, tab):
    a_clip(tab, keyed_page)
    press_generate(tab, f"{FOX} #stuck")
    wait_until_made(tab)
    expect(tab.locator("#video video")).to_be_hidden()
    expect(tab.locator("#video canvas")).to_be_visible()
    expect(tab.locator("#status .fill")).to_be_visible()


# In sight


def test_a_clip_that_is_asked_for_from_far_down_plays_in_sight(keyed_page, tab):
    a_clip(tab, keyed_page)
    tab.evaluate("document.body.style.paddingBottom = '3000px'; scrollTo(0, 3000)")
    tab.locator("#my-clips .tile").first.evaluate("tile => tile.click()")
    expect(tab.locator("#video video")).to_be_in_viewport(ratio=0.9)


def test_what_the_form_was_given_is_said_where_one_looks(keyed_page, tab):
    a_clip(tab, keyed_page)
    tab.locator("#clip-tools").get_by_role("button", name=texts.ANOTHER_TAKE).click()
    expect(tab.locator("#clip-tools .toast")).to_have_text(texts.FORM_FILLED)
    expect(tab.locator("#clip-tools .toast")).to_be_in_viewport()
    expect(tab.locator("#generate")).to_be_focused()


@pytest.mark.new_browser
def test_a_page_that_is_opened_while_a_clip_is_made_does_not_scroll(keyed_page, tab):
    tab.set_viewport_size({"width": 844, "height": 390})
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #stuck")
    wait_until_made(tab)
    tab.reload()
    wait_until_made(tab)
    tab.wait_for_timeout(500)
    assert tab.evaluate("scrollY") == 0


# What went wrong


def test_a_refused_clip_opens_with_its_reason_and_what_helps(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX}, refused #no-credits")
    wait_for(tab, "No credits left")
    reason = tab.locator("#status .detail").inner_text()
    press_generate(tab, FOX)
    wait_for(tab, "Your clip is ready")
    refused = tab.locator("#my-clips li", has_text="refused #no-credits")
    play(refused)
    wait_for(tab, "No credits left")
    assert tab.locator("#status .detail").inner_text() == reason
    expect(tab.locator("#status .actions button").first).to_be_visible()


# The composer stays over what is scrolled below it.
OVERLAPS = """
() => {
  const composer = document.querySelector('#composer');
  const shown = [...document.querySelectorAll('button, textarea, a[href], #status .title')]
    .filter(each => each.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }))
    .map(each => [each, each.getBoundingClientRect()])
    .filter(([, box]) => box.width > 1 && box.height > 1);
  return shown.flatMap(([one, a], at) => shown.slice(at + 1)
    .filter(([other, b]) => composer.contains(one) === composer.contains(other)
      && !one.contains(other) && !other.contains(one)
      && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
    .map(([other]) => `${one.outerHTML.slice(0, 80)} | ${other.outerHTML.slice(0, 80)}`));
}
"""


@pytest.mark.parametrize("prompt", [f"{FOX} #stuck", f"{FOX} #no-credits", FOX])
def test_nothing_lies_on_another_on_a_phone_on_its_side(prompt, keyed_page, tab):
    tab.set_viewport_size({"width": 844, "height": 390})
    open_page(tab, keyed_page)
    assert tab.evaluate(OVERLAPS) == []
    press_generate(tab, prompt)
    wait_for(tab, re.compile("Making the video|No credits left|Your clip is ready"))
    tab.evaluate("scrollTo(0, 0)")
    assert tab.evaluate(OVERLAPS) == []
    assert tab.evaluate("document.documentElement.scrollWidth") == 844


def test_forced_colours_show_the_buttons_and_the_bar(keyed_page, browser):
    with visiting(browser, forced_colors="active") as tab:
        open_page(tab, keyed_page)
        press_generate(tab, f"{FOX} #stuck")
        wait_until_made(tab)
        for selector in ("#status .track", "#status .puts-away", "#status .fold", "#generate"):
            expect(tab.locator(selector)).to_have_css("border-top-style", "solid")
        backgrounds = [
            tab.locator(f"#status .{part}").evaluate("it => getComputedStyle(it).backgroundColor")
            for part in ("fill", "track")
        ]
        assert len(set(backgrounds)) == 2


# The empty stage


@pytest.mark.new_browser
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_on_opening_a_picture_moves_for_who_likes_motion(motion, demo_page, tab):
    tab.emulate_media(reduced_motion=motion)
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    open_page(tab, demo_page)
    film = tab.locator("#example-film video")
    expect(film).to_be_visible()
    assert film.evaluate("film => film.muted")
    if motion == "no-preference":
        tab.wait_for_function("document.querySelector('#example-film video').currentTime > 0.5")
    else:
        tab.wait_for_timeout(1000)
        assert film.evaluate("film => film.paused")
    assert any(url.endswith(".mp4") for url in asked)


def test_film_this_fills_the_form_and_only_generate_sends(keyed_page, tab):
    open_page(tab, keyed_page)
    before = len(keyed_page.rows())
    tab.get_by_role("button", name=texts.FILM_THIS).click()
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value(EXAMPLES[NUMBER].prompt)
    expect(tab.locator("#generate")).to_be_focused()
    assert len(keyed_page.rows()) == before


@pytest.mark.new_browser
def test_who_has_a_clip_does_not_fetch_the_example(keyed_page, tab):
    """Neither at once, nor when the time is over in which the clip comes."""
    a_clip(tab, keyed_page)
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.clock.install()
    tab.reload()
    wait_for(tab, "Your clip is ready")
    tab.clock.fast_forward(9_000)
    tab.wait_for_timeout(1000)
    assert not [url for url in asked if url.endswith("northern-lights.mp4")]


@pytest.mark.new_browser
def test_a_clip_that_does_not_come_again_is_waited_for_once(demo_page, tab):
    open_page(tab, demo_page)
    tab.evaluate("localStorage['veo-stage'] = 'gone'")
    tab.clock.install()
    tab.reload()
    film = tab.locator("#example-film video")
    expect(tab.locator("#cost")).not_to_be_empty()
    expect(film).to_be_hidden()
    tab.clock.fast_forward(9_000)
    expect(film).to_be_visible()
    assert tab.evaluate("localStorage['veo-stage']") is None
    tab.reload()
    expect(film).to_be_visible()


# What a teacher unfolds


def test_what_is_pinned_is_open_again_after_a_reload(keyed_page, tab):
    open_page(tab, keyed_page)
    details = tab.locator("#status").get_by_role("button", name=texts.DETAILS)
    details.click()
    tab.locator("#clip-tools").get_by_role("button", name=texts.EXCHANGES_SECTION).click()
    expect(tab.locator("#exchanges")).to_be_visible()
    pin = tab.get_by_role("button", name=texts.PIN, exact=True)
    tab.reload()
    expect(pin).to_have_attribute("aria-pressed", "false")
    expect(tab.locator("#status .details")).to_be_hidden()
    details.click()
    tab.locator("#clip-tools").get_by_role("button", name=texts.EXCHANGES_SECTION).click()
    pin.click()
    tab.reload()
    expect(pin).to_have_attribute("aria-pressed", "true")
    expect(tab.locator("#status .details")).to_be_visible()
    expect(tab.locator("#exchanges")).to_be_visible()
    expect(tab.locator("#programs")).to_be_hidden()
