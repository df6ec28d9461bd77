"""The candidate pairs of a night as they travel from stage to stage: positions, levels, match weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.matching.arrays import Array, Bits, Levels, Packed, PairIds, Positions
from pipelines.matching.comparing.compare import unpack

__all__ = ["Pairs"]


@dataclass(frozen=True)
class Pairs:
    """One entry per pair, ordered by (`left`, `right`).

    Attributes:
        left, right: positions of the two records, left before right.
        levels: the level of each comparison, by name (see `levels`).
        packed: the same levels as one integer.
        weight: the match weight in bits.
        discount: bits (0 or less) to take off, because two of one household would explain the pair as well; above 0 for
            a pair of people who alone are left without a match (see `left_over`).
    """

    left: Positions
    right: Positions
    levels: dict[str, Levels]
    packed: Packed
    weight: Bits
    discount: Bits

    @classmethod
    def of(cls, parts: Sequence[Pairs]) -> Pairs:
        """The pairs of several parts, one after the other."""
        left, right, packed, weight, discount = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("left", "right", "packed", "weight", "discount")
        )
        return cls(left, right, unpack(packed), packed, weight, discount)

    @property
    def total(self) -> Bits:
        """What decides: the match weight less the discount."""
        return self.weight + self.discount

    def ids(self, size: int) -> PairIds:
        """Each pair as one number, left * size + right."""
        return self.left.astype(np.int64) * size + self.right

    def and_also(self, others: Pairs) -> Pairs:
        """These pairs and `others`, of which none is among these; both in order."""
        if not len(others.left):
            return self
        size = 1 + max(int(side.max()) for each in (self, others) if len(each.left) for side in (each.left, each.right))
        place = np.searchsorted(self.ids(size), others.ids(size))

        def both(name: str) -> Array:
            return np.insert(getattr(self, name), place, getattr(others, name))

        left, right, packed, weight, discount = map(both, ("left", "right", "packed", "weight", "discount"))
        return Pairs(left, right, unpack(packed), packed, weight, discount)

    def moved(self, place: Positions) -> Pairs:
        """The pairs of records that are still there, by where they stand now (`place`, in the same order; -1: gone)."""
        stays = (place[self.left] >= 0) & (place[self.right] >= 0)
        kept = self.take(np.flatnonzero(stays))
        left, right = place[kept.left].astype(np.int32), place[kept.right].astype(np.int32)
        return replace(kept, left=left, right=right)

    def take(self, rows: Positions) -> Pairs:
        """Some of the pairs."""
        levels = {name: level[rows] for name, level in self.levels.items()}
        return Pairs(
            self.left[rows], self.right[rows], levels, self.packed[rows], self.weight[rows], self.discount[rows]
        )
