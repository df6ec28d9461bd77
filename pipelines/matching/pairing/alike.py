"""Records that are the same in all that is compared, or in all but the place.

Belongs here: what two records must have in common for nothing to tell them apart. What becomes of such records is for
`deciding.equals`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipelines.matching.arrays import Array, Hashes, Mask, Numbers, Positions, first_with, starts_of
from pipelines.matching.reading.comparable import Comparable
from pipelines.matching.reading.names import Names

__all__ = ["at_most", "crowded", "equal_pairs", "first_alike"]

_PLACES = ("uprn", "phone")  # identifiers that tell where somebody was met


def equal_pairs(people: Comparable, left: Positions, right: Positions, anywhere: bool = False) -> Mask:
    """Which pairs of record positions are the same in all that is compared; names as they are read, not as they are written.

    `anywhere`: places and telephones may differ.
    """
    equal = np.ones(len(left), dtype=bool)
    for values in _told(people, anywhere):
        equal &= values[left] == values[right]
    for codes, names in ((people.given, people.given_names), (people.family, people.family_names)):
        a, b = codes[left], codes[right]
        other = np.flatnonzero(equal & (a != b))  # written in two ways, they may still be read as one
        read = _read_alike(np.concatenate([a[other], b[other]]), names)
        equal[other] = read[: len(other)] == read[len(other) :]
    return equal


def at_most(first: Positions, few: int) -> Mask:
    """Of the records that have one `first`, the first `few`."""
    order = np.argsort(first, kind="stable")
    starts = starts_of(first[order])
    place = np.arange(len(first)) - np.repeat(starts, np.diff(np.append(starts, len(first))))
    chosen = np.zeros(len(first), dtype=bool)
    chosen[order] = place < few
    return chosen


def crowded(people: Comparable, apart: Numbers, among: Mask, many: int) -> bool:
    """Whether more than `many` of the records `among` all have one name and birth date, and one number `apart`."""
    told = [people.given_name, people.family_name, people.birth, apart]
    known = among & (people.birth > 0)
    if not known.any():
        return False
    person, _ = pd.factorize(_mixed([each[known] for each in told]))
    return bool(np.bincount(person).max() > many)


def first_alike(people: Comparable, apart: Numbers | None = None, anywhere: bool = False) -> Positions:
    """For each record the first that is the same in all that is compared, itself where there is none before.

    `apart` holds a number for each record; records with two different ones are not the same. `anywhere`: places and
    telephones may differ.
    """
    everyone = np.arange(people.size)
    apart = np.zeros(people.size, dtype=np.int64) if apart is None else apart
    first = first_with(_mixed([*_told(people, anywhere), apart]))
    alike = np.flatnonzero((first != everyone) & people.linkable)
    if not len(alike):
        return everyone
    # few are left: their names are looked at
    concerned = np.union1d(alike, first[alike])
    names = [
        _read_alike(codes[concerned], known)
        for codes, known in ((people.given, people.given_names), (people.family, people.family_names))
    ]
    found = everyone.copy()
    found[concerned] = concerned[first_with(_mixed([first[concerned], *names]))]
    same = equal_pairs(people, found, everyone, anywhere) & (apart[found] == apart)  # mixed numbers may meet by chance
    return np.where(same & people.linkable, found, everyone)


def _told(people: Comparable, anywhere: bool) -> Iterator[Array]:
    """All that is compared of each record, but for the names beside the one it goes by; without places if `anywhere`."""
    yield from (people.given_name, people.family_name, people.birth, people.expected, people.sex)
    yield from (values for name, values in people.identifiers.items() if not anywhere or name not in _PLACES)
    if not anywhere:
        yield from (people.postcode, people.outcode, people.place, people.dwelling)


def _read_alike(codes: Positions, names: Names[Any]) -> Numbers:
    """A number for each code of a name (-1: none), the same for names that are read as the same."""
    inverse, used = pd.factorize(codes)
    numbers: dict[Any, int] = {}
    of = [numbers.setdefault(names[code] if code >= 0 else None, len(numbers)) for code in used.tolist()]
    return np.array(of, dtype=np.int64)[inverse]


def _mixed(parts: list[Array]) -> Hashes:
    """One number from several; equal where all of them are, and otherwise but for a rare chance."""
    mixed = np.zeros(len(parts[0]), dtype=np.uint64)
    for part in parts:
        mixed ^= np.ascontiguousarray(part, dtype=np.int64).view(np.uint64)
        mixed *= np.uint64(0xC4CEB9FE1A85EC53)
        mixed ^= mixed >> np.uint64(29)
    return mixed.view(np.int64)
