"""Records made comparable: every field as integers, with the distinct values beside them.

Belongs here: how a table of person records becomes the arrays that candidates, comparison and guards work on. Names
are read once per distinct value; everything that follows is numpy over integers. Shared addresses (a hospital, a
refuge, a home) are found here and carry no weight from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.names import FamilyName, GivenName, family_name, given_name
from pipelines.tables import connect

__all__ = ["NO_DATE", "NO_VALUE", "Comparable", "hash_texts", "make_comparable", "splink_frame"]

NO_VALUE = np.int64(0)  # the hash that stands for "no value"; real values never hash to it
NO_DATE = np.int32(-(2**31))
_SHARED_FAMILIES = 6  # an address with more family names than this is an institution, not a household
_PLACEHOLDER_DAY = np.datetime64("1900-01-01").astype("datetime64[D]").astype(np.int32)

Ints = np.ndarray[Any, np.dtype[np.int64]]
Array = np.ndarray[Any, np.dtype[Any]]

_TEXTS = ("nhs_number", "nhs_number_unverified", "previous_nhs_number", "upn", "upn_unverified", "former_upn", "uprn")


@dataclass(frozen=True)
class Comparable:
    """Person records in comparable form, in order of record key; arrays hold one entry per record.

    `given` and `family` are positions in `given_names` and `family_names` (-1: no name). Identifiers, postcodes and
    addresses are 64-bit hashes of their text, stable from night to night, `NO_VALUE` where there is none.
    """

    keys: pa.Array
    source: Array
    sources: tuple[str, ...]
    given: Array
    given_names: list[GivenName]
    family: Array
    family_names: list[FamilyName]
    given_name: Ints
    family_name: Ints
    birth_date: Array  # days since 1970, NO_DATE where unknown
    expected: Array  # likewise, the expected day of birth of an unborn child
    year: Array
    month: Array
    day: Array
    sex: Array  # 1 male, 2 female, 0 not known
    postcode: Ints
    outcode: Ints
    dwelling: Ints
    identifiers: dict[str, Ints]
    texts: dict[str, pa.Array]  # the same identifiers and postcode as text, for edit distances and for Splink
    linkable: Array
    content: Ints  # one number that changes when anything compared of the record changes

    @property
    def size(self) -> int:
        """How many records there are."""
        return len(self.source)

    def either(self, kind: str) -> Ints:
        """`nhs_number` or `upn`: the verified one, else the unverified."""
        verified = self.identifiers[kind]
        return np.where(verified != NO_VALUE, verified, self.identifiers[f"{kind}_unverified"])


def make_comparable(records: pa.Table, names: pa.Table | None = None) -> Comparable:
    """The comparable form of `records` (columns of the person records; any but record_key may be absent).

    Args:
        records: `record_key`, `source` or `agency`, and what is known of `given_names`, `family_name`, ….
        names: further names, `record_key`, `kind`, `family_name`, `given_names`.
    """
    table = _ordered(records, names)
    given, given_values = _distinct(table["given_bundle"], given_name)
    family, family_values = _distinct(table["family_bundle"], family_name)
    given = _without_nameless(given, given_values)
    family = _without_nameless(family, family_values)
    given_hash = _take(hash_texts([value.name for value in given_values]), given)
    family_hash = _take(hash_texts([value.name for value in family_values]), family)
    birth = _days(table["birth_date"])
    birth[birth == _PLACEHOLDER_DAY] = NO_DATE
    calendar = np.where(birth == NO_DATE, 0, birth).astype("datetime64[D]")
    year = calendar.astype("datetime64[Y]").astype(np.int32) + 1970
    month = calendar.astype("datetime64[M]").astype(np.int32) % 12 + 1
    day = (calendar - calendar.astype("datetime64[M]")).astype(np.int32) + 1
    identifiers = {name: _hash_column(table[name]) for name in _TEXTS}
    postcode = _hash_column(table["postcode"])
    outcode = _hash_column(pc.utf8_slice_codeunits(table["postcode"], 0, -3))
    dwelling = _hash_column(table["dwelling"])
    shared = _shared(dwelling, family_hash) | _shared(identifiers["uprn"], family_hash)
    for place in (postcode, outcode, dwelling, identifiers["uprn"]):
        place[shared] = NO_VALUE
    sources = table["source"].dictionary_encode().combine_chunks()
    sex = np.select([_equals(table["sex"], "M"), _equals(table["sex"], "F")], [1, 2], 0).astype(np.int8)
    named = (given >= 0) | (family >= 0)
    expected = np.where(birth == NO_DATE, _days(table["expected_birth_date"]), NO_DATE)
    content = _mix(
        [
            _hash_column(table["source"]),
            _hash_column(table["given_bundle"]),
            _hash_column(table["family_bundle"]),
            birth.astype(np.int64),
            expected.astype(np.int64),
            sex.astype(np.int64),
            postcode,
            dwelling,
            *identifiers.values(),
        ]
    )
    return Comparable(
        keys=table["record_key"].combine_chunks(),
        source=sources.indices.to_numpy(zero_copy_only=False).astype(np.int16),
        sources=tuple(sources.dictionary.to_pylist()),
        given=given,
        given_names=given_values,
        family=family,
        family_names=family_values,
        given_name=given_hash,
        family_name=family_hash,
        birth_date=birth,
        expected=expected,
        year=year,
        month=month,
        day=day,
        sex=sex,
        postcode=postcode,
        outcode=outcode,
        dwelling=dwelling,
        identifiers=identifiers,
        texts={name: table[name].combine_chunks() for name in (*_TEXTS, "postcode")},
        linkable=named | (birth != NO_DATE) | (expected != NO_DATE),
        content=content,
    )


def hash_texts(values: Any) -> Ints:
    """A stable 64-bit number for each text; `NO_VALUE` for None."""
    array = np.asarray(values, dtype=object)
    missing = np.asarray(pd.isna(array), dtype=bool)
    hashed = pd.util.hash_array(np.where(missing, "", array), categorize=False).view(np.int64)
    hashed = np.where(hashed == NO_VALUE, np.int64(1), hashed)
    return np.where(missing, NO_VALUE, hashed)


def splink_frame(people: Comparable) -> pa.Table:
    """The records as Splink reads them: the columns that the levels' SQL names, and `unique_id`, their position."""
    given = [people.given_names[code] if code >= 0 else None for code in people.given.tolist()]
    family = [people.family_names[code] if code >= 0 else None for code in people.family.tolist()]
    known = people.birth_date != NO_DATE
    dates = np.where(known, people.birth_date, 0).astype("datetime64[D]")
    digits = np.char.replace(dates.astype(str), "-", "")
    nhs_number = pc.coalesce(people.texts["nhs_number"], people.texts["nhs_number_unverified"])
    upn = pc.coalesce(people.texts["upn"], people.texts["upn_unverified"])
    here = pa.array(people.postcode != NO_VALUE)
    nothing = pa.scalar(None, pa.string())
    texts = pa.list_(pa.string())
    return pa.table(
        {
            "unique_id": pa.array(np.arange(people.size, dtype=np.int64)),
            "given_name": pa.array([value and value.name for value in given], pa.string()),
            "given_tokens": pa.array([value and value.tokens for value in given], texts),
            "given_others": pa.array([(value and value.others) or None for value in given], texts),
            "given_roots": pa.array([value and value.roots for value in given], texts),
            "given_sound": pa.array([value and value.sound for value in given], pa.string()),
            "family_name": pa.array([value and value.name for value in family], pa.string()),
            "family_all": pa.array([value and value.everything for value in family], texts),
            "family_sound": pa.array([value and value.sound for value in family], pa.string()),
            "birth_date": pa.array(dates, mask=~known),
            "birth_digits": pa.array(digits.astype(object), pa.string(), mask=~known),
            "sex": pc.choose(pa.array(people.sex.astype(np.int32)), nothing, pa.scalar("M"), pa.scalar("F")),
            "postcode": pc.if_else(here, people.texts["postcode"], nothing),
            "outcode": pc.if_else(here, pc.utf8_slice_codeunits(people.texts["postcode"], 0, -3), nothing),
            "dwelling": pa.array(people.dwelling, mask=people.dwelling == NO_VALUE),
            "uprn": pa.array(people.identifiers["uprn"], mask=people.identifiers["uprn"] == NO_VALUE),
            "nhs_number": nhs_number,
            "upn": upn,
        }
    )


def _ordered(records: pa.Table, names: pa.Table | None) -> pa.Table:
    """The records by key with one text per record for all its given and all its family names."""
    columns = {name.lower() for name in records.column_names}
    source = "source" if "source" in columns else "agency"

    def text(name: str) -> str:
        return f"nullif(trim(cast({name} AS varchar)), '')" if name in columns else "cast(NULL AS varchar)"

    def day(name: str) -> str:
        return f"try_cast({name} AS date)" if name in columns else "cast(NULL AS date)"

    further = (
        "SELECT NULL::varchar AS record_key, NULL::varchar AS family_name, NULL::varchar AS given_names WHERE false"
    )
    views = {"records": records}
    if names is not None and names.num_rows:
        views["names"] = names
        further = "SELECT record_key, family_name, given_names FROM names WHERE kind <> 'current'"
    with connect(views) as connection:
        return connection.sql(f"""
            WITH further AS ({further}),
            bundled AS (
                SELECT
                    record_key,
                    string_agg(DISTINCT family_name, chr(31) ORDER BY family_name) AS families,
                    string_agg(DISTINCT given_names, chr(31) ORDER BY given_names) AS givens
                FROM further GROUP BY record_key
            ),
            plain AS (
                SELECT
                    cast(record_key AS varchar) AS record_key,
                    {source} AS source,
                    {text("given_names")} AS given_names,
                    {text("family_name")} AS family_name,
                    {text("former_family_name")} AS former_family_name,
                    {day("birth_date")} AS birth_date,
                    {day("expected_birth_date")} AS expected_birth_date,
                    upper({text("sex")}) AS sex,
                    nullif(regexp_replace(upper({text("postcode")}), '[^A-Z0-9]', '', 'g'), '') AS postcode,
                    regexp_replace(
                        upper({text("address")}), '\\b[A-Z]{{1,2}}[0-9][A-Z0-9]? *[0-9][A-Z]{{2}}\\b', ' ', 'g'
                    ) AS place,
                    {", ".join(f"{text(name)} AS {name}" for name in _TEXTS)}
                FROM records
            )
            SELECT
                plain.*,
                -- a household: the postcode with the numbers in the address, or with its first words
                postcode || ' ' || coalesce(
                    nullif(array_to_string(regexp_extract_all(place, '\\b[0-9]+[A-Z]?\\b'), ' '), ''),
                    nullif(regexp_extract(place, '[A-Z]+[^A-Z0-9]*[A-Z]*'), '')
                ) AS dwelling,
                nullif(concat_ws(chr(31), coalesce(given_names, ''), givens), '') AS given_bundle,
                nullif(concat_ws(chr(31), coalesce(family_name, ''), former_family_name, families), '') AS family_bundle
            FROM plain LEFT JOIN bundled USING (record_key)
            ORDER BY record_key
        """).to_arrow_table()


def _distinct(column: pa.ChunkedArray, read: Any) -> tuple[Array, list[Any]]:
    """Each record's position among the distinct values, and those values read; -1 where there is none."""
    encoded = column.dictionary_encode().combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes, [read(value) for value in encoded.dictionary.to_pylist()]


def _without_nameless(codes: Array, values: list[Any]) -> Array:
    named = np.array([value.name is not None for value in values] or [False])
    return np.where((codes >= 0) & named[np.maximum(codes, 0)], codes, np.int32(-1))


def _take(values: Ints, codes: Array) -> Ints:
    if not len(values):
        return np.zeros(len(codes), dtype=np.int64)
    return np.where(codes >= 0, values[np.maximum(codes, 0)], NO_VALUE)


def _hash_column(column: pa.ChunkedArray) -> Ints:
    encoded = column.dictionary_encode().combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return _take(hash_texts(encoded.dictionary.to_pylist()), codes).copy()


def _days(column: pa.ChunkedArray) -> Array:
    days = pc.fill_null(column.cast(pa.int32()), int(NO_DATE)).to_numpy(zero_copy_only=False)
    return days.astype(np.int32)


def _equals(column: pa.ChunkedArray, value: str) -> Array:
    return pc.fill_null(pc.equal(column, value), False).to_numpy(zero_copy_only=False)


def _shared(place: Ints, family: Ints) -> Array:
    """Which records name a place where more families are registered than a household holds."""
    pairs = np.unique(np.stack([place, family], axis=1)[(place != NO_VALUE) & (family != NO_VALUE)], axis=0)
    places, families = np.unique(pairs[:, 0], return_counts=True) if len(pairs) else (pairs, pairs)
    return np.isin(place, places[families > _SHARED_FAMILIES])


def _mix(columns: list[Ints]) -> Ints:
    mixed = np.full(len(columns[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in columns:
        mixed = (mixed ^ column.view(np.uint64)) * np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(32)
    return mixed.view(np.int64)
