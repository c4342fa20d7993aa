"""My clips: a visitor's jobs, newest first, each with what can be done with it.

A Gradio HTML component.  Python sends plain values; the browser inserts them as text and tells
Python which button was pressed on which job: `select` plays, `edit` takes its settings, `input`
its seed, `retry` looks or sends again, `delete` deletes, `focus` asks for the list anew.  It knows
jobs and words, and decides nothing.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend import states
from backend.jobs import Job
from backend.storage import Storage
from page import copying, picking, texts

TEMPLATE = f"""
<section aria-labelledby="my-clips-title">
  <h2 id="my-clips-title">{texts.MY_CLIPS}</h2>
  <p class="none">{texts.MY_CLIPS_NONE}</p>
  <ul></ul>
</section>
"""

CSS = """
h2 { font-size: var(--text-lg); margin: 0 0 var(--spacing-md); font-weight: 600;
  color: var(--body-text-color); }
.none { color: var(--body-text-color-subdued); margin: 0; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: var(--spacing-lg);
  grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); align-items: start; }
li { border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg);
  background: var(--block-background-fill); overflow: hidden; display: flex;
  flex-direction: column; }
.poster { aspect-ratio: 16 / 9; width: 100%; border: 0; padding: 0; display: block;
  background: var(--background-fill-secondary); cursor: pointer; }
.poster:focus-visible { outline-offset: -3px; } /* what is outside is cut off */
.poster img { width: 100%; height: 100%; object-fit: contain; display: block; margin: 0; }
.about { padding: var(--spacing-lg); display: flex; flex-direction: column; flex: 1;
  gap: var(--spacing-sm); }
.about p { margin: 0; overflow-wrap: anywhere; }
.state { font-weight: 600; color: var(--body-text-color); }
.prompt { color: var(--body-text-color); display: -webkit-box; -webkit-box-orient: vertical;
  -webkit-line-clamp: 2; overflow: hidden; }
.facts { color: var(--body-text-color-subdued); font-size: var(--text-sm); }
.actions { margin-top: auto; display: flex; flex-wrap: wrap; gap: var(--spacing-sm); }
.actions > * { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  min-height: 24px; padding: 2px 8px; background: transparent; color: var(--body-text-color);
  cursor: pointer; font: inherit; font-size: var(--text-sm); text-decoration: none; }
.actions > [aria-pressed="true"] { border-color: var(--color-accent);
  background: var(--color-accent-soft); }
"""

# Every text goes in as text: prompts and the service's words are nobody's markup.
JAVASCRIPT = """
const texts = props.texts;
function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
function action(row, name, label, ask) {
  const button = make('button', '', label);
  button.type = 'button';
  button.dataset.name = name;
  button.setAttribute('aria-label', label + ': ' + row.name);
  button.addEventListener('click', () => {
    if (!ask || window.confirm(ask)) trigger(name, { job: row.id });
  });
  return button;
}
function link(row, label, address, file) {
  const made = make('a', '', label);
  made.href = address;
  made.download = file;
  made.dataset.name = label;
  made.setAttribute('aria-label', label + ': ' + row.name);
  return made;
}
function copyPrompt(row) {
  const button = make('button');
  button.type = 'button';
  button.dataset.name = 'copy';
  const say = label => {
    button.textContent = label;
    button.setAttribute('aria-label', label + ': ' + row.name);
  };
  button.addEventListener('click', async () => {
    if (!await copyText(row.name)) return;
    say(texts.copied);
    setTimeout(say, 1500, texts.copy);
  });
  say(texts.copy);
  return button;
}
function show(row) {
  const item = make('li');
  item.dataset.state = row.state;
  item.dataset.job = row.id;
  item.dataset.row = JSON.stringify(row);
  if (row.clip) {
    const poster = make('button', 'poster');
    poster.type = 'button';
    poster.dataset.name = 'select';
    poster.setAttribute('aria-label', texts.play + ': ' + row.name);
    poster.addEventListener('click', () => trigger('select', { job: row.id }));
    if (row.poster) {
      const image = make('img');
      image.src = row.poster;
      image.alt = '';
      poster.append(image);
    }
    item.append(poster);
  }
  const about = make('div', 'about'), actions = make('div', 'actions');
  const when = new Date(row.created * 1000).toLocaleString([],
    { dateStyle: 'medium', timeStyle: 'short' });
  about.append(make('p', 'state', row.title), make('p', 'prompt', row.name),
    make('p', 'facts', [when, row.cost, row.seed].filter(Boolean).join(' · ')), actions);
  if (row.running) actions.append(action(row, 'select', texts.show));
  if (row.clip) actions.append(link(row, texts.download, row.clip, row.file));
  if (row.note) actions.append(link(row, 'JSON', row.note, row.file.replace(/mp4$/, 'json')));
  if (row.again) actions.append(action(row, 'retry', row.again, row.ask));
  if (row.settings) actions.append(action(row, 'edit', texts.use_settings));
  if (row.seed) actions.append(action(row, 'input', texts.use_seed));
  if (row.clip) actions.append(pickButton(row.id, row.name));
  if (row.settings) actions.append(copyPrompt(row));
  if (!row.running) actions.append(action(row, 'delete', texts.delete,
    row.clip ? texts.delete_clip : texts.delete_entry));
  item.append(about);
  return item;
}
// What did not change stays as it is, and the focus where it was.
function paint() {
  const rows = props.value || [], list = element.querySelector('ul');
  element.querySelector('.none').hidden = rows.length > 0;
  const there = new Map([...list.children].map(item => [item.dataset.row, item]));
  const items = rows.map(row => there.get(JSON.stringify(row)) || show(row));
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const place = [...list.children].findIndex(item => item.contains(focused));
  for (const item of [...list.children]) if (!items.includes(item)) item.remove();
  items.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] || null);
  });
  if (focused && !focused.isConnected) focusLike(focused, place);
}
function focusLike(control, place) {
  const items = [...element.querySelectorAll('li')], { job } = control.closest('li').dataset;
  const item = items.find(each => each.dataset.job === job) || items[place] || items.at(-1);
  const { name } = control.dataset;
  const like = item?.querySelector(`[data-name="${name}"]`) || item?.querySelector('button, a');
  like?.focus({ preventScroll: true });
}
watch('value', paint);
paint();
// Another tab, a phone or the server may have gone on meanwhile.
const look = () => { if (!document.hidden) trigger('focus'); };
document.addEventListener('visibilitychange', look);
// What the card does not follow goes on, too.
const goes_on = row => row.running || row.state === 'needs_key';
setInterval(() => { if ((props.value || []).some(goes_on)) look(); }, 10_000);
"""


def build() -> gr.HTML:
    """The component; give it the values of `rows`."""
    return gr.HTML(
        [],
        html_template=TEMPLATE,
        css_template=CSS,
        js_on_load=picking.BUTTON + copying.COPY_TEXT + JAVASCRIPT,
        apply_default_css=False,
        elem_id="my-clips",
        label=texts.MY_CLIPS,
        texts=texts.MY_CLIPS_ACTIONS,
    )


def rows(jobs: list[Job], storage: Storage) -> list[dict[str, Any]]:
    """What the browser shows of `jobs`; all of it may be shown to their owner."""
    return [_row(job, storage) for job in jobs]


def _row(job: Job, storage: Storage) -> dict[str, Any]:
    entry = job.entry
    clip = storage.address(entry.clip) if entry.state == "done" else ""
    again = states.AGAIN.get(entry.state) if not clip else None
    return {
        "id": job.id,
        "state": entry.state,
        "running": not job.is_over,
        "title": states.explain_state(entry.state, gone=entry.state == "done" and not clip),
        "name": str((entry.request or {}).get("prompt") or f"id {entry.generation_id}"),
        "created": entry.created,
        "cost": states.explain_cost(
            entry.state, entry.payer, entry.dollars, was_complete=bool(entry.clip)
        ),
        "poster": storage.address(entry.clip, "poster") if clip else "",
        "clip": clip,
        "note": storage.address(entry.clip, "note") if clip else "",
        "file": storage.name(entry.clip) if clip else "",
        "settings": bool(entry.request),
        "seed": texts.SEED_IS.format(value=entry.request["seed"]) if entry.request else "",
        "again": again if entry.state != "done" or entry.generation_id else None,
        "ask": states.SEND_AGAIN if entry.state == "uncertain" and not job.is_demo else "",
    }
