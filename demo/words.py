"""Read what the words of a prompt say, and throw the dice for the rest."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from demo.scenery import Dice, Mood

# Read from the top: the first row that matches decides a thing, later rows decide what is left.
WORDS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("aurora borealis northern polar", {"scene": "aurora", "light": "night"}),
    ("fire fires flame flames campfire candle candles lava embers", {"scene": "lights", "hue": 45}),
    ("sunrise sunset dawn dusk evening twilight golden", {"light": "dusk"}),
    ("night midnight moon moonlight moonlit star stars starry dark", {"light": "night"}),
    ("noon day daylight midday morning sunny", {"light": "day"}),
    ("city street streets neon traffic party bokeh skyline town", {"scene": "lights"}),
    ("sea ocean water beach coast wave waves lake river island boat ship", {"scene": "sea"}),
    ("forest forests wood woods tree trees jungle pine pines", {"scene": "hills", "hue": 155}),
    ("hill hills mountain mountains valley ridge field meadow desert", {"scene": "hills"}),
    ("fox wolf deer bear dog horse rabbit", {"scene": "hills"}),
    ("snow snowy snowfall winter blizzard", {"scene": "hills", "weather": "snow"}),
    ("rain rainy raining storm stormy drizzle downpour", {"weather": "rain"}),
)
LIGHT_DICE = ("day", "dusk", "dusk", "night")
SCENE_DICE = {
    "day": ("hills", "sea"),
    "dusk": ("hills", "hills", "sea", "sea", "lights"),
    "night": ("hills", "sea", "aurora", "lights"),
}


def read_mood(prompt: str, seed: int) -> Mood:
    """Tilt the picture by the prompt's English words, matched whole; dice decide the rest."""
    words = set(re.findall(r"\w+", prompt.casefold()))
    wishes: dict[str, Any] = {}
    for row, wish in WORDS:
        if not words.isdisjoint(row.split()):
            wishes = {**wish, **wishes}
    dice = throw_dice(prompt, seed, "mood")
    light = wishes.setdefault("light", str(dice.choice(LIGHT_DICE)))
    wishes.setdefault("scene", str(dice.choice(SCENE_DICE[light])))
    return Mood(**wishes)


def throw_dice(prompt: str, seed: int, subject: str) -> Dice:
    """Return the random numbers of one subject: the same in every process, unlike `hash()`."""
    text = f"{seed}\0{subject}\0{prompt}".encode("utf-8", "surrogatepass")
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest()[:16], "big"))
