"""The figures in `docs/what-this-server-promises.md` are those of the code."""

import inspect
import re
from pathlib import Path

import pytest

from backend import config, jobs, look_limits
from page import texts
from page.gradio_patches import limits, no_files
from page.web import guard, half_sent
from veo.trace import Recent

PROMISES = " ".join(
    (Path(__file__).parents[2] / "docs" / "what-this-server-promises.md").read_text().split()
)
KIB, MIB = 1 << 10, 1 << 20
WORDS = {4: "four", 5: "five", 30: "thirty"}

kept = {name: each.default for name, each in inspect.signature(Recent).parameters.items()}
slow_half = half_sent.WholeInTime

FIGURES = [
    f"a body above {guard.LARGEST_BODY // KIB} KiB",
    f"{slow_half.head_seconds:.0f} s for its head, {slow_half.body_seconds:.0f} s for its body",
    f"more than {slow_half.at_once} half-sent requests from one address",
    f"{limits.AT_ONCE} events at once, {limits.OF_ONE_ADDRESS // MIB} MiB",
    f"more than all may hold together: {limits.TOGETHER // MIB} MiB",
    f"{limits.UNREAD} answers of one tab or program that nobody read",
    f"who reads nothing for {WORDS[limits.UNHEARD / 60]} minutes is forgotten",
    f"takes more than {limits.OF_ONE_REQUEST // MIB} MiB once it is read",
    f"names itself in more than {limits.LONGEST_NAME} characters",
    f"nested more than {no_files.DEEPEST} deep",
    f"at most {WORDS[look_limits.AT_ONCE]} at once",
    f"at most {WORDS[look_limits.A_MINUTE]} looks a minute",
    f"the last {kept['of_each']} of each of the last {kept['jobs']} clips",
    f"*{texts.FORGET_KEY}*",
]


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_the_codes(figure):
    assert figure in PROMISES


def test_half_a_minute_and_an_hour_are_the_codes():
    assert "rests half a minute after" in PROMISES and jobs.LEFT_AFTER == 30
    assert "forgotten an hour after" in PROMISES and config.read({}).key_seconds == 3600


def test_every_setting_that_is_named_is_one():
    named = set(re.findall(r"VEO_[A-Z_]+", PROMISES))
    assert named and named <= set(re.findall(r"VEO_[A-Z_]+", config.__doc__))
