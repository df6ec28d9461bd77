"""An interim index of the little authority: its contract is switched on, and its rows are delivered like any feed's."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.nights.little_authority import AUTHORITY, Child, day_of, row_of

__all__ = ["INTERIM", "SCHEMAS", "columns", "deliver_interim", "key_of", "rows_of"]

INTERIM = "interim_index"
SCHEMAS = Path(__file__).parents[2] / "schemas" / INTERIM
_KEYS = {
    "health": ("local_patient_id",),
    "education": ("UPN", "URN"),
    "police": ("contact_ref",),
    "social_care": ("la_child_id",),
}
columns = [
    "person_id",
    "source_agency",
    "source_key",
    "nhs_number",
    "upn",
    "family_name",
    "given_names",
    "birth_date",
    "sex",
    "postcode",
    "confidentiality",
]


def key_of(agency: str, child: Child | int) -> str:
    """The key of a child's record in the agency's feed, as an interim index gives it."""
    row = row_of(agency, child if isinstance(child, int) else child.number)
    return "/".join(str(row[name]) for name in _KEYS[agency])


def rows_of(person: str, *records: tuple[str, int], **cells: str) -> list[dict[str, str]]:
    """The rows of one person of the interim index: a record of an agency each, by the child's number."""
    return [
        {"person_id": person, "source_agency": agency, "source_key": key_of(agency, number), **cells}
        for agency, number in records
    ]


def deliver_interim(
    landing: Path, night: int, rows: Iterable[Mapping[str, Any]], *, sequence: int, kind: str = "csv"
) -> Path:
    """Put a full delivery of the interim index into the landing place, in one of the formats, the manifest last; its folder."""
    folder = landing / AUTHORITY / INTERIM / day_of(night).isoformat()
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    told = list(rows)
    data = _FORMS[kind]([{each: str(row.get(each, "")) for each in columns} for row in told])
    name = f"{INTERIM}.{kind}"
    (folder / name).write_bytes(data)
    manifest = {
        "contract": f"{INTERIM}/1", "authority": AUTHORITY, "agency": INTERIM, "business_date": day_of(night).isoformat(),
        "sequence": sequence, "mode": "full", "created_at": f"{day_of(night)}T22:00:00Z", "supplier": "A council",
        "files": [{"name": name, "bytes": len(data), "rows": len(told), "sha256": hashlib.sha256(data).hexdigest()}],
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _csv(rows: list[dict[str, str]]) -> bytes:
    return ("\n".join([",".join(columns), *(",".join(row.values()) for row in rows)]) + "\n").encode()


def _jsonl(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps({name: each for name, each in row.items() if each}) + "\n" for row in rows).encode()


def _xml(rows: list[dict[str, str]]) -> bytes:
    told = "".join(
        f"<row>{''.join(f'<{name}>{each}</{name}>' for name, each in row.items() if each)}</row>\n" for row in rows
    )
    return f'<?xml version="1.0" encoding="utf-8"?>\n<rows>\n{told}</rows>\n'.encode()


def _parquet(rows: list[dict[str, str]]) -> bytes:
    stream = pa.BufferOutputStream()
    schema = pa.schema([(name, pa.string()) for name in columns])
    pq.write_table(
        pa.Table.from_pylist([{name: each or None for name, each in row.items()} for row in rows], schema), stream
    )
    return bytes(stream.getvalue())


_FORMS = {"csv": _csv, "jsonl": _jsonl, "xml": _xml, "parquet": _parquet}
