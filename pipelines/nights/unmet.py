"""Decisions of two people to open a child after which it is hidden all the same: in words, with what to do.

Belongs here: the words, and finding them in an attempt. Not here: finding out (`pipelines.protection.shielding`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.tables import read_as_or_none

__all__ = ["WHY", "reasons_told", "unmet_in", "unmet_told"]

WHY = {
    "stranger": (
        "The record is another child's by now.",
        "Look at the record, and decide again of the one that is the child's.",
    ),
    "gone": (
        "The record is not there any more, and who bears what it was known by is hidden.",
        "Decide again of a record that the child has now.",
    ),
    "asks": (
        "A record of the child goes on asking.",
        "Ask the supplier to correct it first; when the mark is gone, decide again.",
    ),
    "decided": ("A decision shields the child.", "Take that back first (`isindex decide undo`), and decide again."),
    "since": (
        "It was asked for after the decision was confirmed.",
        "Find out who asks and why before anybody decides again.",
    ),
    "strayed": (
        "A record that was hidden as another child's has come into its identity.",
        "Look whether the two are one child: if not, `isindex decide not-the-same`; if they are, decide again.",
    ),
    "wish": (
        "The wish means somebody by now, or was told again.",
        "Look at the page of protection: whoever it means is opened as any other child.",
    ),
    "claimed": (
        "A wish whose own child is not in the index may mean this one.",
        "Look at the page of protection: if the wish is another child's, two people end it there; then decide again of this child.",
    ),
    "another": (
        "The child may be another one who is hidden, and is hidden for that one's sake.",
        "Find the pair in the review list: if they are two children, `isindex decide not-the-same`. To unshield it does not help.",
    ),
    "feed": (
        "A feed has asked for the same firewall, and so it stands.",
        "If the two records are one child, `isindex decide same` of them, confirmed by another person, takes it away.",
    ),
}
"""Why a child is hidden after all (`pipelines.protection.shielding.Unmet`), or a firewall stands: in words, and what to do."""


def unmet_in(folder: Path) -> list[dict[str, Any]]:
    """The decisions of an attempt, by its folder: ``decision``, its number, ``why``, and in words ``told`` and ``what_to_do``."""
    found = read_as_or_none(folder / "protection" / "unmet.json", list) or []
    return [
        {
            **each,
            "told": f"Decision {each['decision']} opened nobody. {_words(each['why'], 0)}",
            "what_to_do": _words(each["why"], 1),
        }
        for each in found
    ]


def unmet_told(each: Mapping[str, Any]) -> str:
    """One of them in words."""
    return f"Decision {each['decision']} opened nobody. {reasons_told(each['why'])}"


def reasons_told(why: Sequence[str]) -> str:
    """Why, and what to do."""
    return " ".join(words for reason in why for words in WHY.get(reason, ()))


def _words(why: Sequence[str], part: int) -> str:
    return " ".join(WHY[reason][part] for reason in why if reason in WHY)
