"""How the page copies a text: JavaScript that a component puts before its own.

`await copyText(text)` says whether it worked.  It knows no component.
"""

from __future__ import annotations

# Over plain http from another machine there is no clipboard; a selected text can be copied still.
COPY_TEXT = """
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement('textarea'), focused = document.activeElement;
    field.value = text;
    field.style.cssText = 'position: fixed; top: 0; opacity: 0';
    document.body.append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove();
    focused?.focus({ preventScroll: true });
    return copied;
  }
}
"""
