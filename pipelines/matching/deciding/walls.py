"""Identity firewalls in the matcher: which records stand on which side of a wall, and which pairs it refuses.

Belongs here: growing the two sides from the records that a wall was asked for between. Not here: who asks for a wall
(`nights.walls`), what must not be shown across it (`protection.firewall`).

A side is its record, what a reviewer joined with that, what stood on the side in any night before, and whatever joins any
of these, step by step and both sides at once. A record that joins both sides belongs to neither: it stands *between*, for
good, and is linked with neither nor with another that does. So the night is the same in whatever order its records come, and no
identity holds records of two sides. A reviewer who knows where a record between belongs says `same`.

A wall outlives the records it was raised between: who stood where is carried on when a record is gone, with a digest of the
family name it bore. So a record that comes back, or is registered anew under another key, is told by its name: one that joins
one side and bears a name that only the other has borne stands on the other; one that may be either stands between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Labels, Mask, Numbers, Positions
from pipelines.matching.deciding.components import components
from pipelines.matching.reading.names import AnyName
from pipelines.privacy.secret import keyed_digests
from pipelines.seams import give
from pipelines.seams.matching import WALLS
from pipelines.seams.words import WALL_SIDES

__all__ = ["NO_WALLS", "Called", "Seeds", "Side", "Walls", "called_by", "raise_walls", "seeds_of", "walls_table"]

_A, _B, _BETWEEN = (WALL_SIDES.index(side) + 1 for side in ("a", "b", "between"))

Called = Callable[[Positions], list[str | None]]
"""The digest of the family name that each of some records bears, None for none."""


@dataclass(frozen=True)
class Seeds:
    """A wall that is wanted.

    Attributes:
        keys: of the records it was asked for between, in order.
        a, b: positions of what is on each side for sure.
        between: positions of what stood between the sides.
        gone: what stood somewhere and is away tonight: (side, record key, family name's digest).
    """

    keys: tuple[str, str]
    a: Positions
    b: Positions
    between: Positions
    gone: tuple[tuple[str, str, str | None], ...] = ()


@dataclass(frozen=True)
class Side:
    """A wall that stands.

    Attributes:
        keys: of the records it was asked for between, in order.
        record: the records concerned, by position.
        side: where each stands (place in WALL_SIDES, from 1).
        apart: the same for those on a side; of those between a number for each that is linked with no other.
        gone: as in `Seeds`.
    """

    keys: tuple[str, str]
    record: Positions
    side: Numbers
    apart: Numbers
    gone: tuple[tuple[str, str, str | None], ...] = ()

    def of_all(self, size: int) -> Numbers:
        """A number for each of all records, 0 for none: those with two different ones are never one identity."""
        apart = np.zeros(size, dtype=np.int64)
        apart[self.record] = self.apart
        return apart

    def mixed(self, label: Labels, record: Positions, apart: Numbers) -> Mask:
        """By cluster, whether it holds (or touches) two of these records that are never one identity."""
        least, most = np.full(len(label), _NEVER), np.zeros(len(label), dtype=np.int64)
        np.minimum.at(least, label[record], apart)
        np.maximum.at(most, label[record], apart)
        found: Mask = least < most
        return found


_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Walls:
    """The walls of a night, and which of its pairs they refuse."""

    sides: tuple[Side, ...]
    cut: Mask

    def kept(self, label: Labels) -> Labels:
        """The clusters, none of which holds records of two sides: what would be parted by no pair is parted here."""
        for wall in self.sides:
            apart = wall.of_all(len(label))
            mixed = np.flatnonzero(wall.mixed(label, wall.record, wall.apart)[label])
            if len(mixed):
                place = np.stack([label[mixed], apart[mixed]])
                _, first, number = np.unique(place, axis=1, return_index=True, return_inverse=True)
                label = label.copy()
                label[mixed] = mixed[first][number.ravel()]
        return label

    def told_of_nobody(self, label: Labels, left: Positions, right: Positions) -> Mask:
        """Pairs that nobody may be asked about: refused ones, and those of an identity that may belong to two sides of a wall."""
        hidden = self.cut.copy()
        for wall in self.sides:
            sides = wall.of_all(len(label))
            touching = np.flatnonzero((sides[left] > 0) != (sides[right] > 0))
            inside = np.where(sides[left[touching]] > 0, left[touching], right[touching])
            outside = np.where(sides[left[touching]] > 0, right[touching], left[touching])
            hidden[touching] |= wall.mixed(label, outside, sides[inside])[label[outside]]
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
    stood: dict[tuple[str, str], list[tuple[str, str, str | None]]] = {}
    for a, b, *told in _rows(before):
        stood.setdefault((a, b), []).append((told[0], told[1], told[2]))

    def there(names: Iterable[str]) -> Positions:
        places = pc.index_in(pa.array(sorted(set(names)), pa.string()), keys).drop_null()
        return places.to_numpy().astype(np.int64)

    def wanted_between(a: str, b: str) -> Seeds:
        told = stood.get((a, b), [])
        sides = {side: [key for at, key, _ in told if at == side] for side in WALL_SIDES}
        here = pc.index_in(pa.array([key for _, key, _ in told], pa.string()), keys)
        gone = tuple(each for each, place in zip(told, here.to_pylist(), strict=True) if place is None)
        return Seeds((a, b), there([a, *sides["a"]]), there([b, *sides["b"]]), there(sides["between"]), gone)

    return tuple(wanted_between(*pair) for pair in pairs)


def called_by(family: Positions, names: Sequence[AnyName]) -> Called:
    """What `raise_walls` asks for, of records whose family names are told by position (-1: none) in `names`."""

    def called(records: Positions) -> list[str | None]:
        borne = [names[place].name or "" if place >= 0 else "" for place in family[records].tolist()]
        plain = pa.array([name.replace(" ", "") for name in borne], pa.string())
        digests = keyed_digests(plain, "family name at a firewall").to_pylist()
        return [digest if name else None for name, digest in zip(borne, digests, strict=True)]

    return called


def raise_walls(
    size: int, left: Positions, right: Positions, joins: Mask, decided: Mask, seeds: tuple[Seeds, ...], called: Called
) -> Walls:
    """The sides of each wall, grown over the pairs that join, and the pairs that may not.

    Args:
        size: the number of records.
        left: of each pair one record.
        right: the other.
        joins: which pairs join by themselves.
        decided: which of these a reviewer has joined.
        seeds: the walls that are wanted.
        called: by what family name a record goes.
    """
    if not seeds:
        return Walls((), np.zeros(len(left), dtype=bool))
    edges = np.flatnonzero(joins)
    label = components(size, left[edges], right[edges])
    near = np.zeros(size, dtype=bool)
    for wanted in seeds:
        for known in (wanted.a, wanted.b, wanted.between):
            near[label[known]] = True
    edges = edges[near[label[left[edges]]]]
    sides = tuple(_grown(size, wanted, left[edges], right[edges], decided[edges], called) for wanted in seeds)
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


def walls_table(keys: pa.Array, walls: Walls, called: Called) -> pa.Table:
    """Who stands, or stood, on which side of which wall: `WALLS`."""
    rows: list[tuple[Any, ...]] = []
    for wall in walls.sides:
        names = called(wall.record)
        for side, key, name in zip(wall.side.tolist(), keys.take(wall.record).to_pylist(), names, strict=True):
            rows.append((*wall.keys, WALL_SIDES[side - 1], key, name))
        rows += [(*wall.keys, *each) for each in wall.gone]
    columns = zip(*rows, strict=True) if rows else ([],) * len(WALLS.names)
    table = pa.table([pa.array(list(column), pa.string()) for column in columns], names=WALLS.names)
    return give(table.sort_by([(name, "ascending") for name in WALLS.names]), WALLS)


def _grown(size: int, wanted: Seeds, left: Positions, right: Positions, decided: Mask, called: Called) -> Side:
    """The sides of one wall."""
    side = np.zeros(size, dtype=np.int8)
    side[wanted.a] = _A
    side[wanted.b] = np.where(side[wanted.b] == _A, _BETWEEN, _B)
    _spread(side, left[decided], right[decided])  # what people said goes before what was, and before the evidence
    side[wanted.between] = np.where(side[wanted.between] == 0, _BETWEEN, side[wanted.between])
    _spread(side, left, right, _by_name(wanted, side, called))
    record = np.flatnonzero(side)
    apart = side[record].astype(np.int64)
    between = record[apart == _BETWEEN]
    if len(between):  # each for itself, but for those that a reviewer joined
        both = decided & (side[left] == _BETWEEN) & (side[right] == _BETWEEN)
        apart[apart == _BETWEEN] = _BETWEEN + components(size, left[both], right[both])[between]
    return Side(wanted.keys, record, side[record], apart, wanted.gone)


def _spread(
    side: Numbers,
    left: Positions,
    right: Positions,
    settle: Callable[[Positions, Numbers], Numbers] = lambda records, sides: sides,
) -> None:
    """Let the sides grow over these pairs, step by step; `settle` says where those that were reached really stand."""
    one, other = np.concatenate([left, right]), np.concatenate([right, left])
    while True:
        beside_a, beside_b = np.zeros(len(side), dtype=bool), np.zeros(len(side), dtype=bool)
        beside_a[other[side[one] == _A]] = True
        beside_b[other[side[one] == _B]] = True
        new = np.flatnonzero((side == 0) & (beside_a | beside_b))
        if not len(new):
            return
        reached = np.where(beside_a[new] & beside_b[new], _BETWEEN, np.where(beside_a[new], _A, _B))
        side[new] = settle(new, reached)


def _by_name(wanted: Seeds, side: Numbers, called: Called) -> Callable[[Positions, Numbers], Numbers]:
    """Where a record stands that evidence joins with a side: by the family names that the sides bear, or bore."""
    borne = {
        each: {name for at, _, name in wanted.gone if at == WALL_SIDES[each - 1]}
        | set(called(np.flatnonzero(side == each)))
        for each in (_A, _B)
    }
    away = {each: any(at == WALL_SIDES[each - 1] for at, _, _ in wanted.gone) for each in (_A, _B)}

    def settle(records: Positions, reached: Numbers) -> Numbers:
        found = reached.copy()
        for place, (at, name) in enumerate(zip(reached.tolist(), called(records), strict=True)):
            across = {_A: _B, _B: _A}.get(at)
            if across is None:
                continue
            if name is not None and name in borne[across] and name not in borne[at]:
                found[place] = across
            elif away[across] and (name is None or name in borne[across]):
                found[place] = _BETWEEN
        return found

    return settle


def _rows(before: pa.Table | None) -> Iterable[tuple[Any, ...]]:
    return () if before is None else zip(*(before[name].to_pylist() for name in WALLS.names), strict=True)
