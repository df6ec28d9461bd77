"""The measures of a feed's night: the numbers that are watched from night to night.

Belongs here: what is measured, under names that are the same every night, so that they can be plotted. Not here: what
is too much or too little (the expectation suites judge that, from the contract's service level and earlier nights).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from pipelines.contracts.contract import Column, Contract
from pipelines.settings import settings
from pipelines.tables import connect
from pipelines.validation.checks import literal
from pipelines.validation.places import Place, places

__all__ = ["measure"]


def measure(table: pa.Table | None, contract: Contract, counts: Mapping[str, int] | None) -> dict[str, float]:
    """Measures of a night.

    Args:
        table: the feed's records (`Judged.accepted` or `FeedNight.live`); None when there are none yet.
        contract: the feed's.
        counts: `Judged.counts` of the night's delivery; None when nothing was delivered.

    Returns:
        rows; rows_read, reject_rate, query_rate, repeat_rate, lost of the delivery (0 without one);
        missing:<path> for every column, missing:verified:<path> for identifiers (shares of the records);
        share:<path>=<code> for every code of every coded column (share of the records that have one);
        first_of_january_share of the birth dates; placed_share: records with a real postcode; shielded_share;
        checked_against_schools and checked_against_practices: 1 when identifiers were held against reference lists.
    """
    given = counts or {}
    read = given.get("rows_read", 0)
    measures = {
        "rows": float(table.num_rows if table is not None else 0),
        "rows_read": float(read),
        "reject_rate": _share(given.get("rejected", 0), read),
        "query_rate": _share(given.get("queried", 0), read),
        "repeat_rate": _share(given.get("repeats", 0), read),
        "lost": float(given.get("lost", 0)),
        **_reference_lists(),
    }
    wanted = _expressions(contract)
    if table is None or table.num_rows == 0:
        return measures | dict.fromkeys(wanted, 0.0)
    with connect({"records": table}) as database:
        columns = ", ".join(f"coalesce({sql}, 0)::DOUBLE" for sql in wanted.values())
        row = database.execute(f"SELECT {columns} FROM records").fetchone() or ()
    return measures | {name: round(float(value), 6) for name, value in zip(wanted, row, strict=True)}


def _expressions(contract: Contract) -> dict[str, str]:
    """Measure → SQL aggregate over `records`."""
    wanted: dict[str, str] = {}
    for place in places(contract):
        sql, path = place.raw, place.path
        missing = f"{sql} IS NULL OR len({sql}) = 0" if place.is_array else f"{sql} IS NULL"
        wanted[f"missing:{path}"] = f"avg(({missing})::INTEGER)"
        concept = place.column.concept
        if concept in ("nhs_number", "upn"):
            verified = f"{sql} IS NOT NULL AND NOT list_contains(unverified, {literal(path)})"
            wanted[f"missing:verified:{path}"] = f"1 - avg(({verified})::INTEGER)"
        if concept == "birth_date":
            first = f"month({sql}) = 1 AND day({sql}) = 1"
            wanted["first_of_january_share"] = f"avg(({first})::INTEGER) FILTER ({sql} IS NOT NULL)"
        if concept in ("postcode", "address.postcode"):
            wanted["placed_share"] = f"avg(({sql} IS NOT NULL AND NOT starts_with({sql}, 'ZZ99'))::INTEGER)"
        wanted |= _code_shares(place)
    asks = _shielded(contract)
    wanted["shielded_share"] = f"avg(({asks})::INTEGER)" if asks else "0"
    return wanted


def _code_shares(place: Place) -> dict[str, str]:
    column = place.column
    if not any(rule.check == "code_in" for rule in column.rules) or place.is_array:
        return {}
    return {
        f"share:{place.path}={code}": f"avg(({place.raw} = {literal(code)})::INTEGER) FILTER ({place.raw} IS NOT NULL)"
        for code in _codes(column)
    }


def _codes(column: Column) -> list[str]:
    listed = [rule.params["values"] for rule in column.rules if rule.check == "code_in" and "values" in rule.params]
    return [str(code) for code in (listed[0] if listed else column.codes)]


def _shielded(contract: Contract) -> str:
    asks = []
    for place in places(contract):
        if place.column.concept == "shield.requested":
            asks.append(f"coalesce({place.raw}, false)")
        elif place.column.concept == "shielded":
            codes = ", ".join(literal(code) for code, means in place.column.codes.items() if means == "true")
            asks.append(f"coalesce({place.raw}::VARCHAR IN ({codes or literal('true')}), false)")
    return " OR ".join(asks)


def _reference_lists() -> dict[str, float]:
    folder = settings().reference
    there = {
        "checked_against_schools": "schools.csv",
        "checked_against_practices": "gp_practices.csv",
    }
    return {name: float(folder is not None and (folder / file).is_file()) for name, file in there.items()}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
