"""Nobody else on the machine reads what the data folder holds, whoever made it and however open."""

import logging
import os
import time
from contextlib import closing
from pathlib import Path

import pytest
from served import FOX, ServedPage, program
from test_ledger import add, somebody_without_rights

from backend import config
from backend.data_folder import data_folder_held
from backend.ledger import Ledger, open_ledger
from backend.storage import Storage
from veo.files import keep_private

SHORT = (FOX, "google/veo-3.1-t2v", "16:9", 4, "720p", True, "")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def open_to_others(folder: Path) -> list[str]:
    """What others may read, list or change, by its name, in a folder that they may enter."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if mode(path) & 0o077)


OURS = [
    *("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.sqlite.part", "runner"),
    *("ledger.sqlite.2026-01-02-030405.ab12", "ledger.sqlite.2026-01-02-030405.ab12-wal", "lock"),
    *(
        "runner.part",
        "clips/0123456789012345678901/clip.mp4",
        "clips/0123456789012345678901/a.json",
    ),
]


def there_before(data: Path) -> Path:
    """A folder as an earlier version left it, with the usual rights."""
    for name in OURS:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("prompt")
        (data / name).chmod(0o644)
    for folder in (data, data / "clips", *(data / "clips").iterdir()):
        folder.chmod(0o755)
    return data


@pytest.fixture
def held():
    """Holds a data folder, as the server does when it starts."""

    def hold(data: Path, **environment: str):
        found = config.read({"VEO_DATA_DIR": str(data), **environment})
        return data_folder_held(found.data)

    return hold


def test_what_was_there_before_is_closed(tmp_path, held):
    data = there_before(tmp_path / "data")
    with held(data):
        assert mode(data) == 0o700
        assert mode(data / "clips") == 0o700
        assert [name for name in open_to_others(data) if "/" not in name] == []


def test_so_is_a_folder_behind_a_link(tmp_path, held):
    data = there_before(tmp_path / "disk")
    (tmp_path / "data").symlink_to(data)
    with held(tmp_path / "data"):
        assert mode(data) == 0o700


def test_a_folder_with_other_things_keeps_its_rights_and_ours_are_closed(tmp_path, held, caplog):
    """Somebody's home, or /tmp: it is not ours to close."""
    data = there_before(tmp_path / "home")
    (data / "theirs").write_text("x")
    (data / "theirs").chmod(0o644)
    with held(data):
        assert mode(data) == 0o755
        assert mode(data / "clips") == 0o700
        assert [name for name in open_to_others(data) if "/" not in name] == ["theirs"]
    assert caplog.records == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_a_folder_of_somebody_else_keeps_its_rights_and_ours_are_closed(tmp_path, held):
    data = there_before(tmp_path / "data")
    os.chown(data, 65534, 65534)
    with held(data):
        assert mode(data) == 0o755
        assert [name for name in open_to_others(data) if "/" not in name] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_where_no_rights_can_be_changed_the_server_starts_and_says_so_once(tmp_path, held, caplog):
    """As on a disk that knows no rights: everything in it is somebody else's."""
    data = there_before(tmp_path / "data")
    for path in (data, *data.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    with caplog.at_level(logging.WARNING), somebody_without_rights(), held(data):
        assert mode(data) == 0o777
    (said,) = caplog.records
    assert str(data) in said.getMessage()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_clips_are_closed_one_by_one_where_their_folder_cannot_be(tmp_path, held):
    data = there_before(tmp_path / "data")
    for path in (data, *data.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
        if path not in (data, data / "clips"):
            os.chown(path, 65534, 65534)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    with somebody_without_rights(), held(data):
        assert open_to_others(data) == ["clips"]


def test_the_ledger_is_closed_before_anything_is_written_into_it(tmp_path):
    """Wherever it lies, and though nobody closed the process's files to others."""
    file, copy = tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite"
    with closing(open_ledger(f"sqlite:///{file}", copy=copy)) as ledger:
        add(ledger)
        assert (tmp_path / "ledger.sqlite-wal").exists()
        assert open_to_others(tmp_path) == []
    for path in (file, copy):
        path.chmod(0o644)
    with closing(open_ledger(f"sqlite:///{file}", copy=copy)) as ledger:
        assert mode(file) == 0o600
        add(ledger)
        assert open_to_others(tmp_path) == []


def test_a_ledger_from_its_copy_and_one_that_was_damaged_are_closed(tmp_path):
    file, copy = tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite"
    with closing(Ledger(f"sqlite:///{copy}")) as ledger:
        add(ledger)
    copy.chmod(0o644)
    with closing(open_ledger(f"sqlite:///{file}", copy=copy)) as ledger:
        assert mode(file) == 0o600
    file.write_bytes(b"no ledger " * 1000)
    for path in (file, copy):
        path.chmod(0o644)
    with closing(open_ledger(f"sqlite:///{file}", copy=copy)):
        assert len(list(tmp_path.glob("ledger.sqlite.2*"))) == 1
        assert open_to_others(tmp_path) == []


def test_a_ledger_without_a_path_makes_no_file_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", f"file:{tmp_path}/real.sqlite?uri=true"):
        open_ledger(f"sqlite:///{name}").close()
    assert [path.name for path in tmp_path.iterdir()] == ["real.sqlite"]


def test_a_read_only_file_stays_read_only(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    file.chmod(0o444)
    assert keep_private(file)
    assert mode(file) == 0o400
    assert keep_private(tmp_path / "not there")


def test_a_clips_folder_is_closed(tmp_path):
    storage = Storage(tmp_path / "clips", most_bytes=1)
    clip_id = storage.new_clip_id()
    with pytest.raises(ZeroDivisionError):
        storage.receive(clip_id, lambda _: 1 / 0, name="a.mp4", request=None)
    assert mode(tmp_path / "clips" / clip_id) == 0o700


@pytest.mark.slow
@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_the_server_writes_nothing_that_others_may_read(tmp_path, umask):
    """Clips, posters, notes and what Gradio keeps, in a folder that was open."""
    there_before(tmp_path / "data")
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            path.unlink()
    before = os.umask(umask)
    try:
        with ServedPage(tmp_path) as served:
            assert program(served).predict(*SHORT, api_name="/generate")
            until = time.monotonic() + 30
            while not list((tmp_path / "data").rglob("clip.json")):
                assert time.monotonic() < until
                time.sleep(0.1)
            old = {"data/clips/0123456789012345678901"}
            written = set(open_to_others(tmp_path)) - old
    finally:
        os.umask(before)
    assert [name for name in written if name.startswith(("data", "cache"))] == []
    assert mode(tmp_path / "data") == 0o700
