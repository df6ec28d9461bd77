"""The night's own row in the database: published or held, with its figures and what it was run with.

The inputs (see `plan`) are noted last, when the reports are written too: a night that was interrupted before is run
again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from pipelines.database import schema as db
from pipelines.nights.night import Night
from pipelines.publishing.gates import Gate
from pipelines.publishing.publish import Published
from pipelines.tables import read_json, read_table

__all__ = ["finish_night", "hold_night", "note_inputs"]


def finish_night(night: Night, published: Published, totals: Mapping[str, Any]) -> None:
    """Note that the night is published, with its figures."""
    gates = read_json(night.folder / "snapshot" / "gates.json")
    figures = _figures(night) | dict(totals)
    figures |= {"changes": dict(published.differences), "gates": _gates(gates), "reasons": []}
    _write(night, "published", published.version, figures)


def hold_night(night: Night, gates: Sequence[Gate]) -> None:
    """Note that the night is held, and why; what was published before stays."""
    failed = [gate for gate in gates if gate.blocking and not gate.passed]
    told = [{"name": g.name, "description": g.description, "passed": g.passed, "blocking": g.blocking} for g in gates]
    reasons = [f"Gate {gate.name.replace('_', ' ')}: {gate.description}" for gate in failed]
    _write(night, "held", None, _figures(night) | {"gates": told, "reasons": reasons})


def note_inputs(night: Night, inputs: Sequence[str]) -> None:
    """Note what the night was run with: it is complete now."""
    here = (db.night.c.authority == night.authority, db.night.c.business_date == night.business_date)
    with night.engine.begin() as connection:
        figures = connection.scalar(select(db.night.c.figures).where(*here)) or {}
        connection.execute(update(db.night).where(*here).values(figures={**figures, "inputs": list(inputs)}))


def _figures(night: Night) -> dict[str, Any]:
    """Figures of matching and identities, by the names the summary and the overview use."""
    stats = read_json(night.folder / "matching" / "stats.json")
    possible = read_table(night.folder / "matching" / "possible.parquet", ["kind"])["kind"].to_pylist()
    seen = read_table(night.folder / "identities" / "visibility.parquet")
    clusters = read_table(night.folder / "matching" / "clusters.parquet", ["cluster"])
    return {
        "matching": stats,
        "records": clusters.num_rows,
        "linked": clusters.num_rows - seen.num_rows,
        "review": possible.count("review"),
        "review_open": possible.count("review"),
        "shielded": sum(map(bool, seen["shielded"].to_pylist())),
        "withheld": sum(map(bool, seen["withheld"].to_pylist())),
    }


def _gates(gates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: gate[name] for name in ("name", "description", "passed", "blocking")} for gate in gates]


def _write(night: Night, state: str, version: str | None, figures: Mapping[str, Any]) -> None:
    row = {
        "authority": night.authority,
        "business_date": night.business_date,
        "state": state,
        "version": version,
        "figures": dict(figures),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    here = (db.night.c.authority == night.authority, db.night.c.business_date == night.business_date)
    with night.engine.begin() as connection:
        connection.execute(delete(db.night).where(*here))
        connection.execute(insert(db.night).values(**row))
