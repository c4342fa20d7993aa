"""Who may show the page in a frame, what a frame of others shows, and that it works in one."""

import contextlib
import http.server
import re
import threading

import pytest
import requests
from playwright.sync_api import expect
from served import ServedPage, choose
from starlette.datastructures import Headers

from backend import config
from page.web import framing

NOBODY, OURSELVES = ("'none'",), ("'self'",)
LISTED = ("'self'", "https://school.example", "https://*.school.example", "http://10.0.0.7:8888")


@contextlib.contextmanager
def framer():
    """Another port's page, which frames the address in its query."""

    class Framer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            address = self.path.partition("?")[2]
            self.wfile.write(f'<iframe src="{address}" width=900 height=900></iframe>'.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Framer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """The page, and the port of a page that may frame it under one of its two names."""
    with framer() as port:
        listed = f"https://school.example, http://localhost:{port}"
        with ServedPage(tmp_path_factory.mktemp("frames"), VEO_FRAME_ANCESTORS=listed) as page:
            yield page, port


def test_an_allowed_page_of_another_site_can_use_it(browser, frames):
    """Its origin is another site's for a browser, so nothing may hang on a cookie."""
    page, port = frames
    with contextlib.closing(browser.new_page()) as tab:
        tab.goto(f"http://localhost:{port}/?{page.url}/")
        inside = tab.frame_locator("iframe")
        expect(inside.locator("#status .title")).to_have_text("Ready when you are")
        expect(inside.locator("#cost")).to_have_text("Demo clips are free.")
        inside.get_by_label("Prompt", exact=True).fill("A red fox trots through fresh snow")
        choose(inside, "4 s")
        choose(inside, "720p")
        inside.get_by_role("button", name="Generate").click()
        expect(inside.locator("#status .title")).to_have_text("Your demo clip is ready")
        tab.reload()  # the frame's own storage knows the visitor again
        expect(inside.locator("#status .title")).to_have_text("Your demo clip is ready")
    assert len(page.rows()) == 1


def test_another_page_gets_a_sentence_and_nothing_to_press(browser, frames):
    page, port = frames
    with contextlib.closing(browser.new_page()) as tab:
        tab.goto(f"http://127.0.0.1:{port}/?{page.url}/")
        said = tab.frame_locator("iframe").locator("body")
        expect(said).to_have_text(framing.NOT_IN_A_FRAME.format(framer=f"http://127.0.0.1:{port}"))


def test_a_page_that_hides_itself_gets_nothing_at_all(browser, frames):
    """Without its address no sentence can be said, and the policy decides."""
    page, port = frames
    with contextlib.closing(browser.new_page()) as tab:
        tab.route(
            f"http://127.0.0.1:{port}/*",
            lambda route: route.fulfill(
                content_type="text/html",
                headers={"Referrer-Policy": "no-referrer"},
                body=f"<iframe src='{page.url}/' onload='done = 1'></iframe>",
            ),
        )
        tab.goto(f"http://127.0.0.1:{port}/")
        tab.wait_for_function("window.done")
        assert tab.frames[1].url.startswith("chrome-error:")


def test_in_a_frame_the_guard_decides_as_ever(frames):
    page, port = frames
    for origin in (f"http://localhost:{port}", "https://school.example", "null"):
        answer = requests.post(
            f"{page.url}/gradio_api/run/generate",
            json={"data": []},
            headers={"Origin": origin},
            timeout=10,
        )
        assert answer.status_code == 403
        assert "access-control" not in str(answer.headers).lower()


def test_both_headers_say_the_same(frames, demo_page, visitors_page):
    def said(served):
        headers = requests.get(served.url, timeout=10).headers
        policy = headers["Content-Security-Policy"].partition("frame-ancestors ")[2]
        return policy, headers.get("X-Frame-Options")

    page, port = frames
    assert said(page) == (f"'self' https://school.example http://localhost:{port}", None)
    assert said(demo_page) == ("'self'", "SAMEORIGIN")
    assert said(visitors_page) == (" ".join(("'self'", *config.HUB)), None)
    assert framing.headers(NOBODY) == {"X-Frame-Options": "DENY"}


SCHOOL = "https://school.example/course/7?a=b"


@pytest.mark.parametrize(
    ("referer", "ancestors", "is_refused"),
    [
        (SCHOOL, LISTED, False),
        ("https://school.example:443/", LISTED, False),
        ("https://a.school.example/", LISTED, False),
        ("https://a.b.school.example/", LISTED, False),
        ("http://10.0.0.7:8888/lab", LISTED, False),
        ("https://10.0.0.7:8888/lab", LISTED, False),
        ("http://school.example/", LISTED, True),
        ("https://school.example:8443/", LISTED, True),
        ("https://school.example.evil.example/", LISTED, True),
        ("https://evilschool.example/", LISTED, True),
        ("https://evil.example/.school.example", LISTED, True),
        ("https://evil.example/?https://school.example/", LISTED, True),
        ("http://10.0.0.7/", LISTED, True),
        ("http://110.0.0.7:8888/", LISTED, True),
        ("", LISTED, False),
        ("about:client", LISTED, False),
        ("https://[::1/", LISTED, False),
        (SCHOOL, OURSELVES, True),
        (SCHOOL, NOBODY, True),
        ("", OURSELVES, True),
        ("", NOBODY, True),
        ("https://huggingface.co/spaces", config.HUB, False),
        ("https://a-b.hf.space/", config.HUB, False),
        ("https://hf.space.evil.example/", config.HUB, True),
        (SCHOOL, ("'self'", "vscode-webview:"), True),
    ],
)
def test_the_sentence_is_for_who_may_not_frame(referer, ancestors, is_refused):
    asked = {"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site", "referer": referer}
    assert bool(framing.refusal(Headers(asked), ancestors)) is is_refused


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"sec-fetch-dest": "document", "sec-fetch-site": "cross-site"},
        {"sec-fetch-dest": "empty", "sec-fetch-site": "same-origin"},
        {"sec-fetch-dest": "iframe", "sec-fetch-site": "same-origin"},
        {"sec-fetch-dest": "iframe", "sec-fetch-site": "none"},
    ],
)
def test_a_link_or_our_own_frame_is_no_frame_of_others(asked):
    for ancestors in (NOBODY, OURSELVES, LISTED):
        assert not framing.refusal(Headers({**asked, "referer": SCHOOL}), ancestors)


@pytest.mark.parametrize(
    "referer", ["https://<b>evil</b>.example/", "https://evil.example\r\n/", "https://a b/"]
)
def test_the_sentence_repeats_no_more_than_an_origin(referer):
    asked = {"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site", "referer": referer}
    answer = framing.refusal(Headers(asked), OURSELVES)
    assert answer.body.decode().startswith(("Another site's page may", "https://evil.example:443"))
    assert answer.headers["content-type"].startswith("text/plain")


# The setting


@pytest.mark.parametrize(
    ("text", "ancestors"),
    [
        ("", ["'self'"]),
        (" , ", ["'self'"]),
        ("self", ["'self'"]),
        ("'self'", ["'self'"]),
        ("none", ["'none'"]),
        ("'none'", ["'none'"]),
        ("https://school.example", ["'self'", "https://school.example"]),
        ("HTTPS://School.Example/", ["'self'", "https://school.example"]),
        ('"https://school.example"', ["'self'", "https://school.example"]),
        (
            "https://a.example,http://localhost:8888  https://a.example",
            ["'self'", "https://a.example", "http://localhost:8888"],
        ),
        ("https://*.school.example:8443", ["'self'", "https://*.school.example:8443"]),
        ("http://10.0.0.7:8888", ["'self'", "http://10.0.0.7:8888"]),
        ("vscode-webview: vscode-file:", ["'self'", "vscode-webview:", "vscode-file:"]),
    ],
)
def test_who_may_frame_is_read_from_the_environment(text, ancestors):
    assert config.read({"VEO_FRAME_ANCESTORS": text}).frame_ancestors == (*ancestors,)


def test_on_a_space_the_hub_may_whatever_else_is_listed():
    def allowed(text):
        return config.read({"SPACE_ID": "a/b", "VEO_FRAME_ANCESTORS": text}).frame_ancestors

    assert set(config.HUB) <= {*allowed("")} & {*allowed("https://a.example")}
    assert allowed("none") == config.HUB


@pytest.mark.parametrize(
    "wrong",
    [
        *("*", "https:", "http:", "https://*", "https://*.com", "https://a.*", "*.school.example"),
        *("school.example", "localhost:8888", "//school.example", "https://school.example/course"),
        *("https://a.example;script-src", "https://a.example;", "ftp://a.example", "data:", "null"),
        *("https://a.example:99999", "https://a.example:0", "https://a.example:x", "https://:80"),
        *("https://me@a.example", "https://a.example?b", "https://[::1]:8888", "https://"),
        *("https://schule.example\u00e9", "'unsafe-inline'", "none,https://a.example"),
        "https://a.example\r\nSet-Cookie:a=b",
    ],
)
def test_what_is_no_origin_is_told(wrong):
    with pytest.raises(config.WrongSetting, match=r"^VEO_FRAME_ANCESTORS must") as told:
        config.read({"VEO_FRAME_ANCESTORS": f"https://fine.example, {wrong}"})
    assert re.fullmatch(r"[^\r\n]*", str(told.value))
