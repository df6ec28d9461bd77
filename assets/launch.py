"""Running nights in this process through the Dagster assets, against the home's own instance: what `isindex load` does.

Belongs here: opening the instance, and one in-process run per night, in order of business date. The same job, assets
and checks as in the UI, without paying a process per night.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from assets.definitions import build_defs
from assets.jobs import NIGHT_JOB
from assets.partitions import ensure_authority, partition_key
from assets.resources import Deployment
from pipelines.home import Home
from pipelines.nights.plan import PlannedNight, outstanding

__all__ = ["instance_of", "run_outstanding"]

_SETTINGS = Path(__file__).parent / "dagster_home.yaml"


@contextmanager
def instance_of(home: Home) -> Iterator[dg.DagsterInstance]:
    """The home's Dagster instance, made on first use."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    settings = home.dagster / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_SETTINGS.read_text(encoding="utf-8"), encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home.dagster.resolve())
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with dg.DagsterInstance.from_config(str(home.dagster.resolve())) as instance:
        yield instance


def run_outstanding(
    home: Home,
    landing: str,
    *,
    authorities: frozenset[str] | None,
    selected: Callable[[PlannedNight], bool],
    started: Callable[[PlannedNight], None],
    step_done: Callable[[str], None],
) -> list[tuple[PlannedNight, str]]:
    """Run every outstanding night in order; each with its fault, "" when the run succeeded.

    Args:
        home: the deployment.
        landing: the landing place.
        authorities: only these.
        selected: whether a night is wanted.
        started: told of each night before it runs.
        step_done: told the name of each step when it is done.
    """
    first = outstanding(home, landing, authorities=authorities)
    if not first:
        return []
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    deployment = Deployment(home=str(home.root.resolve()), landing=landing)
    job = build_defs(deployment=deployment, loggers={"console": _quiet(step_done)}).resolve_job_def(NIGHT_JOB)
    done: list[tuple[PlannedNight, str]] = []
    ran: set[tuple[str, str]] = set()
    with instance_of(home) as instance:
        while True:
            # looked up anew each time: a night that did not change what follows spares the nights after it
            waiting = [
                each
                for each in outstanding(home, landing, authorities=authorities)
                if selected(each) and (each.authority, each.business_date.isoformat()) not in ran
            ]
            if not waiting:
                return done
            night = waiting[0]
            started(night)
            ensure_authority(instance, night.authority)
            result = job.execute_in_process(
                instance=instance,
                partition_key=partition_key(night.authority, night.business_date),
                run_config={"loggers": {"console": {}}},  # without it Dagster's own console logger speaks
                raise_on_error=False,
            )
            ran.add((night.authority, night.business_date.isoformat()))
            done.append((night, "" if result.success else _fault_of(result)))


def _fault_of(result: dg.ExecuteInProcessResult) -> str:
    """What the first failed step said: coded and without a value (`assets.faults`)."""
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return f"{event.step_key}: {error.message.strip()}" if error else str(event.step_key)
    return "the run failed before its first step"


def _quiet(step_done: Callable[[str], None]) -> dg.LoggerDefinition:
    """A console logger that says nothing but tells `step_done` of each finished step."""

    class _Steps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            event = getattr(record, "dagster_event", None) or (getattr(record, "dagster_meta", None) or {}).get(
                "dagster_event"
            )
            if event is not None and getattr(event, "event_type_value", "") == "STEP_SUCCESS":
                step_done(event.step_key)

    @dg.logger(description="Reports finished steps to the command line.")
    def steps(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("isindex.steps", logging.DEBUG)
        logger.addHandler(_Steps())
        return logger

    return steps
