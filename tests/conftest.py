"""What every test gets: no key, no folder of a person, no word to the outside."""

import os
from collections.abc import Iterator

import pytest

from demo_server import DemoServer

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

KEY = "canary-0123456789abcdef"
"""Not a key; if it shows up anywhere but in a request's header, a test fails."""


def pytest_addoption(parser):
    parser.addoption(
        "--write-notebooks", action="store_true", help="keep what the notebooks show now"
    )


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch, tmp_path):
    """Keep tests off a person's keys, service and files."""
    for name in ("AIMLAPI_KEY", "AIML_API_KEY", "AIMLAPI_API_KEY", "AIMLAPI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def demo() -> Iterator[DemoServer]:
    """One demo service for all; it answers at once and renders real clips."""
    with DemoServer(seconds=0) as server:
        yield server
