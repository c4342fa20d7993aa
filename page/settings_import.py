"""Settings out of a file: a clip made here, or the JSON beside it, fills the form.

A Gradio HTML component.  The browser reads the file itself, piece by piece, and sends nothing but
the settings in it; they are checked like any others.  This module knows no jobs, and takes no
files: the page has no way to upload one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from page import form, texts
from page.view import form_values
from veo.media import MAX_REQUEST_BYTES, REQUEST_KEY
from veo_client import InvalidRequest

MOST_BYTES = MAX_REQUEST_BYTES + 1024
"""Of the box in a clip, or the JSON beside it, that holds a request and a little more."""

TEMPLATE = """
<section class="zone" aria-labelledby="settings-file-title">
  <h2 id="settings-file-title">${title}</h2>
  <p>${hint}</p>
  <div>
    <button type="button">${choose}</button>
    <input type="file" accept=".mp4,.json,video/mp4,application/json" hidden>
    <p class="said" role="status"></p>
  </div>
</section>
"""

CSS = """
.zone { border: 1px dashed var(--border-color-primary); border-radius: var(--radius-lg);
  padding: var(--spacing-lg); }
.zone.over { border-color: var(--color-accent); background: var(--background-fill-secondary); }
h2 { font-size: var(--text-md); margin: 0; font-weight: 600; color: var(--body-text-color); }
p { margin: 0; font-size: var(--text-sm); color: var(--body-text-color-subdued);
  overflow-wrap: anywhere; }
.zone div { display: flex; gap: var(--spacing-md); align-items: baseline;
  margin-top: var(--spacing-sm); }
button { flex: none; border: 1px solid var(--border-color-primary);
  border-radius: var(--radius-sm); min-height: 24px; padding: 2px 8px; cursor: pointer;
  background: transparent; color: var(--body-text-color); font: inherit;
  font-size: var(--text-sm); }
.said { color: var(--body-text-color); }
"""

# The box is where and as `veo.media.write_request` puts it.
JAVASCRIPT = """
const zone = element.querySelector('.zone'), said = element.querySelector('.said');
const chooser = element.querySelector('input');

async function* boxes(file) {
  for (let start = 0, count = 0; start + 8 <= file.size && count < 1000; count++) {
    const head = new DataView(await file.slice(start, start + 16).arrayBuffer());
    const kind = String.fromCharCode(...new Uint8Array(head.buffer, 4, 4));
    let size = head.getUint32(0);
    if (size === 1 && head.byteLength === 16) size = Number(head.getBigUint64(8));
    if (size < 8) return;
    yield { kind, size, content: file.slice(start, start + size) };
    start += size;
  }
}
async function textIn(file) {
  for await (const { kind, size, content } of boxes(file)) {
    if (kind !== 'meta' || size > props.most) continue;
    const bytes = await content.arrayBuffer(), shown = new TextDecoder('latin1').decode(bytes);
    const key = shown.indexOf(props.request_key), data = shown.indexOf('data', key);
    // Behind the word are four bytes each of type and locale.
    if (key >= 0 && data >= 0) return new TextDecoder().decode(bytes.slice(data + 12));
  }
  return file.size <= props.most ? file.text() : '';
}
async function settingsIn(file) {
  try {
    const found = JSON.parse(await textIn(file)), request = found.request || found;
    if (typeof request.prompt !== 'string') return null;
    return Object.fromEntries(
      props.fields.filter(name => name in request).map(name => [name, request[name]]));
  } catch {
    return null;
  }
}
async function take(file) {
  if (!file) return;
  const settings = await settingsIn(file);
  said.textContent = settings ? '' : props.none + file.name;
  if (settings) trigger('upload', { name: file.name, settings });
}
// Each answer is taken once, so that the same one again is news.
watch('value', () => {
  if (!props.value) return;
  said.textContent = props.value.said;
  if (props.value.fits) document.querySelector('#prompt').scrollIntoView({ block: 'nearest' });
  props.value = null;
});

element.querySelector('button').addEventListener('click', () => chooser.click());
chooser.addEventListener('change', () => { take(chooser.files[0]); chooser.value = ''; });
// Anywhere, for a file dropped beside the box would take the place of the page.
const withFile = event => event.dataTransfer && event.dataTransfer.types.includes('Files');
document.addEventListener('dragover', event => {
  if (!withFile(event)) return;
  event.preventDefault();
  zone.classList.add('over');
});
document.addEventListener('dragleave', event => {
  if (!event.relatedTarget) zone.classList.remove('over');
});
document.addEventListener('drop', event => {
  zone.classList.remove('over');
  if (!withFile(event)) return;
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
"""


def build() -> gr.HTML:
    """The component; `upload` brings the settings of a file."""
    return gr.HTML(
        None,
        html_template=TEMPLATE,
        css_template=CSS,
        js_on_load=JAVASCRIPT,
        apply_default_css=False,
        elem_id="settings-file",
        label=texts.FILE_TITLE,
        title=texts.FILE_TITLE,
        hint=texts.FILE_HINT,
        choose=texts.FILE_CHOOSE,
        none=texts.NO_SETTINGS,
        fields=form.FIELDS,
        request_key=REQUEST_KEY.decode(),
        most=MOST_BYTES,
    )


def connect(settings_file: gr.HTML, fields: Mapping[str, Component], **quick: Any) -> None:
    """Let a file fill the form in."""

    def on_upload(event: gr.EventData) -> dict[Component, Any]:
        values, answer = uploaded(event)
        return form_values(values, fields) | {settings_file: answer}

    settings_file.upload(on_upload, None, [*fields.values(), settings_file], **quick)


def uploaded(event: gr.EventData) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form's values from the settings of a file, and what the component says to that."""
    name = str(getattr(event, "name", ""))[:100]
    try:
        request = form.request_from_untrusted(getattr(event, "settings", None))
    except InvalidRequest as error:
        return {}, {"said": texts.FILE_REFUSED.format(name=name, reason=error), "fits": False}
    return form.values_from(request), {"said": texts.FILE_READ.format(name=name), "fits": True}
