"""Several takes of one click, in the strip, and two clips side by side, in a real browser."""

import re

import pytest
from conftest import KEY
from fault_server import FaultServer
from playwright.sync_api import Page, expect
from served import (
    FOX,
    ServedPage,
    actions_of,
    call,
    choose,
    finished_takes,
    hide,
    open_page,
    play,
    posts,
    press_generate,
    service_that_never_finishes,
    wait_for,
)

TIMES = "() => [...document.querySelectorAll('#compare video')].map(video => video.currentTime)"


def ask_for(tab: Page, takes: int, differs: str = "") -> None:
    choose(tab, "1 take" if takes == 1 else str(takes))
    if differs:
        tab.get_by_role("button", name="Takes: ").click()
        tab.get_by_label("Vary").click()
        tab.get_by_role("option", name=differs).click()
        tab.locator("#takes-asked").evaluate("e => e.hidePopover()")


def take(tab: Page, number: int):
    return tab.locator(f'#my-clips li[data-take="{number}"]')


def requests_of(served: ServedPage, prompt: str) -> list[str]:
    return [row["request"] for row in served.rows() if prompt in (row["request"] or "")]


def about(entry) -> str:
    """What its menu says of a clip."""
    told = actions_of(entry).locator(".facts").inner_text()
    entry.page.keyboard.press("Escape")
    return told


def seed_of(entry) -> str:
    return re.search(r"seed (\d+)", about(entry))[1]


def test_two_takes_arrive_side_by_side_and_a_reload_brings_them_back(keyed_page, tab):
    prompt = f"{FOX}, twice"
    open_page(tab, keyed_page)
    expect(tab.get_by_label("Vary")).to_have_count(0)
    ask_for(tab, 2)
    press_generate(tab, prompt)
    expect(finished_takes(tab)).to_have_count(2)
    wait_for(tab, "Take 1 of 2: Your clip is ready")
    seeds = [seed_of(take(tab, number)) for number in (1, 2)]
    sent = requests_of(keyed_page, prompt)
    assert len(sent) == len(set(seeds)) == 2
    assert all(f'"seed": {seed}' in request for seed, request in zip(seeds, sent, strict=True))

    tab.reload()
    expect(finished_takes(tab)).to_have_count(2)
    assert [seed_of(take(tab, number)) for number in (1, 2)] == seeds
    tab.wait_for_function("document.querySelector('#my-clips [data-take] img').naturalWidth > 0")
    play(take(tab, 2))
    wait_for(tab, "Take 2 of 2: Your clip is ready")
    expect(tab.locator("#status .seed")).to_have_text(f"seed {seeds[1]}")

    actions_of(take(tab, 2)).get_by_role("button", name="Use this seed").click()
    ask_for(tab, 1)
    press_generate(tab, f"{prompt}, once more")
    wait_for(tab, "Your clip is ready")
    expect(tab.locator("#my-clips li").first).not_to_have_attribute("data-take", "1")
    (again,) = requests_of(keyed_page, f"{prompt}, once more")
    assert f'"seed": {seeds[1]}' in again


def test_a_double_click_begins_each_take_once_and_a_limit_ends_them(tab, tmp_path):
    with FaultServer(service_that_never_finishes) as service:
        environment = {
            "AIMLAPI_KEY": KEY,
            "AIMLAPI_BASE_URL": service.url,
            "VEO_CLIPS_A_DAY": "3",
        }
        with ServedPage(tmp_path, **environment) as served:
            open_page(tab, served)
            ask_for(tab, 4)
            tab.get_by_label("Prompt", exact=True).fill(FOX)
            tab.get_by_role("button", name="Generate").dblclick()
            wait_for(tab, re.compile("Take 1 of 3"))
            expect(tab.locator("#status .detail")).to_contain_text("We sent 3 of 4 takes, then: ")
            expect(tab.locator("#my-clips li[data-take]")).to_have_count(3)
            hide(tab)
            assert len(served.rows()) == 3
    assert len(posts(service)) == len({post["seed"] for post in posts(service)}) == 3


def test_a_refused_first_take_is_the_only_one_sent(keyed_page, tab):
    prompt = "Three boats #no-credits"
    open_page(tab, keyed_page)
    ask_for(tab, 3)
    press_generate(tab, prompt)
    wait_for(tab, "No credits left")
    expect(tab.locator("#status .detail")).to_contain_text("We sent no other take.")
    expect(tab.locator("#my-clips li")).to_have_count(1)
    expect(tab.locator("#my-clips li[data-take]")).to_have_count(0)
    assert len(requests_of(keyed_page, prompt)) == 1


def test_two_clips_of_different_length_play_and_seek_as_one(keyed_page, tab):
    open_page(tab, keyed_page)
    ask_for(tab, 2, "Duration")
    press_generate(tab, FOX)
    expect(finished_takes(tab)).to_have_count(2)
    expect(take(tab, 2).locator(".what")).to_have_text("Take 2 · 6 s")
    actions_of(take(tab, 1)).get_by_role("button", name="Compare").click()
    compare = actions_of(take(tab, 1)).get_by_role("button", name="Compare")
    expect(compare).to_have_attribute("aria-pressed", "true")
    tab.keyboard.press("Escape")
    take(tab, 2).locator(".tile").press("c")
    pair = tab.locator("#compare section")
    expect(pair).to_be_visible()
    expect(pair).to_be_in_viewport()

    play = pair.get_by_role("button", name="Play both")
    expect(play).to_be_enabled()
    play.press("Space")
    tab.wait_for_function("document.querySelector('#compare video').currentTime > 1")
    tab.evaluate("document.querySelector('#compare video').currentTime += 1")
    tab.wait_for_function(f"({TIMES})().every((t, _, all) => Math.abs(t - all[0]) < 0.15)")
    assert muted(tab) == [False, True]
    pair.get_by_role("radio", name="Second clip").check()
    assert muted(tab) == [True, False]
    pair.get_by_role("button", name="Pause both").click()

    pair.get_by_role("slider").fill("5")
    assert sorted(times(tab)) == [4, 5]
    pair.get_by_role("slider").press("ArrowLeft")
    assert sorted(times(tab)) == pytest.approx([4, 4.95])
    play.click()
    expect(play).to_be_visible()  # it played to the end of the longer one
    assert sorted(times(tab)) == [4, 6]
    play.click()
    tab.wait_for_function("document.querySelector('#compare video').currentTime < 3")
    pair.get_by_role("button", name="Close").click()
    expect(pair).to_be_hidden()


def times(tab: Page) -> list[float]:
    return tab.evaluate(TIMES)


def muted(tab: Page) -> list[bool]:
    return tab.evaluate("[...document.querySelectorAll('#compare video')].map(v => v.muted)")


def test_another_visitors_takes_and_clips_show_nothing(keyed_page, tab):
    open_page(tab, keyed_page)
    ask_for(tab, 2)
    press_generate(tab, "A secret orchard")
    expect(finished_takes(tab)).to_have_count(2)
    ids = tab.evaluate("[...document.querySelectorAll('#my-clips li')].map(e => e.dataset.job)")
    stranger = {"visitor": "x" * 43, "takes": ids, "job": ids[0]}
    for handler in ("on_load", "on_focus", "on_find", "on_star", "on_compare"):
        said = call(keyed_page, handler, [stranger], {"jobs": ids})
        assert "process_completed" in said
        assert ".mp4" not in said
        assert ".jpg" not in said
        assert "secret orchard" not in said
