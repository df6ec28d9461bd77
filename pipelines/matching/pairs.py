"""The candidate pairs of a night as they travel from stage to stage: positions, levels, match weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Pairs"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Pairs:
    """One entry per pair, ordered by (`left`, `right`).

    Attributes:
        left, right: positions of the two records, left before right.
        levels: the level of each comparison, by name (see `levels`).
        packed: the same levels as one integer.
        weight: the match weight in bits.
    """

    left: Array
    right: Array
    levels: dict[str, Array]
    packed: Array
    weight: Array
