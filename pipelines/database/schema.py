"""Every table of the relational database, grouped as the data flows.

Whose it is: `home`. Register: `delivery`, `feed_night`, `waiver`, `accreditation`, `landing_seen`, `protection_request`. Nights: `attempt`. Rejects: `reject`. Identities: `identity`,
`ledger_event`, `decision`, `reorganisation`, `inherited_id`. Audit: `audit_entry`, `audit`. Published: `night`, `snapshot_version` and the index (`child`, `child_name`,
`child_address`, `carer`, `involvement`, `flag`, `record_link`, `redirect`, `index_event`). Days are ISO dates, times
aware UTC in ISO text, so that both databases hold the same characters. Lengths are those of `columns`: ids and closed
sets have their own, free text has none.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, Date, Index, Integer, String, Table, Text

from pipelines.database.columns import columns_of, one_of
from pipelines.database.engine import metadata
from pipelines.seams import Seam, words
from pipelines.seams.deliveries import FAULTS
from pipelines.seams.identities import INDEX_IDS
from pipelines.seams.snapshot import SNAPSHOT_TABLES

__all__ = [
    "INDEX_TABLES",
    "accreditation",
    "attempt",
    "audit",
    "audit_entry",
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
    "inherited_id",
    "involvement",
    "landing_seen",
    "ledger_event",
    "night",
    "protection_request",
    "record_link",
    "redirect",
    "reject",
    "reorganisation",
    "snapshot_version",
    "waiver",
]

# ---- whose database this is --------------------------------------------------------------------------------------
home = Table(  # one row: a database belongs to one home for good
    "home",
    metadata,
    Column("row", Integer, CheckConstraint('"row" = 1', name="one_row"), primary_key=True, autoincrement=False),
    Column("home_id", String(words.REF), nullable=False),
)

# ---- register: what came, when, in what state -------------------------------------------------------------------
delivery = Table(
    "delivery",
    metadata,
    # authority/agency/business_date/sequence-manifest hash: the same delivery has the same id everywhere
    Column("delivery_id", String(words.DELIVERY_ID), primary_key=True),
    Column("authority", String(words.AUTHORITY), nullable=False),
    Column("agency", String(words.AGENCY), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("sequence", Integer),
    Column("mode", one_of(words.MODES)),
    Column("contract", String(words.CONTRACT)),
    Column("supplier", Text),
    Column("created_at", String(words.MOMENT)),
    Column("received_at", String(words.MOMENT), nullable=False),
    Column("manifest_sha256", String(words.SHA256), nullable=False),
    Column(
        "content_sha256", String(words.SHA256)
    ),  # over the files' own hashes: equal bytes under another sequence are seen
    Column("state", one_of(words.DELIVERY_STATES), nullable=False),
    Column("late", Boolean, nullable=False, default=False),
    Column("codes", JSON, nullable=False),  # file codes, each {code, file, message, remedy}
    Column("counts", JSON, nullable=False),  # rows_in_manifest, rows_read, accepted, queried, rejected, repeats, lost
    Column("rules", JSON, nullable=False),  # rule code → number of records
    Column("cleaned", JSON),  # path of a column → texts that were cleaned there
    Column("measures", JSON),  # of one that was tested, which no night measures
    Column("stored_at", Text),  # folder relative to the home, None when nothing was kept
    Column("superseded_by", String(words.DELIVERY_ID)),
)
Index("ix_delivery_feed", delivery.c.authority, delivery.c.agency, delivery.c.business_date)

feed_night = Table(  # what each expected feed contributed to a night: the overview's rows
    "feed_night",
    metadata,
    Column("authority", String(words.AUTHORITY), primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("agency", String(words.AGENCY), primary_key=True),
    Column("state", one_of(words.FEED_STATES), nullable=False),  # the delivery's state, or expected: none came
    Column("delivery_id", String(words.DELIVERY_ID)),
    Column("as_of", Date),  # the business date the feed's records really describe; earlier than the night: stale
    Column("live_records", Integer),
    Column("measures", JSON, nullable=False),  # the night's measures of the feed, for drift and reports
)

waiver = Table(  # sequences that will never come, by decision
    "waiver",
    metadata,
    Column("authority", String(words.AUTHORITY), primary_key=True),
    Column("agency", String(words.AGENCY), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", String(words.MOMENT), nullable=False),
)

accreditation = Table(  # append-only: a feed's standing is that of its latest act
    "accreditation",
    metadata,
    Column("act_id", Integer, primary_key=True, autoincrement=True),
    Column("authority", String(words.AUTHORITY), nullable=False),
    Column("agency", String(words.AGENCY), nullable=False),
    Column("act", one_of(words.ACCREDITATION_ACTS), nullable=False),
    Column("standing", one_of(words.FEED_STANDINGS), nullable=False),  # after it
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("checklist", JSON),  # of one that grants: what was measured, night by night
    Column("despite", JSON, nullable=False),  # the requirements that did not hold when it was granted all the same
    Column("decided_at", String(words.MOMENT), nullable=False),
)
Index("ix_accreditation_feed", accreditation.c.authority, accreditation.c.agency)

landing_seen = Table(  # what lies in the landing place: a row per folder whose manifest was read
    "landing_seen",
    metadata,
    Column("landing", String(words.REF), primary_key=True),  # digest of the landing place's address
    Column("place", String(words.PLACE), primary_key=True),  # authority/agency/business date
    Column("authority", String(words.AUTHORITY), nullable=False),
    Column(
        "signature", String(words.SHA256), nullable=False
    ),  # of its files' names, sizes and times; empty: not to be told yet
    Column("delivery_id", String(words.DELIVERY_ID), nullable=False),
    Column("decided", Boolean, nullable=False),  # in this state the register has the last word on it
)

protection_request = Table(  # deliveries with records that ask to be protected, whatever became of the delivery
    "protection_request",
    metadata,
    Column("delivery_id", String(words.DELIVERY_ID), primary_key=True),
    Column("authority", String(words.AUTHORITY), nullable=False),
    Column("agency", String(words.AGENCY), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("records", Integer, nullable=False),
    Column(
        "content_sha256", String(words.SHA256), nullable=False
    ),  # of what they ask for, in the home's folder protection
    Column(
        "told", Integer, nullable=False, server_default="0"
    ),  # counts on: what is told later has a greater one, whatever its business date
)
Index("ix_protection_request_authority", protection_request.c.authority, protection_request.c.business_date)

# ---- nights: every run of one, and what became of it ------------------------------------------------------------
attempt = Table(
    "attempt",
    metadata,
    Column("attempt_id", Integer, primary_key=True, autoincrement=True),
    Column("authority", String(words.AUTHORITY), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("digest", String(words.SHA256), nullable=False),  # of the frozen inputs; empty: it failed before they were
    Column(
        "data_digest", String(words.SHA256), nullable=False
    ),  # of the data among them; also of what one would have had
    Column("state", one_of(words.ATTEMPT_STATES), nullable=False),  # retired: its tables are gone
    Column(
        "stage", Text, nullable=False
    ),  # where it failed; "reports" while the pages of one that ended are to be written
    Column("code", Text, nullable=False),  # of the error
    Column("version", String(words.VERSION)),
    Column("why", JSON, nullable=False),  # why it was run, sentences
    Column("reasons", JSON, nullable=False),  # why it was held or failed, sentences
    Column(
        "gates", JSON, nullable=False
    ),  # {name, description, passed, overridden: the reason, found: of one that was let pass}
    Column("figures", JSON, nullable=False),  # loaded, queried, rejected, matched by step, published
    Column("started_by", Text, nullable=False),
    Column("started_at", String(words.MOMENT), nullable=False),
    Column("finished_at", String(words.MOMENT)),
)
Index("ix_attempt_night", attempt.c.authority, attempt.c.business_date)

# ---- rejects: the life of a broken rule on a record --------------------------------------------------------------
reject = Table(
    "reject",
    metadata,
    Column("reject_id", String(words.REF), primary_key=True),  # stable: same fault on the same record, same id
    Column("authority", String(words.AUTHORITY), nullable=False),
    *columns_of(FAULTS, without=("reject_id",)),
)
Index("ix_reject_feed", reject.c.authority, reject.c.agency, reject.c.state)

# ---- identities ---------------------------------------------------------------------------------------------------
identity = Table(
    "identity",
    metadata,
    Column("authority", String(words.AUTHORITY), primary_key=True),
    Column("index_id", String(words.INDEX_ID), primary_key=True),
    *columns_of(INDEX_IDS, without=("index_id", "since")),
)

ledger_event = Table(  # append-only
    "ledger_event",
    metadata,
    Column("event_id", String(words.REF), primary_key=True),
    Column("authority", String(words.AUTHORITY), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("version", String(words.VERSION), nullable=False),  # the snapshot version it was published in
    Column("kind", one_of(words.EVENT_KINDS), nullable=False),
    Column("index_id", String(words.INDEX_ID), nullable=False),
    Column("other_id", String(words.INDEX_ID)),
    Column("record_ref", String(words.REF)),
    Column("evidence", JSON, nullable=False),
)
Index("ix_ledger_event_index_id", ledger_event.c.authority, ledger_event.c.index_id)

decision = Table(
    "decision",
    metadata,
    Column("decision_id", Integer, primary_key=True, autoincrement=True),
    Column("authority", String(words.AUTHORITY), nullable=False),
    Column("kind", one_of(words.DECISION_KINDS), nullable=False),
    Column("record_a", Text),
    Column("record_b", Text),
    Column("subject", Text),  # the gate that an override lets pass, the version that is held back from pruning
    Column("from_night", Date),  # the first night it counts for; none: it counts for all
    Column("until_night", Date),  # the first night it does not count for any more
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", String(words.MOMENT), nullable=False),
    Column("undone_at", String(words.MOMENT)),
    Column(
        "told", Integer
    ),  # the greatest of what had been told (`protection_request`) when it was proposed, or confirmed
    Column(
        "known_by", JSON
    ),  # digests of numbers, and of names with birth date: of one to open a child those of its record; of two children those of both
    Column("matter", String(words.SHA256)),  # digest of what it settles; none: others may stand beside it
)
Index(  # two that stand cannot settle one matter: they would contradict each other, or say the same twice
    "ix_decision_matter",
    decision.c.authority,
    decision.c.matter,
    unique=True,
    sqlite_where=decision.c.undone_at.is_(None),
    postgresql_where=decision.c.undone_at.is_(None),
)

reorganisation = Table(  # append-only: which authority took over which; a successor is founded on what these knew
    "reorganisation",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("predecessor", String(words.AUTHORITY), nullable=False),
    Column("successor", String(words.AUTHORITY), nullable=False),
    Column("closed", Date, nullable=False),  # the predecessor's last day
    Column("founded", String(words.SHA256), nullable=False),  # names what the successor is founded on
    Column(
        "told", Integer, nullable=False
    ),  # how far the predecessor's wishes were counted: the successor's go on from there
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", String(words.MOMENT), nullable=False),
)
Index("ix_reorganisation_pair", reorganisation.c.predecessor, reorganisation.c.successor, unique=True)

inherited_id = Table(  # of ids that several successors were founded on: which of them came to know the child first
    "inherited_id",
    metadata,
    Column("index_id", String(words.INDEX_ID), primary_key=True),
    Column("authority", String(words.AUTHORITY), nullable=False),
)

# ---- audit: every read of personal data through the product, and every decision -----------------------------------
audit_entry = Table(  # append-only, a chain
    "audit_entry",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(words.MOMENT), nullable=False),
    Column("actor", Text, nullable=False),  # as the person says
    Column("account", Text, nullable=False),  # the user of the machine
    Column("action", Text, nullable=False),
    Column("authority", Text),  # as it was asked for
    Column("subject", Text),  # index ids, references, the number of a decision; never a name
    Column("why", Text, nullable=False),
    Column("previous", String(words.SHA256), nullable=False),
    Column("hash", String(words.SHA256), nullable=False),
)

audit = Table(  # what was audited before there was a chain; nothing is added any more
    "audit",
    metadata,
    Column("audit_id", Integer, primary_key=True, autoincrement=True),
    Column("at", String(words.MOMENT), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("authority", Text),  # as it was asked for
    Column("index_id", String(words.INDEX_ID)),
    Column("why", Text),
)

# ---- published ----------------------------------------------------------------------------------------------------
night = Table(
    "night",
    metadata,
    Column("authority", String(words.AUTHORITY), primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("state", one_of(words.NIGHT_STATES), nullable=False),  # published: what is held or failed is an attempt
    Column("version", String(words.VERSION)),
    Column("figures", JSON, nullable=False),  # control totals of the version
    Column("finished_at", String(words.MOMENT), nullable=False),
)

snapshot_version = Table(
    "snapshot_version",
    metadata,
    Column("authority", String(words.AUTHORITY), primary_key=True),
    Column("version", String(words.VERSION), primary_key=True),
    Column("shown", String(words.VERSION_SHOWN), nullable=False),  # the name it was last shown under
    Column("business_date", Date, nullable=False),
    Column("previous", String(words.VERSION)),
    Column("content_sha256", String(words.SHA256), nullable=False),
    Column("published_at", String(words.MOMENT), nullable=False),
    Column("current", Boolean, nullable=False),
)


def _index_table(name: str, seam: Seam) -> Table:
    """A table of the index: rows belong to an authority and an index id; a row number keeps them apart."""
    return Table(
        name,
        metadata,
        Column("authority", String(words.AUTHORITY), primary_key=True),
        Column("index_id", String(words.INDEX_ID), primary_key=True),
        Column("row", Integer, primary_key=True, default=0),
        *columns_of(seam, without=("index_id",)),
        sqlite_with_rowid=False,  # the key is the order on disk: half the size and twice the pace
    )


INDEX_TABLES = {
    name: _index_table(title, SNAPSHOT_TABLES[name])
    for name, title in {
        "children": "child",
        "names": "child_name",
        "addresses": "child_address",
        "carers": "carer",
        "involvements": "involvement",
        "flags": "flag",
        "record_links": "record_link",
        "redirects": "redirect",
        "events": "index_event",
    }.items()
}
child, child_name, child_address, carer, involvement, flag, record_link, redirect, index_event = INDEX_TABLES.values()
