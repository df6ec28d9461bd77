"""Decisions on children that no night in force is built with yet: they wait for a load, or for the authority's next night.

Belongs here: which they are. Not here: which nights need a run for them (`plan`), who is hidden meanwhile (`at_once`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.nights.whole import latest_there

__all__ = ["Waiting", "decisions_waiting"]

_KINDS = ("same", "not_the_same", "firewall", "shield", "confirm")


@dataclass(frozen=True)
class Waiting:
    """A decision that waits: for a load (`load`), else for the authority's next night; `taken_back`: that it was, waits."""

    number: int
    kind: str
    load: bool
    taken_back: bool


def decisions_waiting(deployment: Deployment, authority: str) -> list[Waiting]:
    """The decisions of an authority that wait, by number.

    Raises:
        IsindexError: STORE_DAMAGED when what would say which is damaged or gone.
    """
    newest = latest_there(deployment, authority)
    if newest is None:
        return []
    night, built = newest.night.business_date, {each.number for each in newest.inputs.decisions}
    decision = db.decision.c
    query = (
        select(db.decision)
        .where(decision.authority == authority, decision.kind.in_(_KINDS), decision.record_a.is_not(None))
        .order_by(decision.decision_id)
    )
    with deployment.engine.connect() as connection:
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        begun = row.from_night is None or row.from_night <= night
        counts = begun and (row.until_night is None or night < row.until_night)
        if counts != (row.decision_id in built):
            found.append(Waiting(row.decision_id, row.kind, True, not counts))
        elif not begun and row.undone_at is None:
            found.append(Waiting(row.decision_id, row.kind, False, False))
    return found
