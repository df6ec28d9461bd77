"""The night: one authority on one business date, and the shape of what a stage reports.

Belongs here: where a night lies and which version of it is in force. Not here: what it is built from (`inputs`), how
one run of it goes (`attempts`), the stages.

What is in force stands in one place, the authority's ``current.json``; everything else follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from pipelines.deployment import Deployment
from pipelines.home import Home
from pipelines.publishing.versions import versions_in_force

__all__ = ["Check", "Night", "StageReport"]


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
        deployment: home, database, landing place and settings.
        authority: 3-digit code.
        business_date: the day the data describes.
    """

    deployment: Deployment
    authority: str
    business_date: date

    @property
    def home(self) -> Home:
        """The home of the deployment."""
        return self.deployment.home

    @property
    def engine(self) -> Engine:
        """The index database."""
        return self.deployment.engine

    @property
    def landing(self) -> str:
        """The landing place of the deployment."""
        return self.deployment.landing

    @property
    def folder(self) -> Path:
        """The night's folder: its attempts, and links to the tables of the one in force."""
        return self.home.night(self.authority, self.business_date)

    @property
    def where(self) -> str:
        """The night as messages name it."""
        return f"{self.authority} {self.business_date.isoformat()}"

    def on(self, business_date: date) -> Night:
        """Another night of the same authority."""
        return Night(self.deployment, self.authority, business_date)

    def version(self) -> str | None:
        """The version of this night that is in force."""
        return versions_in_force(self.home, self.authority).get(self.business_date)
