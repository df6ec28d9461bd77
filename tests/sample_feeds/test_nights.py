"""Sample nights: the same every time, in the formats of the contracts, reconciled, with the truth kept apart."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.contracts import load_contract
from pipelines.deliveries.files import verified
from pipelines.deliveries.landing import lying
from pipelines.deliveries.readers import read_delivery
from sample_feeds import make_demo, make_nights
from sample_feeds.ready_made import FOLDER, write_ready_made

ROOT = Path(__file__).parents[2]


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _keys(landing: Path, day: dt.date, agency: str) -> dict[str, dict[str, object]]:
    """key → record, as read by the product's own readers."""
    found = next(iter(lying(str(landing), agency=agency, business_date=day)))
    assert found.manifest is not None
    contract = load_contract(found.manifest.contract)
    with verified(found, found.manifest.files) as files:
        read = read_delivery(files, contract, delta=found.manifest.mode == "delta")
    rows = read.records.to_pylist()
    return {row["key"]: {k: v for k, v in row.items() if k not in ("position", "line")} for row in rows}


@pytest.mark.in_full
def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    folders = []
    for hash_seed in ("1", "77"):
        out = tmp_path / hash_seed
        command = [
            sys.executable,
            "-m",
            "sample_feeds",
            str(out),
            "--children",
            "120",
            "--nights",
            "2",
            "--faults",
            "full",
        ]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
        folders.append(_digest(out))
    assert folders[0] == folders[1]
    assert len(folders[0]) > 16


def test_another_seed_gives_other_children(tmp_path: Path) -> None:
    for seed in (1, 2):
        make_nights(tmp_path / str(seed), children=80, seed=seed)
    first, second = (pq.read_table(tmp_path / s / "truth/children.parquet")["nhs_number"].to_pylist() for s in "12")
    assert set(first).isdisjoint(second)


def test_an_authority_is_the_same_whoever_else_is_made(tmp_path: Path) -> None:
    make_nights(tmp_path / "alone", ["815"], children=100)
    make_nights(tmp_path / "both", ["330", "815"], children=100)
    alone, both = (_digest(tmp_path / name / "landing" / "815") for name in ("alone", "both"))
    assert alone == both


def test_manifests_tell_the_truth_about_sound_files(tmp_path: Path) -> None:
    for delivery in make_nights(tmp_path, nights=2, children=150, compression="gzip"):
        manifest = json.loads((delivery.folder / "manifest.json").read_text())
        for file in manifest["files"]:
            content = (delivery.folder / file["name"]).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
            assert file["rows"] == delivery.rows
        assert manifest["sequence"] == delivery.sequence == (delivery.business_date - dt.date(2026, 11, 17)).days


def test_no_truth_lies_in_the_landing_folder(tmp_path: Path) -> None:
    make_nights(tmp_path, nights=1, children=150, faults="record")
    names = {path.name for path in (tmp_path / "landing").rglob("*") if path.is_file()}
    assert names == {"health.csv", "education.xml", "police.csv", "social_care.jsonl", "manifest.json"}


def test_every_record_has_a_child_in_the_truth(tmp_path: Path) -> None:
    made = make_nights(tmp_path, nights=2, children=200, faults="record", modes="delta", change_rate=0.05)
    records = pq.read_table(tmp_path / "truth/records.parquet").to_pylist()
    children = set(pq.read_table(tmp_path / "truth/children.parquet")["child"].to_pylist())
    assert len(records) == sum(delivery.rows for delivery in made)
    assert {record["child"] for record in records} <= children


@pytest.mark.parametrize("agency", ["health", "education", "social_care"])
def test_full_and_delta_come_to_the_same(tmp_path: Path, agency: str) -> None:
    for mode in ("full", "delta"):
        make_nights(tmp_path / mode, nights=3, children=600, modes=mode, change_rate=0.05, seed=4)
    days = [dt.date(2026, 11, 18) + dt.timedelta(days=n) for n in range(3)]
    held = _keys(tmp_path / "delta/landing", days[0], agency)
    withdrawn = 0
    for day in days[1:]:
        delta = _keys(tmp_path / "delta/landing", day, agency)
        for key, row in delta.items():
            if row["change"] == "withdraw":
                withdrawn += 1
                del held[key]
            else:
                held[key] = row
        assert held == _keys(tmp_path / "full/landing", day, agency)
    assert len(delta) < len(held) / 3
    assert withdrawn > 0 or agency != "health"


@pytest.mark.parametrize("agency", ["health", "education", "police", "social_care"])
def test_parquet_holds_what_the_native_form_holds(tmp_path: Path, agency: str) -> None:
    day = dt.date(2026, 11, 18)
    for form in ("native", "parquet"):
        make_nights(tmp_path / form, children=200, form=form, compression="none")
    assert _keys(tmp_path / "native/landing", day, agency) == _keys(tmp_path / "parquet/landing", day, agency)


def test_forms_may_differ_by_agency(tmp_path: Path) -> None:
    made = make_nights(
        tmp_path, children=80, form={"health": "parquet"}, compression={"education": "gzip", "social_care": "zstd"}
    )
    names = {d.agency: next(p.name for p in d.folder.iterdir() if p.name != "manifest.json") for d in made}
    assert names == {
        "health": "health.parquet",
        "education": "education.xml.gz",
        "police": "police.csv",
        "social_care": "social_care.jsonl.zst",
    }


def test_a_steady_night_changes_a_thousandth(tmp_path: Path) -> None:
    made = make_nights(tmp_path, nights=2, children=20_000, modes="delta")
    first = sum(d.rows for d in made if d.sequence == 1)
    changed = sum(d.rows for d in made if d.sequence == 2 and d.agency != "police")
    assert 0.0005 < changed / first < 0.003


def test_coverage_is_as_in_life(tmp_path: Path) -> None:
    rows = {d.agency: d.rows for d in make_nights(tmp_path, children=10_000)}
    assert 9_700 < rows["health"] < 10_000
    assert 6_800 < rows["education"] < 8_200
    assert 300 < rows["police"] < 600
    assert 400 < rows["social_care"] < 650


def test_police_files_are_windows_1252(tmp_path: Path) -> None:
    make_nights(tmp_path, children=20_000, seed=3)
    content = (tmp_path / "landing/330/police/2026-11-18/police.csv").read_bytes()
    rows = list(csv.reader(content.decode("cp1252").splitlines(), delimiter=";"))
    assert len({len(row) for row in rows}) == 1
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [{"authorities": ["999"]}, {"faults": "some"}, {"modes": "partial"}, {"compression": {"police": "rar"}}],
)
def test_a_wrong_word_is_named(tmp_path: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"999|some|partial|rar"):
        make_nights(tmp_path, **{"children": 60, **arguments})  # type: ignore[arg-type]


def test_the_demo_arrives_in_four_waves(tmp_path: Path) -> None:
    waves = make_demo(tmp_path / "made", children=300)
    landing = tmp_path / "landing"
    assert [len(wave.deliveries) for wave in waves] == [12, 11, 13, 1]
    story = ("truncated", "late", "corrected")
    assert [d.fault for wave in waves for d in wave.deliveries if d.fault in story] == [
        "truncated", "late", "corrected",
    ]  # fmt: skip
    for wave in waves:
        for folder in wave.put(landing):
            assert (folder / "manifest.json").exists()
    assert len(list(landing.rglob("manifest.json"))) == 36
    corrected = waves[3].deliveries[0]
    lying = json.loads((landing / "330/education/2026-11-19/manifest.json").read_text())
    assert lying["sequence"] == corrected.sequence == 2


def test_the_ready_made_nights_are_what_the_generator_makes(tmp_path: Path) -> None:
    write_ready_made(tmp_path / "made")
    assert _digest(tmp_path / "made/landing") == _digest(FOLDER / "landing")
    for name in ("records", "children", "expected_records", "expected_deliveries"):
        made, kept = (pq.read_table(folder / f"truth/{name}.parquet") for folder in (tmp_path / "made", FOLDER))
        assert made.equals(kept)
