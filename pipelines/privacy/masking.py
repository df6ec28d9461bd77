"""The shape of a value, in place of the value: what a person needs to find a fault, and nothing to find a person.

Belongs here: the one definition of a shape mask, as SQL for whole columns and as Python for single values; both are
built from the same character classes, so they agree. Not here: which values are masked (validation), who is shielded.

``12/O4/2015`` becomes ``99/A9/9999``: letters A, digits 9, ASCII punctuation and spaces as they are, all else ``?``.
"""

from __future__ import annotations

import re

import pyarrow as pa

from pipelines.tables import connect, fetch

__all__ = ["MASK_LENGTH", "mask", "mask_column", "mask_sql"]

MASK_LENGTH = 20

# Ranges, not Unicode categories: the tables behind \p{L} differ between Python and RE2 from version to version.
_DIGITS = ((0x30, 0x39), (0x660, 0x669), (0x6F0, 0x6F9), (0x966, 0x96F), (0xFF10, 0xFF19))
_LETTERS = (
    *((0x41, 0x5A), (0x61, 0x7A), (0xAA, 0xAA), (0xB5, 0xB5), (0xBA, 0xBA), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x2AF)),
    *((0x300, 0x65F), (0x66E, 0x6EF), (0x6FA, 0x965), (0x970, 0x1FFF), (0x2C00, 0x2DFF), (0x3040, 0xD7FF)),
    *((0xF900, 0xFDFF), (0xFE70, 0xFEFE), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A), (0xFF66, 0xFFDC), (0x10000, 0x1EFFF)),
    (0x20000, 0x3FFFF),
)
_KEPT = ((0x20, 0x7E),)  # what is left of printable ASCII once letters and digits are masked


def mask(value: str) -> str:
    """The shape mask of one value, at most `MASK_LENGTH` characters."""
    shape = re.sub(_python_class(_LETTERS), "A", value[:MASK_LENGTH])
    shape = re.sub(_python_class(_DIGITS), "9", shape)
    return re.sub(_python_class(_KEPT, negated=True), "?", shape)


def mask_sql(expression: str) -> str:
    """SQL for the shape mask of a text expression; NULL stays NULL."""
    # left() counts grapheme clusters only in left_grapheme(); here, as in Python, it counts code points
    shape = f"left({expression}, {MASK_LENGTH})"
    for characters, replacement in ((_sql_class(_LETTERS), "A"), (_sql_class(_DIGITS), "9")):
        shape = f"regexp_replace({shape}, '{characters}', '{replacement}', 'g')"
    return f"regexp_replace({shape}, '{_sql_class(_KEPT, negated=True)}', '?', 'g')"


def mask_column(values: pa.Array) -> pa.Array:
    """The shape masks of a text array, in order."""
    table = pa.table({"ordinal": pa.array(range(len(values)), pa.int64()), "value": values.cast(pa.string())})
    with connect({"given": table}) as connection:
        masked = fetch(connection, f"SELECT {mask_sql('value')} AS masked FROM given ORDER BY ordinal")
    return masked.column("masked").combine_chunks()


def _python_class(ranges: tuple[tuple[int, int], ...], *, negated: bool = False) -> str:
    inner = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
    return f"[{'^' if negated else ''}{inner}]"


def _sql_class(ranges: tuple[tuple[int, int], ...], *, negated: bool = False) -> str:
    inner = "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in ranges)
    return f"[{'^' if negated else ''}{inner}]"
