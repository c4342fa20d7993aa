"""No input is a file: what Gradio would fetch or copy for an event is refused before it may.

The served page's Python writes down each connection, look-up of a name and opened file: an audit
hook sees them all, whatever made them.
"""

import json
import secrets
import socket
import threading

import pytest
import requests
from served import ServedPage
from test_mcp import as_agent

from page import texts
from page.gradio_patches.no_files import DEEPEST, names_a_file

HOOK = """
import os, sys
def seen(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "open"):
        os.write(journal, f"{event} {args!r}\\n".encode())
journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
sys.addaudithook(seen)
"""
SECRET = "of-the-machine"


class Listener:
    """A port on which every connection is counted, and answered with a picture's type."""

    def __init__(self):
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while True:
            connection, _ = self._socket.accept()
            self.connections += 1
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\nx")
            connection.close()


class Watched:
    """A page that takes no files, what its Python touched, and where a fetch would arrive."""

    def __init__(self, served, journal, listener, local):
        self.served, self._journal, self.listener, self.local = served, journal, listener, local
        self.url = f"{served.url}/gradio_api"
        config = requests.get(f"{served.url}/config", timeout=10).json()
        self.events = {
            each["id"]: each["inputs"] for each in config["dependencies"] if each["backend_fn"]
        }

    def touched(self):
        """Connections and look-ups but to itself, and openings of the file that was named."""
        return [
            line
            for line in self._journal.read_text().splitlines()
            if (line.startswith("socket.") and str(self.served.port) not in line) or SECRET in line
        ]

    def told(self, **body):
        """All that the page answers to an event."""
        session = secrets.token_hex(8)
        body = {"session_hash": session, **body}
        joined = requests.post(f"{self.url}/queue/join", json=body, timeout=10)
        return joined.text + self._read("queue/data", joined, session_hash=session)

    def told_by_call(self, name, data):
        joined = requests.post(f"{self.url}/call/{name}", json={"data": data}, timeout=10)
        event = joined.json().get("event_id", "none")
        return joined.text + self._read(f"call/{name}/{event}", joined)

    def _read(self, path, joined, **params):
        if joined.status_code != 200:
            return ""
        return requests.get(f"{self.url}/{path}", params=params, timeout=20).text


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    program = folder / "watched.py"
    program.write_text(f"{HOOK}\nimport app\napp.main()\n")
    local = folder / SECRET
    local.write_text("secret")
    journal = folder / "journal"
    with ServedPage(folder, program=program, VEO_MCP="1", JOURNAL=str(journal)) as served:
        yield Watched(served, journal, Listener(), local)


def file_at(path, **more):
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def forms(watched):
    """What names a file, in every way that we know Gradio reads one, and some that it may."""
    remote = f"http://127.0.0.1:{watched.listener.port}/x"
    return [
        file_at(remote),
        file_at("http://100.64.0.1/x"),
        file_at("https://a-name.invalid/x"),
        file_at("x", url=remote),
        file_at(remote, orig_name="x.png", size=1, mime_type="image/png", is_stream=False),
        file_at(remote, is_stream=True),
        file_at(str(watched.local)),
        file_at(f"file://{watched.local}"),
        file_at("data:text/plain;base64,eA=="),
        {"path": str(watched.local)},
        {"url": remote, "meta": {"_type": "gradio.FileData"}},
        {"path": remote, "meta": "gradio.FileData"},
        {"video": file_at(remote), "subtitles": None},
    ]


def nested(form):
    """The same in ever less plain places."""
    return [
        form,
        [form],
        {"form": [form]},
        [[], {"a": [1, {"b": [[{"c": form}]]}]}],
        {"visitor": "v" * 43, "takes": [], "job": form},
        [form] * 3,
    ]


def test_no_event_takes_a_file_wherever_it_stands_among_its_inputs(watched):
    remote = file_at(f"http://100.64.0.1:{watched.listener.port}/x")
    for event, inputs in watched.events.items():
        for form in nested(remote):
            told = watched.told(fn_index=event, data=[form] * len(inputs), event_data=form)
            assert texts.NO_FILES in told, (event, form)
            assert "100.64" not in told
    assert watched.touched() == []


def test_each_place_is_looked_at(watched):
    event = watched.served.numbers["on_generate"]
    for place, _ in enumerate(watched.events[event]):
        data = [None] * len(watched.events[event])
        data[place] = {"deep": [file_at(str(watched.local))]}
        assert texts.NO_FILES in watched.told(fn_index=event, data=data), place
    told = watched.told(fn_index=event, data=[None] * len(data), event_data={"a": [file_at("x")]})
    assert texts.NO_FILES in told
    assert watched.touched() == []


def test_no_form_of_a_file_is_taken_by_any_way_in(watched):
    event = watched.served.numbers["restore_form"]
    for form in forms(watched):
        for told in (
            watched.told(fn_index=event, data=[{"form": [form] * 10}]),
            watched.told_by_call("generate", [form] * 12),
            watched.told_by_call("price", [{"a": form}] * 4),
            requests.post(f"{watched.url}/run/status", json={"data": [[form]]}, timeout=10).text,
            requests.post(f"{watched.url}/api/resume", json={"data": [form]}, timeout=10).text,
            _told_by_v2(watched, form),
        ):
            assert texts.NO_FILES in told, (form, told)
            assert str(watched.local) not in told
    assert watched.touched() == []
    assert watched.listener.connections == 0


def _told_by_v2(watched, form):
    url = f"{watched.url}/call/v2/status"
    event = requests.post(url, json={"generation_id": form}, timeout=10).json()["event_id"]
    return requests.get(f"{url}/{event}", timeout=20).text


def test_an_agent_cannot_name_a_file(watched):
    """For an agent Gradio's own client would open the file, before any event begins."""

    async def story(session):
        answers = []
        for form in [*forms(watched), *(each["path"] for each in forms(watched)[:7])]:
            for tool, argument in (
                ("status", "generation_id"),
                ("generate", "prompt"),
                ("generate", "seed"),
                ("price", "nothing"),
            ):
                if isinstance(form, str) and argument != "seed":
                    continue  # a text is a text
                answers.append(await session.call_tool(tool, {"prompt": "", argument: form}))
        tools = (await session.list_tools()).tools
        return answers, tools

    answers, tools = as_agent(watched.served, story)
    assert answers
    assert all(answer.isError for answer in answers)
    kinds = {told.get("type") for tool in tools for told in tool.inputSchema["properties"].values()}
    assert kinds <= {"string", "integer", "number", "boolean"}  # so the package refuses mappings
    assert watched.touched() == []
    assert watched.listener.connections == 0


def test_the_file_route_fetches_nothing(watched):
    """Gradio would fetch an address for whoever asks for it as a file."""
    here = f"127.0.0.1:{watched.listener.port}/x"
    for path in (
        f"file=http://{here}",
        f"file=https://{here}",
        f"file/http://{here}",
        "file=http://100.64.0.1/x",
        "file=http%3A%2F%2F100.64.0.1/x",
        "file=https://a-name.invalid/x?y",
        "file/https:%2F%2Fa-name.invalid/x",
    ):
        for method in ("GET", "HEAD"):
            answer = requests.request(method, f"{watched.url}/{path}", timeout=10)
            assert answer.status_code in (403, 404), path
    assert watched.touched() == []
    assert watched.listener.connections == 0


def test_the_watch_sees_a_connection_and_a_file(watched):
    """So that the tests above can fail: a clip is opened, and what is named is seen in time."""
    clip = watched.served.folder / "data" / "clips" / SECRET
    clip.write_text("seen")
    answer = requests.get(f"{watched.url}/file={clip}", timeout=10)
    assert answer.text == "seen"
    assert [line for line in watched.touched() if str(clip) in line]


@pytest.mark.parametrize("depth", [DEEPEST + 1, 100, 200, 254, 300, 900, 5_000, 60_000])
def test_what_is_nested_too_deep_is_refused_in_a_line(depth, watched):
    before = watched.served.log.count("\n")
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        value = opened * depth + "1" + closed * depth
        if len(value) > 250_000:
            continue
        answer = requests.post(
            f"{watched.url}/run/status",
            data=f'{{"data": [{value}]}}',
            headers={"Content-Type": "application/json"},
            timeout=20,
        )
        assert answer.status_code in (400, 422, 500)
        assert "Traceback" not in answer.text
        if depth <= 200:  # else it is no JSON for FastAPI
            assert texts.NO_FILES in answer.text
    assert watched.served.log.count("\n") - before <= 2


def test_honest_values_name_no_file():
    """What the browser keeps, what the form holds and what its parts send."""
    kept = {"visitor": "v" * 43, "job": "j", "takes": ["a", "b"], "form": ["path", 4, None, True]}
    event = {"name": "url", "settings": {"prompt": "meta", "seed": 1}}
    assert not any(map(names_a_file, (kept, event, "path", None, 3, [], json.dumps(file_at("x")))))
    assert names_a_file(({"a": (file_at("x"),)},))
