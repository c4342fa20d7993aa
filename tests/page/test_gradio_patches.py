"""Gradio, uvicorn and mcp still have the inside that `page/gradio_patches` leans on.

What each patch does to a visitor is tested beside its subject; the table in
`docs/gradio-patches.md` says where.
"""

import subprocess
import sys

import pytest
from served import ROOT, ServedPage, in_a_fresh_python, open_page

COUNT_STUBS = """
import sys
stubs = 0
def count(event, args):
    global stubs
    file = str(args[0]) if event == "open" else ""
    stubs += "components" in file and file.endswith(".pyi")
sys.addaudithook(count)
import {module}
print(stubs)
"""


@pytest.mark.parametrize(("module", "writes"), [("gradio", True), ("app", False)])
def test_gradio_writes_type_stubs_at_its_import_and_ours_does_not(module, writes, tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", COUNT_STUBS.format(module=module)],
        cwd=ROOT,
        env=ServedPage.environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (int(found.stdout) > 0) == writes, found.stderr


def test_an_ipv6_address_can_be_listened_at():
    """Gradio looks for a free port at the address it is told, with a socket for IPv4."""
    in_a_fresh_python("""
import socket
import app
from gradio import http_server
from page.gradio_patches import routes
assert "LOCALHOST_NAME" in http_server.start_server.__code__.co_names
http_server.LOCALHOST_NAME = "::1"
routes.look_for_ports_on_loopback()
with socket.socket() as probe:
    probe.bind((http_server.LOCALHOST_NAME, 0))
""")


def test_gradio_still_compresses_by_the_name_that_we_replace():
    in_a_fresh_python("""
import app
import gradio.routes
from page.gradio_patches import routes
routes.compress_whole_files()
assert "BrotliMiddleware" in gradio.routes.App.create_app.__code__.co_names
assert gradio.routes.BrotliMiddleware is routes.WholeFiles
""")


def test_the_environment_is_set_before_gradio_is_imported():
    in_a_fresh_python("""
import app, os
from gradio import analytics
import huggingface_hub.constants
assert not analytics.analytics_enabled()
assert huggingface_hub.constants.HF_HUB_OFFLINE or "SPACE_ID" in os.environ
""")


def test_gradio_still_has_what_we_set_in_its_queue():
    """At its own 2,000, so many page loads push a waiting visitor's messages out: ours refuses the
    newcomer long before.  At its own pace, it looks for something to do 1,000 times a second."""
    in_a_fresh_python("""
import app
import gradio as gr
from backend import config
from backend.service import Service
from gradio.queueing import Queue
from gradio.utils import LRUCache
from page.gradio_patches import queue

ours, plain = app.build_page(Service(config.read()))._queue, gr.Blocks()._queue
assert type(plain) is Queue and type(ours) is queue.PageQueue
assert {*vars(plain)} <= {*vars(ours)}
assert type(plain.pending_messages_per_session) is LRUCache
assert type(plain.pending_event_ids_session) is type(plain.event_ids_to_events) is dict
assert ours.unread.max_size * queue.SESSION_BYTES > 4 * queue.MAX_BYTES
assert ours.max_size == 1000 and ours.default_concurrency_limit == 500
assert ours.ANALYTICS_MAX_EVENTS == 1 and ours.ANAYLTICS_CACHE_FREQUENCY > 1e8
assert ours.compute_analytics_summary([{}]) == {"functions": {}}
assert ours.sleep_when_free == 0.02 and plain.sleep_when_free == 0.001
""")


def test_a_page_is_built_without_a_web_app_and_gradio_would_make_three():
    in_a_fresh_python("""
from unittest import mock
import app
import gradio as gr
from backend import config
from backend.service import Service
from gradio.routes import App

with mock.patch.object(App, "create_app") as made:
    app.build_page(Service(config.read()))
    assert made.call_count == 0
    with gr.Blocks() as plain:
        pass
    plain.queue()
    assert made.call_count == 3
""")


def test_gradio_still_keeps_sessions_as_we_replace_them():
    in_a_fresh_python("""
import app
from backend import config
from backend.service import Service
from gradio.routes import App
from page.gradio_patches import queue

page = app.build_page(Service(config.read()))
plain = App.create_app(page).state_holder
assert plain is page.state_holder
states = queue.PageStates()
assert {*vars(plain)} == {*vars(states)} | {"blocks"}
states.set_blocks(page)
assert page.state_holder is states and states.capacity == plain.capacity
long = "x" * 65
assert states[long] is not states[long] and states[long[1:]] is states[long[1:]]
assert {*states.session_data} == {*states.time_last_used} == {long[1:]}
""")


def test_gradio_still_puts_its_own_cors_before_ours():
    in_a_fresh_python("""
import app, gradio as gr, gradio.routes
from page.gradio_patches import routes

def outermost():
    with gr.Blocks() as page:
        pass
    return [each.cls for each in page.app.user_middleware]

own = gradio.routes.CustomCORSMiddleware
assert own in outermost()
routes.send_no_cors_headers()
assert routes.NoCors in outermost() and own not in outermost()
""")


def test_uvicorn_serves_with_our_connection_when_it_is_told_no_protocol():
    in_a_fresh_python("""
import uvicorn
from page.gradio_patches import routes
from page.web.half_sent import BoundedConnection

routes.bound_connections()
config = uvicorn.Config(None)
config.load()
assert config.http_protocol_class is BoundedConnection
""")


ASKED = """
  window.asked = 0;
  const ask = window.requestAnimationFrame;
  window.requestAnimationFrame = callback => { window.asked += 1; return ask(callback); };
"""


def frames_a_second(tab):
    tab.evaluate("asked = 0")
    tab.wait_for_timeout(1000)
    return tab.evaluate("asked")


@pytest.mark.new_browser
@pytest.mark.parametrize("mended", [True, False])
def test_a_page_that_is_only_looked_at_asks_for_no_frames(mended, demo_page, tab):
    """Its CPU goes to them: 6 of 100 of a core.  The day Gradio asks for none, ours can go."""
    tab.emulate_media(reduced_motion="reduce")
    tab.add_init_script(ASKED)
    if not mended:
        tab.add_init_script(
            "Object.defineProperty(window, 'requestAnimationFrame', "
            "{ value: requestAnimationFrame, writable: false });"
        )
    open_page(tab, demo_page)
    # What moves while the page loads may go on for seconds.
    assert any(frames_a_second(tab) < 5 for _ in range(5)) is mended
