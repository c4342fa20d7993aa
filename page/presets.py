"""Presets: the form's values under a name, kept in the browser.

A Gradio HTML component.  The browser keeps them under a key of its own; Python makes them from the
form (`submit`) and puts them back into it (`select`), checked both times, for what a browser keeps
may be old or forged.  This module knows the form and nothing of jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from page import form, texts
from page.view import form_values
from veo_client import InvalidRequest

MOST = 30
LONGEST_NAME = 60
"""Characters."""

TEMPLATE = """
<p>${hint}</p>
<ul></ul>
<form autocomplete="off">
  <label>${name}<input name="name" maxlength="${longest}"></label>
  <button type="submit">${save}</button>
</form>
<p class="said" role="status"></p>
"""

CSS = """
p { margin: 0; font-size: var(--text-sm); color: var(--body-text-color-subdued);
  overflow-wrap: anywhere; }
ul { list-style: none; margin: var(--spacing-md) 0; padding: 0; max-height: 18rem;
  overflow-y: auto; }
li { display: flex; gap: var(--spacing-sm); align-items: center; padding: 2px 0; }
li span { flex: 1; min-width: 0; color: var(--body-text-color); overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
form { display: flex; flex-wrap: wrap; gap: var(--spacing-md); align-items: end; }
label { flex: 1; min-width: 10rem; font-size: var(--text-sm); color: var(--body-text-color); }
input { display: block; width: 100%; margin-top: 2px; font: inherit; font-size: var(--text-md);
  padding: var(--spacing-sm) var(--spacing-md); color: var(--body-text-color);
  background: var(--input-background-fill); border-radius: var(--input-radius);
  border: 1px solid var(--input-border-color); }
button { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  padding: 4px 10px; background: transparent; color: var(--body-text-color); cursor: pointer;
  font: inherit; font-size: var(--text-sm); }
.said { min-height: 1.5em; margin-top: var(--spacing-sm); color: var(--body-text-color); }
"""

# Names go in as text: whatever the browser keeps is nobody's markup.
JAVASCRIPT = """
const KEY = 'veo-presets';
const list = element.querySelector('ul'), said = element.querySelector('.said');
const isPreset = each => each && typeof each.name === 'string' && typeof each.settings === 'object';
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(found) ? found.filter(isPreset).slice(0, props.most) : [];
  } catch {
    return [];
  }
}
function keep(presets) {
  try {
    localStorage.setItem(KEY, JSON.stringify(presets));
  } catch {
    said.textContent = props.not_kept;
  }
  paint();
}
function button(label, name, press) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = label;
  made.setAttribute('aria-label', label + ': ' + name);
  made.addEventListener('click', press);
  return made;
}
function row(preset) {
  const item = document.createElement('li'), name = document.createElement('span');
  name.textContent = name.title = preset.name;
  item.append(name,
    button(props.use, preset.name, () => {
      trigger('select', preset);
      document.querySelector('#prompt').scrollIntoView({ block: 'nearest' });
    }),
    button(props.delete_, preset.name, () => {
      if (window.confirm(props.delete_ask))
        keep(kept().filter(each => each.name !== preset.name));
    }));
  return item;
}
function paint() { list.replaceChildren(...kept().map(row)); }
element.querySelector('form').addEventListener('submit', event => {
  event.preventDefault();
  const name = new FormData(event.target).get('name').trim(), presets = kept();
  const taken = presets.some(each => each.name === name);
  if (!name || presets.length >= props.most && !taken)
    said.textContent = name ? props.full : props.unnamed;
  else if (!taken || window.confirm(props.replace))
    trigger('submit', { name });
});
// Each answer is taken once, so that the same one again is news.
watch('value', () => {
  if (!props.value) return;
  const { name, settings } = props.value;
  said.textContent = props.value.said;
  props.value = null;
  if (settings) keep([{ name, settings }, ...kept().filter(each => each.name !== name)]);
});
window.addEventListener('storage', event => { if (event.key === KEY) paint(); });
paint();
"""


def build() -> gr.HTML:
    """The component; `submit` asks for a preset of the form, `select` brings one."""
    return gr.HTML(
        None,
        html_template=TEMPLATE,
        css_template=CSS,
        js_on_load=JAVASCRIPT,
        apply_default_css=False,
        label=texts.PRESETS_SECTION,
        hint=texts.PRESETS_HINT,
        name=texts.PRESET_NAME,
        save=texts.PRESET_SAVE,
        use=texts.PRESET_USE,
        delete_=texts.PRESET_DELETE,
        delete_ask=texts.PRESET_DELETE_ASK,
        replace=texts.PRESET_REPLACE,
        unnamed=texts.PRESET_UNNAMED,
        full=texts.PRESETS_FULL,
        not_kept=texts.PRESETS_NOT_KEPT,
        most=MOST,
        longest=LONGEST_NAME,
    )


def connect(presets: gr.HTML, fields: Mapping[str, Component], **quick: Any) -> None:
    """Let the component save the form and fill it in."""

    def on_select(event: gr.EventData) -> dict[Component, Any]:
        values, answer = selected(event)
        return form_values(values, fields) | {presets: answer}

    presets.submit(on_submit, inputs_kwargs={**fields}, outputs=presets, **quick)
    presets.select(on_select, None, [*fields.values(), presets], **quick)


def on_submit(event: gr.EventData, **fields: Any) -> dict[str, Any]:
    """A preset of the form's values, for the browser to keep; or why they cannot be one."""
    name = _name(event)
    try:
        settings = settings_of(**fields)
    except InvalidRequest as error:
        return {"said": texts.PRESET_REFUSED.format(name=name, reason=error)}
    return {"said": texts.PRESET_SAVED.format(name=name), "name": name, "settings": settings}


def selected(event: gr.EventData) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form's values from a preset, and what the component says to that."""
    name = _name(event)
    try:
        values = values_of(getattr(event, "settings", None))
    except InvalidRequest as error:
        return {}, {"said": texts.PRESET_REFUSED.format(name=name, reason=error)}
    return values, {"said": texts.PRESET_USED.format(name=name)}


def settings_of(**fields: Any) -> dict[str, Any]:
    """The form's values by name, checked; without an empty prompt and an empty seed."""
    empty = {name for name in ("prompt", "seed") if fields[name] in (None, "")}
    request = form.request_from(**(fields | {"prompt": fields["prompt"] or "any"}))
    return {name: getattr(request, name) for name in form.FIELDS if name not in empty}


def values_of(settings: object) -> dict[str, Any]:
    """The form's values for a preset, checked: what it leaves out of prompt and seed is left alone
    and emptied, in that order."""
    if not isinstance(settings, dict):
        raise InvalidRequest("This is no preset.")
    values = form.values_from(form.request_from_untrusted({"prompt": "any", **settings}))
    if "prompt" not in settings:
        del values["prompt"]
    if "seed" not in settings:
        values["seed"] = ""
    return values


def _name(event: gr.EventData) -> str:
    return str(getattr(event, "name", ""))[:LONGEST_NAME]
