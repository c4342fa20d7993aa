"""The examples: what they fill in, and their posters."""

import re

from playwright.sync_api import expect
from served import ROOT, choice, choose, in_a_fresh_python, open_page


def test_an_example_fills_prompt_and_aspect_ratio_and_leaves_the_rest(demo_page, tab):
    open_page(tab, demo_page)
    choose(tab, "4 s")
    for name, words, aspect_ratio in (
        ("Campfire", "^Embers rise .+ crickets", "9:16"),
        ("Night surf", "^Waves roll .+ surf", "16:9"),
    ):
        button = tab.locator("#examples").get_by_role("button", name=name)
        button.focus()
        tab.keyboard.press("Enter")
        expect(tab.get_by_label("Prompt", exact=True)).to_have_value(re.compile(words))
        expect(choice(tab, aspect_ratio)).to_be_checked()
    expect(choice(tab, "4 s")).to_be_checked()
    posters = "[...document.querySelectorAll('#examples img')]"
    tab.wait_for_function(f"{posters}.every(each => each.naturalHeight == 180)")
    assert tab.evaluate(f"{posters}.every(each => each.alt && each.loading == 'lazy')")


def test_examples_are_requests_that_the_service_takes():
    in_a_fresh_python(
        "from page.examples import EXAMPLES; from veo_client import VideoRequest\n"
        "for each in EXAMPLES: VideoRequest(each.prompt, aspect_ratio=each.aspect_ratio)"
    )


def test_posters_are_small_and_each_belongs_to_an_example():
    posters = list((ROOT / "page" / "posters").glob("*.webp"))
    in_a_fresh_python(
        "from page.examples import EXAMPLES\n"
        f"assert {{each.poster.name for each in EXAMPLES}} == {{*{[p.name for p in posters]}}}"
    )
    assert sum(poster.stat().st_size for poster in posters) < 40_000
