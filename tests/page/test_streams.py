"""Every stream asks the proxies on its way to pass each piece on as it comes."""

import secrets

import pytest
import requests

PRICE = ["google/veo-3.1-t2v", 4, "720p", True]


def opened(url, **options):
    answer = requests.get(url, stream=True, timeout=20, **options)
    answer.close()
    return answer


def of_a_press(served):
    session = secrets.token_hex(8)
    body = {"fn_index": served.numbers["price"], "data": PRICE, "session_hash": session}
    requests.post(f"{served.url}/gradio_api/queue/join", json=body, timeout=10)
    return opened(f"{served.url}/gradio_api/queue/data", params={"session_hash": session})


def of_a_call(served):
    url = f"{served.url}/gradio_api/call/price"
    event = requests.post(url, json={"data": PRICE}, timeout=10).json()["event_id"]
    return opened(f"{url}/{event}")


def of_presence(served):
    return opened(f"{served.url}/gradio_api/heartbeat/{secrets.token_hex(8)}")


@pytest.mark.parametrize("stream", [of_a_press, of_a_call, of_presence], ids=lambda of: of.__name__)
def test_a_stream_asks_not_to_be_held_up(stream, demo_page):
    headers = stream(demo_page).headers
    assert headers["Content-Type"].startswith("text/event-stream")
    assert headers["X-Accel-Buffering"] == "no"
    assert "Content-Encoding" not in headers


@pytest.mark.parametrize("path", ["/", "/config", "/theme.css"])
def test_what_is_no_stream_may_be_held(path, demo_page):
    assert "X-Accel-Buffering" not in requests.get(demo_page.url + path, timeout=10).headers
