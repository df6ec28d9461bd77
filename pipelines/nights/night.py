"""The night: its folder, its database, the night before it, and the shape of what a stage reports."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, func, select

from pipelines.database import database_at
from pipelines.database import schema as db
from pipelines.home import Home

__all__ = ["Check", "Night", "StageReport", "database_of"]


@dataclass(frozen=True)
class Check:
    """Something that must hold: blocking ones stop the publish when they fail."""

    name: str
    passed: bool
    blocking: bool
    description: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class StageReport:
    """What a stage says of itself: the same numeric keys every night, its checks, and tables in Markdown."""

    figures: Mapping[str, float | int | str]
    checks: tuple[Check, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Night:
    """One authority's night in one deployment.

    Attributes:
        home: where everything is kept.
        landing: the landing place, any fsspec address.
        authority: 3-digit code.
        business_date: the day the data describes.
    """

    home: Home
    landing: str
    authority: str
    business_date: date

    @property
    def engine(self) -> Engine:
        """The index database, opened once per process."""
        return database_of(self.home.database_url)

    @property
    def folder(self) -> Path:
        """The night's stage tables."""
        return self.home.night(self.authority, self.business_date)

    def before(self) -> Night | None:
        """The latest published night of this authority before this one: identities and matching build on it."""
        return self._earlier(db.night.c.state == "published")

    def processed_before(self) -> Night | None:
        """The latest night before this one, published or held: the feeds' live records go on from it."""
        return self._earlier()

    def _earlier(self, *conditions: ColumnElement[bool]) -> Night | None:
        with self.engine.connect() as connection:
            earlier = connection.scalar(
                select(func.max(db.night.c.business_date)).where(
                    db.night.c.authority == self.authority,
                    db.night.c.business_date < self.business_date,
                    *conditions,
                )
            )
        return Night(self.home, self.landing, self.authority, earlier) if earlier else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the authority's lock: two runs of one authority never write at the same time."""
        path = self.home.root / "nights" / self.authority / ".lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def database_of(url: str) -> Engine:
    """The database at `url`, migrated, one engine per process."""
    return database_at(url)
