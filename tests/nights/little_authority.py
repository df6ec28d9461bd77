"""A tiny authority whose whole night takes a moment: eight invented children, four feeds, deliveries with honest manifests.

Belongs here: the children, how each agency would send them and what may be wrong or new in a record (`row_of`), and a
landing place to put deliveries into. An agency may keep a register of its own (`Feed`), which tests change; what is
delivered then is that register.
Everything is deterministic, and no two children share a name, an address or a number.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from pipelines.deployment import Deployment, open_deployment

__all__ = [
    "AGENCIES",
    "AUTHORITY",
    "FIRST",
    "VARIANTS",
    "Child",
    "Delivery",
    "Feed",
    "children",
    "day_of",
    "encoded",
    "everyone",
    "opened",
    "put",
    "row_of",
]

AUTHORITY, FIRST = "330", date(2026, 11, 18)
AGENCIES = ("health", "education", "police", "social_care")
_HEALTH = (
    "local_patient_id,nhs_number,family_name,given_name,other_given_names,former_family_name,gender,"
    "birth_date,death_date,address_line_1,address_line_2,address_line_3,address_line_4,address_line_5,"
    "postcode,address_from,gp_practice_code,gp_from,previous_nhs_number,confidentiality,carer_name,"
    "carer_relationship,change"
)
_POLICE = (
    "contact_ref,surname,forenames,date_of_birth,age_estimate,sex,location,postcode,unit,contact_name,"
    "contact_phone,contact_date,change"
)
_PEOPLE = (
    ("Amelia", "Ashabury", "F", "3 Vickogarth Road"),
    ("Arthur", "Bramecott", "M", "14 Sidwick Lane"),
    ("Corinna", "Gladenham", "F", "25 Ormstidale Road"),
    ("Cedric", "Hathiley", "M", "36 Peckefield Row"),
    ("Evelyn", "Jesamore", "F", "47 Quaridale Road"),
    ("Edmund", "Kileridge", "M", "58 Rothogarth Lane"),
    ("Imogen", "Lonsothorpe", "F", "69 Tatenham Road"),
    ("Kenneth", "Nethashaw", "M", "71 Undamore Row"),
)


@dataclass(frozen=True)
class Child:
    """A child as it really is; each agency sends it in a form of its own."""

    number: int
    given: str
    family: str
    sex: str
    street: str
    born: date
    shielded: bool = False

    @property
    def nhs(self) -> str:
        """A valid NHS number."""
        for last in range(10):
            digits = f"4{7919 * self.number + 1234567:07}{last}"
            check = -sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=False)) % 11
            if check < 10:
                return digits + str(check)
        raise AssertionError("two neighbours never both lack a check digit")

    @property
    def upn(self) -> str:
        """A valid UPN."""
        digits = f"330400021{self.number:03}"
        return (
            "ABCDEFGHJKLMNPQRTUVWXYZ"[sum(int(d) * w for d, w in zip(digits, range(2, 14), strict=True)) % 23] + digits
        )

    @property
    def postcode(self) -> str:
        """One that no other child has."""
        return f"B{11 + self.number} {1 + self.number % 9}{'ABDEFGHJLN'[self.number % 10]}P"


def children() -> list[Child]:
    """The eight."""
    return [
        Child(number, given, family, sex, street, date(2010 + number, 1 + number, 3 + number))
        for number, (given, family, sex, street) in enumerate(_PEOPLE)
    ]


_SENSITIVE = 5  # the child with a sensitive service
VARIANTS = ("as it is", "moved", "renamed", "broken", "queried", "shielded", "mistaken")
"""What a record may be: as it is; at another address; under another name; without what it must have; with a number that
fails its check; asking for a shield; with the particulars of the next child under the key of this one."""


def row_of(agency: str, number: int, variant: str = "as it is") -> dict[str, Any]:
    """A child's record as the agency sends it."""
    there = children()
    child = shown = there[number]
    if variant == "moved":
        shown = replace(child, street=f"{number + 100} Newly Row")
    elif variant == "renamed":
        shown = replace(child, family=f"{child.family}-Smith")
    elif variant == "mistaken":
        shown = there[(number + 1) % len(there)]
    _, row = _ROWS[agency](shown)
    row |= {_KEYS[agency]: _ROWS[agency](child)[0]}
    # the child's own: what a night finds to be sensitive is unnamed for good, though it fail, and no other home would know of that
    for service in row.get("involvements", ()):
        service["sensitive"] = child.number == _SENSITIVE
    if variant == "broken":
        row |= _BROKEN[agency]
    elif variant == "queried":
        row |= _QUERIED[agency]
    elif variant == "shielded":
        row |= _SHIELDED.get(agency, {})
    return row


def everyone(agency: str, *, but: Mapping[int, str] | None = None) -> list[dict[str, Any]]:
    """A record of each child, `but` (number → variant) as told."""
    return [row_of(agency, child.number, (but or {}).get(child.number, "as it is")) for child in children()]


def day_of(number: int) -> date:
    """The business date of the night with this number, from 0."""
    return FIRST + timedelta(days=number)


class Feed:
    """What one agency holds now, by key, and what it has told of it: the next delivery is made from both."""

    def __init__(self, agency: str) -> None:
        self.agency = agency
        self.rows: dict[str, dict[str, Any]] = {}
        self.sequence = 0

    def hold(self, child: Child, **cells: Any) -> str:
        """Put a child's record into the register, or change it; its key within the feed."""
        key, row = _ROWS[self.agency](child)
        self.rows[key] = {**row, **cells}
        return key

    def drop(self, key: str) -> None:
        """Take a record out of the register."""
        self.rows.pop(key, None)


@dataclass(frozen=True)
class Delivery:
    """A delivery ready to be put into the landing place.

    Attributes:
        rows: as they are sent; in a delta each with ``change``.
        fault: "" for an honest one; ``checksum``, ``manifest`` (not one at all), ``records`` (every record is broken).
    """

    agency: str
    business_date: date
    sequence: int
    mode: str
    rows: Sequence[Mapping[str, Any]]
    fault: str = ""
    authority: str = AUTHORITY

    @property
    def name(self) -> str:
        """Short, for people who read a failed example."""
        return f"{self.agency} {self.sequence} of {self.business_date} ({self.mode}{' ' + self.fault if self.fault else ''})"

    def but(self, **changes: Any) -> Delivery:
        """The same with other fields."""
        return replace(self, **changes)


def put(landing: Path, delivery: Delivery) -> None:
    """Put a delivery into its folder, in place of what lay there, the manifest last."""
    folder = landing / delivery.authority / delivery.agency / delivery.business_date.isoformat()
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    name, encode = _FILES[delivery.agency]
    rows = [_broken(delivery.agency, row) for row in delivery.rows] if delivery.fault == "records" else delivery.rows
    data = encode(rows, delivery.mode == "delta")
    manifest = {
        "contract": f"{delivery.agency}/1", "authority": delivery.authority, "agency": delivery.agency,
        "business_date": delivery.business_date.isoformat(), "sequence": delivery.sequence, "mode": delivery.mode,
        "created_at": f"{delivery.business_date}T22:{delivery.sequence % 60:02}:03Z", "supplier": "A supplier",
        "files": [
            {"name": name, "bytes": len(data), "rows": len(rows), "sha256": hashlib.sha256(data).hexdigest()}
        ],
    }  # fmt: skip
    (folder / name).write_bytes(data[:-1] + b"!" if delivery.fault == "checksum" else data)
    text = json.dumps(manifest) if delivery.fault != "manifest" else f"no manifest {delivery.sequence}"
    (folder / "manifest.json").write_text(text)


def encoded(agency: str, rows: Sequence[Mapping[str, Any]], *, delta: bool = False) -> tuple[str, bytes]:
    """Name and content of the file that the agency makes of its rows."""
    name, encode = _FILES[agency]
    return name, encode(rows, delta)


def opened(home: Path, landing: Path, database_url: str = "") -> Deployment:
    """The deployment of a home, made if there is none; its database is SQLite in the home, else the one at the URL."""
    return open_deployment(home, str(landing), create=True)


def _health(child: Child) -> tuple[str, dict[str, Any]]:
    key = f"P{child.nhs}"
    return key, {
        "local_patient_id": key, "nhs_number": child.nhs, "family_name": child.family, "given_name": child.given,
        "gender": {"M": "1", "F": "2"}[child.sex], "birth_date": child.born.isoformat(), "address_line_1": child.street,
        "address_line_2": "Birmingham", "postcode": child.postcode, "gp_practice_code": "M85999", "gp_from": "2020-01-01",
        "carer_name": f"Maud {child.family}", "carer_relationship": "mother",
        "confidentiality": "S" if child.shielded else "",
    }  # fmt: skip


def _education(child: Child) -> tuple[str, dict[str, Any]]:
    return child.upn, {
        "UPN": child.upn, "URN": "167590", "Surname": child.family, "Forename": child.given,
        "DOB": child.born.isoformat(), "Sex": child.sex, "AddressLine1": child.street, "AddressLine3": "Birmingham",
        "Postcode": child.postcode, "EntryDate": "2021-09-01", "EnrolStatus": "C",
    }  # fmt: skip


def _police(child: Child) -> tuple[str, dict[str, Any]]:
    key = f"C{child.number:04}"
    return key, {
        "contact_ref": key, "surname": child.family, "forenames": child.given,
        "date_of_birth": f"{child.born:%d/%m/%Y}", "sex": child.sex, "location": f"{child.street}, Birmingham",
        "postcode": child.postcode, "unit": "Response A", "contact_name": "Duty sergeant",
        "contact_phone": "01632 960001", "contact_date": "02/03/2026",
    }  # fmt: skip


def _social_care(child: Child) -> tuple[str, dict[str, Any]]:
    key = f"S{child.number:04}"
    service = {"team": "Early Help", "worker": "A. Worker", "contact": "01632 960002", "start": "2024-01-01"}
    return key, {
        "la_child_id": key, "upn": child.upn, "nhs_number": child.nhs,
        "names": [{"family": child.family, "given": child.given, "type": "current"}],
        "date_of_birth": child.born.isoformat(), "sex": child.sex,
        "address": {"lines": [child.street, "Birmingham"], "postcode": child.postcode, "status": "current"},
        "carers": [{"name": f"Maud {child.family}", "relationship": "mother", "contact": "01632 960100"}],
        "involvements": [{**service, "sensitive": child.number == _SENSITIVE}],
    }  # fmt: skip


_ROWS = {"health": _health, "education": _education, "police": _police, "social_care": _social_care}
_KEYS = {"health": "local_patient_id", "education": "UPN", "police": "contact_ref", "social_care": "la_child_id"}
_BROKEN: dict[str, dict[str, Any]] = {
    "health": {"birth_date": ""}, "education": {"DOB": ""}, "police": {"contact_date": ""},
    "social_care": {"names": []},
}  # fmt: skip
_QUERIED: dict[str, dict[str, Any]] = {
    "health": {"nhs_number": "4000000000"}, "education": {"Postcode": "B1 1!!"}, "police": {"postcode": "B1 1!!"},
    "social_care": {"nhs_number": "4000000000"},
}  # fmt: skip
_SHIELDED: dict[str, dict[str, Any]] = {
    "health": {"confidentiality": "S"},
    "social_care": {"shield": {"requested": True, "by": "Head of Service", "reason_code": "risk_of_harm"}},
}


def _broken(agency: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A record that is rejected."""
    return {**row, **_BROKEN[agency]}


def _csv(columns: str, delimiter: str, encoding: str, rows: Sequence[Mapping[str, Any]], delta: bool) -> bytes:
    text = io.StringIO()
    names = [name for name in columns.split(",") if delta or name != "change"]
    writer = csv.DictWriter(text, names, "", "ignore", delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def _xml(rows: Sequence[Mapping[str, Any]], _delta: bool) -> bytes:
    pupils = "".join(
        "<Pupil>"
        + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in row.items() if value)
        + "</Pupil>\n"
        for row in rows
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Pupils>\n{pupils}</Pupils>\n'.encode()


def _jsonl(rows: Sequence[Mapping[str, Any]], _delta: bool) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


_FILES = {
    "health": ("health.csv", lambda rows, delta: _csv(_HEALTH, ",", "utf-8", rows, delta)),
    "education": ("education.xml", _xml),
    "police": ("police.csv", lambda rows, delta: _csv(_POLICE, ";", "cp1252", rows, delta)),
    "social_care": ("social_care.jsonl", _jsonl),
}
