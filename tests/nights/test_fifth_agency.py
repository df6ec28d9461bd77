"""A fifth agency is a contract and a registration: its night is loaded and published by code that never names it."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sample_feeds import make_nights

pytestmark = pytest.mark.in_full

NIGHT = date(2026, 11, 18)
ISINDEX = str(Path(sys.executable).with_name("isindex"))
SCHEMAS = Path(__file__).parents[1] / "fixtures" / "fifth_agency"


def test_a_fifth_agency_is_loaded_matched_and_published(tmp_path):
    make_nights(tmp_path, ("330",), first_night=NIGHT, nights=1, children=150, agencies=("health",))
    landing, home = tmp_path / "landing", tmp_path / "home"
    with (landing / "330" / "health" / NIGHT.isoformat() / "health.csv").open(encoding="utf-8", newline="") as stream:
        known = [row for row in csv.DictReader(stream) if row["given_name"] and row["postcode"]][:20]
    folder = landing / "330" / "youth_justice" / NIGHT.isoformat()
    folder.mkdir(parents=True)
    lines = ["person_id|last_name|first_name|born|gender|postcode|office|officer|since"]
    for number, row in enumerate(known, 1):
        born = row["birth_date"].replace("-", "/")
        lines.append(
            f"YJ{number}|{row['family_name']}|{row['given_name']}|{born}||{row['postcode']}|North|A Worker|2026/10/01"
        )
    lines.append("YJ99|Nobody|At All|2026/13/45||||North|2026/10/01")
    content = ("\n".join(lines) + "\n").encode()
    (folder / "youth_justice.csv").write_bytes(content)
    file = {
        "name": "youth_justice.csv",
        "bytes": len(content),
        "rows": 21,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    manifest = {
        "contract": "youth_justice/1",
        "authority": "330",
        "agency": "youth_justice",
        "business_date": NIGHT.isoformat(),
        "sequence": 1,
        "mode": "full",
        "created_at": "2026-11-18T22:00:00Z",
        "supplier": "sample",
        "files": [file],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    done = subprocess.run(
        [ISINDEX, "load", "--landing", str(landing), "--home", str(home), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "ISINDEX_SCHEMAS": str(SCHEMAS)},
        check=False,
    )
    summary = json.loads(done.stdout)
    (night,) = summary["nights"]
    (told,) = [each for each in night["deliveries"] if each["agency"] == "youth_justice"]
    assert night["state"] == "published"
    assert told["counts"]["rows_read"] == 21
    identities = pq.read_table(home / "nights" / "330" / NIGHT.isoformat() / "identities" / "identities.parquet")
    by_record = dict(zip(identities["record_key"].to_pylist(), identities["index_id"].to_pylist(), strict=True))
    health = {index_id for key, index_id in by_record.items() if key.startswith("health:")}
    joined = sum(by_record[f"youth_justice:YJ{number}"] in health for number in range(1, 21))
    assert joined >= 15
    published = home / "snapshots" / "330" / night["version"] / "involvements.parquet"
    assert "youth_justice" in pq.read_table(published)["agency"].to_pylist()
