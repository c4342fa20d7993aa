"""Git treats every file of the project as what it is, and a Space gets the binary ones by LFS."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def git(*arguments: str, given: str = "") -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, input=given, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def files() -> list[str]:
    return git("ls-files", "-z").split("\0")[:-1]


def is_binary(path: str) -> bool:
    """As git itself and the Hub find out: whether there is a NUL in its beginning."""
    return b"\0" in (ROOT / path).read_bytes()[:8000]


def attributes(files: list[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {path: {} for path in files}
    said = git("check-attr", "-z", "--stdin", "--all", given="\0".join(files)).split("\0")[:-1]
    for path, name, value in zip(*[iter(said)] * 3, strict=True):
        found[path][name] = value
    return found


def test_every_binary_file_is_marked_and_no_other(files):
    found = attributes(files)
    binary = {path for path in files if is_binary(path)}
    assert {path for path in files if found[path].get("binary") == "set"} == binary
    assert any(path.endswith(".mp4") for path in binary)


def test_text_has_the_same_line_ends_everywhere(files):
    found = attributes(files)
    for path in files:
        if not is_binary(path):
            assert found[path]["eol"] == "lf", path
            assert b"\r\n" not in (ROOT / path).read_bytes(), path


def test_a_clone_with_lfs_finds_nothing_changed(files):
    """An LFS filter here would make a pointer of each binary file in such a clone."""
    assert not any("filter" in each for each in attributes(files).values())


def test_the_way_to_a_space_turns_every_kind_of_binary_file_into_lfs():
    marked = re.findall(r"^(\*\.\w+) binary$", (ROOT / ".gitattributes").read_text(), re.MULTILINE)
    told = re.search(
        r'git lfs migrate .*--include="([^"]+)"', (ROOT / "docs/deploying.md").read_text()
    )
    assert told[1].split(",") == marked


def test_no_file_is_larger_than_a_space_takes_without_lfs(files):
    assert all((ROOT / path).stat().st_size < 10_000_000 for path in files)
