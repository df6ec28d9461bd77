"""What is told of an interim index's links: each row or pair that was not simply confirmed, with its code and place in the delivery.

Belongs here: findings out of the tables of a night. The words are data (`schemas/interim_codes.yaml`). A finding holds record
references and positions, never a key or a value, so that it may go back to the council. Of what stands at a firewall nothing is told, and of a hidden child not that the index knows two
records to be its: the council may hold them apart because nobody is to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from pipelines.privacy.references import references
from pipelines.tables import connect, fetch

__all__ = ["FINDINGS", "findings_of", "interim_codes"]

_FIELDS: list[pa.Field[Any]] = [
    pa.field("code", pa.string()),
    pa.field("source", pa.string()),  # the interim index
    pa.field("person", pa.string()),  # an opaque reference of its person
    pa.field("delivery_id", pa.string()),  # which brought the row
    pa.field("position", pa.int64()),  # the row's ordinal in it, from 1
    pa.field("record_ref", pa.string()),
    pa.field("other_delivery_id", pa.string()),  # of a pair the same of the other row
    pa.field("other_position", pa.int64()),
    pa.field("other_ref", pa.string()),
    pa.field("outcome", pa.string()),
    pa.field("message", pa.string()),
    pa.field("remedy", pa.string()),
]
FINDINGS = pa.schema(_FIELDS)


@cache
def interim_codes() -> Mapping[str, Mapping[str, str]]:
    """Every code → outcome, message, remedy; in the order in which they are shown."""
    content: dict[str, dict[str, str]] = yaml.safe_load(
        (files("schemas") / "interim_codes.yaml").read_text(encoding="utf-8")
    )
    return content


def findings_of(claims: pa.Table, claimed: pa.Table, clusters: pa.Table, walls: pa.Table, opened: pa.Array) -> pa.Table:
    """What is told of the links of a night: `FINDINGS`, by code in the order of the codes, then by place.

    Args:
        claims: `CLAIMS`.
        claimed: `CLAIMED`.
        clusters: `CLUSTERS`: record_key and cluster are read.
        walls: `WALLS`: who stands at a firewall.
        opened: keys of the records of children who are not hidden: of no other it is told that the index has joined two.
    """
    codes = interim_codes()
    words = pa.table(
        {
            "code": list(codes),
            "place": list(range(len(codes))),
            **{name: [each[name] for each in codes.values()] for name in ("outcome", "message", "remedy")},
        }
    )
    views = {
        "claims": claims,
        "claimed": claimed,
        "clusters": clusters.select(["record_key", "cluster"]),
        "walls": walls.select(["record_key"]),
        "opened": pa.table({"record_key": opened}),
        "words": words,
    }
    with connect(views) as duck:
        found = fetch(duck, _FINDINGS)
    for name in ("record_ref", "other_ref"):
        keys = found[name].combine_chunks()
        known = keys.drop_null().unique()
        refs = references(known).take(pc.index_in(keys, known))
        found = found.set_column(found.column_names.index(name), name, refs)
    return found.select(FINDINGS.names).cast(FINDINGS)


_FINDINGS = """
    WITH placed AS (  -- of a record under a person one row
        SELECT source, person, record_key, arg_min(delivery_id, (delivery_id, position)) AS delivery_id,
            arg_min(position, (delivery_id, position)) AS position, any_value(state) AS state
        FROM claims WHERE record_key NOT IN (SELECT record_key FROM walls) GROUP BY ALL
    ),
    pairs AS (
        SELECT CASE verdict WHEN 'refused' THEN 'INTERIM_LINK_REFUSED' ELSE 'INTERIM_LINK_UNSURE' END AS code,
            source, person, record_key_a AS one, person AS person_of_other, record_key_b AS other
        FROM claimed WHERE verdict IN ('refused', 'review')
    ),
    held AS (  -- of two persons of one interim index and one child of ours the first records
        SELECT p.source, c.cluster, p.person, min(p.record_key) AS record_key
        FROM placed p JOIN clusters c USING (record_key) SEMI JOIN opened USING (record_key)
        WHERE p.state = 'usable' GROUP BY ALL
    ),
    told_of_two AS (
        FROM pairs UNION ALL
        SELECT 'INTERIM_HELD_APART', a.source, a.person, a.record_key, b.person, b.record_key
        FROM held a JOIN held b ON a.source = b.source AND a.cluster = b.cluster AND a.record_key < b.record_key
    ),
    single AS (
        SELECT CASE state WHEN 'unknown' THEN 'INTERIM_RECORD_UNKNOWN' WHEN 'differs' THEN 'INTERIM_ROW_DIFFERS'
            WHEN 'twice' THEN 'INTERIM_RECORD_TWICE' END AS code, * FROM placed WHERE state IN ('unknown', 'differs', 'twice')
        UNION ALL
        SELECT * FROM (
            SELECT 'INTERIM_TOO_MANY' AS code, * FROM placed WHERE state = 'many'
            QUALIFY row_number() OVER (PARTITION BY person ORDER BY delivery_id, position) = 1
        )
        UNION ALL
        SELECT * FROM (
            SELECT 'INTERIM_ID_CONFLICT' AS code, * FROM placed
            WHERE state = 'usable' AND person IN (SELECT person FROM claimed GROUP BY person HAVING bool_or(verdict = 'refused') AND count(*) > 1)
            QUALIFY row_number() OVER (PARTITION BY person ORDER BY delivery_id, position) = 1
        )
    ),
    told AS (
        SELECT b.code, b.source, b.person, p.delivery_id, p.position, b.one AS record_ref,
            o.delivery_id AS other_delivery_id, o.position AS other_position, b.other AS other_ref
        FROM told_of_two b JOIN placed p ON p.person = b.person AND p.record_key = b.one
        JOIN placed o ON o.person = b.person_of_other AND o.record_key = b.other
        UNION ALL
        SELECT code, source, person, delivery_id, position, if(state = 'unknown', NULL, record_key), NULL, NULL, NULL FROM single
    )
    SELECT t.*, w.outcome, w.message, w.remedy FROM told t JOIN words w USING (code)
    ORDER BY w.place, t.source, t.delivery_id, t.position, t.other_delivery_id, t.other_position
"""
