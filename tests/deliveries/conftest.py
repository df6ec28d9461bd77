"""Contracts made by hand, deliveries written to a folder, and a register in memory."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines.contracts.contract import Column, Contract, FileFormat, ServiceLevel
from pipelines.database import open_database
from pipelines.deliveries import Register, Store, conclude, lying, receive
from pipelines.errors import IsindexError
from pipelines.home import Home

NIGHT = date(2026, 11, 20)


def make_contract(agency, file, columns, **changes):
    settings = {
        "id": f"{agency}/1",
        "agency": agency,
        "version": "1.0.0",
        "title": agency,
        "owner": agency,
        "file": file,
        "columns": tuple(columns),
        "rules": (),
        "absence_means": "withdrawn",
        "one_record_per_child": "many",
        "involvements": (),
        "service_level": ServiceLevel(),
    }
    return Contract(**(settings | changes))


def text(name, **settings):
    return Column(name, "text", "", **settings)


@pytest.fixture(scope="session")
def health():
    columns = [text("id", key=True, required=True), text("name", required=True), text("note"), text("born")]
    return make_contract("health", FileFormat("health.csv", "csv"), columns)


@pytest.fixture(scope="session")
def police():
    columns = [text("id", key=True, required=True), text("name"), text("born")]
    return make_contract("police", FileFormat("police.csv", "csv", encoding="windows-1252", delimiter=";"), columns)


@pytest.fixture(scope="session")
def education():
    columns = [text("UPN", key=True, required=True), text("URN", key=True, required=True), text("Surname"), text("DOB")]
    return make_contract("education", FileFormat("education.xml", "xml", root="Pupils", record="Pupil"), columns)


@pytest.fixture(scope="session")
def social_care():
    names = (text("family"), text("given"))
    columns = [
        text("id", key=True, required=True),
        text("upn"),
        Column("names", "array", "", required=True, items=names),
        Column("address", "object", "", items=(Column("lines", "array", ""), text("postcode"))),
        Column("flagged", "flag", ""),
    ]
    return make_contract("social_care", FileFormat("social_care.jsonl", "jsonl"), columns)


@dataclass
class Site:
    """A landing place, a home and a register, with the steps of a load that need no judgement."""

    root: Path
    contracts: dict
    engine: Engine | None = None  # default: SQLite
    register: Register = field(init=False)
    store: Store = field(init=False)

    def __post_init__(self):
        self.engine = self.engine or open_database(f"sqlite:///{self.root / 'index.db'}")
        self.landing = self.root / "landing"
        self.landing.mkdir(exist_ok=True)
        self.register = Register(self.engine)
        self.store = Store(Home(self.root / "home"))

    def deliver(self, agency, files, *, sequence=1, mode="full", night=NIGHT, authority="330", rows=None, stated=None):
        folder = self.landing / authority / agency / night.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        listed = []
        for name, content in files.items():
            (folder / name).write_bytes(content)
            listed.append(
                {
                    "name": name,
                    "bytes": len(content),
                    "rows": max(content.count(b"\n") - 1, 0) if rows is None else rows,
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
            )
        manifest = {
            "contract": f"{agency}/1",
            "authority": authority,
            "agency": agency,
            "business_date": night.isoformat(),
            "sequence": sequence,
            "mode": mode,
            "created_at": "2026-11-20T22:14:03Z",
            "supplier": "A supplier",
            "files": listed,
        } | (stated or {})
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    def take(self, found=None):
        found = found or lying(str(self.landing))[-1]

        def load(name):
            if name not in self.contracts:
                raise IsindexError("CONTRACT_UNKNOWN", "no such contract")
            return self.contracts[name]

        return receive(found, self.register, load_contract=load, open_authorities=lambda day: {"330", "331"})

    def load(self, found=None):
        """Receive and conclude as if judgement accepted everything readable."""
        receipt = self.take(found)
        if receipt.ruling.known:
            return [receipt.ruling.known]
        if receipt.read is None:
            return conclude(receipt, self.register, self.store, received_at=datetime(2026, 11, 21, tzinfo=UTC))
        torn = receipt.read.unreadable
        rejects = torn.append_column("outcome", [["rejected"] * torn.num_rows])
        rejects = rejects.append_column("field", [[""] * torn.num_rows])
        rejects = rejects.append_column("message", [["damaged"] * torn.num_rows])
        counts = {"accepted": receipt.read.records.num_rows, "queried": 0, "rejected": torn.num_rows, "repeats": 0}
        return conclude(
            receipt,
            self.register,
            self.store,
            received_at=datetime(2026, 11, 21, tzinfo=UTC),
            accepted=receipt.read.records,
            rejects=rejects,
            counts=counts,
        )


@pytest.fixture
def site(tmp_path, database, health, police, education, social_care):
    """On SQLite and on a real PostgreSQL."""
    engine = open_database(database.url(tmp_path / "home"))
    yield Site(tmp_path, {each.id: each for each in (health, police, education, social_care)}, engine)
    engine.dispose()
