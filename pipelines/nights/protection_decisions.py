"""What people decide of a child's protection: to shield, to unshield, and to confirm that somebody is unshielded.

Belongs here: writing these decisions. A shield counts at once: the next load brings the night in force up to date. To open a
child takes two people: one proposes it, another confirms it, and it counts from the night after the one in force. What it
lifts is for `pipelines.protection.shielding`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Select, select
from sqlalchemy.engine import Row

from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.identities.mint import valid_index_id
from pipelines.nights.attempts import latest_matched
from pipelines.nights.decisions import Decision, night_in_force, require_reason, write_down
from pipelines.nights.references import record_keys
from pipelines.tables import read_table

__all__ = ["confirm", "shield", "unshield"]


def shield(deployment: Deployment, authority: str, who: str, *, actor: str, reason: str, at: datetime) -> Decision:
    """Shield a child, from the night in force on.

    Args:
        deployment: where.
        authority: 3-digit code.
        who: an index id, or a record by its key or reference.
        actor: who decides.
        reason: why.
        at: now.

    Raises:
        IsindexError: DECISION_INCOMPLETE; NIGHT_UNKNOWN; RECORD_UNKNOWN or INDEX_ID_UNKNOWN; DECISION_CONTRADICTS when the
            child is shielded by a decision already.
    """
    require_reason(actor, reason)
    key = _record_of(deployment, authority, who)
    row = {"kind": "shield", "record_a": key, "from_night": night_in_force(deployment, authority)}
    with deployment.engine.begin() as connection:
        if found := connection.execute(_standing(authority, "shield", key)).first():
            raise _contradicts(f"Decision {found.decision_id} shields this child already.")
        return write_down(connection, authority, row, actor, reason, at.isoformat(timespec="seconds"))


def unshield(deployment: Deployment, authority: str, who: str, *, actor: str, reason: str, at: datetime) -> Decision:
    """Propose that a child be shown again; nothing happens before another person confirms it.

    Raises:
        IsindexError: as `shield`; DECISION_CONTRADICTS also while a decision to shield stands, or one is proposed already.
    """
    require_reason(actor, reason)
    key = _record_of(deployment, authority, who)
    with deployment.engine.begin() as connection:
        for kind in ("shield", "unshield"):
            if found := connection.execute(_standing(authority, kind, key)).first():
                words = "shields this child" if kind == "shield" else "proposes the same"
                raise _contradicts(f"Decision {found.decision_id} {words}.")
        row = {"kind": "unshield", "record_a": key}
        return write_down(connection, authority, row, actor, reason, at.isoformat(timespec="seconds"))


def confirm(deployment: Deployment, authority: str, number: int, *, actor: str, reason: str, at: datetime) -> Decision:
    """Confirm a proposal to unshield, by another person than the one who made it: it counts from the next night on.

    Raises:
        IsindexError: DECISION_INCOMPLETE; DECISION_UNKNOWN when no such proposal stands; SECOND_PERSON_NEEDED;
            DECISION_CONTRADICTS when it is confirmed already, or the child has been shielded by a decision since.
    """
    require_reason(actor, reason)
    decision = db.decision.c
    in_force = night_in_force(deployment, authority)
    with deployment.engine.begin() as connection:
        proposed = connection.execute(
            select(db.decision).where(
                decision.authority == authority, decision.decision_id == number, decision.kind == "unshield",
                decision.undone_at.is_(None),
            )
        ).one_or_none()  # fmt: skip
        if proposed is None:
            raise IsindexError(
                "DECISION_UNKNOWN",
                f"No proposal {number} to unshield stands.",
                where=authority,
                remedy="`isindex decide list` shows all decisions of an authority.",
            )
        if _person(proposed) == actor.strip().casefold():
            raise IsindexError(
                "SECOND_PERSON_NEEDED",
                "Nobody confirms a proposal of one's own.",
                where=f"decision {number}",
                remedy="Let another person who may decide look at it and confirm it.",
            )
        if connection.execute(_standing(authority, "confirm", subject=str(number))).first():
            raise _contradicts(f"Proposal {number} is confirmed already.")
        if found := connection.execute(_standing(authority, "shield", proposed.record_a)).first():
            raise _contradicts(f"Decision {found.decision_id} shields this child.")
        row = {
            "kind": "confirm",
            "record_a": proposed.record_a,
            "subject": str(number),
            "from_night": in_force + timedelta(days=1) if in_force else None,
        }
        return write_down(connection, authority, row, actor, reason, at.isoformat(timespec="seconds"))


def _record_of(deployment: Deployment, authority: str, who: str) -> str:
    """The key of the record that `who` names; of an identity the smallest."""
    folder = latest_matched(deployment, authority).folder
    if not valid_index_id(who):
        return record_keys(folder, [who])[0]
    identities = read_table(folder / "identities" / "identities.parquet", columns=["record_key", "index_id"])
    keys = identities.filter(pc.equal(identities["index_id"], who))["record_key"]
    if not len(keys):
        raise IsindexError(
            "INDEX_ID_UNKNOWN",
            "No child of the latest night has this index id.",
            where=authority,
            remedy="`isindex child` tells where an older id leads.",
        )
    return str(pc.min(keys).as_py())


def _standing(authority: str, kind: str, key: str | None = None, *, subject: str | None = None) -> Select[Any]:
    """The decisions of a kind that stand, on a record or with a subject."""
    decision = db.decision.c
    query = select(db.decision).where(
        decision.authority == authority, decision.kind == kind, decision.undone_at.is_(None)
    )
    if kind == "unshield":  # one that was confirmed has done its work
        done = select(decision.subject).where(decision.authority == authority, decision.kind == "confirm")
        query = query.where(decision.decision_id.cast(db.decision.c.subject.type).not_in(done))
    return query.where(decision.subject == subject) if subject else query.where(decision.record_a == key)


def _person(row: Row[Any]) -> str:
    return str(row.actor).strip().casefold()


def _contradicts(message: str) -> IsindexError:
    return IsindexError(
        "DECISION_CONTRADICTS",
        message,
        remedy="`isindex decide list` shows it; `isindex decide undo` takes it back.",
    )
