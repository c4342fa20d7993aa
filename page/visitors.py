"""Whose job: an unguessable id in the browser's storage, or a Hugging Face login if there is one.

This module decides who somebody is and knows nothing of what they may do.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

import gradio as gr

BECOME_KNOWN = """kept => {
  const drawn = Array.from(crypto.getRandomValues(new Uint8Array(32)));
  let visitor = drawn.map(byte => byte.toString(16).padStart(2, "0")).join("");
  let visit_began = Date.now() / 1000;
  try {
    visitor = localStorage.veoVisitor ||= kept?.visitor || visitor;
    visit_began = Number(sessionStorage.veoVisitBegan ||= visit_began);
  } catch {} // a frame of another site may have no storage
  return [{ visitor, ...kept, visit_began }];
}"""
"""JavaScript, run before the page asks for anything: who is new has an id from then on.

A visit is a tab: it lasts until that is closed.

Made by the server, two first requests at once would get two; kept with the rest alone, which is
written later, two first tabs at once would.
"""


def owner_of(visitor: object, request: gr.Request | None) -> str:
    """The name under which a visitor's jobs stand in the ledger.

    `visitor` is what the browser keeps.  A login counts for more, and nobody can claim one by what
    their browser sends.
    """
    if request and (login := _login(request)):
        return f"login:{login}"
    return f"browser:{known(visitor)}"


def known(visitor: object) -> str:
    """The browser's id if it is one of ours, else a new one."""
    if isinstance(visitor, str) and re.fullmatch(r"[\w-]{32,64}", visitor, re.ASCII):
        return visitor
    return secrets.token_urlsafe(32)


def quota_key_of(owner: str, request: gr.Request | None) -> str:
    """Under what the spending of the server's key is counted: a login, else an address on the
    network.

    An id in a browser would bound nobody: a new one is to be had for the asking.
    """
    if owner.startswith("login:") or not request or not request.client:
        return owner
    return f"address:{request.client.host}"


def _login(request: gr.Request) -> str | None:
    session: Any = request.request.scope.get("session", {}) if request.request else {}
    login = session.get("oauth_info", {}).get("userinfo", {}).get("sub")
    return str(login) if login else None
