"""From last night's pairs to tonight's: only what has changed is paired anew.

Belongs here: the pairs of new and changed records, and seeing where only a search of everything can tell (`candidates`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pipelines.matching.arrays import Hashes, Mask, PairIds, Positions, distinct, starts_of
from pipelines.matching.pairing.groups import KeyGroups, KeyRows, Limits, all_pairs
from pipelines.matching.pairing.keys import KEYS, Values
from pipelines.matching.reading.comparable import Comparable

__all__ = ["follow"]


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
        found.append(all_pairs(*rows[name].under(touched[~large]), size, changed))
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
        whole = KeyGroups(name, key.fields, self._record, self._value, key.refine)
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
            pairs = all_pairs(this.record[small], this.value[small], len(self._tonight), self._fresh)
            left, right = np.divmod(pairs, max(len(self._tonight), 1))
            found.append(self._tonight[left] * self._size + self._tonight[right])
            work += this.all_refined(self._field, (this.record[large], this.value[large]))
        return np.concatenate(found)

    def _field(self, refiner: str) -> Hashes:
        return np.concatenate([night.refiner(refiner) for night in self._nights])
