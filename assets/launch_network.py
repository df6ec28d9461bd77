"""Running a night of the network in this process through its Dagster assets, against the home's own instance."""

from __future__ import annotations

import getpass
import os
from contextlib import suppress
from datetime import date

from assets.definitions import build_defs
from assets.launch import fault_of, instance_of, quiet
from assets.resources import Deployment as DeploymentResource
from assets.run_tags import LOAD, NETWORK_JOB, STARTED_BY
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.network.night import unchanged
from pipelines.network.outcome import NetworkNight, keep_outcome, last_outcome
from pipelines.network.page import write_page
from pipelines.network.place import LOCK, Network
from pipelines.network.standing import latest_night
from pipelines.nights.lock import alone
from pipelines.outages import as_coded
from pipelines.settings import shared_among

__all__ = ["run_network_night"]


def run_network_night(deployment: Deployment, business_date: date | None = None) -> NetworkNight:
    """Bring the co-ordinating index up to date; nothing is run where nothing would come otherwise. What is in its way is told, not raised.

    Args:
        deployment: where.
        business_date: the night; default the latest that an authority has published.

    Raises:
        IsindexError: NOT_PUBLISHED.
    """
    network = Network(deployment)
    night = business_date or latest_night(network)
    try:
        with alone(deployment, LOCK):
            return unchanged(network, night) or _run(network, night)
    except Exception as fault:
        told = as_coded(fault)
        busy = told.code == "NIGHT_RUNNING"
        failed = NetworkNight(night, "busy" if busy else "failed", _in_force(network), fault=str(told))
        if not busy:
            keep_outcome(network, failed)
        return failed


def _run(network: Network, night: date) -> NetworkNight:
    deployment = network.deployment
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    resource = DeploymentResource(home=str(deployment.home.root.resolve()), landing=deployment.landing)
    job = build_defs(deployment=resource, loggers={"console": quiet(lambda step: None)}).resolve_job_def(NETWORK_JOB)
    with instance_of(deployment.home) as instance, shared_among(1):
        result = job.execute_in_process(
            instance=instance,
            partition_key=night.isoformat(),
            run_config={"loggers": {"console": {}}},
            tags={STARTED_BY: f"{LOAD} by {getpass.getuser()}"},
            raise_on_error=False,
        )
    ended = last_outcome(network)
    if ended is not None and ended.state in ("published", "held"):
        return ended
    failed = NetworkNight(night, "failed", _in_force(network), fault=fault_of(result))
    keep_outcome(network, failed)
    with suppress(IsindexError):  # what is damaged is what the fault tells of
        write_page(network)
    return failed


def _in_force(network: Network) -> str | None:
    try:
        found = network.in_force()
    except IsindexError:
        return None
    return found[0] if found else None
