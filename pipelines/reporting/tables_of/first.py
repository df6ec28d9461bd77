"""The table that pages begin with: what somebody must see to first of all of protection, or the proposals among it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.reporting.first_of_all import First
from pipelines.reporting.sheets import Code, Head, Sheet, Told

__all__ = ["first_sheet", "proposals_sheet"]


def first_sheet(found: Sequence[First], name: Callable[[str], str] = str, *, in_full: bool = False) -> Sheet:
    """Sheet ``first``; `name` is what an authority is called. `in_full`: with references of records."""
    return Sheet(
        "first",
        "First of all: protection that waits for somebody",
        (
            Head("Authority", pick=True),
            Head("What it is", pick=True),
            Head("Decision", number=True),
            Head("Since (UTC)"),
            Head("Code", pick=True),
            Head("What is wrong"),
            Head("What to do"),
        ),
        [
            (
                name(each.authority),
                each.word,
                each.number,
                _moment(each.since),
                Code(each.code),
                *map(Told, each.in_full if in_full else (each.told, each.what_to_do)),
            )
            for each in found
        ],
        empty="Protection does not wait, and no proposal waits for a second person.",
        note="In a command words in capitals are to be filled in."
        + ("" if in_full else " The authority’s page of protection of its newest night names the records."),
        folds={"Since when": ("Decision", "Since (UTC)", "Code")},
    )


def proposals_sheet(found: Sequence[First]) -> Sheet:
    """Sheet ``proposals`` of an authority's page: those that wait for a second person."""
    return Sheet(
        "proposals",
        "Proposals that wait for a second person",
        (Head("Proposal"), Head("Authority"), Head("Since (UTC)"), Head("What is proposed"), Head("What to do")),
        [
            (Code(str(each.number)), Code(each.authority), _moment(each.since), *map(Told, each.in_full))
            for each in found
            if each.code == "PROPOSAL_WAITS"
        ],
        empty="No proposal waits for a second person.",
    )


def _moment(text: str) -> str:
    """``2026-11-20T22:14:03Z`` as ``2026-11-20 22:14``."""
    return text[:16].replace("T", " ")
