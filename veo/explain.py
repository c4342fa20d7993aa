"""What a person reads of an error or a status: a title, its cost and the next step.

The page and the command share it, so that both say the same.  It decides by the attributes of an
error and never by its text.  It knows neither widgets nor terminals nor jobs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from veo.differences import Difference
from veo.models import MODELS
from veo.mp4 import Oddity
from veo.types import (
    About,
    Busy,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Reason,
    Refused,
    Setting,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoError,
    VideoRequest,
    maybe_sent,
)

STATUSES = {
    "queued": "Waiting in line at the service",
    "generating": "Making the video",
    "completed": "Fetching the video",
}

UNCERTAIN = "We don't know if the service got it"
"""The title of a request that left, and whose answer did not come."""

NOT_CHARGED = "Nothing was charged."
CHARGED_WHEN_COMPLETE = "You pay only if the clip completes."
CHARGED_IF_TAKEN = "If the service got it, you pay once it completes."
OWNER_CHARGED_WHEN_COMPLETE = "This server's owner pays, and only if the clip completes."
OWNER_CHARGED_IF_TAKEN = "If the service got it, this server's owner pays once it completes."
"""What costs mean to whoever spends this server's key: the last two."""
CHARGED = "The clip is already charged; fetching it costs nothing more."
DEMO_FREE = "Demo clips are free."

SETTINGS: Mapping[Setting, str] = {
    "VEO_CA_BUNDLE": "If the network signs certificates itself, as many companies' do, "
    "VEO_CA_BUNDLE has to name the file of its authority.",
    "VEO_PROXY": "If the network lets nothing out but through a proxy, VEO_PROXY has to name it, "
    "with its login if it asks for one.",
}
"""What may help where the network stands in the way; whoever runs the program sets it."""

LOOK_FIRST = "Check your AI/ML API account before sending again."

Action = Literal[
    "send",
    "without_sound",
    "another_seed",
    "with_auto_fix",
    "with_enhancement",
    "nearest_model",
    "send_again",
    "check_again",
    "fetch_again",
    "bring_key",
    "change_prompt",
]

ACTIONS: Mapping[Action, str] = {
    "send": "Send again",
    "without_sound": "Try without sound",
    "another_seed": "Try another seed",
    "with_auto_fix": "Try with auto-fix",
    "with_enhancement": "Try with enhancement",
    "nearest_model": "Use the nearest model",
    "send_again": "Send again anyway",
    "check_again": "Check again",
    "fetch_again": "Fetch again",
    "bring_key": "Enter a key",
    "change_prompt": "Change the prompt",
}
"""What can be done next, and what its button says."""

SENDING: frozenset[Action] = frozenset(
    {
        "send",
        "without_sound",
        "another_seed",
        "with_auto_fix",
        "with_enhancement",
        "nearest_model",
        "send_again",
    }
)
"""Those that make one new request."""

WITHOUT_A_JOB: frozenset[Action] = frozenset({"bring_key", "change_prompt"})
"""Those that make sense where no request was written down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A state or an error as a person meets it."""

    title: str
    what_happened: str
    cost: str
    next_step: str = ""
    actions: tuple[Action, ...] = ()
    """What the page offers as buttons, the likeliest help first."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.what_happened, self.cost, self.next_step)))

    def for_a_demo(self) -> Explanation:
        """The same about a demo clip, which never costs anything."""
        return replace(self, cost=DEMO_FREE)


def explain_status(update: Update) -> str:
    """The state of a running generation, and what stands in the way if anything does.

    A word of the service that we do not know is shown as it came.
    """
    state = STATUSES.get(update.status, update.status)
    if update.status == "completed" and not update.video:
        state = "The video is ready, its address is not there yet"
    return f"{state}. {as_sentence(update.trouble)} We keep checking." if update.trouble else state


def explain_error(
    error: VeoError,
    *,
    request: VideoRequest | None = None,
    is_demo: bool = False,
    is_guest: bool = False,
    was_complete: bool = False,
) -> Explanation:
    """Title, cost, next step and actions for `error`; the one place where errors become words.

    `request` is what was sent, as far as it is known: without it nothing can be sent again.
    `is_guest` says that this server's key pays, and that its account is somebody else's.
    `was_complete` says that the service had the video before.
    """
    words = _explain(error, was_complete=was_complete, is_guest=is_guest)
    if is_guest:
        words = _for_a_guest(words, error)
    happened = _what_happened(error, is_free=is_demo or is_guest) or words.title
    if is_demo:
        words = words.for_a_demo()
        if isinstance(error, SubmissionUncertain):
            again = "Send it again: two demo clips cost no more than one."
            words = replace(words, next_step=again, actions=("send",))
    possible = tuple(action for action in words.actions if _is_possible(action, request))
    return replace(words, what_happened=happened, actions=possible[:2])


def _what_happened(error: VeoError, *, is_free: bool) -> str:
    if isinstance(error, SubmissionUncertain) and error.event:
        # The error's own text says what to do, too; here that is the next step.
        return maybe_sent(error.event, is_free=is_free)
    happened = as_sentence(str(error))
    if isinstance(error, Unreachable | DownloadFailed) and error.setting:
        happened += f" {SETTINGS[error.setting]}"
    return happened


def _is_possible(action: Action, request: VideoRequest | None) -> bool:
    """Whether `action` would change anything about `request`."""
    if request is None:
        return action not in SENDING
    return {
        "without_sound": request.generate_audio,
        "with_auto_fix": request.auto_fix is False,
        "with_enhancement": request.enhance_prompt is False,
        "another_seed": request.seed is not None,
    }.get(action, True)


def _explain(error: VeoError, *, was_complete: bool, is_guest: bool) -> Explanation:
    """All but what happened.  With an id, a clip may come of it: no charge is ruled out, and it is
    looked for again instead of sent again."""
    if was_complete and _has_expired(error):
        return _EXPIRED
    words = _by_kind(error, is_guest=is_guest)
    cost, again = NOT_CHARGED, "try again"
    retry: Action = "send"
    if error.generation_id:
        cost = OWNER_CHARGED_WHEN_COMPLETE if is_guest else CHARGED_WHEN_COMPLETE
        again, retry = "look again", "check_again"
    next_step = words.next_step.format(again=again, Again=again.capitalize())
    actions = tuple(retry if each == "send" else each for each in words.actions)
    cost = words.cost or (CHARGED if was_complete else cost)
    return replace(words, cost=cost, next_step=next_step, actions=actions)


def _words(title: str, next_step: str, *actions: Action, cost: str = "") -> Explanation:
    """Words to which `_explain` gives the usual `cost` if they have none, and what is meant by
    `{again}` and by sending."""
    return Explanation(
        title=title, what_happened="", cost=cost, next_step=next_step, actions=actions
    )


_EXPIRED = _words(
    "The service no longer has this video",
    "Sent again with the same seed, it is nearly the same clip.",
    "send",
    "check_again",
    cost="It was charged when it completed, and one more is charged again.",
)

_REFUSED: Mapping[Reason, Explanation] = {
    "no_key": _words("A key is needed", "Enter it, then {again}.", "bring_key", "send"),
    "key": _words(
        "The key is not accepted",
        "Check it: your AI/ML API account shows your keys.",
        "bring_key",
        "send",
    ),
    "no_price": _words(
        "No price available", "{Again} later, or enter a key of your own.", "send", "bring_key"
    ),
    "credits": _words(
        "No credits left", "Top up your AI/ML API account, then {again}.", "send", "bring_key"
    ),
    "guard": _words(
        "The request did not get through",
        "It may be a firewall, a VPN or a sign-in page of the network: "
        "try from another one, or later.",
        "send",
    ),
    "forbidden": _words(
        "The service does not allow this",
        "Look at your AI/ML API account for what it names, then {again}.",
        "send",
        "bring_key",
    ),
}
"""What is refused whatever was asked for."""


def _by_kind(error: VeoError, *, is_guest: bool) -> Explanation:
    match error:
        case InvalidRequest():
            next_step = "Change it, then try again."
            return _words("Something to change", next_step, cost="Nothing was sent.")
        case Refused():
            return _of_refusal(error)
        case Failed():
            # It has an id, yet the vendor says that failed generations are never charged.
            return _after_refusal(error.about, "The service could not make this video")
        case Busy():
            next_step = f"Wait {_for_how_long(error.retry_after)}, then {{again}}."
            # Whoever spends this server's key meets its limits; with their own they may go on.
            own_key: tuple[Action, ...] = () if error.generation_id else ("bring_key",)
            return _words("Too many requests", next_step, "send", *own_key)
        case Unreachable():
            return _words("No answer from the service", "{Again} later.", "send")
        case SubmissionUncertain():
            cost = OWNER_CHARGED_IF_TAKEN if is_guest else CHARGED_IF_TAKEN
            return _words(UNCERTAIN, LOOK_FIRST, "send_again", cost=cost)
        case TookTooLong() if error.generation_id:
            return _words("We stopped looking", "The id is kept: look again later.", "send")
        case TookTooLong():
            return _words("We stopped", "Try again.", "send")
        case DownloadFailed():
            return _of_download(error)
    if error.generation_id:
        return _words("Something went wrong", "The id is kept: look again later.", "send")
    # An error that nobody foresaw: the request may have been on its way.
    cost = "We don't know if anything was charged."
    return _words("Something went wrong", LOOK_FIRST, "send_again", cost=cost)


def _of_refusal(error: Refused) -> Explanation:
    has_id, reason = bool(error.generation_id), error.reason
    is_about_a_request = reason == "forbidden" and error.about and not has_id
    if reason in _REFUSED and not is_about_a_request:
        return _REFUSED[reason]
    if reason == "model_gone":
        does_the_same: tuple[Action, ...] = ("nearest_model",) if error.nearest in MODELS else ()
        return _words("The service no longer has this model", _instead(error), *does_the_same)
    if reason == "not_found" and has_id:
        next_step, free = (
            "Check the id: it belongs to the key that made it.",
            "Looking costs nothing.",
        )
        return _words("Not found", next_step, "bring_key", "send", cost=free)
    if reason == "not_found":
        return _words("Not found", "Check the base URL: the service is not there.", "send")
    if has_id:
        title = "The service does not show this video"
        return _words(title, "Check the id, then look again.", "send")
    return _after_refusal(error.about, "The service refused this request")


def _of_download(error: DownloadFailed) -> Explanation:
    if error.kept:
        next_step = "Another player may show it; else fetch it again from the service."
        return _words("The video cannot be shown", next_step, "fetch_again", cost=CHARGED)
    title = "The video did not arrive"
    if error.generation_id:
        next_step = "It stays at the service for a while: fetch it again."
        return _words(title, next_step, "fetch_again", cost=CHARGED)
    return _words(title, "Try again.", "send")


_OF_THE_OWNER: Mapping[Reason, str] = {
    "no_key": "This server's key is not here: its owner has to give it",
    "key": "This server's key is not accepted: its owner has to check it",
    "credits": "This server's key has no credits left: its owner has to top it up",
    "forbidden": "The service refuses this server's key: its owner has to look at the account",
}


def _for_a_guest(words: Explanation, error: VeoError) -> Explanation:
    """The same to whoever spends this server's key and cannot look at its account."""
    owners = _OF_THE_OWNER.get(error.reason) if isinstance(error, Refused) else None
    if owners and error.generation_id:
        # The clip is that key's: another does not find it.
        return replace(words, next_step=f"{owners}. Then look again.", actions=("check_again",))
    if owners:
        next_step = f"{owners}, or enter a key of your own."
        return replace(words, next_step=next_step, actions=("bring_key", "send"))
    if "send_again" in words.actions:
        # It is not known whether the request was taken, and the account would tell.
        next_step = "The owner of this server sees in their account if the service got it."
        return replace(words, next_step=next_step)
    return words


def _instead(error: Refused) -> str:
    """What to do about a model that is gone."""
    nearest = MODELS.get(error.nearest or "")  # a stored error may name one that is lost by now
    if not nearest:
        return "Choose another model."
    return f"Choose {nearest.in_full} ({error.nearest}), which does the same."


def _has_expired(error: VeoError) -> bool:
    """Whether `error`, about a video that was there, says that it or its file is no longer."""
    if isinstance(error, Refused):
        return error.reason == "not_found"
    link_is_dead = isinstance(error, DownloadFailed) and error.expired
    return link_is_dead or isinstance(error, Failed)


def _after_refusal(about: About | None, title: str) -> Explanation:
    """What would help."""
    next_step = "Change the prompt or the settings, then try again."
    actions: tuple[Action, ...] = ("another_seed", "change_prompt")
    match about:
        case "setting":
            next_step = "Change what it names, then try again."
            actions = ()
        case "enhancement":
            title = "Prompt enhancement is required"
            next_step = "Leave prompt enhancement on: Veo 3.1 does not allow turning it off."
            actions = ("with_enhancement", "change_prompt")
        case "sound":
            title = "The sound was refused"
            next_step = "Try without sound, or with other words for it."
            actions = ("without_sound", "another_seed", "change_prompt")
        case "policy":
            title = "The prompt was refused"
            next_step = "Change the prompt first. Another seed rarely helps."
            # The same words on another seed are refused again, as a rule.
            actions = ("change_prompt", "with_auto_fix", "another_seed")
    return _words(title, next_step, *actions, cost=NOT_CHARGED)


def explain_differences(found: Sequence[Difference]) -> str:
    """What came that was not asked for, in one line; empty if all is as asked."""
    if not found:
        return ""
    asked = ", ".join(_setting(each.setting, each.asked) for each in found)
    came = list(dict.fromkeys(_setting(each.setting, each.came) for each in found))
    return f"Not as asked: {asked}; it came with {', '.join(came)}."


def _setting(name: str, value: str | float) -> str:
    match name:
        case "duration":
            return f"{value:g} s"
        case "generate_audio":
            return "sound" if value else "no sound"
    return str(value).replace("x", " × ")


ODDITIES: Mapping[Oddity, str] = {
    "bytes_after": "Something that is no part of the film follows its end.",
    "open_end": "Its last part does not say how long it is.",
    "overlong": "Its last part says that it is longer than the file.",
    "other_beginning": "It does not begin as other clips do.",
    "fragments": "It comes in fragments.",
}


def explain_oddities(odd: Sequence[Oddity]) -> str:
    """What is odd about a clip that plays, in one line; empty if nothing is."""
    if not odd:
        return ""
    return " ".join([*(ODDITIES[each] for each in odd), "All of the film is there."])


def clock(seconds: float) -> str:
    """Minutes and seconds: 0:42."""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    return f"{minutes}:{rest:02d}"


def dollars(amount: float | None) -> str:
    """US dollars by the price list or as charged, never a guess: money looks the same all over."""
    if amount is None or not math.isfinite(amount):
        return "no price available"
    if 0 < amount < 0.01:
        return "less than $0.01"
    if not amount:
        return "free"
    return f"${amount:,.2f}"


def as_sentence(text: str) -> str:
    """`text` with a full stop: the service leaves it out, and more is said after it."""
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."


def _for_how_long(seconds: float | None) -> str:
    if seconds is None:
        return "a minute"
    if seconds < 120:
        return f"{max(math.ceil(seconds), 1)} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:,.0f} hours"
