"""The states of a job in words: in the list of clips, on its way, at its end.

What an error or the service's own status means stands in `veo.explain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from backend.ledger import LimitReached
from backend.picture_rows import PicturesFull
from veo.explain import (
    CHARGED,
    CHARGED_WHEN_COMPLETE,
    DEMO_FREE,
    OWNER_CHARGED_WHEN_COMPLETE,
    STATUSES,
    UNCERTAIN,
    Explanation,
    as_sentence,
    dollars,
    explain_status,
)
from veo.types import Update

STATES = {
    "prepared": "About to be sent",
    "submitting": "Being sent",
    "running": "Being made",
    "downloading": "Being fetched",
    "done": "Ready",
    "rejected": "Refused",
    "uncertain": UNCERTAIN,
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
    "The service may have got the first request. Then this makes and charges a second clip. "
    "Send it again anyway?"
)

STEPS = {
    "sent": "Sent",
    "queued": "Queued",
    "generating": "Generating",
    "saving": "Saving",
    "ready": "Ready",
}
"""The way of a clip, in order."""


EMPTY = Explanation(
    title="Ready when you are",
    what_happened="Write a prompt, then press Generate.",
    cost="Nothing is sent before that.",
)

OFFER_CHANGED = Explanation(
    title="The price has changed",
    what_happened="What it costs, or whose key pays, isn't what the button said.",
    cost="Nothing was sent.",
    next_step="Look at the button again, then press it.",
)

GONE = Explanation(
    title="That clip isn't here any more",
    what_happened="It was deleted, or this server no longer has its entry.",
    cost="Deleting costs nothing.",
)

REMOVED = Explanation(
    title="Removed to make room",
    what_happened="Newer clips needed its place on this server.",
    cost=CHARGED,
    next_step="Fetch it again, as long as the service has it.",
    actions=("fetch_again",),
)

STOPPED = Explanation(
    title="No longer watching",
    what_happened="The service keeps working.",
    cost=CHARGED_WHEN_COMPLETE,
    next_step="It continues in My clips.",
    actions=("check_again",),
)
"""On the page, whose server goes on looking; who stops the command reads `TookTooLong`."""

GOES_ON = "You can close this page \N{EN DASH} the clip will be in My clips."

WAITING: Mapping[str, Explanation] = {
    "sending": Explanation(
        title="Sending the request",
        what_happened="It is sent once.",
        cost=CHARGED_WHEN_COMPLETE,
    ),
    "looking": Explanation(
        title="Looking for it at the service",
        what_happened="Looking costs nothing.",
        cost=CHARGED_WHEN_COMPLETE,
    ),
    "queued": Explanation(
        title=STATUSES["queued"],
        what_happened="The service doesn't say how long the line is.",
        cost=CHARGED_WHEN_COMPLETE,
        next_step=GOES_ON,
    ),
    "generating": Explanation(
        title=STATUSES["generating"],
        what_happened="",
        cost=CHARGED_WHEN_COMPLETE,
        next_step=GOES_ON,
    ),
    "slow": Explanation(
        title="Taking longer than usual",
        what_happened="Still working. We keep checking.",
        cost=CHARGED_WHEN_COMPLETE,
        next_step=GOES_ON,
    ),
    "reconnecting": Explanation(
        title="No news from the service",
        what_happened="We keep checking.",
        cost=CHARGED_WHEN_COMPLETE,
        next_step=GOES_ON,
    ),
    "away": Explanation(
        title="We can't reach the list of clips",
        what_happened="The service keeps working on the clip. We keep checking.",
        cost=CHARGED_WHEN_COMPLETE,
        next_step=GOES_ON,
    ),
    "saving": Explanation(title=STATUSES["completed"], what_happened="", cost=CHARGED),
    "checking": Explanation(
        title="Checking the video",
        what_happened="It's here. We make sure that it's whole.",
        cost=CHARGED,
    ),
}
"""A job on its way."""

COMPLETE = ("saving", "checking")
"""Those in which the service has the video, and has charged it."""


def explain_waiting(
    state: str,
    update: Update | None = None,
    *,
    is_demo: bool = False,
    is_guest: bool = False,
    was_complete: bool = False,
    list_is_away: bool = False,
) -> Explanation:
    """A job on its way, by a name in `WAITING`, and what its last look showed.

    `is_guest` says that this server's key pays, and that its account is somebody else's;
    `was_complete` that the service had the video before, `list_is_away` that the ledger cannot be
    reached.
    """
    words = WAITING[state]
    if update and state in ("queued", "generating", "saving"):
        words = replace(words, title=explain_status(replace(update, trouble=None)))
    if update and update.trouble and state not in COMPLETE:
        words = WAITING["reconnecting"]
        trouble = as_sentence(update.trouble)
        words = replace(words, what_happened=f"{trouble} {words.what_happened}")
    if list_is_away:
        words = WAITING["away"]
    if was_complete:
        words = replace(words, cost=CHARGED)
    elif is_guest and (list_is_away or state not in COMPLETE):
        words = replace(words, cost=OWNER_CHARGED_WHEN_COMPLETE)
    return words.for_a_demo() if is_demo else words


def explain_stopped(
    *, is_demo: bool = False, is_guest: bool = False, was_complete: bool = False
) -> Explanation:
    """A job that goes on though whoever asked for it no longer waits."""
    words = replace(STOPPED, cost=OWNER_CHARGED_WHEN_COMPLETE) if is_guest else STOPPED
    words = replace(words, cost=CHARGED) if was_complete else words
    return words.for_a_demo() if is_demo else words


def explain_ready(
    facts: str,
    dollars_paid: float | None,
    *,
    is_demo: bool,
    is_told: bool = False,
    remarks: str = "",
) -> Explanation:
    """A finished clip; `facts` are its size and length in words.

    `is_told` says that the service told what was charged, `remarks` what is not as it should be.
    """
    cost = "Charged."
    if dollars_paid is not None:
        by_the_list = "" if is_told else " (list price)"
        cost = f"Charged {dollars(dollars_paid)}{by_the_list}." if dollars_paid else "It was free."
    title = "Your clip is ready"
    if is_demo:
        title, cost = "Your demo clip is ready", DEMO_FREE
    return Explanation(title=title, what_happened=facts, cost=cost, next_step=remarks)


def explain_state(state: str, *, gone: bool = False) -> str:
    """A job's state in the list; `gone` when its clip was removed to make room."""
    return "Removed to make room" if gone else STATES[state]


def explain_cost(
    state: str, payer: str, amount: float | None, *, was_complete: bool, is_told: bool = True
) -> str:
    """What a job costs, as far as it is known; empty where nothing can be said.

    A clip that was complete once is charged, whatever became of it here.  Where the service did
    not tell (`is_told`) what a finished one was charged, the list price is about that.
    """
    if payer == "demo":
        return "demo, free"
    if state in ("rejected", "failed") and not was_complete:
        return "nothing charged"
    if amount is None:
        return ""
    about = "" if is_told or state != "done" else "about "
    return about + dollars(amount) + ("" if was_complete else " if it completes")


def explain_limit(reached: LimitReached) -> str:
    """Which limit of the server's key one more clip would be above."""
    who = {"visitor": "You have", "everybody": "Visitors together have"}[reached.whose]
    if reached.counted == "clips":
        made = "1 clip" if reached.so_far == 1 else f"{reached.so_far:.0f} clips"
        said = f"{who} made {made} in 24 hours, and the limit is {reached.limit:g}."
    else:
        said = (
            f"{who} spent ${reached.so_far:,.2f} in 24 hours, this clip costs "
            f"${reached.this_clip:,.2f}, and the limit is ${reached.limit:,.2f}."
        )
    return f"{said} With an API key of your own you can go on."


def explain_full(full: PicturesFull) -> str:
    """Why one more picture is not kept."""
    if full.whose == "everybody":
        return "The server has no room for one more picture now. Try again in an hour."
    if full.for_an_hour:
        return "You have brought many pictures that no clip was made from. Try again in an hour."
    return "You keep as many pictures as you may here. Delete clips that were made from pictures."
