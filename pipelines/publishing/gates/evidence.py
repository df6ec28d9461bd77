"""What the gates look at: tonight's tables as they lie on the disk, what went into them, and what the night builds on.

Belongs here: opening all of it, once, under the names that the gates' SQL uses. Not here: any verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.protection.household import FURTHER_PLACES
from pipelines.protection.shielding import Lifting, in_force
from pipelines.publishing.feed_input import FeedInput
from pipelines.publishing.gates.audit import LEDGER_TABLES
from pipelines.publishing.snapshot import SNAPSHOT_TABLES
from pipelines.seams.matching import DECISIONS, WALLS
from pipelines.seams.protection import BORNE, ENTRIES, LATCHED
from pipelines.tables import StoredTable, connect, read_as

__all__ = ["Base", "Evidence", "Heritage", "Protection", "Walled", "opened"]


@dataclass(frozen=True)
class Base:
    """The version in force that a night builds on, and what is left of its attempt.

    Attributes:
        children: the traces of the version's children: index_id, shielded, withheld.
        manifest_file: the version's manifest.
        records: the person records it was made of: record_key and agency are read.
        identities: which record was in which identity: record_key, record_ref, index_id.
        entries: the protection register (`ENTRIES`).
        latched: what hidden children were known by (`LATCHED`).
        walls: who stood on which side of an identity firewall (`WALLS`); none: nobody.
        walls_asked: firewalls that feeds had asked for (`DECISIONS`); none: no feed had.
        person: names, addresses and carers that it was made of.
        borne: what the sides of firewalls had borne (`BORNE`); none: nothing.
    """

    children: Path
    manifest_file: Path
    records: Path
    identities: Path
    entries: Path
    latched: Path
    walls: pa.Table | None = None
    walls_asked: pa.Table | None = None
    person: Mapping[str, pa.Table | Path] = field(default_factory=dict)
    borne: pa.Table | None = None

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """The version's manifest."""
        return read_as(self.manifest_file, dict)

    def set_aside(self, agency: str) -> Mapping[str, Sequence[int]]:
        """What the feed had set aside in the version, as `FeedInput.set_aside`."""
        found = (feed.get("set_aside", {}) for feed in self.manifest["inputs"] if feed["agency"] == agency)
        return next(found, {})


@dataclass(frozen=True)
class Protection:
    """What decides who must be hidden besides the records themselves.

    Attributes:
        entries: the protection register tonight (`ENTRIES`).
        lifting: decisions that take effect tonight and may open somebody.
    """

    entries: pa.Table | Path
    lifting: Sequence[Lifting] = ()


@dataclass(frozen=True)
class Walled:
    """What the night made of identity firewalls: who stands where (`WALLS`), and what the sides have borne (`BORNE`)."""

    walls: pa.Table = field(default_factory=WALLS.empty_table)
    borne: pa.Table = field(default_factory=BORNE.empty_table)


@dataclass(frozen=True)
class Heritage:
    """What an authority has of those that it took over; nothing of it is shown.

    Attributes:
        identities: which index id each inherited record has tonight: record_key, index_id.
        hidden: index_id of whom these authorities hid; of a first night, else nobody.
        entries: their protection register, of a first night (`ENTRIES`); none: of a later one, whose base has it.
        latched: likewise what their hidden children were known by (`LATCHED`).
        walls: likewise who stood on which side of a firewall (`WALLS`).
        walls_asked: likewise firewalls that feeds had asked for (`DECISIONS`).
        borne: likewise what the sides had borne (`BORNE`).
    """

    identities: pa.Table
    hidden: pa.Table
    entries: pa.Table | None = None
    latched: pa.Table | None = None
    walls: pa.Table | None = None
    walls_asked: pa.Table | None = None
    borne: pa.Table | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything the gates may ask of a night.

    In SQL: the nine snapshot tables by name; identities, index_ids; ledger (the night's events); person (the records),
    person_names, person_addresses, person_carers, person_involvements; further_places (hidden ones that no record has); apart; entries (the protection register);
    decisions (in force); review (the review list); walls, borne (of firewalls);
    base_children, base_person, base_names, base_addresses, base_carers, base_identities, base_walls, base_walls_asked, base_borne, base_latched,
    empty on a first night (of a successor those about protection are those of whom it took over); inherited (record_key, index_id of the records that it has of these) and
    inherited_hidden (index_id); held (record_key, index_id of both its own and the inherited records); and nameless: the identities that have an address and no name, the only ones that may have no row in children.

    Attributes:
        connection: DuckDB with these views.
        built: the snapshot tables as they were when they were written.
        found: every audited table as it lies on the disk now.
        apart: pairs that may be one child and were not joined (`APART`).
        protection: what else decides who must be hidden.
        decisions: the authority's decisions.
        inputs: one for each feed.
        base: what the night builds on; None on the first.
    """

    connection: Any
    built: Mapping[str, StoredTable]
    found: Mapping[str, StoredTable]
    apart: pa.Table
    protection: Protection
    decisions: pa.Table
    inputs: Sequence[FeedInput]
    base: Base | None

    def count(self, sql: str) -> int:
        """The one number that a query gives, nought when it gives none."""
        return int(self.connection.execute(sql).fetchall()[0][0] or 0)

    def counts(self, sql: str) -> dict[str, int]:
        """Name → number, from a query of two columns."""
        return {str(name): int(number) for name, number in self.connection.execute(sql).fetchall()}


@contextmanager
def opened(
    built: Mapping[str, StoredTable],
    found: Mapping[str, StoredTable],
    *,
    person: Mapping[str, pa.Table | Path],
    apart: pa.Table,
    protection: Protection,
    decisions: pa.Table,
    inputs: Sequence[FeedInput],
    base: Base | None,
    further_places: pa.Table | None = None,
    review: pa.Table | None = None,
    walled: Walled | None = None,
    heritage: Heritage | None = None,
) -> Iterator[Evidence]:
    """The evidence of a night, with every view in place; closed on leaving."""
    views: dict[str, pa.Table | Path] = {name: found[name].path for name in SNAPSHOT_TABLES}
    views |= {("ledger" if name == "events" else name): found[f"ledger/{name}"].path for name in LEDGER_TABLES}
    views |= {f"person_{name}": person[name] for name in _BEARING}
    views |= {"person_involvements": person["involvements"]}
    views |= {"person": person["records"], "decisions": in_force(decisions)}
    views |= {"apart": apart, "entries": protection.entries}
    views["review"] = _REVIEWED.empty_table() if review is None else review
    views |= {"walls": (walled or Walled()).walls, "borne": (walled or Walled()).borne}
    stood = base or heritage
    views["base_borne"] = BORNE.empty_table() if stood is None or stood.borne is None else stood.borne
    views["base_walls"] = WALLS.empty_table() if stood is None or stood.walls is None else stood.walls
    views["base_walls_asked"] = (
        DECISIONS.empty_table() if stood is None or stood.walls_asked is None else stood.walls_asked
    )
    if base is None:
        views["base_latched"] = (
            LATCHED.empty_table() if heritage is None or heritage.latched is None else heritage.latched
        )
        views["base_entries"] = (
            ENTRIES.empty_table() if heritage is None or heritage.entries is None else heritage.entries
        )
    views["inherited"] = heritage.identities if heritage else _INHERITED.empty_table()
    views["inherited_hidden"] = heritage.hidden if heritage else _INHERITED.empty_table()
    views["further_places"] = FURTHER_PLACES.empty_table() if further_places is None else further_places
    if base:
        views |= {"base_children": base.children, "base_person": base.records, "identities_before": base.identities}
        views |= {"base_entries": base.entries, "latched_before": base.latched} | {
            f"base_{name}": table for name, table in base.person.items()
        }
    with connect(views) as connection:
        for name in _BEARING:
            if f"base_{name}" not in views:
                connection.execute(f"CREATE TEMP VIEW base_{name} AS SELECT * FROM person_{name} WHERE false")
        if base:  # by name: a night may be the first that knows a column
            connection.execute("""
                CREATE TEMP VIEW base_identities AS
                FROM identities_before UNION ALL BY NAME SELECT wall_ref FROM identities WHERE false;
                CREATE TEMP VIEW base_latched AS
                FROM latched_before UNION ALL BY NAME SELECT NULL::BOOLEAN AS own, NULL::VARCHAR[] AS spares WHERE false
            """)
        else:
            for name, like in (
                ("children", "children"),
                ("person", "person"),
                ("identities", "identities"),
            ):
                connection.execute(f"CREATE TEMP VIEW base_{name} AS SELECT * FROM {like} WHERE false")
        connection.execute(_NAMELESS)
        connection.execute(
            "CREATE TEMP VIEW held AS SELECT record_key, index_id FROM identities UNION ALL SELECT record_key, index_id FROM inherited"
        )
        yield Evidence(connection, built, found, apart, protection, decisions, inputs, base)


_BEARING = ("names", "addresses", "carers")
_INHERITED = pa.schema([("record_key", pa.string()), ("index_id", pa.string())])
_REVIEWED = pa.schema([(f"{part}_ref_{side}", pa.string()) for part in ("record", "rival") for side in "ab"])
_NAMELESS = """
    CREATE TEMP VIEW nameless AS
    WITH named AS (SELECT record_key FROM person WHERE coalesce(family_name, given_names) IS NOT NULL),
    doubtful AS (  -- all records of whom one has no name in use: few of all
        FROM identities WHERE index_id IN (SELECT index_id FROM identities ANTI JOIN named USING (record_key))
    )
    SELECT index_id FROM doubtful SEMI JOIN person_addresses USING (record_key)
    EXCEPT
    SELECT index_id FROM doubtful JOIN (
        FROM named UNION ALL SELECT record_key FROM person_names WHERE coalesce(family_name, given_names) IS NOT NULL
    ) USING (record_key)
"""
