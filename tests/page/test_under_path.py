"""The page under a path (`GRADIO_ROOT_PATH`), behind proxies that strip it and that do not."""

import http.client
import json
import re
from types import SimpleNamespace

import pytest
import requests
from gradio_client import Client
from playwright.sync_api import expect
from reverse_proxy import serving
from served import ServedPage, open_page, press_generate, visiting, wait_for

from backend import config
from page import examples

PRICE = ["google/veo-3.1-t2v", 4, "720p", True]
AGENT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def relative(tmp_path_factory):
    """The setting as somebody may well write it: no slash before it, and one behind."""
    with ServedPage(tmp_path_factory.mktemp("path"), GRADIO_ROOT_PATH="veo/", VEO_MCP="1") as page:
        yield page


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole address, of a name that no other setting lists, with two parts in its path."""
    folder = tmp_path_factory.mktemp("whole")
    with serving("/films/v 3".replace(" ", "%20"), strips=False) as proxy:
        address = f"http://film.example:{proxy.port}/films/v%203/"
        with ServedPage(folder, GRADIO_ROOT_PATH=address) as page:
            proxy.target = page.port
            yield SimpleNamespace(page=page, proxy=proxy, root=address.rstrip("/"))


@pytest.fixture(scope="module", params=["strips the path", "keeps the path"])
def proxy(relative, request):
    strips = request.param == "strips the path"
    with serving("/veo", strips=strips, target=relative.port) as proxy:
        yield proxy


def test_the_page_says_where_it_is(proxy):
    for path in ("", "/", "?a=b", "/?__theme=dark"):
        answer = requests.get(proxy.url + path, timeout=10)
        assert answer.status_code == 200
        assert '<base href="/veo/" />' in answer.text
        assert 'id="first-paint"' in answer.text
        assert json.dumps(proxy.url) in answer.text  # Gradio's `root`
        assert 'href="/manifest.json"' not in answer.text
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "frame-ancestors" in answer.headers["Content-Security-Policy"]


def test_whatever_it_needs_is_under_the_path(proxy):
    page = requests.get(proxy.url, timeout=10).text
    config = requests.get(f"{proxy.url}/config", timeout=10).json()
    assert config["root"] == proxy.url
    needed = [
        *re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)[:4],
        "theme.css",
        "manifest.json",
        "static/img/logo.svg",
        "gradio_api/info",
        "gradio_api/startup-events",
        f"gradio_api/file={examples.EXAMPLES[0].poster}",
    ]
    for path in needed:
        answer = requests.get(f"{proxy.url}/{path}", timeout=10)
        assert answer.status_code == 200, path
    assert answer.headers["Content-Type"] == "image/webp"


@pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=-10", "bytes=0-1,5-9"])
def test_a_part_of_a_file_comes(asked, proxy):
    url = f"{proxy.url}/gradio_api/file={examples.EXAMPLES[0].poster}"
    whole = requests.get(url, timeout=10).content
    answer = requests.get(url, headers={"Range": asked}, timeout=10)
    expected = {"bytes=0-9": whole[:10], "bytes=-10": whole[-10:]}.get(asked, whole)
    assert (answer.status_code, answer.content) == (200 if "," in asked else 206, expected)


def test_programs_call_it_there(proxy):
    answer = requests.post(
        f"{proxy.url}/gradio_api/run/price", json={"data": PRICE}, timeout=10
    ).json()
    assert answer["data"][0]["text"] == "free"
    client = Client(proxy.url, verbose=False, analytics_enabled=False)
    assert client.predict(*PRICE, api_name="/price")["text"] == "free"
    called = requests.post(
        f"{proxy.url}/gradio_api/call/price", json={"data": PRICE}, timeout=10
    ).json()
    said = requests.get(f"{proxy.url}/gradio_api/call/price/{called['event_id']}", timeout=10)
    assert "event: complete" in said.text
    assert said.headers["X-Accel-Buffering"] == "no"


def test_agents_find_their_door(proxy):
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    # Without the last slash Gradio's router would redirect, to http whatever the proxy speaks.
    for path in ("/gradio_api/mcp/", "/gradio_api/mcp"):
        answer = requests.post(
            proxy.url + path, json=asked, headers=AGENT, timeout=10, allow_redirects=False
        )
        assert answer.status_code == 200, path
        assert "generate" in answer.text
    assert requests.get(f"{proxy.url}/gradio_api/mcp/schema", timeout=10).json()
    assert proxy.lost == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:§"}, 200),
        ({"Origin": "https://127.0.0.1:§"}, 200),
        ({"Origin": "http://127.0.0.1:§/veo"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 400),
        ({"Host": "evil.example", "X-Forwarded-Host": "127.0.0.1"}, 400),
    ],
)
def test_the_guard_decides_as_at_the_root(headers, status, proxy):
    headers = {name: value.replace("§", str(proxy.port)) for name, value in headers.items()}
    answer = requests.post(
        f"{proxy.url}/gradio_api/run/price", json={"data": PRICE}, headers=headers, timeout=10
    )
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "path",
    [
        *("/veofoo", "/veo.", "/VEO/config", "/veo/veo/config", "/other/config", "/veo/../config"),
        *("/veo/none", "/veo/gradio_api/upload", "/veo/docs", "/veo//config", "/veo/monitoring"),
        "/veo/gradio_api/file=http://127.0.0.1/",
    ],
)
def test_no_other_door_opens(path, relative):
    connection = http.client.HTTPConnection("127.0.0.1", relative.port, timeout=10)
    connection.request("GET", path)
    assert connection.getresponse().status in (403, 404)
    connection.close()


def test_it_answers_without_a_proxy_too(relative):
    """Who looks after the server opens it by its port."""
    assert (
        requests.get(f"{relative.url}/config", timeout=10).json()["root"] == f"{relative.url}/veo"
    )
    assert requests.get(f"{relative.url}/veo/config", timeout=10).status_code == 200


def test_a_whole_address_is_the_root_and_names_a_host_of_ours(whole):
    host = {"Host": f"film.example:{whole.proxy.port}"}
    for url in (whole.proxy.url, whole.page.url):  # the latter as a proxy that strips asks
        config = requests.get(f"{url}/config", headers=host, timeout=10).json()
        assert config["root"] == whole.root
        page = requests.get(f"{url}/", headers=host, timeout=10).text
        assert '<base href="/films/v%203/" />' in page
        own = {**host, "Origin": f"http://{host['Host']}"}
        price = f"{url}/gradio_api/run/price"
        assert requests.post(price, json={"data": PRICE}, headers=own, timeout=10).ok
        foreign = {**host, "Origin": "http://127.0.0.1"}
        answer = requests.post(price, json={"data": PRICE}, headers=foreign, timeout=10)
        assert answer.status_code == 403
    answer = requests.get(whole.page.url, headers={"Host": "other.example"}, timeout=10)
    assert answer.status_code == 400


def test_a_visitor_makes_a_clip_under_the_path(browser, relative):
    """Opened without the last slash, from which a relative address would lead to the root."""
    with serving("/veo", strips=True, target=relative.port) as proxy, visiting(browser) as tab:
        open_page(tab, SimpleNamespace(url=proxy.url))
        poster = tab.locator("#examples img").first
        expect(poster).to_have_js_property("complete", True)
        assert poster.evaluate("image => image.naturalWidth") > 0
        press_generate(tab, "A red fox trots through fresh snow")
        wait_for(tab, "Your demo clip is ready")
        tab.wait_for_function("document.querySelector('#video video').readyState >= 2")
        assert (
            tab.locator("#video video")
            .evaluate("video => video.currentSrc")
            .startswith(f"{proxy.url}/gradio_api/file=")
        )
        with tab.expect_download() as download:
            tab.locator("#download").click()
        assert download.value.url.startswith(f"{proxy.url}/")
        tab.reload()
        wait_for(tab, "Your demo clip is ready")
    assert proxy.lost == []


# The setting


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("", ""),
        ("/", ""),
        (" /veo ", "/veo"),
        ("/veo/", "/veo"),
        ("veo", "/veo"),
        ("veo//", "/veo"),
        ("/a/b.c/~d-e_f", "/a/b.c/~d-e_f"),
        ("/user/a@b.example/proxy/7860", "/user/a@b.example/proxy/7860"),
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/caf%C3%A9", "/caf%C3%A9"),
        ('/a"<b>&c', "/a%22%3Cb%3E&c"),
        ("https://film.example", "https://film.example"),
        ("HTTPS://Film.Example/Veo/", "https://film.example/Veo"),
        ("http://127.0.0.1:8000/veo", "http://127.0.0.1:8000/veo"),
        ("http://[::1]:8000/veo", "http://[::1]:8000/veo"),
    ],
)
def test_the_path_is_read_from_the_environment_in_one_spelling(text, root):
    assert config.read({"GRADIO_ROOT_PATH": text}).root_path == root


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "//veo",
            "/a//b",
            "/veo?a=b",
            "/veo#a",
            "/a b",
            "/a\\b",
            "/a/../b",
            "/..",
            "/.",
            "/a/./b",
        ),
        *("/%2e%2e/a", "ftp://film.example/veo", "https://", "https:///veo", "https:/veo"),
        *("film.example/veo", "film.example:80/veo", "https://me@film.example/veo", "/a\r\nb: c"),
        *("https://film.example?veo", "https://film.example:port/veo", "javascript:alert(1)"),
        *("https://film.example:99999/veo", "https://film.example:0/veo", "https://[:::::]/veo"),
        *("/%2fevil.example", "/%2f%2fevil.example", "/a%2f%2fb", "/a%2f..", "/caf%e9"),
    ],
)
def test_what_is_no_path_is_told(wrong):
    with pytest.raises(config.WrongSetting, match=r"^GRADIO_ROOT_PATH must be a path") as told:
        config.read({"GRADIO_ROOT_PATH": wrong})
    assert re.fullmatch(r"[^\r\n]*", str(told.value))


def test_a_whole_address_names_a_host_of_ours():
    def hosts(root):
        return config.read({"GRADIO_ROOT_PATH": root}).hosts

    assert hosts("https://Film.example:8443/veo") == {"film.example"}
    assert hosts("/veo") == hosts("") == set()
