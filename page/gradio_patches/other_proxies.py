"""Takes from the environment what would keep Gradio from starting: other programs' proxies.

Gradio asks its own address with httpx while it starts, and makes a client when it is imported.
httpx sends that through `HTTP_PROXY`, too, where nobody finds this machine; at a SOCKS proxy, or at
`::1/128` in `NO_PROXY`, it raises.  Our own client reads none of them (`veo.network`).
"""

from __future__ import annotations

import ssl
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
"""In any case, as httpx reads them."""
AUTHORITIES, KEY_LOG = "SSL_CERT_FILE", "SSLKEYLOGFILE"
"""httpx raises where the one holds no certificate, or the other cannot be written."""


def forget_other_proxies(environment: MutableMapping[str, str]) -> None:
    for name in [each for each in environment if each.lower() in PROXIES]:
        del environment[name]
    if not _holds_certificates(environment.get(AUTHORITIES, "")):
        environment.pop(AUTHORITIES, None)
    if not _can_be_written(environment.get(KEY_LOG, "")):
        environment.pop(KEY_LOG, None)


def _holds_certificates(file: str) -> bool:
    with suppress(OSError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        return True
    return False


def _can_be_written(file: str) -> bool:
    with suppress(OSError), Path(file).open("a"):
        return True
    return False
