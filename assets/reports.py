"""What people read: the report pages, and the suites' verdicts on what was accepted.

Both come after the publish and neither hangs on it: a report behind a gate would be skipped exactly when it is needed.
They hang on the night's inputs alone, and the executor of the job, which does one step after the other, is told to take
them last.
"""

from collections.abc import Iterator

import dagster as dg

from assets.metadata import as_metadata, page
from assets.partitions import NIGHT_AUTHORITY
from assets.resources import Deployment
from assets.run_tags import LOAD, started_by
from assets.steps import night_of
from pipelines.contracts import registered_agencies
from pipelines.nights import suites
from pipelines.nights.protective import protect_in_any_case
from pipelines.nights.retention import prune, prune_reports
from pipelines.nights.stages import reports

__all__ = ["report_assets"]

LAST = {"dagster/priority": "-10"}
_PAGES = {  # what the page is called, and what stands on it
    "rejected_records": (
        "rejected.html",
        "Rejected and queried records: rule, place, masked value, what to do, trend, supplier's file.",
    ),
    "data_quality": (
        "quality.html",
        "Completeness, conformance and plausibility by agency and field, over the nights.",
    ),
    "match_review": (
        "matching.html",
        "How records were matched, what waits for review, twins kept apart, merges and splits.",
    ),
}
_SUITES = {
    "frame": "An independent proof that the accepted frame breaks no row rule.",
    "measures": "The night's measures against the trailing nights.",
}


def report_assets() -> list[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The report pages as assets, and the expectation suites as checks on what each agency delivered."""
    return [_pages(), _suites()]


def _pages() -> dg.AssetsDefinition:
    inputs = dg.AssetKey(["index", "inputs"])
    rejected = [dg.AssetKey([agency.agency, "rejected"]) for agency in registered_agencies()]

    @dg.multi_asset(
        name="reports",
        specs=[
            dg.AssetSpec(
                ["reports", name],
                deps=[inputs, *(rejected if name == "rejected_records" else [])],
                description=words,
                group_name="reports",
                owners=["team:data-quality"],
                kinds={"html", "csv"},
                partitions_def=NIGHT_AUTHORITY,
            )
            for name, (_, words) in _PAGES.items()
        ],
        op_tags=LAST,
    )
    def pages(context: dg.AssetExecutionContext, deployment: Deployment) -> Iterator[object]:
        with night_of(context, deployment, "reports") as night:
            protect_in_any_case(night.deployment, night.authority)  # also where the night is held
            written = reports.write(night)
            # a load lets go at its own end, and says so in its summary
            if not started_by(context.run).startswith(LOAD):
                prune(night.deployment, night.authority)
                prune_reports(night.deployment)
        for name, (file, _) in _PAGES.items():
            metadata = as_metadata(written[name]) | page(night, file)
            yield dg.MaterializeResult(asset_key=["reports", name], metadata=metadata)

    return pages


def _suites() -> dg.AssetChecksDefinition:
    """The frame and measures suites of every feed; they come after the publish, which has gates of its own.

    Each suite is one check with its verdicts as figures: every event of a run costs Dagster some milliseconds.
    """
    accepted = {agency.agency: dg.AssetKey([agency.agency, "accepted"]) for agency in registered_agencies()}

    @dg.multi_asset_check(
        name="expectations",
        specs=[
            dg.AssetCheckSpec(
                f"expectations_{suite}",
                asset=key,
                description=words,
                additional_deps=[dg.AssetKey(["index", "person_records"])],
                partitions_def=NIGHT_AUTHORITY,
            )
            for key in accepted.values()
            for suite, words in _SUITES.items()
        ],
        op_tags=LAST,
    )
    def expectations(context: dg.AssetCheckExecutionContext, deployment: Deployment) -> Iterator[dg.AssetCheckResult]:
        with night_of(context, deployment, "expectations") as night:
            found = list(suites.verdicts(night))
        for agency, key in accepted.items():
            for suite in _SUITES:
                outcomes = [each.outcome for each in found if each.agency == agency and each.outcome.suite == suite]
                broken = [each for each in outcomes if not each.passed]
                severe = any(each.severity == "error" for each in broken or outcomes)
                yield dg.AssetCheckResult(
                    asset_key=key,
                    check_name=f"expectations_{suite}",
                    passed=not broken,
                    severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
                    metadata={
                        **{each.name: int(each.passed) for each in outcomes},
                        "records_against": sum(int(each.observed.get("records_against", 0)) for each in outcomes),
                    },
                    description=" ".join(each.description for each in broken) or _SUITES[suite],
                )

    return expectations
