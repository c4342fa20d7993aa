"""The page, served by `python app.py` as a person does, and the hands of whoever uses it."""

import contextlib
import functools
import importlib
import multiprocessing
import os
import random
import re
import runpy
import secrets
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from pathlib import Path

import requests
from fault_server import FaultServer, json_answer
from films import FOX as FOX
from films import copy_small_film
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Locator, Page, expect

from demo_server import DemoServer

ROOT = Path(__file__).parents[1]
SOON = 30_000
"""Milliseconds in which a state must show on a busy machine; a healthy one needs far fewer."""

FAULT = r".*(?:An event ended in|A request ended in|fault of ours|Traceback).*(?:\n .*)*"
"""What a log says of a mistake in the program, with the indented lines below it."""

PASSING_ON = {
    *("process_api", "_process"),
    *("__call__", "_pass_on", "_answer", "_join", "_stream", "push"),
}
"""What of ours stands between Gradio and its web server, or its events."""

expect.set_options(timeout=SOON)

FORKED = multiprocessing.get_context("forkserver")
"""Each of its processes forks from one Python that has imported Gradio, which takes seconds, and
has done nothing else."""
# Gradio imports the last one at its first event, where it is installed.
FORKED.set_forkserver_preload(["app", "mcp.server", "gradio.mcp", "matplotlib.pyplot"])
FRESH = multiprocessing.get_context("spawn")
"""Each of its processes is a Python of its own from the start."""

films: Path | None = None
"""Where the demo service of a page that forks has its films from; without, it draws each anew."""


def is_ours(fault: str) -> bool:
    """Whether a line of ours took part in it; `PASSING_ON` only pass Gradio's on."""
    if "fault of ours" in fault:
        return True
    frames = re.findall(r'File "([^"]*)", line \d+, in (\w+)', fault)
    return any(
        Path(file).is_relative_to(ROOT) and ".venv" not in file and name not in PASSING_ON
        for file, name in frames
    )


def free_port() -> int:
    """Below those that the system gives away, or another test's server has it by the time ours asks
    for it."""
    for port in random.SystemRandom().sample(range(10_000, 30_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


_given_back: dict[int, None] = {}
"""Ports of earlier pages, each once, for a page may have had that of the one before: a browser has
compiled the scripts that it finds at the same address."""


def _port_again() -> int:
    """A port that an earlier page had, or another if none is free."""
    while _given_back:
        port, _ = _given_back.popitem()
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    return free_port()


def _run(
    program: str | Path, log: str, environment: dict[str, str], umask: int, films: Path | None
) -> None:
    """Be `python program` with this environment, which prints to `log`."""
    os.environ.clear()
    os.environ.update(environment)
    os.umask(umask)
    to_log = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(to_log, sys.stdout.fileno())
    os.dup2(to_log, sys.stderr.fileno())
    # Between two requests for a fork, the server of the forks ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "gradio" in sys.modules:
        _read_the_environment_again()
    if films:
        DemoServer.__init__.__kwdefaults__["render"] = functools.partial(copy_small_film, films)
    os.chdir(ROOT)
    sys.argv = [str(program)]
    runpy.run_path(str(program), run_name="__main__")


def _read_the_environment_again() -> None:
    """Gradio reads these only when it is imported."""
    import gradio.oauth
    import gradio.route_utils
    from gradio_client import client

    importlib.reload(gradio.oauth)
    for module in (gradio.route_utils, client):
        module.DEFAULT_TEMP_DIR = os.environ["GRADIO_TEMP_DIR"]


class ServedPage:
    """`python app.py` with its own environment; `log` is all it printed."""

    forgives_gradio = False
    """Set by a test in which Gradio itself fails on purpose; what a line of ours raises stays a
    fault."""

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        program: str | Path = "app.py",
        python: BaseContext = FORKED,
        **environment: str,
    ):
        self.folder = folder
        self.port = port or _port_again()
        _given_back.pop(self.port, None)
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (folder / "log").open("w+")
        whole = self.environment(folder) | {"GRADIO_SERVER_PORT": str(self.port)} | environment
        umask = os.umask(0o022)
        os.umask(umask)
        kept = films if python is FORKED else None
        how = (program, self._log.name, whole, umask, kept)
        self._process = python.Process(target=_run, args=how)
        self._process.start()

    @staticmethod
    def environment(folder: Path) -> dict[str, str]:
        """A person's environment, without their keys and with their files elsewhere."""
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("AIML", "GRADIO", "VEO"))
        }
        return inherited | {
            "HOME": str(folder),
            "GRADIO_TEMP_DIR": str(folder / "cache"),
            "VEO_DATA_DIR": str(folder / "data"),
        }

    @functools.cached_property
    def numbers(self) -> dict[str, int]:
        """Where each event stands in Gradio's list: a program needs it to press a button."""
        config = requests.get(f"{self.url}/config", timeout=10).json()
        return {each["api_name"]: each["id"] for each in config["dependencies"]}

    def rows(self) -> list[sqlite3.Row]:
        """The ledger's rows, as any other program can read them."""
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "ledger.sqlite")) as ledger:
            ledger.row_factory = sqlite3.Row
            return ledger.execute("SELECT * FROM veo_jobs ORDER BY created").fetchall()

    def __enter__(self):
        try:
            self._wait()
        except BaseException as error:
            self.__exit__(error)
            raise
        return self

    def _wait(self) -> None:
        for _ in range(600):
            with contextlib.suppress(requests.ConnectionError):
                requests.get(self.url, timeout=5)
                return
            assert self._process.is_alive(), self.log
            time.sleep(0.1)
        raise AssertionError(f"the page did not come up: {self.log}")

    def __exit__(self, error, *_):
        self._process.kill()
        self._process.join()
        _given_back[self.port] = None
        faults = self.faults()
        self._log.close()
        # What the test found comes first.
        assert error or not faults, "\n".join(faults)

    def faults(self) -> list[str]:
        """What the page calls a fault of its own in its log, with the places that it names."""
        found = re.findall(FAULT, self.log)
        return [each for each in found if not self.forgives_gradio or is_ours(each)]

    def tell_to_stop(self, how: signal.Signals) -> None:
        """As a container or a terminal does; it may take its time."""
        os.kill(self._process.pid, how)

    def kill(self) -> None:
        """As a machine that fails does: it gets no time."""
        self._process.kill()
        self.wait_for_the_end(10)

    def wait_for_the_end(self, seconds: float) -> None:
        self._process.join(seconds)

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()


def refused_start(folder: Path, **environment: str) -> str:
    """What `python app.py` says where it ends by itself, with 1."""
    page = ServedPage(folder, **environment)
    page.wait_for_the_end(60)
    with contextlib.closing(page._log):
        assert page._process.exitcode == 1, page.log
        assert "Traceback" not in page.log
        return page.log


CAUGHT = ("Error executing js_on_load", "Error in watch callback")
"""How Gradio's page begins what it tells the console of a script of ours that broke."""


class Visitors:
    """A browser's context, in which nobody may ask anybody outside, and no script may break or run
    that is nobody's: `pwned()` is there for it to call.

    A question to the visitor waits for the test's answer; a mere message is never expected.
    """

    def __init__(self, browser: Browser, *, width: int = 1280, scheme: str = "light", **options):
        self.size = {"width": width, "height": 900 if width > 768 else 844}
        self.context = browser.new_context(
            viewport=self.size, color_scheme=scheme, accept_downloads=True, **options
        )
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self._asked: list[str] = []
        self._broken: list[str] = []
        self._ran: list[str] = []
        self.context.on("request", lambda request: self._asked.append(request.url))
        self.context.on("weberror", lambda error: self._broken.append(str(error.error)))
        self.context.on("console", self._listen)
        self.context.on("dialog", self._dialog)
        self.context.expose_function("pwned", lambda *what: self._ran.append(f"pwned: {what}"))
        self.context.add_init_script(
            """addEventListener('securitypolicyviolation',
              event => pwned(event.violatedDirective, event.blockedURI));"""
        )

    def _listen(self, message: ConsoleMessage) -> None:
        if message.text.startswith(CAUGHT):
            self._broken.append(message.text)

    def _dialog(self, dialog: Dialog) -> None:
        if dialog.type != "confirm":
            self._ran.append(f"{dialog.type}: {dialog.message}")
            dialog.dismiss()

    def nothing_was_wrong(self) -> None:
        """Look at what all visitors since the last call did."""
        at_home = ("http://127.0.0.1:", "data:", "blob:", "about:")
        outside = [url for url in self._asked if not url.startswith(at_home)]
        found = outside, [*self._broken], [*self._ran]
        for each in (self._asked, self._broken, self._ran):
            each.clear()
        assert found == ([], [], [])


@contextlib.contextmanager
def visiting(browser: Browser, **options) -> Iterator[Page]:
    """A new visitor's tab, in a context of its own."""
    visitors = Visitors(browser, **options)
    yield visitors.context.new_page()
    visitors.context.close()
    visitors.nothing_was_wrong()


class KeptTab:
    """One tab for many visitors, each of whom finds it new; a page in it takes half the CPU that it
    takes in a new one, for its scripts are compiled.

    They want no motion: the example film alone takes as much CPU as the form.
    """

    STAYS = ("add_init_script", "emulate_media", "expose_function", "route")
    """What would be there for the next visitor."""

    def __init__(self, browser: Browser):
        self._visitors = Visitors(browser, reduced_motion="reduce")
        self._page: Page | None = None

    @contextlib.contextmanager
    def visit(self) -> Iterator[Page]:
        yield self._empty()
        self._leave()
        self._visitors.nothing_was_wrong()

    def _empty(self) -> Page:
        if self._page is None or self._page.is_closed():
            self._page = self._visitors.context.new_page()
            for name in self.STAYS:
                setattr(self._page, name, self._refuse)
        return self._page

    def _refuse(self, *_, **__):
        raise AssertionError("the next visitor would find it: mark the test `new_browser`")

    def _leave(self) -> None:
        """Leave nothing in the tab, nor in what the context keeps."""
        page, context = self._empty(), self._visitors.context
        for other in context.pages:
            if other != page:
                other.close()
        with contextlib.suppress(Error):  # what shows no page of ours has none
            page.evaluate("sessionStorage.clear()")
        page.goto("about:blank")
        page.set_viewport_size(self._visitors.size)
        devtools = context.new_cdp_session(page)
        everything = {"origin": "*", "storageTypes": "all"}
        devtools.send("Storage.clearDataForOrigin", everything)
        devtools.detach()
        context.clear_cookies()


def by_day_and_night(tab: Page) -> Iterator[str]:
    """The schemes, one after the other, with the page in it."""
    for scheme, body in (("light", "body:not(.dark)"), ("dark", "body.dark")):
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_selector(body)
        yield scheme


def by_way_of(javascript: str) -> str:
    """For a page's start: each piece of Gradio's streams, `piece`, goes through `javascript`."""
    return f"""
const ask = window.fetch;
window.fetch = async (...asked) => {{
  const answer = await ask(...asked);
  if (!String(asked[0].url).includes('/queue/data')) return answer;
  const way = new TransformStream({{
    async transform(piece, out) {{ {javascript}; out.enqueue(piece); }},
  }});
  return new Response(answer.body.pipeThrough(way), answer);
}};
"""


def open_page(tab: Page, served: ServedPage) -> None:
    tab.goto(served.url)
    expect(tab.locator("#status .title")).to_have_text("Ready when you are")
    expect(tab.locator("#mode")).not_to_be_empty()
    tab.wait_for_function("localStorage.getItem('veo-3.1')")
    expect(tab.locator("#cost")).not_to_be_empty()  # the form is as it was, and priced


def press_generate(tab: Page, prompt: str, *, seconds: int = 4, resolution: str = "720p") -> None:
    tab.get_by_label("Prompt", exact=True).fill(prompt)
    choose(tab, f"{seconds} s")
    choose(tab, resolution)
    tab.get_by_role("button", name="Generate").click()


def prompt_of(tab: Page) -> Locator:
    """Gradio's; after a reload, the one of the first paint stands beside it for a moment."""
    return tab.locator("#prompt textarea")


def press_example(tab: Page, name: str) -> None:
    tab.locator("#examples").get_by_role("button", name=name).click()


def hide(tab: Page) -> None:
    """Put the clip on its way away from the stage."""
    tab.get_by_role("button", name="Hide", exact=True).click()
    wait_for(tab, "No longer watching")


def choice(tab: Page, name: str) -> Locator:
    """The widget of a choice, folded away as it may be."""
    label = tab.locator("#composer label").filter(
        has_text=re.compile(rf"^\s*{re.escape(name)}\s*$")
    )
    return label.locator("input")


def choose(tab: Page, name: str, *, on: bool = True) -> None:
    """Open the chip that `name` is a choice of, and choose it."""
    wanted = choice(tab, name)
    setting = wanted.evaluate("e => e.closest('.setting').id")
    tab.locator(f'#chips [popovertarget="{setting}"]').click()
    wanted.set_checked(on)
    tab.locator(f"#{setting}").evaluate("e => e.hidePopover()")


def open_sheet(tab: Page, *sections: str) -> None:
    """Show what is set now and then, and unfold some of it."""
    sheet = tab.locator("#sheet")
    if not sheet.is_visible():
        tab.get_by_role("button", name="More settings").click()
    for name in sections:
        sheet.get_by_role("button", name=name).click()


def close_sheet(tab: Page) -> None:
    tab.locator("#sheet").get_by_role("button", name="Close").click()
    expect(tab.locator("#sheet")).to_be_hidden()


def fill_unfolded(tab: Page, label: str, text: str) -> None:
    """Fill a field that was folded away until now.

    Gradio mounts it then, and for some milliseconds, too few for a person, empties it again.
    """
    field = tab.locator("input, textarea").and_(tab.get_by_label(label))
    two_frames = (
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    for _ in range(50):
        field.fill(text)
        tab.evaluate(two_frames)
        if field.input_value() == text:
            return
    raise AssertionError(f"{label} does not keep what is typed into it")


def actions_of(entry: Locator) -> Locator:
    """The menu of a clip in the strip, opened."""
    menu = entry.page.locator("#my-clips .menu")
    expect(entry).to_be_attached()
    if menu.get_attribute("data-job") != entry.get_attribute("data-job") or menu.is_hidden():
        entry.locator(".more").click()
    return menu


def play(entry: Locator) -> None:
    """Put a clip of the strip on the stage."""
    entry.locator(".tile").click()


def finished_takes(tab: Page) -> Locator:
    return tab.locator("#my-clips li[data-take][data-state=done]")


def wait_for(tab: Page, title: str | re.Pattern) -> None:
    expect(tab.locator("#status .title")).to_have_text(title)


def wait_until_made(tab: Page) -> None:
    """The clips before it may have been so quick that it is late after a second."""
    wait_for(tab, re.compile("Making the video|Taking longer than usual"))


def shown_id(tab: Page) -> str:
    return tab.locator("#status code").inner_text()


def service_that_never_finishes(connection):
    """Takes every request and is always at it."""
    taken = {
        "id": "job",
        "status": "queued" if connection.request.method == "POST" else "generating",
    }
    json_answer(200, taken)(connection)


def posts(service: FaultServer) -> list[dict]:
    """What the service was asked to make."""
    return [each.json() for each in service.requests if each.method == "POST"]


def program(served: ServedPage, **headers: str):
    # Most tests do without it, and its import takes as long as twenty of them.
    import gradio_client

    return gradio_client.Client(served.url, headers=headers, verbose=False, analytics_enabled=False)


def call(
    served: ServedPage, handler: str, data: list, event: dict, cookie: str = "", session: str = ""
):
    """What a hostile program sends: the event of a button, with whatever jobs it likes."""
    session = session or secrets.token_hex(8)
    body = {
        "fn_index": served.numbers[handler],
        "data": data,
        "event_data": event,
        "session_hash": session,
    }
    joined = requests.post(
        f"{served.url}/gradio_api/queue/join", json=body, cookies={"session": cookie}, timeout=10
    )
    assert joined.status_code == 200, joined.text
    answer = ""
    stream = requests.get(
        f"{served.url}/gradio_api/queue/data",
        params={"session_hash": session},
        stream=True,
        timeout=30,
    )
    for line in stream.iter_lines(decode_unicode=True):
        answer += line
        if "process_completed" in line or "close_stream" in line:
            break
    return answer


def in_a_fresh_python(code: str) -> None:
    """Gradio leaves event loops open at import, which would fail whatever test comes next."""
    child = FORKED.Process(target=exec, args=(code, {"__name__": "fresh"}))
    child.start()
    child.join()
    assert child.exitcode == 0
