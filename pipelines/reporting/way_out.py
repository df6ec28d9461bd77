"""What to do about a night that was not published: the first page says it, and the night's own.

Belongs here: the way out of a night's last attempt. Not here: remedies of deliveries, which stand beside their codes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from pipelines.publishing.gates import OVERRIDABLE

__all__ = ["what_to_do"]


def what_to_do(row: Row[Any]) -> str:
    """The way out of a night that is held or has failed (a row of table `attempt`)."""
    if row.state == "failed":
        return "Put the cause right and load again."
    failed = [gate["name"] for gate in row.gates if not gate["passed"]]
    if not failed or not {*failed} <= {*OVERRIDABLE}:
        return "Correct the cause and load again; this cannot be overridden."
    commands = ", ".join(
        f"isindex decide override {gate} --authority {row.authority} --night {row.business_date}" for gate in failed
    )
    return f"Find out why so much moved. If it is wrong, have it corrected; if it is right, decide so ({commands}). Then load."
