"""Takes the README's pictures and its short film: the page in demo mode, at a desk and on a phone.

.venv/bin/python docs/take_picture.py
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import chromium  # noqa: E402  # the two folders are on the path only now
from served import (  # noqa: E402  # as above
    ServedPage,
    choose,
    open_page,
    open_sheet,
    press_generate,
    wait_for,
)

PROMPT = (
    "A red fox trots through fresh snow at sunrise, low golden light, slow tracking shot, "
    "soft crunch of paws"
)
EARLIER = ("Waves roll onto a black sand beach under a full moon", "Lights of a city in the rain")
HELPED = {
    "Subject": "an old fisherman in a yellow coat",
    "Action": "hauls in a net",
    "Camera": "wide shot at eye level",
    "Light": "midnight, lit by one swinging lamp",
}
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

FILMED = "A lighthouse on a cliff in a storm at night, waves, low angle"
FILM_WIDTH, FRAME = 960, 200
"""Pixels, and milliseconds that each picture of the film stands."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.executable(), args=chromium.ARGUMENTS
        )
        with ServedPage(Path(folder)) as served:
            take_film(visitor(browser, served))
            take_pictures(browser, served)
        browser.close()


def take_pictures(browser: Browser, served: ServedPage) -> None:
    finished = visitor(browser, served)
    for prompt in (*EARLIER, PROMPT):
        press_generate(finished, prompt, seconds=8)
        wait_for(finished, "Your demo clip is ready")
    show_the_middle(finished)
    take(finished, "page")
    finished.locator("#clip-tools").get_by_role("button", name="HTTP").click()
    finished.locator("#exchanges summary").first.click()
    take(finished, "hood", "#exchanges")

    takes = visitor(browser, served, scheme="dark")
    choose(takes, "4")
    press_generate(takes, "A paper boat drifts down a forest stream")
    done = takes.locator("#my-clips li[data-take][data-state=done]")
    expect(done).to_have_count(4)
    show_the_middle(takes)
    take(takes, "takes")
    for number in (0, 3):
        done.nth(number).locator(".tile").press("c")
    pair = takes.locator("#compare section")
    pair.get_by_role("slider").fill("2")
    take(takes, "compare", "#compare section")

    helped = visitor(browser, served)
    open_sheet(helped, "Help with the prompt")
    for part, words in HELPED.items():
        helped.get_by_label(part, exact=True).fill(words)
    take(helped, "help", "#sheet")

    refused = visitor(browser, served, scheme="dark", size=PHONE)
    press_generate(refused, "A lighthouse in a storm #refused")
    wait_for(refused, "The prompt was refused")
    take(refused, "refused")

    phone = visitor(browser, served, size=PHONE)
    press_generate(phone, EARLIER[0])
    wait_for(phone, "Making the video")
    take(phone, "phone")


def take_film(tab: Page) -> None:
    """The page in use, from an empty prompt to a clip that plays; it has no sound."""
    frames = look(tab, 1.0)
    tab.get_by_label("Prompt", exact=True).focus()
    for start in range(0, len(FILMED), 6):
        tab.keyboard.insert_text(FILMED[start : start + 6])
        frames += look(tab, 0.2)
    tab.locator("#chips [data-field=duration]").click()
    frames += look(tab, 0.8)
    tab.keyboard.press("Escape")
    choose(tab, "4 s")
    frames += look(tab, 0.6)
    tab.get_by_role("button", name="Generate").click()
    title = tab.locator("#status .title")
    while title.inner_text() != "Your demo clip is ready":
        frames += look(tab, 0.2)
        tab.wait_for_timeout(500)
    frames += look(tab, 4.0)
    first, *rest = frames
    file = DOCS / "film.webp"
    first.save(file, save_all=True, append_images=rest, duration=FRAME, loop=0, quality=40)


def look(tab: Page, seconds: float) -> list[Image.Image]:
    """What there is to see in so many seconds of the film; on the page it may take longer."""
    frames = []
    for _ in range(round(1000 * seconds / FRAME)):
        shot = Image.open(io.BytesIO(tab.screenshot(type="jpeg", quality=90)))
        size = (FILM_WIDTH, round(FILM_WIDTH * shot.height / shot.width))
        frames.append(shot.resize(size, Image.Resampling.LANCZOS))
        tab.wait_for_timeout(FRAME / 2)
    return frames


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
    # What is said of a finished clip goes out of its way.
    expect(tab.locator("#status .card.quiet")).to_be_attached()


def take(tab: Page, name: str, within: str = "") -> None:
    tab.wait_for_timeout(1000)
    tab.mouse.move(0, 0)
    (tab.locator(within) if within else tab).screenshot(path=DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
