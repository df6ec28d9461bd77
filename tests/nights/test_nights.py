"""Whole nights through the Dagster assets, as `isindex load` runs them, on the generator's deliveries: on both databases."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, func, select

from pipelines.database import schema as db
from sample_feeds import FaultPlan, FileFault, make_nights, waves_of
from tests.databases import Databases
from tests.loading import loaded

FIRST, SECOND, THIRD = date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)
ISINDEX = str(Path(sys.executable).with_name("isindex"))


def published_bytes(home: Path) -> dict[str, str]:
    """Every file under snapshots/ with its sha256; of tombstones without the moment."""
    return {
        str(path.relative_to(home)): hashlib.sha256(_timeless(path)).hexdigest()
        for path in sorted((home / "snapshots").rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def _timeless(path: Path) -> bytes:
    told = path.read_bytes()
    return re.sub(rb'"removed_at": "[^"]*"', b"", told) if path.parent.name == "tombstones" else told


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """Three nights of one small authority with record faults."""
    out = tmp_path_factory.mktemp("world")
    return out, make_nights(
        out, ("330",), first_night=FIRST, nights=3, children=120, seed=6, faults="record", modes={"health": "delta"}
    )


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory, delivered):
    """Their home on SQLite, and the summary of the load."""
    home = tmp_path_factory.mktemp("sqlite") / "home"
    return home, loaded(delivered[0] / "landing", home, Databases("sqlite"))


@pytest.fixture(scope="module")
def world(request, tmp_path_factory, delivered, database):
    """The nights, loaded one after the other."""
    out, made = delivered
    if database.kind == "sqlite":
        home, summary = request.getfixturevalue("on_sqlite")
    else:
        home = tmp_path_factory.mktemp(database.kind) / "home"
        summary = loaded(out / "landing", home, database)
    return out, home, made, summary


@pytest.mark.others_in_full
def test_every_night_is_published_and_every_count_is_the_one_the_generator_expects(world):
    out, home, made, summary = world
    assert [night["state"] for night in summary["nights"]] == ["published"] * 3
    told = {
        (each["agency"], night["business_date"]): each for night in summary["nights"] for each in night["deliveries"]
    }
    for delivery in made:
        got = told[delivery.agency, delivery.business_date.isoformat()]
        counts = {name: got["counts"][name] for name in ("accepted", "queried", "rejected", "repeats")}
        wanted = {name: getattr(delivery, name) for name in counts}
        assert (got["state"], counts) == (delivery.state, wanted), (delivery.agency, delivery.business_date)
        assert sum(counts.values()) == got["counts"]["rows_read"] == delivery.rows


def test_index_ids_live_on_over_the_nights(world):
    _, home, _, _ = world
    children = [
        set(
            pq.read_table(sorted((home / "snapshots" / "330").glob(f"v={day}*"))[-1] / "children.parquet")[
                "index_id"
            ].to_pylist()
        )
        for day in (FIRST, SECOND, THIRD)
    ]
    assert len(children[0]) > 100
    assert len(children[0] & children[2]) >= 0.98 * len(children[0])


def test_the_index_database_holds_what_the_current_snapshot_holds(world, database):
    _, home, _, _ = world
    pointer = json.loads((home / "snapshots" / "330" / "current.json").read_text())
    folder = home / "snapshots" / "330" / pointer["version"]
    engine = create_engine(database.url(home))
    with engine.connect() as connection:
        for name, table in db.INDEX_TABLES.items():
            rows = connection.scalar(select(func.count()).select_from(table))
            assert rows == pq.read_metadata(folder / f"{name}.parquet").num_rows, name
        kinds = set(connection.scalars(select(db.INDEX_TABLES["involvements"].c.kind)))
    assert "sensitive_service" in kinds
    engine.dispose()


def test_loading_again_changes_nothing(world, database):
    out, home, _, _ = world
    before = published_bytes(home)
    again = loaded(out / "landing", home, database)
    assert (again["exit"], again["nights"]) == (0, [])
    assert published_bytes(home) == before


@pytest.mark.in_full
def test_the_landing_place_may_be_emptied_and_the_home_moved(world, tmp_path, database):
    out, home, _, _ = world
    moved = tmp_path / "moved"
    shutil.copytree(home, moved)
    database.moved(home, moved)
    empty = tmp_path / "landing"
    empty.mkdir()
    assert loaded(empty, moved, database)["nights"] == []
    done = subprocess.run(
        [ISINDEX, "status", "--home", str(moved), "--json"],
        capture_output=True, text=True, check=True, env=database.environment(moved),
    )  # fmt: skip
    assert json.loads(done.stdout)[0]["authority"] == "330"


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_another_home_gets_the_same_bytes_whatever_its_database(world, on_sqlite):
    _, home, _, _ = world
    other, _ = on_sqlite
    assert published_bytes(other) == published_bytes(home)


@pytest.mark.in_full
@pytest.mark.slow
@pytest.mark.one_database
def test_a_load_killed_again_and_again_publishes_the_same_bytes(world, tmp_path, database):
    out, home, _, _ = world
    killed = tmp_path / "killed"
    command = [ISINDEX, "load", "--landing", str(out / "landing"), "--home", str(killed), "--json"]
    for seconds in (4.0, 7.0, 11.0):
        running = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env=database.environment(killed),
        )  # fmt: skip
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    loaded(out / "landing", killed, database)
    assert published_bytes(killed) == published_bytes(home)


@pytest.mark.in_full
def test_a_damaged_and_a_late_delivery_end_as_if_they_had_come_in_time(tmp_path):
    plan = FaultPlan(
        0.0,
        (
            FileFault("truncated", "330", "education", SECOND, corrected=True),
            FileFault("late", "330", "social_care", SECOND),
        ),
    )
    made = make_nights(tmp_path, ("330",), first_night=FIRST, nights=3, children=100, faults=plan, nightly_waves=True)
    landing, home = tmp_path / "landing", tmp_path / "home"
    states = []
    for wave in waves_of(made):
        wave.put(landing)
        summary = loaded(landing, home)
        states.append({(n["business_date"], f["agency"]): f["state"] for n in summary["nights"] for f in n["feeds"]})
    day = SECOND.isoformat()
    assert states[1][day, "education"] == "refused"
    assert states[1][day, "social_care"] == "missing"
    assert states[2][day, "education"] == states[2][day, "social_care"] == "loaded"
    assert (THIRD.isoformat(), "health") in states[2]
