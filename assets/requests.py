"""From nights that are outstanding to the runs that Dagster is asked for.

Belongs here: which outstanding nights are asked for now, under which key and tags, and what is said of the others. Not
here: which nights are outstanding and why (`pipelines.nights.plan`), or when anybody looks (`assets.jobs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import dagster as dg
from dagster import DagsterRunStatus as Status

from assets.partitions import AUTHORITY_TAG, FIRST_NIGHT, NIGHT_TAG, ensure_authority, is_night, partition_key
from assets.run_tags import STARTED_BY, WHY, is_of_network
from pipelines.nights.plan import PlannedNight

__all__ = ["network_underway", "outside", "requests", "underway"]

_LENGTH = 1000  # of the tag that says why
_UNDERWAY = [Status.NOT_STARTED, Status.QUEUED, Status.STARTING, Status.STARTED, Status.CANCELING]


def requests(
    instance: dg.DagsterInstance, nights: Iterable[PlannedNight], *, who: str, occasion: str = ""
) -> list[dg.RunRequest]:
    """A run for each of `nights` that Dagster knows.

    Args:
        instance: where the authorities become partitions.
        nights: what is asked for.
        who: the schedule or sensor that asks.
        occasion: makes what was asked for before a new wish.
    """
    asked = []
    for night in nights:
        if is_night(night.business_date):
            ensure_authority(instance, night.authority)
            asked.append(
                dg.RunRequest(
                    run_key=f"{occasion} {night.run_key}".strip(),
                    partition_key=partition_key(night.authority, night.business_date),
                    tags={STARTED_BY: who, WHY: " ".join(night.why)[:_LENGTH]},
                )
            )
    return asked


def outside(nights: Sequence[PlannedNight]) -> list[str]:
    """What is to be said of those of `nights` that Dagster does not know, a sentence each."""
    return [
        f"{night.authority} {night.business_date.isoformat()} lies outside the nights that Dagster knows (from "
        f"{FIRST_NIGHT} to tomorrow): start `isindex ui` anew, or set ISINDEX_FIRST_PARTITION; or run `isindex load`."
        for night in nights
        if not is_night(night.business_date)
    ]


def underway(instance: dg.DagsterInstance) -> set[tuple[str, date]]:
    """Authority and business date of the nights whose run waits or goes on."""
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=_UNDERWAY))
    tags = [record.dagster_run.tags for record in records]
    return {
        (each[AUTHORITY_TAG], date.fromisoformat(each[NIGHT_TAG]))
        for each in tags
        if AUTHORITY_TAG in each and NIGHT_TAG in each
    }


def network_underway(instance: dg.DagsterInstance) -> bool:
    """Whether a run of the co-ordinating index waits or goes on."""
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=_UNDERWAY))
    return any(is_of_network(record.dagster_run) for record in records)
