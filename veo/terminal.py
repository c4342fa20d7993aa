"""What the command shows while it waits, and what it says at the end.

A live line on a terminal, plain lines in a pipe, or JSON lines; and for each end an exit code that
tells what the caller can do next.  It knows streams and terminals, neither options nor files.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from veo import explain
from veo.differences import differences
from veo.types import (
    Failed,
    InvalidRequest,
    Refused,
    SubmissionUncertain,
    TookTooLong,
    Update,
    VeoError,
    Video,
    VideoRequest,
    unsigned,
)

if TYPE_CHECKING:
    from veo.media import Facts

DONE, CHANGE_SOMETHING, TRY_LATER, RESUME, LOOK_FIRST, NOT_MADE = 0, 2, 3, 4, 5, 6
EXIT_CODES = {
    DONE: "the clip is saved, or its price printed",
    CHANGE_SOMETHING: "change something: an option, the prompt, the key or the credits",
    TRY_LATER: "nothing was created: run it again later",
    RESUME: "the clip is on its way: run the printed --resume command",
    LOOK_FIRST: "we don't know if the service got it: check your AI/ML API account first",
    NOT_MADE: "the service could not make it; nothing was charged",
}

CONTROL_CHARACTERS = dict.fromkeys({*range(32), *range(127, 160)} - {ord("\n")}, "?")
"""Characters in an id or a path that a terminal would take for orders."""


STOPS = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Ctrl-C, Ctrl-\\, a container's stop, a terminal that goes; the last, on Windows, Ctrl-Break."""


def at_stop(handler: Callable[..., None] | signal.Handlers) -> None:
    """Let `handler` meet whatever asks this process to end, but what `nohup` has it survive."""
    for number in (getattr(signal, name) for name in STOPS if hasattr(signal, name)):
        survives = number == getattr(signal, "SIGHUP", None)
        if not survives or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


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
        self.is_sending = False
        """Whether a create request may be on its way, its id not yet known."""
        self.generation_id: str | None = None
        self._stops = False
        """Whether somebody asked for an end, which comes with the id."""
        self.is_unread = stream is None
        """Whether nobody can read what is said: the terminal is gone, or its reader."""
        self.resume_line = ""
        """The command that was said to resume, as one types it."""
        self.demo = False

    def begin(self, generation_id: str | None, resume_command: Sequence[str]) -> None:
        """What follows is about a clip: that of `generation_id`, or a new one."""
        self._resume_command, self._update = resume_command, None
        self.generation_id = generation_id
        self._resuming = generation_id is not None
        if self._resuming:
            self.say("looking", "Looking for the clip.", generation_id=generation_id)
        else:
            self.say("sending", "Sending the request.")
            self.is_sending = True

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
            if self.generation_id is None:
                self.generation_id, self.is_sending = update.generation_id, False
                self.say(
                    "submitted", f"id {update.generation_id}", generation_id=update.generation_id
                )
            self.end_if_asked()
            self._show(update)

    def sleep(self, seconds: float) -> None:
        """Wait, and let the clock of a live line run."""
        if self.generation_id is None:
            # The client only sends again what was certainly not taken.
            self.is_sending = False
            self.end_if_asked()
            text = f"The service did not take it. Trying again in {math.ceil(seconds)} s."
            self.say("waiting", text, seconds=seconds)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._paint()
            time.sleep(min(left, 1.0) if self._live else left)
        self.is_sending = self.generation_id is None

    def saved(
        self,
        path: Path,
        facts: Facts | None,
        request: VideoRequest | None,
        usd_spent: float | None = None,
    ) -> None:
        """The end of it; `facts` are None when nothing here can look into a clip.

        `usd_spent` is what the service says that it charged.
        """
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        seed = f", seed {request.seed}" if request and request.seed is not None else ""
        cost = "" if usd_spent is None else f", {explain.dollars(usd_spent)}"
        differs = differences(request, facts) if request and facts else []
        remarks = [
            explain.explain_differences(differs),
            explain.explain_oddities(facts.odd if facts else []),
        ]
        self.say(
            "saved",
            "\n".join(
                filter(None, [(facts.in_words() if facts else size) + seed + cost, *remarks])
            ),
            path=str(path),
            generation_id=self.generation_id,
            facts=asdict(facts) if facts else None,
            request=unsigned(request.noted()) if request else None,
            differences=[asdict(each) for each in differs],
            usd_spent=usd_spent,
        )

    def failed(self, error: VeoError) -> int:
        """Explain `error`, name the command that resumes, and return the exit code."""
        # The demo service ends with this command: there is nothing to come back to.
        error.generation_id = None if self.demo else error.generation_id or self.generation_id
        self.is_sending = False
        code, command = self._exit_code(error), None
        if code == RESUME:
            command = _shell_line([*self._resume_command, f"--resume={error.generation_id}"])
            self.resume_line = command
        explained = explain.explain_error(error, is_demo=self.demo)
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

    def stops_after_the_id(self, *, hangup: bool) -> bool:
        """Note that an end was asked for; tell whether it waits for the id of what is on its way.

        With a `hangup` nobody reads on.  A second end does not wait.
        """
        self.is_unread = self.is_unread or hangup
        if self._stops or not self.is_sending or self.demo:
            return False
        self._stops = True
        self.say(
            "stopping",
            "Stopping when the id is here: the request is on its way. "
            "Another stop does not wait for it.",
        )
        return True

    def end_if_asked(self) -> None:
        """Raise `KeyboardInterrupt` if somebody asked for an end while a request was sent."""
        if self._stops:
            raise KeyboardInterrupt

    def interrupted(self) -> int:
        """After Ctrl-C, which stops the looking, not the work."""
        if self.is_sending and not self.demo:
            return self.failed(
                SubmissionUncertain.after(
                    "You stopped while the service was being sent the request"
                )
            )
        return self.failed(TookTooLong("Stopped."))

    def say(self, event: str, text: str, **facts: object) -> None:
        """A line that stays; an event without `text` is for programs alone."""
        self._rewrite("")
        if self._as_json:
            self._print(json.dumps({"event": event, **facts}) + "\n")
        elif text:
            self._print(text.translate(CONTROL_CHARACTERS) + "\n")

    def _exit_code(self, error: VeoError) -> int:
        match error:
            case InvalidRequest():
                return CHANGE_SOMETHING
            case Refused(reason="guard"):
                return TRY_LATER
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
        self.is_unread |= not write(self._stream, text.encode(encoding, "backslashreplace"))


def _line(update: Update, elapsed: float) -> str:
    state = explain.explain_status(update)
    return f"{explain.clock(elapsed)} of about {explain.clock(update.expected)}  {state}"


def write(stream: TextIO | None, data: bytes) -> bool:
    """Write at once; tell whether it could.  A reader that left must not end what is paid for."""
    if stream is None:
        return False
    try:
        stream.buffer.write(data)
        stream.buffer.flush()
    except OSError:
        # What is left in the buffer, and all that follows, goes nowhere.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
        return False
    return True


def _shell_line(command: Sequence[str]) -> str:
    """`command` as one types it."""
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
