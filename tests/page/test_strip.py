"""A visitor's clips outlive tab, process and crash, and belong to them alone."""

import base64
import hashlib
import json
import re
import secrets
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from conftest import KEY
from fault_server import FaultServer, file_answer, json_answer
from itsdangerous import TimestampSigner
from many_clips import be, fill
from playwright.sync_api import Page, expect
from served import (
    FOX,
    ServedPage,
    actions_of,
    call,
    choice,
    fill_unfolded,
    hide,
    open_page,
    play,
    posts,
    press_generate,
    refused_start,
    service_that_never_finishes,
    shown_id,
    visiting,
    wait_for,
    wait_until_made,
)

from demo import film as demo_film
from page import texts
from veo import media


def first(tab: Page):
    """The newest entry of the list."""
    return tab.locator("#my-clips li").first


def clip_of(tab: Page, prompt: str):
    return tab.locator("#my-clips li", has_text=prompt)


def test_a_clip_is_listed_played_downloaded_reused_and_deleted(keyed_page, tab, tmp_path):
    open_page(tab, keyed_page)
    expect(tab.locator("#my-clips .none")).to_be_visible()
    press_generate(tab, FOX)
    expect(first(tab).locator(".state")).to_have_text(
        re.compile("Waiting in line|Making the video")
    )
    wait_for(tab, "Your clip is ready")
    expect(first(tab).locator(".state")).to_have_text("Ready")
    expect(actions_of(first(tab)).locator(".facts")).to_contain_text("free")
    tab.keyboard.press("Escape")
    tab.wait_for_function("document.querySelector('#my-clips img').naturalWidth > 0")
    generation_id = shown_id(tab)

    press_generate(tab, "A boat #no-credits", seconds=6, resolution="1080p")
    wait_for(tab, "No credits left")
    expect(first(tab).locator(".state")).to_have_text("No credits left")
    expect(actions_of(first(tab)).locator(".facts")).to_contain_text("nothing charged")
    expect(actions_of(first(tab)).locator(".why")).not_to_be_empty()
    tab.keyboard.press("Escape")

    fox = clip_of(tab, FOX)
    play(fox)
    wait_for(tab, "Your clip is ready")
    assert shown_id(tab) == generation_id
    expect(tab.locator("#video video")).to_be_visible()

    actions_of(fox).get_by_role("button", name="Use settings").click()
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value(FOX)
    expect(choice(tab, "4 s")).to_be_checked()
    expect(choice(tab, "720p")).to_be_checked()

    with tab.expect_download() as download:
        actions_of(fox).get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "fox.mp4")
    assert media.read_request(tmp_path / "fox.mp4")["prompt"] == FOX

    with tab.expect_download() as download:
        actions_of(fox).get_by_role("link", name="JSON").click()
    assert download.value.suggested_filename.endswith(".json")
    note = json.loads(download.value.path().read_text())
    assert note["request"]["prompt"] == FOX
    assert note["facts"]["frames"] == 96
    actions_of(fox).get_by_role("button", name="Copy prompt").click()
    expect(actions_of(fox).get_by_role("button", name="Copied")).to_be_visible()
    assert tab.evaluate("navigator.clipboard.readText()") == FOX

    addresses = [
        each.evaluate("shown => shown.src")
        for each in (tab.locator("#video video"), fox.locator("img"))
    ]
    tab.once("dialog", lambda dialog: dialog.dismiss())
    actions_of(fox).get_by_role("button", name="Delete").click()
    expect(fox).to_have_count(1)
    tab.once("dialog", lambda dialog: dialog.accept())
    actions_of(fox).get_by_role("button", name="Delete").click()
    expect(fox).to_have_count(0)
    wait_for(tab, "Ready when you are")
    assert all(requests.get(each, timeout=10).status_code in (403, 404) for each in addresses)


def test_the_keyboard_stays_where_it_is_while_the_list_changes(keyed_page, tab):
    """In a clip that did not change, in one that did, and beside one that was deleted."""
    open_page(tab, keyed_page)
    for prompt in ("A heron", "An owl"):
        press_generate(tab, prompt)
        wait_for(tab, "Your clip is ready")
        expect(first(tab).locator(".state")).to_have_text("Ready")
    heron, owl = clip_of(tab, "A heron"), clip_of(tab, "An owl")
    focused = heron.locator(".tile")
    focused.focus()
    focused.evaluate("button => { window.focused = button; }")
    second = tab.context.new_page()
    second.goto(keyed_page.url)
    wait_for(second, "Your clip is ready")
    press_generate(second, "A wolf")
    wait_for(second, "Waiting in line at the service")
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # back to this tab
    wolf = clip_of(tab, "A wolf")
    expect(wolf).to_be_visible()
    assert tab.evaluate("document.activeElement === focused")

    settings = actions_of(wolf).get_by_role("button", name="Use settings")
    settings.focus()
    expect(wolf.locator(".state")).to_have_text("Ready")
    expect(settings).to_be_focused()
    tab.keyboard.press("Escape")
    expect(wolf.locator(".more")).to_be_focused()

    actions_of(owl).get_by_role("button", name="Delete").focus()
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.keyboard.press("Enter")
    expect(owl).to_have_count(0)
    expect(heron.locator(".tile")).to_be_focused()


@pytest.mark.new_browser
def test_a_page_without_a_clipboard_copies_all_the_same(keyed_page, tab):
    """As one over plain http from another machine; what cannot be copied is not called so."""
    tab.add_init_script("delete Navigator.prototype.clipboard")
    open_page(tab, keyed_page)
    press_generate(tab, "A robin")
    wait_for(tab, "Your clip is ready")
    expect(first(tab).locator(".state")).to_have_text("Ready")
    tab.locator("#clip-tools").get_by_role("button", name="Code").click()
    expect(tab.locator("#programs code")).to_contain_text("A robin")
    pasted = tab.get_by_label("Prompt", exact=True)
    tab.locator("#status").get_by_role("button", name="Details").click()
    for button, text in [
        (lambda: tab.locator("#programs .copy"), tab.locator("#programs code").text_content()),
        (lambda: tab.locator("#status .copy"), shown_id(tab)),
        (lambda: actions_of(first(tab)).get_by_role("button", name="Copy prompt"), "A robin"),
    ]:
        handle = button().element_handle()
        tab.evaluate("() => { document.execCommand = () => false; }")
        handle.click()
        assert handle.inner_text().startswith("Copy")
        tab.evaluate("() => { delete document.execCommand; }")
        handle.press("Enter")
        tab.wait_for_function("button => button.textContent === 'Copied'", arg=handle)
        assert handle.evaluate("button => button === document.activeElement")
        pasted.fill("")
        pasted.press("Control+v")
        assert pasted.input_value() == text


def test_a_second_tab_and_a_reload_find_the_job_where_it_is(demo_page, tab):
    open_page(tab, demo_page)
    press_generate(tab, FOX)
    wait_until_made(tab)
    second = tab.context.new_page()
    second.goto(demo_page.url)
    wait_for(second, re.compile("Making the video|Your demo clip is ready"))
    assert shown_id(second) == shown_id(tab)
    wait_for(second, "Your demo clip is ready")
    wait_for(tab, "Your demo clip is ready")
    expect(first(second).locator(".state")).to_have_text("Ready")


@pytest.mark.new_browser
def test_stop_waiting_stops_looking_and_not_the_job(demo_page, tab):
    """What is told of the job before Gradio has cancelled its event is not put over that."""
    tab.route("**/gradio_api/cancel", lambda _: None)
    open_page(tab, demo_page)
    press_generate(tab, FOX)
    wait_until_made(tab)
    hide(tab)
    expect(first(tab).locator(".state")).to_have_text("Ready")
    wait_for(tab, "No longer watching")
    tab.unroute_all(behavior="ignoreErrors")


@pytest.mark.new_browser
def test_the_list_is_asked_for_only_while_a_clip_goes_on_and_the_page_is_seen(demo_page, tab):
    """The clock is put forward in the browser."""
    tab.clock.install()
    tab.add_init_script(
        "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.away) })"
    )
    open_page(tab, demo_page)
    asked = []
    tab.on(
        "request",
        lambda request: (
            "queue/join" in request.url
            and request.post_data_json["fn_index"] == demo_page.numbers["on_focus"]
            and asked.append(request)
        ),
    )

    def asks_in(seconds: int) -> int:
        before = len(asked)
        for _ in range(seconds // 10):
            tab.clock.fast_forward(10_000)
            tab.wait_for_timeout(300)
        return len(asked) - before

    assert asks_in(30) == 0
    press_generate(tab, f"{FOX} #stuck")
    wait_until_made(tab)
    hide(tab)
    for _ in range(3):
        with tab.expect_request(lambda request: "queue/join" in request.url):
            tab.clock.fast_forward(10_000)
        tab.wait_for_timeout(1000)  # Gradio drops what is asked before it was answered
    assert len(asked) == 3
    tab.evaluate("away = true")
    assert asks_in(30) == 0


def test_a_killed_server_loses_no_clip_and_sends_nothing_twice(tab, tmp_path):
    """The service takes the request and finishes it; the server is killed in between."""
    finish, posts = threading.Event(), []

    def service(connection):
        if connection.request.method == "POST":
            posts.append(connection.request.json())
            json_answer(200, {"id": "job", "status": "queued"})(connection)
        elif connection.request.path == "/film.mp4":
            file_answer(film)(connection)
        elif "/generations" not in connection.request.path:
            json_answer(200, {"current_balance": 1.0, "data": []})(connection)
        elif not finish.is_set():
            json_answer(200, {"id": "job", "status": "generating"})(connection)
        else:
            video = {"url": f"{server.url}/film.mp4"}
            done = {"id": "job", "status": "completed", "video": video}
            json_answer(200, done)(connection)

    demo_film.render(
        tmp_path / "film", prompt=FOX, seed=1, width=1280, height=720, duration=4, sound=True
    )
    film = (tmp_path / "film").read_bytes()
    with FaultServer(service) as server:
        environment = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": server.url}
        with ServedPage(tmp_path, **environment) as served:
            open_page(tab, served)
            press_generate(tab, FOX)
            wait_until_made(tab)
            port = served.port
        tab.goto("about:blank")  # Gradio's own page would reload itself in the middle of ours
        finish.set()
        with ServedPage(tmp_path, port=port, **environment) as served:
            tab.goto(served.url)
            wait_for(tab, "Your clip is ready")
            expect(first(tab).locator(".state")).to_have_text("Ready")
            assert KEY.encode() not in b"".join(
                file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()
            )
    assert len(posts) == 1


def test_a_visitors_job_waits_for_its_key_after_a_restart(tab, tmp_path, demo):
    environment = {"AIMLAPI_BASE_URL": demo.base_url}

    def give_key():
        tab.get_by_role("button", name="Your own API key").click()
        note = tab.locator("#key-note")
        while "accepts" not in note.inner_text():  # a field just unfolded may be emptied once more
            fill_unfolded(tab, "AI/ML API key", KEY)
            tab.get_by_role("button", name="Use this key").click()
            expect(note).not_to_be_empty()
        expect(tab.locator("#mode")).to_contain_text("Your key")

    with ServedPage(tmp_path, **environment) as served:
        open_page(tab, served)
        give_key()
        press_generate(tab, f"{FOX} #stuck")
        wait_until_made(tab)
        port = served.port
    tab.goto("about:blank")
    with ServedPage(tmp_path, port=port, **environment) as served:
        tab.goto(served.url)
        expect(first(tab).locator(".state")).to_have_text("Waits for your key")
        expect(tab.locator("#mode")).to_contain_text("Demo")
        give_key()
        expect(first(tab).locator(".state")).to_have_text(
            re.compile("Waiting in line|Making the video")
        )


def test_an_uncertain_request_is_sent_again_only_when_a_person_insists(tab, tmp_path):
    def lose_the_answer(connection):
        if connection.request.method == "POST":
            return
        json_answer(200, {"data": []})(connection)

    with FaultServer(lose_the_answer) as service:
        with ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url) as served:
            open_page(tab, served)
            press_generate(tab, FOX)
            wait_for(tab, "We don't know if the service got it")

            def send_again():
                menu = actions_of(first(tab))
                menu.get_by_role("button", name="Send again anyway").click()

            asked = []
            show_all_clips(tab)
            tab.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
            send_again()
            expect(tab.locator("#my-clips li")).to_have_count(1)
            assert "charges a second clip" in asked[0]
            assert len(posts(service)) == 1
            expect(tab.locator("#stage")).to_be_hidden()
            tab.once("dialog", lambda dialog: dialog.accept())
            send_again()
            expect(tab.locator("#stage")).to_be_visible()
            expect(tab.locator("#my-clips li")).to_have_count(2)
            expect(tab.locator("#my-clips .state")).to_have_text(
                ["We don't know if the service got it"] * 2
            )
        assert len(posts(service)) == 2


def test_a_second_server_on_the_same_folder_refuses_to_start(tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    with ServedPage(tmp_path) as first:
        said = refused_start(second, VEO_DATA_DIR=str(first.folder / "data"))
    assert "Another server works in" in said
    assert "VEO_DATA_DIR" in said


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////nowhere/ledger", "postgresql+nothing://"])
def test_a_ledger_that_cannot_be_used_is_told_at_the_start(tmp_path, url):
    assert "VEO_DATABASE_URL" in refused_start(tmp_path, VEO_DATABASE_URL=url)


def test_a_login_counts_and_nobody_can_claim_one(tmp_path):
    """On a Space with `hf_oauth` the owner is who the signed cookie says, not what is kept."""
    environment = {
        "SYSTEM": "spaces",
        "SPACE_ID": "a/b",
        "OAUTH_CLIENT_ID": "client",
        "OAUTH_CLIENT_SECRET": "secret",
        "OAUTH_SCOPES": "openid profile",
        "OPENID_PROVIDER_URL": "https://huggingface.co",
    }
    info = base64.b64encode(b'{"oauth_info": {"userinfo": {"sub": "somebody"}}}')
    right = hashlib.sha256(b"secret-v4").hexdigest()  # as gradio.oauth makes it
    form = [FOX, "", "google/veo-3.1-t2v", "16:9", 4, "720p", True, "", "", True, True]
    with ServedPage(tmp_path, **environment) as served:
        served.forgives_gradio = True  # it looks for a package that only a Space has
        for secret in (right, "wrong"):
            cookie = TimestampSigner(secret).sign(info).decode()
            call(
                served,
                "on_generate",
                [{"visitor": "login:somebody"}, *form, 1, "seed", None],
                {},
                cookie,
            )
        owners = [row["owner"] for row in served.rows()]
    assert owners[0] == "login:somebody"
    assert re.fullmatch(r"browser:[\w-]{43}", owners[1])


# What the server's key may be spent on


RATES = {"kind": "fixed", "currency": "USD", "units": [{"price": 0.4, "unit": "second", "per": 1}]}


def shop_that_never_finishes(connection):
    if "/v1/models" not in connection.request.path:
        service_that_never_finishes(connection)
        return
    listed = [{"id": "google/veo-3.1-t2v", "pricing": RATES}]
    json_answer(200, {"data": listed})(connection)


FIELDS = ["google/veo-3.1-t2v", "16:9", 4, "720p", True, ""]


def by_the_button(served, number):
    """A click in a browser that was never here before, until something comes of it."""
    url, session = f"{served.url}/gradio_api/queue", secrets.token_hex(8)
    new = {"visitor": secrets.token_hex(20)}
    # The button says what it costs before anybody presses it.
    priced = [FIELDS[0], *FIELDS[2:5], 1, "seed", new, ""]
    call(served, "on_money", priced, {}, session=session)
    data = [new, f"{FOX} {number}", "", *FIELDS, "", True, True, 1, "seed", None]
    body = {"data": data, "fn_index": served.numbers["on_generate"], "session_hash": session}
    assert requests.post(f"{url}/join", json=body, timeout=60).status_code == 200
    with requests.get(
        f"{url}/data", params={"session_hash": session}, stream=True, timeout=60
    ) as stream:
        for line in stream.iter_lines(decode_unicode=True):
            if "process_generating" in line or "process_completed" in line:
                return line
    return ""


def by_call(served, number):
    url = f"{served.url}/gradio_api/call/generate"
    data = {"data": [f"{FOX} {number}", *FIELDS, None, True, True, False, None]}
    event = requests.post(url, json=data, timeout=60).json()["event_id"]
    return requests.get(f"{url}/{event}", timeout=60).text


def by_run(served, number):
    url = f"{served.url}/gradio_api/run/generate"
    data = {"data": [f"{FOX} {number}", *FIELDS, None, True, True, False, None]}
    return requests.post(url, json=data, timeout=60).text


@pytest.mark.parametrize(
    ("limit", "refused"),
    [
        ({"VEO_CLIPS_A_DAY": "7"}, "made 7 clips in 24 hours, and the limit is 7."),
        ({"VEO_CLIPS_A_VISITOR": "7"}, "made 7 clips in 24 hours, and the limit is 7."),
        ({"VEO_DOLLARS_A_DAY": "11.3"}, "spent $11.20 in 24 hours, this clip costs $1.60"),
        ({"VEO_DOLLARS_A_VISITOR": "11.2"}, "spent $11.20 in 24 hours, this clip costs $1.60"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_a_hundred_at_once_stop_exactly_at_the_limit(limit, refused, tmp_path):
    """By three ways, each from a new browser at one address; the rest are told why."""
    with (
        FaultServer(shop_that_never_finishes) as service,
        ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url, **limit) as served,
        ThreadPoolExecutor(102) as pool,
    ):
        ways = [by_the_button, by_call, by_run] * 34
        answers = list(pool.map(lambda way, number: way(served, number), ways, range(102)))
        told = [
            (way.__name__, answer)
            for way, answer in zip(ways, answers, strict=True)
            if refused not in answer
        ]
        assert len(told) == 7, told
        assert all("event: error" not in answer and '"error"' not in answer for _, answer in told)
        rows = served.rows()
    assert len(posts(service)) == len(rows) == 7
    assert {row["spender"] for row in rows} == {"address:127.0.0.1"}


@pytest.mark.new_browser
def test_a_new_visitor_is_somebody_before_the_server_answers(demo_page, tab):
    """Else two first requests would get two ids, and a key count for the one that is lost."""
    asked = []
    tab.route("**/queue/join**", lambda route: asked.append(route.request.post_data_json["data"]))
    tab.goto(demo_page.url)
    expect(tab.locator("#status .title")).to_have_text("Ready when you are")
    tab.wait_for_timeout(1000)
    visitors = [value["visitor"] for data in asked for value in data if isinstance(value, dict)]
    assert len(visitors) == 2
    assert len(set(visitors)) == 1
    tab.unroute_all(behavior="ignoreErrors")


# Many clips


@pytest.fixture(scope="module")
def many_page(tmp_path_factory):
    """A visitor for each number of clips, by their name."""
    folder = tmp_path_factory.mktemp("many")
    for count, visitor in VISITORS.items():
        fill(folder / "data", count, visitor=visitor)
    with ServedPage(folder, VEO_KEEP_GB="2") as served:
        yield served


VISITORS = {count: chr(ord("a") + at) * 43 for at, count in enumerate((5, 6, 61, 130, 1000))}


def come(tab: Page, served, count: int) -> None:
    """Come back as the visitor who has so many clips."""
    be(tab, served.url, VISITORS[count])
    expect(tab.locator("#my-clips li").first).to_be_visible()


def titles(tab: Page) -> list[str]:
    return tab.locator("#my-clips .tile .prompt").all_text_contents()


def clips_from(newest: int, oldest: int) -> list[str]:
    return [f"Clip number {number}" for number in range(newest, oldest - 1, -1)]


def test_nothing_ends_silently(many_page, tab):
    come(tab, many_page, 130)
    entries, older = tab.locator("#my-clips li"), tab.get_by_role("button", name="Show older")
    expect(entries).to_have_count(60)
    assert titles(tab) == clips_from(129, 70)
    older.click()
    expect(entries).to_have_count(120)
    expect(entries.nth(60).locator(".tile")).to_be_focused()
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the newest come anew
    older.click()
    expect(entries).to_have_count(130)
    expect(older).to_be_hidden()
    assert titles(tab) == clips_from(129, 0)
    expect(tab.locator("#tabs .count")).to_have_text("130")


def test_prompts_are_searched_and_stars_are_kept(many_page, tab):
    come(tab, many_page, 130)
    entries = tab.locator("#my-clips li")
    tab.get_by_label("Search prompts").fill("NUMBER 12")
    expect(entries).to_have_count(12)  # of which one is on no page yet
    assert titles(tab) == [*clips_from(129, 120), "Clip number 112", "Clip number 12"]
    entries.last.locator(".tile").press("s")
    expect(entries.last.locator(".star")).to_have_attribute("aria-pressed", "true")
    tab.get_by_label("Search prompts").fill("nothing like it")
    expect(tab.locator("#my-clips .none")).to_have_text("No clips match.")
    tab.get_by_label("Search prompts").fill("")
    expect(entries).to_have_count(60)
    tab.get_by_role("radio", name="Starred").check()
    expect(entries).to_have_count(1)
    assert titles(tab) == ["Clip number 12"]
    tab.reload()
    expect(entries).to_have_count(60)
    tab.get_by_role("radio", name="Starred").check()
    expect(entries).to_have_count(1)
    entries.first.locator(".tile").press("S")
    expect(entries).to_have_count(0)
    for only in ("Running", "Failed"):
        tab.get_by_role("radio", name=only).check()
        expect(tab.locator("#my-clips .none")).to_have_text("No clips match.")


def test_the_strip_is_one_tab_stop_and_its_keys_do_the_rest(many_page, tab):
    come(tab, many_page, 6)
    entries = tab.locator("#my-clips li")
    stops = tab.evaluate(
        """() => [...document.querySelectorAll('#my-clips :is(button, input, a)')]
          .filter(each => each.tabIndex >= 0 && each.checkVisibility()).map(e => e.className)"""
    )
    # The four filters are one group of radios.
    assert stops == ["words", "", "", "", "", "tile", "more"]
    first, second = entries.nth(0).locator(".tile"), entries.nth(1).locator(".tile")
    first.focus()
    tab.keyboard.press("ArrowRight")
    expect(second).to_be_focused()
    tab.keyboard.press("ArrowLeft")
    expect(first).to_be_focused()
    tab.keyboard.press("End")
    expect(entries.last.locator(".tile")).to_be_focused()
    tab.keyboard.press("Home")
    tab.keyboard.press("Tab")
    expect(entries.first.locator(".more")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.locator("#my-clips .menu")).to_contain_text("Clip number 5")
    tab.keyboard.press("Escape")
    expect(entries.first.locator(".more")).to_be_focused()
    second.press("Enter")
    expect(entries.nth(1)).to_have_attribute("data-shown", "true")
    expect(second).to_have_attribute("aria-current", "true")


def test_several_are_chosen_saved_compared_and_deleted(many_page, tab, tmp_path):
    come(tab, many_page, 5)
    entries, bar = tab.locator("#my-clips li"), tab.locator("#my-clips .chosen")
    expect(bar).to_be_hidden()
    entries.nth(0).locator(".tile").press("Space")
    entries.nth(2).locator(".tile").click(modifiers=["Shift"])
    expect(bar).to_contain_text("3 selected")
    expect(bar.get_by_role("button", name="Compare")).to_be_disabled()
    with tab.expect_download() as download:
        bar.get_by_role("button", name="Download zip").click()
    assert download.value.suggested_filename == "veo-clips.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        films = [name for name in archive.namelist() if name.endswith(".mp4")]
        assert films == [f"Clip-number-{number}-seed-{number}.mp4" for number in (4, 3, 2)]
    entries.nth(2).locator(".tile").press("Space")
    bar.get_by_role("button", name="Compare").click()
    expect(tab.locator("#compare section")).to_be_visible()
    expect(tab.locator("#compare figcaption").first).to_contain_text("seed 4")
    expect(bar).to_be_hidden()
    tab.locator("#compare").get_by_role("button", name="Close").click()

    entries.nth(3).locator(".tile").press("Space")
    entries.nth(4).locator(".tile").press("Space")
    asked = []
    tab.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    bar.get_by_role("button", name="Delete").click()
    assert asked == ["Delete 2 clips for good?"]
    expect(entries).to_have_count(5)
    tab.once("dialog", lambda dialog: dialog.accept())
    bar.get_by_role("button", name="Delete").click()
    expect(entries).to_have_count(3)
    assert titles(tab) == clips_from(4, 2)
    expect(bar).to_be_hidden()
    tab.once("dialog", lambda dialog: dialog.accept())
    entries.last.locator(".tile").press("Delete")
    expect(entries).to_have_count(2)


@pytest.mark.new_browser
def test_a_clip_plays_without_sound_under_the_pointer_and_with_the_keyboard_on_it(many_page, tab):
    come(tab, many_page, 6)
    entries, video = tab.locator("#my-clips li"), tab.locator("#my-clips video")
    entries.nth(1).hover()
    expect(video).to_have_count(1)
    tab.wait_for_function("document.querySelector('#my-clips video')?.currentTime > 0")
    assert video.evaluate("video => video.muted")
    entries.nth(2).hover()
    expect(entries.nth(2).locator("video")).to_have_count(1)
    expect(video).to_have_count(1)
    tab.mouse.move(0, 0)
    expect(video).to_have_count(0)
    entries.first.locator(".tile").focus()
    tab.keyboard.press("ArrowRight")
    expect(entries.nth(1).locator("video")).to_have_count(1)
    tab.emulate_media(reduced_motion="reduce")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(400)
    expect(video).to_have_count(0)


def test_my_clips_have_a_view_of_their_own_and_a_picked_one_is_on_the_stage(many_page, tab):
    come(tab, many_page, 61)
    tab.locator("#tabs").get_by_role("button", name="My clips").click()
    expect(tab.locator("#prompt")).to_be_hidden()
    wide = tab.locator("#my-clips ul").bounding_box()["width"]
    assert wide > 1000
    expect(tab.locator("#my-clips .room")).to_have_text(re.compile(r"[\d.]+ MB of 2 GB"))
    play(tab.locator("#my-clips li").nth(2))
    expect(tab.locator("#prompt")).to_be_visible()
    wait_for(tab, "Your demo clip is ready")
    expect(tab.locator("#my-clips li").nth(2)).to_have_attribute("data-shown", "true")


def test_what_is_pressed_among_all_clips_is_seen(many_page, tab):
    """What comes of it stands on the stage or in the form, which that view does not show."""
    come(tab, many_page, 6)
    for name, said in (("Use settings", texts.FORM_FILLED), ("Use this seed", texts.SEED_FILLED)):
        show_all_clips(tab)
        actions_of(first(tab)).get_by_role("button", name=name).click()
        expect(tab.locator("#clip-tools .toast")).to_have_text(said)
        expect(tab.locator("#clip-tools .toast")).to_be_in_viewport()
        expect(tab.locator("#prompt")).to_be_visible()


def show_all_clips(tab: Page) -> None:
    tab.locator("#tabs").get_by_role("button", name="My clips").click()
    expect(tab.locator("#stage")).to_be_hidden()


def test_a_star_from_the_menu_of_an_older_clip_is_seen(many_page, tab):
    come(tab, many_page, 130)
    tab.get_by_role("button", name="Show older").click()
    older = tab.locator("#my-clips li").nth(100)
    for starred in ("true", "false"):
        actions_of(older).locator("[data-name=star]").click()
        expect(older.locator(".star")).to_have_attribute("aria-pressed", starred)


def test_the_keyboards_ring_is_not_cut_off_and_stays_at_a_picture_that_moves(many_page, tab):
    come(tab, many_page, 6)
    entries = tab.locator("#my-clips li")
    entries.nth(3).locator(".tile").focus()
    tab.keyboard.press("ArrowLeft")
    third = entries.nth(2)
    expect(third).to_have_css("outline-style", "solid")
    left, right = tab.evaluate(
        """() => {
          const box = (each) => document.querySelector(each).getBoundingClientRect();
          const all = [...document.querySelectorAll('#my-clips li')];
          const ends = all.map(each => each.getBoundingClientRect());
          const strip = box('#strip');
          return [Math.min(...ends.map(each => each.left)) - strip.left,
            strip.right - Math.max(...ends.map(each => each.right))];
        }"""
    )
    assert min(left, right) >= 4
    # A take more of its press stands with it where that is, at the head.
    job = third.get_attribute("data-job")
    tab.evaluate(
        """job => {
          const rows = [...document.querySelectorAll('#my-clips li')].map(each => each.row);
          const [newest, old] = [rows[0], rows.find(each => each.id === job)];
          const take = { ...old, id: 'new', created: newest.created + 1, take: 2 };
          const detail = { rows: [take, ...rows], more: false, only: 'all', words: '' };
          document.dispatchEvent(new CustomEvent('clips-found', { detail }));
        }""",
        job,
    )
    expect(entries.first).to_have_attribute("data-job", job)
    expect(entries.first.locator(".tile")).to_be_focused()


@pytest.mark.new_browser  # in which films play
def test_a_film_that_was_left_does_not_stop_the_next_when_it_fails(many_page, tab):
    come(tab, many_page, 6)
    tab.evaluate(
        """() => {
          const play = HTMLMediaElement.prototype.play;
          HTMLMediaElement.prototype.play = function () {
            HTMLMediaElement.prototype.play = play;
            return new Promise((_, refuse) => { window.refuse = refuse; });
          };
        }"""
    )
    entries = tab.locator("#my-clips li")
    entries.nth(1).hover()
    expect(entries.nth(1).locator("video")).to_have_count(1)
    entries.nth(2).hover()
    expect(entries.nth(2).locator("video")).to_have_count(1)
    tab.evaluate("() => { window.refuse(new Error('left')); return Promise.resolve(); }")
    assert entries.nth(2).locator("video").count() == 1


def test_a_menu_stays_as_it_is_while_its_clip_is_made(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX} #stuck")
    wait_until_made(tab)
    expect(first(tab).locator(".state")).to_have_text("Making the video")
    title = actions_of(first(tab)).locator(".title")
    shown, before = title.element_handle(), first(tab).evaluate("item => item.row.elapsed")
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    tab.wait_for_function(
        "before => document.querySelector('#my-clips li').row.elapsed > before", arg=before
    )
    assert shown.evaluate("title => title.isConnected")


COVERED = """
menu => [...menu.querySelectorAll('button, a')].filter(each => {
  each.scrollIntoView({ block: 'nearest' });
  const { x, y, width, height } = each.getBoundingClientRect();
  return !each.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}).map(each => each.textContent)
"""


def test_a_menu_and_the_composer_cover_nothing_of_each_other(many_page, tab):
    """Where it was opened, and after the window has another size."""
    come(tab, many_page, 6)
    menu = actions_of(first(tab))
    for width, height in ((1280, 900), (390, 844), (844, 390), (320, 568)):
        tab.set_viewport_size({"width": width, "height": height})
        for opens in (False, True):
            if opens:
                tab.keyboard.press("Escape")
                expect(menu).to_be_hidden()
                first(tab).locator(".more").click()
            tab.wait_for_function(
                """() => document.querySelector('#my-clips .menu').getBoundingClientRect().bottom
                  <= document.querySelector('#composer').getBoundingClientRect().top""",
                timeout=5000,
            )
            assert menu.evaluate(COVERED) == []
            assert menu.bounding_box()["y"] >= 0


def test_a_refused_clip_has_its_colours_in_the_dark(keyed_page, browser):
    with visiting(browser, scheme="dark") as tab:
        open_page(tab, keyed_page)
        press_generate(tab, f"{FOX} #no-credits")
        wait_for(tab, "No credits left")
        refused = tab.locator("#my-clips [data-kind=failed] .tile")
        expect(refused).to_have_css("background-color", "rgb(42, 21, 24)")
        expect(refused).to_have_css("color", "rgb(252, 165, 165)")


def test_what_was_hidden_stays_so_over_a_reload_until_it_is_asked_for(keyed_page, tab):
    open_page(tab, keyed_page)
    press_generate(tab, f"{FOX}, hidden #stuck")
    wait_until_made(tab)
    hide(tab)
    for _ in range(2):
        tab.reload()
        wait_for(tab, "No longer watching")
    expect(first(tab).locator(".state")).to_have_text("Making the video")
    play(first(tab))
    wait_until_made(tab)
    tab.reload()
    wait_until_made(tab)
    hide(tab)
    tab.reload()
    wait_for(tab, "No longer watching")
    tab.locator("#status").get_by_role("button", name="Check again").click()
    wait_until_made(tab)
    tab.reload()
    wait_until_made(tab)


@pytest.mark.parametrize("stored", ["7", "{}", "[", '[[1], {"a": 2}]', "null"])
def test_what_a_browser_kept_of_what_was_hidden_breaks_nothing(stored, keyed_page, tab):
    open_page(tab, keyed_page)
    tab.evaluate("stored => localStorage.setItem('veo-hidden', stored)", stored)
    press_generate(tab, f"{FOX} #stuck")
    wait_until_made(tab)
    tab.reload()
    wait_until_made(tab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_head_leaves_a_phone_to_the_clip(scheme, many_page, browser):
    with visiting(browser, width=390, scheme=scheme) as tab:
        come(tab, many_page, 1000)
        expect(tab.locator("#tabs .count")).to_have_text("1000")
        expect(tab.locator("#mode")).to_contain_text("Add a key for real Veo clips.")
        assert tab.locator("#head").bounding_box()["height"] <= 96
        for part in ("h1", "[data-view=shot]", "[data-view=clips]", "#mode b", "#key button"):
            expect(tab.locator(f"#head {part}").first).to_be_in_viewport(ratio=1)
        assert tab.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.new_browser
def test_a_thousand_clips_weigh_as_much_as_sixty_one(many_page, browser):
    weighed = {}
    for count in (61, 1000):
        with visiting(browser) as tab:
            come(tab, many_page, count)
            expect(tab.locator("#my-clips li")).to_have_count(60)
            tab.wait_for_timeout(2000)
            devtools = tab.context.new_cdp_session(tab)
            devtools.send("HeapProfiler.collectGarbage")
            devtools.send("Performance.enable")
            metrics = devtools.send("Performance.getMetrics")["metrics"]
            found = {each["name"]: each["value"] for each in metrics}
            weighed[count] = (found["JSHeapUsedSize"], found["Nodes"])
    for less, more in zip(weighed[61], weighed[1000], strict=True):
        assert more <= 1.2 * less, weighed


def test_a_strangers_star_search_and_zip_reach_nothing(many_page):
    ids = [row["id"] for row in many_page.rows() if row["owner"] == f"browser:{VISITORS[6]}"]
    stranger = {"visitor": "s" * 43}
    for handler, event in {
        "on_star": {"job": ids[0], "starred": True},
        "on_find": {"words": "clip", "only": "all", "older_than": [2e9, "z"]},
        "on_delete": {"chosen": ids},
    }.items():
        said = call(many_page, handler, [stranger], event)
        assert "process_completed" in said
        assert "Clip number" not in said
    rows = [row for row in many_page.rows() if row["id"] in ids]
    assert [(row["starred"], row["deleted"]) for row in rows] == [(None, None)] * 6


NONSENSE = [
    {},
    {"words": 7, "only": "theirs", "older_than": "yesterday"},
    {"words": ["a"], "only": ["all"], "older_than": [1]},
    {"words": "x" * 100_000, "older_than": [None, None]},
    {"words": "\0\ud800%_\\", "older_than": [1e308, "a"]},
    {"older_than": [True, "a\0b"]},
    {"older_than": [1, "\ud800"]},
]


@pytest.mark.parametrize("event", NONSENSE)
def test_nonsense_that_is_sought_breaks_nothing(many_page, event):
    said = call(many_page, "on_find", [{"visitor": VISITORS[6]}], event)
    assert '"success":true' in said.replace(" ", "")
