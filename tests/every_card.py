"""Every status card on one page: as a script, it serves them as the page would."""

import os
from typing import Any

import gradio as gr
from test_explain import BEFORE_AN_ID, FOX, WITH_AN_ID
from test_states import EVERY_STATE

from backend import states
from page import status_card, theme
from veo import explain


def every_card() -> list[dict[str, Any]]:
    made = status_card._card
    an_id: dict[str, Any] = {
        "job": "job",
        "generation_id": "9d94e68d-45b6-47dd-9294-5aaf4835f0e1",
        "seed": "seed 4294967295",
    }
    cards = [
        status_card.idle(),
        status_card.gone(),
        status_card.card_for_stopped(None, has_clip=False, is_guest=False),
    ]
    cards.append(status_card.offer_changed())
    cards += [made("idle", states.REMOVED, **an_id), made("stopped", states.STOPPED, **an_id)]
    for waits in states.WAITING:
        step = status_card.STEP.get(waits, "generating")
        slow = waits == "slow"
        said = states.explain_waiting("generating" if slow else waits)
        times = {"elapsed": 300.0 if slow else 30.0, "expected": 120.0, "may_be_slow": slow}
        cards.append(made("running", said, step=step, left_known=True, **an_id, **times))
    for dollars, is_demo in ((None, False), (0.0, False), (3.2, False), (0.0, True)):
        said = states.explain_ready("1280 × 720, 4 s, 24 fps.", dollars, is_demo=is_demo)
        cards.append(made("done", said, step="ready", elapsed=90.0, **an_id))
    for error in (*BEFORE_AN_ID, *WITH_AN_ID):
        for is_demo in (False, True):
            said = explain.explain_error(error, request=FOX, is_demo=is_demo)
            cards.append(made("failed", said, **an_id))
    cards += [made("failed", said, **an_id) for said in EVERY_STATE.values() if said.actions]
    return cards


def main() -> None:
    with gr.Blocks(title="Every card", analytics_enabled=False) as page:
        gr.HTML("<h1>Every card</h1>")
        for card in every_card():
            status_card.build().value = card
    page.launch(
        # Gradio read it when it was imported, perhaps before this process had its environment.
        server_port=int(os.environ.get("GRADIO_SERVER_PORT", 7860)),
        css=theme.CSS,
        theme=theme.THEME,
        run_history=False,
        ssr_mode=False,
        footer_links=["api"],
    )


if __name__ == "__main__":
    main()
