"""Who bears the family names of both sides of an identity firewall though the matcher links it with neither: it stands between.

Belongs here: finding such records, by what the sides bear and are remembered to have borne. Not here: the memory (`borne`), the
sides (`matching.deciding.walls`), what a record between may show (`firewall`).

A further record of a walled child that has no number and another birth date is linked with nobody, so no side grows to it; yet what
it tells (a name and a former one, homes, carers) brings both identities together. It is told by its names: a family name of each
side, two different ones, whatever kind of name they stand in or joined in one; a given name of either side; and one thing more
that a side bears: a birth date of which day, month or year at most is another, a home, a postcode, a carer's full name, a
telephone number or mail. A stranger who bears both family names by chance has not all of these and is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from pipelines.protection.bearing import VALUES, read_bearing, views_of
from pipelines.protection.borne import digest_borne
from pipelines.seams import conform, give
from pipelines.seams.matching import WALLS
from pipelines.seams.protection import BORNE
from pipelines.tables import connect, fetch

__all__ = ["bearing_both"]


def bearing_both(person: Mapping[str, pa.Table | Path], walls: pa.Table, borne: pa.Table) -> pa.Table:
    """The records that stand between by what they bear, as rows to add to `WALLS`; family and person are not told.

    Args:
        person: the tables of `PERSON_TABLES`.
        walls: `WALLS` of the night; who stands at a wall already is not looked at.
        borne: what each side has borne, with this night (`BORNE`).
    """
    conform(walls, WALLS)
    conform(borne, BORNE)
    if not borne.num_rows:
        return WALLS.empty_table()
    views = views_of(person) | {"walls": walls, "borne": borne}
    with connect(views) as duck:
        digest_borne(duck)
        read_bearing(duck, f"SELECT record_key FROM ({_BOTH_NAMES.format(family_names=_OF_ALL)})")
        found = fetch(duck, _FOUND)
    return give(found.cast(WALLS.empty_table().schema), WALLS)


_BOTH_NAMES = """
    WITH family_names AS ({family_names}),
    parts AS (  -- its words, the whole, and what it may begin or end with where two names are grown together
        SELECT family_name, unnest(list_concat(list_concat(words_of(family_name), [whole]), flatten(list_transform(
            range(5, coalesce(length(whole), 0) - 1), lambda size: [left(whole, size), right(whole, size)])))) AS value
        FROM (SELECT DISTINCT family_name, letters(family_name) AS whole FROM family_names WHERE family_name IS NOT NULL)
    ),
    digested AS (
        SELECT value, digest_borne('family', value) AS token FROM (SELECT DISTINCT value FROM parts WHERE value IS NOT NULL)
    ),
    told AS (
        SELECT DISTINCT p.family_name, p.value, b.wall_a, b.wall_b, b.side FROM parts p JOIN digested d USING (value)
        JOIN borne b USING (token) WHERE b.side <> 'between'
    ),
    bearing AS (SELECT n.record_key, t.* FROM family_names n JOIN told t USING (family_name))
    SELECT DISTINCT a.record_key, a.wall_a, a.wall_b FROM bearing a JOIN bearing b
    ON b.record_key = a.record_key AND b.wall_a = a.wall_a AND b.wall_b = a.wall_b AND a.side = 'a' AND b.side = 'b'
        AND a.value <> b.value  -- nor is Smith in Smithson a second name
        AND NOT (a.family_name = b.family_name AND (contains(a.value, b.value) OR contains(b.value, a.value)))
    ANTI JOIN walls w ON w.wall_a = a.wall_a AND w.wall_b = a.wall_b AND w.record_key = a.record_key
"""
_OF_ALL = "SELECT record_key, family_name FROM all_records UNION SELECT record_key, family_name FROM all_names"
_OF_THOSE = "SELECT DISTINCT record_key, family_name FROM called"

_FOUND = f"""
    WITH both_names AS ({_BOTH_NAMES.format(family_names=_OF_THOSE)}),
    in_common AS (
        SELECT n.record_key, n.wall_a, n.wall_b, v.kind
        FROM ({VALUES}) v JOIN both_names n USING (record_key)
        JOIN borne b ON b.wall_a = n.wall_a AND b.wall_b = n.wall_b AND b.side <> 'between'
            AND b.token = digest_borne(v.kind, v.value)
        WHERE v.kind IN ('given', 'born', 'place', 'mark', 'person')
    )
    SELECT wall_a, wall_b, 'between' AS side, record_key, NULL::VARCHAR AS family, NULL::VARCHAR AS person
    FROM in_common GROUP BY ALL HAVING bool_or(kind = 'given') AND bool_or(kind <> 'given') ORDER BY ALL
"""
