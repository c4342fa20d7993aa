"""What a person reads: every state and error in words, with its cost and its next step.

The page and the command share it, so that both say the same.  It knows the client's types and
neither widgets nor terminals.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from veo.types import (
    Busy,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Reason,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoError,
    VideoRequest,
)

STATUSES = {
    "queued": "Waiting in line at the service",
    "generating": "Making the video",
    "completed": "Fetching the video",
}

NOT_CHARGED = "Nothing was charged."
CHARGED_WHEN_COMPLETE = "It is charged only if it completes."
CHARGED = "The clip is charged already; fetching it costs nothing more."
DEMO_FREE = "Demo clips are free."

LOOK_FIRST = "Look at your account before you send it again."

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

Action = Literal[
    "send",
    "without_sound",
    "another_seed",
    "with_auto_fix",
    "with_enhancement",
    "send_again",
    "check_again",
    "fetch_again",
    "bring_key",
    "change_prompt",
]

ACTIONS: Mapping[Action, str] = {
    "send": "Send again",
    "without_sound": "Again without sound",
    "another_seed": "Again with another seed",
    "with_auto_fix": "Again with auto-fix",
    "with_enhancement": "Again with enhancement",
    "send_again": "Send again anyway",
    "check_again": "Check again",
    "fetch_again": "Fetch again",
    "bring_key": "Give a key",
    "change_prompt": "Change the prompt",
}
"""What can be done next, and what its button says."""

SENDING: frozenset[Action] = frozenset(
    {"send", "without_sound", "another_seed", "with_auto_fix", "with_enhancement", "send_again"}
)
"""Those that make one new request."""

WITHOUT_A_JOB: frozenset[Action] = frozenset({"bring_key", "change_prompt"})
"""Those that make sense where no request was written down."""

STEPS = {
    "sent": "Sent",
    "queued": "Queued",
    "generating": "Generating",
    "saving": "Saving",
    "ready": "Ready",
}
"""The way of a clip, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A state or an error as a person should meet it."""

    title: str
    what_happened: str
    cost: str
    next_step: str = ""
    actions: tuple[Action, ...] = ()
    """What the page offers as buttons, the likeliest help first."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.what_happened, self.cost, self.next_step)))

    def for_a_demo(self) -> Words:
        """The same about a demo clip, which never costs anything."""
        return replace(self, cost=DEMO_FREE)


EMPTY = Words(
    title="Ready when you are",
    what_happened="Write a prompt, then press Generate.",
    cost="Nothing is sent before that.",
)

OFFER_CHANGED = Words(
    title="The price is another now",
    what_happened="What it costs, or whose key pays, has changed since the button said so.",
    cost="Nothing was sent.",
    next_step="Look at the button again, then press it.",
)

GONE = Words(
    title="That clip is not here any more",
    what_happened="It was deleted meanwhile.",
    cost="Deleting costs nothing.",
)

REMOVED = Words(
    title="Removed to make room",
    what_happened="Newer clips needed its place on this server.",
    cost=CHARGED,
    next_step="Fetch it again, as long as the service has it.",
    actions=("fetch_again",),
)

STOPPED = Words(
    title="Stopped looking",
    what_happened="The clip goes on without you.",
    cost=CHARGED_WHEN_COMPLETE,
    next_step="It appears under My clips.",
    actions=("check_again",),
)
"""On the page, whose server goes on looking; who stops the command reads `TookTooLong`."""

GOES_ON = "You may close this page: the clip goes on, under My clips."

WAITING: Mapping[str, Words] = {
    "sending": Words(
        title="Sending the request",
        what_happened="It is sent once.",
        cost=CHARGED_WHEN_COMPLETE,
    ),
    "looking": Words(
        title="Looking for it at the service",
        what_happened="Looking costs nothing.",
        cost=CHARGED_WHEN_COMPLETE,
    ),
    "queued": Words(
        title=STATUSES["queued"],
        what_happened="The service does not tell the place in line.",
        cost=CHARGED_WHEN_COMPLETE,
        next_step=GOES_ON,
    ),
    "generating": Words(
        title=STATUSES["generating"],
        what_happened="",
        cost=CHARGED_WHEN_COMPLETE,
        next_step=GOES_ON,
    ),
    "slow": Words(
        title="Taking longer than usual",
        what_happened="The service is still at it, and is asked again and again.",
        cost=CHARGED_WHEN_COMPLETE,
        next_step=GOES_ON,
    ),
    "reconnecting": Words(
        title="No news from the service",
        what_happened="Looking again.",
        cost=CHARGED_WHEN_COMPLETE,
        next_step=GOES_ON,
    ),
    "saving": Words(title=STATUSES["completed"], what_happened="", cost=CHARGED),
}
"""A job on its way."""


def explain_waiting(
    state: str, update: Update | None = None, *, is_demo: bool = False, was_complete: bool = False
) -> Words:
    """A job on its way, by a name in `WAITING`, and what its last look showed.

    `was_complete` says that the service had the video before.
    """
    words = WAITING[state]
    if update and state in ("queued", "generating", "saving"):
        words = replace(words, title=explain_status(replace(update, trouble=None)))
    if update and update.trouble and state != "saving":
        words = WAITING["reconnecting"]
        trouble = _sentence(update.trouble)
        words = replace(words, what_happened=f"{trouble} {words.what_happened}")
    if was_complete:
        words = replace(words, cost=CHARGED)
    return words.for_a_demo() if is_demo else words


def explain_stopped(*, is_demo: bool = False, was_complete: bool = False) -> Words:
    """A job that goes on though whoever asked for it no longer waits."""
    words = replace(STOPPED, cost=CHARGED) if was_complete else STOPPED
    return words.for_a_demo() if is_demo else words


def explain_ready(facts: str, dollars_paid: float | None, *, is_demo: bool) -> Words:
    """A finished clip; `facts` are its size and length in words."""
    cost = "It is charged, now that it is complete."
    if dollars_paid is not None:
        cost = f"It cost {dollars(dollars_paid)}." if dollars_paid else "It was free."
    if is_demo:
        return Words(title="Your demo clip is ready", what_happened=facts, cost=DEMO_FREE)
    return Words(title="Your clip is ready", what_happened=facts, cost=cost)


def explain_status(update: Update) -> str:
    """The state of a running generation, and what stands in the way if anything does.

    A word of the service that we do not know is shown as it came.
    """
    state = STATUSES.get(update.status, update.status)
    if update.status == "completed" and not update.video:
        state = "The video is ready, its address is not there yet"
    return f"{state}. {_sentence(update.trouble)} Looking again." if update.trouble else state


def explain_state(state: str, *, gone: bool = False) -> str:
    """A job's state in the list; `gone` when its clip was removed to make room."""
    return "Removed to make room" if gone else STATES[state]


def explain_cost(state: str, payer: str, amount: float | None, *, was_complete: bool) -> str:
    """What a job costs, as far as it is known; empty where nothing can be said.

    A clip that was complete once is charged, whatever became of it here.
    """
    if payer == "demo":
        return "demo, free"
    if state in ("rejected", "failed") and not was_complete:
        return "nothing charged"
    if amount is None:
        return ""
    return dollars(amount) + ("" if was_complete else " if it completes")


def explain_error(
    error: VeoError,
    *,
    request: VideoRequest | None = None,
    is_demo: bool = False,
    is_guest: bool = False,
    was_complete: bool = False,
) -> Words:
    """Title, cost, next step and actions for `error`; the one place where errors become words.

    `request` is what was sent, as far as it is known: without it nothing can be sent again.
    `is_guest` says that this server's key pays, and that its account is somebody else's.
    `was_complete` says that the service had the video before.
    """
    words = _explain(error, was_complete=was_complete)
    if is_guest:
        words = _for_a_guest(words, error)
    happened = _sentence(str(error)).removesuffix(LOOK_FIRST).strip() or words.title
    if is_demo:
        words = words.for_a_demo()
        if isinstance(error, SubmissionUncertain):
            happened = happened.replace(", and may cost.", ".")
            again = "Send it again: two demo clips cost no more than one."
            words = replace(words, next_step=again, actions=("send",))
    possible = tuple(action for action in words.actions if _is_possible(action, request))
    return replace(words, what_happened=happened, actions=possible[:2])


def _is_possible(action: Action, request: VideoRequest | None) -> bool:
    """Whether `action` would change anything about `request`."""
    if request is None:
        return action not in SENDING
    return {
        "without_sound": request.generate_audio,
        "with_auto_fix": not request.auto_fix,
        "with_enhancement": not request.enhance_prompt,
    }.get(action, True)


def _explain(error: VeoError, *, was_complete: bool) -> Words:
    """All but what happened.  With an id, a clip may come of it: no charge is ruled out."""
    has_id = bool(error.generation_id)
    cost = CHARGED if was_complete else CHARGED_WHEN_COMPLETE if has_id else NOT_CHARGED
    again = "look again" if has_id else "try again"
    retry: Action = "check_again" if has_id else "send"

    def words(title: str, cost: str, next_step: str, *actions: Action) -> Words:
        return Words(title=title, what_happened="", cost=cost, next_step=next_step, actions=actions)

    match error:
        case InvalidRequest():
            next_step = "Change it, then try again."
            return words("Something to change", "Nothing was sent.", next_step)
        case Refused(reason="no_key"):
            return words("A key is needed", cost, f"Give it, then {again}.", "bring_key", retry)
        case Refused(reason="key"):
            next_step = "Check it: your AI/ML API account shows your keys."
            return words("The key is not accepted", cost, next_step, "bring_key", retry)
        case Refused(reason="no_price"):
            next_step = f"{again.capitalize()} later, or give a key of your own."
            return words("The price is not known now", cost, next_step, retry, "bring_key")
        case Refused(reason="credits"):
            next_step = f"Top up your AI/ML API account, then {again}."
            return words("No credits left", cost, next_step, retry, "bring_key")
        case _ if was_complete and _has_expired(error):
            cost = "It was charged when it completed, and one more is charged again."
            next_step = "Sent again, with the same seed, it comes out much the same."
            return words("The service no longer has this video", cost, next_step, "send", retry)
        case Refused(reason="not_found") if has_id:
            next_step = "Check the id: it belongs to the key that made it."
            return words("Not found", "Looking costs nothing.", next_step, "bring_key", retry)
        case Refused(reason="not_found"):
            return words("Not found", cost, "Check the base URL: the service is not there.", retry)
        case Refused() if has_id:
            next_step = "Check the id, then look again."
            return words("The service does not show this video", cost, next_step, retry)
        case Refused():
            return _after_refusal(str(error), "The service refused this request")
        case Failed():
            # It has an id, yet the vendor says that failed generations are never charged.
            return _after_refusal(str(error), "The service could not make this video")
        case Busy():
            next_step = f"Wait {_for_how_long(error.retry_after)}, then {again}."
            # Whoever spends this server's key meets its limits; with their own they may go on.
            own_key: tuple[Action, ...] = () if has_id else ("bring_key",)
            return words("Too many requests", cost, next_step, retry, *own_key)
        case Unreachable():
            return words("No answer from the service", cost, f"{again.capitalize()} later.", retry)
        case SubmissionUncertain():
            cost = "If it was taken, it is charged once it completes."
            return words("Not known whether it was taken", cost, LOOK_FIRST, "send_again")
        case TookTooLong() if has_id:
            return words("We stopped looking", cost, "The id is kept: look again later.", retry)
        case TookTooLong():
            return words("We stopped", cost, "Try again.", retry)
        case DownloadFailed() if has_id:
            next_step = "It stays at the service for a while: fetch it again."
            return words("The video did not arrive", CHARGED, next_step, "fetch_again")
        case DownloadFailed():
            return words("The video did not arrive", cost, "Try again.", retry)
    if has_id:
        return words("Something went wrong", cost, "The id is kept: look again later.", retry)
    # An error that nobody foresaw: the request may have been on its way.
    cost = "Whether anything was charged is not known."
    next_step = "Look at your account before you try again."
    return words("Something went wrong", cost, next_step, "send_again")


_OF_THE_OWNER: Mapping[Reason, str] = {
    "no_key": "This server's key is not here: its owner has to give it",
    "key": "This server's key is not accepted: its owner has to check it",
    "credits": "This server's key has no credits left: its owner has to top it up",
}


def _for_a_guest(words: Words, error: VeoError) -> Words:
    """The same to whoever spends this server's key and cannot look at its account."""
    owners = _OF_THE_OWNER.get(error.reason) if isinstance(error, Refused) else None
    if owners and error.generation_id:
        # The clip is that key's: another does not find it.
        return replace(words, next_step=f"{owners}. Then look again.", actions=("check_again",))
    if owners:
        next_step = f"{owners}, or give a key of your own."
        return replace(words, next_step=next_step, actions=("bring_key", "send"))
    if "your account" in words.next_step:
        next_step = "The owner of this server sees in their account whether it was taken."
        return replace(words, next_step=next_step)
    return words


def _has_expired(error: VeoError) -> bool:
    """Whether `error`, about a video that was there, says that it or its file is no longer."""
    if isinstance(error, Refused):
        return error.reason == "not_found"
    link_is_dead = isinstance(error, DownloadFailed) and "no longer valid" in str(error)
    return link_is_dead or isinstance(error, Failed)


# What a refusal is about, by the service's own words; it has no codes for that.  Where "anything"
# stands between two words, a line is tried once, from its first or to its last such word.
_A_SETTING = re.compile(
    r"^(?>.*?expected\b).+\breceived\b(?! false)|expected (boolean|string|number|integer|one of)\b"
    r"|^(?>.*invalid (enum |literal )?(value|type|option)\b)(?!.*expected true)|unrecognized key"
    r"|must be (an? (boolean|string|number|integer)|one of|less|greater|at (least|most)|\d)",
    re.IGNORECASE | re.MULTILINE,
)
_ENHANCEMENT = re.compile(r"enhance_?prompt|prompt[ -]enhancement", re.IGNORECASE)
_SOUND = re.compile(
    r"generate_?audio|\b(audio|sound|soundtrack)\b|(?<!hate )\bspeech\b", re.IGNORECASE
)
_POLICY = re.compile(
    r"\b(polic(y|ies)|safety|unsafe|moderation)\b|(?<!case.)sensitive|violat|prohibited"
    r"|responsible ai",
    re.IGNORECASE,
)


def _after_refusal(said: str, title: str) -> Words:
    """What would help."""
    next_step = "Change the prompt or the settings, then try again."
    actions: tuple[Action, ...] = ("another_seed", "change_prompt")
    if _A_SETTING.search(said):
        next_step = "Change what it names, then try again."
        actions = ()
    elif _ENHANCEMENT.search(said):
        title = "Prompt enhancement is required"
        next_step = "Leave enhance_prompt on: Veo 3.1 does not allow turning it off."
        actions = ("with_enhancement", "change_prompt")
    elif _SOUND.search(said):
        title = "The sound was refused"
        next_step = "Try without sound, or with other words for it."
        actions = ("without_sound", "another_seed", "change_prompt")
    elif _POLICY.search(said):
        title = "The prompt was refused"
        next_step = "Change the prompt, or try another seed."
        actions = ("with_auto_fix", "another_seed", "change_prompt")
    return Words(
        title=title, what_happened="", cost=NOT_CHARGED, next_step=next_step, actions=actions
    )


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


def _for_how_long(seconds: float | None) -> str:
    if seconds is None:
        return "a minute"
    if seconds < 120:
        return f"{max(math.ceil(seconds), 1)} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:,.0f} hours"
