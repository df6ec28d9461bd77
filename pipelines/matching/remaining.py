"""A second look at who is left: between two sources that hold each person once, whoever is matched is out of the question.

Belongs here: how much likelier a pair becomes when all others have found their match. The fewer are left on both sides,
the likelier two of them that agree are one person. How likely is estimated from the pairs of those left, as the prior
was from all pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from pipelines.matching.comparable import Comparable
from pipelines.matching.pairs import Pairs

__all__ = ["among_the_rest"]

Array = np.ndarray[Any, np.dtype[Any]]

_ROUNDS = 30
_MOST_SOURCES = 6  # that are looked at two by two


def among_the_rest(
    people: Comparable, pairs: Pairs, label: Array, prior: float, unique_sources: Sequence[str]
) -> tuple[Pairs, int]:
    """The pairs, those of people left without a match in the other source weighed anew; and how many these are.

    Args:
        people: the records.
        pairs: their pairs.
        label: the identity of each record, as a position among the records.
        prior: log2 odds that two random records are one person, as in the match weights.
        unique_sources: the sources that hold each person once.
    """
    discount, looked_at = pairs.discount.copy(), 0
    chosen = [people.sources.index(source) for source in unique_sources if source in people.sources][:_MOST_SOURCES]
    for one, other in combinations(chosen, 2):
        left_over = {}
        for mine, theirs in ((one, other), (other, one)):
            found = np.zeros(people.size, dtype=bool)
            found[label[people.source == theirs]] = True
            left_over[mine] = (people.source == mine) & ~found[label]
        a, b = left_over[one], left_over[other]
        rows = np.flatnonzero((a[pairs.left] & b[pairs.right]) | (b[pairs.left] & a[pairs.right]))
        shift = _shift(pairs.weight[rows] + pairs.discount[rows] - prior, prior, int(a.sum()) * int(b.sum()))
        if len(rows) and shift > 0:
            # only strangers have become fewer: a brother or sister explains the pair as well as before
            relative = np.exp2(-pairs.discount[rows]) - 1
            discount[rows] = -np.log2(np.exp2(-shift) + relative)
            looked_at += len(rows)
    return replace(pairs, discount=discount), looked_at


def _shift(evidence: Array, prior: float, possible: int) -> float:
    """Bits by which the odds of a pair of those left are better than those of any pair."""
    odds = prior
    for _ in range(_ROUNDS):
        likely = 1 / (1 + np.exp2(-np.clip(evidence + odds, -60, 60)))
        share = min(float(likely.sum()) / max(possible, 1), 0.5)
        if share <= 0:
            return 0.0
        odds = float(np.log2(share / (1 - share)))
    return max(odds - prior, 0.0)
