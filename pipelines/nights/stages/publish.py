"""The publish: the version, the pointer to it, and everything that follows what is in force.

In this order: the version's folder, ``current.json``, the links in the night's folder, the database, the attempt's row.
A run that is killed anywhere in between is found by the plan (its attempt is still going on) and simply run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.contracts import contract_for
from pipelines.nights.attempts import Attempt, end, show_in_force
from pipelines.nights.feed_rows import feed_inputs
from pipelines.nights.figures import control_totals, figures_of
from pipelines.nights.follow import follow
from pipelines.nights.night import Night, StageReport
from pipelines.nights.seal import seal
from pipelines.nights.stages.snapshot import gates_told
from pipelines.publishing.feed_input import FeedInput
from pipelines.publishing.gates import Audit
from pipelines.publishing.publish import publish_snapshot, snapshot_tables
from pipelines.tables import read_json

__all__ = ["publish"]


def publish(night: Night) -> tuple[StageReport, StageReport]:
    """Publish what the gates have judged; what changed, and what is published now."""
    attempt = Attempt.last(night)
    audit = Audit.from_json(read_json(attempt.folder / "snapshot" / "gates.json"), attempt.folder / "snapshot")
    inputs = feed_inputs(attempt)
    rows = {name: stored.rows for name, stored in audit.tables.items()}
    totals = control_totals(attempt, rows, inputs)
    base = attempt.base()
    published = publish_snapshot(
        night.home,
        night.authority,
        night.business_date,
        audit=audit,
        attempt=attempt.digest,
        base=attempt.inputs.base.version if attempt.inputs.base else None,
        base_tables=snapshot_tables(base.folder / "snapshot") if base else None,
        inputs=inputs,
        versions=_made_with(attempt.inputs.means, inputs),
        totals=totals,
    )
    seal(attempt)
    show_in_force(attempt, read_json(published.folder / "manifest.json"))
    written = follow(attempt)
    figures = figures_of(attempt) | totals
    figures |= {"changes": dict(published.differences)}
    end(attempt, "published", version=published.version, gates=gates_told(audit), figures=figures)
    changes = StageReport({name: int(number) for name, number in published.differences.items()})
    told: dict[str, float | int | str] = {
        "children": rows["children"],
        "database_rows_written": written,
        "version": published.version,
        "made_now": int(published.created),
    }
    return changes, StageReport(told)


def _made_with(means: Mapping[str, str], inputs: list[FeedInput]) -> dict[str, Any]:
    """What the night was made with: contracts, the rules in them, match model, program."""
    contracts = {feed.agency: contract_for(feed.agency) for feed in inputs}
    return {
        **{f"contract/{name}": f"{contract.id} {contract.version}" for name, contract in sorted(contracts.items())},
        "model": means["model"],
        "code": means["code"],
    }
