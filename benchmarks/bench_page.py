"""What a visitor waits for: bytes over the wire, a prompt to type into, a button to press.

Bytes and the first useful paint, a prompt that takes words, stand beside the barest Gradio page:
one text box and one button at Gradio's defaults.  The button stands beside a page with the same
fields and a player, for each widget takes its time.  The newest of a thousand clips stands beside
the newest of sixty-one.  The servers have answered before; the browser has nothing cached.  What is
there was visible in a frame that has been drawn.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.bench_start import BARE_PAGE, ROOT, served
from benchmarks.table import Row

sys.path.append(str(ROOT / "tests"))
import chromium  # the tests' browser
from many_clips import fill

ROUNDS = 11
IDLE = 1.0
"""Seconds without news from the network: the page is there."""

PLAIN_PAGE = """
import gradio as gr
with gr.Blocks(analytics_enabled=False) as demo:
    with gr.Row():
        with gr.Column():
            fields = [gr.Textbox(label="Prompt", lines=4)]
            for label in ("Model", "Aspect ratio", "Duration", "Resolution"):
                fields.append(gr.Radio(["one", "another"], value="one", label=label))
            fields.append(gr.Checkbox(label="Sound"))
            button = gr.Button("Generate", elem_id="generate")
        video = gr.Video(interactive=False)
    button.click(lambda *_: None, fields, video)
demo.launch(ssr_mode=False)
"""

WATCH = """
const visible = each => each && each.getClientRects().length
  && each.checkVisibility({ opacityProperty: true, visibilityProperty: true });
function once(what, there) {
  requestAnimationFrame(function look() {
    if (there()) requestAnimationFrame(() => { window[what] = performance.now(); });
    else requestAnimationFrame(look);
  });
}
const prompted = () => visible(document.querySelector('textarea'));
once('useful', prompted);
once('usable', () => prompted() && visible(document.querySelector('#generate')));
once('listed', () => visible(document.querySelector('#my-clips li')));
"""

CLIPS = {"f" * 43: 61, "m" * 43: 1000}
"""How many clips each visitor has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One visit by somebody new."""

    kib: float
    """Heads and bodies, as they came over the wire."""
    useful: float
    """Milliseconds from the navigation's start to a prompt."""
    usable: float
    """Milliseconds to prompt and button."""


def rows() -> Iterator[Row]:
    yield from form_rows()
    yield strip_row()


def form_rows() -> list[Row]:
    """Medians of alternating visits."""
    ours, bare, plain = list[Load](), list[Load](), list[Load]()
    with (
        served([sys.executable, "app.py"]) as (our_url, _),
        served([sys.executable, "-c", BARE_PAGE]) as (bare_url, _),
        served([sys.executable, "-c", PLAIN_PAGE]) as (plain_url, _),
        browser() as chrome,
    ):
        visits = [(our_url, ours), (bare_url, bare), (plain_url, plain)]
        for round_ in range(1 + ROUNDS):
            for url, loads in visits[:: 1 if round_ % 2 else -1]:
                seen = load(chrome, url)
                if round_:  # the first one warms up
                    loads.append(seen)
    return [
        Row(
            name="the page's weight",
            ours=statistics.median(each.kib for each in ours),
            peer=statistics.median(each.kib for each in bare),
            unit="KiB",
            peer_name="a bare Gradio page",
            limit=1.6,  # the empty stage's film, which comes after the form, is a quarter of it
        ),
        Row(
            name="first useful paint: a prompt",
            ours=statistics.median(each.useful for each in ours),
            peer=statistics.median(each.useful for each in bare),
            unit="ms",
            peer_name="a bare Gradio page",
            limit=1.15,
        ),
        Row(
            name="a form that can be sent",
            ours=statistics.median(each.usable for each in ours),
            peer=statistics.median(each.usable for each in plain),
            unit="ms",
            peer_name="a plain page, same fields",
            limit=1.3,  # help, takes and all that is folded come with it
        ),
    ]


def strip_row() -> Row:
    """Medians of alternating visits, by how many clips the visitor has."""
    waited: dict[int, list[float]] = {count: [] for count in CLIPS.values()}
    with tempfile.TemporaryDirectory() as data:
        for visitor, count in CLIPS.items():
            fill(Path(data), count, visitor=visitor)
        settings = {"VEO_DATA_DIR": data, "VEO_KEEP_GB": "2"}
        with served([sys.executable, "app.py"], **settings) as (url, _), browser() as chrome:
            for round_ in range(1 + ROUNDS):
                for visitor, count in list(CLIPS.items())[:: 1 if round_ % 2 else -1]:
                    seen = until_listed(chrome, url, visitor)
                    if round_:
                        waited[count].append(seen)
    few, many = (statistics.median(each) for each in waited.values())
    return Row(
        name="the newest of 1,000 clips",
        ours=many,
        peer=few,
        unit="ms",
        peer_name="the newest of 61",
        limit=1.2,
    )


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # With a window's parts, as people have it, before the one that tests take.
        path = chromium.executable(reversed(chromium.NAMES))
        chrome = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
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
    tab.wait_for_function("window.useful && window.usable")
    useful, usable = tab.evaluate("[useful, usable]")
    while time.monotonic() - last < IDLE:
        tab.wait_for_timeout(50)
    context.close()
    return Load(kib=sum(sizes.values()) / 1024, useful=useful, usable=usable)


def until_listed(chrome: Browser, url: str, visitor: str) -> float:
    """Milliseconds to the visitor's newest clip."""
    with contextlib.closing(chrome.new_context(viewport={"width": 1280, "height": 900})) as context:
        tab = context.new_page()
        tab.add_init_script(f"localStorage.veoVisitor = '{visitor}'; {WATCH}")
        tab.goto(url)
        tab.wait_for_function("window.listed")
        return float(tab.evaluate("listed"))


if __name__ == "__main__":
    for row in rows():
        print(row, f"ratio {row.ratio:.2f}", "holds" if row.holds else "DOES NOT HOLD")
