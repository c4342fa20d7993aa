"""Films to make, one a row of a CSV file, and notes beside it of what became of each.

Whenever the program ends, no row is paid for twice: a note is on the disk before its request leaves
and as soon as its id is known.  This module knows neither options nor the service.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from veo.files import Locked, locked, reason
from veo.types import InvalidRequest, TookTooLong, read_number

__all__ = ["Notes", "Outcome", "Row", "open_notes", "read_rows"]

LARGEST_LIST = 1 << 20
MOST_ROWS = 1000

State = Literal["new", "sending", "taken", "saved", "failed"]
"""What became of a row: `sending` stays where nobody knows if the service got it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One film of the list."""

    number: int
    """Its place in the list, from 1."""
    key: str
    """The same as long as nothing in it changes but its output, wherever it stands."""
    cells: Mapping[str, str]
    """By the name of an option; what is empty is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known of a row."""

    state: State = "new"
    generation_id: str = ""
    dollars: float = 0.0
    """What it costs, as far as it does: the estimate until the service says what was charged."""
    request: Mapping[str, Any] | None = None
    """What was sent."""
    path: str = ""
    """Where the clip is, or was about to be put."""

    @property
    def is_here(self) -> bool:
        """Whether the clip got its name: until then an empty file holds it."""
        try:
            return bool(self.path) and Path(self.path).stat().st_size > 0
        except OSError:
            return False


def read_rows(path: Path, columns: Collection[str]) -> list[Row]:
    """The rows of the list, whose first line names `columns`; raises `InvalidRequest`."""
    reader = csv.DictReader(io.StringIO(_read(path), newline=""), restkey="", strict=True)
    try:
        names = {name: _plain(name) for name in reader.fieldnames or []}
        for name, plain in names.items():
            if plain not in columns and (";" in name or "\t" in name):
                raise _wrong("Separate the columns of the list with commas.")
            if plain not in columns:
                raise _wrong(f"There is no column {name!r}: take {', '.join(sorted(columns))}.")
        if "prompt" not in names.values() or len({*names.values()}) < len(reader.fieldnames or []):
            raise _wrong("The first line of the list names each column once, and one is prompt.")
        rows = [{names.get(name, name): cell for name, cell in row.items()} for row in reader]
    except csv.Error as error:
        raise _wrong(f"The list is no CSV file ({error}).") from None
    if not 0 < len(rows) <= MOST_ROWS:
        raise _wrong(f"The list has {len(rows):,} rows: it may have 1 to {MOST_ROWS:,}.")
    seen = Counter[str]()
    return [_row(number, cells, seen) for number, cells in enumerate(rows, 1)]


def _row(number: int, cells: Mapping[str, object], seen: Counter[str]) -> Row:
    if "" in cells:
        raise _wrong(f"Row {number} has more cells than the list has columns.")
    filled = {name: cell.strip() for name, cell in cells.items() if isinstance(cell, str)}
    filled = {name: cell for name, cell in filled.items() if cell}
    # Where the clip goes is no part of the film, which would be paid for again under a new name.
    film = {name: cell for name, cell in filled.items() if name != "output"}
    digest = hashlib.sha256(json.dumps(film, sort_keys=True).encode()).hexdigest()[:32]
    seen[digest] += 1  # the same film twice is two films
    return Row(number=number, key=f"{digest}-{seen[digest]}", cells=filled)


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_LIST + 1)
        if len(content) > LARGEST_LIST:
            raise _wrong(f"{path} is larger than {LARGEST_LIST >> 20} MiB.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise _wrong(f"{path} cannot be read ({reason(error)}).") from None
    except UnicodeDecodeError:
        raise _wrong(f"{path} is no text in UTF-8.") from None


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="from")


class Notes:
    """What became of each row, in a file of JSON lines that only grows."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._outcomes: dict[str, Outcome] = {}
        file.seek(0)
        content = file.read()
        for line in content.splitlines():
            self._take(line)
        if content and not content.endswith(b"\n"):
            self._append(b"\n")  # the program ended while it wrote

    @property
    def dollars(self) -> float:
        """What all rows cost together, of this run and those before."""
        return sum(each.dollars for each in self._outcomes.values())

    def of(self, row: Row) -> Outcome:
        return self._outcomes.get(row.key, Outcome())

    def write(self, row: Row, state: State, **more: Any) -> None:
        """Note it, with more fields of an `Outcome`; back when it is on the disk.

        What is not given, or None, stays as it was.  What cannot be noted is an error that has the
        row's id, if there is one.
        """
        known = {name: value for name, value in more.items() if value is not None}
        # First of all: whatever becomes of the note, nobody may take it for not sent.
        outcome = self._outcomes[row.key] = replace(self.of(row), state=state, **known)
        note = {"row": row.key, **asdict(outcome), "prompt": row.cells.get("prompt", "")[:60]}
        if state != "sending":
            del note["request"]
        try:
            self._append(json.dumps(note).encode() + b"\n")
        except OSError as error:
            message = f"The notes of the list cannot be written ({reason(error)})."
            if state == "sending":  # it was not sent yet
                raise _wrong(message) from None
            raise TookTooLong(message, generation_id=outcome.generation_id or None) from None

    def _append(self, line: bytes) -> None:
        """All of `line` or nothing.  Not through a buffer, which is tried again at its closing."""
        number = self._file.fileno()
        before = os.fstat(number).st_size
        try:
            while line:
                line = line[os.write(number, line) :]
            os.fsync(number)
        except OSError:
            os.ftruncate(number, before)
            raise

    def _take(self, line: bytes) -> None:
        try:
            note = json.loads(line)
            state, row = note["state"], str(note["row"])
            request = note.get("request")
            if state in ("new", "sending", "taken", "saved", "failed"):
                self._outcomes[row] = Outcome(
                    state=state,
                    generation_id=str(note["generation_id"]),
                    dollars=read_number(note["dollars"]) or 0.0,
                    request=request if isinstance(request, dict) else self._request_of(row),
                    path=str(note.get("path", "")),
                )
        except (ValueError, LookupError, TypeError):
            pass  # half a line

    def _request_of(self, key: str) -> Mapping[str, Any] | None:
        return self._outcomes.get(key, Outcome()).request


@contextmanager
def open_notes(path: Path) -> Iterator[Notes]:
    """The notes at `path`, held against every other run of the same list."""
    with ExitStack() as stack:
        try:
            notes = Notes(stack.enter_context(locked(path)))
        except Locked:
            raise _wrong("This list is being filmed already.") from None
        except OSError as error:
            raise _wrong(f"The notes {path} cannot be written ({reason(error)}).") from None
        yield notes
