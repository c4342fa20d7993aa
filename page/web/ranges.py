"""A file is given whole or in one range: what else a `Range` header asks is left out.

Gradio reads the header itself before Starlette does: it fails at two ranges, and for a closed one
it repeats the request's headers in its answer.  An ASGI middleware; it knows no files.
"""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

# More digits than these are no place in a file, and Python refuses to read some thousands.
ONE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-\d{1,18})", re.ASCII | re.IGNORECASE)


class Ranges:
    """Lets through a `Range` that asks for one range; the rest is answered with the whole file."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = MutableHeaders(scope=scope).mutablecopy()
            asked = plain(", ".join(headers.getlist("range")))
            del headers["range"]
            if asked:
                headers["range"] = asked
            scope = {**scope, "headers": headers.raw}
        await self._app(scope, receive, send)


def plain(asked: str) -> str | None:
    """`asked` if it is one range, in a spelling that Gradio leaves to Starlette, which knows it."""
    found = ONE.fullmatch(asked.strip())
    if not found:
        return None
    first, last = found.groups()
    if first and last and int(first) > int(last):
        return None
    return f"Bytes={found[0].partition('=')[2]}"
