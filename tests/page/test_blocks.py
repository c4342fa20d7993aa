"""What is left out changes nothing of what arrives."""

from served import in_a_fresh_python


def test_what_is_skipped_changes_nothing_and_the_rest_arrives():
    """Whichever of three outputs a handler names, the answer is Gradio's own, and none is built in
    vain."""
    in_a_fresh_python("""
import asyncio
from itertools import product

import gradio as gr
from page.gradio_patches.blocks import LeanBlocks

def answers(kind, values):
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
    plain, _ = answers(gr.Blocks, values)
    shown, built = answers(LeanBlocks, values)
    expected = [
        value if value == gr.skip() else told for value, told in zip(values, plain, strict=True)
    ]
    assert shown == expected, (shown, expected)
    assert built == isinstance(values[1], gr.Textbox), values
""")


def test_the_page_is_described_once_and_not_for_every_session():
    in_a_fresh_python("""
import gradio as gr
from gradio.state_holder import SessionState
from page.gradio_patches.blocks import LeanBlocks

def page(kind):
    with kind(analytics_enabled=False) as page:
        gr.Textbox("a fox", label="Prompt")
        gr.State({"kept": 1})
    return page

plain, ours = page(gr.Blocks), page(LeanBlocks)
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
