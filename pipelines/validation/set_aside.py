"""How many values of each column a delivery had, and how many of them had to be set aside.

Belongs here: counting, from a delivery as it was judged. Not here: setting aside (`compile`, `elements`), and how many are
too many (`publishing.gates`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from pipelines.contracts.contract import Contract, Rule
from pipelines.tables import connect
from pipelines.validation.elements import set_aside_by
from pipelines.validation.places import places, quoted

__all__ = ["values_set_aside"]


def values_set_aside(
    accepted: pa.Table, rejects: pa.Table, contract: Contract, business_date: date
) -> dict[str, tuple[int, int]]:
    """Column → (records whose value was set aside, records that delivered a value), where any value was set aside.

    Records that were rejected are in neither number. A list counts once a record, with each of its parts.

    Args:
        accepted: `Judged.accepted`.
        rejects: `Judged.rejects`.
        contract: of the delivery.
        business_date: the night.
    """
    columns = _columns_by_rule(contract, business_date)
    by_rule = pa.table({"rule": pa.array(columns.keys(), pa.string()), "path": pa.array(columns.values(), pa.string())})
    with connect({"accepted": accepted, "rejects": rejects, "by_rule": by_rule}) as database:
        database.execute("""
            CREATE TEMP TABLE aside AS
            SELECT DISTINCT path, position FROM rejects JOIN by_rule USING (rule) WHERE outcome = 'queried'
        """)
        counted = database.execute("SELECT path, count(*) FROM aside GROUP BY path ORDER BY path").fetchall()
        there = _there(contract)
        found = {}
        for path, values in counted:
            kept = database.execute(
                f"""
                SELECT count(*) FROM accepted
                WHERE coalesce({there[path]}, false) AND position NOT IN (SELECT position FROM aside WHERE path = ?)
                """,
                [path],
            ).fetchone()
            found[path] = (values, values + (kept[0] if kept else 0))
    return found


def _columns_by_rule(contract: Contract, business_date: date) -> Mapping[str, str]:
    """Rule code → path of the column whose value it sets aside."""
    known = set(_there(contract))
    found = {}
    for rule in contract.all_rules(business_date):
        path = set_aside_by(rule) or (rule.field if _sets_aside_its_own(rule) else "")
        if path in known:
            found[rule.code] = path
    return found


def _sets_aside_its_own(rule: Rule) -> bool:
    return rule.severity == "query" and not rule.keeps_value and rule.check != "required"


def _there(contract: Contract) -> dict[str, str]:
    """Path → SQL over accepted records: there is a value at it."""
    found = {}
    for place in places(contract):
        if not place.is_array:
            found[place.path] = f"{place.raw} IS NOT NULL"
            continue
        found[place.path] = found[f"{place.path}[]"] = f"len({place.raw}) > 0"
        for part in place.column.items:
            filled = f"list_filter({place.raw}, lambda e: e.{quoted(part.name)} IS NOT NULL)"
            found[f"{place.path}[].{part.name}"] = f"len({filled}) > 0"
    return found
