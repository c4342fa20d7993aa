"""Presets: the form under a name, kept in the browser and trusted no more than any input."""

import json

import pytest
from playwright.sync_api import Page, expect
from served import FOX, choice, choose, in_a_fresh_python, open_page, open_sheet

from page import form, presets


def unfold(tab: Page) -> None:
    open_sheet(tab, "Presets")
    expect(tab.get_by_label("Name of the preset")).to_be_visible()


def save(tab: Page, name: str) -> None:
    tab.get_by_label("Name of the preset").fill(name)
    tab.get_by_role("button", name="Save the form").click()


def said(tab: Page):
    return tab.locator("#presets .said")


def test_a_preset_survives_a_reload_and_is_deleted(demo_page, tab):
    open_page(tab, demo_page)
    unfold(tab)
    save(tab, " ")
    expect(said(tab)).to_have_text("Give the preset a name.")
    choose(tab, "9:16")
    save(tab, "Upright")
    expect(said(tab)).to_have_text("Preset Upright saved.")
    tab.get_by_label("Prompt", exact=True).fill(FOX)
    choose(tab, "4 s")
    save(tab, "<b id=evil>Fox</b>")
    expect(tab.locator("#presets li")).to_have_count(2)

    tab.reload()
    unfold(tab)
    expect(tab.locator("#presets li span")).to_have_text(["<b id=evil>Fox</b>", "Upright"])
    tab.get_by_role("button", name="Use: Upright").click()
    expect(choice(tab, "9:16")).to_be_checked()
    choose(tab, "16:9")
    prompt = tab.get_by_label("Prompt", exact=True)
    prompt.fill("My own")
    tab.get_by_role("button", name="Use: Upright").click()
    expect(choice(tab, "9:16")).to_be_checked()
    expect(prompt).to_have_value("My own")  # a preset without a prompt
    tab.get_by_role("button", name="Use: <b").click()
    expect(prompt).to_have_value(FOX)
    expect(choice(tab, "4 s")).to_be_checked()

    tab.once("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="Delete: <b").click()
    expect(tab.locator("#presets li span")).to_have_text(["Upright"])


def test_what_the_browser_keeps_breaks_nothing(demo_page, tab):
    open_page(tab, demo_page)
    hostile = [
        {"name": "<img src=x onerror=alert(1)>", "settings": {"duration": "long"}},
        {"name": "Odd", "settings": {"model": "veo 0", "prompt": FOX}},
        {"name": "List", "settings": [1, 2]},
        {"name": 7, "settings": {}},
        "preset",
        None,
        {"name": "None", "settings": None},
        *({"name": f"Copy {number}", "settings": {}} for number in range(100)),
    ]
    keep = "kept => localStorage.setItem('veo-presets', kept)"
    tab.evaluate(keep, json.dumps(hostile))
    tab.reload()
    unfold(tab)
    expect(tab.locator("#presets li")).to_have_count(30)
    assert tab.locator("#presets img").count() == 0
    for name, reason in (
        ("<img", "The duration must be the whole number 4, 6 or 8."),
        ("Odd", "model must be"),
        ("List", "This is no preset."),
    ):
        tab.get_by_role("button", name=f"Use: {name}").click()
        expect(said(tab)).to_contain_text(reason)
    save(tab, "One more")
    expect(said(tab)).to_contain_text("No room")
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value("")

    tab.evaluate(keep, "{no json")
    tab.reload()
    unfold(tab)
    save(tab, "First")
    expect(tab.locator("#presets li span")).to_have_text(["First"])
    assert demo_page.faults() == []


@pytest.mark.parametrize(
    "model", ["veo-0", "google/veo-2.0-generate", "google/veo3-1-extend-video", "a:b/c"]
)
def test_a_preset_of_a_model_that_is_not_offered_opens_with_one_that_is(model):
    """The table has lost it, or the form has no place for what it needs."""
    settings = {"model": model, "prompt": FOX, "duration": 7, "aspect_ratio": "9:16", "seed": 7}
    values = presets.values_of(settings | {"resolution": "720p", "auto_fix": False})
    assert values["model"] in form.OFFERED[frozenset()]
    assert (values["prompt"], values["aspect_ratio"]) == (FOX, "9:16")
    assert (values["duration"], values["resolution"], values["seed"]) == (8, "720p", "7")


def test_no_kept_value_is_a_fault_of_ours():
    """Whatever is kept, it makes the form's values or an `InvalidRequest`."""
    in_a_fresh_python("""
from hypothesis import given, settings, strategies as st
from page import form, presets
from veo_client import InvalidRequest

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)

@settings(max_examples=500, deadline=None)
@given(json | st.dictionaries(st.sampled_from(form.FIELDS), json))
def check(kept):
    try:
        values = presets.values_of(kept)
        assert {*form.FIELDS} - {"prompt"} <= {*values} <= {*form.FIELDS}
    except InvalidRequest:
        pass

check()
""")
