"""The page: a sentence goes in, a video comes out.

    python app.py

Gradio Blocks and their events: it puts the parts in `page/` together and serves them.  It knows no
HTTP, no SQL, and decides nothing about waiting or money; what happens at an event is in
`page.handlers`, what an error reads like in `veo.explain`, what a state does in `backend.states`.
"""

from __future__ import annotations

import os
from typing import Any

# isort: off
import page.gradio_patches.early_import  # noqa: F401  # before anything else imports Gradio
import gradio as gr
# isort: on

from backend.pricing import Offer
from backend.service import Service
from page import (
    api,
    clip_list,
    code_panel,
    comparison,
    components,
    examples,
    field_error,
    form,
    http_panel,
    key_section,
    player,
    presets,
    settings_import,
    status_card,
    takes_grid,
    texts,
)
from page.components import QUIET
from page.gradio_patches.blocks import PageBlocks
from page.handlers import Handlers, check_id, mode
from page.view import Parts
from page.web import serve
from page.web.serve import VISITORS_AT_ONCE


def build_page(service: Service) -> PageBlocks:
    """The whole page.  It starts nothing: the demo service begins with the first demo clip."""
    page: PageBlocks
    with PageBlocks(title=texts.TITLE, analytics_enabled=False) as page:
        parts = lay_out(service)
        connect(page, parts, Handlers(service, parts))
        mcp = service.settings.mcp
        api.add(api.Api(service), parts.form, mcp=mcp, concurrency_limit=VISITORS_AT_ONCE)
    page.queue(max_size=1000, default_concurrency_limit=VISITORS_AT_ONCE)
    return page


def lay_out(service: Service) -> Parts:
    """What is seen, from top to bottom, and what is kept."""
    there: dict[str, Any] = {}
    with gr.Row(elem_id="head"):
        gr.HTML(f"<h1>{texts.TITLE}</h1>", padding=False)
        there["mode"] = gr.HTML(mode(service.payer_for(None)), padding=False, elem_id="mode")
        # A Space has this where its front matter says `hf_oauth: true`.
        if os.environ.get("OAUTH_CLIENT_ID"):
            gr.LoginButton(size="sm", elem_id="login")
    with gr.Row(elem_id="body"):
        with gr.Column(elem_id="form"):
            there["form"], draft_line = form.build()
            there["count"], there["differs"] = takes_grid.controls()
            with gr.Row(elem_id="buttons"):
                there["generate"] = gr.Button(texts.GENERATE, variant="primary", elem_id="generate")
                there["stop"] = gr.Button(
                    texts.STOP, interactive=False, min_width=120, elem_id="stop"
                )
                there["cost"] = gr.HTML(elem_id="cost", padding=False, visible=False)
        with gr.Column(elem_id="result", visible=False) as beside:
            there["card"] = status_card.build()
            there["video"] = player.build()
            there["download"] = gr.DownloadButton(
                texts.DOWNLOAD, interactive=False, elem_id="download"
            )
            there["grid"] = takes_grid.build()
        with gr.Column(elem_id="more", visible=False) as more:
            there["examples"] = examples.build()
            with gr.Accordion(texts.PRESETS_SECTION, open=False, elem_id="presets"):
                there["presets"] = presets.build()
            there["settings_file"] = settings_import.build()
            there |= key_section.build(service.settings.key_seconds)
            with gr.Accordion(texts.EARLIER_SECTION, open=False, elem_id="earlier"):
                there["generation_id"] = gr.Textbox(label=texts.EARLIER_LABEL, elem_id="earlier-id")
                there["look"] = gr.Button(texts.LOOK, size="sm")
        with gr.Column(elem_id="teach", visible=False) as teach:
            there["programs"] = code_panel.build()
            there["http"] = http_panel.build()
    with gr.Column(visible=False) as below:
        there["mistake"] = field_error.build()
        there["comparison"] = comparison.build()
        there["clips"] = clip_list.build()
    # A fixed secret keeps the storage readable after a restart.
    there["browser_state"] = gr.BrowserState(
        {},
        storage_key="veo-3.1",
        secret="public",  # noqa: S106  # whoever can read it can read what it protects
    )
    there["offer"] = gr.State(Offer(payer=service.payer_for(None), dollars=None).as_dict())
    late = (draft_line, there["cost"], beside, more, teach, below)
    return Parts(shown_late=late, **there)


def connect(page: gr.Blocks, parts: Parts, handlers: Handlers) -> None:
    """What happens at which event."""
    browser_state = parts.named("browser_state")
    given: dict[str, Any] = {"inputs_kwargs": browser_state, **QUIET}
    clips, grid = parts.clips, parts.grid

    # What is hidden is not mounted.
    page.load(None, None, [*parts.shown_late], js=components.function("once_painted"), **QUIET)
    state = parts.browser_state
    known = page.load(None, state, state, js=components.function("become_known"), **QUIET)
    painted = known.then(None, js=components.function("wait_for_paint"), **QUIET)
    restored = painted.then(
        handlers.restore_form,
        outputs=[*parts.form.values(), parts.count, parts.differs, parts.generation_id],
        js=components.function("draft_there"),
        **given,
    )
    following, generated = connect_following(painted, parts, handlers)
    gr.on([clips.edit, grid.edit], handlers.on_edit, outputs=[*parts.form.values()], **given)
    gr.on([clips.input, grid.input], handlers.on_use_seed, outputs=parts.form["seed"], **given)
    clips.delete(
        handlers.on_delete,
        outputs=[parts.card, parts.video, parts.download, clips, grid, parts.http],
        **given,
    )
    clips.focus(handlers.on_focus, outputs=[clips, grid], **given)
    parts.comparison.submit(handlers.on_compare, outputs=parts.comparison, **given)
    examples.connect(parts.examples, parts.form)
    presets.connect(parts.presets, parts.form)
    settings_import.connect(parts.settings_file, parts.form)
    with_key = gr.on(
        [parts.use_key.click, parts.key_box.submit],
        handlers.on_key,
        inputs_kwargs=parts.named("key_box", "browser_state"),
        outputs=[parts.key_box, parts.key_note, parts.mode, state],
        **QUIET,
    )
    # What waited for the key goes on, and the card says so.
    following.append(with_key.then(handlers.on_load, **on_the_result_side(parts)))
    parts.stop.click(
        handlers.on_stop,
        outputs=[parts.card, parts.video, parts.download, parts.stop],
        cancels=following,
        **given,
    )
    without_key = parts.forget_key.click(
        handlers.on_forget_key, outputs=[parts.key_note, parts.mode], **given
    )
    connect_money([restored, with_key, without_key, generated], parts, handlers)
    code_panel.connect(parts.programs, parts.form)


def connect_following(known: Any, parts: Parts, handlers: Handlers) -> tuple[list[Any], Any]:
    """The events that show a job until it is over, once the visitor is `known`; and the press of
    Generate, which is one of them.

    Whoever asks for another job stops following the one on the card, and that job goes on: the
    handlers see to that.  Gradio would cancel an event only after the one that cancels it.
    """
    follows = on_the_result_side(parts)
    clips, grid = parts.clips, parts.grid
    generated = {
        "inputs_kwargs": {
            **parts.named("browser_state"),
            **parts.form,
            **parts.named("count", "differs", "offer"),
        },
        "outputs": [*follows["outputs"], parts.mistake],
        # Who presses before the page has begun is known, too.
        "js": components.function("become_known"),
    }
    fetched = {"inputs_kwargs": parts.named("generation_id", "browser_state")}
    acted = {"outputs": [*follows["outputs"], *parts.form.values()]}
    following = [
        known.then(handlers.on_load, **follows),
        gr.on(
            [parts.look.click, parts.generation_id.submit],
            handlers.on_fetch,
            validator=check_id,
            **{**follows, **fetched},
        ),
        gr.on([clips.select, grid.select], handlers.on_select, **follows),
        clips.retry(handlers.on_retry, **follows),
        parts.card.retry(handlers.on_action, **{**follows, **acted}),
        press := parts.generate.click(handlers.on_generate, **{**follows, **generated}),
    ]
    return following, press


def on_the_result_side(parts: Parts) -> dict[str, Any]:
    """What Gradio is told of an event that follows a job."""
    return {
        **QUIET,
        "inputs_kwargs": parts.named("browser_state"),
        "outputs": [
            parts.card,
            parts.video,
            parts.download,
            parts.stop,
            parts.browser_state,
            parts.clips,
            parts.grid,
            parts.http,
        ],
        "concurrency_id": "follow",
        "concurrency_limit": VISITORS_AT_ONCE,
        # Else Gradio drops what is pressed while the one before is followed.
        "trigger_mode": "multiple",
    }


def connect_money(after: list[Any], parts: Parts, handlers: Handlers) -> None:
    """The price follows the form, the list of clips, and the events in `after`."""
    priced: dict[str, Any] = {name: parts.form[name] for name in form.PRICED}
    inputs = priced | parts.named("count", "differs", "browser_state")
    asks: dict[str, Any] = {
        "fn": handlers.on_money,
        "inputs_kwargs": inputs,
        "outputs": [parts.generate, parts.cost, parts.mode, parts.offer],
        "trigger_mode": "always_last",
        **QUIET,
    }
    changing = [*priced.values(), parts.count, parts.differs, parts.clips]
    gr.on([field.change for field in changing], **asks)
    for event in after:
        event.then(**asks)


def main() -> None:
    """Serve the page until it is stopped."""
    serve.run(build_page)


if __name__ == "__main__":
    main()
