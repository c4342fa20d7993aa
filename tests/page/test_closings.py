"""An event is heard of, however late the end of the stream before it comes."""

import json

import pytest
import requests
from served import FOX, by_way_of, choose, open_page, wait_for


@pytest.mark.new_browser
def test_what_is_pressed_while_a_stream_ends_is_heard_of(keyed_page, tab):
    tab.add_init_script(by_way_of("await new Promise(done => setTimeout(done, 200))"))
    open_page(tab, keyed_page)
    tab.get_by_label("Prompt", exact=True).fill(f"{FOX} #no-credits")
    tab.wait_for_timeout(1500)  # until all is quiet
    with tab.expect_response(lambda answer: "/queue/join" in answer.url):
        choose(tab, "4 s")  # asks for a price
    tab.wait_for_timeout(200)  # the price is on its way, and the end of the stream behind it
    tab.get_by_role("button", name="Generate").click()
    wait_for(tab, "No credits left")


def test_a_stream_of_nobody_ends_at_once_and_is_no_fault(demo_page):
    url = f"{demo_page.url}/gradio_api/queue/data"
    for session in ("unknown", ""):
        answer = requests.get(url, params={"session_hash": session}, timeout=5)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.text.startswith("data: ")
        assert json.loads(answer.text.removeprefix("data: "))["session_not_found"] is True
    assert demo_page.faults() == []


def test_a_page_that_is_left_takes_its_streams_along_and_that_is_no_fault(demo_page):
    """Gradio's page hangs up when it is left; an answer on its way then opens one more stream."""
    clip = [FOX, "google/veo-3.1-t2v", "16:9", 4, "720p", True, "", None, True, True, True, ""]
    press = {"fn_index": demo_page.numbers["generate"], "data": clip, "session_hash": "left"}
    requests.post(f"{demo_page.url}/gradio_api/queue/join", json=press, timeout=5)
    news = f"{demo_page.url}/gradio_api/queue/data?session_hash=left"
    with requests.get(news, stream=True, timeout=15) as second:
        with requests.get(news, stream=True, timeout=15):
            pass
        *_, last = filter(None, second.iter_lines())
    assert json.loads(last.removeprefix(b"data: "))["session_not_found"] is True
    assert demo_page.faults() == []
