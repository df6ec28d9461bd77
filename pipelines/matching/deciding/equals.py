"""Equal records are one before candidates are sought: one of them stands for the others, however many they are.

Belongs here: who stands for whom. Records that are the same in all that is compared are put together if the pair joins by
itself, so what a guard asks about stays apart, and so do records of which names alone are known. A source that counts
people keeps its records to itself; what reviewers or a firewall have told apart stays apart. Where more than a key takes differ
in nothing but the place, they are one likewise: a child that was met in a hundred places. Which records are the same is for
`pairing.alike`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Mask, Numbers, PairIds, Positions, distinct
from pipelines.matching.deciding.clusters import entered_twice
from pipelines.matching.deciding.components import components
from pipelines.matching.deciding.ladder import JOIN, judge_pairs
from pipelines.matching.pairing.alike import crowded, first_alike
from pipelines.matching.pairing.groups import Limits
from pipelines.matching.reading.comparable import NO_VALUE, Comparable
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.pairs import Pairs
from pipelines.matching.weighing.weigh import weigh

__all__ = ["Equals", "find_equals", "told_apart"]

_STOOD = ("record_key", "wall_a", "wall_b", "side")


@dataclass(frozen=True)
class Equals:
    """Who stands for whom.

    Attributes:
        first: for each record the one that stands for it, itself where none does.
        pairs: each record that another stands for, with that one.
    """

    first: Positions
    pairs: Pairs

    @property
    def others(self) -> Mask:
        """Which records another stands for."""
        found: Mask = self.first != np.arange(len(self.first))
        return found

    def seen(self, people: Comparable) -> Comparable:
        """`people`, of whom only those are sought that stand for themselves."""
        return replace(people, sought=people.linkable & ~self.others)

    def standing(self, pairs: PairIds) -> PairIds:
        """The pairs, left * size + right, between those that stand for their records; none within a group."""
        size = len(self.first)
        a, b = (self.first[each] for each in np.divmod(pairs, max(size, 1)))
        return distinct((np.minimum(a, b) * size + np.maximum(a, b))[a != b])


def find_equals(
    people: Comparable,
    model: Model,
    unique_sources: Mapping[str, str],
    apart: Numbers | None = None,
    decided: tuple[PairIds, PairIds] | None = None,
) -> Equals:
    """Who stands for whom among `people`.

    What was decided of a record holds for its equals. Where that would contradict what was decided of another of them, the
    records that the decisions name stand for themselves.

    Args:
        people: the records.
        model: the model by which they are weighed.
        unique_sources: by source "entry", "record", "person_number" or "many" (see `match`).
        apart: a number for each record (see `told_apart`); those with two different ones are not put together.
        decided: the pairs that reviewers called the same, and those they told apart, as left * size + right.
    """
    everyone, size = np.arange(people.size), max(people.size, 1)
    kind, once = _by_source(people, unique_sources)
    alone = (once & (entered_twice(people) == NO_VALUE)) | _by_themselves(people, unique_sources)
    if apart is not None:
        kind, alone = kind + (len(people.sources) + 1) * np.maximum(apart, 0), alone | (apart < 0)
    nothing = np.zeros(0, dtype=np.int64)
    same, not_same = (np.divmod(pairs, size) for pairs in decided or (nothing, nothing))
    named = np.concatenate([*same, *not_same])
    while True:
        found = _joined(people, model, unique_sources, _whom(people, np.where(alone, -1 - everyone, kind), once))
        together = components(people.size, *(found.first[each] for each in same))[found.first]
        against = together[not_same[0][together[not_same[0]] == together[not_same[1]]]]
        contradicted = named[np.isin(together[named], against)]
        if alone[contradicted].all():
            return found
        alone[contradicted] = True


def told_apart(keys: pa.Array, walls: pa.Table | None, walled: PairIds) -> Numbers:
    """A number for each record: those that stand at firewalls alike have the same, 0 for most, below 0 for one by itself.

    By themselves are the records that a firewall was asked for between, and those between two sides.

    Args:
        keys: the record keys, by position.
        walls: the sides of the night before (`WALLS`).
        walled: the pairs that a firewall was asked for between, as left * size + right.
    """
    apart = np.zeros(len(keys), dtype=np.int64)
    stood: dict[str, list[tuple[str, str, str]]] = {}
    rows = () if walls is None else zip(*(walls[name].to_pylist() for name in _STOOD), strict=True)
    for key, *where in rows:
        stood.setdefault(key, []).append((where[0], where[1], where[2]))
    kinds = {told: number for number, told in enumerate(sorted({tuple(sorted(each)) for each in stood.values()}), 1)}
    places = pc.index_in(pa.array(list(stood), pa.string()), keys).to_pylist()
    for place, told in zip(places, stood.values(), strict=True):
        if place is not None:
            apart[place] = -1 if any(side == "between" for *_, side in told) else kinds[tuple(sorted(told))]
    apart[np.concatenate(np.divmod(walled, max(len(keys), 1)))] = -1
    return apart


def _by_source(people: Comparable, unique_sources: Mapping[str, str]) -> tuple[Numbers, Mask]:
    """A number for each record, of which only records with the same may be one; and which are of a source that holds each once.

    Those of a source that counts people are kept to it.
    """
    rules = [unique_sources.get(source, "many") for source in people.sources]
    number = np.array([0 if rule == "many" else n for n, rule in enumerate(rules, 1)] or [0], dtype=np.int64)
    once = np.array([rule in ("record", "entry") for rule in rules] or [False])
    return number[people.source], once[people.source]


def _by_themselves(people: Comparable, unique_sources: Mapping[str, str]) -> Mask:
    """Which records are of a source of which each entry is another child."""
    strict = np.array([unique_sources.get(source) == "entry" for source in people.sources] or [False])
    return strict[people.source]


def _whom(people: Comparable, kind: Numbers, once: Mask) -> tuple[Positions, Positions]:
    """For each record the first that may stand for it wherever it was met, and the first that is the same in all."""
    everyone, many = np.arange(people.size), Limits().triple
    same = first_alike(people, kind)
    sought = (same == everyone) & ~once
    if not crowded(people, kind, sought, many):
        return same, same
    anywhere = first_alike(people, np.where(once | (people.birth <= 0), -1 - everyone, kind), anywhere=True)
    crowd = np.bincount(anywhere[sought], minlength=people.size)[anywhere] > many
    return np.where(crowd, anywhere, same), same


def _joined(
    people: Comparable, model: Model, unique_sources: Mapping[str, str], whom: tuple[Positions, Positions]
) -> Equals:
    """Who stands for whom: the first of `whom` that a record joins by itself, if that one stands for itself."""
    stands, parts = np.arange(people.size), [weigh(people, model, np.zeros(0, dtype=np.int64), always=True)]
    counted = [source for source, rule in unique_sources.items() if rule != "many"]
    for first in whom:
        others = np.flatnonzero((first != stands) & (stands == np.arange(people.size)) & (stands[first] == first))
        pairs = weigh(people, model, np.sort(first[others] * people.size + others), always=True)
        pairs = pairs.take(np.flatnonzero(judge_pairs(people, model, pairs, counted).outcome == JOIN))
        stands[pairs.right] = pairs.left
        parts.append(pairs)
    return Equals(stands, parts[0].and_also(parts[1]).and_also(parts[2]))
