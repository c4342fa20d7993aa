"""The figures in `docs/what-this-server-promises.md` are those of the code."""

import inspect
import re
from pathlib import Path

import pytest

from backend import config, job, look_limits
from backend.recent_http import RecentHttp
from page import texts
from page.gradio_patches import no_files, queue
from page.web import clips_zip, guard, half_sent

PROMISES = " ".join(
    (Path(__file__).parents[2] / "docs" / "what-this-server-promises.md").read_text().split()
)
KIB, MIB = 1 << 10, 1 << 20
WORDS = {4: "four", 5: "five", 30: "thirty"}

kept = {name: each.default for name, each in inspect.signature(RecentHttp).parameters.items()}
slow_half = half_sent.BoundedConnection

FIGURES = [
    f"a body above {guard.LARGEST_BODY // KIB} KiB",
    f"{slow_half.head_seconds:.0f} s for its head, {slow_half.body_seconds:.0f} s for its body",
    f"more than {slow_half.max_half_sent} half-sent requests from one address",
    f"{queue.MAX_EVENTS_OF_AN_ADDRESS} events at once, {queue.MAX_BYTES_OF_AN_ADDRESS // MIB} MiB",
    f"more than all may hold together: {queue.MAX_BYTES // MIB} MiB",
    f"{queue.MAX_UNREAD} answers of one tab or program that nobody read",
    f"who reads nothing for {WORDS[queue.FORGET_AFTER / 60]} minutes is forgotten",
    f"takes more than {queue.MAX_REQUEST_BYTES // MIB} MiB once it is read",
    f"names itself in more than {queue.MAX_NAME} characters",
    f"nested more than {no_files.DEEPEST} deep",
    f"at most {WORDS[look_limits.AT_ONCE]} at once",
    f"at most {WORDS[look_limits.A_MINUTE]} looks a minute",
    f"the last {kept['of_each']} of each of the last {kept['jobs']} clips",
    f"*{texts.FORGET_KEY}*",
    f"`{clips_zip.PATH}` gives several clips",
]


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_the_codes(figure):
    assert figure in PROMISES


def test_half_a_minute_and_an_hour_are_the_codes():
    assert "rests half a minute after" in PROMISES and job.LEFT_AFTER == 30
    assert "forgotten an hour after" in PROMISES and config.read({}).key_seconds == 3600


def test_every_setting_that_is_named_is_one():
    named = set(re.findall(r"VEO_[A-Z_]+", PROMISES))
    assert named and named <= set(re.findall(r"VEO_[A-Z_]+", config.__doc__))
