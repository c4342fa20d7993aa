"""Folders that cannot everything: what was paid for counts, and what cannot be is known before."""

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from veo import files

NOT_OFFERED = [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOTTY]


def refuses(monkeypatch, where, number, when=lambda *_: True):
    """The call at `where`, as a file system gives it that refuses `when`."""
    owner, name = where
    real = getattr(owner, name)

    def call(*arguments, **named):
        if when(*arguments):
            raise OSError(number, os.strerror(number))
        return real(*arguments, **named)

    monkeypatch.setattr(owner, name, call)


def is_folder(descriptor, *_):
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def unnamed(tmp_path):
    path = tmp_path / "clip.part"
    path.write_bytes(b"paid for")
    return path


@pytest.mark.parametrize("number", [*NOT_OFFERED, errno.EIO, errno.EBADF, errno.EACCES])
def test_a_folder_that_cannot_be_synced_has_the_file_all_the_same(unnamed, monkeypatch, number):
    refuses(monkeypatch, (os, "fsync"), number, is_folder)
    path = files.publish(unnamed, unnamed.with_name("clip.mp4"))
    assert path.read_bytes() == b"paid for"
    assert names(path.parent) == ["clip.mp4"]


def test_a_folder_that_cannot_be_opened_has_the_file_all_the_same(unnamed, monkeypatch):
    """It may be written to and not be read, like a letter box."""
    refuses(monkeypatch, (os, "open"), errno.EACCES, lambda path, *_: Path(path).is_dir())
    assert files.publish(unnamed, unnamed.with_name("clip.mp4")).read_bytes() == b"paid for"


@pytest.mark.parametrize("number", NOT_OFFERED)
def test_a_file_system_without_sync_has_the_file_all_the_same(unnamed, monkeypatch, number):
    refuses(monkeypatch, (os, "fsync"), number)
    assert files.publish(unnamed, unnamed.with_name("clip.mp4")).read_bytes() == b"paid for"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_bytes_that_did_not_reach_the_disk_get_no_name(unnamed, monkeypatch, number):
    refuses(monkeypatch, (os, "fsync"), number, lambda descriptor: not is_folder(descriptor))
    with pytest.raises(OSError):
        files.publish(unnamed, unnamed.with_name("clip.mp4"))
    assert names(unnamed.parent) == ["clip.part"]


@pytest.mark.parametrize("number", [errno.EEXIST, errno.EPERM, errno.ENOTSUP])
def test_a_name_that_is_taken_is_freed_where_no_file_takes_anothers(unnamed, monkeypatch, number):
    """As sshfs does.  The command takes the name first, so that nobody else does."""
    path = unnamed.with_name("clip.mp4")
    path.touch()
    refuses(monkeypatch, (os, "replace"), number, lambda _old, new: Path(new).exists())
    assert files.publish(unnamed, path).read_bytes() == b"paid for"
    assert names(path.parent) == ["clip.mp4"]


NO_LOCKS = [*NOT_OFFERED, errno.ENOLCK, errno.EPERM, errno.EACCES, errno.EIO, errno.EROFS]


@pytest.mark.parametrize("number", NO_LOCKS)
def test_a_clip_is_fetched_though_nothing_can_be_locked(tmp_path, monkeypatch, number):
    refuses(monkeypatch, (fcntl, "flock"), number)
    with files.claim(tmp_path / "clip.mp4", "https://cdn.example/a.mp4") as part:
        with part.open(files.PartialFile()) as file:
            file.write(b"paid for")
        files.publish(part.file, part.path)
    assert names(tmp_path) == ["clip.mp4"]


def test_what_another_holds_stays_locked(tmp_path):
    with files.claim(tmp_path / "clip.mp4", "a"), pytest.raises(files.Locked):
        with files.claim(tmp_path / "clip.mp4", "a"):
            pass


def test_files_that_have_no_number_of_their_own_are_no_endless_loop(tmp_path, monkeypatch):
    """Some network folders count anew each time they are asked."""
    monkeypatch.setattr(os.path, "samestat", lambda *_: False)
    with files.claim(tmp_path / "clip.mp4", "a") as part:
        assert part.path.name == "clip.mp4"


# Before anything is paid for


REFUSED = {
    "no locks": ((fcntl, "flock"), errno.ENOLCK),
    "no locks at all": ((fcntl, "flock"), errno.ENOSYS),
    "locks for others": ((fcntl, "flock"), errno.EPERM),
    "no other name": ((Path, "replace"), errno.EXDEV),
    "nothing removed": ((os, "unlink"), errno.EPERM),
    "read only": ((Path, "open"), errno.EROFS),
}


def test_a_place_that_can_everything_is_left_as_it_was(tmp_path):
    files.try_out(tmp_path, 1 << 20)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_synced_will_do(tmp_path, monkeypatch):
    refuses(monkeypatch, (os, "fsync"), errno.EINVAL, is_folder)
    files.try_out(tmp_path)


@pytest.mark.parametrize(("where", "number"), REFUSED.values(), ids=REFUSED)
def test_a_place_that_cannot_is_named(tmp_path, monkeypatch, where, number):
    refuses(monkeypatch, where, number)
    with pytest.raises(OSError) as caught:
        files.try_out(tmp_path)
    assert (caught.value.errno, caught.value.filename) == (number, str(tmp_path))
