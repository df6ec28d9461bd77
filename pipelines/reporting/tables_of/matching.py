"""The tables of the match report: figures in, sheets out."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa

from pipelines.reporting.directory import Directory
from pipelines.reporting.figures import MatchFigures
from pipelines.reporting.sheets import Cell, Code, Head, Sheet, Told
from pipelines.reporting.tables_of.limits import ROWS_EMBEDDED
from pipelines.reporting.words import STEPS, Word

__all__ = ["match_sheets"]


def match_sheets(figures: MatchFigures, directory: Directory) -> dict[str, Sheet]:
    """Sheets ``steps``, ``review`` (the first `ROWS_EMBEDDED`), ``apart``, ``changes``, ``measures``; ``claims`` where an interim index delivers."""
    agencies = figures.agencies
    steps: list[tuple[Cell, ...]] = []
    for step, word in STEPS.items():
        numbers = [figures.steps.get((step, agency), 0) for agency in agencies]
        steps.append((word.text, *numbers, sum(numbers), word.meaning))
    review: list[tuple[Cell, ...]] = [
        (
            Code(pair["record_ref_a"]),
            directory.title(pair["agency_a"]),
            Code(pair["record_ref_b"]),
            directory.title(pair["agency_b"]),
            pair["priority"] or "",
            None if pair["weight"] is None else int(pair["weight"]),
            _days(figures.business_date, pair["first_night"]),
            pair["first_night"],
            pair["reason"],
            pair["fields"],
            _runner_up(pair),
        )
        for pair in figures.review.slice(0, ROWS_EMBEDDED).to_pylist()
    ]
    told: dict[str, Sheet] = {} if figures.claims is None else {"claims": _claims(figures.claims, directory)}
    words = {"merged": Word("Merged", "info", ""), "split": Word("Split", "info", "")}
    return told | {
        "steps": Sheet(
            "steps",
            "Records by match step",
            (
                Head("Step"),
                *(Head(directory.title(agency), number=True) for agency in agencies),
                Head("All", number=True),
                Head("What it means"),
            ),
            steps,
        ),
        "review": Sheet(
            "review",
            "Pairs that wait for a person, most urgent first",
            (
                Head("Record reference"),
                Head("Agency", pick=True),
                Head("Other reference"),
                Head("Other agency", pick=True),
                Head("Priority", pick=True),
                Head("Weight", number=True),
                Head("Days waiting", number=True),
                Head("First seen"),
                Head("Why it is doubtful"),
                Head("Weight by field"),
                Head("Runner-up"),
            ),
            review,
            empty="No pair waits for a decision.",
            search=True,
            total=figures.review.num_rows,
        ),
        "apart": Sheet(
            "apart",
            "Pairs that look alike and are kept apart",
            (Head("Why"), Head("Pairs", number=True)),
            [(reason, number) for reason, number in figures.apart.items()],
            empty="No pair had to be kept apart.",
        ),
        "changes": Sheet(
            "changes",
            "Identities merged and split tonight",
            (Head("Index id"), Head("What happened", pick=True), Head("Other index id"), Head("Why")),
            [
                (Code(e["index_id"]), words[e["kind"]], Code(e["other_id"]) if e["other_id"] else None, e["reason"])
                for e in figures.events
            ],
            empty="No identity was merged or split tonight.",
        ),
        "measures": Sheet(
            "measures",
            "Numbers of the matching run",
            (Head("Measure"), Head("Value", number=True)),
            [(name.replace("_", " "), value) for name, value in sorted(figures.stats.items())],
            empty="The matching run gave no numbers.",
        ),
    }


def _claims(findings: pa.Table, directory: Directory) -> Sheet:
    """What is told of interim indexes, the first `ROWS_EMBEDDED`."""
    rows: list[tuple[Cell, ...]] = [
        (
            Code(each["code"]),
            directory.title(each["source"]),
            each["position"],
            Code(each["record_ref"]) if each["record_ref"] else None,
            each["other_position"],
            Code(each["other_ref"]) if each["other_ref"] else None,
            each["message"],
            Told(each["remedy"]),
            Code(each["delivery_id"]),
        )
        for each in findings.slice(0, ROWS_EMBEDDED).to_pylist()
    ]
    return Sheet(
        "claims",
        "What interim indexes say, and the records do not bear out",
        (
            Head("Code", pick=True),
            Head("Interim index", pick=True),
            Head("Row", number=True),
            Head("Record reference"),
            Head("Other row", number=True),
            Head("Other reference"),
            Head("What is wrong"),
            Head("What to do"),
            Head("Delivery"),
        ),
        rows,
        empty="The records bear out all that it says.",
        search=True,
        total=findings.num_rows,
    )


def _runner_up(pair: dict[str, Any]) -> str:
    """The best other candidate of either record, in words."""
    told = [
        f"{record}: {pair[f'rival_weight_{side}']:.0f}, {'joined' if pair[f'rival_joined_{side}'] else 'not joined'}"
        for side, record in (("a", "first record"), ("b", "other record"))
        if pair[f"rival_ref_{side}"]
    ]
    return "; ".join(told) or "none"


def _days(business_date: date, first: date | None) -> int | None:
    return (business_date - first).days + 1 if first else None
