"""One request, at most one line of log, and an answer that says what was wrong with it."""

import contextlib
import http.client
import json
import re
import secrets
import time

import pytest
import requests
from conftest import KEY
from served import ServedPage

from page.web.ranges import plain

JSON = {"Content-Type": "application/json"}
AGENT = JSON | {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with ServedPage(tmp_path_factory.mktemp("lines"), VEO_MCP="1") as served:
        served.forgives_gradio = True
        while "Streamable HTTP URL" not in served.log:  # the last line of a start
            time.sleep(0.1)
        yield served


@contextlib.contextmanager
def at_most_a_line(served):
    """Fails if the log grows by more, or by what was sent."""
    before = len(served.log)
    yield
    time.sleep(0.2)  # what is written after the answer
    added = served.log[before:]
    assert added.count("\n") <= 1, added
    assert KEY not in added


def sent(served, method, path, **request):
    url = f"{served.url}{path}"
    return requests.request(method, url, timeout=20, allow_redirects=False, **request)


UNKNOWN = [
    ("GET", "/gradio_api/call/price/" + KEY, None),
    ("GET", "/gradio_api/call/v2/price/nope", None),
    ("GET", "/gradio_api/call/nope/nope", None),
    ("GET", f"/gradio_api/queue/data?session_hash={KEY}", None),
    ("POST", "/gradio_api/queue/join", {"data": [KEY], "fn_index": 9999, "session_hash": "a"}),
    ("POST", "/gradio_api/queue/join", {"data": [], "fn_index": -1, "session_hash": "a"}),
    ("POST", "/gradio_api/queue/join", {"data": [], "fn_index": 10**15, "session_hash": KEY}),
    ("POST", "/gradio_api/run/price", {"data": [], "fn_index": 9999}),
    ("POST", "/gradio_api/run/price", {"data": [], "fn_index": 9999, "session_hash": "b"}),
    ("POST", "/gradio_api/run/nope", {"data": [KEY]}),
    ("POST", "/gradio_api/run/nope/", {"data": [KEY]}),
    ("POST", f"/gradio_api/api/{KEY}", {"data": []}),
    ("POST", "/gradio_api/call/nope", {"data": []}),
    ("POST", "/gradio_api/call/v2/nope", {}),
    ("GET", "/?page=nope", None),
]


@pytest.mark.parametrize(("method", "path", "body"), UNKNOWN, ids=[each[1] for each in UNKNOWN])
def test_what_is_not_there_is_answered_so(method, path, body, served):
    """In a stream that has begun, Gradio says it there."""
    with at_most_a_line(served):
        answer = sent(served, method, path, json=body)
    if answer.headers["Content-Type"].startswith("text/event-stream"):
        assert "404: Not Found" in answer.text
    else:
        assert (answer.status_code, answer.text) == (404, "Not here.")


ODD = [
    ("/gradio_api/run/price", b'{"data": []}', {}),
    ("/gradio_api/run/price", b'{"data": [1, 2, 3, NaN]}', {}),
    ("/gradio_api/run/price", json.dumps({"data": [KEY] * 40}).encode(), {}),
    ("/gradio_api/run/price", json.dumps({"data": KEY}).encode(), {}),
    ("/gradio_api/run/price", b'{"data": ["\\ud800", 4, "720p", true]}', {}),
    ("/gradio_api/run/price", b"\xff\xfe{" + KEY.encode(), {}),
    ("/gradio_api/run/price", b"\xff\xfe{" + KEY.encode(), {"Content-Type": "text/x"}),
    ("/gradio_api/run/price", KEY.encode() * 100, {}),
    ("/gradio_api/run/price", b'{"data": [], "trigger_id": 999999999999}', {}),
    ("/gradio_api/call/v2/price", json.dumps({KEY: 1}).encode(), {}),
    ("/gradio_api/call/v2/price", b"[]", {}),
    ("/gradio_api/cancel", b'{"session_hash": 1}', {}),
    ("/gradio_api/run/price", b'{"data": []}', {"X-Forwarded-Host": "[::1"}),
    ("/gradio_api/run/price", b'{"data": []}', {"X-Forwarded-Host": f"x:{KEY}"}),
    ("/gradio_api/run/price", b'{"data": []}', {"X-Gradio-Server": "http://[::1"}),
    ("/login", b"x", {"Content-Type": "multipart/form-data"}),
    ("/login", b"username=" + KEY.encode(), {"Content-Type": "application/x-www-form-urlencoded"}),
]


@pytest.mark.parametrize(("path", "body", "headers"), ODD)
def test_an_odd_request_is_no_page_of_log(path, body, headers, served):
    with at_most_a_line(served):
        answer = sent(served, "POST", path, data=body, headers=JSON | headers)
        assert answer.status_code >= 300
    assert KEY not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/static/" + "a" * 5000, "/assets/%00", "/svelte/" + "%2e%2e/" * 50, "/pwa_icon/" + "9" * 50],
)
def test_an_odd_path_is_no_page_of_log(path, served):
    with at_most_a_line(served):
        assert sent(served, "GET", path).status_code >= 400


@pytest.mark.parametrize(
    ("handler", "data", "headers"),
    [
        ("on_load", [None], {"X-Forwarded-Host": "[::1"}),
        ("on_fetch", [KEY], {"X-Forwarded-Host": "[::1"}),
        ("on_load", [], {}),
        ("on_load", [3], {}),
        ("on_fetch", [], {}),
        ("on_fetch", [[]] * 30, {"X-Gradio-Server": "http://[::1"}),
        ("restore_form", [{"form": ["\ud800", 1, 1, 1, 1, 1, 1, 1, 1, 1]}], {}),
        ("on_money", [[]] * 7, {}),
    ],
)
def test_an_odd_event_is_a_line_of_log_and_ends(handler, data, headers, served):
    """Also one that Gradio checks before it waits in line, or whose answer cannot be written."""
    session = secrets.token_hex(8)
    body = {"fn_index": served.numbers[handler], "data": data, "session_hash": session}
    with at_most_a_line(served):
        joined = sent(
            served,
            "POST",
            "/gradio_api/queue/join",
            data=json.dumps(body).encode(),
            headers=JSON | headers,
        )
        told = joined.text
        if joined.status_code == 200:
            told += sent(served, "GET", f"/gradio_api/queue/data?session_hash={session}").text
            assert re.search("process_completed|unexpected_error", told)
    assert KEY not in told


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Gradio-Server"])
@pytest.mark.parametrize("value", ["[::1", "http://[::1", f"x:{KEY}", "evil.example", "\xff", ""])
def test_a_host_that_only_gradio_would_believe_changes_nothing(header, value, served):
    """Only `Host` is checked, so only that is used."""
    headers = {header: value.encode("latin-1")}
    with at_most_a_line(served):
        data = {"data": ["google/veo-3.1-t2v", 4, "720p", True]}
        asked, odd = (
            sent(served, "POST", "/gradio_api/run/price", json=data, headers=each)
            for each in ({}, headers)
        )
        assert odd.status_code == 200
        assert odd.json()["data"] == asked.json()["data"]
        assert "process_completed" in pressed(served, "on_load", [None], headers)
        config = sent(served, "GET", "/config", headers=headers)
        assert config.json()["root"] == served.url


def pressed(served, handler, data, headers):
    """What the event of a button comes to."""
    session = secrets.token_hex(8)
    body = {"fn_index": served.numbers[handler], "data": data, "session_hash": session}
    joined = sent(served, "POST", "/gradio_api/queue/join", json=body, headers=headers)
    assert joined.status_code == 200
    return sent(served, "GET", f"/gradio_api/queue/data?session_hash={session}").text


def test_what_an_agent_gets_wrong_is_a_line_without_what_it_sent(served):
    for request in (
        {"id": 1, "method": "nope", "params": {"api_key": KEY}},
        {"method": "nope", "params": {"api_key": KEY}},
        {"id": 1, "method": "tools/call", "params": {"name": f"a\n{KEY}", "arguments": {}}},
        {"id": 1, "method": "tools/call", "params": {"name": "price", "arguments": {"x": KEY}}},
        {"id": 1, "method": "tools/call", "params": {"name": "price", "arguments": [KEY]}},
        {"id": 1, "method": "resources/read", "params": {"uri": KEY}},
        {"id": 1, "method": "completion/complete", "params": {}},
        {"id": KEY, "result": {"a": KEY}},
    ):
        with at_most_a_line(served):
            body = {"jsonrpc": "2.0"} | request
            answer = sent(served, "POST", "/gradio_api/mcp/", json=body, headers=AGENT)
        assert answer.status_code in (200, 202, 400), request


# Ranges


def ranged(served, value, method="GET", **headers):
    """Status, headers and body of a clip asked for in part; `value` goes out as it is."""
    clip = served.folder / "data" / "clips" / "ranges.mp4"
    if not clip.exists():
        clip.write_bytes(bytes(range(100)))
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    with contextlib.closing(connection):
        connection.putrequest(method, f"/gradio_api/file={clip}")
        connection.putheader("Range", value)
        for name, header in headers.items():
            connection.putheader(name, header)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


WHOLE = (200, bytes(range(100)))
RANGES = {
    "bytes=0-5": (206, bytes(range(6))),
    "bytes=0-1": (206, bytes(range(2))),
    "bytes=90-": (206, bytes(range(90, 100))),
    "bytes=90-5000": (206, bytes(range(90, 100))),
    "bytes=-5": (206, bytes(range(95, 100))),
    "bytes=-5000": (206, bytes(range(100))),
    "Bytes=7-7": (206, b"\x07"),
    "bytes=100-": (416, b""),
    "bytes=900-999": (416, b""),
    "bytes=-0": (416, b""),
    "bytes=0-1,3-4": WHOLE,
    "bytes=0-1, 3-4": WHOLE,
    "bytes=" + ",".join(f"{each}-{each}" for each in range(500)): WHOLE,
    "bytes=--5": WHOLE,
    "bytes=5--": WHOLE,
    "bytes=5-2": WHOLE,
    "bytes=": WHOLE,
    "bytes=-": WHOLE,
    "bytes": WHOLE,
    "bytes=a-b": WHOLE,
    "bytes=+1-2": WHOLE,
    "bytes=0-\xb2": WHOLE,
    "bytes=1_0-2_0": WHOLE,
    "bytes=0-" + "9" * 5000: WHOLE,
    "bytes=" + "9" * 5000 + "-": WHOLE,
    "items=0-5": WHOLE,
    "": WHOLE,
}


@pytest.mark.parametrize("asked", RANGES, ids=[each[:20] for each in RANGES])
def test_one_range_is_kept_to_and_any_other_ask_gets_the_whole(asked, served):
    with at_most_a_line(served):
        status, headers, body = ranged(served, asked.encode("latin-1"))
    assert (status, body) == RANGES[asked]
    if status == 416:
        assert headers["content-range"] == "bytes */100"
    if status == 206:
        assert re.fullmatch(r"bytes \d+-\d+/100", headers["content-range"])
        assert headers["content-length"] == str(len(body))
        assert headers["content-type"] == "video/mp4"


def test_a_range_holds_only_for_the_file_that_it_was_asked_of(served):
    _, headers, _ = ranged(served, "bytes=0-5")
    assert ranged(served, "bytes=0-5", **{"If-Range": headers["etag"]})[0] == 206
    assert ranged(served, "bytes=0-5", **{"If-Range": '"another"'})[0] == 200


@pytest.mark.parametrize("asked", ["bytes=0-5", "bytes=5-2", "bytes=0-", "bytes=0-1,3-4"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_repeats_no_header_of_its_request(asked, method, served):
    """Else it would tell the seal that makes the guard believe whose request it is."""
    _, headers, _ = ranged(served, asked, method, Cookie=f"a={KEY}", **{"X-Mine": KEY})
    assert not {"cookie", "x-mine", "x-sealed-visitor", "host", "user-agent"} & set(headers)
    assert KEY not in str(headers)


def test_what_a_range_says_is_read_as_the_standard_does():
    assert plain("bytes=0-5") == "Bytes=0-5"
    assert plain(" BYTES=-5 ") == "Bytes=-5"
    assert plain("bytes=5-4") is None
