"""The review list in the form reports may show: opaque record references, never a key or a value.

Belongs here: turning the matcher's possible pairs into that form, and keeping how long a pair has waited.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy.secret import keyed_digests
from pipelines.tables import connect

__all__ = ["REVIEW", "carry_first_night", "review_of"]

_FIELDS: list[pa.Field[Any]] = [
    pa.field("record_ref_a", pa.string()),
    pa.field("agency_a", pa.string()),
    pa.field("record_ref_b", pa.string()),
    pa.field("agency_b", pa.string()),
    pa.field("kind", pa.string()),  # review: a person should decide; refused: alike, and kept apart
    pa.field("priority", pa.string()),
    pa.field("weight", pa.float64()),
    pa.field("reason", pa.string()),
    pa.field("first_night", pa.date32()),
]
REVIEW = pa.schema(_FIELDS)


def review_of(
    possible: pa.Table, business_date: date, purpose: str = "record", previous: pa.Table | None = None
) -> pa.Table:
    """The possible pairs of a night with opaque references, each with the night it first appeared.

    Args:
        possible: record_key_a, record_key_b, weight, reason, kind, priority.
        business_date: the night.
        purpose: what record references are made for; the same as for the published record_ref.
        previous: what this function gave for the night before.
    """
    sides: list[Any] = []
    for side in "ab":
        keys = possible[f"record_key_{side}"].combine_chunks().cast(pa.string())
        distinct = keys.unique()
        refs = keyed_digests(distinct, purpose)
        sides += [refs.take(pc.index_in(keys, distinct)), pc.replace_substring_regex(keys, r"^([^:]*):(?s:.*)$", r"\1")]
    columns: list[Any] = [
        *sides,
        possible["kind"].cast(pa.string()),
        possible["priority"].cast(pa.string()),
        possible["weight"].cast(pa.float64()),
        possible["reason"].cast(pa.string()),
        pa.nulls(possible.num_rows, pa.date32()),
    ]
    return carry_first_night(pa.table(columns, schema=REVIEW), previous, business_date)


def carry_first_night(review: pa.Table, previous: pa.Table | None, business_date: date) -> pa.Table:
    """`review` with first_night taken from `previous` where the same pair stood there, else `business_date`."""
    views = {"review": review, "previous": previous if previous is not None else REVIEW.empty_table()}
    with connect(views) as duck:
        carried: pa.Table = duck.sql(
            """
            SELECT r.* REPLACE (coalesce(r.first_night, p.first_night, ?) AS first_night)
            FROM review r
            LEFT JOIN (SELECT record_ref_a, record_ref_b, min(first_night) AS first_night
                       FROM previous GROUP BY ALL) p USING (record_ref_a, record_ref_b)
            ORDER BY r.record_ref_a, r.record_ref_b, r.kind, r.weight
            """,
            params=[business_date],
        ).to_arrow_table()
    return carried.cast(REVIEW)
