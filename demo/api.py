"""What the demo server answers: the service's calls, checks and shapes, written as a FastAPI app.

`POST` and `GET /v2/video/generations` make a video, `/v1/models`, `/models/metrics` and
`/v2/billing` help, and `/files/` stands for the network that delivers clips and asks for no key.
Whatever was sent, every refusal has the same shape.

This module does not know how it is reached (`demo_server`), how clips come about
(`demo.render_queue`) nor what faults look like (`demo.faults`).
"""

import math
import uuid
from collections import deque
from collections.abc import Set
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect

from demo.faults import (
    CutFile,
    LostAnswer,
    NoAnswer,
    SlowFile,
    first_look,
    model_gone,
    proxy_page,
    refuse,
)
from demo.orders import MODELS, ModelGone, Order, WrongOrder, canonical, read_order, shown
from demo.render_queue import Generation, LineFull, Status, Studio

__all__ = ["build_app"]

GENERATIONS = "/v2/video/generations"
LARGEST_BODY = 28 * 2**20  # the largest clip as base64, with room for the rest
METRICS_WINDOW = 300  # seconds
MOST_ARRIVING = 4 * LARGEST_BODY
"""Bytes of all the bodies that are read at the same time."""
BALANCE = 100.0
PROMPTS_REMEMBERED = 64


def build_app(studio: Studio, *, prices: bool = False, retired: Set[str] = frozenset()) -> FastAPI:
    """The service as an application, with a memory of its own.

    With `prices` it tells prices; what is `retired` at the time it neither lists nor makes.
    """
    app = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={AnyHTTPException: answer_error},
    )
    app.include_router(routes)
    app.state.studio = studio
    app.state.prices = prices
    app.state.retired = retired
    app.state.arriving = 0
    app.state.prompts = deque[str](maxlen=PROMPTS_REMEMBERED)
    return app


# --- The calls ------------------------------------------------------------------------------------

routes = APIRouter()


async def require_key(request: Request) -> None:
    """Any key will do, but for one that is the word for a bad one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or key.strip() in ("", "#bad-key"):
        raise HTTPException(401, "Expected a valid key in the header Authorization: Bearer KEY.")


async def get_studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


TheStudio = Annotated[Studio, Depends(get_studio)]


@routes.post(GENERATIONS, dependencies=[Depends(require_key)])
async def create(request: Request, studio: TheStudio) -> Response:
    order = checked(await read_body(request), request.app.state.retired)
    prompts: deque[str] = request.app.state.prompts
    seen_before = order.prompt in prompts
    prompts.append(order.prompt)
    refuse(order, seen_before=seen_before)
    if "#bad-gateway" in order.faults:
        return proxy_page(502)
    try:
        generation = studio.accept(order)
    except LineFull:
        raise HTTPException(429, "Too many generations wait.", {"Retry-After": "10"}) from None
    except WrongOrder as error:
        raise HTTPException(400, str(error)) from None
    answer = {"id": generation.id, "status": "queued"}
    if "#lost-answer" in order.faults:
        return LostAnswer(answer)
    return NoAnswer() if "#no-answer" in order.faults else JSONResponse(answer)


@routes.get(GENERATIONS, dependencies=[Depends(require_key)])
async def retrieve(request: Request, studio: TheStudio) -> Response:
    generation_id = request.query_params.get("generation_id")
    if generation_id is None:
        raise HTTPException(400, "generation_id: Expected a value, received undefined")
    generation = studio.find(generation_id)
    look = first_look(generation) if generation else None
    if generation is None or look == 404:
        raise HTTPException(404, "There is no such generation.")
    if isinstance(look, int):
        return proxy_page(look)
    if look:
        return JSONResponse({"id": generation.id, "status": look})
    status = generation.status_at(studio.clock())
    host, port = request.scope["server"]
    base_url = f"{request.scope['scheme']}://{host}:{port}"
    usd = price_of(generation.order) if request.app.state.prices else None
    return JSONResponse(describe(generation, status, base_url, usd_spent=usd))


@routes.get("/v1/models")
async def list_models(request: Request) -> Response:
    wanted = {canonical(name) for name in listed(request, "id") or MODELS}
    with_price = bool({"pricing", "all"} & {*listed(request, "include")})
    models = [
        describe_model(model, with_price=with_price, free=not request.app.state.prices)
        for model in MODELS
        if model in wanted and model not in request.app.state.retired
    ]
    return JSONResponse({"object": "list", "data": models})


@routes.get("/models/metrics")
async def measure_models(request: Request, studio: TheStudio) -> Response:
    if unknown := sorted({*request.query_params} - {"aliases"}):
        raise HTTPException(400, f"Expected no parameter but aliases, received {shown(unknown[0])}")
    wanted = {canonical(name) for name in request.query_params.getlist("aliases") or MODELS}
    models = [
        {
            "alias": model,
            "endpoint": GENERATIONS,
            "metrics": {"duration_ms": percentiles([1000 * seconds for seconds in durations])},
        }
        for model, durations in studio.durations(within=METRICS_WINDOW).items()
        if model in wanted
    ]
    return JSONResponse(
        {"window_seconds": METRICS_WINDOW, "generated_at": timestamp(), "models": models}
    )


@routes.get("/v2/billing", dependencies=[Depends(require_key)])
async def tell_balance() -> Response:
    return JSONResponse({"current_balance": BALANCE, "currency": "USD"})


@routes.api_route("/files/{name}", methods=["GET", "HEAD"])
async def download(name: str, request: Request, studio: TheStudio) -> Response:
    """Send a clip. Starlette does ranges, If-Range, HEAD, and a strong ETag."""
    generation = studio.find_clip(name.removeprefix("expired-"))
    if generation is None:
        raise HTTPException(404, "There is no such file.")
    if name.startswith("expired-"):
        raise HTTPException(403, "This link has expired.")
    generation.visits["download"] += request.method == "GET"
    response: type[FileResponse] = FileResponse
    if "#slow-download" in generation.order.faults:
        response = SlowFile
    if "#cut-download" in generation.order.faults and generation.visits["download"] == 1:
        response = CutFile
    return response(generation.clip, media_type="video/mp4")


async def answer_error(request: Request, error: AnyHTTPException) -> Response:
    """Every refusal in the service's shape, the router's own too."""
    answer = {
        "message": error.detail,
        "path": request.scope["path"],
        "requestId": str(uuid.uuid4()),
        "statusCode": error.status_code,
        "timestamp": timestamp(),
    }
    return JSONResponse(answer, error.status_code, error.headers)


# --- What they read and say -----------------------------------------------------------------------


async def read_body(request: Request) -> bytearray:
    """The body, read to its end even when it is refused, so that the client hears the refusal.

    What it was becomes an order before another body is read on, so only arriving ones are counted.
    """
    state = request.app.state
    body, size, crowded = bytearray(), 0, False
    try:
        async for chunk in request.stream():
            size += len(chunk)
            crowded = crowded or state.arriving + len(chunk) > MOST_ARRIVING
            if crowded or size > LARGEST_BODY:
                state.arriving -= len(body)
                body.clear()
            else:
                state.arriving += len(chunk)
                body += chunk
    except ClientDisconnect:
        raise HTTPException(400, "The request ended before its body.") from None
    finally:
        state.arriving -= len(body)
    if size > LARGEST_BODY:
        raise HTTPException(413, f"Expected at most {LARGEST_BODY} bytes, received {size}")
    if crowded:
        message = "Too many large requests arrive at the same time."
        raise HTTPException(429, message, {"Retry-After": "10"})
    return body


def checked(body: bytearray, retired: Set[str]) -> Order:
    """The order that `body` is; refuse what is none in the words the service would use."""
    try:
        return read_order(body, retired=retired)
    except WrongOrder as error:
        raise HTTPException(400, str(error)) from None
    except ModelGone as error:
        raise HTTPException(404, model_gone(error)) from None


def listed(request: Request, name: str) -> list[str]:
    """The values of a query parameter that may be repeated and may hold commas."""
    return [part for value in request.query_params.getlist(name) for part in value.split(",")]


def describe(
    generation: Generation, status: Status, base_url: str, *, usd_spent: float | None = None
) -> dict[str, Any]:
    """The answer to one look. The first `url` in it is the video: no other field has that name."""
    usage = {"credits_used": 0} if usd_spent is None else {"usd_spent": usd_spent}
    answer: dict[str, Any] = {"id": generation.id, "status": status}
    if status == "error":
        answer |= {"video": None, "error": generation.error}
    if status == "completed":
        duration = generation.duration
        video = {"url": f"{base_url}/files/{link_name(generation)}", "duration": duration}
        answer |= {
            "video": video if generation.size else None,
            "duration": duration,
            "error": None,
            "meta": {"usage": usage},
        }
    return answer


def link_name(generation: Generation) -> str:
    """The last part of the clip's address: its file name, which nobody can guess."""
    generation.visits["link"] += 1
    expired = "#expired-link" in generation.order.faults and generation.visits["link"] == 1
    return f"expired-{generation.clip.name}" if expired else generation.clip.name


def price_of(order: Order) -> float:
    """Only what is new is paid for."""
    return round(MODELS[order.model].a_second[order.resolution] * order.duration, 2)


def describe_model(name: str, *, with_price: bool, free: bool) -> dict[str, Any]:
    """One entry of the catalogue; its prices by resolution, if asked for, in the service's
    shape."""
    model = MODELS[name]
    price = {
        "kind": "variants",
        "currency": "USD",
        "dimensions": ["resolution"],
        "variants": [
            {
                "when": {"resolution": resolution},
                "price": 0.0 if free else rate,
                "unit": "second",
                "per": 1,
            }
            for resolution, rate in model.a_second.items()
        ],
    }
    entry = {
        "id": name,
        "aliases": [*model.aliases],
        "type": "video/generations",
        "info": {"name": f"Demo of {name}", "developer": "veo-demo"},
        "tags": [],
    }
    return entry | ({"pricing": price} if with_price else {})


def percentiles(values: list[float]) -> dict[str, float]:
    """By the nearest rank, so that every figure is one that was measured."""
    ordered = sorted(values)
    return {
        f"p{percent}": round(ordered[math.ceil(percent * len(ordered) / 100) - 1], 1)
        for percent in (50, 75, 90, 99)
    }


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
