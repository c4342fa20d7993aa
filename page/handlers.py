"""What happens on the page: each event's handler, from what the browser sends to what it shows.

`kept` is what the browser keeps: who the visitor is, the form, the job on the card, and the takes
in the grid.  Handlers that show jobs yield for the outputs in `app.build_page`'s `result`: status
card, player, download button, stop button, `kept`, the list of clips, the grid and what is under
the hood.  It follows jobs and drives none, and knows no layout.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

import gradio as gr

from backend import pricing, service, takes
from backend.jobs import Job
from backend.states import OFFER_CHANGED
from page import (
    clip_list,
    comparison,
    field_error,
    form,
    http_panel,
    price_label,
    status_card,
    takes_grid,
    texts,
    visitors,
)
from veo import explain
from veo_client import InvalidRequest, Refused, VeoClient, VeoError, VideoRequest

Kept = dict[str, Any]
Shown = tuple[Any, ...]


def mode(owner: str | None, balance: float | None = None) -> str:
    """Which service the page talks to and who pays, as HTML."""
    payer = service.payer_for(owner) if owner else service.payer_without_key()
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
    jobs = await service.the_jobs().of(owner)
    running = next((job for job in jobs if not job.is_over), None)
    before = next((job for job in jobs if job.id == kept.get("job")), None)
    job = before if before and not before.is_over else running or before
    if job and job.was_left:
        with suppress(VeoError):
            job = await service.the_jobs().look_again(job)
    if job:
        async for shown in show(job, kept, owner, request, picked=job.id not in kept["takes"]):
            yield shown
    else:
        # A generator that yields nothing would empty what it has for outputs.
        yield (*(gr.skip(),) * 4, kept, *await listed(kept, owner), gr.skip())


def restore_form(kept: Kept, request: gr.Request) -> Shown:
    """The form as it was, how many takes in what, and the id of the last request.

    A prompt that stands there already stays: it was typed, or is the draft that was kept.
    """
    kept, _ = entered(kept, request)
    values = kept.get("form")
    if not isinstance(values, list) or len(values) != len(form.FIELDS):
        values = [gr.skip()] * len(form.FIELDS)
    if kept.get("draft"):
        values = [gr.skip(), *values[1:]]
    asked = kept.get("asked")
    if asked not in [[count, differs] for count in takes_grid.COUNTS for differs in takes.DIFFERS]:
        asked = [gr.skip()] * 2
    return (*values, *asked, kept.get("generation_id", ""))


async def on_money(request: gr.Request, *inputs: Any) -> Shown:
    """What the button says, the line beside it, whose key is used, and what that offers."""
    *values, count, differs, kept = inputs
    kept, owner = entered(kept, request)
    try:
        wanted = VideoRequest("price", **dict(zip(form.PRICED, values, strict=True)))
        asked = takes.takes_of(wanted, count, differs)
    except InvalidRequest:  # the form says what is wrong with it
        return texts.GENERATE, "", gr.skip(), gr.skip()
    began = kept.get("visit_began")
    since = began if isinstance(began, int | float) else time.time()
    price, balance, visit = await asyncio.gather(
        pricing.price_of(asked, owner),
        pricing.balance_of(owner),
        service.the_jobs().spent(owner, since),
    )
    is_demo = service.payer_for(owner) == "demo"
    return (
        price_label.button(asked, price, is_demo=is_demo),
        price_label.note(price, visit, is_demo=is_demo),
        mode(owner, balance),
        pricing.offer_of(owner, price),
    )


async def on_generate(request: gr.Request, *inputs: Any) -> AsyncIterator[Shown]:
    """Begin the takes and show them, or say at its field what is wrong with the form.

    Gives what is wrong, too, after the values for `result`.
    """
    *values, _, _, _, _ = inputs
    try:
        wanted = form.request_from(*values)
    except InvalidRequest as error:
        yield (*(gr.skip(),) * 8, field_error.at_field(error))
        return
    nothing: Any = None
    async for shown in begin_takes(request, wanted, *inputs):
        yield (*shown, nothing)
        nothing = gr.skip()


async def begin_takes(
    request: gr.Request, wanted: VideoRequest, *inputs: Any
) -> AsyncIterator[Shown]:
    """The first take of `wanted` goes ahead, the rest follow once it is taken."""
    *values, count, differs, kept, offer = inputs
    kept, owner = entered(kept, request)
    service.the_jobs().following.stop(watcher(owner, request))
    spender = visitors.spender_of(owner, request)
    try:
        asked = takes.takes_of(wanted, count, differs)
        if not await pricing.holds(offer, asked, owner):
            yield (status_card.offer_changed(), *(gr.skip(),) * 6, http_panel.nothing())
            return
        job = await service.begin(asked[0], owner=owner, spender=spender, payer=offer["payer"])
    except VeoError as error:
        yield shown_error(error)
        return
    kept = {**kept, "form": values, "asked": [count, differs], "job": job.id, "takes": []}
    note = ""
    if len(asked) > 1:
        rest = service.begin_rest(job, asked[1:], owner=owner, spender=spender)
        kept = {**kept, "takes": [job.id]}
        card = status_card.of_job(job, has_clip=False)
        yield (card, "", no_download(), gr.skip(), kept, *await listed(kept, owner), gr.skip())
        others, refused = await asyncio.shield(rest)
        kept = {**kept, "takes": [job.id, *(each.id for each in others)]}
        note = sent_of(len(asked), 1 + len(others), refused)
    if len(asked) < count:
        note = note or texts.FEWER_VALUES.format(setting=texts.DIFFERS[differs], values=len(asked))
    async for shown in show(job, kept, owner, request, picked=False, note=note):
        yield shown


def check_id(generation_id: str, _: Kept) -> list[dict[str, Any]]:
    """Gradio's validator: a wrong id is told at its field, and what is on the card stays."""
    try:
        service.checked_id(generation_id)
    except InvalidRequest as error:
        return [gr.validate(False, str(error)), gr.validate(True, "")]
    return [gr.validate(True, "")] * 2


async def on_fetch(generation_id: str, kept: Kept, request: gr.Request) -> AsyncIterator[Shown]:
    kept, owner = entered(kept, request)
    service.the_jobs().following.stop(watcher(owner, request))
    # The service is asked before there is a job.
    yield (status_card.looking(), *(gr.skip(),) * 6, http_panel.nothing())
    try:
        spender = visitors.spender_of(owner, request)
        job = await service.look_for(generation_id, owner=owner, spender=spender)
    except VeoError as error:
        yield shown_error(error)
        return
    async for shown in show(job, kept, owner, request):
        yield shown


async def on_select(kept: Kept, event: gr.EventData, request: gr.Request) -> AsyncIterator[Shown]:
    """Put a clip of the list on the card."""
    kept, owner = entered(kept, request)
    service.the_jobs().following.stop(watcher(owner, request))
    if job := await chosen(event, owner):
        async for shown in show(job, kept, owner, request):
            yield shown
    else:
        yield shown_gone()


async def on_retry(kept: Kept, event: gr.EventData, request: gr.Request) -> AsyncIterator[Shown]:
    """Look again for a clip of the list; send again what may not have been taken."""
    kept, owner = entered(kept, request)
    service.the_jobs().following.stop(watcher(owner, request))
    job = await chosen(event, owner)
    try:
        if job and job.state == "uncertain" and job.request:
            spender, payer = visitors.spender_of(owner, request), job.entry.payer
            job = await service.begin(job.request, owner=owner, spender=spender, payer=payer)
        elif job:
            job = await service.the_jobs().look_again(job)
    except VeoError as error:
        yield shown_error(error)
        return
    if not job:
        yield shown_gone()
        return
    async for shown in show(job, kept, owner, request):
        yield shown


async def on_action(kept: Kept, event: gr.EventData, request: gr.Request) -> AsyncIterator[Shown]:
    """Do what a button of the card says: look again, or send the request once more, changed.

    Gives the form's values, too, after those for `result`.
    """
    kept, owner = entered(kept, request)
    service.the_jobs().following.stop(watcher(owner, request))
    job, action = await chosen(event, owner), str(getattr(event, "action", ""))
    values = as_it_is = [gr.skip()] * len(form.FIELDS)
    note = ""
    try:
        if job and job.request and action in explain.SENDING:
            # Only what the card offers: nothing that somebody else's program makes up.
            if action in status_card.in_words(job, has_clip=bool(clip_of(job))).actions:
                again = form.changed(job.request, action)
                offer: Any = getattr(event, "offer", None)
                if await pricing.holds(offer, [again], owner):
                    spender, payer = visitors.spender_of(owner, request), offer["payer"]
                    job = await service.begin(again, owner=owner, spender=spender, payer=payer)
                    values = form.values_of_change(action)
                    kept = {**kept, "takes": []}
                else:
                    note = f"{OFFER_CHANGED.title}. {OFFER_CHANGED.cost}"
        elif job:
            job = await service.the_jobs().look_again(job)
    except VeoError as error:
        yield (*shown_error(error), *as_it_is)
        return
    if not job:
        yield (*shown_gone(), *as_it_is)
        return
    async for shown in show(job, kept, owner, request, note=note):
        yield (*shown, *values)
        values = as_it_is  # what is typed meanwhile stays


async def on_edit(kept: Kept, event: gr.EventData, request: gr.Request) -> list[Any]:
    """The form with the settings of a clip of the list."""
    job = await chosen(event, entered(kept, request)[1])
    return form.values_from(job.request) if job and job.request else [gr.skip()] * len(form.FIELDS)


async def on_use_seed(kept: Kept, event: gr.EventData, request: gr.Request) -> Any:
    """The seed of a clip, for the form."""
    job = await chosen(event, entered(kept, request)[1])
    return str(job.request.seed) if job and job.request else gr.skip()


async def on_compare(kept: Kept, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
    """Two clips side by side, if both are this visitor's."""
    jobs = await owned(getattr(event, "jobs", None), entered(kept, request)[1])
    return comparison.side_by_side(jobs, service.the_shelf())


async def on_delete(kept: Kept, event: gr.EventData, request: gr.Request) -> Shown:
    """Delete a clip of the list, its files and what it was; an empty player if it was there."""
    kept, owner = entered(kept, request)
    job = await chosen(event, owner)
    on_card = job and await service.the_jobs().delete(job) and kept.get("job") == job.id
    emptied = (status_card.idle(), "", no_download()) if on_card else (gr.skip(),) * 3
    hood = http_panel.nothing() if on_card else gr.skip()
    return (*emptied, *await listed(kept, owner), hood)


async def on_focus(kept: Kept, request: gr.Request) -> Shown:
    return await listed(*entered(kept, request))


async def on_stop(kept: Kept, request: gr.Request) -> Shown:
    """Card, player, download and stop button once nobody follows the job; it goes on, or is over
    already.

    Gradio would cancel the following after this, and what it still told would stand on the card.
    """
    kept, owner = entered(kept, request)
    await service.the_jobs().following.stop_and_wait(watcher(owner, request))
    job = await service.the_jobs().get(str(kept.get("job", "")), owner)
    clip = clip_of(job) if job else None
    card = status_card.stopped(job, has_clip=bool(clip))
    return (card, *(playable(clip) if clip else (gr.skip(),) * 2), gr.Button(interactive=False))


async def on_key(text: str, kept: Kept, request: gr.Request) -> Shown:
    """Take a visitor's key for a while, after asking the service what it is worth.

    Gives the emptied box, a note, the line that says whose key is used, and what the browser keeps.
    """
    kept, owner = entered(kept, request)
    key = str(text or "").strip()
    if not key:
        return "", texts.KEY_EMPTY, gr.skip(), kept
    balance, note = None, texts.KEY_TAKEN
    try:
        client = VeoClient(key)
        balance = await service.briefly(service.ask(client.balance))
    except (InvalidRequest, Refused) as error:
        return "", html.escape(str(explain.explain_error(error))), mode(owner), kept
    except VeoError:
        note = texts.KEY_UNCHECKED
    await service.the_jobs().set_key(owner, client)
    return "", note, mode(owner, balance), kept


def on_forget_key(kept: Kept, request: gr.Request) -> Shown:
    """Forget a visitor's key at once: a note, and the line that says whose key is used."""
    _, owner = entered(kept, request)
    service.the_jobs().forget_key(owner)
    return texts.KEY_DROPPED, mode(owner)


def clip_of(job: Job) -> str | None:
    """The id of a finished job's clip, unless it was evicted."""
    is_there = job.state == "done" and service.the_shelf().file(job.entry.clip)
    return job.entry.clip if is_there else None


async def show(
    job: Job, kept: Kept, owner: str, request: gr.Request, *, picked: bool = True, note: str = ""
) -> AsyncIterator[Shown]:
    """The result side of the page each time `job` or a take in the grid changes.

    The card tells of `job` if it was picked; else of a take on its way, while the first that is
    done plays.
    """
    several = await owned(kept["takes"], owner)
    followed = several if job.id in [each.id for each in several] else [*several, job]
    states = list[str]()
    playing: str | None = ""  # no clip's: the first time, the player is set in any case
    shown_heard = may_stop = None
    following, viewer = service.the_jobs().following, watcher(owner, request)
    async with aclosing(following.follow(followed, viewer=viewer)) as changes:
        async for end in changes:
            told = job if picked else takes.job_to_show(followed)
            done = next((each for each in followed if each.state == "done"), told)
            played = told if picked else done
            clip = clip_of(played)
            was, states = states, [each.state for each in followed]
            rows = grid = gr.skip()
            if several or states != was:
                rows, grid = await listed(kept, owner, told)
            if end.done():
                yield (gr.skip(),) * 8
                return
            if states == was:
                rows = gr.skip()
            heard = service.the_jobs().recent_http.of(told.id)
            hood = gr.skip() if (told.id, heard) == shown_heard else http_panel.of_job(told, heard)
            shown_heard = told.id, heard
            stoppable = any(each.generation_id and not each.is_over for each in followed)
            card = status_card.of_job(told, has_clip=bool(clip_of(told)))
            card["actions"] = await priced(card["actions"], told, owner)
            yield (
                takes_grid.on_card(card, told, several, note),
                *(playable(clip) if clip != playing else (gr.skip(),) * 2),
                gr.Button(interactive=stoppable) if stoppable != may_stop else gr.skip(),
                {**kept, "job": told.id, "generation_id": told.generation_id or ""},
                rows,
                grid,
                hood,
            )
            playing, may_stop = clip, stoppable


async def priced(actions: list[list[Any]], job: Job, owner: str) -> list[list[Any]]:
    """The buttons of a card; those that send say what that costs now, and are held to it."""
    with_prices = list[list[Any]]()
    for action, label in actions:
        if action in explain.SENDING and job.request:
            price = await pricing.price_of([form.changed(job.request, action)], owner)
            said = f"{label} ({explain.dollars(price)})"
            with_prices.append([action, said, pricing.offer_of(owner, price)])
        else:
            with_prices.append([action, label])
    return with_prices


def playable(clip_id: str | None) -> Shown:
    """Player and download button."""
    if clip_id is None:
        return "", no_download()
    storage = service.the_shelf()
    download = gr.DownloadButton(value=str(storage.file(clip_id)), interactive=True)
    return storage.address(clip_id), download


async def listed(kept: Kept, owner: str, on_card: Job | None = None) -> Shown:
    """The list of clips and the grid."""
    jobs, shelf = await service.the_jobs().of(owner), service.the_shelf()
    by_id = {job.id: job for job in jobs}
    several = [by_id[each] for each in kept["takes"] if each in by_id]
    return clip_list.rows(jobs, shelf), takes_grid.rows(several, shelf, on_card=on_card)


async def owned(ids: object, owner: str) -> list[Job]:
    """The jobs of `ids` that are this visitor's, of as many as one click begins."""
    sought = [str(each) for each in ids[: takes.MOST]] if isinstance(ids, list) else []
    found = [await service.the_jobs().get(each, owner) for each in sought]
    return [job for job in found if job]


def sent_of(asked: int, sent: int, error: VeoError | None) -> str:
    """A note when not every take was sent."""
    if error:
        reason = explain.explain_error(error).what_happened
        return texts.SOME_SENT.format(sent=sent, count=asked, reason=reason)
    return texts.NOT_SENT if sent < asked else ""


def entered(kept: Kept, request: gr.Request) -> tuple[Kept, str]:
    """What the browser keeps, with who the visitor is, and under which name their jobs stand."""
    kept = of_known_size(kept) if isinstance(kept, dict) else {}
    kept["visitor"] = visitors.known(kept.get("visitor"))
    kept["takes"] = [str(each) for each in kept.get("takes", [])]
    return kept, visitors.owner_of(kept["visitor"], request)


KEPT_TEXTS = {"visitor": 64, "job": 64, "generation_id": service.LONGEST_ID}
KEPT_LISTS = {"takes": (takes.MOST, 256), "asked": (2, 64), "form": (len(form.FIELDS), 9_000)}
"""How many values, of how many characters in all; two of the form's are prompts of 4,000."""


def of_known_size(kept: Kept) -> Kept:
    """What a page of ours keeps, and nothing else: it goes out again with each answer."""
    said = {name: kept.get(name) for name in KEPT_TEXTS}
    lists = {name: kept.get(name) for name in KEPT_LISTS}
    return {
        **{name: kept[name] for name in ("draft", "visit_began") if _is_number(kept.get(name))},
        **{name: text for name, text in said.items() if _is_text(text, KEPT_TEXTS[name])},
        **{name: values for name, values in lists.items() if _is_list(values, *KEPT_LISTS[name])},
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**53


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest


def _is_list(value: object, most: int, longest: int) -> bool:
    if not isinstance(value, list) or len(value) > most:
        return False
    plain = (each is None or _is_number(each) or _is_text(each, longest) for each in value)
    return all(plain) and sum(len(str(each)) for each in value) <= longest


def watcher(owner: str, request: gr.Request) -> tuple[str, str | None]:
    """Who looks at the card: one page in one tab."""
    return owner, request.session_hash


async def chosen(event: gr.EventData, owner: str) -> Job | None:
    """The job whose button was pressed, if it is this visitor's."""
    return await service.the_jobs().get(str(getattr(event, "job", "")), owner)


def shown_error(error: VeoError) -> Shown:
    return (status_card.of_error(error), *(gr.skip(),) * 6, http_panel.nothing())


def shown_gone() -> Shown:
    return (status_card.gone(), *(gr.skip(),) * 6, http_panel.nothing())


def key_kept() -> str:
    minutes = round(service.the_settings().key_seconds / 60)
    how_long = "an hour" if minutes == 60 else f"{minutes} minutes"
    return texts.KEY_INFO.format(how_long=how_long)


def no_download() -> gr.DownloadButton:
    return gr.DownloadButton(value=None, interactive=False)
