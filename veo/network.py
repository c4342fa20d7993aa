"""How this machine reaches others: whose certificates it trusts, and through which proxy.

Company networks sign every certificate anew, or let nothing out but through a proxy.  Both are
told here and nowhere else: what other programs read, such as `HTTPS_PROXY`, stays unread, because a
proxy that nobody meant sees where we go, and one that cannot be used would end the start.

A proxy's login is a secret.  It is taken off the address at once, so that no text of `requests` can
quote it.  This module opens no connection.
"""

from __future__ import annotations

import base64
import functools
import importlib.util
import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from veo.files import reason
from veo.settings import as_in_a_shell, plain
from veo.types import InvalidRequest

CA_BUNDLE, PROXY = "VEO_CA_BUNDLE", "VEO_PROXY"
PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy; `https` goes through a tunnel in it, so it sees host names and no request."""

    address: str
    """Scheme, host and port."""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What only the proxy gets, with the question for a tunnel (RFC 7617)."""
        if not self.user:
            return {}
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {login}"}

    @property
    def is_socks(self) -> bool:
        return self.address.startswith("socks")

    def with_login(self) -> str:
        """The address as a SOCKS library wants it: user and password in it."""
        scheme, _, rest = self.address.partition("://")
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return f"{scheme}://{login}{rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What every connection of a client shares."""

    tls: ssl.SSLContext | None = None
    """Trusts the authorities of a company's own bundle; the public ones are added to it."""
    proxy: Proxy | None = None

    def proxy_for(self, url: str) -> Proxy | None:
        """None for what is in the clear or on this machine: a proxy would see it, or not find
        it."""
        parts = urlsplit(url)
        away = parts.scheme == "https" and not is_loopback(parts.hostname or "")
        return self.proxy if away else None


DIRECT = Network()


def read_network(
    ca_bundle: str | os.PathLike[str] | None = None,
    proxy: str | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
) -> Network:
    """What the arguments say, else what the environment says; `InvalidRequest` names which."""
    bundle = as_in_a_shell(os.fspath(ca_bundle or environment.get(CA_BUNDLE, "")))
    address = plain(proxy or environment.get(PROXY))
    return Network(
        tls=_trusting(Path(bundle)) if bundle else None,
        proxy=_read_proxy(address) if address else None,
    )


def tls_context() -> ssl.SSLContext:
    """A context to which `requests` adds the public authorities.

    Those of Python and urllib3 read `SSLKEYLOGFILE`, fail where that cannot be written, and from
    3.13 on refuse what many a company's authority looks like.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    return context


@functools.lru_cache(maxsize=8)
def _trusting(bundle: Path) -> ssl.SSLContext:
    """A context that knows the authorities in `bundle`.  Read once: each visitor's key makes a
    client, and the file may be gone by then."""
    context = tls_context()
    # Else the whole chain up to a root is wanted, which few companies hand out.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(bundle)
    except (OSError, ValueError) as error:  # a wrong PEM is an `SSLError`, which is an `OSError`
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else reason(error)
        raise InvalidRequest(
            f"{CA_BUNDLE} must be the path of a PEM file with certificates; {bundle} is none: "
            f"{why}.",
            field="ca_bundle",
        ) from None
    return context


def _read_proxy(text: str) -> Proxy:
    """The proxy at `text`, whose errors never quote it: it may hold a password."""
    if "://" not in text:
        text = f"http://{text}"  # as companies write it: proxy.example:3128
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        raise _wrong_proxy() from None
    more = parts.path.strip("/") or parts.query or parts.fragment
    is_shown = " " not in text and (text + user + password).isprintable()
    if parts.scheme not in PROXY_PORTS or not host or port == 0 or more or not is_shown:
        raise _wrong_proxy()
    if parts.scheme.startswith("socks") and not _has_socks():
        raise InvalidRequest(
            f"{PROXY} names a SOCKS proxy, which needs one more package: pip install PySocks",
            field="proxy",
        )
    place = f"[{host}]" if ":" in host else host
    # By `socks5` names would be looked up here, and the proxy asked for what this network made up.
    scheme = "socks5h" if parts.scheme == "socks5" else parts.scheme
    address = f"{scheme}://{place}:{port or PROXY_PORTS[scheme]}"
    return Proxy(address=address, user=user, password=password)


def _wrong_proxy() -> InvalidRequest:
    return InvalidRequest(
        f"{PROXY} must look like http://host:port, https://host:port or socks5h://host:port; a "
        "login goes before the host, as user:password@, with %40 for an @ in it.",
        field="proxy",
    )


def _has_socks() -> bool:
    with suppress(ValueError):
        return importlib.util.find_spec("socks") is not None
    return False


# Hosts that are addresses


def literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `host` spells out, or None for a name.

    Resolvers take more spellings than the usual one: `127.1`, `2130706433`, `0x7f.0.0.1`.
    """
    bare = host.strip("[]").partition("%")[0].rstrip(".")
    with suppress(ValueError):
        return ipaddress.ip_address(bare)
    with suppress(OSError, UnicodeError):
        return ipaddress.IPv4Address(socket.inet_aton(bare))
    return None


def is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
