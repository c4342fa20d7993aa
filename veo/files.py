"""Files that appear whole or not at all.

`publish` gives a finished file its name so that a power cut leaves it there or not there, never
half.  `claim` holds an unfinished one, `NAME.part`, beside a note in `NAME.part.json` of what it is
a part of, so that the next attempt goes on from there, in another process too.  `try_out` does all
of that with an empty file, so that a place that cannot is known before anything is paid for.  This
module knows files; it knows no network and no video.

Not every file system can everything: network folders refuse to sync a folder, or to lock.  What was
paid for counts there all the same, once its bytes are written and it has its name.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

NOT_OFFERED = frozenset(
    {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY, errno.ENOLCK}
)
"""What a file system answers that has no such call; none of it says that bytes were lost."""

LOCK_TRIES = 10
TRIAL = ".trial-"
"""How the names begin of what `try_out` makes, and removes unless the process dies."""


class Locked(Exception):
    """Another download, perhaps of another process, is at this file."""


def publish(unnamed: Path, path: Path) -> Path:
    """Give the finished file `unnamed` the name `path`, once it is safe on the disk."""
    try:
        _sync(unnamed)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
    _rename(unnamed, path)
    if os.name == "posix":
        # The new name survives a power cut only once the folder is on the disk.  Windows has no way
        # to ask for that, nor have CIFS and many others; the file is whole and has its name.
        with contextlib.suppress(OSError):
            _sync(path.parent)
    return path


def try_out(folder: Path, size: int = 0) -> None:
    """Do in `folder` what a download does, and leave nothing; raises `OSError`, with its name."""
    trial = folder / f"{TRIAL}{secrets.token_hex(8)}"
    note, part = _beside(trial, ".part.json"), _beside(trial, ".part")
    try:
        try:
            with locked(note):
                part.write_bytes(b"")
                with part.open("ab") as file:
                    file.write(bytes(size))
                trial.touch(exist_ok=False)
                publish(part, trial)
        finally:
            for path in (note, part, trial):
                path.unlink(missing_ok=True)
    except Locked:  # nobody else knows the name
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), str(folder.absolute())) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder.absolute())) from error


def reason(error: OSError | ValueError) -> str:
    """Why a file could not be had, in the system's words if it has any."""
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


def keep_private(path: Path) -> bool:
    """Take from others what rights they have to `path`; tell whether they have none now.

    A disk may know no rights, and the file may be somebody else's.
    """
    if os.name != "posix":
        return True
    try:
        if others := path.stat().st_mode & 0o077:
            path.chmod(path.stat().st_mode & 0o7700)
            others = path.stat().st_mode & 0o077  # some disks only say that they did it
        return not others
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _rename(unnamed: Path, path: Path) -> None:
    try:
        unnamed.replace(path)
    except OSError as error:
        if error.errno not in NOT_OFFERED | {errno.EEXIST, errno.EPERM} or not path.is_file():
            raise
        # As over SFTP: a name that is taken is given to no other file.  Nothing is lost in between.
        aside = _beside(path, ".old")
        path.rename(aside)
        try:
            unnamed.rename(path)
        except OSError:
            aside.rename(path)
            raise
        aside.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialFile:
    """The first `size` bytes of a certain file."""

    size: int = 0
    total: int | None = None
    """How many it will be; None if the host does not say."""
    etag: str | None = None
    """A strong one, or what is kept cannot be told from another file's beginning."""

    def is_whole(self) -> bool:
        return 0 < self.size == self.total

    def headers(self) -> dict[str, str]:
        """Ask for the rest, or for everything if the file has changed (RFC 9110, 13.1.5)."""
        return {"Range": f"bytes={self.size}-", "If-Range": self.etag} if self.etag else {}

    def in_words(self) -> str:
        if not self.size:
            return "Run again later; the clip stays at the service."
        return f"{self.size:,} of {self.total:,} bytes are kept: run again to go on from there."


@dataclass(frozen=True, slots=True)
class Part:
    """Two files beside `path`, held by one download: what has come, and a note of what it is of."""

    path: Path
    address: str
    note: BinaryIO
    """Open and locked as long as this download runs."""

    @property
    def file(self) -> Path:
        return _beside(self.path, ".part")

    def kept(self) -> PartialFile:
        """What an earlier attempt left of the file at this address, if that can be resumed."""
        try:
            self.note.seek(0)
            note = json.load(self.note)
            size, total, etag = self.file.stat().st_size, note["total"], note["etag"]
            usable = note["address"] == self.address and isinstance(etag, str) and 0 < size <= total
        except (FileNotFoundError, LookupError, TypeError, ValueError):
            usable = False
        return PartialFile(size=size, total=total, etag=etag) if usable else PartialFile()

    def open(self, known: PartialFile) -> BinaryIO:
        """The file, ready for the bytes after the known ones."""
        if not known.size:
            # The bytes first: a note of the new file must not meet any of the old one.
            self.file.write_bytes(b"")
            note = {"address": self.address, "etag": known.etag, "total": known.total}
            self.note.truncate(0)
            self.note.write(json.dumps(note).encode())
            self.note.flush()
        return self.file.open("ab")

    def discard(self) -> None:
        self.file.unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


@contextlib.contextmanager
def claim(path: Path, address: str) -> Iterator[Part]:
    """Hold the part for one download; another one of the same file, by any process, is refused."""
    note_path = _beside(path, ".part.json")
    # Where nothing can be locked, a clip that is paid for is fetched all the same.
    with locked(note_path, or_not=True) as note:
        part = Part(path, address, note)
        try:
            yield part
        finally:
            # Before the lock goes, so that whoever opened this note meanwhile finds it stale.
            if os.name == "posix" and not part.file.exists():
                note_path.unlink(missing_ok=True)
    # Windows removes no open file, neither ours until now nor that of another download.
    if os.name == "nt" and not part.file.exists():
        with contextlib.suppress(PermissionError):
            note_path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, *, or_not: bool = False) -> Iterator[BinaryIO]:
    """Hold the file at `path`, made if need be, against every other process; else `Locked`.

    On a file system without locks that is an `OSError`; `or_not` opens the file even so.
    """
    for tries_left in reversed(range(LOCK_TRIES)):
        with path.open("a+b") as file:
            try:
                _lock(file)
            except BlockingIOError:
                raise Locked from None
            except OSError as error:
                if os.name == "nt" and isinstance(error, PermissionError):  # as Windows tells it
                    raise Locked from None
                if not or_not:
                    raise
            # Another one may have removed it just now.  Some network folders tell no file from
            # another, so this has an end.
            if _is_at(path, file) or not tries_left:
                yield file
                return


def _is_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(1 << 30)  # far behind the note, for Windows keeps even ours from reading it
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
