"""Gates of integrity: the tables are those that were built, and they fit together.

Belongs here: hashes, identities against records, redirects, the ledger. Not here: counts over the whole way
(`reconciliation`).
"""

from __future__ import annotations

from pipelines.publishing.gates.audit import AUDITED_TABLES
from pipelines.publishing.gates.evidence import Base, Evidence
from pipelines.publishing.gates.gate import Gate
from pipelines.tables import StoredTable, file_sha256

__all__ = ["ledger", "one_identity", "redirects", "table_hashes"]


def table_hashes(evidence: Evidence) -> Gate:
    """Byte for byte what was built, and built on what was published."""
    damaged = sum(not _same(stored, evidence.found.get(name)) for name, stored in evidence.built.items())
    missing = len(set(AUDITED_TABLES) - set(evidence.found))
    altered = _altered(evidence.base) if evidence.base else 0
    return Gate(
        "table_hashes",
        damaged + missing + altered == 0,
        "Every table is there and is, byte for byte, the one that was built; so are those of the version before.",
        {"tables": len(evidence.found), "damaged": damaged, "missing": missing, "altered_since_published": altered},
    )


def one_identity(evidence: Evidence) -> Gate:
    """Records, identities and children against one another."""
    wrong = evidence.count("""
        SELECT count(*) FROM (SELECT record_key, count(*) AS times FROM person GROUP BY ALL) p
        FULL JOIN (SELECT record_key, count(*) AS times FROM identities GROUP BY ALL) i USING (record_key)
        WHERE p.times IS DISTINCT FROM 1 OR i.times IS DISTINCT FROM 1
    """)
    without = evidence.count("""
        SELECT count(*) FROM (SELECT DISTINCT index_id FROM identities) i
        FULL JOIN (SELECT index_id, count(*) AS times FROM children GROUP BY ALL) c USING (index_id)
        WHERE i.index_id IS NULL OR (c.times IS DISTINCT FROM 1 AND (c.times > 1 OR i.index_id NOT IN (FROM nameless)))
    """)
    twice = evidence.count("SELECT count(*) - count(DISTINCT record_ref) FROM record_links")
    return Gate(
        "one_identity",
        wrong + without + twice == 0,
        "Each live record is in exactly one identity, and each identity is exactly one child (or has no name, and none of "
        "it is published, because it lives with a hidden child).",
        {"records_wrong": wrong, "children_wrong": without, "links_twice": twice},
    )


def redirects(evidence: Evidence) -> Gate:
    """Ids that lead to another."""
    wrong = evidence.count("""
        SELECT count(*) FROM redirects r LEFT JOIN children c ON c.index_id = r.redirects_to
        LEFT JOIN children o ON o.index_id = r.index_id WHERE c.index_id IS NULL OR o.index_id IS NOT NULL
    """)
    twice = evidence.count("SELECT count(*) - count(DISTINCT index_id) FROM redirects")
    return Gate(
        "redirects",
        wrong + twice == 0,
        "Every redirect leads from an id that is no child's to one that is.",
        {"redirects": evidence.count("SELECT count(*) FROM redirects"), "wrong": wrong, "twice": twice},
    )


def ledger(evidence: Evidence) -> Gate:
    """The index ids and the night's events, replayed on the identities that the night builds on.

    Events tell of records that came to an identity or went, of ids that are over, of children hidden or open now.
    """
    states = evidence.count("""
        SELECT count(*) FROM (SELECT DISTINCT index_id, true AS held FROM identities) i
        FULL JOIN (SELECT index_id, any_value(state) AS state, count(*) AS times FROM index_ids GROUP BY ALL) g
            USING (index_id)
        WHERE g.times IS DISTINCT FROM 1 OR coalesce(i.held, false) <> (g.state IN ('live', 'frozen'))
    """)
    forgotten = evidence.count("SELECT count(*) FROM base_identities ANTI JOIN index_ids USING (index_id)")
    wrong = evidence.count("""
        WITH came AS (
            SELECT coalesce(wall_ref, record_ref), index_id FROM identities
            EXCEPT SELECT coalesce(wall_ref, record_ref), index_id FROM base_identities
        ),
        went AS (
            SELECT coalesce(wall_ref, record_ref), index_id FROM base_identities
            EXCEPT SELECT coalesce(wall_ref, record_ref), index_id FROM identities
        ),
        told_came AS (
            SELECT record_ref, index_id FROM ledger WHERE kind = 'joined'
            UNION ALL
            SELECT unnest(json_extract_string(evidence, '$.records[*]')), index_id FROM ledger
            WHERE kind IN ('minted', 'restored')
        ),
        told_went AS (SELECT record_ref, index_id FROM ledger WHERE kind = 'left'),
        seen AS (  -- who has no row in children is not hidden
            SELECT index_id, coalesce(shielded, false) AS shielded, coalesce(withheld, false) AS withheld
            FROM (SELECT DISTINCT index_id FROM identities) LEFT JOIN children USING (index_id)
        ),
        happened AS (
            SELECT 'came' AS what, * FROM came UNION ALL SELECT 'went', * FROM went
            UNION ALL SELECT DISTINCT 'over', NULL, index_id FROM base_identities ANTI JOIN identities USING (index_id)
            UNION ALL SELECT if(s.shielded OR s.withheld, 'hidden', 'open'), NULL, index_id
            FROM seen s LEFT JOIN base_children b USING (index_id)
            WHERE (s.shielded, s.withheld) IS DISTINCT FROM (coalesce(b.shielded, false), coalesce(b.withheld, false))
        ),
        told AS (
            SELECT 'came' AS what, * FROM told_came UNION ALL SELECT 'went', * FROM told_went
            UNION ALL
            SELECT CASE kind WHEN 'shielded' THEN 'hidden' WHEN 'unshielded' THEN 'open' ELSE 'over' END, NULL, index_id
            FROM ledger WHERE kind IN ('merged', 'ended', 'shielded', 'unshielded')
        )
        SELECT (SELECT count(*) FROM (FROM happened EXCEPT ALL FROM told))
            + (SELECT count(*) FROM (FROM told EXCEPT ALL FROM happened))
    """)
    return Gate(
        "ledger",
        states + forgotten + wrong == 0,
        "Every index id ever given is known with its state, and the night's events lead from the identities before to "
        "those of tonight.",
        {
            "index_ids": evidence.count("SELECT count(*) FROM index_ids"),
            "states_wrong": states,
            "forgotten": forgotten,
            "events_wrong": wrong,
        },
    )


def _same(built: StoredTable, found: StoredTable | None) -> bool:
    return found is not None and (built.sha256, built.schema, built.rows) == (found.sha256, found.schema, found.rows)


def _altered(base: Base) -> int:
    """Tables of the version before that are not as its manifest says; every comparison with them would be worthless."""
    promised = {
        base.children: base.manifest["shown"]["children"],
        base.identities: base.manifest["ledger"]["identities"]["sha256"],
    }
    return sum(file_sha256(path) != sha256 for path, sha256 in promised.items())
