"""Takes the README's picture: the page in demo mode with a finished clip.

.venv/bin/python docs/take_picture.py
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import chromium  # noqa: E402  # the two folders are on the path only now
from test_page import ServedPage, open_page, wait_for  # noqa: E402

PROMPT = (
    "A red fox trots through fresh snow at sunrise, low golden light, slow tracking shot, "
    "soft crunch of paws"
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.executable(), args=chromium.ARGUMENTS
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 780})
        with ServedPage(Path(folder)) as served:
            open_page(tab, served)
            tab.get_by_label("Prompt", exact=True).fill(PROMPT)
            tab.get_by_role("button", name="Generate").click()
            wait_for(tab, "Your demo clip is ready")
            video = tab.locator("#video video")
            expect(video).to_be_visible()
            video.evaluate("v => { v.pause(); v.currentTime = 4; }")
            tab.wait_for_timeout(1000)
            tab.mouse.move(0, 0)
            tab.screenshot(path=ROOT / "docs" / "page.png")
        browser.close()


if __name__ == "__main__":
    main()
