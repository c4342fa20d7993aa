"""The data folder: held by one process, closed to others on the machine, and known by a name."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from veo.files import TRIAL, Locked, keep_private, locked, publish, try_out

_log = logging.getLogger(__name__)

OURS = ("arriving", "clips", "pictures", "lock", "runner", "ledger.sqlite")
"""How the names of all begin that we keep in the data folder."""


class InUse(Exception):
    """Another process works in the same data folder; the text says what to do."""


@contextmanager
def data_folder_held(data: Path) -> Iterator[None]:
    """The data folder, for this process alone; raises `InUse` or `OSError`."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / "clips").mkdir(exist_ok=True, mode=0o700)
    _close_to_others(data)
    try:
        with locked(data / "lock"):
            for left_by_a_crash in (data / "clips").glob(f"{TRIAL}*"):
                left_by_a_crash.unlink()
            try_out(data / "clips")
            yield
    except Locked:
        raise InUse(
            f"Another server works in {data}: stop it, or choose another folder with VEO_DATA_DIR."
        ) from None


def _close_to_others(data: Path) -> None:
    """Let nobody else on the machine read what an earlier server left: the ledger holds every
    prompt.

    A folder with other things in it, or of somebody else, keeps its rights: it may be a home.
    """
    there = list(data.iterdir())
    ours = [path for path in there if path.name.startswith(OURS)]
    if ours == there and (os.name != "posix" or data.stat().st_uid == os.geteuid()):
        ours.append(data)
    still_open = {path for path in ours if not keep_private(path)}
    if data / "clips" in still_open:
        still_open |= {path for path in data.glob("clips/**/*") if not keep_private(path)}
    if still_open and not _is_closed(data):
        _log.warning("Others on this machine may read what is in %s.", data)


def _is_closed(folder: Path) -> bool:
    return not folder.stat().st_mode & 0o077


def name_of(data: Path) -> str:
    """The folder's name for its rows in the ledger: a restart finds them, and another server on the
    same database leaves them alone."""
    name = data / "runner"
    if not name.exists():
        unnamed = data / "runner.part"
        unnamed.write_text(secrets.token_hex(8))
        publish(unnamed, name)
    return name.read_text()
