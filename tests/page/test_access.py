"""Everybody's page: axe in every state, the keyboard alone, no motion for who wants none, no jumps.

axe runs on a desk and on a phone, light and dark.
"""

import contextlib
from importlib.resources import files

import pytest
from conftest import KEY
from playwright.sync_api import Page, expect
from served import (
    FOX,
    ServedPage,
    actions_of,
    by_day_and_night,
    choose,
    close_sheet,
    fill_unfolded,
    finished_takes,
    hide,
    open_page,
    open_sheet,
    visiting,
    wait_for,
    wait_until_made,
)
from test_framing import framer

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SIZES = {"desk": DESK, "phone": PHONE}
AT_200_PERCENT = {"desk at 200 %": {"width": 640, "height": 450}}
"""A desk in the pixels of CSS, of which there are half as many each way."""

FOLDED = (
    "Your own API key",
    "Find a clip by its ID",
    "Code",
    "HTTP",
)

IN_THE_SHEET = ("Help with the prompt", "Presets")

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()

# A scheme changes colours and nothing else.  What is half faded in has no contrast yet.
RUN_AXE = """
async ({ within, colours }) => {
  const ends = moves => moves.effect.getComputedTiming().endTime < Infinity;
  await Promise.allSettled(document.getAnimations().filter(ends).map(each => each.finished));
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await axe.run(within || document, {
    resultTypes: ['violations'],
    runOnly: colours ? ['color-contrast', 'link-in-text-block'] : tags,
    rules: colours ? {} : { 'target-size': { enabled: true } },
  });
  return violations.flatMap(({ id, nodes }) => nodes.map(node =>
    [id, node.target.join(' '), node.html.slice(0, 200), node.failureSummary].join(' | ')));
}
"""


def violations(tab: Page, state: str, within: str = "", sizes=SIZES) -> list[str]:
    """What axe finds wrong with the state that the page is in."""
    found = []
    for width, size in sizes.items():
        tab.set_viewport_size(size)
        for scheme in by_day_and_night(tab):
            if not tab.evaluate("'axe' in window"):
                tab.evaluate(AXE)
            wrong = tab.evaluate(RUN_AXE, {"within": within, "colours": scheme == "dark"})
            found += [f"{state}, {width}, {scheme}: {each}" for each in wrong]
    return found


def unfold_everything(tab: Page) -> None:
    for name in FOLDED:
        tab.get_by_role("button", name=name).click()
    expect(tab.locator("#programs code")).not_to_be_empty()
    open_sheet(tab, *IN_THE_SHEET)


def send(tab: Page, prompt: str) -> None:
    tab.locator("#prompt textarea").fill(prompt)
    tab.locator("#generate").click()


def choose_the_quickest(tab: Page) -> None:
    choose(tab, "4 s")
    choose(tab, "720p")


# axe


@pytest.mark.new_browser
def test_axe_has_nothing_against_the_page_while_it_is_filled_in(keyed_page, tab):
    open_page(tab, keyed_page)
    found = violations(tab, "idle")
    tab.emulate_media(reduced_motion="reduce")  # a film that plays takes as long as axe

    tab.locator("#prompt textarea").fill(FOX)
    unfold_everything(tab)
    fill_unfolded(tab, "Negative prompt", "no people, no text")
    tab.locator("#help").get_by_role("button", name="Add to prompt").click()
    expect(tab.locator("#nouns button")).to_be_visible()
    fill_unfolded(tab, "Name of the preset", "Foxes")
    tab.get_by_role("button", name="Save the form").click()
    close_sheet(tab)
    tab.get_by_label("AI/ML API key").fill("two words")
    tab.get_by_role("button", name="Use this key").click()
    expect(tab.locator("#key-note")).not_to_be_empty()
    open_sheet(tab)
    choose(tab, "2")
    found += violations(tab, "all unfolded")
    close_sheet(tab)
    for language in tab.get_by_role("tab").all():
        language.click()
        found += violations(tab, language.inner_text(), "#programs")
    for chip in tab.locator("#chips [data-field]").all():
        chip.click()
        found += violations(tab, chip.get_attribute("aria-label"), "#composer")
    tab.get_by_label("Vary").click()
    found += violations(tab, "a list dropped down", "#takes-asked")
    tab.locator("#takes-asked").evaluate("e => e.hidePopover()")

    send(tab, "")
    expect(tab.locator("#prompt")).to_contain_text("the prompt is empty")
    found += violations(tab, "refused at the field")
    assert not found, "\n".join(found)


@pytest.mark.new_browser
def test_axe_has_nothing_against_the_page_while_clips_are_made(keyed_page, tab):
    tab.emulate_media(reduced_motion="reduce")
    open_page(tab, keyed_page)
    send(tab, f"{FOX} #no-credits")
    wait_for(tab, "No credits left")
    send(tab, f"{FOX} #stuck")
    wait_until_made(tab)
    tab.locator("#clip-tools").get_by_role("button", name="HTTP").click()
    tab.locator("#exchanges summary").first.click()
    found = violations(tab, "on its way")
    hide(tab)

    choose(tab, "2")
    choose_the_quickest(tab)
    send(tab, FOX)
    expect(finished_takes(tab)).to_have_count(2)
    wait_for(tab, "Take 1 of 2: Your clip is ready")
    for state in ("rejected", "running", "done"):
        expect(tab.locator(f"#my-clips li[data-state={state}]").first).to_be_visible()
    take = tab.locator("#my-clips li[data-take]")
    actions_of(take.first).locator("[data-name=star]").click()
    actions_of(take.first).locator("[data-name=choose]").click()
    actions_of(take.first).locator("[data-name=compare]").click()
    actions_of(take.first)
    found += violations(tab, "finished, one picked, starred, selected, its actions open")
    tab.keyboard.press("Escape")
    take.last.locator(".tile").press("c")
    expect(tab.locator("#compare .play")).to_be_enabled()
    found += violations(tab, "two compared")
    assert not found, "\n".join(found)


@pytest.mark.new_browser
def test_axe_has_nothing_against_any_status_card(tab, tmp_path):
    with ServedPage(tmp_path, program="tests/every_card.py") as served:
        tab.goto(served.url)
        last = "The service no longer has this video"
        expect(tab.locator("#status .title").last).to_have_text(last)
        expect(tab.get_by_role("button", name="Try with enhancement")).to_be_visible()
        found = violations(tab, "every card")
    assert not found, "\n".join(found)


def test_axe_has_nothing_against_the_page_at_200_percent(keyed_page, browser):
    with visiting(browser, width=640, device_scale_factor=2) as tab:
        tab.set_viewport_size(*AT_200_PERCENT.values())
        open_page(tab, keyed_page)
        found = violations(tab, "idle", sizes=AT_200_PERCENT)
        choose_the_quickest(tab)
        send(tab, FOX)
        wait_for(tab, "Your clip is ready")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        open_sheet(tab, *IN_THE_SHEET)
        found += violations(tab, "finished, with the sheet", sizes=AT_200_PERCENT)
        close_sheet(tab)
        actions_of(tab.locator("#my-clips li").first)
        found += violations(tab, "a clip's menu", sizes=AT_200_PERCENT)
    assert not found, "\n".join(found)


def test_axe_has_nothing_against_the_page_in_a_frame(browser, tmp_path, demo):
    with framer() as port, contextlib.closing(browser.new_page()) as tab:
        of = f"http://localhost:{port}"
        settings = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": demo.base_url}
        with ServedPage(tmp_path, VEO_FRAME_ANCESTORS=of, **settings) as served:
            tab.goto(f"{of}/?{served.url}/")
            inside = tab.frame_locator("iframe")
            title = inside.locator("#status .title")
            expect(title).to_have_text("Ready when you are")
            frame = tab.frame(url=f"{served.url}/")
            choose(inside, "4 s")
            choose(inside, "720p")
            inside.get_by_label("Prompt", exact=True).fill(FOX)
            inside.get_by_role("button", name="Generate").click()
            expect(title).to_have_text("Your clip is ready")
            frame.evaluate(AXE)
            # Above its end, the composer may lie on half a button of what is scrolled below it.
            frame.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            found = frame.evaluate(RUN_AXE, {"within": "", "colours": False})
    assert not found, "\n".join(found)


# The keyboard

ORDER = (
    "One shot",
    "Your own API key",
    "Download",
    "Code",
    "HTTP",
    "Find a clip by its ID",
    "Fox in the snow",
    "Prompt",
    "Model",
    "Aspect ratio",
    "Duration",
    "Resolution",
    "Sound",
    "Takes",
    "More settings",
    "Close",
    "Advanced",
    "Negative prompt",
    "Seed",
    "Help with the prompt",
    "Presets",
    "Choose a file",
    "Generate",
)
"""What the Tab key comes by, among others, in this order."""

NEXT_STOP = """
() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  (window.visited ??= new Set()).add(at);
  const group = at.closest('fieldset')?.querySelector('[data-testid="block-info"]');
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  return {
    name: at.getAttribute('aria-label') || (group || at.labels?.[0] || at).textContent.trim(),
    ring: outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2,
    tabindex: at.tabIndex,
  };
}
"""

LEFT_OUT = """
() => [...document.querySelectorAll('a[href], button, input, textarea, summary, [tabindex]')]
  .filter(each => each.checkVisibility({ checkVisibilityCSS: true }) && !each.disabled)
  .filter(each => each.tabIndex >= 0 && !window.visited.has(each))
  .filter(each => each.type !== 'radio' || each.checked)  // of a group, Tab stops at the chosen
  .map(each => each.outerHTML.slice(0, 120))
"""


def test_the_keyboard_alone_makes_a_clip_and_comes_by_everything(keyed_page, tab):
    open_page(tab, keyed_page)
    expect(tab.locator("#prompt textarea")).to_be_focused()
    tab.keyboard.type(FOX)
    for name in ("Duration", "Resolution"):  # past the last to the first, which is the quickest
        tab_to(tab, name)
        tab.keyboard.press("Enter")
        expect(tab.locator("#composer input:focus")).to_be_checked()
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("Enter")
    tab_to(tab, "Generate")
    tab.keyboard.press("Enter")
    wait_for(tab, "Your clip is ready")
    expect(tab.locator("#status .detail")).to_contain_text("320 × 180, 4 s")
    expect(tab.locator("#generate")).to_be_focused()
    unfold_everything(tab)
    tab.mouse.click(2, 2)

    for size in (DESK, PHONE):
        tab.set_viewport_size(size)
        stops = stops_of(tab)
        assert tab.evaluate(LEFT_OUT) == []
        assert [stop for stop in stops if not stop["ring"] or stop["tabindex"] > 0] == []
        come_by = iter(stop["name"] for stop in stops)
        for name in ORDER:
            assert any(each.startswith(name) for each in come_by), name


def tab_to(tab: Page, name: str) -> None:
    for _ in range(40):
        tab.keyboard.press("Tab")
        if tab.evaluate(NEXT_STOP)["name"].startswith(name):
            return
    raise AssertionError(f"no way to {name}")


def stops_of(tab: Page) -> list[dict]:
    """Where the Tab key stops, until it leaves the page."""
    stops = []
    while len(stops) < 200:
        tab.keyboard.press("Tab")
        stop = tab.evaluate(NEXT_STOP)
        if stop is None:
            return stops
        stops.append(stop)
    raise AssertionError("the Tab key does not leave the page")


# Nothing moves, nothing jumps

MOVES = """
() => [...document.querySelectorAll('*')].flatMap(each =>
  ['', '::before', '::after'].flatMap(part => {
    const { transitionDuration, animationDuration } = getComputedStyle(each, part || undefined);
    const longest = Math.max(...(transitionDuration + ',' + animationDuration)
      .split(',').map(parseFloat));
    return longest > .001 ? [`${each.tagName}.${each.className}${part} ${longest} s`] : [];
  }))
"""


@pytest.mark.new_browser
def test_nothing_moves_for_who_wants_no_motion(keyed_page, tab):
    open_page(tab, keyed_page)
    tab.keyboard.type(FOX)
    unfold_everything(tab)
    assert tab.evaluate(MOVES) != []
    tab.emulate_media(reduced_motion="reduce")
    assert tab.evaluate(MOVES) == []


@pytest.mark.new_browser
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_clip_starts_by_itself_only_for_who_made_it_just_now_and_likes_motion(
    motion, keyed_page, tab
):
    tab.emulate_media(reduced_motion=motion)
    open_page(tab, keyed_page)
    choose_the_quickest(tab)
    send(tab, FOX)
    wait_for(tab, "Your clip is ready")
    plays = "document.querySelector('#video video')"
    tab.wait_for_function(f"{plays}.readyState >= 3")
    if motion == "no-preference":
        tab.wait_for_function(f"{plays}.currentTime > 0")
    assert tab.evaluate(f"{plays}.autoplay") == (motion == "no-preference")

    tab.reload()
    wait_for(tab, "Your clip is ready")
    tab.wait_for_function(f"{plays}.readyState >= 3")
    assert tab.evaluate(f"[{plays}.paused, {plays}.currentTime]") == [True, 0]


JUMPS = """
window.jumps = 0;
new PerformanceObserver(list => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.jumps += each.value;
}).observe({ type: 'layout-shift', buffered: true });
"""


@pytest.mark.new_browser
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_jumps_while_the_page_loads_and_a_clip_is_made(size, demo_page, tab):
    """Measured as browsers do; 0.1 is what they call good."""
    tab.set_viewport_size(size)
    tab.add_init_script(JUMPS)
    open_page(tab, demo_page)
    tab.wait_for_timeout(1000)
    loading = tab.evaluate("jumps")
    choose_the_quickest(tab)
    tab.locator("#prompt textarea").fill(FOX)
    tab.locator("#generate").focus()
    tab.keyboard.press("Enter")
    wait_for(tab, "Your demo clip is ready")
    tab.wait_for_timeout(500)
    making = tab.evaluate("jumps") - loading
    assert loading < 0.05
    assert making < 0.05
