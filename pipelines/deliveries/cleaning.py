r"""One cleaning for every reader: what nobody can see and nobody means is taken off a text before anything looks at it.

Belongs here: what is done to the delivered texts of all columns, keys among them, whatever the format. Not here: judging a value
(`pipelines.validation`), what is shown of it (`protection.letters`). Columns that protect are left as they were delivered: what
cannot be understood in them counts as protected, and may not be tidied away.

| a text has | it becomes | where |
|---|---|---|
| signs that cannot be seen: of no width, a byte-order mark, a soft hyphen, marks of direction | the text without them | everywhere |
| white space of any kind, runs of it, line breaks | one space, none at either end | everywhere |
| letters, digits and signs in full width | the usual ones | everywhere |
| a code in small letters that the contract knows in capitals | capitals | codes, UPNs, postcodes, practice codes |
| a word that says that there is nothing (NULL, NaN, None, N/A, #N/A, \N, NIL, unknown, not known, - or . alone) | nothing | everywhere but in names |
| the same in a name, where it stands in at least ten records and one in twenty that have a name there | nothing | names that may be missing |
| a day with a time and perhaps a zone | the day in London, in the contract's form | dates |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.contract import Column, Contract

__all__ = ["cleaned", "cleaned_texts", "names_told", "untouched"]

_SPACE = r"[\t\n\v\f\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"
_UNSEEN = r"[\p{Cf}\x{34F}\x{115F}\x{1160}\x{180B}-\x{180F}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}]"
_WIDE = r"[\x{FF01}-\x{FF5E}]"
_OTHER_SPACE = _SPACE.replace(" ", "", 1)
_UNCLEAN = rf"^ | $|  |{_OTHER_SPACE}|{_UNSEEN}|{_WIDE}"
_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
_NOTHING = pa.array(
    [
        "null",
        "(null)",
        "<null>",
        "nan",
        "nat",
        "none",
        "n/a",
        "#n/a",
        "<na>",
        r"\n",
        "nil",
        "-",
        ".",
        "unknown",
        "not known",
    ]
)
_LEAST, _SHARE = 10, 0.05  # records in which a name column has such a word before it is the export's
_NAMES = frozenset(
    {
        "family_name", "given_names", "other_given_names", "former_family_name", "alias_family_name", "name.family", "name.given",
    }
)  # fmt: skip
_CAPITALS = frozenset({"upn", "former_upn", "postcode", "address.postcode", "gp_practice"})
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?(Z|[+-][0-9]{2}:?[0-9]{2}))?$"


def cleaned(
    table: pa.Table, contract: Contract, beside: Mapping[str, int] | None = None
) -> tuple[pa.Table, dict[str, int]]:
    """The delivered records with clean texts, and path of a column → number of texts that were changed there, where any was.

    Args:
        table: the contract's columns as a reader gives them (`readers.result.native_schema`); other columns stay as they are.
        contract: whose columns.
        beside: path of a name column → names there (`names_told`) of records of the same file that are not in `table`.
    """
    counts: Counter[str] = Counter()
    beside = beside or {}
    for column in contract.columns:
        if column.name in table.column_names and not column.protects:
            place = table.column_names.index(column.name)
            before = table.column(place).combine_chunks()
            after = _column(before, column, column.name, contract.file.date_format, counts, beside)
            if after is not before:
                table = table.set_column(place, table.schema.field(place), after)
    return table, {path: counts[path] for path in sorted(counts)}


def cleaned_texts(texts: pa.Array, concept: str) -> pa.Array:
    """Texts of any table of people, as those of a delivery's column with this concept are cleaned, but for codes and days."""
    return _but_nothing(_tidied(texts), concept)


def names_told(table: pa.Table, contract: Contract) -> dict[str, int]:
    """Path of a name column → how many names stand there, in a table that has the contract's columns."""
    return {path: len(texts) - texts.null_count for path, texts in _names_in(table, contract)}


def untouched(before: pa.Table, after: pa.Table, contract: Contract) -> npt.NDArray[np.bool_]:
    """Which records came clean: nothing of them was changed, nor would be if other records of the file were others.

    Args:
        before: what `cleaned` was given.
        after: what it gave.
        contract: whose columns.
    """
    found = np.zeros(before.num_rows, bool)
    for old, new in zip(before.columns, after.columns, strict=True):
        if old is not new:
            found |= _differs(_whole(old), _whole(new))
    for column in contract.columns:
        if column.name in before.column_names and not column.protects:
            found |= _says_nothing(_whole(before[column.name]), column)
    return ~found


def _whole(texts: pa.ChunkedArray) -> pa.Array:
    """A column as one array that begins at its beginning."""
    array = texts.combine_chunks()
    return array.take(np.arange(len(array))) if array.offset else array


def _differs(before: pa.Array, after: pa.Array) -> npt.NDArray[np.bool_]:
    """Which values were changed anywhere in them."""
    if before is after:
        return np.zeros(len(before), bool)
    if pa.types.is_struct(before.type):
        parts = range(before.type.num_fields)
        return np.any([_differs(before.field(place), after.field(place)) for place in parts], axis=0)
    if pa.types.is_list(before.type):
        return _of_elements(before, _differs(before.values, after.values))
    changed = pc.fill_null(pc.not_equal(before, after), False)
    return np.asarray(pc.or_(changed, pc.not_equal(before.is_null(), after.is_null())))


def _says_nothing(array: pa.Array, column: Column) -> npt.NDArray[np.bool_]:
    """Which values have a word for nothing in a name: whether it is one depends on the other records."""
    found = np.zeros(len(array), bool)
    if pa.types.is_list(array.type):
        item = Column(column.name, "object" if column.items else "text", "", column.concept, items=column.items)
        return _of_elements(array, _says_nothing(array.values, item))
    if pa.types.is_struct(array.type):
        for item in column.items:
            found |= _says_nothing(array.field(item.name), item)
    elif column.concept in _NAMES:
        found = np.asarray(pc.fill_null(pc.is_in(pc.utf8_lower(_tidied(array)), _NOTHING), False))
    return found


def _of_elements(lists: pa.Array, found: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which lists have an element that was found; `found` is over all their values."""
    before = np.concatenate([[0], np.cumsum(found)])
    offsets = lists.offsets.to_numpy()
    return np.asarray((before[offsets[1:]] > before[offsets[:-1]]) & lists.is_valid().to_numpy(zero_copy_only=False))


def _names_in(table: pa.Table, contract: Contract) -> Iterator[tuple[str, pa.Array]]:
    def below(array: pa.Array, column: Column, path: str) -> Iterator[tuple[str, pa.Array]]:
        if pa.types.is_list(array.type):
            item = Column(column.name, "object" if column.items else "text", "", column.concept, items=column.items)
            yield from below(array.flatten(), item, f"{path}[]")
        elif pa.types.is_struct(array.type):
            for item in column.items:
                yield from below(pc.struct_field(array, item.name), item, f"{path}.{item.name}")
        elif column.concept in _NAMES:
            yield path, array

    for column in contract.columns:
        if column.name in table.column_names and not column.protects:
            yield from below(table[column.name].combine_chunks(), column, column.name)


def _column(
    array: pa.Array, column: Column, path: str, date_format: str, counts: Counter[str], beside: Mapping[str, int]
) -> pa.Array:
    """A column, an object's or a list's parts each by itself; the very same where nothing was to be done."""
    if column.protects or array.null_count == len(array):
        return array
    if pa.types.is_list(array.type):
        array = array.take(np.arange(len(array))) if array.offset else array
        values = array.values
        item = Column(column.name, "object" if column.items else "text", "", column.concept, items=column.items)
        after = _column(values, item, f"{path}[]", date_format, counts, beside)
        if after is values:
            return array
        return pa.ListArray.from_arrays(array.offsets, after, type=array.type, mask=array.is_null())
    if pa.types.is_struct(array.type):
        parts = {array.type.field(place).name: array.field(place) for place in range(array.type.num_fields)}
        after = {
            item.name: _column(parts[item.name], item, f"{path}.{item.name}", date_format, counts, beside)
            for item in column.items
            if item.name in parts
        }
        if all(after[name] is parts[name] for name in after):
            return array
        return pa.StructArray.from_arrays(
            [after.get(name, part) for name, part in parts.items()], fields=list(array.type), mask=array.is_null()
        )
    tidy = _tidied(array)
    tidy = _raised(tidy, column)
    if column.logical == "date":
        tidy = _days(tidy, date_format)
    if column.logical != "flag" and not (column.required and column.concept in _NAMES):
        tidy = _but_nothing(tidy, column.concept, beside.get(path, 0))
    if tidy is array:
        return array
    changed = pc.fill_null(pc.not_equal(array, tidy), False)
    counts[path] += (pc.sum(changed).as_py() or 0) + tidy.null_count - array.null_count
    return tidy


def _tidied(texts: pa.Array) -> pa.Array:
    """Texts without what cannot be seen; an empty one is none."""
    unclean = pc.fill_null(pc.match_substring_regex(texts, _UNCLEAN), False)
    if not pc.any(unclean).as_py():
        return texts
    some = pc.replace_substring_regex(texts.filter(unclean), _UNSEEN, "")
    if pc.any(pc.match_substring_regex(some, _WIDE)).as_py():
        told = some.dictionary_encode()
        narrow = [text.translate(_NARROW) for text in told.dictionary.to_pylist()]
        some = pa.array(narrow, pa.string()).take(told.indices)
    some = pc.utf8_trim(pc.replace_substring_regex(some, f"{_SPACE}+", " "), " ")
    some = pc.if_else(pc.equal(pc.binary_length(some), 0), pa.scalar(None, pa.string()), some)
    return pc.replace_with_mask(texts, unclean, some)


def _raised(texts: pa.Array, column: Column) -> pa.Array:
    """Codes in capitals, where the contract writes them so."""
    if column.concept not in _CAPITALS and not column.codes:
        return texts
    upper = pc.utf8_upper(texts)
    small = pc.fill_null(pc.not_equal(upper, texts), False)
    if column.concept not in _CAPITALS:
        codes = pa.array(list(column.codes), pa.string())
        small = pc.and_(small, pc.and_(pc.is_in(upper, codes), pc.invert(pc.is_in(texts, codes))))
    return pc.if_else(small, upper, texts) if pc.any(small).as_py() else texts


def _but_nothing(texts: pa.Array, concept: str, beside: int = 0) -> pa.Array:
    """Texts but for words that say that there is nothing; in names only those that are the export's and no child's."""
    lower = pc.utf8_lower(texts)
    nothing = pc.fill_null(pc.is_in(lower, _NOTHING), False)
    if concept.startswith("carer"):  # a grandmother
        nothing = pc.and_(nothing, pc.fill_null(pc.not_equal(lower, "nan"), False))
    found = pc.sum(nothing).as_py() or 0
    if not found:
        return texts
    if concept in _NAMES:
        enough = max(_LEAST, _SHARE * (len(texts) - texts.null_count + beside))
        told = pc.value_counts(lower.filter(nothing)).to_pylist()
        often = [each["values"] for each in told if each["counts"] >= enough]
        nothing = pc.fill_null(pc.is_in(lower, pa.array(often, pa.string())), False)
        if not often:
            return texts
    return pc.if_else(nothing, pa.scalar(None, pa.string()), texts)


def _days(texts: pa.Array, date_format: str) -> pa.Array:
    """Dates but for their time; one with a zone is told in London first. What is no such time stays as it is."""
    timed = pc.fill_null(pc.match_substring_regex(texts, _TIME), False)
    if not pc.any(timed).as_py():
        return texts
    some = texts.filter(timed)
    told = some.dictionary_encode()
    return pc.replace_with_mask(texts, timed, _in_london(told.dictionary, date_format).take(told.indices))


def _in_london(texts: pa.Array, date_format: str) -> pa.Array:
    import pandas as pd

    plain = texts.to_pandas().str.replace(",", ".").str.replace(" ([Z+-])", r"\1", regex=True)
    zoned = plain.str.contains(r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$")
    days = pd.Series(index=plain.index, dtype="object")
    for mask, utc in ((zoned, True), (~zoned, False)):
        moments = pd.to_datetime(plain[mask], format="ISO8601", errors="coerce", utc=utc)
        moments = moments.dt.tz_convert("Europe/London") if utc else moments
        days[mask] = moments.dt.strftime(date_format)
    return pa.array(np.where(days.isna(), texts.to_pandas(), days), pa.string())
