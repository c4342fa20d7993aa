"""One clip from the terminal.

    python make_clip.py "a fox in the snow, low sun" -o fox.mp4

Progress in every form goes to standard error, the path of the saved clip alone to standard output.
The key comes from AIMLAPI_KEY, never from an option that a shell would remember; without one the
demo service is started.  This module knows arguments and terminals; waiting, money and HTTP are the
client's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, fields
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, TextIO

import clips
import words
from veo_client import (
    MODELS,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Unreachable,
    Update,
    VeoClient,
    VeoError,
    Video,
    VideoRequest,
)

DEMO_SECONDS = 6.0
DEMO_EXPECTED = 8.0

LONGEST_ANSWER_TO_A_STOP = 3.0
"""Seconds; the demo service first finishes the clip that it draws."""

ROOM = 1 << 20
"""Bytes that must fit where the clip will go: about a small clip."""

OBEYED = dict.fromkeys({*range(32), *range(127, 160)} - {ord("\n")}, "?")
"""Characters in an id or a path that a terminal would take for orders."""

DONE, CHANGE_SOMETHING, TRY_LATER, RESUME, LOOK_FIRST, NOT_MADE = 0, 2, 3, 4, 5, 6
EXIT_CODES = {
    DONE: "the clip is saved, or its price printed",
    CHANGE_SOMETHING: "change something: an option, the prompt, the key or the credits",
    TRY_LATER: "nothing was created: run it again later",
    RESUME: "the clip is on its way: run the printed --resume command",
    LOOK_FIRST: "not known whether it was taken: look at your account before sending again",
    NOT_MADE: "the service could not make it; nothing was charged",
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    progress = Progress(sys.stderr, as_json=options.json)
    with ExitStack() as stack:
        try:
            _run(options, stack, progress)
        except VeoError as error:
            return progress.failed(error)
        except KeyboardInterrupt:
            return progress.interrupted()
    return DONE


def _run(options: argparse.Namespace, stack: ExitStack, progress: Progress) -> None:
    request = None
    if options.resume is None:
        request = VideoRequest(**_request_fields(options))
    else:
        _check_id(options.resume)
    if request and options.price:
        _print_price(_client(stack, progress), request, progress)
        return
    _check_place(options.output)
    client = _client(stack, progress) if request else VeoClient()
    progress.begin(options.resume, _resume_command(options))
    if request:
        expected = DEMO_EXPECTED if progress.demo else None
        updates = client.generate(request, expected=expected, sleep=progress.sleep)
    else:
        updates = client.follow(options.resume, sleep=progress.sleep)
    video = progress.watch(updates)
    path, facts = _receive(client, video, options.output, request)
    progress.saved(path, facts, request)
    _write(sys.stdout, os.fsencode(path) + b"\n")


def _client(stack: ExitStack, progress: Progress) -> VeoClient:
    """The real service with a key; without one, the demo service, started here."""
    client = VeoClient()
    if client.has_key or os.environ.get("AIMLAPI_BASE_URL"):
        return client
    # Imported here, for it takes longer than all the rest and nobody with a key needs it.
    from demo_server import DemoServer

    progress.demo = True
    progress.say(
        "demo", "No AIMLAPI_KEY: this is the demo service. It draws the clip here, for nothing."
    )
    try:
        server = stack.enter_context(DemoServer(seconds=DEMO_SECONDS))
    except OSError as error:
        raise Unreachable(f"The demo service cannot start: {_reason(error)}.") from error
    return VeoClient("demo", base_url=server.base_url)


def _print_price(client: VeoClient, request: VideoRequest, progress: Progress) -> None:
    dollars = client.price(request.model).estimate(request)
    progress.say("price", "", dollars=dollars)
    _write(sys.stdout, f"{words.dollars(dollars)}\n".encode())


def _check_id(generation_id: str) -> None:
    # What a shell gave in another encoding than this one's cannot be sent.
    if generation_id.encode(errors="ignore").decode() != generation_id or not generation_id.strip():
        raise InvalidRequest("Give --resume the id as it was printed.", field="generation_id")


# Where the clip goes.  `place` is a file to be, or a folder in which a name is chosen.


def _check_place(place: Path) -> None:
    """See that a clip can be saved at `place`, before anything is paid for."""
    path = place
    try:
        if os.path.lexists(place) and not place.is_dir():
            raise InvalidRequest(f"{place} exists already: choose another name.", field="output")
        path = _claim(place)
        try:
            path.write_bytes(bytes(ROOM))
        finally:
            path.unlink()
    except OSError as error:
        raise InvalidRequest(
            f"Cannot write {error.filename or path} ({_reason(error)}): make that possible, or "
            "choose another place with -o.",
            field="output",
        ) from error


def _receive(
    client: VeoClient, video: Video, place: Path, request: VideoRequest | None
) -> tuple[Path, clips.Facts]:
    """Fetch the clip, see that it is whole, give it its name."""
    # Named after its id: two runs in one folder never meet, and one that resumes finds its part.
    tag = hashlib.sha256(ascii(video.generation_id).encode()).hexdigest()[:12]
    body = request.body() if request else None
    try:
        unnamed = (place if place.is_dir() else place.parent) / f"clip-{tag}.mp4"
        facts = clips.receive(partial(client.download, video), unnamed, body)
        path = _claim(place)
        unnamed.replace(path)
    except clips.BrokenClip as error:
        raise DownloadFailed(str(error), generation_id=video.generation_id) from error
    except OSError as error:
        raise DownloadFailed(
            f"The clip cannot be saved at {place} ({_reason(error)}): make that possible.",
            generation_id=video.generation_id,
        ) from error
    return path, facts


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


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


# The command that resumes


def _resume_command(options: argparse.Namespace) -> list[str]:
    """The command up to the id.  Its paths are absolute: it works from any folder."""
    program = [sys.executable or "python", str(Path(__file__).absolute())]
    as_json = ["--json"] if options.json else []
    return [*program, "-o", str(options.output.absolute()), *as_json]


def _shell_line(command: Sequence[str]) -> str:
    """`command` as one types it."""
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


# What is shown


class Progress:
    """What is shown while waiting: a live line, plain lines in a pipe, or JSON lines."""

    def __init__(self, stream: TextIO | None, *, as_json: bool) -> None:
        self._stream = stream
        self._as_json = as_json
        is_terminal = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
        self._live = is_terminal and not as_json
        self._update: Update | None = None
        self._updated_at = 0.0
        self._resume_command: Sequence[str] = ()
        self._resuming = False
        self._is_sending = False
        """Whether a create request may be on its way, its id not yet known."""
        self._generation_id: str | None = None
        self.demo = False

    def begin(self, generation_id: str | None, resume_command: Sequence[str]) -> None:
        """What follows is about a clip: that of `generation_id`, or a new one."""
        self._resume_command = resume_command
        self._generation_id = generation_id
        self._resuming = generation_id is not None
        if self._resuming:
            self.say("looking", "Looking for the clip.", generation_id=generation_id)
        else:
            self.say("sending", "Sending the request.")
            self._is_sending = True

    def watch(self, updates: Generator[Update, None, Video]) -> Video:
        """Show each update; return the video."""
        if self._resuming:
            next(updates)  # it comes before the first look and knows nothing
        while True:
            try:
                update = next(updates)
            except StopIteration as end:
                video: Video = end.value
                return video
            if self._generation_id is None:
                self._generation_id, self._is_sending = update.generation_id, False
                self.say(
                    "submitted", f"id {update.generation_id}", generation_id=update.generation_id
                )
            self._show(update)

    def sleep(self, seconds: float) -> None:
        """Wait, and let the clock of a live line run."""
        if self._resuming and self._update is None:
            return  # the clip may long be there: the first look is made at once
        if self._generation_id is None:
            # The client only sends again what was certainly not taken.
            self._is_sending = False
            text = f"The service did not take it. Trying again in {math.ceil(seconds)} s."
            self.say("waiting", text, seconds=seconds)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._paint()
            time.sleep(min(left, 1.0) if self._live else left)
        self._is_sending = self._generation_id is None

    def saved(self, path: Path, facts: clips.Facts, request: VideoRequest | None) -> None:
        parts = [
            f"{facts.width} × {facts.height}",
            f"{facts.duration:g} s",
            "with sound" if facts.sound else "no sound",
            f"{facts.size / 1e6:.1f} MB",
            *([f"seed {request.seed}"] if request else []),
        ]
        self.say(
            "saved",
            ", ".join(parts),
            path=str(path),
            generation_id=self._generation_id,
            facts=asdict(facts),
            request=request.body() if request else None,
        )

    def failed(self, error: VeoError) -> int:
        """Explain `error`, name the command that resumes, and return the exit code."""
        # The demo service ends with this command: there is nothing to come back to.
        error.generation_id = None if self.demo else error.generation_id or self._generation_id
        code, command = self._exit_code(error), None
        if code == RESUME:
            command = _shell_line([*self._resume_command, f"--resume={error.generation_id}"])
        explained = words.of_error(error)
        self.say(
            "error",
            # The key is in the environment, and must not be in the command.
            f"{explained}\nTo resume, with the environment as it is now:\n  {command}"
            if command
            else str(explained),
            error=type(error).__name__,
            message=explained.what_happened,
            cost=explained.cost,
            next_step=explained.next_step,
            generation_id=error.generation_id,
            resume=command,
            exit_code=code,
        )
        return code

    def interrupted(self) -> int:
        """After Ctrl-C, which stops the looking, not the work."""
        if self._is_sending and not self.demo:
            return self.failed(
                SubmissionUncertain(
                    "Stopped while the request was on its way: the clip may be in the making, and "
                    "may cost. Look at your account before you send it again."
                )
            )
        return self.failed(TookTooLong("Stopped."))

    def say(self, event: str, text: str, **facts: object) -> None:
        """A line that stays; an event without `text` is for programs alone."""
        self._rewrite("")
        if self._as_json:
            self._print(json.dumps({"event": event, **facts}) + "\n")
        elif text:
            self._print(text.translate(OBEYED) + "\n")

    def _exit_code(self, error: VeoError) -> int:
        match error:
            case InvalidRequest():
                return CHANGE_SOMETHING
            case Refused() if self._resuming or not error.generation_id:
                return CHANGE_SOMETHING
            case SubmissionUncertain():
                return LOOK_FIRST
            case Failed():
                return NOT_MADE
        return RESUME if error.generation_id else TRY_LATER

    def _show(self, update: Update) -> None:
        self._update, self._updated_at = update, time.monotonic()
        if self._live:
            self._paint()
        else:
            # The video's address is left out: whoever has it has the video.
            facts = {name: value for name, value in asdict(update).items() if name != "video"}
            self.say("update", _line(update, update.elapsed), **facts)

    def _paint(self) -> None:
        if self._update:
            elapsed = self._update.elapsed + time.monotonic() - self._updated_at
            self._rewrite(_line(self._update, elapsed))

    def _rewrite(self, line: str) -> None:
        """Put `line` in the place of the live line, or nothing there; no terminal is too simple."""
        if self._live:
            width = self._columns() - 1
            self._print("\r" + line[:width].ljust(width) + ("" if line else "\r"))

    def _columns(self) -> int:
        with suppress(OSError):
            if self._stream:
                return os.get_terminal_size(self._stream.fileno()).columns or 80
        return 80

    def _print(self, text: str) -> None:
        encoding = self._stream.encoding if self._stream else "ascii"
        _write(self._stream, text.encode(encoding, "backslashreplace"))


def _line(update: Update, elapsed: float) -> str:
    state = words.of_status(update)
    return f"{words.clock(elapsed)} of about {words.clock(update.expected)}  {state}"


def _write(stream: TextIO | None, data: bytes) -> None:
    """Write at once.  A reader that left must not end what is being paid for."""
    if stream is None:
        return
    try:
        stream.buffer.write(data)
        stream.buffer.flush()
    except OSError:
        # What is left in the buffer, and all that follows, goes nowhere.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


# The options


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.resume is not None and (options.price or _request_fields(options)):
        parser.error("--resume fetches what was asked for then: only -o and --json go with it")
    return options


def _request_fields(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of the request; the rest is left to its defaults."""
    names = {field.name for field in fields(VideoRequest)}
    return {name: value for name, value in vars(options).items() if name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        usage='%(prog)s "PROMPT" [-o PATH] [options]\n       %(prog)s --resume ID [-o PATH]',
        description="Make one clip with Veo 3.1, or a demo clip when AIMLAPI_KEY is not set.",
        epilog="exit codes:\n"
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
        help="scene, subject, action; one that begins with a dash goes last, after --",
    )
    what.add_argument(
        "--resume", metavar="ID", help="fetch the clip of an earlier request; --resume=ID for any"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(),
        metavar="PATH",
        help="a new file, or a folder for clip.mp4, clip-2.mp4 and so on (default: this folder)",
    )
    parser.add_argument("--price", action="store_true", help="print the estimate; make nothing")
    parser.add_argument("--json", action="store_true", help="progress as JSON lines")
    _add_request_options(parser)
    return parser


def _add_request_options(parser: argparse.ArgumentParser) -> None:
    defaults = VideoRequest("defaults")
    add = partial(parser.add_argument, default=argparse.SUPPRESS)
    models = MODELS.values()
    for name, of_each_model in (
        ("model", [tuple(MODELS)]),
        ("aspect_ratio", [model.aspect_ratios for model in models]),
        ("duration", [model.durations for model in models]),
        ("resolution", [model.resolutions for model in models]),
    ):
        default = getattr(defaults, name)
        add(
            f"--{name.replace('_', '-')}",
            type=type(default),
            # What any model takes, in the table's order; the request checks the combination.
            choices=list(dict.fromkeys(chain.from_iterable(of_each_model))),
            help=f"default: {default}",
        )
    add("--negative-prompt", metavar="TEXT", help="what to keep out, as nouns")
    add("--seed", type=int, metavar="N", help="the same seed films much the same again")
    for option, field, text in (
        ("--no-audio", "generate_audio", "a silent clip"),
        ("--no-enhance-prompt", "enhance_prompt", "send the prompt as it is (Veo may refuse that)"),
        ("--no-auto-fix", "auto_fix", "do not rewrite a prompt that the content policy refuses"),
    ):
        add(option, dest=field, action="store_false", help=text)


class Stop:
    """Handles Ctrl-C, and a container's stop like it: both print the command that resumes.

    One right after another is let pass, for it would cut off the answer to the first.
    """

    def __init__(self) -> None:
        self._at = -math.inf

    def __call__(self, *_: object) -> None:
        if time.monotonic() - self._at > LONGEST_ANSWER_TO_A_STOP:
            self._at = time.monotonic()
            raise KeyboardInterrupt


if __name__ == "__main__":
    stop = Stop()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    # Not `sys.exit`: a second Ctrl-C while Python tidies up would take the exit code away.
    os._exit(main())
