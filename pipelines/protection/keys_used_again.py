"""A key that a supplier has given to another child: what it latched before is not that child's.

Belongs here: telling when the record under a key is another child's than the one that was hidden under it, and setting apart what was known by
then, under a name of its own. The record that has the key stays hidden until two people open it; they open it alone, and what
was kept of the child before stays. Not here: who is hidden (`shielding`), and where (`household`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa

from pipelines.privacy.secret import keyed_digests
from pipelines.protection.tokens import nearly_tokens, tokens_of_places, tokens_of_records
from pipelines.seams import give, grown
from pipelines.seams.person import RECORDS
from pipelines.seams.protection import LATCHED, PLACES
from pipelines.tables import connect, fetch

__all__ = ["set_apart"]


def set_apart(
    latched: pa.Table,
    places: pa.Table,
    records: pa.Table,
    names: pa.Table,
    addresses: pa.Table | Path,
    before: pa.Table | Path | None,
    business_date: date,
) -> tuple[pa.Table, pa.Table]:
    """Latches and places of before, those of keys that are another child's tonight under holders of their own.

    A record is another child's where it shares no number with what its key has latched, and, where both have numbers, is not as the night before in all its names,
    birth date and home either; where one has none, has no names with birth date of it, though a thing be written otherwise. It has
    to say who it is: one that is blanked is nobody else's. The key itself stays latched under itself.

    Args:
        latched: `LATCHED` of before; what was kept without its kind is left as it is.
        places: `PLACES` of before.
        records: `RECORDS` of tonight.
        names: `NAMES`.
        addresses: `ADDRESSES`.
        before: `RECORDS` of the night before, of which names and birth date are read; None: there was none.
        business_date: the night.
    """
    latched = grown(latched, LATCHED)
    if not latched.num_rows:
        return latched, places
    with connect({"latched": latched, "tokens": tokens_of_records(records, names)}) as duck:
        asked = fetch(duck, _NO_NUMBER_SHARED)
    if not asked.num_rows:
        return latched, places
    keys = asked["record_key"].combine_chunks()
    views: dict[str, pa.Table | Path] = {"asked": asked, "addresses": addresses}
    with connect(views) as duck:
        homes = fetch(duck, "FROM addresses SEMI JOIN asked USING (record_key)")
    views = {
        "asked": asked, "latched": latched, "places": places, "homes": homes, "written": tokens_of_places(homes, sought=True),
        "records": records.select(_WHO), "before": _WHO_TYPES.empty_table() if before is None else before,
        "called": pa.concat_tables([tokens_of_records(records, names), nearly_tokens(records, names, keys, sought=True)]),
    }  # fmt: skip
    with connect(views) as duck:
        others = fetch(duck, _ANOTHER_CHILDS)
    if not others.num_rows:
        return latched, places
    apart = keyed_digests(others["holder"].combine_chunks(), f"key used again {business_date.isoformat()}")
    views = {"latched": latched, "places": places, "others": others.append_column("apart", apart)}
    with connect(views) as duck:
        return give(fetch(duck, _LATCHED_APART), LATCHED), give(fetch(duck, _PLACES_APART), PLACES)


_WHO = ["record_key", "family_name", "given_names", "birth_date"]
_WHO_TYPES = pa.schema([RECORDS.field(name) for name in _WHO])
# holders whose record is there and says who it is, of whom all that is kept is of a known kind, and that has no number of it
_NO_NUMBER_SHARED = """
    WITH known AS (
        SELECT holder, coalesce(bool_or(kind = 'number'), false) AS numbered FROM latched
        GROUP BY holder HAVING bool_and(kind IS NOT NULL) AND bool_or(kind IN ('number', 'person'))
    ),
    living AS (SELECT record_key, token AS holder FROM tokens WHERE kind = 'key'),
    theirs AS (SELECT record_key, holder, known.numbered, t.kind, t.token FROM known JOIN living USING (holder) JOIN tokens t USING (record_key))
    SELECT record_key, holder, any_value(numbered) AND bool_or(kind = 'number') AS both_numbered
    FROM theirs GROUP BY record_key, holder
    HAVING bool_or(kind = 'person') AND NOT bool_or(kind = 'number' AND (holder, token) IN (SELECT (holder, token) FROM latched)) ORDER BY ALL
"""
_ANOTHER_CHILDS = """
    WITH alike AS (
        SELECT DISTINCT holder FROM asked JOIN called USING (record_key) JOIN latched USING (holder, token) WHERE called.kind <> 'key'
    ),
    at_home AS (
        SELECT DISTINCT a.holder FROM asked a JOIN homes h USING (record_key)
        JOIN written w ON w.address IS NOT DISTINCT FROM h.address AND w.postcode IS NOT DISTINCT FROM h.postcode AND w.uprn IS NOT DISTINCT FROM h.uprn
        JOIN places p ON p.holder = a.holder AND p.token = w.token
    ),
    as_before AS (
        SELECT holder FROM asked JOIN records r USING (record_key) JOIN before b USING (record_key)
        WHERE lower(strip_accents(r.family_name)) = lower(strip_accents(b.family_name))
            AND lower(strip_accents(r.given_names)) = lower(strip_accents(b.given_names)) AND r.birth_date = b.birth_date
    )
    SELECT holder FROM asked
    WHERE CASE WHEN both_numbered THEN holder NOT IN (FROM as_before) OR holder NOT IN (FROM at_home) ELSE holder NOT IN (FROM alike) END ORDER BY holder
"""
_LATCHED_APART = """
    SELECT l.* REPLACE (CASE WHEN l.token = l.holder THEN l.holder ELSE coalesce(o.apart, l.holder) END AS holder,
        CASE WHEN l.token = l.holder OR o.apart IS NULL THEN l.was ELSE l.holder END AS was)
    FROM latched l LEFT JOIN others o USING (holder) ORDER BY ALL
"""
_PLACES_APART = (
    "SELECT p.token, coalesce(o.apart, p.holder) AS holder FROM places p LEFT JOIN others o USING (holder) ORDER BY ALL"
)
