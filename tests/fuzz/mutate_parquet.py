"""Mutators of Parquet: types, nulls, row groups, encodings, columns, and files that are damaged.

Belongs here: what only Parquet has. Large and dictionary types, row groups, codecs and another order of columns touch no record.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tests.fuzz.mangling import Work, mutator

_MARKS = ("confidentiality", "shield", "firewall_from")


def _column(work: Work, *, text: bool = True) -> int | None:
    assert work.table is not None
    found = [n for n, each in enumerate(work.table.schema) if not text or pa.types.is_string(each.type)]
    return work.rng.choice(found) if found else None


def _put(work: Work, place: int, column: Any, *, name: str | None = None) -> None:
    assert work.table is not None
    work.table = work.table.set_column(place, name or work.table.column_names[place], column)


def _spoils(work: Work, place: int) -> None:
    """A whole column is another now."""
    assert work.table is not None
    work.everything(marks=work.table.column_names[place] in _MARKS)


@mutator("Parquet: text of another type", "parquet")
def text_type(work: Work) -> bool | None:
    place = _column(work)
    if place is None:
        return False
    kind = work.rng.choice((pa.large_string(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string()), pa.string_view(), pa.dictionary(pa.int8(), pa.large_string())))  # fmt: skip
    try:
        _put(work, place, work.table.column(place).combine_chunks().cast(kind))
    except pa.ArrowException:
        return False
    return None


@mutator("Parquet: every text of another type", "parquet")
def all_text(work: Work) -> bool | None:
    kind = work.rng.choice((pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.string_view()))
    for place, each in enumerate(work.table.schema):
        if pa.types.is_string(each.type):
            _put(work, place, work.table.column(place).combine_chunks().cast(kind))


@mutator("Parquet: a column of another kind", "parquet")
def other_kind(work: Work) -> bool | None:
    place = _column(work, text=False)
    if place is None:
        return False
    rows = work.table.num_rows
    far = datetime(9999, 12, 31, tzinfo=UTC)
    made = work.rng.choice(
        (
            lambda: pa.array([1] * rows, pa.int64()), lambda: pa.array([None] * rows, pa.int8()),
            lambda: pa.array([float("nan")] * rows), lambda: pa.array([1e300, float("inf"), *[0.5] * rows][:rows]),
            lambda: pa.array([True] * rows), lambda: pa.nulls(rows), lambda: pa.array([2**63 + 5] * rows, pa.uint64()),
            lambda: pa.array([0] * rows, pa.date32()), lambda: pa.array([2**31 - 1] * rows, pa.int32()).cast(pa.date32()),
            lambda: pa.array([-(2**62)] * rows, pa.int64()).cast(pa.timestamp("us")),
            lambda: pa.array([far] * rows, pa.timestamp("us", "Europe/London")),
            lambda: pa.array([0] * rows, pa.timestamp("ns", "Pacific/Kiritimati")), lambda: pa.array([0] * rows, pa.time64("us")),
            lambda: pa.array([Decimal("1.50")] * rows, pa.decimal128(10, 2)), lambda: pa.array([0] * rows, pa.duration("s")),
            lambda: pa.array([b"1234567890123456"] * rows, pa.binary(16)), lambda: pa.array([[]] * rows, pa.list_(pa.string())),
            lambda: pa.array([["a"]] * rows, pa.large_list(pa.string())), lambda: pa.array([{"a": "b"}] * rows),
            lambda: pa.array([[("a", "b")]] * rows, pa.map_(pa.string(), pa.string())), lambda: pa.array([b"\xff\xfe"] * rows, pa.binary()),
            lambda: pa.array([[["a"]]] * rows), lambda: pa.array([["a", "b"]] * rows, pa.list_(pa.string(), 2)),
            lambda: pa.array([1.5] * rows, pa.float16()), lambda: pa.array([{"a": [{"b": None}]}] * rows),
        )
    )  # fmt: skip
    _spoils(work, place)
    _put(work, place, made())
    return None


@mutator("Parquet: nulls in a record", "parquet")
def nulls(work: Work) -> bool | None:
    number, place = work.record(), _column(work, text=False)
    assert place is not None
    column = work.table.column(place).combine_chunks()
    if number >= len(column):
        return False
    mask = pa.array([n == number for n in range(len(column))])
    try:
        _put(work, place, pc.if_else(mask, pa.scalar(None, column.type), column))
    except pa.ArrowException:
        return False
    work.touched.add(number)
    if work.table.column_names[place] in _MARKS:
        work.unmarked.add(number)
    return None


@mutator("Parquet: lists of another type", "parquet")
def list_type(work: Work) -> bool | None:
    found = False
    for place, each in enumerate(work.table.schema):
        if pa.types.is_list(each.type):
            _put(work, place, work.table.column(place).combine_chunks().cast(pa.large_list(each.type.value_type)))
            found = True
    return None if found else False


@mutator("Parquet: row groups, codecs, pages", "parquet")
def groups(work: Work) -> bool | None:
    work.options |= work.rng.choice(
        (
            {"row_group_size": 1}, {"row_group_size": 3}, {"compression": "zstd"}, {"compression": "gzip"}, {"compression": "none"},
            {"version": "1.0"}, {"data_page_version": "2.0"}, {"use_dictionary": False}, {"write_statistics": False},
            {"store_schema": False}, {"data_page_size": 16}, {"use_byte_stream_split": False, "compression": "brotli"},
        )
    )  # fmt: skip


@mutator("Parquet: columns in another order", "parquet")
def order(work: Work) -> bool | None:
    names = list(range(work.table.num_columns))
    work.rng.shuffle(names)
    work.table = work.table.select(names)


@mutator("Parquet: a column more", "parquet")
def added(work: Work) -> bool | None:
    name = work.rng.choice(("notes", work.value(), "", "a.b", "x", "position", "line", "key"))
    work.table = work.table.append_column(name, pa.array([work.value()] * work.table.num_rows))


@mutator("Parquet: a column less", "parquet")
def dropped(work: Work) -> bool | None:
    place = _column(work, text=False)
    if place is None or work.table.num_columns < 3:
        return False
    _spoils(work, place)
    work.table = work.table.remove_column(place)
    return None


@mutator("Parquet: a column twice", "parquet")
def column_twice(work: Work) -> bool | None:
    place = _column(work, text=False)
    if place is None:
        return False
    work.everything(marks=False)
    name = work.table.column_names[place]
    column = work.table.column(place)
    if work.rng.random() < 0.5:
        column = pa.array([work.value()] * work.table.num_rows)
        work.unmarked_all |= name in _MARKS
    work.table = work.table.append_column(name, column)
    return None


@mutator("Parquet: a name changed", "parquet")
def renamed(work: Work) -> bool | None:
    place = _column(work, text=False)
    if place is None:
        return False
    _spoils(work, place)
    old = work.table.column_names[place]
    name = work.rng.choice((old.upper(), f"{old} ", old[:-1], "", work.value(), f"{old}\u200b"))
    work.table = work.table.rename_columns(
        [name if n == place else each for n, each in enumerate(work.table.column_names)]
    )
    return None


@mutator("Parquet: bytes that are no text", "parquet")
def no_text(work: Work) -> bool | None:
    number, place = work.record(), _column(work)
    if place is None or number >= work.table.num_rows:
        return False
    raw = work.table.column(place).combine_chunks().cast(pa.binary()).to_pylist()
    raw[number] = (raw[number] or b"")[:3] + work.rng.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0"))
    work.touched.add(number)
    if work.table.column_names[place] in _MARKS:
        work.unmarked.add(number)
    kind = pa.string() if work.rng.random() < 0.5 else pa.binary()
    made = pa.array(raw, pa.binary())
    _put(work, place, made if kind == pa.binary() else pa.Array.from_buffers(pa.string(), len(made), made.buffers()))
    return None


@mutator("Parquet: no records", "parquet")
def no_records(work: Work) -> bool | None:
    work.everything()
    work.table = work.table.slice(0, 0)
    work.stated = work.rng.choice((0, None))


@mutator("Parquet: a record gone or twice", "parquet")
def other_records(work: Work) -> bool | None:
    number = work.record()
    if number >= work.table.num_rows or work.table.num_rows != len(work.base.rows):
        return False
    work.touched.add(number)
    rows = list(range(work.table.num_rows))
    if work.rng.random() < 0.5:
        rows.remove(number)
        work.unmarked.add(number)
        work.more_rows -= 1
    else:
        rows.append(number)
        work.more_rows += 1
    try:
        work.table = work.table.take(rows)
    except pa.ArrowException:
        return False
    return None


@mutator("Parquet: damaged", "parquet")
def damaged(work: Work) -> bool | None:
    work.everything()
    how, times, rng = work.rng.randrange(5), work.rng.choice((1, 1, 3)), work.rng

    def spoil(data: bytes) -> bytes:
        if not data:
            return data
        spoilt = bytearray(data)
        footer = max(0, len(data) - 8 - int.from_bytes(data[-8:-4], "little")) if len(data) > 12 else 0
        for _ in range(times):
            at = rng.randrange(footer, len(spoilt)) if how == 0 and footer < len(spoilt) else rng.randrange(len(spoilt))
            if how in (0, 1):
                spoilt[at] ^= 1 << rng.randrange(8)
            elif how == 2:
                spoilt[-8:-4] = rng.randbytes(4)
            elif how == 3:
                del spoilt[at : at + rng.randint(1, 50)]
                spoilt = spoilt or bytearray(b"P")
            else:
                return bytes(spoilt[:at])
        return bytes(spoilt)

    work.after.append(spoil)


@mutator("Parquet: something else", "parquet")
def something_else(work: Work) -> bool | None:
    work.everything()
    other = work.rng.choice(
        (b"PAR1", b"PAR1PAR1", b"PAR1\0\0\0\0PAR1", b"PARE" * 3, b"a,b\n1,2\n", b"PK\x03\x04", b"\0" * 100, b"{}")
    )
    work.after.append(lambda data: other)
