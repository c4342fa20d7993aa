"""Takes the README's pictures: the page in demo mode, at a desk and on a phone.

.venv/bin/python docs/take_picture.py
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import chromium  # noqa: E402  # the two folders are on the path only now
from served import ServedPage, open_page, press_generate, wait_for  # noqa: E402

PROMPT = (
    "A red fox trots through fresh snow at sunrise, low golden light, slow tracking shot, "
    "soft crunch of paws"
)
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.executable(), args=chromium.ARGUMENTS
        )
        with ServedPage(Path(folder)) as served:
            finished = visitor(browser, served)
            press_generate(finished, PROMPT, seconds=8, resolution="1080p")
            wait_for(finished, "Your demo clip is ready")
            show_the_middle(finished)
            take(finished, "page")
            finished.get_by_role("button", name="Under the hood").click()
            finished.locator("#exchanges summary").first.click()
            finished.locator("#exchanges").scroll_into_view_if_needed()
            finished.locator("#teach").screenshot(path=DOCS / "hood.png")

            dark = visitor(browser, served, scheme="dark")
            press_generate(dark, "Northern lights above a quiet lake at night")
            wait_for(dark, "Your demo clip is ready")
            show_the_middle(dark)
            take(dark, "dark")

            takes = visitor(browser, served)
            takes.get_by_role("radio", name="4", exact=True).check()
            press_generate(takes, "A paper boat drifts down a forest stream")
            expect(takes.locator("#takes li[data-state=done]")).to_have_count(4)
            takes.wait_for_timeout(1000)
            takes.locator("#takes").screenshot(path=DOCS / "takes.png")

            phone = visitor(browser, served, size=PHONE)
            press_generate(phone, "Waves roll onto a black sand beach under a full moon")
            wait_for(phone, "Making the video")
            phone.locator("#cost").scroll_into_view_if_needed()
            phone.evaluate("document.querySelector('#takes-asked').scrollIntoView()")
            take(phone, "phone")
        browser.close()


def visitor(
    browser: Browser, served: ServedPage, *, size: dict[str, int] = DESK, scheme: str = "light"
) -> Page:
    tab = browser.new_context(viewport=size, color_scheme=scheme).new_page()
    open_page(tab, served)
    return tab


def show_the_middle(tab: Page) -> None:
    video = tab.locator("#video video")
    expect(video).to_be_visible()
    video.evaluate("v => { v.pause(); v.currentTime = v.duration / 2; }")


def take(tab: Page, name: str) -> None:
    tab.wait_for_timeout(1000)
    tab.mouse.move(0, 0)
    tab.screenshot(path=DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
