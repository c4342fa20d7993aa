"""What programs may call: three named endpoints, with the form's own fields and defaults.

They go the page's way to a job and wait for its end; nothing here knows HTTP.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import gradio as gr

import words
from jobs import Job
from page import form, server
from page.visitors import spender_of
from veo_client import TookTooLong, VeoClient, VeoError, VideoRequest


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
    api_key: str | None = None,
) -> tuple[str, dict[str, Any]]:
    """Make one clip.  This costs money unless the page runs in demo mode; it is never sent twice.

    Takes the request's fields by the service's names, all but `prompt` optional, and `api_key`.
    Returns the finished clip's file and its facts: width, height (pixels), frame_rate (1/s),
    duration (s), frames, sound, size (bytes), generation_id, demo, request.  An error names the
    next step, and the id when there is one.
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
    async with a_program(api_key) as owner:
        spender = spender_of(owner, request)
        job = await server.begin(form.request_from(*values), owner=owner, spender=spender)
        return await finished(job)


async def resume(generation_id: str, api_key: str | None = None) -> tuple[str, dict[str, Any]]:
    """Fetch the clip of an earlier request by its id; it costs nothing more.

    Returns what `/generate` returns, with `request` null.
    """
    async with a_program(api_key) as owner:
        return await finished(await server.look_for(generation_id, owner=owner))


async def price(model: str, duration: int, resolution: str, generate_audio: bool) -> dict[str, Any]:
    """What a clip would cost by the service's own price list.

    Returns `usd`, a number, or null when the list does not tell, and `text`.
    """
    async with a_program(None) as owner:
        request = VideoRequest(
            "price",
            model=model,
            duration=duration,
            resolution=resolution,
            generate_audio=generate_audio,
        )
        client = server.the_jobs().client_for(owner, server.payer_for(owner))
        usd = await server.dollars_for(client, request)
        return {"usd": usd, "text": words.dollars(usd)}


@asynccontextmanager
async def a_program(api_key: str | None) -> AsyncIterator[str]:
    """An owner for one call, with its own key if it brought one; errors become Gradio's.

    If the caller hangs up, the job goes on, and its key is forgotten as any visitor's is.
    """
    owner = f"program:{secrets.token_urlsafe(16)}"
    jobs = server.the_jobs()
    try:
        if api_key:
            await jobs.bring_key(owner, VeoClient(api_key))
        yield owner
    except VeoError as error:
        jobs.drop_key(owner)
        raise spoken(error) from None
    jobs.drop_key(owner)


async def finished(job: Job) -> tuple[str, dict[str, Any]]:
    """The clip of `job` and its facts, once it is over."""
    async for _ in job.follow():
        pass
    clip, facts = server.the_shelf().clip(job.entry.clip), job.facts
    if job.error or not clip or not facts:
        raise job.error or TookTooLong("Stopped looking.", generation_id=job.generation_id)
    about = {"generation_id": job.generation_id, "demo": job.is_demo, "request": job.entry.request}
    return str(clip), asdict(facts) | about


def spoken(error: VeoError) -> gr.Error:
    """`error` for Gradio: our words, and no traceback in the log."""
    explained = words.of_error(error)
    with_id = f" id: {error.generation_id}" if error.generation_id else ""
    return gr.Error(f"{explained}{with_id}", title=explained.title, print_exception=False)


def add(widgets: list[gr.components.Component], **common: Any) -> None:
    """Add the endpoints to the page being built; programs alone see them."""
    api_key = gr.Textbox(label="api_key", type="password", visible=False)
    generation_id = gr.Textbox(label="generation_id", visible=False)
    clip = gr.File(label="clip", visible=False)
    facts = gr.JSON(label="facts", visible=False)
    by_name = dict(zip(form.FIELDS, widgets, strict=True))
    by_name["seed"] = gr.Number(label="seed", precision=0, visible=False)
    priced = [by_name[name] for name in form.PRICED]
    fields = [*by_name.values(), api_key]
    nobody = gr.Button(visible=False)
    # `VideoRequest` checks the values as they come; Gradio's own check would log a traceback.
    common["preprocess"] = False
    nobody.click(generate, fields, [clip, facts], api_name="generate", **common)
    nobody.click(resume, [generation_id, api_key], [clip, facts], api_name="resume", **common)
    nobody.click(price, priced, facts, api_name="price", **common)
