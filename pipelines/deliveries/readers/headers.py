"""Delimited text whose header is not the contract's: what was most likely meant, so that those in it who ask are heard by name.

Belongs here: finding the header among the first lines, whatever stands between its names, and what is the place of each column where there
is none. Nothing of such a file is ever loaded: it is refused. Not here: reading its rows (`csv`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pipelines.contracts.contract import Contract
from pipelines.deliveries.readers.protective import put_right
from pipelines.deliveries.readers.result import CHANGE
from pipelines.deliveries.readers.text import Text, recode

__all__ = ["BETWEEN_CELLS", "Shape", "has_other_ends", "made_out", "names_in"]

BETWEEN_CELLS = (b",", b";", b"\t", b"|")
"""What may stand between the cells of a row."""

_FIRST_LINES = 12
_LONGEST = 1 << 16  # bytes of a line that are looked at
_ENDS = re.compile(rb"\x0b|\x0c|\x1e|\xc2\x85|\xe2\x80[\xa8\xa9]")  # what else ends a line, where no other does
_QUOTED_LINE = re.compile(rb'^[ \t]*"(.*)"[ \t;,]*(?=\r?$)', re.MULTILINE)
_LINE_END = re.compile(rb"\r\n?|\n")
Split = Callable[[bytes, bytes], list[bytes] | None]


@dataclass(frozen=True)
class Shape:
    """How a file was most likely meant.

    Attributes:
        data: its text, without what is around whole lines.
        after: offset in it at which the records begin.
        lines: how many lines stand before that.
        delimiter: what stands between cells.
        header: each cell's name; none where nothing can be told of them.
    """

    data: bytes = field(repr=False)
    after: int
    lines: int
    delimiter: bytes
    header: list[str] = field(repr=False)


def names_in(names: Sequence[str], contract: Contract, *, delta: bool) -> list[str]:
    """A refused file's names with those put right that are the contract's but for capitals, blanks and signs.

    Where the key is there as it should be, a protective column is not: whoever names one otherwise may mean something else by it.
    """
    proper = _allowed(contract, delta=delta)
    if set(contract.key_columns) <= set(names):
        kept = {column.name for column in contract.protective}
        proper = [each for each in proper if each not in kept]
    return put_right(names, proper)


def has_other_ends(text: Text) -> bool:
    """Whether a text of one line alone has lines within it that end in another way."""
    return not re.search(rb"[\r\n].*\S", text.data) and _ENDS.search(text.data) is not None


def made_out(text: Text, contract: Contract, split: Split, *, delta: bool) -> Shape:
    """What was most likely meant by a text whose first line is not the contract's header.

    Args:
        text: the file.
        contract: whose.
        split: tells the cells of a row, given what stands between them; None where a quotation mark is not closed.
        delta: whether it is a delta.
    """
    own = contract.file.delimiter.encode()
    between = [own, *(each for each in BETWEEN_CELLS if each != own)]
    data = _ENDS.sub(b"\n", text.data) if has_other_ends(text) else text.data
    best: tuple[int, Shape] = (1, Shape(data, 0, 0, own, []))
    forms = [data, _QUOTED_LINE.sub(lambda line: line[1].replace(b'""', b'"'), data)]
    allowed = _allowed(contract, delta=delta)
    for form in dict.fromkeys(forms):
        for number, line, after in _lines(form):
            for delimiter in between:
                for cells in (split(line, delimiter), line.replace(b'"', b"").split(delimiter)):
                    names = [recode(cell, text.encoding).decode().strip() for cell in cells or ()]
                    names = names_in(names, contract, delta=delta)
                    found = len(set(names).intersection(allowed))
                    if found > best[0]:
                        best = found, Shape(form, after, number, delimiter, names)
    if best[1].header:
        return best[1]
    for form in dict.fromkeys(forms):
        first = [line for _, line, _ in _lines(form)]
        for delimiter in between:
            width = Counter(len(split(line, delimiter) or ()) for line in first)
            if 2 * width[len(allowed)] >= len(first) > 0:
                return Shape(form, 0, 0, delimiter, allowed)
    return best[1]


def _allowed(contract: Contract, *, delta: bool) -> list[str]:
    return [*(column for column in contract.column_names if column != CHANGE), *([CHANGE] if delta else [])]


def _lines(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The first lines that hold anything: number from 1, the line without its end, and where the next one begins."""
    start = number = filled = 0
    while start < len(data) and filled < _FIRST_LINES:
        found = _LINE_END.search(data, start)
        end, after = found.span() if found else (len(data), len(data))
        number += 1
        if not data[start : min(end, start + _LONGEST)].isspace() and end > start:
            filled += 1
            yield number, data[start : min(end, start + _LONGEST)], after
        start = after
