"""How closely each candidate pair agrees, field by field: one small integer (the level) per comparison.

Belongs here: turning pairs into levels. Names are compared once per *distinct* pair of names (rapidfuzz), everything
else is arithmetic over whole arrays. The meaning of each level is in `levels`; Splink's SQL there and the code here
say the same thing, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from pipelines.matching.comparable import NO_DATE, NO_VALUE, Comparable
from pipelines.matching.levels import COMPARISONS, NOTHING
from pipelines.matching.names import FamilyName, GivenName

__all__ = ["LEVELS", "OTHER_NAMES", "compare", "pack", "unpack"]

Array = np.ndarray[Any, np.dtype[Any]]

_BY_NAME = {comparison.name: comparison for comparison in COMPARISONS}
LEVELS = {
    name: {level.name: comparison.gamma(level.name) for level in comparison.levels}
    for name, comparison in _BY_NAME.items()
}

# not part of the weight, but of the twin guard: are second and further given names at least alike?
OTHER_NAMES = {"alike": 1, "apart": 0}
_PACKED = (*_BY_NAME, "other_names")


def compare(people: Comparable, left: Array, right: Array) -> dict[str, Array]:
    """The level of every comparison for each pair (int8 arrays), and `other_names`, by name."""
    given_level, further, others, apart = _by_distinct_pair(
        people.given[left], people.given[right], len(people.given_names), _given_levels(people.given_names), 4
    )
    (family_level,) = _by_distinct_pair(
        people.family[left], people.family[right], len(people.family_names), _family_levels(people.family_names), 1
    )
    swapped = _swapped(people, left, right, (apart > 0) & (family_level != NOTHING))
    return {
        "given_name": np.where(swapped, np.int8(LEVELS["given_name"]["swapped"]), given_level),
        "family_name": np.where(swapped, np.int8(NOTHING), family_level),
        "birth_date": _birth_dates(people, left, right),
        "sex": _nothing_unless(
            (people.sex[left] > 0) & (people.sex[right] > 0), (people.sex[left] == people.sex[right]).astype(np.int8)
        ),
        "address": _addresses(people, left, right),
        "nhs_number": _identifiers(people, "nhs_number", left, right),
        "upn": _identifiers(people, "upn", left, right),
        "further_names": further,
        "other_names": others,
    }


def pack(levels: dict[str, Array]) -> Array:
    """The levels of each pair as one integer, four bits to a comparison."""
    packed = np.zeros(len(levels["sex"]), dtype=np.int64)
    for position, name in enumerate(_PACKED):
        packed |= (levels[name].astype(np.int64) + 1) << (4 * position)
    return packed


def unpack(packed: Array) -> dict[str, Array]:
    """What `pack` put together."""
    return {name: (((packed >> (4 * position)) & 15) - 1).astype(np.int8) for position, name in enumerate(_PACKED)}


def _by_distinct_pair(
    left: Array, right: Array, size: int, judge: Callable[[Array, Array], tuple[Array, ...]], results: int
) -> tuple[Array, ...]:
    """Judge each distinct pair of codes once (the comparisons are symmetric) and hand the result to every pair."""
    known = (left >= 0) & (right >= 0)
    answers = tuple(np.full(len(left), NOTHING, dtype=np.int8) for _ in range(results))
    if not known.any():
        return answers
    low = np.minimum(left[known], right[known]).astype(np.int64)
    high = np.maximum(left[known], right[known]).astype(np.int64)
    distinct, inverse = np.unique(low * size + high, return_inverse=True)
    for answer, judged in zip(answers, judge(distinct // size, distinct % size), strict=True):
        answer[known] = judged[inverse]
    return answers


def _given_levels(values: list[GivenName]) -> Callable[[Array, Array], tuple[Array, ...]]:
    """Judges pairs of given names: their level, that of further names, whether those are alike, whether names are not."""

    def judge(left: Array, right: Array) -> tuple[Array, ...]:
        pairs = list(
            zip([values[code] for code in left.tolist()], [values[code] for code in right.tolist()], strict=True)
        )
        likeness, one_edit = _likeness([a.name for a, _ in pairs], [b.name for _, b in pairs])
        level = _first(
            "given_name",
            same=np.array([a.name == b.name for a, b in pairs]),
            nickname=np.array([not _apart(a.roots, b.roots) for a, b in pairs]),
            close=likeness >= 0.92,
            other=np.array([a.name in b.tokens or b.name in a.tokens for a, b in pairs]),
            similar=(likeness >= 0.8) | one_edit | np.array([_sounds_alike(a, b) or _initial(a, b) for a, b in pairs]),
        )
        both = np.array([bool(a.others and b.others) for a, b in pairs])
        shared = np.array([not _apart(a.others, b.others) for a, b in pairs])
        further = _nothing_unless(both, shared.astype(np.int8))
        others = np.array([_other_names(a, b) for a, b in pairs], dtype=np.int8)
        return level, further, others, (likeness < 0.8).astype(np.int8)

    return judge


def _family_levels(values: list[FamilyName]) -> Callable[[Array, Array], tuple[Array, ...]]:
    def judge(left: Array, right: Array) -> tuple[Array, ...]:
        pairs = list(
            zip([values[code] for code in left.tolist()], [values[code] for code in right.tolist()], strict=True)
        )
        likeness, one_edit = _likeness([a.name for a, _ in pairs], [b.name for _, b in pairs])
        level = _first(
            "family_name",
            same=np.array([a.name == b.name for a, b in pairs]),
            shared=np.array([not _apart(a.everything, b.everything) for a, b in pairs]),
            close=likeness >= 0.92,
            similar=(likeness >= 0.8) | one_edit | np.array([_sounds_alike(a, b) for a, b in pairs]),
        )
        return (level,)

    return judge


def _swapped(people: Comparable, left: Array, right: Array, eligible: Array) -> Array:
    """Given and family name in each other's place, spelled alike."""
    swapped = np.zeros(len(left), dtype=bool)
    rows = np.flatnonzero(eligible)
    given = [value.name for value in people.given_names]
    family = [value.name for value in people.family_names]
    for a, b in ((left, right), (right, left)):
        crossed = people.given[a[rows]].astype(np.int64) * len(family) + people.family[b[rows]]
        distinct, inverse = np.unique(crossed, return_inverse=True)
        pairs = [(given[code // len(family)], family[code % len(family)]) for code in distinct.tolist()]
        likeness = process.cpdist(
            [x for x, _ in pairs], [y for _, y in pairs], scorer=JaroWinkler.similarity, dtype=np.float64
        )
        rows = rows[(likeness >= 0.85)[inverse]]
    swapped[rows] = True
    return swapped


def _likeness(left: list[str | None], right: list[str | None]) -> tuple[Array, Array]:
    """Jaro-Winkler similarity of each pair, and whether a single slip of the keyboard lies between them."""
    likeness = process.cpdist(left, right, scorer=JaroWinkler.similarity, dtype=np.float64)
    distance = process.cpdist(left, right, scorer=DamerauLevenshtein.distance, score_cutoff=1, dtype=np.int32)
    return likeness, distance <= 1


def _apart(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    if len(left) == 1:
        return left[0] not in right
    return not any(value in right for value in left)


def _sounds_alike(left: GivenName | FamilyName, right: GivenName | FamilyName) -> bool:
    return left.sound is not None and left.sound == right.sound


def _initial(left: GivenName, right: GivenName) -> bool:
    return bool(left.name and right.name and 1 in (len(left.name), len(right.name)) and left.name[0] == right.name[0])


def _other_names(left: GivenName, right: GivenName) -> int:
    """Whether second given names speak for or against each other; nothing when one side has none."""
    if not left.others or not right.others:
        return NOTHING
    for a in left.others:
        for b in right.others:
            short = min(len(a), len(b))
            if a[:short] == b[:short] or JaroWinkler.similarity(a, b) >= 0.8:
                return OTHER_NAMES["alike"]
    return OTHER_NAMES["apart"]


def _first(comparison: str, **conditions: Array) -> Array:
    """The closest level whose condition holds; conditions come in the order of the levels."""
    levels = LEVELS[comparison]
    return np.select(list(conditions.values()), [np.int8(levels[name]) for name in conditions], np.int8(0))


def _equal(left: Array, right: Array) -> Array:
    return (left == right) & (left != NO_VALUE)


def _nothing_unless(known: Array, level: Array) -> Array:
    return np.where(known, level, np.int8(NOTHING))


def _birth_dates(people: Comparable, left: Array, right: Array) -> Array:
    a, b = people.birth_date[left], people.birth_date[right]
    known = (a != NO_DATE) & (b != NO_DATE)
    same_year = people.year[left] == people.year[right]
    same_month = people.month[left] == people.month[right]
    same_day = people.day[left] == people.day[right]
    near = np.abs(people.year[left] - people.year[right]) < 10
    swapped = same_year & (people.month[left] == people.day[right]) & (people.day[left] == people.month[right])
    one_digit = np.zeros(len(left), dtype=bool)
    unsure = known & (a != b) & near
    one_digit[unsure] = _one_edit(_digits(people, left[unsure]), _digits(people, right[unsure]))
    parts = same_year.astype(np.int8) + same_month.astype(np.int8) + same_day.astype(np.int8)
    return _nothing_unless(
        known,
        _first(
            "birth_date",
            same=a == b,
            swapped=swapped,
            digit=one_digit & near,
            year=same_year & (_first_of_january(people, left) | _first_of_january(people, right)),
            parts=(parts == 2) & near,
        ),
    )


def _first_of_january(people: Comparable, rows: Array) -> Array:
    return (people.month[rows] == 1) & (people.day[rows] == 1)


def _digits(people: Comparable, rows: Array) -> Array:
    """The eight digits of each birth date, one column each."""
    number = people.year[rows].astype(np.int64) * 10_000 + people.month[rows] * 100 + people.day[rows]
    return np.stack([number // 10**place % 10 for place in range(7, -1, -1)], axis=1)


def _one_edit(left: Array, right: Array) -> Array:
    """One digit changed, or two neighbours exchanged: Damerau-Levenshtein distance 1 between texts of one length."""
    differs = left != right
    count = differs.sum(axis=1)
    exchanged = np.zeros(len(left), dtype=bool)
    for place in range(7):
        exchanged |= (
            differs[:, place]
            & differs[:, place + 1]
            & (left[:, place] == right[:, place + 1])
            & (left[:, place + 1] == right[:, place])
        )
    return (count == 1) | ((count == 2) & exchanged)


def _addresses(people: Comparable, left: Array, right: Array) -> Array:
    known = (people.postcode[left] != NO_VALUE) & (people.postcode[right] != NO_VALUE)
    uprn = people.identifiers["uprn"]
    return _nothing_unless(
        known,
        _first(
            "address",
            dwelling=_equal(people.dwelling[left], people.dwelling[right]) | _equal(uprn[left], uprn[right]),
            postcode=people.postcode[left] == people.postcode[right],
            district=people.outcode[left] == people.outcode[right],
        ),
    )


def _identifiers(people: Comparable, kind: str, left: Array, right: Array) -> Array:
    values = people.either(kind)
    a, b = values[left], values[right]
    known = (a != NO_VALUE) & (b != NO_VALUE)
    level = np.where(known & (a == b), np.int8(LEVELS[kind]["same"]), np.int8(0))
    unsure = np.flatnonzero(known & (a != b))
    if len(unsure):
        level[unsure] = np.where(_texts_close(people, kind, left[unsure], right[unsure]), LEVELS[kind]["close"], 0)
    return _nothing_unless(known, level)


def _texts_close(people: Comparable, kind: str, left: Array, right: Array) -> Array:
    def texts(rows: Array) -> list[str]:
        verified = people.texts[kind].take(rows).to_pylist()
        unverified = people.texts[f"{kind}_unverified"].take(rows).to_pylist()
        return [a or b or "" for a, b in zip(verified, unverified, strict=True)]

    distance = process.cpdist(
        texts(left), texts(right), scorer=DamerauLevenshtein.distance, score_cutoff=1, dtype=np.int32
    )
    return distance <= 1
