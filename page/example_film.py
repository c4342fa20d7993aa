"""The empty stage: an example's film, its sentence, and a button that puts it into the form.

A Gradio HTML component.  The film plays once, without sound, and is asked for only after the form
is painted and while the stage is still empty.  `docs/draw_posters.py` makes it with the demo's own
renderer.  This module knows the examples and nothing of jobs.
"""

from __future__ import annotations

import gradio as gr

from page import components, texts
from page.examples import EXAMPLES, address_of

NUMBER = next(at for at, each in enumerate(EXAMPLES) if each.name == "Northern lights")
"""Whose prompt it is, in `EXAMPLES`: its film moves most for the fewest bytes."""


def build() -> gr.HTML:
    """The component; `select` says which example is to be filmed, as the examples' buttons do."""
    example = EXAMPLES[NUMBER]
    sentence, _, _ = example.prompt.partition(". ")
    return components.component(
        "example_film",
        None,
        elem_id="example-film",
        label=texts.EXAMPLES_TITLE,
        number=NUMBER,
        poster=address_of(example.poster),
        film=address_of(example.film),
        drawn=example.drawn,
        sentence=f"\N{LEFT DOUBLE QUOTATION MARK}{sentence}.\N{RIGHT DOUBLE QUOTATION MARK}",
        texts={"film_this": texts.FILM_THIS, "note": texts.EXAMPLES_NOTE},
    )
