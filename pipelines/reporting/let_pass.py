"""Gates that a decision let pass on a night: which, what it asked and found, who let it pass, why and when.

Belongs here: finding them behind what was published, and in the last attempt. Not here: deciding it (`isindex decide override`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from pipelines.database.schema import decision

__all__ = ["LetPass", "let_pass"]


@dataclass(frozen=True)
class LetPass:
    """A gate that would have held the night.

    `found` is what it found, "" where that was not kept; `number`, `actor` and `since` (UTC) are of the decision, none where it is not there any more.
    """

    gate: str
    asks: str
    found: str
    reason: str
    number: int | None = None
    actor: str = ""
    since: str = ""


def let_pass(connection: Connection, attempts: Iterable[Any]) -> tuple[LetPass, ...]:
    """Those of one night's `attempts` (rows of table `attempt`), each gate and reason once, in the order of the gates."""
    found: dict[tuple[str, str], LetPass] = {}
    for row in attempts:
        for gate in row.gates:
            reason = gate.get("overridden") or ""
            if not isinstance(reason, str) or not reason or (gate["name"], reason) in found:
                continue
            made = _decided(connection, row, gate["name"], reason)
            whose = (made.decision_id, made.actor, made.decided_at) if made is not None else (None, "", "")
            told = (gate["description"], gate.get("found") or "", reason)
            found[gate["name"], reason] = LetPass(gate["name"], *told, *whose)
    return tuple(found.values())


def _decided(connection: Connection, row: Any, gate: str, reason: str) -> Any:
    """The decision that let it pass: the last one of that reason, also where it was taken back since."""
    query = (
        select(decision.c.decision_id, decision.c.actor, decision.c.decided_at, decision.c.reason)
        .where(
            decision.c.authority == row.authority,
            decision.c.kind == "override",
            decision.c.subject == gate,
            decision.c.from_night == row.business_date,
        )
        .order_by(decision.c.decision_id.desc())
    )
    return next((each for each in connection.execute(query) if each.reason.strip() == reason), None)
