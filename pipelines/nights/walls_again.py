"""A firewall that stands again after it was taken away: what its sides were, and what they had borne, is taken up from the last night that knew.

Belongs here: finding it. A side whose records are gone is known by that alone. Not here: the sides of a night (`walls`).
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipelines.nights.attempts import Attempt, attempts_published
from pipelines.nights.walls import borne_in, walls_in
from pipelines.seams.matching import WALLS
from pipelines.seams.protection import BORNE
from pipelines.tables import connect, fetch

__all__ = ["Again", "walls_again"]


@dataclass(frozen=True)
class Again:
    """Who stood at walls that stand again (`WALLS`), and what each side had borne (`BORNE`)."""

    walls: pa.Table
    borne: pa.Table


def walls_again(attempt: Attempt, asked: pa.Table, stood: pa.Table) -> Again:
    """What was published before, the latest first, and knew of walls that count tonight, of which the night before knew nothing.

    Args:
        attempt: tonight's.
        asked: the firewalls that count tonight, as decisions (`DECISIONS`).
        stood: who stood at walls the night before (`WALLS`).
    """
    wanted = _pairs(asked.filter(pa.compute.equal(asked["kind"].cast(pa.string()), "firewall")), "record_a", "record_b")
    wanted -= _pairs(stood, "wall_a", "wall_b")
    walls, borne = [WALLS.empty_table()], [BORNE.empty_table()]
    published = attempts_published(attempt.night) if wanted else []
    for earlier in sorted(published, key=lambda each: each.number, reverse=True):
        if found := _pairs(walls_in(earlier.folder), "wall_a", "wall_b") & wanted:
            walls.append(_of(walls_in(earlier.folder), found))
            borne.append(_of(borne_in(earlier.folder), found))
            wanted -= found
    return Again(pa.concat_tables(walls), pa.concat_tables(borne))


def _pairs(table: pa.Table, a: str, b: str) -> set[tuple[str, str]]:
    """The pairs of records that name walls, the smaller key first."""
    rows = zip(table[a].to_pylist(), table[b].to_pylist(), strict=True)
    return {(min(one, other), max(one, other)) for one, other in rows if one is not None and other is not None}


def _of(table: pa.Table, walls: set[tuple[str, str]]) -> pa.Table:
    """The rows of a table that are of these walls."""
    a, b = (pa.array(list(side), pa.string()) for side in zip(*sorted(walls), strict=True))
    with connect({"rows_of": table, "those": pa.table({"wall_a": a, "wall_b": b})}) as duck:
        return fetch(duck, "FROM rows_of SEMI JOIN those USING (wall_a, wall_b) ORDER BY ALL").cast(table.schema)
