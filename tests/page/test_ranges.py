"""Whatever `Range` asks of whatever the page gives out: a part of the plain file, or the whole."""

import re

import brotli
import pytest
import requests

from page import examples

RANGES = {
    "bytes=0-5": slice(0, 6),
    "bytes=5-700": slice(5, 701),
    "bytes=10-": slice(10, None),
    "bytes=-600": slice(-600, None),
    "bytes=0-1,3-4": None,
    "bytes=0-5,3-9": None,
    "bytes=0-0,-1": None,
    "bytes=0-,0-": None,
    "bytes=0-1,": None,
    "bytes=,": None,
    "bytes=5-2": None,
    "bytes=" + ",".join(f"{each}-{each}" for each in range(1000)): None,
    "bytes=" + "0-," * 2000: None,
    "chars=0-5": None,
}
"""None: the whole file."""

FILES = ["a script", "a style sheet", "a logo", "a poster"]
ANY_CODING = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module")
def addresses(demo_page):
    page = requests.get(demo_page.url, timeout=10).text
    of_the_page = [re.search(rf'="\./(assets/[^"]+\.{kind})"', page)[1] for kind in ("js", "css")]
    poster = f"gradio_api/file={examples.EXAMPLES[0].poster}"
    paths = [*of_the_page, "static/img/logo.svg", poster]
    return {name: f"{demo_page.url}/{path}" for name, path in zip(FILES, paths, strict=True)}


@pytest.mark.parametrize("asked", RANGES, ids=[each[:20] for each in RANGES])
@pytest.mark.parametrize("file", FILES)
def test_a_part_is_of_the_plain_file(file, asked, addresses):
    """Gradio would compress a part of a script, and its range would count other bytes."""
    whole = requests.get(addresses[file], headers={"Accept-Encoding": "identity"}, timeout=10)
    answer = requests.get(addresses[file], headers={"Range": asked, **ANY_CODING}, timeout=10)
    part = RANGES[asked]
    assert answer.status_code == (206 if part else 200)
    assert "content-encoding" not in answer.headers
    assert answer.content == (whole.content[part] if part else whole.content)
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("asked", ["bytes=0-5", "bytes=0-1,3-4", "bytes=900000000-"])
@pytest.mark.parametrize("path", ["/", "/config", "/theme.css", "/none", "/gradio_api/info"])
def test_what_is_no_file_comes_whole(path, asked, demo_page):
    plain = requests.get(demo_page.url + path, timeout=10)
    for method in ("GET", "HEAD"):
        answer = requests.request(
            method, demo_page.url + path, headers={"Range": asked}, timeout=10
        )
        assert answer.status_code in (plain.status_code, 405)
        if method == "GET":
            assert len(answer.content) == len(plain.content)


def test_a_compressed_file_is_not_gone_on_with_by_a_part_of_the_plain_one(addresses):
    """A browser on a bad line asks for the rest of what it has, with the tag that it was given."""
    plain = requests.get(addresses["a script"], headers={"Accept-Encoding": "identity"}, timeout=10)
    coded = requests.get(
        addresses["a script"], headers={"Accept-Encoding": "br"}, timeout=10, stream=True
    )
    assert coded.headers["content-encoding"] == "br"
    assert coded.headers["accept-ranges"] == "none"
    assert coded.headers["etag"] == f"W/{plain.headers['etag']}"
    assert brotli.decompress(coded.raw.read(decode_content=False)) == plain.content
    goes_on = {"Range": "bytes=1000-", **ANY_CODING}
    for tag, status in ((coded.headers["etag"], 200), (plain.headers["etag"], 206)):
        answer = requests.get(
            addresses["a script"], headers={**goes_on, "If-Range": tag}, timeout=10
        )
        assert answer.status_code == status
        assert answer.content == plain.content[0 if status == 200 else 1000 :]
