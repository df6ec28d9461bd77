"""Marks that protect in JSON documents: what is of the wrong kind, under another name, given twice, or somewhere else.

Belongs here: telling documents whose marks are plain by their structure, and rewriting the few others so that an unclear mark
is `UNCLEAR` under its proper name. Not here: telling documents apart, and all other content (`jsonl`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.contracts.contract import Column
from pipelines.contracts.vocabulary import NAMING
from pipelines.deliveries.readers.protective import (
    ASKING,
    BETWEEN_NUMBERS,
    UNCLEAR,
    WALLS,
    is_blank,
    meant,
    put_right,
    says_no,
)

__all__ = [
    "Pairs",
    "documents_over_lines",
    "has_plain_marks",
    "misspelled",
    "parsed",
    "rewritten",
    "salvaged_documents",
    "wraps_a_record",
]

_LONGEST = 1 << 24  # characters of a broken document that are looked at
_QUOTED_KEY = r"""(?:"([^"{}\[\]:,]{1,80})"|'([^'{}\[\]:,]{1,80})')"""
_KEY = re.compile(
    rf"""{_QUOTED_KEY}(?:\s{{0,99}}[:=]\s{{0,99}}|\s{{0,99}}(?=["'{{\[]|(?:true|yes|null|none|false|\d+)\b))|([^\W\d][\w \-.]{{0,80}})["']?\s{{0,99}}[:=]\s{{0,99}}""",
    re.IGNORECASE,
)
"""A key, also where its first quotation mark or its colon is missing."""
_CURLY = str.maketrans({**dict.fromkeys("“”„‟″«»＂", '"'), **dict.fromkeys("‘’‚‛′＇", "'"), "：": ":"})
_BLANKS = re.compile(r"\s*")
_START = re.compile(r"[\[{]")
_WRAPPED = 4  # how often a document may stand in a text within itself
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_ESCAPED = re.compile(r'\\(["\\/])')
_STRING = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"?|'((?:[^'\\]|\\.)*)'?)""")
_EMPTY = re.compile(r"""(null|none|false|\{\s*\}|""|'')\s*[,}\]]""", re.IGNORECASE)
_NOT = r"""\{{\s*\\*["']?(?:{})\\*["']?\s*[:=]\s*(?:false|null|none)\s*\}}"""
_SCALARS = ("BOOLEAN", "VARCHAR", "BIGINT", "UBIGINT", "DOUBLE", "HUGEINT", "UHUGEINT", "DECIMAL", "NULL")
Document = dict[str, Any]


class Pairs(tuple[tuple[str, Any], ...]):
    """A JSON object with every key as often as it stands there."""

    def every(self, name: str) -> list[Any]:
        """The values under that key."""
        return [value for key, value in self if key == name]


def parsed(document: str) -> Any:
    """The value of a document: objects as `Pairs`, numbers as text.

    Raises:
        ValueError, RecursionError: when it is not JSON, or too deep.
    """
    return json.loads(document, strict=False, object_pairs_hook=Pairs, parse_float=str, parse_int=str)


def has_plain_marks(structure: Any, columns: Sequence[Column]) -> bool:
    """Whether the marks of documents of this structure (DuckDB's) are plain, keys given twice left aside."""
    if not isinstance(structure, dict):
        return False
    known = {column.name: column for column in columns}
    keys = {column.name for column in columns if column.key}
    if not keys & structure.keys() and any(name not in known for name in structure):
        return False  # the record may stand within, or its names may be written otherwise
    asking = [column for column in columns if column.concept in ASKING]
    for name, kind in structure.items():
        column = known.get(name)
        if column is None and meant(name, _protective(columns), beginning=True):
            return False
        if column is not None and column.protects:
            if not _plain_kind(kind, column):
                return False
        elif not _plain_below(kind, column, asking):
            return False
    return True


def misspelled(structure: Any, columns: Sequence[Column]) -> set[str]:
    """The protective columns that documents of this structure spell otherwise."""
    known = {column.name for column in columns}
    names = structure if isinstance(structure, dict) else {}
    found = (meant(name, _protective(columns)) for name in names if name not in known)
    return {column.name for column in found if column is not None}


def rewritten(document: Pairs, columns: Sequence[Column]) -> Document:
    """The document with each unclear mark as `UNCLEAR` under its proper name, and each key once, as it came first.

    The numbers of records to be walled off are brought together, under whatever name that was meant and as a list too.
    """
    known = {column.name for column in columns}
    result = dict(reversed(document))
    for column in _protective(columns):
        own = document.every(column.name)
        others = [
            value
            for name, value in document
            if name not in known and meant(name, [column], beginning=not own) is not None
        ]
        if column.concept in ASKING:
            others += _elsewhere(document, columns, column)
        if column.concept == WALLS:
            if told := [*own, *others]:
                result[column.name] = _numbers(told) or None
            continue
        word = _word(own[0], column) if len(own) == 1 else "no" if _all_no(own, column) else "unclear"
        if word == "unclear" or (word == "no" and not _all_no(others, column)):
            result[column.name] = _unclear(column)
    for column in columns:
        protective = _protective(column.items)
        if column.logical == "array" and protective and isinstance(result.get(column.name), list):
            result[column.name] = [
                _item(each, column, protective) if isinstance(each, Pairs) else each for each in result[column.name]
            ]
    return _plain(result)


def salvaged_documents(text: str, columns: Sequence[Column]) -> Iterator[Document]:
    """What could be made out of a damaged line, in the shape of a file's records: usually one record."""
    text = text.replace("\0", "")  # also between the letters of a name: what is read as one encoding and is another
    for reading in _readings(text[:_LONGEST], columns):
        try:
            value = _opened(parsed(reading), columns)
            for document in value if isinstance(value, list) else [value]:
                for record in _records_in(document, columns):
                    told = _of(rewritten(record, columns), columns)
                    yield {column.name: _native(each, column) for column, each in told}
        except (ValueError, RecursionError):
            if guesses := list(_torn(reading, columns)):
                yield from guesses
                return
        else:
            return


def documents_over_lines(text: str, columns: Sequence[Column]) -> list[Document]:
    """The records of a text whose documents do not end with their lines, in the shape of a file's records; none where it is no JSON either."""
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=Pairs, parse_float=str, parse_int=str)
    found: list[Document] = []
    place, text = 0, text[:_LONGEST]
    while start := _START.search(text, place):
        try:
            value, place = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            break
        for document in value if isinstance(value, list) else [value]:
            for record in _records_in(document, columns):
                told = _of(rewritten(record, columns), columns)
                found.append({column.name: _native(each, column) for column, each in told})
    return found


def _readings(text: str, columns: Sequence[Column]) -> list[str]:
    """A damaged text as it stands and, where that shows more of the contract's names as keys, without its escapes and curly marks first."""
    name = re.compile(rf"""["'](?:{"|".join(re.escape(column.name) for column in columns)})["']\s*:""")
    told = [(len(name.findall(text)), text)]
    for _ in range(_WRAPPED):
        escaped, before = '\\"' in text, text
        text = _ESCAPED.sub(r"\1", text.strip().removeprefix('"')) if escaped else text.translate(_CURLY)
        if text == before:
            break
        if (shown := len(name.findall(text))) > told[0][0]:
            told.insert(0, (shown, text))
    return [each for _, each in told]


def _opened(value: Any, columns: Sequence[Column]) -> Any:
    """The document that a text holds, and the record that a list of keys and values is."""
    for _ in range(_WRAPPED):
        if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", '"')):
            break
        value = parsed(value)
    told = _as_record(value, columns)
    if told is not None:
        return told
    if isinstance(value, list):
        return [_opened(each, columns) if isinstance(each, (str, list)) else each for each in value]
    return value


def _as_record(value: Any, columns: Sequence[Column]) -> Pairs | None:
    """The object that was meant by a list of pairs, or of objects with a key and a value each, that has a key of a record or asks."""
    if not isinstance(value, list) or not value:
        return None
    pairs = []
    for each in value:
        parts = [part for _, part in each] if isinstance(each, Pairs) else each
        if not isinstance(parts, list) or len(parts) != 2:
            return None
        key = next((number for number, part in enumerate(parts) if _is_name(part, columns)), 0)
        pairs.append((str(parts[key]), parts[1 - key]))
    wanted = {column.name for column in columns if column.key or column.concept in ASKING}
    return Pairs(pairs) if wanted & {name for name, _ in pairs} else None


def _is_name(value: Any, columns: Sequence[Column]) -> bool:
    return isinstance(value, str) and any(column.name == value for column in columns)


def wraps_a_record(document: Pairs, columns: Sequence[Column]) -> bool:
    """Whether a document has no key of a record, and an object within it, under a name that the contract does not know, has."""
    return _records_in(document, columns)[0] is not document


def _records_in(document: Any, columns: Sequence[Column]) -> list[Pairs]:
    """The document, when it has a record's key, in whatever capitals, or nothing within it has; else the objects within it that have."""
    if not isinstance(document, Pairs):
        return []
    known, keys = {column.name for column in columns}, {column.name for column in columns if column.key}
    found: list[Pairs] = []
    if not keys & dict(document).keys() and keys & dict(righted := _righted(document, columns)).keys():
        return [righted]
    waiting = [] if keys & dict(document).keys() else [value for name, value in document if name not in known]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            told = _as_record(value, columns)
            waiting += value if told is None else [told]
        elif isinstance(value, Pairs):
            inside = dict(value)
            if keys & inside.keys():
                found.append(value)
            else:
                waiting += inside.values()
    return found or [document]


def _righted(value: Any, columns: Sequence[Column]) -> Any:
    """The value with the contract's names for those that differ from them in capitals, blanks and signs alone, at every depth."""
    if isinstance(value, list):
        return [_righted(each, columns) for each in value]
    if not isinstance(value, Pairs):
        return value
    items = {column.name: column.items for column in columns}
    names = put_right([name for name, _ in value], items)
    return Pairs((name, _righted(each, items.get(name, ()))) for name, (_, each) in zip(names, value, strict=True))


def _protective(columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if column.protects]


# --- structures


def _plain_kind(kind: Any, column: Column) -> bool:
    if kind == "NULL":
        return True
    if column.logical == "object":
        items = {item.name: item for item in column.items}
        return (
            isinstance(kind, dict)
            and kind.keys() <= items.keys()
            and all(_plain_kind(each, items[name]) for name, each in kind.items())
        )
    return bool(kind == "BOOLEAN") if column.logical == "flag" else kind in _SCALARS


def _plain_below(kind: Any, column: Column | None, asking: Sequence[Column]) -> bool:
    """Whether nothing within a value was meant to be a protective column."""
    if kind == "JSON":  # empty, or of several kinds: what is within does not show
        return False
    if isinstance(kind, list):
        return all(_plain_below(each, column, asking) for each in kind)
    if not isinstance(kind, dict):
        return True
    items = {item.name: item for item in (column.items if column else ())}
    protective = _protective(tuple(items.values()))
    for name, each in kind.items():
        item = items.get(name)
        if item is None and (_is_one_of(name, asking) or meant(name, protective)):
            return False
        if not (_plain_kind(each, item) if item is not None and item.protects else _plain_below(each, item, asking)):
            return False
    return True


def _is_one_of(name: str, columns: Sequence[Column]) -> bool:
    return any(column.name == name for column in columns) or meant(name, columns) is not None


# --- documents


def _word(value: Any, column: Column) -> str:
    """What is said: ``yes``, ``no`` or ``unclear``."""
    if value is None or value is False or (isinstance(value, str) and is_blank(value)) or value == Pairs():
        return "no" if value is not False or column.logical != "text" else "unclear"
    if column.logical != "object":
        if isinstance(value, (Pairs, list)):
            return "unclear"
        if column.logical == "flag":
            return {"true": "yes", "false": "no"}.get(_text(value), "unclear")
        return "no" if says_no(_text(value), column) else "yes"
    if not isinstance(value, Pairs):
        return "unclear"
    names, given = [name for name, _ in value], dict(value)
    if len(set(names)) < len(names) or not set(names) <= {item.name for item in column.items}:
        return "unclear"
    if any(isinstance(each, (Pairs, list)) for each in given.values()):
        return "unclear"
    requested = next((item.name for item in column.items if item.concept == "shield.requested"), "")
    said = given.pop(requested, None)
    if isinstance(said, bool):
        return "yes" if said else "no"
    blank = all(each is None or is_blank(_text(each)) for each in (said, *given.values()))
    return "no" if blank else "unclear"


def _numbers(values: Sequence[Any]) -> str:
    """Every number that is told, each once; `UNCLEAR` among them for what is none."""
    told: dict[str, None] = {}
    for value in values:
        for each in value if isinstance(value, list) else [value]:
            if each is not None and each != Pairs():
                text = UNCLEAR if isinstance(each, (Pairs, list, bool)) else _text(each).strip()
                told |= {} if is_blank(text) else {text: None}
    return BETWEEN_NUMBERS.join(told)


def _all_no(values: Sequence[Any], column: Column) -> bool:
    return all(_word(value, column) == "no" for value in values)


def _unclear(column: Column) -> Any:
    if column.logical != "object":
        return UNCLEAR
    return {item.name: UNCLEAR for item in column.items if item.concept == "shield.requested"}


def _elsewhere(document: Pairs, columns: Sequence[Column], column: Column) -> Iterator[Any]:
    """What is said in other objects of the document under a name that was meant to be the column's."""
    known = {each.name: each for each in columns}
    waiting = [(value, known.get(name)) for name, value in document if not (name in known and known[name].protects)]
    while waiting:
        value, at = waiting.pop()
        if isinstance(value, list):
            waiting += [(each, at) for each in value]
        elif isinstance(value, Pairs):
            items = {item.name: item for item in (at.items if at else ())}
            for name, each in value:
                if name not in items and _is_one_of(name, [column]):
                    yield each
                waiting.append((each, items.get(name)))


def _item(element: Pairs, column: Column, protective: Sequence[Column]) -> Document:
    """An element of a list: a flag that is not plainly there once is unclear, any other mark is none."""
    known = {item.name for item in column.items}
    result = dict(reversed(element))
    for item in protective:
        own = element.every(item.name)
        spelled = any(meant(name, [item]) for name, _ in element if name not in known)
        plain = len(own) <= 1 and not spelled and all(each is None or _plain_value(each, item) for each in own)
        if not plain:
            result[item.name] = UNCLEAR if item.logical == "flag" else None
    return result


def _plain_value(value: Any, item: Column) -> bool:
    return isinstance(value, bool if item.logical == "flag" else str)


def _plain(value: Any) -> Any:
    """`value` without pairs: of a key that stands there twice the first."""
    if isinstance(value, Pairs):
        value = dict(reversed(value))
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


# --- damaged documents


def _of(document: Document, columns: Sequence[Column]) -> Iterator[tuple[Column, Any]]:
    yield from ((column, document[column.name]) for column in columns if column.name in document)


def _native(value: Any, column: Column) -> Any:
    """A value in the contract's shape, as far as it has it."""
    if column.logical == "object":
        if not isinstance(value, dict):
            return None
        return {item.name: _native(each, item) for item, each in _of(value, column.items)}
    if column.logical == "array":
        values = value if isinstance(value, list) else [value]
        if not column.items:
            return [_text(each) for each in values if not isinstance(each, (dict, list)) and each is not None]
        found = [each for each in values if isinstance(each, dict)]
        return [{item.name: _native(part, item) for item, part in _of(each, column.items)} for each in found]
    return None if value is None or isinstance(value, (dict, list)) else _text(value)


def _text(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    return text.encode(errors="replace").decode()  # half a character is none


def _torn(text: str, columns: Sequence[Column]) -> Iterator[Document]:
    """A guess at a document that cannot be parsed; none when it does not ask."""
    asking = [column for column in _protective(columns) if column.concept in ASKING]
    text = _ESCAPE.sub(lambda escape: chr(int(escape.group(1), 16)), text)
    marks: Document = {}
    for key in _KEY.finditer(text):
        name = next(each for each in key.groups() if each).strip()
        column = next((each for each in asking if each.name == name), None) or meant(name, asking, beginning=True)
        if column is not None and not _seen_as_no(text, key.end(), column):
            marks[column.name] = _unclear(column)
    if marks:
        yield {column.name: guess for column in columns if (guess := _guess(text, column)) is not None} | marks


def _seen_as_no(text: str, start: int, column: Column) -> bool:
    start = _BLANKS.match(text, start).end()  # type: ignore[union-attr]
    requested = "|".join(re.escape(item.name) for item in column.items if item.concept == "shield.requested")
    if _EMPTY.match(text, start) or (requested and re.compile(_NOT.format(requested), re.I).match(text, start)):
        return True
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=Pairs)
    try:
        value, _ = decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    return _word(value, column) == "no"


def _guess(text: str, column: Column) -> Any:
    """The values that stand behind the column's name, or its items', wherever that is."""
    if column.logical == "object":
        found = {item.name: guess for item in column.items if (guess := _guess(text, item)) is not None}
        return found or None
    if column.logical == "array" and column.items:
        return [{item.name: each} for item in column.items if item.concept in NAMING for each in _behind(text, item)]
    if column.logical == "array":
        lists = re.findall(rf"{_named(column)}\[([^\]]*)", text)
        return [_unescaped(one or other) for inside in lists for one, other in _STRING.findall(inside)]
    return next(iter(_behind(text, column)), None) if column.key or column.concept in NAMING else None


def _behind(text: str, column: Column) -> list[str]:
    found = re.findall(rf"{_named(column)}(?:{_STRING.pattern}|(\d[\d.]*))", text)
    return [_unescaped(one or other) or number for one, other, number in found]


def _named(column: Column) -> str:
    name = re.escape(column.name)
    return rf"""(?:(?<![\w"'])["']?{name}["']?\s*[:=]\s*|["']{name}["']\s*(?=["'{{\[\d])|["']{name}\s*[:=]\s*)"""


def _unescaped(text: str) -> str:
    try:
        return _text(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return _text(text)
