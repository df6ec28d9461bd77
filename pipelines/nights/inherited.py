"""What an authority's nights have of those that it took over: the records of their children as they were, beside its own.

An inherited record is matched and protected like any other and is shown nowhere: by it a child that comes has the index id that it had, whatever
its key is now; what was decided of it, the firewall at which it stands, and that it is hidden hold for whoever is one child with it. It is called by
its agency, the authority that had it and the key it had there, so that it is no record of the successor's own.

Belongs here: putting them beside the records of a night and taking them away again, and which of them the next night still has. Not here: how they
come about (`founding`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert as insert_of_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_of_sqlite

from pipelines.database import schema as db
from pipelines.identities.assign import Assigned
from pipelines.identities.state import IdentityState
from pipelines.nights.attempts import Attempt
from pipelines.nights.reorganised import reorganisations
from pipelines.seams import Seam, give, grown
from pipelines.seams.identities import HISTORY, IDENTITIES, INDEX_IDS
from pipelines.seams.matching import CLUSTERS, DECISIONS
from pipelines.seams.person import NAMES, RECORDS
from pipelines.tables import connect, fetch, read_table, read_told, write_json, write_table

__all__ = ["Founding", "Inherited", "base_of", "inherited_before", "inherited_by", "taken_elsewhere"]

_FOLDER, _TOLD = "inherited", "inherited/inherited.json"
_AT_ONCE = 500  # ids in one question
_TABLES: dict[str, Seam] = {"records": RECORDS, "names": NAMES, "identities": IDENTITIES}


class Founding(Attempt):
    """What a successor's first night builds on in place of a night before: the tables of those that it took over, as one attempt has them."""

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.night.home.founded(self.night.authority, self.digest)


def base_of(attempt: Attempt) -> Attempt | None:
    """What an attempt goes on from in matching, identities and protection: its base; of a successor's first night what it was founded on."""
    if attempt.inputs.base is None and attempt.inputs.founded:
        return Founding(attempt.night, attempt.inputs.founded)
    return attempt.base()


@dataclass(frozen=True)
class Inherited:
    """The inherited records that a night has.

    Attributes:
        records: `RECORDS`.
        names: `NAMES`.
        identities: `IDENTITIES`: which index id each has.
        first: the first night that had them; None where that is this one.
    """

    records: pa.Table
    names: pa.Table
    identities: pa.Table
    first: date | None = None

    @cached_property
    def keys(self) -> pa.Array:
        """Their record keys."""
        return self.records["record_key"].combine_chunks().cast(pa.string())

    def __bool__(self) -> bool:
        return bool(self.records.num_rows)

    def beside(self, records: pa.Table, names: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The night's own records and names, and these."""
        if not self:
            return records, names
        return _beside(records, self.records, RECORDS), _beside(names, self.names, NAMES)

    def sources(self) -> pa.Table:
        """The records as sources of their own: each authority's agency knows its children apart from the successor's."""
        agencies = self.records["agency"].cast(pa.string())
        whose = pc.replace_substring_regex(self.records["record_key"].cast(pa.string()), "^[^:]*:([0-9]{3})/.*$", r"\1")
        named = pc.binary_join_element_wise(whose, agencies, " ")
        return self.records.set_column(self.records.column_names.index("agency"), "agency", named)

    def same_keys(self, records: pa.Table) -> pa.Table:
        """That a record goes on under the key that it had (`DECISIONS`): one of the same agency and key of which a name, the birth date or a number
        is the same and no birth date another.
        """
        if not self:
            return DECISIONS.empty_table()
        known = ["record_key", "family_name", "given_names", "birth_date", "nhs_number", "upn"]
        with connect({"own": records.select(known), "inherited": self.records.select(known)}) as duck:
            found = fetch(
                duck,
                """
                WITH were AS (SELECT *, regexp_replace(record_key, '^([^:]*:)[0-9]{3}/', '\\1') AS was FROM inherited),
                alike AS (
                    SELECT o.record_key AS record_a, w.record_key AS record_b FROM own o JOIN were w ON w.was = o.record_key
                    WHERE coalesce(o.birth_date = w.birth_date, true) AND (
                        coalesce(lower(o.family_name) = lower(w.family_name), false) OR coalesce(lower(o.given_names) = lower(w.given_names), false)
                        OR coalesce(o.nhs_number = w.nhs_number, false) OR coalesce(o.upn = w.upn, false))
                )
                SELECT 'same' AS kind, record_a, record_b, 'Goes on under the key that it had' AS reason
                FROM alike QUALIFY count(*) OVER (PARTITION BY record_a) = 1 ORDER BY ALL
            """,
            )
        return give(found, DECISIONS)

    def without(self, table: pa.Table, *columns: str) -> pa.Table:
        """A table less the rows that tell of one of these records."""
        for name in columns if self else ():
            table = table.filter(pc.invert(pc.is_in(table[name].cast(pa.string()), value_set=self.keys)))
        return table

    def own_clusters(self, clusters: pa.Table) -> pa.Table:
        """`CLUSTERS` of the night's own records alone, each named after one of them."""
        if not self:
            return clusters
        with connect({"clusters": self.without(clusters, "record_key")}) as duck:
            found = fetch(
                duck,
                "SELECT * REPLACE (min(record_key) OVER (PARTITION BY cluster) AS cluster) FROM clusters ORDER BY record_key",
            )
        return give(found, CLUSTERS)

    def among(self, previous: IdentityState | None) -> IdentityState | None:
        """The state of the night before with these records among the others."""
        if not self or previous is None:
            return previous
        return replace(previous, identities=_beside(previous.identities, self.identities, IDENTITIES))

    def taken_from(self, assigned: Assigned, previous: IdentityState | None, night: date) -> tuple[Assigned, pa.Table]:
        """What was assigned without these records, and the identities of these. An id that no other record holds is nobody's by now."""
        if not self or previous is None:
            return assigned, IDENTITIES.empty_table()
        mine = pc.is_in(assigned.identities["record_key"], value_set=self.keys)
        own, theirs = assigned.identities.filter(pc.invert(mine)), assigned.identities.filter(mine)
        with connect({"now": assigned.index_ids, "own": own, "before": previous.index_ids}) as duck:
            duck.execute("SET VARIABLE night = CAST(? AS DATE)", [night])
            index_ids = fetch(
                duck,
                """
                SELECT n.index_id, CASE WHEN idle THEN 'ended' ELSE n.state END AS state, n.minted_night, n.redirects_to,
                    CASE WHEN NOT idle THEN n.since WHEN b.state = 'ended' THEN b.since ELSE getvariable('night') END AS since
                FROM (SELECT *, state IN ('live', 'frozen') AND index_id NOT IN (SELECT index_id FROM own) AS idle FROM now) n
                LEFT JOIN before b USING (index_id) ORDER BY n.index_id
            """,
            )
        return replace(assigned, identities=own, index_ids=give(index_ids, INDEX_IDS)), theirs

    def but_of(self, previous: IdentityState, taken: pa.Array) -> tuple[Inherited, IdentityState]:
        """These, and the state of the night before, without the ids that another authority has `taken`: its child is known there by them."""
        mine = replace(self, identities=_without(self.identities, taken))
        rest = replace(
            previous,
            history=give(_without(previous.history, taken), HISTORY),
            identities=_without(previous.identities, taken),
        )
        return mine, rest

    def keep(self, attempt: Attempt, identities: pa.Table, hidden: pa.Table) -> None:
        """Write down what the next night has of them: for as many nights as are kept all; then those by whom something was decided, who stand at a
        firewall or are hidden, for good.

        Args:
            attempt: the attempt.
            identities: `IDENTITIES` of these after it.
            hidden: index_id of each identity that is hidden after it, also of such as no other record holds.
        """
        if not self:
            return
        first = self.first or attempt.night.business_date
        kept = self.keys
        if attempt.night.business_date > first + timedelta(days=attempt.night.deployment.settings.keep_nights):
            decided = {key for each in attempt.inputs.decisions for key in (each.record_a, each.record_b) if key}
            walls = read_table(attempt.folder / "matching" / "walls.parquet")["record_key"].to_pylist()
            of_hidden = identities.filter(
                pc.is_in(identities["index_id"], value_set=hidden["index_id"].combine_chunks())
            )
            kept = pa.array(sorted({*decided, *walls, *of_hidden["record_key"].to_pylist()}), pa.string())
        tables = {"records": self.records, "names": self.names, "identities": identities}
        for name, table in tables.items():
            those = table.filter(pc.is_in(table["record_key"].cast(pa.string()), value_set=kept))
            write_table(give(those, _TABLES[name]), attempt.folder / _FOLDER / f"{name}.parquet")
        write_json({"first": first.isoformat()}, attempt.folder / _TOLD)


def inherited_before(attempt: Attempt) -> Inherited:
    """The inherited records that an attempt has: those of its base, or of what it was founded on."""
    base = base_of(attempt)
    if isinstance(base, Founding):
        parts = {name: base.folder / "person" / f"{name}.parquet" for name in ("records", "names")}
        parts["identities"] = base.folder / _FOLDER / "identities.parquet"
        return Inherited(**{name: grown(read_table(path), _TABLES[name]) for name, path in parts.items()})
    return inherited_by(base.folder if base else None)


def inherited_by(folder: Path | None) -> Inherited:
    """The inherited records that an attempt leaves to the next night, by its folder; none where there are none."""
    if folder is None or not (folder / _TOLD).is_file():
        return Inherited(**{name: seam.empty_table() for name, seam in _TABLES.items()})
    first = date.fromisoformat(read_told(folder / _TOLD, {"first": str})["first"])
    tables = {name: grown(read_table(folder / _FOLDER / f"{name}.parquet"), seam) for name, seam in _TABLES.items()}
    return Inherited(**tables, first=first)


def taken_elsewhere(engine: Engine, authority: str, ids: pa.Array) -> pa.Array:
    """Note that an authority has come to know the children of these inherited ids, and which of them another has before it.

    Only ids that several successors were founded on are noted; whose child came first has it for good.
    """
    every = reorganisations(engine)
    mine = {each.predecessor for each in every if each.successor == authority}
    if not len(ids) or not any(each.predecessor in mine and each.successor != authority for each in every):
        return pa.array([], pa.string())
    rows, theirs = [{"index_id": each, "authority": authority} for each in ids.to_pylist()], db.inherited_id.c
    insert = insert_of_postgresql if engine.dialect.name == "postgresql" else insert_of_sqlite
    taken: list[str] = []
    with engine.begin() as connection:
        for begin in range(0, len(rows), _AT_ONCE):
            some = rows[begin : begin + _AT_ONCE]
            connection.execute(insert(db.inherited_id).on_conflict_do_nothing(), some)
            wanted = theirs.index_id.in_([each["index_id"] for each in some])
            taken += connection.scalars(select(theirs.index_id).where(wanted, theirs.authority != authority))
    return pa.array(sorted(taken), pa.string())


def _beside(own: pa.Table, more: pa.Table, seam: Seam) -> pa.Table:
    both = [give(grown(each, seam), seam) for each in (own, more)]
    return pa.concat_tables(both).sort_by("record_key")


def _without(table: pa.Table, ids: pa.Array) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(table["index_id"], value_set=ids)))
