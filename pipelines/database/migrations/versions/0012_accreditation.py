"""feeds are accredited, and what is tested is measured where it is kept

A feed of which nothing was decided has no row.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accreditation",
        sa.Column("act_id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("authority", sa.String(3), nullable=False),
        sa.Column("agency", sa.String(40), nullable=False),
        sa.Column("act", sa.String(6), nullable=False),
        sa.Column("standing", sa.String(10), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checklist", sa.JSON(), nullable=True),
        sa.Column("despite", sa.JSON(), nullable=False),
        sa.Column("decided_at", sa.String(32), nullable=False),
    )
    op.create_index("ix_accreditation_feed", "accreditation", ["authority", "agency"])
    with op.batch_alter_table("delivery") as table:
        table.add_column(sa.Column("measures", sa.JSON(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")
