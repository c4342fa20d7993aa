"""The page: a sentence goes in, a video comes out.

    python app.py

Gradio Blocks and their events: it puts the parts in `page/` together and serves them.  It knows no
HTTP, no SQL, and decides nothing about waiting or money; what happens at an event is in
`page.handlers`, what a state or an error reads like in `veo.explain`.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import signal
import sys
import threading
from typing import Any
from unittest import mock

# Both are read at import.  Without the first every page load tells Gradio's makers; without the
# second Gradio's own client, which stands behind the tools for agents, asks the Hub for a list.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
if "SPACE_ID" not in os.environ:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

# At every import Gradio writes type stubs of its components beside their files, which takes nearly
# half of the time.  Those that have no file it leaves out.
with mock.patch.object(inspect, "getfile", side_effect=OSError):
    import gradio as gr
    import gradio.routes
from starlette.middleware import Middleware

from backend import pricing, service
from backend.config import WrongSetting
from page import (
    api,
    clip_list,
    code_panel,
    comparison,
    components,
    examples,
    field_error,
    form,
    handlers,
    http_panel,
    player,
    presets,
    settings_import,
    status_card,
    takes_grid,
    texts,
    theme,
)
from page.gradio_patches import limits
from page.gradio_patches.closings import Closings
from page.gradio_patches.discreet import DiscreetBlocks
from page.web import half_sent
from page.web.compressed import Compressed
from page.web.errors import HANDLERS, Unforeseen, only_places_of
from page.web.first_paint import FirstPaint
from page.web.guard import PROXIES_OF_A_SPACE, Guard, NoCors
from page.web.ranges import Ranges
from veo_client import InvalidRequest, VeoClient

VISITORS_AT_ONCE = 500


def build_page() -> gr.Blocks:
    """The whole page.  It starts nothing: the demo service begins with the first demo clip."""
    page: gr.Blocks
    with DiscreetBlocks(
        title=texts.TITLE, analytics_enabled=False, delete_cache=(3600, 86400)
    ) as page:
        # A fixed one keeps the storage readable after a restart.
        kept = gr.BrowserState(
            {},
            storage_key="veo-3.1",
            secret="public",  # noqa: S106  # whoever can read it can read what it protects
        )

        # What the button last said: nobody pays more than that.
        offer = gr.State(pricing.offer_of(None))

        with gr.Row(elem_id="head"):
            gr.HTML(f"<h1>{texts.TITLE}</h1>", padding=False)
            whose_key = gr.HTML(handlers.mode(None), padding=False, elem_id="mode")
            # A Space has this where its front matter says `hf_oauth: true`.
            if os.environ.get("OAUTH_CLIENT_ID"):
                gr.LoginButton(size="sm", elem_id="login")
        with gr.Row(elem_id="body"):
            with gr.Column(elem_id="form"):
                fields = form.build()
                mistake = field_error.build()
                asked = takes_grid.controls()
                with gr.Row(elem_id="buttons"):
                    generate = gr.Button(texts.GENERATE, variant="primary", elem_id="generate")
                    stop = gr.Button(texts.STOP, interactive=False, min_width=120, elem_id="stop")
                    cost = gr.HTML(elem_id="cost", padding=False)
            with gr.Column(elem_id="result", visible=False) as beside:
                card = status_card.build()
                video = player.build()
                download = gr.DownloadButton(texts.DOWNLOAD, interactive=False, elem_id="download")
                grid = takes_grid.build()
            with gr.Column(elem_id="more", visible=False) as more:
                ideas = examples.build()
                with gr.Accordion(texts.PRESETS_SECTION, open=False, elem_id="presets"):
                    own = presets.build()
                from_file = settings_import.build()
                with gr.Accordion(texts.KEY_SECTION, open=False, elem_id="key"):
                    key_box = gr.Textbox(
                        label=texts.KEY_LABEL,
                        type="password",
                        info=handlers.key_kept(),
                        html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
                        elem_id="key-box",
                    )
                    with gr.Row():
                        use_key = gr.Button(texts.USE_KEY, size="sm")
                        forget_key = gr.Button(texts.FORGET_KEY, size="sm")
                    key_note = gr.HTML(elem_id="key-note")
                with gr.Accordion(texts.EARLIER_SECTION, open=False, elem_id="earlier"):
                    earlier = gr.Textbox(label=texts.EARLIER_LABEL, elem_id="earlier-id")
                    fetch = gr.Button(texts.LOOK, size="sm")
            with gr.Column(elem_id="teach", visible=False) as teach:
                programs = code_panel.build()
                under_the_hood = http_panel.build()
        with gr.Column(visible=False) as below:
            pair = comparison.build()
            mine = clip_list.build()

        result = [card, video, download, stop, kept, mine, grid, under_the_hood]
        quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        follows: dict[str, Any] = {
            **quick,
            "outputs": result,
            "concurrency_id": "follow",
            "concurrency_limit": VISITORS_AT_ONCE,
            # Else Gradio drops what is pressed while the one before is followed.
            "trigger_mode": "multiple",
        }
        # Two frames later; what is hidden is not mounted.
        page.load(
            None,
            None,
            [beside, more, teach, below],
            js=components.function("once_painted"),
            **quick,
        )
        known = page.load(None, kept, kept, js=components.function("become_known"), **quick)
        restored = known.then(
            handlers.restore_form,
            kept,
            [*fields, *asked, earlier],
            js=components.function("draft_there"),
            **quick,
        )
        # Whoever asks for another job stops following the one on the card, and that job goes on:
        # `show` sees to that.  Gradio would cancel an event only after the one that cancels it.
        following: list[Any] = [
            known.then(handlers.on_load, kept, **follows),
            gr.on(
                [fetch.click, earlier.submit],
                handlers.on_fetch,
                [earlier, kept],
                validator=handlers.check_id,
                **follows,
            ),
            gr.on([mine.select, grid.select], handlers.on_select, kept, **follows),
            mine.retry(handlers.on_retry, kept, **follows),
            card.retry(handlers.on_action, kept, **{**follows, "outputs": [*result, *fields]}),
            generated := generate.click(
                handlers.on_generate,
                [*fields, *asked, kept, offer],
                **{**follows, "outputs": [*result, mistake]},
            ),
        ]
        gr.on([mine.edit, grid.edit], handlers.on_edit, kept, fields, **quick)
        seed = fields[form.FIELDS.index("seed")]
        gr.on([mine.input, grid.input], handlers.on_use_seed, kept, seed, **quick)
        mine.delete(
            handlers.on_delete, kept, [card, video, download, mine, grid, under_the_hood], **quick
        )
        mine.focus(handlers.on_focus, kept, [mine, grid], **quick)
        pair.submit(handlers.on_compare, kept, pair, **quick)
        ideas.select(examples.on_select, None, fields, **quick)
        own.submit(presets.on_submit, fields, own, **quick)
        own.select(presets.on_select, None, [*fields, own], **quick)
        from_file.upload(settings_import.on_upload, None, [*fields, from_file], **quick)
        given = gr.on(
            [use_key.click, key_box.submit],
            handlers.on_key,
            [key_box, kept],
            [key_box, key_note, whose_key, kept],
            **quick,
        )
        # What waited for the key goes on, and the card says so.
        following.append(given.then(handlers.on_load, kept, **follows))
        stop.click(
            handlers.on_stop, kept, [card, video, download, stop], cancels=following, **quick
        )
        forgotten = forget_key.click(handlers.on_forget_key, kept, [key_note, whose_key], **quick)
        priced: list[Any] = [fields[form.FIELDS.index(name)] for name in form.PRICED]
        asks: dict[str, Any] = {
            "fn": handlers.on_money,
            "inputs": [*priced, *asked, kept],
            "outputs": [generate, cost, whose_key, offer],
            "trigger_mode": "always_last",
            **quick,
        }
        gr.on([*(field.change for field in [*priced, *asked]), mine.change], **asks)
        for event in (restored, given, forgotten, generated):
            event.then(**asks)
        code_panel.connect(programs, fields, **quick)
        api.add(fields, mcp=service.the_settings().mcp, concurrency_limit=VISITORS_AT_ONCE)

    page.queue(max_size=1000, default_concurrency_limit=VISITORS_AT_ONCE)
    limits.bound(page._queue)
    return page


def main() -> None:
    """Serve the page until it is stopped."""
    os.umask(0o077)  # nobody else on this machine reads prompts, clips or what Gradio keeps
    try:
        VeoClient()
        with service.data_folder_held():
            service.the_jobs()  # now, where a person reads what is wrong with the ledger
            serve(build_page())
    except InvalidRequest as error:
        sys.exit(f"Check AIMLAPI_KEY and AIMLAPI_BASE_URL in the environment. {error}")
    except (WrongSetting, service.InUse, service.NoLedger) as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"The data folder cannot be used ({error}): choose another with VEO_DATA_DIR.")


def middleware(page: gr.Blocks) -> list[Middleware]:
    """What stands before Gradio's `page`."""
    known = service.the_settings()
    guard = Middleware(Guard, on_space=known.on_space, mcp=known.mcp, hosts=known.hosts)
    first = Middleware(FirstPaint, mode=lambda: handlers.mode(None))
    closings = Middleware(Closings, queue=page._queue)
    return [
        Middleware(Unforeseen),
        guard,
        Middleware(Ranges),
        Middleware(Compressed),
        first,
        closings,
    ]


def serve(page: gr.Blocks) -> None:
    if service.the_settings().mcp:
        if not (package := importlib.util.find_spec("mcp")):
            sys.exit('VEO_MCP needs one more package: pip install "mcp<2"')
        only_places_of(package.submodule_search_locations or [])
    # As Ctrl-C does: what is being sent gets its id, and the demo service clears its folder away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # Whose word for a visitor's address uvicorn takes; by itself it would take any local program's.
    proxies = PROXIES_OF_A_SPACE if service.the_settings().on_space else ""
    os.environ.setdefault("FORWARDED_ALLOW_IPS", proxies)
    half_sent.bound()
    # Gradio has no switch for it.
    gradio.routes.CustomCORSMiddleware = NoCors  # type: ignore[attr-defined,assignment]
    # Clips are played from where they lie, instead of being copied.
    gr.set_static_paths([service.the_shelf().folder, examples.POSTERS])
    page.launch(
        css=theme.CSS,
        theme=theme.THEME,
        # Well above the visitors at once: at exactly as many, they would share the web server's
        # own threads and everybody would wait.
        max_threads=4 * VISITORS_AT_ONCE,
        state_session_capacity=limits.STATES,
        # Gradio's history keeps every input in the browser, passwords in clear.
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        # Else Gradio asks itself for the page, and ends when that takes more than three seconds:
        # a crowd at the door would keep the page from starting.
        _frontend=False,
        mcp_server=service.the_settings().mcp,
        footer_links=["api"],
        app_kwargs={
            "lifespan": service.lifespan,
            "middleware": middleware(page),
            "exception_handlers": HANDLERS,
        },
        prevent_thread_lock=True,
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("Stopping: a request that is being sent is waited for.")
    finally:
        service.stop_jobs()


if __name__ == "__main__":
    main()
