"""What reaches Gradio, and what its answers carry, on the page as it is served."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import socket

import pytest
import requests
from conftest import KEY
from served import ROOT, in_a_fresh_python
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from page.web.guard import PROXIES_OF_A_SPACE, Guard, network_of

CLOSED = [
    ("POST", "/gradio_api/upload"),
    ("GET", "/gradio_api/upload_progress"),
    ("GET", "/monitoring"),
    ("GET", "/monitoring/summary"),
    ("GET", "/gradio_api/proxy=https://example.org/"),
    ("POST", "/gradio_api/process_recording"),
    ("POST", "/gradio_api/vibe-edit"),
    ("GET", "/gradio_api/vibe-code"),
    ("POST", "/gradio_api/component_server"),
    ("GET", "/gradio_api/runs"),
    ("GET", "/gradio_api/run-history/records"),
    ("GET", "/gradio_api/deep_link"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
]


@pytest.mark.parametrize(("method", "path"), CLOSED, ids=[path for _, path in CLOSED])
def test_routes_that_the_page_does_not_use_are_closed(method, path, demo_page):
    answer = requests.request(method, demo_page.url + path, timeout=10)
    assert (answer.status_code, answer.text) == (404, "Not here.")


def test_a_page_that_pretends_to_be_this_machine_gets_nothing(demo_page):
    """A foreign name that leads to 127.0.0.1: the browser would send it here."""
    answer = requests.get(demo_page.url, headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 400


@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_is_refused(announced, demo_page):
    body = b'{"data": ["' + b"x" * 300_000 + b'"]}'
    sent = body if announced else iter([body])
    headers = {"Content-Type": "application/json"}
    url = f"{demo_page.url}/gradio_api/call/generate"
    assert requests.post(url, data=sent, headers=headers, timeout=10).status_code == 413


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/queue/join", "/none"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_long_address_is_refused(method, path, demo_page):
    """Gradio's URL parser fails at 64 KiB, for an event where nobody hears of it."""
    for long in (f"{path}?a={'x' * 9_000}", f"{path}?a={'x' * 60_000}", f"/{'x' * 9_000}{path}"):
        answer = requests.request(method, demo_page.url + long, timeout=10)
        assert (answer.status_code, answer.text) == (414, "Too long.")
    answer = requests.get(f"{demo_page.url}/?a={'x' * 8_000}", timeout=10)
    assert answer.status_code == 200


def test_an_endless_body_does_not_hold_the_page(demo_page):
    """Half a body, and silence: the next visitor is served all the same."""
    with socket.create_connection(("127.0.0.1", demo_page.port), timeout=10) as slow:
        head = "POST /gradio_api/call/generate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99"
        slow.sendall(f"{head}\r\n\r\n{{".encode())
        assert requests.get(demo_page.url, timeout=10).status_code == 200


def test_answers_forbid_what_the_page_does_not_need(demo_page):
    headers = requests.get(demo_page.url, timeout=10).headers
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["img-src"] == "'self' data: blob:"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_is_compressed_and_its_scripts_carry_no_policy(demo_page):
    page = requests.get(demo_page.url, timeout=10)
    assert page.headers["Content-Encoding"] == "gzip"
    script = re.search(r'src="\./(assets/[^"]+\.js)"', page.text)[1]
    headers = requests.get(f"{demo_page.url}/{script}", timeout=10).headers
    assert headers["Content-Encoding"] == "br"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" not in headers


def test_the_hub_alone_may_show_a_space_in_a_frame(visitors_page):
    policy = requests.get(visitors_page.url, timeout=10).headers["Content-Security-Policy"]
    ancestors = policy.partition("frame-ancestors ")[2]
    assert "huggingface.co" in ancestors
    assert "*" not in ancestors.replace("*.huggingface.co", "").replace("*.hf.space", "")


def asked_raw(served, path):
    """Status and body; the path goes out as it is: `requests` would take its dots away."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    with contextlib.closing(connection):
        connection.putrequest("GET", path)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("target", ["data/ledger.sqlite", "data/lock", "data/runner", "log"])
def test_nothing_but_clips_is_given_out(target, demo_page):
    folder = demo_page.folder
    clip, file = folder / "data" / "clips" / "seen.txt", folder / target
    clip.write_text("seen")
    assert asked_raw(demo_page, f"/gradio_api/file={clip}") == (200, b"seen")
    assert file.exists()
    for dots in ("..", "%2e%2e", "%2E.", "..%2f.", "%252e%252e"):
        for name in (
            f"{folder}/data/clips/{dots}/{dots}/{target}",
            f"{folder}/data/clips/no/{dots}/{dots}/{dots}/{target}",
            f"{folder}/data/clips{dots}/{target}",
            str(file),
            str(file).replace("/", "%2F"),
            f"/{file}",
            os.path.relpath(file, ROOT),
        ):
            status, body = asked_raw(demo_page, f"/gradio_api/file={name}")
            assert status in (400, 403, 404), name
            assert file.read_bytes() not in body or not file.stat().st_size
    for path in (f"/static/{'../' * 20}{file}", f"/assets/..%2f..%2f..{file}", f"/svelte/{file}"):
        assert asked_raw(demo_page, path)[0] in (400, 403, 404), path


@pytest.mark.parametrize("data", [[KEY], [KEY] * 11, [["x", KEY]] * 11, [{"path": KEY}] * 30])
def test_what_gradio_cannot_handle_is_repeated_nowhere(data, keyed_page):
    """Its own errors quote their inputs, one of which may be a key."""
    keyed_page.forgives_gradio = True
    for name in ("generate", "price"):
        url = f"{keyed_page.url}/gradio_api/run/{name}"
        answer = requests.post(url, json={"data": data}, timeout=10)
        assert KEY not in answer.text
        assert "Traceback" not in answer.text
        assert "site-packages" not in answer.text
        json.loads(answer.text)
    assert KEY not in keyed_page.log


# Who a visitor is

STRANGER, OTHER = "203.0.113.7", "203.0.113.8"


def seen(peer, *forwarded, guard=None, proxies="", headers=()):
    """What the page is told of a request that comes from `peer`: its address and its headers."""
    told = {}

    async def app(scope, receive, send):
        headers = [each for each in scope["headers"] if each[0] != b"host"]
        told.update(address=scope["client"][0], headers=headers)

    guard = guard or Guard(app, mcp=True)
    guard._app = app
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/theme.css",
        "query_string": b"",
        "client": (peer, 1234) if peer else None,
        "headers": [
            (b"host", b"127.0.0.1"),
            *headers,
            *((b"x-forwarded-for", each.encode()) for each in forwarded),
        ],
    }
    asyncio.run(ProxyHeadersMiddleware(guard, proxies)(scope, None, None))
    return told["address"], told["headers"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "visitor"),
    [
        (STRANGER, [], "", STRANGER),
        (STRANGER, [OTHER], "", STRANGER),
        ("127.0.0.1", [OTHER], "", "127.0.0.1"),
        ("10.16.3.80", [OTHER], "", "10.16.3.80"),
        ("10.16.3.80", [OTHER], PROXIES_OF_A_SPACE, OTHER),
        ("10.16.3.80", [f"6.6.6.6, {OTHER}"], PROXIES_OF_A_SPACE, OTHER),
        ("10.16.3.80", ["6.6.6.6", OTHER], PROXIES_OF_A_SPACE, OTHER),
        ("10.16.3.80", [f"6.6.6.6, {OTHER}, 10.0.0.9"], PROXIES_OF_A_SPACE, OTHER),
        ("10.16.3.80", [], PROXIES_OF_A_SPACE, "10.16.3.80"),
        (STRANGER, [OTHER], PROXIES_OF_A_SPACE, STRANGER),
        ("10.16.3.80", ["2001:db8:1:2:3::4"], PROXIES_OF_A_SPACE, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::4", [], "", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::5", [], "", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "", "fe80::/64"),
        (f"::ffff:{STRANGER}", [], "", STRANGER),
        ("", [OTHER], "", ""),
    ],
)
def test_a_visitor_is_where_the_connection_comes_from(peer, forwarded, proxies, visitor):
    """At home nobody's word is taken for it, on a Space its proxy's, which comes last."""
    address, headers = seen(peer, *forwarded, proxies=proxies)
    assert address == visitor
    assert b"x-forwarded-for" not in dict(headers)


ONE_VISITOR = [
    *(STRANGER, "203.0.113.007", "0203.000.0113.7", f"{STRANGER}:1234", f"{STRANGER}:http"),
    *(f"{STRANGER}:", f"[{STRANGER}]", f"[{STRANGER}]:80", f"  {STRANGER}\t", f'"{STRANGER}"'),
    *(f'"{STRANGER}:1234"', f"::ffff:{STRANGER}", "::FFFF:203.0.113.007", "::ffff:cb00:7107"),
    *("[::ffff:cb00:7107]:443", "0:0:0:0:0:ffff:cb00:7107", f"::ffff:{STRANGER}%eth0"),
    *(f"64:ff9b::{STRANGER}", "64:ff9b::cb00:7107", "2002:cb00:7107::1", "2002:cb00:7107:ff::9"),
    f"64:FF9B::{STRANGER}%1",
]
ONE_HOME = [
    *("2001:db8:1:2::4", "2001:DB8:1:2::4", "2001:0db8:0001:0002:0000:0000:0000:0004"),
    *("[2001:db8:1:2::5]", "[2001:db8:1:2::5]:443", "[2001:db8:1:2::5]x", "2001:db8:1:2::6%eth0"),
    *("[2001:db8:1:2::6%25en0]:1", '"[2001:db8:1:2::7]:443"', " 2001:db8:1:2:ffff:ffff:ffff:ffff"),
    "[2001:db8:1:2::8",
]
NO_ADDRESS = [
    *("unknown", "_hidden", "203.0.113", "203.0.113.7.8", "203.0.113.256", "0xcb.0.113.7", "-"),
    *(
        "3405803783",
        "203.0.113.\u0667",
        "2001:db8",
        "2001:db8::1::2",
        "localhost",
        "[",
        ":",
        "%",
        "/",
    ),
    *("203.0.113.7/32", "2001:db8::/64", "203.0.113.7 203.0.113.8", "x" * 4000, "'; --", "a:b:c"),
]


@pytest.mark.parametrize("spelt", ONE_VISITOR)
def test_an_address_is_one_visitor_however_it_is_spelt(spelt):
    assert network_of(spelt) == STRANGER
    assert network_of(network_of(spelt)) == STRANGER
    assert seen("10.0.0.9", spelt, proxies=PROXIES_OF_A_SPACE)[0] == STRANGER


@pytest.mark.parametrize("spelt", ONE_HOME)
def test_a_home_is_one_visitor_however_its_addresses_are_spelt(spelt):
    assert network_of(spelt) == "2001:db8:1:2::/64"
    assert seen("10.0.0.9", spelt, proxies=PROXIES_OF_A_SPACE)[0] == "2001:db8:1:2::/64"


@pytest.mark.parametrize("spelt", NO_ADDRESS)
def test_whatever_is_no_address_is_one_visitor(spelt):
    """Who may make them up would else have a budget for each."""
    assert network_of(spelt) == ""
    if spelt.isascii():
        assert seen("10.0.0.9", spelt, proxies=PROXIES_OF_A_SPACE)[0] == ""


def test_others_stay_others():
    """The address of a relay is not that of whoever comes through it."""
    spelt = [STRANGER, OTHER, f"64:ff9b::{OTHER}", "2002:cb00:7109::1", "2001:db8:1:2::1", "::1"]
    spelt += ["2001:db8:1:3::1", "203.0.113.70", "127.0.0.1", "2001::1", ""]
    assert len({network_of(each) for each in spelt}) == len(spelt) - 1


@pytest.mark.parametrize(("space", "believed"), [("", ""), ("a/b", PROXIES_OF_A_SPACE)])
def test_the_page_tells_uvicorn_whom_to_believe(space, believed):
    in_a_fresh_python(f"""
import os
os.environ["SPACE_ID"] = {space!r}
from contextlib import suppress
from types import SimpleNamespace
import app
from backend import config
from backend.service import Service
from page.web import serve
told = []

def launch(**_):
    told.append(os.environ["FORWARDED_ALLOW_IPS"])
    raise InterruptedError

with suppress(InterruptedError):
    serve.serve(SimpleNamespace(launch=launch, _queue=None), Service(config.read()))
assert told == [{believed!r}], told
""")


def test_a_call_that_gradio_makes_for_an_agent_comes_from_the_agent():
    """It calls itself over loopback, with all that the agent's request had in its head."""
    guard = Guard(None, mcp=True)
    for visitor in (STRANGER, OTHER):
        _, headers = seen("10.0.0.9", visitor, guard=guard, proxies=PROXIES_OF_A_SPACE)
        again = seen("127.0.0.1", guard=guard, proxies=PROXIES_OF_A_SPACE, headers=headers)
        assert again[0] == visitor


def test_what_is_sealed_is_fit_for_a_header(demo_page):
    """Gradio repeats the request's head where a part of a file is asked for."""
    assert all(value == value.strip() for _, value in seen(STRANGER)[1])
    url = f"{demo_page.url}/gradio_api/file={ROOT / 'page' / 'posters' / 'campfire.webp'}"
    answer = requests.get(url, headers={"Range": "bytes=0-9"}, timeout=10)
    assert (answer.status_code, len(answer.content)) == (206, 10)


def test_nobody_else_says_who_a_visitor_is():
    _, from_another_server = seen(STRANGER)
    for made_up in (
        *from_another_server,
        (b"x-sealed-visitor", b" "),
        (b"x-sealed-visitor", b"\xff x"),
    ):
        address, headers = seen("127.0.0.1", headers=[made_up, made_up])
        assert address == "127.0.0.1"
        assert [name for name, _ in headers] == [b"x-sealed-visitor"]
        assert made_up not in headers
