"""Putting records together cluster by cluster: best links first, all clusters at once, round by round.

Belongs here: the assembly of those records that cannot simply be taken as they hang together. In each round every pair
of clusters that are each other's best partner becomes one, if the two may be one child as a whole; so the number of
rounds grows with the depth of the clusters and not with the records. The result does not depend on the input order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.matching.arrays import Array, Bits, Counts, Labels, Mask, Numbers, Positions, Words, spread, starts_of

__all__ = ["UNSEEN", "Assembled", "Links", "Rules", "assemble"]


UNSEEN = -10.0  # bits of a pair that no key has brought together: most likely two people


@dataclass(frozen=True)
class Rules:
    """What two clusters must keep to be one.

    Attributes:
        identities: arrays by record of numbers of which one child has at most one (0: none): verified identifiers in
            their latest form, the record itself in a source that holds each child once.
        least: bits that all pairs of two clusters must weigh on average.
        margin: bits by which the best other identity must be beaten.
        sources: by record the bit of its source, in as many words as there are sources for, where each entry of the source is another child.
    """

    identities: tuple[Numbers, ...]
    least: float
    margin: float
    sources: tuple[Words, ...] = ()

    def conflict(self, left: Positions, right: Positions) -> Mask:
        """Which pairs of clusters have different numbers of one kind, or each an entry of one such source."""
        found = np.zeros(len(left), dtype=bool)
        for values in self.identities:
            found |= (values[left] != 0) & (values[right] != 0) & (values[left] != values[right])
        for bits in self.sources:
            found |= (bits[left] & bits[right]) != 0
        return found

    def of_clusters(self, label: Labels) -> Rules:
        """The same by cluster: what the records of each have, at the place of its first record."""
        identities = tuple(np.zeros_like(values) for values in self.identities)
        for values, own in zip(identities, self.identities, strict=True):
            np.maximum.at(values, label, own)
        sources = tuple(np.zeros_like(bits) for bits in self.sources)
        for bits, own in zip(sources, self.sources, strict=True):
            np.bitwise_or.at(bits, label, own)
        return replace(self, identities=identities, sources=sources)

    def met_twice(self, label: Labels) -> Mask:
        """Which clusters have two entries of one such source."""
        found = np.zeros(len(label), dtype=bool)
        for bits in self.sources:
            has = np.flatnonzero(bits)
            order = np.lexsort((bits[has], label[has]))
            whose, which = label[has][order], bits[has][order]
            again = (whose[1:] == whose[:-1]) & (which[1:] == which[:-1])
            found[whose[1:][again]] = True
        return found

    def join(self, into: Positions, gone: Positions) -> None:
        """Let clusters have what others had that become one with them, each with one."""
        for values in self.identities:
            values[into] = np.maximum(values[into], values[gone])
        for bits in self.sources:
            bits[into] |= bits[gone]


@dataclass(frozen=True)
class Links:
    """What lies between clusters (at first: between records), ordered by (`left`, `right`), left before right.

    Attributes:
        left, right: the clusters, each by its first record.
        total, seen: the sum of the weights of the pairs compared between them, and how many those are.
        strength: the best pair that joins (its step in thousands, and its weight); minus infinity where none does.
        nearest: the best pair that joins or nearly does, in bits; minus infinity where there is none.
        certain: an identifier joins them, so that neither average nor margin matters.
        apart: something forbids that they be one.
        contested: another identity fits about as well.
    """

    left: Positions
    right: Positions
    total: Bits
    seen: Array
    strength: Bits
    nearest: Bits
    certain: Mask
    apart: Mask
    contested: Mask

    def take(self, rows: Positions) -> Links:
        """Some of the links."""
        return Links(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Assembled:
    """`label`: the cluster of each record, by its first record; `links`: what is left between clusters; `rounds`."""

    label: Labels
    links: Links
    rounds: int


def assemble(size: int, links: Links, rules: Rules, must: Labels) -> Assembled:
    """Join what belongs together.

    Args:
        size: how many records there are.
        links: the pairs of records.
        rules: what clusters must keep.
        must: the cluster in which each record begins (by first record), whatever the rules say.
    """
    members = np.bincount(must, minlength=size)
    rules = rules.of_clusters(must)
    label, links, rounds = must, _relabelled(links, must, size), 0
    while len(links.left):
        possible = _possible(links, members, rules)
        rows = _mutually_best(size, links, np.flatnonzero(possible & ~links.contested & np.isfinite(links.strength)))
        if not len(rows):
            break
        rounds += 1
        contested = _contested(links, possible, rows, members, rules)
        links.contested[rows[contested]] = True
        rows = rows[~contested]
        if not len(rows):
            continue
        into, gone = links.left[rows], links.right[rows]
        members[into] += members[gone]
        rules.join(into, gone)
        follows = np.arange(size)
        follows[gone] = into
        label = follows[label]
        links = _relabelled(links, follows, size)
    return Assembled(label, links, rounds)


def _possible(links: Links, members: Counts, rules: Rules) -> Mask:
    """Which linked clusters may be one child."""
    pairs = members[links.left] * members[links.right]
    average = (links.total + UNSEEN * (pairs - links.seen)) / pairs
    return ~links.apart & ~rules.conflict(links.left, links.right) & (links.certain | (average >= rules.least))


def _mutually_best(size: int, links: Links, rows: Positions) -> Positions:
    """Of the links `rows`, those that are the strongest of both their clusters; ties go to the earlier records."""
    rows = rows[np.lexsort((links.right[rows], links.left[rows], -links.strength[rows]))]
    places = np.arange(len(rows))
    rank = np.full(size, len(rows))
    np.minimum.at(rank, links.left[rows], places)
    np.minimum.at(rank, links.right[rows], places)
    return rows[(rank[links.left[rows]] == places) & (rank[links.right[rows]] == places)]


def _contested(links: Links, possible: Mask, rows: Positions, members: Counts, rules: Rules) -> Mask:
    """Which of the chosen links have a rival: another identity, surely not the same child, that fits about as well."""
    contested = np.zeros(len(rows), dtype=bool)
    if rules.margin <= 0:
        return contested
    size = len(members)
    partner, chosen = np.full(size, -1), np.full(size, -1)
    for a, b in ((links.left, links.right), (links.right, links.left)):
        partner[a[rows]], chosen[a[rows]] = b[rows], np.arange(len(rows))
    near = np.flatnonzero(possible & np.isfinite(links.nearest))
    one = np.concatenate([links.left[near], links.right[near]])
    third = np.concatenate([links.right[near], links.left[near]])
    bits = np.tile(links.nearest[near], 2)
    of = chosen[one]
    least = np.where(of >= 0, links.nearest[rows[of]] - rules.margin, np.inf)
    rival = np.flatnonzero((of >= 0) & (third != partner[one]) & ~links.certain[rows[of]] & (bits > least))
    rival = rival[~_may_be_one(links, possible, partner[one[rival]], third[rival], members, rules)]
    if not len(rival):
        return contested
    placed = _better_placed(
        links, possible, near, one[rival], partner[one[rival]], third[rival], bits[rival] - least[rival], members, rules
    )
    contested[of[rival[~placed]]] = True
    return contested


def _better_placed(
    links: Links,
    possible: Mask,
    near: Positions,
    one: Positions,
    other: Positions,
    third: Positions,
    short: Bits,
    members: Counts,
    rules: Rules,
) -> Mask:
    """Whether the rival has a partner of its own, so that both pairs as they are clearly beat the pairs crossed over.

    That is how twins part: each one's records fit the other twin's nearly as well, but not both at once.
    """
    a = np.concatenate([links.left[near], links.right[near]])
    b = np.concatenate([links.right[near], links.left[near]])
    bits = np.tile(links.nearest[near], 2)
    order = np.argsort(a, kind="stable")
    a, b, bits = a[order], b[order], bits[order]
    start, end = np.searchsorted(a, third), np.searchsorted(a, third, side="right")
    case, place = spread(start, end - start)
    fourth = b[place]
    use = (fourth != one[case]) & (fourth != other[case])
    case, fourth, own = case[use], fourth[use], bits[place[use]]
    apart = ~_may_be_one(links, possible, one[case], fourth, members, rules)
    case, fourth, own = case[apart], fourth[apart], own[apart]
    row = _find(links, other[case], fourth, len(members))
    crossed = np.where(row >= 0, np.maximum(links.nearest[row], 0.0), 0.0)
    placed = np.zeros(len(one), dtype=bool)
    placed[case[own - crossed >= short[case]]] = True
    return placed


def _may_be_one(links: Links, possible: Mask, left: Positions, right: Positions, members: Counts, rules: Rules) -> Mask:
    """Whether two clusters could be one child, linked or not."""
    row = _find(links, left, right, len(members))
    unlinked = ~rules.conflict(left, right) & (rules.least <= UNSEEN)
    return np.where(row >= 0, possible[row], unlinked)


def _find(links: Links, left: Positions, right: Positions, size: int) -> Positions:
    """The row of the link between two clusters; -1 where there is none."""
    keys = links.left.astype(np.int64) * size + links.right
    wanted = np.minimum(left, right).astype(np.int64) * size + np.maximum(left, right)
    row = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    return np.where(keys[row] == wanted, row, -1) if len(keys) else np.full(len(left), -1)


def _relabelled(links: Links, follows: Labels, size: int) -> Links:
    """The links between the clusters that the old ones have become; links within a cluster are gone."""
    a, b = follows[links.left], follows[links.right]
    changed = (a != links.left) | (b != links.right)
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    between = np.flatnonzero(low != high)
    key = low[between] * size + high[between]
    order = between[np.argsort(key, kind="stable")]
    key = low[order] * size + high[order]
    starts = starts_of(key)
    if not len(starts):
        return links.take(np.zeros(0, dtype=np.int64))
    return Links(
        key[starts] // size,
        key[starts] % size,
        np.add.reduceat(links.total[order], starts),
        np.add.reduceat(links.seen[order], starts),
        np.maximum.reduceat(links.strength[order], starts),
        np.maximum.reduceat(links.nearest[order], starts),
        np.logical_or.reduceat(links.certain[order], starts),
        np.logical_or.reduceat(links.apart[order], starts),
        # what a changed cluster was contested for is asked anew
        np.logical_and.reduceat(links.contested[order] & ~changed[order], starts),
    )
