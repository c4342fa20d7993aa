"""An event is heard of, however late the end of the stream before it comes."""

import json

import requests
from served import FOX, by_way_of, open_page, wait_for


def test_what_is_pressed_while_a_stream_ends_is_heard_of(keyed_page, tab):
    tab.add_init_script(by_way_of("await new Promise(done => setTimeout(done, 200))"))
    open_page(tab, keyed_page)
    tab.get_by_label("Prompt", exact=True).fill(f"{FOX} #no-credits")
    tab.wait_for_timeout(1500)  # until all is quiet
    with tab.expect_response(lambda answer: "/queue/join" in answer.url):
        tab.get_by_role("radio", name="4 s").check()  # asks for a price
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
