"""Real faults of the machine, each with its code, and none with a value that stood in its text."""

from __future__ import annotations

import errno
import sqlite3

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text

from pipelines.outages import as_coded
from pipelines.tables import write_table

VALUE = "Oliver Pemberton"


def told(run):
    with pytest.raises(Exception) as fault:
        run()
    found = as_coded(fault.value)
    assert VALUE not in str(found)
    return found


def sqlite(path, *statements, **options):
    engine = create_engine(f"sqlite:///{path}", connect_args=options)

    def run():
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    return run


@pytest.fixture
def database(tmp_path):
    sqlite(tmp_path / "a.db", "CREATE TABLE child (name TEXT UNIQUE)")()
    return tmp_path / "a.db"


INSERT = f"INSERT INTO child VALUES ('{VALUE}' || hex(randomblob(5000)))"


def test_a_locked_sqlite(database):
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    found = told(sqlite(database, INSERT, timeout=0))
    other.close()
    assert (found.code, found.may_pass, found.exit_code) == ("DATABASE_BUSY", True, 1)


def test_a_full_sqlite(database):
    found = told(sqlite(database, "PRAGMA max_page_count = 3", INSERT))
    assert (found.code, found.may_pass) == ("DISK_FULL", False)


def test_a_read_only_sqlite(database):
    engine = create_engine(f"sqlite:///file:{database}?mode=ro&uri=true")

    def run():
        with engine.begin() as connection:
            connection.execute(text(INSERT))

    assert told(run).code == "DATABASE_READ_ONLY"


def test_a_sqlite_in_no_folder(tmp_path):
    assert told(sqlite(tmp_path / "none" / "a.db", "SELECT 1")).code == "DATABASE_UNREACHABLE"


@pytest.mark.parametrize("statement", ["SELECT nothing FROM nowhere", f"INSERT INTO child VALUES ('{VALUE}', 2)"])
def test_a_fault_of_ours_is_no_outage(database, statement):
    found = told(sqlite(database, statement))
    assert (found.code, found.may_pass) == ("DATABASE_REFUSED", False)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("state", "code"),
    [("53100", "DISK_FULL"), ("53300", "DATABASE_BUSY"), ("40P01", "DATABASE_BUSY"), ("57P01", "DATABASE_UNREACHABLE"),
     ("25006", "DATABASE_READ_ONLY"), ("XX001", "DATABASE_DAMAGED"), ("22P02", "DATABASE_REFUSED")],
)  # fmt: skip
def test_what_postgresql_says(postgres_url, setting, state, code):
    setting("ISINDEX_DATABASE_URL", postgres_url)
    engine = create_engine(postgres_url)

    def run():
        with engine.begin() as connection:
            connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION '{VALUE}' USING ERRCODE = '{state}'; END $$"))

    assert told(run).code == code
    engine.dispose()


def test_a_full_disk_whoever_meets_it(small_disk):
    table = pa.table({"name": [f"{VALUE} {number}" for number in range(100_000)]})
    for run in (
        lambda: (small_disk / "a").write_bytes(b"\0" * 1_000_000),
        lambda: pq.write_table(table, small_disk / "a.parquet"),
        lambda: write_table(table, small_disk / "b.parquet"),
        lambda: duckdb.sql(f"COPY (SELECT '{VALUE}' AS name FROM range(100000)) TO '{small_disk}/a.csv' (FORMAT csv)"),
    ):
        assert told(run).code == "DISK_FULL"
        for path in small_disk.iterdir():
            path.unlink()


def test_a_place_is_told_by_its_folder_since_a_file_may_be_called_after_a_child(tmp_path):
    for number, code in ((errno.ENOSPC, "DISK_FULL"), (errno.EROFS, "ACCESS_DENIED"), (errno.EACCES, "ACCESS_DENIED")):
        found = as_coded(OSError(number, "…", str(tmp_path / f"{VALUE}.csv")))
        assert (found.code, found.where) == (code, str(tmp_path))


def test_a_connection_that_breaks_may_pass_and_anything_else_is_a_fault_of_the_program():
    assert as_coded(ConnectionResetError(VALUE)).may_pass
    assert as_coded(TimeoutError(VALUE)).may_pass
    for fault in (ValueError(VALUE), OSError(errno.ENOENT, "…", VALUE), KeyError(VALUE)):
        found = as_coded(fault)
        assert (found.code, found.may_pass) == ("STAGE_FAILED", False)
        assert VALUE not in str(found)
