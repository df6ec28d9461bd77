"""What people decide of pairs of children of two authorities: that they are one child, or two. Nothing of it changes a local index.

Belongs here: deciding, taking back, and what stands. Two decisions that stand cannot settle one pair: the database refuses the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from pipelines.errors import IsindexError
from pipelines.network.database import decision
from pipelines.network.place import Network

__all__ = ["KINDS", "Decided", "contradicted", "decide", "decided_now", "take_back"]

KINDS = ("same", "not_the_same")
_NEW = 2**62  # the number of one that is to be made: after all others


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


def contradicted(decisions: Iterable[Decided]) -> set[int]:
    """The numbers of decisions `same` that would make one child of two of one authority; of several the later ones, which do not count."""
    whole: dict[str, frozenset[str]] = {}
    found = set()
    for each in sorted((each for each in decisions if each.kind == "same"), key=lambda each: each.number):
        a, b = (whole.get(key, frozenset({key})) for key in (each.row_key_a, each.row_key_b))
        if a is b:
            continue
        authorities = [key.partition(":")[0] for key in a | b]
        if len(set(authorities)) < len(authorities):
            found.add(each.number)
        else:
            whole |= dict.fromkeys(a | b, a | b)
    return found


def decide(network: Network, kind: str, one: str, other: str, *, actor: str, reason: str) -> int:
    """Decide of two children; the decision's number. It counts from the next night of the network on.

    Raises:
        IsindexError: DECISION_CONTRADICTS when another decision on the pair stands, or it would make one child of two of one authority, by
            itself or with others; PAIR_OF_ONE.
    """
    a, b = sorted((one, other))
    if a == b:
        raise IsindexError("PAIR_OF_ONE", "Both sides are the same child.", where=a, remedy="Name two children.")
    if kind == "same" and _NEW in contradicted([*decided_now(network), Decided(_NEW, kind, a, b, reason)]):
        raise IsindexError(
            "DECISION_CONTRADICTS",
            "It would make one child of two children of one authority, by itself or with the decisions that stand.",
            where=f"{a} and {b}",
            remedy="Whether these are one is for their authority to decide: `isindex decide same`. Of several decisions take the wrong one back.",
        )
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
