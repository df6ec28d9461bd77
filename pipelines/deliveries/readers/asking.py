"""Records that ask to be protected, gathered from everything a reader could make out, before any of it is judged.

Belongs here: who asks, and by which values the child could be told. Not here: what an unclear mark is read as
(`protective`), what becomes of the requests (`pipelines.protection`). The result lives in memory only.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from pipelines.contracts.contract import Column, Contract
from pipelines.contracts.vocabulary import NAMING, NAMING_RECORDS
from pipelines.deliveries.readers.protective import UNCLEAR, WALLS
from pipelines.seams import give
from pipelines.seams.deliveries import ASKING
from pipelines.tables import connect, fetch

__all__ = ["who_asks"]

_NAMED = "STRUCT(concept VARCHAR, value VARCHAR)[]"


def who_asks(records: pa.Table, salvaged: pa.Table, contract: Contract) -> pa.Table:
    """The records that ask, one row each, and one more for those that ask for a firewall, by position; columns of the seam `ASKING`.

    A request that is understood goes before one that is not. `named` has the record's key, as in the records, under the
    concept ``key``, and every value of a column that may name the child, in the contract's order, those of an array item
    by item; of a row that speaks of another feed's record, also which one that is.

    Args:
        records: position, line, key and the contract's columns as delivered; unclear marks as `UNCLEAR`.
        salvaged: the same of damaged records, as far as they could be read; several rows may be guesses at one record.
        contract: whose columns.
    """
    marks = [mark for column in contract.columns for mark in _marks(column)]
    if not marks and not any(column.concept == WALLS for column in contract.columns):
        return ASKING.empty_table()
    walls = [column for column in contract.columns if column.concept == WALLS]
    marks = [*marks, *([] if marks else [("", "false", "false")])]
    asked = " ".join(f"WHEN {understood} THEN '{path}'" for path, understood, _ in marks)
    asked += "".join(f" WHEN {asks} THEN '{path}'" for path, _, asks in marks)
    understood = " OR ".join(f"coalesce({each}, false)" for _, each, _ in marks)
    named = " || ".join(["[{'concept': 'key', 'value': key}]", *_named(contract.columns)])
    with connect({"records": records, "salvaged": salvaged}) as database:
        found = fetch(
            database,
            f"""
            WITH delivered AS (
                SELECT *, false AS damaged FROM records UNION ALL BY NAME SELECT *, true AS damaged FROM salvaged
            ), asking AS (
                SELECT *, CASE {asked} END AS asked, {understood} AS understood FROM delivered
            ), told AS (
                SELECT position, line, key, asked, understood, damaged, ({named})::{_NAMED} AS named FROM asking
                WHERE asked IS NOT NULL
            )
            SELECT position, any_value(line) AS line, CASE WHEN count(DISTINCT key) = 1 THEN any_value(key) END AS key,
                arg_max(asked, understood) AS asked, bool_or(understood) AS understood,
                list_filter(flatten(list(named)), lambda e: NOT {_blank("e.value")}) AS named
                , NULL::VARCHAR[] AS walled, bool_and(damaged) AS damaged
            FROM told GROUP BY position
            {" ".join(_walls(column, named) for column in walls)}
            ORDER BY position, walled IS NOT NULL
        """,
        )
        return give(found, ASKING)


def _marks(column: Column) -> Iterator[tuple[str, str, str]]:
    """Path, SQL of a request that is understood, SQL of any request."""
    raw = _quoted(column.name)
    if column.concept == "shielded":
        codes = column.codes or {"true": "true", "false": "false"}
        yes, no = ([code for code in codes if (codes[code] == "true") is wanted] for wanted in (True, False))
        text = f"trim({raw})"
        yield column.name, _one_of(text, yes), f"NOT {_blank(raw)} AND NOT {_one_of(text, no)}"
    elif column.concept == "shield":
        requested = next((item for item in column.items if item.concept == "shield.requested"), None)
        said = f"trim({raw}.{_quoted(requested.name)})" if requested else "NULL::VARCHAR"
        given = " OR ".join(f"NOT {_blank(f'{raw}.{_quoted(item.name)}')}" for item in column.items) or "false"
        yield column.name, f"coalesce({said} = 'true', false)", f"({given}) AND {said} IS DISTINCT FROM 'false'"
    elif column.concept == WALLS:
        return
    elif column.protects and column.logical not in ("object", "array"):
        yield column.name, "false", f"coalesce({raw} = '{UNCLEAR}', false)"


def _walls(column: Column, named: str) -> str:
    """SQL of the rows of those who ask in `column` for a firewall; whether that is understood is seen in the number alone."""
    raw = _quoted(column.name)
    return f"""
        UNION ALL
        SELECT position, any_value(line), CASE WHEN count(DISTINCT key) = 1 THEN any_value(key) END,
            '{column.name}', NOT bool_or({raw} LIKE '%{UNCLEAR}%'),
            list_filter(flatten(list(({named})::{_NAMED})), lambda e: NOT {_blank("e.value")}),
            list_sort(list(DISTINCT trim({raw}))), bool_and(damaged)
        FROM delivered WHERE NOT {_blank(raw)} GROUP BY position
    """


def _named(columns: tuple[Column, ...]) -> Iterator[str]:
    """SQL, each a list of the values at one place."""
    for column in columns:
        yield from _named_at(column, _quoted(column.name))


def _named_at(column: Column, raw: str) -> Iterator[str]:
    if column.logical == "object":
        for item in column.items:
            yield from _named_at(item, f"{raw}.{_quoted(item.name)}")
    elif column.logical == "array" and column.items:
        items = [item for item in column.items if item.concept in NAMING]
        if items:
            values = ", ".join(_value(item.concept, f"e.{_quoted(item.name)}") for item in items)
            yield f"coalesce(flatten(list_transform({raw}, lambda e: [{values}])), [])"
    elif column.concept in (NAMING | NAMING_RECORDS):
        if column.logical == "array":
            yield f"coalesce(list_transform({raw}, lambda e: {_value(column.concept, 'e')}), [])"
        else:
            yield f"[{_value(column.concept, raw)}]"


def _value(concept: str, raw: str) -> str:
    return f"{{'concept': '{concept}', 'value': {raw}}}"


def _one_of(text: str, values: list[str]) -> str:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"coalesce({text} IN ({listed}), false)" if listed else "false"


def _blank(raw: str) -> str:
    """SQL, never NULL: nothing can be seen in the text."""
    return f"coalesce(regexp_full_match({raw}, '[\\s\\p{{Z}}\\p{{C}}]*'), true)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
