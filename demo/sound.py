"""Compose the sound of a demo clip, and cut it into the pieces that belong to each picture."""

from fractions import Fraction

import av
import numpy as np

from demo.layers import FPS
from demo.scenery import Array, Dice, F, smoothstep
from demo.words import throw_dice

SAMPLE_RATE = 48_000
LEAD_OUT = SAMPLE_RATE // 20
CHORDS = ((0, 7, 12, 16, 23), (0, 7, 12, 15, 22), (0, 7, 12, 14, 19), (0, 5, 12, 16, 21))


def compose_sound(prompt: str, seed: int, duration: int) -> Array:
    """Return a calm pad with a few plucks, (2, samples) float32, peak about -12 dBFS."""
    dice = throw_dice(prompt, seed, "sound")
    time = np.arange(duration * SAMPLE_RATE) / SAMPLE_RATE
    root = 110 * 2 ** (dice.integers(-3, 6) / 12)
    chord = CHORDS[dice.integers(len(CHORDS))]
    sound = np.zeros((2, len(time)), F)
    for number, step in enumerate(chord):
        sound += pad_note(dice, time, root * 2 ** (step / 12)) * F(0.9 / (1 + number * 0.45))
    start = 0.5
    while start < duration - 1.2:
        pitch = root * 4 * 2 ** (float(dice.choice(chord[1:])) / 12)
        add_pluck(sound, dice, pitch, int(start * SAMPLE_RATE))
        start += float(dice.choice([0.5, 0.75, 1.0, 1.25]))
    sound *= smoothstep(np.minimum(time / 0.9, (duration - time) / 1.4)).astype(F)
    return sound * F(0.25 / np.abs(sound).max())


def pad_note(dice: Dice, time: Array, pitch: float) -> Array:
    """Return one slowly breathing note, detuned a little between left and right."""
    breath = 0.62 + 0.38 * np.sin(2 * np.pi * (dice.uniform(0.06, 0.16) * time + dice.random()))
    sides = []
    for detune in (0.9992, 1.0008):
        # Phases are wrapped in float64: float32 would lose pitch after a second.
        phase = ((pitch * detune * time + dice.random()) % 1).astype(F) * F(2 * np.pi)
        sides.append(np.sin(phase) + F(0.28) * np.sin(phase * F(2)) + F(0.1) * np.sin(phase * F(3)))
    return np.array(sides) * breath.astype(F)


def add_pluck(sound: Array, dice: Dice, pitch: float, start: int) -> None:
    """Add a plucked string at a sample, somewhere between left and right."""
    length = min(sound.shape[1] - start, int(1.6 * SAMPLE_RATE))
    time = np.arange(length) / SAMPLE_RATE
    envelope = np.exp(-time * 3.2) * (1 - np.exp(-time * 160)) * 0.3
    left = dice.uniform(0.3, 0.7)
    pluck = np.sin(2 * np.pi * pitch * time) * envelope
    sound[:, start : start + length] += (np.array([[left], [1 - left]]) * pluck).astype(F)


def sound_frame(sound: Array, number: int) -> av.AudioFrame:
    """Return the sound that belongs to one picture."""
    size = SAMPLE_RATE // FPS
    piece = np.ascontiguousarray(sound[:, number * size : (number + 1) * size])
    frame = av.AudioFrame.from_ndarray(piece, "fltp", "stereo")
    frame.sample_rate, frame.pts = SAMPLE_RATE, number * size
    frame.time_base = Fraction(1, SAMPLE_RATE)
    return frame


def join(before: Array | None, new: Array | None, frames_before: int, frames: int) -> Array | None:
    """The sound of a clip and what goes on from it; where only one has any, silence beside it."""
    if before is None and new is None:
        return None
    size = SAMPLE_RATE // FPS
    before = np.zeros((2, frames_before * size), F) if before is None else before.copy()
    new = np.zeros((2, frames * size), F) if new is None else new
    # Whatever the clip ends with: a sound that breaks off is a click.
    before[:, -LEAD_OUT:] *= np.linspace(1, 0, min(LEAD_OUT, before.shape[1]), dtype=F)
    return np.concatenate([before, new], axis=1)
