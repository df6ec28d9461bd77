"""Who has custody of a child, as whoever looks at it in an authority's own index is told.

Belongs here: the one look, of an open child alone. Who is protected in any index has no custodian that is told: where a child is known may be where it lives. It is read
when somebody looks, and stands in no version of an authority: a mistake of the nation changes none of them. Not here: finding by names or numbers (`find`),
what waits for whom (`moves`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, select

from pipelines.audit import may_see_protected
from pipelines.network import database as db
from pipelines.network.kept_back import hidden_now
from pipelines.network.place import Network

__all__ = ["Custodian", "custodian_of"]


@dataclass(frozen=True)
class Custodian:
    """Custody of a child after the last night of the network.

    Attributes:
        national_id: the child in the nation.
        custodian: the authority that has custody.
        since: since which night.
        stands: whether the custodian knows the child; else it is unclaimed.
        waits: moves that wait for an answer, by name, each with the authority that would take over.
    """

    national_id: str
    custodian: str
    since: date
    stands: bool
    waits: tuple[tuple[str, str], ...] = ()


def custodian_of(network: Network, authority: str, index_id: str) -> Custodian | None:
    """Who has custody of a child of an authority's index; None where that is not known here, or not told to this user."""
    if network.in_force() is None:
        return None
    pointer, custody, move = db.pointer.c, db.custody.c, db.move.c
    query = (
        select(custody.national_id, custody.custodian, custody.since, custody.stands)
        .join(db.pointer, pointer.national_id == custody.national_id)
        .where(pointer.authority == authority, pointer.index_id == index_id, pointer.to_night.is_(None))
    )
    with network.engine.connect() as connection:
        found = connection.execute(query).first()
        if found is None or (not may_see_protected() and hidden_now(network, connection, {found.national_id})):
            return None
        waiting = and_(move.national_id == found.national_id, move.state == "proposed")
        moves = connection.execute(select(move.move, move.to_authority).where(waiting).order_by(move.move)).all()
    return Custodian(found.national_id, found.custodian, found.since, bool(found.stands), tuple((row.move, row.to_authority) for row in moves))  # fmt: skip
