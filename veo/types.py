"""What is asked of the service, what comes back, and what can go wrong: data without a wire.

What each model takes stands in `veo.models`, which checks a request.  This module knows neither
HTTP nor any user interface.

    VeoError
    ├── InvalidRequest        change a field, nothing was sent
    ├── Refused               change the key, the credits or the request; nothing was charged
    ├── Busy                  too many requests; wait, then try again
    ├── Unreachable           no answer from the service; nothing was created, or the id is kept
    ├── SubmissionUncertain   a clip may be in the making, and be charged: look before sending again
    ├── Failed                the service could not make the video
    ├── TookTooLong           we stopped looking; the id is kept
    └── DownloadFailed        the video exists, its file did not arrive; the id is kept
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from itertools import islice
from typing import Any, Literal, Self

from veo.models import IN_WORDS, INPUTS, MODELS, filled, problems, resolved

Reason = Literal[
    "no_key",
    "no_price",
    "key",
    "credits",
    "forbidden",
    "request",
    "not_found",
    "model_gone",
    "guard",
]
"""The first two are said here, before anything is sent; the others are the service's.

`forbidden` is a 403 that names no credits: what it is about, only its words tell.  `guard` is none
of the service's: something in front of it, such as a firewall, answered with a page of its own.
"""

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
        self,
        message: str,
        *,
        reason: Reason = "request",
        about: About | None = None,
        model: str = "",
        nearest: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.about = about
        self.model = model
        """The model that the service no longer has (`model_gone`)."""
        self.nearest = nearest
        """One that does the same, if there is one: see `VideoRequest.for_model`."""

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
    """The create request left, its answer did not arrive: the clip may exist and be charged."""

    event: str = ""
    """What happened to the request, without what follows from it."""

    @classmethod
    def after(cls, event: str) -> Self:
        """The error after `event`, such as "The service did not answer"."""
        error = cls(f"{maybe_sent(event)} Check your AI/ML API account before sending again.")
        error.event = event
        return error


def maybe_sent(event: str, *, is_free: bool = False) -> str:
    """What may follow from `event`, after which nobody knows whether the service has a request."""
    charged = "" if is_free else ", and you may be charged"
    return f"{event}: it may be making the clip{charged}."


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
        kept: str = "",
        setting: Setting | None = None,
    ) -> None:
        super().__init__(message, generation_id=generation_id)
        self.expired = expired
        """Whether the address does not give the file out, and a fresh one may."""
        self.kept = kept
        """Where the file lies that came whole by the host's word and cannot be shown, if one did:
        it is paid for."""
        self.setting = setting
        """As in `Unreachable`."""


_AS_THE_MODEL: Any = None
"""Not given: it becomes what the model has, at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """What to film, in the service's own words.  Making one checks it: `InvalidRequest`.

    A field that is not given, or None, is as the model has it; one that the model does not take
    stays empty or None, and is refused if it is given.  A picture is an https address, a data URI
    or a name of ours (`veo.models.is_kept_here`), which is made into one of these at sending.
    """

    prompt: str = field(kw_only=False)
    """Scene, subject, action; at most `veo.models.LONGEST_PROMPT` characters."""
    model: str = next(iter(MODELS))
    """The first of the table, when not given."""
    aspect_ratio: str = _AS_THE_MODEL
    duration: int = _AS_THE_MODEL
    """Seconds; of a clip that is continued, those that come to it."""
    resolution: str = _AS_THE_MODEL
    negative_prompt: str = _AS_THE_MODEL
    """What to avoid, as nouns."""
    enhance_prompt: bool | None = None
    """Let the model rewrite the prompt.  Veo 3 is known to refuse `False`."""
    generate_audio: bool = _AS_THE_MODEL
    seed: int | None = None
    """0 to 4,294,967,295.  Chosen here when not given, so that a good clip can be made again."""
    auto_fix: bool | None = None
    """Let the service rewrite a prompt that its content policy refuses."""
    image_url: str = field(default=_AS_THE_MODEL, repr=False)
    """The film's first frame."""
    last_image_url: str = field(default=_AS_THE_MODEL, repr=False)
    """Its last frame; needs a first."""
    image_urls: tuple[str, ...] = field(default=_AS_THE_MODEL, repr=False)
    """References: who and what is to be seen."""
    video_url: str = field(default=_AS_THE_MODEL, repr=False)
    """The clip to go on from."""
    person_generation: str | None = None
    """Whether people may be shown: `dont_allow` or `allow_adult`."""
    provider: str | None = None
    """Who makes it: `auto`, `google` or `fal`."""
    task: str | None = None
    """Follows from what is given; only changing a clip (`edit`) has to be said."""

    def __post_init__(self) -> None:
        if isinstance(self.image_urls, list):  # as JSON has it; a tuple can be hashed
            self._set("image_urls", tuple(self.image_urls))
        for name in ("resolution", "provider"):  # some documents write 720P; Google is google
            if isinstance(value := getattr(self, name), str):
                self._set(name, value.lower())
        for name, value in resolved(self).items():
            self._set(name, value)
        for name, sentence in problems(self):
            raise InvalidRequest(sentence, field=name)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def body(self, attach: Callable[[str], Any] = lambda address: address) -> dict[str, Any]:
        """The JSON that is sent: what differs from the service's defaults, and the seed.

        `attach` makes each picture's or clip's address into what the service can read.
        """
        model, sent = MODELS[self.model], dict[str, Any]()
        for each in fields(self):
            name, value = each.name, getattr(self, each.name)
            if name in model.takes and value not in (None, "", ()) and self._is_sent(name, value):
                sent[name] = model.wire.get(value, value) if isinstance(value, str) else value
        for name in filled(self):
            value = sent[name]
            sent[name] = [*map(attach, value)] if isinstance(value, tuple) else attach(value)
        return sent

    def _is_sent(self, name: str, value: object) -> bool:
        model = MODELS[self.model]
        required = ("prompt", "model", *model.needs)
        return name in required or name in model.always_sent or value != model.default(name)

    def noted(self) -> dict[str, Any]:
        """The same without the bytes of a picture: for a ledger, a clip's settings, a trace."""
        return self.body(noted_address)

    def for_model(self, name: str) -> Self:
        """The same request for another model; what it does not take is left out."""
        model = MODELS[name] if name in MODELS else MODELS[self.model]
        kept: dict[str, Any] = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name in model.takes and each.name not in ("model", "task")
        }
        for field_, choices in (
            ("aspect_ratio", model.aspect_ratios),
            ("duration", model.durations),
            ("resolution", model.resolutions),
        ):
            if kept.get(field_) not in choices:
                kept.pop(field_, None)
        return type(self)(**kept, model=name)

    @property
    def expected_seconds(self) -> float:
        """How long a generation of this takes, as a guess: half of it grows with the length."""
        return MODELS[self.model].expected_seconds * (0.5 + self.duration / 16)


def unsigned(request: Mapping[str, Any]) -> dict[str, Any]:
    """`request` without what follows an address's `?`: whoever has a signed one has the file."""

    def without_query(value: Any) -> Any:
        if isinstance(value, str):
            return value.partition("?")[0].partition("#")[0]
        return [*map(without_query, value)] if isinstance(value, list | tuple) else value

    found = dict(request)
    return found | {name: without_query(found[name]) for name in INPUTS if name in found}


def noted_address(address: str) -> str:
    """`picture:` or `clip:` and the hash of what is in a data URI; any other address as it is."""
    if not address.startswith("data:"):
        return address
    head, _, content = address.partition(",")
    kind = "clip" if head.startswith("data:video/") else "picture"
    return f"{kind}:{hashlib.sha256(base64.b64decode(content)).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """Where a finished generation can be fetched, for a while."""

    generation_id: str
    url: str
    duration: float | None = None
    """Seconds, when the service says so."""
    credits_used: float | None = None
    usd_spent: float | None = None
    """US dollars that were really charged, when the service says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What one look at a generation showed."""

    generation_id: str
    status: str | None
    """`queued`, `generating`, `completed`, `error`, another word, or None when it said nothing."""
    video: Video | None = None
    error: str | None = None
    """Why there is no video, in the service's words, if it gives any."""


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

    def estimate(self, asked: VideoRequest | Mapping[str, Any]) -> float | None:
        """US dollars for a request, or None when the list does not tell.

        Its settings are enough, as `{"model": …, "duration": 8}`: who asks for a price may have no
        prompt and no picture yet.  What they leave out is as the model has it.
        """
        settings = _settings(asked)
        if settings.get("model") != self.model or self.pricing.get("currency", "USD") != "USD":
            return None
        rates = {"fixed": "units", "variants": "variants"}.get(str(self.pricing.get("kind")), "")
        quantity = {"second": settings.get("duration"), "video": 1}
        for rate in map(_mapping, _list(self.pricing.get(rates))):
            price, per = read_number(rate.get("price")), read_number(rate.get("per"))
            count = read_number(quantity.get(str(rate.get("unit")).removesuffix("s")))
            if (
                _applies(rate.get("when"), settings)
                and count
                and per
                and price is not None
                and min(per, price) >= 0
            ):
                return price * count / per
        return None


def _settings(asked: VideoRequest | Mapping[str, Any]) -> Mapping[str, Any]:
    """Every field of a request by its name, with what was left out as the model has it."""
    if isinstance(asked, VideoRequest):
        return {each.name: getattr(asked, each.name) for each in fields(VideoRequest)}
    model = MODELS.get(asked.get("model", ""))
    missing = {} if model is None else {name: model.default(name) for name in IN_WORDS}
    return missing | {name: value for name, value in asked.items() if value is not None}


def _applies(when: object, settings: Mapping[str, Any]) -> bool:
    """Whether a price variant is for these settings, in our spelling or the service's; one that
    names what we do not know is not."""
    model = MODELS.get(settings.get("model", ""))
    wire = model.wire if model else {}
    return all(
        name in settings and value in (settings[name], wire.get(settings[name], settings[name]))
        for name, value in _mapping(when).items()
    )


_DEEPEST, _MOST = 5, 10
"""How deep the service's words are looked for, and in how many items of a list."""


def read_generation(generation_id: str, answer: Mapping[str, Any]) -> Generation:
    """A `Generation` from the service's JSON, whatever is missing or of another type in it."""
    status = clean_text(answer.get("status")) or None
    told = {name: answer[name] for name in ("error", "errors") if _says_something(answer.get(name))}
    error = error_words(told)
    if not error and status == "error":
        # Beside another status, a `message` may say anything, such as that all went well.
        error = error_words(answer)
    elif not error and told:
        # That there is one decides what has become of the clip: it is shown as it came.
        error = "an error without words"
        with suppress(RecursionError):
            error = clean_text(json.dumps(next(iter(told.values()))))
    return Generation(
        generation_id=generation_id,
        status=status,
        error=error or None,
        video=_read_video(generation_id, answer),
    )


def _read_video(generation_id: str, answer: Mapping[str, Any]) -> Video | None:
    """The first video with an address: `video` is an object, a list of such, or the address."""
    found = list(islice(_addresses(answer.get("video"), {}, _DEEPEST), _MOST))
    if not found:
        return None
    # One that is no web address is told as such, if there is no other.
    url, video = next((each for each in found if re.match(_WEB_ADDRESS, each[0])), found[0])
    return Video(
        generation_id=generation_id,
        url=url,
        duration=_first_amount([video, answer], "duration"),
        credits_used=_first_amount(_usages(answer), "credits_used", "tokens_used"),
        usd_spent=_first_amount(_usages(answer), "usd_spent"),
    )


def _addresses(
    told: object, video: Mapping[str, Any], depth: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each address in `told`, which stands in the object `video`, and the object it stands in."""
    if isinstance(told, str) and (url := told.strip()):
        yield url, video
    elif isinstance(told, list) and depth:
        for each in told:
            yield from _addresses(each, video, depth - 1)
    elif isinstance(told, dict) and depth:
        yield from _addresses(told.get("url"), told, depth - 1)


def _says_something(error: object, depth: int = _DEEPEST) -> bool:
    """Whether there is an error, though it may have no words: `{"code": 7}`, but not `[{}]`."""
    if depth and isinstance(error, dict | list):
        inside = error.values() if isinstance(error, dict) else error
        return any(_says_something(each, depth - 1) for each in inside)
    return bool(error.strip() if isinstance(error, str) else error)


_AMOUNT = r"(?a)(?:US)?\$?\s{0,3}((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?)\s{0,3}(?:USD)?"
_WEB_ADDRESS = r"(?i)https?://"


def _usages(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Where the service may tell what a generation used, the likeliest place first."""
    meta = _mapping(answer.get("meta"))
    found: list[Mapping[str, Any]] = []
    for usage in (meta.get("usage"), answer.get("usage")):
        found += map(_mapping, usage if isinstance(usage, list) else [usage])
    return [*found, meta, answer]


def _first_amount(places: Sequence[Mapping[str, Any]], *names: str) -> float | None:
    amounts = (_amount(place.get(name)) for place in places for name in names)
    return next((amount for amount in amounts if amount is not None), None)


def _amount(value: object) -> float | None:
    """A number that is not negative, also one that was written as text: `"0.06"`, `"$0.06"`."""
    if isinstance(value, str) and (written := re.fullmatch(_AMOUNT, value[:40].strip())):
        value = float(written[1])
    number = read_number(value)
    return None if number is None or number < 0 else number


def read_catalogue(answer: Mapping[str, Any]) -> frozenset[str] | None:
    """Every name under which the service offers a model; None when it gave no list."""
    if not isinstance(answer.get("data"), list):
        return None
    entries = [*map(_mapping, answer["data"])]
    names = (name for each in entries for name in (each.get("id"), *_list(each.get("aliases"))))
    return frozenset(name for name in names if isinstance(name, str))


def read_price(model: str, answer: Mapping[str, Any]) -> Price:
    """The `Price` of `model` in the service's catalogue; an empty one when it is not listed."""
    for entry in map(_mapping, _list(answer.get("data"))):
        if model in (entry.get("id"), *_list(entry.get("aliases"))):
            return Price(model=model, pricing=_mapping(entry.get("pricing")))
    return Price(model=model, pricing={})


# Where an error's words stand in the JSON of services and of the gateways before them: what
# happened, what exactly is wrong, and, where nothing tells either, what at least names it.
_HAPPENED = ("message", "error", "msg", "title")
_EXACTLY = ("detail", "errors", "error_description", "description")
_NAMES = ("reason", "name", "type", "code")
_WHERE = ("loc", "path", "field", "param")
_PHRASES = frozenset(status.phrase for status in HTTPStatus)


def error_words(answer: object) -> str:
    """What the service says in the JSON of an error, wherever it stands; empty if it says nothing.

    The words are under `message`, `error`, `error.message`, `detail` or `errors`, as text, as an
    object or as a list of either, and several of these may say one thing each.
    """
    return clean_text(_joined(_texts_of(answer, _DEEPEST)))


def _texts_of(said: object, depth: int) -> list[str]:
    if isinstance(said, str):
        return [text] if (text := strip_data(said)[:2000].strip()) else []
    if not depth or not isinstance(said, list | dict):
        return []
    if isinstance(said, list):
        each = [_joined(_texts_of(item, depth - 1)) for item in said[:_MOST]]
        return ["; ".join(filter(None, each))]

    def under(*names: str) -> list[str]:
        return [text for name in names for text in _texts_of(said.get(name), depth - 1) if text]

    happened, exactly = under(*_HAPPENED), under(*_EXACTLY)
    # "Forbidden" is what the status says already; where several things tell, the first does best.
    telling = [text for text in happened if text not in _PHRASES]
    texts = [*telling[:1], *exactly] or happened[:1]
    if not texts:
        texts = [name for name in map(said.get, _NAMES) if isinstance(name, str) and name][:1]
    if depth == _DEEPEST:
        return texts
    if not texts:
        # By the field that they are about: `{"duration": ["must be 4, 6 or 8"]}`.
        lists = ((name, value) for name, value in said.items() if isinstance(value, list))
        found = islice(lists, _MOST)
        return [f"{name}: {_joined(_texts_of(value, depth - 1))}" for name, value in found]
    text, where = _joined(texts), _where(said)
    return [text if where in text else f"{where}: {text}"]


def _where(said: Mapping[str, Any]) -> str:
    """The field that an item of a list of errors is about; empty if it does not tell."""
    for place in map(said.get, _WHERE):
        parts = place if isinstance(place, list) else [place]
        names = [str(part) for part in parts[:_MOST] if isinstance(part, str | int)]
        if names and not names[0].startswith("/"):  # that is the path of the call
            return ".".join(name for name in names if name not in ("body", "query"))
    return ""


def _joined(texts: Iterable[str]) -> str:
    """`texts` one after the other; one that only repeats another is left out."""
    told: list[str] = []
    for text in filter(None, texts):
        if not any(text in each for each in told):
            told = [each for each in told if each not in text] + [text]
    return "".join(text if text == told[-1] else _with_colon(text) for text in told)


def _with_colon(text: str) -> str:
    return f"{text} " if text.endswith((".", "!", "?", ":")) else f"{text}: "


def names_credits(answer: Mapping[str, Any]) -> bool:
    """Whether a 403 says that the credits are used up, by a code in it or else by its words.

    The service documents no codes for it, and a 403 may be about anything: an account that is not
    verified, a country, a model.  Call it where those words are read, and nowhere else.
    """
    codes = " ".join(_codes_of(answer, _DEEPEST))
    by_code = re.search(r"credit|balance|quota|payment|billing", codes, re.IGNORECASE)
    return bool(by_code or re.search(_CREDITS, error_words(answer), re.IGNORECASE))


_CREDITS = r"\b(credits?(?! (card|check|history|report|score))|balance|funds|top[ -]?up)\b"


def _codes_of(said: object, depth: int) -> Iterator[str]:
    """The words for machines in an error: one word each."""
    if not depth:
        return
    if isinstance(said, list):
        for item in said[:_MOST]:
            yield from _codes_of(item, depth - 1)
    elif isinstance(said, dict):
        for name in (*_NAMES, "status", "error", "message"):
            value = said.get(name)
            if isinstance(value, str) and len(value) < 100 and " " not in value:
                yield value
        for name in ("error", "errors", "detail", "details"):
            yield from _codes_of(said.get(name), depth - 1)


def clean_text(words: object) -> str:
    """The service's words, fit to show and to keep: on one line, not endless, no signed address."""
    text = strip_query(strip_data(words)[:2000]) if isinstance(words, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def strip_data(text: str) -> str:
    """`text` without what is in a data URI: a service may repeat the picture that it refuses."""
    return re.sub(_DATA_URI, "data:…", text)


_DATA_URI = r"data:[a-z]{1,20}\\?/[\w/\\+=;:,.%-]{64,}+"


def strip_query(text: str) -> str:
    """`text` without what follows an address's `?`: whoever has a signed one has the file."""
    pieces = re.split(_SIGNED, f" {text}")  # between addresses, an address, between, …
    shown = ["?…"] * (len(pieces) * 3 // 2)
    shown[0::3], shown[1::3] = pieces[0::2], pieces[1::2]
    return "".join(shown)[1:]


# A word up to the query of its first address, and that query.  Each word is tried once, from its
# beginning, and no step is taken back: foreign words may be 64 KiB of slashes.
_SIGNED = (
    r'([\s"][^\s"/]*+(?:/(?!\\?/)[^\s"/]*+)*+/\\?/[^\s"?#]*+)'  # "https://host/path, \/\/host
    r'[?#][^\s"]*+'
)


def names_lost_model(message: str, model: str) -> bool:
    """Whether a refusal of a create request says that `model` is no longer offered.

    The service has no code for it.  Call it where those words are read, and nowhere else.
    """
    words = {each.strip(".-") for each in re.split(r"[^\w.-]+", message.lower())}
    is_named = model.rpartition("/")[2].lower() in words
    return is_named and bool(re.search(_LOST, message, re.IGNORECASE))


_LOST = r"\bdeprecated\b|no longer (available|supported)|\bnot found\b"


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
