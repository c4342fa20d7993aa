"""Whatever a visitor or the service says is shown as text: nothing of it runs, wherever it stands.

`visiting` fails when `pwned` is called, a picture is fetched from outside or the policy is broken.
"""

import json
import re

from conftest import KEY
from fault_server import FaultServer, json_answer
from playwright.sync_api import Page, expect
from served import ServedPage, choose, close_sheet, fill_unfolded, open_page, open_sheet, wait_for

from page import texts

EVIL = (
    "<img src=x onerror=pwned(1)> <svg onload=pwned(2)></svg> ${pwned(3)} {{pwned(4)}} "
    "</script><script>pwned(5)</script> ![x](http://elsewhere.example/x.png) "
    "[x](javascript:pwned(6)) <b id=evil>boo</b> \" onfocus=pwned(7) autofocus='"
)
ODD = "\u202eturned\x01\x1b[31m\x7f\u2028"
"""A prompt may hold these; what the service says is freed of them first."""


class EvilService:
    """Its ids, its words for a state and its errors are markup; it fails when it is told to."""

    def __init__(self):
        self.taken = 0
        self.fails = False

    def __call__(self, connection):
        path = connection.request.path
        if connection.request.method == "POST":
            self.taken += 1
            answer = {"id": f"{EVIL} {self.taken}", "status": "queued"}
        elif "generation_id" not in path:
            answer = {"current_balance": 1.0, "data": []}
        elif self.fails:
            error = {"name": EVIL, "message": EVIL}
            answer = {"id": EVIL, "status": "error", "error": error}
        else:
            answer = {"id": EVIL, "status": EVIL}
        json_answer(200, answer)(connection)


def expect_no_markup(tab: Page) -> None:
    """Nothing of `EVIL` became an element."""
    made = "#evil, img[src=x], [onerror], svg[onload], [onfocus], a[href^=javascript]"
    expect(tab.locator(made)).to_have_count(0)
    assert "pwned" not in "".join(tab.locator("script").all_text_contents())


def test_whatever_is_said_is_shown_as_text(tab, tmp_path):
    """By the visitor and by the service, on the card, in list and grid, in the code, under the
    hood and in the tab's title."""
    said, evil = " ".join(EVIL.split()), EvilService()
    with (
        FaultServer(evil) as service,
        ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url) as served,
    ):
        open_page(tab, served)
        for section in (texts.EXCHANGES_SECTION, texts.CODE_SECTION):
            tab.get_by_role("button", name=section).click()
        open_sheet(tab)
        fill_unfolded(tab, "Negative prompt", EVIL + ODD)
        close_sheet(tab)
        tab.get_by_label("Prompt", exact=True).fill(EVIL + ODD)
        expect(tab.locator("#programs code")).to_contain_text("pwned(1)")
        for name in ("curl", "JavaScript", "Python"):
            tab.get_by_role("tab", name=name).first.click()
            expect(tab.locator("#programs code")).to_contain_text("<img src=x onerror=pwned(1)>")
        choose(tab, "2")
        tab.locator("#generate").click()

        wait_for(tab, re.compile(re.escape(said[:200])))  # the state, in the service's word
        expect(tab).to_have_title(re.compile("Film a sentence"))
        expect(tab.locator("#status code")).to_contain_text("<img src=x onerror=pwned(1)>")
        prompts = tab.locator("#my-clips .prompt")
        expect(prompts).to_have_count(2)
        assert all(text == EVIL + ODD for text in prompts.all_text_contents())
        state = tab.locator("#my-clips li .state").first
        expect(state).to_contain_text(said[:200])
        create = tab.locator("#exchanges li").first
        create.locator("summary").click()
        _, sent, answered = create.locator("pre").all_text_contents()
        shown = json.loads(sent)
        assert shown["prompt"] == shown["negative_prompt"] == EVIL + ODD
        assert json.loads(answered)["id"].startswith(EVIL)
        expect_no_markup(tab)

        evil.fails = True
        expect(tab.locator("#status .happened")).to_contain_text(said[:200])
        expect(tab.locator("#my-clips .state").first).to_have_text(
            "The service could not make this video"
        )
        expect_no_markup(tab)

        tab.reload()  # all of it once more, now from what was kept
        expect(tab.locator("#status .happened")).to_contain_text(said[:200])
        expect(tab.locator("#prompt textarea")).to_have_value(EVIL + ODD)
        expect_no_markup(tab)
        tab.goto("about:blank")


def test_the_name_of_a_preset_or_a_file_is_shown_as_text(demo_page, tab):
    name = "<img src=x onerror=pwned(1)>${pwned(2)}<b id=evil>\u202ex"
    open_page(tab, demo_page)
    open_sheet(tab, texts.PRESETS_SECTION)
    tab.get_by_label(texts.PRESET_NAME).fill(name)
    tab.get_by_role("button", name=texts.PRESET_SAVE).click()
    expect(tab.locator("#presets li span")).to_have_text(name)
    assert name in tab.locator("#presets .said").text_content()
    said = tab.locator("#settings-file .said")
    for content in (b"{}", json.dumps({"prompt": EVIL}).encode(), b'{"prompt": "", "seed": "<b>"}'):
        file = {"name": name, "mimeType": "application/json", "buffer": content}
        before = said.text_content()
        tab.locator("#settings-file input").set_input_files(file)
        tab.wait_for_function(
            "said => document.querySelector('#settings-file .said').textContent !== said",
            arg=before,
        )
        expect(said).to_contain_text(name)
    expect_no_markup(tab)
