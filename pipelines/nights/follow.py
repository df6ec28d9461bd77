"""The database follows what is in force: index, ledger, nights, faults, and what each feed brought.

Belongs here: the order of it, after every publish. Each part is brought to what the files say, whatever it said before:
run again, or after a kill, or for an old night, it ends the same. Nothing in the database is ever the only word.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from pipelines.database import forget_what_went
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.attempts import Attempt, attempt_in_force, show_in_force
from pipelines.nights.feed_rows import tell_feeds
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.seal import prove, settle_seal
from pipelines.outages import as_coded
from pipelines.publishing.in_step import lagging
from pipelines.publishing.index_database import bring_up_to_date
from pipelines.publishing.manifests import manifest_of
from pipelines.publishing.publish import let_snapshot_go
from pipelines.publishing.versions import built, versions_in_force
from pipelines.tables import file_sha256, read_table
from pipelines.validation.reject_register import follow_faults

__all__ = ["catch_up", "follow", "newest_in_force", "settle", "show_what_is_in_force"]

_log = logging.getLogger(__name__)


def catch_up(deployment: Deployment, authority: str, *, anew: date | None = None) -> None:
    """Finish what a run left undone that was killed between the pointer and what follows it.

    Without this a later attempt at that night which is held, or a night that builds on it, would meet half of it. The night
    that is made `anew` now may have been altered since: it is left to its run.

    Raises:
        IsindexError: BASE_DAMAGED when another was altered since its stages wrote it.
    """
    shown = select(db.night.c.business_date, db.night.c.version).where(db.night.c.authority == authority)
    with deployment.engine.connect() as connection:
        told = {row[0]: row[1] for row in connection.execute(shown)}
    for day, version in versions_in_force(deployment.home, authority).items():
        attempt = attempt_in_force(Night(deployment, authority, day), version)
        if attempt is None:
            continue  # let go
        manifest = deployment.home.snapshots(authority) / version / "manifest.json"
        published = attempt.folder / "published.json"
        if manifest.is_file() and (not published.is_file() or told.get(day) != built(version)):
            try:
                told_of = manifest_of(manifest.parent)
                prove(attempt, told_of)
                settle(attempt, told_of)
                follow(attempt)
            except IsindexError:
                if day != anew:
                    raise


def settle(attempt: Attempt, manifest: Mapping[str, Any]) -> None:
    """Leave an attempt as a night in force has it: shown by links, its seal complete, and without a copy of what is published.

    `manifest` is that of the version as it is shown.
    """
    let_snapshot_go(attempt.folder)
    settle_seal(attempt, manifest)
    show_in_force(attempt, manifest)


def follow(attempt: Attempt, published: str = "") -> int:
    """Bring the database up to date after `attempt` was published; index rows written.

    `published`: the version that it was published as just now (`bring_up_to_date`).
    """
    night = attempt.night
    tell_feeds(attempt)
    newest = newest_in_force(night)
    if newest is not None:
        follow_faults(night.engine, night.authority, read_table(newest.folder / "faults.parquet"))
    hides = newest is not None and _hides_anew(newest)
    written = bring_up_to_date(night.engine, night.home, night.authority, published=published, hides=hides)
    if not forget_what_went(night.engine):
        _log.warning("somebody reads the index database: what went from it stays in its log until the next publish")
    return written


def show_what_is_in_force(deployment: Deployment, authorities: Iterable[str]) -> None:
    """Let the index database show what is in force of authorities of which it does not, after all their nights were run: one that was put back
    by itself, or a run that was killed between the pointer and the database, leaves it behind. What is in the way is told by `isindex status`,
    and tried again by every load.
    """
    for authority in authorities:
        try:
            if not lagging(deployment, [authority]):
                continue
            with alone(deployment, authority):
                bring_up_to_date(deployment.engine, deployment.home, authority, hides=True)
            forget_what_went(deployment.engine)
        except Exception as fault:
            _log.warning(
                "the index database does not show what is in force of authority %s: %s", authority, as_coded(fault).code
            )


def _hides_anew(attempt: Attempt) -> bool:
    """Whether an attempt hides places, or parts identities, otherwise than the one it builds on."""
    told = attempt.inputs.base
    base = attempt_in_force(attempt.night.on(told.business_date), told.version) if told else None
    for name in ("protection/places.parquet", "matching/walls.parquet"):
        own, before = (each.folder / name if each else None for each in (attempt, base))
        if own is None or not own.is_file():
            continue
        if before is None or not before.is_file():
            if read_table(own).num_rows:
                return True
        elif file_sha256(own) != file_sha256(before):
            return True
    return False


def newest_in_force(night: Night) -> Attempt | None:
    """The attempt behind the authority's current version."""
    versions = versions_in_force(night.home, night.authority)
    return attempt_in_force(night.on(max(versions))) if versions else None
