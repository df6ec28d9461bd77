"""Which identities may hold two families, because a firewall was asked for and stands nowhere.

Belongs here: finding them. Not here: that they are hidden (`shielding`), what little is shown of them (`publishing.snapshot`).

As long as nobody knows whom a record is to be walled off from, both may be one identity: it shows no carer, and no name: the one that
it shows tonight would stand beside the one that an earlier version shows of it.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipelines.protection.tokens import tokens_of_records
from pipelines.seams.protection import WALLS_WISHED
from pipelines.tables import connect, fetch, read_table

__all__ = ["unwalled"]


def unwalled(
    wishes: pa.Table, open_walls: pa.Array, identities: pa.Table | Path, records: Path, names: Path
) -> pa.Table:
    """The identities that are known by what such a wish names its child by, or hold the record that asks: index_id, named (no).

    Args:
        wishes: `WALLS_WISHED`.
        open_walls: entry_id of those that stand nowhere (`wall_wishes.unplaced`).
        identities: record_key, record_ref, index_id.
        records: the person records.
        names: their names.
    """
    if not len(open_walls):
        return pa.table({"index_id": pa.array([], pa.string()), "named": pa.array([], pa.bool_())})
    views: dict[str, pa.Table | Path] = {
        "wishes": wishes.select([name for name in WALLS_WISHED.names if name in wishes.column_names]),
        "open_walls": pa.table({"entry_id": open_walls}),
        "identities": identities,
        "tokens": tokens_of_records(read_table(records), read_table(names)),
    }
    with connect(views) as duck:
        found: pa.Table = fetch(
            duck,
            """
            WITH standing AS (FROM wishes SEMI JOIN open_walls USING (entry_id))
            SELECT index_id, false AS named FROM identities WHERE record_key IN (SELECT record FROM standing)
                OR record_ref IN (SELECT record_ref FROM standing)
            UNION
            SELECT index_id, false FROM identities JOIN tokens USING (record_key)
            WHERE token IN (SELECT unnest(tokens) FROM standing) ORDER BY ALL
        """,
        )
    return found
