"""Which runs Dagster keeps: those of nights that the home keeps; a run that is let go goes with all that was told in it.

Belongs here: what of Dagster's storage is let go, whichever it is, and how. Dagster itself keeps every run for ever, on SQLite in a
file each, and its own way of deleting one leaves the file and the verdicts of checks behind. Not here: which nights are
kept (`pipelines.nights.retention`), or ticks of schedules and sensors (`dagster.yaml`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus as Status

# Dagster has no public name for its storages, and is pinned
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from assets.partitions import AUTHORITY_TAG, NIGHT_TAG
from pipelines.deployment import Deployment
from pipelines.nights.reach import retired_nights

__all__ = ["let_runs_go"]

_DAYS = 400  # that a run is kept which is of no night: of the model's monthly runs a year
_FINISHED = [Status.SUCCESS, Status.FAILURE, Status.CANCELED]
# what a killed process leaves: of a night that was let go nothing goes on any more
_BROKEN_OFF = [Status.STARTED, Status.CANCELING]
_AT_ONCE = 500


def let_runs_go(
    instance: dg.DagsterInstance, deployment: Deployment, authorities: Collection[str] | None = None
) -> int:
    """Let go the runs of nights that were let go; how many.

    Killed in between, it leaves runs of which less is told; the next call finds them again.

    Args:
        instance: where the runs are.
        deployment: which knows what nights are kept.
        authorities: only runs of these; None: of all, and also those that are of no night and are older than 400 days.
    """
    retired = retired_nights(deployment)
    if authorities is not None:
        retired = {each: retired[each] for each in authorities if each in retired}
    gone = _of_nights(instance, retired)
    if authorities is None:
        gone += _of_no_night(instance)
    for start in range(0, len(gone), _AT_ONCE):
        _let_go(instance, gone[start : start + _AT_ONCE])
    return len(gone)


def _of_nights(instance: dg.DagsterInstance, retired: dict[str, date]) -> list[str]:
    """Runs of an authority's nights up to its last one in `retired`."""
    if not retired:
        return []
    told = {night for _, nights in instance.get_run_tags([NIGHT_TAG]) for night in nights}
    old = [night for night in told if night <= max(retired.values()).isoformat()]
    if not old:
        return []
    which = dg.RunsFilter(
        statuses=[*_FINISHED, *_BROKEN_OFF], tags={AUTHORITY_TAG: sorted(retired), NIGHT_TAG: sorted(old)}
    )
    tags = ((run.run_id, run.tags) for run in instance.get_runs(filters=which))
    return [run_id for run_id, told in tags if told[NIGHT_TAG] <= retired[told[AUTHORITY_TAG]].isoformat()]


def _of_no_night(instance: dg.DagsterInstance) -> list[str]:
    before = datetime.now(UTC) - timedelta(days=_DAYS)
    old = instance.get_runs(filters=dg.RunsFilter(statuses=_FINISHED, created_before=before))
    return [run.run_id for run in old if NIGHT_TAG not in run.tags]


def _let_go(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """Everything of these runs, themselves last: what is cut short is found by them."""
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        with storage.index_connection() as connection:
            of_these = AssetCheckExecutionsTable.c.run_id.in_(run_ids)
            connection.execute(AssetCheckExecutionsTable.delete().where(of_these))
    for run_id in run_ids:
        if isinstance(storage, SqliteEventLogStorage):
            with storage.index_connection() as connection:
                storage.delete_events_for_run(connection, run_id)
            for end in ("", "-wal", "-shm"):
                Path(storage.path_for_shard(run_id) + end).unlink(missing_ok=True)
        else:
            storage.delete_events(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.run_storage.delete_run(run_id)
