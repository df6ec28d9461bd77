"""Entries that are gone from the database: it is older than the home, and what people decided since is not in it.

Belongs here: finding that out before anything is built or shown anew from such a database, and a person's word that it is to be gone on from all
the same. The gap stays: `prove` finds it whatever is accepted.
"""

from __future__ import annotations

from sqlalchemy import func, select

from pipelines.audit.chain import append, writing
from pipelines.audit.head import alone_with_head, note_reached, reached
from pipelines.audit.rights import account
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError

__all__ = ["ACCEPTED", "accept_lost", "lost_entries", "refuse_older_database"]

ACCEPTED = "audit accept-loss"


def lost_entries(deployment: Deployment) -> int | None:
    """How many entries were made and are not in the database, since a person last accepted that some are gone; None where nobody can say."""
    entry, far = db.audit_entry.c, reached(deployment.home)  # first: entries are made meanwhile
    with deployment.engine.connect() as connection:
        since = connection.scalar(select(func.max(entry.number)).where(entry.action == ACCEPTED)) or 0
        there, last = connection.execute(select(func.count(), func.max(entry.number)).where(entry.number > since)).one()
    if far is None or (last or since) > far == 0:
        return None  # what the home kept is gone, or is not what was written there
    return max(far, last or 0, since) - since - int(there)


def refuse_older_database(deployment: Deployment) -> None:
    """Refuse to go on from a database that lacks entries of the audit, or may: decisions that hide children may be among what is gone.

    Raises:
        IsindexError: DATABASE_OLDER.
    """
    lost = lost_entries(deployment)
    if lost == 0:
        return
    told = "What the home keeps of the audit is gone or damaged, so nobody can say whether the index database is as old as the home."
    if lost:
        told = f"The index database is older than the home: {lost:,} entries of the audit are gone from it, decisions that hide children perhaps among them."
    raise IsindexError(
        "DATABASE_OLDER",
        f"{told} Nothing is built or published from it.",
        where="audit",
        remedy="Restore home and database from one backup. Where there is none, `isindex audit accept-loss` goes on without them: "
        "decide again what was decided since, first of all whom to shield.",
    )


def accept_lost(deployment: Deployment, *, actor: str, reason: str) -> int | None:
    """Note that entries are gone and that it is gone on without them; how many, None where nobody can say.

    Raises:
        IsindexError: DECISION_INCOMPLETE without a reason; NOTHING_LOST.
    """
    if not reason.strip():
        raise IsindexError("DECISION_INCOMPLETE", "It takes a reason.", where="--reason", remedy="Say why; it is kept.")
    lost = lost_entries(deployment)
    if lost == 0:
        raise IsindexError(
            "NOTHING_LOST", "No entry of the audit is missing.", where="audit", remedy="Nothing has to be done."
        )
    with writing(deployment) as connection:
        subject = "how many entries is not known" if lost is None else f"{lost} entries"
        number = append(connection, ACCEPTED, actor=actor.strip() or account(), why=reason, subject=subject)
    with alone_with_head(deployment.home):
        note_reached(deployment.home, number)
    return lost
