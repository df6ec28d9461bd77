"""Every table of the relational database, grouped as the data flows.

Whose it is: `home`. Register: `delivery`, `feed_night`, `waiver`, `landing_seen`. Nights: `attempt`. Rejects: `reject`. Identities: `identity`,
`ledger_event`, `decision`, `audit`. Published: `night`, `snapshot_version` and the index (`child`, `child_name`,
`child_address`, `carer`, `involvement`, `flag`, `record_link`, `redirect`, `index_event`). Days are ISO dates, times
aware UTC in ISO text, so that both databases hold the same characters.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, Date, Float, Index, Integer, String, Table, Text

from pipelines.database.engine import metadata

__all__ = [
    "INDEX_TABLES",
    "attempt",
    "audit",
    "carer",
    "child",
    "child_address",
    "child_name",
    "decision",
    "delivery",
    "feed_night",
    "flag",
    "home",
    "identity",
    "index_event",
    "involvement",
    "landing_seen",
    "ledger_event",
    "night",
    "record_link",
    "redirect",
    "reject",
    "snapshot_version",
    "waiver",
]

# ---- whose database this is --------------------------------------------------------------------------------------
home = Table(  # one row: a database belongs to one home for good
    "home",
    metadata,
    Column("row", Integer, CheckConstraint('"row" = 1', name="one_row"), primary_key=True, autoincrement=False),
    Column("home_id", String(32), nullable=False),
)

# ---- register: what came, when, in what state -------------------------------------------------------------------
delivery = Table(
    "delivery",
    metadata,
    # authority/agency/business_date/sequence-manifest hash: the same delivery has the same id everywhere
    Column("delivery_id", String(120), primary_key=True),
    Column("authority", String(3), nullable=False),
    Column("agency", String(40), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("sequence", Integer),
    Column("mode", String(5)),
    Column("contract", String(60)),
    Column("supplier", String(200)),
    Column("created_at", String(32)),
    Column("received_at", String(32), nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("content_sha256", String(64)),  # over the files' own hashes: equal bytes under another sequence are seen
    # received, verified, loaded, partly_loaded, held, refused, superseded, waived
    Column("state", String(20), nullable=False),
    Column("late", Boolean, nullable=False, default=False),
    Column("codes", JSON, nullable=False),  # file codes, each {code, file, message, remedy}
    Column("counts", JSON, nullable=False),  # rows_in_manifest, rows_read, accepted, queried, rejected, repeats, lost
    Column("rules", JSON, nullable=False),  # rule code → number of records
    Column("stored_at", String(300)),  # folder relative to the home, None when nothing was kept
    Column("superseded_by", String(120)),
)
Index("ix_delivery_feed", delivery.c.authority, delivery.c.agency, delivery.c.business_date)

feed_night = Table(  # what each expected feed contributed to a night: the overview's rows
    "feed_night",
    metadata,
    Column("authority", String(3), primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("agency", String(40), primary_key=True),
    Column("state", String(20), nullable=False),  # the delivery's state, or expected, late, missing
    Column("delivery_id", String(120)),
    Column("as_of", Date),  # the business date the feed's records really describe; earlier than the night: stale
    Column("live_records", Integer),
    Column("measures", JSON, nullable=False),  # the night's measures of the feed, for drift and reports
)

waiver = Table(  # sequences that will never come, by decision
    "waiver",
    metadata,
    Column("authority", String(3), primary_key=True),
    Column("agency", String(40), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("actor", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", String(32), nullable=False),
)

landing_seen = Table(  # what lies in the landing place: a row per folder whose manifest was read
    "landing_seen",
    metadata,
    Column("landing", String(32), primary_key=True),  # digest of the landing place's address
    Column("place", String(60), primary_key=True),  # authority/agency/business date
    Column("authority", String(3), nullable=False),
    Column("signature", String(64), nullable=False),  # of its files' names, sizes and times; empty: not to be told yet
    Column("delivery_id", String(120), nullable=False),
    Column("decided", Boolean, nullable=False),  # in this state the register has the last word on it
)

# ---- nights: every run of one, and what became of it ------------------------------------------------------------
attempt = Table(
    "attempt",
    metadata,
    Column("attempt_id", Integer, primary_key=True, autoincrement=True),
    Column("authority", String(3), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("digest", String(64), nullable=False),  # of the frozen inputs; empty: it failed before they were
    Column("data_digest", String(64), nullable=False),  # of the data among them
    Column("state", String(10), nullable=False),  # running, published, held, failed; retired: its tables are gone
    Column("stage", String(60), nullable=False),  # where it failed
    Column("code", String(40), nullable=False),  # of the error
    Column("version", String(80)),
    Column("why", JSON, nullable=False),  # why it was run, sentences
    Column("reasons", JSON, nullable=False),  # why it was held or failed, sentences
    Column("gates", JSON, nullable=False),  # {name, description, passed, blocking, overridden}
    Column("figures", JSON, nullable=False),  # loaded, queried, rejected, matched by step, published
    Column("started_by", String(120), nullable=False),
    Column("started_at", String(32), nullable=False),
    Column("finished_at", String(32)),
)
Index("ix_attempt_night", attempt.c.authority, attempt.c.business_date)

# ---- rejects: the life of a broken rule on a record --------------------------------------------------------------
reject = Table(
    "reject",
    metadata,
    Column("reject_id", String(32), primary_key=True),  # stable: same fault on the same record, same id
    Column("authority", String(3), nullable=False),
    Column("agency", String(40), nullable=False),
    Column("rule", String(60), nullable=False),
    Column("outcome", String(10), nullable=False),  # rejected or queried
    Column("field", String(100), nullable=False),
    Column("first_night", Date, nullable=False),
    Column("last_night", Date, nullable=False),
    Column("state", String(10), nullable=False),  # open, corrected, expired
    Column("closed_night", Date),
)
Index("ix_reject_feed", reject.c.authority, reject.c.agency, reject.c.state)

# ---- identities ---------------------------------------------------------------------------------------------------
identity = Table(
    "identity",
    metadata,
    Column("authority", String(3), primary_key=True),
    Column("index_id", String(20), primary_key=True),
    Column("state", String(10), nullable=False),  # live, frozen, merged, archived, ended
    Column("minted_night", Date, nullable=False),
    Column("redirects_to", String(20)),
)

ledger_event = Table(  # append-only
    "ledger_event",
    metadata,
    Column("event_id", String(32), primary_key=True),
    Column("authority", String(3), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("version", String(80), nullable=False),  # the snapshot version it was published in
    # minted, joined, left, merged, split, restored, frozen, shielded, unshielded, ended
    Column("kind", String(12), nullable=False),
    Column("index_id", String(20), nullable=False),
    Column("other_id", String(20)),
    Column("record_ref", String(32)),
    Column("evidence", JSON, nullable=False),
)
Index("ix_ledger_event_index_id", ledger_event.c.authority, ledger_event.c.index_id)

decision = Table(
    "decision",
    metadata,
    Column("decision_id", Integer, primary_key=True, autoincrement=True),
    Column("authority", String(3), nullable=False),
    Column("kind", String(16), nullable=False),  # same, not_the_same, override, hold
    Column("record_a", Text),
    Column("record_b", Text),
    Column("subject", String(80)),  # the gate that an override lets pass, the version that is held back from pruning
    Column("from_night", Date),  # the first night it counts for; none: it counts for all
    Column("until_night", Date),  # the first night it does not count for any more
    Column("actor", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", String(32), nullable=False),
    Column("undone_at", String(32)),
)

audit = Table(  # every read of personal data through the product
    "audit",
    metadata,
    Column("audit_id", Integer, primary_key=True, autoincrement=True),
    Column("at", String(32), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("action", String(40), nullable=False),
    Column("authority", String(3)),
    Column("index_id", String(20)),
    Column("why", Text),
)

# ---- published ----------------------------------------------------------------------------------------------------
night = Table(
    "night",
    metadata,
    Column("authority", String(3), primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("state", String(12), nullable=False),  # published: what is held or failed is an attempt
    Column("version", String(80)),
    Column("figures", JSON, nullable=False),  # control totals of the version
    Column("finished_at", String(32), nullable=False),
)

snapshot_version = Table(
    "snapshot_version",
    metadata,
    Column("authority", String(3), primary_key=True),
    Column("version", String(80), primary_key=True),
    Column("business_date", Date, nullable=False),
    Column("previous", String(80)),
    Column("content_sha256", String(64), nullable=False),
    Column("published_at", String(32), nullable=False),
    Column("current", Boolean, nullable=False),
)


def _index_table(name: str, *columns: Column) -> Table:  # type: ignore[type-arg]
    """A table of the index: rows belong to an authority and an index id; a row number keeps them apart."""
    return Table(
        name,
        metadata,
        Column("authority", String(3), primary_key=True),
        Column("index_id", String(20), primary_key=True),
        Column("row", Integer, primary_key=True, default=0),
        *columns,
        sqlite_with_rowid=False,  # the key is the order on disk: half the size and twice the pace
    )


child = _index_table(
    "child",
    Column("family_name", Text),
    Column("given_names", Text),
    Column("sex", String(1)),
    Column("birth_date", Date),
    Column("expected_birth_date", Date),
    Column("address_status", String(24)),
    Column("shielded", Boolean, nullable=False),
    Column("withheld", Boolean, nullable=False),  # possibly a shielded child: shown as one until settled
    Column("state", String(10), nullable=False),
)
child_name = _index_table(
    "child_name",
    Column("kind", String(10), nullable=False),  # current, former, alias
    Column("family_name", Text),
    Column("given_names", Text),
    Column("from_date", Date),
    Column("to_date", Date),
    Column("agency", String(40)),  # none where the child is shielded or withheld
)
child_address = _index_table(
    "child_address",
    Column("address", Text),
    Column("postcode", String(8)),
    Column("uprn", String(12)),
    Column("status", String(24)),
    Column("from_date", Date),
    Column("agency", String(40), nullable=False),
)
carer = _index_table(
    "carer",
    Column("name", Text),
    Column("relationship", Text),
    Column("contact", Text),
    Column("agency", String(40)),  # none where the child is shielded or withheld
)
involvement = _index_table(
    "involvement",
    Column("kind", String(16), nullable=False),  # gp_practice, school, service, sensitive_service
    Column("service", Text),
    Column("contact", Text),
    Column("phone", Text),
    Column("start_date", Date),
    Column("end_date", Date),
    Column("agency", String(40)),
)
flag = _index_table("flag", Column("flag", String(24), nullable=False), Column("agency", String(40), nullable=False))
record_link = _index_table(
    "record_link",
    Column("agency", String(40), nullable=False),
    Column("record_ref", String(32), nullable=False),
    Column("delivery_id", String(120), nullable=False),
    Column("position", Integer),
    Column("step", String(24), nullable=False),
    Column("weight", Float),
    Column("reason", Text),
)
redirect = _index_table("redirect", Column("redirects_to", String(20), nullable=False), Column("since", Date))
index_event = _index_table(
    "index_event", Column("business_date", Date), Column("kind", String(12)), Column("words", Text)
)

INDEX_TABLES = {
    "children": child,
    "names": child_name,
    "addresses": child_address,
    "carers": carer,
    "involvements": involvement,
    "flags": flag,
    "record_links": record_link,
    "redirects": redirect,
    "events": index_event,
}
