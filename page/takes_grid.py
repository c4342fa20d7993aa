"""Takes: how many and in what they differ, and a grid of them as they arrive.

The grid is a Gradio HTML component like the list of clips: Python sends plain values, the browser
inserts them as text and tells Python which button was pressed on which job.  It knows jobs and
words, and neither sends nor follows anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend import takes as backend_takes
from backend.jobs import Job
from backend.storage import Shelf
from page import clip_list, picking, texts
from veo import explain
from veo_client import MODELS, VideoRequest

COUNTS = range(1, backend_takes.MOST + 1)

TEMPLATE = """
<section hidden aria-labelledby="takes-title">
  <h2 id="takes-title"></h2>
  <ul></ul>
</section>
"""

CSS = """
h2 { font-size: var(--text-lg); margin: 0 0 var(--spacing-md); font-weight: 600;
  color: var(--body-text-color); }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: var(--spacing-lg);
  grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
li { border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg);
  background: var(--block-background-fill); overflow: hidden; display: flex;
  flex-direction: column; }
li[data-shown="true"] { border-color: var(--color-accent); }
.poster { aspect-ratio: 16 / 9; width: 100%; border: 0; padding: 0; display: block;
  background: var(--background-fill-secondary); cursor: pointer; }
.poster:disabled { cursor: default; }
.poster:focus-visible { outline-offset: -3px; } /* what is outside is cut off */
.poster img { width: 100%; height: 100%; object-fit: contain; display: block; margin: 0; }
.about { padding: var(--spacing-lg); display: flex; flex-direction: column; flex: 1;
  gap: var(--spacing-sm); }
.about p { margin: 0; overflow-wrap: anywhere; color: var(--body-text-color); }
.name { font-weight: 600; }
.about .settings { color: var(--body-text-color-subdued); font-size: var(--text-sm); }
.clock { font-variant-numeric: tabular-nums; color: var(--body-text-color-subdued); }
.actions { margin-top: auto; display: flex; flex-wrap: wrap; gap: var(--spacing-sm); }
.actions > * { border: 1px solid var(--border-color-primary); border-radius: var(--radius-sm);
  min-height: 24px; padding: 2px 8px; background: transparent; color: var(--body-text-color);
  cursor: pointer; font: inherit; font-size: var(--text-sm); }
.actions > [aria-pressed="true"] { border-color: var(--color-accent);
  background: var(--color-accent-soft); }
[hidden] { display: none !important; }
"""

# A cell is made once and then only changed: what has the focus keeps it while others arrive.
JAVASCRIPT = """
const texts = props.texts, cells = new Map();
const minutes = s => Math.floor(s / 60) + ':' + String(Math.floor(s % 60)).padStart(2, '0');
let seen = performance.now();
function add(parent, tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}
function addButton(parent, className, press) {
  const made = add(parent, 'button', className);
  made.type = 'button';
  made.addEventListener('click', press);
  return made;
}
function label(button, text, name) {
  button.textContent = text;
  button.setAttribute('aria-label', text + ': ' + name);
}
function makeCell(job) {
  const item = document.createElement('li');
  item.dataset.job = job;
  const poster = addButton(item, 'poster', () => trigger('select', { job }));
  add(poster, 'img', '').alt = '';
  const about = add(item, 'div', 'about');
  add(about, 'p', 'name');
  const state = add(about, 'p', '');
  add(state, 'span', 'state').setAttribute('role', 'status');
  add(state, 'span', 'clock').setAttribute('aria-hidden', 'true');
  add(about, 'p', 'settings');
  const actions = add(about, 'div', 'actions');
  addButton(actions, 'show', () => trigger('select', { job }));
  addButton(actions, 'edit', () => trigger('edit', { job }));
  addButton(actions, 'seed', event => {
    trigger('input', { job });
    event.target.textContent = texts.seed_used;
    setTimeout(() => { event.target.textContent = texts.use_seed; }, 1500);
  });
  return item;
}
function fill(item, row) {
  const find = each => item.querySelector(each);
  const image = find('img'), poster = find('.poster');
  item.dataset.state = row.state;
  item.dataset.shown = row.shown;
  if (image.getAttribute('src') !== row.poster && row.poster) image.src = row.poster;
  image.hidden = !row.poster;
  poster.disabled = !row.clip;
  poster.setAttribute('aria-label', texts.show + ': ' + row.name);
  find('.name').textContent = row.name;
  if (find('.state').textContent !== row.title) find('.state').textContent = row.title;
  find('.settings').textContent = row.settings;
  label(find('.show'), texts.show, row.name);
  label(find('.edit'), texts.use_settings, row.name);
  if (find('.seed').textContent !== texts.seed_used) label(find('.seed'), texts.use_seed, row.name);
  if (row.clip && !find('.pick')) find('.actions').append(pickButton(row.id, row.name));
}
function tick() {
  const passed = (performance.now() - seen) / 1000;
  for (const row of props.value || [])
    cells.get(row.id).querySelector('.clock').textContent =
      ' · ' + minutes(row.elapsed + (row.running ? passed : 0));
}
function paint() {
  const rows = props.value || [];
  seen = performance.now();
  element.querySelector('section').hidden = rows.length === 0;
  element.querySelector('h2').textContent = texts.title;
  for (const row of rows) {
    if (!cells.has(row.id)) cells.set(row.id, makeCell(row.id));
    fill(cells.get(row.id), row);
  }
  const list = element.querySelector('ul'), items = rows.map(row => cells.get(row.id));
  if (items.length !== list.children.length || items.some((item, at) => list.children[at] !== item))
    list.replaceChildren(...items);
  tick();
}
watch('value', paint);
paint();
setInterval(tick, 1000);
"""


def controls() -> tuple[gr.Radio, gr.Dropdown]:
    """How many takes, and in what they differ; the second shows once there are several."""
    with gr.Row(elem_id="takes-asked"):
        count = gr.Radio(
            [(texts.TAKES[number - 1], number) for number in COUNTS],
            value=1,
            label=texts.TAKES_LABEL,
            show_label=False,
            container=False,
            min_width=250,
            elem_id="takes-count",
        )
        differs = gr.Dropdown(
            [(_choice(name), name) for name in backend_takes.DIFFERS],
            value="seed",
            label=texts.DIFFERS_LABEL,
            show_label=False,
            container=False,
            filterable=False,
            visible=False,
            min_width=120,
            elem_id="takes-differ",
        )
    count.change(None, count, differs, js="count => ({ __type__: 'update', visible: count > 1 })")
    return count, differs


def _choice(differs: str) -> str:
    """What differs, with how many takes that gives if they are fewer than `batch.MOST`."""
    most = len(backend_takes.takes_of(VideoRequest("how many"), backend_takes.MOST, differs))
    said = texts.SETTING_DIFFERS if most == backend_takes.MOST else texts.FEW_DIFFER
    return said.format(setting=texts.DIFFERS[differs], takes=most)


def build() -> gr.HTML:
    """The grid; give it the values of `rows`."""
    return gr.HTML(
        [],
        html_template=TEMPLATE,
        css_template=CSS,
        js_on_load=picking.BUTTON + JAVASCRIPT,
        apply_default_css=False,
        elem_id="takes",
        label=texts.TAKES_TITLE,
        texts={
            "title": texts.TAKES_TITLE,
            "show": texts.SHOW,
            "use_settings": texts.USE_SETTINGS,
            "use_seed": texts.USE_SEED,
            "seed_used": texts.SEED_USED,
        },
    )


def rows(takes: Sequence[Job], shelf: Shelf, *, on_card: Job | None = None) -> list[dict[str, Any]]:
    """What the browser shows of `takes`; nothing of one alone.  `on_card` is marked."""
    if len(takes) < 2:
        return []
    requests = [job.request for job in takes if job.request]
    names = ["seed", *(name for name in backend_takes.differing(requests) if name != "seed")]
    return [
        _row(job, number, names, shelf) | {"shown": on_card is not None and job.id == on_card.id}
        for number, job in enumerate(takes, 1)
    ]


def _row(job: Job, number: int, names: list[str], shelf: Shelf) -> dict[str, Any]:
    clip = shelf.clip(job.entry.clip) if job.state == "done" else None
    return {
        "id": job.id,
        "name": texts.TAKE.format(number=number),
        "state": job.state,
        "running": not job.is_over,
        "title": _title(job, gone=job.state == "done" and not clip),
        "elapsed": round(job.elapsed, 1),
        "settings": in_words(job.request, names) if job.request else "",
        "poster": clip_list.address(shelf.poster(job.entry.clip) if clip else None),
        "clip": clip is not None,
    }


def _title(job: Job, *, gone: bool) -> str:
    if job.error:
        return explain.of_error(job.error).title
    if job.state == "running" and job.update:
        return explain.of_status(job.update)
    return explain.of_state(job.state, gone=gone)


def in_words(request: VideoRequest, names: Sequence[str]) -> str:
    """The settings `names` of `request` as a person reads them."""
    return " · ".join(filter(None, (_setting(request, name) for name in names)))


def _setting(request: VideoRequest, name: str) -> str:
    value = getattr(request, name)
    match name:
        case "seed":
            return texts.SEED_IS.format(value=value)
        case "model":
            return MODELS[value].label
        case "duration":
            return texts.SECONDS.format(value=value)
        case "negative_prompt":
            return texts.WITHOUT.format(value=value) if value else ""
    return texts.SWITCHED[name][value] if name in texts.SWITCHED else str(value)
