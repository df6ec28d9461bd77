"""What a feed holds after a night: last night's live records, and what tonight's delivery does to them.

Belongs here: the meaning of full and delta deliveries, of absence, of withdrawals, of records that were rejected. Not
here: judging (`judge`), comparing records with one another (`matching`).

A record that is delivered again unchanged stays as it was, with the delivery that first brought it: an uneventful night
changes nothing downstream, and every published figure leads back to the delivery that caused it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow as pa

from pipelines.contracts.contract import Column, Contract
from pipelines.seams import conform
from pipelines.seams.deliveries import LIVE_HEAD, LIVE_TAIL
from pipelines.tables import connect, fetch
from pipelines.validation.checks import literal
from pipelines.validation.places import quoted, shielding_code

__all__ = ["FeedNight", "apply_delivery"]

_HEAD = LIVE_HEAD.names
_TAIL = LIVE_TAIL.names
_DAMAGE = "RECORD-"  # rules of the readers: the record is there, but perhaps not even its key could be read


@dataclass(frozen=True)
class FeedNight:
    """A feed after a night.

    Attributes:
        live: `LIVE_HEAD`, the contract's columns in their own types, `LIVE_TAIL`; by key.
        changes: numbers of records: added, changed, unchanged, withdrawn, and kept (not delivered in a usable form
            tonight, but not withdrawn either).
    """

    live: pa.Table
    changes: Mapping[str, int]


def apply_delivery(
    previous: pa.Table | None,
    accepted: pa.Table,
    rejects: pa.Table,
    contract: Contract,
    *,
    mode: str,
    lost: int,
    delivery_id: str,
    business_date: date,
) -> FeedNight:
    """The feed's live records after a delivery.

    In a full delivery an absent key is withdrawn, unless absence means nothing in this feed or records were lost or so
    damaged that their key is not known. A key that was delivered but rejected keeps its last good version, except when
    the rule says that nobody of that kind may stay (age). Whoever asked for a shield in a rejected record is shielded.

    Args:
        previous: `FeedNight.live` of the night before, None for the first.
        accepted: `Judged.accepted`.
        rejects: `Judged.rejects`.
        contract: of the delivery.
        mode: ``full`` or ``delta``.
        lost: records of the delivery that could not be told apart.
        delivery_id: tonight's delivery.
        business_date: the night.
    """
    names = [name for name in contract.column_names if name != "change"]
    columns = ", ".join(quoted(name) for name in names)
    with connect({"accepted": accepted, "rejects": rejects}) as database:
        _tonight(database, contract, columns, delivery_id, business_date)
        _before(database, previous, [*_HEAD, *names])
        leaves = _leaves(contract, mode, lost, database)
        database.execute(f"""
        CREATE TEMP TABLE live AS
        SELECT
            -- unchanged: the earlier row, but with tonight's verdict
            {_either("before", "tonight", [name for name in [*_HEAD, *names] if name != "outcome"])}, tonight.outcome,
            {_either("before", "tonight", _TAIL)},
            CASE WHEN before.key IS NULL THEN 'added' WHEN before.content = tonight.content THEN 'unchanged'
                ELSE 'changed' END AS change
        FROM tonight LEFT JOIN before ON before.key = tonight.key
        UNION ALL BY NAME
        SELECT *, 'kept' AS change FROM before
        WHERE key NOT IN (SELECT key FROM tonight) AND NOT ({leaves})
        """)
        _shield(database, contract)
        shown = ", ".join([*_HEAD, columns, *_TAIL])
        live = fetch(database, f"SELECT {shown} FROM live ORDER BY key")
        conform(live, LIVE_HEAD)
        conform(live, LIVE_TAIL)
        counted = dict(database.execute("SELECT change, count(*) FROM live GROUP BY change").fetchall())
        withdrawn = database.execute("SELECT count(*) FROM before WHERE key NOT IN (SELECT key FROM live)").fetchone()
    changes = {name: counted.get(name, 0) for name in ("added", "changed", "unchanged", "kept")}
    if mode == "delta":  # records a delta does not speak of are simply there
        changes["unchanged"] += changes["kept"] - (kept := _spoken_of(rejects, live))
        changes["kept"] = kept
    return FeedNight(live, {**changes, "withdrawn": withdrawn[0] if withdrawn else 0})


def _tonight(
    database: duckdb.DuckDBPyConnection, contract: Contract, columns: str, delivery_id: str, business_date: date
) -> None:
    """Make `tonight`: the accepted upserts; and `withdrawn`: keys that tonight's delivery takes out."""
    flags = [column.name for column in contract.columns if column.concept == "withdrawn"]
    out = " OR ".join(
        ["change = 'withdraw'", *(f"coalesce({quoted(name)}::VARCHAR = 'true', false)" for name in flags)]
    )
    database.execute(f"""
    CREATE TEMP TABLE tonight AS
    SELECT {", ".join(_HEAD)}, {columns}, {literal(delivery_id)} AS delivery_id, {literal(business_date)} AS as_of,
        (hash(row(unverified, {columns})) >> 1)::BIGINT AS content
    FROM accepted WHERE NOT ({out});
    CREATE TEMP TABLE withdrawn AS SELECT DISTINCT key FROM accepted WHERE {out};
    """)
    withdrawing = [rule.code for rule in contract.all_rules(business_date) if rule.params.get("withdraws")]
    codes = ", ".join(literal(code) for code in withdrawing) or "''"
    database.execute(
        f"INSERT INTO withdrawn SELECT DISTINCT key FROM rejects WHERE key IS NOT NULL AND rule IN ({codes})"
    )


def _before(database: duckdb.DuckDBPyConnection, previous: pa.Table | None, names: list[str]) -> None:
    """Make `before` with the columns of `tonight`; what only an older contract had is dropped."""
    database.execute("CREATE TEMP TABLE before AS SELECT * FROM tonight WHERE false")
    if previous is None:
        return
    database.register("previous", previous)
    had = set(previous.schema.names)
    shared = ", ".join(quoted(name) for name in [*names, *_TAIL] if name in had)
    database.execute(f"INSERT INTO before BY NAME SELECT {shared} FROM previous")


def _leaves(contract: Contract, mode: str, lost: int, database: duckdb.DuckDBPyConnection) -> str:
    """SQL over `before`: the record is not in tonight's delivery and does not stay."""
    said = "key IN (SELECT key FROM withdrawn)"
    if mode != "full" or contract.absence_means == "nothing" or lost:
        return said
    damaged = database.execute(
        f"SELECT count(*) FROM rejects WHERE key IS NULL AND starts_with(rule, '{_DAMAGE}')"
    ).fetchone()
    if damaged and damaged[0]:
        return said
    return f"{said} OR key NOT IN (SELECT key FROM rejects WHERE key IS NOT NULL AND outcome = 'rejected')"


def _shield(database: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Shield whoever asked for it in a record that was rejected: an earlier, open version must not be shown."""
    asked = "key IN (SELECT key FROM rejects WHERE asks_shield AND key IS NOT NULL)"
    for column in contract.columns:
        if column.concept == "shielded":
            database.execute(f"UPDATE live SET {quoted(column.name)} = {shielding_code(column)} WHERE {asked}")
        elif column.logical == "object":
            packed = _with_shield(column)
            if packed:
                database.execute(f"UPDATE live SET {quoted(column.name)} = {packed} WHERE {asked}")


def _with_shield(column: Column) -> str:
    """SQL for an object with its shield request set; "" for an object that has none."""
    if not any(item.concept == "shield.requested" for item in column.items):
        return ""
    parts = [
        f"{quoted(item.name)} := "
        + (shielding_code(item) if item.concept == "shield.requested" else f"{quoted(column.name)}.{quoted(item.name)}")
        for item in column.items
    ]
    return f"struct_pack({', '.join(parts)})"


def _either(earlier: str, later: str, names: list[str]) -> str:
    same = f"coalesce({earlier}.content = {later}.content, false)"
    return ", ".join(
        f"CASE WHEN {same} THEN {earlier}.{quoted(name)} ELSE {later}.{quoted(name)} END AS {quoted(name)}"
        for name in names
    )


def _spoken_of(rejects: pa.Table, live: pa.Table) -> int:
    """Live keys that tonight's delivery named only in records that were rejected."""
    with connect({"rejects": rejects, "live": live}) as database:
        row = database.execute("""
            SELECT count(DISTINCT key) FROM rejects WHERE outcome = 'rejected' AND key IN (SELECT key FROM live)
        """).fetchone()
    return int(row[0]) if row else 0
