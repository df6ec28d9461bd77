"""attempts at nights, decisions with the nights they count for, faults without waivers

Revision ID: 0004
Revises: 0003
"""

from alembic import op
import sqlalchemy as sa

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column("attempt_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("authority", sa.String(3), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("data_digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("stage", sa.String(60), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("version", sa.String(80)),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("started_by", sa.String(120), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("finished_at", sa.String(32)),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_night", "attempt", ["authority", "business_date"])
    with op.batch_alter_table("decision") as decision:
        decision.alter_column("record_a", existing_type=sa.String(200), type_=sa.Text(), nullable=True)
        decision.alter_column("record_b", existing_type=sa.String(200), type_=sa.Text(), existing_nullable=True)
        decision.add_column(sa.Column("subject", sa.String(80)))
        decision.add_column(sa.Column("from_night", sa.Date()))
        decision.add_column(sa.Column("until_night", sa.Date()))
    op.execute("UPDATE reject SET state = 'open' WHERE state = 'waived'")
    with op.batch_alter_table("reject") as reject:
        reject.drop_column("waived_until")
        reject.drop_column("reason")
    op.execute("DELETE FROM night WHERE state <> 'published'")


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")
