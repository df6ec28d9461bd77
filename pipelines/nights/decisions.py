"""What reviewers decide of pairs of records: that they are the same child, or are not.

Belongs here: writing a decision, taking it back, reading what is in force. A decision belongs to the two source records,
not to the identities they happen to be in; it stands above every score, on every later night, until it is taken back.
Nothing is ever deleted: what replaces a decision, and what takes one back, is written down with who, why and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import Engine, Row

from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.nights.night import database_of
from pipelines.nights.references import record_keys, reference_of

__all__ = ["KINDS", "Decision", "decide", "decisions_in_force", "every_decision", "take_back"]

KINDS = ("same", "not_the_same")


@dataclass(frozen=True)
class Decision:
    """One decision. Records are told by their opaque references, as in the review list."""

    number: int
    kind: str
    record_a: str
    record_b: str | None
    actor: str
    reason: str
    decided_at: str
    undone_at: str | None = None


def decisions_in_force(engine: Engine, authority: str) -> pa.Table:
    """The authority's decisions in force: kind, record_a, record_b (record keys), reason."""
    columns = (db.decision.c.kind, db.decision.c.record_a, db.decision.c.record_b, db.decision.c.reason)
    with engine.connect() as connection:
        rows = connection.execute(
            select(*columns)
            .where(db.decision.c.authority == authority, db.decision.c.undone_at.is_(None))
            .order_by(db.decision.c.decision_id)
        ).all()
    names = ("kind", "record_a", "record_b", "reason")
    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(names)})


def every_decision(home: Home, authority: str) -> list[Decision]:
    """All decisions of an authority, the latest first, those that were taken back too."""
    with database_of(home.database_url).connect() as connection:
        rows = connection.execute(
            select(db.decision).where(db.decision.c.authority == authority).order_by(db.decision.c.decision_id.desc())
        ).all()
    return [_told(row) for row in rows]


def decide(
    home: Home, authority: str, kind: str, record_a: str, record_b: str, *, actor: str, reason: str, at: datetime
) -> Decision:
    """Write a decision on two records of the authority's latest night; it replaces an earlier one on the same pair.

    Args:
        home: the deployment.
        authority: 3-digit code.
        kind: one of `KINDS`.
        record_a: a record, by its key or by the reference that the review list shows.
        record_b: another.
        actor: who decides.
        reason: why.
        at: now.

    Raises:
        IsindexError: DECISION_INCOMPLETE without actor or reason; NIGHT_UNKNOWN when nothing was matched yet;
            RECORD_UNKNOWN; DECISION_ON_ONE_RECORD when both are the same record.
    """
    _complete(actor, reason)
    first, second = sorted(_keys_of(home, authority, (record_a, record_b)))
    if first == second:
        raise IsindexError("DECISION_ON_ONE_RECORD", "both are one record.", remedy="Name two records.")
    now = at.isoformat(timespec="seconds")
    with database_of(home.database_url).begin() as connection:
        earlier = select(db.decision.c.decision_id).where(
            db.decision.c.authority == authority,
            db.decision.c.kind.in_(KINDS),
            db.decision.c.undone_at.is_(None),
            ((db.decision.c.record_a == first) & (db.decision.c.record_b == second))
            | ((db.decision.c.record_a == second) & (db.decision.c.record_b == first)),
        )
        for number in connection.scalars(earlier).all():
            _end(connection, authority, number, actor, f"replaced: {reason}", now)
        row = {"authority": authority, "kind": kind, "record_a": first, "record_b": second, "actor": actor.strip(),
               "reason": reason.strip(), "decided_at": now}  # fmt: skip
        (number,) = connection.execute(insert(db.decision).values(row).returning(db.decision.c.decision_id)).one()
        _audit(connection, authority, actor, f"decide {kind}", f"decision {number}: {reason}", now)
        found = connection.execute(select(db.decision).where(db.decision.c.decision_id == number)).one()
    return _told(found)


def take_back(home: Home, authority: str, number: int, *, actor: str, reason: str, at: datetime) -> Decision:
    """Take a decision back, as if it had not been made; it stays on record.

    Raises:
        IsindexError: DECISION_INCOMPLETE without actor or reason; DECISION_UNKNOWN when no such decision is in force.
    """
    _complete(actor, reason)
    wanted = select(db.decision).where(
        db.decision.c.authority == authority, db.decision.c.decision_id == number, db.decision.c.kind.in_(KINDS)
    )
    with database_of(home.database_url).begin() as connection:
        found = connection.execute(wanted.where(db.decision.c.undone_at.is_(None))).one_or_none()
        if found is None:
            raise IsindexError(
                "DECISION_UNKNOWN",
                f"there is no decision {number} in force",
                where=authority,
                remedy="`isindex decide list` shows all decisions of an authority.",
            )
        _end(connection, authority, number, actor, reason, at.isoformat(timespec="seconds"))
        return _told(connection.execute(wanted).one())


def _end(connection: Connection, authority: str, number: int, actor: str, why: str, now: str) -> None:
    connection.execute(update(db.decision).where(db.decision.c.decision_id == number).values(undone_at=now))
    _audit(connection, authority, actor, "undo decision", f"decision {number}: {why}", now)


def _audit(connection: Connection, authority: str, actor: str, action: str, why: str, now: str) -> None:
    row = {"at": now, "actor": actor.strip(), "action": action, "authority": authority, "why": why}
    connection.execute(insert(db.audit).values(row))


def _complete(actor: str, reason: str) -> None:
    if not actor.strip() or not reason.strip():
        raise IsindexError(
            "DECISION_INCOMPLETE", "a decision needs the person who decides and a reason.", remedy="Give both."
        )


def _keys_of(home: Home, authority: str, told: tuple[str, ...]) -> list[str]:
    """The record keys of the latest night for keys or opaque references."""
    nights = sorted(home.night(authority, date.min).parent.glob("*/person/records.parquet"))
    if not nights:
        raise IsindexError(
            "NIGHT_UNKNOWN",
            "no night of this authority was matched yet",
            where=authority,
            remedy="`isindex status` says which nights are published.",
        )
    return record_keys(nights[-1].parent.parent, told)


def _told(row: Row[tuple[object, ...]]) -> Decision:
    first, second = (key and reference_of(key) for key in (row.record_a, row.record_b))
    return Decision(row.decision_id, row.kind, first, second, row.actor, row.reason, row.decided_at, row.undone_at)
