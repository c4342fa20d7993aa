"""What came against what was asked for: which of the settings a finished clip does not have."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from veo.models import MODELS

if TYPE_CHECKING:
    from veo.media import Facts
    from veo.types import VideoRequest

TOLERANCE = 0.06
"""By how much a size or its aspect may differ: 1920 × 1088 is 1080p, as encoders make it."""
TOLERANCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One setting of a request that the clip does not have."""

    setting: Literal["aspect_ratio", "resolution", "duration", "generate_audio"]
    asked: str | float
    """As in the request, in seconds, or whether there should be sound."""
    came: str | float
    """The same of the clip; of its picture the size, as `320x180`."""


def differences(request: VideoRequest, facts: Facts) -> list[Difference]:
    """What a person would notice of `facts` that is not as in `request`.

    What its model does not take nobody asked for: from an upright picture it may film upright.
    """
    model = MODELS.get(request.model)
    found = _differences(request, facts)
    return [each for each in found if model is None or each.setting in model.takes]


def _differences(request: VideoRequest, facts: Facts) -> Iterator[Difference]:
    size = f"{facts.width}x{facts.height}"
    aspect, lines = _aspect(request.aspect_ratio), _lines(request.resolution)
    if aspect and not _is_about(facts.width / facts.height, aspect):
        yield Difference(setting="aspect_ratio", asked=request.aspect_ratio, came=size)
    if lines and not _is_about(min(facts.width, facts.height), lines):
        yield Difference(setting="resolution", asked=request.resolution, came=size)
    # A clip that is gone on from may come with what was before: then it is longer.
    longer = math.inf if request.video_url else TOLERANCE_SECONDS
    if not -TOLERANCE_SECONDS <= facts.duration - request.duration <= longer:
        came = round(facts.duration, 1)
        yield Difference(setting="duration", asked=request.duration, came=came)
    if facts.sound != request.generate_audio:
        asked = request.generate_audio
        yield Difference(setting="generate_audio", asked=asked, came=facts.sound)


def _aspect(ratio: str) -> float | None:
    """Width by height of `16:9`; None for a word that is no ratio."""
    found = re.fullmatch(r"(\d{1,4}):(\d{1,4})", ratio)
    return int(found[1]) / int(found[2]) if found and int(found[2]) else None


def _lines(resolution: str) -> int | None:
    """The shorter side of a picture of `1080p` or `4k`; None for a word that names none."""
    found = re.fullmatch(r"(\d{3,4})p", resolution)
    return int(found[1]) if found else {"4k": 2160, "2k": 1440}.get(resolution.lower())


def _is_about(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= TOLERANCE * wanted
