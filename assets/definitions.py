"""The code location: every asset, check, job, schedule and sensor of a deployment.

`build_defs(...)` lets tests and the command line hand over another deployment instead of patching; `defs` is what
Dagster loads (`workspace.yaml`), configured by ``ISINDEX_HOME`` and ``ISINDEX_LANDING``.
"""

from __future__ import annotations

import dagster as dg

from assets.agencies import agency_chain
from assets.index import index_assets, live
from assets.jobs import arrivals, daily, failure_notifier, maintenance_job, model_job, monthly, night_job, nightly_at
from assets.models import model_assets
from assets.network import network_arrivals, network_assets, network_job
from assets.reports import report_assets
from assets.resources import Deployment
from pipelines.contracts import registered_agencies
from pipelines.settings import settings
from pipelines.umask import for_this_user_alone

__all__ = ["build_defs", "defs"]


def build_defs(
    deployment: Deployment | None = None, loggers: dict[str, dg.LoggerDefinition] | None = None
) -> dg.Definitions:
    """The definitions for `deployment` (default: from the environment), with other loggers if given."""
    chains = [agency_chain(agency) for agency in registered_agencies()]
    made = [*chains, *index_assets(), *report_assets(), *model_assets(), *network_assets()]
    return dg.Definitions(
        assets=[*(each for each in made if not isinstance(each, dg.AssetChecksDefinition)), live],
        asset_checks=[each for each in made if isinstance(each, dg.AssetChecksDefinition)],
        jobs=[night_job, network_job, model_job, maintenance_job],
        schedules=[nightly_at(settings().cut_off), monthly, daily],
        sensors=[arrivals, network_arrivals, failure_notifier],
        resources={"deployment": deployment or Deployment()},
        executor=dg.in_process_executor,
        loggers=loggers,
    )


for_this_user_alone()  # a process of Dagster, whoever started it: code location or run
defs = build_defs()
