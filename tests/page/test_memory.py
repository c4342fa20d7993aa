"""What a hostile program leaves in the memory of the page as it is served."""

import re
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from served import FRESH, ServedPage, call

HOSTILE, OTHER = "2606:4700:0:9::1", "8.8.4.4"
LARGE = "x" * 240_000
NESTED = [[]] * 60_000
"""A fifth of a megabyte on the wire, 4 MB as Python reads it."""
PRICED = ["google/veo-3.1-t2v", 4, "720p", True]
UNHEARD = 6.0

IMPATIENT = f"""
import app
from page.gradio_patches import queue
queue.FORGET_AFTER, queue.FORGET_EVERY = {UNHEARD}, 0.5
app.main()
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A page on the internet, behind a proxy."""
    folder = tmp_path_factory.mktemp("memory")
    with ServedPage(folder, python=FRESH, FORWARDED_ALLOW_IPS="127.0.0.1") as served:
        warm(served)
        yield served


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory):
    """The same, but it forgets after seconds."""
    folder = tmp_path_factory.mktemp("forgetful")
    program = folder / "impatient.py"
    program.write_text(IMPATIENT)
    with ServedPage(folder, program=program, FORWARDED_ALLOW_IPS="127.0.0.1") as served:
        yield served


def warm(served):
    """What every first event makes Python import and keep, and the room of a busy moment."""
    for handler in ("on_focus", "on_load"):
        grown(served, lambda _, handler=handler: joined(served, handler, {"note": LARGE}), times=40)
    grown(served, lambda each: ASKED["nested"](served, each), times=16)
    grown(served, lambda _: post(served, "run/price", {"data": PRICED, "note": LARGE}), times=40)


def post(served, route, body, address="127.0.0.1"):
    headers = {"X-Forwarded-For": address}
    return requests.post(f"{served.url}/gradio_api/{route}", json=body, headers=headers, timeout=60)


def joined(served, handler, *data, session=None, address="127.0.0.1", **more):
    session = secrets.token_hex(8) if session is None else session
    number = served.numbers[handler]
    body = {"fn_index": number, "data": data, "session_hash": session, **more}
    return post(served, "queue/join", body, address)


def read(served, session):
    query = {"session_hash": session}
    return requests.get(f"{served.url}/gradio_api/queue/data", params=query, timeout=30).text


def megabytes(served):
    status = Path(f"/proc/{served._process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def grown(served, ask, times=200):
    """Megabytes that the page has grown by when `ask` was called so often and all is quiet, and the
    answers' codes."""
    before = megabytes(served)
    with ThreadPoolExecutor(8) as pool:
        codes = {answer.status_code for answer in pool.map(ask, range(times))}
    time.sleep(1)
    return megabytes(served) - before, codes


ASKED = {
    "kept": lambda served, _: joined(served, "on_focus", {"visitor": "v" * 40, "note": LARGE}),
    "kept and given back": lambda served, _: joined(served, "on_load", {"note": LARGE}),
    "a field of it": lambda served, _: joined(served, "on_load", {"form": [LARGE]}),
    "one session": lambda served, _: joined(served, "on_load", {"note": LARGE}, session="one"),
    "nested": lambda served, _: joined(served, "on_load", {"form": NESTED}),
    "a session's name": lambda served, each: joined(
        served, "on_load", {}, session=f"{each}{LARGE}"
    ),
    "a name in a direct call": lambda served, each: post(
        served, "run/price", {"data": PRICED, "session_hash": f"{each}{LARGE}"}
    ),
    "a name in a call": lambda served, each: post(
        served, "call/price", {"data": PRICED, "session_hash": f"{each}{LARGE}"}
    ),
    "a call": lambda served, _: post(served, "call/price", {"data": [LARGE, *PRICED[1:]]}),
    "a button's news": lambda served, _: joined(
        served, "on_undo", event_data={"prompt": LARGE}, address=HOSTILE
    ),
    "what no event has": lambda served, _: joined(
        served, "on_focus", {}, event_id=LARGE[:100_000], unknown=LARGE[:100_000]
    ),
}


@pytest.mark.parametrize("asked", ASKED)
def test_two_hundred_that_nobody_reads_leave_little(served, asked):
    """Each has a quarter of a megabyte; without a bound they took 130 in all."""
    times = 40 if asked == "nested" else 200  # each takes Gradio a third of a second to read
    more, codes = grown(served, lambda number: ASKED[asked](served, number), times)
    assert codes <= {200, 400, 503}
    assert more < 20


def test_one_address_is_refused_before_it_fills_the_page_and_others_are_not(served):
    def greedy(_):
        return joined(served, "on_undo", event_data={"prompt": LARGE}, address=HOSTILE)

    refused = [answer for answer in map(greedy, range(60)) if not answer.ok]
    assert {answer.status_code for answer in refused} == {503}
    assert "read what was answered" in refused[-1].json()["detail"]
    assert joined(served, "on_focus", {}, session="other", address=OTHER).ok
    assert "process_completed" in read(served, "other")


def test_what_a_forged_browser_keeps_comes_back_small(served):
    """An old browser's comes back as it was."""
    honest = {
        "visitor": "v" * 40,
        "form": ["p" * 4000, "google/veo-3.1-t2v", "16:9", 4, "720p", True, "", "7", True, True],
        "asked": [1, "seed"],
        "job": "j" * 32,
        "generation_id": "id",
        "visit_began": 1764471600.123,
        "takes": ["j" * 32, "k" * 32],
    }
    assert all(f'"{name}":' in call(served, "on_load", [honest], {}) for name in honest)
    forged = [
        {**honest, "note": LARGE},
        {"form": [LARGE]},
        {"form": [[LARGE[:20_000]]] * 10},
        {"form": [LARGE[:20_000]] * 10},
        {"takes": [LARGE]},
        {"takes": ["j" * 32] * 6000},
        {"job": LARGE, "generation_id": LARGE[:9], "visitor": {"visitor": LARGE[:9]}},
        {"asked": {"seed": LARGE}, "visit_began": LARGE[:9]},
        {f"name {number}": number for number in range(10_000)},
    ]
    for kept in forged:
        assert len(call(served, "on_load", [kept], {})) < 12_000


# Who does not listen


def test_what_nobody_reads_goes_after_a_time(forgetful):
    for session in ("read", "deaf"):
        assert joined(forgetful, "on_focus", {}, session=session).ok
    assert "process_completed" in read(forgetful, "read")
    time.sleep(UNHEARD + 2)
    assert "session_not_found" in read(forgetful, "deaf")
    # Whoever comes back after a while goes on.
    for session in ("read", "deaf"):
        assert joined(forgetful, "on_focus", {}, session=session).ok
        assert "process_completed" in read(forgetful, session)


def test_a_stream_that_takes_nothing_is_no_listener(forgetful):
    """It is open, but its visitor reads none of what is sent."""
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    stream.connect(("127.0.0.1", forgetful.port))
    for _ in range(90):
        joined(forgetful, "on_undo", event_data={"prompt": LARGE}, session="slow")
    stream.sendall(
        b"GET /gradio_api/queue/data?session_hash=slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    )
    time.sleep(UNHEARD + 3)
    with stream:
        assert "session_not_found" in read(forgetful, "slow")


def test_the_memory_of_all_is_bounded_and_comes_back(forgetful):
    """From where everybody may come, and so no one address is told apart."""
    more, codes = grown(
        forgetful, lambda _: joined(forgetful, "on_undo", event_data={"prompt": LARGE}), times=400
    )
    assert codes == {200, 503}
    assert more < 130
    time.sleep(UNHEARD + 1)
    assert joined(forgetful, "on_undo", event_data={"prompt": LARGE}).ok


# Who comes while it starts


def test_a_crowd_at_the_door_does_not_keep_the_page_from_starting(tmp_path):
    """Gradio asked itself for the page, had no answer within three seconds, and ended: the others'
    connections were closed without one."""
    served = ServedPage(tmp_path)
    with ThreadPoolExecutor(300) as crowd:
        answers = [crowd.submit(at_the_door, served.port) for _ in range(300)]
        assert {answer.result() for answer in answers} == {b"HTTP/1.1 200"}
    with served:
        pass


CONFIG = b"""GET /config HTTP/1.1\r
Host: 127.0.0.1\r
Accept-Encoding: gzip\r
Connection: close\r
\r
"""


def at_the_door(port):
    """Ask as soon as somebody listens."""
    while True:
        try:
            door = socket.create_connection(("127.0.0.1", port), timeout=90)
        except ConnectionRefusedError:
            time.sleep(0.01)
            continue
        with door:
            door.sendall(CONFIG)
            with door.makefile("rb") as answer:
                return answer.read()[:12]
