"""What a clip is called when a person saves it: words of its prompt, its take and its seed.

Any file system takes it: letters and digits of every script with hyphens between them, and not too
many bytes.  On the server each clip has a folder of its own, and one name does for all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from backend.jobs import Job
from page import texts
from veo import media

PLAYS = "mp4"
KEPT = f"mp4{media.UNCHECKED}"
"""The ending of a file that no player should take for a clip."""

MOST_BYTES = 120
"""Of the prompt's part in UTF-8: file systems take 255 for a name."""


def name_of(job: Job, *, ending: str = PLAYS) -> str:
    """The name for the clip of `job`."""
    entry = job.entry
    fallback = job.generation_id or ""
    name = name_for(entry.request or {}, fallback, is_demo=job.is_demo, take=entry.take)
    return f"{name}.{ending}"


def name_for(
    request: Mapping[str, Any],
    fallback: str = "",
    *,
    is_demo: bool = False,
    take: int | None = None,
) -> str:
    """The name, without an ending, for a clip of `request`, or of `fallback` where no prompt is
    known; the `take`th of those that one press began."""
    words = [
        texts.FILE_DEMO if is_demo else "",
        _fit(str(request.get("prompt") or fallback)) or texts.FILE_CLIP,
        texts.FILE_TAKE.format(number=take) if take else "",
        texts.FILE_SEED.format(seed=request["seed"]) if "seed" in request else "",
    ]
    return "-".join(filter(None, words))


def _fit(text: str) -> str:
    """`text` as far as it fits, up to a whole word where there is one."""
    plain = unicodedata.normalize("NFC", text)
    whole = "-".join("".join(c if _is_part_of_a_word(c) else " " for c in plain).split())
    cut = whole.encode()[:MOST_BYTES].decode(errors="ignore")
    if cut == whole:
        return whole
    return cut.rpartition("-")[0] or cut


def _is_part_of_a_word(character: str) -> bool:
    # A mark belongs to the letter before it, as the vowels of many scripts do.
    return unicodedata.category(character)[0] in "LNM"
