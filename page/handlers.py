"""What happens on the page: each event's handler, from what the browser sends to what it shows.

`kept` is what the browser keeps: who the visitor is, the form, and the job on the card.  Handlers
that show a job yield for the outputs in `app.build_page`'s `result`: status card, video, download
button, stop button, `kept`, the list of clips and what is under the hood.  It follows jobs and
drives none, and knows no layout.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

import words
from jobs import Job
from page import exchanges, form, money, my_clips, server, status_card, texts, visitors
from veo_client import InvalidRequest, Refused, VeoClient, VeoError, VideoRequest

Kept = dict[str, Any]
Shown = tuple[Any, ...]


def mode(owner: str | None, balance: float | None = None) -> str:
    """Which service the page talks to and who pays, as Markdown."""
    payer = server.payer_for(owner) if owner else server.payer_without_key()
    left = "" if balance is None else texts.LEFT.format(balance=balance)
    if payer == "visitor":
        return texts.VISITOR_MODE.format(left=left)
    if payer == "server":
        return texts.SERVER_MODE.format(left=left)
    return texts.DEMO_MODE


async def on_load(kept: Kept, request: gr.Request) -> AsyncIterator[Shown]:
    """After a reload, in a second tab, after a restart: the visitor's clips, and the job on the
    card where it is now."""
    kept, owner = entered(kept, request)
    jobs = await server.the_jobs().of(owner)
    running = next((job for job in jobs if not job.is_over), None)
    before = next((job for job in jobs if job.id == kept.get("job")), None)
    job = before if before and not before.is_over else running or before
    if job:
        async for shown in show(job, kept, owner):
            yield shown
    else:
        # A generator that yields nothing would empty what it has for outputs.
        yield (*(gr.skip(),) * 4, kept, my_clips.rows(jobs, server.the_shelf()), gr.skip())


def restore_form(kept: Kept, request: gr.Request) -> Shown:
    """The form as it was, and the id of the last request."""
    kept, _ = entered(kept, request)
    values = kept.get("form")
    if not isinstance(values, list) or len(values) != len(form.FIELDS):
        values = [gr.skip()] * len(form.FIELDS)
    return (*values, kept.get("generation_id", ""))


async def on_money(request: gr.Request, *inputs: Any) -> Shown:
    """What the button says, the line beside it, and whose key is used."""
    *values, kept = inputs
    kept, owner = entered(kept, request)
    try:
        wanted = VideoRequest("price", **dict(zip(form.PRICED, values, strict=True)))
    except InvalidRequest:  # the form says what is wrong with it
        return texts.GENERATE, "", gr.skip()
    price, balance, jobs = await asyncio.gather(
        money.price_of([wanted], owner), money.balance_of(owner), server.the_jobs().of(owner)
    )
    is_demo = server.payer_for(owner) == "demo"
    began = kept.get("visit_began")
    visit = money.spent(jobs, began if isinstance(began, int | float) else time.time())
    return (
        money.button([wanted], price, is_demo=is_demo),
        money.note(price, visit, is_demo=is_demo),
        mode(owner, balance),
    )


async def on_generate(request: gr.Request, *inputs: Any) -> AsyncIterator[Shown]:
    *values, kept = inputs
    kept, owner = entered(kept, request)
    try:
        job = await server.begin(
            form.request_from(*values), owner=owner, spender=visitors.spender_of(owner, request)
        )
    except VeoError as error:
        yield shown_error(error)
        return
    async for shown in show(job, {**kept, "form": values}, owner):
        yield shown


async def on_fetch(generation_id: str, kept: Kept, request: gr.Request) -> AsyncIterator[Shown]:
    kept, owner = entered(kept, request)
    try:
        job = await server.look_for(generation_id, owner=owner)
    except VeoError as error:
        yield shown_error(error)
        return
    async for shown in show(job, kept, owner):
        yield shown


async def on_select(kept: Kept, event: gr.EventData, request: gr.Request) -> AsyncIterator[Shown]:
    """Put a clip of the list on the card."""
    kept, owner = entered(kept, request)
    if job := await chosen(event, owner):
        async for shown in show(job, kept, owner):
            yield shown
    else:
        yield shown_gone()


async def on_retry(kept: Kept, event: gr.EventData, request: gr.Request) -> AsyncIterator[Shown]:
    """Look again for a clip of the list; send again what may not have been taken."""
    kept, owner = entered(kept, request)
    job = await chosen(event, owner)
    try:
        if job and job.state == "uncertain" and job.request:
            spender = visitors.spender_of(owner, request)
            job = await server.begin(job.request, owner=owner, spender=spender)
        elif job:
            job = await server.the_jobs().look_again(job)
    except VeoError as error:
        yield shown_error(error)
        return
    if not job:
        yield shown_gone()
        return
    async for shown in show(job, kept, owner):
        yield shown


async def on_edit(kept: Kept, event: gr.EventData, request: gr.Request) -> list[Any]:
    """The form with the settings of a clip of the list."""
    job = await chosen(event, entered(kept, request)[1])
    return form.values_from(job.request) if job and job.request else [gr.skip()] * len(form.FIELDS)


async def on_delete(kept: Kept, event: gr.EventData, request: gr.Request) -> Shown:
    """Delete a clip of the list, its files and what it was; an empty player if it was there."""
    kept, owner = entered(kept, request)
    job = await chosen(event, owner)
    on_card = job and await server.the_jobs().delete(job) and kept.get("job") == job.id
    emptied = (status_card.idle(), None, no_download()) if on_card else (gr.skip(),) * 3
    hood = exchanges.nothing() if on_card else gr.skip()
    return (*emptied, await listed(owner), hood)


async def on_focus(kept: Kept, request: gr.Request) -> list[dict[str, Any]]:
    return await listed(entered(kept, request)[1])


def on_stop(kept: Kept) -> Shown:
    """The card once nobody follows the job any more; the job goes on."""
    generation_id = kept.get("generation_id") if isinstance(kept, dict) else None
    return status_card.stopped(generation_id), gr.Button(interactive=False)


async def on_key(text: str, kept: Kept, request: gr.Request) -> Shown:
    """Take a visitor's key for a while, after asking the service what it is worth.

    Gives the emptied box, a note, the line that says whose key is used, and what the browser keeps.
    """
    kept, owner = entered(kept, request)
    key, jobs = str(text or "").strip(), server.the_jobs()
    if not key:
        jobs.drop_key(owner)
        return "", texts.KEY_DROPPED, mode(owner), kept
    balance, note = None, texts.KEY_TAKEN
    try:
        client = VeoClient(key)
        balance = await asyncio.to_thread(client.balance)
    except (InvalidRequest, Refused) as error:
        return "", html.escape(str(words.of_error(error))), mode(owner), kept
    except VeoError:
        note = texts.KEY_UNCHECKED
    await jobs.bring_key(owner, client)
    return "", note, mode(owner, balance), kept


async def show(job: Job, kept: Kept, owner: str) -> AsyncIterator[Shown]:
    """The result side of the page each time `job` changes."""
    listed_state = shown_heard = None
    async for _ in job.follow():
        clip = server.the_shelf().clip(job.entry.clip) if job.state == "done" else None
        rows = gr.skip() if job.state == listed_state else await listed(owner)
        heard = server.the_jobs().exchanges.of(job.id)
        hood = gr.skip() if heard == shown_heard else exchanges.of_job(job, heard)
        listed_state, shown_heard = job.state, heard
        yield (
            status_card.of_job(job),
            str(clip) if clip else None,
            gr.DownloadButton(value=str(clip), interactive=True) if clip else no_download(),
            gr.Button(interactive=bool(job.generation_id) and not job.is_over),
            {**kept, "job": job.id, "generation_id": job.generation_id or ""},
            rows,
            hood,
        )


async def listed(owner: str) -> list[dict[str, Any]]:
    return my_clips.rows(await server.the_jobs().of(owner), server.the_shelf())


def entered(kept: Kept, request: gr.Request) -> tuple[Kept, str]:
    """What the browser keeps, with who the visitor is, and under which name their jobs stand."""
    kept = kept if isinstance(kept, dict) else {}
    kept = {**kept, "visitor": visitors.known(kept.get("visitor"))}
    return kept, visitors.owner_of(kept["visitor"], request)


async def chosen(event: gr.EventData, owner: str) -> Job | None:
    """The job whose button was pressed, if it is this visitor's."""
    return await server.the_jobs().get(str(getattr(event, "job", "")), owner)


def shown_error(error: VeoError) -> Shown:
    return (status_card.of_error(error), *(gr.skip(),) * 5, exchanges.nothing())


def shown_gone() -> Shown:
    return (status_card.gone(), *(gr.skip(),) * 5, exchanges.nothing())


def key_kept() -> str:
    minutes = round(server.the_settings().key_seconds / 60)
    how_long = "an hour" if minutes == 60 else f"{minutes} minutes"
    return texts.KEY_INFO.format(how_long=how_long)


def no_download() -> gr.DownloadButton:
    return gr.DownloadButton(value=None, interactive=False)
