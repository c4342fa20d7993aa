"""How much of the page a hostile program may hold, on the page as it is served."""

import time

import pytest
import requests
from conftest import KEY
from fault_server import FaultServer
from served import FOX, ServedPage, service_that_never_finishes

HOSTILE, OTHER = "2606:4700:0:1::1", "8.8.8.8"
NEXT_DOOR = "2606:4700:0:1::2"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A page on the internet, behind a proxy."""
    folder = tmp_path_factory.mktemp("crowd")
    with FaultServer(service_that_never_finishes) as service:
        shared = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": service.url}
        with ServedPage(folder, FORWARDED_ALLOW_IPS="127.0.0.1", **shared) as served:
            yield served


class Program:
    """Begins events and reads nothing of what they answer, unless told."""

    def __init__(self, served, address):
        self.url = f"{served.url}/gradio_api/queue"
        self.http = requests.Session()
        self.http.headers["X-Forwarded-For"] = address
        config = self.http.get(f"{served.url}/config", timeout=10).json()
        self.numbers = {each["api_name"]: each["id"] for each in config["dependencies"]}

    def join(self, handler, *data, session):
        body = {"fn_index": self.numbers[handler], "data": data, "session_hash": session}
        return self.http.post(f"{self.url}/join", json=body, timeout=10)

    def read(self, session):
        query = {"session_hash": session}
        return self.http.get(f"{self.url}/data", params=query, timeout=30).text


def test_who_reads_nothing_is_told_to_before_they_may_ask_for_more(served):
    program = Program(served, HOSTILE)
    answers = [program.join("on_focus", {}, session="deaf") for _ in range(120)]
    assert answers[0].ok
    assert answers[-1].status_code == 503
    assert "read what was answered" in answers[-1].json()["detail"]
    assert program.join("on_focus", {}, session="another").ok
    assert program.read("deaf").count("process_completed") < 100
    assert program.join("on_focus", {}, session="deaf").ok


def test_one_address_does_not_hold_every_place(served):
    """A follower holds one for as long as the job takes."""
    hostile, kept = Program(served, HOSTILE), {"visitor": "h" * 40}
    form = [FOX, "", "google/veo-3.1-t2v", "16:9", 4, "720p", True, "", "", True, True]
    assert hostile.join("on_generate", kept, *form, 1, "seed", None, session="begin").ok
    for _ in range(100):
        if [row["state"] for row in served.rows()] == ["running"]:
            break
        time.sleep(0.1)

    answers = [hostile.join("on_load", kept, session=str(number)) for number in range(200)]
    assert answers[100].ok
    assert answers[-1].status_code == 503
    assert Program(served, NEXT_DOOR).join("on_focus", {}, session="next door").status_code == 503
    other = Program(served, OTHER)
    assert other.join("on_focus", {}, session="other").ok
    assert "process_completed" in other.read("other")
