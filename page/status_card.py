"""The status card: one place that says what a job is doing, as a Gradio HTML component.

It lies over the clip on the stage, with a line below that names what is shown, and its details.
Python sends the card only when something changed; the browser lets the clock and the bar run in
between, inserts every text as text, and tells Python by `retry` which of the offered actions was
pressed.  It knows jobs and words, and decides nothing about sending or waiting.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from backend import states
from backend.jobs import Job
from backend.pricing import Offer
from backend.runner import is_kept
from page import components, texts
from veo import explain
from veo.explain import Explanation
from veo_client import MODELS, Refused, VeoError

IN_THE_BROWSER = {
    "title": texts.TITLE,
    "dash": texts.DASH,
    "steps": texts.STEPS,
    "what_next": texts.WHAT_NEXT,
    "details": texts.DETAILS,
    "hide": texts.HIDE,
    "no_cancel": texts.NO_CANCEL,
    "notice": texts.NOTICE,
    "chime": texts.CHIME,
    "copy": texts.COPY,
    "copied": texts.COPIED,
    "blocked": texts.NOTICE_BLOCKED,
    "so_far": texts.SO_FAR,
    "usually": texts.USUALLY,
    "took": texts.TOOK,
    "seconds": texts.SECONDS_LEFT,
    "minutes": texts.MINUTES_LEFT,
    "soon": texts.SOON,
    "ready": states.STEPS["ready"],
    "sending": sorted(explain.SENDING),
    "send_again": states.SEND_AGAIN,
    "other_prompt": texts.OTHER_PROMPT,
    "away": {"title": texts.SERVER_AWAY, "happened": texts.SERVER_AWAY_TRYING},
    "lost": {"unsent": texts.PRESS_UNSENT, "uncertain": texts.PRESS_UNCERTAIN},
    "slow": {
        "left": texts.SLOW,
        "title": states.WAITING["slow"].title,
        "happened": states.WAITING["slow"].what_happened,
    },
}

USUAL_ASPECT = "16:9"
"""Of a clip whose request is not known."""

STEP = {
    "sending": "sent",
    "looking": "sent",
    "queued": "queued",
    "generating": "generating",
    "saving": "saving",
    "checking": "saving",
}
"""How far a job is, by a name in `states.WAITING`, among the steps in `states.STEPS`."""


def build() -> gr.HTML:
    """The component; give it the values that the functions below return."""
    return components.component(
        "status_card",
        idle(),
        elem_id="status",
        label="Status",
        steps=states.STEPS,
        texts=IN_THE_BROWSER,
    )


def idle() -> dict[str, Any]:
    return _card("idle", states.EMPTY)


def looking() -> dict[str, Any]:
    """The card while an id is asked for that may be no job's."""
    doing = texts.IN_THE_TAB["looking"]
    words = replace(states.WAITING["looking"], cost="")
    return _card("running", words, step=STEP["looking"], doing=doing)


def offer_changed() -> dict[str, Any]:
    return _card("failed", states.OFFER_CHANGED)


def gone() -> dict[str, Any]:
    return _card("stopped", states.GONE)


def card_for_error(error: VeoError) -> dict[str, Any]:
    """The card for an error before there was a job."""
    return _card("failed", explain.explain_error(error), generation_id=error.generation_id)


def card_for_stopped(job: Job | None, *, has_clip: bool, is_guest: bool) -> dict[str, Any]:
    """The card of somebody who no longer waits; a job that is over shows as it is."""
    if job is None:
        return _card("stopped", states.STOPPED)
    if job.is_over:
        # Its other takes may go on: this is no end that somebody is told of.
        return card_for_job(job, has_clip=has_clip, is_guest=is_guest) | {"click": ""}
    words = states.explain_stopped(
        is_demo=job.is_demo, is_guest=is_guest, was_complete=bool(job.entry.clip)
    )
    return _of(job, "stopped", words)


def card_for_job(
    job: Job,
    *,
    has_clip: bool,
    is_guest: bool,
    offers: Mapping[explain.Action, Offer] | None = None,
    takes: Sequence[Job] = (),
    note: str = "",
) -> dict[str, Any]:
    """The card for a job as it stands.

    `has_clip` says whether a finished one is still here, `is_guest` whether the key that pays is
    somebody else's.  `offers` are what the buttons that send cost; each is held to that.  Of
    several `takes` the card says which it shows; `note` stands after its own words.
    """
    card = _as_it_stands(job, words_for_job(job, has_clip=has_clip, is_guest=is_guest), has_clip)
    if isinstance(job.error, Refused) and (model := MODELS.get(job.error.nearest or "")):
        for button in card["actions"]:
            if button[0] == "nearest_model":
                button[1] = texts.USE_MODEL.format(model=model.label)
    for button in card["actions"]:
        if offer := (offers or {}).get(button[0]):
            button[1] += f" ({explain.dollars(offer.dollars)})"
            button.append(offer.as_dict())
    ids = [each.id for each in takes]
    if len(ids) > 1 and job.id in ids:
        number = ids.index(job.id) + 1
        card["title"] = texts.TAKE_ON_CARD.format(
            number=number, count=len(ids), title=card["title"]
        )
        left = sum(not each.is_over for each in takes if each.id != job.id)
        card |= {
            "take": texts.TAKE_OF.format(number=number, count=len(ids)),
            "click": ids[0],
            "over": all(each.is_over for each in takes),
        }
        # The service may make one after the other, and say of all that it makes them.
        card["may_be_slow"] &= all(each.is_over for each in takes[: number - 1])
        if job.is_over and left:
            note = " ".join(filter(None, (note, texts.STILL_MADE[left > 1].format(count=left))))
    if note:
        card["next"] = f"{card['next']} {note}".strip()
    return card


def _as_it_stands(job: Job, words: Explanation, has_clip: bool) -> dict[str, Any]:
    if job.error:
        return _of(job, "failed", words)
    if job.state == "done":
        took = (job.entry.facts or {}).get("took", 0.0)
        return _of(job, "done" if has_clip else "stopped", words, step="ready", elapsed=took)
    waits = _waits(job)
    step = STEP[waits]
    if job.update and job.update.trouble and step != "saving":
        waits = "reconnecting"
    if job.list_is_away:
        waits = "away"
    return _of(
        job,
        "running",
        words,
        step=step,
        doing=texts.IN_THE_TAB[waits],
        elapsed=job.elapsed,
        generating_for=job.generating_for,
        expected=job.expected,
        # Of an id alone nobody knows the age; how long a file takes is another matter.
        left_known=job.request is not None and waits not in ("looking", "saving", "checking"),
        may_be_slow=waits == "generating",
    )


def words_for_job(job: Job, *, has_clip: bool, is_guest: bool) -> Explanation:
    """What a job's card says and offers."""
    if job.error:
        words = explain.explain_error(
            job.error,
            request=job.request,
            is_demo=job.is_demo,
            is_guest=is_guest,
            was_complete=bool(job.entry.clip),
        )
        where = texts.KEPT_WHERE if is_kept(job.error) else ""
        return replace(words, next_step=f"{words.next_step} {where}".rstrip())
    if job.state == "done" and not has_clip:
        return states.REMOVED.for_a_demo() if job.is_demo else states.REMOVED
    if job.state == "done" and job.facts:
        differs = explain.explain_differences(job.differences)
        odd = explain.explain_oddities(job.facts.odd)
        return states.explain_ready(
            f"{job.facts.in_words()}.",
            job.entry.dollars,
            is_demo=job.is_demo,
            is_told=job.cost_is_told,
            remarks=" ".join(filter(None, (differs, odd))),
        )
    return states.explain_waiting(
        _waits(job),
        job.update,
        is_demo=job.is_demo,
        is_guest=is_guest,
        was_complete=bool(job.entry.clip),
        list_is_away=job.list_is_away,
    )


def _waits(job: Job) -> str:
    """How far a job is that is on its way, by a name in `STEP`."""
    if job.state in ("prepared", "submitting"):
        return "sending"
    if job.state == "downloading":
        return "checking" if job.has_arrived else "saving"
    if not job.update:
        return "looking"
    return {"queued": "queued", "completed": "saving"}.get(job.update.status, "generating")


def _of(job: Job, state: str, words: Explanation, **more: Any) -> dict[str, Any]:
    return _card(
        state,
        words,
        job=job.id,
        click=job.id,
        over=job.is_over,
        may_hide=bool(job.generation_id),
        prompt=job.request.prompt if job.request else "",
        aspect=_aspect_of(job),
        seed=_seed_of(job),
        generation_id=job.generation_id,
        **more,
    )


def _aspect_of(job: Job) -> str:
    """As it was asked for; of a clip that goes on from another, its own once it is here."""
    if job.request and ":" in job.request.aspect_ratio:
        return job.request.aspect_ratio
    return f"{job.facts.width}:{job.facts.height}" if job.facts and job.request else USUAL_ASPECT


def _seed_of(job: Job) -> str:
    seed = job.request.seed if job.request else None
    return texts.SEED_IS.format(value=seed) if seed is not None else ""


def _card(
    state: str,
    words: Explanation,
    *,
    job: str = "",
    click: str = "",
    over: bool = False,
    may_hide: bool = False,
    prompt: str = "",
    aspect: str = USUAL_ASPECT,
    seed: str = "",
    generation_id: str | None = None,
    step: str = "",
    doing: str = "",
    elapsed: float = 0.0,
    generating_for: float = 0.0,
    expected: float = 1.0,
    left_known: bool = False,
    may_be_slow: bool = False,
) -> dict[str, Any]:
    return {
        "state": state,
        "title": words.title,
        "happened": words.what_happened,
        "cost": words.cost,
        "next": words.next_step,
        "actions": [
            [action, explain.ACTIONS[action]]
            for action in words.actions
            if job or action in explain.WITHOUT_A_JOB
        ],
        "job": job,
        # For whoever wants to be told: what began together, and whether all of that is over.
        "click": click,
        "over": over,
        "may_hide": may_hide,
        "take": "",
        "prompt": prompt,
        "aspect": aspect,
        "seed": seed,
        "generation_id": generation_id or "",
        "step": step,
        "doing": doing,
        "made": time.monotonic(),
        "elapsed": round(elapsed, 1),
        "generating_for": round(generating_for, 1),
        "expected": expected,
        "left_known": left_known,
        "may_be_slow": may_be_slow,
    }
