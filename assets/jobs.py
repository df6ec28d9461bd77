"""Jobs, schedule, sensors: when a night is run, and who is told when it fails."""

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from assets.partitions import NIGHT_AUTHORITY, ensure_authority, is_night, partition_key
from assets.resources import Deployment
from assets.steps import faults_coded
from pipelines.nights.arrivals import look_around
from pipelines.nights.notify import notify
from pipelines.nights.plan import PlannedNight, outstanding
from pipelines.settings import settings

__all__ = ["NIGHT_JOB", "arrivals", "failure_notifier", "model_job", "monthly", "night_job", "nightly"]

NIGHT_JOB = "night"
WHY = "isindex/why"
LONDON = ZoneInfo("Europe/London")
# After this time nobody waits for a late feed: the night is published with what came, the rest carried forward.
_CUT_OFF = settings().cut_off

night_job = dg.define_asset_job(
    NIGHT_JOB,
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups("model"),
    partitions_def=NIGHT_AUTHORITY,
    executor_def=dg.in_process_executor,
    description="One authority's night: four feeds, person records, links, identities, snapshot, publish, reports.",
)

model_job = dg.define_asset_job(
    "model",
    selection=dg.AssetSelection.groups("model"),
    executor_def=dg.in_process_executor,
    description="Trains a candidate match model and draws the charts of all models. Puts nothing in force.",
)
monthly = dg.ScheduleDefinition(
    name="monthly",
    job=model_job,
    cron_schedule="0 12 1 * *",  # names and errors change slowly; at noon no night waits for the machine
    execution_timezone="Europe/London",
    description="A candidate match model on the first of each month, to be looked at by a person.",
)


@dg.schedule(
    job=night_job,
    cron_schedule=f"{_CUT_OFF.minute} {_CUT_OFF.hour} * * *",
    execution_timezone="Europe/London",
    description="At the cut-off: whatever is outstanding is run, the business date that has ended for every authority "
    "whatever came for it, and once more what failed.",
)
def nightly(context: dg.ScheduleEvaluationContext, deployment: Deployment) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run for each outstanding night, the one that ended last among them."""
    due = (context.scheduled_execution_time.astimezone(LONDON) - timedelta(days=1)).date()
    with faults_coded():
        place = deployment.open()
        planned = outstanding(place, look_around(place).new, due=due)
    if not planned:
        yield dg.SkipReason("Every night is up to date.")
    for each in planned:
        yield from _request(context.instance, each, f"cut-off {due.isoformat()} {each.run_key}")


@dg.sensor(
    job=night_job,
    minimum_interval_seconds=60,
    description="Looks at the landing place and at what people decided; a night whose inputs changed is run.",
)
def arrivals(context: dg.SensorEvaluationContext, deployment: Deployment) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """The earliest outstanding night of each authority; the next one follows when it is done.

    A night that only failed is left to the schedule and to people: asked every minute, it would fail every minute.
    """
    with faults_coded():
        place = deployment.open()
        look = look_around(place)
        changed = [each for each in outstanding(place, look.new) if not each.again]
    earliest = {each.authority: each for each in reversed(changed)}
    for finding in look.findings:
        context.log.warning("%s %s: %s", finding.code, finding.place, finding.message)
    if not earliest:
        yield dg.SkipReason("Nothing new has arrived, and nothing was decided.")
    for each in earliest.values():
        yield from _request(context.instance, each, each.run_key)


def _request(
    instance: dg.DagsterInstance, night: PlannedNight, run_key: str
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    if not is_night(night.business_date):
        yield dg.SkipReason(f"{night.business_date} lies outside the nights that Dagster knows: start it anew.")
        return
    ensure_authority(instance, night.authority)
    yield dg.RunRequest(
        run_key=run_key,
        partition_key=partition_key(night.authority, night.business_date),
        tags={WHY: " ".join(night.why)[:1000]},
    )


@dg.run_failure_sensor(description="Tells the people on duty that a night failed: which one, which step. No values.")
def failure_notifier(context: dg.RunFailureSensorContext, deployment: Deployment) -> None:
    """Write the failure to the home's notifications and, where set, to ``ISINDEX_NOTIFY_URL``."""
    run = context.dagster_run
    steps = [event.step_key for event in context.get_step_failure_events()]
    partition = run.tags.get("dagster/partition", "")
    notify(deployment.open(), "run_failed", run_id=run.run_id, partition=partition, steps=steps)
