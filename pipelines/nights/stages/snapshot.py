"""The snapshot as it would be published, and the gates it must pass; a night whose gates fail is held."""

from __future__ import annotations

from pipelines.database import schema as db
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt, end
from pipelines.nights.decided import decisions_in, firewalls_of, lifting_in
from pipelines.nights.figures import figures_of
from pipelines.nights.judging import judged, person_tables, places_of
from pipelines.nights.night import Check, Night, StageReport
from pipelines.nights.seal import sealed
from pipelines.nights.walls import borne_in, unwalled_in, walls_in
from pipelines.publishing.gates import GATES as GATE_FUNCTIONS
from pipelines.publishing.gates import Audit, Gate, Protection
from pipelines.publishing.publish import write_snapshot
from pipelines.publishing.snapshot import build_snapshot
from pipelines.tables import write_json

__all__ = ["GATES", "build", "gates_told", "snapshot_columns"]

GATES = [(name, f"Gate before publish: {name.replace('_', ' ')}.", True) for name in GATE_FUNCTIONS]


@sealed
def build(night: Night) -> StageReport:
    """Build the snapshot in the attempt's folder and judge it.

    Raises:
        IsindexError: what `run_gates` raises, and GATE_NOT_COMPUTED: the night fails then, and the next load runs it again.
    """
    attempt = Attempt.last(night)
    state = IdentityState.read(attempt.folder)
    places = places_of(attempt)
    walls, borne = walls_in(attempt.folder), borne_in(attempt.folder)
    unwalled = unwalled_in(attempt.folder, firewalls_of(attempt.inputs))
    tables = build_snapshot(person_tables(attempt), state, places, walls=walls, borne=borne, unwalled=unwalled)
    stored = write_snapshot(tables, attempt.folder / "snapshot")
    protecting = Protection(
        attempt.folder / "protection" / "entries.parquet",
        lifting_in(attempt),
    )
    audit = judged(attempt, stored, protecting, decisions_in(attempt), places)
    write_json(audit.as_json(attempt.folder / "snapshot"), attempt.folder / "snapshot" / "gates.json")
    audit.refuse_lost(night.where)
    failed = [gate for gate in audit.gates if not gate.passed]
    if failed:
        reasons = [_reason(gate) for gate in failed]
        end(attempt, "held", reasons=reasons, gates=gates_told(audit), figures=figures_of(attempt))
    figures: dict[str, float | int | str] = {f"rows/{name}": table.rows for name, table in stored.items()}
    figures["gates_passed"] = sum(gate.passed for gate in audit.gates)
    checks = tuple(Check(gate.name, gate.passed, True, gate.description, gate.figures) for gate in audit.gates)
    return StageReport(figures, checks)


def _reason(gate: Gate) -> str:
    """What a gate that has not passed asks for, and what it found."""
    found = _found(gate)
    return f"Gate {gate.name.replace('_', ' ')} has not passed. It asks: {gate.description}" + (
        f" It found: {found}." if found else ""
    )


def _found(gate: Gate) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number:,g}" for name, number in gate.figures.items())


def gates_told(audit: Audit) -> list[dict[str, object]]:
    """The verdicts as table `attempt` and the overview have them."""
    names = ("name", "description", "passed", "overridden")
    return [
        {name: getattr(gate, name) for name in names} | ({"found": _found(gate)} if gate.overridden else {})
        for gate in audit.gates
    ]


def snapshot_columns() -> list[tuple[str, str, str]]:
    """Columns of the published tables, as ``table.column``, with their types."""
    return [
        (f"{name}.{column.name}", str(column.type).lower(), f"column of the published table {name}")
        for name, table in db.INDEX_TABLES.items()
        for column in table.c
        if column.name not in ("authority", "row")
    ]
