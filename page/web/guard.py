"""Stands before Gradio: refuses what this page does not need, and bounds and marks the rest.

Answered are only hosts of ours, routes that the page uses, and what acts only from our own page;
bodies and addresses have a largest size.  Every answer gets strict headers, every request one
address for its visitor, and the page itself is compressed.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Collection
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from page.web import framing, origins

LARGEST_BODY = 256 * 1024
"""Bytes.  The largest honest request is a form with two texts of 4,000 characters."""

BOUNDS_ITSELF = "/pictures"
"""Takes larger bodies, in pieces, and only as many as it can hold (`page.web.pictures`)."""

LONGEST_ADDRESS = 8 * 1024
"""Bytes of a path and its query.  Gradio makes the page's address of them after it has answered,
and its URL parser fails at 64 KiB: nobody would hear of the error."""

# Gradio also takes uploads, proxies Spaces, tells who is online and edits itself; not here.
ALLOWED_ROUTES = re.compile(
    r"""/ | /(config|theme\.css|favicon\.ico|robots\.txt|manifest\.json) /?
    | /(assets|static|svelte|pwa_icon) (/.*)?
    | /(login|logout) (/.*)?                      # Hugging Face's, where a Space turns it on
    | /gradio_api/ (info|openapi\.json|app_id|startup-events|theme\.css) /?
    | /gradio_api/ (user|login_check|reset|cancel) /?
    | /gradio_api/ (queue/join|queue/data)
    | /gradio_api/ (heartbeat|call|run|api) / .+
    | /gradio_api/file= (?!\w+://) .+            # an address Gradio would fetch
    | /clips\.zip
    | /pictures (/[0-9a-f]{64})?
    """,
    re.VERBOSE,
)

# What a browser loads for the page stands under the page's own policy; sixty times, the policy
# would be a twelfth of all bytes.
STATIC_ROUTES = re.compile(r"/(assets|static|svelte|pwa_icon)/.*|/theme\.css")

NO_GUESSING = {"X-Content-Type-Options": "nosniff"}

POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio's, and gr.HTML's own
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}

# Gradio compresses files by their endings, and these two have none.
COMPRESSED = ("/", "/config")

FILES = "/gradio_api/file="

MCP = re.compile(r"/gradio_api/mcp(/.*)?")

PROXIES_OF_A_SPACE = "10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
"""Where a Space's visitors come from, as uvicorn's `FORWARDED_ALLOW_IPS`: it takes for the visitor
the last address in `X-Forwarded-For` that is none of these, and so none that a visitor made up."""

# A link to /logout would act, too.
ONLY_READS = ("GET", "HEAD")
LOGOUT = re.compile(r"/logout(/.*)?")

NOT_OUR_HOST = (
    "This server is not known by this name: open it by its address, or add the name to "
    "VEO_ALLOWED_HOSTS."
)
ANOTHER_PAGE = (
    "The page of another address sent this, so nothing was done: open this server's own page and "
    "press there. A proxy before it must pass the Host header on as it is."
)

HOSTS_UNCHECKED = ("x-forwarded-host", "x-gradio-server")
"""Headers that Gradio would believe before `Host`, which is the one that we check."""

VISITOR_HEADER = "x-sealed-visitor"

AGENT_GONE = "veo.agent_gone"
"""In a request's scope: tells whether it was made for an agent who has hung up since."""

STREAMED = {"X-Accel-Buffering": "no"}
"""Asks a proxy (nginx by its name) to pass each piece on as it comes: news would else wait until
4 or 8 KiB are full."""


class Guard:
    """Lets through what the page needs.

    `mcp` lets agents in; `hosts` are the names that lead here, `frame_ancestors` says whose pages
    may show ours in a frame.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        mcp: bool,
        hosts: Collection[str] = (),
        frame_ancestors: Collection[str] = ("'self'",),
    ) -> None:
        self._app, self._compressing = app, GZipMiddleware(app)
        self._hosts, self._frame_ancestors = hosts, frame_ancestors
        self._allowed = (ALLOWED_ROUTES, MCP) if mcp else (ALLOWED_ROUTES,)
        policy = POLICY | {"frame-ancestors": " ".join(frame_ancestors)}
        self._headers = {
            "Content-Security-Policy": "; ".join(f"{name} {what}" for name, what in policy.items()),
            "Referrer-Policy": "no-referrer",
            **framing.headers(frame_ancestors),
            **NO_GUESSING,
        }
        self._seal = secrets.token_hex()
        self._agents = set[str]()
        """The calls of agents that are being answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        headers = NO_GUESSING if STATIC_ROUTES.fullmatch(scope["path"]) else self._headers

        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                answered.update(headers)
                if answered.get("content-type", "").startswith("text/event-stream"):
                    answered.update(STREAMED)
                if scope["path"].startswith(FILES):
                    leave_name_to_the_page(answered)
                del answered[VISITOR_HEADER]  # should anything repeat the request's headers
            await send(message)

        if refusal := self._refusal(scope):
            await refusal(scope, receive, send_strictly)
        elif not any(allowed.fullmatch(scope["path"]) for allowed in self._allowed):
            await PlainTextResponse("Not here.", 404)(scope, receive, send_strictly)
        elif refusal := framing.refusal(Headers(scope=scope), self._frame_ancestors):
            await refusal(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send_strictly)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == BOUNDS_ITSELF:
            await self._answer(scope, receive, send)
            return
        try:
            body = await _whole_body(scope, receive)
        except ClientDisconnect:
            return
        if body is None:
            await PlainTextResponse("Too large.", 413)(scope, receive, send)
        else:
            await self._answer(scope, _replayed(body, receive), send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = secrets.token_hex(8) if MCP.fullmatch(scope["path"]) else ""
        self._agents.add(call)
        app = self._compressing if scope["path"] in COMPRESSED else self._app
        try:
            await app(self._from_visitor(scope, call), receive, send)
        finally:
            self._agents.discard(call)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        """The answer to what is not for this server, or not from its page."""
        asked = Headers(scope=scope)
        host = origins.asked_host(asked, self._hosts)
        if not host:
            return PlainTextResponse(NOT_OUR_HOST, 400)
        if len(scope["path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
            return PlainTextResponse("Too long.", 414)
        acts = scope["method"] not in ONLY_READS or LOGOUT.fullmatch(scope["path"])
        if acts and origins.from_another_page(asked, host):
            return PlainTextResponse(ANOTHER_PAGE, 403)
        return None

    def _from_visitor(self, scope: Scope, call: str) -> Scope:
        """The request, with its visitor's network (`network_of`) in place of their address.

        For an agent, Gradio calls itself over loopback, with the headers of the agent's request.
        One of them is ours: a secret that proves it, the agent's network, and the name of the
        agent's call, for Gradio does not hang up on itself when the agent does.
        """
        headers = Headers(scope=scope).mutablecopy()
        seal, _, sealed = headers.get(VISITOR_HEADER, "").partition(" ")
        address, _, agents = sealed.partition(" ")
        if not secrets.compare_digest(seal.encode(), self._seal.encode()):
            address, agents = network_of(scope["client"][0] if scope["client"] else ""), ""
        # No header ends in a space, and Gradio repeats a request's head in an answer with a range.
        headers[VISITOR_HEADER] = f"{self._seal} {address} {call}".rstrip()
        del headers["x-forwarded-for"]  # uvicorn would believe it in that call
        for name in HOSTS_UNCHECKED:
            del headers[name]
        agent_gone = {AGENT_GONE: lambda: bool(agents) and agents not in self._agents}
        return {**scope, **agent_gone, "headers": headers.raw, "client": (address, 0)}


def leave_name_to_the_page(answered: MutableHeaders) -> None:
    """Say no name for a file: on the server every clip has the same, which a browser would take
    instead of the one that the page's link gives."""
    if disposition := answered.get("content-disposition"):
        answered["content-disposition"] = disposition.partition(";")[0]


def network_of(address: str) -> str:
    """What one visitor has of the network: an IPv4 address, but of IPv6 a whole /64.

    Proxies spell one address in many ways.  What is no address becomes "": else each that somebody
    makes up would count as one more visitor.
    """
    with suppress(ValueError):
        known = ipaddress.ip_address(_bare(address))
        if isinstance(known, ipaddress.IPv4Address):
            return str(known)
        in_nat64 = ipaddress.IPv4Address(int(known) % 2**32) if known in NAT64 else None
        block = ipaddress.ip_network((int(known), 64), strict=False)
        return str(known.ipv4_mapped or known.sixtofour or in_nat64 or block)
    return ""


NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _bare(address: str) -> str:
    """`address` without quotes, brackets, port, zone, and zeros before its numbers."""
    text = address.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return re.sub(r"\b0+(?=[0-9a-f])", "", text.partition("%")[0], flags=re.ASCII | re.IGNORECASE)


async def _whole_body(scope: Scope, receive: Receive) -> bytes | None:
    """The request's body, or None when it is larger than any that the page sends.

    Raises `ClientDisconnect` when it ends before it is whole: that may be JSON all the same.
    """
    announced = Headers(scope=scope).get("content-length", "0")
    if not announced.isdecimal() or int(announced) > LARGEST_BODY:
        return None
    body = bytearray()
    if scope["method"] in ONLY_READS:
        return b""
    while len(body) <= LARGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body) if len(body) <= LARGEST_BODY else None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives `body` once, and then whatever comes: that the visitor has gone."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
