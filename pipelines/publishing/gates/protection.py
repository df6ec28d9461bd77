"""Gates of protection: who and what may not be seen is in no table.

Belongs here: shielding, sensitive services, numbers that agencies issued; each worked out again from the records, in code
of its own. Not here: the rules as they are applied (`pipelines.protection`, `publishing.snapshot`).
"""

from __future__ import annotations

from pipelines.protection.shielding import carries_shielding
from pipelines.publishing.gates.evidence import Evidence
from pipelines.publishing.gates.gate import Gate
from pipelines.publishing.snapshot import SNAPSHOT_TABLES

__all__ = ["identifiers_absent", "sensitive_services", "shielding"]

_OWN_NUMBERS = ("nhs_number", "nhs_number_unverified", "previous_nhs_number", "upn", "upn_unverified", "former_upn")
_NOT_NUMBERS = {"uprn", "phone", "record_ref", "index_id", "redirects_to", "postcode"}


def shielding(evidence: Evidence) -> Gate:
    """Recomputed from the records by a recursive query, then held against every table."""
    evidence.connection.register("carries", carries_shielding(evidence.possible, evidence.decisions))
    evidence.connection.execute("""
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
    open_children = evidence.count("""
        SELECT count(*) FROM children c JOIN must_hide USING (index_id)
        WHERE NOT (c.shielded OR c.withheld) OR c.expected_birth_date IS NOT NULL OR c.address_status IS NOT NULL
    """)
    rows = sum(
        evidence.count(f"SELECT count(*) FROM {table} WHERE index_id IN (FROM must_hide)")
        for table in ("addresses", "involvements", "flags", "record_links", "events")
    )
    names = evidence.count("""
        SELECT count(*) FILTER (kind <> 'current' OR agency IS NOT NULL OR from_date IS NOT NULL OR to_date IS NOT NULL)
            + count(*) - count(DISTINCT index_id)
        FROM names WHERE index_id IN (FROM must_hide)
    """)
    carers = evidence.count("""
        SELECT count(*) FROM carers WHERE index_id IN (FROM must_hide)
            AND (contact IS NOT NULL OR relationship IS NOT NULL OR agency IS NOT NULL)
    """)
    return Gate(
        "shielding",
        open_children + rows + names + carers == 0,
        "Every child that is shielded, or possibly is a shielded child, shows name, sex, date of birth, index id and "
        "carers' names only.",
        {
            "children_hidden": evidence.count("SELECT count(*) FROM must_hide"),
            "children_open": open_children,
            "rows_open": rows,
            "names_open": names,
            "carers_open": carers,
        },
    )


def sensitive_services(evidence: Evidence) -> Gate:
    """Involvements whose service may not be named."""
    told = evidence.count("""
        SELECT count(*) FROM involvements WHERE kind = 'sensitive_service' AND coalesce(service, contact, phone, agency,
            start_date::VARCHAR, end_date::VARCHAR) IS NOT NULL
    """)
    unknown = evidence.count("""
        SELECT count(*) FROM involvements
        WHERE coalesce(kind, '') NOT IN ('gp_practice', 'school', 'service', 'sensitive_service')
    """)
    return Gate(
        "sensitive_services",
        told + unknown == 0,
        "Of a sensitive service nothing is shown but that there is one.",
        {
            "sensitive": evidence.count("SELECT count(*) FROM involvements WHERE kind = 'sensitive_service'"),
            "told": told,
            "kinds_unknown": unknown,
        },
    )


def identifiers_absent(evidence: Evidence) -> Gate:
    """Any word of any text that is a number some agency issued to a child, or a record's own key."""
    columns = {row[0] for row in evidence.connection.execute("DESCRIBE person").fetchall()}
    numbers = " UNION ".join(f"SELECT {name} AS number FROM person" for name in _OWN_NUMBERS if name in columns)
    evidence.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE issued AS
        SELECT DISTINCT upper(number) AS number FROM ({numbers or "SELECT NULL AS number"}) WHERE number IS NOT NULL
        UNION SELECT upper(record_key) FROM person
    """)
    named = found = 0
    for table in (*SNAPSHOT_TABLES, "index_ids", "ledger"):
        described = evidence.connection.execute(f"DESCRIBE {table}").fetchall()
        named += sum(row[0] in {*_OWN_NUMBERS, "record_key", "key"} for row in described)
        for column in (row[0] for row in described if row[1] == "VARCHAR" and row[0] not in _NOT_NUMBERS):
            found += evidence.count(f"""
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
        "No number that an agency issued to a child, and no record key, is in any table that is published.",
        {"columns": named, "values": found, "issued": evidence.count("SELECT count(*) FROM issued")},
    )
