"""How closely each candidate pair agrees, field by field: one small integer (the level) per comparison.

Belongs here: turning pairs into levels. Names are compared once per *distinct* pair of names (`alike`), everything
else is arithmetic over whole arrays. The meaning of each level is in `levels`; Splink's SQL there and the code here
say the same thing, and a test compares them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from pipelines.matching.alike import LEVELS, OTHER_NAMES, close, distances, first, likeness, name_levels
from pipelines.matching.comparable import NO_VALUE, Comparable
from pipelines.matching.levels import NOTHING

__all__ = ["LEVELS", "OTHER_NAMES", "Comparer", "pack", "unpack"]

Array = np.ndarray[Any, np.dtype[Any]]

_PACKED = (*LEVELS, "other_names")


class Comparer:
    """Compares pairs of `people`; what it has learned of names it keeps for the pairs to come."""

    def __init__(self, people: Comparable) -> None:
        self._people = people
        self._given, self._family = name_levels(people.given_names, people.family_names)

    def levels(self, left: Array, right: Array) -> dict[str, Array]:
        """The level of every comparison for each pair (int8 arrays), and `other_names`, by name."""
        people = self._people
        given, further, others, apart = self._given.of(people.given[left], people.given[right])
        (family,) = self._family.of(people.family[left], people.family[right])
        swapped = _swapped(people, left, right, (apart > 0) & (family != NOTHING))
        given[swapped], family[swapped] = LEVELS["given_name"]["swapped"], NOTHING
        lone, lone_level = _lone(people, left, right)
        given[lone], family[lone] = NOTHING, lone_level
        return {
            "given_name": given,
            "family_name": family,
            "birth_date": _birth_dates(people, left, right),
            "sex": _nothing_unless(
                (people.sex[left] > 0) & (people.sex[right] > 0),
                (people.sex[left] == people.sex[right]).astype(np.int8),
            ),
            "address": _addresses(people, left, right),
            "nhs_number": _identifiers(people, "nhs_number", left, right),
            "upn": _identifiers(people, "upn", left, right),
            "phone": _phones(people, left, right),
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


def _lone(people: Comparable, left: Array, right: Array) -> tuple[Array, Array]:
    """Pairs in which one side's single name is the other's family name, and the level of that family name."""
    rows, levels = [], []
    given, family = people.given_names, people.family_names
    for a, b in ((left, right), (right, left)):
        some = np.flatnonzero(people.lone[a] & (people.family[b] >= 0))
        inverse, name, other = _crossed(people, a[some], b[some])
        level = first(
            "family_name",
            same=given.spelled[name] == family.spelled[other],
            close=close(
                *likeness(given.spelled[name], family.spelled[other]), given.lengths[name], family.lengths[other]
            ),
        )[inverse]
        rows.append(some[level > 0])
        levels.append(level[level > 0])
    return np.concatenate(rows), np.concatenate(levels)


def _swapped(people: Comparable, left: Array, right: Array, eligible: Array) -> Array:
    """Given and family name in each other's place, spelled alike."""
    swapped = np.zeros(len(left), dtype=bool)
    rows = np.flatnonzero(eligible)
    for a, b in ((left, right), (right, left)):
        inverse, name, other = _crossed(people, a[rows], b[rows])
        given, family = people.given_names.spelled[name], people.family_names.spelled[other]
        rows = rows[(distances(given, family, JaroWinkler.similarity) >= 0.85)[inverse]]
    swapped[rows] = True
    return swapped


def _crossed(people: Comparable, left: Array, right: Array) -> tuple[Array, Array, Array]:
    """The distinct pairs of the given name of `left` and the family name of `right`: which each pair has, and both codes."""
    size = max(len(people.family_names), 1)
    inverse, distinct = pd.factorize(people.given[left].astype(np.int64) * size + people.family[right])
    return inverse, distinct // size, distinct % size


def _equal(left: Array, right: Array) -> Array:
    return (left == right) & (left != NO_VALUE)


def _nothing_unless(known: Array, level: Array) -> Array:
    return np.where(known, level, np.int8(NOTHING))


def _birth_dates(people: Comparable, left: Array, right: Array) -> Array:
    a, b = people.birth[left], people.birth[right]
    known = (a > 0) & (b > 0)
    same_year = people.year[left] == people.year[right]
    same_month = people.month[left] == people.month[right]
    same_day = people.day[left] == people.day[right]
    near = np.abs(people.year[left] - people.year[right]) < 10
    swapped = same_year & (people.month[left] == people.day[right]) & (people.day[left] == people.month[right])
    unsure = np.flatnonzero(known & (a != b))
    one_digit = np.zeros(len(left), dtype=bool)
    one_digit[unsure] = _one_edit(_digits(a[unsure]), _digits(b[unsure]))
    parts = same_year.astype(np.int8) + same_month.astype(np.int8) + same_day.astype(np.int8)
    return _nothing_unless(
        known,
        first(
            "birth_date",
            same=a == b,
            swapped=swapped,
            digit=one_digit & near,
            year=same_year & (_first_of_january(people, left) | _first_of_january(people, right)),
            parts=one_digit | ((parts == 2) & near),
        ),
    )


def _first_of_january(people: Comparable, rows: Array) -> Array:
    return (people.month[rows] == 1) & (people.day[rows] == 1)


def _digits(number: Array) -> Array:
    """The eight digits of each birth date, one column each."""
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
    postcode, place = people.postcode, people.place
    known = ((postcode[left] != NO_VALUE) & (postcode[right] != NO_VALUE)) | (
        (place[left] != NO_VALUE) & (place[right] != NO_VALUE)
    )
    uprn = people.identifiers["uprn"]
    return _nothing_unless(
        known,
        first(
            "address",
            dwelling=_equal(people.dwelling[left], people.dwelling[right]) | _equal(uprn[left], uprn[right]),
            postcode=_equal(postcode[left], postcode[right]),
            near=_one_character(people.spelled[left], people.spelled[right]),
            place=_equal(place[left], place[right]),
            like=_like(people, left, right),
            district=_equal(people.outcode[left], people.outcode[right]),
        ),
    )


def _like(people: Comparable, left: Array, right: Array) -> Array:
    """Streets or places spelled much alike; asked only where neither they nor the postcodes agree."""
    place, postcode = people.place, people.postcode
    known = (place[left] != NO_VALUE) & (place[right] != NO_VALUE) & (place[left] != place[right])
    rows = np.flatnonzero(known & ~_equal(postcode[left], postcode[right]))
    alike = np.zeros(len(left), dtype=bool)
    if len(rows):
        inverse, _ = pd.factorize(place[left[rows]] * np.int64(0x9E3779B1) ^ place[right[rows]])
        _, first = np.unique(inverse, return_index=True)
        some = rows[first]
        a, b = (
            np.array(people.texts["place"].take(pa.array(side[some])).to_pylist(), dtype=object)
            for side in (left, right)
        )
        alike[rows] = (distances(a, b, JaroWinkler.similarity) >= 0.9)[inverse]
    return alike


def _one_character(left: Array, right: Array) -> Array:
    """Texts of one length, eight characters to a number, that differ in one place."""
    known = (left > 0) & (right > 0) & (left != right)
    result = np.zeros(len(left), dtype=bool)
    a, b = (np.ascontiguousarray(x[known]).view(np.uint8).reshape(-1, 8) for x in (left, right))
    result[known] = ((a == 0) == (b == 0)).all(axis=1) & ((a != b).sum(axis=1) == 1)
    return result


def _phones(people: Comparable, left: Array, right: Array) -> Array:
    a, b = people.identifiers["phone"][left], people.identifiers["phone"][right]
    return _nothing_unless((a != NO_VALUE) & (b != NO_VALUE), (a == b).astype(np.int8))


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
