"""What readers of the index see now: the versions in force, counted from their own tables, and those that were taken from them.

Belongs here: looking at what is published. Figures of an attempt say what it would have shown; since then a version may
have been published again, less somebody.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.publishing.tombstones import Tombstone, tombstones
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import read_table

__all__ = ["InForce", "ReadersSee", "authorities_published", "readers_see", "versions_or_none"]


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
        taken: versions of the night that were published again or removed, the latest first.
    """

    night: InForce | None = None
    newest: InForce | None = None
    taken: tuple[Tombstone, ...] = field(default=())


def readers_see(home: Home, authorities: Collection[str], business_date: date) -> dict[str, ReadersSee]:
    """Authority → what readers see, for the pages of a night."""
    found = {}
    for authority in authorities:
        versions = versions_or_none(home, authority)
        newest = max(versions, default=None)
        taken = [each for each in tombstones(home, authority) if each.business_date == business_date]
        found[authority] = ReadersSee(
            _counted(home, authority, business_date, versions.get(business_date)),
            _counted(home, authority, newest, versions[newest]) if newest else None,
            tuple(sorted(taken, key=lambda each: (each.removed_at, each.version), reverse=True)),
        )
    return found


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
