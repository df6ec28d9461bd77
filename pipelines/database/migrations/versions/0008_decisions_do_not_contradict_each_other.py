"""what a decision settles: at most one that stands settles it

Of decisions that stood side by side about one thing before, the latest counts; the others end where it begins.

Revision ID: 0008
Revises: 0007
"""

import hashlib
from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PAIRS = ("same", "not_the_same", "firewall")


def upgrade() -> None:
    with op.batch_alter_table("decision") as table:
        table.add_column(sa.Column("matter", sa.String(64), nullable=True))
    decision = sa.table(
        "decision",
        *(sa.column(name) for name in ("authority", "kind", "record_a", "record_b", "subject", "undone_at", "matter")),
        sa.column("decision_id", sa.Integer),
        sa.column("decided_at", sa.String),
        *(sa.column(name, sa.Date) for name in ("from_night", "until_night")),
    )
    connection = op.get_bind()
    standing = sa.select(decision).where(decision.c.undone_at.is_(None)).order_by(decision.c.decision_id.desc())
    rows = connection.execute(standing).all()
    confirmed = {(row.authority, row.subject) for row in rows if row.kind == "confirm"}
    later: dict[tuple[str, str], sa.Row[Any]] = {}
    for row in rows:
        done = row.kind == "unshield" and (row.authority, str(row.decision_id)) in confirmed
        matter = None if done else _matter(row)
        if matter is None:
            continue
        this = decision.c.decision_id == row.decision_id
        if (row.authority, matter) in later:
            by = later[row.authority, matter]
            ended = {"undone_at": by.decided_at, "until_night": by.from_night or date.min}
            connection.execute(sa.update(decision).where(this).values(matter=matter, **ended))
        else:
            later[row.authority, matter] = row
            connection.execute(sa.update(decision).where(this).values(matter=matter))
    op.create_index(
        "ix_decision_matter",
        "decision",
        ["authority", "matter"],
        unique=True,
        sqlite_where=sa.text("undone_at IS NULL"),
        postgresql_where=sa.text("undone_at IS NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("a home does not go back to an older version; restore its backup")


def _matter(row: sa.Row[Any]) -> str | None:
    """As `pipelines.nights.decisions.matter_of` made it when this was written."""
    if row.kind in _PAIRS:
        parts = ["pair", *sorted((row.record_a, row.record_b))]
    elif row.kind in ("shield", "unshield"):
        parts = ["protection", row.record_a]
    elif row.kind == "confirm":
        parts = ["confirm", row.subject]
    else:
        return None
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
