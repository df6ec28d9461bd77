"""Letters and digits that read alike, however they are encoded: a fact of writing, shared by the protection and its gates.

Belongs here: A-Z for whatever looks like them (fullwidth, mathematical, Cyrillic and Greek look-alikes), 0-9 for the digits of any
script, one hyphen and one apostrophe, and nothing of what cannot be seen. Accents stay: SQL takes them off by itself. Not here: what two
texts are compared for (`comparable`, and the gates in SQL of their own).

Nearly every text is of plain letters, with accents or without. The few that are not are folded once each, and tables are read
with these in their place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain

import duckdb
import pyarrow as pa

from pipelines.tables import fetch

__all__ = ["LETTER", "as_written", "folded", "read_plainly"]

LETTER = r"A-Za-z\x{80}-\x{10FFFF}"
"""A letter, within a class of a regular expression, of a text that was read plainly: no other sign is left beyond ASCII there.

The classes of letters of any script mean the same, and take milliseconds to start wherever they stand.
"""

# what looks like a Latin letter and is another one: Cyrillic, Greek, Armenian, and Latin letters that no decomposition leads back
_LOOK_ALIKES = {
    "A": "АаΑαɑɐᎪ", "B": "ВвΒβЬᏴ", "C": "СсϹϲᏟ", "D": "ԀԁĐđÐðᎠ", "E": "ЕеΕεᎬ", "F": "Ϝϝ", "G": "ԌԍɡᏀ", "H": "НнΗһҺհĦħᎻ",
    "I": "ІіΙιıɪӀӏᏆ", "J": "ЈјϳͿᎫ", "K": "КкΚκᏦ", "L": "ᏞŁł", "M": "МмΜмᎷ", "N": "ΝηոՈ", "O": "ОоΟοՕօØøσ", "P": "РрΡρᏢ",
    "Q": "Ԛԛ", "R": "ᎡᏒ", "S": "ЅѕՏᏚ", "T": "ТтΤτŦŧᎢ", "U": "սՍυ", "V": "ѴѵνᏙ", "W": "ԜԝωᎳ", "X": "ХхΧχ", "Y": "УуҮүΥγ",
    "Z": "ΖζᏃƵƶ", "AE": "Ææ", "OE": "Œœ", "SS": "ßẞ", "TH": "Þþ", "-": "−⁃˗־",
    "'": "ʼʻʽʾʿˈʹ´`‘’‚‛′‵＇՚׳ꞌ", " ": "⠀ㅤᅠᅟﾠ",
}  # fmt: skip
_ASCII = "[\\x00-\\x7F]*"
# where compatible letters and digits are; not among ideographs and hieroglyphs
_BLOCKS = (
    range(0x80, 0x3400),
    range(0xA000, 0xAC00),
    range(0xF900, 0x12000),
    range(0x16A00, 0x16C00),
    range(0x1C000, 0x20000),
)
_UNSEEN = ("Cf", "Cc")
_FILLERS = "\u115f\u1160\u3164\uffa0"


def folded(text: str) -> str:
    """`text` in plain letters and digits, case kept; letters that look like none of A-Z stay as they are, other signs are a space."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFC", text).translate(_table()))
    return "".join(char if char.isascii() else _left_of(char) for char in apart)


def read_plainly(duck: duckdb.DuckDBPyConnection, sources: Mapping[str, tuple[str, Sequence[str]]]) -> None:
    """Create a temporary view of each source in which texts stand in plain letters, and table foldings (text, plain).

    Args:
        duck: the connection.
        sources: name of the view → the table it is of, and the text columns that are read plainly.
    """
    told = " UNION ALL ".join(
        f"SELECT '{view}' AS view, '{column}' AS named, {column} AS text FROM {table} WHERE {_STRANGE.format(column)}"
        for view, (table, columns) in sources.items()
        for column in columns
    )
    strange = fetch(duck, f"SELECT DISTINCT view, named, text FROM ({told})")
    texts = sorted(set(strange["text"].to_pylist()))
    foldings = pa.table({"text": pa.array(texts, pa.string()), "plain": pa.array(map(folded, texts), pa.string())})
    duck.register("foldings_told", foldings)
    duck.execute("CREATE OR REPLACE TEMP TABLE foldings AS FROM foldings_told")
    duck.unregister("foldings_told")
    concerned = set(zip(strange["view"].to_pylist(), strange["named"].to_pylist(), strict=True))
    for view, (table, columns) in sources.items():
        few = [column for column in columns if (view, column) in concerned]
        replaced = ", ".join(f"coalesce({column}_f.plain, told.{column}) AS {column}" for column in few)
        joined = " ".join(f"LEFT JOIN foldings {column}_f ON {column}_f.text = told.{column}" for column in few)
        chosen = f"told.* REPLACE ({replaced})" if few else "told.*"
        duck.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT {chosen} FROM {table} told {joined}")


def as_written(duck: duckdb.DuckDBPyConnection, found: pa.Table, said: str, columns: Sequence[str]) -> pa.Table:
    """The rows of `said` that read in plain letters as those of `found`; needs table foldings.

    Args:
        duck: a connection on which texts were read plainly.
        found: rows in plain letters.
        said: SQL of all such rows as they are written, with the same columns.
        columns: the text columns that were read plainly; none: `found` as it is.
    """
    if not columns or not duck.execute("SELECT count(*) FROM foldings").fetchall()[0][0]:
        return found
    duck.register("found_plainly", found)
    joins = " ".join(f"LEFT JOIN foldings {column}_f ON {column}_f.text = said.{column}" for column in columns)
    alike = " AND ".join(
        f"found.{column} IS NOT DISTINCT FROM coalesce({column}_f.plain, said.{column})"
        if column in columns
        else f"found.{column} IS NOT DISTINCT FROM said.{column}"
        for column in found.column_names
    )
    names = ", ".join(f"said.{column}" for column in found.column_names)
    keys = ", ".join(column for column in found.column_names if column not in columns)
    few = f"(FROM ({said}) SEMI JOIN found_plainly USING ({keys}))" if keys else f"({said})"
    written: pa.Table = fetch(
        duck, f"SELECT DISTINCT {names} FROM {few} said {joins} JOIN found_plainly found ON {alike} ORDER BY ALL"
    )
    duck.unregister("found_plainly")
    return written


def _left_of(char: str) -> str:
    """What a character that is none of ASCII leaves in a plain text."""
    category = unicodedata.category(char)
    if category[0] in "LN":
        return char
    return "" if category in ("Mn", "Me") else " "


_STRANGE = r"(strlen({0}) > length({0}) AND NOT regexp_full_match(strip_accents({0}), '[\x00-\x7F]*'))"


@cache
def _table() -> dict[int, str]:
    table = {code: plain for code in chain(*_BLOCKS) if (plain := _read_as(chr(code))) is not None}
    table |= {ord(char): plain for plain, strange in _LOOK_ALIKES.items() for char in strange}
    table |= {0x1F1E6 + place: letter for place, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}  # of flags
    return table | dict.fromkeys(map(ord, _FILLERS), "")


def _read_as(char: str) -> str | None:
    """What is written instead of a character; None when it stays."""
    category = unicodedata.category(char)
    if category in _UNSEEN:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Pd":
        return "-"
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if category[0] not in "LNPS" or unicodedata.decomposition(char)[:1] != "<":
        return None
    plain = unicodedata.normalize("NFKC", char)
    return plain if re.fullmatch(r"[\x21-\x7E]{1,4}", plain) else None
