"""The page: a sentence goes in, a video comes out.

    python app.py

Gradio Blocks and their events: it puts the parts in `page/` together, follows jobs and plays their
clips.  It knows no HTTP, no SQL, and decides nothing about waiting or money; what a state or an
error reads like is in `words`.
"""

from __future__ import annotations

import asyncio
import html
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

# Gradio reads it at import: without it every page load tells Gradio's makers.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

import words
from jobs import Job
from page import endpoints, form, my_clips, server, status_card, visitors
from page.discreet import DiscreetBlocks
from page.guard import Guard
from settings import WrongSetting
from veo_client import InvalidRequest, Refused, VeoClient, VeoError

VISITORS_AT_ONCE = 500

# What happens on the page.  `kept` is what the browser keeps: who the visitor is, the form, and
# the job on the card.  Handlers that show a job yield for the outputs in `result`: status card,
# video, download button, stop button, `kept` and the list of clips.

Kept = dict[str, Any]
Shown = tuple[Any, ...]


def mode(owner: str | None, balance: float | None = None) -> str:
    """Which service the page talks to and who pays, as Markdown."""
    payer = server.payer_for(owner) if owner else server.payer_without_key()
    if payer == "visitor":
        left = "" if balance is None else f" · ${balance:,.2f} left"
        return f"**Your key**{left} · clips cost money"
    if payer == "server":
        return "**This server's key** · its owner pays for clips"
    return "**Demo** · clips are drawn here, not made by Veo, and cost nothing"


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
        yield (*(gr.skip(),) * 4, kept, my_clips.rows(jobs, server.the_shelf()))


def restore_form(kept: Kept, request: gr.Request) -> Shown:
    """The form as it was, the id of the last request, and whose key is used."""
    kept, owner = entered(kept, request)
    values = kept.get("form")
    if not isinstance(values, list) or len(values) != len(form.FIELDS):
        values = [gr.skip()] * len(form.FIELDS)
    # The line is painted with the page; a late answer must not take back a key given meanwhile.
    whose_key = mode(owner) if server.the_jobs().has_key(owner) else gr.skip()
    return (*values, kept.get("generation_id", ""), whose_key)


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
    return (*emptied, await listed(owner))


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
        return "", "No key is kept.", mode(owner), kept
    balance, note = None, "The service accepts this key."
    try:
        client = VeoClient(key)
        balance = await asyncio.to_thread(client.balance)
    except (InvalidRequest, Refused) as error:
        return "", html.escape(str(words.of_error(error))), mode(owner), kept
    except VeoError:
        note = "The key could not be checked now; it is kept."
    await jobs.bring_key(owner, client)
    return "", note, mode(owner, balance), kept


async def show(job: Job, kept: Kept, owner: str) -> AsyncIterator[Shown]:
    """The result side of the page each time `job` changes."""
    listed_state = None
    async for _ in job.follow():
        clip = server.the_shelf().clip(job.entry.clip) if job.state == "done" else None
        rows = gr.skip() if job.state == listed_state else await listed(owner)
        listed_state = job.state
        yield (
            status_card.of_job(job),
            str(clip) if clip else None,
            gr.DownloadButton(value=str(clip), interactive=True) if clip else no_download(),
            gr.Button(interactive=bool(job.generation_id) and not job.is_over),
            {**kept, "job": job.id, "generation_id": job.generation_id or ""},
            rows,
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
    return (status_card.of_error(error), *(gr.skip(),) * 5)


def shown_gone() -> Shown:
    return (status_card.gone(), *(gr.skip(),) * 5)


def key_minutes() -> str:
    minutes = round(server.the_settings().key_seconds / 60)
    return "an hour" if minutes == 60 else f"{minutes} minutes"


def no_download() -> gr.DownloadButton:
    return gr.DownloadButton(value=None, interactive=False)


# The page itself


def build_page() -> gr.Blocks:
    """The whole page.  It starts nothing: the demo service begins with the first demo clip."""
    page: gr.Blocks
    with DiscreetBlocks(
        title="Film a sentence with Veo 3.1", analytics_enabled=False, delete_cache=(3600, 86400)
    ) as page:
        # A fixed one keeps the storage readable after a restart.
        kept = gr.BrowserState(
            {},
            storage_key="veo-3.1",
            secret="public",  # noqa: S106  # whoever can read it can read what it protects
        )

        with gr.Row(elem_id="head"):
            gr.Markdown("# Film a sentence with Veo 3.1")
            whose_key = gr.Markdown(mode(None), elem_id="mode")
            # A Space has this where its front matter says `hf_oauth: true`.
            if os.environ.get("OAUTH_CLIENT_ID"):
                gr.LoginButton(size="sm", elem_id="login")
        with gr.Row(elem_id="body"):
            with gr.Column(elem_id="form"):
                fields = form.build()
                with gr.Row(elem_id="buttons"):
                    generate = gr.Button(
                        "Generate", variant="primary", min_width=120, elem_id="generate"
                    )
                    stop = gr.Button(
                        "Stop waiting", interactive=False, min_width=120, elem_id="stop"
                    )
            with gr.Column(elem_id="result"):
                card = status_card.build()
                video = gr.Video(
                    label="Clip",
                    interactive=False,
                    autoplay=True,
                    buttons=[],
                    height=420,
                    elem_id="video",
                )
                download = gr.DownloadButton("Download", interactive=False, elem_id="download")
            with gr.Column(elem_id="more"):
                gr.Examples([[each] for each in form.EXAMPLES], fields[0], api_visibility="private")
                with gr.Accordion("Your own API key", open=False, elem_id="key"):
                    key_box = gr.Textbox(
                        label="AI/ML API key",
                        type="password",
                        info=f"Kept in this server's memory for {key_minutes()}, nowhere else",
                        html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
                        elem_id="key-box",
                    )
                    use_key = gr.Button("Use this key", size="sm")
                    key_note = gr.HTML(elem_id="key-note")
                with gr.Accordion("Fetch an earlier clip", open=False, elem_id="earlier"):
                    earlier = gr.Textbox(label="Id of the request", elem_id="earlier-id")
                    fetch = gr.Button("Look for it", size="sm")
        mine = my_clips.build()

        result = [card, video, download, stop, kept, mine]
        quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        follows: dict[str, Any] = {
            **quick,
            "outputs": result,
            "concurrency_id": "follow",
            "concurrency_limit": VISITORS_AT_ONCE,
        }
        page.load(restore_form, kept, [*fields, earlier, whose_key], **quick)
        # Whoever asks for another job stops following the one on the card, and that job goes on.
        following: list[Any] = [page.load(on_load, kept, **follows)]
        for triggers, handler, inputs in (
            ([fetch.click, earlier.submit], on_fetch, [earlier, kept]),
            ([mine.select], on_select, [kept]),
            ([mine.retry], on_retry, [kept]),
        ):
            following.append(gr.on(triggers, handler, inputs, cancels=list(following), **follows))
        following.append(
            generate.click(
                on_generate,
                [*fields, kept],
                validator=form.check,
                trigger_mode="once",
                cancels=list(following),
                **follows,
            )
        )
        stop.click(on_stop, kept, [card, stop], cancels=following, **quick)
        mine.edit(on_edit, kept, fields, **quick)
        mine.delete(on_delete, kept, [card, video, download, mine], **quick)
        mine.focus(on_focus, kept, mine, **quick)
        gr.on(
            [use_key.click, key_box.submit],
            on_key,
            [key_box, kept],
            [key_box, key_note, whose_key, kept],
            **quick,
        )
        endpoints.add(fields, concurrency_limit=VISITORS_AT_ONCE)

    page.queue(max_size=1000, default_concurrency_limit=VISITORS_AT_ONCE)
    # At Gradio's 2,000, so many page loads push a waiting visitor's messages out.
    page._queue.pending_messages_per_session.max_size = 100_000
    return page


# On a phone the result comes right after the button, and all the rest after it.
CSS = """
#head { gap: 0 1rem; align-items: baseline; }
#head > * { flex: 0 1 auto; min-width: 0; width: auto; }
#head h1 { margin: 0; font-size: 1.25rem; }
#status .html-container, #my-clips .html-container { padding: 0; }
#body { display: grid; grid-template: "form result" auto "more result" 1fr / 1fr 1fr; }
#my-clips { margin-top: 1rem; }
#buttons { min-height: 40px; } /* they come a moment after the card */
#form { grid-area: form; } #result { grid-area: result; } #more { grid-area: more; }
@media (max-width: 768px) { #body { grid-template: "form" "result" "more" / 1fr; } }
"""

THEME = gr.themes.Default(
    # Gradio ships this font whole as Regular and Bold, and only a few letters as SemiBold.
    font=[gr.themes.LocalFont("Source Sans Pro", weights=(400, 700)), "system-ui", "sans-serif"]
).set(body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400")

demo = build_page()


def main() -> None:
    """Serve the page until it is stopped."""
    try:
        VeoClient()
        with server.data_folder_held():
            serve()
    except InvalidRequest as error:
        sys.exit(f"Check AIMLAPI_KEY and AIMLAPI_BASE_URL in the environment. {error}")
    except (WrongSetting, server.InUse) as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"The data folder cannot be used ({error}): choose another with VEO_DATA_DIR.")


def middleware() -> list[Middleware]:
    """What stands before Gradio; at home also against pages that pretend to be this machine."""
    guard = Middleware(Guard, on_space=server.the_settings().on_space)
    if os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1") not in ("127.0.0.1", "localhost"):
        return [guard]
    return [guard, Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])]


def serve() -> None:
    # So that the demo service clears its folder away when a container stops, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # Clips are played from where they lie, instead of being copied.
    gr.set_static_paths([server.the_shelf().folder])
    demo.launch(
        css=CSS,
        theme=THEME,
        # Well above the visitors at once: at exactly as many, they would share the web server's
        # own threads and everybody would wait.
        max_threads=4 * VISITORS_AT_ONCE,
        # Gradio's history keeps every input in the browser, passwords in clear.
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        footer_links=["api"],
        app_kwargs={"lifespan": server.lifespan, "middleware": middleware()},
    )


if __name__ == "__main__":
    main()
