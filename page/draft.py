"""The draft: what somebody writes is kept while they write, and given back when it is replaced.

A Gradio HTML component beside the prompt.  The browser keeps the draft, so that a reload or a lost
connection costs no words; an example, a preset or a file that takes its place can be undone.  It
knows the prompt's field and nothing of requests.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from page import texts

TEMPLATE = """
<p role="status" hidden><span></span> <button type="button">${undo}</button></p>
"""

CSS = """
p { margin: 0; display: flex; gap: var(--spacing-md); align-items: baseline;
  font-size: var(--text-sm); color: var(--body-text-color-subdued); }
[hidden] { display: none; }
button { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  min-height: 24px; padding: 1px 8px; cursor: pointer; font: inherit; background: transparent;
  color: var(--body-text-color); }
"""

# The field's own text is compared: Gradio's comes later, and would seem to replace what is typed.
JAVASCRIPT = """
const line = element.querySelector('p'), field = () => document.querySelector('#prompt textarea');
let mine = field()?.value || '', lost = '', helped = false; // the draft is there already
function keep(text) {
  try { localStorage.setItem(props.storage, text); } catch { } // forbidden, as in a frame
}
document.addEventListener('input', event => {
  if (!event.target.matches('#prompt textarea')) return;
  mine = event.target.value;
  keep(mine);
  line.hidden = true;
});
document.addEventListener('submit', event => { helped ||= event.target.closest('#help'); });
watch('value', () => {
  const now = field().value;
  keep(now);
  if (now.includes(mine.trim())) {
    if (mine || helped) mine = now; // the help writes for them
    helped = false;
    return;
  }
  [lost, mine] = [mine, ''];
  line.hidden = false;
  line.firstElementChild.textContent = props.replaced; // now, so that it is read out
});
element.querySelector('button').addEventListener('click', () => {
  line.hidden = true;
  mine = lost;
  field().focus();
  trigger('select', { prompt: lost });
});
"""

KEY = "veo-draft"
"""In the browser's storage; `first_paint` shows the draft again."""

AS_IT_STANDS = """kept =>
  [{ ...kept, draft: Boolean(document.querySelector('#prompt textarea')?.value) }]"""
"""JavaScript: whether something was typed already that the form must not take away."""


def build(prompt: gr.Textbox) -> gr.HTML:
    """The component, which wires itself to `prompt`."""
    line = gr.HTML(
        "",
        html_template=TEMPLATE,
        css_template=CSS,
        js_on_load=JAVASCRIPT,
        apply_default_css=False,
        padding=False,
        elem_id="draft",
        label=texts.PROMPT_LABEL,
        storage=KEY,
        undo=texts.UNDO,
        replaced=texts.PROMPT_REPLACED,
    )
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    prompt.change(None, prompt, line, js="prompt => prompt", **quiet)
    line.select(on_undo, None, prompt, **quiet)
    return line


def on_undo(event: gr.EventData) -> str:
    """The prompt that was replaced."""
    return str(getattr(event, "prompt", ""))
