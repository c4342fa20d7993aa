"""What happens on the page: each event's handler, from what the browser sends to what it shows.

A handler gets its inputs by the names of `page.view.Parts` and gives a `View`.  Handlers follow
jobs and drive none; they know no layout.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import gradio as gr

from backend import takes
from backend.jobs import Job
from backend.ledger import Payer
from backend.pricing import Offer, OfferChanged
from backend.service import Service, checked_id
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
)
from page.view import UNCHANGED, Parts, View
from page.visitors import BrowserState, Visitor, identify
from veo import explain
from veo.settings import key_in
from veo_client import InvalidRequest, Refused, VeoClient, VeoError, VideoRequest

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
        jobs = await self._service.jobs.of(visitor.owner)
        running = next((job for job in jobs if not job.is_over), None)
        before = next((job for job in jobs if job.id == visitor.browser_state.get("job")), None)
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
            yield (await self._with_list_and_grid(view, visitor)).of(self._parts)

    def restore_form(self, request: gr.Request, *, browser_state: BrowserState) -> Changed:
        """The form as it was, how many takes in what, and the id of the last request.

        A prompt that stands there already stays: it was typed, or is the draft that was kept.
        """
        state = identify(browser_state, request).browser_state
        view = View(generation_id=state.get("generation_id", ""))
        values, asked = state.get("form"), state.get("asked")
        if isinstance(values, list) and len(values) == len(form.FIELDS):
            view = replace(view, form=dict(zip(form.FIELDS, values, strict=True)))
        if state.get("draft"):
            others = {name: value for name, value in view.form.items() if name != "prompt"}
            view = replace(view, form=others)
        if asked in [[count, differs] for count in takes_grid.COUNTS for differs in takes.DIFFERS]:
            view = replace(view, count=asked[0], differs=asked[1])
        return view.of(self._parts)

    async def on_money(
        self,
        request: gr.Request,
        *,
        count: int,
        differs: str,
        browser_state: BrowserState,
        **priced: Any,
    ) -> Changed:
        """What the button says, the line beside it, whose key is used, and what that offers."""
        visitor = identify(browser_state, request)
        try:
            asked = takes.takes_of(form.request_to_price(**priced), count, differs)
        except InvalidRequest:  # the form says what is wrong with it
            return View(generate=texts.GENERATE, cost="").of(self._parts)
        began = visitor.browser_state.get("visit_began")
        since = began if isinstance(began, int | float) else time.time()
        offer, balance, visit = await asyncio.gather(
            self._service.offer_for(asked, visitor.owner),
            self._service.balance_of(visitor.owner),
            self._service.jobs.spent(visitor.owner, since),
        )
        is_demo = offer.payer == "demo"
        return View(
            generate=price_label.button(asked, offer.dollars, is_demo=is_demo),
            cost=price_label.price_note(offer.dollars, visit, is_demo=is_demo),
            mode=mode(self._service.payer_for(visitor.owner), balance),
            offer=offer.as_dict(),
        ).of(self._parts)

    async def on_generate(
        self,
        request: gr.Request,
        *,
        count: int,
        differs: str,
        browser_state: BrowserState,
        offer: object,
        **fields: Any,
    ) -> AsyncIterator[Changed]:
        """Begin the takes and show them, or say at its field what is wrong with the form."""
        try:
            wanted = form.request_from(**fields)
        except InvalidRequest as error:
            yield View(mistake=field_error.at_field(error)).of(self._parts)
            return
        visitor = self._identify_and_unfollow(browser_state, request)
        try:
            asked = takes.takes_of(wanted, count, differs)
            job = await self._service.begin(
                asked[0],
                owner=visitor.owner,
                quota_key=visitor.quota_key,
                offer=Offer.from_untrusted(offer),
                others=asked[1:],
            )
        except VeoError as error:
            yield replace(view_of_error(error), mistake=None).of(self._parts)
            return
        values = [fields[name] for name in form.FIELDS]
        visitor = visitor.keeping(form=values, asked=[count, differs], job=job.id, takes=[])
        too_few = texts.FEWER_VALUES.format(setting=texts.DIFFERS[differs], values=len(asked))
        note = too_few if len(asked) < count else ""
        mistake: Any = None  # the first view takes away what was said at a field
        async for view in self._begin_others(job, asked[1:], visitor, note):
            yield replace(view, mistake=mistake).of(self._parts)
            mistake = UNCHANGED

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
                download=no_download(),
                browser_state=visitor.browser_state,
            )
            yield await self._with_list_and_grid(view, visitor)
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
                        form.retry_request(job.request, action),
                        owner=visitor.owner,
                        quota_key=visitor.quota_key,
                        offer=Offer.from_untrusted(getattr(event, "offer", None)),
                    )
                    values = form.values_after_action(action)
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
        """The form with the settings of a clip of the list."""
        job = await self._job_of_event(event, identify(browser_state, request))
        values = form.values_from(job.request) if job and job.request else {}
        return View(form=values).of(self._parts)

    async def on_use_seed(
        self, request: gr.Request, event: gr.EventData, *, browser_state: BrowserState
    ) -> Changed:
        """The seed of a clip, for the form."""
        job = await self._job_of_event(event, identify(browser_state, request))
        seed = {"seed": str(job.request.seed)} if job and job.request else {}
        return View(form=seed).of(self._parts)

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
        """Delete a clip of the list, its files and what it was; an empty player if it was there."""
        visitor = identify(browser_state, request)
        job = await self._job_of_event(event, visitor)
        view = View()
        is_deleted = job and await self._service.jobs.delete(job)
        if job and is_deleted and visitor.browser_state.get("job") == job.id:
            card, http = status_card.idle(), http_panel.nothing()
            view = View(card=card, video="", download=no_download(), http=http)
        return (await self._with_list_and_grid(view, visitor)).of(self._parts)

    async def on_focus(self, request: gr.Request, *, browser_state: BrowserState) -> Changed:
        """The list and the grid anew: another tab may have changed them."""
        visitor = identify(browser_state, request)
        return (await self._with_list_and_grid(View(), visitor)).of(self._parts)

    async def on_stop(self, request: gr.Request, *, browser_state: BrowserState) -> Changed:
        """Card, player, download and stop button once nobody follows the job; it goes on, or is
        over already.

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
            stop=gr.Button(interactive=False),
        )
        return (self._with_player(view, clip) if clip else view).of(self._parts)

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
        """The result side of the page each time `job` or a take in the grid changes.

        The card tells of `job` if it was picked; else of a take on its way, while the first that is
        done plays.
        """
        several = await self._jobs_of(visitor.browser_state["takes"], visitor.owner)
        followed = several if job.id in [each.id for each in several] else [*several, job]
        states = list[str]()
        playing: str | None = ""  # no clip's: the first time, the player is set in any case
        shown_heard = may_stop = None
        following = self._service.jobs.following
        async with aclosing(following.follow(followed, viewer=visitor.viewer_id)) as changes:
            async for end in changes:
                told = job if picked else takes.job_to_show(followed)
                done = next((each for each in followed if each.state == "done"), told)
                clip = self._clip_of(told if picked else done)
                was, states = states, [each.state for each in followed]
                view = View()
                if several or states != was:
                    view = await self._with_list_and_grid(view, visitor, told)
                if end.done():
                    yield View()
                    return
                if states == was:
                    view = View(grid=view.grid)
                heard = self._service.jobs.recent_http.of(told.id)
                if (told.id, heard) != shown_heard:
                    view = replace(view, http=http_panel.of_job(told, heard))
                    shown_heard = told.id, heard
                stoppable = any(each.generation_id and not each.is_over for each in followed)
                if stoppable != may_stop:
                    view = replace(view, stop=gr.Button(interactive=stoppable))
                    may_stop = stoppable
                if clip != playing:
                    view = self._with_player(view, clip)
                    playing = clip
                yield replace(
                    view,
                    card=self._card(
                        told, offers=await self._offers_of(told, visitor), takes=several, note=note
                    ),
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
        again = [form.retry_request(job.request, action) for action in sending]
        offers = [await self._service.offer_for([each], visitor.owner) for each in again]
        return dict(zip(sending, offers, strict=True))

    def _clip_of(self, job: Job) -> str | None:
        """The id of a finished job's clip, unless it was evicted."""
        is_there = job.state == "done" and self._service.storage.has(job.entry.clip)
        return job.entry.clip if is_there else None

    def _with_player(self, view: View, clip_id: str | None) -> View:
        """`view` with a clip in the player, and to download; or with none."""
        if clip_id is None:
            return replace(view, video="", download=no_download())
        storage = self._service.storage
        download = gr.DownloadButton(value=storage.to_give(clip_id), interactive=True)
        return replace(view, video=storage.address(clip_id), download=download)

    async def _with_list_and_grid(
        self, view: View, visitor: Visitor, on_card: Job | None = None
    ) -> View:
        jobs, storage = await self._service.jobs.of(visitor.owner), self._service.storage
        by_id = {job.id: job for job in jobs}
        several = [by_id[each] for each in visitor.browser_state["takes"] if each in by_id]
        grid = takes_grid.rows(several, storage, on_card=on_card)
        return replace(view, clips=clip_list.rows(jobs, storage), grid=grid)

    async def _jobs_of(self, ids: object, owner: str) -> list[Job]:
        """The jobs of `ids` that are this visitor's, of as many as one click begins."""
        sought = [str(each) for each in ids[: takes.MOST]] if isinstance(ids, list) else []
        found = [await self._service.jobs.get(each, owner) for each in sought]
        return [job for job in found if job]

    async def _job_of_event(self, event: gr.EventData, visitor: Visitor) -> Job | None:
        """The job whose button was pressed, if it is this visitor's."""
        return await self._service.jobs.get(str(getattr(event, "job", "")), visitor.owner)

    def _mode(self, visitor: Visitor, balance: float | None = None) -> str:
        return mode(self._service.payer_for(visitor.owner), balance)


def check_id(generation_id: str, **_: Any) -> list[dict[str, Any]]:
    """Gradio's validator: a wrong id is told at its field, and what is on the card stays."""
    try:
        checked_id(generation_id)
    except InvalidRequest as error:
        return [gr.validate(False, str(error)), gr.validate(True, "")]
    return [gr.validate(True, "")] * 2


def mode(payer: Payer, balance: float | None = None) -> str:
    """Which service the page talks to and who pays, as HTML."""
    left = "" if balance is None else texts.LEFT.format(balance=balance)
    if payer == "visitor":
        return texts.VISITOR_MODE.format(left=left)
    if payer == "server":
        return texts.SERVER_MODE.format(left=left)
    return texts.DEMO_MODE


def view_of_error(error: VeoError) -> View:
    """An error before there was a job."""
    changed = isinstance(error, OfferChanged)
    card = status_card.offer_changed() if changed else status_card.card_for_error(error)
    return View(card=card, http=http_panel.nothing())


def no_download() -> gr.DownloadButton:
    return gr.DownloadButton(value=None, interactive=False)


def sent_of(asked: int, sent: int, error: VeoError | None) -> str:
    """A note when not every take was sent."""
    if error:
        reason = explain.explain_error(error).what_happened
        return texts.SOME_SENT.format(sent=sent, count=asked, reason=reason)
    return texts.NOT_SENT if sent < asked else ""
