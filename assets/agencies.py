"""The chain of one agency: delivery → records → accepted + rejected. One factory, a chain per registered contract.

A chain is one step: what may not be kept (columns refused, values set aside) then never leaves its memory. A delivery
that is refused, held or missing is an outcome, not a failure: the step succeeds, its check says so, the night goes on.
"""

from collections.abc import Iterator

import dagster as dg

from assets.metadata import as_metadata, column_schema, lineage, page, team
from assets.partitions import NIGHT_AUTHORITY
from assets.resources import Deployment
from assets.steps import night_of
from pipelines.contracts import Agency, load_contract
from pipelines.contracts.describe import accepted_columns, record_columns, reject_columns
from pipelines.nights.take_in import take_in

__all__ = ["agency_chain"]


def agency_chain(agency: Agency) -> dg.AssetsDefinition:
    """The assets `<agency>/delivery`, `/records`, `/accepted` and `/rejected` with their checks."""
    name = agency.agency
    contract = load_contract(agency.contracts[-1])
    owners = [team(agency.owner)]
    common = {"group_name": name, "owners": owners, "partitions_def": NIGHT_AUTHORITY}
    delivery, records, accepted, rejected = (
        dg.AssetKey([name, each]) for each in ("delivery", "records", "accepted", "rejected")
    )

    @dg.multi_asset(
        name=name,
        specs=[
            dg.AssetSpec(
                delivery,
                description=f"What {agency.title} delivered for the night: manifest, files, checksums, state.",
                kinds={"file"},
                **common,
            ),
            dg.AssetSpec(
                records,
                deps=[delivery],
                description="The delivery's records, text as delivered, allow-listed columns only. Read, never kept.",
                kinds={"duckdb"},
                metadata={"dagster/column_schema": column_schema(record_columns(contract))},
                **common,
            ),
            dg.AssetSpec(
                accepted,
                deps=[records],
                description="Records that may be used, typed; values set aside are empty. Queried ones are among them.",
                kinds={"duckdb", "parquet"},
                metadata={
                    "dagster/column_schema": column_schema(accepted_columns(contract)),
                    "dagster/column_lineage": lineage(
                        {column: [(records, column)] for column in contract.column_names}
                    ),
                },
                **common,
            ),
            dg.AssetSpec(
                rejected,
                deps=[records],
                description="One row per record and broken rule: code, place, masked value, what to do.",
                kinds={"duckdb", "parquet"},
                metadata={"dagster/column_schema": column_schema(reject_columns())},
                **common,
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(check, asset=asset, description=words, partitions_def=NIGHT_AUTHORITY)
            for check, asset, words in (
                ("usable", delivery, "A delivery came for the night and could be used."),
                (
                    "counts_reconcile",
                    accepted,
                    "Rows in the manifest = rows read = accepted + queried + rejected + repeats (+ lost).",
                ),
                ("reject_rate", rejected, "The share of rejected records is within the service level."),
            )
        ],
        op_tags={"agency": name},
    )
    def chain(context: dg.AssetExecutionContext, deployment: Deployment) -> Iterator[object]:
        with night_of(context, deployment, name) as night:
            report = take_in(night, name)
        told = {key: as_metadata(report, tables=key != records) for key in (delivery, records, accepted, rejected)}
        told[rejected] |= page(night, "rejected.html")
        for key, metadata in told.items():
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)
        keys = {"usable": delivery, "counts_reconcile": accepted, "reject_rate": rejected}
        for check in report.checks:
            yield dg.AssetCheckResult(
                asset_key=keys[check.name],
                check_name=check.name,
                passed=check.passed,
                severity=dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN,
                metadata=dict(check.figures),
                description=check.description,
            )

    return chain
