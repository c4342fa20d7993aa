"""An error as the ledger keeps it: its kind, its text and its facts, as JSON.

Rows of before the facts were kept have only the text; what it tells is read from it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import veo_client
from veo.types import DownloadFailed, Failed, Refused, SubmissionUncertain, VeoError, subject_of

FACTS = (
    "reason",
    "about",
    "expired",
    "kept",
    "event",
    "retry_after",
    "setting",
    "model",
    "nearest",
)
"""The attributes that decide what a person is told and offered; no kind has all of them."""


def error_as_json(error: VeoError) -> dict[str, Any]:
    facts = {name: getattr(error, name) for name in FACTS if hasattr(error, name)}
    return {"kind": type(error).__name__, "text": str(error), **facts}


def error_from_json(stored: Mapping[str, Any] | None, generation_id: str | None) -> VeoError | None:
    """The error that was written down, as it was raised."""
    if not stored:
        return None
    kind: type[VeoError] = getattr(veo_client, str(stored.get("kind")), VeoError)
    error = kind(str(stored.get("text")))
    error.generation_id = generation_id
    for name, value in {**_facts_by_text(error), **stored}.items():
        if name in FACTS and hasattr(error, name):
            setattr(error, name, value)
    return error


def _facts_by_text(error: VeoError) -> dict[str, Any]:
    """The facts of a row that has none."""
    text = str(error)
    match error:
        case Refused() | Failed():
            return {"about": subject_of(text)}
        case DownloadFailed():
            return {"expired": "no longer valid" in text}
        case SubmissionUncertain():
            event, found, _ = text.partition(": the clip may be in the making, and may cost.")
            return {"event": event if found else ""}
    return {}
