"""The demo, the product's main job from end to end, on both databases: the index that comes of it is the same to the byte."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from pipelines.database.schema import INDEX_TABLES, identity, ledger_event, reject

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.in_full]
ISINDEX = str(Path(sys.executable).with_name("isindex"))
CHILDREN = 60


def demo(folder: Path, database_url: str = "") -> subprocess.Popen[str]:
    """Start a demo as a newcomer does, with no other setting than the database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ISINDEX_")}
    if database_url:
        environment["ISINDEX_DATABASE_URL"] = database_url
    command = [ISINDEX, "demo", str(folder), "--children", str(CHILDREN)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def published(folder: Path) -> dict[str, str]:
    """Every published file with its sha256; what a tombstone tells, but for the time of the day at which it was set."""
    snapshots = folder / "home" / "snapshots"
    return {
        str(path.relative_to(snapshots)): told(path)
        if path.parent.name == "tombstones"
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(snapshots.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def told(tombstone: Path) -> str:
    """What a tombstone tells of a version that was taken away, but for when."""
    fields = json.loads(tombstone.read_text())
    assert fields.pop("removed_at")
    return json.dumps(fields, sort_keys=True)


def rows(url: str) -> dict[str, list[str]]:
    """The rows of the index, of its identities and its rejects, table by table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        told = {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in (*INDEX_TABLES.values(), identity, ledger_event, reject)
        }
    engine.dispose()
    return told


def test_the_demo_publishes_the_same_on_sqlite_and_on_postgresql(tmp_path, postgres_url):
    here, there = tmp_path / "here", tmp_path / "there"
    for running in (demo(here), demo(there, postgres_url)):
        said, _ = running.communicate()
        assert running.returncode == 0, said[-4000:]
    assert sum(name.endswith("current.json") for name in published(here)) == 3
    assert published(there) == published(here)
    stored = rows(f"sqlite:///{here / 'home' / 'index.db'}")
    assert len(stored["child"]) >= CHILDREN
    assert rows(postgres_url) == stored
