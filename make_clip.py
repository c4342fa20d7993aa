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
import math
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, suppress
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from veo import explain
from veo.files import publish, reason
from veo.film_list import Notes, Row, open_notes, read_rows
from veo.given import Given, model_for
from veo.models import LONGEST_PROMPT
from veo.options import COLUMNS, options_of_row, read_options, request_fields, to_place
from veo.place import beside, check_place, claim, make_folder, note_of
from veo.settings import plain
from veo.terminal import (
    CHANGE_SOMETHING,
    CONTROL_CHARACTERS,
    DONE,
    LOOK_FIRST,
    NOT_MADE,
    RESUME,
    Progress,
    at_stop,
    write,
)
from veo.types import unsigned
from veo_client import (
    MODELS,
    DownloadFailed,
    Failed,
    InvalidRequest,
    Price,
    Refused,
    SubmissionUncertain,
    Unreachable,
    Update,
    VeoClient,
    VeoError,
    Video,
    VideoRequest,
)

try:
    from veo import media
except ModuleNotFoundError:  # av and Pillow are an extra
    media = None  # type: ignore[assignment]  # a module that is not there

Updates = Generator[Update, None, Video]

DEMO_SECONDS = 6.0
DEMO_EXPECTED = 8.0

LONGEST_ANSWER_TO_A_STOP = 3.0
"""Seconds; the demo service first finishes the clip that it draws."""

ONE_STOP = 0.5
"""Seconds in which several signals are one stop: a shell and its terminal may each send one."""

HALF_A_CENT = 0.005


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one clip and return the exit code; without `arguments`, as the program itself."""
    options = read_options(arguments)
    progress = Progress(sys.stderr, as_json=options.json)
    if arguments is None:
        at_stop(Stop(progress))
    with ExitStack() as stack:
        code = DONE
        try:
            if options.list:
                code = _run_list(options, stack, progress)
            else:
                _run(options, stack, progress)
        except VeoError as error:
            code = progress.failed(error)
        except KeyboardInterrupt:
            code = progress.interrupted()
        if code == DONE:
            return DONE
    if progress.is_unread:
        _write_down(progress, options.output)
    return code


def _run(options: argparse.Namespace, stack: ExitStack, progress: Progress) -> None:
    request, given = None, Given()
    if options.resume is None:
        fields = request_fields(options) | _prompt(options, progress)
        request = VideoRequest(**_with_inputs(options, fields, given))
    else:
        _check_id(options.resume)
    if request and options.price:
        _print_price(_client(stack, progress), request, progress)
        return
    check_place(options.output)
    client = _client(stack, progress) if request else VeoClient()
    if request:
        request = given.make_ready(request, client)
    progress.begin(options.resume, _resume_command(options))
    if request:
        updates = _generate(client, request, given, progress)
    else:
        updates = client.follow(options.resume, sleep=progress.sleep)
    _watch(updates, client, progress, options.output, request)


def _generate(
    client: VeoClient, request: VideoRequest, given: Given, progress: Progress
) -> Updates:
    expected = DEMO_EXPECTED if progress.demo else None
    return client.generate(request, attach=given.attach, expected=expected, sleep=progress.sleep)


def _watch(
    updates: Updates,
    client: VeoClient,
    progress: Progress,
    place: Path,
    request: VideoRequest | None,
    named: Callable[[Path], object] = lambda _: None,
) -> Video:
    """Show the way to the video, and save it; `named` is told its path just before it is there."""
    video = progress.watch(updates)
    download = partial(client.download, video, sleep=progress.sleep)
    path, facts = _receive(download, video, place, request, named)
    progress.saved(path, facts, request, video.usd_spent)
    write(sys.stdout, os.fsencode(path) + b"\n")
    return video


# A list of films


def _run_list(options: argparse.Namespace, stack: ExitStack, progress: Progress) -> int:
    """Fetch what is paid for, then make the film of each row that has none.

    All of those are checked before the first is paid for.
    """
    rows = read_rows(options.list, COLUMNS)
    client = _client(stack, progress)
    if options.price:
        dollars = sum(film.dollars for film in _checked(options, rows, client))
        progress.say("price", "", dollars=dollars)
        write(sys.stdout, f"{explain.dollars(dollars)}\n".encode())
        return DONE
    if options.budget is None and not progress.demo:
        raise InvalidRequest("Give --budget, in US dollars for the whole list.", field="budget")
    # A demo clip is no film of the list.
    folder = Path(stack.enter_context(TemporaryDirectory())) if progress.demo else None
    path = options.list.with_name(f"{options.list.name}.notes.jsonl")
    notes = stack.enter_context(open_notes(folder / "notes" if folder else path))
    make_folder(options.output)
    codes = [_pass_over(options, row, client, progress, notes) for row in rows]
    progress.generation_id = None  # what goes wrong next is nothing of theirs
    films = _checked(options, [row for row in rows if notes.of(row).state == "new"], client)
    _require_places(films)
    codes += [_run_film(film, client, progress, notes, options.budget) for film in films]
    return max(codes, key=WORST_LAST.index)


WORST_LAST = (DONE, NOT_MADE, RESUME, CHANGE_SOMETHING, LOOK_FIRST)


class Film:
    """One row of a list as a request."""

    def __init__(self, options: argparse.Namespace, row: Row) -> None:
        self.row, self.dollars = row, 0.0
        try:
            self.options = options_of_row(options, row)
            self.request, given = self.read()
            given.prepare(self.request)
        except InvalidRequest as error:
            message = f"Row {row.number}: {error}"
            raise InvalidRequest(message, field=error.field) from error

    def read(self) -> tuple[VideoRequest, Given]:
        """The request and what is attached to it, which is not kept: it may be megabytes."""
        given = Given()
        fields = request_fields(self.options)
        return VideoRequest(**_with_inputs(self.options, fields, given)), given

    def estimate(self, price_of: Callable[[str], Price]) -> None:
        dollars = price_of(self.request.model).estimate(self.request)
        if dollars is None:
            message = f"Row {self.row.number}: the service does not say what it costs."
            raise Refused(message, reason="no_price")
        self.dollars = dollars


def _checked(options: argparse.Namespace, rows: list[Row], client: VeoClient) -> list[Film]:
    """The films of `rows`, with what each costs."""
    films, price_of = [Film(options, row) for row in rows], cache(client.price)
    for film in films:
        film.estimate(price_of)
    return films


def _require_places(films: list[Film]) -> None:
    """See that no film would find another at its place once it is paid for."""
    taken = dict[Path, int]()
    for film in films:
        place, number = film.options.output, film.row.number
        if place.is_dir():
            continue
        if os.path.lexists(place):
            raise InvalidRequest(f"Row {number}: {place} exists already.", field="output")
        first = taken.setdefault(place.absolute(), number)
        if first != number:
            message = f"Row {number}: {place} is the output of row {first} already."
            raise InvalidRequest(message, field="output")


def _pass_over(
    options: argparse.Namespace, row: Row, client: VeoClient, progress: Progress, notes: Notes
) -> int:
    """Tell what became of a row in an earlier run; fetch its clip if it was taken."""
    known, say = notes.of(row), partial(progress.say, row=row.number)
    if known.state == "taken" and not known.is_here:
        return _fetch_film(options, row, client, progress, notes)
    if known.state == "taken":  # the program ended before it could note that
        notes.write(row, "saved")
    if known.state in ("taken", "saved"):
        say("filmed", f"Row {row.number} was filmed before: {known.path}", path=known.path)
    elif known.state == "failed":
        text = f"Row {row.number}: the service could not make it before. Put it into another list"
        say("not_made", f"{text} to try again.")
        return NOT_MADE
    elif known.state == "sending":
        text = f"Row {row.number}: we don't know if the service got it, so it is not sent again."
        say("uncertain", f"{text} {explain.LOOK_FIRST}")
        return LOOK_FIRST
    return DONE


def _fetch_film(
    options: argparse.Namespace, row: Row, client: VeoClient, progress: Progress, notes: Notes
) -> int:
    """Fetch the clip of a row that was taken; all that is needed for it is its note."""
    known, place = notes.of(row), options.output
    if "output" in row.cells:
        place = to_place(row.cells["output"])
    request = None
    with suppress(InvalidRequest, TypeError):  # noted by another version
        request = VideoRequest(**known.request) if known.request else None
    _say_row(row, progress)
    resumed = argparse.Namespace(**vars(options) | {"output": place})
    progress.begin(known.generation_id, _resume_command(resumed))
    updates = client.follow(known.generation_id, sleep=progress.sleep)
    try:
        return _see_through(updates, row, client, progress, notes, place, request)
    except (DownloadFailed, Refused) as error:
        if isinstance(error, Refused) and error.reason != "not_found":
            raise
        return progress.failed(error)  # the others need not wait until it is there


def _run_film(
    film: Film, client: VeoClient, progress: Progress, notes: Notes, budget: float | None
) -> int:
    """Make one film; what is no fault of its own row ends the list."""
    progress.end_if_asked()
    progress.generation_id = None  # that of the row before
    row, place = film.row, film.options.output
    check_place(place)
    request, given = film.read()
    _say_row(row, progress)
    _require_budget(film, notes, budget)
    try:
        request = given.make_ready(request, client)
    except InvalidRequest as error:
        return progress.failed(error)
    progress.begin(None, _resume_command(film.options))
    notes.write(row, "sending", dollars=film.dollars, request=unsigned(request.noted()))
    updates = _noted(_generate(client, request, given, progress), row, notes)
    return _see_through(updates, row, client, progress, notes, place, request)


def _say_row(row: Row, progress: Progress) -> None:
    progress.say("row", f"Row {row.number}: {row.cells['prompt'][:60]}", row=row.number)


def _see_through(
    updates: Updates,
    row: Row,
    client: VeoClient,
    progress: Progress,
    notes: Notes,
    place: Path,
    request: VideoRequest | None,
) -> int:
    """Follow one film to its end and note it; what is no fault of its own row is raised."""

    def note_path(path: Path) -> None:
        notes.write(row, "taken", path=str(path.absolute()))

    try:
        video = _watch(updates, client, progress, place, request, note_path)
    except Failed as error:
        notes.write(row, "failed", dollars=0.0)
        return progress.failed(error)
    except SubmissionUncertain:
        raise
    except KeyboardInterrupt:
        if notes.of(row).state == "sending" and not progress.is_sending:
            notes.write(row, "new", dollars=0.0)  # it waited to be sent again
        raise
    except VeoError as error:
        if notes.of(row).state != "sending":
            raise
        notes.write(row, "new", dollars=0.0)  # it was not taken
        if not isinstance(error, Refused) or error.reason != "request":
            raise
        return progress.failed(error)
    notes.write(row, "saved", dollars=video.usd_spent)
    return DONE


def _noted(updates: Updates, row: Row, notes: Notes) -> Updates:
    """The same updates; the id in the first is noted before anybody sees it."""
    first = next(updates)
    notes.write(row, "taken", generation_id=first.generation_id)
    yield first
    return (yield from updates)


def _require_budget(film: Film, notes: Notes, budget: float | None) -> None:
    if budget is not None and notes.dollars + film.dollars > budget + HALF_A_CENT:
        left = max(budget - notes.dollars, 0.0)
        raise InvalidRequest(
            f"Row {film.row.number} costs {explain.dollars(film.dollars)}, and ${left:,.2f} of the "
            "budget is left.",
            field="budget",
        )


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


def _with_inputs(
    options: argparse.Namespace, fields: dict[str, Any], given: Given
) -> dict[str, Any]:
    """`fields` with the pictures and the clip, and the model that makes a film of them."""
    # What is there and empty, as an unset variable of a shell, is no film of words alone.
    if options.image is not None:
        fields["image_url"] = given.picture("image_url", options.image)
    if options.last_frame_of is not None:
        fields["image_url"] = given.last_frame_of(options.last_frame_of)
    if options.last_image is not None:
        fields["last_image_url"] = given.picture("last_image_url", options.last_image)
    if options.references:
        named = [given.picture("image_urls", each) for each in options.references]
        fields["image_urls"] = tuple(named)
    if options.extend is not None:
        fields["video_url"] = given.clip(options.extend)
    given.chooses_shape = "aspect_ratio" not in fields
    fields.setdefault("model", model_for(fields, options.grade))
    shape = given.shape(MODELS[fields["model"]]) if given.chooses_shape else None
    return {"aspect_ratio": shape} | fields if shape else fields


# Where the clip goes


def _receive(
    download: Callable[[Path], object],
    video: Video,
    place: Path,
    request: VideoRequest | None,
    named: Callable[[Path], object],
) -> tuple[Path, media.Facts | None]:
    """Fetch the clip, see that it is whole, give it its name.

    Without `media` that means down to its last byte, and the clip stays as it came.
    """
    body = request.noted() if request else None
    facts = None
    try:
        unnamed = beside(place, video.generation_id, ".mp4")
        if media:
            facts = _receive_checked(download, video, unnamed, body)
        else:
            download(unnamed)
        path = claim(place)
        named(path)
        publish(unnamed, path)
        note_of(place, video.generation_id).unlink(missing_ok=True)
    except OSError as error:
        raise DownloadFailed(
            f"The clip cannot be saved at {place} ({reason(error)}): make that possible.",
            generation_id=video.generation_id,
        ) from error
    return path, facts


def _receive_checked(
    download: Callable[[Path], object], video: Video, path: Path, body: dict[str, object] | None
) -> media.Facts:
    try:
        return media.receive(download, path, body)
    except media.BrokenClip as error:
        raise DownloadFailed(
            str(error), generation_id=video.generation_id, kept=str(error.kept or "")
        ) from error


def _write_down(progress: Progress, place: Path) -> None:
    """Keep the command that resumes where the clip would be: nobody could read it."""
    if progress.resume_line and progress.generation_id:
        with suppress(OSError):  # then it is in no place at all, and there is nobody to tell
            note = note_of(place, progress.generation_id)
            note.write_text(f"{progress.resume_line}\n", encoding="utf-8", errors="surrogateescape")


# The command that resumes


def _resume_command(options: argparse.Namespace) -> list[str]:
    """The command up to the id.  Its paths are absolute: it works from any folder."""
    program = [sys.executable or "python", str(Path(__file__).absolute())]
    as_json = ["--json"] if options.json else []
    return [*program, "-o", str(options.output.absolute()), *as_json]


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
