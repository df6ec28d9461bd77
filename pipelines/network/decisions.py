"""What people decide of pairs of children of two authorities: that they are one child, or two. Nothing of it changes a local index.

Belongs here: deciding, taking back, and what stands. Two decisions that stand cannot settle one pair: the database refuses the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from pipelines.errors import IsindexError
from pipelines.network.database import decision
from pipelines.network.place import Network

__all__ = ["KINDS", "Decided", "decide", "decided_now", "take_back"]

KINDS = ("same", "not_the_same")


@dataclass(frozen=True)
class Decided:
    """A decision that stands: of two children, each by authority and index id (``330:…``)."""

    number: int
    kind: str
    row_key_a: str
    row_key_b: str
    reason: str


def decided_now(network: Network) -> list[Decided]:
    """The decisions that stand, in order of their numbers."""
    columns = decision.c
    query = (
        select(columns.decision_id, columns.kind, columns.row_key_a, columns.row_key_b, columns.reason)
        .where(columns.undone_at.is_(None))
        .order_by(columns.decision_id)
    )
    with network.engine.connect() as connection:
        return [Decided(*row) for row in connection.execute(query)]


def decide(network: Network, kind: str, one: str, other: str, *, actor: str, reason: str) -> int:
    """Decide of two children; the decision's number. It counts from the next night of the network on.

    Raises:
        IsindexError: DECISION_CONTRADICTS when another decision on the pair stands; PAIR_OF_ONE.
    """
    a, b = sorted((one, other))
    if a == b:
        raise IsindexError("PAIR_OF_ONE", "Both sides are the same child.", where=a, remedy="Name two children.")
    row = {
        "kind": kind, "row_key_a": a, "row_key_b": b, "actor": actor, "reason": reason,
        "decided_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    try:
        with network.engine.begin() as connection:
            found = connection.execute(insert(decision).values(row)).inserted_primary_key
            return int(found[0]) if found else 0
    except IntegrityError:
        raise IsindexError(
            "DECISION_CONTRADICTS",
            "Another decision on this pair stands.",
            where=f"{a} and {b}",
            remedy="`isindex network decisions` lists them; take that one back first.",
        ) from None


def take_back(network: Network, number: int) -> None:
    """Take a decision back: from the next night of the network on it does not count.

    Raises:
        IsindexError: DECISION_UNKNOWN when none of that number stands.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    standing = (decision.c.decision_id == number, decision.c.undone_at.is_(None))
    with network.engine.begin() as connection:
        if not connection.execute(update(decision).where(*standing).values(undone_at=now)).rowcount:
            raise IsindexError(
                "DECISION_UNKNOWN",
                "No decision of that number stands.",
                where=str(number),
                remedy="`isindex network decisions` lists them.",
            )
