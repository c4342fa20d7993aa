"""Help beside the fields: ten parts that become a prompt, nouns for a negative prompt.

Two Gradio HTML components that wire themselves to the field they help with, so that this module is
all the page knows of them.  It writes nothing itself: that is `page.composing`.
"""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from page import texts
from page.prompt_parts import LONGEST_PART, compose, nouns, put

TEMPLATE = """
<form autocomplete="off">
  <p>${intro}</p>
  ${fields}
  <div class="buttons">
    <button type="submit">${put}</button>
    <button type="reset">${clear}</button>
  </div>
  <p class="said" role="status"></p>
</form>
"""

CSS = """
form { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr));
  gap: var(--spacing-md) var(--spacing-lg); }
p, .buttons { grid-column: 1 / -1; margin: 0; }
p { font-size: var(--text-sm); color: var(--body-text-color-subdued); overflow-wrap: anywhere; }
label { font-size: var(--text-sm); color: var(--body-text-color); }
small { font-size: var(--text-sm); color: var(--body-text-color-subdued); }
input { display: block; width: 100%; margin-top: 2px; font: inherit; font-size: var(--text-md);
  padding: var(--spacing-sm) var(--spacing-md); color: var(--body-text-color);
  background: var(--input-background-fill); border-radius: var(--input-radius);
  border: 1px solid var(--input-border-color); }
input::placeholder { color: var(--body-text-color-subdued); opacity: .8; }
.buttons { display: flex; flex-wrap: wrap; gap: var(--spacing-md); }
button { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  padding: 4px 12px; cursor: pointer; font: inherit; font-size: var(--text-sm);
  color: var(--body-text-color); background: var(--button-secondary-background-fill); }
button:hover { background: var(--button-secondary-background-fill-hover); }
.said { min-height: 1.5em; }
"""

JAVASCRIPT = """
const form = element.querySelector('form'), said = element.querySelector('.said');
said.textContent = props.keeps;
form.addEventListener('submit', event => {
  event.preventDefault();
  trigger('submit', { parts: Object.fromEntries(new FormData(form)) });
});
watch('value', () => { said.textContent = props.value.said; });
"""

OFFER_TEMPLATE = """
<p role="status"><span></span> <button type="button" hidden>${use}</button></p>
"""

OFFER_CSS = """
p { margin: 0; min-height: 1.8em; font-size: var(--text-sm); color: var(--body-text-color);
  overflow-wrap: anywhere; }
button { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  min-height: 24px; padding: 1px 8px; cursor: pointer; background: transparent; color: inherit;
  font: inherit; }
"""

OFFER_JAVASCRIPT = """
const button = element.querySelector('button');
function paint() {
  element.querySelector('span').textContent = props.value;
  button.hidden = !props.value;
}
button.addEventListener('click', () => trigger('select'));
watch('value', paint);
paint();
"""

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def build(prompt: gr.Textbox) -> gr.HTML:
    """Ten fields, one for each part, and the button that puts them into `prompt`."""
    helper = gr.HTML(
        {"composed": "", "said": texts.HELP_KEEPS},
        html_template=TEMPLATE,
        css_template=CSS,
        js_on_load=JAVASCRIPT,
        apply_default_css=False,
        label=texts.HELP_SECTION,
        intro=texts.HELP_INTRO,
        keeps=texts.HELP_KEEPS,
        fields="".join(map(_field, texts.HELP_PARTS)),
        put=texts.HELP_PUT,
        clear=texts.HELP_CLEAR,
    )
    helper.submit(on_submit, [prompt, helper], [prompt, helper], **QUIET)
    return helper


def on_submit(event: gr.EventData, prompt: str, helper: dict[str, str]) -> tuple[Any, Any]:
    """The prompt with the parts in it, and what the helper says to that."""
    composed = compose(getattr(event, "parts", {}))
    if not composed:
        return gr.skip(), {**helper, "said": texts.HELP_EMPTY}
    said = texts.HELP_DONE.format(composed=composed)
    return put(prompt, composed, helper["composed"]), {"composed": composed, "said": said}


def _field(name: str) -> str:
    label, decides, example = texts.HELP_PARTS[name]
    words = texts.HELP_WORDS.get(name, ())
    options = "".join(f'<option value="{html.escape(word)}"></option>' for word in words)
    return f"""<div>
      <label for="help-{name}">{label}</label> <small id="help-{name}-is">{decides}</small>
      <input id="help-{name}" name="{name}" maxlength="{LONGEST_PART}" list="help-{name}-words"
        aria-describedby="help-{name}-is" placeholder="{html.escape(example)}">
      <datalist id="help-{name}-words">{options}</datalist>
    </div>"""


def offer_nouns(negative_prompt: gr.Textbox) -> gr.HTML:
    """A line below `negative_prompt` that offers nouns where it holds instructions."""
    offer = gr.HTML(
        "",
        html_template=OFFER_TEMPLATE,
        css_template=OFFER_CSS,
        js_on_load=OFFER_JAVASCRIPT,
        apply_default_css=False,
        elem_id="nouns",
        label=texts.NEGATIVE_PROMPT_LABEL,
        use=texts.NOUNS_USE,
    )
    negative_prompt.blur(offered, negative_prompt, offer, **QUIET)
    offer.select(lambda wish: (nouns(wish), ""), negative_prompt, [negative_prompt, offer], **QUIET)
    return offer


def offered(wish: str) -> str:
    """What the line below the negative prompt says; nothing where nothing is to be said."""
    better = nouns(wish)
    return "" if better in ("", wish) else texts.NOUNS_OFFER.format(nouns=better)
