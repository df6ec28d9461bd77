"""Identity firewalls as a night has them: who asks for one, where the sides lie, and which of a home's pairs they forbid.

Belongs here: bringing together what people decided and what feeds ask for, and reading the sides that the matcher left. Not
here: whose number a feed gives (`protection.wall_wishes`), growing the sides (`matching.deciding.walls`), what is not shown across a wall (`protection.firewall`), the proof
(`publishing.gates.firewall`).

A feed that has asked for a wall once has asked for good: the wall is carried on from the night before, whatever the feed
says now, until a reviewer decides that the two records are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.protection.borne import NightBefore
from pipelines.protection.unwalled import unwalled
from pipelines.protection.wall_wishes import unplaced
from pipelines.seams import give, grown
from pipelines.seams.matching import DECISIONS, STANDING, WALLS, WALLS_ENDED
from pipelines.seams.protection import BORNE, WALLS_WISHED
from pipelines.tables import connect, fetch, read_table

__all__ = ["borne_in", "but_walled", "ended_after", "ended_in", "firewall_stands", "night_before", "refuse_across", "stand_across", "standing_after", "standing_in", "unwalled_in", "walls_asked", "walls_asked_in", "walls_in", "walls_wished_in"]  # fmt: skip
_BEFORE_IT_WAS_KEPT = date(1900, 1, 1)


def walls_in(folder: Path | None) -> pa.Table:
    """The sides after an attempt, by its folder: `WALLS`; empty for none, and for one that was made before there were walls."""
    path = folder / "matching" / "walls.parquet" if folder else None
    return read_table(path) if path and path.is_file() else WALLS.empty_table()


def walls_asked_in(folder: Path | None) -> pa.Table:
    """The firewalls that feeds had asked for by an attempt, as decisions (`DECISIONS`); empty as with `walls_in`."""
    path = folder / "matching" / "walls_asked.parquet" if folder else None
    return read_table(path) if path and path.is_file() else DECISIONS.empty_table()


def walls_wished_in(folder: Path | None) -> pa.Table:
    """The register of firewalls that records asked for, by an attempt (`WALLS_WISHED`); empty as with `walls_in`."""
    path = folder / "matching" / "walls_wished.parquet" if folder else None
    return grown(read_table(path), WALLS_WISHED) if path and path.is_file() else WALLS_WISHED.empty_table()


def unwalled_in(folder: Path, firewalls: pa.Table, wishes: pa.Table | None = None) -> pa.Table:
    """index_id of the identities that may be two, for a firewall stands nowhere that was asked for, by an attempt's folder.

    Args:
        folder: the attempt's.
        firewalls: those that people had decided when it was made (`wall_wishes.unplaced`).
        wishes: what was asked for by then (`WALLS_WISHED`); default what the attempt knew of.
    """
    wishes, person = walls_wished_in(folder) if wishes is None else wishes, folder / "person"
    identities = folder / "identities" / "identities.parquet"
    open_walls = unplaced(wishes, firewalls)
    return unwalled(wishes, open_walls, identities, person / "records.parquet", person / "names.parquet")


def borne_in(folder: Path | None) -> pa.Table:
    """What the sides have borne, by an attempt (`BORNE`); empty as with `walls_in`, and for one made before that was remembered."""
    path = folder / "matching" / "walls_borne.parquet" if folder else None
    return read_table(path) if path and path.is_file() else BORNE.empty_table()


def night_before(folder: Path) -> NightBefore:
    """What an attempt that a night builds on knew of the sides, by its folder."""
    person = {path.stem: path for path in sorted((folder / "person").glob("*.parquet"))}
    return NightBefore(borne_in(folder), walls_in(folder), person, folder / "identities" / "identities.parquet")


def walls_asked(settled: pa.Table, wishes: pa.Table, before: pa.Table) -> pa.Table:
    """A firewall for each that a feed asks for, tonight or earlier: `DECISIONS`, in order.

    One person's word that the two are one child takes none away, and two people's none that was asked for after it.

    Args:
        settled: pairs that two people decided to be the same: record_a, record_b, told: what had been told when they did.
        wishes: what records asked for, as far as it is found (`WALLS_WISHED`).
        before: what this gave for the night before.
    """
    with connect({"settled": settled, "wishes": wishes, "before": before}) as duck:
        asked: pa.Table = fetch(
            duck,
            """
            WITH pairs AS (SELECT record, unnest(others) AS other, coalesce(told, 0) AS told FROM wishes WHERE record IS NOT NULL),
            every AS (
                SELECT least(record, other) AS a, greatest(record, other) AS b, told FROM pairs
                UNION ALL SELECT record_a, record_b, 0 FROM before
            ),
            asked AS (SELECT a, b, max(told) AS told FROM every GROUP BY ALL)
            SELECT 'firewall' AS kind, a AS record_a, b AS record_b, 'Asked for by a feed' AS reason FROM asked
            WHERE NOT EXISTS (
                SELECT 1 FROM settled s WHERE least(record_a, record_b) = a AND greatest(record_a, record_b) = b AND s.told > asked.told)
            ORDER BY ALL
        """,
        )
    return give(asked, DECISIONS)


def but_walled(decisions: pa.Table, asked: pa.Table) -> pa.Table:
    """Decisions (`DECISIONS`) but for those that join what a feed has asked to be kept apart (`walls_asked`): the wall stands."""
    with connect({"decisions": decisions, "asked": asked}) as duck:
        kept: pa.Table = fetch(
            duck,
            """
            SELECT * FROM decisions d WHERE kind <> 'same' OR NOT EXISTS (
                SELECT 1 FROM asked a WHERE a.record_a = least(d.record_a, d.record_b) AND a.record_b = greatest(d.record_a, d.record_b))
        """,
        )
    return kept


def standing_in(folder: Path | None) -> pa.Table:
    """Since when who stands at a firewall has stood there, by an attempt (`STANDING`); empty as with `walls_in`.

    Of one that was made before this was kept: since ever.
    """
    path = folder / "matching" / "walls_standing.parquet" if folder else None
    if path and path.is_file():
        return read_table(path)
    walls = walls_in(folder).select(["wall_a", "wall_b", "record_key"])
    ever = pa.array([_BEFORE_IT_WAS_KEPT] * walls.num_rows, pa.date32())
    return give(walls.append_column("since", ever).append_column("begun", ever), STANDING)


def standing_after(walls: pa.Table, before: pa.Table, night: date) -> pa.Table:
    """`STANDING` of a night's sides (`WALLS`).

    Args:
        walls: the night's.
        before: the same of the night that it builds on.
        night: its business date.
    """
    with connect({"walls": walls, "before": before}) as duck:
        found = fetch(
            duck,
            """
            SELECT wall_a, wall_b, record_key, coalesce(b.since, $night) AS since, coalesce(p.begun, $night) AS begun
            FROM (SELECT DISTINCT wall_a, wall_b, record_key FROM walls) LEFT JOIN before b USING (wall_a, wall_b, record_key)
            LEFT JOIN (SELECT DISTINCT wall_a, wall_b, begun FROM before) p USING (wall_a, wall_b)
            ORDER BY ALL
        """,
            {"night": night},
        )
    return give(found, STANDING)


def ended_in(folder: Path | None) -> pa.Table:
    """The ids that nobody at a wall may have any more, by an attempt (`WALLS_ENDED`); empty as with `walls_in`."""
    path = folder / "matching" / "walls_ended.parquet" if folder else None
    return read_table(path) if path and path.is_file() else WALLS_ENDED.empty_table()


def ended_after(walls: pa.Table, base: Path | None, replaced: Path | None) -> pa.Table:
    """`WALLS_ENDED` of a night: also what the version that it replaces showed of records at a wall, and did not know of the wall.

    Of the night itself that goes on from night to night; made again, it is told by what it replaced the first time.

    Args:
        walls: the night's sides (`WALLS`).
        base: folder of the attempt that it builds on.
        replaced: folder of the attempt in force for the night.
    """
    before = pa.concat_tables([ended_in(base), ended_in(replaced)])
    there = replaced / "identities" if replaced else None
    if not walls.num_rows or there is None or not (there / "identities.parquet").is_file():
        return _of_walls(before, walls)
    views = {
        "walls": walls, "stood": walls_in(replaced), "before": before,
        **{name: there / f"{name}.parquet" for name in ("identities", "index_ids")},
    }  # fmt: skip
    with connect(views) as duck:
        found = fetch(
            duck,
            """
            WITH RECURSIVE shown AS (
                SELECT wall_a, wall_b, index_id FROM (FROM walls ANTI JOIN stood USING (wall_a, wall_b)) JOIN identities USING (record_key)
                UNION SELECT wall_a, wall_b, i.index_id FROM shown s JOIN index_ids i ON i.redirects_to = s.index_id
            )
            SELECT wall_a, wall_b, index_id FROM shown UNION SELECT wall_a, wall_b, index_id FROM before
        """,
        )
    return _of_walls(found, walls)


def _of_walls(ended: pa.Table, walls: pa.Table) -> pa.Table:
    with connect({"ended": ended, "walls": walls}) as duck:
        kept = fetch(
            duck,
            "SELECT DISTINCT wall_a, wall_b, index_id FROM ended SEMI JOIN walls USING (wall_a, wall_b) ORDER BY ALL",
        )
    return give(kept, WALLS_ENDED)


def stand_across(folder: Path, record_keys: Iterable[str]) -> bool:
    """Whether two of these records stand on the two sides of one wall, by an attempt."""
    walls = walls_in(folder)
    found = walls.filter(pc.is_in(walls["record_key"], value_set=pa.array(list(record_keys), pa.string())))
    with connect({"found": found}) as duck:
        across = duck.execute(
            "SELECT 1 FROM found WHERE side <> 'between' GROUP BY wall_a, wall_b HAVING count(DISTINCT side) > 1"
        ).fetchall()
    return bool(across)


def refuse_across(folder: Path, record_keys: Iterable[str]) -> None:
    """Tell nothing of records that stand on two sides of a wall.

    Raises:
        IsindexError: FIREWALL_STANDS.
    """
    walls = walls_in(folder)
    found = walls.filter(pc.is_in(walls["record_key"], value_set=pa.array(list(record_keys), pa.string())))
    with connect({"found": found}) as duck:
        across = duck.execute("SELECT 1 FROM found GROUP BY wall_a, wall_b HAVING count(DISTINCT side) > 1").fetchall()
    if across:
        raise firewall_stands(" ".join(folder.parts[-4:-2]))


def firewall_stands(where: str) -> IsindexError:
    """What is said of two who stand on the two sides of a wall."""
    return IsindexError(
        "FIREWALL_STANDS",
        "Of these two nothing may be told together: a firewall stands between their identities.",
        where=where,
        remedy="Whoever may decide finds it with `isindex decide list`.",
    )
