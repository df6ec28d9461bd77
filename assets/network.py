"""The co-ordinating index: network/children → network/links → network/published, by night; and when it is run.

One step per stage of `pipelines.network.night`. Its gates are checks of what is published; where one does not hold the step fails after it has told
them, and what is in force stays. No authority's night waits for it.
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from assets.metadata import column_schema
from assets.partitions import NIGHTS, is_night
from assets.requests import network_underway, underway
from assets.resources import Deployment
from assets.run_tags import NETWORK_JOB, STARTED_BY, WHY
from assets.steps import faults_coded, faults_told
from pipelines.network.gates import GATES
from pipelines.network.night import gather_children, link_children, publish_pointers
from pipelines.network.outstanding import outstanding
from pipelines.network.place import Network
from pipelines.network.standing import latest_night
from pipelines.seams.network import CHILDREN, POINTERS
from pipelines.seams.seam import Seam

__all__ = ["network_arrivals", "network_assets", "network_job"]

_PUBLISHED = dg.AssetKey(["network", "published"])
_COMMON = {"group_name": NETWORK_JOB, "owners": ["team:index"], "partitions_def": NIGHTS}

network_job = dg.define_asset_job(
    NETWORK_JOB,
    selection=dg.AssetSelection.groups(NETWORK_JOB),
    executor_def=dg.in_process_executor,
    description="The co-ordinating index: what the authorities give, who is one child, pointers and messages of protection.",
)


def network_assets() -> list[dg.AssetsDefinition]:
    """The chain from what the authorities have published to the pointers."""
    return [_children(), _links(), _published()]


def _children() -> dg.AssetsDefinition:
    of_each = dg.AssetDep(
        dg.AssetKey(["index", "published"]), partition_mapping=dg.MultiToSingleDimensionPartitionMapping("night")
    )

    @dg.asset(
        key=dg.AssetKey(["network", "children"]),
        deps=[of_each],
        description="One minimal row of each child of each authority's version in force: nothing of the address of anybody protected.",
        kinds={"duckdb", "parquet"},
        metadata={"dagster/column_schema": column_schema(_columns(CHILDREN))},
        **_COMMON,
    )
    def children(context: dg.AssetExecutionContext, deployment: Deployment) -> dg.MaterializeResult:
        with faults_told():
            return dg.MaterializeResult(metadata=gather_children(_network(deployment), _night(context)))

    return children


def _links() -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey(["network", "links"]),
        deps=[dg.AssetKey(["network", "children"])],
        description="Which children of two authorities are one; doubtful pairs go to the network's own review list.",
        kinds={"duckdb", "parquet"},
        **_COMMON,
    )
    def links(context: dg.AssetExecutionContext, deployment: Deployment) -> dg.MaterializeResult:
        with faults_told():
            return dg.MaterializeResult(metadata=link_children(_network(deployment), _night(context)))

    return links


def _published() -> dg.AssetsDefinition:
    @dg.asset(
        key=_PUBLISHED,
        deps=[dg.AssetKey(["network", "links"])],
        description="National ids and their pointers (authority, index id, from, to), an immutable version, and messages of protection.",
        kinds={"parquet", "sqlalchemy"},
        metadata={"dagster/column_schema": column_schema(_columns(POINTERS))},
        check_specs=[
            dg.AssetCheckSpec(name, asset=_PUBLISHED, description=words, partitions_def=NIGHTS)
            for name, (words, _) in GATES.items()
        ],
        **_COMMON,
    )
    def published(context: dg.AssetExecutionContext, deployment: Deployment) -> Iterator[object]:
        with faults_told():
            night = publish_pointers(_network(deployment), _night(context))
        if night.state == "published":
            stale = {f"stale_{authority}": code for authority, code in night.stale.items()}
            waits = {f"waits_{authority}": code for authority, code in night.waits.items()}
            yield dg.MaterializeResult(metadata={**night.figures, **stale, **waits, "version": night.version or ""})
        for gate in night.gates:
            yield dg.AssetCheckResult(
                asset_key=_PUBLISHED,
                check_name=gate.name,
                passed=gate.passed,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"found": gate.found},
            )
        if night.failed:
            raise dg.Failure(f"IsindexError: GATES_FAILED: {' '.join(night.failed)}", allow_retries=False)

    return published


@dg.sensor(
    job=network_job,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks whether the authorities have published something else than the co-ordinating index is built from (ISINDEX_NETWORK).",
)
def network_arrivals(context: dg.SensorEvaluationContext, deployment: Deployment) -> dg.RunRequest | dg.SkipReason:
    """A night of the network, when no authority's night is underway; one that failed is asked for again once something has changed; while a message of protection waits, every hour."""
    with faults_coded():
        place = deployment.open()
        if not place.keeps_network:
            return dg.SkipReason("This deployment keeps no co-ordinating index: ISINDEX_NETWORK.")
        if underway(context.instance) or network_underway(context.instance):
            return dg.SkipReason("Nights are underway.")
        network = Network(place)
        wanted = outstanding(network)
        if wanted is None:
            return dg.SkipReason("The co-ordinating index is built from what the authorities have in force.")
        night = latest_night(network)
    if not is_night(night):
        return dg.SkipReason(
            f"{night.isoformat()} lies outside the nights that Dagster knows: start `isindex ui` anew."
        )
    return dg.RunRequest(
        run_key=f"network {wanted.key}",
        partition_key=night.isoformat(),
        tags={STARTED_BY: "the sensor network_arrivals", WHY: wanted.why},
    )


def _columns(seam: Seam) -> list[tuple[str, str, str]]:
    return [(each.name, str(each.type), each.meaning) for each in seam.columns]


def _network(deployment: Deployment) -> Network:
    return Network(deployment.open())


def _night(context: dg.AssetExecutionContext) -> date:
    return date.fromisoformat(context.partition_key)
