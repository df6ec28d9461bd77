"""Running nights in this process through the Dagster assets, against the home's own instance: what `isindex load` does.

Belongs here: opening the instance, and one in-process run per night, in order of business date. The same job, assets
and checks as in the UI, without paying a process per night. Not here: several processes beside each other, of which each does
this (`assets.workers`).
"""

from __future__ import annotations

import fcntl
import getpass
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import dagster as dg

from assets.definitions import build_defs
from assets.jobs import NIGHT_JOB
from assets.kept_engines import engines_kept
from assets.kept_runs import let_runs_go
from assets.launched import Launched
from assets.partitions import ensure_authority, partition_key
from assets.resources import Deployment as DeploymentResource
from assets.run_tags import LOAD, STARTED_BY, WHY
from pipelines.deliveries import FoundDelivery
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.nights import Night
from pipelines.nights.attempts import last_attempts
from pipelines.nights.lock import alone
from pipelines.nights.plan import PlannedNight
from pipelines.nights.run import work_off
from pipelines.nights.stages.reports import write_night_overview
from pipelines.outages import as_coded
from pipelines.protection.remembered import run_remembered
from pipelines.settings import shared_among
from pipelines.tables import file_sha256, write_bytes

__all__ = [
    "SETTINGS",
    "Launched",
    "fault_of",
    "instance_of",
    "launching",
    "prepare_instance",
    "quiet",
    "run_outstanding",
]

SETTINGS = Path(__file__).parent / "dagster_home.yaml"
_log = logging.getLogger(__name__)
_MADE_BEFORE = frozenset(
    {
        "faeea53d0c5fa8671f171d80c9a7ea8ef1e5dc96b210108a51a9746d51693ab5",
        "dde7932aa66b3a891e8c41b611ddc9ebe6bebfbf335b489937f44bc9122aeaff",
        "70b7cfd47ea9645aaf9672aec48b91a21e4aeebd7d9cc28dd56413f491c345eb",
    }
)
"""The sha256 of what earlier versions wrote there; where people have changed nothing in it, it is written anew."""


def prepare_instance(home: Home) -> Path:
    """The folder of the home's Dagster instance, with its settings in it."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    settings = home.dagster / "dagster.yaml"
    if not settings.exists() or file_sha256(settings) in _MADE_BEFORE:
        write_bytes(SETTINGS.read_bytes(), settings)
    return home.dagster.resolve()


@contextmanager
def instance_of(home: Home) -> Iterator[dg.DagsterInstance]:
    """The home's Dagster instance, made on first use."""
    folder = prepare_instance(home)
    os.environ["DAGSTER_HOME"] = str(folder)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with ExitStack() as stack:
        with (folder / ".opening").open("w") as handle:
            # Dagster looks whether its tables are there and then makes them: two at once would make them twice
            fcntl.flock(handle, fcntl.LOCK_EX)
            instance = stack.enter_context(dg.DagsterInstance.from_config(str(folder)))
            instance.get_runs_count()
            instance.get_dynamic_partitions("authority")
        stack.enter_context(engines_kept(instance))
        yield instance


def run_outstanding(
    deployment: Deployment,
    arrived: Iterable[FoundDelivery],
    *,
    authorities: Collection[str] | None,
    selected: Callable[[PlannedNight], bool],
    asked: Callable[[str, date], bool] | None = None,
    started: Callable[[PlannedNight], None],
    step_done: Callable[[str], None],
) -> list[Launched]:
    """Run every outstanding night in order of business date; what a run changes for later nights is seen after it.

    Args:
        deployment: where.
        arrived: undecided deliveries.
        authorities: only these.
        selected: whether a night is wanted.
        asked: whether a night (authority, business date) is wanted although nothing has changed.
        started: told of each night before it runs.
        step_done: told the name of each step when it is done.
    """
    with launching(deployment, step_done) as launch:

        def run(night: PlannedNight) -> Launched:
            started(night)
            return launch(night)

        return work_off(deployment, list(arrived), run, authorities=authorities, selected=selected, asked=asked)


@contextmanager
def launching(deployment: Deployment, step_done: Callable[[str], None]) -> Iterator[Callable[[PlannedNight], Launched]]:
    """What runs a night in this process, on the home's instance, until the end of the block; what Dagster has of nights let go goes then.

    Args:
        deployment: where.
        step_done: told the name of each step when it is done.
    """
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")  # what is planned of a run is stored at once
    resource = DeploymentResource(home=str(deployment.home.root.resolve()), landing=deployment.landing)
    job = build_defs(deployment=resource, loggers={"console": quiet(step_done)}).resolve_job_def(NIGHT_JOB)
    ran: set[str] = set()

    def launch(night: PlannedNight) -> Launched:
        ran.add(night.authority)
        return _run(job, instance, deployment, night)

    with instance_of(deployment.home) as instance, shared_among(1):
        yield launch
        try:
            let_runs_go(instance, deployment, ran)
        except (
            Exception
        ) as fault:  # the nights are published all the same; the next load, or the maintenance job, finds them
            _log.warning("runs of nights that were let go are kept for now: %s", as_coded(fault).code)


def _run(
    job: dg.JobDefinition, instance: dg.DagsterInstance, deployment: Deployment, planned: PlannedNight
) -> Launched:
    try:
        with alone(deployment, planned.authority), run_remembered():
            ensure_authority(instance, planned.authority)
            result = job.execute_in_process(
                instance=instance,
                partition_key=partition_key(planned.authority, planned.business_date),
                run_config={"loggers": {"console": {}}},  # without it Dagster's own console logger speaks
                tags={STARTED_BY: f"{LOAD} by {getpass.getuser()}", WHY: " ".join(planned.why)[:1000]},
                raise_on_error=False,
            )
            if result.success:
                return Launched(planned, "")
            night = Night(deployment, planned.authority, planned.business_date)
            last = last_attempts(deployment.engine, night.authority, [night.business_date]).get(night.business_date)
            if last is None or last.state == "failed":
                write_night_overview(night)
            # as the night's page and `status` have it: of several steps that failed the run itself names another first
            noted = last.reasons[0] if last is not None and last.state == "failed" and last.reasons else ""
            return Launched(planned, noted or fault_of(result))
    except IsindexError as error:
        if error.code != "NIGHT_RUNNING":
            raise
        return Launched(planned, str(error), busy=True)


def fault_of(result: dg.ExecuteInProcessResult) -> str:
    """What the first failed step said: coded and without a value (`assets.steps`)."""
    for event in result.all_events:
        if event.is_step_failure:
            told = event.step_failure_data.user_failure_data
            if told is not None and told.description:
                return f"{event.step_key}: {told.description}"
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return f"{event.step_key}: {error.message.strip()}" if error else str(event.step_key)
    return "the run failed before its first step"


def quiet(step_done: Callable[[str], None]) -> dg.LoggerDefinition:
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
