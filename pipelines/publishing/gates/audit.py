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
    """

    gates: tuple[Gate, ...]
    tables: Mapping[str, StoredTable]

    @property
    def passed(self) -> bool:
        """Whether every gate has passed."""
        return all(gate.passed for gate in self.gates)

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
