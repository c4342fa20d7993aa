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
    chips,
    code_panel,
    comparison,
    components,
    draft,
    examples,
    field_error,
    form,
    key_section,
    presets,
    prompt_helper,
    settings_import,
    sheet,
    slots,
    stage,
    strip,
    tabs,
    takes_asked,
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
        asked = {name: parts.form[name] for name in form.BEFORE_PICTURES}
        api.add(api.Api(service), asked, mcp=mcp, concurrency_limit=VISITORS_AT_ONCE)
    page.queue(max_size=1000, default_concurrency_limit=VISITORS_AT_ONCE)
    return page


def lay_out(service: Service) -> Parts:
    """What is seen, from top to bottom, and what is kept."""
    there: dict[str, Any] = {}
    with gr.Row(elem_id="head"):
        gr.HTML(f"<h1>{texts.TITLE}</h1>", padding=False)
        tabs.build()
        there["mode"] = gr.HTML(mode(service), padding=False, elem_id="mode")
        with gr.Column(elem_id="own-key", visible=False) as own_key:
            there |= key_section.build(service.settings.key_seconds)
        # A Space has this where its front matter says `hf_oauth: true`.
        if os.environ.get("OAUTH_CLIENT_ID"):
            gr.LoginButton(size="sm", elem_id="login")
    # The Tab key goes as the eye does: the composer stands last, at the window's lower edge.
    with gr.Row(elem_id="body"):
        with gr.Column(elem_id="stage", visible=False) as scene:
            there |= stage.build()
        with gr.Column(elem_id="strip", visible=False) as beside:
            there["clips"] = strip.build()
            there["found"] = strip.build_found()
        with gr.Column(elem_id="more", visible=False) as more:
            there |= lay_out_more()
        with gr.Column(elem_id="composer"):
            there |= lay_out_composer()
    # A fixed secret keeps the storage readable after a restart.
    there["browser_state"] = gr.BrowserState(
        {},
        storage_key="veo-3.1",
        secret="public",  # noqa: S106  # whoever can read it can read what it protects
    )
    unknown = Offer(payer=service.payer_for(None), dollars=None).as_dict()
    there["offer"] = gr.State(unknown | {"rehearsal": unknown})
    pictures = there["form"]["pictures"]
    in_composer = (there.pop("settings"), pictures, there["draft"], there["cost"])
    late = (*in_composer, there.pop("sheet"), own_key, scene, beside, more)
    return Parts(shown_late=late, **there)


def lay_out_more() -> dict[str, Any]:
    """What is looked for now and then."""
    there: dict[str, Any] = {"comparison": comparison.build(), "mistake": field_error.build()}
    there["examples"] = examples.build()
    return there


def lay_out_composer() -> dict[str, Any]:
    """The form and the button that sends it.

    What is not `visible` there comes after the form is painted.
    """
    there: dict[str, Any] = {}
    with gr.Column(elem_id="form"):
        # Above the prompt for the Tab key, beside the chips for the eye.
        fields: dict[str, Any] = {"pictures": slots.build(), "prompt": form.build_prompt()}
        there["chips"] = chips.build()
        with gr.Column(elem_id="settings", visible=False) as there["settings"]:
            fields |= form.build_settings()
            there["count"], there["differs"] = takes_asked.controls()
    with gr.Row(elem_id="buttons"):
        there["cost"] = gr.HTML(elem_id="cost", padding=False, visible=False)
        there["draft"] = draft.build(fields["prompt"])
        there["generate"] = gr.Button(texts.GENERATE, variant="primary", elem_id="generate")
        # After the other for the Tab key, before it for the eye; the price brings it.
        there["rehearse"] = gr.Button(texts.REHEARSE, visible=False, elem_id="rehearse")
    with gr.Column(elem_id="sheet", visible=False) as there["sheet"]:
        sheet.build()
        fields |= form.build_advanced()
        with gr.Accordion(texts.HELP_SECTION, open=False, elem_id="help"):
            prompt_helper.build(fields["prompt"])
        with gr.Accordion(texts.PRESETS_SECTION, open=False, elem_id="presets"):
            there["presets"] = presets.build()
        there["settings_file"] = settings_import.build()
    return there | {"form": {name: fields[name] for name in form.FIELDS}}


def connect(page: gr.Blocks, parts: Parts, handlers: Handlers) -> None:
    """What happens at which event."""
    browser_state = parts.named("browser_state")
    given: dict[str, Any] = {"inputs_kwargs": browser_state, **QUIET}
    clips = parts.clips

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
    values: dict[str, Any] = {**parts.form, **parts.named("count", "differs")}
    everything = [values[name] for name in chips.VALUES]
    restored.then(None, everything, None, js=components.function("form_restored"), **QUIET)
    chips.connect(parts.chips, values)
    draft.connect(parts.draft, parts.form)
    parts.chips.focus(
        handlers.on_chip,
        inputs_kwargs=values | browser_state,
        outputs=parts.chips,
        trigger_mode="always_last",
        **QUIET,
    )
    following, generated = connect_following(painted, parts, handlers)
    gr.on(
        [clips.edit, parts.tools.edit],
        handlers.on_edit,
        outputs=[*parts.form.values(), parts.tools],
        **given,
    )
    slots.connect(parts, handlers.on_frame)
    parts.tools.focus(
        handlers.on_go_on,
        inputs_kwargs={**parts.form, **browser_state},
        outputs=parts.tools,
        trigger_mode="always_last",
        **QUIET,
    )
    clips.input(handlers.on_use_seed, outputs=[parts.form["seed"], parts.tools], **given)
    clips.delete(
        handlers.on_delete,
        outputs=[parts.card, parts.video, parts.download, clips, parts.http],
        **given,
    )
    clips.focus(handlers.on_focus, outputs=clips, **given)
    clips.star(handlers.on_star, outputs=clips, trigger_mode="multiple", **given)
    clips.find(handlers.on_find, outputs=parts.found, trigger_mode="always_last", **given)
    parts.comparison.submit(handlers.on_compare, outputs=parts.comparison, **given)
    examples.connect(parts.examples, parts.form)
    examples.connect(parts.example_film, parts.form)
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
    parts.card.stop(
        handlers.on_stop,
        outputs=[parts.card, parts.video, parts.download],
        cancels=following,
        **given,
    )
    without_key = parts.forget_key.click(
        handlers.on_forget_key, outputs=[parts.key_note, parts.mode], **given
    )
    connect_money([restored, with_key, without_key, generated], parts, handlers)
    code_panel.connect(parts.programs, parts.form)
    parts.programs.select(handlers.on_code, outputs=parts.programs, **given)


def connect_following(known: Any, parts: Parts, handlers: Handlers) -> tuple[list[Any], Any]:
    """The events that show a job until it is over, once the visitor is `known`; and the press of
    Generate, which is one of them.

    Whoever asks for another job stops following the one on the card, and that job goes on: the
    handlers see to that.  Gradio would cancel an event only after the one that cancels it.
    """
    follows = on_the_result_side(parts)
    clips = parts.clips
    generated = {
        "inputs_kwargs": {
            **parts.named("browser_state"),
            **parts.form,
            **parts.named("count", "differs", "offer"),
        },
        "outputs": [*follows["outputs"], parts.mistake],
        # Who presses before the page has begun is known, too: `become_known.js` takes what the
        # browser keeps as its first argument, so `browser_state` stands first of the inputs.
        "js": components.function("become_known"),
    }
    asks = [clips.select, clips.retry, parts.look.click, parts.generate.click, parts.rehearse.click]
    gr.on(asks, None, js=components.function("show_stage"), **QUIET)
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
        clips.select(handlers.on_select, **follows),
        clips.retry(handlers.on_retry, **follows),
        parts.card.retry(handlers.on_action, **{**follows, **acted}),
        parts.tools.submit(handlers.on_properly, **follows),
        press := parts.generate.click(handlers.on_generate, **{**follows, **generated}),
        parts.rehearse.click(handlers.on_rehearse, **{**follows, **generated}),
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
            parts.browser_state,
            parts.clips,
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
    pictures = {"pictures": parts.form["pictures"]}
    inputs = priced | parts.named("count", "differs", "browser_state") | pictures
    asks: dict[str, Any] = {
        "fn": handlers.on_money,
        "inputs_kwargs": inputs,
        "outputs": [
            *(parts.generate, parts.rehearse, parts.cost),
            *(parts.mode, parts.offer, parts.chips),
        ],
        "trigger_mode": "always_last",
        **QUIET,
    }
    changing = [*priced.values(), *pictures.values(), parts.count, parts.differs, parts.clips]
    gr.on([field.change for field in changing], **asks)
    for event in after:
        event.then(**asks)


def main() -> None:
    """Serve the page until it is stopped."""
    serve.run(build_page)


if __name__ == "__main__":
    main()
