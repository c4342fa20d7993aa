"""Looks at ids: what is made up leaves nothing, nobody has many at once, and they end with their
caller, on the page as it is served."""

import json
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from conftest import KEY
from fault_server import FaultServer, file_answer, html_answer, json_answer
from jobs_fixture import film
from served import FOX, ServedPage, call

pytestmark = pytest.mark.slow

FORM = [FOX, "google/veo-3.1-t2v", "16:9", 4, "720p", True, ""]
MADE_UP = "made-up"
AT_ONCE, A_MINUTE = 4, 30


class Service:
    """Knows what it made, `clip` that is there, and `stuck` that never comes; `down` tells nothing.

    Everything else is unknown to it.
    """

    def __init__(self):
        self.looks = []

    def __call__(self, connection):
        url = urlsplit(connection.request.path)
        if connection.request.method == "POST":
            json_answer(200, {"id": "clip", "status": "queued"})(connection)
        elif url.path.endswith(".mp4"):
            file_answer(film())(connection)
        elif "generation_id" in url.query:
            self.look(connection, parse_qs(url.query)["generation_id"][0])
        else:
            json_answer(404, {"message": "Not here."})(connection)

    def look(self, connection, sought):
        self.looks.append(sought)
        if sought == "clip":
            host = connection.request.headers["Host"]
            video = {"url": f"http://{host}/clip.mp4"}
            json_answer(200, {"id": sought, "status": "completed", "video": video})(connection)
        elif sought == "stuck":
            json_answer(200, {"id": sought, "status": "generating"})(connection)
        elif sought == "down":
            html_answer(502)(connection)
        else:
            json_answer(404, {"message": "There is no such generation."})(connection)


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def served(service, tmp_path):
    """A page whose visitors may spend three clips of the server's key in a day."""
    with FaultServer(service) as server:
        shared = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": server.url, "VEO_CLIPS_A_DAY": "3"}
        with ServedPage(tmp_path, VEO_MCP="1", FORWARDED_ALLOW_IPS="127.0.0.1", **shared) as served:
            yield served


def by_run(served, endpoint, sought, **headers):
    url = f"{served.url}/gradio_api/run/{endpoint}"
    body = {"data": [sought, None]}
    return requests.post(url, json=body, headers=headers, timeout=60).text


def by_call(served, endpoint, sought, **headers):
    url = f"{served.url}/gradio_api/call/{endpoint}"
    body = {"data": [sought, None]}
    event = requests.post(url, json=body, headers=headers, timeout=60).json()["event_id"]
    return requests.get(f"{url}/{event}", timeout=60).text


def by_the_page(served, _endpoint, sought, **_headers):
    return call(served, "on_fetch", [sought, {"visitor": secrets.token_urlsafe(32)}], {})


def by_an_agent(served, endpoint, sought, **headers):
    from test_mcp import as_agent  # its import takes long, and no quick test needs it

    async def story(session):
        return str(await session.call_tool(endpoint, {"generation_id": sought}))

    return as_agent(served, story, **headers)


def sends_a_clip(served) -> None:
    """The budget is a visitor's who means it."""
    url = f"{served.url}/gradio_api/run/generate"
    answer = requests.post(url, json={"data": [*FORM, None, True, True, False]}, timeout=60)
    assert answer.status_code == 200, answer.text


WAYS = [
    (by_run, "resume"),
    (by_run, "status"),
    (by_call, "resume"),
    (by_call, "status"),
    (by_the_page, "resume"),
    (by_an_agent, "resume"),
]


@pytest.mark.parametrize(("way", "endpoint"), WAYS[:2] + WAYS[4:5])
def test_made_up_ids_take_nothing_from_the_days_budget(way, endpoint, served, service):
    with ThreadPoolExecutor(8) as pool:
        ids = [f"{MADE_UP} {number}" for number in range(40)]
        said = list(pool.map(lambda sought: way(served, endpoint, sought), ids))
    assert served.rows() == []
    assert len(service.looks) <= A_MINUTE
    assert any("There is no such generation" in each for each in said)
    assert any("in a minute" in each or "at once" in each for each in said)
    sends_a_clip(served)
    assert [bool(row["request"]) for row in served.rows()] == [True]


ODD = ["x" * 500, "../balance", "a b&c=d#e?", "%00%0a", "🦊" * 40, "'; DROP TABLE veo_jobs; --"]


def test_an_unknown_id_leaves_nothing_whatever_it_looks_like(served, service):
    for number, (way, endpoint) in enumerate(WAYS):
        service.looks.clear()
        for sought in [*ODD, "down"]:
            way(served, endpoint, sought, **{"X-Forwarded-For": f"8.8.8.{number}"})
        assert service.looks == [*ODD, "down"], (way, endpoint)
        assert served.rows() == []
        assert [*(served.folder / "data" / "clips").iterdir()] == []


def test_trouble_with_a_first_look_keeps_the_id_in_its_words(served):
    assert "id: down" in by_run(served, "resume", "down")
    assert '"generation_id":"down"' in by_the_page(served, "resume", "down")


def test_the_same_id_a_hundred_times_is_looked_at_as_seldom(served, service):
    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(lambda _: by_run(served, "resume", "clip"), range(100)))
    assert 0 < sum("veo-clip.mp4" in each for each in said) <= A_MINUTE
    assert len(service.looks) <= 3 * A_MINUTE
    sends_a_clip(served)


def test_a_place_on_the_network_has_few_looks_at_once_and_no_other_waits_for_it(served, service):
    hostile, other = {"X-Forwarded-For": "8.8.4.4"}, {"X-Forwarded-For": "8.8.8.8"}
    hanging = [hung(served, "run/resume", "stuck", **hostile) for _ in range(AT_ONCE)]
    until(lambda: service.looks.count("stuck") >= AT_ONCE)
    said = by_run(served, "resume", "stuck", **hostile)
    assert "at once" in said
    assert "id: stuck" in said
    assert "at once" in by_run(served, "status", "clip", **hostile)
    assert "veo-clip.mp4" in by_run(served, "resume", "clip", **other)
    for each in hanging:
        each.close()
    until(lambda: "completed" in by_run(served, "status", "clip", **hostile), every=1.0)


# Whoever hangs up


def hung(served, path, sought, **headers):
    """A request that its caller may hang up on: the connection."""
    connection = socket.create_connection(("127.0.0.1", served.port))
    body = json.dumps({"data": [sought, None]})
    head = [
        f"POST /gradio_api/{path} HTTP/1.1",
        f"Host: 127.0.0.1:{served.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    connection.sendall("\r\n".join([*head, "", body]).encode())
    return connection


def until(condition, *, every=0.05):
    for _ in range(int(40 / every)):
        if condition():
            return
        time.sleep(every)
    raise AssertionError("it did not come to that")


def nothing_is_left(served, service) -> None:
    until(lambda: served.rows() == [])
    looks = len(service.looks)
    time.sleep(4)  # the looks at a young generation are 3 s apart
    assert len(service.looks) == looks


def test_a_program_that_hangs_up_ends_its_looks(served, service):
    connection = hung(served, "run/resume", "stuck")
    until(lambda: len(service.looks) > 1)
    assert len(served.rows()) == 1
    connection.close()
    nothing_is_left(served, service)


def test_a_program_that_leaves_its_stream_ends_its_looks(served, service):
    url = f"{served.url}/gradio_api/call/resume"
    event = requests.post(url, json={"data": ["stuck", None]}, timeout=10).json()["event_id"]
    stream = requests.get(f"{url}/{event}", stream=True, timeout=30)
    until(lambda: len(service.looks) > 1)
    assert len(served.rows()) == 1
    stream.close()
    nothing_is_left(served, service)


def test_an_agent_that_hangs_up_ends_its_looks(served, service):
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "resume", "arguments": {"generation_id": "stuck"}},
    }
    accepts = {"Accept": "application/json, text/event-stream"}
    url = f"{served.url}/gradio_api/mcp/"
    stream = requests.post(url, json=body, headers=accepts, stream=True, timeout=30)
    assert stream.status_code == 200, stream.text
    until(lambda: len(service.looks) > 1)
    stream.close()
    nothing_is_left(served, service)


def test_a_paid_clip_outlives_its_caller(served):
    connection = socket.create_connection(("127.0.0.1", served.port))
    body = json.dumps({"data": [*FORM, None, True, True, True]})
    head = f"POST /gradio_api/run/generate HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall((head + body).encode())
    until(lambda: [row["state"] for row in served.rows()] == ["running"])
    connection.close()
    until(lambda: [row["state"] for row in served.rows()] == ["done"])
