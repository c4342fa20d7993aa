"""A network whose resolver answers for every name with an address of 198.18.0.0/15.

The sockets, TLS and the authority are real; that a connection leads to such an address is all that
is made up, for no test may need one on this machine.
"""

from __future__ import annotations

import socket
import traceback
from collections.abc import Iterator

import pytest
from fault_server import (
    LOOPBACK,
    Connection,
    FaultServer,
    at_once,
    file_answer,
    redirect,
    tls_trusted,
    tls_untrusted,
)
from test_download import FILM, SIGNED, ConnectedTo

from veo import download
from veo.download import DownloadError, fetch

NAME = "cdn.example"
IN_THE_BLOCK = ["198.18.0.0", "198.18.0.7", "198.19.255.255", "::ffff:198.18.0.7"]
PRIVATE = [
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "192.0.0.192", "240.0.0.1", "198.51.100.1", "203.0.113.1"),  # noqa: S104
    *("::1", "fd00::1", "fc00::1", "fe80::1", "2002:c612:1::1", "64:ff9b::c612:1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1"),
]
LITERALS = [
    *("198.18.0.7", "198.19.255.255", "198.18.7", "198.1179655", "3323068423", "0xc6120007"),
    *("0306.022.0.7", "0xc6.0x12.0.7", "198.18.0.7."),
    *("::ffff:198.18.0.7", "::ffff:c612:7"),
]


def may_go(address: str, *, host: str, https: bool = True, at_home: bool = False) -> bool:
    try:
        download._check_peer(ConnectedTo(address), host=host, https=https, at_home=at_home)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("address", IN_THE_BLOCK)
@pytest.mark.parametrize("host", [NAME, "198.18.0.7.nip.example", "cdn"])
def test_a_name_may_lead_there_over_tls_and_only_so(address, host):
    assert may_go(address, host=host)
    assert not may_go(address, host=host, https=False)
    assert not may_go(address, host=host, https=False, at_home=True)


@pytest.mark.parametrize("address", IN_THE_BLOCK)
@pytest.mark.parametrize("host", [*LITERALS, ""])
def test_an_address_may_not_in_any_spelling(address, host):
    assert not may_go(address, host=host)


@pytest.mark.parametrize("address", PRIVATE)
def test_nothing_else_private_may(address):
    assert not may_go(address, host=NAME)


# A whole download


@pytest.fixture
def leads_to(monkeypatch) -> Iterator[list[str]]:
    """Every host is on this machine, and each connection says that it leads to the address in
    here."""
    peer, look_up = ["198.18.0.7"], socket.getaddrinfo

    def look_up_here(_, *rest, **options):
        return look_up(LOOPBACK, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    monkeypatch.setattr(socket.socket, "getpeername", lambda _: (peer[0], 443), raising=False)
    return peer


def get(url: str, path, **rules):
    rules = {"sleep": pytest.fail, **rules}
    return fetch(url + SIGNED, path, **rules)


def refusal(url: str, path, **rules) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        get(url, path, **rules)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_a_clip_arrives_from_a_name_that_proves_itself(leads_to, tmp_path, monkeypatch):
    tls = tls_trusted(monkeypatch, tmp_path, NAME)
    with FaultServer([file_answer(FILM)], tls=tls) as cdn:
        get(f"https://{NAME}:{cdn.port}", tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == FILM


@pytest.mark.parametrize("fault", ["unknown authority", "another host"])
def test_a_name_that_does_not_prove_itself_is_told_nothing(fault, leads_to, tmp_path, monkeypatch):
    tls = tls_trusted(monkeypatch, tmp_path, "other.example")
    with FaultServer([], tls=tls_untrusted(NAME) if "unknown" in fault else tls) as cdn:
        error = refusal(f"https://{NAME}:{cdn.port}", tmp_path / "clip.mp4")
    assert "no valid certificate" in str(error)
    assert cdn.requests == []


@pytest.mark.parametrize("address", ["10.0.0.1", "fc00::1", "127.0.0.1", "169.254.169.254"])
def test_a_name_that_leads_elsewhere_inside_names_the_setting(address, leads_to, tmp_path):
    """Behind `VEO_PROXY` the proxy looks the name up, and this network's resolver does not."""
    leads_to[0], heard = address, []

    @at_once
    def listen(connection: Connection) -> None:
        heard.append(connection.sock.recv(100))

    with FaultServer(listen) as inside:
        error = refusal(f"https://{NAME}:{inside.port}", tmp_path / "clip.mp4")
    assert "private network" in str(error)
    assert error.setting == "VEO_PROXY"
    assert b"".join(heard) == b""


@pytest.mark.parametrize("host", LITERALS)
def test_an_address_of_that_block_is_refused_and_told_nothing(host, leads_to, tmp_path):
    heard = []

    @at_once
    def listen(connection: Connection) -> None:
        heard.append(connection.sock.recv(100))

    place = f"[{host}]" if ":" in host else host
    with FaultServer(listen) as inside:
        error = refusal(f"https://{place}:{inside.port}", tmp_path / "clip.mp4")
    assert "private network" in str(error)
    assert error.setting is None
    assert b"".join(heard) == b""


def test_redirects_are_held_to_the_same(leads_to, tmp_path, monkeypatch):
    tls = tls_trusted(monkeypatch, tmp_path, NAME)
    with FaultServer([], tls=tls) as cdn:
        cdn._script.append(redirect(f"https://{NAME}:{cdn.port}/next"))
        cdn._script.append(file_answer(FILM))
        get(f"https://{NAME}:{cdn.port}", tmp_path / "clip.mp4")
        assert (tmp_path / "clip.mp4").read_bytes() == FILM
        for literal in ("198.18.0.7", "3323068423", "[::ffff:198.18.0.7]"):
            cdn._script.append(redirect(f"https://{literal}:{cdn.port}/next"))
            error = refusal(f"https://{NAME}:{cdn.port}", tmp_path / "other.mp4")
            assert "private network" in str(error)
    assert len(cdn.requests) == 5
