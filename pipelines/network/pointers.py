"""National ids that live, and the pointers from them to the children of authorities.

Belongs here: giving each national child its id night after night, as a local index does (`pipelines.identities`), and what the pointers are
after it. Not here: who is one child (`linking`). An authority that left the network ends its pointers; ids lead on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa

from pipelines.identities.assign import Assigned, assign_identities
from pipelines.identities.mint import NATION
from pipelines.identities.state import IdentityState
from pipelines.network.contributions import Contribution
from pipelines.seams.network import POINTERS
from pipelines.seams.seam import give
from pipelines.tables import connect, fetch

__all__ = ["assign", "pointers_after"]


def assign(
    clusters: pa.Table,
    children: pa.Table,
    left: pa.Table,
    contributions: Sequence[Contribution],
    previous: IdentityState | None,
    business_date: date,
    walls: pa.Table,
) -> Assigned:
    """Give each national child its id.

    Args:
        clusters: the matcher's (`CLUSTERS`), of row keys.
        children: `CHILDREN`.
        left: `LEFT`: they keep the id that they have.
        contributions: which version of each authority told of them.
        previous: the state after the night before; None on the first.
        business_date: the night.
        walls: `WALLS`.
    """
    versions = pa.table({
        "authority": pa.array([each.authority for each in contributions], pa.string()),
        "version": pa.array([each.version for each in contributions], pa.string()),
    })  # fmt: skip
    every = pa.concat_tables([children, left.select(children.column_names)])
    with connect({"children": every, "versions": versions}) as duck:
        told = ", ".join(f"coalesce({name}::VARCHAR, '')" for name in children.column_names)
        records = fetch(
            duck,
            f"""
            SELECT row_key AS record_key, authority || '/' || coalesce(version, 'left') AS delivery_id, NULL::BIGINT AS position,
                ('0x' || left(sha256(concat_ws(chr(31), {told})), 15))::BIGINT AS content
            FROM children LEFT JOIN versions USING (authority) ORDER BY row_key
        """,
        )
    return assign_identities(clusters, records, previous, authority=NATION, business_date=business_date, walls=walls)


def pointers_after(identities: pa.Table, children: pa.Table, business_date: date, previous: Path | None) -> pa.Table:
    """Every pointer there ever was, after a night (`POINTERS`): what holds no more ends with it, what is new begins with it.

    Args:
        identities: `IDENTITIES` of national ids: the index id there is the national one, the record key the child's row key.
        children: `CHILDREN`: those whom an authority gives, to whom alone a pointer leads.
        business_date: the night.
        previous: the pointers after the night before.
    """
    views = {"identities": identities, "children": children, "before": previous or POINTERS.empty_table()}
    with connect(views) as duck:
        duck.execute("SET VARIABLE night = CAST(? AS DATE)", [business_date])
        found = fetch(
            duck,
            """
            WITH now AS (
                SELECT index_id AS national_id, split_part(record_key, ':', 1) AS authority, split_part(record_key, ':', 2) AS index_id
                FROM identities SEMI JOIN (SELECT row_key AS record_key FROM children) USING (record_key)
            ),
            stands AS (FROM before WHERE to_night IS NULL)
            FROM before WHERE to_night IS NOT NULL
            UNION ALL BY NAME
            SELECT s.* REPLACE (if(n.national_id IS NULL, getvariable('night'), NULL) AS to_night)
            FROM stands s LEFT JOIN now n USING (national_id, authority, index_id)
            UNION ALL BY NAME
            SELECT *, getvariable('night') AS from_night, NULL::DATE AS to_night FROM now ANTI JOIN stands USING (national_id, authority, index_id)
            ORDER BY authority, index_id, from_night, national_id
        """,
        )
    return give(found, POINTERS)
