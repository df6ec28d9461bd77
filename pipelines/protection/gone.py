"""What is kept of records that are gone and were called like a child, bore a number of it, or had its key, and stays when the child is opened.

Belongs here: finding it, so that people are told of it and may say that it was the child's own. Not here: what of it goes by itself, and what follows
(`shielding`).
"""

from __future__ import annotations

import pyarrow as pa

from pipelines.protection.tokens import tokens_of_records
from pipelines.seams.protection import LATCHED
from pipelines.seams.seam import grown
from pipelines.tables import connect, fetch

__all__ = ["LATCH", "gone_like"]

LATCH = "latch:"
"""Behind it a holder stands, among what a decision knew of a child: what is kept of that record goes with it."""


def gone_like(latched: pa.Table, records: pa.Table, names: pa.Table, record_keys: pa.Array) -> list[str]:
    """Holders of latches whose records are gone, and that bore a number, or names with birth date, of these records, or had the key of one.

    Args:
        latched: `LATCHED`.
        records: `RECORDS` of the night, all of them.
        names: `NAMES`.
        record_keys: the child's.
    """
    views = {
        "latched": grown(latched, LATCHED),
        "tokens": tokens_of_records(records, names),
        "child": pa.table({"record_key": record_keys}),
    }
    with connect(views) as duck:
        found: pa.Table = fetch(
            duck,
            """
            WITH own AS (SELECT kind, token FROM tokens SEMI JOIN child USING (record_key))
            SELECT DISTINCT holder FROM latched
            WHERE (token IN (SELECT token FROM own WHERE kind IN ('number', 'person')) OR was IN (SELECT token FROM own WHERE kind = 'key'))
                AND holder NOT IN (SELECT token FROM tokens WHERE kind = 'key') ORDER BY holder
        """,
        )
    return found["holder"].to_pylist()
