"""columns as wide as what is written: closed sets and ids have their own length, free text has none

SQLite has no lengths, so there is nothing to change in it.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# table, column, type before, type after, whether it may be empty
_CHANGED = (
    ("attempt", "state", sa.String(10), sa.String(9), False),
    ("attempt", "stage", sa.String(60), sa.Text(), False),
    ("attempt", "code", sa.String(40), sa.Text(), False),
    ("attempt", "version", sa.String(80), sa.String(42), True),
    ("attempt", "started_by", sa.String(120), sa.Text(), False),
    ("audit", "actor", sa.String(100), sa.Text(), False),
    ("audit", "action", sa.String(40), sa.Text(), False),
    ("audit", "authority", sa.String(3), sa.Text(), True),
    ("child", "address_status", sa.String(24), sa.String(19), True),
    ("child", "state", sa.String(10), sa.String(8), False),
    ("child_address", "postcode", sa.String(8), sa.Text(), True),
    ("child_address", "uprn", sa.String(12), sa.Text(), True),
    ("child_address", "status", sa.String(24), sa.String(19), True),
    ("child_name", "kind", sa.String(10), sa.String(7), False),
    ("decision", "kind", sa.String(16), sa.String(12), False),
    ("decision", "subject", sa.String(80), sa.Text(), True),
    ("decision", "actor", sa.String(100), sa.Text(), False),
    ("delivery", "delivery_id", sa.String(120), sa.String(79), False),
    ("delivery", "contract", sa.String(60), sa.String(47), True),
    ("delivery", "supplier", sa.String(200), sa.Text(), True),
    ("delivery", "state", sa.String(20), sa.String(13), False),
    ("delivery", "stored_at", sa.String(300), sa.Text(), True),
    ("delivery", "superseded_by", sa.String(120), sa.String(79), True),
    ("feed_night", "state", sa.String(20), sa.String(13), False),
    ("feed_night", "delivery_id", sa.String(120), sa.String(79), True),
    ("flag", "flag", sa.String(24), sa.String(17), False),
    ("identity", "state", sa.String(10), sa.String(8), False),
    ("index_event", "kind", sa.String(12), sa.String(10), True),
    ("involvement", "kind", sa.String(16), sa.String(17), False),
    ("landing_seen", "place", sa.String(60), sa.String(55), False),
    ("landing_seen", "delivery_id", sa.String(120), sa.String(79), False),
    ("ledger_event", "version", sa.String(80), sa.String(42), False),
    ("ledger_event", "kind", sa.String(12), sa.String(10), False),
    ("night", "state", sa.String(12), sa.String(9), False),
    ("night", "version", sa.String(80), sa.String(42), True),
    ("record_link", "delivery_id", sa.String(120), sa.String(79), False),
    ("record_link", "position", sa.Integer(), sa.BigInteger(), True),
    ("record_link", "step", sa.String(24), sa.String(13), False),
    ("reject", "rule", sa.String(60), sa.Text(), False),
    ("reject", "outcome", sa.String(10), sa.String(8), False),
    ("reject", "field", sa.String(100), sa.Text(), False),
    ("reject", "state", sa.String(10), sa.String(9), False),
    ("snapshot_version", "version", sa.String(80), sa.String(42), False),
    ("snapshot_version", "previous", sa.String(80), sa.String(42), True),
    ("waiver", "actor", sa.String(100), sa.Text(), False),
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, column, before, after, empty in _CHANGED:
        op.alter_column(table, column, existing_type=before, type_=after, existing_nullable=empty)


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")
