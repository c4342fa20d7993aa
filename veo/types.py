"""What is asked of the service, what comes back, and what can go wrong: data without a wire.

What each model takes stands in `veo.models`, which checks a request.  This module knows neither
HTTP nor any user interface.

    VeoError
    ├── InvalidRequest        change a field, nothing was sent
    ├── Refused               change the key, the credits or the request; nothing was charged
    ├── Busy                  too many requests; wait, then try again
    ├── Unreachable           no answer from the service; nothing was created, or the id is kept
    ├── SubmissionUncertain   a clip may be in the making and may cost: look before sending again
    ├── Failed                the service could not make the video
    ├── TookTooLong           we stopped looking; the id is kept
    └── DownloadFailed        the video exists, its file did not arrive; the id is kept
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from veo.models import MODELS, problems

Reason = Literal["no_key", "no_price", "key", "credits", "request", "not_found"]
"""The first two are said here, before anything is sent; the others are the service's."""

About = Literal["setting", "enhancement", "sound", "policy"]
"""What in a request the service objects to, as far as its words tell: see `subject_of`."""

Setting = Literal["VEO_CA_BUNDLE", "VEO_PROXY"]
"""A variable of the environment that may open the way to a host: see `veo.network`."""


class VeoError(Exception):
    """Base of every error raised here; its text is fit to show a person and holds no key."""

    def __init__(
        self, message: str, *, generation_id: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.generation_id = generation_id
        """The job this is about: with it, `VeoClient.follow` goes on where this stopped."""
        self.retry_after = retry_after
        """Seconds after which trying again is safe and makes sense; None when it does not."""


class InvalidRequest(VeoError):
    """A field, key or address that cannot be right; nothing was sent."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Refused(VeoError):
    """The service said no.  Nothing was charged."""

    def __init__(
        self, message: str, *, reason: Reason = "request", about: About | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.about = about

    @property
    def is_about_the_key(self) -> bool:
        """Whether there is no key, or one that is not accepted."""
        return self.reason in ("no_key", "key")


class Busy(VeoError):
    """Too many requests for now (429).  Nothing was created."""


class Unreachable(VeoError):
    """No answer, or an answer that is not the service's."""

    def __init__(
        self,
        message: str,
        *,
        generation_id: str | None = None,
        retry_after: float | None = None,
        setting: Setting | None = None,
    ) -> None:
        super().__init__(message, generation_id=generation_id, retry_after=retry_after)
        self.setting = setting
        """What may help, where the network here stands in the way."""


class SubmissionUncertain(VeoError):
    """The create request left, its answer did not arrive: the clip may exist and may cost."""

    event: str = ""
    """What happened to the request, without what follows from it."""

    @classmethod
    def after(cls, event: str) -> Self:
        """The error after `event`, such as "The service did not answer"."""
        error = cls(
            f"{event}: the clip may be in the making, and may cost. "
            "Look at your account before you send it again."
        )
        error.event = event
        return error


class Failed(VeoError):
    """The service took the request and could not make the video."""

    def __init__(
        self, message: str, *, generation_id: str | None = None, about: About | None = None
    ) -> None:
        super().__init__(message, generation_id=generation_id)
        self.about = about


class TookTooLong(VeoError):
    """We stopped looking.  The generation may still finish: `follow` its id."""


class DownloadFailed(VeoError):
    """The video is ready at the service and its file did not arrive whole."""

    def __init__(
        self,
        message: str,
        *,
        generation_id: str | None = None,
        expired: bool = False,
        setting: Setting | None = None,
    ) -> None:
        super().__init__(message, generation_id=generation_id)
        self.expired = expired
        """Whether the address does not give the file out, and a fresh one may."""
        self.setting = setting
        """As in `Unreachable`."""


_ALWAYS_SENT = ("prompt", "model", "aspect_ratio", "seed")
"""The service documents no default for these; for the others it is that of `VideoRequest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """What to film, in the service's own words.  Making one checks it: `InvalidRequest`."""

    prompt: str = field(kw_only=False)
    """Scene, subject, action; at most `veo.models.LONGEST_PROMPT` characters."""
    model: str = "google/veo-3.1-t2v"
    aspect_ratio: str = "16:9"
    duration: int = 8
    """Seconds."""
    resolution: str = "1080p"
    negative_prompt: str = ""
    """What to keep out, as nouns."""
    enhance_prompt: bool = True
    """Let the model rewrite the prompt.  Veo 3 is known to refuse `False`."""
    generate_audio: bool = True
    seed: int = field(default_factory=lambda: random.randrange(2**32))
    """0 to 4,294,967,295.  Chosen here when not given, so that a good clip can be made again."""
    auto_fix: bool = True
    """Let the service rewrite a prompt that its content policy refuses."""

    def __post_init__(self) -> None:
        for name, sentence in problems(self):
            raise InvalidRequest(sentence, field=name)

    def body(self) -> dict[str, object]:
        """The JSON that is sent: what differs from the service's defaults, and the seed."""
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name in _ALWAYS_SENT or getattr(self, each.name) != each.default
        }

    @property
    def expected_seconds(self) -> float:
        """How long a generation of this takes, as a guess: half of it grows with the length."""
        return MODELS[self.model].expected_seconds * (0.5 + self.duration / 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """Where a finished generation can be fetched, for a while."""

    generation_id: str
    url: str
    duration: float | None = None
    """Seconds, when the service says so."""
    credits_used: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What one look at a generation showed."""

    generation_id: str
    status: str | None
    """`queued`, `generating`, `completed`, `error`, another word, or None when it said nothing."""
    video: Video | None = None
    error: str | None = None
    """Why there is no video, in the service's words; set when `status` is `error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What is known of a running generation now."""

    generation_id: str
    status: str
    elapsed: float
    """Seconds since it was submitted, or since we began to follow it."""
    next_poll_in: float
    """Seconds to let pass before the next look; 0 to look at once, or when the video is there."""
    expected: float
    """Seconds a generation like this takes, as a guess."""
    trouble: str | None = None
    """Why the last look brought no news, if it did not."""
    video: Video | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The service's price list for one model, as it came."""

    model: str
    pricing: Mapping[str, Any]

    def estimate(self, request: VideoRequest) -> float | None:
        """US dollars for `request`, or None when the list does not tell."""
        if request.model != self.model or self.pricing.get("currency", "USD") != "USD":
            return None
        rates = {"fixed": "units", "variants": "variants"}.get(str(self.pricing.get("kind")), "")
        quantity = {"second": request.duration, "video": 1}
        for rate in map(_mapping, _list(self.pricing.get(rates))):
            price, per = read_number(rate.get("price")), read_number(rate.get("per"))
            count = quantity.get(str(rate.get("unit")).removesuffix("s"))
            if (
                _applies(rate.get("when"), request)
                and count
                and per
                and price is not None
                and min(per, price) >= 0
            ):
                return price * count / per
        return None


def _applies(when: object, request: VideoRequest) -> bool:
    """Whether a price variant is for `request`; one that names what we do not know is not."""
    return all(getattr(request, name, None) == value for name, value in _mapping(when).items())


def read_generation(generation_id: str, answer: Mapping[str, Any]) -> Generation:
    """A `Generation` from the service's JSON, whatever is missing or of another type in it."""
    error, video = answer.get("error"), _mapping(answer.get("video"))
    if isinstance(error, dict):
        error = error.get("message") or error.get("name")
    return Generation(
        generation_id=generation_id,
        status=clean_text(answer.get("status")) or None,
        error=clean_text(error) or None,
        video=_read_video(generation_id, answer) if video.get("url") else None,
    )


def _read_video(generation_id: str, answer: Mapping[str, Any]) -> Video:
    video = _mapping(answer.get("video"))
    usage = _mapping(_mapping(answer.get("meta")).get("usage"))
    return Video(
        generation_id=generation_id,
        url=str(video["url"]),
        duration=read_number(video.get("duration", answer.get("duration"))),
        credits_used=read_number(usage.get("credits_used", usage.get("tokens_used"))),
    )


def read_price(model: str, answer: Mapping[str, Any]) -> Price:
    """The `Price` of `model` in the service's catalogue; an empty one when it is not listed."""
    for entry in map(_mapping, _list(answer.get("data"))):
        if model in (entry.get("id"), *_list(entry.get("aliases"))):
            return Price(model=model, pricing=_mapping(entry.get("pricing")))
    return Price(model=model, pricing={})


def clean_text(words: object) -> str:
    """The service's words, fit to show and to keep: on one line, not endless, no signed address."""
    text = strip_query(words[:2000]) if isinstance(words, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def strip_query(text: str) -> str:
    """`text` without what follows an address's `?`: whoever has a signed one has the file."""
    pieces = _SIGNED.split(f" {text}")  # between addresses, an address, between, …
    shown = ["?…"] * (len(pieces) * 3 // 2)
    shown[0::3], shown[1::3] = pieces[0::2], pieces[1::2]
    return "".join(shown)[1:]


# A word up to the query of its first address, and that query.  Each word is tried once, from its
# beginning, and no step is taken back: foreign words may be 64 KiB of slashes.
_SIGNED = re.compile(
    r'([\s"][^\s"/]*+(?:/(?!\\?/)[^\s"/]*+)*+/\\?/[^\s"?#]*+)'  # "https://host/path, \/\/host
    r'[?#][^\s"]*+'
)


def subject_of(message: str) -> About | None:
    """What a refusal is about, by the service's own words, for it has no codes for that.

    Call it where those words are read, and nowhere else: code decides by the attribute `about`.
    """
    if re.search(_A_SETTING, message, re.IGNORECASE | re.MULTILINE):
        return "setting"
    if re.search(_ENHANCEMENT, message, re.IGNORECASE):
        return "enhancement"
    if re.search(_SOUND, message, re.IGNORECASE):
        return "sound"
    return "policy" if re.search(_POLICY, message, re.IGNORECASE) else None


# Compiled when the first refusal is read.  Where "anything" stands between two words, a line is
# tried once, from its first or to its last such word.
_A_SETTING = (
    r"^(?>.*?expected\b).+\breceived\b(?! false)|expected (boolean|string|number|integer|one of)\b"
    r"|^(?>.*invalid (enum |literal )?(value|type|option)\b)(?!.*expected true)|unrecognized key"
    r"|must be (an? (boolean|string|number|integer)|one of|less|greater|at (least|most)|\d)"
)
_ENHANCEMENT = r"enhance_?prompt|prompt[ -]enhancement"
_SOUND = r"generate_?audio|\b(audio|sound|soundtrack)\b|(?<!hate )\bspeech\b"
_POLICY = (
    r"\b(polic(y|ies)|safety|unsafe|moderation)\b|(?<!case.)sensitive|violat|prohibited"
    r"|responsible ai"
)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def read_number(value: object) -> float | None:
    """A finite JSON number; `True` is not one, and neither is one beyond a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        return float(value) if math.isfinite(value) else None
    return None
