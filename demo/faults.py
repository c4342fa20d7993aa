"""What can go wrong with a video service, on request: a word in the prompt asks for each fault.

`FAULTS` is the list for people. The rest says how a fault looks on the wire; a fault of the work
itself (a refused scene, a clip cut short) is in `demo.render_queue`. Nothing here knows paths or
sockets.
"""

import asyncio
from pathlib import Path

from fastapi import HTTPException
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from demo.orders import Order
from demo.render_queue import Generation

__all__ = [
    "FAULTS",
    "CutFile",
    "LostAnswer",
    "NoAnswer",
    "SlowFile",
    "first_look",
    "model_gone",
    "proxy_page",
    "refuse",
]

SLOW_DOWNLOAD = 10.0  # seconds for a whole clip
SLOW_PIECES = 100

FAULTS = {
    # The create request is refused; nothing is made.
    "#bad-key": "401: the key is wrong (as the key itself: on every call)",
    "#no-credits": "403: the account is out of credits",
    "#blocked": "400: the content policy refuses the prompt",
    "#must-enhance": "400 if enhance_prompt is false: prompt enhancement cannot be disabled",
    "#busy": "429 with Retry-After: 1 the first time this prompt is sent, accepted after",
    "#too-many": "429 with Retry-After: 3600",
    "#model-gone": "404: the model is no longer available (--retire: for every request)",
    # The create request gets no usable answer.
    "#bad-gateway": "502 as an HTML page; nothing is made",
    "#lost-answer": "accepted, then the answer is cut off half way",
    "#no-answer": "accepted, then silence",
    # The generation goes astray.
    "#not-found-yet": "the first look answers 404",
    "#flaky": "the first look answers 503, the second a web page instead of JSON",
    "#unknown-status": "the first look says `upscaling`, a status that nobody documented",
    "#backwards": "the first look says `generating`, the second `queued`",
    "#stuck": "stays `generating` for ever",
    "#refused": "ends in `error`: the content policy refuses the prompt",
    "#failed": "ends in `error`, which is a plain string instead of an object",
    "#no-url": "`completed`, but the answer has no video",
    # The clip is of another form.
    "#only-new": "a clip that goes on from another one is 7 s alone, without that one",
    # The download goes astray.
    "#expired-link": "the first address answers 403; asked again, the service gives a good one",
    "#cut-download": "the first download stops half way; Range resumes it",
    "#broken-file": "the file ends half way, and always will",
    "#slow-download": f"the file takes about {SLOW_DOWNLOAD:.0f} s to arrive",
}

REFUSALS: dict[str, tuple[int, str, dict[str, str]]] = {
    "#bad-key": (401, "Invalid API key.", {}),
    "#no-credits": (403, "You are out of credits. Add some to go on.", {}),
    "#blocked": (400, "prompt: Refused by the content policy.", {}),
    "#must-enhance": (400, "enhance_prompt: Prompt enhancement cannot be disabled.", {}),
    "#busy": (429, "Too many requests.", {"Retry-After": "1"}),
    "#too-many": (429, "Too many requests.", {"Retry-After": "3600"}),
}

FIRST_LOOKS: dict[str, tuple[int | str, ...]] = {
    "#not-found-yet": (404,),
    "#flaky": (503, 200),
    "#unknown-status": ("upscaling",),
    "#backwards": ("generating", "queued"),
}
"""What the first looks at a generation get, whatever its state: a status, or an error's code."""


def model_gone(model: object) -> str:
    """What the service says of a model that it made clips with once."""
    return f"The model {model} is no longer available."


def refuse(order: Order, *, seen_before: bool) -> None:
    """Raise the refusal that `order` asks for, if it asks for one."""
    spared = {"#busy"} if seen_before else set()
    if order.enhance_prompt:
        spared.add("#must-enhance")
    if "#model-gone" in order.faults:
        raise HTTPException(404, model_gone(order.model))
    for fault, answer in REFUSALS.items():
        if fault in order.faults - spared:
            raise HTTPException(*answer)


def first_look(generation: Generation) -> int | str | None:
    """Count a look at `generation`; return what it gets instead of the truth, if anything."""
    generation.visits["look"] += 1
    looks = [
        look
        for fault, looks in FIRST_LOOKS.items()
        if fault in generation.order.faults
        for look in looks
    ]
    return dict(enumerate(looks, start=1)).get(generation.visits["look"])


def proxy_page(code: int) -> Response:
    """What a proxy in front of the service says, with no word of the service's own."""
    return HTMLResponse("<html><body><h1>Back in a moment</h1></body></html>", code)


async def until_gone(receive: Receive) -> None:
    """Wait until this connection is closed, by whichever side."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection in the middle of an answer.

    Raising an exception would close it too, with a traceback in the log.
    """
    scope["state"]["hang_up"]()
    await until_gone(receive)


class NoAnswer(Response):
    """Silence, for as long as the client cares to listen."""

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        await until_gone(receive)


class LostAnswer(JSONResponse):
    """An answer whose second half never arrives."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await hang_up(scope, receive)


class CutFile(FileResponse):
    """A file whose connection breaks when half of its bytes were sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = Path(self.path).stat().st_size // 2

        async def send_half(message: Message) -> None:
            nonlocal left
            body = message.get("body", b"")
            if len(body) <= left:
                await send(message)
            else:
                await send({**message, "body": body[:left], "more_body": True})
                await hang_up(scope, receive)
            left -= len(body)

        await super().__call__(scope, receive, send_half)


class SlowFile(FileResponse):
    """A file that trickles in over `SLOW_DOWNLOAD` seconds."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.chunk_size = Path(self.path).stat().st_size // SLOW_PIECES + 1

        async def send_late(message: Message) -> None:
            if message.get("body"):
                await asyncio.sleep(SLOW_DOWNLOAD / SLOW_PIECES)
            await send(message)

        await super().__call__(scope, receive, send_late)
