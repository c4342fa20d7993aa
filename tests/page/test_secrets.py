"""A key goes to the service and nowhere else: two canaries, the server's and a visitor's, are
looked for in every answer, in what the browser keeps and on the disk, however they are spelt."""

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, quote_plus

import pytest
import requests
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from playwright.sync_api import Page, expect
from served import (
    FOX,
    ServedPage,
    by_way_of,
    fill_unfolded,
    open_page,
    press_generate,
    visiting,
    wait_for,
)
from test_mcp import as_agent

SERVERS, VISITORS, PROGRAMS = (
    f'canary-of-a-{whose}-"\\/<&>+=%?#0123456789' for whose in ("server", "visitor", "program")
)


def spellings(key: str) -> Iterator[bytes]:
    """Raw and as JSON, HTML, an address, hexadecimal and base64 have it, with anything before."""
    in_json = json.dumps(key)[1:-1]
    yield from (each.encode() for each in (key, in_json, json.dumps(in_json)[1:-1]))
    yield from (each.encode() for each in (html.escape(key), quote(key, safe=""), quote(key)))
    yield quote_plus(key).encode()
    yield key.encode().hex().encode()
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + key.encode())
        yield encoded[4 if before else 0 : -4]


SPELT = [each for key in (SERVERS, VISITORS, PROGRAMS) for each in spellings(key)]


def assert_no_key(places: dict[str, bytes | str]) -> None:
    """None of `places` holds a key; there is something in each."""
    for name, said in places.items():
        content = said.encode(errors="replace") if isinstance(said, str) else said
        assert content, name
        assert [spelt for spelt in SPELT if spelt in content] == [], name


@pytest.mark.parametrize("key", [SERVERS, VISITORS])
def test_a_key_is_found_however_it_is_spelt(key):
    for said in (
        json.dumps({"facts": [key]}),
        json.dumps(json.dumps({"key": key})),
        f"https://example.org/?key={quote(key)}",
        f"<p>{html.escape(key)}</p>",
        *(base64.b64encode(f"{before}{key}, and more".encode()) for before in ("", "a", "ab")),
    ):
        with pytest.raises(AssertionError):
            assert_no_key({"here": said})


@pytest.fixture(scope="module")
def shared_page(tmp_path_factory, demo):
    """A Space that shares its key, with tools; whatever it writes lands in its folder."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "tmp").mkdir()
    with ServedPage(
        folder,
        AIMLAPI_KEY=SERVERS,
        AIMLAPI_BASE_URL=demo.base_url,
        SPACE_ID="a/b",
        VEO_SHARE_SERVER_KEY="1",
        VEO_MCP="1",
        TMPDIR=str(folder / "tmp"),
    ) as served:
        yield served


# In a browser

EVERYTHING_KEPT = """async () => {
  const databases = {};
  for (const { name } of await indexedDB.databases()) {
    const opened = indexedDB.open(name);
    const database = await new Promise(done => { opened.onsuccess = () => done(opened.result); });
    for (const store of database.objectStoreNames) {
      const all = database.transaction(store).objectStore(store).getAll();
      const rows = await new Promise(done => { all.onsuccess = () => done(all.result); });
      databases[name + ' ' + store] = rows;
    }
  }
  const cached = {};
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys())
      cached[request.url] = await (await cache.match(request)).text();
  }
  const { cookie } = document;
  return { local: { ...localStorage }, session: { ...sessionStorage }, cookie, name: window.name,
    state: history.state, databases, cached };
}"""


def decrypted(kept: str) -> str:
    """What Gradio's `BrowserState` put into the storage, encrypted with the page's public word."""
    salted = base64.b64decode(kept.partition(":")[2])
    assert salted.startswith(b"Salted__")
    word, derived = hashlib.sha256(b"public").hexdigest().encode(), b""
    while len(derived) < 48:  # as OpenSSL makes key and vector of a word
        derived += hashlib.md5(derived[-16:] + word + salted[8:16]).digest()  # noqa: S324
    opened = Cipher(algorithms.AES(derived[:32]), modes.CBC(derived[32:48])).decryptor()
    plain = opened.update(salted[16:]) + opened.finalize()
    return plain[: -plain[-1]].decode()


def answers_of(recorded: dict) -> dict[str, bytes]:
    """The body of each answer that the browser got, by its number and address."""
    bodies = {}
    for number, entry in enumerate(recorded["log"]["entries"]):
        content = entry["response"]["content"]
        text = content.get("text", "")
        body = base64.b64decode(text) if content.get("encoding") else text.encode()
        heads = json.dumps([entry["response"]["headers"], entry["request"]["url"]])
        bodies[f"{number} {entry['request']['url']}"] = heads.encode() + body
    return bodies


def give_key(tab: Page) -> None:
    tab.get_by_role("button", name="Your own API key").click()
    fill_unfolded(tab, "AI/ML API key", VISITORS)
    tab.get_by_role("button", name="Use this key").click()
    expect(tab.locator("#mode")).to_contain_text("Your key")


def open_again(tab: Page) -> None:
    tab.reload()
    expect(tab.locator("#mode")).to_contain_text("Your key")
    expect(tab.locator("#cost")).not_to_be_empty()


def test_a_visitors_browser_gets_no_key_and_keeps_none(shared_page, browser, tmp_path):
    har, brought = tmp_path / "answers.har", list[str]()
    with visiting(browser, record_har_path=har, record_har_content="embed") as tab:
        tab.expose_function("brought", lambda piece: brought.append(piece))
        # The recording has no body of a stream that Gradio hung up on, as it does at each end.
        tab.add_init_script(by_way_of("brought(new TextDecoder().decode(piece))"))
        open_page(tab, shared_page)
        press_generate(tab, f"{FOX}, for the server's key")
        wait_for(tab, "Your clip is ready")
        press_generate(tab, f"{FOX} #bad-key")
        wait_for(tab, "The key is not accepted")
        give_key(tab)
        open_again(tab)
        tab.locator("#clip-tools").get_by_role("button", name="HTTP").click()
        press_generate(tab, f"{FOX}, for the visitor's")
        wait_for(tab, "Your clip is ready")
        expect(tab.locator("#my-clips li")).to_have_count(3)
        shown = tab.content()
        open_again(tab)
        wait_for(tab, "Your clip is ready")
        stored = tab.evaluate(EVERYTHING_KEPT)
        tab.goto("about:blank")
    kept = decrypted(stored["local"]["veo-3.1"])
    assert "for the visitor's" in kept
    assert_no_key({"the page": shown, "its storage": json.dumps(stored), "what is kept": kept})

    recorded = json.loads(har.read_text())
    answers = answers_of(recorded)
    assert_no_key(answers)
    streams = "".join(brought)
    assert "for the server's key" in streams
    assert "for the visitor's" in streams
    assert_no_key({"the streams": streams})
    sent = [
        each["request"].get("postData", {}).get("text", "") for each in recorded["log"]["entries"]
    ]
    told = [json.loads(body)["data"] for body in sent if json.dumps(VISITORS)[1:-1] in body]
    assert [data[0] for data in told] == [VISITORS]  # once, when it was given
    assert VISITORS not in str(told[0][1:])


# To programs and agents

SHORT = {"duration": 4, "resolution": "720p"}
CALLS = [
    ("generate", {"prompt": FOX, **SHORT}),
    ("generate", {"prompt": f"{FOX} #bad-key"}),
    ("generate", {"prompt": f"{FOX} #failed"}),
    ("generate", {"prompt": FOX, "duration": 5}),
    ("status", {"generation_id": "THE FIRST"}),
    ("status", {"generation_id": "no such id"}),
    ("resume", {"generation_id": "THE FIRST"}),
    ("resume", {"generation_id": ""}),
    ("price", {}),
    ("price", {"model": "veo"}),
]
"""What is asked of each endpoint, for its facts and for its errors."""

HEADERS = {"x-aimlapi-key": PROGRAMS}
OPEN_TO_ALL = ["", "config", "gradio_api/info", "gradio_api/openapi.json", "gradio_api/app_id"]


def asked_by_http(served: ServedPage) -> dict[str, str]:
    """What a program is told, at once and as a stream."""
    api = f"{served.url}/gradio_api"
    info = requests.get(f"{api}/info", timeout=10).json()["named_endpoints"]
    said, generation_id = {}, ""
    for number, (name, given) in enumerate(CALLS):
        given = given | ({"generation_id": generation_id} if "THE FIRST" in given.values() else {})
        defaults = {
            each["parameter_name"]: each.get("parameter_default")
            for each in info[f"/{name}"]["parameters"]
        }
        body = {
            "data": list(
                (
                    defaults | {"wait": True} | given if name == "generate" else defaults | given
                ).values()
            )
        }
        answer = requests.post(f"{api}/run/{name}", json=body, headers=HEADERS, timeout=60)
        said[f"{number} run {name}"] = f"{answer.headers} {answer.text}"
        if not number:
            generation_id = answer.json()["data"][1]["generation_id"]
        event = requests.post(f"{api}/call/{name}", json=body, headers=HEADERS, timeout=60)
        stream = f"{api}/call/{name}/{event.json()['event_id']}"
        said[f"{number} call {name}"] = event.text + requests.get(stream, timeout=60).text
    return said


def asked_by_an_agent(served: ServedPage) -> dict[str, str]:
    async def story(session):
        tools = await session.list_tools()
        said, generation_id = {"tools": str(tools)}, ""
        for number, (name, given) in enumerate(CALLS):
            first = {"generation_id": generation_id} if "THE FIRST" in given.values() else {}
            waits = {"wait": True} if name == "generate" else {}
            answer = await session.call_tool(name, waits | given | first)
            said[f"{number} tool {name}"] = str(answer)
            if not number:
                generation_id = str(answer).partition("'generation_id': '")[2].partition("'")[0]
        return said

    with ThreadPoolExecutor(1) as pool:  # in this thread the browser's event loop runs
        return pool.submit(as_agent, served, story, **HEADERS).result()


def test_no_answer_to_a_program_or_an_agent_holds_a_key(shared_page):
    by_http, by_an_agent = asked_by_http(shared_page), asked_by_an_agent(shared_page)
    for said, how in ((by_http, "run"), (by_http, "call"), (by_an_agent, "tool")):
        facts, bad_key, failed, wrong, seen = (
            said[f"{number} {how} {name}"] for number, (name, _) in enumerate(CALLS[:5])
        )
        assert "frame_rate" in facts
        if how != "call":  # Gradio tells a stream of no error's words
            assert "Invalid API key" in bad_key
            assert "id: " in failed
            assert "duration must be" in wrong
        assert "completed" in seen
    open_to_all = {
        path: requests.get(f"{shared_page.url}/{path}", headers=HEADERS, timeout=10).text
        for path in OPEN_TO_ALL
    }
    assert_no_key(by_http | by_an_agent | open_to_all)
    assert shared_page.rows()[-1]["payer"] == "visitor"  # the program's own key


def test_the_disk_holds_no_key(shared_page):
    """After all of the above: ledger, clips, posters, notes, caches, temporary files, the log."""
    files = [file for file in shared_page.folder.rglob("*") if file.is_file()]
    names = {file.suffix or file.name for file in files}
    assert {".mp4", ".jpg", ".json", ".sqlite", "log"} <= names
    assert_no_key({str(file): file.read_bytes() or b"empty" for file in files})
    assert_no_key({"names": "\n".join(map(str, files))})
