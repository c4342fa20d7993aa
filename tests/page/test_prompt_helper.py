"""The help beside the fields, as a person meets it."""

from playwright.sync_api import expect
from served import fill_unfolded, in_a_fresh_python, open_page, open_sheet


def test_parts_go_into_the_prompt_and_typed_words_stay(demo_page, tab):
    open_page(tab, demo_page)
    prompt = tab.get_by_label("Prompt", exact=True)
    put = tab.get_by_role("button", name="Add to prompt")
    prompt.fill("Shot on film.")
    open_sheet(tab, "Help with the prompt")
    put.click()
    expect(tab.locator("#help .said")).to_have_text("Fill in a part first.")
    tab.get_by_label("Subject", exact=True).fill("an old fisherman")
    tab.get_by_label("Dialogue", exact=True).fill("The fisherman: One more")
    put.click()
    expect(prompt).to_have_value('Shot on film. An old fisherman. The fisherman says, "One more."')
    tab.get_by_label("Dialogue", exact=True).fill("")
    tab.get_by_label("Movement", exact=True).fill("slow push-in")
    tab.keyboard.press("Enter")
    expect(prompt).to_have_value("Shot on film. An old fisherman. Slow push-in.")


def test_a_preview_that_comes_late_takes_nothing_back():
    in_a_fresh_python("""
from types import SimpleNamespace
from page.prompt_helper import on_input, on_submit

event = SimpleNamespace(parts={"subject": "a fox"}, composed="An owl.")
assert on_input(event) == {"preview": "A fox."}
prompt, told = on_submit(event, "At dusk. An owl.")
assert (prompt, told["composed"]) == ("At dusk. A fox.", "A fox.")
""")


def test_nouns_are_offered_and_taken_only_when_asked_for(demo_page, tab):
    open_page(tab, demo_page)
    open_sheet(tab)
    fill_unfolded(tab, "Negative prompt", "no people, don't show text")
    tab.keyboard.press("Tab")
    expect(tab.locator("#nouns")).to_contain_text("Veo wants nouns: people, text")
    expect(tab.get_by_label("Negative prompt")).to_have_value("no people, don't show text")
    tab.locator("#nouns").get_by_role("button", name="Use").click()
    expect(tab.get_by_label("Negative prompt")).to_have_value("people, text")
    expect(tab.locator("#nouns button")).to_be_hidden()
