"""The findings of the last look at the landing place, kept in the home for whoever did not look himself: the reports.

Belongs here: ``landing.json``. A look at some authorities only says nothing new of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from pipelines.deliveries.landing_findings import LandingFinding
from pipelines.home import Home
from pipelines.tables import read_json, write_json

__all__ = ["keep_findings", "kept_findings"]


def keep_findings(home: Home, findings: Sequence[LandingFinding], authorities: Collection[str] | None = None) -> bool:
    """Keep what a look has found; whether that differs from what was known.

    Args:
        home: the home.
        findings: of the look.
        authorities: those that were looked at; None: all.
    """
    before = kept_findings(home)
    others = [] if authorities is None else [each for each in before if each.authority not in (None, *authorities)]
    now = [*others, *findings]
    if now != before:
        write_json([each.as_json() for each in now], home.root / "landing.json")
    return now != before


def kept_findings(home: Home) -> list[LandingFinding]:
    """The findings of the last look."""
    path = home.root / "landing.json"
    told = read_json(path) if path.is_file() else []
    return [LandingFinding(**row | {"business_date": _day(row["business_date"])}) for row in told]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
