"""The gates over what was made of an attempt: what they are given, and where it lies.

Belongs here: gathering it. Not here: the gates (`publishing.gates`), what follows from their verdicts (`stages.snapshot`,
`hiding`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.nights.attempts import Attempt
from pipelines.nights.feed_rows import feed_inputs
from pipelines.nights.inherited import Founding, base_of, inherited_by
from pipelines.nights.walls import borne_in, walls_asked_in, walls_in
from pipelines.protection.places import known_places
from pipelines.publishing.gates import LEDGER_TABLES, Audit, Base, Heritage, Protection, Walled, run_gates
from pipelines.tables import StoredTable, read_table

__all__ = ["judged", "person_tables", "places_of"]


def judged(
    attempt: Attempt,
    stored: Mapping[str, StoredTable],
    protecting: Protection,
    decisions: pa.Table,
    places: pa.Table,
    only: Collection[str] | None = None,
    *,
    beside_base: bool = True,
) -> Audit:
    """What the gates (default: all of them) say of a snapshot that was made of an attempt.

    `places` are those that are hidden though no record tells of it (`places_of`). Not `beside_base`: without the version that the night
    builds on, which may be gone, and which not every gate asks for.
    """
    base = attempt.base() if beside_base else None
    review = attempt.folder / "review.parquet"
    return run_gates(
        stored,
        ledger=_ledger(attempt),
        person=person_tables(attempt),
        apart=read_table(attempt.folder / "matching" / "apart.parquet"),
        protecting=protecting,
        decisions=decisions,
        further_places=places,
        inputs=feed_inputs(attempt),
        base=_base(base) if base else None,
        overrides={
            each.subject: each.reason for each in attempt.inputs.decisions if each.kind == "override" and each.subject
        },
        review=read_table(review) if review.is_file() else None,
        walled=Walled(walls_in(attempt.folder), borne_in(attempt.folder)),
        heritage=_heritage(attempt),
        only=only,
    )


def person_tables(attempt: Attempt) -> dict[str, pa.Table | Path]:
    """The attempt's person tables, by name."""
    return {path.stem: path for path in sorted((attempt.folder / "person").glob("*.parquet"))}


def places_of(attempt: Attempt, addresses: pa.Table | None = None) -> pa.Table:
    """Addresses of the attempt (or of these of its `addresses`) that are hidden though no record of a hidden child tells of them: `FURTHER_PLACES`."""
    entries, places = (read_table(attempt.folder / "protection" / f"{name}.parquet") for name in ("entries", "places"))
    return known_places(
        entries, places, attempt.folder / "person" / "addresses.parquet" if addresses is None else addresses
    )


def _ledger(attempt: Attempt) -> dict[str, Path]:
    """What the gates audit besides the snapshot, by the names of `LEDGER_TABLES`."""
    return {
        name: attempt.folder / ("events.parquet" if name == "events" else f"identities/{name}.parquet")
        for name in LEDGER_TABLES
    }


def _base(base: Attempt) -> Base:
    """The version the night builds on, as its attempt has it: the version's own folder may have been let go."""
    return Base(
        children=base.folder / "shown" / "children.parquet",
        manifest_file=base.folder / "published.json",
        records=base.folder / "person" / "records.parquet",
        identities=base.folder / "identities" / "identities.parquet",
        entries=base.folder / "protection" / "entries.parquet",
        latched=base.folder / "protection" / "latched.parquet",
        walls=walls_in(base.folder),
        walls_asked=walls_asked_in(base.folder),
        person={name: path for name, path in person_tables(base).items() if name in ("names", "addresses", "carers")},
        borne=borne_in(base.folder),
    )


def _heritage(attempt: Attempt) -> Heritage | None:
    """What an attempt has of authorities that were taken over; what a base would have said of protection, of a first night alone."""
    identities = inherited_by(attempt.folder).identities.select(["record_key", "index_id"])
    base = base_of(attempt) if attempt.inputs.base is None else None
    if not isinstance(base, Founding):
        return Heritage(identities, identities.slice(0, 0)) if identities.num_rows else None
    seen = read_table(base.folder / "inherited" / "visibility.parquet")
    hidden = seen.filter(pc.or_(seen["shielded"], seen["withheld"])).select(["index_id"])
    entries, latched = (read_table(base.folder / "protection" / f"{name}.parquet") for name in ("entries", "latched"))
    return Heritage(
        identities, hidden, entries, latched, walls_in(base.folder), walls_asked_in(base.folder), borne_in(base.folder)
    )
