"""Judging a file before its feed goes live: the verdict, no value in it, nothing left behind."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import IsindexError
from pipelines.settings import settings
from pipelines.validation.preflight import PreflightResult, preflight
from tests.validation.records import NIGHT, contract, record


def health_file(folder: Path, rows: list[dict[str, Any]], name: str = "health.csv", **extra: str) -> Path:
    path = folder / name
    columns = [*contract("health").column_names, *extra]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows({**row, **extra} for row in rows)
    return path


def sound(number: int, **changes: Any) -> dict[str, Any]:
    return record("health", {"local_patient_id": f"P{number}", "nhs_number": "", **changes})


def judge_health(path: Path) -> PreflightResult:
    return preflight(path, contract("health"), NIGHT, "330")


def test_a_sound_file_is_ready(tmp_path: Path) -> None:
    result = judge_health(health_file(tmp_path, [sound(n) for n in range(3)]))
    assert (result.verdict, result.ready, result.reasons, result.rules) == ("ready", True, (), ())
    assert result.counts["accepted"] == 3
    assert result.measures["rows"] == 3


def test_queries_are_told_with_their_places(tmp_path: Path) -> None:
    rows = [sound(n, postcode="Secretville" if n % 2 else "B33 8TH") for n in range(20)]
    result = judge_health(health_file(tmp_path, rows))
    assert result.verdict == "ready with queries"
    (rule,) = result.rules
    assert (rule.rule, rule.records, rule.outcome, rule.field) == ("HEALTH-POSTCODE-001", 10, "queried", "postcode")
    assert rule.positions == (2, 4, 6, 8, 10)
    assert rule.lines == (3, 5, 7, 9, 11)
    assert "Secretville" not in json.dumps(result.as_json())


def test_more_rejects_than_the_service_level_allows_are_not_ready(tmp_path: Path) -> None:
    result = judge_health(health_file(tmp_path, [sound(1, birth_date="2015-02-30"), sound(2)]))
    assert not result.ready
    assert "50.0%" in result.reasons[0]


def test_a_column_outside_the_contract_is_named(tmp_path: Path) -> None:
    result = judge_health(health_file(tmp_path, [sound(1)], ethnicity="Secretish"))
    assert [finding.code for finding in result.findings] == ["COLUMNS_REFUSED"]
    assert result.verdict == "ready with queries"
    assert "Secretish" not in json.dumps(result.as_json())


def test_a_file_that_cannot_be_read_is_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "health.csv.gz"
    path.write_bytes(gzip.compress(b"x" * 1000)[:-10])
    result = judge_health(path)
    assert not result.ready
    assert result.findings
    assert result.counts["rows_read"] == 0


def test_an_empty_file_is_not_ready(tmp_path: Path) -> None:
    assert not judge_health(health_file(tmp_path, [])).ready


def test_compressed_and_parquet_files_are_judged_alike(tmp_path: Path) -> None:
    rows = [sound(n, gender="x" if n == 1 else "2") for n in range(4)]
    plain = health_file(tmp_path, rows)
    packed = tmp_path / "health.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    table = pa.Table.from_pylist([{name: row.get(name) for name in contract("health").column_names} for row in rows])
    parquet = tmp_path / "health.parquet"
    pq.write_table(table.cast(pa.schema([(name, pa.string()) for name in table.schema.names])), parquet)
    counts = [judge_health(path).counts for path in (plain, packed, parquet)]
    assert counts == [counts[0]] * 3
    assert counts[0]["queried"] == 1


def test_a_delta_is_recognised_by_its_change_mark(tmp_path: Path) -> None:
    result = judge_health(health_file(tmp_path, [sound(1)], change="withdraw"))
    assert result.findings == ()
    assert result.counts["accepted"] == 1


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    judge_health(health_file(tmp_path, [sound(1)]))
    assert [path.name for path in tmp_path.iterdir()] == ["health.csv"]


def test_an_authority_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsindexError, match="AUTHORITY_UNKNOWN"):
        preflight(health_file(tmp_path, [sound(1)]), contract("health"), NIGHT, "999")


def test_a_supplier_needs_no_secret(setting, tmp_path) -> None:
    setting("ISINDEX_SECRET", "")
    (tmp_path / "health.csv").write_bytes(b"local_patient_id\n1\n")
    assert preflight(tmp_path / "health.csv", contract("health"))
    assert settings().secret.get_secret_value() == ""
