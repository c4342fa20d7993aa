"""What a person reads: every state and error in words, with its cost and its next step.

The page and the command share it, so that both say the same.  It knows the client's types and
neither widgets nor terminals.
"""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An error as a person should meet it."""

    title: str
    what_happened: str
    cost: str
    next_step: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.what_happened, self.cost, self.next_step) if part)


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
    return f"{state}. {update.trouble} Looking again." if update.trouble else state


def of_error(error: VeoError) -> Words:
    """Title, cost and next step for `error`; the one place where errors become words."""
    said = str(error)
    match error:
        case InvalidRequest():
            return Words(
                title="Something to change",
                what_happened=said,
                cost="",
                next_step="Nothing was sent.",
            )
        case Refused(reason="key"):
            return Words(
                title="The key is not accepted",
                what_happened=said,
                cost=_cost(error),
                next_step="Check the key in your AI/ML API account.",
            )
        case Refused(reason="credits"):
            return Words(
                title="No credits left",
                what_happened=said,
                cost=_cost(error),
                next_step="Top up your AI/ML API account, then try again.",
            )
        case Refused(reason="not_found"):
            return Words(
                title="Not found",
                what_happened=said,
                cost="",
                next_step="Check the id: it belongs to the key that made it.",
            )
        case Refused() | Failed():
            return Words(
                title="The service could not make this video",
                what_happened=said,
                cost=NOT_CHARGED,
                next_step=_after_refusal(said),
            )
        case Busy():
            return Words(
                title="Too many requests",
                what_happened=said,
                cost=_cost(error),
                next_step=f"Wait {_for_how_long(error.retry_after)}, then try again.",
            )
        case Unreachable():
            return Words(
                title="No answer from the service",
                what_happened=said,
                cost=_cost(error),
                next_step="Look again later." if error.generation_id else "Then try again.",
            )
        case SubmissionUncertain():
            return Words(
                title="Not known whether it was taken",
                what_happened=said,
                cost="",
                next_step="It is not sent again by itself.",
            )
        case TookTooLong():
            return Words(
                title="We stopped looking",
                what_happened=said,
                cost=CHARGED_WHEN_COMPLETE,
                next_step="The id is kept: look again later.",
            )
        case DownloadFailed():
            return Words(
                title="The video did not arrive",
                what_happened=said,
                cost="The video is paid for and stays at the service for a while.",
                next_step="Fetch it again.",
            )
    return Words(title="Something went wrong", what_happened=said, cost="", next_step="")


def clock(seconds: float) -> str:
    """Minutes and seconds: 0:42."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def dollars(amount: float | None) -> str:
    """An estimate in US dollars; never a guess."""
    if amount is None:
        return "price not known"
    return "free" if amount == 0 else f"about ${amount:.2f}"


def _after_refusal(said: str) -> str:
    about = said.lower()
    if "enhance" in about:
        return "Leave enhance_prompt on: Veo 3.1 does not allow turning it off."
    if "audio" in about or "sound" in about:
        return "Try without sound, or with other words for it."
    return "Change the prompt, then try again."


def _cost(error: VeoError) -> str:
    return CHARGED_WHEN_COMPLETE if error.generation_id else NOT_CHARGED


def _for_how_long(seconds: float | None) -> str:
    if seconds is None:
        return "a minute"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
