"""An error comes back from the ledger as it was raised, with the facts that decide."""

import json
from typing import get_args

import pytest

from backend.stored_errors import error_as_json, error_from_json
from veo import explain
from veo.types import (
    About,
    Busy,
    DownloadFailed,
    Failed,
    Reason,
    Refused,
    Setting,
    SubmissionUncertain,
    Unreachable,
    VideoRequest,
)

FOX = VideoRequest("fox", seed=7)
ERRORS = [
    *(Refused("No.", reason=reason) for reason in get_args(Reason)),
    *(Refused("No.", about=about) for about in get_args(About)),
    *(Failed("It broke.", about=about) for about in get_args(About)),
    DownloadFailed("HTTP 410.", expired=True),
    DownloadFailed("It was cut off."),
    SubmissionUncertain.after("The service did not answer"),
    Busy("Too many.", retry_after=7.0),
    Unreachable("No answer."),
    *(Unreachable("No way.", setting=setting) for setting in get_args(Setting)),
    *(DownloadFailed("No way.", setting=setting) for setting in get_args(Setting)),
]


def known_of(error):
    return type(error), str(error), vars(error), getattr(error, "event", "")


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_error_comes_back_as_it_was_raised(error):
    error.generation_id = "a"
    stored = json.loads(json.dumps(error_as_json(error)))
    assert known_of(error_from_json(stored, "a")) == known_of(error)


UNCERTAIN = (
    "The server stopped while the request was sent: the clip may be in the making, and may "
    "cost. Look at your account before you send it again."
)
OLD_ROWS = [
    ("Refused", "prompt: Refused by the content policy.", {"about": "policy"}),
    ("Refused", "duration must be one of 4, 6, 8", {"about": "setting"}),
    ("Failed", "The audio of this video was refused by a filter.", {"about": "sound"}),
    ("Failed", "Nobody knows why.", {"about": None}),
    (
        "DownloadFailed",
        "The video's address is no longer valid (HTTP 410). Ask.",
        {"expired": True},
    ),
    ("DownloadFailed", "The download stopped: the connection was lost.", {"expired": False}),
    ("SubmissionUncertain", UNCERTAIN, {"event": "The server stopped while the request was sent"}),
    ("SubmissionUncertain", "It rained.", {"event": ""}),
]


@pytest.mark.parametrize(("kind", "text", "facts"), OLD_ROWS)
def test_a_row_of_before_the_facts_were_kept_has_them_by_its_text(kind, text, facts):
    reason = "request" if kind == "Refused" else None
    row = {"kind": kind, "text": text, "reason": reason, "retry_after": None}
    error = error_from_json(row, "a")
    assert (type(error).__name__, str(error), error.generation_id) == (kind, text, "a")
    assert {name: getattr(error, name) for name in facts} == facts


def test_an_old_uncertain_row_is_told_as_a_new_one():
    row = {"kind": "SubmissionUncertain", "text": UNCERTAIN, "reason": None, "retry_after": None}
    for is_demo in (False, True):
        old, new = (
            explain.explain_error(error, request=FOX, is_demo=is_demo)
            for error in (
                error_from_json(row, None),
                SubmissionUncertain.after("The server stopped while the request was sent"),
            )
        )
        assert old == new


def test_a_row_without_an_error_has_none():
    assert error_from_json(None, "a") is None
