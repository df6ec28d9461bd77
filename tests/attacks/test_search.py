"""The search finds what is there, in every kind of file; else a suite that finds nothing would say nothing."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipelines.database import open_database
from tests.attacks.search import KINDS, MAY_STAND, Haystack, may_stand

VALUE = "14 Zorvelwick Road"


def _parquet(table: pa.Table, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd", **options)
    return out.getvalue()


def _dictionary() -> bytes:
    """A dictionary that holds more than the rows say."""
    words = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array(["other", VALUE]))
    return _parquet(pa.table({"text": words}), store_schema=False)


def _sqlite(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("CREATE TABLE t (text TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", [VALUE])
    connection.execute(statement)
    connection.commit()
    connection.close()


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inner.json", json.dumps({"x": VALUE}))
    return out.getvalue()


PLANTED: dict[str, Callable[[Path], object]] = {
    "plain.txt": lambda path: path.write_text(f"he lives at {VALUE}"),
    "capitals.log": lambda path: path.write_text("14, ZORVELWICK-ROAD"),
    ".killed.part": lambda path: path.write_text(VALUE),
    "wide.txt": lambda path: path.write_bytes(VALUE.encode("utf-16")),
    "escaped.json": lambda path: path.write_text('{"x": "14 \\u005aorvelwick Road"}'),
    "entities.html": lambda path: path.write_text("<p>14 &#90;orvelwick Road</p>"),
    "packed.gz": lambda path: path.write_bytes(gzip.compress(VALUE.encode())),
    "packed.zst": lambda path: path.write_bytes(zstandard.compress(_parquet(pa.table({"x": [VALUE]})))),
    "packed.zip": lambda path: path.write_bytes(_zip()),
    "rows.parquet": lambda path: path.write_bytes(_parquet(pa.table({"x": [{"deep": [VALUE]}]}))),
    "metadata.parquet": lambda path: path.write_bytes(_parquet(pa.table({"x": [1]}).replace_schema_metadata({"note": VALUE}))),
    "column.parquet": lambda path: path.write_bytes(_parquet(pa.table({VALUE: [1]}))),
    "dictionary.parquet": lambda path: path.write_bytes(_dictionary()),
    "rows.sqlite": lambda path: _sqlite(path, "SELECT 1"),
    "freed.sqlite": lambda path: _sqlite(path, "DELETE FROM t"),
    "14 Zorvelwick Road.txt": lambda path: path.write_text("nothing"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_the_search_finds_a_value(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    (home / "x").mkdir(parents=True)
    engine = open_database(f"sqlite:///{home / 'index.db'}")
    assert Haystack.of(home, tmp_path, engine).where(VALUE, "home") == []
    PLANTED[name](home / "x" / name)
    found = Haystack.of(home, tmp_path, engine).where(VALUE, "home")
    assert found == (["names of files"] if name.startswith("14") else [f"home/x/{name}"])
    engine.dispose()


def test_every_place_says_why_and_nobody_s_telephone_is_shown() -> None:
    assert all(place.why and place.kinds <= set(KINDS) for place in MAY_STAND)
    assert may_stand("home/snapshots/330/v=2026-11-18T1-a/children.parquet") == {"name"}
    assert not may_stand("home/snapshots/330/v=2026-11-18T1-a/addresses.parquet")
    assert not may_stand("home/reports/index.html")
    assert not any({"service", "refused"} & place.kinds for place in MAY_STAND)
