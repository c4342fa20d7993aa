"""What is wrong with the form, said at its field until that is changed.

A Gradio HTML component.  Gradio's own message at a field goes away with the next event that reads
it, be it only a price.  It knows fields by their ids and no rules: those are the request's.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from page import texts
from veo_client import InvalidRequest

# The message goes into the field's own block, so that it stands and moves with it.
JAVASCRIPT = """
let said = null;
function gone() {
  said?.remove();
  said = null;
  for (const field of document.querySelectorAll('#form [aria-invalid]'))
    field.removeAttribute('aria-invalid');
}
watch('value', () => {
  gone();
  if (!props.value) return;
  document.dispatchEvent(new Event('veo-card')); // the press has come to something
  const block = document.getElementById(props.value.field) || document.getElementById('prompt');
  const folded = block.closest('#advanced');
  if (folded && !block.offsetParent) folded.querySelector('button').click();
  said = document.createElement('p');
  said.className = 'wrong';
  said.setAttribute('role', 'alert');
  said.textContent = props.value.said;
  block.append(said);
  const field = block.querySelector('textarea, input');
  field.setAttribute('aria-invalid', 'true');
  block.addEventListener('input', gone, { once: true });
  setTimeout(() => field.focus(), 100); // once it is unfolded
});
"""


def build() -> gr.HTML:
    """The component; give it the value of `at_field`, or None."""
    return gr.HTML(
        None,
        html_template="<span hidden></span>",
        js_on_load=JAVASCRIPT,
        apply_default_css=False,
        padding=False,
        elem_id="wrong",
        label=texts.WRONG,
    )


def at_field(error: InvalidRequest) -> dict[str, Any]:
    """What to say, and where."""
    return {"field": error.field.replace("_", "-"), "said": str(error)}
