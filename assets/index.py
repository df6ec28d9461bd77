"""The index: inputs → person records → links → identities → snapshot → diff → published, and the live asset.

One step per stage. The first writes down what the night is built from; nobody looks anywhere else after it. The gates are
blocking checks on the snapshot: if one fails, this authority's publish does not start; other authorities never notice.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import dagster as dg

from assets.metadata import as_metadata, check_results, column_schema, lineage, page
from assets.partitions import NIGHT_AUTHORITY
from assets.resources import Deployment
from assets.run_tags import WHY, started_by
from assets.steps import night_of
from pipelines.contracts import registered_agencies
from pipelines.contracts.describe import person_record_columns, person_record_lineage
from pipelines.nights import Night, StageReport
from pipelines.nights.attempts import Attempt
from pipelines.nights.live import live_now
from pipelines.nights.stages.freeze import freeze
from pipelines.nights.stages.identities import IDENTITY_CHECKS, identify
from pipelines.nights.stages.links import LINK_CHECKS, link
from pipelines.nights.stages.publish import publish
from pipelines.nights.stages.records import bring_together
from pipelines.nights.stages.snapshot import GATES, build, snapshot_columns
from pipelines.nights.suites import start_suites

__all__ = ["LIVE", "index_assets", "live"]

_OWNERS = ["team:index"]
LIVE = dg.AssetKey(["index", "live"])
live = dg.AssetSpec(
    LIVE,
    group_name="index",
    owners=_OWNERS,
    kinds={"parquet"},
    description="What practitioners' systems read now: the current snapshots of all authorities, and of each a plot of its "
    "children. Fresh when a night was published lately.",
    deps=[dg.AssetKey(["index", "published"])],
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)),
)


def index_assets() -> list[dg.AssetsDefinition]:
    """The chain of assets from the four feeds to what is published."""
    accepted = [dg.AssetKey([agency.agency, "accepted"]) for agency in registered_agencies()]
    key = {
        name: dg.AssetKey(["index", name]) for name in ("inputs", "person_records", "links", "identities", "snapshot")
    }
    records = _stage(
        key["person_records"],
        [key["inputs"], *accepted],
        _person_records,
        "Every live record of every feed in one comparable form. A feed that did not come is carried forward.",
        columns=person_record_columns(),
        sources={
            column: [(dg.AssetKey([agency, "accepted"]), source) for agency, source in sources]
            for column, sources in person_record_lineage().items()
        },
    )
    links = _stage(
        key["links"],
        [key["person_records"]],
        link,
        "Which records are the same child: step, weight and reason of each link; doubtful pairs go to review.",
        columns=[
            ("record_key_a", "string", "one record"),
            ("record_key_b", "string", "the other record"),
            ("step", "string", "rung of the ladder that joined them"),
            ("weight", "double", "match weight, log2 of the Bayes factor"),
            ("reason", "string", "why, in words"),
        ],
        checks=LINK_CHECKS,
    )
    identities = _stage(
        key["identities"],
        [key["links"]],
        identify,
        "One identity per child with an index id that lives: assigned by overlap with the night before.",
        columns=[
            ("record_key", "string", "the record"),
            ("index_id", "string", "the child's opaque index id"),
            ("step", "string", "how the record came to the identity"),
            ("weight", "double", "match weight"),
            ("reason", "string", "why, in words"),
        ],
        checks=IDENTITY_CHECKS,
    )
    snapshot = _stage(
        key["snapshot"],
        [key["identities"], key["person_records"], *accepted],
        build,
        "The snapshot as it would be published, and the gates it must pass.",
        columns=snapshot_columns(),
        checks=GATES,
    )
    return [_frozen(key["inputs"], accepted), records, links, identities, snapshot, _published(key["snapshot"])]


def _person_records(night: Night) -> StageReport:
    """The stage, and the suites of the feeds: they run in a process of their own while the night goes on."""
    report = bring_together(night)
    start_suites(Attempt.last(night))
    return report


def _frozen(key: dg.AssetKey, accepted: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """`index/inputs`: what the night is built from."""

    @dg.asset(
        key=key,
        deps=list(accepted),
        description="What the night is built from: the version it builds on, the deliveries and decisions in force, the "
        "match model, contracts and rules; and why it is run.",
        group_name="index",
        owners=_OWNERS,
        kinds={"json"},
        partitions_def=NIGHT_AUTHORITY,
        output_required=False,  # where nothing is built of the night the run ends here, and has not failed
    )
    def inputs(context: dg.AssetExecutionContext, deployment: Deployment) -> Iterator[dg.MaterializeResult]:
        with night_of(context, deployment, "inputs") as night:
            report = freeze(night, started_by=started_by(context.run), why=context.run.tags.get(WHY, ""))
        if report is not None:
            yield dg.MaterializeResult(metadata=as_metadata(report))

    return inputs


def _stage(
    key: dg.AssetKey,
    deps: Sequence[dg.AssetKey],
    run: Callable[[Night], StageReport],
    description: str,
    *,
    columns: Sequence[tuple[str, str, str]],
    sources: dict[str, list[tuple[dg.AssetKey, str]]] | None = None,
    checks: Sequence[tuple[str, str, bool]] = (),
) -> dg.AssetsDefinition:
    """One stage as an asset: it runs the stage for the partition and reports figures and checks."""
    metadata: dict[str, object] = {"dagster/column_schema": column_schema(columns)}
    if sources:
        metadata["dagster/column_lineage"] = lineage(sources)

    @dg.asset(
        key=key,
        deps=list(deps),
        description=description,
        group_name="index",
        owners=_OWNERS,
        kinds={"duckdb", "parquet"},
        partitions_def=NIGHT_AUTHORITY,
        metadata=metadata,
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=words, blocking=blocking, partitions_def=NIGHT_AUTHORITY)
            for name, words, blocking in checks
        ],
    )
    def stage(context: dg.AssetExecutionContext, deployment: Deployment) -> Iterator[object]:
        with night_of(context, deployment, key.path[-1]) as night:
            report = run(night)
        yield dg.MaterializeResult(metadata=as_metadata(report))
        yield from check_results(report, key)

    return stage


def _published(snapshot: dg.AssetKey) -> dg.AssetsDefinition:
    """`index/diff` and `index/published`: what changes, and the change itself."""
    diff, published = dg.AssetKey(["index", "diff"]), dg.AssetKey(["index", "published"])

    @dg.multi_asset(
        name="publish",
        specs=[
            dg.AssetSpec(
                diff,
                deps=[snapshot],
                description="What changed since the version before: added, changed, merged, split, shielded, ended.",
                group_name="index",
                owners=_OWNERS,
                kinds={"duckdb"},
                partitions_def=NIGHT_AUTHORITY,
            ),
            dg.AssetSpec(
                published,
                deps=[diff, snapshot],
                description="The immutable version, the pointer to the current one, and the index database.",
                group_name="index",
                owners=_OWNERS,
                kinds={"parquet", "sqlalchemy"},
                partitions_def=NIGHT_AUTHORITY,
            ),
        ],
    )
    def publishing(context: dg.AssetExecutionContext, deployment: Deployment) -> Iterator[object]:
        with night_of(context, deployment, "publish") as night:
            changes, publication = publish(night)
            everywhere = live_now(night.engine, night.authority)
        yield dg.MaterializeResult(asset_key=diff, metadata=as_metadata(changes))
        yield dg.MaterializeResult(asset_key=published, metadata=as_metadata(publication) | page(night))
        context.log_event(dg.AssetMaterialization(asset_key=LIVE, metadata=as_metadata(everywhere) | page(night)))

    return publishing
