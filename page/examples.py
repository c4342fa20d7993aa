"""Example prompts, each a button with a picture of the kind of film it asks for.

The pictures are the demo's own drawings, made by `docs/draw_posters.py`, and say so.  This module
knows the form's fields and nothing of jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.components import Component

from page import components, texts
from page.view import form_values

POSTERS = Path(__file__).parent / "posters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A prompt worth starting from."""

    name: str
    """On its button, and in the name of its poster."""
    prompt: str
    aspect_ratio: str = "16:9"
    drawn: str
    """What the demo draws for it, for those who do not see the poster."""

    @property
    def poster(self) -> Path:
        return POSTERS / f"{self.name.lower().replace(' ', '-')}.webp"

    @property
    def film(self) -> Path:
        """That of the empty stage; no other example has one."""
        return self.poster.with_suffix(".mp4")


EXAMPLES = (
    Example(
        name="Fox in the snow",
        prompt="A red fox trots through fresh snow at sunrise. Low tracking shot, 85 mm lens, "
        "shallow focus. Golden light, nature documentary. Sound: soft crunch of paws, a far crow.",
        drawn="snow falls on wooded hills at sunrise",
    ),
    Example(
        name="Night surf",
        prompt="Waves roll onto a black sand beach at night under a full moon. Wide static shot "
        "at eye level. Cold silver light, long exposure look. Sound: deep, slow surf.",
        drawn="moonlight on open water under stars",
    ),
    Example(
        name="Neon rain",
        prompt="A cyclist in a clear raincoat rides down the neon streets of a small city on a "
        "rainy night. Slow push-in, 50 mm lens, shallow focus. Pink and cyan light, film noir. "
        "Sound: tyres on wet asphalt, quiet traffic hum.",
        drawn="blurred lights of a street in the rain",
    ),
    Example(
        name="Northern lights",
        prompt="Aurora over a still northern lake, a lone canoe drifts in. Wide shot, slow tilt "
        "up, 18 mm lens. Green and violet light, no moon. Sound: dripping paddle, silence between.",
        drawn="curtains of northern light over a lake",
    ),
    Example(
        name="One more net",
        prompt="An old fisherman in a yellow coat hauls in a net on a small boat at sea in the "
        "rain. Medium shot at eye level, handheld. Midnight, lit by one swinging lamp, muted "
        "documentary style. Sound: rain on planks, a creaking rope. "
        'The fisherman says, "One more, then home."',
        drawn="rain over a dark sea",
    ),
    Example(
        name="Sailing boat",
        prompt="A white sailing boat heels in fresh wind at sea on a bright, sunny morning. "
        "Aerial shot that circles the boat, 24 mm lens. Crisp daylight, travel film. "
        "Sound: wind in the sails, water along the hull.",
        drawn="blue water and islands in morning light",
    ),
    Example(
        name="Campfire",
        prompt="Embers rise from a campfire as somebody lays on a log. Close-up, camera tilts up "
        "with the sparks, 35 mm lens. Warm firelight on black. Sound: crackling wood, crickets.",
        aspect_ratio="9:16",
        drawn="glowing embers, upright",
    ),
    Example(
        name="Above the valley",
        prompt="A hiker steps onto a ridge above a wooded mountain valley at dusk. Rising crane "
        "shot from behind, ultra wide lens. Last golden light, haze between the hills. "
        "Sound: wind, a strap that flaps, one deep breath.",
        aspect_ratio="9:16",
        drawn="hills behind hills at dusk, upright",
    ),
)


def build() -> gr.HTML:
    """The component; `select` says which example was pressed."""
    shown = [
        {
            "name": each.name,
            "drawn": each.drawn,
            "poster": address_of(each.poster),
        }
        for each in EXAMPLES
    ]
    return components.component(
        "examples",
        shown,
        elem_id="examples",
        label=texts.EXAMPLES_TITLE,
        texts={"title": texts.EXAMPLES_TITLE, "note": texts.EXAMPLES_NOTE},
    )


def address_of(file: Path) -> str:
    """Where the page's browser finds one of `POSTERS`."""
    return f"gradio_api/file={quote(str(file))}"


def connect(examples: gr.HTML, fields: Mapping[str, Component]) -> None:
    """Let an example fill the form in; what it does not say stays as it is, except the seed: with
    that of another clip, the example would come out much like it."""

    def on_select(event: gr.EventData) -> dict[Any, Any]:
        return form_values(selected(event), fields) or gr.skip()

    examples.select(on_select, None, [*fields.values()], **components.QUIET)


def selected(event: gr.EventData) -> dict[str, Any]:
    """The form's values for the pressed example."""
    number: Any = getattr(event, "number", None)
    if number not in range(len(EXAMPLES)):
        return {}
    example = EXAMPLES[int(number)]
    return {"prompt": example.prompt, "aspect_ratio": example.aspect_ratio, "seed": ""}
