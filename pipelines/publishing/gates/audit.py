"""The audit: the verdicts of all gates, with path, rows, hash and schema of every table they were given on.

Belongs here: what is kept beside the snapshot as ``gates.json``, so that publishing takes those bytes and no others. Not
here: the verdicts themselves (`run`), the copying (`publishing.publish`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import IsindexError
from pipelines.publishing.gates.gate import Gate
from pipelines.publishing.snapshot import SNAPSHOT_TABLES
from pipelines.tables import StoredTable

__all__ = ["AUDITED_TABLES", "LEDGER_TABLES", "Audit"]

LEDGER_TABLES = ("identities", "index_ids", "events")
AUDITED_TABLES = (*SNAPSHOT_TABLES, *(f"ledger/{name}" for name in LEDGER_TABLES))


@dataclass(frozen=True)
class Audit:
    """What the gates found, and of what.

    Attributes:
        gates: one `Gate` for each name of `GATES`, in that order.
        tables: path, rows, sha256 and schema fingerprint of each audited table as it lay there when the gates read it,
            by the names of `AUDITED_TABLES`; a table that could not be read is not among them.
        lost: names of gates that could not be computed: they have not passed, and say nothing of the tables.
    """

    gates: tuple[Gate, ...]
    tables: Mapping[str, StoredTable]
    lost: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every gate has passed."""
        return all(gate.passed for gate in self.gates)

    def refuse_lost(self, where: str) -> None:
        """Refuse to conclude anything from gates that could not be computed.

        Raises:
            IsindexError: GATE_NOT_COMPUTED.
        """
        if self.lost:
            told = {gate.name: gate.description for gate in self.gates}
            raise IsindexError(
                "GATE_NOT_COMPUTED",
                f"Gates could not be computed: {'; '.join(f'{name}: {told[name]}' for name in self.lost)}",
                where=where,
                remedy="Nothing was published. Load again: the night is run again. If it ends the same, report the gates and "
                "the kind of fault.",
            )

    def as_json(self, folder: Path) -> dict[str, Any]:
        """As ``gates.json`` holds it: gates, and tables with their paths relative to `folder` (a home may be moved)."""
        return {
            "gates": [asdict(gate) for gate in self.gates],
            "tables": {
                name: {**asdict(table), "path": Path(os.path.relpath(table.path, folder)).as_posix()}
                for name, table in self.tables.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], folder: Path) -> Audit:
        """The audit that `as_json` wrote for `folder`, wherever that lies now."""
        return cls(
            tuple(Gate(**gate) for gate in value["gates"]),
            {name: StoredTable(**{**table, "path": folder / table["path"]}) for name, table in value["tables"].items()},
        )
