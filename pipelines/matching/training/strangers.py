"""How often two records agree that have nothing to do with each other: the u of a model that is estimated unattended.

Belongs here: pairs taken at random, and what is left of their agreement when those that are one person are taken out. In
a small table with many records a person these are most of the pairs that share an address: left in, they would make
an address that nobody else shares look common.
"""

from __future__ import annotations

import numpy as np

from pipelines.matching.arrays import Levels, Positions, Shares
from pipelines.matching.comparing.compare import Comparer
from pipelines.matching.comparing.levels import COMPARISONS, NOTHING
from pipelines.matching.reading.comparable import NO_VALUE, Comparable
from pipelines.matching.weighing.score import HOUSEHOLD, value_column

__all__ = ["Strangers"]


_PAIRS = 300_000
_SEED = 20041
_TELLING = ("given_name", "family_name", "birth_date", "address", "phone", "nhs_number", "upn")
_IDENTIFIERS = ("nhs_number", "upn", "phone")
_LEAST_PART = 0.05  # of the agreement seen, that is put down to chance however many pairs may be one person
_MOST = 0.99  # of two strangers agree in a field however few its values are
_FEWEST_NUMBERS = 1000


class Strangers:
    """Pairs of records of `people` taken at random.

    Attributes:
        left, right: record positions.
        levels: those of each comparison for the pairs, by name.
        u: how often each level is met between all of them, one person or not, from "different" to the closest.
    """

    def __init__(self, people: Comparable) -> None:
        rng = np.random.default_rng(_SEED)
        order = np.argsort(people.digest, kind="stable")  # as good as random, and the same whatever the record keys are
        a, b = order[rng.integers(0, max(people.size, 1), (2, _PAIRS if people.size else 0))]
        self.left, self.right = a[a != b], b[a != b]
        self.levels = Comparer(people).levels(self.left, self.right)
        self._agree = {
            comparison.name: chance
            for comparison in COMPARISONS
            if (chance := _agreement(people, comparison.name)) is not None
        }
        self._known = {each.name: np.flatnonzero(self.levels[each.name] != NOTHING) for each in COMPARISONS}
        self._seen = {
            each.name: np.bincount(self.levels[each.name][self._known[each.name]], minlength=len(each.levels))
            for each in COMPARISONS
        }
        none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
        self.u = self.without(none, nothing, nothing, 0.0, 0.0, {})

    def doubtful(self) -> Positions:
        """The pairs that agree in two fields or more, so that they may be of one person or of one household."""
        agreeing = [self.levels[name] > 0 for name in _TELLING]
        return np.flatnonzero(np.sum(agreeing, axis=0) >= 2)

    def at(self, rows: Positions) -> tuple[Positions, Positions, dict[str, Levels]]:
        """Left, right and levels of some of the pairs."""
        return self.left[rows], self.right[rows], {name: level[rows] for name, level in self.levels.items()}

    def without(
        self, rows: Positions, one: Shares, other: Shares, prior: float, related: float, m: dict[str, Shares]
    ) -> dict[str, Shares]:
        """The u of every comparison when each pair counts by its probability of being of strangers.

        Args:
            rows: the pairs that may not be.
            one: their probability of being of one person.
            other: their probability of being of two of one household.
            prior: the probability that two random records are of one person.
            related: the probability that they are of two of one household.
            m: how often each level is met between records of one person.
        """
        weight = np.ones(len(self.left))
        weight[rows] = 1 - one - other
        return {each.name: self._chances(each.name, weight, prior, related, m) for each in COMPARISONS}

    def _chances(self, name: str, weight: Shares, prior: float, related: float, m: dict[str, Shares]) -> Shares:
        known = self._known[name]
        counts = self._seen[name]
        apart = np.bincount(self.levels[name][known], weights=weight[known], minlength=len(counts))
        seen = np.maximum(apart, _LEAST_PART * counts) + 0.5
        chances: Shares = seen / seen.sum()
        agree = self._agree.get(name)
        if agree is not None:
            if m and name not in _IDENTIFIERS:
                others = prior + (related if name in HOUSEHOLD else 0.0)
                agree = max((agree - others * m[name][-1]) / (1 - others), _LEAST_PART * agree)
            agree = min(agree, _MOST)
            chances[:-1] *= (1 - agree) / chances[:-1].sum()
            chances[-1] = agree
        return chances


def _agreement(people: Comparable, name: str) -> float | None:
    """How often two values of a field are the same, from how often each is met; None where only a sample can tell."""
    if name in _IDENTIFIERS:
        values = people.either(name)
        return 1 / max(len(np.unique(values[values != NO_VALUE])), _FEWEST_NUMBERS)
    column = next(
        (
            level.frequency_of
            for each in COMPARISONS
            if each.name == name
            for level in each.levels
            if level.frequency_of
        ),
        None,
    )
    if column is None or name == "address":
        return None
    values = value_column(people, column)
    _, counts = np.unique(values[values != NO_VALUE], return_counts=True)
    total = counts.sum()
    return max(float((counts * (counts - 1.0)).sum() / (total * (total - 1.0))), 1e-9) if total > 1 else None
