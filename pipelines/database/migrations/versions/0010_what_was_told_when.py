"""what was told before a decision was confirmed, and whom it was about

What was told before this counts as told before every decision.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("protection_request") as table:
        table.add_column(sa.Column("told", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("decision") as table:
        table.add_column(sa.Column("told", sa.Integer(), nullable=True))
        table.add_column(sa.Column("known_by", sa.JSON(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")
