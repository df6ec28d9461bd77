"""the name under which a version is shown, once somebody has been hidden in it

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("snapshot_version") as table:
        table.add_column(sa.Column("shown", sa.String(56), nullable=True))
    op.execute("UPDATE snapshot_version SET shown = version")
    with op.batch_alter_table("snapshot_version") as table:
        table.alter_column("shown", existing_type=sa.String(56), nullable=False)


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")
