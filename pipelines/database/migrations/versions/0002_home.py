"""the home that a database belongs to

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('home',
    sa.Column('row', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('home_id', sa.String(length=32), nullable=False),
    sa.CheckConstraint('"row" = 1', name='one_row'),
    sa.PrimaryKeyConstraint('row', name=op.f('pk_home'))
    )


def downgrade() -> None:
    op.drop_table('home')
