"""Writes for a person: a prompt from its parts, and nouns from a negative prompt's instructions.

What somebody typed is never replaced: it is given back with more after it, or beside a proposal.
This module knows no widgets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from page import texts

LONGEST_PART = 350
"""Characters: ten such parts fit into a prompt, with all that goes between them."""

# The prompt


def compose(parts: Mapping[str, object]) -> str:
    """One prompt from the parts that are there, by their names in `texts.HELP_PARTS`.

    First the story, then camera, look and sound, as the guides to Veo write them; what belongs
    together shares a sentence.  At most `LONGEST_PROMPT` characters, for each part is cut at
    `LONGEST_PART`.
    """
    part = {name: _tidy(parts.get(name, "")) for name in texts.HELP_PARTS}
    sound = re.sub(r"^sound: *", "", part["sound"], flags=re.I)
    sentences = (
        _sentence(" ".join(filter(None, (part["subject"], part["action"], part["scene"])))),
        _sentence(", ".join(filter(None, (part["camera"], part["movement"], part["lens"])))),
        _sentence(", ".join(filter(None, (part["style"], part["light"])))),
        _sentence(sound and f"Sound: {sound}"),
        _spoken(part["dialogue"]),
    )
    return " ".join(filter(None, sentences))


def put(prompt: str, composed: str, before: str) -> str:
    """`prompt` with `composed` at its end, in place of `before` where that still stands there."""
    typed = (prompt.removesuffix(before) if before else prompt).rstrip()
    return " ".join(filter(None, (typed, composed)))


def _tidy(part: object) -> str:
    """`part` on one line, without the stops that composing adds."""
    text = part[:LONGEST_PART] if isinstance(part, str) else ""
    return " ".join(text.split()).rstrip(" .,;:")


def _sentence(text: str) -> str:
    ending = "" if not text or text.endswith(("!", "?", "…", '"', "”")) else "."
    return _capital(text) + ending


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _spoken(dialogue: str) -> str:
    """Who says what, the words in quotation marks: without them Veo takes a line for the story."""
    if not dialogue or re.search('["“”]', dialogue):
        return _sentence(dialogue)
    said = re.fullmatch(r"(?P<who>[^:,]{1,60}?)(?: says\b[:,]?|:) (?P<words>.+)", dialogue)
    who, words = (said["who"], said["words"]) if said else ("a voice", dialogue)
    return f'{_capital(who)} says, "{_sentence(words)}"'


# The negative prompt

INSTRUCTION = re.compile(
    r"(?:please )?(?:no(?! one\b)|not|never|without|avoid|exclude|remove|do not|don['\u2019]?t)\s+"
    r"(?:(?:show|showing|include|add|use|have|want|any|a|an|the|some)\s+)*",
    re.IGNORECASE,
)
# "no cars and no people" are two wishes, "salt and pepper" is one.
BETWEEN_WISHES = re.compile(rf"[,;.\n]|\b(?:and|or)\s+(?={INSTRUCTION.pattern})", re.IGNORECASE)


def nouns(wish: str) -> str:
    """The things that `wish` wants kept out, where it gives instructions: `people, text` for
    `no people, don't show text`.  Where it only names things, as it is.
    """
    given = [each.strip() for each in BETWEEN_WISHES.split(wish)]
    if not any(map(INSTRUCTION.match, given)):
        return wish
    things = [each[found.end() :] if (found := INSTRUCTION.match(each)) else each for each in given]
    return ", ".join(filter(None, things))
