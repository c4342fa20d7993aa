"""The card in a real browser: steps, time in words, what went wrong, and what helps."""

import json
import re
import threading

import pytest
import requests
from conftest import KEY
from fault_server import FaultServer, json_answer
from playwright.sync_api import Page, expect
from served import (
    FOX,
    ServedPage,
    call,
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
    shown_id,
    wait_for,
)


def offered(tab: Page) -> list[str]:
    return tab.locator("#status .actions button").all_inner_texts()


def press(tab: Page, label: str) -> None:
    tab.locator("#status").get_by_role("button", name=label).click()


def heights(tab: Page) -> tuple[int, ...]:
    """The card's on a phone, and the screen's on a desk, which holds the card; in pixels."""
    found = []
    for width, part in ((390, "#status .card"), (1280, "#video")):
        tab.set_viewport_size({"width": width, "height": 900})
        found.append(round(tab.locator(part).bounding_box()["height"]))
    return tuple(found)


def requests_of(served: ServedPage, prompt: str) -> list[dict]:
    rows = [dict(row) for row in served.rows()]
    return [row for row in rows if prompt in (row["request"] or "")]


def service_that_refuses_sound(connection):
    """A silent clip stays in the making, and every look at it after the first has to wait."""
    request = connection.request
    if request.method == "POST":
        silent = request.json().get("generate_audio") is False
        answer = {"id": "silent" if silent else "loud", "status": "queued"}
    elif "loud" in request.path:
        said = "The audio of this video was refused by a filter."
        answer = {"id": "loud", "status": "error", "error": {"name": "Audio", "message": said}}
    elif connection.looked.get("silent"):
        connection.wait(60)
        return
    else:
        connection.looked["silent"] = "silent" in request.path
        answer = {"id": "silent", "status": "generating"}
    json_answer(200, answer)(connection)


@pytest.fixture
def deaf_service():
    looked = {}

    def service(connection):
        connection.looked = looked
        service_that_refuses_sound(connection)

    with FaultServer(service) as server:
        yield server


# What went wrong, and what helps


def test_each_refusal_says_what_helps_in_a_card_that_does_not_jump(keyed_page, tab):
    open_page(tab, keyed_page)
    seen = set()
    for fault, title, actions in [
        ("#no-credits", "No credits left", ["Send again (free)", "Enter a key"]),
        ("#too-many", "Too many requests", ["Send again (free)", "Enter a key"]),
        ("#lost-answer", "We don't know if the service got it", ["Send again anyway (free)"]),
        ("#failed", "The service could not make this video", None),
        (
            "#blocked",
            "The prompt was refused",
            ["Change the prompt", "Try another seed (free)"],
        ),
        ("#bad-key", "The key is not accepted", ["Enter a key", "Send again (free)"]),
    ]:
        press_generate(tab, f"{FOX} {fault}")
        wait_for(tab, title)
        seen.add(heights(tab))
        assert offered(tab) == actions or actions is None
        expect(tab).to_have_title(f"{title} \N{EN DASH} Film a sentence with Veo 3.1")
    assert len(seen) == 1
    for button in tab.locator("#status .actions button").all():
        assert button.bounding_box()["height"] >= 32
    press(tab, "Enter a key")
    expect(tab.get_by_label("AI/ML API key")).to_be_focused()


def test_one_press_sends_one_request_however_often_it_is_pressed(keyed_page, tab):
    """Another seed, nothing else is different, and what stands in the form stays."""
    prompt = "A lighthouse in a storm #refused"
    open_page(tab, keyed_page)
    press_generate(tab, prompt)
    wait_for(tab, "The prompt was refused")
    first_id = shown_id(tab)
    press(tab, "Change the prompt")
    expect(tab.get_by_label("Prompt", exact=True)).to_be_focused()
    tab.get_by_label("Prompt", exact=True).fill("Half a new idea")
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="Try another seed").dblclick()
    expect(tab.locator("#status code")).not_to_have_text(first_id)
    wait_for(tab, "The prompt was refused")
    first, second = [json.loads(row["request"]) for row in requests_of(keyed_page, prompt)]
    assert first["seed"] != second["seed"]
    assert first | {"seed": second["seed"]} == second
    expect(tab.locator("#status .card")).to_be_focused()
    open_sheet(tab)
    expect(tab.get_by_role("textbox", name="Seed")).to_have_value("")
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value("Half a new idea")


def test_enhancement_is_turned_on_again_with_one_press(keyed_page, tab):
    prompt = "A kite over dunes #must-enhance"
    open_page(tab, keyed_page)
    open_sheet(tab)
    enhance = tab.get_by_label("Enhance prompt")
    enhance.uncheck()
    close_sheet(tab)
    press_generate(tab, prompt)
    wait_for(tab, "Prompt enhancement is required")
    press(tab, "Try with enhancement")
    wait_for(tab, "Your clip is ready")
    expect(enhance).to_be_checked()
    assert len(requests_of(keyed_page, prompt)) == 2


def test_what_may_have_been_taken_is_sent_again_only_after_a_question(keyed_page, tab):
    prompt = "A tram at dusk #lost-answer"
    open_page(tab, keyed_page)
    press_generate(tab, prompt)
    wait_for(tab, "We don't know if the service got it")
    asked = []
    tab.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    press(tab, "Send again anyway")
    assert "charges a second clip" in asked[0]
    assert len(requests_of(keyed_page, prompt)) == 1
    tab.once("dialog", lambda dialog: dialog.accept())
    press(tab, "Send again anyway")
    expect(tab.locator("#my-clips li", has_text=prompt)).to_have_count(2)
    assert len(requests_of(keyed_page, prompt)) == 2


def test_a_stopped_look_is_taken_up_again_with_one_press(keyed_page, tab):
    prompt = "A slow river #stuck"
    open_page(tab, keyed_page)
    press_generate(tab, prompt)
    wait_for(tab, "Making the video")
    hide(tab)
    press(tab, "Check again")
    # The clips of other tests came at once, and this one is slow beside them.
    wait_for(tab, re.compile("Making the video|Taking longer than usual"))
    assert len(requests_of(keyed_page, prompt)) == 1


def test_nobody_sends_what_the_card_does_not_offer(keyed_page, tab):
    prompt = "A finished clip of a heron"
    open_page(tab, keyed_page)
    press_generate(tab, prompt)
    wait_for(tab, "Your clip is ready")
    kept = {"visitor": requests_of(keyed_page, prompt)[0]["owner"].removeprefix("browser:")}
    newest = tab.locator("#my-clips li").first.get_attribute("data-job")
    for action in ("send_again", "another_seed"):
        assert "heron" in call(keyed_page, "on_action", [kept], {"job": newest, "action": action})
    assert len(requests_of(keyed_page, prompt)) == 1


def test_a_prompt_that_was_edited_meanwhile_is_not_taken_for_the_one_that_is_sent(keyed_page, tab):
    prompt = "A ferry at night #no-credits"
    open_page(tab, keyed_page)
    press_generate(tab, prompt)
    wait_for(tab, "No credits left")
    tab.get_by_label("Prompt", exact=True).fill("A ferry at noon")
    asked = []
    tab.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    press(tab, "Send again")
    assert asked == ["This sends the prompt of this clip again, not the one in the form. Send it?"]
    assert len(requests_of(keyed_page, prompt)) == 1
    tab.once("dialog", lambda dialog: dialog.accept())
    press(tab, "Send again")
    expect(tab.locator("#my-clips li", has_text=prompt)).to_have_count(2)
    assert len(requests_of(keyed_page, prompt)) == 2


@pytest.mark.new_browser
def test_a_press_that_nothing_came_of_can_be_repeated(keyed_page, tab):
    """Gradio drops an event that comes while the one before is not over."""
    tab.clock.install()
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #no-credits")
    wait_for(tab, "No credits left")
    tab.route("**/queue/join**", lambda _route: None)
    again = tab.locator("#status").get_by_role("button", name="Send again")
    again.click()
    expect(again).to_have_attribute("aria-disabled", "true")
    tab.clock.fast_forward(4000)
    expect(again).to_have_attribute("aria-disabled", "true")
    tab.clock.fast_forward(2000)
    expect(again).to_have_attribute("aria-disabled", "false")
    tab.unroute_all(behavior="ignoreErrors")


def test_the_seed_stands_on_the_card_in_every_state(keyed_page, tab):
    open_page(tab, keyed_page)
    states = {
        "A pier #no-credits": "No credits left",
        "A pier #slow-download": "Fetching the video",
    }
    for prompt, state in states.items():
        press_generate(tab, prompt)
        wait_for(tab, state)
        seed = json.loads(keyed_page.rows()[-1]["request"])["seed"]
        expect(tab.locator("#status .seed")).to_have_text(f"seed {seed}")
        expect(tab.locator("#status .seed")).to_be_visible()
    wait_for(tab, "Your clip is ready")
    expect(tab.locator("#status .seed")).to_have_text(f"seed {seed}")
    tab.locator("#status .fold").click()
    for width in (390, 1280):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        for part in (".caption", ".details"):
            fits = "part => part.scrollWidth <= part.clientWidth"
            assert tab.locator(f"#status {part}").evaluate(fits)
        shown = tab.locator("#status code").bounding_box()
        assert shown["width"] > 60


# Waiting


def test_no_news_is_told_and_the_clip_comes_all_the_same(demo_page, tab):
    """And whatever happens to a demo clip, it is called free."""
    open_page(tab, demo_page)
    press_generate(tab, f"{FOX} #flaky")
    wait_for(tab, "No news from the service")
    expect(tab.locator("#status .happened")).to_contain_text("(503). We keep checking.")
    expect(tab).to_have_title(re.compile(r"^\d:\d\d · Reconnecting "))
    expect(tab.locator("#status .cost")).to_have_text("Demo clips are free.")
    wait_for(tab, "Your demo clip is ready")
    expect(tab.locator("#status [aria-current=step]")).to_have_text("Ready")
    expect(tab.locator("#status .past")).to_have_count(4)
    expect(tab.locator("#status .cost")).to_have_text("Demo clips are free.")
    expect(tab).to_have_title(re.compile("^Ready "))
    expect(tab.locator("#status .clock")).to_have_text(re.compile(r"^Took \d:\d\d$"))
    assert bar(tab) == 100


def bar(tab: Page) -> float:
    return float(tab.locator("#status .fill").evaluate("bar => bar.style.width").rstrip("%"))


@pytest.mark.new_browser
def test_refused_sound_is_left_out_with_one_press_and_waiting_is_told_in_words(
    deaf_service, tab, tmp_path
):
    """The clock is put forward in the browser; the service gives no news meanwhile."""
    tab.clock.install()
    environment = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": deaf_service.url}
    with ServedPage(tmp_path, **environment) as served:
        open_page(tab, served)
        press_generate(tab, FOX)
        wait_for(tab, "The sound was refused")
        press(tab, "Try without sound")
        wait_for(tab, "Making the video")
        expect(choice(tab, "Sound")).not_to_be_checked()
        loud, silent = posts(deaf_service)
        assert silent == loud | {"generate_audio": False}

        expect(tab.locator("#status [aria-current=step]")).to_have_text("Generating")
        # A clip of 4 s takes 90 s, as a guess.
        clock = tab.locator("#status .clock")
        expect(clock).to_have_text(re.compile(r"^0:0\d so far · about [89]0 s left$"))
        tab.clock.fast_forward(40_000)
        expect(clock).to_have_text(re.compile(r"^0:4\d so far · about [45]0 s left$"))
        tab.clock.fast_forward(40_000)
        expect(clock).to_have_text(re.compile(r"^1:2\d so far · should finish soon$"))
        tab.clock.fast_forward(70_000)
        expect(clock).to_have_text(re.compile(r"^2:3\d so far · taking longer than usual$"))
        wait_for(tab, "Taking longer than usual")
        expect(tab).to_have_title(re.compile(r"^2:3\d · Generating "))
        assert 80 < bar(tab) < 90
        tab.clock.fast_forward(3_600_000)
        assert bar(tab) <= 90


def test_how_long_it_will_be_is_told_only_of_what_has_a_known_age(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #stuck")
    wait_for(tab, "Making the video")
    clock = tab.locator("#status .clock")
    expect(clock).to_have_text(re.compile(r"^0:\d\d so far · "))
    generation_id = shown_id(tab)
    tab.evaluate("localStorage.clear()")  # somebody else, who has the id alone
    open_page(tab, keyed_page)
    tab.get_by_role("button", name="Find a clip by its ID").click()
    fill_unfolded(tab, "Clip ID", generation_id)
    tab.get_by_role("button", name="Find", exact=True).click()
    wait_for(tab, "Making the video")
    expect(clock).to_have_text(re.compile(r"^0:\d\d so far$"))


def test_how_long_a_file_takes_is_not_told():
    in_a_fresh_python("""
from dataclasses import fields
from backend.jobs import Job
from backend.ledger import Entry
from page import status_card
from veo_client import VideoRequest
from veo.types import Update

request = VideoRequest("fox", seed=7)
known = dict.fromkeys(field.name for field in fields(Entry))
known |= {"payer": "server", "request": request.body(), "created": 1.0, "expected": 120.0}
looked = {"elapsed": 1.0, "next_poll_in": 1.0, "expected": 120.0}
for state, status, told in [
    ("running", None, False),
    ("running", "queued", True),
    ("running", "generating", True),
    ("running", "completed", False),
    ("downloading", "completed", False),
    ("downloading", None, False),
]:
    job = Job(Entry(**known | {"state": state}))
    job.has_arrived = (state, status) == ("downloading", None)
    if status:
        job.update = Update(generation_id="a", status=status, **looked)
    card = status_card.card_for_job(job, has_clip=False, is_guest=False)
    assert card["left_known"] == told, (state, status)
    assert (card["title"] == "Checking the video") == job.has_arrived
""")


def test_time_in_line_and_behind_ones_own_takes_is_no_alarm():
    in_a_fresh_python("""
import time
from dataclasses import fields
from backend.jobs import Job
from backend.ledger import Entry
from page import status_card
from veo_client import VideoRequest
from veo.types import Update

request = VideoRequest("fox", seed=7)
known = dict.fromkeys(field.name for field in fields(Entry))
known |= {"payer": "server", "request": request.body(), "created": time.time() - 600}
known |= {"expected": 120.0, "state": "running"}
looked = {"elapsed": 600.0, "next_poll_in": 1.0, "expected": 120.0}

def look(job, status):
    job.change(update=Update(generation_id="a", status=status, **looked))

def card_of(job, takes=()):
    return status_card.card_for_job(job, has_clip=False, is_guest=False, takes=takes)

first, second = (Job(Entry(**known | {"id": each})) for each in "ab")
look(first, "queued")
assert card_of(first)["generating_for"] == 0 and not card_of(first)["may_be_slow"]
for each in (first, second):
    look(each, "generating")
time.sleep(0.3)
look(first, "generating")  # another look at the same does not count anew
assert 0.3 <= card_of(first)["generating_for"] < 60 and card_of(first)["elapsed"] >= 600
takes = [first, second]
assert [card_of(each, takes)["may_be_slow"] for each in takes] == [True, False]
first.change(state="done")
assert card_of(second, takes)["may_be_slow"]
""")


def test_no_number_is_finer_than_what_is_known(demo_page, tab):
    config = requests.get(f"{demo_page.url}/config", timeout=10).json()
    (card,) = [each for each in config["components"] if each["props"].get("elem_id") == "status"]
    functions = card["props"]["js_on_load"].rpartition("mount(")[0]
    texts = json.dumps(card["props"]["props"]["texts"])
    for elapsed, expected, said in [
        (0, 120, "about 2 min left"),
        (25, 120, "about 2 min left"),
        (26, 120, "about 90 s left"),
        (76, 120, "about 40 s left"),
        (102, 120, "about 20 s left"),
        (103, 120, "should finish soon"),
        (192, 120, "should finish soon"),
        (193, 120, "taking longer than usual"),
        (0, 8, "about 10 s left"),
        (7, 8, "should finish soon"),
    ]:
        code = f"(() => {{ {functions} return timeLeft({elapsed}, {expected}, {texts}); }})()"
        assert tab.evaluate(code) == said


# Told at the end


STUBS = """
window.notices = []; window.chimes = 0; window.away = false;
window.Notification = class {
  static get permission() { return sessionStorage.permission || 'default'; }
  static async requestPermission() {
    return sessionStorage.permission = window.answer || 'granted';
  }
  constructor(title, { body }) {
    if (window.on_android) throw new TypeError('Illegal constructor.');
    window.notices.push(title + ': ' + body);
  }
};
const silence = { setValueAtTime() {}, exponentialRampToValueAtTime() {} };
const part = () => ({ frequency: {}, gain: silence, connect() {}, start() {}, stop() {} });
window.AudioContext = class {
  currentTime = 0;
  constructor() { window.chimes++; }
  createOscillator() { return part(); }
  createGain() { return part(); }
  close() {}
};
Object.defineProperty(document, 'hidden', { get: () => window.away });
"""


@pytest.mark.new_browser
def test_who_asks_for_it_is_told_at_the_end(keyed_page, tab):
    """Nothing without being asked for; a notification only when one looks elsewhere."""
    tab.add_init_script(STUBS)
    open_page(tab, keyed_page)
    chimes = tab.get_by_role("button", name="Chime")
    notices = tab.get_by_role("button", name="Tell me when it is ready")
    told = "[chimes, notices]"

    press_generate(tab, FOX)
    wait_for(tab, "Your clip is ready")
    assert tab.evaluate(told) == [0, []]

    chimes.click()
    notices.click()
    expect(notices).to_have_attribute("aria-pressed", "true")
    press_generate(tab, f"{FOX}, once more")
    tab.wait_for_function("chimes == 2")
    wait_for(tab, "Your clip is ready")
    assert tab.evaluate(told) == [2, []]

    tab.reload()
    wait_for(tab, "Your clip is ready")
    expect(chimes).to_have_attribute("aria-pressed", "true")
    expect(notices).to_have_attribute("aria-pressed", "true")
    tab.evaluate("away = true")
    press_generate(tab, FOX)
    tab.wait_for_function("chimes == 1")
    count, (said,) = tab.evaluate(told)
    assert count == 1
    assert said.startswith("Your clip is ready: 320 × 180")

    notices.click()
    expect(notices).to_have_attribute("aria-pressed", "false")
    tab.evaluate("answer = 'denied'")
    notices.click()
    expect(tab.get_by_role("button", name="This browser forbids notifications")).to_be_visible()


@pytest.mark.new_browser
def test_a_notification_is_called_on_only_while_the_browser_shows_them(keyed_page, tab):
    """The permission may be withdrawn; Chrome on Android gives it and shows none."""
    tab.add_init_script(STUBS)
    open_page(tab, keyed_page)
    notices = tab.get_by_role("button", name="Tell me when it is ready")
    notices.click()
    expect(notices).to_have_attribute("aria-pressed", "true")
    tab.evaluate("sessionStorage.permission = 'default'")
    press_generate(tab, f"{FOX} #no-credits")
    wait_for(tab, "No credits left")
    expect(notices).to_have_attribute("aria-pressed", "false")
    notices.click()
    expect(notices).to_have_attribute("aria-pressed", "true")

    tab.evaluate("away = on_android = true")
    press_generate(tab, f"{FOX} #too-many")
    wait_for(tab, "Too many requests")
    expect(notices).to_be_hidden()
    tab.reload()
    wait_for(tab, "Too many requests")
    expect(notices).to_be_hidden()
    assert tab.evaluate("notices") == []


@pytest.mark.new_browser
def test_who_asks_for_it_is_told_once_of_several_takes_and_when_all_are_over(tab, tmp_path):
    """The card shows another take then than before; looking at one that is over is no end."""
    finish = threading.Event()

    def service(connection):
        status, answer = 200, {"current_balance": 1.0, "data": []}
        if connection.request.method == "POST":
            posts.append(connection.request)
            answer = {"id": f"take-{len(posts)}", "status": "queued"}
        elif "take-1" in connection.request.path or finish.is_set():
            answer = {"id": "a", "status": "error", "error": {"message": "It rained."}}
        elif "take-2" in connection.request.path:
            status = 503
        json_answer(status, answer, [("Retry-After", 1)])(connection)

    posts = []
    tab.add_init_script(STUBS)
    with FaultServer(service) as server:
        environment = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": server.url}
        with ServedPage(tmp_path, **environment) as served:
            open_page(tab, served)
            tab.get_by_role("button", name="Tell me when it is ready").click()
            tab.evaluate("away = true")
            choose(tab, "2")
            press_generate(tab, FOX)
            wait_for(tab, "Take 2 of 2: No news from the service")
            hide(tab)
            play(tab.locator('#my-clips [data-take="1"]'))
            wait_for(tab, "Take 1 of 2: The service could not make this video")
            assert tab.evaluate("notices") == []
            finish.set()
            tab.wait_for_function("notices.length")
            play(tab.locator('#my-clips [data-take="2"]'))
            wait_for(tab, "Take 2 of 2: The service could not make this video")
            again = "Try another seed (no price available)"
            assert offered(tab) == [again, "Change the prompt"]
            told = ["Take 1 of 2: The service could not make this video: It rained. Nothing was"]
            assert [each.removesuffix(" charged.") for each in tab.evaluate("notices")] == told


# The same request, changed


# News of two events


def test_what_was_told_before_does_not_cover_what_is_told_now(demo_page, tab):
    """Gradio brings each event's news in their order, but not those of two."""
    config = requests.get(f"{demo_page.url}/config", timeout=10).json()
    (card,) = [
        each["props"] for each in config["components"] if each["props"].get("elem_id") == "status"
    ]
    tab.set_content(card["html_template"])
    begin = """([javascript, value, texts]) => {
      window.props = { value, texts };
      new Function('element', 'props', 'watch', 'trigger', javascript)(
        document.body, window.props, (_, then) => { window.changed = then; }, () => {});
    }"""
    now = 1_000_000.0
    value = card["value"] | {"title": "Stopped", "made": now}
    tab.evaluate(begin, [card["js_on_load"], value, card["props"]["texts"]])
    expect(tab.locator(".title")).to_have_text("Stopped")
    # A clock that was set back long since is no reason to show nothing.
    for made, title in ((now - 0.5, "Stopped"), (now + 0.5, "New"), (now - 60, "After a day")):
        told = card["value"] | {"title": title if title != "Stopped" else "Old", "made": made}
        tab.evaluate("value => { props.value = value; changed(); }", told)
        expect(tab.locator(".title")).to_have_text(title)


def test_an_action_changes_what_it_names_and_nothing_else():
    in_a_fresh_python("""
from dataclasses import asdict
from veo import explain
from page import form
from veo_client import VideoRequest

request = VideoRequest(
    "fox", seed=7, duration=4, auto_fix=False, enhance_prompt=False, negative_prompt="people"
)
changes = {
    "without_sound": {"generate_audio": False},
    "with_auto_fix": {"auto_fix": True},
    "with_enhancement": {"enhance_prompt": True},
    "send": {},
    "send_again": {},
}
for action, change in changes.items():
    assert asdict(form.retry_request(request, action)) == asdict(request) | change, action
again = form.retry_request(request, "another_seed")
assert again.seed != 7
assert asdict(again) | {"seed": 7} == asdict(request)
fast = "google/veo-3.1-t2v-fast"
nearest = form.retry_request(request, "nearest_model", fast)
assert asdict(nearest) == asdict(request) | {"model": fast}
assert set(changes) | {"another_seed", "nearest_model"} == explain.SENDING
""")


@pytest.mark.slow
@pytest.mark.parametrize("space", ["", "somebody/film"])
def test_only_on_a_space_is_the_servers_account_not_yours(space):
    in_a_fresh_python(f"""
import os
os.environ["SPACE_ID"] = {space!r}
from dataclasses import fields
from backend import config
from backend.jobs import Job
from backend.ledger import Entry
from backend.service import Service
from page import status_card

service = Service(config.read())
error = {{"kind": "Refused", "text": "No credits.", "reason": "credits"}}
known = {{"id": "a", "state": "rejected", "error": error, "created": 0.0}}
for payer in ("server", "visitor"):
    row = dict.fromkeys((each.name for each in fields(Entry)), None) | known | {{"payer": payer}}
    job = Job(Entry(**row))
    is_guest = service.is_guest(job)
    said = status_card.words_for_job(job, has_clip=False, is_guest=is_guest).next_step
    assert ("owner" in said) == bool({space!r} and payer == "server"), said
""")


def test_the_page_knows_which_clips_were_complete():
    """One that is looked for again was, if it has a place among the clips."""
    in_a_fresh_python("""
from dataclasses import fields
from veo import explain
from backend.jobs import Job
from backend.ledger import Entry
from page import status_card, strip

known = {"id": "a", "state": "running", "payer": "visitor", "dollars": 3.2, "created": 0.0}
known |= {"expected": 120.0}
for clip, cost, in_the_list in (
    (None, explain.CHARGED_WHEN_COMPLETE, "$3.20 if it completes"),
    ("ab/cd", explain.CHARGED, "$3.20"),
):
    job = Job(Entry(**{each.name: None for each in fields(Entry)} | known | {"clip": clip}))
    seen = {"has_clip": False, "is_guest": False}
    assert status_card.words_for_job(job, **seen).cost == cost
    assert status_card.card_for_stopped(job, **seen)["cost"] == cost
    assert strip.rows([job], None, is_guest=lambda _: False)[0]["cost"] == in_the_list
""")
