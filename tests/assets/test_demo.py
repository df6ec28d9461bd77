"""The demo, the product's main job from end to end, on both databases: the index that comes of it is the same to the byte."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select

from pipelines.database import schema as db

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
ISINDEX = str(Path(sys.executable).with_name("isindex"))
CHILDREN = 60


def demo(folder: Path, database_url: str = "") -> dict[str, str]:
    """Run the demo; every file of what it published, with its hash."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ISINDEX_")}
    if database_url:
        environment["ISINDEX_DATABASE_URL"] = database_url
    command = [ISINDEX, "demo", str(folder), "--children", str(CHILDREN)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    snapshots = folder / "home" / "snapshots"
    return {
        str(path.relative_to(snapshots)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(snapshots.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_the_demo_publishes_the_same_on_sqlite_and_on_postgresql(tmp_path, postgres_url):
    told = demo(tmp_path / "here")
    assert sum(name.endswith("current.json") for name in told) == 2
    assert demo(tmp_path / "there", postgres_url) == told
    counted = []
    for url in (f"sqlite:///{tmp_path / 'here' / 'home' / 'index.db'}", postgres_url):
        engine = create_engine(url)
        with engine.connect() as connection:
            counted.append([connection.scalar(select(func.count()).select_from(t)) for t in db.INDEX_TABLES.values()])
        engine.dispose()
    assert counted[0] == counted[1]
    assert counted[0][0] >= CHILDREN
