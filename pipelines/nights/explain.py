"""Why two records of a night are one child or not, with the night's own tables."""

from __future__ import annotations

from datetime import date

from pipelines.contracts import contract_for, registered_agencies
from pipelines.deployment import Deployment
from pipelines.matching.explain import Explanation, explain, in_context
from pipelines.matching.weighing.match_model import Model
from pipelines.nights.attempts import latest_matched
from pipelines.nights.references import record_keys
from pipelines.nights.walls import refuse_across
from pipelines.tables import read_table

__all__ = ["explain_night"]


def explain_night(
    deployment: Deployment,
    authority: str,
    night: date | None,
    record_a: str,
    record_b: str,
    *,
    model: Model | None = None,
) -> Explanation:
    """The waterfall of a pair, what the night made of it, and the runner-up.

    Args:
        deployment: where.
        authority: 3-digit code.
        night: business date; default the latest night that was matched.
        record_a: a record, by its key or by the reference that the review list shows.
        record_b: another.
        model: default the model in force.

    Raises:
        IsindexError: NIGHT_UNKNOWN when nothing was matched then, RECORD_UNKNOWN; FIREWALL_STANDS when a firewall stands
            between the two, in that night or in the latest.
    """
    folder = latest_matched(deployment, authority, night).folder
    record_a, record_b = record_keys(folder, (record_a, record_b))
    for each in {folder, latest_matched(deployment, authority).folder}:
        refuse_across(each, (record_a, record_b))
    contracts = [contract_for(agency.agency) for agency in registered_agencies()]
    told = explain(
        read_table(folder / "person" / "records.parquet"),
        record_a,
        record_b,
        names=read_table(folder / "person" / "names.parquet"),
        model=model,
        counted=[each.agency for each in contracts if each.one_record_per_child != "many"],
    )
    matching = folder / "matching"
    return in_context(told, *(read_table(matching / f"{name}.parquet") for name in ("clusters", "links", "possible")))
