"""The page in a real browser and through its API: form, states, keys, phones, programs."""

import json
import re
import signal
import socket
import threading
import time
from dataclasses import fields
from pathlib import Path

import pytest
import requests
from conftest import KEY
from fault_server import FaultServer, json_answer, refused_url
from gradio_client.exceptions import AppError
from playwright.sync_api import Page, expect
from served import (
    FOX,
    FRESH,
    ServedPage,
    choice,
    choose,
    close_sheet,
    fill_unfolded,
    hide,
    in_a_fresh_python,
    open_page,
    open_sheet,
    play,
    posts,
    press_generate,
    program,
    refused_start,
    service_that_never_finishes,
    shown_id,
    wait_for,
    wait_until_made,
)

from backend import config
from backend.service import Service
from page.handlers import mode
from veo import explain, media
from veo.types import Refused, VideoRequest
from veo_client import KEY_VARIABLES


@pytest.fixture(autouse=True)
def clients_leave_nothing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


REST_OF_THE_FIELDS = [each.name for each in fields(VideoRequest) if each.name != "prompt"]


# The way of a clip


@pytest.mark.new_browser  # in which clips play by themselves
def test_from_a_prompt_to_a_playing_clip(demo_page, tab, tmp_path):
    """States go by, the asked-for film plays to its end, the download is the same file."""
    open_page(tab, demo_page)
    press_generate(tab, FOX)
    wait_for(tab, "Waiting in line at the service")
    expect(tab.locator("#status .clock")).to_contain_text("usually about 0:08")
    wait_for(tab, "Making the video")
    wait_for(tab, "Your demo clip is ready")
    expect(tab.locator("#status .detail")).to_contain_text("320 × 180, 4 s, 24 fps, with sound")

    video = tab.locator("#video video")
    tab.wait_for_function("document.querySelector('#video video')?.ended")
    assert video.evaluate("v => [v.duration, v.videoWidth, v.videoHeight]") == [4, 320, 180]
    assert video.evaluate("v => v.webkitAudioDecodedByteCount") > 0

    with tab.expect_download() as download:
        tab.locator("#download").click()
    saved = tmp_path / "saved.mp4"
    download.value.save_as(saved)
    assert saved.read_bytes() == requests.get(video.get_attribute("src"), timeout=10).content
    assert media.inspect(saved).frames == 96
    assert media.read_request(saved)["prompt"] == FOX
    seed = media.read_request(saved)["seed"]
    name = download.value.suggested_filename
    assert re.fullmatch(rf"demo-A-red-fox-.*-seed-{seed}\.mp4", name)


def test_the_program_itself_films_just_what_was_asked_for(tab, tmp_path):
    """Without the films of the tests, which are smaller, so that a card says so."""
    with ServedPage(tmp_path, python=FRESH) as served:
        open_page(tab, served)
        press_generate(tab, FOX)
        wait_for(tab, "Your demo clip is ready")
        card = tab.locator("#status")
        expect(card.locator(".detail")).to_contain_text("1280 × 720, 4 s, 24 fps, with sound")
        expect(card).not_to_contain_text("Not as asked")
        video = tab.locator("#video video").element_handle()
        tab.wait_for_function("v => v.videoWidth === 1280 && v.videoHeight === 720", arg=video)
    (row,) = served.rows()
    assert (row["state"], row["payer"]) == ("done", "demo")


def test_a_reload_in_the_middle_finds_form_and_job(demo_page, tab):
    open_page(tab, demo_page)
    press_generate(tab, FOX)
    wait_until_made(tab)
    generation_id = shown_id(tab)

    tab.reload()
    wait_for(tab, re.compile("Making the video|Your demo clip is ready"))
    assert shown_id(tab) == generation_id
    expect(tab.locator("#prompt textarea")).to_have_value(FOX)
    expect(choice(tab, "4 s")).to_be_checked()
    expect(choice(tab, "720p")).to_be_checked()
    wait_for(tab, "Your demo clip is ready")

    tab.reload()
    wait_for(tab, "Your demo clip is ready")
    expect(tab.locator("#video video")).to_be_visible()


def test_a_closed_tab_does_not_stop_the_job(keyed_page, tab, browser):
    open_page(tab, keyed_page)
    press_generate(tab, FOX)
    expect(tab.locator("#status code")).not_to_be_empty()
    generation_id = shown_id(tab)
    storage = tab.context.storage_state()
    tab.close()

    again = browser.new_context(storage_state=storage).new_page()
    again.goto(keyed_page.url)
    wait_for(again, "Your clip is ready")
    assert shown_id(again) == generation_id
    again.context.close()


def test_a_clip_on_its_way_can_be_hidden(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #stuck")
    hide = tab.get_by_role("button", name="Hide", exact=True)
    expect(hide).to_have_attribute("title", re.compile("^Can't be cancelled once sent"))
    hide.click()
    wait_for(tab, "No longer watching")
    expect(hide).to_be_hidden()
    assert "You pay only if the clip completes." in tab.locator("#status .detail").inner_text()


def test_an_earlier_clip_is_fetched_by_its_id(keyed_page, tab):
    _, facts = program(keyed_page).predict(FOX, duration=4, resolution="720p", api_name="/generate")
    open_page(tab, keyed_page)
    tab.get_by_role("button", name="Find a clip by its ID").click()
    fill_unfolded(tab, "Clip ID", f" {facts['generation_id']} ")
    tab.get_by_role("button", name="Find", exact=True).click()
    wait_for(tab, "Your clip is ready")
    assert shown_id(tab) == facts["generation_id"]


def test_the_id_stands_in_the_details_and_is_copied_with_one_click(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #stuck")
    expect(tab.locator("#status code")).not_to_be_empty()
    card = tab.locator("#status")
    card.get_by_role("button", name="Details").click()
    card.get_by_role("button", name="Copy").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    assert tab.evaluate("navigator.clipboard.readText()") == shown_id(tab)


# The form


def test_every_control_reaches_the_request(tab, tmp_path):
    with FaultServer(service_that_never_finishes) as service:
        with ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url) as served:
            open_page(tab, served)
            tab.get_by_label("Prompt", exact=True).fill(FOX)
            for each in ("Veo 3.1 Fast", "9:16", "6 s", "720p"):
                choose(tab, each)
            choose(tab, "Sound", on=False)
            open_sheet(tab)
            fill_unfolded(tab, "Negative prompt", "people, text")
            fill_unfolded(tab, "Seed", "4294967295")
            tab.get_by_role("checkbox", name="Enhance prompt").uncheck()
            tab.get_by_role("checkbox", name="Auto-fix").uncheck()
            tab.get_by_role("button", name="Generate").dblclick()  # one press
            wait_until_made(tab)
            (sent,) = [request for request in service.requests if request.method == "POST"]
    assert sent.json() == {
        "prompt": FOX,
        "model": "google/veo-3.1-t2v-fast",
        "aspect_ratio": "9:16",
        "duration": 6,
        "resolution": "720p",
        "negative_prompt": "people, text",
        "enhance_prompt": False,
        "generate_audio": False,
        "seed": 4294967295,
        "auto_fix": False,
    }


def test_a_second_idea_is_sent_while_the_first_is_made(keyed_page, tab):
    open_page(tab, keyed_page)
    for prompt in ("A first idea #stuck", "A second idea #stuck"):
        press_generate(tab, prompt)
        expect(tab.locator("#my-clips li").first).to_contain_text(prompt)
        wait_until_made(tab)
    sent = [row["request"] or "" for row in keyed_page.rows()]
    assert [sum(idea in request for request in sent) for idea in ("first", "second")] == [1, 1]


def test_a_key_held_down_is_one_press(keyed_page, tab):
    prompt = "A key held down #stuck"
    open_page(tab, keyed_page)
    tab.get_by_label("Prompt", exact=True).fill(prompt)
    tab.locator("#generate").focus()
    for _ in range(30):
        tab.keyboard.down("Enter")
        tab.wait_for_timeout(50)
    wait_until_made(tab)
    assert sum(prompt in (row["request"] or "") for row in keyed_page.rows()) == 1


@pytest.mark.parametrize("prompt", ["", "   "])
def test_an_empty_prompt_is_told_at_the_field(prompt, keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, prompt)
    expect(tab.locator("#prompt")).to_contain_text("Describe the video: the prompt is empty.")
    expect(tab.locator("#status .title")).to_have_text("Ready when you are")


def test_too_long_a_prompt_is_told_at_the_field_and_not_cut(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, "x" * 4001)
    expect(tab.locator("#prompt")).to_contain_text("The prompt is 1 character too long")
    expect(tab.locator("#prompt textarea")).to_have_value("x" * 4001)


def test_a_wrong_seed_is_told_at_the_field(keyed_page, tab):
    open_page(tab, keyed_page)
    open_sheet(tab)
    fill_unfolded(tab, "Seed", "-1")
    press_generate(tab, FOX)
    expect(tab.locator("#advanced")).to_contain_text("The seed must be a whole number")


def test_a_wrong_field_that_is_folded_away_is_unfolded_and_has_the_focus(keyed_page, tab):
    open_page(tab, keyed_page)
    open_sheet(tab)
    fill_unfolded(tab, "Seed", "abc")
    tab.get_by_role("button", name="Advanced").click()
    tab.keyboard.press("Escape")
    seed = tab.get_by_role("textbox", name="Seed")
    expect(seed).to_be_hidden()
    press_generate(tab, FOX)
    expect(seed).to_be_focused()
    expect(seed).to_have_attribute("aria-invalid", "true")
    expect(tab.locator("#advanced")).to_contain_text("The seed must be a whole number")
    # Other events read the field, and their answers do not take the message away.
    tab.locator("#clip-tools").get_by_role("button", name="Code").click()
    choose(tab, "9:16")
    expect(tab.locator("#programs")).to_contain_text("seed must be")
    expect(tab.locator("#advanced .wrong")).to_be_visible()
    seed.fill("7")
    expect(tab.locator("#composer .wrong")).to_have_count(0)
    expect(seed).not_to_have_attribute("aria-invalid", "true")
    tab.get_by_role("button", name="Generate").click()
    wait_for(tab, "Your clip is ready")


def test_an_empty_seed_is_chosen_anew(tab, tmp_path):
    """Also after the folded part was opened, which makes an empty gr.Number a 0."""
    with FaultServer(service_that_never_finishes) as service:
        with ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url) as served:
            open_page(tab, served)
            open_sheet(tab)
            expect(tab.get_by_role("textbox", name="Seed")).to_have_value("")
            close_sheet(tab)
            for _ in range(2):
                press_generate(tab, FOX)
                wait_until_made(tab)
                hide(tab)
            seeds = [each["seed"] for each in posts(service)]
    assert len(set(seeds)) == 2


def test_a_made_up_id_is_not_found_at_once_and_leaves_nothing(keyed_page, tab):
    open_page(tab, keyed_page)
    tab.get_by_role("button", name="Find a clip by its ID").click()
    fill_unfolded(tab, "Clip ID", "nonsense")
    started = time.monotonic()
    tab.get_by_role("button", name="Find", exact=True).click()
    wait_for(tab, "Not found")
    assert time.monotonic() - started < 10  # a busy machine; it is asked for once
    expect(tab.locator("#status .cost")).to_have_text("Looking costs nothing.")
    expect(tab.locator("#my-clips li")).to_have_count(0)
    assert not [row for row in keyed_page.rows() if row["generation_id"] == '"nonsense"']


# Keys and modes


def test_the_mode_is_always_visible(demo_page, keyed_page, visitors_page, tab):
    for served, said in [
        (demo_page, "Demo"),
        (keyed_page, "Your key (AIMLAPI_KEY) · $100.00 left"),
        (visitors_page, "Demo"),
    ]:
        open_page(tab, served)
        expect(tab.locator("#mode")).to_contain_text(said)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "<b>Your key</b> (AIML_API_KEY) · $1,234.50 left"),
        ({"GRADIO_SERVER_NAME": "nas.home"}, "<b>This server's key</b>"),
        ({"VEO_ALLOWED_HOSTS": "film.example"}, "<b>This server's key</b>"),
        ({"SPACE_ID": "a/b", "VEO_SHARE_SERVER_KEY": "1"}, "<b>This server's key</b>"),
    ],
)
def test_the_key_is_called_yours_only_where_nobody_else_comes(
    environment, said, tmp_path, monkeypatch
):
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIML_API_KEY", "the-owners")
    with Service(config.read({"VEO_DATA_DIR": str(tmp_path), **environment})) as service:
        shown = mode(service, "somebody", 1234.5)
        is_guest = service.pays_for_a_guest("server")
    assert shown.startswith(said)
    assert is_guest == ("its owner pays" in shown)
    assert is_guest == ("$1,234.50" not in shown)


def give_key(tab: Page, key: str) -> None:
    tab.get_by_role("button", name="Your own API key").click()
    fill_unfolded(tab, "AI/ML API key", key)
    tab.get_by_role("button", name="Use this key").click()


def test_a_visitors_key_is_used_and_leaves_memory_nowhere(visitors_page, tab):
    open_page(tab, visitors_page)
    give_key(tab, KEY)
    expect(tab.locator("#mode")).to_contain_text("Your key")
    expect(tab.locator("#mode")).to_contain_text("left")
    expect(tab.get_by_label("AI/ML API key")).to_have_value("")
    press_generate(tab, FOX)
    wait_for(tab, "Your clip is ready")

    clip = requests.get(tab.locator("#video video").get_attribute("src"), timeout=10).content
    config = requests.get(f"{visitors_page.url}/config", timeout=10).text
    storage = tab.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    for place in (tab.content(), storage, config, visitors_page.log, clip.decode("latin-1")):
        assert KEY not in place


def test_a_refused_key_is_told_and_not_kept(visitors_page, tab):
    open_page(tab, visitors_page)
    give_key(tab, "two words")
    expect(tab.locator("#key-note")).to_contain_text("copy it again")
    expect(tab.locator("#mode")).to_contain_text("Demo")


def test_a_key_that_the_service_refuses_says_what_to_do(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #bad-key")
    wait_for(tab, "The key is not accepted")
    explained = explain.explain_error(Refused("Invalid API key.", reason="key"))
    expect(tab.locator("#status .detail")).to_have_text(str(explained))


def test_a_lost_answer_is_told_as_such_and_not_sent_again(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #lost-answer")
    wait_for(tab, "We don't know if the service got it")
    expect(tab.locator("#status .detail")).to_contain_text("you may be charged")


def test_a_refusal_of_a_key_is_shown_as_text(tab, tmp_path):
    """Neither markup nor a picture from outside comes in with the service's words."""
    evil = "<b id=evil>no</b> ![x](http://elsewhere.example/x.png) <img src=//elsewhere.example>"

    def refuse(connection):
        json_answer(401, {"message": evil})(connection)

    with FaultServer(refuse) as service:
        with ServedPage(tmp_path, AIMLAPI_BASE_URL=service.url) as served:
            open_page(tab, served)
            give_key(tab, KEY)
            expect(tab.locator("#key-note")).to_contain_text(evil)
            assert tab.locator("#evil, #key-note img").count() == 0


@pytest.mark.parametrize(
    ("name", "value"), [("AIMLAPI_KEY", "two words"), ("AIMLAPI_BASE_URL", "http://far.example")]
)
def test_a_wrong_environment_is_told_at_the_start(name, value, tmp_path):
    said = refused_start(tmp_path, **{name: value})
    assert "Check AIMLAPI_KEY and AIMLAPI_BASE_URL" in said
    assert value not in said


def test_a_new_job_takes_the_card_from_the_one_that_a_reload_found(keyed_page, tab):
    """The old one is always at it and would come back with each of its updates."""
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #stuck")
    wait_until_made(tab)
    stuck = shown_id(tab)
    tab.reload()
    wait_until_made(tab)
    press_generate(tab, f"{FOX} #no-credits")
    wait_for(tab, "No credits left")
    assert shown_id(tab) != stuck
    tab.wait_for_timeout(6000)  # more than there is between two looks
    expect(tab.locator("#status .title")).to_have_text("No credits left", timeout=1)


def test_one_running_job_after_another_can_be_picked(keyed_page, tab):
    """Gradio would drop a pick while the job picked before is followed."""
    open_page(tab, keyed_page)
    ids = []
    for prompt in ("One #stuck", "Two #stuck"):
        press_generate(tab, prompt)
        wait_until_made(tab)
        ids.append(shown_id(tab))
        hide(tab)
    newest_first = tab.locator("#my-clips li")
    for place, expected in ((1, ids[0]), (0, ids[1]), (1, ids[0])):
        play(newest_first.nth(place))
        expect(tab.locator("#status code")).to_have_text(expected)
    hide(tab)


def test_a_service_that_is_not_there_is_told_and_nothing_was_sent(tab, tmp_path):
    with ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=refused_url()) as served:
        open_page(tab, served)
        press_generate(tab, FOX)
        wait_for(tab, "No answer from the service")
        expect(tab.locator("#status .detail")).to_contain_text("Nothing was charged.")
        assert served.faults() == []


def test_the_page_listens_on_this_machine_only(demo_page):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", demo_page.port), timeout=5)


def test_words_of_the_service_are_shown_as_text(tab, tmp_path):
    """Whatever the service says, nothing of it runs and nothing is fetched."""
    evil = (
        "<img src=x onerror=alert(1)> ${alert(1)} {{ value }} ![x](http://elsewhere.example/x.png)"
    )

    def refuse(connection):
        json_answer(400, {"message": evil})(connection)

    with FaultServer(refuse) as service:
        with ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url) as served:
            open_page(tab, served)
            press_generate(tab, FOX)
            expect(tab.locator("#status .detail")).to_contain_text(evil)
            assert tab.locator("#status img").count() == 0


# On a phone


def test_the_page_does_not_jump_while_it_loads(demo_page, tab):
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(demo_page.url, wait_until="commit")
    tops = "document.querySelector('#status .title')?.getBoundingClientRect().top"
    tab.wait_for_function(tops)
    first = tab.evaluate(tops)
    tab.wait_for_load_state()
    tab.wait_for_timeout(500)
    assert abs(tab.evaluate(tops) - first) < 2


def test_what_happens_is_on_the_phones_screen(keyed_page, browser):
    page = browser.new_context(viewport={"width": 390, "height": 700}).new_page()
    open_page(page, keyed_page)
    press_generate(page, f"{FOX} #stuck")
    wait_for(page, re.compile("Waiting in line|Making the video"))
    expect(page.locator("#status .title")).to_be_in_viewport()
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(scheme, demo_page, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    open_page(page, demo_page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = (
        "['#stage', '#my-clips', '#cost', '#generate']"
        ".map(each => document.querySelector(each).getBoundingClientRect())"
    )
    stage, clips, cost, button = page.evaluate(boxes)
    # From top to bottom, and the button in the thumb's reach, with its price above it.
    assert stage["bottom"] < clips["top"] < cost["top"]
    assert 0 <= button["top"] - cost["bottom"] < 40
    assert 0 < 844 - button["bottom"] < 40
    context.close()


# For programs


def test_only_four_endpoints_are_public(demo_page):
    info = requests.get(f"{demo_page.url}/gradio_api/info", timeout=10).json()
    assert sorted(info["named_endpoints"]) == ["/generate", "/price", "/resume", "/status"]
    assert info["unnamed_endpoints"] == {}
    for endpoint in info["named_endpoints"].values():
        assert len(endpoint["description"]) > 40
    optional = {
        each["parameter_name"]: each["parameter_has_default"]
        for each in info["named_endpoints"]["/generate"]["parameters"]
    }
    assert optional == {
        "prompt": False,
        **dict.fromkeys([*REST_OF_THE_FIELDS, "last_frame_of", "extend", "wait", "api_key"], True),
    }


def test_a_program_generates_resumes_and_asks_the_price(keyed_page):
    client = program(keyed_page)
    file, facts = client.predict(FOX, duration=4, resolution="720p", seed=7, api_name="/generate")
    assert media.inspect(file).frames == 96
    assert facts["request"]["seed"] == 7
    assert (facts["width"], facts["height"], facts["duration"]) == (320, 180, 4)
    assert facts["demo"] is False

    again, resumed = client.predict(facts["generation_id"], api_name="/resume")
    assert media.inspect(again).frames == 96
    assert resumed["request"] is None

    assert client.predict(facts["generation_id"], api_name="/status") == {
        "generation_id": facts["generation_id"],
        "status": "completed",
        "error": None,
    }
    assert client.predict(api_name="/price") == {"usd": 0, "text": "free"}


def test_a_program_need_not_wait_and_may_bring_its_key_in_a_header(visitors_page):
    client = program(visitors_page, **{"x-aimlapi-key": KEY})
    file, taken = client.predict(
        FOX, duration=4, resolution="720p", wait=False, api_name="/generate"
    )
    assert file is None
    assert taken["demo"] is False  # its own key paid, for the server's is not for visitors
    file, _ = client.predict(taken["generation_id"], api_name="/resume")
    assert media.inspect(file).frames == 96


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": "\u200b\u0301"}, "prompt is empty"),
        ({"prompt": FOX, "duration": 5}, "The duration must be 4, 6 or 8"),
        ({"prompt": FOX, "seed": 1.5}, "The seed must be a whole number"),
        ({"prompt": FOX, "api_key": "two words"}, "copy it again"),
        ({"prompt": FOX, "api_key": ["a", "b"]}, "copy it again"),
        ({"prompt": FOX, "negative_prompt": 7}, "The negative prompt must be text"),
        ({"prompt": f"{FOX} #no-credits"}, "Top up"),
    ],
)
def test_a_program_gets_the_same_words(fields, words, keyed_page):
    with pytest.raises(AppError, match=words):
        program(keyed_page).predict(**fields, api_name="/generate")
    assert keyed_page.faults() == []


def test_no_value_from_a_program_is_a_fault_of_ours():
    """Whatever type comes, it makes a checked request or an `InvalidRequest`."""
    in_a_fresh_python("""
from hypothesis import given, settings, strategies as st
from page import form
from veo_client import InvalidRequest

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
good = st.sampled_from(["fox", "16:9", 8, "1080p", True, "google/veo-3.1-t2v", 7, "7", "9" * 5000])

@settings(max_examples=1000, deadline=None)
@given(st.lists(good | anything, min_size=len(form.FIELDS), max_size=len(form.FIELDS)))
def check(values):
    try:
        form.request_from(**dict(zip(form.FIELDS, values, strict=True)))
    except InvalidRequest:
        pass

check()
""")


def test_the_error_of_a_failed_job_carries_its_id(keyed_page):
    with pytest.raises(AppError, match=r"id: \S+"):
        program(keyed_page).predict(f"{FOX} #failed", api_name="/generate")


def test_a_key_from_a_program_goes_to_the_service_only(visitors_page):
    file, _ = program(visitors_page).predict(
        FOX, duration=4, resolution="720p", api_key=KEY, api_name="/generate"
    )
    assert KEY.encode() not in Path(file).read_bytes()
    assert KEY not in visitors_page.log


# What the page asks of Gradio


def test_the_page_keeps_no_history_of_inputs(demo_page):
    """Gradio's own keeps passwords in clear."""
    config = requests.get(f"{demo_page.url}/config", timeout=10).json()
    assert config.get("run_history") in (False, None)
    assert json.dumps(config).count("password") == 2


def test_building_the_page_starts_nothing():
    in_a_fresh_python(
        "import threading, app; from backend import config; from backend.service import Service;"
        "service = Service(config.read()); app.build_page(service);"
        "assert not {'demo_service', 'jobs'} & {*vars(service)};"
        "assert threading.active_count() == 1, threading.enumerate()"
    )


# The end of the process


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_server_that_is_told_to_stop_writes_down_the_id_that_is_on_its_way(how, tmp_path):
    """The answer comes after the signal, however often that comes, and the clip is paid for."""
    asked, signalled = threading.Event(), threading.Event()

    def service(connection):
        if connection.request.method == "POST":
            asked.set()
            signalled.wait(30)
            time.sleep(1)
        service_that_never_finishes(connection)

    with FaultServer(service) as server:
        environment = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": server.url}
        with ServedPage(tmp_path, **environment) as served:
            fields = ["google/veo-3.1-t2v", "16:9", 4, "720p", True, "", None, True, True]
            data = {"data": [FOX, *fields, True, None]}
            requests.post(f"{served.url}/gradio_api/call/generate", json=data, timeout=10)
            assert asked.wait(30)
            for _ in range(3):
                served.tell_to_stop(how)
                time.sleep(0.1)
            signalled.set()
            served.wait_for_the_end(30)
            (row,) = served.rows()
            assert (row["state"], json.loads(row["generation_id"])) == ("running", "job")
            assert served.faults() == []
