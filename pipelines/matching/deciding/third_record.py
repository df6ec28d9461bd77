"""What a third record says of a pair whose given names are not the same: that both are one child's, or another's.

Belongs here: verdicts on pairs that hang on other pairs. Whoever bears both names explains why two records of one child
have one each (a child with an English name and one of the family's language); where a feed that holds each child once has
the very name in another record of that birth date, a pair that is only like it may be the twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines.matching.arrays import Levels, Mask, PairIds, Positions, spread
from pipelines.matching.comparing.compare import LEVELS, OTHER_NAMES
from pipelines.matching.deciding.guards import GUARDS
from pipelines.matching.deciding.ladder import JOIN, REFUSED, REVIEW, Verdicts
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.pairs import Pairs

__all__ = ["with_third_records"]

_NUMBER = {guard.name: number for number, guard in enumerate(GUARDS)}
_GIVEN = LEVELS["given_name"]


def with_third_records(people: Comparable, pairs: Pairs, verdicts: Verdicts, counted: Sequence[str]) -> Verdicts:
    """The verdicts, those changed that a third record speaks about; `counted` sources hold each person once."""
    once = np.isin(np.array(people.sources), list(counted))
    levels = pairs.levels
    born_alike = levels["birth_date"] == LEVELS["birth_date"]["same"]
    borne = _borne_by_another(people, pairs, verdicts, levels, born_alike, once)
    one = _one_by_two_names(people, pairs, verdicts, levels, born_alike, once)
    guard, outcome, step = verdicts.guard.copy(), verdicts.outcome.copy(), verdicts.step.copy()
    guard[borne], guard[one] = _NUMBER["name_borne_by_another"], _NUMBER["two_names_of_one"]
    outcome[borne], outcome[one] = REVIEW, REVIEW
    step[borne] = 0
    return replace(verdicts, guard=guard, outcome=outcome, step=step)


def _borne_by_another(
    people: Comparable, pairs: Pairs, verdicts: Verdicts, levels: dict[str, Levels], born_alike: Mask, once: Mask
) -> Positions:
    """Pairs that would be joined, of which another record of the same source bears the very name that this one only nears."""
    given = levels["given_name"]
    own, family = people.given_name, people.family_name
    in_place_of_each_other = (own[pairs.left] == family[pairs.right]) & (family[pairs.left] == own[pairs.right])
    very = (given == _GIVEN["same"]) | ((given == _GIVEN["swapped"]) & in_place_of_each_other)
    very |= levels["other_names"] == OTHER_NAMES["moved"]
    exact = born_alike & very
    exact &= (levels["family_name"] != 0) | (levels["address"] == LEVELS["address"]["dwelling"])
    near = born_alike & (verdicts.outcome == JOIN) & ~verdicts.identifiers.same
    near &= (given > 0) & ~very
    sources = len(people.sources)
    found = np.zeros(len(given), dtype=bool)
    for left, right in ((pairs.left, pairs.right), (pairs.right, pairs.left)):
        in_source = left.astype(np.int64) * sources + people.source[right]
        known = [
            one.astype(np.int64) * sources + people.source[other]
            for one, other in ((pairs.left[exact], pairs.right[exact]), (pairs.right[exact], pairs.left[exact]))
        ]
        found |= near & once[people.source[right]] & np.isin(in_source, np.concatenate(known))
    return np.flatnonzero(found)


def _one_by_two_names(
    people: Comparable, pairs: Pairs, verdicts: Verdicts, levels: dict[str, Levels], born_alike: Mask, once: Mask
) -> Positions:
    """Pairs refused for their given names, both of which a record bears that is joined with either."""
    given = levels["given_name"]
    refused = born_alike & (verdicts.outcome == REFUSED) & (verdicts.guard == _NUMBER["twins"])
    refused &= ~(once[people.source[pairs.left]] & (people.source[pairs.left] == people.source[pairs.right]))
    rows = np.flatnonzero(refused)
    told = born_alike & (verdicts.outcome == JOIN) & ((given == _GIVEN["same"]) | (given == _GIVEN["other"]))
    if not len(rows) or not told.any():
        return rows[:0]
    joined = _both_ways(pairs.left[told], pairs.right[told], people.size)
    first = joined // people.size
    start, end = (np.searchsorted(first, pairs.left[rows], side=side) for side in ("left", "right"))
    pair, place = spread(start, end - start)
    third = joined[place] % people.size
    wanted = pairs.right[rows][pair].astype(np.int64) * people.size + third
    met = np.minimum(np.searchsorted(joined, wanted), len(joined) - 1)
    return rows[np.unique(pair[joined[met] == wanted])]


def _both_ways(left: Positions, right: Positions, size: int) -> PairIds:
    """The pairs in either direction as one * size + other, in order."""
    one, other = left.astype(np.int64), right.astype(np.int64)
    return np.sort(np.concatenate([one * size + other, other * size + one]))
