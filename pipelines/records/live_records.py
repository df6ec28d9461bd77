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
import pyarrow.compute as pc

from pipelines.contracts.contract import Column, Contract
from pipelines.seams import conform
from pipelines.seams.deliveries import LIVE_HEAD, LIVE_TAIL
from pipelines.tables import connect, fetch
from pipelines.validation.checks import literal
from pipelines.validation.judge import key_digest_sql
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
        suspended: how many of those kept are absent, and stay for records that were lost or could not be read.
        touched: keys of the records that came, went, or are not what they were (but for `outcome`); some that are may be
            among them.
    """

    live: pa.Table
    changes: Mapping[str, int]
    touched: pa.StringArray
    suspended: int = 0


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

    In a full delivery an absent key is withdrawn, unless absence means nothing in this feed. For each record that was lost, or so
    damaged that nobody knows whose it is, one that is absent stays. A key that was delivered but rejected keeps its last good version, except when
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
    names = [*_HEAD, *(name for name in contract.column_names if name != "change")]
    with connect({"accepted": accepted, "rejects": rejects}) as database:
        shape = fetch(database, f"SELECT {', '.join(map(quoted, names))} FROM accepted LIMIT 0").schema
        before = _before(database, previous, shape)
        _tonight(database, contract, [name for name in names if name not in _HEAD], business_date)
        leaves = _leaves(contract, mode, lost, database)
        # who is there, and by whose word; the records themselves are fetched from where they lie
        database.execute(f"""
        CREATE TEMP TABLE live AS
        SELECT tonight.*, CASE WHEN before.key IS NULL THEN 'added' WHEN before.content = tonight.content THEN 'unchanged'
            ELSE 'changed' END AS change
        FROM tonight LEFT JOIN before ON before.key = tonight.key
        UNION ALL BY NAME
        SELECT key, 'kept' AS change FROM before
        WHERE key NOT IN (SELECT key FROM tonight) AND NOT ({leaves})
        """)
        found = fetch(database, "SELECT * FROM live ORDER BY key")
        ((suspended,),) = database.execute("SELECT count(*) FROM suspended").fetchall()
        withdrawn = fetch(database, "SELECT key FROM before WHERE key NOT IN (SELECT key FROM live)")
        live = _put_together(found, before, accepted.select(names).cast(shape), delivery_id, business_date)
        live, shielded = _shielded(database, live, rejects, contract)
    conform(live, LIVE_HEAD)
    conform(live, LIVE_TAIL)
    counted = {each["values"]: each["counts"] for each in found["change"].value_counts().to_pylist()}
    changes = {name: counted.get(name, 0) for name in ("added", "changed", "unchanged", "kept")}
    if mode == "delta":  # records a delta does not speak of are simply there
        changes["unchanged"] += changes["kept"] - (kept := _spoken_of(rejects, live))
        changes["kept"] = kept
    new = found.filter(pc.is_in(found["change"], pa.array(["added", "changed"])))
    touched = pa.chunked_array([*new["key"].chunks, *withdrawn["key"].chunks, *shielded.chunks], pa.string())
    return FeedNight(live, {**changes, "withdrawn": withdrawn.num_rows}, touched.unique(), suspended)


def _tonight(database: duckdb.DuckDBPyConnection, contract: Contract, columns: list[str], business_date: date) -> None:
    """Make `tonight`: the accepted upserts; and `withdrawn`: keys that tonight's delivery takes out."""
    flags = [column.name for column in contract.columns if column.concept == "withdrawn"]
    out = " OR ".join(
        ["change = 'withdraw'", *(f"coalesce({quoted(name)}::VARCHAR = 'true', false)" for name in flags)]
    )
    database.execute(f"""
    CREATE TEMP TABLE tonight AS
    SELECT key, position, outcome, (hash(row(unverified, {", ".join(map(quoted, columns))})) >> 1)::BIGINT AS content
    FROM accepted WHERE NOT ({out});
    CREATE TEMP TABLE withdrawn AS SELECT DISTINCT key FROM accepted WHERE {out};
    """)
    withdrawing = [rule.code for rule in contract.all_rules(business_date) if rule.params.get("withdraws")]
    codes = ", ".join(literal(code) for code in withdrawing) or "''"
    database.execute(
        f"INSERT INTO withdrawn SELECT DISTINCT key FROM rejects WHERE key IS NOT NULL AND rule IN ({codes})"
    )


def _before(database: duckdb.DuckDBPyConnection, previous: pa.Table | None, shape: pa.Schema) -> pa.Table:
    """The records before with the columns of tonight's, and their keys as `before`; what only an older contract had is dropped."""
    wanted = pa.schema([*shape, *(LIVE_TAIL.field(name) for name in _TAIL)])
    before = wanted.empty_table() if previous is None else previous
    if set(wanted.names) <= set(before.column_names) and before.select(wanted.names).schema.equals(wanted):
        before = before.select(wanted.names).cast(wanted)
    else:
        database.register("previous", before)
        database.register("wanted", wanted.empty_table())
        shared = ", ".join(quoted(name) for name in wanted.names if name in before.column_names)
        database.execute(f"""
        CREATE TEMP TABLE former AS FROM wanted;
        INSERT INTO former BY NAME SELECT {shared} FROM previous
        """)
        before = fetch(database, "FROM former").cast(wanted)
    database.register("before", before.select(["key", "content"]))
    return before


def _put_together(
    found: pa.Table, before: pa.Table, accepted: pa.Table, delivery_id: str, business_date: date
) -> pa.Table:
    """The records of `found`, in its order: what is unchanged is the earlier row, but with tonight's verdict."""
    is_new = pc.is_in(found["change"], pa.array(["added", "changed"]))
    stay, come = found.filter(pc.invert(is_new)), found.filter(is_new)
    earlier = before.take(pc.index_in(stay["key"], before["key"].combine_chunks()))
    verdict = pc.if_else(pc.equal(stay["change"], "unchanged"), stay["outcome"], earlier["outcome"])
    earlier = earlier.set_column(earlier.column_names.index("outcome"), "outcome", verdict)
    later = accepted.take(pc.index_in(come["position"], accepted["position"].combine_chunks()))
    for name, value in (("delivery_id", delivery_id), ("as_of", business_date)):
        later = later.append_column(name, pa.repeat(pa.scalar(value, LIVE_TAIL.field(name).type), come.num_rows))
    return _by_key(earlier, later.append_column("content", come["content"]))


def _by_key(*parts: pa.Table) -> pa.Table:
    """The parts as one table in one piece, by key."""
    whole = pa.concat_tables(parts).combine_chunks()
    return whole.take(pc.sort_indices(whole["key"])).combine_chunks()


def _leaves(contract: Contract, mode: str, lost: int, database: duckdb.DuckDBPyConnection) -> str:
    """SQL over `before`: the record is not in tonight's delivery and does not stay. Makes `suspended`: keys of who stays for the damage.

    A record that was delivered and could not be read is somebody's: who has its key, as far as that could be made out, stays; of the
    others that are absent as many as there are records of which nobody knows whose they are, the first by key.
    """
    database.execute("CREATE TEMP TABLE suspended AS SELECT key FROM before LIMIT 0")
    said = "key IN (SELECT key FROM withdrawn)"
    if mode != "full" or contract.absence_means == "nothing":
        return said
    spoken_of = "key IN (SELECT key FROM rejects WHERE key IS NOT NULL AND outcome = 'rejected')"
    database.execute(
        f"""
        CREATE TEMP TABLE absent AS
        SELECT key, {key_digest_sql("key")} AS digest FROM before
        WHERE key NOT IN (SELECT key FROM tonight) AND NOT {said} AND NOT {spoken_of};
        CREATE TEMP TABLE unread AS
        SELECT position, any_value(may_be) AS digest FROM rejects
        WHERE key IS NULL AND starts_with(rule, '{_DAMAGE}') GROUP BY position;
        INSERT INTO suspended SELECT key FROM absent SEMI JOIN unread USING (digest)
        """
    )
    database.execute(
        """
        INSERT INTO suspended SELECT key FROM absent ANTI JOIN suspended USING (key) ORDER BY key
        LIMIT (SELECT $lost::BIGINT + count(*) FROM unread ANTI JOIN absent USING (digest))
        """,
        {"lost": lost},
    )
    return f"{said} OR NOT {spoken_of} AND key NOT IN (FROM suspended)"


def _shielded(
    database: duckdb.DuckDBPyConnection, live: pa.Table, rejects: pa.Table, contract: Contract
) -> tuple[pa.Table, pa.ChunkedArray]:
    """The live records, and the keys of those that were shielded now.

    Shielded is whoever asked for it in a record that was rejected: an earlier, open version must not be shown.
    """
    asking = rejects.filter(rejects["asks_shield"])["key"].drop_null()
    asks = pc.is_in(live["key"], asking.combine_chunks())
    asked = live.filter(asks)
    if not asked.num_rows:
        return live, asked["key"]
    database.register("asked", asked)
    database.execute("CREATE TEMP TABLE shielded AS FROM asked")
    for column in contract.columns:
        if column.concept == "shielded":
            database.execute(f"UPDATE shielded SET {quoted(column.name)} = {shielding_code(column)}")
        elif column.logical == "object":
            packed = _with_shield(column)
            if packed:
                database.execute(f"UPDATE shielded SET {quoted(column.name)} = {packed}")
    shielded = fetch(database, "FROM shielded").cast(live.schema)
    return _by_key(live.filter(pc.invert(asks)), shielded), shielded["key"]


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


def _spoken_of(rejects: pa.Table, live: pa.Table) -> int:
    """Live keys that tonight's delivery named only in records that were rejected."""
    with connect({"rejects": rejects, "live": live.select(["key"])}) as database:
        row = database.execute("""
            SELECT count(DISTINCT key) FROM rejects WHERE outcome = 'rejected' AND key IN (SELECT key FROM live)
        """).fetchone()
    return int(row[0]) if row else 0
