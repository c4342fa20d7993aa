"""Takes from the environment what would keep Gradio from starting: other programs' proxies.

Gradio asks its own address with httpx while it starts, and makes a client when it is imported.
httpx sends that through `HTTP_PROXY`, too, where nobody finds this machine; at a SOCKS proxy, or at
`::1/128` in `NO_PROXY`, it raises.  Our own client reads none of them (`veo.network`).
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
"""In any case, as httpx reads them."""
AUTHORITIES = "SSL_CERT_FILE"
"""httpx raises where there is no such file."""


def forget_other_proxies(environment: MutableMapping[str, str]) -> None:
    for name in [each for each in environment if each.lower() in PROXIES]:
        del environment[name]
    if not Path(environment.get(AUTHORITIES) or ".").exists():
        del environment[AUTHORITIES]
