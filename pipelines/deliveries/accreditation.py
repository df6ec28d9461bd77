"""The standing of a feed: what was decided of it, and whether its deliveries are loaded, tested or refused.

Belongs here: reading the table `accreditation`, and what each standing means for a delivery. Not here: who may decide what, and when
(`pipelines.nights.accreditation`). An act holds whether or not the deployment asks for accreditation; that setting
(``ISINDEX_ACCREDITED_ONLY``) says what becomes of feeds of which nothing was decided, or that are invited.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, select

from pipelines.database import schema as db
from pipelines.deliveries.codes import Finding, finding

__all__ = ["NOT_ADMITTED", "Act", "Admission", "acts", "admission", "refusal", "standing_of"]

Admission = Literal["loaded", "tested", "refused"]
NOT_ADMITTED = frozenset({"FEED_NOT_ACCREDITED", "FEED_PAUSED"})
"""What a delivery is refused for because of its feed's standing, whatever is in it."""


@dataclass(frozen=True)
class Act:
    """Something decided of a feed (table `accreditation`): `standing` is what the feed is after it."""

    number: int
    authority: str
    agency: str
    act: str
    standing: str
    actor: str
    reason: str
    checklist: dict[str, Any] | None
    despite: list[str]
    decided_at: str


def acts(connection: Connection, authority: str | None = None, agency: str | None = None) -> list[Act]:
    """What was decided, in the order in which it was."""
    table = db.accreditation
    query = select(table).order_by(table.c.act_id)
    if authority is not None:
        query = query.where(table.c.authority == authority)
    if agency is not None:
        query = query.where(table.c.agency == agency)
    return [Act(*row) for row in connection.execute(query)]


def standing_of(connection: Connection, authority: str, agency: str) -> str:
    """What a feed is now; ``none`` where nothing was decided."""
    table = db.accreditation.c
    query = select(table.standing).where(table.authority == authority, table.agency == agency)
    return connection.scalar(query.order_by(table.act_id.desc()).limit(1)) or "none"


def admission(standing: str, *, accredited_only: bool) -> Admission:
    """What becomes of the deliveries of a feed of that standing.

    Args:
        standing: of the feed.
        accredited_only: whether the deployment loads accredited feeds alone.
    """
    if standing in ("paused", "ended"):
        return "refused"
    if standing == "testing":
        return "tested"
    return "refused" if accredited_only and standing != "accredited" else "loaded"


def refusal(standing: str) -> Finding:
    """What is said of a delivery that is refused for its feed's standing."""
    return finding("FEED_PAUSED" if standing == "paused" else "FEED_NOT_ACCREDITED")
