"""The page: a sentence goes in, a video comes out.

    python app.py

Gradio Blocks and their events: it binds widgets to `VideoRequest`, follows a job and plays its
clip.  It knows no HTTP and decides nothing about waiting or money; what a state or an error reads
like is in `words`.
"""

from __future__ import annotations

import asyncio
import functools
import html
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Gradio reads it at import: without it every page load tells Gradio's makers.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
from gradio.utils import get_upload_folder

import status_card
import words
from demo_server import DemoServer
from jobs import Job, Jobs
from veo_client import (
    MODELS,
    InvalidRequest,
    Refused,
    TookTooLong,
    VeoClient,
    VeoError,
    VideoRequest,
)

DEMO_SECONDS = 6.0
DEMO_EXPECTED = 8.0
VISITORS_AT_ONCE = 500

FIELDS = (
    "prompt",
    "model",
    "aspect_ratio",
    "duration",
    "resolution",
    "generate_audio",
    "negative_prompt",
    "seed",
    "enhance_prompt",
    "auto_fix",
)
"""The request's fields in the order of the form."""

EXAMPLES = [
    "A red fox trots through fresh snow at sunrise, low golden light, slow tracking shot, "
    "soft crunch of paws",
    "Waves roll onto a black sand beach at night under a full moon, wide static shot, deep surf",
    "Rain on the neon streets of a small city, a cyclist passes, shallow focus, quiet traffic hum",
    "A paper boat drifts down a forest stream, macro lens, dappled light, birdsong",
]


@functools.cache
def jobs() -> Jobs:
    """The jobs of this process.  Clips land where Gradio serves files from, so none is copied."""
    return Jobs(Path(get_upload_folder()))


# Whose key, which service


@functools.cache
def demo_service() -> DemoServer:
    """The demo service of this process, started when first needed."""
    return DemoServer(seconds=DEMO_SECONDS).start()


def server_key_may_be_used() -> bool:
    """Whether visitors spend this server's key: on a public Space only if its owner says so."""
    return not os.environ.get("SPACE_ID") or os.environ.get("VEO_SHARE_SERVER_KEY") == "1"


def server_has_key() -> bool:
    """Whether there is a usable key of this server's for visitors."""
    with suppress(InvalidRequest):
        return server_key_may_be_used() and VeoClient().has_key
    return False


def client_for(key: str | None) -> tuple[VeoClient, bool]:
    """The client for a visitor's key, else the server's, else the demo; and whether it is that."""
    if key:
        return VeoClient(key), False
    if server_has_key():
        return VeoClient(), False
    return VeoClient("demo", base_url=demo_service().base_url), True


def mode(key: str | None, balance: float | None = None) -> str:
    """Which service the page talks to and who pays, as Markdown."""
    if key:
        left = "" if balance is None else f" · ${balance:,.2f} left"
        return f"**Your key**{left} · clips cost money"
    if server_has_key():
        return "**This server's key** · its owner pays for clips"
    return "**Demo** · clips are drawn here, not made by Veo, and cost nothing"


# From the form to a job and back


def request_from(*values: Any) -> VideoRequest:
    """A checked request from the form's values, in the order of `FIELDS`."""
    given = dict(zip(FIELDS, values, strict=True))
    seed = given.pop("seed")
    if seed not in (None, ""):
        # What is no whole number goes on as it came, to be refused in the one place for that.
        text = str(seed).strip().removesuffix(".0")
        given["seed"] = int(text) if text.isdecimal() and len(text) <= 10 else seed
    return VideoRequest(**given)


def check_form(*values: Any) -> list[dict[str, Any]]:
    """Gradio's validator: the first wrong field gets the sentence, before anything is queued."""
    wrong, sentence = "", ""
    try:
        request_from(*values[: len(FIELDS)])
    except InvalidRequest as error:
        wrong, sentence = error.field, str(error)
    names = [*FIELDS, *[None] * (len(values) - len(FIELDS))]
    return [gr.validate(name != wrong, sentence) for name in names]


def start(key: str | None, request: VideoRequest) -> Job:
    client, demo = client_for(key)
    expected = DEMO_EXPECTED if demo else request.expected_seconds
    return jobs().generate(client, request, expected=expected, demo=demo)


def look_again(key: str | None, generation_id: str) -> Job:
    if not (generation_id := str(generation_id or "").strip()):
        raise InvalidRequest("Give the id of an earlier request.", field="generation_id")
    client, demo = client_for(key)
    return jobs().resume(
        client, generation_id, expected=DEMO_EXPECTED if demo else 120.0, demo=demo
    )


# What happens on the page.  Each handler yields for the outputs in `result`: status card, video,
# download button, stop button, and what the browser keeps.


async def on_generate(*values: Any) -> AsyncIterator[tuple[Any, ...]]:
    *form, key = values
    try:
        job = start(key, request_from(*form))
    except VeoError as error:
        yield shown_error(error)
        return
    async for shown in show(job, {"form": form}):
        yield shown


async def on_fetch(
    generation_id: str, key: str | None, kept: dict[str, Any]
) -> AsyncIterator[tuple[Any, ...]]:
    try:
        job = look_again(key, generation_id)
    except VeoError as error:
        yield shown_error(error)
        return
    async for shown in show(job, kept):
        yield shown


async def on_load(kept: dict[str, Any] | None) -> AsyncIterator[tuple[Any, ...]]:
    """After a reload: follow the job that this browser began, if this process still knows it."""
    job = jobs().get(str((kept or {}).get("token")))
    if not job:
        # A generator that yields nothing would empty what it has for outputs.
        yield (gr.skip(),) * 5
        return
    async for shown in show(job, kept or {}):
        yield shown


def restore_form(kept: dict[str, Any] | None) -> tuple[Any, ...]:
    """The form as it was, and the id of the last request."""
    kept = kept or {}
    form = kept.get("form")
    values = (
        form if isinstance(form, list) and len(form) == len(FIELDS) else [gr.skip()] * len(FIELDS)
    )
    return (*values, kept.get("generation_id", ""))


def on_stop(kept: dict[str, Any]) -> None:
    """Stop looking; the follower shows the end of it."""
    job = jobs().get(str(kept.get("token")))
    if job:
        job.stop_looking()


async def on_key(text: str) -> tuple[str | None, str, str, str]:
    """Take a visitor's key into the session, after asking the service what it is worth.

    Gives the key for the state, the emptied box, a note, and the line that says whose key is used.
    """
    key = (text or "").strip()
    if not key:
        return None, "", "No key is kept.", mode(None)
    try:
        balance = await asyncio.to_thread(VeoClient(key).balance)
    except (InvalidRequest, Refused) as error:
        return None, "", html.escape(str(words.of_error(error))), mode(None)
    except VeoError:
        return key, "", "The key could not be checked now; it is kept.", mode(key)
    return key, "", "The service accepts this key.", mode(key, balance)


async def show(job: Job, kept: dict[str, Any]) -> AsyncIterator[tuple[Any, ...]]:
    """The result side of the page each time `job` changes; the browser keeps token and id."""
    async for _ in job.follow():
        clip = str(job.clip) if job.clip else None
        yield (
            status_card.of_job(job),
            clip,
            gr.DownloadButton(value=clip, interactive=bool(clip)),
            gr.Button(interactive=bool(job.generation_id) and not job.is_over),
            {**kept, "token": job.token, "generation_id": job.generation_id or ""},
        )


def shown_error(error: VeoError) -> tuple[Any, ...]:
    return status_card.of_error(error), gr.skip(), gr.skip(), gr.skip(), gr.skip()


# What programs may call


async def api_generate(
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
    form = (
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
    try:
        return await finished(start(api_key, request_from(*form)))
    except VeoError as error:
        raise spoken(error) from None


async def api_resume(generation_id: str, api_key: str | None = None) -> tuple[str, dict[str, Any]]:
    """Fetch the clip of an earlier request by its id; it costs nothing more.

    Returns what `/generate` returns, with `request` null.
    """
    try:
        return await finished(look_again(api_key, generation_id))
    except VeoError as error:
        raise spoken(error) from None


async def api_price(
    model: str, duration: int, resolution: str, generate_audio: bool
) -> dict[str, Any]:
    """What a clip would cost by the service's own price list.

    Returns `usd`, a number, or null when the list does not tell, and `text`.
    """
    try:
        request = VideoRequest(
            "price",
            model=model,
            duration=duration,
            resolution=resolution,
            generate_audio=generate_audio,
        )
        client, _ = client_for(None)
        price = await asyncio.to_thread(client.price, model)
    except VeoError as error:
        raise spoken(error) from None
    usd = price.estimate(request)
    return {"usd": usd, "text": words.dollars(usd)}


async def finished(job: Job) -> tuple[str, dict[str, Any]]:
    """The clip of `job` and its facts, once it is over."""
    async for _ in job.follow():
        pass
    if job.error or not job.clip or not job.facts:
        raise job.error or TookTooLong("Stopped looking.", generation_id=job.generation_id)
    request = job.request.body() if job.request else None
    facts = asdict(job.facts) | {"generation_id": job.generation_id, "demo": job.demo}
    return str(job.clip), facts | {"request": request}


def spoken(error: VeoError) -> gr.Error:
    """`error` for Gradio: our words, and no traceback in the log."""
    explained = words.of_error(error)
    with_id = f" id: {error.generation_id}" if error.generation_id else ""
    return gr.Error(f"{explained}{with_id}", title=explained.title, print_exception=False)


# The page itself


def choices(of: str) -> list[Any]:
    """What any model takes for a field, in the table's order."""
    return list(dict.fromkeys(choice for model in MODELS.values() for choice in getattr(model, of)))


def build_form() -> list[gr.components.Component]:
    """The widgets of a request, in the order of `FIELDS`."""
    defaults = VideoRequest("defaults")
    widgets: dict[str, gr.components.Component] = {}
    widgets["prompt"] = gr.Textbox(
        label="Prompt",
        lines=4,
        max_lines=12,
        placeholder="Subject, action, scene, camera, light, sound",
        autofocus=True,
        elem_id="prompt",
    )
    with gr.Row():
        names = [(each.label, name) for name, each in MODELS.items()]
        widgets["model"] = gr.Radio(names, value=defaults.model, label="Model")
        widgets["aspect_ratio"] = gr.Radio(
            choices("aspect_ratios"), value=defaults.aspect_ratio, label="Aspect ratio"
        )
    with gr.Row():
        lengths = [(f"{seconds} s", seconds) for seconds in choices("durations")]
        widgets["duration"] = gr.Radio(lengths, value=defaults.duration, label="Duration")
        widgets["resolution"] = gr.Radio(
            choices("resolutions"), value=defaults.resolution, label="Resolution"
        )
    widgets["generate_audio"] = gr.Checkbox(value=True, label="Sound")
    with gr.Accordion("Advanced", open=False, elem_id="advanced"):
        widgets["negative_prompt"] = gr.Textbox(
            value="",
            label="Negative prompt",
            info="What to keep out, as nouns",
        )
        # Not a gr.Number: unfolding shows an empty one as 0, and a seed of 0 is a seed.
        widgets["seed"] = gr.Textbox(
            value="",
            label="Seed",
            info="The same seed films much the same again; empty for a new one",
        )
        widgets["enhance_prompt"] = gr.Checkbox(
            value=True, label="Enhance prompt", info="Veo may refuse to leave this out"
        )
        widgets["auto_fix"] = gr.Checkbox(
            value=True, label="Auto-fix", info="Rewrite a prompt that the content policy refuses"
        )
    return [widgets[name] for name in FIELDS]


def build_page() -> gr.Blocks:
    """The whole page.  It starts nothing: the demo service begins with the first demo clip."""
    page: gr.Blocks
    with gr.Blocks(
        title="Film a sentence with Veo 3.1", analytics_enabled=False, delete_cache=(3600, 86400)
    ) as page:
        key = gr.State()
        # A fixed one keeps the storage readable after a restart.
        kept = gr.BrowserState(
            {},
            storage_key="veo-3.1",
            secret="public",  # noqa: S106  # nothing in it is secret
        )

        with gr.Row(elem_id="head"):
            gr.Markdown("# Film a sentence with Veo 3.1")
            whose_key = gr.Markdown(mode(None), elem_id="mode")
        with gr.Row(elem_id="body"):
            with gr.Column(elem_id="form"):
                form = build_form()
                with gr.Row():
                    generate = gr.Button("Generate", variant="primary", elem_id="generate")
                    stop = gr.Button("Stop waiting", interactive=False, elem_id="stop")
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
                gr.Examples([[each] for each in EXAMPLES], form[0], api_visibility="private")
                with gr.Accordion("Your own API key", open=False, elem_id="key"):
                    key_box = gr.Textbox(
                        label="AI/ML API key",
                        type="password",
                        info="Kept in this server's memory while the page is open, nowhere else",
                        html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
                        elem_id="key-box",
                    )
                    use_key = gr.Button("Use this key", size="sm")
                    key_note = gr.HTML(elem_id="key-note")
                with gr.Accordion("Fetch an earlier clip", open=False, elem_id="earlier"):
                    earlier = gr.Textbox(label="Id of the request", elem_id="earlier-id")
                    fetch = gr.Button("Look for it", size="sm")

        result = [card, video, download, stop, kept]
        follows: dict[str, Any] = {
            "outputs": result,
            "api_visibility": "private",
            "show_progress": "hidden",
            "concurrency_id": "follow",
            "concurrency_limit": VISITORS_AT_ONCE,
        }
        quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        page.load(restore_form, kept, [*form, earlier], **quick)
        reload = page.load(on_load, kept, **follows)
        # A new job takes the card: whoever follows another one there stops following, and that
        # job goes on.
        fetching = gr.on(
            [fetch.click, earlier.submit],
            on_fetch,
            [earlier, key, kept],
            cancels=[reload],
            **follows,
        )
        generate.click(
            on_generate,
            [*form, key],
            validator=check_form,
            trigger_mode="once",
            cancels=[reload, fetching],
            **follows,
        )
        stop.click(on_stop, kept, **quick)
        gr.on(
            [use_key.click, key_box.submit],
            on_key,
            key_box,
            [key, key_box, key_note, whose_key],
            **quick,
        )
        add_api(form)

    page.queue(max_size=1000, default_concurrency_limit=VISITORS_AT_ONCE)
    # At Gradio's 2,000, so many page loads push a waiting visitor's messages out.
    page._queue.pending_messages_per_session.max_size = 100_000
    return page


def add_api(form: list[gr.components.Component]) -> None:
    """The named endpoints: the form's own fields and defaults, seen by programs only."""
    api_key = gr.Textbox(label="api_key", type="password", visible=False)
    generation_id = gr.Textbox(label="generation_id", visible=False)
    clip = gr.File(label="clip", visible=False)
    facts = gr.JSON(label="facts", visible=False)
    by_name = dict(zip(FIELDS, form, strict=True))
    by_name["seed"] = gr.Number(label="seed", precision=0, visible=False)
    priced = [by_name[name] for name in ("model", "duration", "resolution", "generate_audio")]
    nobody = gr.Button(visible=False)
    # `VideoRequest` checks the values as they come; Gradio's own check would log a traceback.
    common: dict[str, Any] = {"preprocess": False, "concurrency_limit": VISITORS_AT_ONCE}
    fields = [*by_name.values(), api_key]
    nobody.click(api_generate, fields, [clip, facts], api_name="generate", **common)
    nobody.click(api_resume, [generation_id, api_key], [clip, facts], api_name="resume", **common)
    nobody.click(api_price, priced, facts, api_name="price", **common)


# On a phone the result comes right after the button, and all the rest after it.
CSS = """
#head { gap: 0 1rem; align-items: baseline; }
#head > * { flex: 0 1 auto; min-width: 0; width: auto; }
#head h1 { margin: 0; font-size: 1.25rem; }
#status .html-container { padding: 0; }
#body { display: grid; grid-template: "form result" auto "more result" 1fr / 1fr 1fr; }
#form { grid-area: form; } #result { grid-area: result; } #more { grid-area: more; }
@media (max-width: 768px) { #body { grid-template: "form" "result" "more" / 1fr; } }
"""

THEME = gr.themes.Default(
    # Gradio ships this font whole as Regular and Bold, and only a few letters as SemiBold.
    font=[gr.themes.LocalFont("Source Sans Pro", weights=(400, 700)), "system-ui", "sans-serif"]
).set(body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400")

demo = build_page()

if __name__ == "__main__":
    try:
        VeoClient()
    except InvalidRequest as error:
        sys.exit(f"Check AIMLAPI_KEY and AIMLAPI_BASE_URL in the environment. {error}")
    # So that the demo service clears its folder away when a container stops, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
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
    )
