"""The table of the protection page: tasks in, a sheet out. It names records by their opaque reference alone."""

from __future__ import annotations

import pyarrow as pa

from pipelines.reporting.directory import Directory
from pipelines.reporting.sheets import Cell, Code, Head, Sheet
from pipelines.reporting.tables_of.limits import ROWS_EMBEDDED
from pipelines.reporting.words import TASKS

__all__ = ["protection_sheets"]

_TO_DO = {
    "nobody": "Ask the supplier which child is meant; then `isindex decide shield`, or wait for its record.",
    "unwalled": "Ask the supplier for the other identity's number (the one that was sent may be another child's), or say it: "
    "`isindex decide firewall`. Then two open the child.",
    "unread": "Ask the supplier what the mark means, and to send one of those that the contract names.",
    "gone": "Ask the supplier whether the child may be found. Only two people open it: `isindex decide unshield`.",
    "between": "Find out whose record it is; then `isindex decide same` with a record of that side.",
}


def protection_sheets(tasks: pa.Table, directory: Directory) -> dict[str, Sheet]:
    """Sheet ``tasks`` of `TASKS`, the first `ROWS_EMBEDDED`; there is none but that."""
    rows: list[tuple[Cell, ...]] = [
        (
            TASKS[task["kind"]],
            directory.title(task["agency"]),
            Code(task["record_ref"]) if task["record_ref"] else None,
            Code(task["asked"]),
            Code(task["delivery_id"]),
            task["first_night"],
            task["last_night"],
            _TO_DO[task["kind"]],
        )
        for task in tasks.slice(0, ROWS_EMBEDDED).to_pylist()
    ]
    return {
        "tasks": Sheet(
            "tasks",
            "Wishes to be protected that somebody must look at",
            (
                Head("What is odd", pick=True),
                Head("Agency", pick=True),
                Head("Record reference"),
                Head("Asked in"),
                Head("Delivery"),
                Head("First asked"),
                Head("Last asked"),
                Head("What to do"),
            ),
            rows,
            empty="Every wish means somebody, is understood and still made, and no record stands between the sides of a firewall.",
            search=True,
            total=tasks.num_rows,
        )
    }
