"""The review list in the form reports may show: opaque record references, never a key or a value.

Belongs here: turning the matcher's possible pairs into that form, and keeping how long a pair has waited.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy.secret import keyed_digests
from pipelines.tables import connect

__all__ = ["REVIEW", "carry_first_night", "review_of"]

REVIEW = pa.schema(
    [
        ("record_ref_a", pa.string()),
        ("agency_a", pa.string()),
        ("record_ref_b", pa.string()),
        ("agency_b", pa.string()),
        ("kind", pa.string()),  # review: a person should decide; refused: alike, and kept apart
        ("priority", pa.string()),
        ("weight", pa.float64()),
        ("reason", pa.string()),
        ("first_night", pa.date32()),
    ]
)


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
    sides = []
    for side in "ab":
        keys = possible[f"record_key_{side}"].combine_chunks().cast(pa.string())
        distinct = keys.unique()
        refs = keyed_digests(distinct, purpose)
        sides += [refs.take(pc.index_in(keys, distinct)), pc.replace_substring_regex(keys, r"^([^:]*):(?s:.*)$", r"\1")]
    columns = [
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
    with connect({"review": review, "previous": previous if previous is not None else REVIEW.empty_table()}) as duck:
        return (
            duck.sql(
                """
            SELECT r.* REPLACE (coalesce(r.first_night, p.first_night, ?) AS first_night)
            FROM review r
            LEFT JOIN (SELECT record_ref_a, record_ref_b, min(first_night) AS first_night
                       FROM previous GROUP BY ALL) p USING (record_ref_a, record_ref_b)
            ORDER BY r.record_ref_a, r.record_ref_b
            """,
                params=[business_date],
            )
            .to_arrow_table()
            .cast(REVIEW)
        )
