"""What is mangled: a delivery while it is being spoilt, and the register of those who spoil it.

Belongs here: whose bytes an edit touches, and putting folder and manifest together in the end. Not here: the mutators themselves
(`mutate_bytes`, `mutate_cells`, `mutate_csv`, `mutate_json`, `mutate_xml`, `mutate_parquet`, `mutate_manifest`).

A mutator answers whether it could do anything. It says what it touches: records whose content is no longer the sound one, those whose
mark of protection was touched too, or the file as a whole.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from tests.fuzz.bases import Base, Pieces, encoded, parquet_of, table_of, values_of
from tests.nights.little_authority import AUTHORITY

__all__ = ["FORMS", "MUTATORS", "Mangled", "Mutator", "Work", "mangled", "mutator"]

FORMS = ("csv", "xml", "jsonl", "parquet")
TEXT = ("csv", "xml", "jsonl")


@dataclass(frozen=True)
class Mangled:
    """A mangled delivery.

    Attributes:
        base: what it was.
        files: name → bytes of what lies in the folder, but for the manifest.
        manifest: its bytes.
        names: the mutators that did something, in order.
        touched: records whose content may be another now; None: of every one.
        unmarked: records whose mark of protection may be another now; None: of every one.
    """

    base: Base
    files: dict[str, bytes]
    manifest: bytes
    names: tuple[str, ...]
    touched: frozenset[int] | None
    unmarked: frozenset[int] | None


@dataclass
class Work:
    """A delivery being mangled: a native file in `parts`, or a `table`; in the end `data`.

    Attributes:
        rng: what chance decides.
        parts: whose bytes, the bytes (`bases.Pieces`).
        table: of Parquet.
        after: changes of the whole file's bytes, the last thing that is done to them but for `packing`.
        manifest: what is done to the manifest's fields.
        raw: what is done to the manifest's bytes.
        stated: rows as the manifest states them; None: as many as there are.
        honest: whether the manifest's size and hash are those of the mangled file.
        whole, unmarked_all: every record is touched, every mark.
    """

    base: Base
    rng: random.Random
    parts: list[tuple[int, bytes]] = field(default_factory=list)
    table: pa.Table | None = None
    options: dict[str, Any] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    unmarked: set[int] = field(default_factory=set)
    whole: bool = False
    unmarked_all: bool = False
    after: list[Callable[[bytes], bytes]] = field(default_factory=list)
    manifest: list[Callable[[dict[str, Any]], Any]] = field(default_factory=list)
    raw: list[Callable[[bytes], bytes]] = field(default_factory=list)
    stated: int | None = None
    honest: bool = True
    file_name: str = ""
    packing: Callable[[bytes], bytes] | None = None
    more_rows: int = 0

    @property
    def form(self) -> str:
        return self.base.form

    def value(self) -> str:
        """A personal value of one of the records."""
        found = [value for row in self.base.rows for value in values_of(row) if " " in value or value.isdigit()]
        return self.rng.choice(found) if found else "Arthur Bramecott"

    def record(self) -> int:
        """One of the records, by its number."""
        return self.rng.randrange(len(self.base.rows))

    def places(self, number: int) -> list[int]:
        """Where in `parts` the pieces of a record are."""
        return [place for place, (owner, _) in enumerate(self.parts) if owner == number]

    def piece(self, number: int) -> tuple[int, bytes] | None:
        """Place and bytes of a record's first piece."""
        found = self.places(number)
        return (found[0], self.parts[found[0]][1]) if found else None

    def put(self, place: int, data: bytes) -> None:
        """Other bytes in place of a piece, whatever that touches."""
        self.parts[place] = (self.parts[place][0], data)

    def edit(self, place: int, begin: int, end: int, instead: bytes) -> None:
        """Replace the bytes of a piece from `begin` to `end`, and note whom that touches."""
        owner, data = self.parts[place]
        self.touch(place, begin, end)
        self.parts[place] = (owner, data[:begin] + instead + data[end:])

    def touch(self, place: int, begin: int, end: int) -> None:
        """Note that bytes of a piece are touched."""
        owner, data = self.parts[place]
        if owner < 0:
            self.whole = True
            self.unmarked_all |= owner == -1 and self.form == "csv"
            return
        self.touched.add(owner)
        for first, last in mark_spans(self.base.agency, data):
            if begin <= last and end >= first:
                self.unmarked.add(owner)
        if end >= len(data.rstrip(b"\r\n")):  # its line end may be another now: the next one begins elsewhere
            for after, _ in self.parts[place + 1 : place + 2]:
                if after >= 0:
                    self.touched.add(after)
        if begin == 0 and place and self.parts[place - 1][0] >= 0:
            self.touched.add(self.parts[place - 1][0])

    def everything(self, *, marks: bool = True) -> None:
        """Every record is touched, and every mark unless told otherwise."""
        self.whole = True
        self.unmarked_all |= marks

    def rewrite(self, rows: Sequence[dict[str, Any]], numbers: Iterable[int]) -> None:
        """Other rows in place of those of the base: only `numbers` differ."""
        changed = replace(self.base, rows=tuple(rows))
        if self.table is not None:
            self.table = table_of(changed)
        else:
            fresh = dict(encoded(changed).parts)
            for number in numbers:
                for place in self.places(number):
                    self.put(place, fresh[number])
        self.base = replace(self.base, rows=tuple(rows))


Mutator = Callable[[Work], bool | None]
MUTATORS: dict[str, tuple[Mutator, tuple[str, ...]]] = {}
"""Name → what mangles, and the forms of files it is for."""


def mutator(name: str, *forms: str) -> Callable[[Mutator], Mutator]:
    """Enter a mutator under its name; `forms` default to all."""

    def enter(made: Mutator) -> Mutator:
        assert name not in MUTATORS, name
        MUTATORS[name] = (made, forms or FORMS)
        return made

    return enter


def mangled(base: Base, names: Sequence[str], rng: random.Random) -> Mangled:
    """The base after the mutators of these names, in order; those that could do nothing are left out of its names.

    With no name it is the sound delivery.
    """
    work = Work(base, rng)
    if base.form == "parquet":
        work.table = table_of(base)
    else:
        work.parts = list(encoded(base).parts)
    done = tuple(name for number, name in enumerate(names) if _done(name, work, first=not number))
    work.touched |= _namesakes(work)
    data = parquet_of(work.table, **work.options) if work.table is not None else Pieces(tuple(work.parts)).data
    for change in (*work.after, *([work.packing] if work.packing else [])):
        data = change(data)
    name = work.file_name or base.name
    rows = len(base.rows) + work.more_rows if work.stated is None else work.stated
    stated: Any = {
        "contract": f"{base.agency}/1", "authority": AUTHORITY, "agency": base.agency,
        "business_date": base.day.isoformat(), "sequence": 7, "mode": base.mode,
        "created_at": f"{base.day}T22:14:03Z", "supplier": "A supplier",
        "files": [{"name": name, "bytes": len(data), "rows": rows,
                   "sha256": hashlib.sha256(data if work.honest else data + b"!").hexdigest()}],
    }  # fmt: skip
    for tell in work.manifest:
        told = tell(stated)
        stated = stated if told is None else told
    content = json.dumps(stated).encode()
    for change in work.raw:
        content = change(content)
    return Mangled(
        base,
        {name: data},
        content,
        done,
        None if work.whole else frozenset(work.touched),
        None if work.unmarked_all else frozenset(work.unmarked),
    )


def _namesakes(work: Work) -> set[int]:
    """Records whose number stands in the bytes of a touched one by now: of two contents under one number something is told of both."""
    spoilt = b"\n".join(data for owner, data in work.parts if owner in work.touched or owner < 0)
    names = ("local_patient_id", "nhs_number", "UPN", "contact_ref", "la_child_id", "upn")
    numbers = {n: [str(row[name]).encode() for name in names if row.get(name)] for n, row in enumerate(work.base.rows)}
    return {n for n, own in numbers.items() if n not in work.touched and any(number in spoilt for number in own)}


def _done(name: str, work: Work, *, first: bool) -> bool:
    """Let a mutator do its work; one that finds its place spoilt by another could do nothing."""
    try:
        return MUTATORS[name][0](work) is not False
    except (IndexError, ValueError, RecursionError, pa.ArrowException):
        if first:
            raise
        return False


_MARKS = {
    "health": re.compile(rb'[,;]"?S"?(?=[,;\r\n])|<confidentiality>S</confidentiality>'),
    "social_care": re.compile(rb'"shield"\s*:\s*\{[^{}]*\}|"firewall_from"\s*:\s*"[^"]*"'),
}


def mark_spans(agency: str, piece: bytes) -> list[tuple[int, int]]:
    """Where in a record's bytes its marks of protection stand, from the sign before to the sign behind."""
    pattern = _MARKS.get(agency)
    return [(found.start() - 1, found.end() + 1) for found in pattern.finditer(piece)] if pattern else []


def packed(data: bytes) -> bytes:
    """gzip, the same bytes every time."""
    return gzip.compress(data, mtime=0)
