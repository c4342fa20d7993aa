"""What can be typed behind the command, and what stands in a list of films: its options by name.

It reads them and says what is wrong with one.  What they do, it does not know.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from veo.film_list import Row
from veo.models import CHOICES, MODELS
from veo.terminal import EXIT_CODES
from veo.types import InvalidRequest, VideoRequest

__all__ = ["COLUMNS", "options_of_row", "read_options", "request_fields", "to_place"]


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    options.is_literal = "--" in given
    if options.budget is not None and options.list is None:
        parser.error("--budget is for the list of --from")
    others = ("price", *INPUT_OPTIONS)
    if options.resume is not None and (
        any(getattr(options, each) for each in others) or request_fields(options)
    ):
        parser.error("--resume fetches what was asked for then: only -o and --json go with it")
    return options


def request_fields(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of the request; the rest is left to its defaults."""
    names = {field.name for field in fields(VideoRequest)}
    return {name: value for name, value in vars(options).items() if name in names}


YES, NO = ("yes", "y", "true", "on", "1", "x"), ("no", "n", "false", "off", "0")
"""What stands in the cell of a switch."""


def options_of_row(options: argparse.Namespace, row: Row) -> argparse.Namespace:
    """The command's options with those of the row, as if it had been typed."""
    parser, typed = _parser(), list[str]()
    parser.of_a_row = True
    # The row's own take the place of the command's, and do not come to them.
    known = vars(options) | {"list": None, "is_literal": True}
    for name, cell in row.cells.items():
        if name in SWITCHES:
            if _is_yes(name, cell):
                typed.append(f"--{name}")
            elif SWITCHES[name] != "grade":
                known.pop(SWITCHES[name], None)
            elif known["grade"] == name:
                known["grade"] = None
        elif name == "reference":
            typed += [f"--reference={each}" for each in cell.split()]
        elif name != "prompt":
            typed.append(f"--{name}={cell}")
    if row.cells.keys() & {"image", "last-frame-of"}:
        known |= {"image": None, "last_frame_of": None}
    if "reference" in row.cells:
        known["references"] = None
    return parser.parse_args(
        [*typed, "--", row.cells.get("prompt", "")], argparse.Namespace(**known)
    )


def _is_yes(name: str, cell: str) -> bool:
    if cell.lower() not in YES + NO:
        raise InvalidRequest(f"{name} is {cell!r}: write yes or no.", field="from")
    return cell.lower() in YES


def _size(choice: object) -> tuple[bool, int, str]:
    """The order of `360p`, `1080p` and `4k`, of numbers, and of shapes."""
    text = str(choice)
    return text.endswith("k"), len(text), text


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong with a row of a list by an error, for the command has not ended."""

    of_a_row = False

    def error(self, message: str) -> NoReturn:
        if self.of_a_row:
            raise InvalidRequest(f"{message}.", field="from")
        super().error(message)


def _parser() -> _Parser:
    parser = _Parser(
        usage='%(prog)s "PROMPT" | --from FILE.csv [-o PATH] [options]\n'
        "       %(prog)s --resume ID [-o PATH]",
        description="Make one clip with Veo 3.1, or a demo clip when AIMLAPI_KEY is not set.",
        epilog="models:\n"
        + "\n".join(f"  {name:45}  {', '.join(each.does)}" for name, each in MODELS.items())
        + "\n\nexit codes:\n"
        + "\n".join(f"  {code}  {text}" for code, text in EXIT_CODES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "prompt",
        nargs="?",
        default=argparse.SUPPRESS,
        metavar="PROMPT",
        help="scene, subject, action; - reads it from standard input; one that begins with a dash "
        "goes last, after --",
    )
    what.add_argument(
        "--resume", metavar="ID", help="fetch the clip of an earlier request; --resume=ID for any"
    )
    what.add_argument(
        "--from",
        dest="list",
        type=Path,
        metavar="FILE.csv",
        help="make a clip of each row: prompt, and any option as a column",
    )
    parser.add_argument(
        "--budget",
        type=_dollars,
        metavar="USD",
        help="what the whole list of --from may cost at most",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=to_place,
        default=Path(),
        metavar="PATH",
        help="a new file, or a folder for clip.mp4, clip-2.mp4 and so on (default: this folder); "
        "of a list a folder, made if need be",
    )
    _add_inputs(parser)
    parser.add_argument("--price", action="store_true", help="print the estimate; make nothing")
    parser.add_argument("--json", action="store_true", help="progress as JSON lines")
    _add_request_options(parser)
    return parser


SWITCHES = {
    "fast": "grade",
    "lite": "grade",
    "no-audio": "generate_audio",
    "no-enhance-prompt": "enhance_prompt",
    "no-auto-fix": "auto_fix",
}
"""Options without a value, and what each of them sets."""
COLUMNS = frozenset(
    {
        *("prompt", "output", "image", "last-image", "last-frame-of", "reference", "extend"),
        *("model", "aspect-ratio", "duration", "resolution", "negative-prompt", "seed"),
        *("person-generation", "provider", "task", *SWITCHES),
    }
)
"""What a list may have of each film: the names of options."""

INPUT_OPTIONS = ("image", "last_frame_of", "last_image", "references", "extend", "grade")
"""What says of what a film is made, beside the fields of a request."""


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    """What the film is made of beside the words; the model follows from it."""
    first = parser.add_mutually_exclusive_group()
    first.add_argument("--image", metavar="FILE|URL", help="the first frame")
    first.add_argument(
        "--last-frame-of", metavar="ID|FILE", help="the first frame: the last of another clip"
    )
    parser.add_argument("--last-image", metavar="FILE|URL", help="the last frame, with a first")
    parser.add_argument(
        "--reference",
        dest="references",
        action="append",
        metavar="FILE|URL",
        help="who or what is to be seen; up to three times",
    )
    parser.add_argument("--extend", metavar="ID|FILE|URL", help="a clip to go on from")
    grade = parser.add_mutually_exclusive_group()
    for name, text in (("fast", "less waiting, at less cost"), ("lite", "the least cost")):
        grade.add_argument(f"--{name}", dest="grade", action="store_const", const=name, help=text)


def _dollars(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (dollars := float(text)) < math.inf:
            return dollars
    raise argparse.ArgumentTypeError(f"{text!r} are no dollars")


def to_place(text: str) -> Path:
    """What a shell would take `text` for: behind `--output=` it leaves a `~` as it is."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # a home of nobody
        return Path(text)


def _add_request_options(parser: argparse.ArgumentParser) -> None:
    defaults = VideoRequest("defaults")
    add = partial(parser.add_argument, default=argparse.SUPPRESS)
    add("--model", choices=[*MODELS], metavar="MODEL", help="wins over what the above says")
    for name, of_each_model, metavar in (
        ("aspect_ratio", "aspect_ratios", "W:H"),
        ("duration", "durations", "SECONDS"),
        ("resolution", "resolutions", "SIZE"),
    ):
        default = getattr(defaults, name)
        # What any model takes; the request checks the combination.
        taken = {choice for model in MODELS.values() for choice in getattr(model, of_each_model)}
        choices = sorted(taken, key=_size)
        add(
            f"--{name.replace('_', '-')}",
            type=type(default),
            choices=choices,
            metavar=metavar,
            help=f"{', '.join(map(str, choices))}, as the model takes it (mostly {default})",
        )
    add("--negative-prompt", metavar="TEXT", help="what to avoid, as nouns")
    add("--seed", type=int, metavar="N", help="the same prompt and seed give nearly the same clip")
    tasks = list(dict.fromkeys(each for model in MODELS.values() for each in model.tasks.values()))
    words: Sequence[object]
    for name, words, text in (
        ("person_generation", CHOICES["person_generation"], "of lite: dont_allow, allow_adult"),
        ("provider", CHOICES["provider"], "who makes it, of Veo: auto, google, fal"),
        ("task", tasks, f"of a model that asks: {', '.join(tasks)}"),
    ):
        add(f"--{name.replace('_', '-')}", choices=words, metavar="WORD", help=text)
    for option, field, text in (
        ("--no-audio", "generate_audio", "a silent clip"),
        (
            "--no-enhance-prompt",
            "enhance_prompt",
            "send the prompt as it is (Veo 3.1 may refuse that)",
        ),
        ("--no-auto-fix", "auto_fix", "do not rewrite a prompt that the content policy refuses"),
    ):
        add(option, dest=field, action="store_false", help=text)
