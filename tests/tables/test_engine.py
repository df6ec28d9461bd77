"""What the query engine does when it meets a fault of its own: it refuses everything after that, so another takes its place."""

import duckdb
import pyarrow as pa
import pytest

from pipelines.tables import connect


def test_a_fault_of_the_engine_is_not_the_end_of_all_others():
    broken = pa.table({"name": pa.array([b"a", b"\xff"], pa.binary()).view(pa.string())})
    with pytest.raises((duckdb.FatalException, duckdb.InternalException)), connect({"broken": broken}) as connection:
        connection.execute("CREATE TEMP TABLE found AS SELECT upper(name) FROM broken ORDER BY name")
    with connect() as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
