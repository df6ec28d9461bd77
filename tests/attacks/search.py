"""The search: every file below a home and every table of its database, decoded, looked through for values of a victim.

Belongs here: how each kind of file is opened, and the list of places where a value MAY stand, each with its reason. Whatever is not in
that list holds no value of anybody. A value is found in capitals or not, with spaces or signs in it or not, and across them;
in Parquet also in dictionaries, statistics and metadata; in SQLite also in pages that were freed; in what is packed also inside.
"""

from __future__ import annotations

import gzip
import html
import io
import json
import re
import sqlite3
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from sqlalchemy import Engine, MetaData, select

__all__ = ["KINDS", "MAY_STAND", "Haystack", "Place", "may_stand", "squashed", "texts_of"]

KINDS = ("name", "carer", "home", "reach", "number", "key", "service", "refused")
"""Kinds of values: the child's names; its carers'; address, postcode and UPRN; telephone; numbers issued to it; keys of its
records; what is told of a sensitive service; what nobody may keep at all (outside the contract, set aside, without consent)."""

_WORK = frozenset({"name", "carer", "home", "reach", "number", "key"})
_NAMED = frozenset({"name"})
_KEYS = frozenset({"key", "number"})  # the key of a pupil is the number


@dataclass(frozen=True)
class Place:
    """Where values of some kinds may stand, and why."""

    pattern: str
    kinds: frozenset[str]
    why: str


MAY_STAND = (
    Place("home/deliveries/*/accepted.parquet", _WORK, "what was delivered, as judged: nights are run again from it"),
    Place("home/nights/*/live/*.parquet", _WORK, "what each feed holds: tomorrow's delta is applied to it"),
    Place("home/nights/*/person/*.parquet", _WORK, "the same in one form: matched, and shown less what is hidden"),
    Place("home/founded/*.parquet", _WORK, "what an authority took over: its children are known again by it"),
    Place("home/nights/*/inherited/*.parquet", _WORK, "the same, as far as the next night needs it"),
    Place("home/nights/*/matching/state/*.parquet", _WORK, "what the matcher compared: tomorrow only what changed is"),
    Place("home/nights/*/matching/*.parquet", _KEYS, "pairs and groups of records, by their keys"),
    Place("home/nights/*/inputs.json", _KEYS, "decisions of people, which name records by their keys"),
    Place("home/nights/*/identities/*.parquet", _KEYS, "which record is in which child, by its key"),
    Place("home/snapshots/*/children.parquet", _NAMED, "who the child is: shown of everybody"),
    Place("home/snapshots/*/names.parquet", _NAMED, "the same"),
    Place("home/snapshots/*/carers.parquet", _NAMED | {"carer"}, "carers' names are shown of a hidden child, too"),
    Place("database/child", _NAMED, "the version in force, for queries"),
    Place("database/child_name", _NAMED, "the same"),
    Place("database/carer", _NAMED | {"carer"}, "the same"),
    Place("database/decision", _KEYS, "a decision names records by their keys"),
    Place("database/reject", _KEYS, "a reject names its record by its key, for whoever corrects it"),
    Place("home/index.db*", _NAMED | {"carer"} | _KEYS, "the same tables as they lie on the disk"),
    Place("home/deliveries/*/rejected.parquet", _KEYS, "as the table reject"),
    Place("home/nights/*/faults.parquet", _KEYS, "as the table reject"),
    Place("home/reports/*/rejects.csv", _KEYS, "the same list for those who look after the data"),
    Place("landing/*/rejects.csv", _KEYS, "the supplier's own keys, told to the supplier"),
)
"""Everywhere else stands no value of anybody; the suppliers' own files in the landing place are not the product's."""


def may_stand(where: str) -> frozenset[str]:
    """The kinds of values that may stand at a place."""
    kinds = [place.kinds for place in MAY_STAND if fnmatchcase(where, place.pattern)]
    return frozenset().union(*kinds)


def squashed(text: str | bytes) -> bytes:
    """Letters and digits alone, in small letters, and what looks like them: what is compared."""
    if not text.isascii():
        text = text if isinstance(text, str) else text.decode("utf-8", "ignore")
        text = re.sub(r"[^\x00-\x7f]+", lambda strange: _looks_like(strange[0]), text)
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return data.translate(_LOWER, _SIGNS)


@lru_cache(100_000)
def _looks_like(strange: str) -> str:
    """Letters and digits as a reader takes them, in code of the search's own."""
    apart = unicodedata.normalize("NFKD", strange).translate({0x43E: "o", 0x430: "a"})
    digits = (str(unicodedata.decimal(char)) if char.isdecimal() else char for char in apart)
    return "".join(char for char in digits if char.isalnum() and char not in "\u02bc")


@dataclass
class Haystack:
    """Everything that a home, its database and the answers in its landing place hold, squashed, by place."""

    parts: dict[str, bytes] = field(default_factory=dict)
    _together: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, home: Path, landing: Path, engine: Engine, **more: str) -> Haystack:
        """Gather it; `more` are texts that lie nowhere, such as a log."""
        found = cls({name: squashed(text) for name, text in more.items()})
        for path in sorted(home.rglob("*")):
            if path.is_file() and not path.is_symlink():
                found.parts[f"home/{path.relative_to(home)}"] = b"\n".join(map(squashed, texts_of(path)))
        for name in ("ack.json", "rejects.csv"):
            for path in sorted(landing.rglob(name)):
                found.parts[f"landing/{path.relative_to(landing)}"] = b"\n".join(map(squashed, texts_of(path)))
        found.parts |= {f"database/{name}": squashed(text) for name, text in _tables(engine)}
        # names of files and folders are places too
        found.parts["names of files"] = squashed("\n".join(found.parts))
        return found

    def where(self, value: str, kind: str) -> list[str]:
        """Places where a value of a kind stands and may not."""
        assert kind in KINDS
        if kind not in self._together:
            forbidden = [part for where, part in self.parts.items() if kind not in may_stand(where)]
            self._together[kind] = b"\n".join(forbidden)
        if squashed(value) not in self._together[kind]:
            return []
        return [where for where in self.everywhere(value) if kind not in may_stand(where)]

    def everywhere(self, value: str) -> list[str]:
        """Every place where a value stands."""
        needle = squashed(value)
        assert len(needle) >= 6, "too short to be anybody's own"
        return [where for where, part in self.parts.items() if needle in part]


def texts_of(path: Path) -> Iterator[str | bytes]:
    """A file as it lies, and decoded as its name or its first bytes tell."""
    data = path.read_bytes()
    yield data
    yield from _decoded(path.name, data, path)


def _decoded(name: str, data: bytes, path: Path | None = None) -> Iterator[str | bytes]:
    if data.startswith(b"PAR1"):
        yield from _parquet(data)
    elif data.startswith(b"SQLite format 3"):
        if path is not None and path.name != "index.db":  # that one is asked through its engine
            yield from _sqlite(path)
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for member in packed.namelist():
                yield member
                yield packed.read(member)
                yield from _decoded(member, packed.read(member))
    elif data.startswith(b"\x1f\x8b"):
        inner = gzip.decompress(data)
        yield inner
        yield from _decoded(name, inner)
    elif data.startswith(b"\x28\xb5\x2f\xfd"):
        inner = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        yield inner
        yield from _decoded(name, inner)
    elif data.startswith((b"\x78\x9c", b"\x78\x01", b"\x78\xda")):
        yield zlib.decompress(data)
    elif name.endswith((".json", ".ipynb")):
        yield json.dumps(json.loads(data), ensure_ascii=False)
    elif name.endswith((".html", ".svg", ".xml")):
        yield html.unescape(data.decode("utf-8", "replace"))
    else:
        yield re.sub(rb"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), data)


def _parquet(data: bytes) -> Iterator[str | bytes]:
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        texts = [
            each.name for each in file.schema_arrow if pa.types.is_string(each.type) and _by_dictionary(file, each.name)
        ]
        yield str(file.schema_arrow) + str(file.metadata.metadata)
        for group in range(file.metadata.num_row_groups):
            for column in range(file.metadata.num_columns):
                told = file.metadata.row_group(group).column(column).statistics
                if told is not None and told.has_min_max:
                    yield f"{told.min}\n{told.max}"
        yield _text_of(file.read().to_pylist())
    with pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts) as file:  # what no row says any more, too
        for chunk in (chunk for column in file.read(texts).columns for chunk in column.chunks):
            if pa.types.is_dictionary(chunk.type):
                yield _text_of(chunk.dictionary.to_pylist())


def _by_dictionary(file: pq.ParquetFile, name: str) -> bool:
    """Whether a column is written by a dictionary, in all of the file."""
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    columns = [group.column(place) for group in groups for place in range(group.num_columns)]
    return all("RLE_DICTIONARY" in each.encodings for each in columns if each.path_in_schema == name)


def _sqlite(path: Path) -> Iterator[str]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            yield _text_of(connection.execute(f'SELECT * FROM "{name}"').fetchall())
    finally:
        connection.close()


def _tables(engine: Engine) -> Iterator[tuple[str, str]]:
    every = MetaData()
    every.reflect(engine)
    with engine.connect() as connection:
        for name, table in sorted(every.tables.items()):
            yield name, _text_of([list(row) for row in connection.execute(select(table))])


def _text_of(rows: list[Any]) -> str:
    return json.dumps(
        rows,
        ensure_ascii=False,
        default=lambda value: value.decode("latin-1") if isinstance(value, bytes) else str(value),
    )


_LOWER = bytes(range(256)).lower()
_SIGNS = bytes(each for each in range(256) if not chr(each).isalnum() or each > 127)
