"""custody and moves of it, what was answered, and claims

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "custody",
        sa.Column("national_id", sa.String(20), nullable=False),
        sa.Column("custodian", sa.String(3), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("how", sa.String(5), nullable=False),
        sa.Column("stands", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("national_id", name="pk_custody"),
    )
    op.create_index("ix_custody_stands", "custody", ["stands"])
    op.create_table(
        "move",
        sa.Column("move", sa.String(11), nullable=False),
        sa.Column("national_id", sa.String(20), nullable=False),
        sa.Column("from_authority", sa.String(3), nullable=False),
        sa.Column("to_authority", sa.String(3), nullable=False),
        sa.Column("evidence", sa.String(7), nullable=False),
        sa.Column("claim", sa.BigInteger(), nullable=False),
        sa.Column("proposed", sa.Date(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("ended", sa.Date()),
        sa.PrimaryKeyConstraint("move", name="pk_move"),
    )
    op.create_index("ix_move_state", "move", ["state"])
    op.create_index("ix_move_national_id", "move", ["national_id"])
    op.create_table(
        "answer",
        sa.Column("answer_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("move", sa.String(11), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("authority", sa.String(3), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("answer_id", name="pk_answer"),
        sa.UniqueConstraint("move", name="uq_answer_move"),
    )
    op.create_table(
        "claim",
        sa.Column("claim_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("row_key", sa.String(24), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.String(32), nullable=False),
        sa.Column("withdrawn_at", sa.String(32)),
        sa.PrimaryKeyConstraint("claim_id", name="pk_claim"),
    )
    standing = sa.text("withdrawn_at IS NULL")
    op.create_index(
        "ix_claim_row_key", "claim", ["row_key"], unique=True, sqlite_where=standing, postgresql_where=standing
    )
