"""authorities are reorganised: which took over which, and which of two that share one has an index id

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reorganisation",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("predecessor", sa.String(3), nullable=False),
        sa.Column("successor", sa.String(3), nullable=False),
        sa.Column("closed", sa.Date(), nullable=False),
        sa.Column("founded", sa.String(64), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.String(32), nullable=False),
    )
    op.create_index("ix_reorganisation_pair", "reorganisation", ["predecessor", "successor"], unique=True)
    op.create_table(
        "inherited_id",
        sa.Column("index_id", sa.String(20), primary_key=True),
        sa.Column("authority", sa.String(3), nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")
