"""What each side of an identity firewall has ever borne, remembered as keyed digests, and found again among tonight's values.

Belongs here: the memory (`borne_after`), and which values of an identity tonight the other side is remembered to have borne
(`recall`). Not here: what values are and how they compare (`bearing`), what follows (`firewall`).

What a wall keeps apart is held against what both sides bear tonight. That is not enough where a record of one side is withdrawn, or is turned
into the other's: then nothing tells any more whose home that is which an agency wrote into its own record. So all that records of a
side have borne since the night before the wall stays known as that side's. What a record *between* the sides bears, and no side has
borne until then, may be either's: it is remembered as that record's, and is shown on neither side, until a reviewer says on
which the record stands. Nothing in the memory can be read.

Of family names in use it is remembered beside that whose *own* they are: all that a side has in use when its wall begins, and later what
the other side has not borne by then, nor nearly; likewise of each record between the sides. A name that is taken over from the other
side never becomes its own (`recall`: taken): an earlier version shows the one that was there, under the same index id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.privacy.secret import key_for
from pipelines.protection.bearing import READ_OFF, VALUES, read_bearing, views_of
from pipelines.seams import conform, give
from pipelines.seams.matching import WALLS
from pipelines.seams.protection import BORNE
from pipelines.tables import connect, fetch

__all__ = ["NightBefore", "borne_after", "digest_borne", "recall"]


@dataclass(frozen=True)
class NightBefore:
    """What the night before knew: its memory (`BORNE`), its walls (`WALLS`), its person tables, its `IDENTITIES`."""

    borne: pa.Table
    walls: pa.Table
    person: Mapping[str, pa.Table | Path]
    identities: pa.Table | Path


def borne_after(
    person: Mapping[str, pa.Table | Path], walls: pa.Table, before: NightBefore | None, besides: pa.Table | None = None
) -> pa.Table:
    """What each side has borne, after a night: `BORNE`.

    Args:
        person: the tables of `PERSON_TABLES`.
        walls: `WALLS` of the night, with who is away.
        before: the night before; None on the first.
        besides: what is known of the sides besides (`BORNE`): by a night that this one replaces.
    """
    conform(walls, WALLS)
    if not walls.num_rows:
        return BORNE.empty_table()
    tonight = _told(person, walls.select(_STANDING))
    kept, told_before = BORNE.empty_table(), tonight.slice(0, 0)
    if before is not None:
        conform(before.borne, BORNE)
        kept, told_before = before.borne, _told(before.person, _stood(walls, before))
    if besides is not None and besides.num_rows:
        kept = pa.concat_tables([kept, besides])
    views = {"tonight": tonight, "told_before": told_before, "kept": kept, "walls": walls.select(_STANDING)}
    with connect(views) as duck:
        digest_borne(duck)
        after = fetch(duck, _AFTER)
    return give(after, BORNE)


def digest_borne(duck: duckdb.DuckDBPyConnection) -> None:
    """Create a macro ``digest_borne(kind, value)``."""
    duck.execute("SET VARIABLE borne_secret = ?", [key_for("borne at a firewall").hex()])
    duck.execute("""
        CREATE OR REPLACE TEMP MACRO digest_borne(kind, value) AS
            substr(sha256(getvariable('borne_secret') || kind || ' ' || value), 1, 32)
    """)


def recall(duck: duckdb.DuckDBPyConnection) -> None:
    """Create tables recalled (index_id, side, kind, value), recalled_roads (index_id, road, stem), of the own side's family
    names recalled_own (index_id, side, family), and of family names in use those that are not its own: taken (index_id, family).

    Args:
        duck: a connection with what `read_bearing` made, parts (index_id, wall_a, wall_b, side), own_records, said, and
            borne (`BORNE`).
    """
    digest_borne(duck)
    duck.execute(READ_OFF)
    duck.execute(_RECALL)


_STANDING = ["wall_a", "wall_b", "side", "record_key"]
# stands in the memory of a side since which names are its own is remembered
_USES = "digest_borne('uses', 'names')"


def _told(person: Mapping[str, pa.Table | Path], standing: pa.Table) -> pa.Table:
    """Digests of what records bear that stand somewhere: wall_a, wall_b, side, record_key, token; of a family name in use also
    borne: each digest by which the other side bears it, or one that is nearly the same.
    """
    with connect(views_of(person) | {"standing": standing}) as duck:
        read_bearing(duck, "SELECT record_key FROM standing")
        digest_borne(duck)
        return fetch(
            duck,
            f"""
            SELECT DISTINCT s.*, digest_borne(v.kind, v.value) AS token, NULL::VARCHAR AS borne FROM ({VALUES}) v JOIN standing s USING (record_key)
            UNION
            SELECT s.*, digest_borne('used', family), digest_borne(kind, form) FROM (
                SELECT record_key, letters(family_name) AS family, 'family' AS kind, letters(family_name) AS form FROM called WHERE kind = 'current'
                UNION
                SELECT record_key, letters(family_name), 'spelled', unnest(slips(word)) FROM (
                    SELECT record_key, family_name, unnest(names_in(family_name)) AS word FROM called WHERE kind = 'current'
                ) WHERE length(word) > 5
            ) JOIN standing s USING (record_key) WHERE family IS NOT NULL
            UNION
            SELECT s.*, {_USES}, {_USES} FROM standing s
        """,
        )


def _stood(walls: pa.Table, before: NightBefore) -> pa.Table:
    """Where the records of the night before stood, at the walls of tonight.

    At a wall that is new tonight they stand where they do tonight, and what is gone stands where the rest of its identity does.
    """
    views = {"walls": walls, "before": before.walls, "identities": before.identities}
    with connect(views) as duck:
        return fetch(
            duck,
            """
            WITH known AS (
                SELECT wall_a, wall_b, side, record_key FROM before SEMI JOIN walls USING (wall_a, wall_b)
                UNION
                SELECT wall_a, wall_b, side, record_key FROM walls ANTI JOIN before USING (wall_a, wall_b, record_key)
            ),
            lived AS (
                SELECT k.wall_a, k.wall_b, i.index_id, min(k.side) AS side, count(DISTINCT k.side) AS sides
                FROM known k JOIN identities i USING (record_key) ANTI JOIN before b ON b.wall_a = k.wall_a AND b.wall_b = k.wall_b
                GROUP BY ALL
            )
            FROM known
            UNION
            SELECT l.wall_a, l.wall_b, if(l.sides = 1, l.side, 'between'), i.record_key
            FROM lived l JOIN identities i USING (index_id)
            ANTI JOIN known k ON k.wall_a = l.wall_a AND k.wall_b = l.wall_b AND k.record_key = i.record_key
        """,
        )


_AFTER = f"""
    WITH remembered AS (SELECT wall_a, wall_b, side, if(side = 'between', record_key, '') AS whose, token FROM kept),
    before AS (
        SELECT wall_a, wall_b, side, if(side = 'between', record_key, '') AS whose, token, borne FROM told_before
        UNION  -- of who stands between the sides tonight, wherever it stood
        SELECT wall_a, wall_b, 'between', record_key, token, borne FROM told_before SEMI JOIN (FROM walls WHERE side = 'between') USING (wall_a, wall_b, record_key)
        WHERE borne IS NOT NULL
    ),
    now AS (SELECT *, if(side = 'between', record_key, '') AS whose FROM tonight),
    followed AS (SELECT DISTINCT wall_a, wall_b, side, whose FROM remembered WHERE token = {_USES}),
    begun AS (FROM before ANTI JOIN followed USING (wall_a, wall_b, side, whose)),
    by_then AS (  -- what is followed has all names of the night before in the memory, or they are not its own
        SELECT wall_a, wall_b, side, whose, token FROM remembered
        UNION SELECT wall_a, wall_b, side, whose, token FROM before WHERE borne IS NULL
        UNION SELECT wall_a, wall_b, side, whose, token FROM begun
    ),
    named AS (SELECT DISTINCT wall_a, wall_b, side, whose FROM begun WHERE borne <> token UNION FROM followed),
    taken AS (
        SELECT DISTINCT n.wall_a, n.wall_b, n.side, n.whose, n.token FROM now n
        JOIN by_then o ON o.wall_a = n.wall_a AND o.wall_b = n.wall_b AND o.side <> n.side AND o.side <> 'between' AND o.token = n.borne
        SEMI JOIN named m ON m.wall_a = n.wall_a AND m.wall_b = n.wall_b AND m.side = n.side AND m.whose = n.whose
        ANTI JOIN by_then b ON b.wall_a = n.wall_a AND b.wall_b = n.wall_b AND b.side = n.side AND b.whose = n.whose AND b.token = n.token
    ),
    told AS (
        SELECT wall_a, wall_b, side, record_key, token, borne IS NOT NULL AS own
        FROM now ANTI JOIN taken USING (wall_a, wall_b, side, whose, token)
        UNION SELECT wall_a, wall_b, side, record_key, token, false FROM told_before WHERE borne IS NULL
        UNION SELECT wall_a, wall_b, side, nullif(whose, ''), token, true FROM begun WHERE borne IS NOT NULL
    ),
    settled AS (  -- what a record bore between the sides is its side's once it stands on one
        SELECT k.wall_a, k.wall_b, coalesce(w.side, k.side) AS side, if(w.side IS NULL, k.record_key, NULL) AS record_key, k.token
        FROM kept k LEFT JOIN walls w ON w.wall_a = k.wall_a AND w.wall_b = k.wall_b AND w.record_key = k.record_key AND w.side <> 'between'
        SEMI JOIN walls s ON s.wall_a = k.wall_a AND s.wall_b = k.wall_b
    ),
    of_sides AS (
        SELECT wall_a, wall_b, side, NULL::VARCHAR AS record_key, token FROM told WHERE side <> 'between'
        UNION SELECT wall_a, wall_b, side, record_key, token FROM settled WHERE side <> 'between'
    ),
    between_them AS (
        SELECT wall_a, wall_b, side, record_key, token FROM settled WHERE side = 'between'
        UNION
        SELECT wall_a, wall_b, side, record_key, token FROM told t WHERE side = 'between' AND (own OR NOT EXISTS (
            SELECT 1 FROM of_sides o WHERE o.wall_a = t.wall_a AND o.wall_b = t.wall_b AND o.token = t.token
        ))
    )
    FROM of_sides UNION FROM between_them ORDER BY ALL
"""

_RECALL = f"""
    CREATE TEMP TABLE taken AS
    WITH own AS (SELECT wall_a, wall_b, side, coalesce(record_key, '') AS whose, token FROM borne),
    followed AS (
        SELECT DISTINCT p.index_id, p.wall_a, p.wall_b, p.side, o.record_key, if(p.side = 'between', o.record_key, '') AS whose
        FROM parts p JOIN own_records o USING (index_id, side)
    ),
    in_use AS (
        SELECT f.*, letters(c.family_name) AS family FROM (FROM followed SEMI JOIN (FROM own WHERE token = {_USES}) USING (wall_a, wall_b, side, whose)) f
        JOIN called c ON c.record_key = f.record_key AND c.kind = 'current' WHERE letters(c.family_name) IS NOT NULL
    )
    SELECT DISTINCT u.index_id, u.family FROM in_use u ANTI JOIN own b
        ON b.wall_a = u.wall_a AND b.wall_b = u.wall_b AND b.side = u.side AND b.whose = u.whose AND b.token = digest_borne('used', u.family);

    CREATE TEMP TABLE may_not_be AS  -- of each identity at a wall, the digests of what another stands for
    SELECT DISTINCT p.index_id, b.side, b.token FROM parts p
    JOIN borne b ON b.wall_a = p.wall_a AND b.wall_b = p.wall_b AND b.side <> p.side;

    CREATE TEMP TABLE own_borne AS  -- and of what it stands for itself
    SELECT DISTINCT p.index_id, b.side, b.token FROM parts p
    JOIN borne b ON b.wall_a = p.wall_a AND b.wall_b = p.wall_b AND b.side = p.side WHERE p.side <> 'between';

    CREATE TEMP TABLE remembering AS SELECT o.* FROM own_records o SEMI JOIN may_not_be USING (index_id);

    CREATE TEMP TABLE texts AS
    SELECT DISTINCT index_id, text FROM said SEMI JOIN may_not_be USING (index_id) WHERE text IS NOT NULL;

    CREATE TEMP TABLE wholly AS
    SELECT DISTINCT o.index_id, concat_ws(' ', c.given_names, c.family_name) AS text FROM remembering o JOIN called c USING (record_key);

    CREATE TEMP TABLE lying AS
    SELECT DISTINCT o.index_id, a.address AS text FROM remembering o JOIN places a USING (record_key) WHERE a.address IS NOT NULL;

    CREATE TEMP TABLE roads AS
    SELECT DISTINCT o.index_id, s.road, s.stem FROM remembering o JOIN streets s USING (record_key)
    UNION
    SELECT index_id, street.road, street.stem FROM (SELECT index_id, unnest(roads_in(lines_of(text))) AS street FROM texts);

    CREATE TEMP TABLE recalled AS
    WITH saying AS (
        SELECT index_id, unnest(may_say(text)) AS value FROM texts
    ),
    every AS (
        SELECT o.index_id, 'family' AS kind, letters(c.family_name) AS value FROM remembering o JOIN called c USING (record_key)
        UNION SELECT index_id, 'surname', unnest(may_say(text)) FROM wholly
        UNION SELECT o.index_id, 'person', unnest(people_in(c.name)) FROM remembering o JOIN carers_there c USING (record_key) WHERE c.name IS NOT NULL
        UNION SELECT o.index_id, 'place', k.key FROM remembering o JOIN keys k USING (record_key)
        UNION SELECT index_id, kind, value FROM saying CROSS JOIN (VALUES ('family'), ('word'), ('street')) kinds(kind)
        UNION SELECT index_id, 'street', unnest(spans(letters(text))) FROM lying
        UNION SELECT index_id, 'mark', unnest(marks_in(text)) FROM texts
        UNION SELECT index_id, kind, form FROM (
            SELECT index_id, unnest(slips_of(word)) AS form
            FROM (SELECT index_id, unnest(names_in(text)) AS word FROM (SELECT * FROM texts UNION SELECT * FROM wholly))
        ) CROSS JOIN (VALUES ('carer'), ('last'), ('spelled')) forms(kind)
    ),
    digested AS (
        SELECT kind, value, digest_borne(kind, value) AS token FROM (SELECT DISTINCT kind, value FROM every WHERE value <> '')
    )
    SELECT DISTINCT e.index_id, m.side, e.kind, e.value FROM every e JOIN digested d USING (kind, value)
    JOIN may_not_be m ON m.index_id = e.index_id AND m.token = d.token;

    CREATE TEMP TABLE recalled_own AS
    SELECT DISTINCT e.index_id, m.side, e.family FROM (SELECT index_id, unnest(may_say(text)) AS family FROM wholly) e
    JOIN own_borne m ON m.index_id = e.index_id AND m.token = digest_borne('surname', e.family);

    CREATE TEMP TABLE recalled_roads AS
    WITH every AS (
        SELECT *, 'road' AS kind, road AS value FROM roads
        UNION SELECT *, 'stem', unnest(list_transform(range(strpos(road, ' ') + 2, length(road) + 1), lambda size: left(road, size))) FROM roads
        UNION SELECT *, 'start', stem FROM roads WHERE stem <> road OR length(stem) - strpos(stem, ' ') > 3
    )
    SELECT DISTINCT e.index_id, e.road, e.stem FROM every e
    JOIN may_not_be m ON m.index_id = e.index_id AND m.token = digest_borne(e.kind, e.value);
"""
