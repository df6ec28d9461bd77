"""Seeded randomness: one independent stream per purpose, the same on every machine and in every process.

Belongs here: how a seed and a purpose become a generator, and weighted draws from a pool. Not here: what is drawn.
A stream is named by words (authority, agency, night, purpose), so adding a draw in one place never shifts another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Objects", "Pool", "as_objects", "stream", "zipf_pool"]

Objects = NDArray[np.object_]


def stream(seed: int, *purpose: object) -> np.random.Generator:
    """A generator for one purpose; the same seed and words give the same numbers anywhere."""
    digest = hashlib.sha256("|".join(str(word) for word in (seed, *purpose)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def as_objects(values: list[str] | tuple[str, ...]) -> Objects:
    """`values` as a numpy array of Python strings (one copy of each string, however often it is drawn)."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@dataclass(frozen=True)
class Pool:
    """Values with weights to draw from; `cumulative` ends at 1."""

    values: Objects
    cumulative: NDArray[np.float64]

    def draw(self, rng: np.random.Generator, count: int) -> Objects:
        """`count` values, by weight."""
        return self.values[np.searchsorted(self.cumulative, rng.random(count), side="right")]


def zipf_pool(values: list[str], flatness: float, steepness: float = 1.0) -> Pool:
    """A pool whose weights fall as (rank + flatness) ** -steepness, first value first; more flatness, less of a
    head.
    """
    weights = (np.arange(1, len(values) + 1) + flatness) ** -steepness
    cumulative = np.cumsum(weights / weights.sum())
    cumulative[-1] = 1.0
    return Pool(as_objects(values), cumulative)
