"""A page whose clips lie in a bucket: what works with a folder does here, and says no key."""

import io
import json
import re
import socket
import time
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import obstore
import pytest
import requests
from conftest import KEY
from seaweed import KEY_ID, SECRET, SeaweedServer
from served import FOX, ServedPage, actions_of, open_page, press_generate, program, wait_for

# The same tests, of this page.
from test_kept_clip import test_what_cannot_be_shown_is_saved_from_the_list  # noqa: F401
from test_page import (  # noqa: F401
    clients_leave_nothing,
    test_a_program_generates_resumes_and_asks_the_price,
    test_an_earlier_clip_is_fetched_by_its_id,
    test_from_a_prompt_to_a_playing_clip,
)
from test_settings_import import test_the_json_beside_a_clip_does_the_same  # noqa: F401
from test_strip import (  # noqa: F401
    test_a_clip_is_listed_played_downloaded_reused_and_deleted,
)
from test_takes_asked import (  # noqa: F401
    test_another_visitors_takes_and_clips_show_nothing,
    test_two_clips_of_different_length_play_and_seek_as_one,
    test_two_takes_arrive_side_by_side_and_a_reload_brings_them_back,
)

from page.web.shared_clips import part_of
from veo import media


@pytest.fixture(scope="module")
def seaweed():
    with SeaweedServer() as server:
        yield server


@pytest.fixture(scope="module")
def address(seaweed):
    return seaweed.new_address()


@pytest.fixture(scope="module")
def keyed_page(tmp_path_factory, demo, seaweed, address):
    """As everybody's, with a bucket."""
    environment = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": demo.base_url, "VEO_CLIPS": address}
    folder = tmp_path_factory.mktemp("bucket")
    with ServedPage(folder, **environment, **seaweed.environment) as served:
        yield served


@pytest.fixture(scope="module")
def demo_page(tmp_path_factory, seaweed):
    folder = tmp_path_factory.mktemp("demo-bucket")
    bucket = {"VEO_CLIPS": seaweed.new_address(), **seaweed.environment}
    with ServedPage(folder, **bucket) as served:
        yield served


@pytest.fixture(scope="module")
def clip(keyed_page, seaweed, address, tmp_path_factory):
    """The address of a clip, and its bytes."""
    client = program(keyed_page)
    file, _ = client.predict(FOX, duration=4, resolution="720p", seed=71, api_name="/generate")
    assert media.inspect(file).frames == 96
    asked = [(row["clip"], json.loads(row["request"] or "{}")) for row in keyed_page.rows()]
    (clip_id,) = [clip_id for clip_id, request in asked if request.get("seed") == 71]
    stored = obstore.get(seaweed.store(address), f"{clip_id}/veo-clip.mp4")
    return f"{keyed_page.url}/gradio_api/file=clips/{clip_id}/veo-clip.mp4", bytes(stored.bytes())


RANGES = {
    "bytes=0-5": slice(0, 6),
    "bytes=5-700": slice(5, 701),
    "bytes=10-": slice(10, None),
    "bytes=-600": slice(-600, None),
    "bytes=-999999999": slice(None),
    "bytes=0-999999999": slice(None),
    "bytes=0-1,3-4": None,
    "bytes=5-2": None,
    "bytes=,": None,
    "bytes=-": None,
    "chars=0-5": None,
    "": None,
}
"""None: the whole file."""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("asked", RANGES)
def test_a_clip_is_given_whole_or_in_one_range(asked, method, clip):
    address, whole = clip
    answer = requests.request(method, address, headers={"Range": asked}, timeout=10)
    part = RANGES[asked]
    wanted = whole[part] if part else whole
    assert answer.status_code == (206 if part else 200)
    assert answer.content == (wanted if method == "GET" else b"")
    assert answer.headers["content-length"] == str(len(wanted))
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    if part:
        first, last, _ = part.indices(len(whole))
        assert answer.headers["content-range"] == f"bytes {first}-{last - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=999999999-9999999999", "bytes=-0"])
def test_a_range_that_is_not_there_is_told(asked, clip):
    address, whole = clip
    answer = requests.get(address, headers={"Range": asked}, timeout=10)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(whole)}"


def test_a_part_is_only_given_of_the_same_file(clip):
    address, whole = clip
    plain = requests.head(address, timeout=10)
    for tag in (plain.headers["etag"], plain.headers["last-modified"]):
        headers = {"Range": "bytes=10-", "If-Range": tag}
        assert requests.get(address, headers=headers, timeout=10).content == whole[10:]
    headers = {"Range": "bytes=10-", "If-Range": '"another"'}
    answer = requests.get(address, headers=headers, timeout=10)
    assert (answer.status_code, answer.content) == (200, whole)


def test_a_clip_has_the_headers_of_any_file_of_the_page(clip, keyed_page):
    poster = clip[0].replace("veo-clip.mp4", "poster.jpg")
    page = requests.get(keyed_page.url, timeout=10)
    for address, kind in ((clip[0], "video/mp4"), (poster, "image/jpeg")):
        answer = requests.get(address, headers={"Origin": "https://elsewhere.example"}, timeout=10)
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-disposition"] == "inline"
        for name in ("content-security-policy", "x-content-type-options", "referrer-policy"):
            assert answer.headers[name] == page.headers[name]
        assert not [name for name in answer.headers if name.startswith("access-control")]


HOSTILE = [
    "clips",
    "clips/",
    "clips/{id}",
    "clips/{id}/",
    "clips/{id}/..",
    "clips/{id}/../.trial",
    "clips/{id}/%2e%2e/.trial",
    "clips/.trial",
    "clips/../../etc/passwd",
    "clips/{other}/veo-clip.mp4",
    "clips/{id}/demo-clip.mp4",
    "clips/{id}/nothing.mp4",
    "clips/{id}/veo-clip.mp4/",
    "clips/{id}/veo-clip.mp4%00",
    "clips/{id}/veo-clip.mp4%0a",
    "clips/{id}%2fveo-clip.mp4/x",
    "/clips/{id}/veo-clip.mp4",
    "./clips/{id}/veo-clip.mp4",
    "clips//{id}/veo-clip.mp4",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_nothing_else_of_the_bucket_is_given_out(path, clip, keyed_page):
    clip_id = clip[0].split("/")[-2]
    asked = path.format(id=clip_id, other="a" * 22)
    at = urlsplit(keyed_page.url)
    with socket.create_connection((at.hostname, at.port), 10) as connection:
        line = f"GET /gradio_api/file={asked} HTTP/1.1\r\nHost: {at.netloc}\r\n"
        connection.sendall(f"{line}Connection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert re.match(rb"HTTP/1.1 (307|4\d\d) ", answer), answer[:200]
    assert len(answer) < 4000


def test_nobody_writes_there_from_outside(clip):
    for method in ("PUT", "POST", "DELETE"):
        assert requests.request(method, clip[0], data=b"x", timeout=10).status_code == 405
    assert requests.get(clip[0], timeout=10).content == clip[1]


def test_while_the_bucket_is_away_a_clip_is_told_to_come_later(clip, keyed_page, seaweed):
    """And nothing that would be paid for is sent."""
    address, whole = clip
    rows = len(keyed_page.rows())
    seaweed.stop()
    try:
        for asked in ("", "bytes=0-5"):
            answer = requests.get(address, headers={"Range": asked}, timeout=60)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        with pytest.raises(Exception, match="nothing was sent"):
            program(keyed_page).predict(FOX, duration=4, api_name="/generate")
    finally:
        seaweed.start()
    assert len(keyed_page.rows()) == rows
    assert requests.get(address, timeout=60).content == whole


LARGE = 200 * 2**20


def test_a_large_clip_is_never_in_memory(clip, keyed_page, seaweed, address):
    """Neither for who reads it at once, nor for who stops in the middle, nor for who leaves."""
    clip_id = "L" * 22
    obstore.put(seaweed.store(address), f"{clip_id}/veo-clip.mp4", bytes(LARGE))
    large = f"{keyed_page.url}/gradio_api/file=clips/{clip_id}/veo-clip.mp4"
    requests.get(clip[0], timeout=10)
    before = memory_of(keyed_page)
    with requests.get(large, stream=True, timeout=60) as halted:
        next(halted.iter_content(65536))
        with requests.get(large, stream=True, timeout=60) as read:
            assert sum(map(len, read.iter_content(2**20))) == LARGE
        time.sleep(1)
        grew = memory_of(keyed_page) - before
    assert grew < 64 * 2**20
    assert requests.get(clip[0], timeout=10).content == clip[1]


def memory_of(served):
    """The most that its process had, in bytes."""
    status = Path(f"/proc/{served._process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def test_a_deleted_clip_is_gone_for_everybody(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX}, to be deleted")
    wait_for(tab, "Your clip is ready")
    address = tab.locator("#video video").get_attribute("src")
    newest = tab.locator("#my-clips li").first
    note = actions_of(newest).get_by_role("link", name="JSON").get_attribute("href")
    for each in (address, f"{keyed_page.url}/{note.removeprefix(keyed_page.url).lstrip('/')}"):
        assert requests.get(each, timeout=10).status_code == 200
    tab.on("dialog", lambda dialog: dialog.accept())
    actions_of(newest).locator("[data-name=delete]").click()
    tab.wait_for_function("!document.querySelector('#my-clips li')")
    for each in (address, address.replace("veo-clip.mp4", "poster.jpg")):
        assert requests.get(each, timeout=10).status_code == 404


def test_clips_of_a_bucket_come_in_one_zip_file(clip, keyed_page):
    address, whole = clip
    clip_id = address.rsplit("/", 2)[1]
    answer = requests.get(f"{keyed_page.url}/clips.zip?{clip_id},{'x' * 22}", timeout=10)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        film, note = archive.namelist()
        assert archive.read(film) == whole
        assert json.loads(archive.read(note))["request"]["seed"] == 71
    nothing = requests.get(f"{keyed_page.url}/clips.zip?{'x' * 22}", timeout=10)
    assert nothing.status_code == 404


def test_the_buckets_keys_are_nowhere(keyed_page, clip):
    """After all of the above, with a bucket that was away: neither on a page, nor in the log, nor
    in the data folder."""
    answers = [requests.get(f"{keyed_page.url}/{path}", timeout=10) for path in ("", "config")]
    answers += [requests.get(clip[0], timeout=10), requests.get(f"{clip[0]}x", timeout=10)]
    said = [str(each.headers).encode() + each.content for each in answers]
    files = [path for path in keyed_page.folder.rglob("*") if path.is_file()]
    assert any(path.name == "ledger.sqlite" for path in files)
    assert "bucket does not answer" in keyed_page.log
    for content in (*said, keyed_page.log.encode(), *(path.read_bytes() for path in files)):
        assert KEY_ID.encode() not in content
        assert SECRET.encode() not in content


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("Bytes=0-5", {"range": (0, 6)}),
        ("bytes=7-", {"range": {"offset": 7}}),
        ("bytes=-7", {"range": {"suffix": 7}}),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("", None),
    ],
)
def test_a_range_as_the_bucket_takes_it(asked, part):
    assert part_of(asked) == part
