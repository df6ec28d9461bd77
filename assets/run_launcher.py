"""Which of the runs that Dagster believes to be going on really are.

Belongs here: telling Dagster's run monitoring whether somebody still works on a night's run. Dagster's own launcher cannot
say, and a run whose process died would hold back its authority's later runs for ever: only one of each is started at a
time. The authority's lock can say, since whoever dies gives it back, also on another machine.
"""

from __future__ import annotations

import dagster as dg

# what Dagster documents for launchers of one's own; it has no public name, and Dagster is pinned
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from assets.partitions import AUTHORITY_TAG
from assets.run_tags import is_of_network
from pipelines.deployment import open_deployment
from pipelines.network.place import LOCK
from pipelines.nights.lock import going_on
from pipelines.settings import settings
from pipelines.umask import for_this_user_alone

__all__ = ["NightRunLauncher"]


class NightRunLauncher(dg.DefaultRunLauncher):
    """Dagster's own launcher, which also knows whether a night's run is alive. `dagster.yaml` names it."""

    def __init__(self, inst_data: object = None) -> None:
        for_this_user_alone()  # daemon and web server make it first of all, whoever started them
        super().__init__(inst_data)
        self._found_free: set[str] = set()

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask; yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Gone when the authority's lock was free at two looks one after the other.

        At one look it may be: just before the run's first step, and after its last. A run of no night is left alone, and
        nothing is concluded where the deployment cannot be opened.
        """
        authority = LOCK if is_of_network(run) else run.tags.get(AUTHORITY_TAG)
        if authority is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "not a night's run")
        if going_on(open_deployment(settings().home, create=False), authority):
            self._found_free.discard(run.run_id)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if run.run_id in self._found_free:
            self._found_free.discard(run.run_id)
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "nobody holds the lock of its authority")
        self._found_free.add(run.run_id)
        return CheckRunHealthResult(WorkerStatus.RUNNING, "nobody holds the lock of its authority at this moment")
