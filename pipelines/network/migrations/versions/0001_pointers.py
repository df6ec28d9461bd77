"""pointers and what leads to them, the review list, decisions, events

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "published",
        sa.Column(
            "row", sa.Integer(), sa.CheckConstraint('"row" = 1', name="one_row"), autoincrement=False, nullable=False
        ),
        sa.Column("version", sa.String(25), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_published"),
    )
    op.create_table(
        "national_id",
        sa.Column("national_id", sa.String(20), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("minted_night", sa.Date(), nullable=False),
        sa.Column("redirects_to", sa.String(20)),
        sa.Column("since", sa.Date()),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("national_id", name="pk_national_id"),
    )
    op.create_table(
        "pointer",
        sa.Column("authority", sa.String(3), nullable=False),
        sa.Column("index_id", sa.String(20), nullable=False),
        sa.Column("national_id", sa.String(20), nullable=False),
        sa.Column("to_night", sa.Date()),
        sa.Column("from_night", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("authority", "index_id", "national_id", "from_night", name="pk_pointer"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pointer_national_id", "pointer", ["national_id"])
    op.create_table(
        "finding",
        sa.Column("token", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("authority", sa.String(3), nullable=False),
        sa.Column("index_id", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("token", "authority", "index_id", name="pk_finding"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_finding_child", "finding", ["authority", "index_id"])
    op.create_table(
        "event",
        sa.Column("event_id", sa.String(32), nullable=False),
        sa.Column("version", sa.String(25), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("index_id", sa.String(20), nullable=False),
        sa.Column("other_id", sa.String(20)),
        sa.Column("record_ref", sa.String(32)),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_event"),
    )
    op.create_index("ix_event_index_id", "event", ["index_id"])
    op.create_table(
        "review",
        sa.Column("row_key_a", sa.String(24), nullable=False),
        sa.Column("row_key_b", sa.String(24), nullable=False),
        sa.Column("weight", sa.Float()),
        sa.Column("reason", sa.Text()),
        sa.Column("first_seen", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("row_key_a", "row_key_b", name="pk_review"),
    )
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("row_key_a", sa.String(24), nullable=False),
        sa.Column("row_key_b", sa.String(24), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.String(32), nullable=False),
        sa.Column("undone_at", sa.String(32)),
        sa.PrimaryKeyConstraint("decision_id", name="pk_decision"),
    )
    standing = sa.text("undone_at IS NULL")
    pair = ["row_key_a", "row_key_b"]
    op.create_index("ix_decision_pair", "decision", pair, unique=True, sqlite_where=standing, postgresql_where=standing)


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")
