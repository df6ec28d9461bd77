"""Which column of anybody's table is which of the comparable form, and its values in the form that is compared.

Belongs here: the usual names of columns, names that are one text, given names in several columns, dates in whatever order.
What is taken for what is said in words; a column of which most values cannot be read is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import IsindexError
from pipelines.tables import connect, fetch

__all__ = ["COLUMNS", "Columns", "comparable_form"]

COLUMNS = (
    "record_key", "source", "given_names", "family_name", "former_family_name", "birth_date", "sex", "postcode",
    "address", "nhs_number", "upn", "phone",
)  # fmt: skip

# usual names, small letters and figures alone, the first that is there; a name in brackets is taken together with the one before
_USUAL: dict[str, tuple[str, ...]] = {
    "record_key": ("recordkey", "recordid", "uniqueid", "rowid", "id", "key", "personid", "customerid", "patientid",
                   "clientid", "pupilid", "memberid", "localpatientid"),
    "source": ("source", "sourcedataset", "dataset", "sourcesystem", "system"),
    "given_names": ("givennames", "givenname", "forenames", "forename", "firstnames", "firstname", "first", "fname"),
    "family_name": ("familyname", "surname", "lastname", "last", "lname", "sname"),
    "former_family_name": ("formerfamilyname", "formersurname", "previoussurname", "maidenname", "birthsurname"),
    "birth_date": ("birthdate", "dateofbirth", "dob", "birthday", "dateborn", "born"),
    "sex": ("sex", "gender"),
    "postcode": ("postcode", "postalcode", "zipcode", "zip", "pcode"),
    "address": ("address", "fulladdress", "addressline1", "address1", "streetaddress", "street"),
    "nhs_number": ("nhsnumber", "nhsno", "nhs"),
    "upn": ("upn", "uniquepupilnumber"),
    "phone": ("phone", "phonenumber", "telephone", "telephonenumber", "tel", "mobile", "mobilenumber"),
}  # fmt: skip
_AND_ALSO: dict[str, tuple[str, ...]] = {
    "given_names": ("middlenames", "middlename", "othergivennames", "secondforename", "middle"),
    "address": ("addressline2", "address2", "addressline3", "address3", "addressline4", "town", "city", "suburb"),
}
_WHOLE_NAME = ("name", "fullname", "personname")
_MOST = 0.5  # of a column's values that may be unreadable

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_GAP = "[-/. ,]+"
_AFTER = "([t ].*)?"
_YEAR_FIRST = f"(\\d{{4}})[-/. ]?(\\d{{1,2}})[-/. ]?(\\d{{1,2}}){_AFTER}"
_YEAR_LAST = f"(\\d{{1,2}})[-/. ](\\d{{1,2}})[-/. ](\\d{{4}}|\\d{{2}}){_AFTER}"
_DAY_MONTH = f"(\\d{{1,2}})(?:st|nd|rd|th)?{_GAP}({_MONTHS})[a-z]*{_GAP}(\\d{{4}}|\\d{{2}})"
_MONTH_DAY = f"({_MONTHS})[a-z]*{_GAP}(\\d{{1,2}})(?:st|nd|rd|th)?{_GAP}(\\d{{4}}|\\d{{2}})"


@dataclass
class Columns:
    """What was asked for: for columns of the comparable form those of the files; and which of these were met."""

    asked: Mapping[str, Sequence[str]]
    met: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Refuse columns that the comparable form has not."""
        unknown = sorted(set(self.asked) - set(COLUMNS))
        if unknown:
            raise IsindexError(
                "LINK_COLUMN_UNKNOWN",
                f"nothing is compared that is called {', '.join(unknown)}",
                where="--columns",
                remedy=f"What is compared is called {', '.join(COLUMNS)}.",
            )

    def all_met(self) -> None:
        """Refuse columns that no file has."""
        unknown = sorted({name for names in self.asked.values() for name in names} - self.met)
        if unknown:
            raise IsindexError(
                "LINK_COLUMN_UNKNOWN",
                f"no file has the column {', '.join(unknown)}",
                where="--columns",
                remedy="Write the columns as they are in the header, capitals included.",
            )


def comparable_form(table: pa.Table, columns: Columns, file: str) -> tuple[pa.Table, list[str]]:
    """The table's columns that are compared, as text, and in words what was taken for what.

    Args:
        table: as the file has it.
        columns: what was asked for.
        file: its name, for messages.

    Raises:
        IsindexError: LINK_COLUMNS_MISSING, LINK_COLUMN_UNUSABLE.
    """
    taken = _taken(table, columns)
    whole = None if {"given_names", "family_name"} & taken.keys() else _first(table, _WHOLE_NAME)
    if not (taken.keys() - {"record_key", "source"}) and whole is None:
        raise IsindexError(
            "LINK_COLUMNS_MISSING",
            f"there is no column that can be compared among {', '.join(table.column_names) or 'none'}",
            where=file,
            remedy=f"Say which is which by --columns, for example given_names=first_name; what is compared is called {', '.join(COLUMNS[2:])}.",
        )
    found = {name: _together(table, given, name, file) for name, given in taken.items()}
    told = [f"{file}: {', '.join(given)} taken for {name}" for name, given in taken.items() if list(given) != [name]]
    if whole is not None:
        found["given_names"], found["family_name"] = _parted(_text(table, whole, file))
        told.append(f"{file}: {whole} parted into given names and family name")
    if "sex" in found:
        found["sex"] = _read_or_refused(found["sex"], _SEX_SQL, "sex", taken["sex"][0], file, told)
    if "birth_date" in found and not pa.types.is_date(table.schema.field(taken["birth_date"][0]).type):
        found["birth_date"] = _dates(found["birth_date"], taken["birth_date"][0], file, told)
    left = [
        name
        for name in table.column_names
        if name not in {each for given in taken.values() for each in given} | {whole}
    ]
    if left:
        told.append(f"{file}: not used: {', '.join(left)}")
    return pa.table({name: found[name] for name in COLUMNS if name in found}), told


def _taken(table: pa.Table, columns: Columns) -> dict[str, Sequence[str]]:
    """For columns of the comparable form those of the table that hold them."""
    taken: dict[str, Sequence[str]] = {}
    for name, given in columns.asked.items():
        there = [each for each in given if each in table.column_names]
        columns.met.update(there)
        if there:
            taken[name] = there
    used = {each for given in taken.values() for each in given}
    for name, usual in _USUAL.items():
        first = None if name in columns.asked else _first(table, usual, used)
        if first is not None:
            further = [
                each for each in (_first(table, (more,), used) for more in _AND_ALSO.get(name, ())) if each is not None
            ]
            taken[name] = [first, *further]
            used.update(taken[name])
    return {name: taken[name] for name in COLUMNS if name in taken}


def _first(table: pa.Table, usual: Sequence[str], used: set[str] | None = None) -> str | None:
    """The column of the table that has the first of the usual names; none that is used already."""
    plain = {
        re.sub("[^a-z0-9]", "", name.lower()): name for name in reversed(table.column_names) if name not in (used or ())
    }
    return next((plain[name] for name in usual if name in plain), None)


def _text(table: pa.Table, name: str, file: str) -> pa.Array:
    """The column as text; a list of texts is read as words."""
    column = table[name].combine_chunks()
    if pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
        return pc.binary_join(column, " ")
    try:
        text = column.cast(pa.string())
        text.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise IsindexError(
            "LINK_COLUMN_UNUSABLE",
            f"the column {name} holds something that is no text in UTF-8",
            where=file,
            remedy="Write the column as text, or leave it out by naming another one in --columns.",
        ) from None
    return text


def _together(table: pa.Table, given: Sequence[str], name: str, file: str) -> pa.Array:
    if name == "birth_date" and pa.types.is_date(table.schema.field(given[0]).type):
        return table[given[0]].combine_chunks()
    texts = [_text(table, each, file) for each in given]
    if len(texts) == 1:
        return texts[0]
    joined = pc.binary_join_element_wise(
        *(pc.fill_null(text, "") for text in texts), ", " if name == "address" else " "
    )
    joined = pc.utf8_trim(pc.replace_substring_regex(joined, r"(, )+", ", "), ", ")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def _parted(names: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Given names and family name of whole names: the last word, or what stands before a comma, is the family's."""
    with connect({"told": pa.table({"name": names})}) as connection:
        parts = fetch(
            connection,
            r"""
            SELECT CASE WHEN contains(n, ',') THEN trim(split_part(n, ',', 2)) ELSE trim(regexp_extract(n, '^(.*)\s\S+$', 1)) END AS given,
                CASE WHEN contains(n, ',') THEN trim(split_part(n, ',', 1)) ELSE regexp_extract(n, '(\S+)$', 1) END AS family
            FROM (SELECT trim(name) AS n FROM told)
            """,
        )
    none = pa.scalar(None, pa.string())
    given, family = (
        pc.if_else(pc.equal(parts[name], ""), none, parts[name]).combine_chunks() for name in ("given", "family")
    )
    return given, family


_SEX_SQL = """
    CASE WHEN t IN ('m', 'male', 'boy', 'man', '1') THEN 'M' WHEN t IN ('f', 'female', 'girl', 'woman', '2') THEN 'F'
        WHEN t IN ('', '0', '9', 'u', 'x', 'i', 'o', 'n', 'nb', 'unknown', 'other', 'not known', 'not specified', 'indeterminate',
            'null', 'none', 'n/a', 'na', 'non-binary', 'unspecified') THEN '' END
"""


def _read_or_refused(values: pa.Array, sql: str, name: str, column: str, file: str, told: list[str]) -> pa.Array:
    """The values as `sql` reads them from the small text `t`: '' for none, null for what cannot be read."""
    texts = _distinct(values)
    with connect({"texts": texts.table}) as connection:
        read = fetch(
            connection,
            f"""
            WITH small AS (SELECT n, lower(trim(value)) AS t FROM texts), read AS MATERIALIZED (SELECT n, {sql} AS meant FROM small)
            SELECT nullif(meant, '') AS meant, meant IS NULL AS unread FROM read ORDER BY n
            """,
        )
    return _read_well(texts, read, values, name, column, file, told)


def _dates(values: pa.Array, column: str, file: str, told: list[str]) -> pa.Array:
    """Birth dates as year-month-day. The order of day and month is that of the column's dates that allow no other."""
    texts, this_year = _distinct(values), datetime.now(UTC).year % 100
    with connect({"texts": texts.table}) as connection:
        connection.execute(
            f"""
            CREATE TEMP TABLE parts AS
            WITH small AS (SELECT n, met, lower(trim(value)) AS t FROM texts),
            found AS (
                SELECT n, met, t,
                    regexp_extract(t, '^{_YEAR_FIRST}$', ['y', 'm', 'd']) AS first,
                    regexp_extract(t, '^{_YEAR_LAST}$', ['a', 'b', 'y']) AS last,
                    regexp_extract(t, '^{_DAY_MONTH}$', ['d', 'm', 'y']) AS words,
                    regexp_extract(t, '^{_MONTH_DAY}$', ['m', 'd', 'y']) AS american
                FROM small
            )
            SELECT n, met, t, try_cast(last.a AS int) AS a, try_cast(last.b AS int) AS b,
                nullif(coalesce(nullif(first.y, ''), nullif(last.y, ''), nullif(words.y, ''), american.y), '') AS year,
                coalesce(try_cast(first.m AS int), {_month("words.m")}, {_month("american.m")}) AS month,
                coalesce(try_cast(first.d AS int), try_cast(words.d AS int), try_cast(american.d AS int)) AS day
            FROM found
            """
        )
        counted = connection.execute(
            """
            SELECT coalesce(sum(met) FILTER (a > 12 AND b <= 12), 0), coalesce(sum(met) FILTER (b > 12 AND a <= 12), 0), count(a)
            FROM parts
            """
        ).fetchone()
        day_first, month_first, unordered = counted or (0, 0, 0)
        american = month_first > day_first
        day, month = ("b", "a") if american else ("a", "b")
        read = fetch(
            connection,
            f"""
            WITH ordered AS (
                SELECT n, t,
                    CASE WHEN length(year) = 2 THEN year::int + CASE WHEN year::int <= {this_year} THEN 2000 ELSE 1900 END
                        ELSE year::int END AS y,
                    coalesce(month, CASE WHEN {month} > 12 AND {day} <= 12 THEN {day} ELSE {month} END) AS m,
                    coalesce(day, CASE WHEN {month} > 12 AND {day} <= 12 THEN {month} ELSE {day} END) AS d
                FROM parts
            )
            SELECT CASE WHEN y IS NOT NULL THEN printf('%04d-%02d-%02d', y, m, d) END AS meant, t <> '' AND y IS NULL AS unread
            FROM ordered ORDER BY n
            """,
        )
    if unordered:
        order = "month/day/year" if american else "day/month/year"
        mixed = min(day_first, month_first)
        said = f"; {mixed:,} can only be read the other way round, and were" if mixed else ""
        unsure = "" if day_first or month_first else ", for nothing in the column tells"
        told.append(f"{file}: dates of {column} are read as {order}{unsure}{said}")
    return _read_well(texts, read, values, "birth_date", column, file, told)


@dataclass(frozen=True)
class _Distinct:
    """Distinct texts as `n`, `value`, `met` (how often), and for each place which of them it is."""

    table: pa.Table
    place: pa.Array


def _distinct(values: pa.Array) -> _Distinct:
    encoded = values.dictionary_encode()
    met = np.bincount(encoded.indices.drop_null().to_numpy(), minlength=len(encoded.dictionary))
    table = pa.table({"n": np.arange(len(met)), "value": encoded.dictionary, "met": met})
    return _Distinct(table, encoded.indices)


def _read_well(
    texts: _Distinct, read: pa.Table, values: pa.Array, name: str, column: str, file: str, told: list[str]
) -> pa.Array:
    """What was read, at its places. A column of which most values cannot be read is refused; else it is said how many are not."""
    wrong = int(texts.table["met"].to_numpy()[read["unread"].to_numpy()].sum())
    known, meant = len(values) - values.null_count, name.replace("_", " ")
    if known and wrong / known > _MOST:
        raise IsindexError(
            "LINK_COLUMN_UNUSABLE",
            f"{wrong:,} of {known:,} values of the column {column} cannot be read as {meant}",
            where=file,
            remedy="Write them in another form, or name another column for it in --columns.",
        )
    if wrong:
        told.append(f"{file}: {wrong:,} of {known:,} values of {column} cannot be read as {meant} and are left out")
    return read["meant"].combine_chunks().take(texts.place)


def _month(of: str) -> str:
    """SQL: the number of a month by the first three letters of its name."""
    return f"CASE WHEN {of} <> '' THEN (strpos('{_MONTHS}', {of}) + 3) // 4 END"
