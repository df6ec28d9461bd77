"""A firewall that stands again after it was taken away: what its sides were, and what they had borne, is taken up again.

Belongs here: keeping that when two people take a wall away, and finding it. A side whose records are gone is known by that alone, and the
night that knew it may be let go. Not here: the sides of a night (`walls`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.nights.attempts import Attempt
from pipelines.nights.night import Night
from pipelines.nights.walls import borne_in, walls_in
from pipelines.seams.matching import WALLS
from pipelines.seams.protection import BORNE
from pipelines.seams.seam import Seam
from pipelines.tables import connect, fetch, read_table, write_table

__all__ = ["Again", "keep_wall", "walls_again"]

_KEPT: Mapping[str, Seam] = {"walls": WALLS, "borne": BORNE}


@dataclass(frozen=True)
class Again:
    """Who stood at walls (`WALLS`), and what each side had borne (`BORNE`)."""

    walls: pa.Table
    borne: pa.Table


def keep_wall(attempt: Attempt, pair: tuple[str, str]) -> None:
    """Keep what an attempt knows of a wall that is to be taken away, beside what was kept of others."""
    found = {"walls": walls_in(attempt.folder), "borne": borne_in(attempt.folder)}
    kept = _kept(attempt.night)
    for name, table in found.items():
        with connect({"before": getattr(kept, name), "new": _of(table, {(min(pair), max(pair))})}) as duck:
            after = fetch(duck, "FROM before UNION FROM new ORDER BY ALL").cast(table.schema)
        if after.num_rows > getattr(kept, name).num_rows:
            write_table(after, attempt.night.home.walls_taken_away(attempt.night.authority, name))


def walls_again(night: Night, asked: pa.Table, stood: pa.Table) -> Again:
    """What was kept of walls that count tonight, and of which the night before knew nothing.

    Args:
        night: tonight's.
        asked: the firewalls that count, among other decisions (`DECISIONS`).
        stood: who stood at walls the night before (`WALLS`).
    """
    wanted = _pairs(asked.filter(pc.equal(asked["kind"].cast(pa.string()), "firewall")), "record_a", "record_b")
    wanted -= _pairs(stood, "wall_a", "wall_b")
    if not wanted:
        return Again(WALLS.empty_table(), BORNE.empty_table())
    kept = _kept(night)
    return Again(_of(kept.walls, wanted), _of(kept.borne, wanted))


def _kept(night: Night) -> Again:
    paths = {name: night.home.walls_taken_away(night.authority, name) for name in _KEPT}
    return Again(
        **{name: read_table(path) if path.is_file() else _KEPT[name].empty_table() for name, path in paths.items()}
    )


def _pairs(table: pa.Table, a: str, b: str) -> set[tuple[str, str]]:
    """The pairs of records that name walls, the smaller key first."""
    rows = zip(table[a].to_pylist(), table[b].to_pylist(), strict=True)
    return {(min(one, other), max(one, other)) for one, other in rows if one is not None and other is not None}


def _of(table: pa.Table, walls: set[tuple[str, str]]) -> pa.Table:
    """The rows of a table that are of these walls."""
    a, b = (pa.array(list(side), pa.string()) for side in zip(*sorted(walls), strict=True))
    with connect({"told": table, "those": pa.table({"wall_a": a, "wall_b": b})}) as duck:
        return fetch(duck, "FROM told SEMI JOIN those USING (wall_a, wall_b) ORDER BY ALL").cast(table.schema)
