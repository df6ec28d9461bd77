"""Identity firewalls in the matcher: which records stand on which side of a wall, and which pairs it refuses.

Belongs here: growing the two sides from the records that a wall was asked for between. Not here: who asks for a wall
(`nights.walls`), what must not be shown across it (`protection.firewall`).

A side is its record, what a reviewer joined with that, what stood on the side in any night before, and whatever joins any
of these, step by step and both sides at once. A record that joins both sides belongs to neither: it stands *between*, for
good, and is linked with neither nor with another that does. So the night is the same in whatever order its records come, and no
identity holds records of two sides. A reviewer who knows where a record between belongs says `same`.

A wall outlives the records it was raised between: who stood where is carried on when a record is gone, with digests of the
family name it bore, and of that with its birth date. So a record that comes back stands where it stood, and one that is
registered anew under another key is told by its name: who bears name and birth date of one that is away stands in its place; one that
joins a side and bears a name that only the other has borne stands on the other; while a side is away, one with a name that is not
the other's alone stands between; and so does one that has taken the other side's name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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

__all__ = ["NO_WALLS", "Bearers", "Gone", "Seeds", "Side", "Walls", "raise_walls", "seeds_of", "walls_table"]

_A, _B, _BETWEEN = (WALL_SIDES.index(side) + 1 for side in ("a", "b", "between"))

Gone = tuple[str, str, str | None, str | None]
"""Who stood at a wall and is away: side, record key, the digests of family name and of person."""


@dataclass(frozen=True)
class Bearers:
    """What all records are called and when they were born, told by digests.

    Attributes:
        family: by record the position of its family name in `names`, -1 for none.
        names: the names.
        birth: by record its birth date, 0 for none.
    """

    family: Positions
    names: Sequence[AnyName]
    birth: Numbers

    def families(self, records: Positions) -> list[str | None]:
        """The digest of the family name that each bears, None for none."""
        return _digests([self._name(place) for place in self.family[records].tolist()], "family name at a firewall")

    def persons(self, records: Positions) -> list[str | None]:
        """The digest of family name and birth date of each, None where one is missing."""
        told = zip(self.family[records].tolist(), self.birth[records].tolist(), strict=True)
        whole = [f"{name} {birth}" if (name := self._name(place)) and birth > 0 else "" for place, birth in told]
        return _digests(whole, "person at a firewall")

    def alike(self, gone: Sequence[Gone]) -> dict[int, set[str]]:
        """The records that bear name and birth date of somebody who is away: position → the sides where those stood."""
        if not gone:
            return {}
        every = _digests([self._name(place) for place in range(len(self.names))], "family name at a firewall")
        families = {family for _, _, family, _ in gone if family}
        bearing = np.flatnonzero([family in families for family in every])
        found: dict[int, set[str]] = {}
        records = np.flatnonzero(np.isin(self.family, bearing))
        for record, person in zip(records.tolist(), self.persons(records), strict=True):
            sides = {side for side, _, _, each in gone if each is not None and each == person}
            if sides:
                found[record] = sides
        return found

    def _name(self, place: int) -> str:
        return (self.names[place].name or "").replace(" ", "") if place >= 0 else ""


def _digests(texts: list[str], purpose: str) -> list[str | None]:
    digests = keyed_digests(pa.array(texts, pa.string()), purpose).to_pylist()
    return [digest if text else None for text, digest in zip(texts, digests, strict=True)]


@dataclass(frozen=True)
class Seeds:
    """A wall that is wanted.

    Attributes:
        keys: of the records it was asked for between, in order.
        a, b: positions of what is on each side for sure.
        between: positions of what stood between the sides.
        borne: side → the digests of the family names that were borne there.
        gone: what stood somewhere and is away tonight.
    """

    keys: tuple[str, str]
    a: Positions
    b: Positions
    between: Positions
    borne: Mapping[str, frozenset[str | None]]
    gone: tuple[Gone, ...] = ()


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
    gone: tuple[Gone, ...] = ()

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
    stood: dict[tuple[str, str], list[Gone]] = {}
    for a, b, side, key, family, person in _rows(before):
        stood.setdefault((a, b), []).append((side, key, family, person))

    def there(names: Iterable[str]) -> Positions:
        places = pc.index_in(pa.array(sorted(set(names)), pa.string()), keys).drop_null()
        return places.to_numpy().astype(np.int64)

    def wanted_between(a: str, b: str) -> Seeds:
        told = stood.get((a, b), [])
        sides = {side: {each[1] for each in told if each[0] == side} for side in WALL_SIDES}
        here = pc.index_in(pa.array([each[1] for each in told], pa.string()), keys)
        gone = tuple(each for each, place in zip(told, here.to_pylist(), strict=True) if place is None)
        borne = {side: frozenset(each[2] for each in told if each[0] == side) for side in WALL_SIDES}
        ends = [there(({end} | sides[side]) - sides["between"]) for side, end in (("a", a), ("b", b))]
        return Seeds((a, b), ends[0], ends[1], there(sides["between"]), borne, gone)

    return tuple(wanted_between(*pair) for pair in pairs)


def raise_walls(
    size: int,
    left: Positions,
    right: Positions,
    joins: Mask,
    decided: Mask,
    seeds: tuple[Seeds, ...],
    bearers: Bearers,
    first: Positions | None = None,
) -> Walls:
    """The sides of each wall, grown over the pairs that join, and the pairs that may not.

    Args:
        size: the number of records.
        left: of each pair one record.
        right: the other.
        joins: which pairs join by themselves.
        decided: which of these a reviewer has joined.
        seeds: the walls that are wanted.
        bearers: what the records are called.
        first: for each record the one that stands for it (see `equals`), itself unless told: they stand on one side.
    """
    if not seeds:
        return Walls((), np.zeros(len(left), dtype=bool))
    edges = np.flatnonzero(joins)
    label = components(size, left[edges], right[edges])
    near = np.zeros(size, dtype=bool)
    alike = [bearers.alike(wanted.gone) for wanted in seeds]
    for wanted, others in zip(seeds, alike, strict=True):
        for known in (wanted.a, wanted.b, wanted.between, np.array([*others], dtype=np.int64)):
            near[label[known]] = True
    edges = edges[near[label[left[edges]]]]
    sides = tuple(
        _grown(
            np.arange(size) if first is None else first,
            wanted,
            others,
            left[edges],
            right[edges],
            decided[edges],
            bearers,
        )
        for wanted, others in zip(seeds, alike, strict=True)
    )
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


def walls_table(keys: pa.Array, walls: Walls, bearers: Bearers) -> pa.Table:
    """Who stands, or stood, on which side of which wall: `WALLS`."""
    rows: list[tuple[Any, ...]] = []
    for wall in walls.sides:
        places = [WALL_SIDES[side - 1] for side in wall.side.tolist()]
        told = (keys.take(wall.record).to_pylist(), bearers.families(wall.record), bearers.persons(wall.record))
        rows += [(*wall.keys, *each) for each in zip(places, *told, strict=True)]
        rows += [(*wall.keys, *each) for each in wall.gone]
    columns = zip(*rows, strict=True) if rows else ([],) * len(WALLS.names)
    table = pa.table([pa.array(list(column), pa.string()) for column in columns], names=WALLS.names)
    return give(table.sort_by([(name, "ascending") for name in WALLS.names]), WALLS)


def _grown(
    first: Positions,
    wanted: Seeds,
    alike: Mapping[int, Collection[str]],
    left: Positions,
    right: Positions,
    decided: Mask,
    bearers: Bearers,
) -> Side:
    """The sides of one wall; `alike` are who may be one that is away, with where that stood."""
    size = len(first)
    side = np.zeros(size, dtype=np.int8)
    side[wanted.a] = _A
    side[wanted.b] = np.where(side[wanted.b] == _A, _BETWEEN, _B)
    renamed = _renamed(wanted, side, bearers)
    side[renamed] = 0
    _spread(side, left[decided], right[decided])  # what people said goes before what was, and before the evidence
    for known in (renamed, wanted.between):
        side[known] = np.where(side[known] == 0, _BETWEEN, side[known])
    for place, stood in alike.items():
        if side[place] == 0:
            side[place] = {frozenset("a"): _A, frozenset("b"): _B}.get(frozenset(stood), _BETWEEN)
    _spread(side, left, right, _by_name(wanted, side, bearers))
    side = side[first]
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


def _renamed(wanted: Seeds, side: Numbers, bearers: Bearers) -> Positions:
    """Records of a side that have taken a family name which only the other side had borne."""
    found = []
    for at, mine, others in ((_A, "a", "b"), (_B, "b", "a")):
        records = np.flatnonzero(side == at)
        strange = wanted.borne[others] - wanted.borne[mine] - {None}
        found.append(records[[name in strange for name in bearers.families(records)]] if len(records) else records)
    return np.concatenate(found)


def _by_name(wanted: Seeds, side: Numbers, bearers: Bearers) -> Callable[[Positions, Numbers], Numbers]:
    """Where a record stands that evidence joins with a side: by the family names that the sides bear, or bore."""
    borne = {
        each: wanted.borne[WALL_SIDES[each - 1]] | set(bearers.families(np.flatnonzero(side == each)))
        for each in (_A, _B)
    }
    away = {each: any(told[0] == WALL_SIDES[each - 1] for told in wanted.gone) for each in (_A, _B)}

    def settle(records: Positions, reached: Numbers) -> Numbers:
        found = reached.copy()
        for place, (at, name) in enumerate(zip(reached.tolist(), bearers.families(records), strict=True)):
            across = {_A: _B, _B: _A}.get(at)
            if across is None:
                continue
            if name is not None and name in borne[across] and name not in borne[at]:
                found[place] = across
            elif away[across] and (name is None or name in borne[across] or name not in borne[at]):
                found[place] = _BETWEEN
        return found

    return settle


def _rows(before: pa.Table | None) -> Iterable[tuple[Any, ...]]:
    return () if before is None else zip(*(before[name].to_pylist() for name in WALLS.names), strict=True)
