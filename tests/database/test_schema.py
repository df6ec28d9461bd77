"""Columns are as wide as what is written to them, and the migrations lead to the tables that the code has."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import String, Text

from pipelines.contracts import authorities
from pipelines.database import metadata, schema
from pipelines.deliveries.manifest import delivery_id
from pipelines.identities.mint import mint
from pipelines.privacy.secret import keyed_digests
from pipelines.seams import words

DAY = date(2026, 11, 20)
SHA256 = hashlib.sha256(b"").hexdigest()
DELIVERY = (delivery_id("330", "a" * 40, DAY, 2**31 - 1, SHA256),)
VERSION = (f"v={DAY}T{datetime.max.replace(tzinfo=UTC):%Y%m%dT%H%M%SZ}-{SHA256[:12]}",)
MOMENT = (datetime.max.replace(tzinfo=UTC).isoformat(),)
INDEX_ID = tuple(mint(pa.array(["health:1"]), pa.array([], pa.string()), "330").to_pylist())
REF = tuple(keyed_digests(pa.array(["health:1"]), "record").to_pylist())
KINDS_OF_EVENTS, DIGEST = words.EVENT_KINDS, (SHA256,)

# what is written to a column with a length: by table and column, or by the column's name alone
WRITTEN = {
    "authority": tuple(authorities.on(DAY)), "predecessor": tuple(authorities.closed()), "successor": tuple(authorities.on(DAY)), "founded": DIGEST,
    "agency": ("a" * 40,),
    "index_id": INDEX_ID, "redirects_to": INDEX_ID, "other_id": INDEX_ID,
    "record_ref": REF, "reject_id": REF, "event_id": (hashlib.md5(b"").hexdigest(),),
    "delivery_id": DELIVERY, "superseded_by": DELIVERY, "contract": ("a" * 40 + "/999999",),
    "version": VERSION, "previous": VERSION, "shown": (f"{VERSION[0]}-less-{'0' * 8}",),
    "manifest_sha256": DIGEST, "content_sha256": DIGEST, "matter": DIGEST,
    "created_at": MOMENT, "received_at": MOMENT, "decided_at": MOMENT, "undone_at": MOMENT, "published_at": MOMENT,
    "finished_at": MOMENT, "at": MOMENT,
    "home_id": (REF[0],),
    "mode": words.MODES, "sex": words.SEXES, "step": words.STEPS, "flag": words.FLAGS,
    "address_status": words.ADDRESS_STATUSES, "status": words.ADDRESS_STATUSES, "outcome": words.REJECT_OUTCOMES,
    "digest": DIGEST, "data_digest": DIGEST, "hash": DIGEST, ("audit_entry", "previous"): DIGEST, "signature": DIGEST, "started_at": MOMENT,
    ("landing_seen", "landing"): REF, "place": (f"330/{'a' * 40}/{DAY}",),
    ("attempt", "state"): words.ATTEMPT_STATES,
    ("delivery", "state"): words.DELIVERY_STATES,
    ("feed_night", "state"): words.FEED_STATES,
    ("accreditation", "act"): words.ACCREDITATION_ACTS, ("accreditation", "standing"): words.FEED_STANDINGS,
    ("reject", "state"): words.REJECT_STATES,
    ("night", "state"): words.NIGHT_STATES,
    ("identity", "state"): words.INDEX_ID_STATES, ("child", "state"): words.INDEX_ID_STATES,
    ("decision", "kind"): words.DECISION_KINDS,
    ("ledger_event", "kind"): KINDS_OF_EVENTS, ("index_event", "kind"): KINDS_OF_EVENTS,
    ("child_name", "kind"): words.NAME_KINDS,
    ("involvement", "kind"): words.INVOLVEMENT_KINDS,
}  # fmt: skip
WITH_LENGTH = [
    column
    for table in metadata.sorted_tables
    for column in table.c
    if isinstance(column.type, String) and not isinstance(column.type, Text)
]


@pytest.mark.parametrize("column", WITH_LENGTH, ids=str)
def test_a_column_with_a_length_holds_all_that_is_written_to_it(column):
    written = WRITTEN.get((column.table.name, column.name)) or WRITTEN.get(column.name)
    assert written, f"say here what is written to {column}, or give it the type Text"
    assert max(map(len, written)) <= column.type.length


def test_the_index_holds_what_people_wrote_in_any_length():
    free = {
        "child": ["family_name", "given_names"], "carer": ["name", "relationship", "contact"],
        "child_address": ["address", "postcode", "uprn"], "involvement": ["service", "contact", "phone"],
        "decision": ["record_a", "record_b", "actor", "reason"], "reject": ["rule", "field"], "delivery": ["supplier"],
    }  # fmt: skip
    for table, columns in free.items():
        assert all(isinstance(metadata.tables[table].c[name].type, Text) for name in columns), table


def test_the_migrations_lead_to_the_tables_that_the_code_has(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": engine.dialect.name == "postgresql"})
        assert compare_metadata(context, metadata) == []
    assert schema.INDEX_TABLES["involvements"].c.kind.type.length == len("sensitive_service")
