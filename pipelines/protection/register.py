"""The protection register: every wish to be protected that ever reached us, latched until a person lifts it.

Belongs here: what a delivery asks for in the form that is kept (`requests_of`), and the register of a night made from that
of the night before (`entries_after`). It is fed by every record that asks, whatever became of the record or of its
delivery. It forgets nothing: a mark that vanishes leaves its entry standing. Not here: who is meant (`shielding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from pipelines.privacy.references import references
from pipelines.privacy.secret import keyed_digests
from pipelines.protection.numbers import numbers_asked
from pipelines.protection.tokens import DWELLING, NEARLY, tokens_of_asking
from pipelines.seams import conform, give, grown
from pipelines.seams.deliveries import ASKING
from pipelines.seams.protection import ENTRIES, REQUESTS
from pipelines.tables import connect, fetch

__all__ = ["ELSEWHERE", "HELD_NIGHT", "ORDER", "TAKEN_BACK", "Asked", "entries_after", "order_of", "requests_of"]

ELSEWHERE = "protected elsewhere"
"""What asked, where the co-ordinating index found a child to be one, perhaps, who is protected in another authority."""
HELD_NIGHT = "held night"
"""What asked, where a night that is held or failed, or that another has replaced, found a child to be one who asks."""
TAKEN_BACK = "shield taken back"
"""What asked, where a person took back the decision that shielded a child."""

ORDER = """
    CREATE TEMP MACRO order_of(delivery) AS split_part(delivery, '/', 3) || ' ' || CASE
        WHEN regexp_matches(split_part(delivery, '/', 4), '^[0-9]+-') THEN lpad(split_part(split_part(delivery, '/', 4), '-', 1), 10, '0')
        WHEN starts_with(split_part(delivery, '/', 4), 'x-') THEN '' ELSE 'z' END;
    CREATE TEMP MACRO delivered_as(delivery) AS regexp_extract(delivery, '^.*/[^/-]*-[^/]{5}')
"""
"""Makes the macros order_of (delivery_id): as text in the order of business date and sequence; a delivery without one is the first of its day, what
no delivery told the last; and delivered_as (delivery_id): the same text for one delivery, with whichever files it came (`nights.inputs.another_of`).
"""


def order_of(business_date: date, sequence: int) -> str:
    """The same as the macro of `ORDER` makes of a delivery of that sequence."""
    return f"{business_date.isoformat()} {sequence:010d}"


@dataclass(frozen=True)
class Asked:
    """What one delivery asks for: `requests` (`REQUESTS`), whose it is and of which business date.

    `told` counts on over all deliveries that ever asked: what was told later has a greater one, whatever its business date.
    """

    delivery_id: str
    agency: str
    business_date: date
    requests: pa.Table
    told: int = 0


def requests_of(
    asking: pa.Table, agency: str, delivery_id: str, after: str | None = None, *, first: int = 0
) -> pa.Table:
    """What the records of a delivery that ask for protection ask for: `REQUESTS`, nothing in it can be read.

    A record whose key cannot be read has an entry for what it says of the child; one that says nothing at all has an
    entry of its delivery's own, so that a person is told of it. Each record to be walled off is a wish of its own.

    Args:
        asking: `ASKING`, as a reader gives it.
        agency: whose feed it is.
        delivery_id: the delivery.
        after: the newest delivery of the feed that had come before it, in force or waiting (`order_of`); None: there is none.
        first: how many of the delivery that ask come before these.
    """
    asking = grown(asking, ASKING)
    conform(asking, ASKING)
    rows = [(row, number) for row, numbers in enumerate(asking["walled"].to_pylist()) for number in (numbers or [None])]
    asking = asking.take(pa.array([row for row, _ in rows], pa.int64()))
    walled = [None if number is None else numbers_asked(number) for _, number in rows]
    keys = pa.array([None if key is None else f"{agency}:{key}" for key in asking["key"].to_pylist()], pa.string())
    known = keys.drop_null()
    refs = dict(zip(known.to_pylist(), references(known).to_pylist(), strict=True))
    wishes = pa.table(
        {
            "number": pa.array([str(number) for number in range(asking.num_rows)], pa.string()),
            "place": pa.array([str(first + row) for row, _ in rows], pa.string()),
            "record_ref": pa.array([refs.get(key) for key in keys.to_pylist()], pa.string()),
            "asked": asking["asked"],
            "understood": asking["understood"],
            **{name: asking[name] for name in ("position", "line", "damaged")},
            "walled": pa.array(walled, pa.list_(pa.string())),
        }
    )
    with connect({"wishes": wishes, "tokens": tokens_of_asking(asking, agency)}) as duck:
        told = fetch(
            duck,
            """
            WITH told AS (  -- a dwelling names nobody beside names with birth date, though one of these be mistyped; beside a number it does
                SELECT record_key, token, kind IN ({nearly}) OR kind IN ({dwelling}) AND bool_or(kind = 'person') OVER (PARTITION BY record_key) AS may
                FROM tokens
            ),
            known AS (
                SELECT record_key AS number, list(DISTINCT token ORDER BY token) FILTER (NOT may) AS tokens,
                    list(DISTINCT token ORDER BY token) FILTER (may) AS nearly
                FROM told GROUP BY ALL
            ),
            wished AS (
                SELECT record_ref, asked, understood, position, line, damaged, walled, coalesce(tokens, []) AS tokens, coalesce(nearly, []) AS nearly,
                    coalesce(record_ref, nullif(array_to_string(tokens, ' '), ''), $delivery || ' ' || place) AS who
                FROM wishes LEFT JOIN known USING (number)
            )
            SELECT who || ' ' || asked || coalesce(' ' || array_to_string(walled, ' '), '') AS entry_id, any_value(record_ref) AS record_ref, asked,
                bool_and(understood) AS understood, list_sort(list_distinct(flatten(list(tokens)))) AS tokens, walled,
                min(position) AS position, min(line) AS line, coalesce(bool_and(damaged), false) AS damaged, $after::VARCHAR AS after,
                list_sort(list_distinct(flatten(list(nearly)))) AS nearly
            FROM wished GROUP BY who, asked, walled ORDER BY entry_id
            """.format(
                **{name: ", ".join(map(repr, kinds)) for name, kinds in (("nearly", NEARLY), ("dwelling", DWELLING))}
            ),
            {"delivery": delivery_id, "after": after},
        )
    ids = keyed_digests(told["entry_id"].combine_chunks(), f"protection {agency}")
    return give(told.set_column(0, "entry_id", ids).sort_by("entry_id"), REQUESTS)


def entries_after(before: pa.Table, asked: Sequence[Asked]) -> pa.Table:
    """The register after the deliveries `asked`: `ENTRIES`, by entry_id. All that they ask for hides (`wall_wishes.hiding`).

    The same wish told again is one entry: it was last asked for then, and knows all that any of its records said. One that
    a person has lifted and that is asked for again after that stands again. Where it stood is told of the newest delivery that asks
    (`order_of`), were another told later.
    """
    before = grown(before, ENTRIES)
    conform(before, ENTRIES)
    new = [
        grown(each.requests, REQUESTS)
        .drop_columns("walled")
        .append_column("agency", pa.array([each.agency] * each.requests.num_rows, pa.string()))
        .append_column("delivery_id", pa.array([each.delivery_id] * each.requests.num_rows, pa.string()))
        .append_column("night", pa.array([each.business_date] * each.requests.num_rows, pa.date32()))
        .append_column("told", pa.array([each.told] * each.requests.num_rows, pa.int64()))
        for each in asked
        if each.requests.num_rows
    ]
    if not new:
        return before
    with connect({"before": before, "new": pa.concat_tables(new)}) as duck:
        duck.execute(ORDER)
        after = fetch(
            duck,
            """
            WITH every AS (
                SELECT entry_id, record_ref, asked, understood, tokens, agency, delivery_id, first_night, last_night, lifted_by, told,
                    last_delivery, position, line, damaged, after, answered, nearly, false AS again FROM before
                UNION ALL
                SELECT entry_id, record_ref, asked, understood, tokens, agency, delivery_id, night, night, NULL, told,
                    delivery_id, position, line, damaged, after, NULL, nearly, true FROM new
            ),
            newest AS (
                SELECT entry_id, last_delivery, position, line, damaged FROM every
                QUALIFY row_number() OVER (
                    PARTITION BY entry_id ORDER BY coalesce(order_of(last_delivery), last_night::VARCHAR) DESC, again DESC, told DESC, last_delivery) = 1
            )
            SELECT entry_id, any_value(record_ref) AS record_ref, any_value(asked) AS asked,
                arg_max(understood, (last_night, again, coalesce(told, 0))) AS understood,
                list_sort(list_distinct(flatten(list(tokens)))) AS tokens, any_value(agency) AS agency,
                arg_min(delivery_id, (first_night, again, delivery_id)) AS delivery_id, min(first_night) AS first_night,
                max(last_night) AS last_night, CASE WHEN NOT bool_or(again) THEN any_value(lifted_by) END AS lifted_by, max(told) AS told,
                any_value(n.last_delivery) AS last_delivery, any_value(n.position) AS position, any_value(n.line) AS line,
                any_value(n.damaged) AS damaged, max(after) AS after, CASE WHEN NOT bool_or(again) THEN any_value(answered) END AS answered,
                list_sort(list_distinct(flatten(list(nearly)))) AS nearly
            FROM every e JOIN newest n USING (entry_id) GROUP BY entry_id ORDER BY entry_id
        """,
        )
    return give(after, ENTRIES)
