"""What a third record says of a pair whose given names are not the same: that both are one child's, or another's.

Belongs here: verdicts on pairs that hang on other pairs. Whoever bears both names explains why two records of one child
have one each (a child with an English name and one of the family's language), if the feed it is in holds each child once: a
contact may tell of both twins. Where such a feed has the very name in another record of that birth date, a pair that is
only like it may be the twin. And who fits two that are two by themselves, brothers of two birth dates or twins, for want of what would
tell which, is joined with neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines.matching.arrays import Levels, Mask, Numbers, PairIds, Positions, spread
from pipelines.matching.comparing.compare import LEVELS, OTHER_NAMES
from pipelines.matching.comparing.name_likeness import Words
from pipelines.matching.comparing.slips import digits_of, one_slip
from pipelines.matching.deciding.guards import GUARDS
from pipelines.matching.deciding.ladder import JOIN, REFUSED, REVIEW, Verdicts
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.weighing.pairs import Pairs

__all__ = ["with_third_records"]

_NUMBER = {guard.name: number for number, guard in enumerate(GUARDS)}
_GIVEN = LEVELS["given_name"]
_TWINS = [_NUMBER[name] for name in ("registered_twice", "name_borne_by_another")]
_FURTHER_APART = _NUMBER["further_names_differ"]


def with_third_records(
    people: Comparable, pairs: Pairs, verdicts: Verdicts, counted: Sequence[str], margin: float
) -> Verdicts:
    """The verdicts, those changed that a third record speaks about.

    Args:
        people: the records.
        pairs: the candidate pairs.
        verdicts: the verdict on each of them by itself.
        counted: sources that hold each person once.
        margin: bits by which one of two must fit better.
    """
    once = np.isin(np.array(people.sources), list(counted))
    levels = pairs.levels
    born_alike = levels["birth_date"] == LEVELS["birth_date"]["same"]
    borne = _borne_by_another(people, pairs, verdicts, levels, born_alike, once)
    one = _one_by_two_names(people, pairs, verdicts, levels, born_alike, once)
    changed = _judged(verdicts, (("name_borne_by_another", borne), ("two_names_of_one", one)))
    return _judged(changed, (("fits_two", _fits_two(people, pairs, changed, margin)),))


def _judged(verdicts: Verdicts, asked: Sequence[tuple[str, Positions]]) -> Verdicts:
    """The verdicts, the pairs at these places asked about for the reason named."""
    guard, outcome, step = verdicts.guard.copy(), verdicts.outcome.copy(), verdicts.step.copy()
    for name, rows in asked:
        guard[rows], outcome[rows], step[rows] = _NUMBER[name], REVIEW, 0
    return replace(verdicts, guard=guard, outcome=outcome, step=step)


def _borne_by_another(
    people: Comparable, pairs: Pairs, verdicts: Verdicts, levels: dict[str, Levels], born_alike: Mask, once: Mask
) -> Positions:
    """Pairs that would be joined, of which another record of the same source bears the very name that this one only nears."""
    given = levels["given_name"]
    own, family = people.given_name, people.family_name
    in_place_of_each_other = (own[pairs.left] == family[pairs.right]) & (family[pairs.left] == own[pairs.right])
    very = (given == _GIVEN["same"]) | ((given == _GIVEN["swapped"]) & in_place_of_each_other)
    moved = (levels["other_names"] == OTHER_NAMES["moved"]) & ~very
    well = born_alike & (levels["family_name"] != 0)
    near = born_alike & (verdicts.outcome == JOIN) & ~verdicts.identifiers.same & (given > 0) & ~very
    found = np.zeros(len(given), dtype=bool)
    # the same names in another order are the very name beside one that is like it, and like it beside the very name
    for exact, nearer in ((well & very, near), (well & moved, near & ~moved)):
        for left, right in ((pairs.left, pairs.right), (pairs.right, pairs.left)):
            sources = len(people.sources)
            known = [
                one.astype(np.int64) * sources + people.source[other]
                for one, other in ((pairs.left[exact], pairs.right[exact]), (pairs.right[exact], pairs.left[exact]))
            ]
            has = np.isin(left.astype(np.int64) * sources + people.source[right], np.concatenate(known))
            found |= nearer & once[people.source[right]] & has
    return np.flatnonzero(found)


def _one_by_two_names(
    people: Comparable, pairs: Pairs, verdicts: Verdicts, levels: dict[str, Levels], born_alike: Mask, once: Mask
) -> Positions:
    """Pairs refused for their given names, both of which a record bears, of a source without repeats, that is joined with either."""
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
    met = joined[np.minimum(np.searchsorted(joined, wanted), len(joined) - 1)] == wanted
    pair, third = pair[met], third[met]
    both = once[people.source[third]]
    for side in (pairs.left, pairs.right):
        both &= _bears(people, third, side[rows][pair])
    return rows[np.unique(pair[both])]


def _bears(people: Comparable, records: Positions, others: Positions) -> Mask:
    """Whether each of `records` has the given name of the one of `others` among its own."""
    codes, place = np.unique(np.concatenate([people.given[records], people.given[others]]), return_inverse=True)
    names, numbers = people.given_names.some(codes.tolist()), dict[str, int]()
    borne = Words([each.tokens for each in names], numbers)
    return Words([(each.name or "",) for each in names], numbers).meet(
        borne, place[len(records) :], place[: len(records)]
    )


def _fits_two(people: Comparable, pairs: Pairs, verdicts: Verdicts, margin: float) -> Positions:
    """Joins of a record that would be joined with two who were born on different days, or are asked about as twins are.

    The one that fits better by the margin stands.
    """
    joins = np.flatnonzero((verdicts.outcome == JOIN) & ~verdicts.identifiers.same)
    of = np.concatenate([pairs.left[joins], pairs.right[joins]])
    with_ = np.concatenate([pairs.right[joins], pairs.left[joins]])
    row = np.tile(joins, 2)
    order = np.lexsort((with_, of))
    of, with_, row = of[order], with_[order], row[order]
    count = np.bincount(of, minlength=people.size)
    start = np.cumsum(count) - count
    # who lacks the birth date that would tell, and all whose pair is asked about
    undated = (people.birth[of] == 0) & (count[of] > 1)
    one, place = spread(start[of[undated]], count[of[undated]])
    mine, theirs = row[undated][one], row[place]
    birth, other = people.birth[with_[undated][one]], people.birth[with_[place]]
    apart = (birth > 0) & (other > 0) & ~_born_alike(birth, other)
    elsewhere = pairs.levels["address"] <= LEVELS["address"]["district"]
    two = np.isin(verdicts.guard, _TWINS) | ((verdicts.guard == _FURTHER_APART) & elsewhere)
    asked = np.flatnonzero((verdicts.outcome == REVIEW) & two & ~verdicts.identifiers.same)
    a, b = pairs.left[asked], pairs.right[asked]
    at, place = spread(start[a], count[a])
    key = of.astype(np.int64) * people.size + with_
    wanted = b[at].astype(np.int64) * people.size + with_[place]
    met = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
    found = key[met] == wanted if len(key) else np.zeros(0, dtype=bool)
    one_join = np.concatenate([mine[apart], row[place][found], row[met][found]])
    other_join = np.concatenate([theirs[apart], row[met][found], row[place][found]])
    total = pairs.total
    return np.unique(one_join[total[one_join] < total[other_join] + margin])


def _born_alike(birth: Numbers, other: Numbers) -> Mask:
    """Whether two birth dates, as numbers of eight figures, are the same but for one slip."""
    return (birth == other) | one_slip(digits_of(birth), digits_of(other))


def _both_ways(left: Positions, right: Positions, size: int) -> PairIds:
    """The pairs in either direction as one * size + other, in order."""
    one, other = left.astype(np.int64), right.astype(np.int64)
    return np.sort(np.concatenate([one * size + other, other * size + one]))
