"""A whole night in plain Python: the stages in order, with the lock, the notes and the report that belong to every run.

Belongs here: the order. The Dagster assets call the same stages one by one, in the same order (a test holds them to it);
whoever needs a night without an orchestrator calls this.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.contracts import registered_agencies
from pipelines.nights.attempts import fail, last_attempts
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.stages.freeze import freeze
from pipelines.nights.stages.identities import identify
from pipelines.nights.stages.links import link
from pipelines.nights.stages.publish import publish
from pipelines.nights.stages.records import bring_together
from pipelines.nights.stages.reports import write, write_night_overview
from pipelines.nights.stages.snapshot import build
from pipelines.nights.take_in import take_in
from pipelines.outages import as_coded

__all__ = ["STAGES", "run_night"]

STAGES = ("inputs", "person_records", "links", "identities", "snapshot", "publish", "reports")


def run_night(night: Night, *, started_by: str, before: Callable[[str], None] = lambda stage: None) -> str:
    """Run a night from taking in to the reports; the state it ended in: published, held or failed.

    Args:
        night: which.
        started_by: who runs it.
        before: told the name of each stage before it begins.
    """
    with alone(night.deployment, night.authority):
        stage = ""
        try:
            for agency in registered_agencies():
                before(stage := agency.agency)
                take_in(night, agency.agency)
            before(stage := "inputs")
            freeze(night, started_by=started_by)
            for stage, run in (("person_records", bring_together), ("links", link), ("identities", identify)):
                before(stage)
                run(night)
            before(stage := "snapshot")
            build(night)
            state = last_attempts(night.engine, night.authority, [night.business_date])[night.business_date].state
            if state != "held":
                before(stage := "publish")
                publish(night)
                state = "published"
            before(stage := "reports")
            write(night)
        except Exception as fault:
            fail(night, stage, as_coded(fault), started_by=started_by)
            write_night_overview(night)
            return "failed"
        return state
