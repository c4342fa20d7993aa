"""The one table of what each model takes: the only source of choices, defaults, limits and checks.

A model is data: another family is one more entry, and one that the service no longer has is one
less.  This module says what is wrong with a request; `VideoRequest` raises it.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from veo.types import VideoRequest

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"})
"""Categories of Unicode: control, format, private, spaces, and marks that need another letter."""
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159")
"""Fillers of Hangul, an empty Braille cell, a place for an object, an empty note."""
_RESERVED = ((0x2065, 0x2065), (0xFDD0, 0xFDEF), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF))

LONGEST_PROMPT = 4000
"""Characters.  Veo reads 1,024 tokens, about this much English; the service names no limit."""
LONGEST_ADDRESS = 2000
"""Characters of an https address."""
LARGEST_PICTURE = 2 << 20
"""Bytes of a picture that is sent in the request.  The service names no limit; others that make
films from pictures take 8 to 20 MB, and a picture of a film's size needs no more than this."""
LARGEST_UPLOAD = 12 << 20
"""Bytes of a picture as it comes in, before it is made ready."""
LARGEST_CLIP = 20 << 20
"""Bytes of a clip that is sent in the request."""

Does = Literal["words", "picture", "first and last", "references", "extend", "edit"]
"""What a model makes a film of."""

DOES: Mapping[frozenset[str], Does] = {
    frozenset(): "words",
    frozenset({"image_url"}): "picture",
    frozenset({"image_url", "last_image_url"}): "first and last",
    frozenset({"image_urls"}): "references",
    frozenset({"video_url"}): "extend",
}
"""What is given beside the words says what is made of it; no document knows other combinations."""

INPUTS = ("image_url", "last_image_url", "image_urls", "video_url")
"""Fields of a request that hold pictures or a clip: see `is_address`."""

DEFAULTS: Mapping[str, object] = {
    "aspect_ratio": "16:9",
    "duration": 8,
    "resolution": "1080p",
    "negative_prompt": "",
    "enhance_prompt": True,
    "generate_audio": True,
    "auto_fix": True,
    "image_url": "",
    "last_image_url": "",
    "image_urls": (),
    "video_url": "",
    "person_generation": "allow_adult",
    "provider": "auto",
}
"""What most models take for a field that is not given."""

_EVERY = frozenset({"prompt", "model", "duration", "resolution"})
_PLAIN = frozenset({"negative_prompt", *INPUTS})
"""Fields that are empty in a request for a model without them; most others are None."""
_VEO = frozenset({"generate_audio", "provider"})
_SHAPED = _VEO | {"aspect_ratio"}
_OF_WORDS = _SHAPED | {"negative_prompt", "enhance_prompt", "seed", "auto_fix"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What one model takes."""

    label: str
    grade: Literal["standard", "fast", "lite"] = "standard"
    """What it is made for: the best picture, less waiting, or less money."""
    does: tuple[Does, ...] = ("words",)
    aspect_ratios: tuple[str, ...] = ("16:9", "9:16")
    durations: tuple[int, ...] = (4, 6, 8)
    """Seconds; of a clip that is continued, those that come to it."""
    resolutions: tuple[str, ...] = ("720p", "1080p")
    needs: tuple[str, ...] = ()
    """Fields beside the prompt without which it makes nothing."""
    knows: frozenset[str] = _OF_WORDS
    """Fields that it takes beyond those that every model takes and those that it needs."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Where they differ from `DEFAULTS`."""
    always_sent: frozenset[str] = frozenset({"aspect_ratio"})
    """Fields for which the service documents no default, so that ours is sent."""
    wire: Mapping[object, object] = field(default_factory=dict)
    """Values that the service spells in another way."""
    most_references: int = 3
    """Veo takes three by Google's documents; the service's name no number."""
    tasks: Mapping[Does, str] = field(default_factory=dict)
    """Its words for what it does, if the request has to say that."""
    expected_seconds: float = 120
    """How long 8 s of 1080p take, by the vendor's word, until our own history knows better."""

    @property
    def takes(self) -> frozenset[str]:
        """Every field of a request that may be sent to it."""
        return _EVERY | self.knows | {*self.needs}

    @property
    def in_full(self) -> str:
        """Its label, and what it is for if that is one thing."""
        return self.label + (_FROM[self.does[0]] if len(self.does) == 1 else "")

    def default(self, name: str) -> object:
        """What a request has in the field `name` if nothing is given."""
        return self.defaults.get(name, DEFAULTS.get(name))


_FROM: Mapping[Does, str] = {
    "words": "",
    "picture": " from a picture",
    "first and last": " from two pictures",
    "references": " from references",
    "extend": " continuing a clip",
    "edit": " changing a clip",
}


def _pair(name: str, fast: str, model: Model) -> dict[str, Model]:
    """`model`, and the same made in less time."""
    return {name: model, fast: replace(model, label=f"{model.label} Fast", grade="fast")}


MODELS: Mapping[str, Model] = {
    **_pair("google/veo-3.1-t2v", "google/veo-3.1-t2v-fast", Model(label="Veo 3.1")),
    **_pair(
        "google/veo-3.1-i2v",
        "google/veo-3.1-i2v-fast",
        Model(label="Veo 3.1", does=("picture",), needs=("image_url",), knows=_SHAPED),
    ),
    **_pair(
        "google/veo-3.1-first-last-image-to-video",
        "google/veo-3.1-first-last-image-to-video-fast",
        Model(
            label="Veo 3.1",
            does=("first and last",),
            needs=("image_url", "last_image_url"),
            knows=_SHAPED,
        ),
    ),
    "google/veo-3.1-reference-to-video": Model(
        label="Veo 3.1",
        does=("references",),
        aspect_ratios=("16:9",),
        durations=(8,),
        needs=("image_urls",),
        knows=_VEO,
        always_sent=frozenset({"duration"}),
    ),
    **_pair(
        "google/veo3-1-extend-video",
        "google/veo3-1-fast-extend-video",
        Model(
            label="Veo 3.1",
            does=("extend",),
            aspect_ratios=("auto", "16:9", "9:16"),
            durations=(7,),
            resolutions=("720p",),
            needs=("video_url",),
            knows=_SHAPED | {"auto_fix"},
            defaults={
                "aspect_ratio": "auto",
                "duration": 7,
                "resolution": "720p",
                "auto_fix": False,
            },
            always_sent=frozenset(),
        ),
    ),
    "veo-3.1-lite-generate-001": Model(
        label="Veo 3.1 Lite",
        grade="lite",
        does=("words", "picture", "first and last"),
        knows=frozenset(
            {
                "aspect_ratio",
                "generate_audio",
                "image_url",
                "last_image_url",
                "person_generation",
            }
        ),
        defaults={"resolution": "720p"},
        wire={"720p": "720P", "1080p": "1080P"},
        expected_seconds=60,
    ),
    "google/gemini-omni-1.1-flash": Model(
        label="Gemini Omni Flash",
        does=("words", "picture", "references", "edit", "extend"),
        durations=(3, 4, 5, 6, 7, 8, 9, 10),
        resolutions=("360p", "720p", "1080p", "4k"),
        knows=frozenset({"aspect_ratio", "image_url", "image_urls", "video_url", "task"}),
        always_sent=frozenset({"aspect_ratio", "resolution"}),
        most_references=6,
        tasks={
            "words": "text_to_video",
            "picture": "image_to_video",
            "references": "reference_to_video",
            "edit": "edit",
            "extend": "extend",
        },
    ),
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
    "image_url": "The first picture",
    "last_image_url": "The last picture",
    "image_urls": "The list of references",
    "video_url": "The clip to go on from",
    "person_generation": "The rule for people",
    "provider": "The provider",
    "task": "The task",
}
"""A field of a request at the start of a sentence."""

CHOICES: Mapping[str, tuple[object, ...]] = {
    "enhance_prompt": (True, False),
    "generate_audio": (True, False),
    "auto_fix": (True, False),
    "person_generation": ("dont_allow", "allow_adult"),
    "provider": ("auto", "google", "fal"),
}
"""What a model that takes such a field takes for it."""


# Which model


def models_for(*given: str) -> tuple[str, ...]:
    """The models that make a film of just these fields: they take them all and need no other.

    The prompt goes without saying.  They are in the table's order: the likeliest first.
    """
    does = what_is_made_of(given)
    return tuple(
        name
        for name, model in MODELS.items()
        if does in model.does and model.takes >= {*given} >= {*model.needs}
    )


def what_is_made_of(given: Collection[str]) -> Does | None:
    """What a film is made of for which these fields are filled; None if nothing is known to."""
    return DOES.get(frozenset(given) & {*INPUTS})


def nearest(name: str, given: Collection[str] = (), gone: Collection[str] = ()) -> str | None:
    """The model that takes the place of `name`, which the service no longer has.

    It makes a film of the fields `given`, is not `gone` itself, and takes most of what `name`
    takes.  None if there is no such model, or if the table does not know `name` either.
    """
    lost = MODELS.get(name)
    inputs = {*given} & {*INPUTS} or {*(lost.needs if lost else ())}
    others = [each for each in models_for(*inputs) if each != name and each not in gone]
    if lost is None or not others:
        return None
    return max(others, key=lambda each: len(MODELS[each].takes & lost.takes))


# What is wrong with a request


def resolved(request: VideoRequest) -> dict[str, object]:
    """What the fields of `request` that are None become: as its model has them, a seed by chance.

    Nothing for a model that the table does not know.
    """
    model = MODELS.get(request.model) if isinstance(request.model, str) else None
    if model is None:
        return {}
    found: dict[str, object] = {
        name: model.default(name) if name in model.takes | _ALWAYS_THERE else None
        for name in IN_WORDS
        if getattr(request, name) is None and name not in ("prompt", "model")
    }
    if "seed" in found and "seed" in model.takes:
        found["seed"] = random.randrange(2**32)
    if request.task is None and model.tasks:
        does = what_is_made_of(filled(request))
        found["task"] = model.tasks.get(does) if does else None
    return found


_ALWAYS_THERE = _PLAIN | {"aspect_ratio", "generate_audio"}
"""Fields that a film has, whether its model lets them be chosen or not."""


def filled(request: VideoRequest) -> frozenset[str]:
    """Which of `INPUTS` are given."""
    return frozenset(name for name in INPUTS if getattr(request, name))


def problems(request: VideoRequest) -> Iterator[tuple[str, str]]:
    """Each field that cannot be right, and a sentence that says why.

    A check may rely on the ones before it, so only the first problem counts.
    """
    yield from _problems_of_text("prompt", request.prompt)
    if request.negative_prompt is not None:  # with a model that is not in the table
        yield from _problems_of_text("negative_prompt", request.negative_prompt)
    if not shows_something(request.prompt):
        yield "prompt", "Describe the video: the prompt is empty."
    yield from _not_among("model", request.model, tuple(MODELS))
    model = MODELS[request.model]
    yield from _not_taken(request, model)
    yield from _problems_of_inputs(request, model)
    yield from _not_among("aspect_ratio", request.aspect_ratio, model.aspect_ratios)
    yield from _not_among("duration", request.duration, model.durations)
    yield from _not_among("resolution", request.resolution, model.resolutions)
    for name, choices in CHOICES.items():
        if name in model.takes:
            yield from _not_among(name, getattr(request, name), choices)
    if "seed" in model.takes and (type(request.seed) is not int or not 0 <= request.seed < 2**32):
        yield "seed", f"{IN_WORDS['seed']} must be a whole number from 0 to 4,294,967,295."
    if model.tasks:
        yield from _not_among("task", request.task, _tasks_for(request, model))


def _not_taken(request: VideoRequest, model: Model) -> Iterator[tuple[str, str]]:
    """What is given and its model does not take, unless the film is so anyhow."""
    for name, words in IN_WORDS.items():
        value = getattr(request, name)
        if name in model.takes or value is None:
            continue
        # By type as well, as in `_not_among`.
        anyhow = model.default(name) if name in _ALWAYS_THERE else None
        if name == "aspect_ratio" or (type(value) is type(anyhow) and value == anyhow):
            continue
        if name not in INPUTS:
            yield name, f"{words} cannot be chosen for {model.in_full}."
        others = models_for(*filled(request))
        hint = f": {others[0]} takes it" if others else ""
        yield name, f"{words} is nothing for {model.in_full}{hint}."


def _problems_of_inputs(request: VideoRequest, model: Model) -> Iterator[tuple[str, str]]:
    for name in model.needs:
        if not getattr(request, name):
            yield name, f"{IN_WORDS[name]} is missing: {model.in_full} needs it."
    if type(request.image_urls) is not tuple:
        yield "image_urls", f"{IN_WORDS['image_urls']} must be a list of addresses."
    for name in INPUTS:
        value = getattr(request, name)
        # What is empty may still be no text: `False`, 0.
        for each in value if name == "image_urls" else [value] if value != "" else []:
            if problem := problem_with(name, each):
                yield name, problem
    if (count := len(request.image_urls)) > model.most_references:
        yield "image_urls", f"{count} references are too many: {model.most_references} at most."
    if request.last_image_url and not request.image_url:
        yield "image_url", "A last picture needs a first one."
    does = what_is_made_of(filled(request))
    if does not in model.does:
        also = [IN_WORDS[name].lower() for name in INPUTS if getattr(request, name)]
        yield (
            min(filled(request), key=INPUTS.index),
            f"{model.label} makes no film of {' and '.join(also)} together.",
        )


def _tasks_for(request: VideoRequest, model: Model) -> tuple[str, ...]:
    does = what_is_made_of(filled(request))
    alike: tuple[Does, ...] = ("extend", "edit") if does == "extend" else (does,) if does else ()
    return tuple(model.tasks[each] for each in alike if each in model.tasks)


_ADDRESS = rf"(?i)https://[!#-;=?-~]{{3,{LONGEST_ADDRESS}}}"
_HERE = {"picture": "picture:[0-9a-f]{64}", "clip": "clip:[!-~]{1,500}"}
_DATA = {"picture": "data:image/(?:jpeg|png|webp);base64", "clip": "data:video/mp4;base64"}
_BASE64 = r"[A-Za-z0-9+/]+={0,2}"


def is_kept_here(address: str) -> bool:
    """Whether `address` is a name of ours, which `attach` makes into what the service can read.

    `picture:` and the hash of one on the shelf, or `clip:` and the id of one that was made.
    """
    return any(re.fullmatch(name, address) for name in _HERE.values())


def problem_with(name: str, value: object) -> str | None:
    """Why `value` is no picture's or clip's address for the field `name`, in a sentence."""
    kind = "clip" if name == "video_url" else "picture"
    words = "A reference" if name == "image_urls" else IN_WORDS[name]
    if not isinstance(value, str):
        return f"{words} must be an address."
    if value.startswith("data:"):
        return _problem_with_data(kind, words, value)
    if not re.fullmatch(_ADDRESS, value) and not re.fullmatch(_HERE[kind], value):
        return f"{words} must be an address that begins with https://."
    return None


def _problem_with_data(kind: str, words: str, value: str) -> str | None:
    # Only the head is looked at by a pattern that may try again: the rest is megabytes.
    head, _, content = value.partition(",")
    largest = LARGEST_CLIP if kind == "clip" else LARGEST_PICTURE
    if not re.fullmatch(_DATA[kind], head):
        formats = "MP4" if kind == "clip" else "JPEG, PNG or WebP"
        return f"{words} must be {formats}, in base64."
    if len(content) > (largest + 2) // 3 * 4:
        return f"{words} is larger than {largest >> 20} MiB."
    if len(content) % 4 or not re.fullmatch(_BASE64, content):
        return f"{words} is no base64."
    return None


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
        offered = f"{', '.join(others)} or {last}" if others else last
        yield name, f"{IN_WORDS[name]} must be {number}{offered}."
