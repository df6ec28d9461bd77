"""Deliveries that no honest agency makes: any bytes under any manifest, taken in as the nightly load would.

Belongs here: writing them, and the forms in which the rows of a feed come (`csv_of`, `jsonl_of`, `parquet_of`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import contract_for
from pipelines.nights.take_in import take_in
from tests.nights.little_authority import AUTHORITY, day_of
from tests.nights.little_nights import LittleNights

__all__ = ["NATIVE", "csv_of", "folder_of", "jsonl_of", "manifest_of", "parquet_of", "send", "sent_and_taken_in"]

NATIVE = {
    "health": "health.csv",
    "education": "education.xml",
    "police": "police.csv",
    "social_care": "social_care.jsonl",
}

Rows = Sequence[Mapping[str, Any]]


def csv_of(rows: Rows, header: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> bytes:
    """The rows of health as CSV: `columns` are read from the rows and written under `header`."""
    columns = columns or [name for name in contract_for("health").column_names if name != "change"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header or columns)
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return out.getvalue().encode()


def jsonl_of(rows: Rows) -> bytes:
    """The rows of social care."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet_of(rows: Rows, **columns: Any) -> bytes:
    """The rows of health as Parquet; `columns` in place of their own, None for one that is not there."""
    names = [name for name in contract_for("health").column_names if name != "change"]
    arrays = {name: pa.array([row.get(name) or None for row in rows], pa.string()) for name in names}
    arrays |= columns
    out = io.BytesIO()
    pq.write_table(pa.table({name: array for name, array in arrays.items() if array is not None}), out)
    return out.getvalue()


def folder_of(place: LittleNights, agency: str, night: int) -> Path:
    """Where the agency delivers for the night."""
    return place.landing / AUTHORITY / agency / day_of(night).isoformat()


def manifest_of(
    agency: str, night: int, sequence: int, contents: Mapping[str, bytes], rows: int, **said: Any
) -> dict[str, Any]:
    """An honest manifest, but for what is `said`."""
    listed = [
        {
            "name": name,
            "bytes": len(data),
            "rows": rows if number == 0 else 0,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for number, (name, data) in enumerate(contents.items())
    ]
    return {
        "contract": f"{agency}/1", "authority": AUTHORITY, "agency": agency, "business_date": day_of(night).isoformat(),
        "sequence": sequence, "mode": "full", "created_at": f"{day_of(night)}T22:{sequence % 60:02}:03Z", "supplier": "A supplier",
        "files": listed, **said,
    }  # fmt: skip


def send(
    place: LittleNights,
    agency: str,
    night: int,
    contents: Mapping[str, bytes],
    rows: int,
    *,
    sequence: int | None = None,
    **said: Any,
) -> Path:
    """Put a delivery into its folder, in place of what lay there; its folder."""
    if sequence is None:
        place.feeds[agency].sequence += 1
    number = place.feeds[agency].sequence if sequence is None else sequence
    folder = folder_of(place, agency, night)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "manifest.json").write_text(json.dumps(manifest_of(agency, night, number, contents, rows, **said)))
    return folder


def sent_and_taken_in(
    place: LittleNights, agency: str, night: int, contents: Mapping[str, bytes], rows: int, **said: Any
) -> dict[str, Any]:
    """The same, taken in; the answer to the supplier."""
    folder = send(place, agency, night, contents, rows, **said)
    take_in(place.night(night), agency)
    answer: dict[str, Any] = json.loads((folder / "ack.json").read_text())
    return answer
