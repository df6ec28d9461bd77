"""A table of a report, defined once and shown three ways: in a page, as CSV, as Markdown.

Belongs here: the shape of such a table and its three forms. Not here: which tables a report has (`tables_of`).
CSV is UTF-8 with a byte-order mark, so that a spreadsheet reads it rightly, and no cell can start a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
from markupsafe import Markup, escape

from pipelines.reporting.words import Word, short_day

__all__ = ["Cell", "Code", "Drawing", "Head", "Link", "Sheet", "Told", "csv_of_table"]

_FORMULA = re.compile("^[\\s]*[=+\\-@\\t\\r\uff1d\uff0b\uff0d\uff20]")  # also in full width
_TURNING = "[\u202a-\u202e\u2066-\u2069]"  # what makes text read in another order than it stands in
_CONTROL = r"[\x00-\x1f\x7f]"  # a line break, or what colours a terminal
_BOM = b"\xef\xbb\xbf"
_SENTENCE = 70  # characters of a text that needs a column wide enough to be read
_SHORT = 20  # characters of a code that stays on one line
_FEW = 4  # columns that fit beside each other on a narrow screen
_COMMAND = re.compile("`([^`]+)`")


@dataclass(frozen=True)
class Link:
    """Words that lead somewhere within the site."""

    text: str
    href: str


@dataclass(frozen=True)
class Drawing:
    """An inline SVG that stands in a cell, and what it says in words."""

    svg: Markup
    text: str


@dataclass(frozen=True)
class Code:
    """A code, key or reference: shown in a typewriter face, never broken apart by a translator."""

    text: str


@dataclass(frozen=True)
class Told:
    """Sentences of ours; what stands in them between backticks, a command say, is shown as `Code`."""

    text: str


Cell = str | int | float | date | Word | Link | Drawing | Code | Told | None


@dataclass(frozen=True)
class Head:
    """A column's heading; `number` columns stand right and sort as numbers; `pick` offers a filter by value."""

    title: str
    number: bool = False
    pick: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table: `name` is its anchor and CSV name, the first column heads its row.

    Attributes:
        total: how many rows there are when `rows` holds only the first of them.
        search: offer a search box.
        csv_name: the file to download; default ``<name>.csv``.
        empty: the sentence that stands instead of a table without rows.
        cut: which rows a page shows of a table that is too long for it.
        folds: heading → the titles of columns that a page shows below each other under it, where the last of them would stand, each
            with its title where it has anything but 0. CSV and Markdown have them as columns.
    """

    name: str
    caption: str
    heads: tuple[Head, ...]
    rows: list[tuple[Cell, ...]]
    empty: str = "Nothing to show."
    note: str = ""
    search: bool = False
    total: int | None = None
    cut: str = "the gravest first"
    csv_name: str = ""
    folds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of the CSV file."""
        return self.csv_name or f"{self.name}.csv"

    @property
    def length(self) -> int:
        """How many rows there are, those not embedded included."""
        return len(self.rows) if self.total is None else self.total

    @property
    def sortable(self) -> bool:
        """Whether sorting and filtering are worth offering."""
        return self.search or len(self.rows) > 8

    @cached_property
    def shown(self) -> tuple[tuple[Head, tuple[int, ...]], ...]:
        """The columns of a page: each heading with the columns, counted from 0, that stand under it; several are a fold."""
        places = {head.title: place for place, head in enumerate(self.heads)}
        folds = {
            max(places[title] for title in titles): (Head(heading), tuple(places[title] for title in titles))
            for heading, titles in self.folds.items()
        }
        folded = {place for _, each in folds.values() for place in each}
        return tuple(
            folds.get(place, (head, (place,)))
            for place, head in enumerate(self.heads)
            if place in folds or place not in folded
        )

    @cached_property
    def sentences(self) -> frozenset[int]:
        """The columns that hold sentences, counted from 0."""
        return frozenset(
            place for place in range(len(self.heads)) if any(_length(row[place]) > _SENTENCE for row in self.rows)
        )

    @property
    def stacks(self) -> bool:
        """Whether rows are stacked on a narrow screen: their cells would not fit beside each other."""
        return bool(self.sentences or self.folds) or len(self.shown) > _FEW

    def labels(self) -> Markup:
        """The style by which each cell says its heading where rows are stacked; empty where they never are."""
        if not self.stacks:
            return Markup("")
        told = (
            f'#{self.name} td:nth-child({place + 1})::before {{ content: "{_in_style(head.title)}"; }}'
            for place, (head, _) in enumerate(self.shown)
            if place
        )
        return Markup("\n".join(told))  # noqa: S704 titles are escaped by _in_style, names are our own

    def body(self) -> Markup:
        """The rows as HTML. Built here because a template takes ten times as long for thousands of rows."""
        lines = []
        wide = self.sentences
        for row in self.rows:
            cells = [f'<th scope="row">{_html(row[0])}</th>']
            for head, places in self.shown[1:]:
                if len(places) > 1:
                    cells.append(f'<td class="f">{self._folded(row, places)}</td>')
                    continue
                kind = ' class="n"' if head.number else ' class="p"' if places[0] in wide else ""
                cells.append(f"<td{kind}>{_html(row[places[0]])}</td>")
            lines.append(f"<tr>{''.join(cells)}</tr>")
        return Markup("\n".join(lines))  # noqa: S704 every cell was escaped by _html

    def _folded(self, row: tuple[Cell, ...], places: tuple[int, ...]) -> str:
        """Several cells of a row below each other, each with its title."""
        told = [
            f'<span class="line"><span class="of">{escape(self.heads[place].title)}</span> {_html(row[place])}</span>'
            for place in places
            if row[place] not in (None, "", 0)
        ]
        return " ".join(told) or _html(None if all(row[place] in (None, "") for place in places) else 0)

    def csv(self) -> bytes:
        """The rows as CSV."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow([head.title for head in self.heads])
        writer.writerows([[_plain(cell) for cell in row] for row in self.rows])
        return _BOM + stream.getvalue().encode()

    def markdown(self, limit: int = 50) -> str:
        """The first `limit` rows as a Markdown table."""
        if not self.rows:
            return self.empty
        lines = [f"| {' | '.join(head.title for head in self.heads)} |"]
        lines.append(f"|{'|'.join('--:' if head.number else '---' for head in self.heads)}|")
        lines += [f"| {' | '.join(_marked(cell) for cell in row)} |" for row in self.rows[:limit]]
        if self.length > limit:
            lines.append(f"\n{self.length - min(limit, len(self.rows)):,} more rows stand in {self.file}.")
        return "\n".join(lines)


def csv_of_table(table: pa.Table) -> bytes:
    """A whole table as CSV, whatever its size, columns and titles as they are."""
    safe = []
    for column in table.columns:
        if pa.types.is_string(column.type):
            column = pc.replace_substring_regex(pc.replace_substring_regex(column, _TURNING, ""), _CONTROL, " ")
            risky = pc.match_substring_regex(column, _FORMULA.pattern)
            safe_text = pc.binary_join_element_wise("'", column, "")
            column = pc.if_else(risky, safe_text, column)
        safe.append(column)
    stream = io.BytesIO()
    pcsv.write_csv(pa.table(safe, names=table.column_names), stream)
    return _BOM + stream.getvalue()


def _html(cell: Cell) -> str:
    match cell:
        case None | "" | Told(""):
            return '<span class="none"><span aria-hidden="true">–</span><span class="sr">none</span></span>'
        case Word(text, tone, _):
            return f'<strong class="tag {tone}">{escape(text)}</strong>'
        case Link(text, href):
            return f'<a href="{escape(href)}">{escape(text)}</a>'
        case Drawing(svg, _):
            return svg
        case Code(text):
            kind = ' class="short"' if len(text) <= _SHORT else ""
            return f'<code{kind} translate="no">{escape(text)}</code>'
        case Told(text):
            return _COMMAND.sub(r'<code class="command" translate="no">\1</code>', str(escape(text)))
        case _:
            return str(escape(_shown(cell)))


def _length(cell: Cell) -> int:
    return len(cell if isinstance(cell, str) else cell.text if isinstance(cell, Told) else "")


def _in_style(text: str) -> str:
    """`text` as it may stand in a string of a style sheet: nothing in it can end the string or the sheet."""
    return "".join(each if each.isalnum() or each == " " else f"\\{ord(each):x} " for each in text)


def _shown(cell: str | int | float | date) -> str:
    if isinstance(cell, date):
        return short_day(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.1f}" if isinstance(cell, float) else cell


def _plain(cell: Cell) -> str | int | float:
    match cell:
        case None:
            return ""
        case int() | float():
            return cell
        case date():
            return cell.isoformat()
        case Word(text, _, _) | Link(text, _) | Drawing(_, text) | Code(text) | Told(text) | str(text):
            text = re.sub(_CONTROL, " ", re.sub(_TURNING, "", text))
            return f"'{text}" if _FORMULA.match(text) else text


def _marked(cell: Cell) -> str:
    text = _shown(cell) if isinstance(cell, date | int | float) else re.sub(_TURNING, "", str(_plain(cell)))
    return re.sub(r"([|\\`*_<>\[\]])", r"\\\1", text).replace("\n", " ")
