"""Which authorities took over which, as it was recorded, and what a successor's night needs of it before it may be built.

Belongs here: reading the record, and refusing a night that would be built without it. A successor whose predecessor is in this home publishes
nothing before its reorganisation is recorded, and nothing while what it was founded on cannot be read: it would show children who are hidden. Not
here: recording it (`reorganise`), what it is founded on (`founding`), or how nights go on from that (`inherited`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from pipelines.contracts import authorities
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.inputs import Inputs
from pipelines.nights.night import Night
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import file_sha256, read_as_or_none

__all__ = [
    "COMPLETE",
    "Reorganised",
    "founded_on",
    "heirs_of",
    "predecessors_here",
    "refuse_unfounded",
    "reorganisations",
    "successors_of",
    "told_before",
]

COMPLETE = "founded.json"
"""Written last into what an authority is founded on: the name of each file and its hash."""


@dataclass(frozen=True)
class Reorganised:
    """One authority took over another, whole or in part; `closed` is the last day of the one that was."""

    predecessor: str
    successor: str
    closed: date


def reorganisations(engine: Engine) -> list[Reorganised]:
    """All that was recorded, in order."""
    told = db.reorganisation.c
    query = select(told.predecessor, told.successor, told.closed).order_by(told.predecessor, told.successor)
    with engine.connect() as connection:
        return [Reorganised(*row) for row in connection.execute(query)]


def successors_of(connection: Connection, authority: str) -> list[Reorganised]:
    """Who took an authority over, as it was recorded."""
    told = db.reorganisation.c
    query = select(told.predecessor, told.successor, told.closed).where(told.predecessor == authority)
    return [Reorganised(*row) for row in connection.execute(query.order_by(told.successor))]


def heirs_of(engine: Engine, authority: str) -> list[str]:
    """The codes of those who took an authority over, in order; none: it is run as ever."""
    with engine.connect() as connection:
        return [each.successor for each in successors_of(connection, authority)]


def founded_on(connection: Connection, authority: str) -> str:
    """Names what an authority was founded on; "" where it took nobody over."""
    told = db.reorganisation.c
    return connection.scalar(select(func.max(told.founded)).where(told.successor == authority)) or ""


def told_before(connection: Connection, authority: str) -> int:
    """How far the wishes were counted of those that an authority took over: its own go on from there."""
    told = db.reorganisation.c
    return connection.scalar(select(func.max(told.told)).where(told.successor == authority)) or 0


def predecessors_here(deployment: Deployment, authority: str) -> list[str]:
    """The authorities that one took over, by the table of authorities, and that have published in this home, or were asked to protect somebody."""
    those = [code for code, each in authorities.every().items() if authority in each.successors]
    if not those:
        return []
    asked = db.protection_request.c.authority
    with deployment.engine.connect() as connection:
        asking = set(connection.scalars(select(asked).where(asked.in_(those)).distinct()))
    return [code for code in those if code in asking or versions_in_force(deployment.home, code)]


def refuse_unfounded(night: Night, inputs: Inputs) -> None:
    """Refuse a night of an authority that was taken over, and one of a successor that would not know whom its predecessors hid.

    Raises:
        IsindexError: AUTHORITY_TAKEN_OVER, REORGANISATION_MISSING, FOUNDING_DAMAGED.
    """
    if by := heirs_of(night.engine, night.authority):
        raise IsindexError(
            "AUTHORITY_TAKEN_OVER",
            f"The authority was taken over by {', '.join(by)}: what it published stays readable, and is run no more.",
            where=night.where,
            remedy="Deliver for the successor. What this delivery asks to be protected is heard there all the same.",
        )
    if inputs.founded:
        refuse_damaged(night.home.founded(night.authority, inputs.founded), night.where)
    elif inputs.base is None and (were := predecessors_here(night.deployment, night.authority)):
        raise IsindexError(
            "REORGANISATION_MISSING",
            f"The authority takes over {', '.join(were)}, and that was not recorded: it would show children whom these hide.",
            where=night.where,
            remedy=f"`isindex network reorganise {' '.join(f'--from {code}' for code in were)} --home HOME` shows what would be done; "
            "record it with --confirm, then load again.",
        )


def refuse_damaged(folder: Path, where: str) -> None:
    """Refuse to go on from what an authority is founded on where that is gone, or is not what was written there.

    Raises:
        IsindexError: FOUNDING_DAMAGED.
    """
    told = read_as_or_none(
        folder / COMPLETE, lambda every: {str(name): str(sha256) for name, sha256 in every["files"].items()}
    )
    if not told or any(
        not (path := folder / name).is_file() or file_sha256(path) != sha256 for name, sha256 in told.items()
    ):
        raise IsindexError(
            "FOUNDING_DAMAGED",
            "What the authority inherited from those that it took over is not there, or not what was written: children would be shown whom these hide.",
            where=where,
            remedy="Restore the home from its backup; until then nothing of this authority is published.",
        )
