"""Decisions of two people to open a child after which it is hidden all the same: in words, with what to do.

Belongs here: finding them in an attempt. Not here: finding out (`pipelines.protection.shielding`), the words, and which of them still
stand (`pipelines.reporting.opens_nobody`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.reporting.opens_nobody import reasons_of, ways_out
from pipelines.tables import read_as_or_none

__all__ = ["reasons_told", "unmet_in", "unmet_told"]


def unmet_in(folder: Path, authority: str) -> list[dict[str, Any]]:
    """The decisions of an attempt, by its folder: ``decision``, its number, ``why``, and in words ``told`` and ``what_to_do``."""
    found = read_as_or_none(folder / "protection" / "unmet.json", list) or []
    return [
        {
            **each,
            "told": f"Decision {each['decision']} opened nobody. {reasons_of(each['why'])}",
            "what_to_do": ways_out(each["why"], authority),  # a page names no record
        }
        for each in found
    ]


def unmet_told(each: Mapping[str, Any], authority: str) -> str:
    """One of them in words."""
    return f"Decision {each['decision']} opened nobody. {reasons_told(each['why'], authority, each.get('others', ()))}"


def reasons_told(why: Sequence[str], authority: str, others: Sequence[str] = ()) -> str:
    """Why, and what to do, reason by reason; `others` are references of the records for whose sake the child stays hidden."""
    return " ".join(f"{reasons_of([each])} {ways_out([each], authority, others=others)}".strip() for each in why)
