"""The publish: the version, the pointer to it, and everything that follows what is in force.

In this order: the wishes of children who are shielded in what is replaced (`replaced`), the version's folder, ``current.json``, the night's
folder, the database, the attempt's row, and what must be hidden in earlier versions by now. A run that is killed anywhere in between is found by the plan (its attempt is still going
on) and simply run again.
"""

from __future__ import annotations

from pipelines.nights.attempts import Attempt, end
from pipelines.nights.figures import figures_of
from pipelines.nights.hiding import hidden_beyond, known_now
from pipelines.nights.night import Night, StageReport
from pipelines.nights.protective import protect_in_any_case
from pipelines.nights.put_in_force import audit_of, put_in_force, totals_of
from pipelines.nights.replaced import keep_those_shielded, refuse_open
from pipelines.nights.seal import seal
from pipelines.nights.stages.snapshot import gates_told
from pipelines.nights.taken_over import hide_in_predecessors
from pipelines.protection.remembered import remembering

__all__ = ["publish"]


def publish(night: Night) -> tuple[StageReport, StageReport]:
    """Publish what the gates have judged; what changed, and what is published now.

    Raises:
        IsindexError: BASE_DAMAGED when a table is not what its stage wrote, and as `put_in_force` and `refuse_open`.
    """
    attempt = Attempt.last(night)
    seal(attempt)
    audit = audit_of(attempt)
    with remembering(night.home.memory(night.authority)):
        shielded = keep_those_shielded(attempt)
        known = known_now(attempt)
        more = hidden_beyond(attempt, known)
        refuse_open(attempt, shielded, more)
        published, written = put_in_force(attempt, audit, known, more)
    figures = figures_of(attempt) | totals_of(attempt, audit) | {"changes": dict(published.differences)}
    end(attempt, "published", version=published.built, gates=gates_told(audit), figures=figures)
    protective = protect_in_any_case(night.deployment, night.authority)
    hide_in_predecessors(attempt)
    changes = StageReport({name: int(number) for name, number in published.differences.items()})
    told: dict[str, float | int | str] = {
        "children": audit.tables["children"].rows,
        "database_rows_written": written,
        "version": published.version,
        "made_now": int(published.created),
        "versions_made_less": len(protective),
    }
    return changes, StageReport(told)
