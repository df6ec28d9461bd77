"""Putting an attempt in force: its version, less what must be hidden by now, and everything that follows.

Belongs here: the one way from audited tables to what is shown, for a night that has just been judged and for one that is
published again because somebody must be hidden in it. Not here: who must be hidden (`hiding`), when (`protective`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.contracts import contract_for
from pipelines.errors import IsindexError
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt
from pipelines.nights.counted import counted_between
from pipelines.nights.decided import firewalls_of
from pipelines.nights.feed_rows import feed_inputs
from pipelines.nights.figures import control_totals
from pipelines.nights.follow import follow, settle
from pipelines.nights.hiding import Beyond, Known, hidden_beyond, less_of
from pipelines.nights.judging import person_tables, places_of
from pipelines.nights.walls import borne_in, unwalled_in, walls_in
from pipelines.publishing.feed_input import FeedInput
from pipelines.publishing.gates import Audit
from pipelines.publishing.manifests import is_published, manifest_of, manifest_or_none, told_in
from pipelines.publishing.publish import (
    Less,
    Published,
    bury,
    publish_less,
    publish_snapshot,
    snapshot_tables,
    write_snapshot,
)
from pipelines.publishing.snapshot import build_snapshot
from pipelines.publishing.versions import built, versions_in_force, versions_there
from pipelines.tables import file_sha256, read_as

__all__ = ["audit_of", "bury_replaced", "put_in_force", "totals_of"]


def audit_of(attempt: Attempt) -> Audit:
    """What the gates found of an attempt, and of what."""
    folder = attempt.folder / "snapshot"
    return read_as(folder / "gates.json", lambda told: Audit.from_json(told, folder))


def put_in_force(attempt: Attempt, audit: Audit, known: Known, more: Beyond | None = None) -> tuple[Published, int]:
    """Publish what was audited, less what must be hidden by now; the version, and the rows written in the database.

    Args:
        attempt: the attempt.
        audit: what the gates found of it (`audit_of`).
        known: what is known.
        more: what that means for the attempt, where it was found out before (`hidden_beyond`).

    Raises:
        IsindexError: as `publish_snapshot` and `less_of`.
    """
    night = attempt.night
    told = _as_shown(attempt)
    shown = snapshot_tables(night.home.snapshots(night.authority) / told["version"]) if told else None
    base_shown = _base_shown(attempt)
    more = hidden_beyond(attempt, known) if more is None else more
    with less_of(attempt, known, more, built=audit, shown=shown, audited=lambda: _audited(attempt)) as less:
        if told and less and less.of_shown:
            published = publish_less(night.home, told, audit=audit, base_shown=base_shown, less=less)
        else:
            base = attempt.base()  # of what is told anew it has to be there
            published = _publish_whole(attempt, audit, base.folder / "shown" if base else None, less)
    settle(attempt, manifest_of(published.folder))
    written = follow(attempt, published.version)
    bury_replaced(attempt, published.version, known)
    return published, written


def _base_shown(attempt: Attempt) -> Path | None:
    """The traces of what an attempt builds on; None where there is none, or it was replaced since."""
    try:
        base = attempt.base()
    except IsindexError as fault:
        if fault.code != "BASE_MISSING":
            raise
        return None
    return base.folder / "shown" if base else None


def _publish_whole(attempt: Attempt, audit: Audit, base_shown: Path | None, less: Less | None) -> Published:
    """Publish from the tables that were audited."""
    night, inputs = attempt.night, feed_inputs(attempt)
    _audited(attempt)
    return publish_snapshot(
        night.home,
        night.authority,
        night.business_date,
        audit=audit,
        attempt=attempt.digest,
        traces=attempt.folder / "shown",
        base=attempt.inputs.base.version if attempt.inputs.base else None,
        base_shown=base_shown,
        inputs=inputs,
        versions=_made_with(attempt.inputs.means, inputs),
        totals=totals_of(attempt, audit),
        less=less,
    )


def _audited(attempt: Attempt) -> dict[str, Path]:
    """The tables that the gates audited; where the night has let them go they are made again, and the publish proves them by their hash."""
    folder = attempt.folder / "snapshot"
    tables = snapshot_tables(folder)
    if not all(path.exists() for path in tables.values()):
        state, walls = IdentityState.read(attempt.folder), walls_in(attempt.folder)
        person, borne = person_tables(attempt), borne_in(attempt.folder)
        unwalled = unwalled_in(attempt.folder, firewalls_of(attempt.inputs))
        snapshot = build_snapshot(person, state, places_of(attempt), walls=walls, borne=borne, unwalled=unwalled)
        write_snapshot(snapshot, folder)
    return tables


def _as_shown(attempt: Attempt) -> dict[str, Any] | None:
    """The manifest of the attempt's version as it is shown now; None where any of its files is not what was published."""
    home, authority = attempt.night.home, attempt.night.authority
    version = versions_in_force(home, authority).get(attempt.night.business_date)
    told = told_in(home.snapshots(authority) / version / "manifest.json") if version else None
    if version is None or told is None or told["version"] != version or told["attempt"] != attempt.digest:
        return None
    ledger = home.snapshots(authority) / "ledger" / told["built"]
    files = snapshot_tables(home.snapshots(authority) / version) | {"index_ids": ledger / "index_ids.parquet"}
    others = {ledger / "events.parquet": told["ledger"]["events"]["sha256"]}
    others |= {attempt.folder / "shown" / f"{name}.parquet": sha256 for name, sha256 in told["shown"].items()}
    sound = is_published(files, told) and all(
        path.is_file() and file_sha256(path) == sha256 for path, sha256 in others.items()
    )
    return told if sound else None


def bury_replaced(attempt: Attempt, shown: str, known: Known) -> None:
    """Remove what the version was shown as before."""
    home, authority = attempt.night.home, attempt.night.authority
    less = (manifest_or_none(home.snapshots(authority) / shown) or {}).get("less", {})
    for version in versions_there(home, authority):
        if built(version) == built(shown) and version != shown:
            before, after = home.snapshots(authority) / version, home.snapshots(authority) / shown
            counted = counted_between(before, after, attempt, known, less.get("children", 0))
            bury(home, authority, version, "PROTECTED", shown, counted)


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
