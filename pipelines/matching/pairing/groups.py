"""The records under one key, in groups that share a value, and the pairs within a group.

Belongs here: telling a group apart by further fields, and pairing what is left. Which keys there are is for `keys`, how
far groups are told apart for `candidates` (everything) and `follow` (what has changed since last night).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.matching.arrays import Counts, Hashes, Mask, PairIds, Positions, spread, starts_of
from pipelines.matching.pairing.keys import IMPLIED, REFINERS, Key, Values, combine
from pipelines.matching.reading.comparable import NO_VALUE

__all__ = ["KeyGroups", "KeyRows", "Limits", "all_pairs", "as_asked", "by_size", "by_value", "pair_count"]

_DEEPEST = 2  # fields that may refine a key


@dataclass(frozen=True)
class Limits:
    """How many records may share a value before they are told apart: of one field, of two together, of three.

    `fixed` holds for keys that are asked for by name.
    """

    single: int = 8
    double: int = 24
    triple: int = 48
    fixed: int = 100

    def of(self, depth: int) -> int:
        """The limit for a key refined `depth` times."""
        return (self.single, self.double, self.triple)[depth]


@dataclass(frozen=True)
class KeyRows:
    """The rows under one key, in order of `value`: which record has it."""

    value: Hashes
    record: Positions

    def pair_count(self) -> int:
        """How many pairs share a value."""
        return pair_count(self.value)

    def members(self, values: Hashes) -> Counts:
        """How many records have each of the values."""
        return np.searchsorted(self.value, values, side="right") - np.searchsorted(self.value, values)

    def under(self, values: Hashes) -> tuple[Positions, Hashes]:
        """The rows (record, value) under the values, which are ordered."""
        _, rows = spread(np.searchsorted(self.value, values), self.members(values))
        return self.record[rows], self.value[rows]

    def in_order(self) -> KeyRows:
        """The same rows, those of one value in order of the record, whichever way they were come by."""
        wrong = (self.value[1:] == self.value[:-1]) & (self.record[1:] < self.record[:-1])
        if not wrong.any():
            return self
        values = np.unique(self.value[1:][wrong])
        _, rows = spread(np.searchsorted(self.value, values), self.members(values))
        record = self.record.copy()
        record[rows] = record[rows][np.lexsort((record[rows], self.value[rows]))]
        return KeyRows(self.value, record)


@dataclass(frozen=True)
class KeyGroups:
    """Rows of (record, value) under a key, refined by the fields in its name, and what may refine them further.

    `fixed`: the key is used as it is, whatever the sizes of its groups; else their size has led here.
    """

    name: str
    fields: tuple[str, ...]
    record: Positions
    value: Hashes
    further: tuple[str, ...]
    fixed: bool = False
    alone: bool = True

    @property
    def depth(self) -> int:
        """How many fields refine it."""
        return self.name.count("+")

    def all_refined(self, field: Callable[[str], Hashes], rows: tuple[Positions, Hashes]) -> list[KeyGroups]:
        """The `rows` told apart by each further field that may tell them apart; none where that would be the third."""
        return [self.refined(field, refiner, rows) for refiner in self._refiners]

    def untold(self, field: Callable[[str], Hashes], rows: tuple[Positions, Hashes]) -> Hashes:
        """The values of those `rows` that no further field tells apart: they have none of what might."""
        record, value = rows
        untold = np.ones(len(record), dtype=bool)
        for refiner in self._refiners:
            untold &= field(refiner)[record] == NO_VALUE
        return value[untold]

    @property
    def _refiners(self) -> list[str]:
        used = self.name.split("+")
        settled = {*used, *(each for name in used for each in IMPLIED.get(name, ()))}
        return [each for each in self.further if each not in settled and self.depth < _DEEPEST]

    def refined(self, field: Callable[[str], Hashes], refiner: str, rows: tuple[Positions, Hashes]) -> KeyGroups:
        """The `rows` told apart by one more field; `field` gives its value for every record."""
        record, value = rows
        finer = combine(99, value, field(refiner)[record])
        known = finer != NO_VALUE
        if not known.all():
            record, finer = record[known], finer[known]
        return KeyGroups(
            f"{self.name}+{refiner}",
            (*self.fields, *REFINERS[refiner]),
            *by_value(record, finer),
            self.further[self.further.index(refiner) + 1 :],
        )


def as_asked(values: Values, key: Key, path: Sequence[str], record: Positions, value: Hashes) -> KeyGroups:
    """The rows (record, value) of `key`, refined by the fields of `path`, whatever the sizes of their groups."""
    work = KeyGroups(key.name, key.fields, record, value, key.refine)
    for refiner in path:
        work = work.refined(values.refiner, refiner, (work.record, work.value))
    rows = (work.record, work.value) if path else by_value(record, value)
    return replace(work, record=rows[0], value=rows[1], further=key.refine, fixed=True)


def by_size(record: Positions, value: Hashes, limit: int) -> tuple[tuple[Positions, Hashes], tuple[Positions, Hashes]]:
    """Rows of groups that hold two or more, parted into small groups and large ones."""
    counts = _group_counts(value)
    small, large = (counts > 1) & (counts <= limit), (counts > 1) & (counts > limit)
    return (record[small], value[small]), (record[large], value[large])


def by_value(record: Positions, value: Hashes) -> tuple[Positions, Hashes]:
    """Rows in order of value."""
    order = np.argsort(value)
    return record[order], value[order]


def pair_count(value: Hashes) -> int:
    """How many pairs lie within the groups of ordered values."""
    lengths = np.diff(np.append(starts_of(value), len(value)))
    return int((lengths * (lengths - 1) // 2).sum())


def all_pairs(record: Positions, value: Hashes, size: int, among: Mask | None = None) -> PairIds:
    """Every pair within each group of rows in order of value, as left * size + right; only those with one `among`."""
    if not len(record):
        return np.zeros(0, dtype=np.int64)
    counts = _group_counts(value)
    starts = starts_of(value)
    within = np.arange(len(record)) - np.repeat(starts, np.diff(np.append(starts, len(record))))
    following = counts - 1 - within
    left, right = spread(np.arange(len(record)) + 1, following)
    a, b = record[left], record[right]
    if among is not None:
        keep = among[a] | among[b]
        a, b = a[keep], b[keep]
    if (itself := a == b).any():  # a record may have a value twice
        a, b = a[~itself], b[~itself]
    return np.minimum(a, b).astype(np.int64) * size + np.maximum(a, b)


def _group_counts(value: Hashes) -> Counts:
    """For each row of ordered values, how many rows share its value."""
    starts = starts_of(value)
    lengths = np.diff(np.append(starts, len(value)))
    return np.repeat(lengths, lengths)
