"""Sound deliveries of a few records that are then mangled: invented children, or some records of a ready night.

Belongs here: how a sound file is put together of a head, a piece for each record and a tail, so that whoever mangles it knows whose
bytes those are. Not here: the mangling (`mangling`), what must hold of it (`invariants`). A base follows from its seed and number alone,
and no two bases of one pool share a child.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, unescape

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import load_contract
from pipelines.contracts.contract import Contract, FileFormat
from pipelines.deliveries.readers.result import native_schema
from tests.nights.little_authority import AGENCIES, AUTHORITY, FIRST, Child, Feed

__all__ = [
    "POOL",
    "Base",
    "Dress",
    "Kid",
    "Pieces",
    "base_of",
    "contract_of",
    "encoded",
    "parquet_of",
    "table_of",
    "values_of",
]

POOL = 256
"""Bases of one pool: as many inputs are judged together, those of each contract in one go."""

Row = dict[str, Any]
READY = Path(__file__).resolve().parents[2] / "sample_feeds" / "ready_nights" / "landing"
_SYLLABLES = ("bar", "cor", "dal", "fen", "gol", "har", "kel", "lim", "mor", "nev", "pol", "quin", "ros", "sib", "tor", "vel", "wex", "yar", "zol", "brun")  # fmt: skip
_NATIVE = {"health": "csv", "education": "xml", "police": "csv", "social_care": "jsonl"}
_KEY = {"health": "local_patient_id", "education": "UPN", "police": "contact_ref", "social_care": "la_child_id"}


@dataclass(frozen=True)
class Kid(Child):
    """One of any number of invented children; no two share a number, a name or a place."""

    @property
    def nhs(self) -> str:
        """A valid NHS number."""
        for last in range(10):
            digits = f"4{self.number:07}{last}"
            check = -sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=False)) % 11
            if check < 10:
                return digits + str(check)
        raise AssertionError("two neighbours never both lack a check digit")

    @property
    def upn(self) -> str:
        """A valid UPN."""
        digits = f"330{4000 + self.number // 1000 % 1000:04}{21 + self.number // 1_000_000:02}{self.number % 1000:03}"
        letters = "ABCDEFGHJKLMNPQRTUVWXYZ"
        return letters[sum(int(d) * w for d, w in zip(digits, range(2, 14), strict=True)) % 23] + digits

    @property
    def postcode(self) -> str:
        """One in the form of a real one."""
        n = self.number
        return f"B{11 + n % 60} {n // 60 % 10}{'ABDEFGHJLN'[n // 600 % 10]}{'PQRSTUWXYZ'[n // 6000 % 10]}"


@dataclass(frozen=True)
class Dress:
    """How a sound file is written: line ends, whether every cell is quoted, whether JSON is ASCII alone, indentation."""

    end: str = "\r\n"
    quoted: bool = False
    ascii: bool = False
    indented: bool = False


@dataclass(frozen=True)
class Pieces:
    """A text file in pieces: whose bytes they are (a record's number from 0; -1 the head, -2 the tail), and the bytes."""

    parts: tuple[tuple[int, bytes], ...]

    @property
    def data(self) -> bytes:
        """The file."""
        return b"".join(each for _, each in self.parts)


@dataclass(frozen=True)
class Base:
    """A sound delivery.

    Attributes:
        agency: whose feed.
        form: csv, xml, jsonl or parquet.
        mode: full or delta.
        day: its business date.
        rows: the records as they are sent.
        dress: how its file is written.
        ready: whether the records are a ready night's.
    """

    agency: str
    form: str
    mode: str
    day: date
    rows: tuple[Row, ...]
    dress: Dress
    ready: bool = False

    @property
    def contract(self) -> Contract:
        """What its file is held against."""
        return contract_of(self.agency, self.form)

    @property
    def name(self) -> str:
        """Its file's name."""
        return f"{self.agency}.{self.form}"

    def keys(self) -> list[str]:
        """The key of each record, as the contract has it."""
        columns = contract_of(self.agency).key_columns
        return ["/".join(str(row.get(name, "")) for name in columns) for row in self.rows]

    def asks(self) -> list[int]:
        """Numbers of the records that ask to be protected."""
        return [n for n, row in enumerate(self.rows) if asks(self.agency, row)]


def asks(agency: str, row: Mapping[str, Any]) -> bool:
    """Whether a record asks to be protected."""
    if agency == "health":
        return bool(row.get("confidentiality"))
    shield = row.get("shield")
    return bool((isinstance(shield, dict) and shield.get("requested") is True) or row.get("firewall_from"))


@cache
def contract_of(agency: str, form: str = "") -> Contract:
    """The agency's contract; that of health also as it would come in XML, for no feed that does has marks."""
    found = load_contract(f"{agency}/1")
    if (agency, form) == ("health", "xml"):
        return replace(found, file=FileFormat("health.xml", "xml", root="Pupils", record="Pupil"))
    return found


def base_of(seed: str, number: int) -> Base:
    """The base with a number of the pool that a seed makes."""
    rng = random.Random(f"{seed}/base/{number}")
    agency = AGENCIES[number % 4]
    form = "parquet" if rng.random() < 0.2 else _NATIVE[agency]
    form = "xml" if (agency, form) == ("health", "csv") and rng.random() < 0.3 else form
    dress = Dress(rng.choice(["\r\n", "\n"]), rng.random() < 0.2, rng.random() < 0.5, rng.random() < 0.3)
    if number < 12:
        # whichever night: those of one pool are of one, in parts that share no record
        night = FIRST + timedelta(days=random.Random(seed).randrange(3))
        part = ready_rows(agency, night)[number // 4 :: 3]
        begin = rng.randrange(max(1, len(part) - 8))
        rows = [dict(row) for row in part[begin : begin + rng.randint(5, 12)]]
        return Base(agency, form, "full", FIRST, tuple(_marked(agency, rows, rng)), dress, ready=True)
    mode = "delta" if rng.random() < 0.1 else "full"
    first = 30 * (number + POOL * rng.randrange(1_000))
    feed = Feed(agency)
    for place in range(rng.choice((5, 6, 8, 8, 12, 20, 30))):
        feed.hold(kid(first + place))
    rows = [_varied(agency, form, row, rng) for row in feed.rows.values()]
    if mode == "delta":
        rows = [{**row, "change": "upsert"} for row in rows]
    return Base(agency, form, mode, FIRST, tuple(_marked(agency, rows, rng)), dress)


def kid(number: int) -> Kid:
    """The child with a number below eight million; one in four has letters beyond ASCII."""
    words = [_SYLLABLES[number // 20**place % 20] for place in range(5)]
    given, family = "".join(words[:2]) + "ina", "".join(reversed(words)) + "wick"
    if number % 4 == 1:
        given, family = given.replace("i", "é", 1), family.replace("o", "ö", 1)
    born = date(2010 + number % 9, 1 + number % 12, 1 + number % 28)
    street = f"{1 + number % 97} {''.join(words[1:4]).title()} Road"
    return Kid(number, given.title(), family.title(), "MF"[number % 2], street, born)


def _varied(agency: str, form: str, row: Row, rng: random.Random) -> Row:
    """A record that is as sound as another and is not written as plainly."""
    street = {"health": "address_line_1", "education": "AddressLine1", "police": "location"}.get(agency)
    if agency == "health":
        row = {**row, "carer_relationship": rng.choice(("mother", "father", ""))}
    if street and rng.random() < 0.15:
        between = rng.choice((", ", "; ", " & ", "\n") if form == "csv" else (", ", " & "))
        row = {**row, street: f"Flat {rng.randint(1, 9)}{between}{row[street]}"}
    if street and rng.random() < 0.05 and form == "csv":
        row = {**row, street: f'"The Oaks" {row[street]}'}
    return row


def _marked(agency: str, rows: Sequence[Row], rng: random.Random) -> list[Row]:
    """The records, some of which ask to be protected."""
    marked = [dict(row) for row in rows]
    if rng.random() < 0.75:
        for row in rng.sample(marked, k=min(len(marked), rng.randint(1, 3))):
            if agency == "health":
                row["confidentiality"] = "S"
            elif agency == "social_care" and rng.random() < 0.6:
                row["shield"] = {"requested": True, "by": "Head of Service", "reason_code": "risk_of_harm"}
            elif agency == "social_care":
                row["firewall_from"] = f"S{rng.randrange(100, 999)}9"
    return marked


def _document(line: str) -> Row | None:
    """The document of a line; None where the line is one of those that the night was given torn."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


@cache
def ready_rows(agency: str, day: date) -> tuple[Row, ...]:
    """The records of a ready night, as they are sent."""
    folder = READY / AUTHORITY / agency / day.isoformat()
    data = next(path for path in sorted(folder.iterdir()) if path.name.startswith(agency)).read_bytes()
    contract = contract_of(agency)
    if contract.file.kind == "csv":
        text = data.decode(contract.file.encoding)
        found = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=contract.file.delimiter))
    elif contract.file.kind == "jsonl":
        found = [each for each in map(_document, data.decode().splitlines()) if each is not None]
    else:
        records = re.findall(rf"<{contract.file.record}>(.*?)</{contract.file.record}>", data.decode(), re.DOTALL)
        found = [{name: unescape(text) for name, text in re.findall(r"<(\w+)>(.*?)</\1>", each)} for each in records]
    rows, seen = [], set[str]()
    for (
        row
    ) in found:  # the ready nights have faults of their own: two records of one number are none of what is tried here
        numbers = {str(row[name]) for name in (_KEY[agency], "nhs_number", "UPN", "upn") if row.get(name)}
        if row.get(_KEY[agency]) and not numbers & seen:
            rows.append(row)
            seen |= numbers
    return tuple(rows)


# --- files


def encoded(base: Base) -> Pieces:
    """A base's native file in pieces."""
    return _ENCODE[base.form](base)


def _csv(base: Base) -> Pieces:
    contract = contract_of(base.agency)
    names = [*contract.column_names, *(["change"] if base.mode == "delta" else [])]
    style = csv.QUOTE_ALL if base.dress.quoted else csv.QUOTE_MINIMAL

    def line(cells: Sequence[str]) -> bytes:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=contract.file.delimiter, lineterminator=base.dress.end, quoting=style).writerow(cells)
        return out.getvalue().encode(contract.file.encoding, "replace")

    records = [(n, line([str(row.get(name) or "") for name in names])) for n, row in enumerate(base.rows)]
    return Pieces(((-1, line(names)), *records))


def _jsonl(base: Base) -> Pieces:
    end = base.dress.end.encode()
    texts = [json.dumps(row, ensure_ascii=base.dress.ascii).encode("utf-8", "replace") for row in base.rows]
    return Pieces(tuple((n, text + end) for n, text in enumerate(texts)))


def _xml(base: Base) -> Pieces:
    contract, end = base.contract, base.dress.end
    gap = f"{end}  " if base.dress.indented else ""
    change = ["change"] if base.mode == "delta" else []

    def pupil(row: Row) -> bytes:
        inside = "".join(
            f"{gap}<{name}>{escape(str(row[name]))}</{name}>"
            for name in (*contract.column_names, *change)
            if row.get(name)
        )
        return f"<{contract.file.record}>{inside}</{contract.file.record}>{end}".encode("utf-8", "replace")

    head = f'<?xml version="1.0" encoding="UTF-8"?>{end}<{contract.file.root}>{end}'.encode()
    tail = f"</{contract.file.root}>{end}".encode()
    return Pieces(((-1, head), *((n, pupil(row)) for n, row in enumerate(base.rows)), (-2, tail)))


_ENCODE = {"csv": _csv, "jsonl": _jsonl, "xml": _xml}


def table_of(base: Base) -> pa.Table:
    """A base's records as the table that a Parquet file of them holds."""
    contract = contract_of(base.agency)
    schema = native_schema(contract, base.mode == "delta")
    fields = [field for field in schema if field.name not in ("position", "line")]

    def native(value: Any, kind: pa.DataType) -> Any:
        if value is None or value == "":
            return None
        if pa.types.is_struct(kind):
            parts = {kind.field(n).name: kind.field(n).type for n in range(kind.num_fields)}
            return {name: native(value.get(name), part) for name, part in parts.items()}
        if pa.types.is_list(kind):
            return [native(each, kind.value_type) for each in value]
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    columns = {each.name: [native(row.get(each.name), each.type) for row in base.rows] for each in fields}
    return pa.table({each.name: pa.array(columns[each.name], each.type) for each in fields})


def parquet_of(table: pa.Table, **options: Any) -> bytes:
    """A table as a Parquet file."""
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


_PERSONAL = re.compile(
    r"family|given|surname|forename|names?$|address_line_1|AddressLine1|location|carer_name|nhs|UPN|upn|contact_phone|lines",
    re.IGNORECASE,
)


def values_of(row: Mapping[str, Any]) -> list[str]:
    """The personal values of a record that are nobody else's: names, homes, carers and numbers, but for its own key."""
    found: list[str] = []

    def gather(value: Any, name: str) -> None:
        if isinstance(value, Mapping):
            for below, each in value.items():
                gather(each, below)
        elif isinstance(value, (list, tuple)):
            for each in value:
                gather(each, name)
        elif isinstance(value, str) and len(value) >= 7 and _PERSONAL.search(name):
            found.append(value)

    for name, value in row.items():
        if name not in ("involvements", "type", "contact_name", "contact_phone", "carer_relationship"):
            gather(value, name)
    return found


def without(base: Base, number: int) -> Base:
    """The base without one of its records."""
    return replace(base, rows=tuple(row for n, row in enumerate(base.rows) if n != number))
