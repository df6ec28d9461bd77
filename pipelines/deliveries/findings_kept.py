"""What the last look at the landing place has found and nobody takes in, kept in the home for whoever did not look himself: the reports.

Belongs here: ``landing.json``: findings, and places that wait for their manifest. A look at some authorities only says nothing new of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from pipelines.deliveries.landing_findings import LandingFinding
from pipelines.home import Home
from pipelines.tables import read_as_or_none, write_json

__all__ = ["keep_findings", "kept_findings", "kept_incomplete"]


def keep_findings(
    home: Home,
    findings: Sequence[LandingFinding],
    authorities: Collection[str] | None = None,
    incomplete: Collection[str] = (),
) -> bool:
    """Keep what a look has found; whether that differs from what was known.

    Args:
        home: the home.
        findings: of the look.
        authorities: those that were looked at; None: all.
        incomplete: places (authority/agency/business date) without a manifest.
    """
    before, waited = kept_findings(home), kept_incomplete(home)
    others, elsewhere = [], []
    if authorities is not None:
        others = [each for each in before if each.authority not in (None, *authorities)]
        elsewhere = [place for place in waited if place.split("/")[0] not in authorities]
    now, waits = [*others, *findings], sorted({*elsewhere, *incomplete})
    if (now, waits) == (before, waited):
        return False
    write_json({"findings": [each.as_json() for each in now], "incomplete": waits}, home.root / "landing.json")
    return True


def kept_findings(home: Home) -> list[LandingFinding]:
    """The findings of the last look."""
    return _told(home)[0]


def kept_incomplete(home: Home) -> list[str]:
    """The places that waited for their manifest at the last look, in order."""
    return _told(home)[1]


def _told(home: Home) -> tuple[list[LandingFinding], list[str]]:
    """Findings and places; none where they cannot be read: the next look keeps them anew."""
    return read_as_or_none(home.root / "landing.json", _made) or ([], [])


def _made(told: Any) -> tuple[list[LandingFinding], list[str]]:
    rows, places = (told["findings"], told["incomplete"]) if isinstance(told, dict) else (told, [])  # as once kept
    findings = [LandingFinding(**row | {"business_date": _day(row["business_date"])}) for row in rows]
    return findings, [str(place) for place in places]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
