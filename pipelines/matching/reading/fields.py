"""Each record by itself, in the form that everything after compares: texts folded, places taken apart, names bundled.

Belongs here: what depends on one record alone, and so is made once for a record that does not change. What depends on
the others (an address that many families share) is for `comparable`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Hashes, Mask, Numbers, Positions, distinct
from pipelines.matching.memory import let_go
from pipelines.matching.reading.names import AnyName, FamilyName, GivenName, Names, family_name, given_name
from pipelines.matching.reading.written import IDENTIFIERS, rows_in_order, written_rows
from pipelines.tables import connect, fetch, read_table, write_table

__all__ = ["NO_DATE", "NO_VALUE", "Plain", "hash_texts", "make_plain"]

NO_VALUE = np.int64(0)  # the hash that stands for "no value"; real values never hash to it
NO_DATE = np.int32(-(2**31))
_PLACES = ("postcode", "outcode", "place")
_AT_ONCE = 1_000_000  # records read at a time
_PLACEHOLDER_DAY = 1900_01_01
_WORTH_KEEPING = 0.8  # of the names kept from earlier nights, the share that must still be borne

T = TypeVar("T", bound=AnyName)


@dataclass(frozen=True)
class Plain:
    """Records in order of record key, each by itself.

    Attributes:
        records: record_key, source, digest (of all that was told of the record), given and family (positions in the lists
            of names, -1: none), hashes of the name each goes by (given_name, family_name) and of how it sounds, birth (20150314, 0: unknown), birth_date and expected (days since 1970), sex (1 male,
            2 female, 0 unknown), spelled (the postcode's characters as one number), hashes of postcode, outcode, place,
            dwelling and each identifier, and what was hashed as `text_…` (postcode and outcode only where they were read just now).
        given, family: the distinct names, as the feeds write them.
    """

    records: pa.Table
    given: Names[GivenName]
    family: Names[FamilyName]

    def some(self, rows: Positions) -> Plain:
        """Some of the records, by position."""
        return Plain(self.records.take(pa.array(rows)).combine_chunks(), self.given, self.family)

    def write(self, folder: Path) -> None:
        """Write the records and the names that they bear to `folder`: the same bytes, from whatever nights they have come down."""
        texts = [f"text_{name}" for name in ("postcode", "outcode") if f"text_{name}" in self.records.column_names]
        records = self.records.drop_columns(texts)
        for name in ("given", "family"):
            codes, borne = _in_order(records[name].to_numpy(), getattr(self, name).texts)
            records = records.set_column(records.column_names.index(name), name, pa.array(codes))
            write_table(pa.table({name: pa.array(borne, pa.string())}), _names_file(folder, name))
        write_table(records, folder / "match_records.parquet")

    @classmethod
    def read(cls, folder: Path) -> Plain:
        """What `write` wrote."""
        given, family = (read_table(_names_file(folder, name))[name].to_pylist() for name in ("given", "family"))
        records = read_table(folder / "match_records.parquet")
        return cls(records, Names(given, given_name), Names(family, family_name))


def _in_order(codes: Positions, texts: Sequence[str]) -> tuple[Positions, list[str]]:
    """Codes of the texts that are borne, in order of these; and these."""
    used = distinct(codes[codes >= 0]).tolist()
    order = sorted(used, key=texts.__getitem__)
    place = np.full(len(texts) + 1, -1, dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return place[codes], [texts[code] for code in order]


def _names_file(folder: Path, name: str) -> Path:
    return folder / f"match_{name}.parquet"


def make_plain(records: pa.Table, names: pa.Table | None = None, previous: Plain | None = None) -> tuple[Plain, Mask]:
    """The records by themselves, and which of them are new or changed since `previous` (all, if there is none).

    Args:
        records: `record_key`, `source` or `agency`, and what is known of `given_names`, `family_name`, ….
        names: further names, `record_key`, `kind`, `family_name`, `given_names`.
        previous: the records of an earlier night; what has not changed is taken over.
    """
    if previous is None:
        plain = _read(records, names)
        return plain, np.ones(plain.records.num_rows, dtype=bool)
    digests = _digests(records, names)
    place = pc.index_in(digests["record_key"], previous.records["record_key"].combine_chunks())
    place = pc.fill_null(place, -1).to_numpy().astype(np.int64)
    before = np.append(previous.records["digest"].to_numpy(), np.uint64(0))
    same = (place >= 0) & (before[place] == digests["digest"].to_numpy())
    fresh = digests["record_key"].filter(pa.array(~same))
    part = _read(_only(records, fresh), None if names is None else _only(names, fresh))
    kept = previous.records.take(pa.array(place[same]))
    part_records = part.records.select(kept.column_names)
    both = pa.concat_tables([kept, part_records])
    lists: dict[str, Names[Any]] = {}
    for name in ("given", "family"):
        codes, lists[name] = _together(
            kept[name].to_numpy(), getattr(previous, name), part_records[name].to_numpy(), getattr(part, name)
        )
        both = both.set_column(both.column_names.index(name), name, pa.array(codes))
    order = pc.sort_indices(both["record_key"])
    changed = order.to_numpy() >= kept.num_rows
    return Plain(both.take(order).combine_chunks(), lists["given"], lists["family"]), changed


def hash_texts(values: Any) -> Hashes:
    """A stable 64-bit number for each text; `NO_VALUE` for None."""
    array = np.asarray(values, dtype=object)
    missing = np.asarray(pd.isna(array), dtype=bool)
    hashed = pd.util.hash_array(np.where(missing, "", array), categorize=False).view(np.int64)
    hashed = np.where(hashed == NO_VALUE, np.int64(1), hashed)
    return np.where(missing, NO_VALUE, hashed)


def _read(records: pa.Table, names: pa.Table | None) -> Plain:
    """The records, read from what the feeds say; a large table part by part, so that memory holds only one in full."""
    if records.num_rows <= _AT_ONCE:
        return _read_part(records, names)
    order = pc.sort_indices(records["record_key"].cast(pa.string()))
    # a name that several parts have is read once
    tables, given, family = [], Names[GivenName]([], cache(given_name)), Names[FamilyName]([], cache(family_name))
    for start in range(0, records.num_rows, _AT_ONCE):
        rows = records.take(order.slice(start, _AT_ONCE))
        keys = rows["record_key"].cast(pa.string())
        part = _read_part(rows, None if names is None else _only(names, keys), given.read, family.read)
        table = part.records
        given, of_given = given.followed_by(part.given)
        family, of_family = family.followed_by(part.family)
        for name, places in (("given", of_given), ("family", of_family)):
            codes = np.append(places, np.int32(-1))[table[name].to_numpy()]
            table = table.set_column(table.column_names.index(name), name, pa.array(codes))
        tables.append(table)
        del rows, part
        let_go()
    return Plain(_in_one_piece(tables), given, family)


def _in_one_piece(tables: list[pa.Table]) -> pa.Table:
    """The tables one after the other, column by column: memory never holds all of them twice. Empties the list."""
    columns = {}
    for name in tables[0].column_names:
        columns[name] = pa.concat_arrays([chunk for table in tables for chunk in table[name].chunks])
        tables[:] = [table.drop_columns([name]) for table in tables]
    return pa.table(columns)


def _read_part(
    records: pa.Table,
    names: pa.Table | None,
    read_given: Callable[[str], GivenName] = given_name,
    read_family: Callable[[str], FamilyName] = family_name,
) -> Plain:
    table = rows_in_order(records, names)
    given, given_names = _distinct(table["given_bundle"], read_given)
    family, family_names = _distinct(table["family_bundle"], read_family)
    given, family = _without_nameless(given, given_names), _without_nameless(family, family_names)
    birth = pc.fill_null(table["birth"], 0).to_numpy(zero_copy_only=False).astype(np.int32)
    birth = np.where(birth == _PLACEHOLDER_DAY, 0, birth)
    columns: dict[str, Any] = {
        "record_key": table["record_key"],
        "source": table["source"],
        "digest": table["digest"],
        "given": given,
        "family": family,
        "given_name": _of_names(given, [value.name for value in given_names]),
        "family_name": _of_names(family, [value.name for value in family_names]),
        "given_sound": _of_names(given, [value.sound for value in given_names]),
        "family_sound": _of_names(family, [value.sound for value in family_names]),
        "birth": birth,
        "birth_date": np.where(birth > 0, _days(table["birth_date"]), NO_DATE),
        "expected": np.where(birth == 0, _days(table["expected_birth_date"]), NO_DATE),
        "sex": np.select([_equals(table["sex"], "M"), _equals(table["sex"], "F")], [1, 2], 0).astype(np.int8),
        "spelled": _spelled(table["postcode"]),
        **{name: _hash_column(table[name]) for name in (*_PLACES, "dwelling", *IDENTIFIERS)},
        **{f"text_{name}": table[name] for name in (*_PLACES, *IDENTIFIERS)},
    }
    return Plain(pa.table(columns).combine_chunks(), given_names, family_names)


def _only(table: pa.Table, keys: pa.ChunkedArray) -> pa.Table:
    return table.filter(pc.is_in(table["record_key"].cast(pa.string()), value_set=keys))


def _together(kept: Positions, before: Names[Any], fresh: Positions, after: Names[Any]) -> tuple[Positions, Names[Any]]:
    """The codes of two tables in one list of names; names that nobody bears any more are let go when they are many."""
    used = distinct(kept[kept >= 0])
    if len(used) < _WORTH_KEEPING * len(before):
        place = np.full(len(before) + 1, -1, dtype=np.int32)
        place[used] = np.arange(len(used))
        kept, before = place[kept], before.some(used.tolist())
    both, places = before.followed_by(after)
    return np.concatenate([kept, np.append(places, np.int32(-1))[fresh]]), both


def _digests(records: pa.Table, names: pa.Table | None) -> pa.Table:
    """record_key and digest of each record, in no particular order."""
    views, select = written_rows(records, names)
    with connect(views) as connection:
        return fetch(connection, f"SELECT record_key, digest FROM ({select})")


def _distinct(column: pa.ChunkedArray, read: Callable[[str], T]) -> tuple[Positions, Names[T]]:
    """Each record's position among the distinct values, -1 where there is none; and those values."""
    encoded = column.dictionary_encode().combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes, Names(encoded.dictionary.to_pylist(), read)


def _of_names(codes: Positions, values: Sequence[str | None]) -> Hashes:
    return np.append(hash_texts(values), NO_VALUE)[codes]


def _without_nameless(codes: Positions, values: Sequence[Any]) -> Positions:
    named = np.array([value.name is not None for value in values] or [False])
    return np.where((codes >= 0) & named[np.maximum(codes, 0)], codes, np.int32(-1))


def _hash_column(column: pa.ChunkedArray) -> Hashes:
    encoded = column.dictionary_encode().combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    hashed = np.append(hash_texts(encoded.dictionary.to_pylist()), NO_VALUE)
    return hashed[codes]


def _days(column: pa.ChunkedArray) -> Numbers:
    days = pc.fill_null(column.cast(pa.int32()), int(NO_DATE)).to_numpy(zero_copy_only=False)
    return days.astype(np.int32)


def _spelled(postcode: pa.ChunkedArray) -> Numbers:
    """Eight characters as one number, so that texts of one length are compared character by character at once."""
    length = pc.binary_length(postcode)
    short = pc.and_kleene(pc.less_equal(length, 8), pc.greater(length, 4))
    texts = pc.fill_null(pc.if_else(short, postcode, ""), "").to_numpy(zero_copy_only=False)
    return texts.astype("S8").view(np.uint64)


def _equals(column: pa.ChunkedArray, value: str) -> Mask:
    return pc.fill_null(pc.equal(column, value), False).to_numpy(zero_copy_only=False)
