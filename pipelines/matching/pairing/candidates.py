"""Which pairs of records are worth comparing: those that share a key (see `keys`).

Belongs here: the pairing. Too many records under one value are told apart by a further field, then by two, rather than
dropped; what must be dropped all the same is counted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipelines.matching.arrays import (
    Counts,
    Hashes,
    Mask,
    Numbers,
    PairIds,
    Positions,
    Shares,
    distinct,
    spread,
    starts_of,
)
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.pairing.keys import IMPLIED, KEYS, REFINERS, Key, Values, combine
from pipelines.matching.reading.comparable import NO_VALUE, Comparable

__all__ = ["Candidates", "KeyRows", "Limits", "find_candidates", "follow", "rows_by_key"]


_DEEPEST = 2  # fields that may refine a key
_THREADS = 2  # keys searched side by side
_BIT = {comparison.name: 1 << number for number, comparison in enumerate(COMPARISONS)}


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
        return _pair_count(self.value)

    def members(self, values: Hashes) -> Counts:
        """How many records have each of the values."""
        return np.searchsorted(self.value, values, side="right") - np.searchsorted(self.value, values)

    def under(self, values: Hashes) -> tuple[Positions, Hashes]:
        """The rows (record, value) under the values, which are ordered."""
        _, rows = spread(np.searchsorted(self.value, values), self.members(values))
        return self.record[rows], self.value[rows]


@dataclass(frozen=True)
class Candidates:
    """Pairs of record positions that share a key, as each key found them.

    Attributes:
        size: how many records there are.
        parts: for each key the pairs as left * size + right, ordered, left < right, and a bit for each comparison (in the
            order of `COMPARISONS`) that need not agree for a pair to be found by it.
        stats: pairs found by each key, groups refined, pairs dropped.
        rows: the rows under each key that was asked for by name.
    """

    size: int
    parts: list[tuple[PairIds, int]]
    stats: dict[str, float]
    rows: dict[str, KeyRows]

    def batches(self, at_once: int) -> Iterator[PairIds]:
        """Each pair once as left * size + right, ordered, some `at_once` at a time."""
        total = sum(len(pairs) for pairs, _ in self.parts)
        steps = max(1, -(-total // at_once))
        edges = np.linspace(0, self.size, steps + 1).astype(np.int64) * self.size
        for low, high in itertools.pairwise(edges):
            found = [pairs[slice(*np.searchsorted(pairs, (low, high)))] for pairs, _ in self.parts]
            yield distinct(np.concatenate([np.zeros(0, dtype=np.int64), *found]))

    def free(self, share: float = 1.0) -> tuple[Positions, Positions, Numbers]:
        """Each pair once, ordered: left, right, and the comparisons that were free in any key that found it.

        Of a `share` below 1 about so many of the pairs, picked as by chance and the same every time.
        """
        parts = [(pairs if share >= 1 else pairs[_chance(pairs) < share], bits) for pairs, bits in self.parts]
        if not parts:
            return np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32)
        every = np.concatenate([pairs for pairs, _ in parts])
        free = np.repeat(np.array([bits for _, bits in parts], np.int32), [len(pairs) for pairs, _ in parts])
        order = np.argsort(every)
        every, free = every[order], free[order]
        starts = starts_of(every)
        pairs = every[starts]
        return (
            (pairs // self.size).astype(np.int32),
            (pairs % self.size).astype(np.int32),
            np.bitwise_or.reduceat(free, starts),
        )


@dataclass
class _Found:
    """What the walk through one key has gathered."""

    parts: list[tuple[PairIds, int]] = field(default_factory=list)
    rows: dict[str, KeyRows] = field(default_factory=dict)
    stats: dict[str, float] = field(default_factory=lambda: {"keys_refined": 0.0, "pairs_dropped": 0.0})

    def add(self, name: str, fields: set[str], pairs: PairIds) -> None:
        self.stats[f"candidates_{name}"] = self.stats.get(f"candidates_{name}", 0.0) + len(pairs)
        if len(pairs):
            pairs.sort()
            self.parts.append((pairs, sum(bit for comparison, bit in _BIT.items() if comparison not in fields)))


def find_candidates(
    people: Comparable,
    *,
    keys: Sequence[str] | None = None,
    limits: Limits | None = None,
    with_rows: bool = False,
) -> Candidates:
    """Every pair of linkable records that shares a key.

    Args:
        people: the records.
        keys: which keys to use, each by its name and what it is refined by (`family+birth`). Then whether a pair is
            found hangs on its two records alone, but for groups over the largest limit. Default: all keys, refined as
            far as the sizes of their groups ask for.
        limits: how many records may share a value.
        with_rows: keep the rows under each of the `keys`, for the night after.
    """
    values, allowed = Values(people), limits or Limits()

    def search(key: Key) -> _Found:
        found = _Found()
        if not keys:
            record, value = _by_value(*values.rows(key))
            _walk(found, values, [_Work(key.name, key.fields, record, value, key.refine, alone=key.alone)], allowed)
        elif paths := [name.split("+")[1:] for name in keys if name.split("+")[0] == key.name]:
            rows: tuple[Any, ...] = values.rows(key)
            while paths:
                path = paths.pop(0)
                work = _fixed(values, key, path, *rows)
                if not paths:
                    rows = ()  # let go before the pairs are made
                if with_rows:
                    found.rows[work.name] = KeyRows(work.value, work.record)
                _walk(found, values, [work], allowed)
        return found

    stats, parts = {"keys_refined": 0.0, "pairs_dropped": 0.0}, []
    rows: dict[str, KeyRows] = {}
    with ThreadPoolExecutor(_THREADS) as threads:
        for found in threads.map(search, KEYS):
            parts += found.parts
            rows |= found.rows
            for name, number in found.stats.items():
                stats[name] = stats.get(name, 0.0) + number
    return Candidates(people.size, parts, stats, rows)


def rows_by_key(people: Comparable, keys: Sequence[str]) -> dict[str, KeyRows]:
    """The rows under each of the `keys`, as `find_candidates` pairs them."""
    values, found = Values(people), {}
    for key in KEYS:
        paths = [name for name in keys if name.split("+")[0] == key.name]
        if not paths:
            continue
        rows = values.rows(key)
        for name in paths:
            work = _fixed(values, key, name.split("+")[1:], *rows)
            found[name] = KeyRows(work.value, work.record)
    return found


def follow(
    before: Mapping[str, KeyRows],
    moved: Positions,
    fresh: Mapping[str, KeyRows],
    people: Comparable,
    changed: Mask,
    last: Callable[[Positions], Comparable],
    limits: Limits | None = None,
) -> tuple[dict[str, KeyRows], PairIds | None]:
    """Tonight's rows and the pairs of tonight's changed records with all, as left * size + right.

    Args:
        before: the rows of the night before.
        moved: where each record of that night stands tonight; -1 for those that are gone or changed.
        fresh: the rows of the new and changed records, by tonight's positions.
        people: tonight's records.
        changed: a mask of those that are new or changed.
        last: some records of the night before as they were, by their positions then.
        limits: as for `find_candidates`.

    Returns:
        The rows; and the pairs, or None where only a search of everything can tell them: a group that has come to be, or
        is no longer, too large to be paired as it is changes the pairs of records that have not changed themselves.
    """
    allowed, size = limits or Limits(), len(changed)
    rows, found, sure = {}, [np.zeros(0, dtype=np.int64)], True
    for name, added in fresh.items():
        old = before[name]
        place = moved[old.record]
        stays = place >= 0
        value, record = old.value[stays], place[stays]
        at = np.searchsorted(value, added.value)
        rows[name] = KeyRows(np.insert(value, at, added.value), np.insert(record, at, added.record))
        touched = distinct(np.concatenate([old.value[~stays], added.value]))
        large = rows[name].members(touched) > allowed.fixed
        sure &= bool((large == (old.members(touched) > allowed.fixed)).all())
        if not sure:
            continue
        found.append(_all_pairs(*rows[name].under(touched[~large]), size, changed))
        if large.any():
            gone = ~stays & np.isin(old.value, touched[large])
            nights = _TwoNights(
                people, rows[name].under(touched[large]), changed, last, (old.record[gone], old.value[gone])
            )
            pairs = nights.pairs(name, allowed)
            if pairs is None:
                sure = False
            else:
                found.append(pairs)
    return rows, distinct(np.concatenate(found)) if sure else None


@dataclass(frozen=True)
class _Work:
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

    def all_refined(self, field: Callable[[str], Hashes], rows: tuple[Positions, Hashes]) -> list[_Work]:
        """The `rows` told apart by each further field that may tell them apart; none where that would be the third."""
        used = self.name.split("+")
        settled = {*used, *(each for name in used for each in IMPLIED.get(name, ()))}
        further = [each for each in self.further if each not in settled and self.depth < _DEEPEST]
        return [self.refined(field, refiner, rows) for refiner in further]

    def refined(self, field: Callable[[str], Hashes], refiner: str, rows: tuple[Positions, Hashes]) -> _Work:
        """The `rows` told apart by one more field; `field` gives its value for every record."""
        record, value = rows
        finer = combine(99, value, field(refiner)[record])
        known = finer != NO_VALUE
        if not known.all():
            record, finer = record[known], finer[known]
        return _Work(
            f"{self.name}+{refiner}",
            (*self.fields, *REFINERS[refiner]),
            *_by_value(record, finer),
            self.further[self.further.index(refiner) + 1 :],
        )


class _TwoNights:
    """Groups too large to be paired as they are, tonight and as they were the night before.

    Records stand in one row: tonight's, and those of the night before that are gone or were another then.
    """

    def __init__(
        self,
        people: Comparable,
        rows: tuple[Positions, Hashes],
        changed: Mask,
        last: Callable[[Positions], Comparable],
        gone: tuple[Positions, Hashes],
    ) -> None:
        self._size = people.size
        self._tonight, then = distinct(rows[0]), distinct(gone[0])
        self._nights = Values(people.take(self._tonight)), Values(last(then))
        here = len(self._tonight)
        self._record = np.concatenate([np.searchsorted(self._tonight, rows[0]), here + np.searchsorted(then, gone[0])])
        self._value = np.concatenate([rows[1], gone[1]])
        self._now = np.arange(here + len(then)) < here
        self._fresh = np.append(changed[self._tonight], np.zeros(len(then), dtype=bool))

    def pairs(self, name: str, limits: Limits) -> PairIds | None:
        """Pairs of fresh records as `_walk` would find them; None where a group's size has led elsewhere than last night."""
        key = next(each for each in KEYS if each.name == name.split("+")[0])
        whole = _Work(name, key.fields, self._record, self._value, key.refine)
        work, found = whole.all_refined(self._field, (self._record, self._value)), [np.zeros(0, dtype=np.int64)]
        while work:
            this = work.pop()
            if not len(this.value):
                continue
            starts, limit = starts_of(this.value), limits.of(this.depth)
            large = np.add.reduceat(self._now[this.record].astype(np.int64), starts) > limit
            if (large != (np.add.reduceat((~self._fresh[this.record]).astype(np.int64), starts) > limit)).any():
                return None
            large = np.repeat(large, np.diff(np.append(starts, len(this.value))))
            small = ~large & self._now[this.record]
            pairs = _all_pairs(this.record[small], this.value[small], len(self._tonight), self._fresh)
            left, right = np.divmod(pairs, max(len(self._tonight), 1))
            found.append(self._tonight[left] * self._size + self._tonight[right])
            work += this.all_refined(self._field, (this.record[large], this.value[large]))
        return np.concatenate(found)

    def _field(self, refiner: str) -> Hashes:
        return np.concatenate([night.refiner(refiner) for night in self._nights])


def _fixed(values: Values, key: Key, path: Sequence[str], record: Positions, value: Hashes) -> _Work:
    work = _Work(key.name, key.fields, record, value, key.refine)
    for refiner in path:
        work = work.refined(values.refiner, refiner, (work.record, work.value))
    rows = (work.record, work.value) if path else _by_value(record, value)
    return replace(work, record=rows[0], value=rows[1], further=key.refine, fixed=True)


def _walk(found: _Found, values: Values, work: list[_Work], limits: Limits) -> None:
    """Pairs of groups small enough as they are; the others told apart by one further field, then by two."""
    while work:
        this = work.pop()
        limit = limits.fixed if this.fixed else limits.of(this.depth)
        small, large = _by_size(this.record, this.value, limit if this.alone else 1)
        found.add(this.name, set(this.fields), _all_pairs(*small, values.size))
        if not len(large[0]):
            continue
        finer = this.all_refined(values.refiner, large)
        if not finer:
            found.stats["pairs_dropped"] += _pair_count(large[1])
            continue
        found.stats["keys_refined"] += len(starts_of(large[1]))
        work += finer


def _by_size(record: Positions, value: Hashes, limit: int) -> tuple[tuple[Positions, Hashes], tuple[Positions, Hashes]]:
    """Rows of groups that hold two or more, parted into small groups and large ones."""
    counts = _group_counts(value)
    small, large = (counts > 1) & (counts <= limit), (counts > 1) & (counts > limit)
    return (record[small], value[small]), (record[large], value[large])


def _chance(pairs: PairIds) -> Shares:
    """A number from 0 to 1 for each pair, as by chance and the same every time."""
    mixed = pairs.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    return (mixed * np.uint64(0xD6E8FEB86659FD93) >> np.uint64(11)).astype(np.float64) / 2.0**53


def _by_value(record: Positions, value: Hashes) -> tuple[Positions, Hashes]:
    """Rows in order of value."""
    order = np.argsort(value)
    return record[order], value[order]


def _group_counts(value: Hashes) -> Counts:
    """For each row of ordered values, how many rows share its value."""
    starts = starts_of(value)
    lengths = np.diff(np.append(starts, len(value)))
    return np.repeat(lengths, lengths)


def _pair_count(value: Hashes) -> int:
    lengths = np.diff(np.append(starts_of(value), len(value)))
    return int((lengths * (lengths - 1) // 2).sum())


def _all_pairs(record: Positions, value: Hashes, size: int, among: Mask | None = None) -> PairIds:
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
