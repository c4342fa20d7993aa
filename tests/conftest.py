"""What every test gets: no key, no folder of a person, no word to the outside."""

import functools
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
import served as pages
from films import copy_small_film
from playwright.sync_api import sync_playwright
from served import KeptTab, ServedPage, visiting

from demo_server import DemoServer

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"  # Gradio's own client asks the Hub for a list

# A run in the background may have these ignored, and what it starts inherits that; no handler.
for each in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(each) == signal.SIG_IGN:
        signal.signal(each, lambda *_: None)

KEY = "canary-0123456789abcdef"
"""Not a key; if it shows up anywhere but in a request's header, a test fails."""


def pytest_addoption(parser):
    parser.addoption(
        "--write-notebooks", action="store_true", help="keep what the notebooks show now"
    )


def pytest_collection_finish():
    """Thousands of tests are no garbage: the collector need not go through them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch, tmp_path):
    """Keep tests off a person's keys, service and files."""
    service = ("AIMLAPI_KEY", "AIML_API_KEY", "AIMLAPI_API_KEY", "AIMLAPI_BASE_URL")
    for name in (*service, "VEO_CA_BUNDLE", "VEO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session", autouse=True)
def films(tmp_path_factory) -> Path:
    """Where the films lie that this run has made, its other processes' too."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent
    pages.films = folder / "films"
    pages.films.mkdir(exist_ok=True)
    return pages.films


@pytest.fixture(scope="session")
def demo(films) -> Iterator[DemoServer]:
    """One demo service for all; it answers at once, with a real clip of the length and shape asked
    for, `films.SMALLER`."""
    with DemoServer(seconds=0, render=functools.partial(copy_small_film, films)) as server:
        yield server


@pytest.fixture
def house(tmp_path):
    """Ledger and storage of one server, without the server."""
    from jobs_fixture import House  # most tests need no back end

    house = House(tmp_path)
    yield house
    house.ledger.close()


# The page in a browser


@pytest.fixture(scope="session")
def demo_page(tmp_path_factory):
    with ServedPage(tmp_path_factory.mktemp("demo")) as served:
        yield served


@pytest.fixture(scope="session")
def keyed_page(tmp_path_factory, demo):
    """The server's key, and a service that answers at once."""
    folder = tmp_path_factory.mktemp("keyed")
    with ServedPage(folder, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=demo.base_url) as served:
        yield served


@pytest.fixture(scope="session")
def visitors_page(tmp_path_factory, demo):
    """A Space: the server's key is there, but not for visitors."""
    folder = tmp_path_factory.mktemp("visitors")
    environment = {
        "AIMLAPI_KEY": "the-owners",
        "AIMLAPI_BASE_URL": demo.base_url,
        "SPACE_ID": "a/b",
    }
    with ServedPage(folder, **environment) as served:
        yield served


# Not for the whole session: Playwright's event loop would be in the way of other tests'.
@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.executable(), args=chromium.ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def kept_tab(browser):
    return KeptTab(browser)


@pytest.fixture
def tab(request, browser):
    """A new visitor.  A test fails if the page asked anybody outside, or a script broke."""
    if request.node.get_closest_marker("new_browser"):
        with visiting(browser) as page:
            yield page
    else:
        with request.getfixturevalue("kept_tab").visit() as page:
            yield page
