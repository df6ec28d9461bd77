"""The rejected-record table: the judged rejects of all agencies together, gravest first, safe to show.

Belongs here: what may be seen of a faulty record. National person numbers in a key are cut to their last characters,
and the shape of a value in a sensitive column is not shown at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from pipelines.reporting.directory import Directory
from pipelines.tables import connect, fetch

__all__ = ["fair_share", "reject_rows"]

_NEEDED = (
    "reject_id",
    "sequence",
    "position",
    "line",
    "key",
    "outcome",
    "rule",
    "dimension",
    "field",
    "masked",
    "message",
    "remedy",
)
_LAST_SHOWN = 3


def reject_rows(
    rejects: Mapping[str, pa.Table], first: pa.Table, business_date: date, directory: Directory
) -> pa.Table:
    """All rows of `rejects` in one table, as `figures.RejectFigures.rows` describes it, and asks_protection: whether a rejected record asks.

    Args:
        rejects: agency → Judged.rejects, with the sequence of the delivery.
        first: reject_id, first_night of faults first seen on an earlier night.
        business_date: the night; a fault not in `first` is new tonight.
        directory: the contracts: which part of a key is a person number, which columns are sensitive.
    """
    parts = []
    order = {agency: place for place, agency in enumerate(directory.agencies)}
    for agency in sorted(rejects, key=lambda name: (order.get(name, len(order)), name)):
        table = _asking(rejects[agency]).select([*_NEEDED, "asks_protection"])
        with connect({"rejects": table, "first": first}) as duck:
            # duckdb puts a row's parts in the order asked for; `key` is text, position and line are numbers
            parts.append(
                fetch(
                    duck,
                    """
                    SELECT $agency::VARCHAR AS agency, outcome, rule, field, sequence::BIGINT AS sequence,
                           position::BIGINT AS position, line::BIGINT AS line,
                           CASE WHEN $whole THEN key
                                WHEN regexp_full_match(key, $expected) THEN regexp_replace(key, $expected, $shown)
                                ELSE regexp_replace(key, $otherwise, '…\\1', 's') END AS key,
                           key AS full_key,
                           CASE WHEN list_contains($sensitive::VARCHAR[], field) THEN NULL ELSE masked END AS masked,
                           dimension, message, remedy,
                           coalesce(first_night, $night::DATE) AS first_night,
                           date_diff('day', coalesce(first_night, $night::DATE), $night::DATE) + 1 AS days_open,
                           reject_id,
                           coalesce(asks_protection, false) AND outcome = 'rejected' AS asks_protection
                    FROM rejects LEFT JOIN first USING (reject_id)
                    ORDER BY outcome DESC, days_open DESC, rule, sequence, position, field, reject_id
                    """,
                    {
                        "agency": agency,
                        "night": business_date,
                        "sensitive": sorted(directory.sensitive_fields(agency)),
                        **_key_patterns(directory.key_is_number(agency)),
                    },
                )
            )
    if not parts:
        return _empty()
    rows = pa.concat_tables(parts)
    ranked = rows.append_column(
        "_place", pa.array([n for n, part in enumerate(parts) for _ in range(part.num_rows)], pa.int32())
    )
    with connect({"ranked": ranked}) as duck:
        ordered: pa.Table = fetch(
            duck,
            """
            SELECT * EXCLUDE (_place) FROM ranked
            ORDER BY outcome DESC, days_open DESC, _place, rule, sequence, position, field, reject_id
            """,
        )
    return ordered


def fair_share(rows: pa.Table, most: int) -> pa.Table:
    """At most that many of `rows`, of every rule of every agency as many as there are or as fit: a rule that was broken rarely is there whole.

    Within a rule the gravest and oldest; all in their order.
    """
    if rows.num_rows <= most:
        return rows
    with connect({"rows": rows.append_column("_at", pa.array(range(rows.num_rows)))}) as duck:
        shown: pa.Table = fetch(
            duck,
            """
            SELECT * EXCLUDE (_at) FROM (
                FROM rows ORDER BY row_number() OVER (PARTITION BY agency, rule, field ORDER BY _at), _at LIMIT $most
            ) ORDER BY _at
            """,
            {"most": most},
        )
    return shown


def _asking(rejects: pa.Table) -> pa.Table:
    """The rejects with whether their record asks to be protected; where that was not looked up, as it was judged."""
    if "asks_protection" in rejects.column_names:
        return rejects
    judged = "asks_shield" in rejects.column_names
    asks = rejects["asks_shield"] if judged else pa.nulls(rejects.num_rows, pa.bool_())
    return rejects.append_column("asks_protection", asks)


def _key_patterns(numbers: tuple[bool, ...]) -> dict[str, str | bool]:
    """How a key is shown: whole, or by parts, a person number by its last characters; an odd key by its last only."""
    if not any(numbers):
        return {"whole": True, "expected": "", "shown": "", "otherwise": ""}
    tail = f"([^/]{{0,{_LAST_SHOWN}}})"
    expected = "/".join(f"[^/]*?{tail}" if hidden else "([^/]*)" for hidden in numbers)
    shown = "/".join(("…" if hidden else "") + f"\\{place}" for place, hidden in enumerate(numbers, 1))
    return {"whole": False, "expected": f"^{expected}$", "shown": shown, "otherwise": f"^.*?(.{{0,{_LAST_SHOWN}}})$"}


def _empty() -> pa.Table:
    text, number = pa.string(), pa.int64()
    kinds: dict[str, pa.DataType] = {
        "sequence": number,
        "position": number,
        "line": number,
        "first_night": pa.date32(),
        "days_open": number,
        "asks_protection": pa.bool_(),
    }
    names = [
        "agency",
        "outcome",
        "rule",
        "field",
        "sequence",
        "position",
        "line",
        "key",
        "full_key",
        "masked",
        "dimension",
    ]
    names += ["message", "remedy", "first_night", "days_open", "reject_id", "asks_protection"]
    return pa.schema([pa.field(name, kinds.get(name, text)) for name in names]).empty_table()
