"""What Gradio makes of a handler's values when some of them are skipped."""

from served import in_a_fresh_python


def test_what_is_skipped_changes_nothing_and_the_rest_arrives():
    """Whichever of three outputs change, the answer is Gradio's own, and none is built in vain."""
    in_a_fresh_python("""
import asyncio
from itertools import product

import gradio as gr
from page.discreet import DiscreetBlocks

def answers(kind, values):
    with kind(analytics_enabled=False) as page:
        outputs = [gr.HTML(), gr.Textbox(), gr.JSON()]
        gr.Button().click(lambda: None, None, outputs)
    event = next(iter(page.fns.values()))
    state = gr.state_holder.SessionState(page)
    shown = asyncio.run(page.postprocess_data(event, list(values), state))
    return shown, sum(state[output._id] is not output for output in outputs)

changes = {"said": "<p>"}, gr.Textbox(label="New"), [{"kept": 1}]
for values in product(*((gr.skip(), change) for change in changes)):
    plain, _ = answers(gr.Blocks, values)
    shown, built = answers(DiscreetBlocks, values)
    expected = [
        value if value == gr.skip() else told for value, told in zip(values, plain, strict=True)
    ]
    assert shown == expected, (shown, expected)
    assert built == isinstance(values[1], gr.Textbox), values
""")
