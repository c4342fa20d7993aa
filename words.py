"""What a person reads: every state and error in words, with its cost and its next step.

The page and the command share it, so that both say the same.  It knows the client's types and
neither widgets nor terminals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from veo_types import (
    Busy,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoError,
)

STATUSES = {
    "queued": "Waiting in line at the service",
    "generating": "Making the video",
    "completed": "Fetching the video",
}

NOT_CHARGED = "Nothing was charged."
CHARGED_WHEN_COMPLETE = "It is charged only if it completes."


STATES = {
    "prepared": "About to be sent",
    "submitting": "Being sent",
    "running": "Being made",
    "downloading": "Being fetched",
    "done": "Ready",
    "rejected": "Refused",
    "uncertain": "Not known whether it was taken",
    "failed": "Could not be made",
    "needs_key": "Waits for your key",
    "needs_attention": "Not fetched yet",
}
"""A job in the list of clips, by the ledger's states."""

AGAIN = {
    "done": "Fetch again",
    "uncertain": "Send again anyway",
    "needs_key": "Look again",
    "needs_attention": "Look again",
}
"""What may be tried again, and what the button says."""

SEND_AGAIN = (
    "The first request may have been taken, and then this makes and charges a second clip. "
    "Send it again anyway?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An error as a person should meet it."""

    title: str
    what_happened: str
    cost: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.what_happened} {self.cost} {self.next_step}"


STOPPED = Words(
    title="Stopped looking",
    what_happened="The service goes on making the clip.",
    cost=CHARGED_WHEN_COMPLETE,
    next_step="The id is kept: fetch the clip with it later.",
)


def of_status(update: Update) -> str:
    """The state of a running generation, and what stands in the way if anything does.

    A word of the service that we do not know is shown as it came.
    """
    state = STATUSES.get(update.status, update.status)
    if update.status == "completed" and not update.video:
        state = "The video is ready, its address is not there yet"
    return f"{state}. {_sentence(update.trouble)} Looking again." if update.trouble else state


def of_state(state: str, *, gone: bool = False) -> str:
    """A job's state in the list; `gone` when its clip was removed to make room."""
    return "Removed to make room" if gone else STATES[state]


def of_cost(state: str, payer: str, amount: float | None) -> str:
    """What a job costs, as far as it is known; empty where nothing can be said."""
    if payer == "demo":
        return "demo, free"
    if state in ("rejected", "failed"):
        return "nothing charged"
    if amount is None:
        return ""
    return dollars(amount) + ("" if state == "done" else " if it completes")


def of_error(error: VeoError) -> Words:
    """Title, cost and next step for `error`; the one place where errors become words."""
    title, cost, next_step = _explain(error)
    return Words(
        title=title, what_happened=_sentence(str(error)) or title, cost=cost, next_step=next_step
    )


def _explain(error: VeoError) -> tuple[str, str, str]:
    """Title, cost and next step.  With an id, a clip may come of it: no charge is ruled out."""
    has_id = bool(error.generation_id)
    cost = CHARGED_WHEN_COMPLETE if has_id else NOT_CHARGED
    again = "look again" if has_id else "try again"
    match error:
        case InvalidRequest():
            return "Something to change", "Nothing was sent.", "Change it, then try again."
        case Refused(reason="key"):
            return (
                "The key is not accepted",
                cost,
                "Check it: your AI/ML API account shows your keys.",
            )
        case Refused(reason="credits"):
            return "No credits left", cost, f"Top up your AI/ML API account, then {again}."
        case Refused(reason="not_found") if has_id:
            next_step = "Check the id: it belongs to the key that made it."
            return "Not found", "Looking costs nothing.", next_step
        case Refused(reason="not_found"):
            return "Not found", cost, "Check the base URL: the service is not there."
        case Refused() if has_id:
            return "The service does not show this video", cost, "Check the id, then look again."
        case Refused():
            return "The service refused this request", cost, _after_refusal(str(error))
        case Failed():
            # It has an id, yet the vendor says that failed generations are never charged.
            title = "The service could not make this video"
            return title, NOT_CHARGED, _after_refusal(str(error))
        case Busy():
            wait = _for_how_long(error.retry_after)
            return "Too many requests", cost, f"Wait {wait}, then {again}."
        case Unreachable():
            return "No answer from the service", cost, f"{again.capitalize()} later."
        case SubmissionUncertain():
            cost = "If it was taken, it is charged once it completes."
            next_step = "Look at your account first: it is not sent again by itself."
            return "Not known whether it was taken", cost, next_step
        case TookTooLong() if has_id:
            return "We stopped looking", cost, "The id is kept: look again later."
        case TookTooLong():
            return "We stopped", cost, "Try again."
        case DownloadFailed() if has_id:
            # True of the demo too, where it costs nothing.
            cost = "What it costs is charged already; fetching it again costs nothing more."
            next_step = "Fetch it again; it stays at the service for a while."
            return "The video did not arrive", cost, next_step
        case DownloadFailed():
            return "The video did not arrive", cost, "Try again."
    if has_id:
        return "Something went wrong", cost, "The id is kept: look again later."
    # An error that nobody foresaw: the request may have been on its way.
    cost = "Whether anything was charged is not known."
    return "Something went wrong", cost, "Look at your account before you try again."


def clock(seconds: float) -> str:
    """Minutes and seconds: 0:42."""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    return f"{minutes}:{rest:02d}"


def dollars(amount: float | None) -> str:
    """An estimate in US dollars; never a guess."""
    if amount is None or not math.isfinite(amount):
        return "price not known"
    if 0 < amount < 0.01:
        return "less than $0.01"
    return f"about ${amount:,.2f}" if amount else "free"


def _sentence(said: str) -> str:
    """`said` with a full stop: the service leaves it out, and more is said after it."""
    return said if not said or said.endswith((".", "!", "?", "…")) else f"{said}."


def _after_refusal(said: str) -> str:
    about = said.lower()
    if "enhance" in about:
        return "Leave enhance_prompt on: Veo 3.1 does not allow turning it off."
    if "audio" in about or "sound" in about:
        return "Try without sound, or with other words for it."
    return "Change the prompt or the settings, then try again."


def _for_how_long(seconds: float | None) -> str:
    if seconds is None:
        return "a minute"
    if seconds < 120:
        return f"{max(math.ceil(seconds), 1)} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:,.0f} hours"
