"""The button with which a list lets its clips be picked for comparing.

JavaScript that a list puts before its own.  `pickButton(job, name)` makes the button; pressed, it
tells the document, and `page.compare` does the rest.  It knows neither list.
"""

from __future__ import annotations

import json

from page import texts

BUTTON = """
function pickButton(job, name) {
  const button = document.createElement('button'), picked = document.body.dataset.picked;
  button.type = 'button';
  button.className = 'pick';
  button.dataset.pick = job;
  button.dataset.name = 'pick';
  button.textContent = COMPARE;
  button.setAttribute('aria-label', COMPARE + ': ' + name);
  button.setAttribute('aria-pressed', picked === job);
  button.addEventListener('click', () =>
    document.dispatchEvent(new CustomEvent('pick', { detail: { job, name, button } })));
  return button;
}
""".replace("COMPARE", json.dumps(texts.COMPARE))
