"""What the list of runs says of each: who started it and why, and how its night ended.

Belongs here: the tags of a run and what they are called. Not here: what is noted of a night itself, which stands in the index
database whoever runs it (`pipelines.nights.attempts`); a tag only repeats it where people look for runs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg

from assets.partitions import AUTHORITY_TAG, NIGHT_TAG
from pipelines.deployment import Deployment
from pipelines.nights.attempts import last_attempts
from pipelines.nights.night import Night
from pipelines.nights.plan import NOT_BUILT, nothing_to_build
from pipelines.outages import as_coded

__all__ = ["ENDED", "LOAD", "NETWORK_JOB", "STARTED_BY", "WHY", "is_of_network", "outcome_tagged", "started_by"]

STARTED_BY, WHY, ENDED = "isindex/started_by", "isindex/why", "isindex/night"
"""Tags of a run: who started it, why, and the state of its night at its end: published, held, failed or not built."""
LOAD = "isindex load"
"""What the first tag of a run begins with that the command has started."""
NETWORK_JOB = "network"
"""The job of the co-ordinating index, and the group of its assets."""
_IN_THE_UI = "a launch in the UI"
_log = logging.getLogger(__name__)


def started_by(run: dg.DagsterRun) -> str:
    """Who started a run: as its tag says, else a person in the UI. A run that is run again has the tags of the first."""
    again = "dagster/parent_run_id" in run.tags and "dagster/retry_number" not in run.tags
    return _IN_THE_UI if again else run.tags.get(STARTED_BY, _IN_THE_UI)


def is_of_network(run: dg.DagsterRun) -> bool:
    """Whether a run is of the co-ordinating index: of its job, or a launch of its assets."""
    return run.job_name == NETWORK_JOB or any(key.path[0] == NETWORK_JOB for key in run.asset_selection or ())


@contextmanager
def outcome_tagged(context: dg.InitResourceContext, deployment: Deployment) -> Iterator[None]:
    """Give the run of one authority's night its tags: who started it now, and at the end of the block how the night ended."""
    run, instance = context.run, context.instance
    if run is None or instance is None:
        yield
        return
    who = started_by(run)
    if run.tags.get(STARTED_BY) != who or ENDED in run.tags:  # run again, it has the tags of the first
        instance.add_run_tags(run.run_id, {STARTED_BY: who, ENDED: "under way"})
    try:
        yield
    finally:
        try:
            instance.add_run_tags(run.run_id, {ENDED: _state(run, deployment)})
        except Exception as fault:  # it repeats what the database says; nothing hangs on it
            _log.warning("the run could not be told how its night ended: %s", as_coded(fault).code)


def _state(run: dg.DagsterRun, deployment: Deployment) -> str:
    """The state of the night that a run was of, as of its last attempt; a run that was cut short has failed."""
    day = date.fromisoformat(run.tags[NIGHT_TAG])
    last = last_attempts(deployment.engine, run.tags[AUTHORITY_TAG], [day]).get(day)
    if last is None and nothing_to_build(Night(deployment, run.tags[AUTHORITY_TAG], day)):
        return NOT_BUILT
    return last.state if last is not None and last.state in ("published", "held") else "failed"
