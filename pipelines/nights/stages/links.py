"""Which records are the same child: matched anew only where something changed since the base, and the review list. Inherited records are matched among the others, and nothing is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts import contract_for, registered_agencies
from pipelines.nights.attempts import Attempt, attempt_in_force
from pipelines.nights.carried import carried_in
from pipelines.nights.claims import claims_in
from pipelines.nights.decided import decisions_of, settled_by_two
from pipelines.nights.inherited import base_of, inherited_before
from pipelines.nights.judging import person_tables
from pipelines.nights.night import Check, Night, StageReport
from pipelines.nights.outgrown import find_outgrown, with_outgrown_doubtful
from pipelines.nights.requests import asked_for, records_come
from pipelines.nights.seal import sealed
from pipelines.nights.walls import (
    but_walled,
    ended_after,
    night_before,
    standing_after,
    standing_in,
    walls_asked,
    walls_asked_in,
    walls_in,
    walls_wished_in,
)
from pipelines.nights.walls_again import walls_again
from pipelines.protection.bearing_both import bearing_both
from pipelines.protection.borne import borne_after
from pipelines.protection.wall_wishes import found_tonight, wishes_after
from pipelines.reporting.review import review_of
from pipelines.tables import read_table, write_json, write_table

__all__ = ["LINK_CHECKS", "link", "link_of"]

LINK_CHECKS = [("model_drift", "The records are still like those the match model was made from.", False)]


@sealed
def link(night: Night) -> StageReport:
    """Link the person records of the night's attempt."""
    return link_of(Attempt.last(night))


def link_of(attempt: Attempt) -> StageReport:
    """Link an attempt's person records."""
    # the matcher is imported here and not above: it takes a second, and a code location must be there at once
    from pipelines.matching.night import match
    from pipelines.matching.state import MatchState
    from pipelines.matching.training.drift import drift_verdict
    from pipelines.matching.weighing.match_model import load_model

    night, base, built_on = attempt.night, base_of(attempt), attempt.base()
    model = load_model(night.deployment.settings.model)
    contracts = [contract_for(agency.agency) for agency in registered_agencies()]
    records, decided = read_table(attempt.folder / "person" / "records.parquet"), decisions_of(attempt.inputs)
    inherited = inherited_before(attempt)
    wished, stand = (look(base.folder if base else None) for look in (walls_wished_in, walls_asked_in))
    carried = carried_in(attempt.folder)
    stand = carried.with_walls_asked(stand)
    asking = wished["record"].combine_chunks().drop_null()
    told = (
        records_come(attempt, asking, replaced=True) | {_gone_by(night): _gone(asking, records)} if len(asking) else {}
    )
    wished = found_tonight(wishes_after(wished, asked_for(night, attempt.inputs.asking), told, stand), records)
    asked = walls_asked(settled_by_two(attempt.inputs), wished, stand)
    decided = but_walled(decided, asked)
    goes_on = inherited.same_keys(records).cast(decided.schema)
    rules = {contract.agency: contract.one_record_per_child for contract in contracts}
    people = replace(inherited, records=inherited.sources()).beside(
        records, read_table(attempt.folder / "person" / "names.parquet")
    )
    matching = partial(
        match,
        *people,
        model=model,
        unique_sources=rules | {source: rules[source.partition(" ")[2]] for source in _sources(people[0], rules)},
        decisions=pa.concat_tables([decided, asked.cast(decided.schema), goes_on]),
        claims=claims_in(attempt.folder),
    )
    stood = carried.with_walls(walls_in(base.folder if base else None))
    again = walls_again(night, pa.concat_tables([decided, asked.cast(decided.schema)]), stood)
    stood, kept = pa.concat_tables([stood, again.walls]), pa.concat_tables([carried.borne, again.borne])
    before_it = MatchState.read(built_on.folder / "matching" / "state") if built_on else None
    matched = matching(walls=stood, previous=before_it)
    person, before = person_tables(attempt), night_before(base.folder) if base else None
    borne = borne_after(person, matched.walls, before, kept)
    between = bearing_both(person, matched.walls, borne)
    if between.num_rows:  # on the night that they come; from then on they stand there
        matched = matching(walls=pa.concat_tables([stood, between]), previous=matched.state)
        borne = borne_after(person, matched.walls, before, kept)
    folder = attempt.folder / "matching"
    links, possible = (
        inherited.without(each, "record_key_a", "record_key_b") for each in (matched.links, matched.possible)
    )
    write_table(inherited.own_clusters(matched.clusters), folder / "clusters.parquet")
    if inherited:
        write_table(matched.clusters, folder / "clusters_inherited.parquet")
    for name, table in (("links", links), ("possible", possible), ("walls", matched.walls)):
        write_table(table, folder / f"{name}.parquet")
    if matched.claimed is not None:
        write_table(matched.claimed, folder / "claimed.parquet")
    outgrown = find_outgrown(attempt.folder, attempt.inputs.decisions, matched.clusters)
    write_table(with_outgrown_doubtful(matched.apart, attempt.inputs.decisions, outgrown), folder / "apart.parquet")
    write_table(borne, folder / "walls_borne.parquet")
    standing = standing_after(matched.walls, standing_in(base.folder if base else None), night.business_date)
    write_table(standing, folder / "walls_standing.parquet")
    in_force = attempt_in_force(night)
    ended = ended_after(matched.walls, base.folder if base else None, in_force.folder if in_force else None)
    write_table(ended, folder / "walls_ended.parquet")
    write_table(wished, folder / "walls_wished.parquet")
    write_table(asked, folder / "walls_asked.parquet")
    matched.state.write(folder / "state")
    write_json({name: float(number) for name, number in matched.stats.items()}, folder / "stats.json")
    waiting = read_table(built_on.folder / "review.parquet") if built_on else None
    write_table(review_of(possible, night.business_date, previous=waiting), attempt.folder / "review.parquet")
    figures: dict[str, float | int | str] = {name: float(number) for name, number in sorted(matched.stats.items())}
    figures["links"] = links.num_rows
    figures["possible"] = possible.num_rows
    fits, words = drift_verdict(model, matched.stats)
    drift = {name: figure for name, figure in figures.items() if name.startswith("drift_")}
    return StageReport(figures, (Check("model_drift", fits, False, words, drift),))


def _sources(records: pa.Table, rules: Mapping[str, str]) -> list[str]:
    """The sources of records that are no agency's of these rules: an authority's that was taken over, and its agency's."""
    return sorted(set(pc.unique(records["agency"].cast(pa.string())).to_pylist()) - set(rules))


def _gone(asking: pa.Array, records: pa.Table) -> pa.Array:
    """Those of these keys whose records are there no more."""
    return asking.filter(pc.invert(pc.is_in(asking, value_set=records["record_key"].combine_chunks())))


def _gone_by(night: Night) -> str:
    """What stands in the place of the delivery that tells that a record is gone: after all of the night (`register.ORDER`)."""
    return f"{night.authority}/-/{night.business_date.isoformat()}/gone"
