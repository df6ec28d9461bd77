"""Two lives of one feed: one that knows the records of the night before by their text, and one that reads and judges everything.

Belongs here: deliveries that change in every way that a delivery may (`CHANGES`, `LAYOUTS`), and the outcome of one as bytes. Not here:
what is promised of it (`test_known_texts`).
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import load_contract
from pipelines.contracts.contract import Contract
from pipelines.deliveries.files import Verified, VerifiedFile
from pipelines.deliveries.manifest import ManifestFile
from pipelines.deliveries.readers import Known, read_delivery
from pipelines.deliveries.readers.result import ReadResult
from pipelines.deliveries.states import DeliveryEntry
from pipelines.nights.known_texts import judge_new
from pipelines.validation.judge import Judged
from pipelines.validation.standing_verdicts import verdict_means
from tests.nights.little_authority import AUTHORITY, Child, Feed, encoded

__all__ = ["CHANGES", "LAYOUTS", "Life", "Night", "changed", "feed_of", "stricter", "taken_rows"]

_FAMILY = ("Ashabury", "Bramecott", "Gladenham", "Hathiley", "Jesamore", "Kileridge", "Lonsothorpe", "Nethashaw")
_GIVEN = ("Amelia", "Arthur", "Corinna", "Cedric", "Evelyn", "Edmund", "Imogen")
_PLACES: dict[str, dict[str, str]] = {  # what each agency calls what changes
    "health": {"born": "birth_date", "street": "address_line_1", "family": "family_name", "other": "other_given_names",
               "postcode": "postcode", "number": "nhs_number", "dated": "gp_from", "given": "given_name"},
    "education": {"born": "DOB", "street": "AddressLine1", "family": "Surname", "other": "MiddleNames",
                  "postcode": "Postcode", "number": "URN", "dated": "EntryDate", "given": "Forename"},
    "police": {"born": "date_of_birth", "street": "location", "family": "surname", "other": "forenames",
               "postcode": "postcode", "number": "sex", "dated": "contact_date", "given": "forenames"},
    "social_care": {"born": "date_of_birth", "street": "upn_unknown_reason", "family": "sex", "other": "sex",
                    "postcode": "upn", "number": "nhs_number", "dated": "date_of_birth", "given": "sex"},
}  # fmt: skip
_MARKS = {"health": "confidentiality", "social_care": "shield"}


@dataclass
class Night:
    """One delivery of a feed: its day, its rows, what is done to the file's bytes, the contract it is judged by."""

    day: date
    rows: list[dict[str, Any]]
    layouts: tuple[str, ...] = ()
    contract: Contract | None = None


@dataclass
class Life:
    """A feed that remembers, beside one that does not."""

    agency: str
    folder: Path
    known: tuple[pa.Array, pa.Table] | None = None
    read: ReadResult | None = field(default=None, repr=False)

    def receive(self, night: Night) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """What reading and judging everything gives, and what remembering gives."""
        contract = night.contract or load_contract(f"{self.agency}/1")
        files = _file(self.agency, night, self.folder, contract)
        entry = DeliveryEntry("d", AUTHORITY, self.agency, night.day, 1, "full", "received")
        read = read_delivery(files, contract, delta=False)
        plain = _told(read, judge_new(read, contract, entry)[0])
        means = verdict_means(contract, night.day, AUTHORITY)
        known = Known(means, *self.known) if self.known else Known(means)
        self.read = read_delivery(files, contract, delta=False, known=known)
        judged, texts = judge_new(self.read, contract, entry)
        assert texts is not None
        self.known = (texts["digest"].combine_chunks(), _stored(judged.accepted))
        return plain, _told(self.read, judged)


def taken_rows(life: Life) -> int:
    """How many records were taken over at first in the last delivery."""
    assert life.read is not None
    return 0 if life.read.taken is None else int(life.read.taken.num_rows)


def feed_of(agency: str, children: int) -> list[dict[str, Any]]:
    """A record of each of so many children."""
    feed = Feed(agency)
    for number in range(children):
        family, given = _FAMILY[number % len(_FAMILY)], _GIVEN[number % len(_GIVEN)]
        born = date(2010 + number % 14, 1 + number % 12, 2 + number % 27)
        feed.hold(
            Child(
                number,
                given,
                f"{family}{'abcdefg'[number // 8 % 7]}",
                "MF"[number % 2],
                f"{number} Vickogarth Road",
                born,
            )
        )
    return list(feed.rows.values())


def stricter(agency: str) -> Contract:
    """The agency's contract with a rule that queries most records."""
    contract = load_contract(f"{agency}/1")

    def shorter(column: Any) -> Any:
        rules = tuple(
            replace(rule, params={**rule.params, "characters": 9}) if rule.check == "max_length" else rule
            for rule in column.rules
        )
        return replace(column, rules=rules, items=tuple(map(shorter, column.items)))

    return replace(contract, columns=tuple(map(shorter, contract.columns)))


def changed(agency: str, rows: list[dict[str, Any]], change: str, place: int, day: date) -> list[dict[str, Any]]:
    """The rows after one of `CHANGES`, at one of them."""
    rows = deepcopy(rows)
    if rows:
        CHANGES[change](agency, rows, place % len(rows), day)
    return rows


def _set(agency: str, row: dict[str, Any], what: str, value: Any) -> None:
    row[_PLACES[agency][what]] = value


def _day(agency: str, day: date) -> str:
    return f"{day:%d/%m/%Y}" if agency == "police" else day.isoformat()


def _dates(what: str, days: int) -> Callable[[str, list[dict[str, Any]], int, date], None]:
    def change(agency: str, rows: list[dict[str, Any]], at: int, day: date) -> None:
        _set(agency, rows[at], what, _day(agency, day + timedelta(days=days)))

    return change


def _text(what: str, value: str) -> Callable[[str, list[dict[str, Any]], int, date], None]:
    return lambda agency, rows, at, day: _set(agency, rows[at], what, value)


def _nothing_in_names(agency: str, rows: list[dict[str, Any]], at: int, day: date) -> None:
    for row in rows[at : at + 11]:
        if agency == "social_care":
            row["names"][0]["given"] = "Unknown"
        else:
            _set(agency, row, "given" if at % 2 else "other", "unknown")


def _one_nothing(agency: str, rows: list[dict[str, Any]], at: int, day: date) -> None:
    _nothing_in_names(agency, rows[at : at + 1], 0, day)


def _asks(value: Any) -> Callable[[str, list[dict[str, Any]], int, date], None]:
    def change(agency: str, rows: list[dict[str, Any]], at: int, day: date) -> None:
        if agency == "health":
            rows[at]["confidentiality"] = {True: "S", False: "", None: "perhaps"}[value]
        elif agency == "social_care":
            rows[at]["shield"] = {"requested": value} if value is not None else "perhaps"

    return change


def _twins(agency: str, rows: list[dict[str, Any]], at: int, day: date) -> None:
    """A number of one child is another's, too."""
    other = rows[(at + 1) % len(rows)]
    for name in ("nhs_number", "upn"):
        if name in rows[at]:
            other[name] = rows[at][name]


def _same_key(agency: str, rows: list[dict[str, Any]], at: int, day: date) -> None:
    key = next(iter(rows[at]))
    rows.append({**deepcopy(rows[(at + 1) % len(rows)]), key: rows[at][key]})


def _without_consent(agency: str, rows: list[dict[str, Any]], at: int, day: date) -> None:
    if agency == "social_care":
        rows[at]["involvements"] = [*rows[at]["involvements"], {"team": "A clinic", "sensitive": True}]
        rows[at]["involvements"][0]["start"] = day.isoformat()


def _withdrawn(agency: str, rows: list[dict[str, Any]], at: int, day: date) -> None:
    if agency == "social_care":
        rows[at]["purge"] = True


CHANGES: Mapping[str, Callable[[str, list[dict[str, Any]], int, date], None]] = {
    "moved": _text("street", "7 Newly Row"),
    "renamed": _text("family", "Smith, J"),
    "quoted": _text("street", '7 "Newly" Row, Birmingham; B1 <&>'),
    "over lines": _text("street", "7 Newly Row\nBirmingham"),
    "gone": lambda agency, rows, at, day: rows.pop(at) and None,
    "reordered": lambda agency, rows, at, day: rows.insert(0, rows.pop(at)),
    "turned": lambda agency, rows, at, day: rows.reverse(),
    "repeated": lambda agency, rows, at, day: rows.append(deepcopy(rows[at])),
    "same key": _same_key,
    "twins": _twins,
    "no birth": _text("born", ""),
    "born tomorrow": _dates("born", 1),
    "born soon": _dates("born", 300),
    "nearly too old": _dates("born", -9490),
    "dated tomorrow": _dates("dated", 1),
    "queried": _text("postcode", "B1 1!!"),
    "bad number": _text("number", "4000000000"),
    "spaces": _text("street", "  7   Newly\u00a0Row "),
    "wide": lambda agency, rows, at, day: (
        _set(agency, rows[at], "postcode", "\uff22\uff11\uff11 1AP")
        if agency != "police"
        else None  # its signs are one byte each
    ),
    "says null": _text("postcode", "NULL"),
    "timed": lambda agency, rows, at, day: _set(agency, rows[at], "born", f"{day.replace(year=2015)}T00:00:00Z"),
    "nothing in a name": _one_nothing,
    "nothing in many names": _nothing_in_names,
    "asks": _asks(True),
    "asks not": _asks(False),
    "asks unclearly": _asks(None),
    "outside": lambda agency, rows, at, day: rows[at].update(hobby="chess"),
    "empty": lambda agency, rows, at, day: (
        rows.insert(at, dict.fromkeys(rows[at], "")) if agency != "social_care" else None
    ),
    "too large": _text("street", "x" * 10_001),
    "no consent": _without_consent,
    "withdrawn": _withdrawn,
}
"""What may become of a record, or of the order of a file: changes the rows of an agency, at one of them, for a day."""


def _once(pattern: bytes, by: bytes) -> Callable[[bytes], bytes]:
    return lambda data: re.sub(pattern, by, data, count=1)


LAYOUTS: Mapping[str, Callable[[bytes], bytes]] = {
    "line feeds": lambda data: data.replace(b"\r\n", b"\n"),
    "returns": lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "mark": lambda data: b"\xef\xbb\xbf" + data,
    "blank lines": lambda data: data.replace(b"\n", b"\n\n"),
    "bad byte": _once(rb"Road", b"R\x81\xffad"),
    "accent": _once(rb"Road", "Ro\u00e1d".encode()),
    "stray mark": _once(rb"Vickogarth", b'"Vickogarth'),
    "two stray marks": lambda data: data.replace(b"3 Vickogarth", b'"3 Vickogarth').replace(
        b"6 Vickogarth", b'"6 Vickogarth'
    ),
    "cut": lambda data: data[: len(data) * 2 // 3],
    "torn line": _once(rb"1 Vickogarth", b"1\nVickogarth"),
    "comment": _once(rb"<Pupil>", b"<!-- <Pupil> --><Pupil>"),
    "far comment": _once(rb"</Pupil>\n<Pupil>", b"</Pupil><!-- </Pupil> -->\n<Pupil>"),
    "character data": _once(rb"<DOB>", b"<MiddleNames><![CDATA[</Pupil><Pupil>]]></MiddleNames><DOB>"),
    "attribute of the root": _once(rb"<Pupils>", b'<Pupils made="today">'),
    "header": _once(rb"<Pupils>", b"<Pupils><Header><Made>today</Made></Header>"),
    "attribute": _once(rb"<DOB>", b'<DOB kind="day">'),
    "namespace": _once(rb"<Pupils>", b'<Pupils xmlns="urn:example:pupils">'),
    "prefix": lambda data: (
        data.replace(b"<Pupils>", b'<Pupils xmlns:p="urn:p">')
        .replace(b"Surname>", b"p:Surname>")
        .replace(b"</p:", b"</p:")
    ),
    "within": lambda data: data.replace(b"<Pupils>", b"<Pupils><All>").replace(b"</Pupils>", b"</All></Pupils>"),
    "nested": _once(rb"</Pupil>\n<Pupil>", b"<Pupil></Pupil></Pupil>\n<Pupil>"),
    "no end": _once(rb"</Pupil>\n", b"\n"),
    "pretty": lambda data: data.replace(b"><", b">\n  <"),
    "far apart": lambda data: data.replace(b"</Pupil>\n", b"</Pupil>" + b"\n" * 90),
    "in a list": lambda data: b"[" + data.replace(b"}\n{", b"},\n{").rstrip() + b"]\n",
    "key twice": _once(rb'"sex": ', b'"sex": "M", "sex": '),
    "no document": _once(rb"\n\{", b'\n{"la_child_id" "S1"}\n{'),
    "deep": _once(rb'"sex": "', b'"extra": ' + b"[" * 90 + b"]" * 90 + b', "sex": "'),
    "table": lambda data: data,
}
"""What may become of a file's bytes; `table`: it is Parquet."""


def _file(agency: str, night: Night, folder: Path, contract: Contract) -> Verified:
    name, data = encoded(agency, night.rows)
    stated = len(night.rows)
    for layout in night.layouts:
        if layout != "table":
            data = LAYOUTS[layout](data)
    if "table" in night.layouts:
        name, data = _as_table(night.rows, name, data)
    path = folder / name
    path.write_bytes(data)
    file = ManifestFile(name, len(data), stated, hashlib.sha256(data).hexdigest())
    return Verified((VerifiedFile(file, name, path),), (), "")


def _as_table(rows: Sequence[Mapping[str, Any]], name: str, data: bytes) -> tuple[str, bytes]:
    names = list(dict.fromkeys(each for row in rows for each in row))
    try:
        table = pa.Table.from_pylist([{each: row.get(each) for each in names} for row in rows])
    except pa.ArrowException:  # values of several kinds in one column
        return name, data
    out = io.BytesIO()
    pq.write_table(table, out)
    return f"{name.partition('.')[0]}.parquet", out.getvalue()


def _stored(table: pa.Table) -> pa.Table:
    return pq.read_table(io.BytesIO(_bytes(table)))


def _bytes(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), out, compression="zstd", compression_level=1)
    return out.getvalue()


def _told(read: ReadResult, judged: Judged) -> Mapping[str, Any]:
    return {
        "accepted": _bytes(judged.accepted),
        "rejects": _bytes(judged.rejects),
        "rows": judged.accepted.to_pylist(),  # what differs, for whoever reads a failed example
        "counts": judged.counts,
        "rules": judged.rules,
        "reference": judged.reference,
        "cleaned": dict(read.cleaned),
        "findings": read.findings,
        "refused": read.refused_columns,
        "asking": read.asking,
        "lost": (read.rows_read, read.lost, read.blank),
    }
