"""Jobs, schedule, sensors: when a night is run, and who is told when it fails."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from assets.partitions import NIGHT_AUTHORITY, ensure_authority, is_night, partition_key
from assets.resources import Deployment
from pipelines.nights.notify import notify
from pipelines.nights.plan import authorities_of, outstanding
from pipelines.settings import settings

__all__ = ["NIGHT_JOB", "arrivals", "failure_notifier", "model_job", "monthly", "night_job", "nightly"]

NIGHT_JOB = "night"
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
    description="At the cut-off: every authority whose last business date is not yet complete is run with what came.",
)
def nightly(context: dg.ScheduleEvaluationContext, deployment: Deployment) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run for each authority of the deployment, for the business date that ended last."""
    business_date = (context.scheduled_execution_time - timedelta(days=1)).date()
    authorities = authorities_of(deployment.place())
    if not authorities:
        yield dg.SkipReason("Nothing has ever been delivered to this deployment.")
    for authority in authorities:
        ensure_authority(context.instance, authority)
        yield dg.RunRequest(
            run_key=f"cut-off/{authority}/{business_date.isoformat()}",
            partition_key=partition_key(authority, business_date),
        )


@dg.sensor(
    job=night_job,
    minimum_interval_seconds=60,
    description="Looks at the landing place; a night whose deliveries changed is run, keyed by their content.",
)
def arrivals(context: dg.SensorEvaluationContext, deployment: Deployment) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """The earliest outstanding night of each authority; the next one follows when it is done."""
    earliest = {each.authority: each for each in reversed(outstanding(deployment.place(), deployment.landing_place()))}
    if not earliest:
        yield dg.SkipReason("Nothing new has arrived.")
    for each in earliest.values():
        if not is_night(each.business_date):
            yield dg.SkipReason(
                f"{each.business_date} lies outside the nights of this deployment (ISINDEX_FIRST_NIGHT)."
            )
            continue
        ensure_authority(context.instance, each.authority)
        yield dg.RunRequest(run_key=each.run_key, partition_key=partition_key(each.authority, each.business_date))


@dg.run_failure_sensor(description="Tells the people on duty that a night failed: which one, which step. No values.")
def failure_notifier(context: dg.RunFailureSensorContext, deployment: Deployment) -> None:
    """Write the failure to the home's notifications and, where set, to ``ISINDEX_NOTIFY_URL``."""
    run = context.dagster_run
    steps = [event.step_key for event in context.get_step_failure_events()]
    partition = run.tags.get("dagster/partition", "")
    notify(deployment.place(), "run_failed", run_id=run.run_id, partition=partition, steps=steps)
