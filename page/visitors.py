"""Whose job: an unguessable id in the browser's storage, or a Hugging Face login if there is one.

This module decides who somebody is and knows nothing of what they may do.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

import gradio as gr


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


def spender_of(owner: str, request: gr.Request | None) -> str:
    """Whose spending of the server's key is bounded: a login, else an address on the network.

    An id in a browser would bound nobody: a new one is to be had for the asking.
    """
    if owner.startswith("login:") or not request or not request.client:
        return owner
    return f"address:{request.client.host}"


def _login(request: gr.Request) -> str | None:
    session: Any = request.request.scope.get("session", {}) if request.request else {}
    login = session.get("oauth_info", {}).get("userinfo", {}).get("sub")
    return str(login) if login else None
