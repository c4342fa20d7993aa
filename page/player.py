"""The player: the clip on the card, in the browser's own video element.

A Gradio HTML component.  `gr.Video` would bring a library for streams, half as heavy as a whole
bare page, before there is anything to play.  It knows an address on this page and no jobs.
"""

from __future__ import annotations

import gradio as gr

from page import texts

TEMPLATE = f"""
<div class="player">
  <p>{texts.NO_CLIP}</p>
  <video controls playsinline hidden aria-label="{texts.CLIP}"></video>
</div>
"""

CSS = """
.player { height: 420px; display: grid; place-items: center; overflow: hidden;
  border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg);
  background: var(--block-background-fill); color: var(--body-text-color-subdued); }
p { margin: 0; }
video { width: 100%; height: 100%; min-height: 0; object-fit: contain; background: #000; }
video:focus-within { outline: 2px solid var(--color-accent); outline-offset: -2px; }
[hidden] { display: none; }
@media (max-width: 768px) { .player { height: 300px; } }
"""

JAVASCRIPT = """
const video = element.querySelector('video'), none = element.querySelector('p');
// A clip that a reload brings back does not start by itself.  The browser's own
// `userActivation` would outlive the reload.
let touched = false;
for (const kind of ['pointerdown', 'keydown'])
  window.addEventListener(kind, () => { touched = true; }, { capture: true, once: true });
function paint() {
  video.hidden = !props.value;
  none.hidden = Boolean(props.value);
  video.autoplay = touched && !matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (props.value) video.src = new URL(props.value, document.baseURI).href;
  else video.removeAttribute('src');
  video.load();
}
watch('value', paint);
if (props.value) paint();
"""


def build() -> gr.HTML:
    """The component; give it a clip's address as of `my_clips.address`, or nothing."""
    return gr.HTML(
        "",
        html_template=TEMPLATE,
        css_template=CSS,
        js_on_load=JAVASCRIPT,
        apply_default_css=False,
        elem_id="video",
        label=texts.CLIP,
    )
