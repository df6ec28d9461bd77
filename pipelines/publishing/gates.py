"""Gates: what must hold before a snapshot is published, proved on the very tables that would be.

Belongs here: the blocking checks, each computed from the stage's inputs and not through the code that built the
snapshot. Not here: building (snapshot) or publishing (publish). Every gate is reported on every path, passed or not,
with numbers and never a value; a gate that cannot be computed has failed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.identities.state import IdentityState
from pipelines.protection.shielding import carries_shielding, in_force
from pipelines.publishing.snapshot import SNAPSHOT_TABLES
from pipelines.tables import StoredTable, connect, file_sha256, schema_fingerprint

if TYPE_CHECKING:
    from pipelines.publishing.publish import FeedInput

__all__ = ["GATES", "Gate", "run_gates"]

CHILDREN_LOST = 0.10  # share of the children of the previous version, but more than
CHILDREN_LOST_LEAST = 10  # children, so that a tiny index may lose one; never all
IDENTITIES_MOVED = 0.01  # share of children merged or split in a night, but at least
IDENTITIES_MOVED_LEAST = 50
_OUTCOMES = ("accepted", "queried", "rejected", "repeats")


@dataclass(frozen=True)
class Gate:
    """The result of one gate.

    Attributes:
        name: stable, snake case.
        passed: whether the snapshot may be published as far as this gate is concerned.
        blocking: whether a failure stops the publish.
        description: what was looked at and found, in a sentence, without a value.
        figures: the numbers behind it, the same keys every night.
        overridden: the reason with which a circuit breaker was overridden; empty if it was not.
    """

    name: str
    passed: bool
    blocking: bool
    description: str
    figures: Mapping[str, float] = field(default_factory=dict)
    overridden: str = ""


@dataclass(frozen=True)
class _Audit:
    """What the gates look at."""

    connection: Any
    snapshot: Mapping[str, StoredTable]
    inputs: Sequence[FeedInput]
    previous: bool
    override: str

    def count(self, sql: str) -> int:
        return int(self.connection.execute(sql).fetchall()[0][0] or 0)


def run_gates(
    snapshot: Mapping[str, StoredTable],
    *,
    person: Mapping[str, pa.Table | Path],
    state: IdentityState,
    events: pa.Table,
    possible: pa.Table,
    decisions: pa.Table,
    inputs: Sequence[FeedInput],
    previous: Mapping[str, Path] | None,
) -> list[Gate]:
    """Run every gate on a snapshot that was written but not published.

    Args:
        snapshot: what `publish.write_snapshot` gave.
        person: the person record tables; records is read, with its identifiers.
        state: identities after the night.
        events: the night's ledger events.
        possible: possible links, as for `privacy.shielding.visibility`.
        decisions: the authority's decisions; one of kind ``override`` in force lets the circuit breakers pass, as does
            the environment's ``ISINDEX_OVERRIDE`` (its text is the reason and is published with the gate).
        inputs: one for each feed.
        previous: table paths of the version before (`publish.previous_version`), None on the first night.

    Returns:
        one `Gate` for each of `GATES`, in that order.
    """
    views: dict[str, pa.Table | Path] = {name: stored.path for name, stored in snapshot.items()}
    views |= {
        "person": person["records"],
        "identities": state.identities,
        "index_ids": state.index_ids,
        "ledger": events,
        "decisions": in_force(decisions),
    }
    if previous:
        views["previous_children"] = previous["children"]
    try:
        with connect(views) as connection:
            audit = _Audit(connection, snapshot, inputs, previous is not None, _override(decisions))
            return [_judge(name, gate, audit, possible, decisions) for name, gate in GATES.items()]
    except Exception as fault:  # not even readable: every gate is reported, and none has passed
        return [_not_computed(name, fault) for name in GATES]


def _judge(name: str, gate: Callable[[Any], Gate], audit: _Audit, possible: pa.Table, decisions: pa.Table) -> Gate:
    """One gate's result, whatever happens."""
    try:
        if name == "shielding":
            audit.connection.register("carries", carries_shielding(possible, decisions))
        return gate(audit)
    except Exception as fault:
        return _not_computed(name, fault)


def _not_computed(name: str, fault: Exception) -> Gate:
    """A gate that cannot be computed has failed; only the fault's kind is told, since its text might hold a value."""
    return Gate(name, False, True, f"Could not be computed ({type(fault).__name__}).")


def _tables(audit: _Audit) -> Gate:
    damaged = sum(
        file_sha256(stored.path) != stored.sha256 or schema_fingerprint(pq.read_schema(stored.path)) != stored.schema
        for stored in audit.snapshot.values()
    )
    missing = len(set(SNAPSHOT_TABLES) - set(audit.snapshot))
    return Gate(
        "table_hashes",
        damaged + missing == 0,
        True,
        "Every table is there and is, byte for byte, the one that was built.",
        {"tables": len(audit.snapshot), "damaged": damaged, "missing": missing},
    )


def _reconciliation(audit: _Audit) -> Gate:
    unequal = sum(
        feed.counts["rows_read"] != sum(feed.counts.get(outcome, 0) for outcome in _OUTCOMES)
        for feed in audit.inputs
        if feed.counts
    )
    held = dict(audit.connection.execute("SELECT agency, count(*) FROM person GROUP BY agency").fetchall())
    live = {feed.agency: feed.live_records for feed in audit.inputs if feed.live_records}
    astray = sum(held.get(agency, 0) != live.get(agency, 0) for agency in {*held, *live})
    hidden = audit.count("""
        SELECT count(*) FROM identities WHERE index_id IN (SELECT index_id FROM children WHERE shielded OR withheld)
    """)
    records, linked = audit.count("SELECT count(*) FROM person"), audit.count("SELECT count(*) FROM record_links")
    return Gate(
        "reconciliation",
        unequal + astray == 0 and records == linked + hidden,
        True,
        "Rows read equal accepted, queried, rejected and repeats; live records of each feed equal the records "
        "published or held back under a shield.",
        {
            "deliveries_unequal": unequal,
            "feeds_astray": astray,
            "records": records,
            "records_linked": linked,
            "records_shielded": hidden,
        },
    )


def _one_identity(audit: _Audit) -> Gate:
    wrong = audit.count("""
        SELECT count(*) FROM (SELECT record_key, count(*) AS times FROM person GROUP BY ALL) p
        FULL JOIN (SELECT record_key, count(*) AS times FROM identities GROUP BY ALL) i USING (record_key)
        WHERE p.times IS DISTINCT FROM 1 OR i.times IS DISTINCT FROM 1
    """)
    without = audit.count("""
        SELECT count(*) FROM (SELECT DISTINCT index_id FROM identities) i
        FULL JOIN (SELECT index_id, count(*) AS times FROM children GROUP BY ALL) c USING (index_id)
        WHERE i.index_id IS NULL OR c.times IS DISTINCT FROM 1
    """)
    twice = audit.count("SELECT count(*) - count(DISTINCT record_ref) FROM record_links")
    return Gate(
        "one_identity",
        wrong + without + twice == 0,
        True,
        "Each live record is in exactly one identity, and each identity is exactly one child.",
        {"records_wrong": wrong, "children_wrong": without, "links_twice": twice},
    )


def _shielding(audit: _Audit) -> Gate:
    """Recomputed from the records by a recursive query, then held against every table."""
    audit.connection.execute("""
        CREATE OR REPLACE TEMP TABLE must_hide AS
        WITH RECURSIVE sides AS (
            SELECT ia.index_id AS a, ib.index_id AS b FROM carries c
            JOIN identities ia ON ia.record_key = c.record_key_a JOIN identities ib ON ib.record_key = c.record_key_b
        ),
        reach AS (SELECT a, b FROM sides UNION SELECT b, a FROM sides),
        hidden AS (
            SELECT i.index_id FROM identities i LEFT JOIN person p USING (record_key)
            WHERE coalesce(p.shielded, true)
            UNION
            SELECT i.index_id FROM identities i JOIN decisions d ON d.record_a = i.record_key AND d.kind = 'shield'
            UNION
            SELECT reach.b FROM hidden JOIN reach ON reach.a = hidden.index_id
        )
        SELECT DISTINCT index_id FROM hidden
    """)
    open_children = audit.count("""
        SELECT count(*) FROM children c JOIN must_hide USING (index_id)
        WHERE NOT (c.shielded OR c.withheld) OR c.expected_birth_date IS NOT NULL OR c.address_status IS NOT NULL
    """)
    rows = sum(
        audit.count(f"SELECT count(*) FROM {table} WHERE index_id IN (FROM must_hide)")
        for table in ("addresses", "involvements", "flags", "record_links", "events")
    )
    names = audit.count("""
        SELECT count(*) FILTER (kind <> 'current' OR agency IS NOT NULL OR from_date IS NOT NULL OR to_date IS NOT NULL)
            + count(*) - count(DISTINCT index_id)
        FROM names WHERE index_id IN (FROM must_hide)
    """)
    carers = audit.count("""
        SELECT count(*) FROM carers WHERE index_id IN (FROM must_hide)
            AND (contact IS NOT NULL OR relationship IS NOT NULL OR agency IS NOT NULL)
    """)
    return Gate(
        "shielding",
        open_children + rows + names + carers == 0,
        True,
        "Every child that is shielded, or possibly is a shielded child, shows name, sex, date of birth, index id and "
        "carers' names only.",
        {
            "children_hidden": audit.count("SELECT count(*) FROM must_hide"),
            "children_open": open_children,
            "rows_open": rows,
            "names_open": names,
            "carers_open": carers,
        },
    )


def _sensitive(audit: _Audit) -> Gate:
    told = audit.count("""
        SELECT count(*) FROM involvements WHERE kind = 'sensitive_service' AND coalesce(service, contact, phone, agency,
            start_date::VARCHAR, end_date::VARCHAR) IS NOT NULL
    """)
    unknown = audit.count("""
        SELECT count(*) FROM involvements
        WHERE coalesce(kind, '') NOT IN ('gp_practice', 'school', 'service', 'sensitive_service')
    """)
    return Gate(
        "sensitive_services",
        told + unknown == 0,
        True,
        "Of a sensitive service nothing is shown but that there is one.",
        {
            "sensitive": audit.count("SELECT count(*) FROM involvements WHERE kind = 'sensitive_service'"),
            "told": told,
            "kinds_unknown": unknown,
        },
    )


_OWN_NUMBERS = ("nhs_number", "nhs_number_unverified", "previous_nhs_number", "upn", "upn_unverified", "former_upn")
_NOT_NUMBERS = {"uprn", "phone", "record_ref", "index_id", "redirects_to", "postcode"}


def _identifiers(audit: _Audit) -> Gate:
    """Any word of any text that is a number some agency issued to a child, or a record's own key."""
    columns = {row[0] for row in audit.connection.execute("DESCRIBE person").fetchall()}
    numbers = " UNION ".join(f"SELECT {name} AS number FROM person" for name in _OWN_NUMBERS if name in columns)
    audit.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE issued AS
        SELECT DISTINCT upper(number) AS number FROM ({numbers or "SELECT NULL AS number"}) WHERE number IS NOT NULL
        UNION SELECT upper(record_key) FROM person
    """)
    named = found = 0
    for table in audit.snapshot:
        described = audit.connection.execute(f"DESCRIBE {table}").fetchall()
        named += sum(row[0] in {*_OWN_NUMBERS, "record_key", "key"} for row in described)
        for column in (row[0] for row in described if row[1] == "VARCHAR" and row[0] not in _NOT_NUMBERS):
            found += audit.count(f"""
                WITH texts AS (
                    SELECT DISTINCT upper({column}) AS text FROM {table}
                    WHERE regexp_matches({column}, '[0-9]{{4}}|[A-Za-z_]:')
                ),
                words AS (
                    SELECT text AS word FROM texts UNION
                    SELECT unnest(regexp_extract_all(text, '[A-Z0-9]{{8,}}')) FROM texts UNION
                    SELECT unnest(regexp_extract_all(text, '[A-Z_]+:[^ ,;]+')) FROM texts
                )
                SELECT count(*) FROM words JOIN issued ON word = number
            """)
    return Gate(
        "identifiers_absent",
        named + found == 0,
        True,
        "No number that an agency issued to a child, and no record key, is in any table.",
        {"columns": named, "values": found, "issued": audit.count("SELECT count(*) FROM issued")},
    )


def _volume(audit: _Audit) -> Gate:
    now = audit.count("SELECT count(*) FROM children")
    before = audit.count("SELECT count(*) FROM previous_children") if audit.previous else 0
    lost = before - now
    sound = lost <= 0 or (now > 0 and (lost < before * CHILDREN_LOST or lost <= CHILDREN_LOST_LEAST))
    return Gate(
        "volume",
        sound or bool(audit.override),
        True,
        f"Of the previous version's children fewer than {CHILDREN_LOST:.0%}, or {CHILDREN_LOST_LEAST}, are gone.",
        {"children": now, "children_before": before},
        overridden="" if sound else audit.override,
    )


def _moved(audit: _Audit) -> Gate:
    now = audit.count("SELECT count(*) FROM children")
    merges, splits = (audit.count(f"SELECT count(*) FROM ledger WHERE kind = '{kind}'") for kind in ("merged", "split"))
    limit = max(IDENTITIES_MOVED_LEAST, int(now * IDENTITIES_MOVED))
    sound = not audit.previous or (merges <= limit and splits <= limit)
    return Gate(
        "merges_and_splits",
        sound or bool(audit.override),
        True,
        "No more identities were merged or split than a night should.",
        {"merged": merges, "split": splits, "limit": limit},
        overridden="" if sound else audit.override,
    )


def _redirects(audit: _Audit) -> Gate:
    wrong = audit.count("""
        SELECT count(*) FROM redirects r LEFT JOIN children c ON c.index_id = r.redirects_to
        LEFT JOIN children o ON o.index_id = r.index_id WHERE c.index_id IS NULL OR o.index_id IS NOT NULL
    """)
    twice = audit.count("SELECT count(*) - count(DISTINCT index_id) FROM redirects")
    return Gate(
        "redirects",
        wrong + twice == 0,
        True,
        "Every redirect leads from an id that is no child's to one that is.",
        {"redirects": audit.count("SELECT count(*) FROM redirects"), "wrong": wrong, "twice": twice},
    )


GATES: Mapping[str, Callable[[Any], Gate]] = {
    "table_hashes": _tables,
    "reconciliation": _reconciliation,
    "one_identity": _one_identity,
    "shielding": _shielding,
    "sensitive_services": _sensitive,
    "identifiers_absent": _identifiers,
    "volume": _volume,
    "merges_and_splits": _moved,
    "redirects": _redirects,
}


def _override(decisions: pa.Table) -> str:
    """The reason of an override in force: the environment's, else the latest decision's."""
    reason = os.environ.get("ISINDEX_OVERRIDE", "").strip()
    if reason or "reason" not in decisions.column_names:
        return reason
    given = [row["reason"] for row in decisions.to_pylist() if row["kind"] == "override" and not row.get("undone_at")]
    return str(given[-1]) if given else ""
