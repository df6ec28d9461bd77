"""The latest night in force, whole: what says who is hidden is there, or nothing is told of anybody.

Belongs here: telling a night that was never published from one of which something is gone. A file that is missing says as little as a
damaged one: from neither follows that nothing was decided. Not here: whether a file is what was written (`seal`).
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.nights.attempts import Attempt
from pipelines.nights.follow import newest_in_force
from pipelines.nights.night import Night
from pipelines.nights.seal import gone_from
from pipelines.publishing.manifests import pointer_damaged
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import store_damaged

__all__ = ["latest_there", "latest_whole"]


def latest_there(deployment: Deployment, authority: str) -> Attempt | None:
    """The attempt behind the authority's current version; None when nothing was ever published.

    Raises:
        IsindexError: STORE_DAMAGED when something was, and what says it, or the attempt with its inputs, is gone.
    """
    versions = versions_in_force(deployment.home, authority)
    if not versions:
        if _was_published(deployment, authority):
            raise pointer_damaged(deployment.home.snapshots(authority))
        return None
    newest = newest_in_force(Night(deployment, authority, date.max))
    if newest is None:
        raise store_damaged(Night(deployment, authority, max(versions)).folder / "attempts")
    return newest


def latest_whole(deployment: Deployment, authority: str) -> Attempt | None:
    """As `latest_there`, with every table that its night has left under seal.

    Raises:
        IsindexError: STORE_DAMAGED also when one of them is gone.
    """
    newest = latest_there(deployment, authority)
    if newest is not None and (gone := gone_from(newest)):
        raise store_damaged(newest.folder / gone)
    return newest


def _was_published(deployment: Deployment, authority: str) -> bool:
    """Whether the index database tells of any night of the authority."""
    told = select(db.night.c.version).where(db.night.c.authority == authority).limit(1)
    with deployment.engine.connect() as connection:
        return connection.execute(told).first() is not None
