"""Paint the moving pictures behind the demo clips, small and in float32.

A scene is composed once from dice (`numpy.random.Generator`) and a mood; after that its `draw`
paints any moment of it onto a canvas. Lengths are in picture heights, time in seconds, colours in
sRGB from 0 to 1. This module knows no prompt, no seed, no file and no codec: see `film.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Dice = np.random.Generator
F = np.float32  # float64 would double the memory moved, which is what the time goes into


@dataclass(frozen=True, kw_only=True)
class Light:
    """How light things are (OKLCH lightness, 0..1) at one time of day."""

    zenith: float
    middle: float
    horizon: float
    far: float
    near: float
    """The furthest and the nearest hills."""
    water: float
    sun: tuple[float, float]
    """Range of the sun's or moon's place between the top (0) and the horizon (1)."""


LIGHTS: Mapping[str, Light] = {
    "day": Light(
        zenith=0.62, middle=0.79, horizon=0.93, far=0.86, near=0.40, water=0.60, sun=(0.18, 0.30)
    ),
    "dusk": Light(
        zenith=0.46, middle=0.70, horizon=0.88, far=0.80, near=0.16, water=0.42, sun=(0.62, 0.82)
    ),
    "night": Light(
        zenith=0.14, middle=0.25, horizon=0.42, far=0.36, near=0.10, water=0.20, sun=(0.30, 0.55)
    ),
}


@dataclass(frozen=True, kw_only=True)
class Mood:
    """What a picture shall be like."""

    scene: str
    """A key of `SCENES`."""
    light: str
    """A key of `LIGHTS`."""
    weather: str = "clear"
    """clear, snow or rain."""
    hue: float | None = None
    """Leading hue in degrees (OKLCH), for words that have a colour."""


class Scene(Protocol):
    """Anything that can paint its moment onto a canvas."""

    def draw(self, canvas: "Canvas", seconds: float) -> None: ...


# --- Tools ----------------------------------------------------------------------------------------


def oklch(lightness: float, chroma: float, hue: float) -> Array:
    """Return an sRGB colour from OKLCH, with the chroma lowered until it fits.

    Source of the matrices: Björn Ottosson, "A perceptual color space for image processing".
    """
    for weaker in np.linspace(chroma, 0, 12):
        a, b = weaker * np.cos(np.radians(hue)), weaker * np.sin(np.radians(hue))
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
        green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
        blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
        linear = np.array([red, green, blue])
        if linear.min() > -0.001 and linear.max() < 1.001:
            break
    linear = linear.clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(F)


def smoothstep(value: Array) -> Array:
    """Ease from 0 to 1; flat outside."""
    value = np.clip(value, 0, 1)
    return np.asarray(value * value * (3 - 2 * value))


def waves(dice: Dice, *, count: int, lowest: float) -> Callable[[Array], Array]:
    """Return an endless wavy line: a few sines, the faster the weaker, within -1..1."""
    octaves = np.round(lowest * 2.0 ** np.arange(count) + dice.integers(0, 2, count))
    frequencies = np.maximum(1, octaves).astype(F)
    amplitudes = frequencies**-1.15 / (frequencies**-1.15).sum()
    phases = dice.uniform(0, 2 * np.pi, count).astype(F)

    def line(x: Array) -> Array:
        angles = x.astype(F)[..., None] * frequencies + phases
        return np.asarray((np.sin(angles) * amplitudes).sum(axis=-1))

    return line


class Canvas:
    """A small RGB picture; x and y are in picture heights, y pointing down."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height, self.aspect = width, height, width / height
        self.unit = min(1.0, self.aspect**0.5)  # sizes of things: smaller in an upright picture
        self.rgb = np.zeros((3, height, width), F)
        self.x = ((np.arange(width, dtype=F) + F(0.5)) / F(height))[None, :]
        self.y = ((np.arange(height, dtype=F) + F(0.5)) / F(height))[:, None]

    def row(self, y: float) -> int:
        """Return the pixel row at a height, kept inside the picture."""
        return min(max(int(y * self.height), 0), self.height)

    def gradient(self, *stops: tuple[float, Array]) -> Array:
        """Return a vertical gradient through (y, colour) stops."""
        places, colours = [y for y, _ in stops], np.array([colour for _, colour in stops])
        channels = [np.interp(self.y[:, 0], places, channel) for channel in colours.T]
        return np.array(channels, F)[:, :, None]

    def paint(self, mask: Array, colour: Array, top: int = 0, bottom: int | None = None) -> None:
        """Mix a colour into the rows from top to bottom by a mask."""
        for channel, value in zip(self.rgb[:, top:bottom], colour, strict=True):
            channel += (value - channel) * mask

    def fill_below(self, line: Array, colour: Array) -> None:
        """Fill everything below a line with a colour, or with a `gradient`."""
        top = self.row(float(line.min()) - 2 / self.height)
        # The edge is 1.6 pixels soft: enlarged, a sharper one would show stairs.
        depth = (self.y[top:] - line.astype(F)) * F(self.height / 1.6)
        self.paint(
            np.clip(depth + F(0.5), 0, 1), colour[:, top:] if colour.ndim > 1 else colour, top
        )


def shine(canvas: Canvas, x: float, y: float, radius: float) -> Array:
    """Return a mask of a sun: a smooth disc in a halo that fades without an edge."""
    square = (canvas.x - F(x)) ** 2 + (canvas.y - F(y)) ** 2
    halo = F(1) / (square * F(1 / 0.16**2) + F(1))
    disc = np.clip((F(radius) - np.sqrt(square)) * F(canvas.height * 0.6) + F(0.5), 0, 1)
    return np.asarray(np.maximum(halo * (halo * F(0.35) + F(0.3)), disc))


def cloud_tile(dice: Dice, size: int = 512) -> Array:
    """Return endless cloud noise, 0..1: a spectrum that falls with frequency, in random phase."""
    rows, columns = np.fft.fftfreq(size) * size, np.fft.rfftfreq(size) * size
    frequency = np.hypot(rows[:, None], columns)
    strength = np.where(frequency < 2, 0, np.maximum(frequency, 1) ** -1.7)
    phases = dice.uniform(0, 2 * np.pi, strength.shape)
    noise = np.fft.irfft2(strength * np.exp(1j * phases))
    return np.asarray((noise - noise.min()) / np.ptp(noise), F)


def mirror(canvas: Canvas, horizon: float, slope: Array, dim: float) -> None:
    """Reflect what is above the horizon in the rows below it, bent by the water's slope."""
    top = canvas.row(horizon)
    depth = np.arange(canvas.height - top, dtype=F)[:, None]
    source = F(top - 1) - depth * F(1.3) - slope * (depth * F(0.25) + F(2.5))
    source = np.clip(source, 0, top - 1.01)
    row = source.astype(np.intp)
    part = (source - row) * F(dim)
    pixel = row * canvas.width + np.arange(canvas.width)
    for channel in canvas.rgb:
        upper, lower = channel.take(pixel), channel.take(pixel + canvas.width)
        channel[top:] = upper * F(dim) + (lower - upper) * part


# --- Scenes ---------------------------------------------------------------------------------------


class Sky:
    """A gradient, the sun or the moon, and clouds that drift at two speeds."""

    def __init__(self, canvas: Canvas, dice: Dice, mood: Mood, horizon: float) -> None:
        light, night = LIGHTS[mood.light], mood.light == "night"
        sun_hue, self.hue = self._hues(dice, mood)
        vivid = 0.35 if mood.weather == "rain" else 1.0
        self.horizon = horizon
        self.haze = oklch(light.horizon, 0.09 * vivid, self.hue - 20 if night else sun_hue)
        turn = 30 if mood.light == "dusk" else 0
        self.gradient = canvas.gradient(
            (0, oklch(light.zenith, 0.12 * vivid, self.hue)),
            (horizon * 0.55, oklch(light.middle, 0.10 * vivid, self.hue + turn)),
            (horizon, self.haze),
        )
        self.sun = oklch(0.93, 0.02, 250) if night else oklch(0.98, 0.035, min(sun_hue, 90))
        self.sun_x = dice.uniform(0.28, 0.72) * canvas.aspect
        self.sun_y = dice.uniform(*light.sun) * horizon
        self.sun_radius = (0.040 if night else 0.050) * canvas.unit
        self.drift = float(dice.choice([-0.009, 0.009]))
        tile, rows = cloud_tile(dice), np.arange(canvas.row(horizon) + 2)
        self.tile_width, copies = tile.shape[1], 2 + canvas.width // tile.shape[1]
        # Two sheets at two speeds; every second row only, as clouds are wider than high.
        self.sheets = [
            (np.tile(tile[(2 * rows + first) % len(tile)], copies), speed)
            for first, speed in ((0, 0.022), (170, 0.05))
        ]
        self.cloud_amount = dice.uniform(0.55, 0.85)
        self.cloud_colour = self.haze * 0.8 + 0.06 if night else self.haze * 0.35 + 0.65

    def _hues(self, dice: Dice, mood: Mood) -> tuple[float, float]:
        """Return the hue of the sun's light and of the sky away from it."""
        if mood.light == "day":
            return 220.0, dice.uniform(235, 258)
        if mood.light == "night":
            return 80.0, dice.uniform(225, 295)
        sun = dice.uniform(28, 85)
        return sun, sun + float(dice.choice([165, 180, 195, 215, 235, 260, 295]))

    def sun_at(self, seconds: float) -> tuple[float, float]:
        """Return where the sun stands; it climbs a little."""
        return self.sun_x + self.drift * seconds, self.sun_y - 0.006 * seconds

    def draw(self, canvas: Canvas, seconds: float) -> None:
        canvas.rgb[:] = self.gradient
        canvas.paint(shine(canvas, *self.sun_at(seconds), self.sun_radius), self.sun)
        slow, fast = (self._drift(canvas, sheet, speed * seconds) for sheet, speed in self.sheets)
        clouds = smoothstep((slow + fast) * F(1.3) - F(1.12)) * F(self.cloud_amount)
        height = canvas.y[: len(clouds)] / F(self.horizon) - F(0.55)
        clouds *= np.clip(F(1) - np.abs(height) * F(1.3), 0, 1)
        canvas.paint(clouds, self.cloud_colour, 0, len(clouds))

    def _drift(self, canvas: Canvas, sheet: Array, shift: float) -> Array:
        """Return a sheet of clouds, moved by parts of a pixel so that it glides."""
        whole, part = divmod(shift * min(canvas.width, canvas.height), 1)
        left = int(whole) % self.tile_width
        near, far = (sheet[:, start : start + canvas.width] for start in (left, left + 1))
        return np.asarray(near * F(1 - part) + far * F(part))


class Hills:
    """Five ridges in the haze, each nearer one darker and faster."""

    def __init__(self, canvas: Canvas, dice: Dice, mood: Mood) -> None:
        self.sky = Sky(canvas, dice, mood, horizon=dice.uniform(0.58, 0.66))
        self.ridges = [Ridge(canvas, dice, mood, self.sky, near) for near in np.linspace(0, 1, 5)]

    def draw(self, canvas: Canvas, seconds: float) -> None:
        self.sky.draw(canvas, seconds)
        for ridge in self.ridges:
            ridge.draw(canvas, seconds)


class Ridge:
    """One line of hills; `near` runs from 0 at the horizon to 1 at the front."""

    def __init__(self, canvas: Canvas, dice: Dice, mood: Mood, sky: Sky, near: float) -> None:
        self.line = waves(dice, count=5 + round(near * 2), lowest=1.4 + 2 * near)
        self.y, self.swing = sky.horizon - 0.03 + 0.40 * near**1.25, 0.10 - 0.02 * near
        self.start, self.speed = dice.uniform(0, 40), 0.008 + 0.07 * near**1.6
        crest, foot = self._colours(mood, sky, near)
        peak = self.y - self.swing
        self.mist = canvas.gradient((peak, crest), (peak + 0.40, foot))

    def _colours(self, mood: Mood, sky: Sky, near: float) -> tuple[Array, Array]:
        light, snow = LIGHTS[mood.light], mood.weather == "snow"
        darkest = (light.near + light.far) * 0.55 if snow else light.near
        lightness = light.far + (darkest - light.far) * near
        land_hue = 150.0 if mood.light == "day" else sky.hue + 10
        hue = sky.hue + near**0.6 * ((mood.hue or land_hue) - sky.hue)
        chroma = (0.05 + 0.03 * np.sin(np.pi * near)) * (0.4 if snow else 1)
        crest = oklch(lightness, chroma, hue)
        foot = oklch(min(0.95, lightness + 0.12 - 0.10 * near), chroma * 0.8, hue + 10)
        haze = 0.25 * (1 - near)
        return crest + (sky.haze - crest) * F(haze), foot + (sky.haze - foot) * F(haze)

    def draw(self, canvas: Canvas, seconds: float) -> None:
        x = (canvas.x[0] + F(self.start + seconds * self.speed)) * F(1.6)
        canvas.fill_below(F(self.y) - F(self.swing) * self.line(x), self.mist)


class Sea:
    """The sky over open water, with a glittering path below the sun or the moon."""

    def __init__(self, canvas: Canvas, dice: Dice, mood: Mood) -> None:
        self.horizon = dice.uniform(0.52, 0.60)
        self.sky = Sky(canvas, dice, mood, self.horizon)
        self.coast, self.coast_start = waves(dice, count=6, lowest=2), dice.uniform(0, 40)
        water = LIGHTS[mood.light].water
        self.coast_colour = oklch(water, 0.04, self.sky.hue)
        self.deep = oklch(water * 0.62, 0.06, self.sky.hue - 10)
        self.swell = [
            (2.6 * 1.55**i * dice.uniform(0.9, 1.1), dice.uniform(-0.55, 0.55), dice.uniform(0, 7))
            for i in range(7)
        ]

    def draw(self, canvas: Canvas, seconds: float) -> None:
        self.sky.draw(canvas, seconds)
        coast = self.coast((canvas.x[0] + F(self.coast_start + 0.004 * seconds)) * F(1.8))
        line = F(self.horizon + 0.01) - F(0.05) * np.maximum(coast + F(0.2), 0)
        canvas.fill_below(line, self.coast_colour)
        top = canvas.row(self.horizon)
        depth = canvas.y[top:] - F(self.horizon)
        slope = self._slope(canvas, depth, seconds)
        mirror(canvas, self.horizon, slope, dim=0.85)
        canvas.paint(np.clip(depth * F(1.7) + slope * F(0.3) + F(0.1), 0, 0.85), self.deep, top)
        self._glitter(canvas, top, slope, depth, seconds)

    def _slope(self, canvas: Canvas, depth: Array, seconds: float) -> Array:
        """Return the water's slope, about -1..1: sines on a plane seen in perspective."""
        distance = F(1) / (depth + F(0.03))
        across = (canvas.x - F(canvas.aspect / 2)) * distance
        slope = np.zeros((len(depth), canvas.width), F)
        for pitch, lean, phase in self.swell:
            angle = distance * F(pitch) + across * F(pitch * lean)
            # Waves finer than a few rows would flicker, so they fade with distance.
            visible = np.clip(F(canvas.height) / (distance * distance * F(pitch)), 0, 1)
            slope += np.sin(angle + F(phase + seconds * 1.5 * pitch**0.5)) * visible
        return slope * F(0.3)

    def _glitter(
        self, canvas: Canvas, top: int, slope: Array, depth: Array, seconds: float
    ) -> None:
        x, _ = self.sky.sun_at(seconds)
        across = (canvas.x - F(x)) / (F(0.06) + depth * F(0.45))
        path = np.exp(-across * across)
        sparkle = smoothstep(slope * F(1.4) - F(0.2))
        canvas.paint(path * (sparkle * F(0.8) + F(0.10)), self.sky.sun, top)


class Aurora:
    """Three curtains of northern light over a still lake with islands."""

    def __init__(self, canvas: Canvas, dice: Dice, mood: Mood) -> None:
        self.horizon = dice.uniform(0.66, 0.72)
        sky_hue = dice.uniform(225, 290)
        self.gradient = canvas.gradient(
            (0, oklch(0.13, 0.05, sky_hue)),
            (self.horizon * 0.6, oklch(0.22, 0.07, sky_hue)),
            (self.horizon, oklch(0.34, 0.09, sky_hue - 25)),
        )
        hue = float(dice.choice([135, 150, 165, 190, 300])) if mood.hue is None else mood.hue
        self.curtains = [Curtain(dice, hue, strength) for strength in (0.95, 0.7, 0.55)]
        self.island, self.island_start = waves(dice, count=6, lowest=2), dice.uniform(0, 30)
        self.island_colour = oklch(0.20, 0.04, sky_hue)

    def draw(self, canvas: Canvas, seconds: float) -> None:
        canvas.rgb[:] = self.gradient
        sky = canvas.row(self.horizon)
        light = np.zeros((3, sky, canvas.width), F)
        for curtain in self.curtains:
            curtain.add_light(light, canvas, seconds)
        canvas.rgb[:, :sky] += light * (F(1) - canvas.rgb[:, :sky] * F(0.75))
        island = self.island((canvas.x[0] + F(self.island_start + seconds * 0.006)) * F(1.8))
        line = F(self.horizon + 0.012) - F(0.13) * np.abs(island + F(0.35))
        canvas.fill_below(line, self.island_colour)
        depth = canvas.y[sky:] - F(self.horizon)
        ripples = np.sin(depth * F(520) / (F(1) + depth * F(9)) + F(seconds * 2.1)) * F(0.5)
        mirror(canvas, self.horizon, ripples, dim=0.72)


class Curtain:
    """One band of northern light: a sharp lower edge, rays, and a long glow upwards."""

    HEIGHTS = np.linspace(-1.2, 0.35, 4096)  # along a ray, in ray lengths; 0 is the lower edge

    def __init__(self, dice: Dice, hue: float, strength: float) -> None:
        self.edge = waves(dice, count=4, lowest=1.2)
        self.rays = waves(dice, count=5, lowest=7)
        self.presence = waves(dice, count=4, lowest=2)
        self.y, self.swing = dice.uniform(0.36, 0.56), dice.uniform(0.10, 0.18)
        self.length, self.strength = dice.uniform(0.26, 0.42), strength
        self.speed = dice.uniform(0.05, 0.12) * float(dice.choice([-1, 1]))
        low, high = oklch(0.82, 0.19, hue), oklch(0.6, 0.2, hue + dice.uniform(35, 130))
        # Looked up, not computed: an exponential for each pixel would cost half a frame.
        z = self.HEIGHTS
        light = np.where(z <= 0, np.exp(z * 3.2), np.exp(-((z / 0.055) ** 2)))
        colour = low[:, None] + smoothstep(-z / 0.9) * (high - low)[:, None]
        self.colours = (light * colour).astype(F)

    def add_light(self, light: Array, canvas: Canvas, seconds: float) -> None:
        """Add this curtain's colours to the light that falls on the canvas's upper rows."""
        x, shift = canvas.x[0], seconds * self.speed
        edge = self.y + self.swing * self.edge(x * F(1.5) + F(shift + 0.25 * np.sin(0.3 * seconds)))
        rays = np.clip(0.62 + self.rays(x * F(1.9) + F(shift * 2.2)), 0.12, 1.3)
        presence = smoothstep(0.5 + 0.9 * self.presence((x - F(shift * 1.5)) * F(1.1)))
        length = self.length * (0.75 + 0.5 * np.minimum(rays, 1.2))
        first, last = self.HEIGHTS[[0, -1]]
        scale = (len(self.HEIGHTS) - 1) / (last - first)
        place = (canvas.y[: light.shape[1]] - edge.astype(F)) * (scale / length).astype(F)
        index = np.clip(place - F(first * scale), 0, len(self.HEIGHTS) - 1).astype(np.intp)
        strength = (presence * rays * self.strength).astype(F)
        for channel, colours in zip(light, self.colours, strict=True):
            channel += colours.take(index) * strength


class Lights:
    """Lights out of focus: a street in the evening, or embers where the mood is a fire."""

    def __init__(self, canvas: Canvas, dice: Dice, mood: Mood) -> None:
        hue = dice.uniform(0, 360) if mood.hue is None else mood.hue
        apart = float(dice.choice([40, 60, 120, 180])) if mood.hue is None else 25.0
        self.dark, self.bright = oklch(0.17, 0.06, hue), oklch(0.36, 0.12, hue + apart / 2)
        self.accent = oklch(0.34, 0.13, hue + apart) * F(0.5)
        self.phases = dice.uniform(0, 2 * np.pi, 4)
        hues = [hue, hue + apart / 2, hue + apart, 70.0]
        self.discs = [Disc(canvas, dice, hues) for _ in range(54)]

    def draw(self, canvas: Canvas, seconds: float) -> None:
        x, y, (a, b, c, d) = canvas.x, canvas.y, self.phases
        warp = np.sin(F(1.7) * x + F(0.35 * seconds + a)) + np.sin(
            F(2.3) * y + F(b - 0.27 * seconds)
        )
        glow = np.sin(F(1.3) * (x + y) + warp * F(0.8) + F(0.3 * seconds + c)) * F(0.5) + F(0.5)
        second = np.sin(F(2.1) * (x - y) + glow * F(2) + F(d - 0.22 * seconds)) * F(0.5) + F(0.5)
        side, height = x / F(canvas.aspect) - F(0.5), y - F(0.5)
        vignette = F(1) - (side * side + height * height) * F(1.1)
        glow, second, dark = glow * vignette, second * second * vignette, vignette
        colours = zip(canvas.rgb, self.dark, self.bright - self.dark, self.accent, strict=True)
        for channel, base, bright, accent in colours:
            channel[:] = dark * base + glow * bright + second * accent
        for disc in self.discs:
            disc.draw(canvas, seconds)


class Disc:
    """One blurred light, brighter at the rim as a real lens draws it; near ones are large."""

    def __init__(self, canvas: Canvas, dice: Dice, hues: list[float]) -> None:
        near = dice.random() ** 1.5
        self.x, self.y = dice.uniform(-0.1, canvas.aspect + 0.1), dice.uniform(0, 1.3)
        self.radius = (0.014 + 0.088 * near) * canvas.unit
        self.edge = (0.004 + 0.012 * near) * canvas.unit
        self.rise, self.phase = dice.uniform(0.012, 0.05) * (0.5 + near), dice.uniform(0, 6.28)
        self.sway, self.twinkle = dice.uniform(0.2, 0.6), dice.uniform(0.4, 1.3)
        strength = dice.uniform(0.22, 0.75) * (1.15 - near * 0.75)
        hue = float(dice.choice(hues)) + dice.normal(0, 8)
        self.colour = oklch(dice.uniform(0.72, 0.9), dice.uniform(0.09, 0.17), hue) * F(strength)

    def draw(self, canvas: Canvas, seconds: float) -> None:
        x = self.x + 0.03 * np.sin(self.sway * seconds + self.phase)
        y = (self.y - self.rise * seconds) % 1.3 - 0.15
        reach = self.radius + self.edge
        top, bottom = canvas.row(y - reach), canvas.row(y + reach + 2 / canvas.height)
        left = max(0, int((x - reach) * canvas.height))
        right = min(canvas.width, int((x + reach) * canvas.height) + 2)
        if left >= right or top >= bottom:
            return
        across, down = canvas.x[:, left:right] - F(x), canvas.y[top:bottom] - F(y)
        square = across * across + down * down
        mask = np.clip((F(self.radius) - np.sqrt(square)) * F(0.5 / self.edge) + F(0.5), 0, 1)
        twinkle = 0.75 + 0.25 * np.sin(self.twinkle * seconds + self.phase)
        mask *= (square * F(0.3 / self.radius**2) + F(0.7)) * F(twinkle)
        box = canvas.rgb[:, top:bottom, left:right]
        box += mask * self.colour[:, None, None] * (F(1.05) - box)


SCENES: Mapping[str, Callable[[Canvas, Dice, Mood], Scene]] = {
    "hills": Hills,
    "sea": Sea,
    "aurora": Aurora,
    "lights": Lights,
}


# --- Weather --------------------------------------------------------------------------------------


class Snow:
    """Soft flakes in front of a scene, the near ones larger and faster, swaying as they fall."""

    def __init__(self, canvas: Canvas, dice: Dice) -> None:
        count = round(220 * canvas.aspect**0.5)
        self.near, self.phase = dice.random(count) ** 2, dice.uniform(0, 2 * np.pi, count)
        self.x, self.y = dice.uniform(0, canvas.aspect + 0.1, count), dice.uniform(0, 1.1, count)

    def draw(self, canvas: Canvas, seconds: float) -> None:
        fall = (0.06 + 0.14 * self.near) * seconds
        sway = 0.012 * np.sin(seconds * 0.9 + self.phase)
        x = (self.x + sway + fall * 0.3) % (canvas.aspect + 0.1) - 0.05
        radius = (0.0032 + 0.005 * self.near) * canvas.unit
        add_specks(canvas, x, (self.y + fall) % 1.1 - 0.05, radius, 0.55 + 0.4 * self.near)


class Rain:
    """Thin slanted streaks in front of a scene."""

    def __init__(self, canvas: Canvas, dice: Dice) -> None:
        count = round(160 * canvas.aspect**0.5)
        self.near = dice.random(count)
        self.x, self.y = dice.uniform(0, canvas.aspect + 0.1, count), dice.uniform(0, 1.1, count)

    def draw(self, canvas: Canvas, seconds: float) -> None:
        fall = (0.9 + 0.9 * self.near) * seconds
        x = (self.x - fall * 0.12) % (canvas.aspect + 0.1) - 0.05
        radius, strength = np.full_like(x, 0.0022), 0.12 + 0.24 * self.near
        add_specks(canvas, x, (self.y + fall) % 1.1 - 0.05, radius, strength, stretch=9, lean=0.12)


WEATHERS: Mapping[str, Callable[[Canvas, Dice], Scene]] = {"snow": Snow, "rain": Rain}


def add_specks(
    canvas: Canvas,
    x: Array,
    y: Array,
    radius: Array,
    strength: Array,
    *,
    stretch: float = 1,
    lean: float = 0,
) -> None:
    """Blend a soft white speck at each place, all of them in one go.

    Stretched specks are streaks; `lean` is how far they lie to the left for each height.
    """
    x, y, radius = (length[:, None, None] * canvas.height for length in (x, y, radius))
    wide = int(np.ceil(radius.max() * 2))
    high = int(np.ceil(wide * stretch))
    columns = x.astype(np.intp) + np.arange(-wide, wide + 1)
    rows = y.astype(np.intp) + np.arange(-high, high + 1)[:, None]
    down = rows + 0.5 - y
    across = columns + 0.5 - x + lean * down
    mask = strength[:, None, None] * np.exp(-((across**2) + (down / stretch) ** 2) / radius**2)
    inside = (columns >= 0) & (columns < canvas.width) & (rows >= 0) & (rows < canvas.height)
    veil = np.zeros(canvas.height * canvas.width, F)
    np.maximum.at(veil, (rows * canvas.width + columns)[inside], mask[inside].astype(F))
    canvas.paint(veil.reshape(canvas.height, canvas.width), np.full(3, 0.95, F))
