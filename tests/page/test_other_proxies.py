"""The page starts whatever other programs' proxies and authorities are set to."""

from __future__ import annotations

import certifi
import httpx
import pytest
from conftest import KEY
from served import FRESH, ROOT, ServedPage, refused_start

from page.gradio_patches.other_proxies import forget_other_proxies

ENDING = [
    {"ALL_PROXY": "socks5://127.0.0.1:9"},
    {"all_proxy": "socks5h://127.0.0.1:9"},
    {"HTTPS_PROXY": f"socks4://{KEY}@127.0.0.1:9"},
    {"https_proxy": "socks://127.0.0.1:9"},
    {"HTTP_PROXY": "http://[::1"},
    {"HTTPS_PROXY": "proxy:x"},
    {"NO_PROXY": "localhost,::1/128"},
    {"no_proxy": "fe80::/10"},
    {"SSL_CERT_FILE": "/nowhere.pem"},
    {"SSL_CERT_FILE": __file__},
    {"SSL_CERT_FILE": str(ROOT)},
    {"SSLKEYLOGFILE": "/nowhere/keys"},
    {"SSLKEYLOGFILE": str(ROOT)},
]


@pytest.mark.parametrize("others", ENDING, ids=repr)
def test_what_ends_httpx_is_taken_away(others, monkeypatch):
    """Each does, or the row tests nothing."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    with monkeypatch.context() as set_for_others:
        for name, value in others.items():
            set_for_others.setenv(name, value)
        with pytest.raises((ImportError, ValueError, OSError, httpx.InvalidURL)):
            httpx.Client()
    left = dict(others)
    forget_other_proxies(left)
    assert left == {}


def test_everything_else_stays(tmp_path):
    log = str(tmp_path / "keys")
    others = {
        "SSL_CERT_FILE": certifi.where(),
        "SSLKEYLOGFILE": log,
        "PATH": "/bin",
        "VEO_PROXY": "http://proxy.example",
    }
    left = {**others, "ALL_PROXY": "http://127.0.0.1:9"}
    forget_other_proxies(left)
    assert left == others


def test_the_page_comes_up(tmp_path):
    """It asks its own address while it starts, which no proxy finds."""
    others = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:9",
        "NO_PROXY": "::1/128",
        "SSL_CERT_FILE": __file__,
        "SSLKEYLOGFILE": "/nowhere/keys",
    }
    with ServedPage(tmp_path, python=FRESH, **others) as served:
        assert "Running on" in served.log


@pytest.mark.parametrize(
    ("name", "value"), [("VEO_PROXY", f"ftp://me:{KEY}@proxy"), ("VEO_CA_BUNDLE", "/nowhere.pem")]
)
def test_a_wrong_setting_of_ours_is_told_at_the_start(name, value, tmp_path):
    said = refused_start(tmp_path, **{name: value})
    assert said.startswith(f"{name} must")
    assert said.count("\n") == 1
    assert KEY not in said
