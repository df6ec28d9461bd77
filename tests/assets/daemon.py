"""Dagster's own daemon, a turn at a time: scheduler, sensors, queue and run monitoring, on a real instance of a home.

Belongs here: what tests of schedule, sensors and runs share. The instance is configured by the product's own
`dagster_home.yaml` and the code location is the product's, loaded into this process, so that a test may set the clock.
A run that the queue starts is run here and now.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.api import execute_run
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.scheduler.instigation import InstigatorTick
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs
from dagster._utils.hosted_user_process import recon_job_from_origin

from assets.launch import SETTINGS
from assets.run_launcher import NightRunLauncher

__all__ = ["DAGSTERS_OWN", "LONDON", "Daemon", "daemon_of", "london", "night_of_run"]

DAGSTERS_OWN = pytest.mark.filterwarnings(
    # Dagster reads a property of its own that it has given up
    "ignore:Property `ScheduleDefinition.environment_vars` is deprecated:DeprecationWarning",
    # and gives partitions tags of a form that it has given up
    "ignore:Non-compliant tag keys like:DeprecationWarning",
    # used knowingly, as `assets` says; tests make the definitions anew
    r"ignore:.* is currently in (beta|preview)",
)
"""Mark for a module of tests: warnings that Dagster gives of itself."""
LONDON = ZoneInfo("Europe/London")
_HERE = {"run_launcher": {"module": __name__, "class": "RunsHere"}}
_log = logging.getLogger("daemon")


def london(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> datetime:
    """A moment by the clock of London."""
    return datetime(year, month, day, hour, minute, tzinfo=LONDON)


def night_of_run(run: dg.DagsterRun) -> tuple[str, date]:
    """The authority and business date that a run is of."""
    return run.tags["dagster/partition/authority"], date.fromisoformat(run.tags["dagster/partition/night"])


@contextmanager
def daemon_of(home: Path, *, anew: bool = False) -> Iterator[Daemon]:
    """A daemon on the home's instance; with `anew` the definitions are made anew, under the settings of now."""
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(yaml.safe_dump(yaml.safe_load(SETTINGS.read_text()) | _HERE))
    target = LoadableTargetOrigin(module_name="assets.definitions")
    if anew:
        (folder / "anew.py").write_text("from assets.definitions import build_defs\n\ndefs = build_defs()\n")
        target = LoadableTargetOrigin(python_file=str(folder / "anew.py"))
    origin = InProcessCodeLocationOrigin(target, "isindex")
    with (
        dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder))) as instance,
        WorkspaceProcessContext(instance, InProcessTestWorkspaceLoadTarget(origin)) as workspace,
    ):
        yield Daemon(instance, workspace)


class RunsHere(NightRunLauncher):
    """The product's launcher, but for the process: a run that is started is run here and now."""

    def launch_run(self, context) -> None:
        execute_run(recon_job_from_origin(context.job_code_origin), context.dagster_run, self._instance)


class Daemon:
    """The loops of the daemon and what they have done. The clock stands still but for `at` and `wait`."""

    def __init__(self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self.instance = instance
        self._workspace = workspace
        self._now = datetime.now(UTC)
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=1)

    def at(self, now: datetime) -> None:
        """Set the clock, forwards."""
        self._now = now.astimezone(UTC)

    def schedule(self) -> list[InstigatorTick]:
        """Let the scheduler do what is due until now; the ticks of `nightly` it made. Its first turn switches it on."""
        before = {tick.tick_id for tick in self._ticks("nightly", InstigatorType.SCHEDULE)}
        with freeze_time(self._now):
            list(launch_scheduled_runs(self._workspace, _log, self._now, {}))  # a fault stands in the tick
        return [tick for tick in self._ticks("nightly", InstigatorType.SCHEDULE) if tick.tick_id not in before]

    def look(self, sensor: str = "arrivals") -> InstigatorTick:
        """Let the sensors look, a minute after their last look; the tick of `sensor`."""
        self._now += timedelta(seconds=61)
        with freeze_time(self._now):
            list(execute_sensor_iteration(self._workspace, _log, None, None))
        return self._ticks(sensor, InstigatorType.SENSOR)[0]

    def start_runs(self) -> None:
        """Let the queue start what it may start now, once."""
        _faultless(self._queue.run_iteration(self._workspace))

    def monitor(self) -> None:
        """Let run monitoring look once."""
        _faultless(execute_run_monitoring_iteration(self._workspace, _log))

    def runs(self, *statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
        """The runs of nights, in the order in which they were asked for."""
        filters = dg.RunsFilter(job_name="night", statuses=list(statuses))
        return [record.dagster_run for record in reversed(self.instance.get_run_records(filters=filters))]

    def _ticks(self, name: str, kind: InstigatorType) -> list[InstigatorTick]:
        states = [each for each in self.instance.all_instigator_state(instigator_type=kind) if each.name == name]
        return [
            tick for each in states for tick in self.instance.get_ticks(each.instigator_origin_id, each.selector_id)
        ]


def _faultless(turn) -> None:
    faults = [each for each in turn if each is not None and type(each).__name__ == "SerializableErrorInfo"]
    assert not faults, faults
