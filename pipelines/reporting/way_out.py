"""What to do about a night that was not published: the first page says it, the night's own, a load and `isindex status`.

Belongs here: the way out of a night's last attempt, and what an administrator does of a flood of wishes. Not here: other remedies of
deliveries, which stand beside their codes and are for the supplier.
"""

from __future__ import annotations

from typing import Any

from pipelines.publishing.gates import OVERRIDABLE

__all__ = ["about_flood", "remedy_of", "waiver_of", "what_to_do"]


def what_to_do(row: Any) -> str:
    """The way out of a night that is held, has failed or was interrupted (a row of table `attempt`); of another "".

    In a command HOME and WHY are for a person to fill in.
    """
    if row.state == "failed":
        return "Put the cause right and load again."
    if row.state == "running":
        return "Load again: the run ended before the night was done."
    if row.state != "held":
        return ""
    failed = [gate["name"] for gate in row.gates if not gate["passed"]]
    if not failed or not {*failed} <= {*OVERRIDABLE}:
        return "Correct the cause and load again; this cannot be overridden."
    commands = ", ".join(
        f"`isindex decide override {gate} --home HOME --authority {row.authority} --night {row.business_date}"
        ' --reason "WHY"`'
        for gate in failed
    )
    return f"Find out why so much moved. If it is wrong, have it corrected; if it is right, decide so ({commands}). Then load."


def about_flood(entry: Any) -> tuple[str, str]:
    """What is wrong with a delivery (a row of table `delivery`) in which too many ask to be protected, and what the administrator has to do.

    In a command HOME and WHY are for a person to fill in.
    """
    said = next((code["message"] for code in entry.codes if code["code"] == "PROTECTION_FLOOD"), "")
    wrong = f"{said} Real ones among them protect nobody until this is decided."
    supplier = "Do this first. Mostly a column has moved or is filled in every row: have the supplier send it right"
    if entry.sequence is None:
        return wrong, f"{supplier}; it is refused, and nothing of it counts before."
    return wrong, f"{supplier}, under the next sequence. {waiver_of(entry)}"


def waiver_of(entry: Any) -> str:
    """How the wishes of a flood are made to count that came with a delivery (a row of table `delivery`), whatever became of that."""
    if entry.sequence is None:
        return "Have the manifest put right; then it is a delivery, and if all are meant a waiver of its own sequence lets them count."
    return (
        f"If all these children must truly be hidden: `isindex waive --home HOME --authority {entry.authority} "
        f'--agency {entry.agency} --sequence {entry.sequence} --reason "WHY"`. Then load.'
    )


def remedy_of(entry: Any, code: str, remedy: str) -> str:
    """What to do about one coded remark on a delivery: of a flood the administrator's part, else what the supplier is told."""
    return about_flood(entry)[1] if code == "PROTECTION_FLOOD" else remedy
