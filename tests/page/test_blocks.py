"""What our Blocks leave out changes nothing of what arrives."""

from served import in_a_fresh_python


def test_what_is_skipped_changes_nothing_and_the_rest_arrives():
    """Whichever of three outputs a handler names, the answer is Gradio's own, and none is built in
    vain."""
    in_a_fresh_python("""
import asyncio
from itertools import product

import gradio as gr
from page.gradio_patches.blocks import PageBlocks

def answers(kind, values, by_component=False):
    with kind(analytics_enabled=False) as page:
        outputs = [gr.HTML(), gr.Textbox(), gr.JSON()]
        gr.Button().click(lambda: None, None, outputs)
    event = next(iter(page.fns.values()))
    state = gr.state_holder.SessionState(page)
    named = {each: value for each, value in zip(outputs, values) if value != gr.skip()}
    shown = asyncio.run(page.postprocess_data(event, named or gr.skip(), state))
    return shown, sum(state[output._id] is not output for output in outputs)

changes = {"said": "<p>"}, gr.Textbox(label="New"), [{"kept": 1}]
for values in product(*((gr.skip(), change) for change in changes)):
    plain, all_built = answers(gr.Blocks, values)
    expected = [
        value if value == gr.skip() else told for value, told in zip(values, plain, strict=True)
    ]
    nothing = all(value == gr.skip() for value in values)
    for by_component in (False, True)[: 1 if nothing else 2]:
        shown, built = answers(PageBlocks, values, by_component)
        assert shown == expected, (shown, expected)
        assert built == isinstance(values[1], gr.Textbox), values
    assert all_built == sum(new == gr.skip() for new in values) + built  # as Gradio does it
""")


def test_a_value_that_is_a_list_or_a_dict_is_no_list_of_outputs():
    in_a_fresh_python("""
import asyncio
import gradio as gr
from page.gradio_patches.blocks import PageBlocks

def answer(kind, value):
    with kind(analytics_enabled=False) as page:
        gr.Button().click(lambda: None, None, gr.JSON())
    event = next(iter(page.fns.values()))
    return asyncio.run(page.postprocess_data(event, value, gr.state_holder.SessionState(page)))

for value in ([1], [gr.skip()], {}, {"a": 1}, [], [[]], gr.skip(), gr.update(visible=False)):
    assert answer(PageBlocks, value) == answer(gr.Blocks, value), value
""")


def test_the_page_is_described_once_and_not_for_every_session():
    in_a_fresh_python("""
import gradio as gr
from gradio.state_holder import SessionState
from page.gradio_patches.blocks import PageBlocks

def page(kind):
    with kind(analytics_enabled=False) as page:
        gr.Textbox("a fox", label="Prompt")
        gr.State({"kept": 1})
    return page

plain, ours = page(gr.Blocks), page(PageBlocks)
alike = [each.default_config.get_config() for each in (plain, ours)]
described = [[each["props"]["label"] for each in page["components"] if each["type"] == "textbox"]
             for page in alike]
assert described == [["Prompt"], ["Prompt"]], described
box = next(each for each in ours.blocks.values() if isinstance(each, gr.Textbox))
session = SessionState(ours)
session[box._id] = gr.Textbox(label="Other", render=False)
session._update_value_in_config(box._id, "a boat")
assert session[box._id].label == "Other"
assert list(SessionState(plain).components) and not list(session.components)
""")


def test_all_that_is_shown_late_is_told_to_come():
    """The script answers for as many parts as there are."""
    in_a_fresh_python(r"""
import re
import app
from backend import config
from backend.service import Service
from page import components

page = app.build_page(Service(config.read()))
(event,) = [each for each in page.fns.values() if "watchGenerate" in str(each.js)]
(told,) = re.findall(r"Array\((\d+)\)", components.read("once_painted.js"))
assert len(event.outputs) == int(told)
""")
