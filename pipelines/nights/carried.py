"""What a night carries on besides what it builds on: the knowledge of versions in force that it replaces, or is built past.

A night that comes otherwise builds on the night before it, and so does one that is built past a night that waits for its correction. What
the versions in force had learned there of hidden children and of firewalls stays known all the same, as if theirs had been nights before: it
is gathered when the inputs are frozen (`keep_carried`), and lies in the attempt's folder, for what is replaced goes at the end of the load.

Belongs here: gathering it, and joining it with what the base knows. Not here: which versions those are (`plan`), what is made of it (`stages`),
and what nights that are held or failed have found (`protective`): they were never in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.nights.attempts import Attempt, attempt_behind
from pipelines.nights.seal import is_sealed, is_whole
from pipelines.nights.walls import borne_in, walls_asked_in, walls_in
from pipelines.protection.stays_hidden import stays_hidden_in
from pipelines.seams import Seam, give, grown
from pipelines.seams.matching import DECISIONS, WALLS
from pipelines.seams.protection import BORNE, HIDDEN, LATCHED, PLACES, SENSITIVE
from pipelines.tables import connect, fetch, read_table, write_table

__all__ = ["Carried", "carried_in", "keep_carried"]

_FOLDER = "carried"
_TABLES: Mapping[str, Seam] = {
    "latched": LATCHED, "places": PLACES, "hidden": HIDDEN, "sensitive": SENSITIVE,
    "walls": WALLS, "walls_asked": DECISIONS, "borne": BORNE,
}  # fmt: skip
_NEEDED = ("protection/latched.parquet", "protection/places.parquet")
_READ_BESIDES = (  # where an attempt has them: one that an earlier program made knows what its other tables say
    "protection/hidden.parquet", "protection/sensitive.parquet",
    "matching/walls.parquet", "matching/walls_asked.parquet", "matching/walls_borne.parquet",
)  # fmt: skip


@dataclass(frozen=True)
class Carried:
    """What is carried on besides the base, by table; empty where there is nothing to carry on.

    Attributes:
        latched: what hidden children were known by (`LATCHED`).
        places: where they live or lived (`PLACES`).
        hidden: who is or was hidden, by index id and record (`HIDDEN`).
        sensitive: how many sensitive services records tell of, or told of (`SENSITIVE`).
        walls: the sides of firewalls (`WALLS`).
        walls_asked: firewalls that feeds had asked for (`DECISIONS`).
        borne: what the sides have borne (`BORNE`).
    """

    latched: pa.Table
    places: pa.Table
    hidden: pa.Table
    sensitive: pa.Table
    walls: pa.Table
    walls_asked: pa.Table
    borne: pa.Table

    def with_latched(self, before: pa.Table) -> pa.Table:
        """The latches of the base, and these: `LATCHED`, each token of a holder once."""
        if not self.latched.num_rows:
            return before
        return _joined(
            "SELECT token, holder, bool_or(shielded) AS shielded, min(since) AS since, bool_or(coalesce(own, shielded, true)) AS own, "
            "max(kind) AS kind, list_sort(list_distinct(flatten(list(spares)))) AS spares, max(was) AS was FROM every GROUP BY token, holder ORDER BY ALL",
            LATCHED,
            before,
            self.latched,
        )

    def with_places(self, before: pa.Table) -> pa.Table:
        """The places that the base knows, and these: `PLACES`."""
        return _each_once(PLACES, before, self.places)

    def with_stays_hidden(self, before: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """What versions of before may not show by the base, and by these: the tables of `STAYS_HIDDEN`."""
        if not (self.hidden.num_rows or self.sensitive.num_rows):
            return dict(before)
        most = "SELECT record_ref, max(services) AS services FROM every GROUP BY record_ref ORDER BY ALL"
        return {
            "hidden": _each_once(HIDDEN, before["hidden"], self.hidden),
            "sensitive": _joined(most, SENSITIVE, before["sensitive"], self.sensitive),
        }

    def with_walls(self, before: pa.Table) -> pa.Table:
        """Where the base had records stand, and where these did, who are later: `WALLS`."""
        if not self.walls.num_rows:
            return before
        with connect({"before": before, "carried": self.walls}) as duck:
            return give(
                fetch(
                    duck,
                    """
                    FROM carried UNION ALL BY NAME FROM before ANTI JOIN carried USING (wall_a, wall_b, record_key) ORDER BY ALL
                """,
                ),
                WALLS,
            )

    def with_walls_asked(self, before: pa.Table) -> pa.Table:
        """The firewalls that feeds had asked for by the base, or by these: `DECISIONS`."""
        return _each_once(DECISIONS, before, self.walls_asked)


def keep_carried(
    attempt: Attempt, known_by_now: Callable[[Attempt, Attempt, str], AbstractContextManager[Path]]
) -> None:
    """Gather what the attempt carries on, by its inputs, and keep it in its folder. One that is made again, and whose versions are gone
    since, has it there, and among all that it knew when it was published.

    Args:
        attempt: just frozen.
        known_by_now: of the attempt of a version in force, this one and the version's name: the folder with what it would know by now.

    Raises:
        IsindexError: CARRIED_MISSING when it is neither here nor there, or not what it was: children would be shown again.
    """
    if not attempt.inputs.carried:
        return
    found = [attempt_behind(attempt.night.on(each.business_date), each.version) for each in attempt.inputs.carried]
    there = [each for each in found if each is not None and is_whole(each, _NEEDED, _READ_BESIDES)]
    if len(there) == len(found):
        known = Carried(**{name: seam.empty_table() for name, seam in _TABLES.items()})
        for each, told in zip(there, attempt.inputs.carried, strict=True):
            with known_by_now(each, attempt, told.version) as folder:
                for place in dict.fromkeys((each.folder, folder)):
                    known = _both(known, _known_of(place))
    elif is_whole(attempt, [f"{_FOLDER}/{name}.parquet" for name in _TABLES]):
        known = carried_in(attempt.folder)
    elif is_sealed(attempt) and is_whole(attempt, _NEEDED, _READ_BESIDES):
        known = _known_of(attempt.folder)
    else:
        raise IsindexError(
            "CARRIED_MISSING",
            "What a version in force knows of hidden children is not there, or not what it was: the night that takes its place would show them.",
            where=attempt.night.where,
            remedy="Restore the home from its backup; until then what is in force stays.",
        )
    for name in _TABLES:
        write_table(getattr(known, name), attempt.folder / _FOLDER / f"{name}.parquet")


def carried_in(folder: Path) -> Carried:
    """What an attempt carries on besides its base, by its folder."""
    paths = {name: folder / _FOLDER / f"{name}.parquet" for name in _TABLES}
    told = {name: grown(read_table(path), _TABLES[name]) for name, path in paths.items() if path.is_file()}
    return Carried(**{name: told.get(name, seam.empty_table()) for name, seam in _TABLES.items()})


def _known_of(folder: Path) -> Carried:
    """What an attempt knew in the end."""
    latched, places = (read_table(folder / name) for name in _NEEDED)
    return Carried(
        latched=grown(latched, LATCHED), places=places, **stays_hidden_in(folder),
        walls=walls_in(folder), walls_asked=walls_asked_in(folder), borne=borne_in(folder),
    )  # fmt: skip


def _both(known: Carried, later: Carried) -> Carried:
    return Carried(
        latched=later.with_latched(known.latched),
        places=later.with_places(known.places),
        **later.with_stays_hidden({"hidden": known.hidden, "sensitive": known.sensitive}),
        walls=later.with_walls(known.walls),
        walls_asked=later.with_walls_asked(known.walls_asked),
        borne=_each_once(BORNE, known.borne, later.borne),
    )


def _each_once(seam: Seam, before: pa.Table, more: pa.Table) -> pa.Table:
    return _joined("SELECT DISTINCT * FROM every ORDER BY ALL", seam, before, more) if more.num_rows else before


def _joined(sql: str, seam: Seam, *tables: pa.Table) -> pa.Table:
    with connect({"every": pa.concat_tables([grown(each, seam) for each in tables])}) as duck:
        return give(fetch(duck, sql), seam)
