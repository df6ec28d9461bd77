"""What to do about a night that was not published: the first page says it, the night's own, a load and `isindex status`.

Belongs here: the way out of a night's last attempt. Not here: remedies of deliveries, which stand beside their codes.
"""

from __future__ import annotations

from typing import Any

from pipelines.publishing.gates import OVERRIDABLE

__all__ = ["what_to_do"]


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
        f"isindex decide override {gate} --home HOME --authority {row.authority} --night {row.business_date}"
        ' --reason "WHY"'
        for gate in failed
    )
    return f"Find out why so much moved. If it is wrong, have it corrected; if it is right, decide so ({commands}). Then load."
