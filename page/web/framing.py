"""Whose pages may show ours in a frame: as headers, which a browser obeys, and as a sentence.

A browser shows nothing of a page that may not be framed, and no reason.  Where its request tells
who frames us, we answer with the reason instead of the page.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from fnmatch import fnmatchcase

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from page.web.origins import DEFAULT_PORTS, FROM_OUR_PAGE, place_of

FRAMES = ("iframe", "frame", "embed", "object")
"""Of `Sec-Fetch-Dest`."""

FOR_OLDER_BROWSERS = {"'none'": "DENY", "'self'": "SAMEORIGIN"}
"""As `X-Frame-Options`, which has no way to name others."""

NOT_IN_A_FRAME = (
    "{framer} may not show this page in a frame. Open it in a tab of its own. Whoever runs this "
    "server can allow the frame: VEO_FRAME_ANCESTORS lists the origins that may."
)

FOR_ANY_FRAME = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors *",
    "X-Content-Type-Options": "nosniff",
}
"""The sentence has nothing that could be pressed."""


def headers(ancestors: Collection[str]) -> dict[str, str]:
    """What says it to every browser, beside the policy."""
    only = next(iter(ancestors)) if len(ancestors) == 1 else ""
    return {"X-Frame-Options": FOR_OLDER_BROWSERS[only]} if only in FOR_OLDER_BROWSERS else {}


def refusal(asked: Headers, ancestors: Collection[str]) -> PlainTextResponse | None:
    """The sentence for a frame of somebody else's; None when it may be shown, or is not known.

    The policy decides all the same: a page need not tell its address, and several frames may lie
    around one another.
    """
    if asked.get("sec-fetch-dest") not in FRAMES or asked.get("sec-fetch-site") in FROM_OUR_PAGE:
        return None
    framer = _origin(asked.get("referer", ""))
    others = [each for each in ancestors if each not in FOR_OLDER_BROWSERS]
    if others and (not framer or any(_covers(each, framer) for each in others)):
        return None
    text = NOT_IN_A_FRAME.format(framer=framer or "Another site's page")
    return PlainTextResponse(text, 403, FOR_ANY_FRAME)


def _origin(address: str) -> str:
    """The origin of a web address, with its port; "" when it has none."""
    scheme, _, rest = address.partition("://")
    place, default = place_of(re.split("[/?#]", rest)[0]), DEFAULT_PORTS.get(scheme)
    return f"{scheme}://{place.host}:{place.port or default}" if place and default else ""


def _covers(source: str, origin: str) -> bool:
    """Whether `source`, which may begin with `*.`, means `origin`; http means https, too."""
    scheme, _, authority = source.partition("://")
    host, _, port = authority.partition(":")
    schemes = (scheme, "https") if scheme == "http" else (scheme,)
    return any(
        fnmatchcase(origin, f"{each}://{host}:{port or DEFAULT_PORTS[each]}")
        for each in schemes
        if each in DEFAULT_PORTS
    )
