"""What a visitor waits for: bytes over the wire, and time to a form that can be used.

Ours, with all that stands below the fold, beside a bare Gradio page: one text box and one button
at Gradio's defaults.  Both servers have answered before; the browser has nothing cached.  The form
can be used when prompt and button were visible in a frame that has been drawn.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.bench_start import BARE_PAGE, ROOT, served
from benchmarks.table import Row

sys.path.append(str(ROOT / "tests"))
import chromium  # the tests' browser

ROUNDS = 7
IDLE = 1.0
"""Seconds without news from the network: the page is there."""

WATCH = """
const visible = each => each && each.getClientRects().length
  && each.checkVisibility({ opacityProperty: true, visibilityProperty: true });
requestAnimationFrame(function look() {
  if (visible(document.querySelector('textarea')) && visible(document.querySelector('#generate')))
    requestAnimationFrame(() => { window.usable = performance.now(); });
  else requestAnimationFrame(look);
});
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One visit by somebody new."""

    kib: float
    """Heads and bodies, as they came over the wire."""
    usable: float
    """Milliseconds from the navigation's start."""


def rows() -> list[Row]:
    """Medians of alternating visits."""
    ours, peer = list[Load](), list[Load]()
    with (
        served([sys.executable, "app.py"]) as our_url,
        served([sys.executable, "-c", BARE_PAGE]) as peer_url,
        browser() as chrome,
    ):
        for round_ in range(1 + ROUNDS):
            for url, loads in [(our_url, ours), (peer_url, peer)][:: 1 if round_ % 2 else -1]:
                seen = load(chrome, url)
                if round_:  # the first one warms up
                    loads.append(seen)
    return [
        Row(
            name="the page's weight",
            ours=statistics.median(each.kib for each in ours),
            peer=statistics.median(each.kib for each in peer),
            unit="KiB",
            peer_name="a bare Gradio page",
            limit=1.15,
        ),
        Row(
            name="the page, until the form is usable",
            ours=statistics.median(each.usable for each in ours),
            peer=statistics.median(each.usable for each in peer),
            unit="ms",
            peer_name="a bare Gradio page",
            limit=1.15,
        ),
    ]


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(
            executable_path=chromium.executable(), args=chromium.ARGUMENTS
        )
        yield chrome
        chrome.close()


def load(chrome: Browser, url: str) -> Load:
    context = chrome.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    network = context.new_cdp_session(tab)
    sizes, last = dict[str, int](), time.monotonic()

    def loaded(event: dict[str, Any]) -> None:
        nonlocal last
        sizes[event["requestId"]] = event["encodedDataLength"]
        last = time.monotonic()

    network.on("Network.loadingFinished", loaded)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    tab.add_init_script(WATCH)
    tab.goto(url)
    usable = tab.wait_for_function("window.usable").json_value()
    while time.monotonic() - last < IDLE:
        tab.wait_for_timeout(50)
    context.close()
    return Load(kib=sum(sizes.values()) / 1024, usable=usable)


if __name__ == "__main__":
    for row in rows():
        print(row, f"ratio {row.ratio:.2f}", "holds" if row.holds else "DOES NOT HOLD")
