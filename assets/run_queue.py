"""How many runs go on beside each other under Dagster's daemon: as many as a load has workers.

Belongs here: that number. In `dagster.yaml` it would be fixed, or a variable that has to be set. Not here: that one authority's
runs follow each other, which `dagster.yaml` says; what each run may use (`assets.resources`).
"""

from __future__ import annotations

import dagster as dg

# what the queue is asked for; it has no public name, and Dagster is pinned
from dagster._core.run_coordinator.queued_run_coordinator import RunQueueConfig

from pipelines.settings import settings

__all__ = ["NightRunQueue"]


class NightRunQueue(dg.QueuedRunCoordinator):
    """Dagster's own queue, which follows the setting `workers`. `dagster.yaml` names it."""

    def get_run_queue_config(self) -> RunQueueConfig:
        """As Dagster's own. A limit that `dagster.yaml` gives under `concurrency` still comes first.

        Raises:
            IsindexError: SETTING_INVALID.
        """
        return super().get_run_queue_config()._replace(max_concurrent_runs=settings().most_workers)
