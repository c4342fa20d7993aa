"""What a file host means by an answer without the file, and what it says.

A finished video lies at a signed address, on a host that nobody told us about: S3 and what speaks
like it, Google's and Azure's storage, a CDN before one of them, a guard before that.  Each has its
own answer to a signature that is no longer good, or to a file that has not got there yet: a refusal
of any number, a page or nothing with 200.  So whatever does not pass by itself is a reason to ask
the service for a fresh address, which costs nothing.

What such a host says is shown cut short, on one line, and without what the address holds: hosts
like to repeat a signature that they refuse.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from veo.types import clean_text

MOST_READ = 4 << 10
LONGEST_SAID = 200
LONGEST_WORD = 24
"""A longer one with a figure in it is a signature or a token, rather than a word."""
REPEATED = 8
"""Characters in a row that also stand in the query: a signature may be repeated in part."""

PASSING_STATUSES = frozenset({408, 425, 429})


def is_passing(status: int) -> bool:
    """Whether this very address may give the file out a little later, by its answer without one."""
    return status in PASSING_STATUSES or status >= 500


def code_and_words(body: bytes, headers: Mapping[str, str]) -> tuple[str, str]:
    """The machine's code in an answer, and its sentence; both may be empty."""
    text = body.decode(errors="replace")
    code = headers.get("x-ms-error-code", "")
    with suppress(ValueError, RecursionError):
        return _from_json(json.loads(text), code)
    if named := _text_of(_CODE, text):
        return named, _text_of(_MESSAGE, text)
    return code, "" if "\ufffd" in text else _without_tags(text)


def say(code: str, words: str, *addresses: str) -> str:
    """`code` and `words` fit to show: nothing of the query of any of `addresses` in it."""
    text = f"{code}: {words}" if code and words else code or words
    secrets = sorted(_secrets(addresses), key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, "…")
    together = " ".join(secrets).lower()
    shown = ("…" if _tells(word, together) else word for word in clean_text(text).split())
    return " ".join(shown)[:LONGEST_SAID].strip(" .")


def _from_json(found: Any, code: str) -> tuple[str, str]:
    """From `{"error": {"code", "message"}}` and its like, as deep as two."""
    words = ""
    for each in (found, found.get("error") if isinstance(found, dict) else None):
        if isinstance(each, str):
            words = words or each
        if isinstance(each, dict):
            names = (each.get(name) for name in ("Code", "code", "status", "name"))
            code = next((name for name in names if isinstance(name, str)), code)
            said = (each.get(name) for name in ("Message", "message", "detail", "msg"))
            words = next((some for some in said if isinstance(some, str)), words)
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        code = code or found["error"]
    return code, "" if words == code else words


# Elements of XML, read as text: a document cut short would be none.
_CODE = re.compile(r"<(?:\w{1,20}:)?Code>([^<]{1,500})")
_MESSAGE = re.compile(r"<(?:\w{1,20}:)?Message>([^<]{1,500})")


def _text_of(element: re.Pattern[str], text: str) -> str:
    found = element.search(text)
    return html.unescape(found[1]).strip() if found else ""


def _without_tags(text: str) -> str:
    text = re.sub(r"<(style|script)\b[^<]*", " ", text, flags=re.IGNORECASE)
    return html.unescape(re.sub(r"<[^<>]*>", " ", text))


def _secrets(addresses: tuple[str, ...]) -> set[str]:
    """What the queries of `addresses` hold, as sent and as read."""
    found: set[str] = set()
    for address in addresses:
        with suppress(ValueError):
            for piece in urlsplit(address).query.split("&"):
                value = piece.partition("=")[2] or piece
                found |= {value, unquote(value), unquote_plus(value)}
    return {each for each in found if len(each) > 3}


def _tells(word: str, secrets: str) -> bool:
    """Whether `word` is a token by its looks, or repeats a part of `secrets`."""
    if len(word) > LONGEST_WORD and any(character.isdigit() for character in word):
        return True
    starts = range(len(word) - REPEATED + 1)
    return any(word[start : start + REPEATED].lower() in secrets for start in starts)
