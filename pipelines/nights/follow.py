"""The database follows what is in force: index, ledger, nights, faults, and what each feed brought.

Belongs here: the order of it, after every publish. Each part is brought to what the files say, whatever it said before:
run again, or after a kill, or for an old night, it ends the same. Nothing in the database is ever the only word.
"""

from __future__ import annotations

from pipelines.nights.attempts import Attempt, attempt_in_force
from pipelines.nights.feed_rows import tell_feeds
from pipelines.nights.night import Night
from pipelines.publishing.index_database import bring_up_to_date
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import read_table
from pipelines.validation.reject_register import follow_faults

__all__ = ["follow", "newest_in_force"]


def follow(attempt: Attempt) -> int:
    """Bring the database up to date after `attempt` was published; index rows written."""
    night = attempt.night
    tell_feeds(attempt)
    newest = newest_in_force(night)
    if newest is not None:
        follow_faults(night.engine, night.authority, read_table(newest.folder / "faults.parquet"))
    return bring_up_to_date(night.engine, night.home, night.authority)


def newest_in_force(night: Night) -> Attempt | None:
    """The attempt behind the authority's current version."""
    versions = versions_in_force(night.home, night.authority)
    return attempt_in_force(night.on(max(versions))) if versions else None
