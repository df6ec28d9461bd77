"""What a step is given: the deployment it works for. Tests and the command line hand over another one.

Every run of a night holds its authority's lock from its first step to its last: the resource takes it, so that no way in
(command, daemon, a launch in the UI) goes round it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from pathlib import Path

import dagster as dg

from assets.kept_engines import engines_kept
from assets.partitions import AUTHORITY_TAG
from assets.run_tags import is_of_network, outcome_tagged
from pipelines.deployment import Deployment as OpenDeployment
from pipelines.deployment import open_deployment
from pipelines.network.place import LOCK
from pipelines.nights import Night
from pipelines.nights.lock import alone
from pipelines.nights.retention import sweep
from pipelines.settings import settings, shared_among

__all__ = ["Deployment"]


class Deployment(dg.ConfigurableResource):
    """Where deliveries land and where everything is kept.

    Attributes:
        home: the home folder; default ``ISINDEX_HOME``.
        landing: the landing place, any fsspec address; default ``ISINDEX_LANDING``.
    """

    home: str = ""
    landing: str = ""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Deployment]:
        """Within a run of one authority's night, hold that authority's lock for as long as the run goes on; of the network, its own.

        What a run that was killed has left half written is swept first. For as long the event log keeps its engines, and the
        query engine keeps to its part of what the runs that may go on beside each other are allowed together. At its end the
        run is told apart from others by how its night ended.
        """
        if context.run and is_of_network(context.run):
            with alone(self.open(), LOCK):
                yield self
            return
        authority = context.run.tags.get(AUTHORITY_TAG) if context.run else None
        if authority is None:
            yield self
            return
        deployment = self.open()
        kept = engines_kept(context.instance) if context.instance else nullcontext()
        with alone(deployment, authority), kept, shared_among(settings().most_workers):
            sweep(deployment, authority)
            with outcome_tagged(context, deployment):
                yield self

    def open(self) -> OpenDeployment:
        """The deployment, opened: no step goes round what is checked there."""
        return open_deployment(Path(self.home or settings().home), self.landing or settings().landing, create=True)

    def night(self, authority: str, business_date: date) -> Night:
        """The night of one authority in this deployment."""
        return Night(self.open(), authority, business_date)
