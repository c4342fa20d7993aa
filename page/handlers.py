"""What happens on the page: each event's handler, from what the browser sends to what it shows.

A handler gets its inputs by the names of `page.view.Parts` and gives a `View`.  Handlers follow
jobs and drive none; they know no layout.
"""

from __future__ import annotations

import asyncio
import html
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import gradio as gr

from backend import takes
from backend.jobs import Job
from backend.ledger import OutOfReach, Sought
from backend.pricing import Offer, OfferChanged
from backend.service import Service, checked_id
from backend.states import OFFER_CHANGED
from page import (
    chips,
    code_panel,
    comparison,
    download,
    field_error,
    file_name,
    form,
    http_panel,
    price_label,
    rehearsal,
    slots,
    status_card,
    strip,
    texts,
)
from page.view import UNCHANGED, Parts, View
from page.visitors import BrowserState, Visitor, identify
from veo import explain
from veo.models import INPUTS
from veo.settings import key_in
from veo.types import read_number
from veo_client import InvalidRequest, Refused, VeoClient, VeoError, VideoRequest

_log = logging.getLogger(__name__)

MOST_CHOSEN = 1000
"""Clips that are deleted at once."""

Changed = dict[Any, Any]
"""What Gradio changes: new values by component."""


class Handlers:
    """The handlers of one page.  Gradio looks at their parameters: those of its own, `request` and
    `event`, come first, and the rest by name."""

    def __init__(self, service: Service, parts: Parts) -> None:
        self._service = service
        self._parts = parts

    async def on_load(
        self, request: gr.Request, *, browser_state: BrowserState
    ) -> AsyncIterator[Changed]:
        """After a reload, in a second tab, after a restart: the visitor's clips, and the job on the
        card where it is now."""
        visitor = identify(browser_state, request)
        running = await self._running_of(visitor)
        job_id = str(visitor.browser_state.get("job", ""))
        before = await self._service.jobs.get(job_id, visitor.owner)
        job = before if before and not before.is_over else running or before
        if job and job.was_left:
            with suppress(VeoError):
                job = await self._service.jobs.look_again(job)
        if job:
            picked = job.id not in visitor.browser_state["takes"]
            async for view in self._follow(job, visitor, picked=picked):
                yield view.of(self._parts)
        else:
            # A generator that yields nothing would empty what it has for outputs.
            view = View(browser_state=visitor.browser_state)
            yield (await self._with_strip(view, visitor)).of(self._parts)

    def restore_form(self, request: gr.Request, *, browser_state: BrowserState) -> Changed:
        """The form as it was, how many takes in what, and the id of the last request.

        A prompt that stands there already stays: it was typed, or is the draft that was kept.
        """
        state = identify(browser_state, request).browser_state
        values = form.kept(state.get("form"))
        if state.get("draft"):
            values.pop("prompt", None)
        view = View(generation_id=state.get("generation_id", ""), form=values)
        if asked := chips.kept_takes(state.get("asked")):
            view = replace(view, count=asked[0], differs=asked[1])
        return view.of(self._parts)

    async def on_money(
        self,
        request: gr.Request,
        *,
        count: int,
        differs: str,
        browser_state: BrowserState,
        pictures: str = "",
        **priced: Any,
    ) -> Changed:
        """What the button says, the line beside it, whose key is used, and what that offers."""
        visitor = identify(browser_state, request)
        try:
            wanted = form.request_to_price(**priced, pictures=pictures)
            asked = takes.takes_of(wanted, count, differs)
        except InvalidRequest:  # the form says what is wrong with it
            return View(generate=texts.GENERATE, cost="").of(self._parts)
        began = visitor.browser_state.get("visit_began")
        since = began if isinstance(began, int | float) else time.time()
        offer, balance, visit = await asyncio.gather(
            self._service.offer_for(asked, visitor.owner),
            self._service.balance_of(visitor.owner),
            self._service.jobs.spent(visitor.owner, since),
        )
        is_demo, gone = offer.payer == "demo", self._service.models_gone(visitor.owner)
        small = rehearsal.of(asked[0])
        less = await self._service.offer_for([small], visitor.owner) if small else None
        return View(
            generate=price_label.button(
                asked, offer.dollars, is_demo=is_demo, continues=slots.continues(pictures)
            ),
            cost=price_label.price_note(
                offer.dollars,
                visit,
                is_demo=is_demo,
                takes=len(asked),
                is_guest=self._service.pays_for_a_guest(offer.payer),
            ),
            mode=self._mode(visitor, balance),
            offer=offer.as_dict() | {"rehearsal": less.as_dict() if less else None},
            rehearse=price_label.rehearse(less),
            chips={"gone": sorted(gone)} if gone else UNCHANGED,
        ).of(self._parts)

    async def on_chip(
        self,
        request: gr.Request,
        event: gr.EventData,
        *,
        browser_state: BrowserState,
        **values: Any,
    ) -> Changed:
        """What each choice of the opened chip would cost more or less."""
        owner = identify(browser_state, request).owner
        found = await chips.differences(
            getattr(event, "field", None),
            lambda asked: self._service.offer_for(asked, owner),
            **values,
        )
        return View(chips=found).of(self._parts)

    async def on_generate(
        self, request: gr.Request, *, offer: object, **pressed: Any
    ) -> AsyncIterator[Changed]:
        """Begin the takes and show them, or say at its field what is wrong with the form."""
        async for changed in self._press(request, Offer.from_untrusted(offer), **pressed):
            yield changed

    async def on_rehearse(
        self, request: gr.Request, *, offer: object, **pressed: Any
    ) -> AsyncIterator[Changed]:
        """Begin a rehearsal of the form; the browser keeps how it is filmed properly."""
        told = offer.get("rehearsal") if isinstance(offer, dict) else None
        of_it = Offer.from_untrusted(told)
        async for changed in self._press(request, of_it, is_rehearsal=True, **pressed):
            yield changed

    async def _press(
        self,
        request: gr.Request,
        offer: Offer,
        *,
        count: int,
        differs: str,
        browser_state: BrowserState,
        is_rehearsal: bool = False,
        **fields: Any,
    ) -> AsyncIterator[Changed]:
        try:
            wanted = form.request_from(**fields)
        except InvalidRequest as error:
            yield View(mistake=field_error.at_field(error)).of(self._parts)
            return
        visitor = self._identify_and_unfollow(browser_state, request)
        try:
            if is_rehearsal:
                asked = [rehearsal.of(wanted) or wanted]
            else:
                asked = takes.takes_of(wanted, count, differs)
            job = await self._service.begin(
                asked[0],
                owner=visitor.owner,
                quota_key=visitor.quota_key,
                offer=offer,
                others=asked[1:],
            )
        except VeoError as error:
            yield view_of_press(error).of(self._parts)
            return
        values = [fields[name] for name in form.FIELDS]
        visitor = visitor.keeping(form=values, asked=[count, differs], job=job.id, takes=[])
        note = ""
        if is_rehearsal:
            known = rehearsal.kept(visitor.browser_state.get("rehearsed"), job.id, wanted)
            visitor = visitor.keeping(rehearsed=known)
        elif len(asked) < count:
            note = texts.FEWER_VALUES.format(setting=texts.DIFFERS[differs], values=len(asked))
        mistake: Any = None  # the first view takes away what was said at a field
        async for view in self._begin_others(job, asked[1:], visitor, note):
            yield replace(view, mistake=mistake).of(self._parts)
            mistake = UNCHANGED

    async def on_properly(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> AsyncIterator[Changed]:
        """Film properly what was rehearsed, for what its button said."""
        visitor = self._identify_and_unfollow(browser_state, request)
        job = await self._job_of_event(event, visitor)
        wanted = self._properly(job, visitor) if job else None
        try:
            if wanted:
                job = await self._service.begin(
                    wanted,
                    owner=visitor.owner,
                    quota_key=visitor.quota_key,
                    offer=Offer.from_untrusted(getattr(event, "offer", None)),
                )
                visitor = visitor.keeping(takes=[])
        except VeoError as error:
            yield view_of_error(error).of(self._parts)
            return
        async for view in self._show(job, visitor):
            yield view.of(self._parts)

    async def _begin_others(
        self, job: Job, others: Sequence[VideoRequest], visitor: Visitor, note: str
    ) -> AsyncIterator[View]:
        """Show the first take, which goes ahead, and the others once it is taken."""
        if others:
            rest = self._service.begin_rest(
                job, others, owner=visitor.owner, quota_key=visitor.quota_key
            )
            visitor = visitor.keeping(takes=[job.id])
            view = View(
                card=self._card(job),
                video="",
                download=download.of_nothing(),
                browser_state=visitor.browser_state,
            )
            yield await self._with_strip(view, visitor)
            begun, refused = await asyncio.shield(rest)
            visitor = visitor.keeping(takes=[job.id, *(each.id for each in begun)])
            note = sent_of(1 + len(others), 1 + len(begun), refused) or note
        async for view in self._follow(job, visitor, picked=False, note=note):
            yield view

    async def on_fetch(
        self, request: gr.Request, *, generation_id: str, browser_state: BrowserState
    ) -> AsyncIterator[Changed]:
        """Look for an earlier request by its id, and follow it."""
        visitor = self._identify_and_unfollow(browser_state, request)
        # The service is asked before there is a job.
        yield View(card=status_card.looking(), http=http_panel.nothing()).of(self._parts)
        try:
            job = await self._service.look_for(
                generation_id, owner=visitor.owner, quota_key=visitor.quota_key
            )
        except VeoError as error:
            yield view_of_error(error).of(self._parts)
            return
        async for view in self._show(job, visitor):
            yield view.of(self._parts)

    async def on_find(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> Changed:
        """A page of the clips that are sought in the strip."""
        visitor = identify(browser_state, request)
        sought = strip.sought_by(event)
        jobs = await self._service.jobs.of(visitor.owner, sought, limit=strip.PAGE + 1)
        found = strip.found(jobs, self._service.storage, sought, is_guest=self._service.is_guest)
        return View(found=found).of(self._parts)

    async def on_star(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> Changed:
        """Give a clip of the strip a star, or take it away."""
        visitor = identify(browser_state, request)
        starred = getattr(event, "starred", None) is True
        job_id = str(getattr(event, "job", ""))
        await self._service.jobs.star(job_id, visitor.owner, starred=starred)
        return (await self._with_strip(View(), visitor)).of(self._parts)

    async def on_select(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> AsyncIterator[Changed]:
        """Put a clip of the list on the card."""
        visitor = self._identify_and_unfollow(browser_state, request)
        job = await self._job_of_event(event, visitor)
        async for view in self._show(job, visitor):
            yield view.of(self._parts)

    async def on_retry(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> AsyncIterator[Changed]:
        """Look again for a clip of the list; send again what may not have been taken."""
        visitor = self._identify_and_unfollow(browser_state, request)
        job = await self._job_of_event(event, visitor)
        try:
            if job and job.state == "uncertain" and job.request:
                job = await self._service.begin(
                    job.request,
                    owner=visitor.owner,
                    quota_key=visitor.quota_key,
                    payer=job.entry.payer,
                )
            elif job:
                job = await self._service.jobs.look_again(job)
        except VeoError as error:
            yield view_of_error(error).of(self._parts)
            return
        async for view in self._show(job, visitor):
            yield view.of(self._parts)

    async def on_action(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> AsyncIterator[Changed]:
        """Do what a button of the card says: look again, or send the request once more, changed.

        The form then shows the change.
        """
        visitor = self._identify_and_unfollow(browser_state, request)
        job, action = await self._job_of_event(event, visitor), str(getattr(event, "action", ""))
        values: Mapping[str, Any] = {}
        note = ""
        try:
            if job and job.request and action in explain.SENDING:
                # Only what the card offers: nothing that somebody else's program makes up.
                if action in self._actions_of(job):
                    job = await self._service.begin(
                        form.retry_request(job.request, action, nearest_of(job)),
                        owner=visitor.owner,
                        quota_key=visitor.quota_key,
                        offer=Offer.from_untrusted(getattr(event, "offer", None)),
                    )
                    values = form.values_after_action(action)
                    if action == "nearest_model" and job.request:
                        values = {"model": job.request.model}
                    visitor = visitor.keeping(takes=[])
            elif job:
                job = await self._service.jobs.look_again(job)
        except OfferChanged:
            note = f"{OFFER_CHANGED.title}. {OFFER_CHANGED.cost}"
        except VeoError as error:
            yield view_of_error(error).of(self._parts)
            return
        async for view in self._show(job, visitor, note=note):
            yield replace(view, form=values).of(self._parts)
            values = {}  # what is typed meanwhile stays

    async def on_edit(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> Changed:
        """The form with the settings of a clip of the list, and no seed: with it, the next clips
        would come out much the same."""
        job = await self._job_of_event(event, identify(browser_state, request))
        values = form.values_from(job.request) | {"seed": ""} if job and job.request else {}
        return View(form=values, tools=toast(texts.FORM_FILLED)).of(self._parts)

    async def on_use_seed(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> Changed:
        """The seed of a clip, for the form."""
        job = await self._job_of_event(event, identify(browser_state, request))
        known = job and job.request and job.request.seed is not None
        seed = {"seed": str(job.request.seed)} if job and job.request and known else {}
        return View(form=seed, tools=toast(texts.SEED_FILLED)).of(self._parts)

    async def on_frame(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> Changed:
        """A frame of a clip for a slot, or the clip itself to go on from; the browser puts it
        there, for the slots may have changed meanwhile."""
        visitor = identify(browser_state, request)
        job = await self._job_of_event(event, visitor)
        field = str(getattr(event, "field", ""))
        if not job or field not in INPUTS:
            return View(tools=toast(texts.CLIP_GONE)).of(self._parts)
        try:
            if field == "video_url":
                name = await self._service.clip_to_continue(job.id, visitor.owner)
            else:
                name = await self._service.keep_frame(
                    job.id,
                    owner=visitor.owner,
                    quota_key=visitor.quota_key,
                    seconds=read_number(getattr(event, "seconds", None)),
                )
        except VeoError as error:
            return View(tools=toast(str(error))).of(self._parts)
        said = texts.CLIP_CONTINUED if field == "video_url" else texts.FRAME_USED
        values = dict[str, Any]()
        if job.request and job.request.aspect_ratio in form.WHOLE_SHAPES:
            values["aspect_ratio"] = job.request.aspect_ratio
        tools = toast(said) | {"picture": {"field": field, "name": name}}
        return View(form=values, tools=tools).of(self._parts)

    async def on_go_on(
        self, request: gr.Request, *, browser_state: BrowserState, **fields: Any
    ) -> Changed:
        """What each way costs to go on from the clip on the stage."""
        owner = identify(browser_state, request).owner
        prices = dict[str, str]()
        for way, field in (("last", "image_url"), ("this", "image_url"), ("clip", "video_url")):
            wanted = form.priced_with(field, fields)
            offer = await self._service.offer_for([wanted], owner)
            prices[way] = price_label.to_go_on(wanted, offer, longer=way == "clip")
        return View(tools={"prices": prices, "at": time.time()}).of(self._parts)

    async def on_code(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> Changed:
        """The clip on the stage as programs."""
        job = await self._job_of_event(event, identify(browser_state, request))
        if not job or not job.request:
            return View(programs={"wrong": texts.CODE_NO_CLIP}).of(self._parts)
        programs = code_panel.of_request(job.request, code_panel.base_url_of(event))
        return View(programs=programs).of(self._parts)

    async def on_compare(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> Changed:
        """Two clips side by side, if both are this visitor's."""
        visitor = identify(browser_state, request)
        jobs = await self._jobs_of(getattr(event, "jobs", None), visitor.owner)
        pair = comparison.side_by_side(jobs, self._service.storage)
        return View(comparison=pair).of(self._parts)

    async def on_delete(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> Changed:
        """Delete clips of the strip, their files and what they were; an empty player if one was
        there."""
        visitor = identify(browser_state, request)
        chosen = getattr(event, "chosen", None)
        ids = [*map(str, chosen[:MOST_CHOSEN])] if isinstance(chosen, list) else []
        jobs = await self._service.jobs.some_of(visitor.owner, ids)
        gone = await self._deleted(jobs)
        view = View()
        if visitor.browser_state.get("job") in gone:
            card, http = status_card.idle(), http_panel.nothing()
            view = View(card=card, video="", download=download.of_nothing(), http=http)
        return (await self._with_strip(view, visitor, gone=gone)).of(self._parts)

    async def _deleted(self, jobs: Sequence[Job]) -> list[str]:
        """Delete `jobs`; gives the ids of those that are gone, though the ledger went out of reach
        meanwhile."""
        gone = list[str]()
        try:
            for job in jobs:
                if await self._service.jobs.delete(job):
                    gone.append(job.id)
        except OutOfReach as error:
            if not gone:
                raise
            _log.error("The ledger is out of reach. %s", error)
            gr.Warning(texts.HALF_DELETED)
        return gone

    async def on_focus(self, request: gr.Request, *, browser_state: BrowserState) -> Changed:
        """The newest of the strip anew: another tab may have changed them."""
        visitor = identify(browser_state, request)
        return (await self._with_strip(View(), visitor)).of(self._parts)

    async def on_stop(self, request: gr.Request, *, browser_state: BrowserState) -> Changed:
        """Card, player and download once nobody follows the job; it goes on, or is over already.

        Gradio would cancel the following after this, and what it still told would stand on the
        card.
        """
        visitor = identify(browser_state, request)
        await self._service.jobs.following.stop_and_wait(visitor.viewer_id)
        job_id = str(visitor.browser_state.get("job", ""))
        job = await self._service.jobs.get(job_id, visitor.owner)
        clip = self._clip_of(job) if job else None
        view = View(
            card=status_card.card_for_stopped(
                job, has_clip=bool(clip), is_guest=bool(job and self._service.is_guest(job))
            ),
        )
        return (self._with_player(view, job) if clip else view).of(self._parts)

    async def on_key(
        self, request: gr.Request, *, key_box: str, browser_state: BrowserState
    ) -> Changed:
        """Take a visitor's key for a while, after asking the service what it is worth.

        Gives the emptied box, a note, the line that says whose key is used, and what the browser
        keeps.
        """
        visitor = identify(browser_state, request)
        view = View(key_box="", browser_state=visitor.browser_state)
        key = key_in(str(key_box or ""))
        if not key:
            return replace(view, key_note=texts.KEY_EMPTY).of(self._parts)
        balance, note = None, texts.KEY_TAKEN
        try:
            client = VeoClient(key)
            balance = await self._service.prices.balance_now(client)
        except (InvalidRequest, Refused) as error:
            note = html.escape(str(explain.explain_error(error)))
            return replace(view, key_note=note, mode=self._mode(visitor)).of(self._parts)
        except VeoError:
            note = texts.KEY_UNCHECKED
        await self._service.jobs.set_key(visitor.owner, client)
        return replace(view, key_note=note, mode=self._mode(visitor, balance)).of(self._parts)

    def on_forget_key(self, request: gr.Request, *, browser_state: BrowserState) -> Changed:
        """Forget a visitor's key at once: a note, and the line that says whose key is used."""
        visitor = identify(browser_state, request)
        self._service.jobs.forget_key(visitor.owner)
        return View(key_note=texts.KEY_DROPPED, mode=self._mode(visitor)).of(self._parts)

    # What they share

    def _identify_and_unfollow(self, browser_state: BrowserState, request: gr.Request) -> Visitor:
        """Who asks for another job on the card; the one that they followed goes on without them."""
        visitor = identify(browser_state, request)
        self._service.jobs.following.stop(visitor.viewer_id)
        return visitor

    async def _show(
        self, job: Job | None, visitor: Visitor, *, note: str = ""
    ) -> AsyncIterator[View]:
        """Put `job` on the card and follow it; say so if it is not there any more."""
        if not job:
            yield View(card=status_card.gone(), http=http_panel.nothing())
            return
        async for view in self._follow(job, visitor, note=note):
            yield view

    async def _follow(
        self, job: Job, visitor: Visitor, *, picked: bool = True, note: str = ""
    ) -> AsyncIterator[View]:
        """The result side of the page each time `job` or another take of the press changes.

        The stage shows one: `job` if it was picked, else the first take that is done, else one that
        is on its way.
        """
        several = await self._jobs_of(visitor.browser_state["takes"], visitor.owner)
        followed = several if job.id in [each.id for each in several] else [*several, job]
        states = list[tuple[str, str, str]]()
        playing: str | None = ""  # no clip's: the first time, the player is set in any case
        shown_heard = None
        following = self._service.jobs.following
        async with aclosing(following.follow(followed, viewer=visitor.viewer_id)) as changes:
            async for end in changes:
                done = next((each for each in followed if each.state == "done"), None)
                told = job if picked else done or takes.job_to_show(followed)
                clip = self._clip_of(told)
                was, states = states, [_as_seen(each) for each in followed]
                view = View()
                if states != was:
                    view = await self._with_strip(view, visitor)
                if end.done():
                    yield View()
                    return
                heard = self._service.jobs.recent_http.of(told.id)
                if (told.id, heard) != shown_heard:
                    http = http_panel.of_job(told, heard, base_url=self._service.base_url)
                    view = replace(view, http=http)
                    shown_heard = told.id, heard
                if clip != playing:
                    view = self._with_player(view, told)
                    playing = clip
                offers = await self._offers_of(told, visitor)
                yield replace(
                    view,
                    card=self._card(told, offers=offers, takes=several, note=note)
                    | {"properly": await self._offer_properly(told, visitor)},
                    browser_state=visitor.browser_state
                    | {"job": told.id, "generation_id": told.generation_id or ""},
                )

    def _card(self, job: Job, **more: Any) -> dict[str, Any]:
        has_clip, is_guest = bool(self._clip_of(job)), self._service.is_guest(job)
        return status_card.card_for_job(job, has_clip=has_clip, is_guest=is_guest, **more)

    def _actions_of(self, job: Job) -> Sequence[explain.Action]:
        """What the card of `job` offers to do."""
        has_clip, is_guest = bool(self._clip_of(job)), self._service.is_guest(job)
        return status_card.words_for_job(job, has_clip=has_clip, is_guest=is_guest).actions

    async def _offers_of(self, job: Job, visitor: Visitor) -> dict[explain.Action, Offer]:
        """What each button of the card that sends costs now; it is held to that."""
        if not job.request:
            return {}
        sending = [action for action in self._actions_of(job) if action in explain.SENDING]
        again = [form.retry_request(job.request, action, nearest_of(job)) for action in sending]
        offers = [await self._service.offer_for([each], visitor.owner) for each in again]
        return dict(zip(sending, offers, strict=True))

    def _properly(self, job: Job, visitor: Visitor) -> VideoRequest | None:
        """What `job` was the rehearsal of, if it was one."""
        known = visitor.browser_state.get("rehearsed")
        return rehearsal.properly(known, job.id, job.request) if job.request else None

    async def _offer_properly(self, job: Job, visitor: Visitor) -> dict[str, Any] | None:
        """What it costs to film properly what `job` rehearsed, for a button beside its clip."""
        wanted = self._properly(job, visitor) if self._clip_of(job) else None
        if not wanted:
            return None
        offer = await self._service.offer_for([wanted], visitor.owner)
        return {"said": price_label.properly(offer), "offer": offer.as_dict()}

    def _clip_of(self, job: Job) -> str | None:
        """The id of a finished job's clip, unless it was evicted."""
        is_there = job.state == "done" and self._service.storage.has(job.entry.clip)
        return job.entry.clip if is_there else None

    def _with_player(self, view: View, job: Job | None) -> View:
        """`view` with the clip of `job` in the player, and to download; or with none."""
        clip_id = self._clip_of(job) if job else None
        if job is None or clip_id is None:
            return replace(view, video="", download=download.of_nothing())
        storage = self._service.storage
        button = download.of_clip(storage.to_give(clip_id), file_name.name_of(job))
        return replace(view, video=storage.address(clip_id), download=button)

    async def _with_strip(self, view: View, visitor: Visitor, *, gone: Sequence[str] = ()) -> View:
        """`view` with the newest clips of the strip; those in `gone` were deleted."""
        jobs, held = await self._service.jobs.newest(visitor.owner, strip.PAGE + 1)
        clips = strip.newest(
            jobs,
            self._service.storage,
            held=held,
            is_guest=self._service.is_guest,
            gone=gone,
        )
        return replace(view, clips=clips)

    async def _running_of(self, visitor: Visitor) -> Job | None:
        """The newest job that somebody drives."""
        running = await self._service.jobs.of(visitor.owner, Sought(only="running"))
        return next((job for job in running if not job.is_over), None)

    async def _jobs_of(self, ids: object, owner: str) -> list[Job]:
        """The jobs of `ids` that are this visitor's, of as many as one click begins."""
        sought = [str(each) for each in ids[: takes.MOST]] if isinstance(ids, list) else []
        found = [await self._service.jobs.get(each, owner) for each in sought]
        return [job for job in found if job]

    async def _job_of_event(self, event: gr.EventData, visitor: Visitor) -> Job | None:
        """The job whose button was pressed, if it is this visitor's."""
        return await self._service.jobs.get(str(getattr(event, "job", "")), visitor.owner)

    def _mode(self, visitor: Visitor, balance: float | None = None) -> str:
        return mode(self._service, visitor.owner, balance)


def nearest_of(job: Job) -> str | None:
    """The model that takes the place of the job's, if that is gone."""
    return job.error.nearest if isinstance(job.error, Refused) else None


def _as_seen(job: Job) -> tuple[str, str, str]:
    """What of a job the strip shows that changes on its way."""
    return job.id, job.state, job.update.status if job.update else ""


def check_id(generation_id: str, **_: Any) -> list[dict[str, Any]]:
    """Gradio's validator: a wrong id is told at its field, and what is on the card stays."""
    try:
        checked_id(generation_id)
    except InvalidRequest as error:
        return [gr.validate(False, str(error)), gr.validate(True, "")]
    return [gr.validate(True, "")] * 2


def mode(service: Service, owner: str | None = None, balance: float | None = None) -> str:
    """Which service the page talks to and who pays, as HTML; without `owner`, for somebody who
    gave no key."""
    left = "" if balance is None else texts.LEFT.format(balance=f"${balance:,.2f}")
    payer = service.payer_for(owner)
    if payer == "visitor":
        return texts.VISITOR_MODE.format(left=left)
    if payer == "demo":
        return texts.DEMO_MODE
    if service.settings.is_at_home:
        return texts.HOME_MODE.format(variable=service.key_variable, left=left)
    return texts.SERVER_MODE


def view_of_error(error: VeoError) -> View:
    """An error before there was a job."""
    changed = isinstance(error, OfferChanged)
    card = status_card.offer_changed() if changed else status_card.card_for_error(error)
    return View(card=card, http=http_panel.nothing())


def view_of_press(error: VeoError) -> View:
    """The same of a press of the form: what is wrong with a picture is said at its slot."""
    if isinstance(error, InvalidRequest) and error.field in INPUTS:
        return View(mistake=field_error.at_field(error))
    return replace(view_of_error(error), mistake=None)


def toast(said: str) -> dict[str, Any]:
    """For the stage's buttons, which say it for a moment; twice the same is said twice."""
    return {"said": said, "at": time.time()}


def sent_of(asked: int, sent: int, error: VeoError | None) -> str:
    """A note when not every take was sent."""
    if error:
        reason = explain.explain_error(error).what_happened
        return texts.SOME_SENT.format(sent=sent, count=asked, reason=reason)
    return texts.NOT_SENT if sent < asked else ""
