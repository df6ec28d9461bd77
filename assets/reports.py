"""What people read: the report pages, and the suites' verdicts on what was accepted."""

from collections.abc import Iterator

import dagster as dg

from assets.faults import faults_told
from assets.metadata import as_metadata
from assets.partitions import NIGHT_AUTHORITY, partition_of
from assets.resources import Deployment
from pipelines.contracts import registered_agencies
from pipelines.nights import reports, suites
from pipelines.validation.expectations import expectation_names

__all__ = ["report_assets"]

_PAGES = {
    "rejected_records": "Rejected and queried records: rule, place, masked value, what to do, trend, supplier's file.",
    "data_quality": "Completeness, conformance and plausibility by agency and field, over the nights.",
    "match_review": "How records were matched, what waits for review, twins kept apart, merges and splits.",
}


def report_assets() -> list[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The report pages as assets, and the expectation suites as checks on what each agency delivered."""
    return [_pages(), _suites()]


def _pages() -> dg.AssetsDefinition:
    published = dg.AssetKey(["index", "published"])
    rejected = [dg.AssetKey([agency.agency, "rejected"]) for agency in registered_agencies()]

    @dg.multi_asset(
        name="reports",
        specs=[
            dg.AssetSpec(
                ["reports", name],
                deps=[published, *(rejected if name == "rejected_records" else [])],
                description=words,
                group_name="reports",
                owners=["team:data-quality"],
                kinds={"html", "csv"},
                partitions_def=NIGHT_AUTHORITY,
            )
            for name, words in _PAGES.items()
        ],
    )
    def pages(context: dg.AssetExecutionContext, deployment: Deployment) -> Iterator[object]:
        with faults_told():
            written = reports.write(deployment.night(*partition_of(context)))
        for name in _PAGES:
            yield dg.MaterializeResult(asset_key=["reports", name], metadata=as_metadata(written[name]))

    return pages


def _suites() -> dg.AssetChecksDefinition:
    """The frame and measures suites of every feed; they come after the publish, which has gates of its own."""
    accepted = {agency.agency: dg.AssetKey([agency.agency, "accepted"]) for agency in registered_agencies()}

    @dg.multi_asset_check(
        name="expectations",
        specs=[
            dg.AssetCheckSpec(
                name,
                asset=key,
                description=words,
                additional_deps=[dg.AssetKey(["index", "published"])],
                partitions_def=NIGHT_AUTHORITY,
            )
            for key in accepted.values()
            for name, _, words in expectation_names()
        ],
    )
    def expectations(context: dg.AssetCheckExecutionContext, deployment: Deployment) -> Iterator[dg.AssetCheckResult]:
        night = deployment.night(*partition_of(context))
        with faults_told():
            found = list(suites.verdicts(night))
        for verdict in found:
            outcome = verdict.outcome
            yield dg.AssetCheckResult(
                asset_key=accepted[verdict.agency],
                check_name=outcome.name,
                passed=outcome.passed,
                severity=(dg.AssetCheckSeverity.ERROR if outcome.severity == "error" else dg.AssetCheckSeverity.WARN),
                metadata=dict(outcome.observed),
                description=outcome.description,
            )

    return expectations
