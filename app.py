"""The page: a sentence goes in, a video comes out.

    python app.py

Gradio Blocks and their events: it puts the parts in `page/` together and serves them.  It knows no
HTTP, no SQL, and decides nothing about waiting or money; what happens at an event is in
`page.handlers`, what a state or an error reads like in `veo.explain`.
"""

from __future__ import annotations

import os
from typing import Any

# isort: off
import page.gradio_patches.early_import  # noqa: F401  # before anything else imports Gradio
import gradio as gr
# isort: on

from backend import pricing, service
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
)
from page.gradio_patches.blocks import PageBlocks
from page.web import serve
from page.web.serve import VISITORS_AT_ONCE


def build_page() -> PageBlocks:
    """The whole page.  It starts nothing: the demo service begins with the first demo clip."""
    page: PageBlocks
    with PageBlocks(title=texts.TITLE, analytics_enabled=False) as page:
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
    return page


def main() -> None:
    """Serve the page until it is stopped."""
    serve.run(build_page)


if __name__ == "__main__":
    main()
