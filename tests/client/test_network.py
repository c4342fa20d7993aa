"""Company networks: their own authority, their proxy, and what other programs' settings say."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import traceback

import pytest
import trustme
from conftest import KEY
from fault_server import (
    LOOPBACK,
    Connection,
    FaultServer,
    answer,
    at_once,
    close,
    drip,
    file_answer,
    garbage,
    head,
    json_answer,
    redirect,
    refused_url,
    relay,
    reset,
    send_then_close,
    tls_of_a_company,
    tls_trusted,
    tls_untrusted,
    tunnel_to,
)
from test_download import FILM

import make_clip
from veo import download, network
from veo.http import BoundedAdapter, open_session
from veo.network import DIRECT, literal, read_network
from veo_client import (
    DownloadFailed,
    InvalidRequest,
    SubmissionUncertain,
    Unreachable,
    VeoClient,
    Video,
    VideoRequest,
)

FOX = VideoRequest("a fox", seed=7, duration=4, resolution="720p")
TAKEN = json_answer(200, {"id": "uuid:google/veo", "status": "queued"})
HOST = "service.example"
LOGIN = "canary-login", "canary@pass/word"
LOGIN_IN_URL = "canary-login:canary%40pass%2Fword@"


def everything_of(error: BaseException) -> str:
    """All that a log, a person or a debugger's post-mortem would print of it."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


def resolve(monkeypatch, *names: str) -> list[str]:
    """Names that lead to this machine; every other one is not known.  What was asked for."""
    asked, look_up = [], socket.getaddrinfo

    def look_up_here(host, *rest, **options):
        asked.append(host)
        if host not in (LOOPBACK, *names):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(LOOPBACK, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    return asked


# A company's authority


@pytest.mark.parametrize("by", ["argument", "environment", "home", "a variable", "quotes"])
def test_a_company_s_authority_is_trusted(by, tmp_path, monkeypatch):
    bundle = tmp_path / "company.pem"
    with FaultServer([TAKEN], tls=tls_of_a_company(bundle)) as server:
        given = bundle if by == "argument" else None
        setting = {
            "argument": "/nowhere.pem",
            "home": "~/company.pem",
            "a variable": "${HOME}/company.pem",
            "quotes": '"~/company.pem"',
        }.get(by, f" {bundle}\n")
        monkeypatch.setenv("VEO_CA_BUNDLE", setting)
        client = VeoClient(KEY, base_url=server.url, ca_bundle=given)
        bundle.unlink()  # read once
        assert client.submit(FOX) == "uuid:google/veo"
    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def test_the_public_authorities_stay_trusted_beside_it(tmp_path, monkeypatch):
    """A company signs the service's certificate, and lets the host of files through as it is."""
    public = tls_trusted(monkeypatch, tmp_path)
    bundle = tmp_path / "company.pem"
    tls_of_a_company(bundle)
    with FaultServer([TAKEN], tls=public) as server:
        assert VeoClient(KEY, base_url=server.url, ca_bundle=bundle).submit(FOX)


def test_an_authority_below_another_may_stand_alone(tmp_path):
    """As companies hand it out: the one that signs, without the one that signed it."""
    company = trustme.CA().create_child_ca()
    (tmp_path / "company.pem").write_bytes(company.cert_pem.bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    company.issue_cert(LOOPBACK).configure_cert(tls)
    with FaultServer([TAKEN], tls=tls) as server:
        client = VeoClient(KEY, base_url=server.url, ca_bundle=tmp_path / "company.pem")
        assert client.submit(FOX)


def test_an_old_authority_is_not_measured_by_newer_rules(tmp_path):
    """Python 3.13 asks for more in a certificate than many a company's has."""
    bundle = tmp_path / "company.pem"
    tls_of_a_company(bundle)
    assert not read_network(bundle).tls.verify_flags & ssl.VERIFY_X509_STRICT


def test_a_file_host_with_a_company_s_certificate(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "is_public", lambda _: True)
    bundle = tmp_path / "company.pem"
    with FaultServer([file_answer(FILM)], tls=tls_of_a_company(bundle)) as cdn:
        video = Video(generation_id="a", url=f"{cdn.url}/clip.mp4")
        VeoClient(KEY, ca_bundle=bundle).download(video, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == FILM


@pytest.mark.parametrize(
    "content",
    [None, b"", b"no PEM", b"\xff\xfe\x00", "a folder", "a key", "DER", "half a PEM"],
    ids=repr,
)
def test_a_bundle_that_is_none_is_told_at_the_start(content, tmp_path, monkeypatch):
    bundle, good = tmp_path / "bundle.pem", tmp_path / "good.pem"
    tls_of_a_company(good)
    if content == "a folder":
        bundle.mkdir()
    elif content is not None:
        pem = good.read_text()
        contents = {
            "a key": pem.replace(" CERTIFICATE", " PRIVATE KEY").encode(),
            "DER": ssl.PEM_cert_to_DER_cert(pem),
            "half a PEM": pem[: len(pem) // 2].encode(),
        }
        bundle.write_bytes(contents.get(content, content))
    monkeypatch.setenv("VEO_CA_BUNDLE", str(bundle))
    with pytest.raises(InvalidRequest, match=r"^VEO_CA_BUNDLE must be the path of a PEM") as caught:
        VeoClient(KEY)
    assert caught.value.field == "ca_bundle"
    assert str(bundle) in str(caught.value)
    assert str(caught.value).count(".\n") == 0


# Which setting would help


def test_a_certificate_of_an_authority_that_nobody_knows_names_the_bundle(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "is_public", lambda _: True)
    with FaultServer([], tls=tls_untrusted()) as server:
        with pytest.raises(Unreachable, match="could not prove its identity") as caught:
            VeoClient(KEY, base_url=server.url).submit(FOX)
        assert caught.value.setting == "VEO_CA_BUNDLE"
        video = Video(generation_id="a", url=f"{server.url}/clip.mp4")
        with pytest.raises(DownloadFailed, match="no valid certificate") as caught:
            VeoClient(KEY, base_url=server.url).download(video, tmp_path / "clip.mp4")
        assert caught.value.setting == "VEO_CA_BUNDLE"


def test_a_certificate_of_another_host_names_no_setting(tmp_path, monkeypatch):
    with FaultServer([], tls=tls_trusted(monkeypatch, tmp_path, "other.example")) as server:
        with pytest.raises(Unreachable) as caught:
            VeoClient(KEY, base_url=server.url).submit(FOX)
    assert caught.value.setting is None


@pytest.mark.parametrize("trouble", ["unknown name", "refused", "no way"])
def test_a_host_that_is_not_reached_names_the_proxy(trouble, monkeypatch, tmp_path):
    resolve(monkeypatch, *([HOST] if trouble == "refused" else []))
    if trouble == "no way":
        monkeypatch.setattr("urllib3.util.connection.create_connection", no_way)
    url = refused_url("https").replace(LOOPBACK, HOST)
    client = VeoClient(KEY, base_url=url)
    with pytest.raises(Unreachable, match="could not be reached") as caught:
        client.submit(FOX, sleep=lambda _: None)
    assert caught.value.setting == "VEO_PROXY"
    with pytest.raises(download.DownloadError) as caught:
        download.fetch(f"{url}/clip.mp4", tmp_path / "clip.mp4", sleep=lambda _: None)
    assert caught.value.setting == "VEO_PROXY"


def no_way(*_, **__):
    raise OSError(101, "Network is unreachable")


def test_this_machine_is_not_reached_through_a_proxy(monkeypatch):
    """So none is named, and none is asked."""
    with pytest.raises(Unreachable) as caught:
        VeoClient(KEY, base_url=refused_url()).submit(FOX, sleep=lambda _: None)
    assert caught.value.setting is None
    with FaultServer([TAKEN]) as server, FaultServer([]) as proxy:
        VeoClient(KEY, base_url=server.url, proxy=proxy.url).submit(FOX)
    assert proxy.connections == 0


# Through a proxy


@pytest.fixture(params=["http", "https"])
def proxy_tls(request, tmp_path, monkeypatch):
    """The proxy itself is spoken to in the clear, or over TLS."""
    service = tls_trusted(monkeypatch, tmp_path, HOST)
    return service, tls_trusted(monkeypatch, tmp_path) if request.param == "https" else None


@pytest.mark.parametrize("login", ["", LOGIN_IN_URL], ids=["nobody", "a login"])
def test_a_request_goes_through_the_proxy_and_its_key_stays_inside(login, proxy_tls, monkeypatch):
    asked, heard = resolve(monkeypatch), []
    service_tls, tls = proxy_tls
    with FaultServer([TAKEN], tls=service_tls) as service:
        with FaultServer([tunnel_to(service.port, heard)], tls=tls) as proxy:
            address = proxy.url.replace("://", f"://{login}")
            monkeypatch.setenv("VEO_PROXY", address)
            client = VeoClient(KEY, base_url=f"https://{HOST}:{service.port}")
            assert client.submit(FOX) == "uuid:google/veo"
    (asked_for,) = proxy.requests
    assert (asked_for.method, asked_for.path) == ("CONNECT", f"{HOST}:{service.port}")
    assert asked_for.headers["Host"] == f"{HOST}:{service.port}"
    expected = {"Host", "Proxy-Authorization"} if login else {"Host"}
    assert set(asked_for.headers) == expected
    assert KEY not in str(asked_for) + repr(b"".join(heard))
    assert service.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "Proxy-Authorization" not in service.requests[0].headers
    assert HOST not in asked  # the proxy looks the name up


def test_a_proxy_may_be_a_company_s_or_anybody_s(tmp_path, monkeypatch):
    """The bundle adds to the public authorities for a proxy, too."""
    resolve(monkeypatch)
    public, bundle = tls_trusted(monkeypatch, tmp_path), tmp_path / "company.pem"
    company = tls_of_a_company(bundle)
    for tls in (public, company):
        with FaultServer([answer(403)], tls=tls) as proxy:
            client = VeoClient(KEY, base_url=f"https://{HOST}", proxy=proxy.url, ca_bundle=bundle)
            with pytest.raises(Unreachable, match="answered 403"):
                client.submit(FOX)


def test_a_login_is_sent_as_it_was_meant():
    assert read_network(proxy=f"http://{LOGIN_IN_URL}proxy.example").proxy.headers == {
        "Proxy-Authorization": "Basic Y2FuYXJ5LWxvZ2luOmNhbmFyeUBwYXNzL3dvcmQ="
    }


def test_a_file_comes_through_the_proxy_and_its_redirects_too(tmp_path, monkeypatch):
    resolve(monkeypatch)
    tls = tls_trusted(monkeypatch, tmp_path, HOST)
    with FaultServer([], tls=tls) as cdn:
        cdn._script.extend([redirect(f"https://{HOST}:{cdn.port}/b.mp4"), file_answer(FILM)])
        with FaultServer([tunnel_to(cdn.port)] * 2) as proxy:
            client = VeoClient(KEY, proxy=proxy.url)
            video = Video(generation_id="a", url=f"https://{HOST}:{cdn.port}/a.mp4?sig=SECRET")
            client.download(video, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == FILM
    assert [request.path for request in cdn.requests] == ["/a.mp4?sig=SECRET", "/b.mp4"]
    assert "SECRET" not in str(proxy.requests)


def says_yes_and(data: bytes):
    """A proxy that opens no way and says that it did; what follows comes after our greeting."""

    def play(connection: Connection) -> None:
        connection.send(head(200))
        connection._receive()
        connection.send(data)

    return play


NO_WAY = {
    "407": (answer(407, b"x", [("Proxy-Authenticate", "Basic")]), 1),
    "403": (answer(403), 1),
    "400": (answer(400), 1),
    "502": (answer(502, b"<html>Bad gateway</html>"), 3),
    "503": (answer(503), 3),
    "504": (answer(504), 3),
    "garbage": (garbage, 3),
    "hung up": (close, 3),
    "reset": (reset, 3),
    "half an answer": (send_then_close(b"HTTP/1."), 3),
    "an answer that repeats the login": (
        send_then_close(f"{LOGIN[0]}:{LOGIN[1]} Y2FuYXJ5".encode()),
        3,
    ),
    "200 and no more": (send_then_close(head(200)), 3),
    "200 and garbage": (send_then_close(head(200) + b"garbage\r\n" * 9), 3),
    "200 and then garbage": (says_yes_and(b"garbage\r\n" * 9), 3),
    "200 and then a page": (says_yes_and(b"HTTP/1.1 403 Forbidden\r\n\r\n<html>"), 3),
    "204 and no more": (send_then_close(head(204)), 3),
    "headers without end": (send_then_close(head(200)[:-2] + b"X: y\r\n" * 1000), 3),
}


@pytest.mark.parametrize("fault", NO_WAY)
def test_a_proxy_that_opens_no_way_sent_nothing(fault, monkeypatch, tmp_path):
    """Not uncertain: the request goes out only once there is a way.  And its login is told to
    nobody."""
    resolve(monkeypatch)
    refusal, tries = NO_WAY[fault]
    with FaultServer(refusal) as proxy:
        address = proxy.url.replace("://", f"://{LOGIN_IN_URL}")
        client, told = VeoClient(KEY, base_url=f"https://{HOST}", proxy=address), []
        with pytest.raises(Unreachable) as caught:
            client.with_trace(told.append).submit(FOX, sleep=lambda _: None)
    assert caught.value.setting == "VEO_PROXY"
    assert [request.method for request in proxy.requests] == ["CONNECT"] * tries
    assert [exchange.sent != "" for exchange in told] == [True] * tries
    shown = everything_of(caught.value) + repr(told) + repr(client._session._network)
    for secret in (KEY, *LOGIN, LOGIN_IN_URL, "Y2FuYXJ5"):
        assert secret not in shown


def test_a_proxy_that_drips_its_answer_ends():
    with FaultServer(drip(b"X: y\r\n" * 200, after=head(200)[:-2])) as proxy:
        adapter = BoundedAdapter(timeout=0.3, network=read_network(proxy=proxy.url))
        with open_session(adapter) as session, pytest.raises(OSError, match="ProxyRefused"):
            session.post(f"https://{HOST}/", data=b"x", timeout=5)
    assert not adapter.request_was_sent


def test_a_proxy_whose_certificate_nobody_knows_names_the_bundle(tmp_path):
    with FaultServer([], tls=tls_untrusted()) as proxy:
        with pytest.raises(download.DownloadError, match="proxy could not be reached") as failed:
            download.fetch(
                f"https://{HOST}/clip.mp4",
                tmp_path / "clip.mp4",
                network=read_network(proxy=proxy.url),
                sleep=lambda _: None,
            )
        assert failed.value.setting == "VEO_CA_BUNDLE"
        client = VeoClient(KEY, base_url=f"https://{HOST}", proxy=proxy.url)
        with pytest.raises(Unreachable, match="proxy could not be reached") as caught:
            client.submit(FOX, sleep=lambda _: None)
    assert caught.value.setting == "VEO_CA_BUNDLE"


def test_a_host_behind_a_proxy_names_the_bundle_too():
    """Its certificate comes through the tunnel, so the proxy has opened one."""
    with FaultServer([], tls=tls_untrusted(HOST)) as service:
        with FaultServer(tunnel_to(service.port)) as proxy:
            client = VeoClient(KEY, base_url=f"https://{HOST}", proxy=proxy.url)
            with pytest.raises(Unreachable, match="could not prove its identity") as caught:
                client.submit(FOX)
    assert caught.value.setting == "VEO_CA_BUNDLE"
    assert service.requests == []


def test_no_proxy_there(monkeypatch):
    client = VeoClient(KEY, base_url=f"https://{HOST}", proxy=refused_url())
    with pytest.raises(Unreachable, match="proxy could not be reached") as caught:
        client.submit(FOX, sleep=lambda _: None)
    assert caught.value.setting == "VEO_PROXY"


def test_what_is_lost_behind_the_proxy_is_uncertain_as_ever(tmp_path, monkeypatch):
    """Sent once, through one tunnel."""
    tls = tls_trusted(monkeypatch, tmp_path, HOST)
    with FaultServer([close], tls=tls) as service:
        with FaultServer([tunnel_to(service.port)]) as proxy:
            client = VeoClient(KEY, base_url=f"https://{HOST}:{service.port}", proxy=proxy.url)
            with pytest.raises(SubmissionUncertain):
                client.submit(FOX)
    assert len(service.requests) == len(proxy.requests) == 1


def test_an_address_of_ipv6_is_asked_for_in_brackets():
    with FaultServer([answer(403)]) as proxy:
        client = VeoClient(KEY, base_url="https://[2606:4700::1111]", proxy=proxy.url)
        with pytest.raises(Unreachable):
            client.submit(FOX)
    assert proxy.requests[0].path == "[2606:4700::1111]:443"


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.1", "169.254.169.254", "198.18.0.1", "3323068417", "10.0.0.1."),
        *("127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1."),
        *("[::1]", "[::ffff:10.0.0.1]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]"),
        *("localhost", "LOCALHOST.", "a.localhost"),
    ],
)
def test_behind_a_proxy_an_address_that_is_private_itself_stays_refused(host, tmp_path):
    with FaultServer([]) as proxy:
        through = read_network(proxy=proxy.url)
        with pytest.raises(download.DownloadError, match="private network") as caught:
            download.fetch(f"https://{host}/clip.mp4", tmp_path / "a.mp4", network=through)
    assert proxy.connections == 0
    assert caught.value.setting is None


# SOCKS, where its package is


def socks(port: int, heard: list[bytes]):
    """A SOCKS5 proxy that asks for a login (RFC 1928, RFC 1929)."""

    @at_once
    def play(connection: Connection) -> None:
        take = connection._read_exactly
        heard.append(take(2 + take_one(connection)))
        connection.send(b"\x05\x02")
        heard.append(take(2))
        heard.append(take(heard[-1][1] + 1))
        heard.append(take(heard[-1][-1]))
        connection.send(b"\x01\x00")
        heard.append(take(5))
        heard.append(take(heard[-1][4] + 2))
        connection.send(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        relay(connection, port, heard)

    return play


def take_one(connection: Connection) -> int:
    """How many ways to log in the client offers, still unread."""
    while len(connection._unread) < 2:
        connection._receive()
    return connection._unread[1]


def test_a_request_goes_through_a_socks_proxy(tmp_path, monkeypatch):
    pytest.importorskip("socks", reason="PySocks is not installed")
    asked, heard = resolve(monkeypatch), []
    with FaultServer([TAKEN], tls=tls_trusted(monkeypatch, tmp_path, HOST)) as service:
        with FaultServer(socks(service.port, heard)) as proxy:
            address = f"socks5h://{LOGIN_IN_URL}{proxy.host}"
            client = VeoClient(KEY, base_url=f"https://{HOST}:{service.port}", proxy=address)
            assert client.submit(FOX) == "uuid:google/veo"
    assert LOGIN[1].encode() in heard
    assert HOST not in asked
    assert KEY.encode() not in b"".join(heard)


def test_a_socks_proxy_without_its_package_names_the_package(monkeypatch):
    monkeypatch.setattr(network.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InvalidRequest, match="pip install PySocks") as caught:
        VeoClient(KEY, proxy=f"socks5h://{LOGIN_IN_URL}proxy.example:1080")
    assert "canary" not in everything_of(caught.value)


# What may be written


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("  http://proxy.example:3128/\n", "http://proxy.example:3128"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("user:pass@proxy.example:3128", "http://proxy.example:3128"),
        ("HTTP://PROXY.example", "http://proxy.example:80"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("socks5://proxy.example", "socks5h://proxy.example:1080"),
        ("http://user@proxy.example", "http://proxy.example:80"),
        ('"http://proxy.example:3128"', "http://proxy.example:3128"),
        ("\ufeffproxy.example:3128", "http://proxy.example:3128"),
        ("'http://user:two%20words@proxy.example'", "http://proxy.example:80"),
    ],
)
def test_a_proxy_as_people_write_it(written, address, monkeypatch):
    monkeypatch.setenv("VEO_PROXY", written)
    assert read_network().proxy.address == address


@pytest.mark.parametrize(
    "written",
    [
        "ftp://canary:canary@proxy.example",
        "socks4://canary@proxy.example",
        "socks://canary@proxy.example",
        "http://",
        "http://canary@:3128",
        "http://proxy.example:canary",
        "http://proxy.example:99999",
        "http://proxy.example:0",
        "http://proxy.example/canary",
        "http://proxy.example?canary",
        "http://canary:ca#nary@proxy.example",
        "http://can ary@proxy.example",
        "http://canary:%0d%0aX@proxy.example",
        "http://[::1",
        f"http://{'a' * 64}.example",
    ],
)
def test_a_proxy_that_cannot_be_one_is_told_without_what_was_written(written):
    with pytest.raises(InvalidRequest, match=r"^VEO_PROXY must look like") as caught:
        VeoClient(KEY, proxy=written)
    assert caught.value.field == "proxy"
    assert "canary" not in everything_of(caught.value)


@pytest.mark.parametrize("written", ["", "  "])
def test_a_setting_left_empty_is_not_set(written, monkeypatch):
    monkeypatch.setenv("VEO_PROXY", written)
    monkeypatch.setenv("VEO_CA_BUNDLE", written)
    assert read_network() == DIRECT


# Other programs' settings

OTHERS = [
    {"ALL_PROXY": "socks5://127.0.0.1:9"},
    {"all_proxy": "socks5h://127.0.0.1:9"},
    {"HTTPS_PROXY": "socks4://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"},
    {"HTTPS_PROXY": "http://[::1"},
    {"NO_PROXY": "::1/128,fe80::/10"},
    {"SSL_CERT_FILE": "/nowhere.pem", "REQUESTS_CA_BUNDLE": "/nowhere.pem"},
    {"CURL_CA_BUNDLE": "/nowhere.pem", "SSL_CERT_DIR": "/nowhere"},
    {"SSLKEYLOGFILE": "/nowhere/keys"},
]


@pytest.mark.parametrize("setting", OTHERS, ids=repr)
def test_the_client_and_the_command_start_whatever_is_set_for_others(
    setting, monkeypatch, tmp_path, capsysbinary
):
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    with FaultServer([json_answer(200, {"data": []})], tls=tls_trusted(monkeypatch, tmp_path)) as s:
        monkeypatch.setenv("AIMLAPI_BASE_URL", s.url)
        assert make_clip.main(["a fox", "--price"]) == 0
    assert capsysbinary.readouterr().out == b"no price available\n"


@pytest.mark.parametrize("name", ["VEO_PROXY", "VEO_CA_BUNDLE"])
def test_the_command_says_which_setting_is_wrong(name, monkeypatch, capsys):
    monkeypatch.setenv(name, "ftp://nowhere")
    assert make_clip.main(["a fox", "--price"]) != 0
    assert capsys.readouterr().err.startswith(f"{name} must")


# Names and addresses


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0306.0022.0.1", "198.18.0.1"),
        ("198.18.0.1.", "198.18.0.1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:198.18.0.1", "::ffff:198.18.0.1"),
        ("198.18.0.1.nip.example", None),
        ("cdn.example", None),
        ("face.b00c", None),
        ("", None),
    ],
)
def test_a_host_that_is_an_address_in_any_spelling(host, address):
    assert literal(host) == (ipaddress.ip_address(address) if address else None)
