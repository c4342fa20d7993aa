"""Whose job: an unguessable id in the browser's storage, or a Hugging Face login if there is one.

This module decides who somebody is, and how much their browser may keep here; it knows nothing of
what they may do.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from starlette.datastructures import Headers

from backend import takes
from backend.service import LONGEST_ID
from page import form, rehearsal

VISITOR_ID_HEADER = "x-veo-visitor"
"""Where a request outside of Gradio, or a program's, has the browser's id.  No page of another
address can send it, for a browser asks us first whether it may, and we do not answer that."""

BrowserState = dict[str, Any]
"""What the browser keeps: who the visitor is, since when, the form and how many takes in what, if a
draft lies beside it, the job on the card and its id, the takes of the last press, and how the last
rehearsals are filmed properly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who sent an event."""

    owner: str
    """The name under which their jobs stand in the ledger."""
    quota_key: str
    """Under which their spending of the server's key is counted."""
    viewer_id: tuple[str, str | None]
    """One page in one tab, which looks at the card."""
    browser_state: BrowserState

    def keeping(self, **changes: Any) -> Visitor:
        """The same, whose browser keeps something else."""
        return replace(self, browser_state={**self.browser_state, **changes})


def identify(browser_state: object, request: gr.Request) -> Visitor:
    """Who the visitor is, by what the browser keeps and by a login."""
    state = of_known_size(browser_state) if isinstance(browser_state, dict) else {}
    state["visitor"] = known(state.get("visitor"))
    state["takes"] = [str(each) for each in state.get("takes", [])]
    owner = owner_of(state["visitor"], request)
    return Visitor(
        owner=owner,
        quota_key=quota_key_of(owner, request),
        viewer_id=(owner, request.session_hash),
        browser_state=state,
    )


def owner_of(visitor: object, request: gr.Request | None) -> str:
    """The name under which a visitor's jobs stand in the ledger.

    `visitor` is what the browser keeps.  A login counts for more, and nobody can claim one by what
    their browser sends.
    """
    scope = request.request.scope if request and request.request else {}
    if login := _login(scope):
        return f"login:{login}"
    return f"browser:{known(visitor)}"


def owner_of_scope(scope: Mapping[str, Any]) -> str | None:
    """The same for a request outside of Gradio, or a program's, which tells the browser's id in
    `VISITOR_ID_HEADER`; None if it tells none of ours."""
    told = Headers(raw=scope["headers"]).get(VISITOR_ID_HEADER)
    if not is_known(told):  # which is asked of a login, too: no other page's form can tell it
        return None
    login = _login(scope)
    return f"login:{login}" if login else f"browser:{told}"


def known(visitor: object) -> str:
    """The browser's id if it is one of ours, else a new one."""
    return str(visitor) if is_known(visitor) else secrets.token_urlsafe(32)


def is_known(visitor: object) -> bool:
    return isinstance(visitor, str) and bool(re.fullmatch(r"[\w-]{32,64}", visitor, re.ASCII))


def quota_key_of(owner: str, request: gr.Request | None) -> str:
    """Under what the spending of the server's key is counted: a login, else an address on the
    network.

    An id in a browser would bound nobody: a new one is to be had for the asking.
    """
    return quota_key_at(owner, request.client.host if request and request.client else None)


def quota_key_at(owner: str, address: str | None) -> str:
    """`quota_key_of` for a request outside of Gradio."""
    return owner if owner.startswith("login:") or address is None else f"address:{address}"


def _login(scope: Mapping[str, Any]) -> str | None:
    session: Any = scope.get("session", {})
    login = session.get("oauth_info", {}).get("userinfo", {}).get("sub")
    return str(login) if login else None


STATE_TEXTS = {"visitor": 64, "job": 64, "generation_id": LONGEST_ID}
STATE_LISTS = {
    "takes": (takes.MOST, 256),
    "asked": (2, 64),
    "form": (len(form.FIELDS), 9_000),
    "rehearsed": (rehearsal.MOST_VALUES, 4_000),
}
"""How many values, of how many characters in all; two of the form's are prompts of 4,000."""


def of_known_size(state: BrowserState) -> BrowserState:
    """What a page of ours keeps, and nothing else: it goes out again with each answer."""
    strings = {name: state.get(name) for name in STATE_TEXTS}
    lists = {name: state.get(name) for name in STATE_LISTS}
    return {
        **{name: state[name] for name in ("draft", "visit_began") if _is_number(state.get(name))},
        **{name: text for name, text in strings.items() if _is_text(text, STATE_TEXTS[name])},
        **{name: values for name, values in lists.items() if _is_list(values, *STATE_LISTS[name])},
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**53


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest


def _is_list(value: object, most: int, longest: int) -> bool:
    if not isinstance(value, list) or len(value) > most:
        return False
    plain = (each is None or _is_number(each) or _is_text(each, longest) for each in value)
    return all(plain) and sum(len(str(each)) for each in value) <= longest
