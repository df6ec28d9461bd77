"""The accepted records as pandas frames, with the columns that prove identifiers and rules over several columns.

Belongs here: taking arrays apart into frames of their own, and residues, counts and clashes computed with numpy and
pandas. Shared with the row rules: nothing, on purpose. What the row rules say in SQL is worked out here a second time,
so that a fault in one of the two shows. Not here: what is expected of the columns (`promises`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.contract import Column, Contract

__all__ = [
    "RECORDS",
    "Derivation",
    "count_given",
    "frames_of",
    "leading_digit",
    "nhs_number_residue",
    "number",
    "queried_or",
    "upn_authority",
    "upn_residue",
    "values_of_one",
    "verified",
]

RECORDS = "records"
Derivation = Callable[[pd.DataFrame], pd.Series]

_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
_NOT_A_LETTER = -1
_LATEST = date(2200, 1, 1)


def frames_of(accepted: pa.Table, contract: Contract) -> dict[str, pd.DataFrame]:
    """The frames the suites are run on.

    Returns:
        ``records``: one row per record that is not a withdrawal, objects taken apart (``address.postcode``), with
        ``outcome`` and one column ``<name>:unverified`` for each column that is ever unverified. ``keys``: key of every
        record, withdrawals included. And one frame per array, by its path: one row per element, with ``outcome``.
    """
    leaving: Any = pc.equal(accepted["change"], pa.scalar("withdraw"))
    for column in contract.columns:
        if column.concept == "withdrawn":
            marked: Any = accepted[column.name]
            leaving = pc.or_(leaving, pc.fill_null(marked, False))
    staying = accepted.filter(pc.invert(pc.fill_null(leaving, False))).combine_chunks()
    frames = {"keys": accepted.select(["key"]).to_pandas(), RECORDS: _flat(staying, contract)}
    for path in _arrays(contract.columns, ""):
        frames[path] = _elements(staying, path)
    return frames


def verified(name: str) -> Derivation:
    """The identifier in column `name` where it counts as verified, else missing."""

    def derive(frame: pd.DataFrame) -> pd.Series:
        mark = f"{name}:unverified"
        return frame[name].where(~frame[mark]) if mark in frame else frame[name]

    return derive


def nhs_number_residue(source: Derivation) -> Derivation:
    """Remainder by 11 of the weighted sum of all ten digits: 0 for a number that exists, -1 for another shape.

    Source: NHS Data Dictionary, NHS NUMBER (weights 10 to 2, the check digit counts once).
    """

    def residue(codes: np.ndarray) -> np.ndarray:
        digits = codes.astype(np.int64) - ord("0")
        shaped = ((digits >= 0) & (digits <= 9)).all(axis=1)
        return np.where(shaped, (digits * np.arange(10, 0, -1)).sum(axis=1) % 11, -1)

    return lambda frame: _by_character(source(frame), 10, residue)


def upn_residue(source: Derivation) -> Derivation:
    """How far a UPN's check letter is from the one its other places call for: 0 when right, -1 for another shape.

    Source: DfE, Unique pupil numbers guidance (weights 2 to 13, modulus 23, letters without I, O and S).
    """
    place = np.full(128, _NOT_A_LETTER, dtype=np.int64)
    place[[ord(letter) for letter in _UPN_LETTERS]] = range(len(_UPN_LETTERS))

    def residue(codes: np.ndarray) -> np.ndarray:
        plain = np.where(codes < 128, codes, 0)
        letters, digits = place[plain], codes.astype(np.int64) - ord("0")
        is_digit = (digits >= 0) & (digits <= 9)
        last_letter = letters[:, 12] != _NOT_A_LETTER
        shaped = (letters[:, 0] != _NOT_A_LETTER) & is_digit[:, 1:12].all(axis=1) & (is_digit[:, 12] | last_letter)
        values = digits[:, 1:].copy()
        values[:, 11] = np.where(last_letter, letters[:, 12], values[:, 11])
        return np.where(shaped, ((values * np.arange(2, 14)).sum(axis=1) - letters[:, 0]) % 23, -1)

    return lambda frame: _by_character(source(frame), 13, residue)


def upn_authority(source: Derivation) -> Derivation:
    """The part of a UPN that names the authority which issued it."""
    return lambda frame: source(frame).str.slice(1, 4)


def leading_digit(source: Derivation) -> Derivation:
    """The first character of an identifier."""
    return lambda frame: source(frame).str.slice(0, 1)


def number(name: str, unless: str = "") -> Derivation:
    """The whole number that the text in column `name` stands for, -1 where it stands for none.

    Missing where the text is, and where column `unless` has a value.
    """

    def derive(frame: pd.DataFrame) -> pd.Series:
        text = frame[name] if not unless else frame[name].where(frame[unless].isna())
        values = pd.to_numeric(text, errors="coerce")
        return values.where(text.str.isdecimal().fillna(False).astype(bool), -1.0).where(text.notna())

    return derive


def count_given(names: Sequence[str]) -> Derivation:
    """How many of the columns `names` have a value."""
    return lambda frame: frame[list(names)].notna().sum(axis=1)


def queried_or(holds: Derivation) -> Derivation:
    """Whether `holds`, or the record is queried: for rules whose value stays where it is."""
    return lambda frame: (frame["outcome"] == "queried") | holds(frame).astype(bool)


def values_of_one(identifier: Derivation, value: str) -> Derivation:
    """How many different values of column `value` the records with the same identifier have; 0 without one."""

    def derive(frame: pd.DataFrame) -> pd.Series:
        numbers = identifier(frame)
        repeated = numbers.notna() & numbers.duplicated(keep=False)
        counts = numbers.notna().astype(np.int64)
        groups = frame.loc[repeated, value].groupby(numbers[repeated])
        counts.loc[repeated] = groups.transform("nunique")
        return counts

    return derive


def _by_character(text: pd.Series, length: int, function: Callable[[np.ndarray], np.ndarray]) -> pd.Series:
    """`function` of the character codes, as rows of `length`, of each text; -1 for other lengths, missing stays so."""
    result = pd.Series(np.nan, index=text.index)
    given = text.notna().to_numpy()
    if not given.any():
        return result
    values = text[given].to_numpy(dtype=object).astype(f"U{length + 1}")
    codes = values.view(np.uint32).reshape(len(values), length + 1)
    right = (codes[:, length] == 0) & (codes[:, length - 1] != 0)
    result[given] = np.where(right, function(codes[:, :length]), -1)
    return result


def _flat(records: pa.Table, contract: Contract) -> pd.DataFrame:
    """Objects taken apart, text arrays and arrays counted (their number of elements), marks of what is unverified."""
    columns: dict[str, Any] = {"key": records["key"], "outcome": records["outcome"]}

    def take_apart(array: Any, path: str) -> None:
        kind = array.type
        if pa.types.is_struct(kind):
            for part in range(kind.num_fields):
                take_apart(pc.struct_field(array, [part]), f"{path}.{kind.field(part).name}")
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            columns[path] = pc.fill_null(pc.list_value_length(array), 0)
        else:
            columns[path] = array

    for name in contract.column_names:
        if name in records.column_names:
            take_apart(records[name], name)
    unverified: Any = records["unverified"].combine_chunks()
    marks = unverified.flatten()
    for name in sorted(filter(None, pc.unique(marks).to_pylist())):
        flagged = np.zeros(records.num_rows, dtype=bool)
        flagged[pc.list_parent_indices(unverified).filter(pc.equal(marks, name)).to_numpy()] = True
        columns[f"{name}:unverified"] = pa.array(flagged)
    return _pandas(columns)


def _arrays(columns: Sequence[Column], prefix: str) -> Iterator[str]:
    """Paths of the arrays that are not within another array."""
    for column in columns:
        if column.logical == "array":
            yield f"{prefix}{column.name}"
        elif column.logical == "object":
            yield from _arrays(column.items, f"{prefix}{column.name}.")


def _elements(records: pa.Table, path: str) -> pd.DataFrame:
    """One row per element of the array `path`, its parts in columns, or in ``value`` when it has none."""
    top, *parts = path.split(".")
    array: Any = records[top].combine_chunks()
    for part in parts:
        array = pc.struct_field(array, part)
    elements = array.flatten()
    columns: dict[str, Any] = {"outcome": records["outcome"].combine_chunks().take(pc.list_parent_indices(array))}

    def take_apart(part: Any, name: str) -> None:
        if pa.types.is_struct(part.type):
            for number in range(part.type.num_fields):
                inner = part.type.field(number).name
                take_apart(pc.struct_field(part, [number]), f"{name}.{inner}" if name else inner)
        else:
            columns[name or "value"] = part

    take_apart(elements, "")
    return _pandas(columns)


def _pandas(columns: Mapping[str, Any]) -> pd.DataFrame:
    """A frame with dates as nanoseconds (the unit in which Great Expectations compares in C), far futures cut short."""
    series = {}
    for name, array in columns.items():
        if pa.types.is_date(array.type):
            array = pc.min_element_wise(array, pa.scalar(_LATEST, pa.date32()), skip_nulls=False).cast(
                pa.timestamp("ns")
            )
        series[name] = array.to_pandas()
    return pd.DataFrame(series)
