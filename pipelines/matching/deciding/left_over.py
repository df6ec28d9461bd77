"""A second look at who is left: between two sources that hold each person once, whoever is matched is out of the question.

Belongs here: how much likelier a pair becomes when all others have found their match. The fewer are left on both sides,
the likelier two of them that agree are one person. How likely is estimated from the pairs of those left, as the prior
was from all pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from pipelines.matching.arrays import Bits, Labels, Positions, distinct
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.pairs import Pairs
from pipelines.matching.weighing.weigh import weigh

__all__ = ["among_the_rest"]


_ROUNDS = 30
_MOST_SOURCES = 6  # that are looked at two by two
_FEW = 250_000  # pairs of people left: so many are compared each with each


def among_the_rest(
    people: Comparable, model: Model, pairs: Pairs, label: Labels, unique_sources: Sequence[str]
) -> Pairs | None:
    """The pairs, those of people left without a match in the other source weighed anew; None where nothing changes.

    Where few are left on both sides, each is compared with each, whatever key they share.

    Args:
        people: the records.
        model: the model by which the pairs were weighed.
        pairs: the pairs found so far.
        label: the identity of each record, as a position among the records.
        unique_sources: the sources that hold each person once.
    """
    looked_at = False
    chosen = [people.sources.index(source) for source in unique_sources if source in people.sources][:_MOST_SOURCES]
    for one, other in combinations(chosen, 2):
        a, b = _left_over(people, label, one, other), _left_over(people, label, other, one)
        possible = len(a) * len(b)
        if 0 < possible <= _FEW:
            left, right = np.repeat(a, len(b)), np.tile(b, len(a))
            everyone = distinct(np.minimum(left, right) * people.size + np.maximum(left, right))
            fresh = np.setdiff1d(everyone, pairs.ids(people.size), assume_unique=True)
            pairs = pairs.and_also(weigh(people, model, fresh, always=True))
        mine, theirs = (np.isin(np.arange(people.size), rows) for rows in (a, b))
        rows = np.flatnonzero((mine[pairs.left] & theirs[pairs.right]) | (theirs[pairs.left] & mine[pairs.right]))
        shift = _shift(pairs.total[rows] - model.prior, model.prior, possible)
        if len(rows) and shift > 0:
            # only strangers have become fewer: a brother or sister explains the pair as well as before
            discount = pairs.discount.copy()
            discount[rows] = -np.log2(np.exp2(-shift) + np.exp2(-discount[rows]) - 1)
            pairs, looked_at = replace(pairs, discount=discount), True
    return pairs if looked_at else None


def _left_over(people: Comparable, label: Labels, mine: int, theirs: int) -> Positions:
    """The records of one source whose identity has none of the other."""
    found = np.zeros(people.size, dtype=bool)
    found[label[people.source == theirs]] = True
    return np.flatnonzero((people.source == mine) & people.sought & ~found[label])


def _shift(evidence: Bits, prior: float, possible: int) -> float:
    """Bits by which the odds of a pair of those left are better than those of any pair."""
    odds = prior
    for _ in range(_ROUNDS):
        likely = 1 / (1 + np.exp2(-np.clip(evidence + odds, -60, 60)))
        share = min(float(likely.sum()) / max(possible, 1), 0.5)
        if share <= 0:
            return 0.0
        odds = float(np.log2(share / (1 - share)))
    return max(odds - prior, 0.0)
