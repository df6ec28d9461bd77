"""deliveries with records that ask to be protected, whatever became of the delivery

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "protection_request",
        sa.Column("delivery_id", sa.String(79), primary_key=True),
        sa.Column("authority", sa.String(3), nullable=False),
        sa.Column("agency", sa.String(40), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_protection_request_authority", "protection_request", ["authority", "business_date"])


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")
