"""Jobs, schedule, sensors: when a night is run, and who is told when it fails."""

from collections.abc import Collection
from datetime import date, time, timedelta

import dagster as dg

from assets.kept_runs import let_runs_go
from assets.partitions import AUTHORITY_TAG, LONDON, NIGHT_TAG, is_night
from assets.requests import outside, requests, underway
from assets.resources import Deployment
from assets.run_tags import NETWORK_JOB
from assets.steps import code_in, faults_coded, faults_told
from pipelines.nights.arrivals import look_around
from pipelines.nights.attempts import last_attempts
from pipelines.nights.notify import notify
from pipelines.nights.plan import PlannedNight, outstanding

__all__ = [
    "NIGHT_JOB",
    "arrivals",
    "daily",
    "failure_notifier",
    "maintenance_job",
    "model_job",
    "monthly",
    "night_job",
    "nightly_at",
]

NIGHT_JOB = "night"

night_job = dg.define_asset_job(
    NIGHT_JOB,
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups("model", NETWORK_JOB),
    executor_def=dg.in_process_executor,
    description="One authority's night: four feeds, person records, links, identities, snapshot, publish, reports.",
)

model_job = dg.define_asset_job(
    "model",
    selection=dg.AssetSelection.groups("model"),
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": str(6 * 60 * 60)},  # seconds; one whose process died is found by nothing else
    description="Trains a candidate match model and draws the charts of all models. Puts nothing in force.",
)


@dg.op(
    name="let_runs_go",
    description="Removes runs, their events and their verdicts, of nights that were let go (ISINDEX_KEEP_NIGHTS).",
    out=dg.Out(dg.Nothing),
)
def _let_runs_go(context: dg.OpExecutionContext, deployment: Deployment) -> None:
    with faults_told():
        gone = let_runs_go(context.instance, deployment.open())
    context.log.info(f"{gone} runs let go")
    context.add_output_metadata({"runs_let_go": gone})


@dg.job(
    name="maintenance",
    executor_def=dg.in_process_executor,
    description="Keeps Dagster's own storage to the nights that are kept. `isindex load` does the same at its end.",
)
def maintenance_job() -> None:
    """What is done to Dagster's storage, and to nothing else."""
    _let_runs_go()


daily = dg.ScheduleDefinition(
    name="daily",
    job=maintenance_job,
    cron_schedule="0 13 * * *",  # when no night waits for the machine
    execution_timezone=LONDON.key,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Lets runs go whose nights were let go.",
)
monthly = dg.ScheduleDefinition(
    name="monthly",
    job=model_job,
    cron_schedule="0 12 1 * *",  # names and errors change slowly; at noon no night waits for the machine
    execution_timezone=LONDON.key,
    description="A candidate match model on the first of each month, to be looked at by a person.",
)


def nightly_at(cut_off: time) -> dg.ScheduleDefinition:
    """The schedule `nightly`, at the time of day in London after which nobody waits for a late feed.

    The night is then published with what came, the rest carried forward.
    """

    @dg.schedule(
        name="nightly",
        job=night_job,
        cron_schedule=f"{cut_off.minute} {cut_off.hour} * * *",
        execution_timezone=LONDON.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At the cut-off: whatever is outstanding is run, the business date that has ended for every "
        "authority whatever came for it, and once more what failed.",
    )
    def nightly(context: dg.ScheduleEvaluationContext, deployment: Deployment) -> list[dg.RunRequest] | dg.SkipReason:
        """A run for each outstanding night, the one that ended last among them; not for one that is underway anyway."""
        due = (context.scheduled_execution_time.astimezone(LONDON) - timedelta(days=1)).date()
        with faults_coded():
            place = deployment.open()
            planned = outstanding(place, look_around(place).new, due=due)
        busy = underway(context.instance)
        wanted = [each for each in planned if (each.authority, each.business_date) not in busy]
        told = outside(wanted)
        for words in told:
            context.log.warning(words)
        asked = requests(context.instance, wanted, who="the schedule nightly", occasion=f"cut-off {due.isoformat()}")
        return asked or dg.SkipReason(" ".join(["Every night is up to date or underway.", *told]))

    return nightly


@dg.sensor(
    job=night_job,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks at the landing place and at what people decided; a night whose inputs changed is run.",
)
def arrivals(context: dg.SensorEvaluationContext, deployment: Deployment) -> list[dg.RunRequest] | dg.SkipReason:
    """The earliest outstanding night of each authority; the next one follows when it is done.

    A night that only failed is left to the schedule and to people: asked every minute, it would fail every minute.
    """
    with faults_coded():
        place = deployment.open()
        look = look_around(place)
        changed = [each for each in outstanding(place, look.new) if not each.again]
    busy = {authority for authority, _ in underway(context.instance)}
    told = outside(changed)
    told += [f"{finding.code} {finding.place}: {finding.message}" for finding in look.findings]
    for words in told:
        context.log.warning(words)
    free = [each for each in changed if each.authority not in busy and is_night(each.business_date)]
    earliest: dict[str, PlannedNight] = {}
    for each in free:
        earliest.setdefault(each.authority, each)
    asked = requests(context.instance, earliest.values(), who="the sensor arrivals")
    return asked or dg.SkipReason(" ".join([_nothing(busy), *told]))


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the people on duty that a night failed or is held: which one, which step, which code. No values.",
)
def failure_notifier(context: dg.RunFailureSensorContext, deployment: Deployment) -> None:
    """Write the failure to the home's notifications and, where set, to ``ISINDEX_NOTIFY_URL``."""
    run = context.dagster_run
    authority, night = run.tags.get(AUTHORITY_TAG, ""), run.tags.get(NIGHT_TAG, "")
    steps = [event.step_key for event in context.get_step_failure_events()]
    with faults_coded():
        place = deployment.open()
        last = last_attempts(place.engine, authority, [date.fromisoformat(night)]) if night else {}
        row = next(iter(last.values()), None) if steps else None  # a run without steps made no attempt
        notify(
            place,
            "run_failed",
            run_id=run.run_id,
            job=run.job_name,
            authority=authority,
            business_date=night,
            state="held" if row and row.state == "held" else "failed",
            code=row.code if row else code_in(context.failure_event),
            steps=steps,
        )


def _nothing(busy: Collection[str]) -> str:
    if busy:
        return f"Nothing else to run while authority {', '.join(sorted(busy))} is being run."
    return "Nothing new has arrived, and nothing was decided."
