"""The gate of reconciliation: what was delivered is in the index or accounted for, at every step of the way.

Belongs here: counts from the delivery to the snapshot. Not here: whether the counts are usual (`volume`).
"""

from __future__ import annotations

from pipelines.contracts import contract_for, registered_agencies
from pipelines.publishing.feed_input import FeedInput
from pipelines.publishing.gates.evidence import Evidence
from pipelines.publishing.gates.gate import Gate

__all__ = ["reconciliation"]

_OUTCOMES = ("accepted", "queried", "rejected", "repeats")


def reconciliation(evidence: Evidence) -> Gate:
    """Delivered → read → judged → live → in an identity → published or hidden."""
    unequal = sum(not _adds_up(feed) for feed in evidence.inputs if feed.counts)
    held = evidence.counts("SELECT agency, count(*) FROM person GROUP BY agency")
    links = {
        each.agency for each in registered_agencies() if contract_for(each.agency).claims
    }  # of which nobody has a record
    live = {feed.agency: 0 if feed.agency in links else feed.live_records for feed in evidence.inputs}
    astray = sum(held.get(agency, 0) != live.get(agency, 0) for agency in {*held, *live})
    records, linked = evidence.count("SELECT count(*) FROM person"), evidence.count("SELECT count(*) FROM record_links")
    hidden = evidence.count("""
        SELECT count(*) FROM identities WHERE index_id IN (SELECT index_id FROM children WHERE shielded OR withheld)
    """)
    unnamed = evidence.count("""
        SELECT count(*) FROM identities ANTI JOIN children USING (index_id) SEMI JOIN nameless USING (index_id)
    """)
    misled = evidence.count("""
        SELECT count(*) FROM record_links l
        ANTI JOIN identities i ON i.index_id = l.index_id AND coalesce(i.wall_ref, i.record_ref) = l.record_ref
    """)
    totals = {name: sum(feed.counts.get(name, 0) for feed in evidence.inputs) for name in ("rows_read", *_OUTCOMES)}
    return Gate(
        "reconciliation",
        unequal + astray + misled == 0 and records == linked + hidden + unnamed,
        "Rows read equal accepted, queried, rejected and repeats; live records of each feed equal the records "
        "published or held back under a shield, or without a name at a hidden child's home.",
        {
            **totals,
            "deliveries_unequal": unequal,
            "feeds_astray": astray,
            "records": records,
            "records_linked": linked,
            "records_shielded": hidden,
            "records_nameless": unnamed,
            "links_misled": misled,
        },
    )


def _adds_up(feed: FeedInput) -> bool:
    """Whether every row of the manifest was read or is known to be lost, and every row read has one outcome."""
    counts = feed.counts
    delivered = counts["rows_read"] + counts.get("lost", 0)
    return counts.get("rows_in_manifest", delivered) == delivered and counts["rows_read"] == sum(
        counts.get(outcome, 0) for outcome in _OUTCOMES
    )
