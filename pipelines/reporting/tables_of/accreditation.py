"""The tables of the pages of accreditation: where every feed stands, and one feed's checklist. No person stands there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pipelines.contracts import authorities
from pipelines.deliveries.accreditation import Act
from pipelines.reporting.directory import Directory
from pipelines.reporting.sheets import Cell, Head, Link, Sheet
from pipelines.reporting.words import FEEDS, Word, short_day

__all__ = ["certificate_sheets", "feeds_sheet", "requirements_told"]

_MET = {True: Word("Met", "good", ""), False: Word("Not met", "bad", "")}


def feeds_sheet(feeds: Sequence[Act], directory: Directory) -> dict[str, Sheet]:
    """Sheet ``feeds``: each feed by the latest act, with a link to its certificate."""
    rows: list[tuple[Cell, ...]] = [
        (
            f"{each.authority} {authorities.name_of(each.authority)}",
            Link(directory.title(each.agency), f"{each.authority}/{each.agency}/index.html"),
            FEEDS[each.standing],
            date.fromisoformat(each.decided_at[:10]),
            requirements_told(each.despite),
        )
        for each in feeds
    ]
    heads = (
        Head("Authority", pick=True), Head("Feed", pick=True), Head("Standing", pick=True), Head("Since"), Head("Accredited although not met"),
    )  # fmt: skip
    return {"feeds": Sheet("feeds", "Feeds", heads, rows, empty="Nothing was decided of any feed.")}


def certificate_sheets(now: Mapping[str, Any], granted: Mapping[str, Any] | None) -> dict[str, Sheet]:
    """Sheets ``checklist``, of the last nights, and ``granted``, of those on which the feed was accredited; without rows where it is not.

    Args:
        now: `Checklist.as_json` as it is now.
        granted: as it was when the feed was accredited; None where it is not.
    """
    return {
        "granted": _checklist("granted", "On what it was accredited", granted),
        "checklist": _checklist("checklist", "The last nights", now),
    }


def _checklist(name: str, caption: str, told: Mapping[str, Any] | None) -> Sheet:
    nights = list(told["nights"]) if told else []
    rows: list[tuple[Cell, ...]] = []
    if told and nights:
        rows = [
            (
                _title(requirement),
                asks,
                _MET[requirement not in told["unmet"]],
                *(_night(night["results"][requirement]) for night in nights),
            )
            for requirement, asks in told["asks"].items()
        ]
    days = [Head(short_day(date.fromisoformat(night["business_date"]))) for night in nights]
    empty = "No night is known of this authority yet."
    return Sheet(name, caption, (Head("Requirement"), Head("What is asked"), Head("Met"), *days), rows, empty=empty)


def _night(result: Mapping[str, Any]) -> str:
    return str(result["measured"]) if result["holds"] else f"Not met: {result['measured']}"


def requirements_told(requirements: Sequence[str]) -> str:
    """Requirements as people read them."""
    return ", ".join(map(_title, requirements))


def _title(requirement: str) -> str:
    return requirement.replace("_", " ").capitalize()
