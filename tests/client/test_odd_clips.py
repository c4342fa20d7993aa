"""What was paid for is never deleted for its form: shown if it plays, else kept."""

import random

import pytest
from client.test_media import make_clip
from conftest import KEY
from fault_server import FaultServer, answer, head, html_answer, send_then_close

from veo import media, mp4
from veo.download import AddressExpired, DownloadError, fetch
from veo.types import DownloadFailed
from veo_client import VeoClient, Video


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return {
        "index first": make_clip(folder / "first.mp4", frames=12).read_bytes(),
        "index last": make_clip(folder / "last.mp4", frames=12, movflags=None).read_bytes(),
        "fragments": make_clip(
            folder / "fragments.mp4", frames=12, movflags="frag_keyframe+empty_moov"
        ).read_bytes(),
    }


def pictures_at(film):
    """Where the header of the pictures' box begins."""
    return film.index(b"mdat") - 4


def with_size(film, size):
    at = pictures_at(film)
    return film[:at] + size.to_bytes(4) + film[at + 4 :]


def told(film, headers=()):
    """`film` by a host that tells its length."""
    return answer(200, film, [("Content-Type", "video/mp4"), *headers])


def chunked(film):
    pieces = b"%x\r\n%b\r\n0\r\n\r\n" % (len(film), film)
    return send_then_close(head(200, [("Transfer-Encoding", "chunked")]) + pieces)


def receive(film, path, hand_out=told):
    with FaultServer([hand_out(film)]) as server:
        client = VeoClient(KEY, base_url=server.url)
        video = Video(generation_id="a", url=f"{server.url}/a.mp4")
        return media.receive(
            lambda at: client.download(video, at),
            path,
            {"prompt": "a fox"},
            poster=path.with_name("poster.jpg"),
        )


BEHIND = {
    "zeros": bytes(4096),
    "a few zeros": bytes(3),
    "a tag": b"TAG" + bytes(125),
    "a line": b"\r\n",
    "noise": random.Random(1).randbytes(500),
    "ones": b"\xff" * 16,
    "a box that is cut": (1000).to_bytes(4) + b"free" + bytes(10),
    "a box of no size": bytes(4) + b"free" + bytes(100),
}
ODD = {
    **{
        f"{what} behind it, {kind}": (
            kind,
            lambda film, what=what: film + BEHIND[what],
            "bytes_after",
        )
        for what in BEHIND
        for kind in ("index first", "index last")
    },
    "pictures to the end": ("index first", lambda film: with_size(film, 0), "open_end"),
    "pictures to the end, and zeros": (
        "index first",
        lambda film: with_size(film, 0) + bytes(64),
        "open_end",
    ),
    "pictures beyond the end": ("index first", lambda film: with_size(film, 1 << 30), "overlong"),
    "in fragments": ("fragments", lambda film: film, "fragments"),
    "another beginning": (
        "index first",
        lambda film: film.replace(b"ftyp", b"free", 1),
        "other_beginning",
    ),
}


@pytest.mark.parametrize("hand_out", [told, chunked])
@pytest.mark.parametrize("odd", ODD)
def test_what_plays_is_shown_though_its_form_is_odd(odd, hand_out, films, tmp_path):
    kind, spoil, oddity = ODD[odd]
    film = spoil(films[kind])
    path = tmp_path / "fox.mp4"
    facts = receive(film, path, hand_out)
    assert facts.odd == [oddity]
    assert facts.frames == 12
    assert path.read_bytes() == film
    assert path.with_name("poster.jpg").exists()
    assert media.inspect(path) == facts


@pytest.mark.parametrize("box", [b"free", b"udta", b"wxyz"])
def test_a_box_that_nobody_knows_is_not_even_odd(box, films, tmp_path):
    film = films["index last"] + (108).to_bytes(4) + box + bytes(100)
    assert receive(film, tmp_path / "fox.mp4").odd == []


@pytest.mark.slow
def test_a_film_to_the_end_of_its_file_that_was_cut_is_not_whole(films, tmp_path):
    film = with_size(films["index first"], 0)
    path = tmp_path / "cut.mp4"
    for size in {*range(pictures_at(film), len(film), 97), len(film) - 1}:
        path.write_bytes(film[:size])
        with pytest.raises(media.BrokenClip):
            media.inspect(path)


def test_an_odd_film_without_a_length_is_fetched_again(films, tmp_path):
    """A connection that ends does not say that this was all."""
    film = with_size(films["index first"], 0)
    unsized = send_then_close(head(200) + film)
    with FaultServer(unsized) as server, pytest.raises(DownloadError, match="tells no length"):
        url = f"{server.url}/a.mp4"
        fetch(url, tmp_path / "a.mp4", trusted=server.url, attempts=2, sleep=lambda _: None)
    assert len(server.requests) == 2


def test_fragments_without_a_length_are_whole_with_the_list_of_them(films, tmp_path):
    film = films["fragments"]
    between = film[: film.rindex(b"mfra") - 4]
    hosts = [send_then_close(head(200) + between), send_then_close(head(200) + film)]
    with FaultServer(hosts) as server:
        url = f"{server.url}/a.mp4"
        fetch(url, tmp_path / "a.mp4", trusted=server.url, sleep=lambda _: None)
    assert (tmp_path / "a.mp4").read_bytes() == film


# What cannot be shown

UNPLAYABLE = {
    "WebM": lambda _: b"\x1a\x45\xdf\xa3" + random.Random(2).randbytes(5000),
    "noise": lambda _: random.Random(3).randbytes(5000),
    "cut at the service": lambda film: film[:-100],
    "cut in half": lambda film: film[: len(film) // 2],
    "without an index": lambda film: film.replace(b"moov", b"free", 1),
    "zeros": lambda _: bytes(5000),
    "a large text": lambda _: b"words " * 200_000,
}


@pytest.mark.parametrize("spoil", UNPLAYABLE)
def test_what_came_whole_and_cannot_be_shown_is_kept(spoil, films, tmp_path):
    film = UNPLAYABLE[spoil](films["index first"])
    path = tmp_path / "fox.mp4"
    with pytest.raises(media.BrokenClip) as caught:
        receive(film, path)
    assert caught.value.kept == mp4.unchecked(path)
    assert caught.value.kept.read_bytes() == film
    assert not path.exists()
    assert caught.value.kept.name in str(caught.value)


@pytest.mark.parametrize("spoil", UNPLAYABLE)
def test_who_cannot_look_into_it_gets_no_name_of_a_clip_for_it(spoil, films, tmp_path):
    film = UNPLAYABLE[spoil](films["index first"])
    path = tmp_path / "fox.mp4"
    with FaultServer([told(film)]) as server, pytest.raises(DownloadFailed) as caught:
        client = VeoClient(KEY, base_url=server.url)
        client.download(Video(generation_id="a", url=f"{server.url}/a.mp4"), path)
    assert caught.value.kept == str(mp4.unchecked(path))
    assert mp4.unchecked(path).read_bytes() == film
    assert not path.exists()
    assert caught.value.generation_id == "a"


def test_what_was_kept_stays_when_a_page_comes_in_its_place(films, tmp_path):
    film, path = films["index first"][:-100], tmp_path / "fox.mp4"
    with pytest.raises(media.BrokenClip):
        receive(film, path)
    page = b"<html>Sign in</html>"
    with FaultServer(told(page)) as server, pytest.raises(DownloadError, match="not kept"):
        fetch(f"{server.url}/a.mp4", mp4.unchecked(path), trusted=server.url)
    assert mp4.unchecked(path).read_bytes() == film


# A page in its place

PAGES = {
    "a page": b"<!doctype html><title>Sign in to the network</title>",
    "a page, indented": b"\n\n  <html><body>Gone \xe2\x80\xa6</body></html>",
    "a page with a mark before it": b"\xef\xbb\xbf<html></html>",
    "a page of two bytes a letter": "<html></html>".encode("utf-16"),
    "JSON": b'{"message": "expired"}',
    "XML": b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>",
    "a line": b"Access denied",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", ["video/mp4", "text/html", "application/octet-stream"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_in_place_of_the_video_is_not_what_was_paid_for(page, kind, tmp_path):
    path = tmp_path / "fox.mp4"
    paged = answer(200, PAGES[page], [("Content-Type", kind)])
    with FaultServer([paged]) as server, pytest.raises(AddressExpired):
        fetch(f"{server.url}/a.mp4", path, trusted=server.url)
    assert list(tmp_path.iterdir()) == []


def test_after_a_page_the_video_is_fetched(films, tmp_path):
    path = tmp_path / "fox.mp4"
    with FaultServer([html_answer(200), told(films["index first"])]) as server:
        url = f"{server.url}/a.mp4"
        with pytest.raises(DownloadError):
            fetch(url, path, trusted=server.url)
        assert fetch(url, path, trusted=server.url).read_bytes() == films["index first"]


def test_what_is_kept_is_bounded_as_ever(tmp_path):
    with FaultServer([told(bytes(5000))]) as server, pytest.raises(DownloadError, match="larger"):
        fetch(f"{server.url}/a.mp4", tmp_path / "a.mp4", trusted=server.url, max_bytes=4999)
    assert list(tmp_path.iterdir()) == []
