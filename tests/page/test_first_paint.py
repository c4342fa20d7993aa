"""The prompt is there before Gradio is, and what is typed into it stays."""

import contextlib
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect
from served import ServedPage, open_page, visiting
from test_access import AXE, RUN_AXE

pytestmark = pytest.mark.new_browser  # each holds Gradio's scripts back

FIRST = "#first-paint textarea"


@contextlib.contextmanager
def slowly(
    tab: Page, served: ServedPage, query: str = "", *, until: str = "#cost:not(:empty)"
) -> Iterator[None]:
    """Gradio's scripts come only after the body of this, and then what is there `until` the end."""
    held = []
    tab.route("**/assets/index-*.js", lambda route: held.append(route))
    tab.goto(served.url + query, wait_until="commit")
    expect(tab.locator(FIRST)).to_be_focused()
    yield
    for route in held:
        route.continue_()
    tab.locator(until).wait_for(state="attached")


def places(tab: Page, *found: str) -> list[tuple[float, ...]]:
    return tab.evaluate(
        """found => found.map(each => {
          const { x, y, width, height } = document.querySelector(each).getBoundingClientRect();
          return [x, y, width, height].map(Math.round);
        })""",
        found,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_typed_early_stays_where_it_was_with_its_caret(
    width, scheme, demo_page: ServedPage, browser: Browser
):
    with visiting(browser, width=width, scheme=scheme) as tab:
        with slowly(tab, demo_page):
            tab.keyboard.type("A fox in snow")
            for _ in "snow":
                tab.keyboard.press("ArrowLeft")
            first = places(tab, "#first-paint h1", "#first-paint p", FIRST)
            tab.evaluate(AXE)
            for colours in (False, True):
                assert tab.evaluate(RUN_AXE, {"within": "", "colours": colours}) == []
            background = tab.locator(FIRST).evaluate("e => getComputedStyle(e).backgroundColor")
        prompt = tab.get_by_label("Prompt", exact=True)
        expect(tab.locator("#first-paint")).to_have_count(0)
        expect(prompt).to_be_focused()
        tab.keyboard.type("fresh ")
        expect(prompt).to_have_value("A fox in fresh snow")
        assert places(tab, "#head h1", "#mode", "#prompt textarea") == first
        assert prompt.evaluate("e => getComputedStyle(e).backgroundColor") == background
        # The form has it, not the screen alone.
        tab.locator("#clip-tools").get_by_role("button", name="Code").click()
        expect(tab.get_by_role("tabpanel")).to_contain_text("A fox in fresh snow")


def test_a_draft_is_there_at_once(demo_page, tab):
    with slowly(tab, demo_page):
        tab.keyboard.type("Half a thought")
    with slowly(tab, demo_page):
        expect(tab.locator(FIRST)).to_have_value("Half a thought")
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value("Half a thought")


def test_a_page_that_does_not_come_says_so(demo_page, tab):
    tab.clock.install()
    with slowly(tab, demo_page):
        said = tab.locator("#first-paint [role=status]")
        expect(said).to_be_empty()
        tab.clock.fast_forward(2_000)
        expect(said).to_have_text("Loading…")
        tab.clock.fast_forward(18_000)
        expect(said).to_contain_text("your prompt is saved")
        tab.clock.resume()


def test_a_character_that_is_being_composed_is_waited_for(demo_page, tab):
    """And the rest waits for the form: it is not mounted, and nothing is asked of the server."""
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    with slowly(tab, demo_page, until="#generate"):
        keyboard = tab.context.new_cdp_session(tab)
        keyboard.send(
            "Input.imeSetComposition", {"text": "か", "selectionStart": 1, "selectionEnd": 1}
        )
    expect(tab.locator(FIRST)).to_be_focused()
    tab.wait_for_timeout(500)
    assert tab.locator("#examples, #status, #draft").count() == 0
    assert not [url for url in asked if "/queue/" in url]
    keyboard.send("Input.insertText", {"text": "火"})
    expect(tab.locator("#first-paint")).to_have_count(0)
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value("火")
    expect(tab.locator("#cost")).not_to_be_empty()


def test_the_button_is_there_in_the_first_frame_without_the_first_paint(demo_page, tab):
    tab.add_init_script(
        """requestAnimationFrame(function look() {
          const button = document.querySelector("#generate");
          if (!button || document.getElementById("first-paint")) requestAnimationFrame(look);
          else window.shown = button.checkVisibility({ visibilityProperty: true });
        })"""
    )
    open_page(tab, demo_page)
    assert tab.evaluate("window.shown") is True


def test_a_theme_that_the_address_asks_for_is_there_from_the_first_paint(demo_page, tab):
    for theme in ("dark", "light"):
        with slowly(tab, demo_page, f"/?__theme={theme}"):
            is_dark = "e => e.classList.contains('dark')"
            assert tab.locator("#first-paint").evaluate(is_dark) is (theme == "dark")


def test_the_first_paint_says_who_pays(demo_page, keyed_page):
    for served, said in (
        (demo_page, '<b class="demo">Demo</b>'),
        (keyed_page, "<b>Your key</b> (AIMLAPI_KEY)"),
    ):
        answer = requests.get(served.url, timeout=10)
        assert int(answer.headers["Content-Length"]) < len(answer.content)
        assert said in answer.text.partition("<gradio-app")[0]
        assert requests.head(served.url, timeout=10).status_code == 200
