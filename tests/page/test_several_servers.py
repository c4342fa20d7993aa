"""Servers on one PostgreSQL and one bucket behind nginx, as `docs/servers` sets them up, and who
visits them."""

import contextlib
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from nginx import NginxServer, program
from playwright.sync_api import expect
from postgres import PostgresServer
from seaweed import SeaweedServer
from served import (
    ServedPage,
    free_port,
    hide,
    open_page,
    press_generate,
    shown_id,
    wait_for,
    wait_until_made,
)
from several_servers import Service

pytestmark = pytest.mark.slow

FORM = ["google/veo-3.1-t2v", "16:9", 4, "720p", True, "", None, True, True, True, ""]
SEEN_AGAIN_WITHIN = 5.0
CLIPS_A_DAY = 12


class Behind:
    """Three servers and what is before and behind them; `url` is where a visitor goes."""

    def __init__(self, folder, stack):
        self._stack = stack
        postgres, bucket = (stack.enter_context(each()) for each in (PostgresServer, SeaweedServer))
        self.service = stack.enter_context(Service())
        self._environment = {
            "program": "tests/soon_dead.py",
            "VEO_SERVERS": "many",
            "VEO_DATABASE_URL": postgres.new_schema(),
            "VEO_CLIPS": bucket.new_address(),
            **bucket.environment,
            "VEO_CLIPS_A_DAY": str(CLIPS_A_DAY),
            "FORWARDED_ALLOW_IPS": "127.0.0.1",
            "AIMLAPI_KEY": "key-of-all",
            "AIMLAPI_BASE_URL": self.service.url,
        }
        folders = [folder / str(number) for number in range(3)]
        for each in folders:
            each.mkdir()
        self.servers = [ServedPage(each, **self._environment) for each in folders]
        for server in self.servers:
            stack.enter_context(server)
        nginx = NginxServer(free_port(), [server.port for server in self.servers])
        self.url = stack.enter_context(nginx).url

    def server_of(self, tab):
        """The number of the visitor's server."""
        (route,) = (each for each in tab.context.cookies() if each["name"] == "veo_server")
        return int(route["value"]) - 1

    def kill(self, number):
        self.servers[number].kill()

    def start_again(self, number):
        """The server that was killed, in its folder and at its port."""
        killed = self.servers[number]
        again = ServedPage(killed.folder, killed.port, **self._environment)
        self.servers[number] = self._stack.enter_context(again)


class Streams:
    """The streams of news that a page hears."""

    def __init__(self, tab):
        self._tab, self._open, self._changed = tab, set(), None
        tab.on("request", lambda asked: "/queue/data" in asked.url and self._begin(asked))
        for ended in ("requestfinished", "requestfailed"):
            tab.on(ended, lambda asked: asked in self._open and self._end(asked))

    def _begin(self, asked):
        self._open.add(asked)
        self._changed = time.monotonic()

    def _end(self, asked):
        self._open.discard(asked)
        self._changed = time.monotonic()

    def wait_for_their_end(self):
        """Gradio's page ends a stream some time after its last news, and may begin another."""
        while not self._changed or self._open or time.monotonic() - self._changed < 1:
            self._tab.wait_for_timeout(50)


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Behind(tmp_path_factory.mktemp("behind"), stack)


def test_nginx_takes_the_file_that_people_get():
    """As it is, but for the names of the servers, which only a person's network knows."""
    nginx = NginxServer(8080, [7861, 7862, 7863])
    with nginx:
        checked = subprocess.run(nginx._command("-t"), capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "test is successful" in checked.stderr
    assert program()


def test_a_visitor_stays_with_one_server_and_others_come_to_others(behind):
    seen = set()
    for _ in range(20):
        visitor = requests.Session()
        ids = {visitor.get(f"{behind.url}/gradio_api/app_id").json()["app_id"] for _ in range(4)}
        assert len(ids) == 1
        seen |= ids
    assert len(seen) == 3


def test_a_visitor_whose_server_is_killed_sees_the_job_again_and_gets_the_clip(behind, tab):
    opened = time.monotonic()
    open_page(tab, behind)
    usual = time.monotonic() - opened
    press_generate(tab, "a fox")
    wait_until_made(tab)
    generation_id, before = shown_id(tab), behind.server_of(tab)
    killed = time.monotonic()
    behind.kill(before)
    # Nobody presses anything: the page of a server that is gone finds another by itself.
    tab.wait_for_event("load", timeout=20_000)
    expect(tab.locator("#status code")).to_have_text(generation_id)
    took = time.monotonic() - killed
    # A machine that is busy shows a page late, and before that Gradio waits two seconds.
    assert took < max(SEEN_AGAIN_WITHIN, 3 + 2 * usual), (took, usual)
    after = behind.server_of(tab)
    assert after != before
    behind.service.is_completed = True
    wait_for(tab, "Your clip is ready")
    assert behind.service.accepted == {"a fox": [generation_id]}

    # A page whose press went to one server and whose news came from another would hear nothing.
    behind.service.is_completed = False
    press_generate(tab, "an owl")
    wait_until_made(tab)
    behind.start_again(before)
    time.sleep(6)  # nginx asks it again after five
    hide(tab)
    assert behind.server_of(tab) == after
    assert [len(ids) for ids in behind.service.accepted.values()] == [1, 1]


def test_who_only_looked_at_the_page_of_a_killed_server_presses_once(behind, tab):
    streams = Streams(tab)
    open_page(tab, behind)
    streams.wait_for_their_end()
    before = behind.server_of(tab)
    behind.kill(before)
    # Nothing is asked of the server before the press: Gradio's page would find that it is another,
    # and send nothing for two seconds, until it has loaded itself anew.
    tab.get_by_label("Prompt", exact=True).fill("a heron")
    tab.get_by_role("button", name="Generate").click()
    # Where the page comes to a third server, that knows of the job what the ledger tells.
    wait_for(tab, re.compile("Making the video|Looking for it at the service"))
    behind.service.is_completed = True
    wait_for(tab, "Your clip is ready")
    behind.service.is_completed = False
    assert len(behind.service.accepted["a heron"]) == 1
    behind.start_again(before)


def test_caps_are_exact_over_all_servers(behind):
    """A hundred programs at once, each sent to some server by nginx."""

    def taken():
        return sum(map(len, behind.service.accepted.values()))

    def ask(number):
        url = f"{behind.url}/gradio_api/call/generate"
        data = [f"fox {number}", *FORM]
        data[-2] = False  # it does not wait for the clip
        with requests.Session() as visitor:
            # A cookie keeps the question for its answer with the server that was asked.
            event = visitor.post(url, json={"data": data}, timeout=60).json()["event_id"]
            return visitor.get(f"{url}/{event}", timeout=60).text

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(100)))
    assert taken() <= CLIPS_A_DAY
    # What a busy machine would have sent late was refused, and its place is free again.
    while taken() < CLIPS_A_DAY and len(answers) < 110:
        answers.append(ask(len(answers)))
    assert taken() == CLIPS_A_DAY, set(answers)
    assert f"the limit is {CLIPS_A_DAY}" in ask("last")
    assert taken() == CLIPS_A_DAY
