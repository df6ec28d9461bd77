"""The review list in the form reports may show: opaque record references, never a key or a value.

Belongs here: turning the matcher's possible pairs into that form, and keeping how long a pair has waited.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy.references import references
from pipelines.seams import conform
from pipelines.seams.matching import POSSIBLE_TOLD
from pipelines.tables import connect, fetch

__all__ = ["REVIEW", "carry_first_night", "review_of"]

_FIELDS: list[pa.Field[Any]] = [
    pa.field("record_ref_a", pa.string()),
    pa.field("agency_a", pa.string()),
    pa.field("record_ref_b", pa.string()),
    pa.field("agency_b", pa.string()),
    pa.field("kind", pa.string()),  # review: a person should decide; refused: alike, and kept apart
    pa.field("priority", pa.string()),
    pa.field("weight", pa.float64()),  # in whole bits: the sum of those of the fields
    pa.field("reason", pa.string()),
    pa.field("fields", pa.string()),  # the bits of each field, in words
    *(
        pa.field(f"{name}_{side}", kind)  # the best other candidate of the record
        for side in "ab"
        for name, kind in (("rival_ref", pa.string()), ("rival_weight", pa.float64()), ("rival_joined", pa.bool_()))
    ),
    pa.field("first_night", pa.date32()),
]
REVIEW = pa.schema(_FIELDS)


def review_of(possible: pa.Table, business_date: date, previous: pa.Table | None = None) -> pa.Table:
    """The possible pairs of a night with opaque references, each with the night it first appeared.

    Args:
        possible: `POSSIBLE_TOLD`.
        business_date: the night.
        previous: what this function gave for the night before.
    """
    conform(possible, POSSIBLE_TOLD)

    def refs(name: str) -> Any:
        keys = possible[name].combine_chunks().cast(pa.string())
        distinct = keys.drop_null().unique()
        return references(distinct).take(pc.index_in(keys, distinct))

    columns: dict[str, Any] = {"first_night": pa.nulls(possible.num_rows, pa.date32())}
    for side in "ab":
        columns[f"record_ref_{side}"] = refs(f"record_key_{side}")
        columns[f"agency_{side}"] = pc.replace_substring_regex(
            possible[f"record_key_{side}"].cast(pa.string()), r"^([^:]*):(?s:.*)$", r"\1"
        )
        columns[f"rival_ref_{side}"] = refs(f"rival_{side}")
    columns["weight"] = pc.round(possible["weight"].cast(pa.float64()))
    columns |= {name: possible[name].cast(REVIEW.field(name).type) for name in REVIEW.names if name not in columns}
    return carry_first_night(pa.table(columns).select(REVIEW.names).cast(REVIEW), previous, business_date)


def carry_first_night(review: pa.Table, previous: pa.Table | None, business_date: date) -> pa.Table:
    """`review` with first_night taken from `previous` where the same pair stood there, else `business_date`."""
    views = {"review": review, "previous": previous if previous is not None else REVIEW.empty_table()}
    with connect(views) as duck:
        carried: pa.Table = fetch(
            duck,
            """
            SELECT r.* REPLACE (coalesce(r.first_night, p.first_night, ?) AS first_night)
            FROM review r
            LEFT JOIN (SELECT record_ref_a, record_ref_b, min(first_night) AS first_night
                       FROM previous GROUP BY ALL) p USING (record_ref_a, record_ref_b)
            ORDER BY r.record_ref_a, r.record_ref_b, r.kind, r.weight
            """,
            [business_date],
        )
    return carried.cast(REVIEW)
