"""Every status card on one page: as a script, it serves them as the page would."""

from typing import Any

import gradio as gr
from test_words import BEFORE_AN_ID, FOX, WITH_AN_ID

import app
import words
from page import status_card
from veo_types import Failed, Refused

REFUSALS = (
    Refused("Prompt enhancement cannot be disabled.", reason="request"),
    Failed("The audio was refused."),
    Failed("Refused by the content policy."),
)
"""Those that get other words than the rest of their class."""


def every_card() -> list[dict[str, Any]]:
    made = status_card._card
    an_id: dict[str, Any] = {"job": "job", "generation_id": "9d94e68d-45b6-47dd-9294-5aaf4835f0e1"}
    cards = [status_card.idle(), status_card.gone(), status_card.stopped(None)]
    cards += [made("idle", words.REMOVED, **an_id), made("stopped", words.STOPPED, **an_id)]
    for waits in words.WAITING:
        step = status_card.STEP.get(waits, "generating")
        slow = waits == "slow"
        said = words.of_waiting("generating" if slow else waits)
        times = {"elapsed": 300.0 if slow else 30.0, "expected": 120.0, "may_be_slow": slow}
        cards.append(made("running", said, step=step, **an_id, **times))
    for dollars, is_demo in ((None, False), (0.0, False), (3.2, False), (0.0, True)):
        said = words.of_ready("1280 × 720, 4 s, 24 fps.", dollars, is_demo=is_demo)
        cards.append(made("done", said, step="ready", elapsed=90.0, **an_id))
    for error in (*BEFORE_AN_ID, *WITH_AN_ID, *REFUSALS):
        cards.append(made("failed", words.of_error(error, request=FOX), **an_id))
    return cards


def main() -> None:
    with gr.Blocks(title="Every card", analytics_enabled=False) as page:
        gr.HTML("<h1>Every card</h1>")
        for card in every_card():
            status_card.build().value = card
    page.launch(css=app.CSS, theme=app.THEME, run_history=False, ssr_mode=False)


if __name__ == "__main__":
    main()
