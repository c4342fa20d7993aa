"""One clip from the terminal.

    python make_clip.py "a fox in the snow, low sun" -o fox.mp4

Progress goes to standard error, the path of the finished clip alone to standard output.  The key
comes from AIMLAPI_KEY, never from an option that a shell would remember; without one the demo
service is started.  This module knows arguments and terminals; waiting, money and HTTP are the
client's.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TextIO, TypeVar

import clips
import words
from demo_server import DemoServer
from veo_client import (
    MODELS,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Update,
    VeoClient,
    VeoError,
    Video,
    VideoRequest,
)

Choice = TypeVar("Choice", str, int)

DEMO_SECONDS = 6.0
DEMO_EXPECTED = 8.0

SAVED, CHANGE_SOMETHING, TRY_LATER, RESUME, LOOK_FIRST, NOT_MADE = 0, 2, 3, 4, 5, 6
EXIT_CODES = {
    SAVED: "the clip is saved",
    CHANGE_SOMETHING: "change something: an option, the prompt, the key or the credits",
    TRY_LATER: "nothing was created: run it again later",
    RESUME: "the clip is on its way: run the printed --resume command",
    LOOK_FIRST: "not known whether it was taken: look at your account before sending again",
    NOT_MADE: "the service could not make it; nothing was charged",
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    progress = Progress(sys.stderr, as_json=options.json)
    with ExitStack() as stack:
        try:
            request = None if options.resume else _request(options)
            client = _client(stack, progress)
            if options.price and request:
                print(words.dollars(client.price(request.model).estimate(request)))
                return SAVED
            path = _free_path(options.output)
            progress.resume_with = None if progress.demo else _resume_command(path)
            _make(client, request, options.resume, path, progress)
        except VeoError as error:
            return progress.failed(error)
        except KeyboardInterrupt:
            return progress.interrupted()
    print(path)
    return SAVED


def _make(
    client: VeoClient,
    request: VideoRequest | None,
    generation_id: str | None,
    path: Path,
    progress: Progress,
) -> None:
    if request:
        progress.is_sending = True
        expected = DEMO_EXPECTED if progress.demo else None
        updates = client.generate(request, expected=expected, sleep=progress.sleep)
    else:
        progress.generation_id = generation_id
        updates = client.follow(str(generation_id), sleep=progress.sleep)
    video = progress.watch(updates)
    body = request.body() if request else None
    try:
        facts = clips.receive(partial(client.download, video), path, body)
    except clips.BrokenClip as error:
        raise DownloadFailed(str(error), generation_id=video.generation_id) from error
    progress.say(
        "saved",
        f"{facts.width} × {facts.height}, {facts.duration:g} s, "
        f"{'with' if facts.sound else 'no'} sound, {facts.size / 1e6:.1f} MB",
        path=str(path),
        facts=asdict(facts),
        request=body,
    )


def _request(options: argparse.Namespace) -> VideoRequest:
    seed = {} if options.seed is None else {"seed": options.seed}
    return VideoRequest(
        options.prompt or "",
        model=options.model,
        aspect_ratio=options.aspect_ratio,
        duration=options.duration,
        resolution=options.resolution,
        negative_prompt=options.negative_prompt,
        enhance_prompt=options.enhance_prompt,
        generate_audio=options.generate_audio,
        auto_fix=options.auto_fix,
        **seed,
    )


def _client(stack: ExitStack, progress: Progress) -> VeoClient:
    """The real service with a key; without one, the demo service, started here."""
    client = VeoClient()
    if client.has_key or os.environ.get("AIMLAPI_BASE_URL"):
        return client
    progress.demo = True
    progress.say(
        "demo", "No AIMLAPI_KEY: this is the demo service. It draws the clip here, for nothing."
    )
    server = stack.enter_context(DemoServer(seconds=DEMO_SECONDS))
    return VeoClient("demo", base_url=server.base_url)


def _free_path(wanted: Path | None) -> Path:
    """Where the clip will go, checked before anything is paid for; no file is overwritten."""
    path = wanted or next(
        path
        for number in range(1, 1_000_000)
        if not (path := Path(f"clip-{number}.mp4" if number > 1 else "clip.mp4")).exists()
    )
    if path.exists():
        raise InvalidRequest(f"{path} exists already; choose another name.", field="output")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        reason = (error.strerror or "not possible").lower()
        raise InvalidRequest(
            f"Cannot write into {path.parent} ({reason}); choose another place.", field="output"
        ) from error
    return path


def _resume_command(path: Path) -> str:
    command = ["python", Path(__file__).name, "-o", str(path), "--resume"]
    return shlex.join(command)


class Progress:
    """What is shown while waiting: a live line, plain lines in a pipe, or JSON lines."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self._stream = stream
        self._as_json = as_json
        self._live = stream.isatty() and not as_json
        self._update: Update | None = None
        self._updated_at = 0.0
        self.demo = False
        self.is_sending = False
        """Whether a create request may be on its way, its id not yet known."""
        self.generation_id: str | None = None
        self.resume_with: str | None = None
        """The command that resumes, up to the id."""

    def watch(self, updates: Generator[Update, None, Video]) -> Video:
        """Show each update; return the video."""
        while True:
            try:
                update = next(updates)
            except StopIteration as end:
                self._clear()
                video: Video = end.value
                return video
            if self.generation_id is None:
                self.say(
                    "submitted", f"id {update.generation_id}", generation_id=update.generation_id
                )
            self.is_sending, self.generation_id = False, update.generation_id
            self._show(update)

    def sleep(self, seconds: float) -> None:
        """Wait, and let the clock of a live line run."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._paint()
            time.sleep(min(left, 1.0) if self._live else left)

    def say(self, event: str, text: str, **facts: object) -> None:
        """A line that stays."""
        self._clear()
        line = json.dumps({"event": event, **facts}) if self._as_json else text
        print(line, file=self._stream, flush=True)

    def failed(self, error: VeoError) -> int:
        """Explain `error`, name the command that resumes, and return the exit code."""
        error.generation_id = error.generation_id or self.generation_id
        code = _exit_code(error, demo=self.demo)
        command = None
        if code == RESUME and self.resume_with:
            command = f"{self.resume_with} {shlex.quote(error.generation_id or '')}"
        explained = words.of_error(error)
        self.say(
            "error",
            f"{explained}\nTo resume:\n  {command}" if command else str(explained),
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
        if self.generation_id and not self.demo:
            return self.failed(TookTooLong("Stopped looking; the clip goes on being made."))
        if self.is_sending and not self.demo:
            return self.failed(
                SubmissionUncertain(
                    "Stopped while the request was on its way: the clip may be in the making, and "
                    "may cost. Look at your account before you send it again."
                )
            )
        self.say("stopped", "Stopped. Nothing was paid.", exit_code=TRY_LATER)
        return TRY_LATER

    def _show(self, update: Update) -> None:
        self._update, self._updated_at = update, time.monotonic()
        if self._live:
            self._paint()
        else:
            facts = {k: v for k, v in asdict(update).items() if k != "video"}
            self.say("update", _line(update, update.elapsed), **facts)

    def _paint(self) -> None:
        if self._live and self._update:
            elapsed = self._update.elapsed + time.monotonic() - self._updated_at
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r\x1b[K" + _line(self._update, elapsed)[:width])
            self._stream.flush()

    def _clear(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")


def _line(update: Update, elapsed: float) -> str:
    state = words.of_status(update)
    return f"{words.clock(elapsed)} of about {words.clock(update.expected)}  {state}"


def _exit_code(error: VeoError, *, demo: bool) -> int:
    match error:
        case InvalidRequest() | Refused(reason="request" | "not_found"):
            return CHANGE_SOMETHING
        case Refused() if not error.generation_id:
            return CHANGE_SOMETHING
        case SubmissionUncertain():
            return LOOK_FIRST
        case Failed():
            return NOT_MADE
    # The demo service ends with this command, so there is nothing to come back to.
    return RESUME if error.generation_id and not demo else TRY_LATER


def _parser() -> argparse.ArgumentParser:
    models = MODELS.values()
    parser = argparse.ArgumentParser(
        description="Make one clip with Veo 3.1, or a demo clip when AIMLAPI_KEY is not set.",
        epilog="exit codes:\n"
        + "\n".join(f"  {code}  {text}" for code, text in EXIT_CODES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("prompt", nargs="?", metavar="PROMPT", help="scene, subject, action")
    what.add_argument("--resume", metavar="ID", help="fetch the clip of an earlier request")
    parser.add_argument("-o", "--output", type=Path, metavar="PATH", help="default: clip.mp4")
    parser.add_argument("--model", choices=MODELS, default=next(iter(MODELS)))
    parser.add_argument(
        "--aspect-ratio", choices=_choices(m.aspect_ratios for m in models), default="16:9"
    )
    parser.add_argument(
        "--duration",
        type=int,
        choices=_choices(m.durations for m in models),
        default=8,
        help="seconds",
    )
    parser.add_argument(
        "--resolution", choices=_choices(m.resolutions for m in models), default="1080p"
    )
    parser.add_argument(
        "--negative-prompt", default="", metavar="TEXT", help="what to keep out, as nouns"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="the same seed films much the same again"
    )
    for option, field, text in (
        ("--no-audio", "generate_audio", "a silent clip"),
        ("--no-enhance-prompt", "enhance_prompt", "send the prompt as it is (Veo may refuse that)"),
        ("--no-auto-fix", "auto_fix", "do not rewrite a prompt that the content policy refuses"),
    ):
        parser.add_argument(option, dest=field, action="store_false", help=text)
    parser.add_argument("--price", action="store_true", help="print the estimate; make nothing")
    parser.add_argument("--json", action="store_true", help="progress as JSON lines")
    return parser


def _choices(of_each_model: Iterable[tuple[Choice, ...]]) -> list[Choice]:
    """What any model takes, in the table's order; the request checks the combination."""
    return list(dict.fromkeys(chain.from_iterable(of_each_model)))


if __name__ == "__main__":
    sys.exit(main())
