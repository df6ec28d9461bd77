"""Entries that are gone from the database: it is older than the home, and what people decided since is not in it.

Belongs here: finding that out before anything is built or shown anew from such a database, and a person's word that it is to be gone on from all
the same. The gap stays: `prove` finds it whatever is accepted.
"""

from __future__ import annotations

from sqlalchemy import func, select

from pipelines.audit.chain import append, writing
from pipelines.audit.head import read_head
from pipelines.audit.rights import account
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError

__all__ = ["ACCEPTED", "accept_lost", "lost_entries", "refuse_older_database"]

ACCEPTED = "audit accept-loss"


def lost_entries(deployment: Deployment) -> int:
    """How many entries were made and are not in the database, since a person last accepted that some are gone."""
    entry, head = db.audit_entry.c, read_head(deployment.home)  # first: entries are made meanwhile
    with deployment.engine.connect() as connection:
        since = connection.scalar(select(func.max(entry.number)).where(entry.action == ACCEPTED)) or 0
        there, last = connection.execute(select(func.count(), func.max(entry.number)).where(entry.number > since)).one()
    return max(head.number, last or 0, since) - since - int(there)


def refuse_older_database(deployment: Deployment) -> None:
    """Refuse to go on from a database that lacks entries of the audit: decisions that hide children may be among what is gone.

    Raises:
        IsindexError: DATABASE_OLDER.
    """
    if lost := lost_entries(deployment):
        raise IsindexError(
            "DATABASE_OLDER",
            f"The index database is older than the home: {lost:,} entries of the audit are gone from it, decisions that hide children perhaps among them. "
            "Nothing is built or published from it.",
            where="audit",
            remedy="Restore home and database from one backup. Where there is none, `isindex audit accept-loss` goes on without them: "
            "decide again what was decided since, first of all whom to shield.",
        )


def accept_lost(deployment: Deployment, *, actor: str, reason: str) -> int:
    """Note that entries are gone and that it is gone on without them; how many.

    Raises:
        IsindexError: DECISION_INCOMPLETE without a reason; NOTHING_LOST.
    """
    if not reason.strip():
        raise IsindexError("DECISION_INCOMPLETE", "It takes a reason.", where="--reason", remedy="Say why; it is kept.")
    lost = lost_entries(deployment)
    if not lost:
        raise IsindexError(
            "NOTHING_LOST", "No entry of the audit is missing.", where="audit", remedy="Nothing has to be done."
        )
    with writing(deployment) as connection:
        append(connection, ACCEPTED, actor=actor.strip() or account(), why=reason, subject=f"{lost} entries")
    return lost
