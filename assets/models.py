"""The match model: a candidate trained from the records on a slow schedule, and the pages that show it.

A candidate never goes live by itself: a night is matched with the model that the setting ``ISINDEX_MODEL`` names.
"""

import dagster as dg

from assets.metadata import as_metadata
from assets.resources import Deployment
from assets.steps import faults_told

__all__ = ["CANDIDATE", "CHARTS", "model_assets"]

CANDIDATE = dg.AssetKey(["model", "candidate"])
CHARTS = dg.AssetKey(["model", "charts"])
_OWNERS = ["team:index"]


def model_assets() -> list[dg.AssetsDefinition]:
    """`model/candidate` and `model/charts`; neither has partitions, for a model belongs to no night."""
    return [_candidate, _charts]


@dg.asset(
    key=CANDIDATE,
    deps=[dg.AssetKey(["index", "person_records"])],
    description="A match model trained with Splink from the latest night of every authority; a new version only where "
    "the records teach something new. It decides nothing until ISINDEX_MODEL names it.",
    group_name="model",
    owners=_OWNERS,
    kinds={"splink", "duckdb"},
)
def _candidate(deployment: Deployment) -> dg.MaterializeResult:
    # imported here and not above: the matcher takes a second, and a code location must be there at once
    from pipelines.nights.model_training import train_candidate

    with faults_told():
        report = train_candidate(deployment.open()).report
    return dg.MaterializeResult(metadata=as_metadata(report))


@dg.asset(
    key=CHARTS,
    deps=[CANDIDATE, dg.AssetKey(["index", "links"])],
    description="Splink's charts of the model in force and of the candidates, in the report site: weights, m and u, "
    "and how example pairs of the latest night come to their weight. No values.",
    group_name="model",
    owners=_OWNERS,
    kinds={"html", "splink"},
)
def _charts(deployment: Deployment) -> dg.MaterializeResult:
    from pipelines.nights.model_training import draw_models

    with faults_told():
        report = draw_models(deployment.open())
    return dg.MaterializeResult(metadata=as_metadata(report))
