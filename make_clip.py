"""One clip from the terminal.

    python make_clip.py "a fox in the snow, low sun" -o fox.mp4

Progress in every form goes to standard error, the path of the saved clip alone to standard output.
The key comes from AIMLAPI_KEY, never from an option that a shell would remember; without one the
demo service is started.  This module knows arguments and terminals; waiting, money and HTTP are the
client's.

With a key, `requests` is all it needs.  The extra `media` adds that a clip is decoded to its end
and keeps its settings inside; the extra `demo` adds the demo service.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import fields
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from veo import explain
from veo.files import publish, reason, try_out
from veo.given import Given, model_for
from veo.models import LONGEST_PROMPT
from veo.settings import plain
from veo.terminal import CONTROL_CHARACTERS, DONE, EXIT_CODES, Progress, at_stop, write
from veo_client import (
    MODELS,
    DownloadFailed,
    InvalidRequest,
    Unreachable,
    VeoClient,
    VeoError,
    Video,
    VideoRequest,
)

try:
    from veo import media
except ModuleNotFoundError:  # av and Pillow are an extra
    media = None  # type: ignore[assignment]  # a module that is not there

DEMO_SECONDS = 6.0
DEMO_EXPECTED = 8.0

LONGEST_ANSWER_TO_A_STOP = 3.0
"""Seconds; the demo service first finishes the clip that it draws."""

ONE_STOP = 0.5
"""Seconds in which several signals are one stop: a shell and its terminal may each send one."""

MIN_FREE_BYTES = 1 << 20
"""Bytes that must fit where the clip will go: about a small clip."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one clip and return the exit code; without `arguments`, as the program itself."""
    options = _options(arguments)
    progress = Progress(sys.stderr, as_json=options.json)
    if arguments is None:
        at_stop(Stop(progress))
    with ExitStack() as stack:
        try:
            _run(options, stack, progress)
        except VeoError as error:
            code = progress.failed(error)
        except KeyboardInterrupt:
            code = progress.interrupted()
        else:
            return DONE
    if progress.is_unread:
        _write_down(progress, options.output)
    return code


def _run(options: argparse.Namespace, stack: ExitStack, progress: Progress) -> None:
    request, given = None, Given()
    if options.resume is None:
        fields = _request_fields(options) | _prompt(options, progress)
        request = VideoRequest(**_with_inputs(options, fields, given))
    else:
        _check_id(options.resume)
    if request and options.price:
        _print_price(_client(stack, progress), request, progress)
        return
    _check_place(options.output)
    client = _client(stack, progress) if request else VeoClient()
    if request:
        given.make_ready(request, client)
    progress.begin(options.resume, _resume_command(options))
    if request:
        expected = DEMO_EXPECTED if progress.demo else None
        updates = client.generate(
            request, attach=given.attach, expected=expected, sleep=progress.sleep
        )
    else:
        updates = client.follow(options.resume, sleep=progress.sleep)
    video = progress.watch(updates)
    path, facts = _receive(client, video, options.output, request)
    progress.saved(path, facts, request, video.usd_spent)
    write(sys.stdout, os.fsencode(path) + b"\n")


def _client(stack: ExitStack, progress: Progress) -> VeoClient:
    """The real service with a key; without one, the demo service, started here."""
    client = VeoClient()
    if client.has_key or plain(os.environ.get("AIMLAPI_BASE_URL")):
        return client
    # Imported here, for it takes longer than all the rest and nobody with a key needs it.
    try:
        from demo_server import DemoServer
    except ModuleNotFoundError as error:
        raise InvalidRequest(
            f"No AIMLAPI_KEY, and the demo service needs {error.name}, which is not installed: set "
            f'the key, or run pip install "film-a-sentence[demo]".',
            field="api_key",
        ) from error

    progress.demo = True
    progress.say(
        "demo", "No AIMLAPI_KEY: this is the demo service, which makes simple drawings, free."
    )
    try:
        server = stack.enter_context(DemoServer(seconds=DEMO_SECONDS))
    except OSError as error:
        raise Unreachable(f"The demo service cannot start: {reason(error)}.") from error
    return VeoClient("demo", base_url=server.base_url)


def _print_price(client: VeoClient, request: VideoRequest, progress: Progress) -> None:
    dollars = client.price(request.model).estimate(request)
    progress.say("price", "", dollars=dollars)
    write(sys.stdout, f"{explain.dollars(dollars)}\n".encode())


def _check_id(generation_id: str) -> None:
    # What a shell gave in another encoding than this one's cannot be sent.
    if generation_id.encode(errors="ignore").decode() != generation_id or not generation_id.strip():
        raise InvalidRequest("Give --resume the id as it was printed.", field="generation_id")


# What is to be filmed


def _prompt(options: argparse.Namespace, progress: Progress) -> dict[str, str]:
    """The prompt as it is meant: `-` is what standard input holds, and what looks like an option
    that went wrong is asked about, for it would be paid for."""
    if options.prompt == "-" and not options.is_literal:
        return {"prompt": _read_prompt(progress)}
    if _looks_like_an_option(options.prompt) and not options.is_literal and not options.price:
        _require_yes(options.prompt)
    return {}


def _read_prompt(progress: Progress) -> str:
    if sys.stdin is None:
        raise InvalidRequest("Nothing can be read: standard input is closed.", field="prompt")
    if sys.stdin.isatty():
        progress.say("reading", "Type the prompt, then Ctrl-D on a line of its own.")
    try:
        # A character is four bytes at most, and one more tells that there are too many.
        read = sys.stdin.buffer.read(4 * LONGEST_PROMPT + 4)
        return read.decode(
            "utf-8-sig", "strict" if len(read) <= 4 * LONGEST_PROMPT else "ignore"
        ).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"Standard input holds no text in UTF-8 ({type(error).__name__}).", field="prompt"
        ) from None


OPTION_LIKE = re.compile(r"[-@/\u2010-\u2015\u2212\ufe58\ufe63\uff0d]\S*")
"""One word that begins as an option does, or as a file's name does for other programs."""


def _looks_like_an_option(prompt: str) -> bool:
    word = prompt.strip()
    return bool(OPTION_LIKE.fullmatch(word)) or ("." in word and _is_file(word))


def _is_file(name: str) -> bool:
    with suppress(OSError, ValueError):  # too long for one, or with a NUL in it
        return Path(name).is_file()
    return False


def _require_yes(prompt: str) -> None:
    """Ask whether `prompt` is one; where nobody can answer, it is not."""
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty():
        shown = prompt.translate(CONTROL_CHARACTERS)
        write(
            sys.stderr, f'Film "{shown}"? It looks like an option. [y/N] '.encode(errors="replace")
        )
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
    raise InvalidRequest(
        f"{prompt} looks like an option or a file, so nothing was sent. If it is the prompt, put "
        "-- before it; to read one from a file, give - and the file as standard input.",
        field="prompt",
    )


# Where the clip goes.  `place` is a file to be, or a folder in which a name is chosen.


def _check_place(place: Path) -> None:
    """See that a clip can be saved at `place`, before anything is paid for."""
    path = place
    try:
        if os.path.lexists(place) and not place.is_dir():
            raise InvalidRequest(f"{place} exists already: choose another name.", field="output")
        path = _claim(place)
        try:
            path.write_bytes(bytes(MIN_FREE_BYTES))
        finally:
            path.unlink()
        try_out(path.parent)
    except OSError as error:
        raise InvalidRequest(
            f"Cannot write {error.filename or path} ({reason(error)}): make that possible, or "
            "choose another place with -o.",
            field="output",
        ) from error


def _receive(
    client: VeoClient, video: Video, place: Path, request: VideoRequest | None
) -> tuple[Path, media.Facts | None]:
    """Fetch the clip, see that it is whole, give it its name.

    Without `media` that means down to its last byte, and the clip stays as it came.
    """
    body = request.noted() if request else None
    facts = None
    try:
        unnamed = _beside(place, video.generation_id, ".mp4")
        if media:
            facts = _receive_checked(client, video, unnamed, body)
        else:
            client.download(video, unnamed)
        path = _claim(place)
        publish(unnamed, path)
        _note(place, video.generation_id).unlink(missing_ok=True)
    except OSError as error:
        raise DownloadFailed(
            f"The clip cannot be saved at {place} ({reason(error)}): make that possible.",
            generation_id=video.generation_id,
        ) from error
    return path, facts


def _receive_checked(
    client: VeoClient, video: Video, path: Path, body: dict[str, object] | None
) -> media.Facts:
    try:
        return media.receive(partial(client.download, video), path, body)
    except media.BrokenClip as error:
        raise DownloadFailed(
            str(error), generation_id=video.generation_id, kept=str(error.kept or "")
        ) from error


def _beside(place: Path, generation_id: str, ending: str) -> Path:
    """A file named after the id: two runs in one folder never meet, one that resumes finds its
    part."""
    tag = hashlib.sha256(ascii(generation_id).encode()).hexdigest()[:12]
    return (place if place.is_dir() else place.parent) / f"clip-{tag}{ending}"


def _note(place: Path, generation_id: str) -> Path:
    return _beside(place, generation_id, ".resume.txt")


def _write_down(progress: Progress, place: Path) -> None:
    """Keep the command that resumes where the clip would be: nobody could read it."""
    if progress.resume_line and progress.generation_id:
        with suppress(OSError):  # then it is in no place at all, and there is nobody to tell
            note = _note(place, progress.generation_id)
            note.write_text(f"{progress.resume_line}\n", encoding="utf-8", errors="surrogateescape")


def _claim(place: Path) -> Path:
    """Make an empty file under the first free name, so that no other file is overwritten."""
    for path in _names(place):
        with suppress(FileExistsError):
            path.touch(exist_ok=False)
            return path
    raise AssertionError("there is always another name")


def _names(place: Path) -> Iterator[Path]:
    first = place / "clip.mp4" if place.is_dir() else place
    yield first
    for number in count(2):
        yield first.with_stem(f"{first.stem}-{number}")


# The command that resumes


def _resume_command(options: argparse.Namespace) -> list[str]:
    """The command up to the id.  Its paths are absolute: it works from any folder."""
    program = [sys.executable or "python", str(Path(__file__).absolute())]
    as_json = ["--json"] if options.json else []
    return [*program, "-o", str(options.output.absolute()), *as_json]


# The options


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    options.is_literal = "--" in given
    others = ("price", *INPUT_OPTIONS)
    if options.resume is not None and (
        any(getattr(options, each) for each in others) or _request_fields(options)
    ):
        parser.error("--resume fetches what was asked for then: only -o and --json go with it")
    return options


def _with_inputs(
    options: argparse.Namespace, fields: dict[str, Any], given: Given
) -> dict[str, Any]:
    """`fields` with the pictures and the clip, and the model that makes a film of them."""
    if options.image:
        fields["image_url"] = given.picture("image_url", options.image)
    if options.last_frame_of:
        fields["image_url"] = given.last_frame_of(options.last_frame_of)
    if options.last_image:
        fields["last_image_url"] = given.picture("last_image_url", options.last_image)
    if options.references:
        named = [given.picture("image_urls", each) for each in options.references]
        fields["image_urls"] = tuple(named)
    if options.extend:
        fields["video_url"] = given.clip(options.extend)
    fields.setdefault("model", model_for(fields, options.grade))
    shape = given.shape(MODELS[fields["model"]])
    return {"aspect_ratio": shape} | fields if shape else fields


def _request_fields(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of the request; the rest is left to its defaults."""
    names = {field.name for field in fields(VideoRequest)}
    return {name: value for name, value in vars(options).items() if name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        usage='%(prog)s "PROMPT" [-o PATH] [options]\n       %(prog)s --resume ID [-o PATH]',
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
    parser.add_argument(
        "-o",
        "--output",
        type=_place,
        default=Path(),
        metavar="PATH",
        help="a new file, or a folder for clip.mp4, clip-2.mp4 and so on (default: this folder)",
    )
    _add_inputs(parser)
    parser.add_argument("--price", action="store_true", help="print the estimate; make nothing")
    parser.add_argument("--json", action="store_true", help="progress as JSON lines")
    _add_request_options(parser)
    return parser


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


def _place(text: str) -> Path:
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
        choices = sorted(taken, key=lambda choice: (len(str(choice)), str(choice)))
        add(
            f"--{name.replace('_', '-')}",
            type=type(default),
            choices=choices,
            metavar=metavar,
            help=f"{', '.join(map(str, choices))}, as the model takes it (mostly {default})",
        )
    add("--negative-prompt", metavar="TEXT", help="what to avoid, as nouns")
    add("--seed", type=int, metavar="N", help="the same prompt and seed give nearly the same clip")
    add("--person-generation", choices=["dont_allow", "allow_adult"], help="of the lite model")
    add("--provider", choices=["auto", "google", "fal"], help="who makes it, of Veo (auto)")
    add(
        "--task", choices=[*TASKS], metavar="TASK", help=f"of a model that asks: {', '.join(TASKS)}"
    )
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


TASKS = tuple(dict.fromkeys(task for model in MODELS.values() for task in model.tasks.values()))


class Stop:
    """Handles Ctrl-C, a container's stop and a terminal that goes: each leaves the command that
    resumes.

    While a request is on its way, its id is waited for first: it is the only way to what may be
    paid for.  Another stop gives that up.  One right after another is let pass, for it would cut
    off the answer to the first.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._deaf_until = -math.inf

    def __call__(self, number: int, _frame: object = None) -> None:
        if time.monotonic() < self._deaf_until:
            return
        self._deaf_until = time.monotonic() + ONE_STOP
        hangup = number == getattr(signal, "SIGHUP", None)
        if not self._progress.stops_after_the_id(hangup=hangup):
            self._deaf_until += LONGEST_ANSWER_TO_A_STOP
            raise KeyboardInterrupt


if __name__ == "__main__":
    # Not `sys.exit`: a second Ctrl-C while Python tidies up would take the exit code away.
    os._exit(main())
