"""What somebody meant by a setting: quotes around it, what a copied key brings along.

An environment file keeps quotes that a shell takes away, and a web page adds to what is copied from
it.  This module reads text; what a setting does, and what it may be, is said where it is used.
"""

from __future__ import annotations

import os
import re
import unicodedata

QUOTES = {
    '"': '"',
    "'": "'",
    "`": "`",
    "\N{LEFT DOUBLE QUOTATION MARK}": "\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{DOUBLE LOW-9 QUOTATION MARK}": "\N{LEFT DOUBLE QUOTATION MARK}",
    "\N{LEFT SINGLE QUOTATION MARK}": "\N{RIGHT SINGLE QUOTATION MARK}",
    "\N{RIGHT SINGLE QUOTATION MARK}": "\N{RIGHT SINGLE QUOTATION MARK}",
    "\N{SINGLE LOW-9 QUOTATION MARK}": "\N{LEFT SINGLE QUOTATION MARK}",
    "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}": (
        "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
    ),
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}": (
        "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
    ),
}
"""How a quotation begins, and how it ends."""

LONGEST_PASTE = 2000
"""Characters of a key with all that is around it."""

_AROUND_A_KEY = "".join({*QUOTES.keys(), *QUOTES.values()}) + ",;\\<>()[]"
_LABEL = (
    r"(?i)(?:(?:export|setx?)\s+|\$env:)?(?:[\"']?(?:AIML_?API_KEY|x-aimlapi-key|(?:\w{1,30}[-_])?"
    r"api[-_ ]?key|authorization)[\"']?\s*[:=]|AIML_?API_KEY(?=\s)|(?:bearer|token)(?=[\s:]|$):?)"
    r"\s*"
)
"""What a line of a program, a file or a header has before the key."""


def plain(text: str | None) -> str:
    """`text` without the quotes, the spaces and what nobody sees around it."""
    text = _trimmed(text or "")
    while len(text) > 1 and QUOTES.get(text[0]) == text[-1]:
        text = _trimmed(text[1:-1])
    return text


def as_in_a_shell(text: str) -> str:
    """A path as a shell would spell it out: with its home, and with what variables hold."""
    return os.path.expandvars(os.path.expanduser(plain(text)))  # noqa: PTH111  # text, not a path


def key_in(pasted: str | None) -> str:
    """The key in what somebody pasted, empty if there is none; what it may hold is not checked."""
    key = _as_utf8(pasted or "")
    if len(key) > LONGEST_PASTE:
        return key  # it is no key, and is not gone through
    key = "".join(c for c in key if unicodedata.category(c) != "Cf")
    before = None
    while key != before:
        before = key
        key = _trimmed(key).strip(_AROUND_A_KEY)
        key = re.sub(_LABEL, "", key, count=1) if re.match(_LABEL, key) else key
    return key


def _trimmed(text: str) -> str:
    """Without what nobody sees at its ends: spaces, marks of byte order and of direction."""
    begin, end = 0, len(text)
    while begin < end and _is_unseen(text[begin]):
        begin += 1
    while begin < end and _is_unseen(text[end - 1]):
        end -= 1
    return text[begin:end]


def _is_unseen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def _as_utf8(text: str) -> str:
    """As it was meant: a header is read as Latin-1, whatever was sent."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
