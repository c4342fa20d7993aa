"""A rehearsal: the same request, short, small and fast, before it is filmed properly.

It knows requests and the table of models, and what a browser keeps of rehearsals; it sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from veo.models import MODELS, filled, models_for
from veo_client import InvalidRequest, VideoRequest

SHORT, SMALL = 4, "720p"
CHANGED = ("model", "duration", "resolution")
EACH = 1 + len(CHANGED)
"""How many values a browser keeps of a rehearsal, so that it can be filmed properly: its job, and
what was changed."""
MOST_VALUES = 8 * EACH


def of(request: VideoRequest) -> VideoRequest | None:
    """The rehearsal of `request`; None where it would be the same."""
    model = _fast(request)
    takes = MODELS[model]
    other = replace(
        request.for_model(model),
        duration=SHORT if SHORT in takes.durations else min(takes.durations),
        resolution=SMALL if SMALL in takes.resolutions else takes.resolutions[0],
    )
    return other if _changed(other) != _changed(request) else None


def _fast(request: VideoRequest) -> str:
    """The faster one of its model's pair, else its own: another family films something else."""
    own = MODELS[request.model]
    return next(
        (
            name
            for name in models_for(*filled(request))
            if MODELS[name].grade == "fast"
            and (MODELS[name].does, MODELS[name].takes) == (own.does, own.takes)
        ),
        request.model,
    )


def kept(before: object, job_id: str, request: VideoRequest) -> list[Any]:
    """What a browser keeps, one value after the other, once the rehearsal `job_id` of `request` is
    begun."""
    known = before if isinstance(before, list) else []
    return [job_id, *_changed(request), *known][:MOST_VALUES]


def properly(known: object, job_id: str, request: VideoRequest) -> VideoRequest | None:
    """What the rehearsal `job_id`, which was `request`, is filmed properly with; None if it was
    none, or what a browser kept does not fit."""
    if not isinstance(known, list) or job_id not in known[::EACH]:
        return None
    at = known.index(job_id)
    settings: Mapping[str, Any] = dict(zip(CHANGED, known[at + 1 :], strict=False))
    try:
        return replace(request.for_model(settings["model"]), **settings, task=None)
    except (InvalidRequest, KeyError, TypeError):
        return None


def _changed(request: VideoRequest) -> Sequence[Any]:
    return [getattr(request, name) for name in CHANGED]
