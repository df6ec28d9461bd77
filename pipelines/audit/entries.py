"""The entries of the chain, for people to read."""

from __future__ import annotations

from datetime import date

from sqlalchemy import or_, select

from pipelines.audit.chain import Entry
from pipelines.database import schema as db
from pipelines.deployment import Deployment

__all__ = ["entries"]


def entries(deployment: Deployment, authority: str | None = None, since: date | None = None) -> list[Entry]:
    """The entries, the latest first.

    Args:
        deployment: where.
        authority: only those of this authority, and those that were asked of all.
        since: only those from this day on (UTC).
    """
    entry = db.audit_entry.c
    query = select(db.audit_entry).order_by(entry.number.desc())
    if authority is not None:
        query = query.where(or_(entry.authority == authority, entry.authority.is_(None)))
    if since is not None:
        query = query.where(entry.at >= since.isoformat())
    with deployment.engine.connect() as connection:
        return [Entry(**row) for row in connection.execute(query).mappings()]
