"""Sound records of each contract, and how tests put values into them and have them judged."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from pipelines.contracts import Contract, load_contract
from pipelines.deliveries.readers.result import UNREADABLE_SCHEMA, FilePart, ReadResult, assemble, native_schema
from pipelines.validation.judge import Judged, judge

NIGHT = date(2026, 11, 20)
BASE: Mapping[str, Mapping[str, Any]] = {
    "health": {
        "local_patient_id": "P1",
        "nhs_number": "4500000011",
        "family_name": "Null",
        "given_name": "Na",
        "gender": "1",
        "birth_date": "2015-01-01",
        "address_line_1": "1 High Street",
        "postcode": "B33 8TH",
        "gp_practice_code": "M85001",
        "gp_from": "2016-02-29",
    },
    "education": {
        "UPN": "L330910008999",
        "URN": "100000",
        "Surname": "Null",
        "Forename": "Na",
        "DOB": "2015-01-01",
        "Sex": "F",
        "EntryDate": "2019-09-01",
        "EnrolStatus": "C",
    },
    "police": {
        "contact_ref": "C1",
        "surname": "Null",
        "forenames": "Na",
        "date_of_birth": "01/01/2015",
        "sex": "F",
        "unit": "Front desk",
        "contact_date": "18/11/2026",
    },
    "social_care": {
        "la_child_id": "S1",
        "upn": "L330910008999",
        "nhs_number": "4500000011",
        "names": [{"family": "Null", "given": "Na", "type": "current", "from": "2015-01-01", "to": None}],
        "date_of_birth": "2015-01-01",
        "sex": "F",
        "address": {"lines": ["1 High Street"], "postcode": "B33 8TH", "from": "2016-01-01", "status": "current"},
        "carers": [{"name": "A Carer", "relationship": "mother", "contact": "0100"}],
        "involvements": [{"team": "North", "worker": "A Worker", "start": "2020-01-01", "sensitive": "false"}],
        "lead_professional": "true",
        "shield": {"requested": "true", "by": "A Manager", "reason_code": "risk_of_harm"},
    },
}


def contract(agency: str) -> Contract:
    """Version 1 of an agency's contract."""
    return load_contract(f"{agency}/1")


def record(agency: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A sound record with some places changed: path → delivered value; ``names[].from`` changes the first element."""
    made = copy.deepcopy(dict(BASE[agency]))
    for path, value in (changes or {}).items():
        at: Any = made
        *parents, last = path.split(".")
        for parent in parents:
            name = parent.removesuffix("[]")
            if parent.endswith("[]"):
                at[name] = at.get(name) or [{}]
                at = at[name][0]
            else:
                at = at.setdefault(name, {})
        last = last.removesuffix("[]")
        # a single text stands for the only element of a plain list
        at[last] = [value] if isinstance(at.get(last), list) and isinstance(value, str) else value
    return made


def read(agency: str, records: Iterable[Mapping[str, Any]], *, delta: bool = False) -> ReadResult:
    """Records as a reader would give them; position and line are their place in `records`."""
    schema = native_schema(contract(agency), delta)
    rows = [{**row, "position": place, "line": place + 1} for place, row in enumerate(records, start=1)]
    return assemble(
        [FilePart(pa.Table.from_pylist(rows, schema=schema))], contract(agency), delta=delta, lost=0, findings=()
    )


def judged(agency: str, *records: Mapping[str, Any], night: date = NIGHT, delta: bool = False) -> Judged:
    """`records` judged."""
    return judge(read(agency, records, delta=delta), contract(agency), night)


def broken(result: Judged, position: int = 1) -> set[str]:
    """Codes of the rules that the record at `position` breaks."""
    return {row["rule"] for row in result.rejects.to_pylist() if row["position"] == position}


def outcome(result: Judged, position: int = 1) -> str:
    """What became of the record at `position`: accepted, queried, rejected, or repeat."""
    for row in result.accepted.select(["position", "outcome"]).to_pylist():
        if row["position"] == position:
            return str(row["outcome"])
    return "rejected" if broken(result, position) else "repeat"


def unreadable(position: int, rule: str, key: str | None = None, may_be: str = "") -> pa.Table:
    """A damaged record as a reader reports it."""
    row = {"position": position, "line": position + 1, "key": key, "rule": rule, "may_be": may_be or None}
    return pa.Table.from_pylist([row], schema=UNREADABLE_SCHEMA)
