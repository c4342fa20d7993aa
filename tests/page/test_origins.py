"""For which hosts the page answers, and from whose pages it takes what acts."""

import contextlib
import functools
import http.server
import json
import re
import socket
import threading

import pytest
import requests
from conftest import KEY
from served import FOX, ServedPage

from backend import config
from page.web.guard import ANOTHER_PAGE, NOT_OUR_HOST

PRICE = json.dumps({"data": ["google/veo-3.1-t2v", 4, "720p", True]})


@pytest.fixture(scope="module")
def network_page(tmp_path_factory, demo):
    """As docs/troubleshooting.md shows it on a home network, with the owner's key, two names."""
    with ServedPage(
        tmp_path_factory.mktemp("network"),
        GRADIO_SERVER_NAME="0.0.0.0",  # noqa: S104  # what a person sets
        VEO_ALLOWED_HOSTS="film.example, NAS.home.",
        AIMLAPI_KEY=KEY,
        AIMLAPI_BASE_URL=demo.base_url,
    ) as served:
        yield served


@pytest.fixture(scope="module")
def space_page(tmp_path_factory):
    with ServedPage(
        tmp_path_factory.mktemp("space"),
        SPACE_ID="me/film",
        SPACE_HOST="me-film.hf.space,film.example",
        VEO_MCP="1",
    ) as served:
        yield served


@pytest.fixture(params=["demo_page", "network_page", "space_page"])
def any_page(request):
    return request.getfixturevalue(request.param)


def asked_raw(served, start, *lines, body=""):
    """Status, head in small letters, and body; the request goes out as it is."""
    head = [start, *lines, "Connection: close", f"Content-Length: {len(body)}"]
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*head, "", body]).encode("latin-1"))
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
    return int(head.split()[1]), head.lower(), body


# Hosts

FOREIGN_HOSTS = [
    ["Host: evil.example"],
    ["Host: evil.example:7860"],
    ["Host: EVIL.Example"],
    ["Host: evil.example."],
    ["Host: localhost.evil.example"],
    ["Host: evillocalhost"],
    ["Host: evil.localhost"],
    ["Host: localhost.."],
    ["Host: localhost@evil.example"],
    ["Host: evil.example@localhost"],
    ["Host: evil.example#@localhost"],
    ["Host: 127.0.0.1.evil.example"],
    ["Host: 127.0.0.1, evil.example"],
    ["Host: 127.0.0.1:7860:7860"],
    ["Host: 127.0.0.1:port"],
    ["Host: 2130706433"],
    ["Host: 0x7f000001"],
    ["Host: 0177.0.0.1"],
    ["Host: 127.1"],
    ["Host: ::1"],
    ["Host: [::1"],
    ["Host: [evil.example]"],
    ["Host: [fade]"],
    ["Host: "],
    ["Host: :7860"],
    ["Host: http://127.0.0.1"],
    ["Host: \xb9\xb2\xb7.0.0.1"],
    [],
    ["Host: 127.0.0.1", "Host: evil.example"],
    ["Host: 127.0.0.1", "Host: 127.0.0.1"],
    ["Host: evil.example", "X-Forwarded-Host: 127.0.0.1"],
    ["Host: evil.example", "Forwarded: host=127.0.0.1"],
    ["Host: hf.space"],
    ["Host: other.hf.space"],
    ["Host: huggingface.co"],
    ["Host: sub.film.example"],
    ["Host: myfilm.example"],
    ["Host: film.example.evil.example"],
]


@pytest.mark.parametrize("lines", FOREIGN_HOSTS, ids=" ".join)
def test_a_name_that_leads_here_gets_nothing(lines, any_page):
    """DNS rebinding: the browser takes the answer for that name's own."""
    for start in ("GET / HTTP/1.1", "GET /config HTTP/1.1", "HEAD / HTTP/1.1", "GET / HTTP/1.0"):
        status, _, body = asked_raw(any_page, start, *lines)
        assert status == 400
        assert "gradio" not in body
    start = "POST /gradio_api/run/price HTTP/1.1"
    assert (
        asked_raw(any_page, start, *lines, "Content-Type: application/json", body=PRICE)[0] == 400
    )


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://evil.example/", "evil.example"),
        ("http://evil.example/config", "127.0.0.1"),
        ("http://127.0.0.1/config", "evil.example"),
        ("//evil.example/config", "127.0.0.1"),
        ("evil.example:80", "127.0.0.1"),
    ],
)
def test_a_target_that_names_a_host_gets_nothing(target, host, any_page):
    status, _, body = asked_raw(any_page, f"GET {target} HTTP/1.1", f"Host: {host}")
    assert status in (400, 404)
    assert "gradio" not in body


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST:1", "localhost.", "192.168.1.5:7860", "[::1]:7860"],
)
def test_an_address_and_this_machine_need_no_setting(host, any_page):
    assert asked_raw(any_page, "GET /config HTTP/1.1", f"Host: {host}")[0] == 200


def test_a_name_is_answered_to_where_a_setting_says_so(network_page, space_page, demo_page):
    def answers(served, *hosts):
        return [asked_raw(served, "GET /config HTTP/1.1", f"Host: {host}")[0] for host in hosts]

    ours = ["film.example", "FILM.example:8443", "film.example.", "nas.home", "NAS.HOME."]
    assert answers(network_page, *ours) == [200] * 5
    assert answers(space_page, "me-film.hf.space", "ME-film.hf.space:443") == [200] * 2
    assert answers(space_page, *ours) == [200] * 3 + [400] * 2
    assert answers(demo_page, *ours) == [400] * 5
    assert answers(network_page, "me-film.hf.space") == [400]
    refused = asked_raw(demo_page, "GET / HTTP/1.1", "Host: film.example")
    assert refused[2] == NOT_OUR_HOST


def test_no_address_is_made_of_what_a_proxy_is_said_to_have_been_asked(any_page):
    lines = ("Host: 127.0.0.1", "X-Forwarded-Host: evil.example")
    for path in ("/config", "/", "/gradio_api/info"):
        status, head, body = asked_raw(any_page, f"GET {path} HTTP/1.1", *lines)
        assert status == 200
        assert "evil.example" not in head + body


def test_hosts_are_read_from_the_environment():
    def hosts(**environment):
        return config.read(environment).hosts

    assert hosts(VEO_ALLOWED_HOSTS="a.example, B.example.,,") == {"a.example", "b.example"}
    assert hosts(SPACE_ID="a/b", SPACE_HOST="a-b.hf.space,own.example") == {
        "a-b.hf.space",
        "own.example",
    }
    assert hosts(SPACE_HOST="a-b.hf.space") == hosts() == set()
    assert hosts(GRADIO_SERVER_NAME="nas.home") == {"nas.home"}


@pytest.mark.parametrize(
    "name", ["http://a.example", "a.example:80", "*", "*.example", "a b", "a..b", ".example", "a/b"]
)
def test_what_is_no_host_name_is_told(name):
    with pytest.raises(config.WrongSetting, match=f"^VEO_ALLOWED_HOSTS .*{re.escape(name)}"):
        config.read({"VEO_ALLOWED_HOSTS": f"fine.example,{name}"})


# Origins

FOREIGN_ORIGINS = [
    ["Origin: http://evil.example"],
    ["Origin: https://evil.example"],
    ["Origin: null"],
    ["Origin: "],
    ["Origin: http://127.0.0.1:5173"],
    ["Origin: http://127.0.0.1"],
    ["Origin: https://127.0.0.1"],
    ["Origin: 127.0.0.1:§"],
    ["Origin: //127.0.0.1:§"],
    ["Origin: ftp://127.0.0.1:§"],
    ["Origin: file://"],
    ["Origin: chrome-extension://abcdefgh"],
    ["Origin: http://localhost:§"],
    ["Origin: http://[::1]:§"],
    ["Origin: http://0.0.0.0:§"],
    ["Origin: http://2130706433:§"],
    ["Origin: http://127.0.0.1:§.evil.example"],
    ["Origin: http://127.0.0.1:§@evil.example"],
    ["Origin: http://evil.example/127.0.0.1:§"],
    ["Origin: http://evil.example#127.0.0.1:§"],
    ["Origin: http://127.0.0.1:§ http://evil.example"],
    ["Origin: http://127.0.0.1:§, http://evil.example"],
    ["Origin: http://127.0.0.1:§", "Origin: http://evil.example"],
    ["Origin: http://127.0.0.1:§", "Origin: http://127.0.0.1:§"],
    ["Origin: http://evil.example", "X-Forwarded-Host: evil.example"],
    ["Origin: https://huggingface.co"],
    ["Origin: https://other.hf.space"],
    ["Origin: https://film.example"],
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: same-site"],
    ["Origin: http://127.0.0.1:§", "Sec-Fetch-Site: cross-site"],
]

ACTING = [
    "/gradio_api/queue/join",
    "/gradio_api/call/generate",
    "/gradio_api/call/v2/generate",
    "/gradio_api/run/generate",
    "/gradio_api/api/generate/",
    "/gradio_api/run/on_generate",
    "/gradio_api/cancel",
    "/gradio_api/reset/",
    "/gradio_api/mcp/",
    "/login",
]


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data"])
@pytest.mark.parametrize("lines", FOREIGN_ORIGINS, ids=" ".join)
def test_what_another_page_sends_does_nothing(lines, kind, any_page):
    """With `text/plain` a browser sends it without asking first."""
    lines = [each.replace("§", str(any_page.port)) for each in lines]
    own = f"Host: 127.0.0.1:{any_page.port}"
    body = json.dumps({"data": [FOX], "prompt": FOX})
    before = any_page.rows()
    for path in ACTING:
        start = f"POST {path} HTTP/1.1"
        status, head, said = asked_raw(
            any_page, start, own, *lines, f"Content-Type: {kind}", body=body
        )
        assert (status, said) == (403, ANOTHER_PAGE), path
        assert "access-control" not in head
    assert any_page.rows() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "post", "PROPFIND"])
def test_another_method_is_no_way_round(method, any_page):
    lines = ("Host: 127.0.0.1", "Origin: http://evil.example")
    start = f"{method} /gradio_api/run/price HTTP/1.1"
    assert asked_raw(any_page, start, *lines, body=PRICE)[0] == 403


@pytest.mark.parametrize("path", ["/logout", "/logout/"])
def test_a_link_of_another_page_logs_nobody_out(path, space_page):
    def status(site):
        lines = ("Host: me-film.hf.space", f"Sec-Fetch-Site: {site}")
        return asked_raw(space_page, f"GET {path} HTTP/1.1", *lines)[0]

    assert (status("cross-site"), status("same-site")) == (403, 403)
    assert {status("same-origin"), status("none")} <= {302, 307}


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: 127.0.0.1:§"],
        ["Host: 127.0.0.1:§", "Origin: http://127.0.0.1:§", "Sec-Fetch-Site: same-origin"],
        ["Host: 127.0.0.1:§", "Origin: https://127.0.0.1:§"],
        ["Host: localhost:§", "Origin: HTTP://LOCALHOST:§"],
        ["Host: 127.0.0.1", "Origin: http://127.0.0.1:80"],
        ["Host: 127.0.0.1:80", "Origin: http://127.0.0.1"],
        ["Host: [::1]:§", "Origin: http://[::1]:§"],
        ["Host: [0:0:0:0:0:0:0:1]:§", "Origin: http://[::1]:§"],
        ["Host: film.example", "Origin: https://film.example"],
        ["Host: film.example:443", "Origin: https://film.example"],
        ["Host: FILM.example", "Origin: https://film.example:443"],
        ["Host: film.example:8443", "Origin: https://film.example:8443"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("served", ["network_page", "space_page"])
def test_our_own_page_and_programs_are_let_in(lines, served, request):
    served = request.getfixturevalue(served)
    lines = [each.replace("§", str(served.port)) for each in lines]
    start = "POST /gradio_api/run/price HTTP/1.1"
    status, _, said = asked_raw(served, start, *lines, "Content-Type: application/json", body=PRICE)
    assert status == 200, said


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: film.example", "Origin: https://film.example:8443"],
        ["Host: film.example:8443", "Origin: https://film.example"],
        ["Host: film.example:80", "Origin: https://film.example"],
        ["Host: film.example", "Origin: https://127.0.0.1"],
        ["Host: film.example", "Origin: https://sub.film.example"],
    ],
    ids=" ".join,
)
def test_another_port_of_a_name_is_another_page(lines, network_page):
    start = "POST /gradio_api/run/price HTTP/1.1"
    assert asked_raw(network_page, start, *lines, body=PRICE)[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:5173"])
def test_no_other_page_may_read_an_answer(origin, any_page):
    lines = ("Host: 127.0.0.1", f"Origin: {origin}")
    asks = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
    preflight = "OPTIONS /gradio_api/queue/join HTTP/1.1"
    status, head, _ = asked_raw(any_page, preflight, *lines, *asks)
    assert status == 403
    assert "access-control" not in head
    for path in ("/", "/config", "/theme.css", "/gradio_api/info", "/none", "/gradio_api/mcp/"):
        _, head, _ = asked_raw(any_page, f"GET {path} HTTP/1.1", *lines)
        assert "access-control" not in head, path


def test_our_own_origin_gets_no_cors_headers_either(space_page):
    lines = ("Host: me-film.hf.space", "Origin: https://me-film.hf.space")
    for start, expected in (("GET /config HTTP/1.1", 200), ("OPTIONS /config HTTP/1.1", 405)):
        status, head, _ = asked_raw(space_page, start, *lines, "Access-Control-Request-Method: GET")
        assert status == expected
        assert "access-control" not in head


HOSTILE = """<!doctype html><form method=post enctype=text/plain target=_top
  action="§/gradio_api/run/generate"><input name='{"data": ["a fox"], "x": "' value='"}'></form>
<script>
  async function attack() {
    const body = JSON.stringify({ data: ['a fox'] });
    const outcome = [];
    for (const headers of [{}, { 'Content-Type': 'application/json' }])
      for (const mode of ['no-cors', 'cors'])
        for (const path of ['run/generate', 'call/generate', 'queue/join'])
          outcome.push(await fetch(`§/gradio_api/${path}`,
            { method: 'POST', mode, body, headers, credentials: 'include' })
            .then(answer => answer.type, () => 'refused'));
    navigator.sendBeacon('§/gradio_api/run/generate', body);
    return outcome;
  }
</script>"""


@contextlib.contextmanager
def another_page(target):
    """A page of another port, as a program that somebody runs at home may serve."""

    class Hostile(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(HOSTILE.replace("§", target).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_hostile_page_in_a_real_browser_spends_nothing(browser, network_page):
    """The owner's browser shows a page of another port, which posts in every way it knows."""
    with another_page(network_page.url) as address, contextlib.closing(browser.new_page()) as tab:
        tab.goto(address)
        outcome = tab.evaluate("attack()")
        # Without a preflight it is sent, but nothing is to be seen of the answer.
        assert set(outcome) == {"opaque", "refused"}
        with tab.expect_navigation() as arrived:
            tab.evaluate("document.forms[0].submit()")
        assert arrived.value.status == 403
    assert network_page.rows() == []


def test_the_page_itself_works_at_every_address_it_has(browser, network_page):
    for host in ("127.0.0.1", "localhost"):
        with contextlib.closing(browser.new_page()) as tab:
            tab.goto(f"http://{host}:{network_page.port}")
            tab.wait_for_function(
                "document.querySelector('#status .title')?.textContent === 'Ready when you are'"
            )


def test_agents_are_bound_to_the_same(space_page):
    post = functools.partial(
        requests.post, f"{space_page.url}/gradio_api/mcp/", data="{}", timeout=10
    )
    assert post(headers={"Host": "evil.example"}).status_code == 400
    assert post(headers={"Origin": "http://evil.example"}).status_code == 403
