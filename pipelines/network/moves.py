"""Moves of custody as people see and settle them: what waits for whom, accepting, refusing, claiming. Each act is audited before it is written.

Belongs here: the service that the command line uses, and a desk would. An answer counts from the next night of the network on; it changes
who has custody, and nothing else. A move of a protected child is shown, and answered, by those alone whom ISINDEX_MAY_SEE_PROTECTED names. Not here: what is
proposed and what an answer makes of it (`custody`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from pipelines.audit import account, append, may_see_protected, writing
from pipelines.errors import IsindexError
from pipelines.network import database as db
from pipelines.network.kept_back import hidden_now
from pipelines.network.place import Network
from pipelines.nights.reorganised import reorganisations

__all__ = [
    "Answer",
    "Claim",
    "Move",
    "Moves",
    "answer",
    "answers_now",
    "claim",
    "claims_now",
    "moves_of",
    "unclaimed",
    "withdraw",
]

_MOST = 1_000_000


@dataclass(frozen=True)
class Answer:
    """What somebody answered to a move: its number, the move, ``accepted`` or ``refused``."""

    number: int
    move: str
    verdict: str


@dataclass(frozen=True)
class Claim:
    """A claim that stands: its number, and the child by authority and index id (``331:…``)."""

    number: int
    row_key: str


@dataclass(frozen=True)
class Move:
    """A move of custody, or, with an empty name, a child who is unclaimed.

    Attributes:
        move: its name.
        national_id: the child.
        custodian: the authority that has custody when it is proposed.
        receiver: the authority that would take it over.
        index_id: the child's index id with the receiver, if it is known there still.
        evidence: ``gone`` or ``claimed``.
        proposed: the night on which it was first found.
        state: ``proposed``, ``accepted``, ``refused`` or ``lapsed``.
        ended: the night on which it was over.
        answers: the authority that answers it.
        answered: what somebody has answered that the next night takes up; "" else.
    """

    move: str
    national_id: str
    custodian: str
    receiver: str
    index_id: str
    evidence: str
    proposed: date
    state: str
    ended: date | None
    answers: str
    answered: str = ""


@dataclass(frozen=True)
class Moves:
    """Moves, and how many besides that are not shown to this user, for the child is protected."""

    moves: tuple[Move, ...]
    kept_back: int = 0


def moves_of(network: Network, authority: str | None = None, *, every: bool = False, most: int = _MOST) -> Moves:
    """Moves that wait for an answer, in order of the night on which they were proposed; with `every` also those that are over.

    Args:
        network: the co-ordinating index.
        authority: only those from it or to it.
        every: also what is over.
        most: so many at most.
    """
    move, pointer, given = db.move.c, db.pointer.c, db.answer.c
    query = (
        select(db.move, pointer.index_id, given.verdict)
        .join(db.answer, given.move == move.move, isouter=True)
        .join(
            db.pointer,
            and_(pointer.national_id == move.national_id, pointer.authority == move.to_authority, pointer.to_night.is_(None)),
            isouter=True,
        )
        .order_by(move.proposed, move.move)
        .limit(most)
    )  # fmt: skip
    if authority:
        query = query.where(or_(move.from_authority == authority, move.to_authority == authority))
    if not every:
        query = query.where(move.state == "proposed")
    with network.engine.connect() as connection:
        rows = connection.execute(query).all()
        kept = _kept_back(network, connection, {row.national_id for row in rows})
    shown = {
        row.move: Move(
            row.move, row.national_id, row.from_authority, row.to_authority, row.index_id or "", row.evidence, row.proposed, row.state,
            row.ended, _who_answers(row.evidence, row.from_authority, row.to_authority), (row.verdict or "") if row.state == "proposed" else "",
        )
        for row in rows if row.national_id not in kept
    }  # fmt: skip
    return Moves(tuple(shown.values()), len({row.move for row in rows} - set(shown)))


def unclaimed(network: Network, authority: str | None = None, *, most: int = _MOST) -> Moves:
    """Children whose custodian knows them no more and whom nobody has taken over: one row for each authority that knows the child.

    Of an authority that was taken over also those who are known to nobody: no successor has come to know them. Each other is told with the move that proposes it to that authority, or by which that one refused; of one authority, those that it knows or has custody of.
    """
    custody, pointer, move = db.custody.c, db.pointer.c, db.move.c
    query = (
        select(custody.national_id, custody.custodian, pointer.authority, pointer.index_id,
            move.move, move.proposed, move.state, move.ended)
        .join(db.pointer, and_(pointer.national_id == custody.national_id, pointer.to_night.is_(None)))
        .join(db.move, and_(
            move.national_id == custody.national_id, move.from_authority == custody.custodian, move.to_authority == pointer.authority,
            move.evidence == "gone", move.state.in_(["proposed", "refused"])))
        .where(custody.stands.is_(False))
        .order_by(custody.national_id, pointer.authority, move.proposed)
        .limit(most)
    )  # fmt: skip
    if authority:
        query = query.where(or_(custody.custodian == authority, pointer.authority == authority))
    with network.engine.connect() as connection:
        rows = connection.execute(query).all()
        kept = _kept_back(network, connection, {row.national_id for row in rows})
    found = {
        (row.national_id, row.authority): Move(
            row.move, row.national_id, row.custodian, row.authority, row.index_id, "gone", row.proposed, row.state, row.ended, row.authority,
        )
        for row in rows if row.national_id not in kept
    }  # fmt: skip
    lost = _known_to_nobody(network, authority, most)
    with network.engine.connect() as connection:
        kept |= _kept_back(network, connection, {row.national_id for row in lost})
    left_behind = [
        Move("", row.national_id, row.custodian, "", row.index_id, "gone", row.to_night, "unclaimed", None, "")
        for row in lost if row.national_id not in kept
    ]  # fmt: skip
    return Moves((*found.values(), *left_behind), len(kept))


def _known_to_nobody(network: Network, authority: str | None, most: int) -> Sequence[Any]:
    """Whom an authority had custody of that was taken over, and nobody knows: by the id that it had there, since the pointer to it ended."""
    custody, pointer = db.custody.c, db.pointer.c
    over = [
        each
        for each in reorganisations(network.deployment.engine)
        if authority in (None, each.predecessor, each.successor)
    ]
    known = select(pointer.national_id).where(pointer.to_night.is_(None))
    query = (
        select(custody.national_id, custody.custodian, pointer.index_id, pointer.to_night)
        .join(db.pointer, and_(pointer.national_id == custody.national_id, pointer.authority == custody.custodian))
        .where(custody.custodian.in_({each.predecessor for each in over}), custody.national_id.not_in(known), custody.stands.is_(False))
        .order_by(custody.national_id, pointer.to_night)
        .limit(most)
    )  # fmt: skip
    with network.engine.connect() as connection:
        return list({row.national_id: row for row in connection.execute(query)}.values())


def answer(network: Network, move: str, verdict: str, *, authority: str, reason: str) -> int:
    """Accept or refuse a move for the authority that is to answer it; the answer's number. It counts from the next night of the network on.

    Args:
        network: the co-ordinating index.
        move: its name.
        verdict: ``accepted`` or ``refused``.
        authority: who answers: the receiver, or of a claim the custodian.
        reason: why; it is kept.

    Raises:
        IsindexError: DECISION_INCOMPLETE; MOVE_UNKNOWN where none of that name waits, or it may not be shown to this user; MOVE_OF_ANOTHER when
            another authority is to answer; MOVE_ANSWERED.
    """
    _need_reason(reason)
    found = next((each for each in moves_of(network).moves if each.move == move.strip()), None)
    if found is None:
        raise IsindexError(
            "MOVE_UNKNOWN",
            "No move of that name waits for an answer that you may give.",
            where=move,
            remedy="`isindex network moves` lists those that wait; of a protected child whoever ISINDEX_MAY_SEE_PROTECTED names sees and answers it.",
        )
    if found.answers != authority:
        raise IsindexError(
            "MOVE_OF_ANOTHER",
            f"Authority {found.answers} is to answer this move, not {authority}.",
            where=found.move,
            remedy=f"Let that authority answer: `--as {found.answers}`.",
        )
    answered = IsindexError(
        "MOVE_ANSWERED",
        "This move has been answered already.",
        where=found.move,
        remedy="The next run of the network takes the answer up. To hand custody back, claim the child for the other authority after that.",
    )
    if found.answered:
        raise answered
    row = {
        "move": found.move,
        "verdict": verdict,
        "authority": authority,
        "actor": account(),
        "reason": reason,
        "answered_at": _now(),
    }
    with writing(network.deployment) as connection:
        append(
            connection, f"network move {verdict}", actor=account(), why=reason, authority=authority,
            subject=f"{found.move} {found.custodian} {found.receiver} {found.national_id}",
        )  # fmt: skip
    try:
        with network.engine.begin() as connection:
            return _inserted(connection, db.answer, row)
    except IntegrityError:
        raise answered from None


def claim(network: Network, row_key: str, *, reason: str) -> int:
    """Claim a child, by authority and index id there, for that authority; the claim's number. Its custodian answers it; who is unclaimed is taken over by
    accepting its move.

    Raises:
        IsindexError: DECISION_INCOMPLETE; CHILD_PROTECTED where this user may not see it; CLAIM_NEEDLESS when the authority has custody already, or a move to it waits; MOVE_ANSWERED when one is claimed twice.
    """
    _need_reason(reason)
    authority, _, index_id = row_key.partition(":")
    pointer, custody = db.pointer.c, db.custody.c
    query = (
        select(custody.national_id, custody.custodian, custody.stands)
        .join(db.pointer, pointer.national_id == custody.national_id)
        .where(pointer.authority == authority, pointer.index_id == index_id, pointer.to_night.is_(None))
    )
    with network.engine.connect() as connection:
        found = connection.execute(query).first()
        if found is not None and _kept_back(network, connection, {found.national_id}):
            raise IsindexError(
                "CHILD_PROTECTED",
                "This is a protected child, and nothing of its custody is told to you, or changed by you.",
                where=authority,
                remedy="Ask somebody who may see protected children; ISINDEX_MAY_SEE_PROTECTED names them.",
            )
    if found is not None and (found.custodian == authority or not found.stands):
        own = found.custodian == authority
        raise IsindexError(
            "CLAIM_NEEDLESS",
            "This authority has custody already."
            if own
            else "Its custodian knows the child no more: a move to this authority was proposed.",
            where=row_key,
            remedy="Nothing is to be done."
            if own
            else f"`isindex network unclaimed --authority {authority}` names it; `isindex network accept` takes it over.",
        )
    with writing(network.deployment) as connection:
        append(connection, "network claim", actor=account(), why=reason, authority=authority, subject=row_key)
    row = {"row_key": row_key, "actor": account(), "reason": reason, "claimed_at": _now()}
    over = select(db.move.c.claim).where(db.move.c.state != "proposed")
    try:
        with network.engine.begin() as connection:
            own = (db.claim.c.row_key == row_key, db.claim.c.withdrawn_at.is_(None), db.claim.c.claim_id.in_(over))
            connection.execute(update(db.claim).where(*own).values(withdrawn_at=_now()))
            return _inserted(connection, db.claim, row)
    except IntegrityError:
        raise IsindexError(
            "MOVE_ANSWERED",
            "A claim of this child for this authority stands already.",
            where=row_key,
            remedy="`isindex network moves` shows what its custodian answers; `isindex network withdraw` takes a claim back.",
        ) from None


def withdraw(network: Network, number: int, *, reason: str) -> None:
    """Take a claim back: its move lapses with the next night of the network.

    Raises:
        IsindexError: DECISION_INCOMPLETE; DECISION_UNKNOWN when no claim of that number stands.
    """
    _need_reason(reason)
    with writing(network.deployment) as connection:
        append(connection, "network withdraw", actor=account(), why=reason, subject=f"claim {number}")
    standing = (db.claim.c.claim_id == number, db.claim.c.withdrawn_at.is_(None))
    with network.engine.begin() as connection:
        if not connection.execute(update(db.claim).where(*standing).values(withdrawn_at=_now())).rowcount:
            raise IsindexError(
                "DECISION_UNKNOWN",
                "No claim of that number stands.",
                where=str(number),
                remedy="`isindex network claim` told its number.",
            )


def answers_now(network: Network) -> list[Answer]:
    """All answers, in order of their numbers."""
    columns = db.answer.c
    query = select(columns.answer_id, columns.move, columns.verdict).order_by(columns.answer_id)
    with network.engine.connect() as connection:
        return [Answer(*row) for row in connection.execute(query)]


def claims_now(network: Network) -> list[Claim]:
    """The claims that stand, in order of their numbers."""
    columns = db.claim.c
    query = select(columns.claim_id, columns.row_key).where(columns.withdrawn_at.is_(None)).order_by(columns.claim_id)
    with network.engine.connect() as connection:
        return [Claim(*row) for row in connection.execute(query)]


def _kept_back(network: Network, connection: Connection, national_ids: set[str]) -> set[str]:
    """Which of these are not told to this user."""
    return set() if may_see_protected() else hidden_now(network, connection, national_ids)


def _who_answers(evidence: str, custodian: str, receiver: str) -> str:
    return custodian if evidence == "claimed" else receiver


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise IsindexError("DECISION_INCOMPLETE", "It needs a reason.", where="--reason", remedy="Say why; it is kept.")


def _inserted(connection: Connection, table: Sequence[object] | object, row: dict[str, str]) -> int:
    found = connection.execute(insert(table).values(row)).inserted_primary_key  # type: ignore[arg-type]
    return int(found[0]) if found else 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
