"""See the code: the form as it stands, as programs to read, run and take away.

A Gradio HTML component.  The browser asks for the programs, by `focus`, only while the part is
unfolded and once nobody has changed the form for a moment; it inserts them as text.  It knows the
form and decides nothing about the programs, which are in `page.code_samples`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from page import code_samples, copying, form, texts
from veo_client import InvalidRequest

TEMPLATE = """
<p class="wrong" role="status"></p>
<div class="programs">
  <div class="bar">
    <div role="tablist" aria-label="{languages}">{tabs}</div>
    <button type="button" class="copy">{copy}</button>
  </div>
  <div class="program" id="program" role="tabpanel" tabindex="0"><pre><code></code></pre></div>
</div>
"""

TAB = """<button type="button" role="tab" id="code-{name}" data-name="{name}"
  aria-controls="program" aria-selected="false" tabindex="-1">{label}</button>"""

CSS = """
.wrong { margin: 0; color: var(--body-text-color-subdued); }
[hidden] { display: none !important; }
.bar { display: flex; flex-wrap: wrap; gap: var(--spacing-sm); align-items: end;
  justify-content: space-between; }
[role="tablist"] { display: flex; flex-wrap: wrap; }
button { font: inherit; font-size: var(--text-sm); color: var(--body-text-color); cursor: pointer;
  background: transparent; border: 0; padding: var(--spacing-sm) var(--spacing-lg); }
[role="tab"] { border-bottom: 2px solid transparent; color: var(--body-text-color-subdued); }
[role="tab"][aria-selected="true"] { border-color: var(--color-accent);
  color: var(--body-text-color); }
.copy { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  min-height: 24px; padding: 1px 8px; margin: 2px 0; }
.program { overflow: auto; max-height: 32rem; border: 1px solid var(--border-color-primary);
  border-radius: var(--radius-sm); background: var(--background-fill-secondary); }
.program pre { margin: 0; padding: var(--spacing-lg); width: max-content; background: none; }
.program code { font: var(--text-sm) / 1.5 var(--font-mono); color: var(--body-text-color);
  background: none; padding: 0; white-space: pre; }
"""

JAVASCRIPT = """
const find = what => element.querySelector(what);
const tabs = () => [...element.querySelectorAll('[role="tab"]')];
let selected = tabs()[0].dataset.name;
function paint() {
  const value = props.value || {}, programs = value.programs;
  find('.wrong').textContent = value.wrong || '';
  find('.wrong').hidden = !value.wrong;
  find('.programs').hidden = !programs;
  for (const tab of tabs()) {
    const is = tab.dataset.name === selected;
    tab.setAttribute('aria-selected', is);
    tab.tabIndex = is ? 0 : -1;
  }
  find('.program').setAttribute('aria-labelledby', 'code-' + selected);
  const code = find('code'), text = programs ? programs[selected] : '';
  if (code.textContent !== text) code.textContent = text;
}
function select(tab) {
  selected = tab.dataset.name;
  paint();
  find('.program').scrollTo(0, 0);
}
element.addEventListener('click', async event => {
  const tab = event.target.closest('[role="tab"]'), copy = event.target.closest('.copy');
  if (tab) select(tab);
  if (!copy) return;
  if (!await copyText(find('code').textContent)) return;
  copy.textContent = props.copied;
  setTimeout(() => { copy.textContent = props.copy; }, 1500);
});
element.addEventListener('keydown', event => {
  const all = tabs(), at = all.indexOf(event.target);
  if (at < 0) return;
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 };
  if (!(event.key in next)) return;
  event.preventDefault();
  const tab = all[next[event.key] % all.length];
  tab.focus();
  select(tab);
});
watch('value', paint);
paint();
// Folded away it asks for nothing; a form that is being typed into is left alone for a moment.
let moment;
function ask() {
  clearTimeout(moment);
  moment = setTimeout(() => { if (element.offsetParent) trigger('focus'); }, props.pause);
}
window.addEventListener(props.changed, ask);
ask();
"""

CHANGED = "veo-form-changed"
"""The browser's own event for a field that changed, by whomever; no server hears of it."""

PAUSE = 400
"""Milliseconds."""


def build() -> gr.HTML:
    """The folded part with the component in it; give `connect` what this returns."""
    with gr.Accordion(texts.CODE_SECTION, open=False, elem_id="code") as part:
        tabs = "".join(
            TAB.format(name=name, label=label) for name, label in texts.CODE_LANGUAGES.items()
        )
        programs = gr.HTML(
            {},
            html_template=TEMPLATE.format(
                tabs=tabs, languages=texts.CODE_LANGUAGES_LABEL, copy=texts.COPY
            ),
            css_template=CSS,
            js_on_load=copying.COPY_TEXT + JAVASCRIPT,
            apply_default_css=False,
            elem_id="programs",
            label=texts.CODE_SECTION,
            copy=texts.COPY,
            copied=texts.COPIED,
            changed=CHANGED,
            pause=PAUSE,
        )
    part.expand(None, js=_TELL)
    return programs


_TELL = f"() => {{ window.dispatchEvent(new Event('{CHANGED}')); }}"


def connect(programs: gr.HTML, fields: Mapping[str, Component], **quick: Any) -> None:
    """Let the programs follow the form."""
    changes: list[Any] = [*fields.values()]
    gr.on([field.change for field in changes], None, js=_TELL)
    programs.focus(
        of_form,
        inputs_kwargs={**fields},
        outputs=programs,
        trigger_mode="always_last",
        **quick,
    )


def of_form(**fields: Any) -> dict[str, Any]:
    """The component's value for the form's values: the programs, or what is wrong with the form."""
    if fields["seed"] in (None, ""):
        # One that stays while the prompt does: a new one each time would look like a change.
        fields["seed"] = str(zlib.crc32(str(fields["prompt"]).encode(errors="replace")))
    try:
        return {"programs": code_samples.of(form.request_from(**fields))}
    except InvalidRequest as error:
        return {"wrong": texts.CODE_WRONG.format(error=error)}
