"""What somebody writes is theirs: nothing on the page, and no reload, costs them their words."""

import re

from playwright.sync_api import Page, expect
from served import (
    FOX,
    choice,
    choose,
    fill_unfolded,
    open_page,
    open_sheet,
    press_example,
    prompt_of,
)

SURF = re.compile("^Waves roll")


def undo(tab: Page):
    return tab.locator("#draft").get_by_role("button", name="Undo")


def take_surf(tab: Page) -> None:
    press_example(tab, "Night surf")
    expect(prompt_of(tab)).to_have_value(SURF)


def test_a_replaced_prompt_comes_back_with_one_press(demo_page, tab):
    open_page(tab, demo_page)
    prompt_of(tab).press_sequentially("My own words")
    expect(undo(tab)).to_be_hidden()
    take_surf(tab)
    expect(tab.locator("#draft [role=status]")).to_contain_text("Your prompt was replaced.")
    undo(tab).press("Enter")
    expect(prompt_of(tab)).to_have_value("My own words")
    expect(prompt_of(tab)).to_be_focused()
    expect(undo(tab)).to_be_hidden()
    take_surf(tab)  # and again
    undo(tab).click()
    expect(prompt_of(tab)).to_have_value("My own words")


def test_what_the_help_composed_comes_back_too(demo_page, tab):
    open_page(tab, demo_page)
    open_sheet(tab, "Help with the prompt")
    fill_unfolded(tab, "Subject", "an old fisherman")
    for typed, composed in (
        ("", "An old fisherman."),
        ("Shot on film.", "Shot on film. An old fisherman."),
    ):
        prompt_of(tab).fill(typed)
        tab.get_by_role("button", name="Add to prompt").click()
        expect(prompt_of(tab)).to_have_value(composed)
        expect(undo(tab)).to_be_hidden()  # the words are all there
        take_surf(tab)
        undo(tab).click()
        expect(prompt_of(tab)).to_have_value(composed)


def test_an_example_in_the_place_of_another_is_no_loss(demo_page, tab):
    open_page(tab, demo_page)
    take_surf(tab)
    press_example(tab, "Campfire")
    expect(prompt_of(tab)).to_have_value(re.compile("^Embers"))
    expect(undo(tab)).to_be_hidden()


def test_a_draft_survives_a_reload_and_takes_are_as_they_were(demo_page, tab):
    open_page(tab, demo_page)
    prompt_of(tab).fill(f"{FOX} #no-credits")
    choose(tab, "2")
    tab.get_by_role("button", name="Generate").click()
    expect(tab.locator("#status .title")).to_have_text("No credits left")
    prompt_of(tab).fill("Not sent yet")
    tab.wait_for_function("localStorage.getItem('veo-draft') == 'Not sent yet'")
    tab.reload()
    expect(prompt_of(tab)).to_have_value("Not sent yet")
    expect(tab.locator("#cost")).not_to_be_empty()  # all that is restored is restored
    expect(prompt_of(tab)).to_have_value("Not sent yet")
    expect(choice(tab, "2")).to_be_checked()
    expect(tab.locator("#generate")).to_contain_text("2 takes")
