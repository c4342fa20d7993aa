"""What a create request may say to each model: the service's table of fields, choices and defaults.

Written from the vendor's documents and from nothing else, so that a client's own table is checked
against another hand's. This module knows no HTTP and makes nothing.
"""

import random
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

__all__ = ["MODELS", "ModelGone", "Order", "Task", "WrongOrder", "canonical", "read_order"]

LONGEST_PROMPT = 4000
LARGEST_SEED = 2**53 - 1  # the largest whole number that every reader of JSON agrees on
ADDRESS = re.compile(r"(https?|gs)://[^\s\"<>]{3,2000}\Z|data:[a-z]+/[a-z0-9.+-]+;base64,")

Task = Literal["text_to_video", "image_to_video", "reference_to_video", "edit", "extend"]


class WrongOrder(Exception):
    """A request that the service refuses; it reads `duration: Expected 4, 6 or 8, received 5`."""


class ModelGone(Exception):
    """The service made clips with this model once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What one model takes, beside the fields of `EVERYBODYS`."""

    task: Task | None = None
    """What it does; one that does several things tells by the request."""
    needs: tuple[str, ...] = ()
    knows: frozenset[str] = frozenset()
    choices: Mapping[str, tuple[object, ...]]
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Where they are not the `Order`'s."""
    most_pictures: int = 0
    aliases: tuple[str, ...] = ()
    """Other names under which it is asked for."""
    a_second: Mapping[str, float]
    """US dollars by resolution, made up, for who wants to see what a payer sees."""

    @property
    def fields(self) -> frozenset[str]:
        return EVERYBODYS | self.knows | {*self.needs}


EVERYBODYS = frozenset({"model", "prompt", "duration", "resolution"})
OF_VEO = frozenset({"generate_audio", "provider"})
SHAPES = ("16:9", "9:16")
VEO = {"aspect_ratio": SHAPES, "duration": (4, 6, 8), "resolution": ("720p", "1080p")}
PRICE = {"720p": 0.26, "1080p": 0.52}
FAST_PRICE = {"720p": 0.13, "1080p": 0.26}


def pair(name: str, fast: str, **facts: Any) -> dict[str, Model]:
    """A model and its faster, cheaper sister, which takes the same."""

    def model(called: str, a_second: Mapping[str, float]) -> Model:
        prices = {size: a_second[size] for size in facts["choices"]["resolution"]}
        return Model(a_second=prices, aliases=(called.removeprefix("google/"),), **facts)

    return {name: model(name, PRICE), fast: model(fast, FAST_PRICE)}


MODELS: Mapping[str, Model] = {
    **pair(
        "google/veo-3.1-t2v",
        "google/veo-3.1-t2v-fast",
        task="text_to_video",
        knows=OF_VEO | {"aspect_ratio", "seed", "negative_prompt", "enhance_prompt", "auto_fix"},
        choices=VEO,
    ),
    **pair(
        "google/veo-3.1-i2v",
        "google/veo-3.1-i2v-fast",
        task="image_to_video",
        needs=("image_url",),
        knows=OF_VEO | {"aspect_ratio"},
        choices=VEO,
    ),
    **pair(
        "google/veo-3.1-first-last-image-to-video",
        "google/veo-3.1-first-last-image-to-video-fast",
        task="image_to_video",
        needs=("image_url", "last_image_url"),
        knows=OF_VEO | {"aspect_ratio"},
        choices=VEO,
    ),
    "google/veo-3.1-reference-to-video": Model(
        task="reference_to_video",
        needs=("image_urls",),
        knows=OF_VEO,
        choices={"duration": (8,), "resolution": ("720p", "1080p")},
        most_pictures=3,  # by Google's documents; the vendor's name no number
        aliases=("veo-3.1-reference-to-video",),
        a_second=PRICE,
    ),
    **pair(
        "google/veo3-1-extend-video",
        "google/veo3-1-fast-extend-video",
        task="extend",
        needs=("video_url",),
        knows=OF_VEO | {"aspect_ratio", "auto_fix"},
        choices={"aspect_ratio": ("auto", *SHAPES), "duration": (7,), "resolution": ("720p",)},
        defaults={
            "aspect_ratio": "auto",
            "duration": 7,
            "resolution": "720p",
            "auto_fix": False,
        },
    ),
    "veo-3.1-lite-generate-001": Model(
        knows=frozenset(
            {"aspect_ratio", "generate_audio", "image_url", "last_image_url", "person_generation"}
        ),
        choices={
            "aspect_ratio": SHAPES,
            "duration": (4, 6, 8),
            "resolution": ("720P", "1080P"),
            "person_generation": ("dont_allow", "allow_adult"),
        },
        defaults={"resolution": "720P"},
        aliases=("google/veo-3.1-lite-generate-001",),
        a_second={"720P": 0.05, "1080P": 0.08},
    ),
    "google/gemini-omni-1.1-flash": Model(
        knows=frozenset(
            {
                "aspect_ratio",
                "image_url",
                "image_urls",
                "video_url",
                "audio_url",
                "previous_interaction_id",
                "task",
                "delivery",
            }
        ),
        choices={
            "aspect_ratio": SHAPES,
            "duration": tuple(range(3, 11)),
            "resolution": ("360p", "720p", "1080p", "4k"),
            "task": ("text_to_video", "image_to_video", "reference_to_video", "edit", "extend"),
            "delivery": ("uri",),
        },
        defaults={"resolution": "720p"},  # the document names none
        most_pictures=6,
        aliases=("gemini-omni-1.1-flash",),
        a_second={"360p": 0.05, "720p": 0.1, "1080p": 0.15, "4k": 0.4},
    ),
}
CALLED = {alias: name for name, model in MODELS.items() for alias in (name, *model.aliases)}

MEDIA: Mapping[Task, tuple[str, ...]] = {
    "image_to_video": ("image_url", "image_urls"),
    "reference_to_video": ("image_urls", "image_url"),
    "edit": ("video_url", "previous_interaction_id"),
    "extend": ("video_url", "previous_interaction_id"),
}
"""One of which a task needs."""


class Order(BaseModel):
    """A create request that was checked.  What its model does not know is as here.

    Strict, so `"8"` is not a number and `true` is not an integer. Fields that a model does not know
    are dropped, as zod, which the service appears to use, does by default.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    model: str
    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    image_url: str = Field(default="", repr=False)
    last_image_url: str = Field(default="", repr=False)
    image_urls: list[str] = Field(default=[], repr=False)
    video_url: str = Field(default="", repr=False)
    audio_url: str = Field(default="", repr=False)
    previous_interaction_id: str = ""
    asked_task: str = Field(default="", alias="task")
    aspect_ratio: str = ""
    duration: int = 8
    resolution: str = "1080p"
    negative_prompt: str = ""
    enhance_prompt: bool = True
    generate_audio: bool = True
    seed: int = Field(
        default_factory=lambda: random.randrange(2**32), ge=-LARGEST_SEED, le=LARGEST_SEED
    )
    auto_fix: bool = True
    person_generation: str = "allow_adult"
    provider: str = "auto"
    delivery: str = "uri"

    @property
    def faults(self) -> frozenset[str]:
        """Every `#word` of the prompt: what the demo is asked to do wrong."""
        return frozenset(re.findall(r"#[a-z-]+", self.prompt.lower()))

    @property
    def task(self) -> Task:
        """What the model does, told by the media where neither it nor the request says so."""
        if only := MODELS[self.model].task or self.asked_task:
            return only  # type: ignore[return-value]  # one of the table's choices
        if self.video_url or self.previous_interaction_id:
            return "edit"
        if self.image_urls:
            return "reference_to_video"
        return "image_to_video" if self.image_url else "text_to_video"

    @property
    def has_seed(self) -> bool:
        return "seed" in MODELS[self.model].fields

    def without_media(self) -> "Order":
        """As it may be kept for long: what was given as a data URI can be megabytes."""
        nothing = {"image_url": "", "last_image_url": "", "image_urls": [], "video_url": ""}
        return self.model_copy(update={**nothing, "audio_url": ""})


def canonical(name: object) -> str | None:
    """The id of the model that is called `name`, if there is one."""
    return CALLED.get(name) if isinstance(name, str) else None


def read_order(body: bytes | bytearray, *, retired: Set[str] = frozenset()) -> Order:
    """Check `body` against the table; raise `WrongOrder` or `ModelGone`."""
    said = read_object(body)
    if "model" not in said:
        raise WrongOrder(missing("model"))
    name = canonical(said["model"])
    if name is None:
        raise WrongOrder(expected("model", "a model that /v1/models lists", said["model"]))
    if name in retired:
        raise ModelGone(said["model"])
    known = {key: value for key, value in said.items() if key in MODELS[name].fields}
    try:
        order = Order.model_validate({**MODELS[name].defaults, **known, "model": name})
    except ValidationError as error:
        wrong = [complaint(details) for details in error.errors(include_url=False)]
    else:
        wrong = [*problems(order, known)]
    if wrong:
        raise WrongOrder("; ".join(wrong))
    return order


def read_object(body: bytes | bytearray) -> dict[str, Any]:
    try:
        said = from_json(body)
    except ValueError:
        message = "body: Expected a JSON object, received text that is not JSON"
        raise WrongOrder(message) from None
    if not isinstance(said, dict):
        raise WrongOrder(expected("body", "an object", said))
    return said


def problems(order: Order, known: Mapping[str, object]) -> Iterator[str]:
    """Everything that the types of the fields cannot say."""
    model = MODELS[order.model]
    for name in model.needs:
        if name not in known:
            yield missing(name)
    for name, choices in model.choices.items():
        if name in known and known[name] not in choices:
            yield expected(name, in_words(choices), known[name])
    for name in ("image_url", "last_image_url", "video_url", "audio_url"):
        if name in known and not ADDRESS.match(getattr(order, name)):
            yield expected(name, "a URL or a base64 data URI", known[name])
    yield from problems_of_pictures(order, known, model.most_pictures)
    if order.last_image_url and not order.image_url:
        yield missing("image_url", "a value beside last_image_url")
    media = MEDIA.get(order.task, ()) if "task" in known else ()
    if media and not any(getattr(order, name) for name in media):
        yield missing(" or ".join(media), f"a value for {order.task}")


def problems_of_pictures(order: Order, known: Mapping[str, object], most: int) -> Iterator[str]:
    if "image_urls" in known and not 1 <= len(order.image_urls) <= most:
        yield expected("image_urls", f"1 to {most} pictures", len(order.image_urls))
    for number, address in enumerate(order.image_urls):
        if not ADDRESS.match(address):
            yield expected(f"image_urls.{number}", "a URL or a base64 data URI", address)


def complaint(details: ErrorDetails) -> str:
    """Pydantic's complaint as zod words it."""
    name = ".".join(map(str, details["loc"]))
    if details["type"] == "missing":
        return missing(name)
    what = re.sub(r"^(Input|String|List) should (be|have) ", "", details["msg"])
    return expected(name, what, details["input"])


def missing(name: str, what: str = "a value") -> str:
    return f"{name}: Expected {what}, received undefined"


def expected(name: str, what: str, received: object) -> str:
    return f"{name}: Expected {what}, received {shown(received)}"


def in_words(choices: tuple[object, ...]) -> str:
    *others, last = map(repr, choices)
    return f"{', '.join(others)} or {last}" if others else last


def shown(value: object) -> str:
    """`value` as JSON, short enough for a message."""
    start = value[:100] if isinstance(value, str) else value
    text = to_json(start, inf_nan_mode="constants", fallback=str).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."
