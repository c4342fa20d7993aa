"""Which requests are answered: those for a host of ours, and what acts only from our own page.

A browser takes any page's request to any server it can reach.  It tells the page's address in
`Origin`, and in `Host` the name under which it found the server, which a hostile name may lead
here (DNS rebinding).  These are decisions on headers alone; nothing here knows routes or answers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from starlette.datastructures import Headers

AUTHORITY = re.compile(
    r"(?P<name> \[[0-9a-f:.]+\] | [a-z0-9._-]+?) \.? (?: :(?P<port>[0-9]{1,5}))?", re.VERBOSE
)
DEFAULT_PORTS = {"http": 80, "https": 443}

FROM_OUR_PAGE = ("same-origin", "none")
"""Of `Sec-Fetch-Site`: our page, or a person who typed the address."""


class Place(NamedTuple):
    host: str
    port: int | None
    is_literal: bool
    """Whether the host is an address and no name: nobody can lead it elsewhere."""


def place_of(authority: str) -> Place | None:
    """The host and port that `authority` names; None when it is not of the form `host:port`."""
    found = AUTHORITY.fullmatch(authority.lower())
    if not found:
        return None
    host, port = found["name"], int(found["port"]) if found["port"] else None
    with suppress(ValueError):
        return Place(str(ipaddress.ip_address(host.strip("[]"))), port, is_literal=True)
    return Place(host, port, is_literal=False)


def asked_host(headers: Headers, named: Collection[str]) -> Place | None:
    """The host that the request is for, if it is an address, localhost, or one of `named`."""
    hosts = headers.getlist("host")
    place = place_of(hosts[0]) if len(hosts) == 1 else None
    if place and (place.is_literal or place.host == "localhost" or place.host in named):
        return place
    return None


def from_another_page(headers: Headers, host: Place) -> bool:
    """Whether a browser sent it for a page that is not `host`'s; a program has no page."""
    if any(site not in FROM_OUR_PAGE for site in headers.getlist("sec-fetch-site")):
        return True
    origins = headers.getlist("origin")
    return bool(origins) and (len(origins) > 1 or not _is_origin_of(origins[0], host))


def _is_origin_of(origin: str, host: Place) -> bool:
    """Whether `origin` is `host`; a proxy may add TLS, so `host` has whichever scheme `origin` has.

    "null" is the origin of a page that hides its own.
    """
    scheme, _, authority = origin.lower().partition("://")
    page, default = place_of(authority), DEFAULT_PORTS.get(scheme)
    if not page or not default:
        return False
    return (page.host, page.port or default) == (host.host, host.port or default)
