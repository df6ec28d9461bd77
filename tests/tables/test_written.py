"""Tables as they are written: whatever stands in a column comes back, to the reader and to the engine, and the same table gives the same bytes."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.tables import connect, fetch, read_table, write_table

_TEXTS = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["health", "education", "health:P943", ""]))
_COLUMNS = {
    pa.string(): _TEXTS,
    pa.int64(): st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    pa.float64(): st.one_of(st.none(), st.floats(allow_nan=False)),
    pa.date32(): st.one_of(st.none(), st.dates(date(1, 1, 2), date(9999, 12, 30))),
    pa.bool_(): st.one_of(st.none(), st.booleans()),
    pa.null(): st.none(),
    pa.large_string(): _TEXTS,
    pa.int8(): st.one_of(st.none(), st.integers(-128, 127)),
    pa.uint64(): st.one_of(st.none(), st.integers(0, 2**64 - 1)),
    pa.timestamp("us"): st.one_of(st.none(), st.datetimes()),
    pa.timestamp("us", "UTC"): st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
    pa.time64("us"): st.one_of(st.none(), st.times()),
    pa.decimal128(9, 2): st.one_of(st.none(), st.decimals(-1000, 1000, places=2)),
    pa.binary(2): st.one_of(st.none(), st.binary(min_size=2, max_size=2)),
    pa.struct([("one", pa.string())]): st.one_of(st.none(), st.fixed_dictionaries({"one": _TEXTS})),
    pa.binary(): st.one_of(st.none(), st.binary(max_size=5)),
    pa.list_(pa.string()): st.one_of(st.none(), st.lists(_TEXTS, max_size=3)),
    pa.dictionary(pa.int32(), pa.string()): _TEXTS,
}


@st.composite
def _tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 12))
    columns = {}
    for number, kind in enumerate(draw(st.lists(st.sampled_from(list(_COLUMNS)), min_size=1, max_size=6))):
        values = draw(st.lists(_COLUMNS[kind], min_size=rows, max_size=rows))
        told = [value for value in values if value is not None]
        if draw(st.booleans()) and kind == pa.string():
            values = sorted(told) + [None] * (rows - len(told))
        array = pa.array(values, pa.string()).cast(kind) if pa.types.is_dictionary(kind) else pa.array(values, kind)
        columns[f"c{number}"] = array
    return pa.table(columns)


@settings(max_examples=150, deadline=None)
@given(table=_tables())
def test_a_table_comes_back_as_it_was_written(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("written")
    one, other = (write_table(each, folder / f"{name}.parquet") for name, each in (("a", table), ("b", table)))
    assert read_table(one.path).equals(table)
    assert one.sha256 == other.sha256 and one.rows == table.num_rows
    with connect({"written": one.path, "given": table}) as duck:
        assert fetch(duck, "FROM written").equals(fetch(duck, "FROM given"))


def test_keys_and_digests_are_no_dictionary_and_few_values_are(tmp_path: Path) -> None:
    rows = 5000
    keys = [f"health:P{number:09}" for number in range(rows)]
    digests = [f"{number * 2654435761 % 2**32:08x}" for number in range(rows)]
    days = [date(2020, 1, 1) + timedelta(number % 30) for number in range(rows)]
    table = pa.table({"key": keys, "digest": digests, "agency": ["health", "education"] * (rows // 2), "day": days})
    written = write_table(table, tmp_path / "t.parquet")
    group = pq.ParquetFile(written.path).metadata.row_group(0)
    encodings = {
        group.column(place).path_in_schema: group.column(place).encodings for place in range(group.num_columns)
    }
    assert "DELTA_BYTE_ARRAY" in encodings["key"] and "DELTA_LENGTH_BYTE_ARRAY" in encodings["digest"]
    assert all("RLE_DICTIONARY" in encodings[name] for name in ("agency", "day"))
    assert not any("RLE_DICTIONARY" in encodings[name] for name in ("key", "digest"))
    assert read_table(written.path).equals(table)


@settings(max_examples=60, deadline=None)
@given(table=_tables(), cut=st.integers(0, 12), turned=st.booleans())
def test_equal_tables_give_equal_bytes(
    table: pa.Table, cut: int, turned: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However their values lie in memory: in one piece or several, and a dictionary in any order, with values that no row has."""
    other = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    for place, name in enumerate(table.column_names if turned else ()):
        if pa.types.is_dictionary(table.schema.field(place).type):
            other = other.set_column(place, name, _otherwise(table[name].combine_chunks()))
    folder = tmp_path_factory.mktemp("written")
    assert other.equals(table) or turned
    assert write_table(table, folder / "a.parquet").sha256 == write_table(other, folder / "b.parquet").sha256


def test_many_rows_in_pieces_give_the_bytes_of_one_piece(tmp_path: Path) -> None:
    """A piece may end within a page of the file."""
    rows = 150_000
    words = [
        f"Because of {number % 40_000} and of nothing else in all the records that there are." for number in range(rows)
    ]
    whole = pa.table({
        "number": pa.array(range(rows)), "key": pa.array([f"health:{number:09}" for number in range(rows)]),
        "word": pa.array(words), "named": pa.array(words).dictionary_encode(),
    })  # fmt: skip
    pieces = pa.concat_tables([whole.slice(0, 50_001), whole.slice(50_001, 7), whole.slice(50_008)])
    pieces = pieces.set_column(3, "named", _otherwise(whole["named"].combine_chunks()))
    assert write_table(whole, tmp_path / "a.parquet").sha256 == write_table(pieces, tmp_path / "b.parquet").sha256


def _otherwise(values: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same values by a dictionary in the opposite order, with one that no row has."""
    words = pa.array([*reversed(pc.unique(values.cast(pa.string())).drop_null().to_pylist()), "of no row"], pa.string())
    return pa.DictionaryArray.from_arrays(pc.index_in(values.cast(pa.string()), words), words)
