"""The one table of what each model takes: the only source of choices, limits and checks.

It says what is wrong with a request; `VideoRequest` raises it.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veo.types import VideoRequest

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"})
"""Categories of Unicode: control, format, private, spaces, and marks that need another letter."""
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159")
"""Fillers of Hangul, an empty Braille cell, a place for an object, an empty note."""
_RESERVED = ((0x2065, 0x2065), (0xFDD0, 0xFDEF), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF))

LONGEST_PROMPT = 4000
"""Characters.  Veo reads 1,024 tokens, about this much English; the service names no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What one model takes."""

    label: str
    aspect_ratios: tuple[str, ...] = ("16:9", "9:16")
    durations: tuple[int, ...] = (4, 6, 8)
    """Seconds."""
    resolutions: tuple[str, ...] = ("720p", "1080p")
    expected_seconds: float = 120
    """How long 8 s of 1080p take, by the vendor's word, until our own history knows better."""


MODELS: Mapping[str, Model] = {
    "google/veo-3.1-t2v": Model(label="Veo 3.1"),
    "google/veo-3.1-t2v-fast": Model(label="Veo 3.1 Fast"),
}


IN_WORDS: Mapping[str, str] = {
    "prompt": "The prompt",
    "negative_prompt": "The negative prompt",
    "model": "The model",
    "aspect_ratio": "The aspect ratio",
    "duration": "The duration",
    "resolution": "The resolution",
    "enhance_prompt": "Prompt enhancement",
    "generate_audio": "Sound",
    "auto_fix": "Auto-fix",
    "seed": "The seed",
}
"""A field of a request at the start of a sentence."""


def problems(request: VideoRequest) -> Iterator[tuple[str, str]]:
    """Each field that cannot be right, and a sentence that says why.

    A check may rely on the ones before it, so only the first problem counts.
    """
    yield from _problems_of_text("prompt", request.prompt)
    yield from _problems_of_text("negative_prompt", request.negative_prompt)
    if not shows_something(request.prompt):
        yield "prompt", "Describe the video: the prompt is empty."
    yield from _not_among("model", request.model, tuple(MODELS))
    model = MODELS[request.model]
    yield from _not_among("aspect_ratio", request.aspect_ratio, model.aspect_ratios)
    yield from _not_among("duration", request.duration, model.durations)
    yield from _not_among("resolution", request.resolution, model.resolutions)
    for name in ("enhance_prompt", "generate_audio", "auto_fix"):
        yield from _not_among(name, getattr(request, name), (True, False))
    if type(request.seed) is not int or not 0 <= request.seed < 2**32:
        yield "seed", f"{IN_WORDS['seed']} must be a whole number from 0 to 4,294,967,295."


def shows_something(text: str) -> bool:
    """Whether a reader sees anything of it, which is not so of spaces or accents alone."""
    return any(
        character not in _BLANK_LETTERS
        and not _is_reserved(ord(character))
        and unicodedata.category(character) not in _UNSEEN
        for character in text
    )


def _is_reserved(code: int) -> bool:
    """Whether it is never a character, as a mark of byte order read askew, or is kept by Unicode
    for more that nobody sees."""
    return code & 0xFFFE == 0xFFFE or any(first <= code <= last for first, last in _RESERVED)


def _problems_of_text(name: str, text: object) -> Iterator[tuple[str, str]]:
    field = IN_WORDS[name]
    if not isinstance(text, str):
        yield name, f"{field} must be text."
    elif (too_many := len(text) - LONGEST_PROMPT) > 0:
        count = "1 character" if too_many == 1 else f"{too_many:,} characters"
        yield name, f"{field} is {count} too long ({len(text):,} of {LONGEST_PROMPT:,})."
    elif any("\ud800" <= character <= "\udfff" for character in text):
        yield name, f"{field} holds half a character. Type it again."


def _not_among(name: str, value: object, choices: tuple[object, ...]) -> Iterator[tuple[str, str]]:
    # By type as well: True equals 1 and 8.0 equals 8, the service takes neither for the other.
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        *others, last = (
            choice if isinstance(choice, str) else json.dumps(choice) for choice in choices
        )
        # "8" is refused, and 8 is among the choices: the sentence says what it lacks.
        number = "the whole number " if type(choices[0]) is int and type(value) is not int else ""
        yield name, f"{IN_WORDS[name]} must be {number}{', '.join(others)} or {last}."
