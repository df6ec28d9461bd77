"""what was seen in the landing place

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('landing_seen',
    sa.Column('landing', sa.String(length=32), nullable=False),
    sa.Column('place', sa.String(length=60), nullable=False),
    sa.Column('authority', sa.String(length=3), nullable=False),
    sa.Column('signature', sa.String(length=64), nullable=False),
    sa.Column('delivery_id', sa.String(length=120), nullable=False),
    sa.Column('decided', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('landing', 'place', name=op.f('pk_landing_seen'))
    )


def downgrade() -> None:
    op.drop_table('landing_seen')
