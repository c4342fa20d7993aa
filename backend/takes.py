"""Several takes of one request: what differs, and how they are sent.

It decides which requests there are and when the rest may be sent; it knows neither the page nor the
ledger.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from backend.job import Job
from veo_client import MODELS, InvalidRequest, VeoError, VideoRequest

MOST = 4
"""Takes of one click."""

DIFFERS = (
    "seed",
    "model",
    "aspect_ratio",
    "duration",
    "resolution",
    "generate_audio",
    "enhance_prompt",
)
"""What takes may differ in: one field of the request."""


def takes_of(request: VideoRequest, count: int, differs: str = "seed") -> list[VideoRequest]:
    """At most `count` requests that differ in one field; the first is `request` as it is.

    Seeds count up from the given one, so that the first seed brings them all back; a model without
    a seed films the same once more.  Another field goes through its values and leaves the seed
    alone; it gives as many takes as it has values.
    Raises `InvalidRequest` for another number than 1 to `MOST`, or a field not in `DIFFERS`.
    """
    if type(count) is not int or not 1 <= count <= MOST:
        raise InvalidRequest(f"Ask for 1 to {MOST} takes.", field="takes")
    if differs not in DIFFERS:
        raise InvalidRequest(f"Takes may differ in {', '.join(DIFFERS)}.", field="differs")
    if differs == "seed" and request.seed is None:
        return [request] * count
    return [request, *_others(request, differs)][:count]


def _others(request: VideoRequest, differs: str) -> Iterator[VideoRequest]:
    for value in _values(request, differs):
        # What one model takes another may not.
        with suppress(InvalidRequest):
            if value != getattr(request, differs):
                yield replace(request, **{differs: value})


def _values(request: VideoRequest, name: str) -> Sequence[Any]:
    model, seed = MODELS[request.model], request.seed
    table: dict[str, Sequence[Any]] = {
        "seed": [((seed or 0) + step) % 2**32 for step in range(MOST)],
        "model": tuple(MODELS),
        "aspect_ratio": model.aspect_ratios,
        "duration": model.durations,
        "resolution": model.resolutions,
    }
    return table.get(name, (True, False))


def differing(requests: Sequence[VideoRequest]) -> list[str]:
    """The names of the fields in which `requests` are not all alike."""
    names = (each.name for each in fields(VideoRequest))
    return [name for name in names if len({getattr(each, name) for each in requests}) > 1]


async def begin_after(
    first: Job,
    requests: Sequence[VideoRequest],
    begin: Callable[[VideoRequest], Awaitable[Job]],
) -> tuple[list[Job], VeoError | None]:
    """Begin `requests` once the service has taken `first`; if it does not, none of them.

    A key without credits, a refused prompt or a service out of reach is met once, not `MOST`
    times.  Gives the jobs that were begun, and the error of `begin` that ended it, if one did.
    """
    async for job in first.follow():
        if job.generation_id:
            break
    else:
        return [], None
    begun = list[Job]()
    for request in requests:
        try:
            begun.append(await begin(request))
        except VeoError as error:
            return begun, error
    return begun, None


def job_to_show(jobs: Sequence[Job]) -> Job:
    """The job to tell about: the first that is on its way, else the first that is done."""
    return next(
        (job for job in jobs if not job.is_over),
        next((job for job in jobs if job.state == "done"), jobs[0]),
    )
