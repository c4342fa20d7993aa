"""One claim of speed, memory or patience, as a ratio against a named peer in the same run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured of us and of the peer, and how far apart they may be."""

    name: str
    ours: float
    peer: float
    unit: str
    peer_name: str
    limit: float
    at_most: bool = True
    """Whether ours / peer may be at most `limit`, or must be at least that."""
    absolute: bool = False
    """Whether `limit` is one for ours itself, in its unit: what a person notices."""

    @property
    def ratio(self) -> float:
        return self.ours / self.peer

    @property
    def holds(self) -> bool:
        bounded = self.ours if self.absolute else self.ratio
        return bounded <= self.limit if self.at_most else bounded >= self.limit
