"""how many texts of each column of a delivery were cleaned

Of deliveries before this it is not known.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("delivery") as table:
        table.add_column(sa.Column("cleaned", sa.JSON(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")
