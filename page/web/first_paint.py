"""The first paint: heading and prompt, there to be typed into while Gradio's own are still coming.

An ASGI middleware puts them into the page as it leaves.  They stand where Gradio's form will, hold
the draft, and hand what was typed, the caret and the focus over to it.  It knows how the page
looks, and no widgets.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from page import draft, texts, theme
from page.gradio_patches import stream_ends

CSS = f"""
#first-paint {{ position: absolute; inset: 0 0 auto; box-sizing: border-box; margin: 0 auto;
  {theme.WIDTH} font: 14px/1.4 system-ui, sans-serif; color: #1e293b; }}
#first-paint header {{ display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline; }}
#first-paint :is(h1, p) {{ margin: 0; }}
#first-paint h1 {{ font: 600 20px/26px system-ui, sans-serif; }}
#first-paint label {{ display: block; box-sizing: border-box; width: calc(50% - 8px);
  margin-top: 16px; padding: 10px 12px; border: 1px solid #e2e8f0; border-radius: 8px;
  background: #fff; color: #334155; }}
#first-paint textarea {{ display: block; box-sizing: border-box; width: 100%; height: 98.4px;
  margin-top: 8px; padding: 10px; border: 1px solid #e2e8f0; border-radius: 4px; resize: none;
  font: inherit; color: inherit; background: #fff; }}
#first-paint textarea:focus {{ outline: 2px solid #6366f1; outline-offset: 2px; }}
#first-paint textarea::placeholder {{ color: #64748b; opacity: 1; }}
#first-paint.dark {{ color: #f1f5f9; }}
#first-paint.dark label {{ background: #0f172a; border-color: #1e293b; color: #cbd5e1; }}
#first-paint.dark textarea {{ background: #1e293b; border-color: #334155; color: #f1f5f9; }}
#first-paint [role=status] {{ margin-top: 16px; }}
#first-paint ~ gradio-app {{ visibility: hidden; }}
@media (max-width: 768px) {{ #first-paint label {{ width: 100%; }} }}
"""

# Gradio brings a form's parts in any order: it is shown when all are there, and not in the midst of
# composing a character, which would be lost.
JAVASCRIPT = """
const first = document.getElementById('first-paint'), typed = first.querySelector('textarea');
const theme = new URLSearchParams(location.search).get('__theme');
first.classList.toggle('dark', theme === 'dark'
  || theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
try { typed.value ||= localStorage.getItem(KEY) || ''; } catch { } // some type before this runs
typed.addEventListener('input', () => {
  try { localStorage.setItem(KEY, typed.value); } catch { }
});
typed.focus();
const FORM = ['#prompt textarea', '#generate', '#help', '[type=radio]', '#advanced'];
let composing = false;
typed.addEventListener('compositionstart', () => { composing = true; });
typed.addEventListener('compositionend', () => { composing = false; handOver(); });
function handOver() {
  const [field, ...others] = FORM.map(each => document.querySelector(each));
  if (composing || !field || others.includes(null)) return;
  observer.disconnect();
  late.forEach(clearTimeout);
  const focused = document.activeElement === typed;
  first.remove();
  if (typed.value) {
    field.value = typed.value;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }
  if (!focused) return;
  field.focus();
  field.setSelectionRange(typed.selectionStart, typed.selectionEnd);
}
const say = text => { first.querySelector('[role=status]').textContent = text; };
const late = [setTimeout(say, 2000, TEXTS[0]), setTimeout(say, 20000, TEXTS[1])];
const observer = new MutationObserver(handOver);
observer.observe(document.body, { childList: true, subtree: true });
"""

HEAD = f"<title>{texts.TITLE}</title><style>{CSS}</style><script>{stream_ends.JAVASCRIPT}</script>"

LATE = (texts.STILL_COMING, texts.DOES_NOT_COME)


def markup(mode: str) -> str:
    """What is there first, in the body; `mode` is the line beside the heading, as HTML."""
    return (
        f'<main id="first-paint"><header><h1>{texts.TITLE}</h1><p>{mode}</p></header>'
        f"<label>{texts.PROMPT_LABEL}"
        f'<textarea autofocus placeholder="{html.escape(texts.PROMPT_PLACEHOLDER)}"></textarea>'
        f'</label><p role="status"></p></main>'
        f"<script>{{ const KEY = {json.dumps(draft.KEY)}, TEXTS = {json.dumps(LATE)};"
        f"{JAVASCRIPT} }}</script>"
    )


class FirstPaint:
    """Puts `markup` into the page; `mode` gives the line beside the heading."""

    def __init__(self, app: ASGIApp, *, mode: Callable[[], str]) -> None:
        self._app, self._mode = app, mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        page = b""

        async def send_whole(message: Message) -> None:
            nonlocal start, page
            if message["type"] == "http.response.start":
                start = message  # the length that it tells is not known yet
                return
            page += message.get("body", b"")
            if message.get("more_body"):
                return
            for place, what in (("</head>", HEAD), ("<gradio-app", markup(self._mode()))):
                page = page.replace(place.encode(), f"{what}{place}".encode(), 1)
            if page:
                MutableHeaders(scope=start)["content-length"] = str(len(page))
            await send(start)
            await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, send_whole)
