"""Small things done to whole arrays at once, wherever records, pairs and groups are handled."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["distinct", "spread", "starts_of"]

Array = np.ndarray[Any, np.dtype[Any]]


def starts_of(ordered: Array) -> Array:
    """Where each stretch of equal values begins."""
    if not len(ordered):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def distinct(values: Array) -> Array:
    """Each value once, in order."""
    ordered = np.sort(values)  # several times faster than np.unique on large integers
    return ordered[starts_of(ordered)]


def spread(start: Array, count: Array) -> tuple[Array, Array]:
    """Every place of the stretches that begin at `start` and are `count` long: whose it is, and where it lies."""
    ends = np.cumsum(count)
    whole = int(ends[-1]) if len(ends) else 0
    small = max(whole, len(count), int(start.max(initial=0)) + int(count.max(initial=0))) < 2**31
    kind = np.int32 if small else np.int64  # half the memory, where it will do
    place: Array = np.arange(whole, dtype=kind)
    place += np.repeat((start - (ends - count)).astype(kind), count)
    return np.repeat(np.arange(len(count), dtype=kind), count), place
