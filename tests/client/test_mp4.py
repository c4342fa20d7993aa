import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veo.mp4 import MAX_BOXES, check_whole, top_level_boxes


def box(kind, payload=b""):
    return (8 + len(payload)).to_bytes(4) + kind + payload


def large_box(kind, payload=b""):
    """A box with a 64-bit size."""
    return (1).to_bytes(4) + kind + (16 + len(payload)).to_bytes(8) + payload


FTYP = box(b"ftyp", b"isom")
WHOLE = FTYP + box(b"moov", b"index") + box(b"mdat", b"pictures and sound")


@pytest.fixture
def file(tmp_path):
    """Write bytes to a file and give its path."""

    def write(content):
        path = tmp_path / "clip.mp4"
        path.write_bytes(content)
        return path

    return write


def test_boxes_are_listed_in_order_with_their_sizes(file):
    assert top_level_boxes(file(WHOLE)) == [("ftyp", 12), ("moov", 13), ("mdat", 26)]


def test_a_64_bit_size_is_read(file):
    path = file(FTYP + large_box(b"mdat", b"12345678") + box(b"moov"))
    assert top_level_boxes(path) == [("ftyp", 12), ("mdat", 24), ("moov", 8)]
    check_whole(path)


def test_a_path_may_be_a_string(file):
    check_whole(str(file(WHOLE)))


def test_a_file_cut_anywhere_is_not_whole(file):
    for length in range(len(WHOLE)):
        with pytest.raises(ValueError):
            check_whole(file(WHOLE[:length]))
    check_whole(file(WHOLE))


def test_a_cut_file_tells_how_much_is_missing(file):
    with pytest.raises(ValueError, match=r"cut short: 5 bytes are missing"):
        top_level_boxes(file(WHOLE[:-5]))


@pytest.mark.parametrize("rest", [b"\0", b"\0\0\0\x08mda", b"\0\0\0\x01mdat\0\0\0\0"])
def test_a_cut_header_is_named(file, rest):
    with pytest.raises(ValueError, match="cut short in the middle of a box header"):
        top_level_boxes(file(WHOLE + rest))


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><title>403 Forbidden</title>",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b'{"message": "expired"}',
        bytes(64 * 1024 + 9)[8:] + b"\0",
        WHOLE[len(FTYP) :],
        bytes(range(256)),
    ],
    ids=["html", "png", "json", "zeros", "no ftyp", "noise"],
)
def test_something_else_is_no_mp4(file, content):
    with pytest.raises(ValueError):
        top_level_boxes(file(content))


def test_an_empty_file_is_named(file):
    with pytest.raises(ValueError, match="empty"):
        top_level_boxes(file(b""))


@pytest.mark.parametrize("size", [0, 2, 7])
def test_an_impossible_size_is_refused(file, size):
    """Size 0 means "to the end of the file", which is true after a cut as well."""
    with pytest.raises(ValueError, match="impossible size"):
        top_level_boxes(file(WHOLE + size.to_bytes(4) + b"mdat" + bytes(8)))


@pytest.mark.parametrize("size", [0, 15])
def test_an_impossible_64_bit_size_is_refused(file, size):
    with pytest.raises(ValueError, match="impossible size"):
        top_level_boxes(file(WHOLE + b"\0\0\0\x01mdat" + size.to_bytes(8)))


def test_a_huge_size_is_refused_at_once(file):
    with pytest.raises(ValueError, match="cut short"):
        top_level_boxes(file(WHOLE + b"\0\0\0\x01mdat" + b"\xff" * 8))


def test_a_million_tiny_boxes_end_quickly(file):
    path = file(FTYP + box(b"free") * 1_000_000)
    started = time.perf_counter()
    with pytest.raises(ValueError, match="parts"):
        top_level_boxes(path)
    assert time.perf_counter() - started < 0.5


def test_as_many_boxes_as_allowed_are_fine(file):
    assert len(top_level_boxes(file(FTYP + box(b"free") * (MAX_BOXES - 1)))) == MAX_BOXES


@pytest.mark.parametrize("missing", [b"moov", b"mdat"])
def test_index_and_pictures_are_both_required(file, missing):
    with pytest.raises(ValueError, match=missing.decode()):
        check_whole(file(WHOLE.replace(missing, b"free")))


def test_a_folder_a_link_and_a_pipe_are_not_opened(file, tmp_path):
    """Opening a pipe would wait for a writer for ever; a link could lead anywhere."""
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(file(WHOLE))
    os.mkfifo(pipe)
    for path in (tmp_path, link, pipe):
        with pytest.raises(ValueError, match="not a plain file"):
            top_level_boxes(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        top_level_boxes(tmp_path / "none.mp4")


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_value_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.mp4"
    path.write_bytes(FTYP + content)
    try:
        boxes = top_level_boxes(path)
    except ValueError:
        return
    assert sum(size for _, size in boxes) == path.stat().st_size
