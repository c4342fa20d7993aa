"""What the page ships of `page/assets/` is what stands there, in the form that Gradio takes."""

import re

import pytest
import requests
from served import Visitors

from page import components

MODULES = sorted(path.name for path in components.ASSETS.glob("*.js"))


@pytest.mark.parametrize("module", MODULES)
def test_no_two_files_of_a_script_give_a_name_twice(module):
    """They end up in one function, where the later would take the other's place unnoticed."""
    text = "".join((components.ASSETS / file).read_text() for file in components.files(module))
    declared = re.findall(
        r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)", text, re.M
    )
    assert declared
    assert len(declared) == len(set(declared))


@pytest.mark.parametrize("module", MODULES)
def test_no_text_goes_over_a_line(module):
    """Indentation is left behind: in such a text it would be missing."""
    text = (components.ASSETS / module).read_text()
    assert [line for line in text.splitlines() if line.count("`") % 2] == []


def test_what_is_imported_comes_first_and_once():
    shipped = components.read("strip.js")
    assert shipped.count("function makeButton(") == 1
    assert shipped.index("function makeButton(") < shipped.index("function makeTile(")
    assert "import " not in shipped
    assert "export " not in shipped


def test_data_cannot_end_the_script():
    shipped = components.script("stream_ends", header="</script><script>pwned()")
    assert shipped.count("</script") == 1
    assert shipped.endswith("</script>")


def test_what_gradio_catches_of_a_script_that_breaks_fails_a_test(demo_page, browser):
    """It tells the console alone."""
    visitors = Visitors(browser)
    tab = visitors.context.new_page()
    tab.add_init_script(
        """Object.defineProperty(window, 'veoShown', {
          get() { throw new Error('broken'); },
          set() {},
        })"""
    )
    with tab.expect_console_message(lambda message: "Error executing" in message.text):
        tab.goto(demo_page.url)
    visitors.context.close()
    with pytest.raises(AssertionError):
        visitors.nothing_was_wrong()


def values_in(given):
    """How many there are in JSON."""
    inside = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return sum(map(values_in, inside)) if isinstance(given, dict | list) else 1


def test_no_component_brings_much_that_each_event_copies(demo_page):
    """Gradio copies every value of a component that an event writes to, five times an event."""
    config = requests.get(f"{demo_page.url}/config", timeout=10).json()
    sizes = [values_in(each["props"]) for each in config["components"]]
    assert len(sizes) > 50
    assert max(sizes) <= 150
