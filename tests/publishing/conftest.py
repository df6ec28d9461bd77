"""A hand-made night: person records, clusters and possible links, through identities to a published version."""

from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pytest

from pipelines.database import open_database
from pipelines.home import Home
from pipelines.identities.assign import assign_identities
from pipelines.identities.ledger import record_night
from pipelines.identities.state import IdentityState
from pipelines.protection.shielding import protect
from pipelines.publishing.feed_input import FeedInput
from pipelines.publishing.gates import LEDGER_TABLES, Base, Protection, run_gates
from pipelines.publishing.publish import previous_version, publish_snapshot, write_snapshot
from pipelines.publishing.snapshot import build_snapshot
from pipelines.seams.matching import APART, CLUSTERS, DECISIONS
from pipelines.seams.person import PERSON_TABLES
from pipelines.seams.protection import ENTRIES, LATCHED
from pipelines.tables import read_table, write_table

SEAMS = {**PERSON_TABLES, "clusters": CLUSTERS, "decisions": DECISIONS, "apart": APART}
SCHEMAS = {name: seam.schema for name, seam in SEAMS.items()} | {
    "decisions": DECISIONS.schema.append(pa.field("undone_at", pa.string())),
}


def table(name, rows):
    return pa.Table.from_pylist(rows, schema=SCHEMAS[name])


def person(rows):
    """Person tables from rows of records, which may carry names, addresses, carers, involvements and flags."""
    base = {
        "birth_date": date(2015, 5, 1),
        "sex": "F",
        "shielded": False,
        "as_of": date(2026, 3, 1),
        "delivery_id": "d1",
    }
    records, parts = [], {name: [] for name in ("names", "addresses", "carers", "involvements", "flags")}
    for place, row in enumerate(sorted(rows, key=lambda row: row["record_key"]), 1):
        agency, key = row["record_key"].split(":", 1)
        whole = {**base, "agency": agency, "key": key, "position": place, "content": hash_of(row), **row}
        records.append({column: whole.get(column) for column in SCHEMAS["records"].names})
        own = {"record_key": row["record_key"], "agency": agency}
        parts["names"].append({**own, "kind": "current", **{k: whole.get(k) for k in ("family_name", "given_names")}})
        for name, found in parts.items():
            found.extend({**own, **part} for part in row.get(name, []))
    return {"records": table("records", records), **{name: table(name, found) for name, found in parts.items()}}


def hash_of(row):
    import zlib

    return zlib.crc32(repr(sorted((k, v) for k, v in row.items())).encode())


@dataclass
class Night:
    """Everything of one night, made in order; `publish` raises when a gate fails.

    Attributes:
        changes: snapshot tables (by name) and ledger tables (``ledger/events``) put in place of what was built.
        brought: agency → what its `FeedInput` says instead of a full delivery of the feed's records, all accepted.
    """

    home: Home
    business_date: date
    person: dict
    clusters: pa.Table
    apart: pa.Table
    decisions: pa.Table
    authority: str = "301"
    changes: dict = field(default_factory=dict)
    brought: dict = field(default_factory=dict)
    entries: pa.Table = field(default_factory=ENTRIES.empty_table)
    lifting: tuple = ()
    further: pa.Table | None = None

    def make(self):
        records = self.person["records"]
        before = IdentityState.read(self._folder_of_base()) if self.base else None
        assigned = assign_identities(
            self.clusters, records, before, authority=self.authority, business_date=self.business_date
        )
        latched = self._folder_of_base() / "protection" / "latched.parquet" if self.base else None
        self.protected = protect(
            assigned.identities, records, self.person["names"], self.apart, self.decisions, entries=self.entries,
            latched=read_table(latched) if latched else LATCHED.empty_table(), business_date=self.business_date,
            lifting=self.lifting,
        )  # fmt: skip
        self.state, self.events = record_night(assigned, self.protected.visibility, before, self.business_date)
        folder = self.home.night(self.authority, self.business_date)
        self.state.write(folder)
        write_table(self.events, folder / "events.parquet")
        write_table(self.protected.entries, folder / "protection" / "entries.parquet")
        write_table(self.protected.latched, folder / "protection" / "latched.parquet")
        write_table(records, folder / "person" / "records.parquet")
        self.ledger = {name: folder / "identities" / f"{name}.parquet" for name in LEDGER_TABLES}
        self.ledger["events"] = folder / "events.parquet"
        self.tables = {**build_snapshot(self.person, self.state, self.further), **self.changes}
        self.snapshot = write_snapshot(self.tables, folder / "snapshot")
        for name, path in self.ledger.items():
            if f"ledger/{name}" in self.changes:
                write_table(self.changes[f"ledger/{name}"], path)
        self.inputs = [self.feed(agency) for agency in sorted({*records["agency"].to_pylist(), *self.brought})]
        return self

    def feed(self, agency):
        live = self.person["records"]["agency"].to_pylist().count(agency)
        told = {"live_records": live, "stale": False, "counts": {"rows_read": live, "accepted": live}}
        return FeedInput(
            agency=agency,
            delivery_id=f"{self.authority}/{agency}/{self.business_date}/1",
            contract=f"{agency}/1",
            as_of=self.business_date,
            created_at=f"{self.business_date}T19:00:00Z",
            manifest_sha256="00",
            **{**told, **self.brought.get(agency, {})},
        )

    @property
    def base(self):
        """The name of the version that the night builds on."""
        return previous_version(self.home, self.authority, self.business_date)

    def _folder_of_base(self):
        return self.home.night(self.authority, date.fromisoformat(self.base[2:12]))

    def audit(self, **overrides):
        before = None
        if self.base:
            folder = self._folder_of_base()
            before = Base(
                children=folder / "shown" / "children.parquet",
                manifest_file=self.home.snapshots(self.authority) / self.base / "manifest.json",
                records=folder / "person" / "records.parquet",
                identities=folder / "identities" / "identities.parquet",
                entries=folder / "protection" / "entries.parquet",
                latched=folder / "protection" / "latched.parquet",
            )
        return run_gates(
            self.snapshot, ledger=self.ledger, person=self.person, apart=self.apart, protecting=self.protecting(),
            decisions=self.decisions, inputs=self.inputs, base=before, overrides=overrides,
            further_places=self.further,
        )  # fmt: skip

    def protecting(self):
        return Protection(self.protected.entries, self.lifting)

    def failed(self, **overrides):
        """The names of the gates that did not pass."""
        return [gate.name for gate in self.audit(**overrides).gates if not gate.passed]

    def traces(self):
        return self.home.night(self.authority, self.business_date) / "shown"

    def publish(self, audit=None, **overrides):
        return publish_snapshot(
            self.home, self.authority, self.business_date, audit=audit or self.audit(**overrides), attempt="a" * 12,
            traces=self.traces(), base=self.base, base_shown=self._folder_of_base() / "shown" if self.base else None, inputs=self.inputs, versions={"code": "0"}, totals={"records": 1},
        )  # fmt: skip


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def make_night(home):
    """make_night(day, rows, clusters={key: cluster}, apart=[(a, b, certain)], decisions=[…], brought={agency:
    {…}}, **changes)."""

    def make(day, rows, clusters=None, apart=(), decisions=(), brought=None, lifting=(), further=None, **changes):
        keys = sorted(row["record_key"] for row in rows)
        given = clusters or {}
        return Night(
            home,
            date(2026, 3, day),
            person(rows),
            table(
                "clusters",
                [
                    {
                        "record_key": key,
                        "cluster": given.get(key, key),
                        "step": "exact",
                        "weight": 20.0,
                        "reason": "same name",
                    }
                    for key in keys
                ],
            ),
            table(
                "apart",
                [dict(zip(("record_key_a", "record_key_b", "certain"), pair, strict=True)) for pair in apart],
            ),
            table("decisions", list(decisions)),
            changes=changes,
            brought=brought or {},
            lifting=lifting,
            further=further,
        ).make()

    return make


@pytest.fixture
def engine(database, home):
    """The same tests on SQLite and on a real PostgreSQL, migrated as a deployment's is."""
    engine = open_database(database.url(home.root))
    yield engine
    engine.dispose()
