"""The tables of the protection page: tasks and floods in, sheets out. They name records by their opaque reference alone."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipelines.deliveries import DeliveryEntry
from pipelines.reporting.directory import Directory
from pipelines.reporting.sheets import Cell, Code, Head, Sheet
from pipelines.reporting.tables_of.limits import ROWS_EMBEDDED
from pipelines.reporting.way_out import about_flood
from pipelines.reporting.words import STATES, TASKS

__all__ = ["protection_sheets"]

_TO_DO = {
    "nobody": "Ask the supplier which child is meant: delivery, position and line say where it stands. Then `isindex decide shield`, or wait "
    "for its record. If nobody is left to be hidden, two people end it: `isindex decide unshield {wish}`, and another confirms.",
    "unwalled": "Ask the supplier for the other identity's number (the one that was sent may be another child's), or say it: "
    "`isindex decide firewall`. Then two open the child.",
    "unread": "Ask the supplier what the mark means, and to send one of those that the contract names. Should it be a no, two people open "
    "the child once the supplier has sent that: `isindex decide unshield`.",
    "damaged": "Ask the supplier to send the record again, whole: delivery, position and line say where it stands.",
    "unsettled": "Nothing for its protection: it counts. Have the supplier correct what was refused, held or rejected; do not open "
    "the child for it.",
    "left": "Nothing, if the child has left. If it is here by another record that nothing links with it (it was unborn then), have the supplier send "
    "the mark with that record, or `isindex decide shield`. Two people may end the wish: `isindex decide unshield {wish}`, and another confirms.",
    "gone": "Ask the supplier whether the child may be found. Only two people open it: `isindex decide unshield`.",
    "between": "Find out whose record it is; then `isindex decide same` with a record of that side.",
}


def protection_sheets(tasks: pa.Table, directory: Directory, floods: Sequence[DeliveryEntry] = ()) -> dict[str, Sheet]:
    """Sheet ``floods`` of the deliveries whose wishes do not count, and ``tasks`` of `TASKS`, the first `ROWS_EMBEDDED`."""
    rows: list[tuple[Cell, ...]] = [
        (
            TASKS[task["kind"]],
            directory.title(task["agency"]),
            Code(task["record_ref"]) if task["record_ref"] else None,
            Code(task["asked"]),
            Code(task["last_delivery"] or task["delivery_id"]),
            task["position"],
            task["line"],
            task["first_night"],
            task["last_night"],
            _TO_DO[task["kind"]].format(wish=task["wish"]),
        )
        for task in tasks.slice(0, ROWS_EMBEDDED).to_pylist()
    ]
    return {
        "floods": Sheet(
            "floods",
            "First: so many wishes in one delivery that none of them counts",
            (
                Head("Agency", pick=True),
                Head("Delivery"),
                Head("Sequence", number=True),
                Head("State", pick=True),
                Head("What is wrong"),
                Head("What to do"),
            ),
            [
                (
                    directory.title(entry.agency),
                    Code(entry.delivery_id),
                    entry.sequence,
                    STATES[entry.state],
                    *about_flood(entry),
                )
                for entry in floods
            ],
            empty="No delivery is held because too many ask.",
        ),
        "tasks": Sheet(
            "tasks",
            "Wishes to be protected that somebody must look at",
            (
                Head("What is odd", pick=True),
                Head("Agency", pick=True),
                Head("Record reference"),
                Head("Asked in"),
                Head("Last asked by delivery"),
                Head("Position", number=True),
                Head("Line", number=True),
                Head("First asked"),
                Head("Last asked"),
                Head("What to do"),
            ),
            rows,
            empty="Every wish means somebody, is understood and still made, and no record stands between the sides of a firewall.",
            note="Position and line are those of the delivery named, as on the page of rejected records; a dash: not known.",
            search=True,
            total=tasks.num_rows,
        ),
    }
