"""HTTP: what the card's job asked and was answered, as text, without the key."""

import json
import re
import shlex
from types import SimpleNamespace

from conftest import KEY
from fault_server import FaultServer, json_answer
from playwright.sync_api import expect
from served import FOX, ServedPage, actions_of, open_page, press_generate, wait_for

from backend.recent_http import RepeatedExchange
from page import http_panel, texts
from page.code_samples import DEMO_URL
from veo.trace import Exchange
from veo_client import BASE_URL

EVIL = "<img src=x onerror=alert(1)> ${alert(1)} {{value}} <b id=evil>boo</b>"


def job(state="running", *, is_demo=False):
    return SimpleNamespace(id="job", state=state, is_demo=is_demo)


def heard(**what):
    exchange = Exchange(method="GET", **({"address": "/v2", "seconds": 0.0123} | what))
    return RepeatedExchange(number=1, exchange=exchange)


def row(one):
    _, (shown,) = http_panel.of_job(job(), [one])
    return shown


def test_an_exchange_says_what_came_of_it():
    answered = row(heard(status=200, sent='{"a": 1}', answer="{}"))
    assert (answered["what"], answered["outcome"]) == ("GET /v2", "200")
    assert answered["timing"] == "took 12 ms"
    header = ["Header", "Authorization: Bearer [key]"]
    assert answered["texts"] == [header, ["Request", '{"a": 1}'], ["Answer", "{}"]]
    lost = row(heard(trouble="ReadTimeout", seconds=75.0))
    assert (lost["outcome"], lost["timing"]) == ("no answer: ReadTimeout", "took 75.0 s")
    assert lost["texts"] == [header]
    file = row(heard(size=1234567, address="cdn.example"))
    assert (file["what"], file["outcome"]) == ("GET cdn.example", "1,234,567 bytes")
    assert file["texts"] == [["Answer", texts.EXCHANGES_NO_TEXT]]
    assert row(heard(trouble="ReadTimeout", address="cdn.example"))["texts"] == []
    many = row(RepeatedExchange(number=2, times=6, exchange=heard(status=200).exchange))
    assert many["timing"] == "6 × the same answer · last took 12 ms"


def test_the_service_is_named_and_each_time_tells_when():
    one = RepeatedExchange(number=1, exchange=heard(status=200).exchange, began=5.0, ended=7.5)
    _, (shown,) = http_panel.of_job(job(), [one], base_url="https://api.example/ai")
    assert (shown["host"], shown["began"], shown["ended"]) == ("api.example", 5.0, 7.5)
    assert shown["curl"].startswith("curl -X GET https://api.example/ai/v2 ")
    file = heard(size=1, address="cdn.example")
    _, (shown,) = http_panel.of_job(job(), [file], base_url="https://api.example/ai")
    assert (shown["host"], shown["curl"]) == ("", "")
    demo = job(is_demo=True)
    _, (shown,) = http_panel.of_job(demo, [one], base_url="https://api.example")
    assert shown["host"] == texts.HOST_OF_THE_DEMO
    assert shown["curl"].startswith(f"curl -X GET {DEMO_URL}/v2 ")


def test_what_was_asked_is_copied_as_curl_without_the_key():
    sent = '{"prompt": "it\'s $HOME"}'
    create = Exchange(method="POST", address="/v2/video", seconds=0.1, status=200, sent=sent)
    curl = row(RepeatedExchange(number=1, exchange=create))["curl"]
    assert curl.startswith(texts.CURL_COSTS)
    words = shlex.split(curl.partition("\n")[2])
    assert words[:4] == ["curl", "-X", "POST", f"{BASE_URL}/v2/video"]
    assert words[-1] == sent
    assert "Authorization: Bearer $AIMLAPI_KEY" in words
    assert row(heard(status=200))["curl"].startswith("curl -X GET")  # asking costs nothing
    cut = Exchange(method="POST", address="/v2/video", seconds=0.1, sent="{…")
    assert row(RepeatedExchange(number=1, exchange=cut))["curl"] == ""


def test_why_there_is_nothing_is_said():
    assert http_panel.nothing() == [texts.EXCHANGES_NO_JOB, []]
    assert http_panel.of_job(job("prepared"), []) == [texts.EXCHANGES_NOT_YET, []]
    assert http_panel.of_job(job("done"), []) == [texts.EXCHANGES_GONE, []]
    assert http_panel.of_job(job("done"), [heard(status=200)])[0] == ""


def unfold(tab):
    tab.locator("#clip-tools").get_by_role("button", name="HTTP").click()


def items(tab):
    return tab.locator("#exchanges li")


def test_a_job_shows_what_it_asked_and_keeps_it_over_a_reload(demo_page, tab):
    open_page(tab, demo_page)
    unfold(tab)
    expect(tab.locator("#exchanges .note")).to_have_text(texts.EXCHANGES_NO_JOB)
    press_generate(tab, FOX)
    create = items(tab).first
    expect(create.locator(".host")).to_have_text(texts.HOST_OF_THE_DEMO)
    expect(create.locator(".when")).to_have_text(re.compile(r"\d:\d\d:\d\d"))
    create.locator("summary").click()
    expect(create.locator("pre").first).to_have_text("Authorization: Bearer [key]")
    expect(create.locator("pre").nth(1)).to_contain_text(f'"prompt": "{FOX}"')
    wait_for(tab, "Your demo clip is ready")
    expect(items(tab).last.locator(".outcome")).to_contain_text("bytes")
    expect(create.locator("pre").last).to_be_visible()  # what was unfolded stays so
    assert items(tab).count() < 10
    tab.reload()
    wait_for(tab, "Your demo clip is ready")
    unfold(tab)
    expect(items(tab).first.locator(".what")).to_have_text("POST /v2/video/generations")
    tab.once("dialog", lambda dialog: dialog.accept())
    actions_of(tab.locator("#my-clips li").first).get_by_role("button", name="Delete").click()
    expect(items(tab)).to_have_count(0)


FOLDED = """
import os
from types import SimpleNamespace

import gradio as gr
from page import http_panel
from backend.recent_http import RepeatedExchange
from veo.trace import Exchange

job = SimpleNamespace(id="job", state="running", is_demo=False)
exchange = Exchange(method="GET", address="/v2", seconds=0.1, status=200)
heard = [RepeatedExchange(number=1, exchange=exchange)]

with gr.Blocks(analytics_enabled=False) as page:
    with gr.Accordion("HTTP", open=False):
        panel = http_panel.build()
    other = gr.Textbox(elem_id="other")

    def follow():
        yield {panel: http_panel.of_job(job, heard)}
        yield {other: "after it"}

    page.load(follow, outputs=[panel, other])
page.launch(server_port=int(os.environ["GRADIO_SERVER_PORT"]))
"""


def test_what_it_got_while_folded_stands_there_after_what_leaves_it_as_it_is(tab, tmp_path):
    program = tmp_path / "folded.py"
    program.write_text(FOLDED)
    with ServedPage(tmp_path, program=program) as served:
        tab.goto(served.url)
        expect(tab.locator("#other textarea")).to_have_value("after it")
        tab.get_by_role("button", name="HTTP").click()
        expect(items(tab).locator(".outcome")).to_have_text("200")


def test_answers_are_text_hold_no_key_and_are_gone_after_a_restart(tab, tmp_path):
    """At 390 pixels, too."""

    def refuse(connection):
        said = {"message": f"{EVIL} {KEY}", "see": "https://files.example/a?signature=s3cret"}
        json_answer(400, said | {"long": "x" * 500})(connection)

    tab.set_viewport_size({"width": 390, "height": 844})
    with FaultServer(refuse) as service:
        environment = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": service.url}
        with ServedPage(tmp_path, **environment) as served:
            open_page(tab, served)
            unfold(tab)
            press_generate(tab, EVIL)
            expect(items(tab)).to_have_count(1)
            items(tab).first.locator("summary").click()
            expect(items(tab).first.locator(".outcome")).to_have_text("400")
            header, sent, answered = items(tab).first.locator("pre").all_inner_texts()
            assert header == "Authorization: Bearer [key]"
            assert json.loads(sent)["prompt"] == EVIL
            assert json.loads(answered)["message"] == f"{EVIL} [key]"
            assert json.loads(answered)["see"] == "https://files.example/a?…"
            assert tab.locator("#evil, #exchanges img").count() == 0
            assert KEY not in tab.content()
            assert tab.evaluate("document.documentElement.scrollWidth") == 390
            port = served.port
        tab.goto("about:blank")
        with ServedPage(tmp_path, port=port, **environment) as served:
            tab.goto(served.url)
            unfold(tab)
            expect(tab.locator("#exchanges .note")).to_have_text(texts.EXCHANGES_GONE)
    assert [request.method for request in service.requests].count("POST") == 1
