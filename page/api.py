"""What programs and agents may call: four named endpoints, with the form's fields and defaults.

They go the page's way to a job and wait for its end; nothing here knows HTTP.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import gradio as gr

from backend.jobs import ONE_CALL, Job
from backend.service import LARGEST, Service, checked_id
from page import form
from page.gradio_patches.queue import has_gone
from page.visitors import VISITOR_ID_HEADER, is_known, owner_of, quota_key_of
from veo import explain
from veo_client import InvalidRequest, TookTooLong, VeoClient, VeoError

Answer = TypeVar("Answer")

KEY_HEADER = "x-aimlapi-key"
"""Where a program may put its key; an agent's must be there, out of the model's sight."""

GONE_AFTER = 0.5
"""Seconds between two looks at whether a caller is there."""


class Api:
    """The endpoints of one page; each answers to the parameters of its method."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def generate(
        self,
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
        image_url: str | None = None,
        last_image_url: str | None = None,
        image_urls: str | list[str] | None = None,
        video_url: str | None = None,
        last_frame_of: str | None = None,
        extend: str | None = None,
        person_generation: str | None = None,
        provider: str | None = None,
        task: str | None = None,
    ) -> tuple[str | None, dict[str, Any]]:
        """Make one clip.  This costs money unless the page runs in demo mode; it is never sent twice.

        An error names the next step, and the id when there is one.

        Parameters:
            prompt: What to film: subject, action, scene, camera, light, sound.
            model: The faster one costs less; unless told, it follows from the pictures or the clip that are given.
            aspect_ratio: 16:9 or 9:16.
            duration: Seconds: 4, 6 or 8.
            resolution: 720p or 1080p.
            generate_audio: Whether the clip has sound.
            negative_prompt: What to avoid, as nouns.
            seed: A whole number from 0 to 4294967295; the same prompt and seed give nearly the same clip.
            enhance_prompt: Whether the service may add to the prompt; Veo 3.1 may refuse requests with this off.
            auto_fix: Whether a prompt that the content policy refuses is rewritten.
            wait: Whether to wait for the clip, about two minutes, or only for its id.
            api_key: An AI/ML API key of your own; better in the header x-aimlapi-key.
            image_url: A picture to begin with: an https address, or a name that POST /pictures gave.
            last_image_url: A picture to end with; it needs one to begin with.
            image_urls: Up to three pictures of who and what is to be seen, with a space between two, or as a list.
            video_url: The https address of a clip to go on from.
            last_frame_of: The id of a clip whose last frame to begin with.
            extend: The id of a clip to go on from; 7 seconds come to it.
            person_generation: Whether people may be shown: dont_allow or allow_adult; few models take it.
            provider: Who makes it: auto, google or fal.
            task: Follows from what is given; only edit, which changes the clip at video_url, must be said.

        Returns:
            The clip's file, none without wait.
            Facts: width, height (pixels), frame_rate (1/s), duration (s), frames, sound,
            size (bytes), generation_id, demo, request, usd, usd_is_charged (false while usd is the
            price list's word); without wait the last five.
        """  # noqa: E501  # Gradio reads a line for each parameter
        async with self._caller(request, api_key) as owner:
            quota_key = quota_key_of(owner, request)
            if extend:
                _only_one("extend", video_url=video_url, last_frame_of=last_frame_of)
                video_url = await self._service.clip_to_continue(extend, owner)
            if last_frame_of:
                _only_one("last_frame_of", image_url=image_url)
                image_url = await self._last_frame(request, last_frame_of, owner, api_key)
            wanted = form.request_of_program(
                prompt=prompt,
                model=model,
                aspect_ratio=aspect_ratio,
                duration=duration,
                resolution=resolution,
                generate_audio=generate_audio,
                negative_prompt=negative_prompt,
                seed=seed,
                enhance_prompt=enhance_prompt,
                auto_fix=auto_fix,
                image_url=image_url,
                last_image_url=last_image_url,
                image_urls=image_urls.split() if isinstance(image_urls, str) else image_urls,
                video_url=video_url,
                person_generation=person_generation,
                provider=provider,
                task=task,
            )
            job = await self._service.begin(wanted, owner=owner, quota_key=quota_key)
            return await self._finished(job) if wait else await wait_for_id(job)

    async def status(
        self, request: gr.Request, generation_id: str, api_key: str | None = None
    ) -> dict[str, Any]:
        """Look once at an earlier request, by its id, without waiting; it costs nothing.

        Parameters:
            generation_id: The id that generate or the service gave.

        Returns:
            generation_id, status as the service says it (queued, generating, completed, or another
            word of its own), and error, null if there is none.
        """
        async with self._caller(request, api_key) as owner:
            seen = await self._service.jobs.look(
                checked_id(generation_id),
                owner=owner,
                payer=self._service.payer_for(owner),
                quota_key=quota_key_of(owner, request),
            )
            return {
                "generation_id": seen.generation_id,
                "status": seen.status,
                "error": seen.error,
            }

    async def resume(
        self, request: gr.Request, generation_id: str, api_key: str | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Wait for the clip of an earlier request, by its id, and fetch it; it costs nothing more.

        Parameters:
            generation_id: The id that generate or the service gave.

        Returns:
            What generate returns, with request null.
        """
        async with self._caller(request, api_key) as owner:
            quota_key = quota_key_of(owner, request)
            job = await self._service.look_for(generation_id, owner=owner, quota_key=quota_key)
            return await unless_gone(request, self._finished(job))

    async def price(
        self, request: gr.Request, model: str, duration: int, resolution: str, generate_audio: bool
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
        async with self._caller(request, None) as owner:
            settings = form.without_defaults(
                model=model,
                duration=duration,
                resolution=resolution,
                generate_audio=generate_audio,
            )
            wanted = form.request_to_price(**settings)
            offer = await self._service.offer_for([wanted], owner)
            return {"usd": offer.dollars, "text": explain.dollars(offer.dollars)}

    async def _last_frame(
        self, request: gr.Request, some_id: str, owner: str, api_key: str | None
    ) -> str:
        """The name of the last frame of the caller's own clip, or of one that is fetched for it."""
        keep, quota_key = self._service.keep_frame, quota_key_of(owner, request)
        if await self._service.job_of(some_id, owner):
            return await keep(some_id, owner=owner, quota_key=quota_key)
        # As an owner of its own, whose key is forgotten once it is fetched.
        async with self._keyed(new_owner(), request, api_key) as fetching:
            job = await self._service.look_for(some_id, owner=fetching, quota_key=quota_key)
            await unless_gone(request, self._finished(job))
            content = await self._service.frame_of(job.id, fetching)
        return await self._service.keep_picture(
            lambda: content, owner=owner, quota_key=quota_key, resolution=LARGEST, is_reference=True
        )

    @asynccontextmanager
    async def _caller(self, request: gr.Request, api_key: str | None) -> AsyncIterator[str]:
        """Who calls, with the key that came with the call; errors become Gradio's.

        Who tells a visitor's id is that visitor, and may name their pictures and clips; else there
        is an owner for this call alone.
        """
        told = request.headers.get(VISITOR_ID_HEADER)
        owner = owner_of(told, request) if is_known(told) else new_owner()
        try:
            async with self._keyed(owner, request, api_key):
                yield owner
        except VeoError as error:
            # In no variable of ours: it would stand in a circle with this frame, and hold the call.
            raise to_gradio_error(error) from None

    @asynccontextmanager
    async def _keyed(
        self, owner: str, request: gr.Request, api_key: str | None
    ) -> AsyncIterator[str]:
        """`owner` with the key that came with the call, if one did.

        While its job goes on, or if the caller hangs up, the key is forgotten as any visitor's is.
        """
        key = api_key or request.headers.get(KEY_HEADER)
        if key:
            await self._service.jobs.set_key(owner, VeoClient(key))
        try:
            yield owner
        except VeoError:
            if key:
                self._forget_key_of(owner)
            raise
        if key:
            self._forget_key_of(owner)

    def _forget_key_of(self, owner: str) -> None:
        if not self._service.jobs.has_unfinished(owner):
            self._service.jobs.forget_key(owner)

    async def _finished(self, job: Job) -> tuple[str, dict[str, Any]]:
        """The clip of `job` and its facts, once it is over."""
        async for _ in job.follow():
            pass
        clip, facts = self._service.storage.to_give(job.entry.clip), job.facts
        if job.error or not clip or not facts:
            raise job.error or TookTooLong("We stopped looking.", generation_id=job.generation_id)
        return clip, asdict(facts) | _about(job)


async def wait_for_id(job: Job) -> tuple[None, dict[str, Any]]:
    """No clip yet, and what is known of `job` once the service has taken it."""
    async for _ in job.follow():
        if job.generation_id:
            return None, _about(job)
    raise job.error or TookTooLong("We stopped looking.", generation_id=job.generation_id)


async def unless_gone(request: gr.Request, answer: Coroutine[Any, Any, Answer]) -> Answer:
    """What `answer` gives, for as long as its caller is there: Gradio lets a handler run on though
    nobody waits for it any more."""
    answering = asyncio.create_task(answer)
    try:
        while not answering.done():
            if await has_gone(request):
                raise TookTooLong("Nobody waits for the answer any more.")
            await asyncio.wait([answering], timeout=GONE_AFTER)
        return answering.result()
    finally:
        answering.cancel()


def new_owner() -> str:
    return f"{ONE_CALL}{secrets.token_urlsafe(16)}"


def _only_one(name: str, **others: object) -> None:
    """Raise `InvalidRequest` if another field says already what `name` does."""
    if given := [other for other, value in others.items() if value]:
        raise InvalidRequest(f"Give {name} or {given[0]}, and not both.", field=name)


def _about(job: Job) -> dict[str, Any]:
    return {
        "generation_id": job.generation_id,
        "demo": job.is_demo,
        "request": job.entry.request,
        "usd": job.entry.dollars,
        "usd_is_charged": job.cost_is_told,
    }


def to_gradio_error(error: VeoError) -> gr.Error:
    """`error` for Gradio: our words, and no traceback in the log."""
    explained = explain.explain_error(error)
    with_id = f" id: {error.generation_id}" if error.generation_id else ""
    return gr.Error(f"{explained}{with_id}", title=explained.title, print_exception=False)


def add(
    api: Api, widgets: Mapping[str, gr.components.Component], *, mcp: bool, **common: Any
) -> None:
    """Add the endpoints to the page being built; programs alone see them.

    With `mcp`, agents see them as tools.  Those get no parameter for a key, for a model would
    have to be told it, and do not wait by default, for few agents do for two minutes.
    """
    api_key = gr.Textbox(label="api_key", type="password", visible=False)
    generation_id = gr.Textbox(label="generation_id", visible=False)
    wait = gr.Checkbox(value=not mcp, label="wait", visible=False)
    clip = gr.File(label="clip", visible=False)
    facts = gr.JSON(label="facts", visible=False)
    by_name = {**widgets}
    # Gradio calls a radio's value a text, and an agent is then refused its number.
    by_name["duration"] = gr.Number(8, label="duration", precision=0, visible=False)
    by_name["seed"] = gr.Number(label="seed", precision=0, visible=False)
    given = [gr.Textbox(label=name, visible=False) for name in form.OF_PROGRAMS]
    fields = [*by_name.values(), wait]
    priced = [by_name[name] for name in form.PRICED]
    key = [] if mcp else [api_key]
    nobody = gr.Button(visible=False)
    # `VideoRequest` checks the values as they come; Gradio's own check would log a traceback.
    common["preprocess"] = False
    generate = _without_key(api.generate) if mcp else api.generate
    nobody.click(generate, [*fields, *key, *given], [clip, facts], api_name="generate", **common)
    nobody.click(api.status, [generation_id, *key], facts, api_name="status", **common)
    nobody.click(api.resume, [generation_id, *key], [clip, facts], api_name="resume", **common)
    nobody.click(api.price, priced, facts, api_name="price", **common)


def _without_key(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The same endpoint without the parameter for a key, which may stand before others."""
    takes = inspect.signature(endpoint)
    others = [each for name, each in takes.parameters.items() if name != "api_key"]

    @functools.wraps(endpoint)
    async def without(request: gr.Request, *values: Any) -> Any:
        named = zip([each.name for each in others[1:]], values, strict=False)
        return await endpoint(request, **dict(named))

    without.__signature__ = takes.replace(parameters=others)  # type: ignore[attr-defined]
    return without
