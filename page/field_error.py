"""What is wrong with the form, said at its field until that is changed.

A Gradio HTML component.  Gradio's own message at a field goes away with the next event that reads
it, be it only a price.  It knows fields by their ids and no rules: those are the request's.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from page import components, texts
from veo_client import InvalidRequest


def build() -> gr.HTML:
    """The component; give it the value of `at_field`, or None."""
    return components.component(
        "field_error",
        None,
        padding=False,
        elem_id="wrong",
        label=texts.WRONG,
    )


def at_field(error: InvalidRequest) -> dict[str, Any]:
    """What to say, and where."""
    return {"field": error.field.replace("_", "-"), "said": str(error)}
