"""The tables of the rejected-record report: figures in, sheets out."""

from __future__ import annotations

from collections import Counter

from pipelines.reporting.directory import Directory
from pipelines.reporting.figures import RejectFigures
from pipelines.reporting.reject_rows import fair_share
from pipelines.reporting.sheets import Cell, Code, Head, Sheet
from pipelines.reporting.tables_of.limits import ROWS_EMBEDDED
from pipelines.reporting.words import OUTCOMES, age_band

__all__ = ["reject_sheets"]


def reject_sheets(figures: RejectFigures, directory: Directory) -> dict[str, Sheet]:
    """Sheets ``agencies``, ``rules``, ``rejected`` (a fair share of each rule, `ROWS_EMBEDDED` rows in all), ``earlier``, ``trend``."""
    title = directory.title
    shown = fair_share(figures.rows, ROWS_EMBEDDED).to_pydict()
    cut = figures.rows.num_rows > ROWS_EMBEDDED
    below = Counter(zip(*(shown[name] for name in ("agency", "rule", "field")), strict=True))
    agencies: list[tuple[Cell, ...]] = [
        (title(line.agency), line.records, line.rejected, line.queried, line.new, line.closed, line.oldest or None)
        for line in figures.agencies
    ]
    rules: list[tuple[Cell, ...]] = [
        (
            Code(line.rule),
            title(line.agency),
            line.field,
            OUTCOMES[line.outcome],
            line.records,
            line.new,
            line.oldest,
            *([below.get((line.agency, line.rule, line.field), 0)] if cut else []),
            line.message,
            line.remedy,
        )
        for line in figures.rules
    ]
    names = (
        "agency",
        "outcome",
        "rule",
        "field",
        "sequence",
        "position",
        "line",
        "key",
        "masked",
        "message",
        "remedy",
        "days_open",
    )
    titles = {agency: title(agency) for agency in set(shown["agency"])}
    rejected: list[tuple[Cell, ...]] = [
        (
            Code(key or ""),
            titles[agency],
            OUTCOMES[outcome],
            Code(rule),
            field,
            sequence,
            position,
            line,
            Code(masked) if masked else None,
            age_band(days),
            days,
            message,
            remedy,
        )
        for agency, outcome, rule, field, sequence, position, line, key, masked, message, remedy, days in zip(
            *(shown[name] for name in names), strict=True
        )
    ]
    earlier: list[tuple[Cell, ...]] = [
        (Code(line.rule), title(line.agency), line.field, OUTCOMES[line.outcome], line.faults, line.first_night)
        for line in figures.earlier
    ]
    trend: list[tuple[Cell, ...]] = [
        (point.business_date, title(point.agency), point.rejected, point.queried) for point in figures.trend
    ]
    numbers = (Head("Rejected", number=True), Head("Queried", number=True))
    return {
        "agencies": Sheet(
            "agencies",
            "Records by agency",
            (
                Head("Agency"),
                Head("Records read", number=True),
                *numbers,
                Head("New faults", number=True),
                Head("Closed since the night before", number=True),
                Head("Oldest, days open", number=True),
            ),
            agencies,
        ),
        "rules": Sheet(
            "rules",
            "Broken rules, rejected records first",
            (
                Head("Rule"),
                Head("Agency", pick=True),
                Head("Field"),
                Head("Outcome", pick=True),
                Head("Records", number=True),
                Head("New tonight", number=True),
                Head("Oldest, days", number=True),
                *([Head("Rows below", number=True)] if cut else []),
                Head("What is wrong"),
                Head("What to do"),
            ),
            rules,
            empty="No record broke a rule tonight.",
        ),
        "rejected": Sheet(
            "rejected",
            "Rejected and queried records",
            (
                Head("Key"),
                Head("Agency", pick=True),
                Head("Outcome", pick=True),
                Head("Rule", pick=True),
                Head("Field", pick=True),
                Head("Sequence", number=True),
                Head("Position", number=True),
                Head("Line", number=True),
                Head("Shape of the value"),
                Head("Age", pick=True),
                Head("Days open", number=True),
                Head("What is wrong"),
                Head("What to do"),
            ),
            rejected,
            empty="No record was rejected or queried tonight.",
            search=True,
            total=figures.rows.num_rows,
            cut="of each broken rule a fair share, the gravest and oldest of it first",
        ),
        "earlier": Sheet(
            "earlier",
            "Faults of earlier nights that are still open",
            (
                Head("Rule"),
                Head("Agency", pick=True),
                Head("Field"),
                Head("Outcome", pick=True),
                Head("Faults", number=True),
                Head("First seen"),
            ),
            earlier,
            empty="No fault of an earlier night is open besides those above.",
        ),
        "trend": Sheet(
            "trend",
            "Rejected and queried records, night by night",
            (Head("Night"), Head("Agency", pick=True), *numbers),
            trend,
            note="A dash means that nothing was delivered for that night.",
        ),
    }
