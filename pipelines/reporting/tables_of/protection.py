"""The tables of the protection page: tasks and floods in, sheets out. They name records by their opaque reference alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipelines.deliveries import DeliveryEntry
from pipelines.reporting.commands import decide_command
from pipelines.reporting.directory import Directory
from pipelines.reporting.first_of_all import First
from pipelines.reporting.sheets import Cell, Code, Head, Sheet, Told
from pipelines.reporting.tables_of.first import first_sheet, proposals_sheet
from pipelines.reporting.tables_of.limits import ROWS_EMBEDDED
from pipelines.reporting.way_out import about_flood
from pipelines.reporting.words import STATES, TASKS

__all__ = ["protection_sheets"]

_TO_DO = {
    "nobody": "Ask the supplier which child is meant: delivery, position and line say where it stands. Then `{shield}`, or wait "
    "for its record. If nobody is left to be hidden, two people end it: `{open}`, and another confirms.",
    "unwalled": "Ask the supplier for the other identity's number (the one that was sent may be another child's), or say it: "
    "`{firewall}`. Then two open the child: `{open}`, and another confirms.",
    "walled": "See whether it stands between the right two: `{decisions}`. Then two open the child: `{open}`, and another confirms.",
    "unread": "Ask the supplier what the mark means, and to send one of those that the contract names. Should it be a no, two people open "
    "the child once the supplier has sent that: `{open}`, and another confirms.",
    "damaged": "Ask the supplier to send the record again, whole: delivery, position and line say where it stands.",
    "unsettled": "Nothing for its protection: it counts. Have the supplier correct what was refused, held or rejected; do not open "
    "the child for it.",
    "left": "Nothing, if the child has left. If it is here by another record that nothing links with it (it was unborn then), have the supplier send "
    "the mark with that record, or `{shield}`. Two people may end the wish: `{open}`, and another confirms. Where the child had lived stays hidden then, for "
    "whoever lives there; with `--with-gone` that is shown again, too.",
    "gone": "Ask the supplier whether the child may be found. Only two people open it: `{open}`, and another confirms.",
    "between": "Find out whose record it is; then, with a record of that side: `{same}`.",
}
_OF_A_WISH = ("nobody", "left")  # nobody is meant, so the wish itself is named


def protection_sheets(
    tasks: pa.Table,
    directory: Directory,
    authority: str,
    floods: Sequence[DeliveryEntry] = (),
    first: Sequence[First] = (),
) -> dict[str, Sheet]:
    """The tables of an authority's page of protection.

    Sheet ``first`` and ``proposals`` of what stands to be seen to first, ``floods`` of the deliveries whose wishes do not count, and
    ``tasks`` of `TASKS`, the first `ROWS_EMBEDDED`.
    """
    rows: list[tuple[Cell, ...]] = [
        (
            TASKS[task["kind"]],
            directory.title(task["agency"]),
            Code(task["record_ref"]) if task["record_ref"] else None,
            Code(task["wish"]) if task["wish"] else None,
            Code(task["asked"]),
            Code(task["last_delivery"] or task["delivery_id"]),
            task["position"],
            task["line"],
            task["first_night"],
            task["last_night"],
            _to_do(task, authority),
        )
        for task in tasks.slice(0, ROWS_EMBEDDED).to_pylist()
    ]
    return {
        "first": first_sheet([each for each in first if each.code != "PROPOSAL_WAITS"], directory.name, in_full=True),
        "proposals": proposals_sheet(first),
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
                    *map(Told, about_flood(entry)),
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
                Head("Wish"),
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
            note="Position and line are those of the delivery named, as on the page of rejected records; what is not known is left out.",
            search=True,
            total=tasks.num_rows,
            folds={
                "Which record": ("Agency", "Record reference", "Wish"),
                "Where and when it was asked for": (
                    "Asked in",
                    "Last asked by delivery",
                    "Position",
                    "Line",
                    "First asked",
                    "Last asked",
                ),
            },
        ),
    }


def _to_do(task: Mapping[str, Any], authority: str) -> Told:
    """What to do about a task; in its commands RECORD, CHILD and OTHER are for a person to fill in."""
    record = task["record_ref"] or "RECORD"
    whom = task["wish"] if task["kind"] in _OF_A_WISH and task["wish"] else record
    commands = {
        "open": decide_command("unshield", whom, authority=authority),
        "shield": decide_command("shield", "CHILD", authority=authority),
        "firewall": decide_command("firewall", record, "OTHER", authority=authority),
        "same": decide_command("same", record, "OTHER", authority=authority),
        "decisions": decide_command("list", authority=authority),
    }
    return Told(_TO_DO[task["kind"]].format(**commands))
