"""What went over the wire, fit to show a person: no key, no signature, not endless.

The client makes an `Exchange` of what it asked and what came back.  This module knows neither HTTP
nor jobs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from veo.types import strip_data, strip_query

__all__ = ["Exchange", "redact", "visible"]

LARGEST_READ = 32 << 10
"""Bytes or characters; what comes after them is not looked at."""
LONGEST_SHOWN = 10_000
"""Characters; the longest request has two texts of 4,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One question to the service and what became of it, or one file's way here."""

    method: str
    address: str
    """Path and query; of a file the host alone, for whoever has a signed address has the file."""
    seconds: float
    status: int | None = None
    """None when no whole answer came, and for a file, which may take several."""
    sent: str = ""
    """The JSON that was sent."""
    answer: str = ""
    size: int | None = None
    """Bytes, of a file."""
    trouble: str = ""
    """Why there is no answer: the error's name."""


def redact(said: bytes | str | Mapping[str, object], *, secret: str = "") -> str:
    """`said` as text: JSON spread out, `secret` and what follows an address's `?` left out."""
    text = said[:LARGEST_READ] if isinstance(said, str) else _spread_out(said)
    is_cut = isinstance(said, bytes | str) and len(said) > LARGEST_READ
    if is_cut:
        text = re.sub(_ESCAPED, lambda found: chr(int(found[1], 16)), text)
    if secret:
        text = _without(secret, text)
        # Half a key, which is not found, may stand where it was cut.
        text = text[: -6 * len(secret)] if is_cut else text
    shown = strip_query(visible(strip_data(text)[:LONGEST_SHOWN]))
    is_whole = len(text) <= LONGEST_SHOWN and len(shown) <= LONGEST_SHOWN
    return shown if is_whole else f"{shown[:LONGEST_SHOWN]}…"


# In JSON that was cut short, and so was not read: an address or a key may be spelt with them.
_ESCAPED = r"(?i)\\u00(2[13-9a-f]|[346][0-9a-f]|5[0-9abd-f]|7[0-9a-e])"


def _spread_out(said: bytes | Mapping[str, object]) -> str:
    """JSON on lines of its own, as many as are looked at; what is none, as it came."""
    text = said[:LARGEST_READ].decode(errors="replace") if isinstance(said, bytes) else ""
    with suppress(ValueError, RecursionError):
        value = json.loads(text) if isinstance(said, bytes) else said
        return _beginning(json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value))
    return text


def _beginning(pieces: Iterable[str]) -> str:
    """So many of `pieces` that `LONGEST_SHOWN` is filled: 64 KiB of nested lists, spread out with
    the indents of each, would be many megabytes."""
    taken, size = [], 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size > LONGEST_SHOWN:
            break
    return "".join(taken)


def _without(secret: str, text: str) -> str:
    """`text` with `secret` left out: as it is, as JSON escapes it, as an address escapes it."""
    in_json = json.dumps(secret)[1:-1]
    for spelt in {secret, in_json, in_json.replace("/", "\\/"), quote(secret, safe="")}:
        text = text.replace(spelt, "[key]")
    return text


def visible(text: str) -> str:
    """`text` with escapes for what a reader would not see, or would see in another place.

    What turns the direction of writing makes code and JSON read otherwise than they are.
    """
    if text.replace("\n", "").isprintable():
        return text
    # All escapes in one go, for JSON takes its time to begin; no character is more than one item.
    escapes = json.dumps(list(text))[2:-2].split('", "')
    return "".join(
        character if character.isprintable() or character == "\n" else escape
        for character, escape in zip(text, escapes, strict=True)
    )
