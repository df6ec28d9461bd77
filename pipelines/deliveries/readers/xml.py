"""XML: one element per record, flat below it, parsed in C; a broken file is read around its damage.

Belongs here: XML files of flat records. Document types and entities are refused before a parser sees them, nothing
outside the file is ever fetched. A sound file is parsed in one pass. When that fails, the bytes are split at the record
elements and parsed in groups that are halved until the damage stands alone, so that records before and after it load.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lxml import etree

from pipelines.contracts.contract import Contract
from pipelines.deliveries.codes import finding
from pipelines.deliveries.readers.damaged_rows import key_after
from pipelines.deliveries.readers.marks_in_xml import XmlMarks
from pipelines.deliveries.readers.pieces import Indices, Pieces, relocated, whole
from pipelines.deliveries.readers.protective import refusal
from pipelines.deliveries.readers.refused_names import as_told, columns_refused, is_contracts, plainly_contracts
from pipelines.deliveries.readers.result import CHANGE, Damage, FilePart, native_schema
from pipelines.deliveries.readers.text import Text, line_starts, load, places_of, recode

__all__ = ["read_xml", "xml_pieces"]

_GATHER = 8192
_GAP = 64  # bytes between two records; more than that is no layout
_SPACE = np.frombuffer(b" \t\r\n", np.uint8)
_AFTER_NAME = np.frombuffer(b" \t\n\r\f\v>/", np.uint8)
_CLOSES = np.frombuffer(b">", np.uint8)
_GROUP = 512  # records parsed together when a file is broken
_ATTRIBUTE = re.compile(rb"<[^\s<>/?!]+\s+[^\s<>/]")
_DECLARED = re.compile(rb"""\sxmlns(?::[^\s<>=]+)?\s*=\s*(?:"[^"<]*"|'[^'<]*')""")
_PREFIXED = re.compile(rb"(</?)([^\s<>/!?:=\"']+:)([^\s<>/:=\"']+)")
_PREFIXED_ATTRIBUTE = re.compile(rb"""(\s)([^\s<>/:="']+:)([^\s<>/:="']+)(?=\s*=\s*["'])""")
_TAG_WITH_ATTRIBUTES = re.compile(rb"<[^\s<>/!?]+\s[^<>]*>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_has_elements_within = etree.XPath("boolean(*/*)")
_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "encoding": "utf-8",
}


_Piece = tuple[bytes, str | None]  # a record's text, and the rule that rejects it unread


class _BrokenError(Exception):
    """The file, or a group of its records, cannot be parsed as it stands."""


class _Collected:
    """Records gathered while parsing: their texts by column, and the rules that reject some of them.

    Texts wait in Python only until there are `_GATHER` rows, so that memory does not grow with the file.
    """

    def __init__(self, names: Sequence[str], attributes: bool, contract: Contract) -> None:
        self.names = names
        self.marks = XmlMarks(contract)
        self.lost: list[dict[str, str]] = []  # of records that cannot be told apart, what could be made out
        self.known = frozenset(names)
        self.attributes = attributes  # whether the file has any: looking for them at each element is costly
        self.rules: list[str | None] = []
        self.plain: list[bool] = []  # nothing is in it but elements of the contract, each once and of text alone
        self.refused: dict[str, None] = {}
        self._waiting: list[list[str | None]] = []
        self._tables: list[pa.Table] = []

    def add(self, row: list[str | None], rule: str | None, *, plain: bool = False) -> None:
        """One record: its texts in order of `names`, and the rule that rejects it or None."""
        self._waiting.append(row)
        self.rules.append(rule)
        self.plain.append(plain)
        if len(self._waiting) >= _GATHER:
            self._gather()

    def lose(self, text: Text, begin: int, end: int) -> None:
        """What lies between two records may be one whose tags are damaged: what can be made out of it, if it asks."""
        raw = text.data[begin:end]
        if self.marks.columns and raw.strip():
            self.lost.append(self.marks.torn(_COMMENT.sub("", recode(raw, text.encoding).decode())))

    def table(self) -> pa.Table:
        """All records as text columns."""
        self._gather()
        return pa.concat_tables(self._tables)

    def _gather(self) -> None:
        columns = list(zip(*self._waiting, strict=True)) if self._waiting else [() for _ in self.names]
        self._tables.append(pa.table([pa.array(each, pa.string()) for each in columns], names=list(self.names)))
        self._waiting.clear()


def read_xml(path: Path, name: str, contract: Contract, *, delta: bool) -> FilePart:
    """The records of the XML file at `path`.

    Findings: ENCODING_UNKNOWN, ENCODING_OTHER, UNREADABLE (document type, wrong root, no XML), COLUMNS_REFUSED,
    COLUMNS_MISSING, PROTECTION_UNREADABLE. Damage: RECORD-UNREADABLE, RECORD-ENCODING, RECORD-SHAPE (an element twice
    or nested).
    `complete` is False when the file was broken: what could not be told apart is lost.
    """
    return xml_pieces(path, name, contract, delta=delta).all()


def xml_pieces(path: Path, name: str, contract: Contract, *, delta: bool) -> Pieces:
    """The same file with its records told apart, where they stand one after the other and nothing but space is between them."""
    schema = native_schema(contract, delta)
    empty = FilePart(schema.empty_table())
    text, findings = load(path, name, contract.file.encoding)
    if any(each.severity == "refuse" for each in findings):
        return whole(replace(empty, findings=tuple(findings), salvaged=_overheard(text, contract, schema)))
    if not text.data.strip():
        return whole(empty)
    if b"!" in text.data and re.search(rb"<!\s*(DOCTYPE|ENTITY)", text.data, re.IGNORECASE):
        fault = finding("UNREADABLE", name, reason="it declares a document type or entities, which are not accepted")
        return whole(replace(empty, findings=(*findings, fault), salvaged=_overheard(text, contract, schema)))
    text = replace(text, data=_without_namespaces(text.data))
    empty = replace(empty, findings=tuple(findings))
    starts = _record_starts(text.data, contract.file.record)
    ends = _record_ends(text, starts, contract.file.record)

    def read(chosen: Indices | None) -> FilePart | None:
        if chosen is None:
            return _read(text, starts, name, contract, empty, schema)
        told, begin = _only(text, starts, ends, chosen)
        part = _read(told, begin, name, contract, empty, schema, len(starts))
        # what is told of elements outside the contract, and of those that no record has, may depend on the others
        as_whole = part.complete and part.rows == len(chosen)
        as_whole = as_whole and (not part.refused or plainly_contracts(part.records, contract))
        if not as_whole or any(each.code in ("UNREADABLE", "COLUMNS_MISSING") for each in part.findings):
            return None
        return relocated(part, chosen, lines, len(starts))

    sure = np.ones(len(ends), bool)
    starts_told = starts[: len(ends)]
    lines = np.searchsorted(line_starts(text.data), starts_told, "right")
    return Pieces(read, sure, text.data, starts_told, ends, lines, b"xml " + text.encoding.encode())


def _read(
    text: Text, starts: Any, name: str, contract: Contract, empty: FilePart, schema: pa.Schema, total: int = 0
) -> FilePart:
    """The records of `text`, whose start tags are at `starts`; `total` are those of the file, where these are only some."""
    names = [each for each in schema.names if each not in ("position", "line")]
    attributes = _ATTRIBUTE.search(text.data) is not None
    collected = _Collected(names, attributes, contract)
    complete = True
    try:
        root = _parse_whole(text, contract.file.record, collected)
        if root != contract.file.root:
            fault = finding("UNREADABLE", name, reason=f"its outermost element is not {contract.file.root}")
            overheard = _overheard(text, contract, schema)
            return replace(empty, findings=(*empty.findings, fault), salvaged=overheard)
        if len(starts) != len(collected.rules):  # records somewhere else than below the root, or in comments
            starts = np.zeros(0, np.int64)
    except (etree.XMLSyntaxError, _BrokenError):
        complete = False
        collected = _Collected(names, attributes, contract)
        starts = _salvage(text, starts, contract, collected)
        if not collected.rules:
            fault = finding("UNREADABLE", name, reason="it is not XML, and no record could be made out in it")
            return replace(empty, findings=(*empty.findings, fault), salvaged=_lost(collected, schema))
    return _part(collected, starts, text, schema, contract, empty, name, complete, max(total, len(collected.rules)))


def _only(text: Text, starts: Any, ends: Any, chosen: Indices) -> tuple[Text, Any]:
    """Some of the records between the beginning and the end of the file, and where they start there."""
    pairs = zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True)
    pieces = [text.data[: starts[0]], *(text.data[one:other] + b"\n" for one, other in pairs), text.data[ends[-1] :]]
    lengths = np.array([len(each) for each in pieces], np.int64)
    return replace(text, data=b"".join(pieces)), np.cumsum(lengths)[:-2]


def _record_ends(text: Text, starts: Any, record: str) -> Any:
    """Where the record that begins at each of `starts` ends; of none, when they cannot be told apart by their tags for certain.

    Between the first and the last there must be neither comments nor the like, in which a tag may be text, and between two nothing
    but space. Whether they stand below the root, and what is around them is XML, is seen by whoever parses some of them.
    """
    data = text.data
    tag = f"</{record}".encode()
    closing = places_of(data, tag)
    ends = _followed(data, closing, len(tag), _CLOSES) + len(tag) + 1
    none = np.zeros(0, np.int64)
    if len(ends) != len(closing) and len(_followed(data, closing, len(tag), _SPACE)):  # </Pupil >
        return none
    if len(text.bad) or not len(starts) or len(starts) != len(ends) or np.any(ends <= starts):
        return none
    gaps = starts[1:] - ends[:-1]
    if np.any(gaps < 0) or np.max(gaps, initial=0) > _GAP:
        return none
    for sign in (b"!", b"?"):  # a single sign is found much faster than two
        if data.find(sign, int(starts[0])) >= 0 and data.find(b"<" + sign, int(starts[0]), int(ends[-1])) >= 0:
            return none
    view = np.frombuffer(data, np.uint8)
    for step in range(int(np.max(gaps, initial=0))):
        if not np.isin(view[ends[:-1][gaps > step] + step], _SPACE).all():
            return none
    return ends


def _without_namespaces(data: bytes) -> bytes:
    """The file as if its elements stood in no namespace, each byte that stays where it was: their local names are the contract's."""
    if b"xmlns" not in data:
        return data
    data = _DECLARED.sub(lambda found: re.sub(rb"[^\r\n]", b" ", found[0]), data)
    data = _PREFIXED.sub(lambda found: found[1] + found[3] + b" " * len(found[2]), data)
    if _PREFIXED_ATTRIBUTE.search(data):
        data = _TAG_WITH_ATTRIBUTES.sub(
            lambda tag: _PREFIXED_ATTRIBUTE.sub(lambda found: found[1] + found[3] + b" " * len(found[2]), tag[0]),
            data,
        )
    return data


def _parse_whole(text: Text, record: str, collected: _Collected) -> str:
    """Collect the records of a well-formed file; the name of its outermost element."""
    if len(text.bad):
        raise _BrokenError
    parsing = etree.iterparse(BytesIO(recode(text.data, text.encoding)), events=("end",), tag=record, **_OPTIONS)
    for _, element in parsing:
        parent = element.getparent()
        if parent is None or parent.getparent() is not None:
            continue  # not a record: it lies within one, or is the outermost element itself
        _collect(element, collected)
        element.clear()
        while (before := element.getprevious()) is not None:
            if before.tag != record:
                collected.refused[str(before.tag)] = None
            parent.remove(before)
    root = parsing.root
    collected.refused |= dict.fromkeys(str(below.tag) for below in root if below.tag != record)
    collected.refused |= dict.fromkeys(f"@{each}" for each in root.attrib)
    return str(root.tag)


def _collect(element: Any, collected: _Collected) -> None:
    """Add one record element."""
    texts = {child.tag: child.text for child in element}
    rule: str | None = None
    plain = True
    if not texts.keys() <= collected.known:
        plain = False
        names = [tag if isinstance(tag, str) else "an entity" for tag in texts if tag not in collected.known]
        collected.refused |= dict.fromkeys(names)
    if len(texts) != len(element) or _has_elements_within(element):
        plain = False
        rule = _misshapen(element, collected)
    if collected.marks.columns and (rule or collected.attributes or not texts.keys() <= collected.known):
        texts |= collected.marks.unclear(element)
    if collected.attributes:
        plain = plain and not element.attrib and not any(child.attrib for child in element)
        collected.refused |= dict.fromkeys(f"@{each}" for each in element.attrib)
        for child in element:
            if child.attrib and child.tag in collected.known:
                collected.refused |= dict.fromkeys(f"{child.tag}/@{each}" for each in child.attrib)
    collected.add([texts.get(name) for name in collected.names], rule, plain=plain)


def _misshapen(element: Any, collected: _Collected) -> str | None:
    """RECORD-SHAPE when an element of the contract occurs twice or has elements within; those are named."""
    known = [child for child in element if child.tag in collected.known]
    for child in known:
        tags = [below.tag for below in child if isinstance(below.tag, str)]
        collected.refused |= dict.fromkeys(f"{child.tag}/{tag}" for tag in tags)
    if len({child.tag for child in known}) < len(known) or any(len(child) for child in known):
        return "RECORD-SHAPE"
    return None


def _salvage(text: Text, starts: Any, contract: Contract, collected: _Collected) -> Any:
    """Collect what can be read of a broken file; offsets of the records told apart.

    A record goes from its start tag to the first end tag, or, without one, to the next start tag (unreadable). A last
    record that is cut off, and what lies between an end tag and the next start tag, cannot be told apart and is lost,
    but for what it asks for.
    """
    end_tag = f"</{contract.file.record}".encode()
    hidden = [match.span() for match in re.finditer(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>", text.data, re.DOTALL)]
    offsets: list[int] = []
    pieces: list[_Piece] = []
    bounds = [*starts.tolist(), len(text.data)]
    bad = set(np.searchsorted(starts, text.bad, "right") - 1) if len(text.bad) else set()
    after = 0
    for number, start in enumerate(bounds[:-1]):
        if any(first <= start < last for first, last in hidden):
            continue
        collected.lose(text, after, start)
        end = text.data.find(end_tag, start, bounds[number + 1])
        close = text.data.find(b">", end, bounds[number + 1]) if end >= 0 else -1
        raw = recode(text.data[start : close + 1 if close >= 0 else bounds[number + 1]], text.encoding)
        after = close + 1 if close >= 0 else bounds[number + 1]
        if close < 0 and number + 2 == len(bounds):
            collected.lost.append(collected.marks.torn(raw.decode()))
            continue
        offsets.append(start)
        if number in bad and close >= 0 and _bad_within(text, start, close):
            pieces.append((raw, "RECORD-ENCODING"))
        else:
            pieces.append((raw, None if close >= 0 else "RECORD-UNREADABLE"))
    collected.lose(text, after, len(text.data))
    for first in range(0, len(pieces), _GROUP):
        _parse_group(pieces[first : first + _GROUP], contract.file.record, collected)
    return np.array(offsets, np.int64)


def _parse_group(pieces: Sequence[_Piece], record: str, collected: _Collected) -> None:
    """Collect `pieces` (records, with the rules that reject some of them), halving until what is damaged stands alone."""
    try:
        elements = _elements([raw for raw, rule in pieces if rule is None], record)
    except (etree.XMLSyntaxError, _BrokenError):
        if len(pieces) > 1:
            half = len(pieces) // 2
            _parse_group(pieces[:half], record, collected)
            _parse_group(pieces[half:], record, collected)
            return
        pieces, elements = [(pieces[0][0], "RECORD-UNREADABLE")], []
    waiting = iter(elements)
    for raw, rule in pieces:
        if rule is None:
            _collect(next(waiting), collected)
        else:
            texts = collected.marks.torn(raw.decode()) if collected.marks.columns else {}
            collected.add([texts.get(name) for name in collected.names], rule)


def _elements(sound: Sequence[bytes], record: str) -> Sequence[Any]:
    """The record elements of `sound`, one each."""
    elements: Any = etree.fromstring(b"<r>" + b"\n".join(sound) + b"</r>", etree.XMLParser(**_OPTIONS))
    if len(elements) != len(sound) or any(each.tag != record for each in elements):
        raise _BrokenError
    return list(elements)


def _part(
    collected: _Collected,
    starts: Any,
    text: Text,
    schema: pa.Schema,
    contract: Contract,
    empty: FilePart,
    name: str,
    complete: bool,
    total: int,
) -> FilePart:
    """The collected records, of `total` of the file, as a table, with physical lines, the damaged ones apart."""
    count = len(collected.rules)
    lines = np.searchsorted(line_starts(text.data), starts, "right") if len(starts) else None
    good = np.array([rule is None for rule in collected.rules], bool)
    damaged: list[Damage] = [
        (number + 1, int(lines[number]) if lines is not None else None, collected.rules[number] or "")
        for number in np.flatnonzero(~good).tolist()
    ]
    ends = np.append(starts[1:], len(text.data)) if lines is not None else starts
    raws = {
        place: recode(text.data[starts[place - 1] : ends[place - 1]], text.encoding).decode()
        for place, line, _ in damaged
        if line is not None
    }
    made_out = {place: key_after(raw, contract, "<{0}>([^<]+)</{0}>") for place, raw in raws.items()}
    keys = {place: key for place, key in made_out.items() if key}
    texts = collected.table()
    arrays = {
        "position": pa.array(np.arange(1, count + 1)),
        "line": pa.array(lines, pa.int64()) if lines is not None else pa.nulls(count, pa.int64()),
        **{each: texts[each] for each in collected.names},
    }
    table = pa.Table.from_arrays([arrays[each] for each in schema.names], schema=schema)
    salvaged = pa.concat_tables([table.filter(pa.array(~good)), _lost(collected, schema)])
    table = table.filter(pa.array(good)) if damaged else table
    seen = [each for each in collected.names if texts[each].null_count < count]
    known = is_contracts(seen, contract, all_named=False)
    refused = as_told(dict(enumerate(collected.refused, 1)), contract, known=known)
    misspelled = [column for column, records in collected.marks.misspelled.items() if records * 2 > total]
    findings = [*empty.findings, *refusal(misspelled, name)]
    findings += columns_refused(refused, name)
    needed = {each.name for each in contract.columns if each.required or each.key} | {CHANGE}
    absent = [each for each in collected.names if table.num_rows and table[each].null_count == table.num_rows]
    if needed.intersection(absent):
        # an element may be left out of any record; that every record lacks a required one is a fault of the extract
        findings.append(finding("COLUMNS_MISSING", name, names=", ".join(e for e in absent if e in needed)))
    plain = np.array(collected.plain, bool)[good] & complete
    return FilePart(table, damaged, complete, tuple(findings), refused, salvaged, keys, plain=plain)


def _lost(collected: _Collected, schema: pa.Schema) -> pa.Table:
    """What could be made out of records that cannot be told apart and ask: without position and line."""
    return pa.Table.from_pylist([texts for texts in collected.lost if texts], schema=schema)


def _overheard(text: Text, contract: Contract, schema: pa.Schema) -> pa.Table:
    """What could be made out of the records of a file that is refused as a whole and not parsed, as far as they ask."""
    marks = XmlMarks(contract)
    if not marks.columns:
        return schema.empty_table()
    bounds = [*_record_starts(text.data, contract.file.record).tolist(), len(text.data)]
    raws = (recode(text.data[first:last], text.encoding).decode() for first, last in pairwise(bounds))
    found = [{"position": number, **marks.torn(raw)} for number, raw in enumerate(raws, 1)]
    return pa.Table.from_pylist([texts for texts in found if len(texts) > 1], schema=schema)


def _record_starts(data: bytes, record: str) -> Any:
    """Offsets of the record elements' start tags."""
    tag = f"<{record}".encode()
    return _followed(data, places_of(data, tag), len(tag), _AFTER_NAME)


def _followed(data: bytes, places: Any, length: int, by: Any) -> Any:
    """Those of `places` at which a word of this length is followed by one of these bytes."""
    after = places + length
    there = after < len(data)
    places, after = places[there], after[there]
    return places[np.isin(np.frombuffer(data, np.uint8)[after], by)]


def _bad_within(text: Text, start: int, end: int) -> bool:
    return bool(np.any((text.bad >= start) & (text.bad <= end)))
