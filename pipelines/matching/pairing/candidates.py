"""Which pairs of records are worth comparing: those that share a key (see `keys`).

Belongs here: the search of everything. Too many records under one value are told apart by a further field, then by two, rather than
dropped; what must be dropped all the same is counted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipelines.matching.arrays import (
    Mask,
    Numbers,
    PairIds,
    Positions,
    Shares,
    distinct,
    starts_of,
)
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.pairing.groups import (
    KeyGroups,
    KeyRows,
    Limits,
    all_pairs,
    as_asked,
    by_size,
    by_value,
    pair_count,
)
from pipelines.matching.pairing.keys import KEYS, Key, Values
from pipelines.matching.reading.comparable import Comparable
from pipelines.settings import engine_limits

__all__ = ["Candidates", "find_candidates", "rows_by_key"]


_THREADS = 2  # keys searched side by side, at most
_BIT = {comparison.name: 1 << number for number, comparison in enumerate(COMPARISONS)}


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

    def among(self, sought: Mask) -> Candidates:
        """Those of two records that are `sought`."""
        if sought.all():
            return self
        sides = [np.divmod(pairs, max(self.size, 1)) for pairs, _ in self.parts]
        parts = [(pairs[sought[a] & sought[b]], bits) for (pairs, bits), (a, b) in zip(self.parts, sides, strict=True)]
        return replace(self, parts=parts)

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
            record, value = by_value(*values.rows(key))
            _walk(found, values, [KeyGroups(key.name, key.fields, record, value, key.refine, alone=key.alone)], allowed)
        elif paths := [name.split("+")[1:] for name in keys if name.split("+")[0] == key.name]:
            rows: tuple[Any, ...] = values.rows(key)
            while paths:
                path = paths.pop(0)
                work = as_asked(values, key, path, *rows)
                if not paths:
                    rows = ()  # let go before the pairs are made
                if with_rows:
                    found.rows[work.name] = KeyRows(work.value, work.record)
                _walk(found, values, [work], allowed)
        return found

    stats, parts = {"keys_refined": 0.0, "pairs_dropped": 0.0}, []
    rows: dict[str, KeyRows] = {}
    with ThreadPoolExecutor(min(_THREADS, engine_limits()[1])) as threads:
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
            work = as_asked(values, key, name.split("+")[1:], *rows)
            found[name] = KeyRows(work.value, work.record)
    return found


def _walk(found: _Found, values: Values, work: list[KeyGroups], limits: Limits) -> None:
    """Pairs of groups small enough as they are; the others told apart by one further field, then by two."""
    while work:
        this = work.pop()
        limit = limits.fixed if this.fixed else limits.of(this.depth)
        small, large = by_size(this.record, this.value, limit if this.alone else 1)
        found.add(this.name, set(this.fields), all_pairs(*small, values.size))
        if not len(large[0]):
            continue
        finer = this.all_refined(values.refiner, large)
        found.stats["pairs_dropped"] += pair_count(this.untold(values.refiner, large))
        if not finer:
            continue
        found.stats["keys_refined"] += len(starts_of(large[1]))
        work += finer


def _chance(pairs: PairIds) -> Shares:
    """A number from 0 to 1 for each pair, as by chance and the same every time."""
    mixed = pairs.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    return (mixed * np.uint64(0xD6E8FEB86659FD93) >> np.uint64(11)).astype(np.float64) / 2.0**53
