"""What readers of the index see now: the versions in force, counted from their own tables, and those that were taken from them.

Belongs here: looking at what is published. Figures of an attempt say what it would have shown; since then a version may
have been published again, less somebody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow.compute as pc
from sqlalchemy import Engine, select

from pipelines.database.schema import attempt
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.publishing.tombstones import Tombstone, tombstones
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import read_table

__all__ = [
    "InForce",
    "ReadersSee",
    "Runs",
    "authorities_published",
    "readers_see",
    "runs_of",
    "told_on",
    "versions_or_none",
]

Runs = Sequence[tuple[str, date]]
"""When each run of a night began (UTC), and of which night."""


@dataclass(frozen=True)
class InForce:
    """A version in force: of which night, under which name, with how many children, how many of them hidden."""

    business_date: date
    version: str
    children: int
    hidden: int


@dataclass(frozen=True)
class ReadersSee:
    """What readers see of one authority.

    Attributes:
        night: the version in force of the night asked for; None where there is none, or it was let go.
        newest: the current version; None before the first, or where it cannot be read.
        at: that of the newest night up to the one asked for.
        taken: versions of the night that were published again or removed, and those of other nights since the night's run, the latest first.
    """

    night: InForce | None = None
    newest: InForce | None = None
    at: InForce | None = None
    taken: tuple[Tombstone, ...] = field(default=())


def readers_see(
    home: Home, authorities: Collection[str], business_date: date, engine: Engine | None = None
) -> dict[str, ReadersSee]:
    """Authority → what readers see, for the pages of a night; with `engine` also which versions of other nights were taken since its run."""
    found = {}
    for authority in authorities:
        versions = versions_or_none(home, authority)
        newest = max(versions, default=None)
        at = max((day for day in versions if day <= business_date), default=None)
        stones = tombstones(home, authority)
        runs = runs_of(engine, authority) if engine is not None and stones else ()
        taken = [each for each in stones if business_date in told_on(each, runs)]
        counted = {day: _counted(home, authority, day, versions.get(day)) for day in {business_date, newest, at} if day}
        found[authority] = ReadersSee(
            counted[business_date],
            counted[newest] if newest else None,
            counted[at] if at else None,
            tuple(sorted(taken, key=lambda each: (each.removed_at, each.business_date, each.version), reverse=True)),
        )
    return found


def runs_of(engine: Engine, authority: str) -> Runs:
    """When each run of a night of an authority began, and of which, in the order of time."""
    query = (
        select(attempt.c.started_at, attempt.c.business_date)
        .where(attempt.c.authority == authority)
        .order_by(attempt.c.attempt_id)
    )
    with engine.connect() as connection:
        return [(row.started_at, row.business_date) for row in connection.execute(query)]


def told_on(stone: Tombstone, runs: Runs) -> set[date]:
    """The nights on whose pages it is told what became of a version: its own, and the one whose run was the last to begin before that."""
    begun = [business_date for started_at, business_date in runs if started_at[:19] <= stone.removed_at[:19]]
    return {stone.business_date, *begun[-1:]}


def authorities_published(home: Home) -> list[str]:
    """Authorities of which anything was ever published."""
    return sorted(path.name for path in (home.root / "snapshots").glob("*") if path.is_dir())


def versions_or_none(home: Home, authority: str) -> dict[date, str]:
    """The versions in force by night; none where what says so cannot be read: a page is written all the same."""
    try:
        return versions_in_force(home, authority)
    except IsindexError:
        return {}


def _counted(home: Home, authority: str, night: date, version: str | None) -> InForce | None:
    path = home.snapshots(authority) / str(version) / "children.parquet"
    if version is None or not path.is_file():
        return None
    try:
        seen = read_table(path, ["shielded", "withheld"])
    except IsindexError:
        return None  # damaged: a load says so
    hidden = int(pc.sum(pc.or_(seen["shielded"], seen["withheld"])).as_py() or 0)
    return InForce(night, version, seen.num_rows, hidden)
