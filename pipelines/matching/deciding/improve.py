"""Moving single records to the cluster that fits them better, once everything has been put together.

Belongs here: second thoughts on what `assemble` has made, one record at a time.
"""

from __future__ import annotations

import numpy as np

from pipelines.matching.arrays import Array, Bits, Counts, Labels, Mask, Positions, starts_of
from pipelines.matching.deciding.assemble import UNSEEN, Links, Rules

__all__ = ["improve"]

_ROUNDS_OF_IMPROVEMENT = 8
_WORTH_A_MOVE = 3.0  # bits on average by which another cluster must fit a record better


def improve(label: Labels, links: Links, rules: Rules, fixed: Mask) -> tuple[Labels, int]:
    """Move single records to a cluster that fits them better, until none does; the labels, and how many were moved.

    Args:
        label: the cluster of each record.
        links: the pairs of records.
        rules: what clusters must keep; a move must win by the margin.
        fixed: records that stay, because an identifier or a decision holds them where they are.
    """
    size, moved = len(label), 0
    for _ in range(_ROUNDS_OF_IMPROVEMENT):
        record, cluster, total, seen, joins, apart = _to_clusters(label, links)
        members = np.bincount(label, minlength=size)
        home = cluster == label[record]
        others = members[cluster] - home
        average = (total + UNSEEN * (others - seen)) / np.maximum(others, 1)
        at_home = np.full(size, UNSEEN)
        at_home[record[home]] = average[home]
        conflict = _conflict(rules, record, rules.of_clusters(label), cluster)
        # what fits a second cluster about as well stays where it is
        away = np.flatnonzero(~home & joins)
        away = away[np.lexsort((-average[away], record[away]))]
        first_of = np.concatenate([[True], record[away][1:] != record[away][:-1]])[: len(away)]
        runner_up = np.full(size, UNSEEN)
        np.maximum.at(runner_up, record[away[~first_of]], average[away[~first_of]])
        gain = average - np.maximum(at_home, runner_up)[record]
        better = np.flatnonzero(
            ~home & joins & ~apart & ~conflict & ~fixed[record] & (members[label[record]] > 1) & (members[cluster] >= members[label[record]] - 1)
            & (average >= rules.least) & (gain > max(rules.margin, _WORTH_A_MOVE))
        )  # fmt: skip
        if not len(better):
            break
        better = better[np.lexsort((cluster[better], record[better], -gain[better]))]
        rank = np.full(size, len(better))
        places = np.arange(len(better))
        for touched in (label[record[better]], cluster[better]):
            np.minimum.at(rank, touched, places)
        first = (rank[label[record[better]]] == places) & (rank[cluster[better]] == places)
        moves = better[first]
        label = label.copy()
        label[record[moves]] = cluster[moves]
        moved += len(moves)
        label = _first_records(label)
    return label, moved


def _to_clusters(label: Labels, links: Links) -> tuple[Positions, Labels, Bits, Counts, Mask, Mask]:
    """Rows of (record, cluster): the total and number of the record's pairs with it, whether any joins, any forbids."""
    record = np.concatenate([links.left, links.right]).astype(np.int64)
    cluster = label[np.concatenate([links.right, links.left])].astype(np.int64)
    key = record * len(label) + cluster
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = starts_of(key)
    if not len(starts):
        nothing: Array = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing, nothing, nothing.astype(bool), nothing.astype(bool)

    def doubled(values: Array) -> Array:
        return np.tile(values, 2)[order]

    return (
        key[starts] // len(label),
        key[starts] % len(label),
        np.add.reduceat(doubled(links.total), starts),
        np.add.reduceat(doubled(links.seen), starts),
        np.logical_or.reduceat(doubled(np.isfinite(links.strength)), starts),
        np.logical_or.reduceat(doubled(links.apart), starts),
    )


def _conflict(rules: Rules, record: Positions, held: Rules, cluster: Labels) -> Mask:
    """Which records have what may not be beside what a cluster holds: another number of one kind, an entry of the same source."""
    found = np.zeros(len(record), dtype=bool)
    for own, theirs in zip(rules.identities, held.identities, strict=True):
        found |= (own[record] != 0) & (theirs[cluster] != 0) & (own[record] != theirs[cluster])
    for bits, of_all in zip(rules.sources, held.sources, strict=True):
        found |= (bits[record] & of_all[cluster]) != 0
    return found


def _first_records(label: Labels) -> Labels:
    """The same clusters, each named by its first record."""
    first = np.full(len(label), len(label))
    np.minimum.at(first, label, np.arange(len(label)))
    return first[label]
