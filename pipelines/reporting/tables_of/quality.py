"""The tables of the data-quality report: figures in, sheets out."""

from __future__ import annotations

from pipelines.reporting.directory import Directory
from pipelines.reporting.drawings import share
from pipelines.reporting.figures import QualityFigures
from pipelines.reporting.sheets import Cell, Drawing, Head, Sheet
from pipelines.reporting.words import DIMENSIONS

__all__ = ["quality_sheets"]


def quality_sheets(figures: QualityFigures, directory: Directory) -> dict[str, Sheet]:
    """Sheets ``nights`` (faults by dimension), and tonight’s ``filled`` (by column), ``fields`` (faults by field)."""
    title = directory.title
    nights: list[tuple[Cell, ...]] = [
        (point.business_date, title(point.agency), point.records, *(point.dimensions.get(name) for name in DIMENSIONS))
        for agency in figures.agencies
        for point in figures.of(agency)
    ]
    filled: list[tuple[Cell, ...]] = []
    fields: list[tuple[Cell, ...]] = []
    for agency in figures.agencies:
        history = figures.of(agency)
        if not history:
            continue
        before, tonight = (history[-2] if len(history) > 1 else None), history[-1]
        for column, part in tonight.filled.items():
            then = before.filled.get(column) if before else None
            percent = round(100 * part, 1)
            filled.append(
                (
                    column,
                    title(agency),
                    percent,
                    None if then is None else round(100 * (part - then), 1),
                    Drawing(share(part), f"{percent} %"),
                )
            )
        for (field, dimension), number in sorted(tonight.faults.items(), key=lambda item: (-item[1], item[0])):
            rate = round(1000 * number / tonight.records, 1) if tonight.records else None
            fields.append((field, title(agency), dimension.capitalize(), number, rate, DIMENSIONS[dimension]))
    return {
        "nights": Sheet(
            "nights",
            "Faults in 1,000 records, night by night",
            (
                Head("Night"),
                Head("Agency", pick=True),
                Head("Records read", number=True),
                *(Head(name.capitalize(), number=True) for name in DIMENSIONS),
            ),
            nights,
            empty="Nothing has been measured yet.",
            note="A dash means that nothing was delivered for that night.",
        ),
        "filled": Sheet(
            "filled",
            "How many records have a value, by field",
            (
                Head("Field"),
                Head("Agency", pick=True),
                Head("Records with a value, %", number=True),
                Head("Change since the night before, points", number=True),
                Head("Drawn"),
            ),
            filled,
            empty="The night’s measures hold no missing rates.",
        ),
        "fields": Sheet(
            "fields",
            "Faults of tonight’s deliveries, by field",
            (
                Head("Field"),
                Head("Agency", pick=True),
                Head("Kind", pick=True),
                Head("Faults", number=True),
                Head("In 1,000 records", number=True),
                Head("What it means"),
            ),
            fields,
            empty="No fault was found tonight.",
        ),
    }
