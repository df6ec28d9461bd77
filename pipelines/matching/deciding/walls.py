"""Identity firewalls in the matcher: which records stand on which side of a wall, and which pairs it refuses.

Belongs here: growing the two sides from the records that a wall was asked for between. Not here: who asks for a wall
(`nights.walls`), what must not be shown across it (`protection.firewall`).

A side is its record, what a reviewer joined with that, what stood on the side in the night before, and whatever joins any
of these, step by step and both sides at once. A record that joins both sides belongs to neither: it stands *between*, and
is linked with neither. So the night is the same in whatever order its records come, and no identity holds records of two
sides. A reviewer who knows where a record between belongs says `same`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Labels, Mask, Numbers, Positions
from pipelines.matching.deciding.components import components
from pipelines.seams import give
from pipelines.seams.matching import WALLS
from pipelines.seams.words import WALL_SIDES

__all__ = ["NO_WALLS", "Seeds", "Side", "Walls", "raise_walls", "seeds_of", "walls_table"]

_A, _B, _BETWEEN = (WALL_SIDES.index(side) + 1 for side in ("a", "b", "between"))


@dataclass(frozen=True)
class Seeds:
    """A wall that is wanted: the keys it was asked for between, in order, and the positions of what is on each side for sure."""

    keys: tuple[str, str]
    a: Positions
    b: Positions


@dataclass(frozen=True)
class Side:
    """A wall that stands: its keys, the records concerned by position, and the side of each (place in WALL_SIDES, from 1)."""

    keys: tuple[str, str]
    record: Positions
    side: Numbers

    def of_all(self, size: int) -> Numbers:
        """The side of each of all records, 0 for none."""
        sides = np.zeros(size, dtype=np.int8)
        sides[self.record] = self.side
        return sides


@dataclass(frozen=True)
class Walls:
    """The walls of a night, and which of its pairs they refuse."""

    sides: tuple[Side, ...]
    cut: Mask

    def kept(self, label: Labels) -> Labels:
        """The clusters, none of which holds records of two sides: what would be parted by no pair is parted here."""
        for wall in self.sides:
            sides = wall.of_all(len(label))
            least, most = np.full(len(label), len(WALL_SIDES) + 1), np.zeros(len(label), dtype=np.int64)
            np.minimum.at(least, label[wall.record], wall.side)
            np.maximum.at(most, label[wall.record], wall.side)
            mixed = np.flatnonzero((least < most)[label])
            if len(mixed):
                place = label[mixed] * (len(WALL_SIDES) + 1) + sides[mixed]
                _, first, number = np.unique(place, return_index=True, return_inverse=True)
                label = label.copy()
                label[mixed] = mixed[first][number]
        return label

    def told_of_nobody(self, label: Labels, left: Positions, right: Positions) -> Mask:
        """Pairs that nobody may be asked about: refused ones, and those of an identity that may belong to two sides of a wall."""
        hidden = self.cut.copy()
        for wall in self.sides:
            sides = wall.of_all(len(label))
            touching = np.flatnonzero((sides[left] > 0) != (sides[right] > 0))
            inside = np.where(sides[left[touching]] > 0, left[touching], right[touching])
            outside = np.where(sides[left[touching]] > 0, right[touching], left[touching])
            least, most = np.full(len(label), len(WALL_SIDES) + 1), np.zeros(len(label), dtype=np.int64)
            np.minimum.at(least, label[outside], sides[inside])
            np.maximum.at(most, label[outside], sides[inside])
            hidden[touching] |= (least < most)[label[outside]]
        return hidden


NO_WALLS = Walls((), np.zeros(0, dtype=bool))


def seeds_of(keys: pa.Array, decisions: pa.Table | None, before: pa.Table | None) -> tuple[Seeds, ...]:
    """The walls that are wanted, in order.

    Args:
        keys: the record keys, by position.
        decisions: ``firewall`` among them, with record_a and record_b; those with an undone_at do not count.
        before: the sides of the night before (`WALLS`): whoever stood on a side of a wall that still counts stays there.
    """
    if decisions is None or not decisions.num_rows:
        return ()
    wanted = decisions.filter(pc.equal(decisions["kind"], "firewall"))
    if "undone_at" in wanted.column_names:
        wanted = wanted.filter(pc.is_null(wanted["undone_at"]))
    pairs = sorted(
        {
            tuple(sorted(pair))
            for pair in zip(*(wanted[name].to_pylist() for name in ("record_a", "record_b")), strict=True)
        }
    )
    stood: dict[tuple[str, str, str], list[str]] = {}
    for a, b, side, key in _rows(before):
        stood.setdefault((a, b, side), []).append(key)

    def there(*names: str) -> Positions:
        places = pc.index_in(pa.array(sorted(set(names)), pa.string()), keys).drop_null()
        return places.to_numpy().astype(np.int64)

    return tuple(
        Seeds((a, b), there(a, *stood.get((a, b, "a"), ())), there(b, *stood.get((a, b, "b"), ()))) for a, b in pairs
    )


def raise_walls(
    size: int, left: Positions, right: Positions, joins: Mask, decided: Mask, seeds: tuple[Seeds, ...]
) -> Walls:
    """The sides of each wall, grown over the pairs that join, and the pairs that may not.

    Args:
        size: the number of records.
        left: of each pair one record.
        right: the other.
        joins: which pairs join by themselves.
        decided: which of these a reviewer has joined.
        seeds: the walls that are wanted.
    """
    if not seeds:
        return Walls((), np.zeros(len(left), dtype=bool))
    edges = np.flatnonzero(joins)
    label = components(size, left[edges], right[edges])
    near = np.zeros(size, dtype=bool)
    for wanted in seeds:
        near[label[wanted.a]] = near[label[wanted.b]] = True
    edges = edges[near[label[left[edges]]]]
    sides = tuple(_grown(size, wanted, left[edges], right[edges], decided[edges]) for wanted in seeds)
    concerned = np.zeros(size, dtype=bool)
    for wall in sides:
        concerned[wall.record] = True
    among = np.flatnonzero(concerned[left] & concerned[right])
    cut = np.zeros(len(left), dtype=bool)
    for wall in sides:
        of = wall.of_all(size)
        one, other = of[left[among]], of[right[among]]
        cut[among] |= (one > 0) & (other > 0) & (one != other)
    return Walls(sides, cut)


def walls_table(keys: pa.Array, walls: Walls) -> pa.Table:
    """Who stands on which side of which wall: `WALLS`."""
    rows = [
        (*wall.keys, WALL_SIDES[side - 1], key)
        for wall in walls.sides
        for side, key in zip(wall.side.tolist(), keys.take(wall.record).to_pylist(), strict=True)
    ]
    columns = zip(*rows, strict=True) if rows else ([],) * len(WALLS.names)
    table = pa.table([pa.array(list(column), pa.string()) for column in columns], names=WALLS.names)
    return give(table.sort_by([(name, "ascending") for name in WALLS.names]), WALLS)


def _grown(size: int, wanted: Seeds, left: Positions, right: Positions, decided: Mask) -> Side:
    """The sides of one wall."""
    side = np.zeros(size, dtype=np.int8)
    side[wanted.a] = _A
    side[wanted.b] = np.where(side[wanted.b] == _A, _BETWEEN, _B)
    for edges in (np.flatnonzero(decided), np.arange(len(left))):  # what people said goes before what the evidence says
        one, other = np.concatenate([left[edges], right[edges]]), np.concatenate([right[edges], left[edges]])
        while True:
            beside_a, beside_b = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
            beside_a[other[side[one] == _A]] = True
            beside_b[other[side[one] == _B]] = True
            new = np.flatnonzero((side == 0) & (beside_a | beside_b))
            if not len(new):
                break
            side[new] = np.where(beside_a[new] & beside_b[new], _BETWEEN, np.where(beside_a[new], _A, _B))
    record = np.flatnonzero(side)
    return Side(wanted.keys, record, side[record])


def _rows(before: pa.Table | None) -> Iterator[tuple[str, str, str, str]]:
    if before is not None:
        yield from zip(*(before[name].to_pylist() for name in WALLS.names), strict=True)
