"""Takes the README's pictures: the page in demo mode, at a desk and on a phone.

.venv/bin/python docs/take_picture.py
"""

import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import chromium  # noqa: E402  # the two folders are on the path only now
from served import ServedPage, open_page, press_generate, wait_for  # noqa: E402  # as above

PROMPT = (
    "A red fox trots through fresh snow at sunrise, low golden light, slow tracking shot, "
    "soft crunch of paws"
)
HELPED = {
    "Subject": "an old fisherman in a yellow coat",
    "Action": "hauls in a net",
    "Camera": "wide shot at eye level",
    "Light": "midnight, lit by one swinging lamp",
}
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
            for number in (0, 3):
                pick = takes.locator("#takes li").nth(number)
                pick.get_by_role("button", name="Compare").click()
            pair = takes.locator("#compare section")
            pair.get_by_role("slider").fill("2")
            takes.wait_for_timeout(1000)
            pair.screenshot(path=DOCS / "compare.png")

            helped = visitor(browser, served)
            helped.get_by_role("button", name="Help with the prompt").click()
            for part, words in HELPED.items():
                helped.get_by_label(part, exact=True).fill(words)
            helped.get_by_role("button", name="Put into the prompt").click()
            expect(helped.get_by_label("Prompt", exact=True)).to_have_value(re.compile("fisherman"))
            take(helped, "help", "#form")

            refused = visitor(browser, served, scheme="dark", size=PHONE)
            press_generate(refused, "A lighthouse in a storm #refused")
            wait_for(refused, "The prompt was refused")
            refused.evaluate("document.querySelector('#takes-asked').scrollIntoView()")
            take(refused, "refused")

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
    tab.wait_for_function("document.querySelector('#video video').duration > 0")
    video.evaluate("v => { v.pause(); v.currentTime = v.duration / 2; }")


def take(tab: Page, name: str, within: str = "") -> None:
    tab.wait_for_timeout(1000)
    tab.mouse.move(0, 0)
    (tab.locator(within) if within else tab).screenshot(path=DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
