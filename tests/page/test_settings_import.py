"""A file dropped on the page fills the form, and stays on its owner's machine."""

import base64
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from served import FOX, choice, open_page, open_sheet

from demo import film
from page import texts
from veo import media
from veo.types import VideoRequest

REQUEST = VideoRequest(
    FOX,
    model="google/veo-3.1-t2v-fast",
    aspect_ratio="9:16",
    duration=6,
    resolution="720p",
    negative_prompt="people, \N{PILE OF POO}",
    generate_audio=False,
    seed=7,
)


@pytest.fixture(scope="module")
def bare_clip(tmp_path_factory) -> Path:
    """A clip that does not say which request made it."""
    path = tmp_path_factory.mktemp("clip") / "bare.mp4"
    size = {"width": 320, "height": 180, "duration": 4}
    return film.render(path, prompt=FOX, seed=7, sound=True, **size)


@pytest.fixture(scope="module")
def clip(bare_clip) -> Path:
    path = bare_clip.with_name("fox <b>.mp4")
    path.write_bytes(bare_clip.read_bytes())
    media.write_request(path, REQUEST.body())
    return path


def drop(tab: Page, path: Path, where: str) -> None:
    """Let go of a file above an element, as a hand does."""
    tab.evaluate(
        """([where, name, content]) => {
          const bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], name));
          for (const type of ['dragenter', 'dragover', 'drop']) {
            const event = new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer });
            const prevented = !document.querySelector(where).dispatchEvent(event);
            if (type === 'drop' && !prevented) throw Error('the browser would open the file');
          }
        }""",
        [where, path.name, base64.b64encode(path.read_bytes()).decode()],
    )


def choose_file(tab: Page, path: Path) -> None:
    open_sheet(tab)
    with tab.expect_file_chooser() as chooser:
        tab.get_by_role("button", name="Choose a file").press("Enter")
    chooser.value.set_files(path)


def said(tab: Page):
    return tab.locator("#settings-file .said")


def expect_form_of_request(tab: Page) -> None:
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value(FOX)
    for name in ("Veo 3.1 Fast", "9:16", "6 s", "720p"):
        expect(choice(tab, name)).to_be_checked()
    expect(choice(tab, "Sound")).not_to_be_checked()


def test_a_clip_dropped_anywhere_fills_the_form_and_is_not_sent(clip, demo_page, tab):
    open_page(tab, demo_page)
    sent = []
    tab.on("request", lambda request: sent.append(request))
    drop(tab, clip, "#status")
    expect(said(tab)).to_have_text("Form filled from fox <b>.mp4.")
    expect_form_of_request(tab)
    posts = [request for request in sent if request.method == "POST"]
    assert posts
    for request in posts:  # the settings, and what follows from them
        assert request.url.startswith(f"{demo_page.url}/gradio_api/queue/join")
        assert len(request.post_data) < 2000

    open_sheet(tab)
    expect(tab.get_by_label("Negative prompt")).to_have_value("people, \N{PILE OF POO}")
    expect(tab.get_by_role("textbox", name="Seed")).to_have_value("7")
    expect(tab.get_by_role("button", name="Remove the seed 7")).to_have_text("seed 7")


def test_the_json_beside_a_clip_does_the_same(demo_page, tab, tmp_path):
    note = tmp_path / "fox.json"
    note.write_text(json.dumps({"request": REQUEST.body(), "facts": {"width": 320}}))
    open_page(tab, demo_page)
    for _ in range(2):  # the same file again is read again
        tab.get_by_label("Prompt", exact=True).fill("Another")
        choose_file(tab, note)
        expect_form_of_request(tab)


def test_files_without_settings_say_so_and_change_nothing(bare_clip, demo_page, tab, tmp_path):
    open_page(tab, demo_page)
    tab.get_by_label("Prompt", exact=True).fill("My own")
    whole = bare_clip.read_bytes()
    endless = (0).to_bytes(4) + b"meta" + b"veo_request"
    foreign = {
        "bare.mp4": whole,
        "cut.mp4": whole[:2000],
        "endless.mp4": whole[:28] + endless,
        "empty.mp4": b"",
        "notes.txt": b"my diary",
        "null.json": b"null",
        "other.json": b'{"request": {"prompt": 7}}',
    }
    for name, content in foreign.items():
        (tmp_path / name).write_bytes(content)
        drop(tab, tmp_path / name, "body")
        expect(said(tab)).to_have_text(f"{texts.NO_SETTINGS}{name}")
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value("My own")


def test_settings_that_no_model_takes_are_told_and_change_nothing(demo_page, tab, tmp_path):
    open_page(tab, demo_page)
    tab.get_by_label("Prompt", exact=True).fill("My own")
    hostile = {
        "duration": ({"duration": [8]}, "The duration must be the whole number 4, 6 or 8."),
        "seed": ({"seed": "7"}, "The seed must be a whole number"),
        "model": ({"model": "<img src=x onerror=alert(1)>"}, "The model must be"),
        "long": ({"prompt": "x" * 5000}, "1,000 characters too long (5,000 of 4,000)"),
        "half": ({"prompt": "\ud800"}, "half a character"),
    }
    for name, (settings, reason) in hostile.items():
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"prompt": FOX, "__proto__": {"x": 1}, **settings}))
        drop(tab, file, "body")
        expect(said(tab)).to_contain_text(f"The settings in {name}.json don't fit. ")
        expect(said(tab)).to_contain_text(reason)
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value("My own")
    assert demo_page.faults() == []
