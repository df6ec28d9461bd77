"""What people decided, answered and claimed, put back into a database of the co-ordinating index that was made anew.

The version in force was built from it, and knows it but for who did it: that stands in the audit. What came after that version is
gone with the database. Numbers are kept, for moves name them. Belongs here: finding what is missing, and putting it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Column, Connection, Table, func, insert, select, text

from pipelines.network import database as db
from pipelines.network.custody import Custody
from pipelines.network.inputs import Inputs, inputs_in
from pipelines.network.place import Network

__all__ = ["restore_decided"]

_WHO = "not known: put back from the version in force; the audit has it"


def restore_decided(network: Network) -> int:
    """Put back what the version in force knows and the database does not; how much it was.

    Raises:
        IsindexError: STORE_DAMAGED.
    """
    in_force = network.in_force()
    if in_force is None or not (in_force[2] / "inputs.json").is_file():
        return 0
    known, now = inputs_in(in_force[2]), datetime.now(UTC).isoformat(timespec="seconds")
    with network.engine.begin() as connection:
        return sum(
            _put_back(connection, table, number, told)
            for table, number, told in (
                (db.decision, db.decision.c.decision_id, _decisions(known, now)),
                (db.answer, db.answer.c.answer_id, _answers(known, now)),
                (db.claim, db.claim.c.claim_id, _claims(known, in_force[2], now)),
            )
        )


def _put_back(connection: Connection, table: Table, number: Column[int], told: Mapping[int, dict[str, Any]]) -> int:
    there = set(connection.scalars(select(number).where(number.in_(told))))
    missing = [{number.name: each, **row} for each, row in told.items() if each not in there]
    if missing:
        connection.execute(insert(table), missing)
        if connection.dialect.name == "postgresql":  # what comes next has the number after them
            last = connection.scalar(select(func.max(number)))
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:of, :column), :last)"),
                {"of": table.name, "column": number.name, "last": last},
            )
    return len(missing)


def _decisions(known: Inputs, now: str) -> dict[int, dict[str, Any]]:
    return {
        each.number: {
            "kind": each.kind, "row_key_a": each.row_key_a, "row_key_b": each.row_key_b, "actor": _WHO, "reason": each.reason, "decided_at": now,
        }
        for each in known.decisions
    }  # fmt: skip


def _answers(known: Inputs, now: str) -> dict[int, dict[str, Any]]:
    return {
        each.number: {"move": each.move, "verdict": each.verdict, "authority": "", "actor": _WHO, "reason": "", "answered_at": now}
        for each in known.answers
    }  # fmt: skip


def _claims(known: Inputs, folder: Path, now: str) -> dict[int, dict[str, Any]]:
    """Those that stand; and of others that a move names the numbers, so that none is given again."""
    moves = Custody.read(folder).moves
    over = moves.filter(pc.greater(moves["claim"], 0)).select(["claim", "to_authority"]).to_pylist()
    row = {"actor": _WHO, "reason": "", "claimed_at": now}
    found = {each["claim"]: {**row, "row_key": f"{each['to_authority']}:", "withdrawn_at": now} for each in over}
    return found | {each.number: {**row, "row_key": each.row_key, "withdrawn_at": None} for each in known.claims}
