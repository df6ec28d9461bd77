"""A whole night in plain Python: the stages in order, with the lock, the notes and the report that belong to every run.

Belongs here: the order of stages, and of nights. The Dagster assets call the same stages one by one, in the same order (a
test holds them to it); whoever needs a night without an orchestrator calls this. The expectation suites are Dagster's
checks and no part of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeVar

from pipelines.contracts import registered_agencies
from pipelines.deliveries import FoundDelivery
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.arrivals import look_around
from pipelines.nights.attempts import last_attempts
from pipelines.nights.failing import note_failure
from pipelines.nights.follow import show_what_is_in_force
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.plan import NOT_BUILT, PlannedNight, outstanding
from pipelines.nights.protective import protect_in_any_case, protection_waits
from pipelines.nights.reach import authorities_of, refuse_out_of_reach
from pipelines.nights.reorganised import heirs_of
from pipelines.nights.stages.freeze import freeze
from pipelines.nights.stages.identities import identify
from pipelines.nights.stages.links import link
from pipelines.nights.stages.publish import publish
from pipelines.nights.stages.records import bring_together
from pipelines.nights.stages.reports import write, write_night_overview
from pipelines.nights.stages.snapshot import build
from pipelines.nights.take_in import take_in
from pipelines.outages import as_coded
from pipelines.protection.remembered import run_remembered

__all__ = ["STAGES", "RanNight", "run_all", "run_night", "work_off"]

STAGES = ("inputs", "person_records", "links", "identities", "snapshot", "publish", "reports")


def run_night(night: Night, *, started_by: str, before: Callable[[str], None] = lambda stage: None) -> str:
    """Run a night from taking in to the reports; the state it ended in: published, held or failed, or not built.

    Args:
        night: which.
        started_by: who runs it.
        before: told the name of each stage before it begins.
    """
    refuse_out_of_reach(night)
    with alone(night.deployment, night.authority), run_remembered():
        stage = ""
        try:
            for agency in registered_agencies():
                before(stage := agency.agency)
                take_in(night, agency.agency)
            before(stage := "inputs")
            if freeze(night, started_by=started_by) is None:
                return NOT_BUILT
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
            else:
                protect_in_any_case(night.deployment, night.authority)
            before(stage := "reports")
            write(night)
        except Exception as fault:
            note_failure(night, stage, as_coded(fault), started_by=started_by)
            protect_in_any_case(night.deployment, night.authority)
            write_night_overview(night)
            return "failed"
        return state


class Ran(Protocol):
    """What became of a planned night; `busy` when another run of the authority was going on."""

    @property
    def busy(self) -> bool:
        """Whether another run was going on."""


R = TypeVar("R", bound=Ran)


def work_off(
    deployment: Deployment,
    arrived: Iterable[FoundDelivery],
    run: Callable[[PlannedNight], R],
    *,
    authorities: Collection[str] | None = None,
    selected: Callable[[PlannedNight], bool] = lambda planned: True,
    asked: Callable[[str, date], bool] | None = None,
    due: date | None = None,
) -> list[R]:
    """Run every outstanding night in order of business date; what a run changes for other nights is seen after it.

    A night that did not end well is not asked for again here, unless a later one changed its inputs (a delivery that
    fills a gap may free one of an earlier night). What an authority has to do is left to who is busy with it.

    Args:
        deployment: where.
        arrived: undecided deliveries.
        run: runs one night.
        authorities: only these.
        selected: whether a night is wanted.
        asked: whether a night (authority, business date) is wanted although nothing has changed.
        due: a business date that has ended (`outstanding`).
    """
    undecided = list(arrived)
    planned = outstanding(deployment, undecided, authorities=authorities, asked=asked, due=due)
    tried: dict[tuple[str, date], set[str]] = defaultdict(set)
    ran: list[R] = []
    while waiting := [
        each for each in planned if selected(each) and _not_yet(each, tried[each.authority, each.business_date])
    ]:
        night = waiting[0]
        authority, day = night.authority, night.business_date
        tried[authority, day].add(night.run_key)
        ran.append(run(night))
        undecided = [found for found in undecided if (found.authority, found.business_date) != (authority, day)]
        # what is asked of an authority that was taken over is heard by its heirs
        heirs = [] if ran[-1].busy else heirs_of(deployment.engine, authority)
        concerned = {authority, *(each for each in heirs if authorities is None or each in authorities)}
        planned = [each for each in planned if each.authority not in concerned]
        if not ran[-1].busy:
            planned += outstanding(deployment, undecided, authorities=concerned, asked=asked, due=due)
            planned.sort(key=lambda each: (each.business_date, each.authority))
    return ran


@dataclass(frozen=True)
class RanNight:
    """A night that was run: the state it ended in; `busy` when another run of the authority was going on."""

    planned: PlannedNight
    state: str

    @property
    def busy(self) -> bool:
        """Whether another run was going on."""
        return self.state == "busy"


def run_all(
    deployment: Deployment,
    *,
    started_by: str,
    authorities: Collection[str] | None = None,
    selected: Callable[[PlannedNight], bool] = lambda planned: True,
    asked: Callable[[str, date], bool] | None = None,
    due: date | None = None,
    before: Callable[[str], None] = lambda stage: None,
) -> list[RanNight]:
    """Look around and run every outstanding night (`work_off`); what became of each, in the order they were run.

    Raises:
        IsindexError: LANDING_MISSING.
    """

    def run(planned: PlannedNight) -> RanNight:
        night = Night(deployment, planned.authority, planned.business_date)
        try:
            return RanNight(planned, run_night(night, started_by=started_by, before=before))
        except IsindexError as fault:
            if fault.code != "NIGHT_RUNNING":
                raise
            return RanNight(planned, "busy")

    arrived = look_around(deployment, authorities=authorities).new
    ran = work_off(deployment, arrived, run, authorities=authorities, selected=selected, asked=asked, due=due)
    whose = sorted(authorities or authorities_of(deployment))
    for waiting in protection_waits(deployment, whose):
        protect_in_any_case(deployment, waiting)
    show_what_is_in_force(deployment, whose)
    return ran


def _not_yet(planned: PlannedNight, tried: Collection[str]) -> bool:
    """Whether a planned night has not been tried, or not with the inputs it would have now."""
    return not tried or not (planned.again or planned.run_key in tried)
