"""No input of this page is a file.

Gradio takes a mapping with a `path` for one, however deep it stands in an input: before any handler
runs it fetches what is there, or copies it to where anybody may read it.  This module knows what
such a mapping looks like, and nothing of what the events do.
"""

from __future__ import annotations

from collections.abc import Iterable

OF_A_FILE = {"path", "url", "meta"}
"""Gradio asks for more than one of these; no mapping that the page sends has any."""

DEEPEST = 32
"""Levels.  The page sends four; some hundreds are more than Gradio's own search can take."""


def names_a_file(value: object) -> bool:
    """Whether anything in `value` could be taken for a file, or stands too deep to tell."""
    level: list[object] = [value]
    for _ in range(DEEPEST):
        if any(isinstance(each, dict) and each.keys() & OF_A_FILE for each in level):
            return True
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
