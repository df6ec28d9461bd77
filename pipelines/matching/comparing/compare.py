"""How closely each candidate pair agrees, field by field: one small integer (the level) per comparison.

Belongs here: turning pairs into levels. Names are compared once per *distinct* pair of names (`name_likeness`), everything
else is arithmetic over whole arrays. The meaning of each level is in `levels`; Splink's SQL there and the code here
say the same thing, and a test compares them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz.distance import JaroWinkler

from pipelines.matching.arrays import Hashes, Levels, Mask, Numbers, Packed, Positions, Texts
from pipelines.matching.comparing.levels import NOTHING
from pipelines.matching.comparing.name_likeness import (
    LEVELS,
    OTHER_NAMES,
    Words,
    close,
    distances,
    first,
    likeness,
    name_levels,
)
from pipelines.matching.comparing.slips import Spelled, digits_of, one_slip
from pipelines.matching.reading.comparable import NO_VALUE, Comparable, hash_texts
from pipelines.matching.reading.names import Names

__all__ = ["LEVELS", "OTHER_NAMES", "Comparer", "pack", "unpack"]


_PACKED = (*LEVELS, "other_names")


class Comparer:
    """Compares pairs of `people`; what it has learned of names it keeps for the pairs to come."""

    def __init__(self, people: Comparable) -> None:
        self._people = people
        self._given, self._family = name_levels(people.given_names, people.family_names)

    def levels(self, left: Positions, right: Positions) -> dict[str, Levels]:
        """The level of every comparison for each pair (int8 arrays), and `other_names`, by name."""
        people = self._people
        given, further, others, apart = self._given.of(people.given[left], people.given[right])
        (family,) = self._family.of(people.family[left], people.family[right])
        swapped = _swapped(people, left, right, (apart > 0) & (family != NOTHING))
        unlike = np.flatnonzero(family == 0)
        by_any = self._crossed_over(left[unlike], right[unlike], self._name_words)
        by_title = by_any & ~self._crossed_over(left[unlike], right[unlike], self._telling_words)
        family[unlike[by_any]] = LEVELS["family_name"]["crossed"]
        given[swapped], family[swapped] = LEVELS["given_name"]["swapped"], NOTHING
        moved = self._moved(left, right) & (given != NOTHING)
        in_order = self._given_in_order[people.given[left]] == self._given_in_order[people.given[right]]
        moved &= (given != LEVELS["given_name"]["same"]) | (family == 0) | (further == 0) | ~in_order
        elsewhere = moved & (given != LEVELS["given_name"]["same"])
        family[moved & ~elsewhere & (family == 0)] = LEVELS["family_name"]["crossed"]
        family[elsewhere & (family != LEVELS["family_name"]["same"])] = NOTHING
        given[elsewhere] = LEVELS["given_name"]["swapped"]
        further[moved & (further == 0)] = NOTHING
        # two names in each other's place are a slip of whoever typed them; of three or more they may be a brother's
        single = self._single[people.given[left]] & self._single[people.given[right]]
        others[moved & ~(swapped & single)] = OTHER_NAMES["moved"]
        apart_further = np.flatnonzero(further == 0)
        told = apart_further[self._crossed_over(left[apart_further], right[apart_further], self._name_words)]
        further[told], others[told] = NOTHING, NOTHING  # what is a further name here is a family name there
        others[unlike[by_title]] = OTHER_NAMES["titles"]
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
            "address": self._addresses(left, right),
            "nhs_number": self._identifiers("nhs_number", left, right),
            "upn": self._identifiers("upn", left, right),
            "phone": _phones(people, left, right),
            "further_names": further,
            "other_names": others,
        }

    def _crossed_over(self, left: Positions, right: Positions, words: tuple[Words, Words]) -> Mask:
        """A family name of one is a given name of the other; `words` are those of given and of family names."""
        given, family = words
        crossed = np.zeros(len(left), dtype=bool)
        for a, b in ((left, right), (right, left)):
            rows = np.flatnonzero((self._people.given[a] >= 0) & (self._people.family[b] >= 0))
            crossed[rows] |= given.meet(family, self._people.given[a[rows]], self._people.family[b[rows]])
        own, of_family = self._people.given_name, self._people.family_name
        # who is called the same twice says no more by it than by the given name
        twice = _equal(own[left], of_family[left]) | _equal(own[right], of_family[right])
        return crossed & ~(twice & _equal(own[left], own[right]))

    @cached_property
    def _name_words(self) -> tuple[Words, Words]:
        """The given names and the family names of each distinct name, as words that may meet."""
        people, numbers = self._people, dict[str, int]()
        return (
            Words([value.tokens for value in people.given_names], numbers),
            Words([value.everything for value in people.family_names], numbers),
        )

    @cached_property
    def _telling_words(self) -> tuple[Words, Words]:
        """The same without family names that everybody of a custom bears."""
        people, numbers = self._people, dict[str, int]()
        return (
            Words([value.tokens for value in people.given_names], numbers),
            Words([value.telling for value in people.family_names], numbers),
        )

    def _moved(self, left: Positions, right: Positions) -> Mask:
        """All names are the same words, wherever they stand."""
        return _equal(self._words[left], self._words[right])

    @cached_property
    def _words(self) -> Hashes:
        """For each record a number of all words of its names, whatever their order; 0 where there are none."""
        people = self._people
        return _sums(people.given_names)[people.given] + _sums(people.family_names)[people.family]

    @cached_property
    def _single(self) -> Mask:
        """For each distinct set of given names whether it is one word."""
        return np.array([len(value.words) == 1 for value in self._people.given_names] or [True])

    @cached_property
    def _given_in_order(self) -> Hashes:
        """For each distinct set of given names a number of its words in their order."""
        return hash_texts([" ".join(value.words) for value in self._people.given_names] or [""])

    def _addresses(self, left: Positions, right: Positions) -> Levels:
        people = self._people
        (postcode, other_postcode), (place, other_place) = (
            (values[left], values[right]) for values in (people.postcode, people.place)
        )
        told = (postcode != NO_VALUE) & (other_postcode != NO_VALUE)
        placed = (place != NO_VALUE) & (other_place != NO_VALUE)
        same_postcode, same_place = told & (postcode == other_postcode), placed & (place == other_place)
        uprn = people.identifiers["uprn"]
        # streets are only asked about where neither they nor the postcodes agree
        rows = np.flatnonzero(placed & ~same_place & ~same_postcode)
        like = np.zeros(len(left), dtype=bool)
        like[rows] = self._places_alike(left[rows], right[rows])
        return _nothing_unless(
            told | placed,
            first(
                "address",
                dwelling=_equal(people.dwelling[left], people.dwelling[right]) | _equal(uprn[left], uprn[right]),
                postcode=same_postcode,
                near=_one_character(people.spelled[left], people.spelled[right]),
                place=same_place,
                like=like,
                district=_equal(people.outcode[left], people.outcode[right]),
            ),
        )

    def _places_alike(self, left: Positions, right: Positions) -> Mask:
        """Streets or places spelled much alike."""
        if not len(left):
            return np.zeros(0, dtype=bool)
        code, texts = self._places
        return distances(texts[code[left]], texts[code[right]], JaroWinkler.similarity, score_cutoff=0.9) >= 0.9

    @cached_property
    def _places(self) -> tuple[Positions, Texts]:
        """Which of the distinct places each record has, and the texts of these."""
        code, places = pd.factorize(self._people.place)
        one = np.zeros(len(places), dtype=np.int64)
        one[code] = np.arange(len(code))
        return code.astype(np.int32), np.array(
            self._people.texts["place"].take(pa.array(one)).to_pylist(), dtype=object
        )

    def _identifiers(self, kind: str, left: Positions, right: Positions) -> Levels:
        values, spelled = self._numbers[kind]
        a, b = values[left], values[right]
        known = (a != NO_VALUE) & (b != NO_VALUE)
        level = np.where(known & (a == b), np.int8(LEVELS[kind]["same"]), np.int8(0))
        unsure = np.flatnonzero(known & (a != b))
        close = spelled.one_slip(left[unsure], right[unsure])
        level[unsure] = np.where(close, np.int8(LEVELS[kind]["close"]), np.int8(0))
        return _nothing_unless(known, level)

    @cached_property
    def _numbers(self) -> dict[str, tuple[Hashes, Spelled]]:
        """Each record's identifier of either kind, as a number and as it is spelled."""
        people = self._people
        return {
            kind: (people.either(kind), Spelled(pc.coalesce(people.texts[kind], people.texts[f"{kind}_unverified"])))
            for kind in ("nhs_number", "upn")
        }


def _sums(names: Names[Any]) -> Hashes:
    """For each name the sum of its words as numbers, which is the same in any order; 0 at the end, for none."""
    words = [name.words for name in names]
    of = np.repeat(np.arange(len(words)), [len(each) for each in words])
    sums = np.zeros(len(words) + 1, dtype=np.int64)
    np.add.at(sums, of, hash_texts([word for each in words for word in each]))
    return sums


def pack(levels: dict[str, Levels]) -> Packed:
    """The levels of each pair as one integer, four bits to a comparison."""
    packed = np.zeros(len(levels["sex"]), dtype=np.int64)
    for position, name in enumerate(_PACKED):
        packed |= (levels[name].astype(np.int64) + 1) << (4 * position)
    return packed


def unpack(packed: Packed) -> dict[str, Levels]:
    """What `pack` put together."""
    return {name: (((packed >> (4 * position)) & 15) - 1).astype(np.int8) for position, name in enumerate(_PACKED)}


def _lone(people: Comparable, left: Positions, right: Positions) -> tuple[Positions, Levels]:
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


def _swapped(people: Comparable, left: Positions, right: Positions, eligible: Mask) -> Mask:
    """Given and family name in each other's place, spelled alike, or one of them by its initial."""
    swapped = np.zeros(len(left), dtype=bool)
    rows = np.flatnonzero(eligible)
    likely = np.zeros(len(left), dtype=np.int8)
    for a, b in ((left, right), (right, left)):
        inverse, name, other = _crossed(people, a[rows], b[rows])
        given, family = people.given_names, people.family_names
        alike = distances(given.spelled[name], family.spelled[other], JaroWinkler.similarity) >= 0.85
        initial = (given.lengths[name] == 1) | (family.lengths[other] == 1)
        initial &= given.initials[name] == family.initials[other]
        likely[rows] += np.where(alike & ~initial, 2, initial).astype(np.int8)[inverse]
        rows = rows[(alike | initial)[inverse]]
    swapped[rows] = likely[rows] > 2  # not by two initials
    return swapped


def _crossed(people: Comparable, left: Positions, right: Positions) -> tuple[Positions, Positions, Positions]:
    """The distinct pairs of the given name of `left` and the family name of `right`: which each pair has, and both codes."""
    size = max(len(people.family_names), 1)
    inverse, distinct = pd.factorize(people.given[left].astype(np.int64) * size + people.family[right])
    return inverse, distinct // size, distinct % size


def _equal(left: Hashes, right: Hashes) -> Mask:
    return (left == right) & (left != NO_VALUE)


def _nothing_unless(known: Mask, level: Levels) -> Levels:
    return np.where(known, level, np.int8(NOTHING))


def _birth_dates(people: Comparable, left: Positions, right: Positions) -> Levels:
    a, b = people.birth[left], people.birth[right]
    known = (a > 0) & (b > 0)
    level = np.where(known & (a == b), np.int8(LEVELS["birth_date"]["same"]), np.int8(0))
    unsure = np.flatnonzero(known & (a != b))
    a, b = a[unsure], b[unsure]
    (year, month, day), (other_year, other_month, other_day) = _parts(a), _parts(b)
    same_year = year == other_year
    one_digit = one_slip(digits_of(a), digits_of(b))
    near = np.abs(year - other_year) < 10
    two_parts = same_year.astype(np.int8) + (month == other_month) + (day == other_day) == 2
    level[unsure] = first(
        "birth_date",
        swapped=same_year & (month == other_day) & (day == other_month),
        digit=one_digit & near,
        year=same_year & ((month * day == 1) | (other_month * other_day == 1)),
        parts=one_digit | (two_parts & near),
    )
    return _nothing_unless(known, level)


def _parts(birth: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    return birth // 10_000, birth // 100 % 100, birth % 100


def _one_character(left: Numbers, right: Numbers) -> Mask:
    """Texts of one length, eight characters to a number, that differ in one place."""
    known = (left > 0) & (right > 0) & (left != right)
    result = np.zeros(len(left), dtype=bool)
    a, b = (np.ascontiguousarray(x[known]).view(np.uint8).reshape(-1, 8) for x in (left, right))
    result[known] = ((a == 0) == (b == 0)).all(axis=1) & ((a != b).sum(axis=1) == 1)
    return result


def _phones(people: Comparable, left: Positions, right: Positions) -> Levels:
    a, b = people.identifiers["phone"][left], people.identifiers["phone"][right]
    return _nothing_unless((a != NO_VALUE) & (b != NO_VALUE), (a == b).astype(np.int8))
