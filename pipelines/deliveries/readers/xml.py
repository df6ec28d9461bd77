"""XML: one element per record, flat below it, parsed in C; a broken file is read around its damage.

Belongs here: XML files of flat records. Document types and entities are refused before a parser sees them, nothing
outside the file is ever fetched. A sound file is parsed in one pass. When that fails, the bytes are split at the record
elements and parsed in groups that are halved until the damage stands alone, so that records before and after it load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lxml import etree

from pipelines.contracts.model import Contract
from pipelines.deliveries.codes import finding
from pipelines.deliveries.readers.result import CHANGE, Damage, FilePart, native_schema
from pipelines.deliveries.readers.text import Text, known_names, line_starts, load, recode

__all__ = ["read_xml"]

_GROUP = 512  # records parsed together when a file is broken
_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "encoding": "utf-8",
}


@dataclass
class _Collected:
    """Records gathered while parsing: a row of texts each, or the rule that rejects it."""

    names: Sequence[str]
    rows: list[list[str | None]] = field(default_factory=list)
    rules: list[str | None] = field(default_factory=list)
    refused: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place = {name: number for number, name in enumerate(self.names)}


def read_xml(path: Path, name: str, contract: Contract, *, delta: bool) -> FilePart:
    """The records of the XML file at `path`.

    Findings: ENCODING_UNKNOWN, ENCODING_OTHER, UNREADABLE (document type, wrong root, no XML), COLUMNS_REFUSED,
    COLUMNS_MISSING. Damage: RECORD-UNREADABLE, RECORD-ENCODING, RECORD-SHAPE (an element twice, or with elements in it).
    `complete` is False when the file was broken: what could not be told apart is lost.
    """
    schema = native_schema(contract, delta)
    empty = FilePart(schema.empty_table())
    text, findings = load(path, name, contract.file.encoding)
    if text is None:
        return replace(empty, findings=tuple(findings))
    if not text.data.strip():
        return empty
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", text.data, re.IGNORECASE):
        fault = finding("UNREADABLE", name, reason="it declares a document type or entities, which are not accepted")
        return replace(empty, findings=(*findings, fault))
    collected = _Collected([each for each in schema.names if each not in ("position", "line")])
    starts = _record_starts(text.data, contract.file.record)
    complete = True
    try:
        if len(text.bad):
            raise etree.XMLSyntaxError("bytes outside the encoding", 0, 0, 0)
        root = _parse_whole(recode(text.data, text.encoding), contract.file.record, collected)
        if root != contract.file.root:
            fault = finding("UNREADABLE", name, reason=f"its outermost element is not {contract.file.root}")
            return replace(empty, findings=(*findings, fault))
        if len(starts) != len(collected.rows):  # records somewhere else than below the root, or in comments
            starts = np.zeros(0, np.int64)
    except etree.XMLSyntaxError:
        complete = False
        collected = _Collected(collected.names)
        starts = _salvage(text, starts, contract, collected)
        if not collected.rows:
            fault = finding("UNREADABLE", name, reason="it is not XML, and no record could be made out in it")
            return replace(empty, findings=(*findings, fault))
    return _part(collected, starts, text, schema, contract, replace(empty, findings=tuple(findings)), name, complete)


def _parse_whole(data: bytes, record: str, collected: _Collected) -> str:
    """Collect the records of a well-formed file; the name of its outermost element."""
    depth_of_root: Any = None
    for _, element in etree.iterparse(BytesIO(data), events=("end",), **_OPTIONS):
        parent = element.getparent()
        if parent is None:
            depth_of_root = element
            for each in element.attrib:
                collected.refused[f"@{each}"] = None
        elif parent.getparent() is None:
            if element.tag == record:
                _collect(element, collected)
            else:
                collected.refused[str(element.tag)] = None
            element.clear()
            while element.getprevious() is not None:
                del parent[0]
    return "" if depth_of_root is None else str(depth_of_root.tag)


def _collect(element: Any, collected: _Collected) -> None:
    """Add one record element."""
    row: list[str | None] = [None] * len(collected.names)
    rule: str | None = None
    if element.attrib:
        collected.refused |= dict.fromkeys(f"@{each}" for each in element.attrib)
    seen = set()
    place = collected.place
    for child in element:
        tag = child.tag
        number = place.get(tag)
        if number is None:
            collected.refused[tag if isinstance(tag, str) else "an entity"] = None
            continue
        if child.attrib:
            collected.refused |= dict.fromkeys(f"{tag}/@{each}" for each in child.attrib)
        if number in seen or len(child):
            rule = "RECORD-SHAPE"
            collected.refused |= dict.fromkeys(f"{tag}/{below.tag}" for below in child if isinstance(below.tag, str))
        seen.add(number)
        row[number] = child.text or None
    collected.rows.append(row)
    collected.rules.append(rule)


def _salvage(text: Text, starts: Any, contract: Contract, collected: _Collected) -> Any:
    """Collect what can be read of a broken file; offsets of the records told apart.

    A record goes from its start tag to the first end tag, or, without one, to the next start tag (unreadable). A last
    record that is cut off, and what lies between an end tag and the next start tag, cannot be told apart and is lost.
    """
    end_tag = f"</{contract.file.record}".encode()
    hidden = [match.span() for match in re.finditer(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>", text.data, re.DOTALL)]
    offsets, pieces = [], []
    bounds = [*starts.tolist(), len(text.data)]
    bad = set(np.searchsorted(starts, text.bad, "right") - 1) if len(text.bad) else set()
    for number, start in enumerate(bounds[:-1]):
        if any(first <= start < last for first, last in hidden):
            continue
        end = text.data.find(end_tag, start, bounds[number + 1])
        close = text.data.find(b">", end, bounds[number + 1]) if end >= 0 else -1
        if close < 0 and number + 2 == len(bounds):
            continue
        offsets.append(start)
        if number in bad and close >= 0 and _bad_within(text, start, close):
            pieces.append("RECORD-ENCODING")
        else:
            pieces.append(recode(text.data[start : close + 1], text.encoding) if close >= 0 else "RECORD-UNREADABLE")
    for first in range(0, len(pieces), _GROUP):
        _parse_group(pieces[first : first + _GROUP], contract.file.record, collected)
    return np.array(offsets, np.int64)


def _parse_group(pieces: Sequence[bytes | str], record: str, collected: _Collected) -> None:
    """Collect `pieces` (records, or the rules that reject them), halving until what is damaged stands alone."""
    sound = [piece for piece in pieces if isinstance(piece, bytes)]
    try:
        parser = etree.XMLParser(**_OPTIONS)
        elements = etree.fromstring(b"<r>" + b"\n".join(sound) + b"</r>", parser) if sound else []
        if len(elements) != len(sound) or any(each.tag != record for each in elements):
            raise etree.XMLSyntaxError("records within records", 0, 0, 0)
    except etree.XMLSyntaxError:
        if len(pieces) > 1:
            half = len(pieces) // 2
            _parse_group(pieces[:half], record, collected)
            _parse_group(pieces[half:], record, collected)
            return
        pieces, elements = ["RECORD-UNREADABLE"], []
    waiting: Iterable[Any] = iter(elements)
    for piece in pieces:
        if isinstance(piece, bytes):
            _collect(next(waiting), collected)  # type: ignore[call-overload]
        else:
            collected.rows.append([None] * len(collected.names))
            collected.rules.append(piece)


def _part(
    collected: _Collected,
    starts: Any,
    text: Text,
    schema: pa.Schema,
    contract: Contract,
    empty: FilePart,
    name: str,
    complete: bool,
) -> FilePart:
    """The collected records as a table, with physical lines, the damaged ones apart."""
    count = len(collected.rows)
    lines = np.searchsorted(line_starts(text.data), starts, "right") if len(starts) else None
    good = np.array([rule is None for rule in collected.rules], bool)
    damaged: list[Damage] = [
        (number + 1, int(lines[number]) if lines is not None else None, collected.rules[number] or "")
        for number in np.flatnonzero(~good).tolist()
    ]
    columns = list(zip(*collected.rows, strict=True)) if count else [() for _ in collected.names]
    arrays = {each: pa.array(column, pa.string()) for each, column in zip(collected.names, columns, strict=True)}
    arrays["position"] = pa.array(np.arange(1, count + 1))
    arrays["line"] = pa.array(lines, pa.int64()) if lines is not None else pa.nulls(count, pa.int64())
    table = pa.Table.from_arrays([arrays[each] for each in schema.names], schema=schema)
    table = table.filter(pa.array(good)) if damaged else table
    refused = tuple(known_names(list(collected.refused)))
    findings = list(empty.findings)
    if refused:
        findings.append(finding("COLUMNS_REFUSED", name, names=", ".join(refused[:50])))
    needed = {each.name for each in contract.columns if each.required or each.key} | {CHANGE}
    absent = [each for each in collected.names if table.num_rows and table[each].null_count == table.num_rows]
    if needed.intersection(absent):
        # an element may be left out of any record; that every record lacks a required one is a fault of the extract
        findings.append(finding("COLUMNS_MISSING", name, names=", ".join(e for e in absent if e in needed)))
    return FilePart(table, damaged, complete, tuple(findings), refused)


def _record_starts(data: bytes, record: str) -> Any:
    """Offsets of the record elements' start tags."""
    pattern = re.compile(b"<" + re.escape(record.encode()) + rb"(?=[\s>/])")
    return np.array([match.start() for match in pattern.finditer(data)], np.int64)


def _bad_within(text: Text, start: int, end: int) -> bool:
    return bool(np.any((text.bad >= start) & (text.bad <= end)))
