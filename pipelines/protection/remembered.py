"""What was worked out before, by a keyed digest of what it was worked out from: it spares work and changes no result.

Belongs here: the store of it, a few tables for an authority that may be removed at any time, and what is at hand within one run. Not here:
what is worked out (`tokens`).

A row is found again by the digest of the very values it was made of, under a key that is made of the program's own text too: what is kept is
never out of date, and whoever takes it may take it for any night. Nothing in it can be read. A table that is not what was
written there is none. What is at hand lies beside the very tables that it was made of, and is never written down.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.privacy.secret import key_for
from pipelines.tables import read_table, write_bytes, write_table

__all__ = [
    "AtHand",
    "at_hand",
    "have_at_hand",
    "keep",
    "keeps",
    "key_of",
    "recall",
    "remembering",
    "run_remembered",
    "told_apart",
]


@dataclass(frozen=True)
class _Memory:
    folder: Path
    keeps: bool


@dataclass(frozen=True)
class AtHand:
    """What was worked out last, and of what.

    Attributes:
        key: the key under which it would be remembered (`key_of`): another secret or another program makes something else of the same.
        inputs: the tables that it was made of, with the columns that it was made of.
        found: what was made.
    """

    key: str
    inputs: tuple[pa.Table, ...]
    found: pa.Table

    def is_of(self, key: str, inputs: Sequence[pa.Table]) -> bool:
        """Whether it was made of the same values in the same order."""
        return self.key == key and all(own.equals(other) for own, other in zip(self.inputs, inputs, strict=True))

    def is_alike(self, key: str, inputs: Sequence[pa.Table]) -> bool:
        """Whether the same would be made of the same rows: these tables may be compared with those it was made of."""
        pairs = zip(self.inputs, inputs, strict=True)
        return self.key == key and all(own.schema.equals(other.schema) for own, other in pairs)


_memory: ContextVar[_Memory | None] = ContextVar("memory", default=None)
_last: ContextVar[dict[str, AtHand] | None] = ContextVar("last", default=None)


@contextmanager
def remembering(folder: Path, *, keeps: bool = False) -> Iterator[None]:
    """Within the block what was worked out before is taken from `folder`.

    Args:
        folder: an authority's; the caller holds its lock.
        keeps: also keep there what is worked out, and nothing else.
    """
    token = _memory.set(_Memory(folder, keeps))
    try:
        yield
    finally:
        _memory.reset(token)


@contextmanager
def run_remembered() -> Iterator[None]:
    """Within the block what was worked out last, by each name, is at hand (`at_hand`); a block within another is the same one."""
    if _last.get() is not None:
        yield
        return
    token = _last.set({})
    try:
        yield
    finally:
        _last.reset(token)


def at_hand(name: str) -> AtHand | None:
    """What was worked out last by that name; None outside a block of `run_remembered`."""
    return (_last.get() or {}).get(name)


def have_at_hand(name: str, last: AtHand) -> None:
    """Have this at hand in place of what was by that name."""
    held = _last.get()
    if held is not None:
        held[name] = last


def recall(name: str, schema: pa.Schema) -> pa.Table | None:
    """The table of that name; None where nothing is remembered here, an empty one where it is not there or not what was kept."""
    memory = _memory.get()
    if memory is None:
        return None
    path = memory.folder / f"{name}.parquet"
    try:
        if hmac.compare_digest(_seal_of(path).read_text(encoding="ascii"), _sealed(path)):
            table = read_table(path)
            if table.schema.equals(schema):
                return table
    except (OSError, UnicodeDecodeError, IsindexError):
        pass  # nothing is lost but time
    return schema.empty_table()


def keeps() -> bool:
    """Whether what is worked out here is to be kept."""
    memory = _memory.get()
    return memory is not None and memory.keeps


def keep(name: str, table: pa.Table) -> None:
    """Keep `table` in place of what was kept by that name."""
    memory = _memory.get()
    if memory is None:
        return
    path = memory.folder / f"{name}.parquet"
    write_table(table, path)
    write_bytes(_sealed(path).encode(), _seal_of(path))


def told_apart(columns: Sequence[str]) -> str:
    """SQL of one text of these columns, another one for any other values."""
    return " || ".join(f"coalesce(length({column}::VARCHAR) || ':' || {column}::VARCHAR, '-')" for column in columns)


def key_of(name: str, made_by: Sequence[str]) -> str:
    """The key, in hex, of digests by which something is remembered that these modules of the program make."""
    return key_for(f"remembered {name} {_text_of(tuple(made_by))}").hex()


def _seal_of(path: Path) -> Path:
    return path.with_suffix(".seal")


def _sealed(path: Path) -> str:
    with path.open("rb") as stream:
        return hmac.new(key_for("remembered"), hashlib.file_digest(stream, "sha256").digest(), "sha256").hexdigest()


@cache
def _text_of(modules: tuple[str, ...]) -> str:
    """Digest of the modules' text, and of the versions of what they rely on."""
    read = hashlib.sha256(f"{duckdb.__version__} {unicodedata.unidata_version}".encode())
    for name in modules:
        source = sys.modules[name].__file__
        read.update(Path(source).read_bytes() if source else name.encode())
    return read.hexdigest()
