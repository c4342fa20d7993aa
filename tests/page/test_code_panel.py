"""Code: it follows the form, asks for little, can be used by keyboard, and is only text."""

import pytest
from playwright.sync_api import expect
from served import (
    FOX,
    choose,
    fill_unfolded,
    open_page,
    open_sheet,
    play,
    press_generate,
    wait_for,
)
from test_code_samples import run

from page import code_panel, code_samples, form
from veo import media
from veo_client import BASE_URL, VideoRequest

DEFAULTS = form.values_from(VideoRequest(FOX, seed=7))


def with_seed(seed, prompt=FOX):
    return code_panel.of_form(**DEFAULTS | {"prompt": prompt, "seed": seed})


def test_the_programs_are_for_the_form_as_it_stands():
    assert '"seed": 7' in with_seed("7")["programs"]["curl"]


@pytest.mark.parametrize(
    ("wrong", "sentence"), [({"prompt": " "}, "prompt is empty"), ({"seed": "x"}, "whole number")]
)
def test_a_wrong_form_gets_the_sentence_instead(wrong, sentence):
    shown = with_seed(**({"seed": "7"} | wrong))
    assert sentence in shown["wrong"]
    assert "programs" not in shown


def test_a_seed_that_is_left_open_stays_while_the_prompt_does():
    assert with_seed("") == with_seed("") == with_seed(None)
    assert with_seed("") != with_seed("", prompt="Another")
    assert "wrong" in with_seed("", prompt="half a character \ud800")


def test_a_picture_of_the_page_is_a_file_beside_the_program():
    given = {"model": "google/veo-3.1-i2v", "image_url": f"picture:{'0' * 64}"}
    shown = code_panel.of_form(prompt=FOX, seed="", **given)["programs"]
    assert {name for name, code in shown.items() if "first.jpg" in code} == {*shown}
    assert not any("picture:" in code or "seed" in code for code in shown.values())


def unfold(tab):
    tab.locator("#clip-tools").get_by_role("button", name="Code").click()


def shown(tab):
    return tab.locator("#programs code")


def test_this_clip_is_the_one_on_the_stage_when_it_is_unfolded(keyed_page, tab):
    open_page(tab, keyed_page)
    for prompt in ("A heron", "An owl"):
        press_generate(tab, f"{prompt} #no-credits")
        wait_for(tab, "No credits left")
        expect(tab.locator("#status .prompt")).to_have_text(f"{prompt} #no-credits")
    unfold(tab)
    tab.get_by_role("button", name="this clip").click()
    expect(shown(tab)).to_contain_text("An owl")
    unfold(tab)
    expect(shown(tab)).to_be_hidden()
    play(tab.locator("#my-clips li", has_text="A heron"))
    expect(tab.locator("#status .prompt")).to_have_text("A heron #no-credits")
    tab.wait_for_timeout(600)  # longer than it waits for a form that is being typed into
    unfold(tab)
    expect(shown(tab)).to_contain_text("A heron")


def test_what_the_page_shows_runs_and_follows_the_form(demo_page, tab, demo, tmp_path):
    evil = '<img src=x onerror=alert(1)> ${alert(1)} {{value}} </script><b id=evil>`$HOME` "it\'s"'
    open_page(tab, demo_page)
    tab.get_by_label("Prompt", exact=True).fill(evil)
    choose(tab, "4 s")
    unfold(tab)
    expect(shown(tab)).to_contain_text("duration=4")
    choose(tab, "720p")
    expect(shown(tab)).to_contain_text('resolution="720p"')

    tab.get_by_role("tab", name="Python · client").focus()
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowLeft")
    expect(tab.get_by_role("tab", name="curl")).to_be_focused()
    expect(tab.get_by_role("tab", selected=True)).to_have_text("curl")
    expect(tab.get_by_role("tabpanel", name="curl")).to_contain_text("#!/usr/bin/env bash")
    tab.locator("#programs").get_by_role("button", name="Copy").click()
    expect(tab.get_by_role("button", name="Copied")).to_be_visible()

    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied == shown(tab).text_content()
    ran = run("curl", copied.replace(BASE_URL, demo.base_url), tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert media.inspect(tmp_path / "clip.mp4").frames == 96
    assert tab.locator("#evil, #programs img").count() == 0

    tab.once("dialog", lambda dialog: dialog.accept())  # the example replaces what was typed
    tab.get_by_role("button", name="Night surf").click()
    expect(shown(tab)).to_contain_text("black sand beach")
    tab.get_by_label("Prompt", exact=True).fill("")
    expect(tab.locator("#programs .wrong")).to_contain_text("the prompt is empty")
    expect(shown(tab)).to_be_hidden()


def test_the_code_of_the_clip_and_against_the_demo_is_a_press_away(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, FOX)
    wait_for(tab, "Your clip is ready")
    seed = tab.locator("#status .seed").inner_text().removeprefix("seed ")
    tab.get_by_label("Prompt", exact=True).fill("An owl")
    unfold(tab)
    expect(shown(tab)).to_contain_text('"An owl"')
    expect(shown(tab)).to_contain_text(f'base_url="{BASE_URL}"')
    tab.locator("#programs").get_by_role("button", name="this clip").click()
    expect(shown(tab)).to_contain_text(f'"{FOX}"')
    expect(shown(tab)).to_contain_text(f"seed={seed}")
    tab.locator("#programs").get_by_role("button", name="the demo").click()
    expect(shown(tab)).to_contain_text(f'base_url="{code_samples.DEMO_URL}"')
    expect(tab.locator("#programs .note")).to_contain_text("python demo_server.py")
    tab.locator("#programs").get_by_role("button", name="this form").click()
    expect(shown(tab)).to_contain_text('"An owl"')
    expect(shown(tab)).to_contain_text(f'base_url="{code_samples.DEMO_URL}"')


def asks_for_code(request):
    """Nothing else asks with the whole form."""
    return "queue/join" in request.url and len(request.post_data_json["data"]) == len(form.FIELDS)


def test_only_a_pause_in_an_unfolded_form_asks_the_server(demo_page, tab):
    open_page(tab, demo_page)
    tab.wait_for_timeout(1000)
    asked = []
    tab.on("request", lambda request: asks_for_code(request) and asked.append(request))
    prompt = tab.get_by_label("Prompt", exact=True)
    prompt.press_sequentially("A fox")
    tab.wait_for_timeout(1000)
    assert len(asked) == 0
    unfold(tab)
    expect(shown(tab)).to_contain_text('"A fox"')
    prompt.press_sequentially(" in the snow", delay=20)
    expect(shown(tab)).to_contain_text('"A fox in the snow"')
    assert len(asked) == 2
    unfold(tab)
    expect(shown(tab)).to_be_hidden()
    prompt.fill("An owl")
    tab.wait_for_timeout(1000)
    assert len(asked) == 2
    unfold(tab)
    expect(shown(tab)).to_contain_text('"An owl"')


def test_on_a_phone_the_code_scrolls_in_its_own_box(demo_page, tab):
    tab.set_viewport_size({"width": 390, "height": 844})
    open_page(tab, demo_page)
    tab.get_by_label("Prompt", exact=True).fill("wide " * 200)
    unfold(tab)
    expect(shown(tab)).to_contain_text("wide wide")
    panel = tab.get_by_role("tabpanel")
    assert panel.evaluate("it => it.scrollWidth > 2 * it.clientWidth")
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    panel.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.querySelector('#program').scrollLeft > 0")


def test_the_folded_fields_are_in_the_code_too(demo_page, tab):
    open_page(tab, demo_page)
    tab.get_by_label("Prompt", exact=True).fill(FOX)
    unfold(tab)
    open_sheet(tab)
    fill_unfolded(tab, "Seed", "4294967295")
    fill_unfolded(tab, "Negative prompt", "people")
    expect(shown(tab)).to_contain_text("seed=4294967295")
    expect(shown(tab)).to_contain_text('negative_prompt="people"')
