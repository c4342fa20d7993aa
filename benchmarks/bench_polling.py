"""How late our polling learns of a video and how often it asks, beside the vendor's loop.

Simulated, with the client's own `next_wait`: the video is ready at a random time from a named
distribution, a schedule asks until it sees it.  The optimum for a known distribution has intervals
proportional to 1/sqrt(hazard).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.table import Row
from veo.polling import next_wait

EXPECTED = 120.0
VIDEOS = 20_000
GIVE_UP_AFTER = 1200.0

# Median in seconds and spread (sigma) of a lognormal; we expect 120 s in all of them.
DISTRIBUTIONS = {
    "as expected": (100.0, 0.35),
    "wide": (100.0, 0.7),
    "twice as fast": (60.0, 0.35),
    "four times as fast": (30.0, 0.4),
    "half as fast": (200.0, 0.35),
}


def rows() -> Iterator[Row]:
    dice = np.random.default_rng(0)
    for name, (median, sigma) in DISTRIBUTIONS.items():
        ready = np.exp(dice.normal(np.log(median), sigma, VIDEOS))
        ready = ready[ready < GIVE_UP_AFTER]
        ours = lag_and_requests(ready, looks(lambda t: next_wait(t, EXPECTED)))
        vendor = lag_and_requests(ready, looks(lambda _: 10.0))
        yield Row(
            name=f"lag, {name}",
            ours=ours[0],
            peer=vendor[0],
            unit="s late",
            peer_name="the vendor's 10 s loop",
            limit=1.0,
        )
        yield Row(
            name=f"requests, {name}",
            ours=ours[1],
            peer=vendor[1],
            unit="a video",
            peer_name="the vendor's 10 s loop",
            limit=2.0,
        )
        if name == "as expected":
            yield from beside_equals(ready, *ours)


def beside_equals(ready: np.ndarray, lag: float, requests: float) -> Iterator[Row]:
    """Against schedules that make as many requests as ours: the plainest and the best."""
    evenly = as_frugal(ready, requests, lambda scale: looks(lambda _: scale))
    best = as_frugal(ready, requests, lambda scale: optimum(ready, scale))
    for peer, peer_name, limit in [
        (evenly, "an even loop, as many requests", 1.0),
        (best, "the optimum, as many requests", 1.7),
    ]:
        yield Row(
            name="lag, as expected",
            ours=lag,
            peer=peer,
            unit="s late",
            peer_name=peer_name,
            limit=limit,
        )


def looks(wait: Callable[[float], float]) -> np.ndarray:
    """The times of all looks, in seconds, as a schedule of waits makes them."""
    times = [0.0]
    while times[-1] < 2 * GIVE_UP_AFTER:
        times.append(times[-1] + wait(times[-1]))
    return np.array(times[1:])


def lag_and_requests(ready: np.ndarray, at: np.ndarray) -> tuple[float, float]:
    """Mean seconds from ready to seen, and mean number of looks until then."""
    seen = np.searchsorted(at, ready)
    return float(np.mean(at[seen] - ready)), float(np.mean(seen + 1))


def optimum(ready: np.ndarray, sparsity: float) -> np.ndarray:
    """Looks with intervals proportional to 1/sqrt(hazard), for somebody who knows the hazard."""
    edges = np.linspace(0, ready.max(), 400)
    finished, _ = np.histogram(ready, edges)
    left = len(ready) - np.concatenate([[0], np.cumsum(finished)[:-1]])
    hazard = np.convolve(finished / np.maximum(left, 1), np.ones(15) / 15, "same") + 1e-6
    # They come evenly in the integral of sqrt(hazard).
    progress = np.concatenate([[0], np.cumsum(np.sqrt(hazard))])
    evenly = np.arange(0, progress[-1], sparsity / 50)[1:]
    return np.append(np.interp(evenly, progress, edges), ready.max() + 1)


def as_frugal(ready: np.ndarray, requests: float, schedule: Callable[[float], np.ndarray]) -> float:
    """The lag of `schedule(scale)` at the scale where it makes `requests` a video."""
    low, high = 0.5, 100.0
    for _ in range(50):
        middle = (low + high) / 2
        asks_more = lag_and_requests(ready, schedule(middle))[1] > requests
        low, high = (middle, high) if asks_more else (low, middle)
    return lag_and_requests(ready, schedule(middle))[0]
