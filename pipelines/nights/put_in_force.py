"""Putting an attempt in force: its version, less what must be hidden by now, and everything that follows.

Belongs here: the one way from audited tables to what is shown, for a night that has just been judged and for one that is
published again because somebody must be hidden in it. Not here: who must be hidden (`hiding`), when (`protective`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from pipelines.contracts import contract_for
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt
from pipelines.nights.decided import decisions_of
from pipelines.nights.feed_rows import feed_inputs
from pipelines.nights.figures import control_totals
from pipelines.nights.follow import follow, settle
from pipelines.nights.hiding import Known, less_of
from pipelines.nights.judging import person_tables, places_of
from pipelines.nights.walls import borne_in, unwalled_in, walls_in
from pipelines.publishing.feed_input import FeedInput
from pipelines.publishing.gates import Audit
from pipelines.publishing.manifests import manifest_of, manifest_or_none
from pipelines.publishing.publish import Published, bury, publish_snapshot, snapshot_tables, write_snapshot
from pipelines.publishing.snapshot import build_snapshot
from pipelines.publishing.versions import built, versions_there
from pipelines.tables import connect, read_as

__all__ = ["audit_of", "bury_replaced", "put_in_force", "totals_of"]


def audit_of(attempt: Attempt) -> Audit:
    """What the gates found of an attempt, and of what."""
    folder = attempt.folder / "snapshot"
    return read_as(folder / "gates.json", lambda told: Audit.from_json(told, folder))


def put_in_force(attempt: Attempt, audit: Audit, known: Known) -> tuple[Published, int]:
    """Publish what was audited, less what must be hidden by now; the version, and the rows written in the database.

    The tables that the gates audited are made again where the night has let them go; the publish proves them by their hash.

    Raises:
        IsindexError: as `publish_snapshot` and `less_of`.
    """
    night = attempt.night
    folder = attempt.folder / "snapshot"
    if not all(path.exists() for path in snapshot_tables(folder).values()):
        state, walls = IdentityState.read(attempt.folder), walls_in(attempt.folder)
        person, borne = person_tables(attempt), borne_in(attempt.folder)
        unwalled = unwalled_in(attempt.folder, decisions_of(attempt.inputs))
        snapshot = build_snapshot(person, state, places_of(attempt), walls=walls, borne=borne, unwalled=unwalled)
        write_snapshot(snapshot, folder)
    inputs = feed_inputs(attempt)
    base = attempt.base()
    with less_of(attempt, known) as less:
        published = publish_snapshot(
            night.home,
            night.authority,
            night.business_date,
            audit=audit,
            attempt=attempt.digest,
            traces=attempt.folder / "shown",
            base=attempt.inputs.base.version if attempt.inputs.base else None,
            base_shown=base.folder / "shown" if base else None,
            inputs=inputs,
            versions=_made_with(attempt.inputs.means, inputs),
            totals=totals_of(attempt, audit),
            less=less,
        )
    settle(attempt, manifest_of(published.folder))
    written = follow(attempt, published.version)
    bury_replaced(attempt, published.version)
    return published, written


def bury_replaced(attempt: Attempt, shown: str) -> None:
    """Remove what the version was shown as before."""
    home, authority = attempt.night.home, attempt.night.authority
    less = (manifest_or_none(home.snapshots(authority) / shown) or {}).get("less", {})
    for version in versions_there(home, authority):
        if built(version) == built(shown) and version != shown:
            opened = _shown_again(home.snapshots(authority) / version, home.snapshots(authority) / shown)
            bury(home, authority, version, "PROTECTED", shown, less.get("children", 0), opened)


def _shown_again(before: Path, after: Path) -> int:
    """How many children a version shows who were hidden in the one that it replaces; 0 where that cannot be read."""
    tables = {name: folder / "children.parquet" for name, folder in (("before", before), ("after", after))}
    if not all(path.is_file() for path in tables.values()):
        return 0
    try:
        with connect(tables) as duck:
            ((number,),) = duck.execute("""
                SELECT count(*) FROM before b JOIN after a USING (index_id)
                WHERE (b.shielded OR b.withheld) AND NOT (a.shielded OR a.withheld)
            """).fetchall()
    except duckdb.Error:
        return 0
    return int(number)


def totals_of(attempt: Attempt, audit: Audit) -> dict[str, Any]:
    """Counts end to end of an attempt."""
    return control_totals(attempt, {name: stored.rows for name, stored in audit.tables.items()}, feed_inputs(attempt))


def _made_with(means: Mapping[str, str], inputs: list[FeedInput]) -> dict[str, Any]:
    """What the night was made with: contracts, the rules in them, match model, program."""
    contracts = {feed.agency: contract_for(feed.agency) for feed in inputs}
    return {
        **{f"contract/{name}": f"{contract.id} {contract.version}" for name, contract in sorted(contracts.items())},
        "model": means["model"],
        "code": means["code"],
    }
