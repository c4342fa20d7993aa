"""What programs and agents may call: four named endpoints, with the form's fields and defaults.

They go the page's way to a job and wait for its end; nothing here knows HTTP.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import gradio as gr

from backend import service
from backend.jobs import ONE_CALL, Job
from page import form
from page.gradio_patches import limits
from page.visitors import spender_of
from veo import explain
from veo_client import TookTooLong, VeoClient, VeoError, VideoRequest

Answer = TypeVar("Answer")

KEY_HEADER = "x-aimlapi-key"
"""Where a program may put its key; an agent's must be there, out of the model's sight."""

GONE_AFTER = 0.5
"""Seconds between two looks at whether a caller is there."""


async def generate(
    request: gr.Request,
    prompt: str,
    model: str,
    aspect_ratio: str,
    duration: int,
    resolution: str,
    generate_audio: bool,
    negative_prompt: str,
    seed: int | None = None,
    enhance_prompt: bool = True,
    auto_fix: bool = True,
    wait: bool = True,
    api_key: str | None = None,
) -> tuple[str | None, dict[str, Any]]:
    """Make one clip.  This costs money unless the page runs in demo mode; it is never sent twice.

    An error names the next step, and the id when there is one.

    Parameters:
        prompt: What to film: subject, action, scene, camera, light, sound.
        model: The faster one costs less.
        aspect_ratio: 16:9 or 9:16.
        duration: Seconds: 4, 6 or 8.
        resolution: 720p or 1080p.
        generate_audio: Whether the clip has sound.
        negative_prompt: What to keep out, as nouns.
        seed: A whole number from 0 to 4294967295; the same one films much the same again.
        enhance_prompt: Whether the service may add to the prompt; Veo may refuse to leave this out.
        auto_fix: Whether a prompt that the content policy refuses is rewritten.
        wait: Whether to wait for the clip, about two minutes, or only for its id.
        api_key: An AI/ML API key of your own; better in the header x-aimlapi-key.

    Returns:
        The clip's file, none without wait.
        Facts: width, height (pixels), frame_rate (1/s), duration (s), frames, sound,
        size (bytes), generation_id, demo, request; without wait the last three.
    """
    values = (
        prompt,
        model,
        aspect_ratio,
        duration,
        resolution,
        generate_audio,
        negative_prompt,
        seed,
        enhance_prompt,
        auto_fix,
    )
    async with a_program(request, api_key) as owner:
        spender = spender_of(owner, request)
        job = await service.begin(form.request_from(*values), owner=owner, spender=spender)
        return await finished(job) if wait else await taken(job)


async def status(
    request: gr.Request, generation_id: str, api_key: str | None = None
) -> dict[str, Any]:
    """Look once at an earlier request, by its id, without waiting; it costs nothing.

    Parameters:
        generation_id: The id that generate or the service gave.

    Returns:
        generation_id, status as the service says it (queued, generating, completed, or another
        word of its own), and error, null if there is none.
    """
    async with a_program(request, api_key) as owner:
        seen = await service.the_jobs().look(
            service.checked_id(generation_id),
            owner=owner,
            payer=service.payer_for(owner),
            quota_key=spender_of(owner, request),
        )
        return {
            "generation_id": seen.generation_id,
            "status": seen.status,
            "error": seen.error,
        }


async def resume(
    request: gr.Request, generation_id: str, api_key: str | None = None
) -> tuple[str, dict[str, Any]]:
    """Wait for the clip of an earlier request, by its id, and fetch it; it costs nothing more.

    Parameters:
        generation_id: The id that generate or the service gave.

    Returns:
        What generate returns, with request null.
    """
    async with a_program(request, api_key) as owner:
        spender = spender_of(owner, request)
        job = await service.look_for(generation_id, owner=owner, spender=spender)
        return await unless_gone(request, finished(job))


async def price(
    request: gr.Request, model: str, duration: int, resolution: str, generate_audio: bool
) -> dict[str, Any]:
    """What a clip would cost by the service's own price list; asking costs nothing.

    Parameters:
        model: The faster one costs less.
        duration: Seconds: 4, 6 or 8.
        resolution: 720p or 1080p.
        generate_audio: Whether the clip has sound.

    Returns:
        usd, a number, or null when the list does not tell, and text.
    """
    async with a_program(request, None) as owner:
        wanted = VideoRequest(
            "price",
            model=model,
            duration=duration,
            resolution=resolution,
            generate_audio=generate_audio,
        )
        client = service.the_jobs().client_for(owner, service.payer_for(owner))
        usd = await service.dollars_for(client, wanted)
        return {"usd": usd, "text": explain.dollars(usd)}


@asynccontextmanager
async def a_program(request: gr.Request, api_key: str | None) -> AsyncIterator[str]:
    """An owner for one call, with its own key if it brought one; errors become Gradio's.

    While its job goes on, or if the caller hangs up, its key is forgotten as any visitor's is.
    """
    owner = f"{ONE_CALL}{secrets.token_urlsafe(16)}"
    jobs = service.the_jobs()
    failed: VeoError | None = None
    try:
        if key := api_key or request.headers.get(KEY_HEADER):
            await jobs.set_key(owner, VeoClient(key))
        yield owner
    except VeoError as error:
        failed = error
    if not jobs.has_unfinished(owner):
        jobs.forget_key(owner)
    if failed:
        raise spoken(failed) from None


async def taken(job: Job) -> tuple[None, dict[str, Any]]:
    """No clip yet, and what is known of `job` once the service has taken it."""
    async for _ in job.follow():
        if job.generation_id:
            return None, _about(job)
    raise job.error or TookTooLong("Stopped looking.", generation_id=job.generation_id)


async def finished(job: Job) -> tuple[str, dict[str, Any]]:
    """The clip of `job` and its facts, once it is over."""
    async for _ in job.follow():
        pass
    clip, facts = service.the_shelf().file(job.entry.clip), job.facts
    if job.error or not clip or not facts:
        raise job.error or TookTooLong("Stopped looking.", generation_id=job.generation_id)
    return str(clip), asdict(facts) | _about(job)


async def unless_gone(request: gr.Request, answer: Coroutine[Any, Any, Answer]) -> Answer:
    """What `answer` gives, for as long as its caller is there: Gradio lets a handler run on though
    nobody waits for it any more."""
    answering = asyncio.create_task(answer)
    try:
        while not answering.done():
            if await limits.has_gone(request):
                raise TookTooLong("Nobody waits for the answer any more.")
            await asyncio.wait([answering], timeout=GONE_AFTER)
        return answering.result()
    finally:
        answering.cancel()


def _about(job: Job) -> dict[str, Any]:
    return {"generation_id": job.generation_id, "demo": job.is_demo, "request": job.entry.request}


def spoken(error: VeoError) -> gr.Error:
    """`error` for Gradio: our words, and no traceback in the log."""
    explained = explain.explain_error(error)
    with_id = f" id: {error.generation_id}" if error.generation_id else ""
    return gr.Error(f"{explained}{with_id}", title=explained.title, print_exception=False)


def add(widgets: list[gr.components.Component], *, mcp: bool, **common: Any) -> None:
    """Add the endpoints to the page being built; programs alone see them.

    With `mcp`, agents see them as tools.  Those get no parameter for a key, for a model would
    have to be told it, and do not wait by default, for few agents do for two minutes.
    """
    api_key = gr.Textbox(label="api_key", type="password", visible=False)
    generation_id = gr.Textbox(label="generation_id", visible=False)
    wait = gr.Checkbox(value=not mcp, label="wait", visible=False)
    clip = gr.File(label="clip", visible=False)
    facts = gr.JSON(label="facts", visible=False)
    by_name = dict(zip(form.FIELDS, widgets, strict=True))
    # Gradio calls a radio's value a text, and an agent is then refused its number.
    by_name["duration"] = gr.Number(8, label="duration", precision=0, visible=False)
    by_name["seed"] = gr.Number(label="seed", precision=0, visible=False)
    fields = [*by_name.values(), wait]
    priced = [by_name[name] for name in form.PRICED]
    key = [] if mcp else [api_key]
    nobody = gr.Button(visible=False)
    # `VideoRequest` checks the values as they come; Gradio's own check would log a traceback.
    common["preprocess"] = False
    nobody.click(generate, [*fields, *key], [clip, facts], api_name="generate", **common)
    nobody.click(status, [generation_id, *key], facts, api_name="status", **common)
    nobody.click(resume, [generation_id, *key], [clip, facts], api_name="resume", **common)
    nobody.click(price, priced, facts, api_name="price", **common)
