"""Every fault gets from the product the answer that the generator expects."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.contracts import load_contract
from pipelines.deliveries.files import verified
from pipelines.deliveries.landing import lying
from pipelines.deliveries.manifest import parse_manifest
from pipelines.deliveries.readers import read_delivery
from pipelines.errors import IsindexError
from pipelines.validation.judge import judge
from sample_feeds import Delivery, FaultPlan, FileFault, make_nights
from sample_feeds.faults.catalogue import CATALOGUE
from sample_feeds.faults.files import FILE_FAULTS

DAY = dt.date(2026, 11, 18)
NEEDS_HISTORY = {"repeated", "sequence_gap", "empty", "late"}


def _answer(landing: Path, delivery: Delivery) -> tuple[set[str], bool, dict[str, int], list[dict[str, Any]]]:
    """File codes, whether it is refused, counts and rejects: the product's way from landing to judgement."""
    feed = {"authority": delivery.authority, "agency": delivery.agency}
    [found] = lying(str(landing), **feed, business_date=delivery.business_date)
    manifest, findings = parse_manifest(found.manifest_bytes, found.authority, found.agency, found.business_date)
    nothing: tuple[dict[str, int], list[dict[str, Any]]] = ({}, [])
    if manifest is None or any(f.severity == "refuse" for f in findings):
        return {f.code for f in findings}, True, *nothing
    try:
        contract = load_contract(manifest.contract)
    except IsindexError as error:
        return {error.code}, True, *nothing
    with verified(found, manifest.files) as files:
        findings = [*findings, *files.findings]
        if any(f.severity == "refuse" for f in findings):
            return {f.code for f in findings}, True, *nothing
        read = read_delivery(files, contract, delta=manifest.mode == "delta")
        findings = [*findings, *read.findings]
        if any(f.severity == "refuse" for f in findings):
            return {f.code for f in findings}, True, *nothing
        judged = judge(read, contract, found.business_date, authority=found.authority)
    counts = {name: judged.counts[name] for name in ("accepted", "queried", "rejected", "repeats")} | {
        "lost": read.lost
    }
    return {f.code for f in findings}, False, counts, judged.rejects.to_pylist()


def _wanted(delivery: Delivery) -> dict[str, int]:
    return {name: getattr(delivery, name) for name in ("accepted", "queried", "rejected", "repeats", "lost")}


@pytest.mark.in_full
@pytest.mark.parametrize("form", ["native", "parquet"])
def test_every_record_fault_meets_its_rule_and_the_counts_reconcile(tmp_path: Path, form: str) -> None:
    made = make_nights(tmp_path, children=4_000, faults="record", form=form, seed=21)
    expected = pq.read_table(tmp_path / "truth/expected_records.parquet").to_pylist()
    for delivery in made:
        codes, refused, counts, rejects = _answer(tmp_path / "landing", delivery)
        assert (codes, refused, counts) == (set(), False, _wanted(delivery))
        assert sum(counts.values()) == delivery.rows
        rules = defaultdict(set)
        outcomes = {}
        for reject in rejects:
            rules[reject["position"]].add(reject["rule"])
            outcomes[reject["position"]] = reject["outcome"]
        mine = [e for e in expected if e["agency"] == delivery.agency]
        for e in mine:
            if e["outcome"] in ("queried", "rejected"):
                assert e["rule"] in rules[e["position"]], e
                assert outcomes[e["position"]] == e["outcome"], e
            else:
                assert e["position"] not in rules, e
        assert set(rules) == {e["position"] for e in mine if e["outcome"] in ("queried", "rejected")}
        if form == "native":
            assert {e["fault"] for e in mine} >= {kind.name for kind in CATALOGUE[delivery.agency]}


@pytest.mark.in_full
def test_without_faults_every_record_is_accepted(tmp_path: Path) -> None:
    for delivery in make_nights(tmp_path, nights=2, children=5_000, seed=22):
        _, refused, counts, rejects = _answer(tmp_path / "landing", delivery)
        assert (refused, rejects, counts["accepted"]) == (False, [], delivery.rows)


@pytest.mark.parametrize("kind", sorted(set(FILE_FAULTS) - NEEDS_HISTORY))
def test_every_file_fault_is_answered_as_expected(tmp_path: Path, kind: str) -> None:
    agency = (FILE_FAULTS[kind].agencies or ("social_care",))[0]
    plan = FaultPlan(0.004, (FileFault(kind, "330", agency, DAY),))
    delivery = next(
        d for d in make_nights(tmp_path, children=300, faults=plan, agencies=[agency], seed=23) if d.fault == kind
    )
    codes, refused, counts, _ = _answer(tmp_path / "landing", delivery)
    assert refused == (delivery.state == "refused")
    if delivery.codes:
        assert codes & set(delivery.codes)
    else:
        assert not codes
    if not refused:
        assert counts == _wanted(delivery)
        assert sum(counts.values()) == delivery.rows


def test_faults_of_sequence_are_in_the_manifest(tmp_path: Path) -> None:
    second = DAY + dt.timedelta(days=1)
    plan = FaultPlan(files=(
        FileFault("repeated", "330", "health", second),
        FileFault("sequence_gap", "330", "education", second),
        FileFault("empty", "330", "police", second),
        FileFault("late", "330", "social_care", second),
    ))  # fmt: skip
    made = make_nights(tmp_path, nights=3, children=300, faults=plan)
    by = {(d.agency, d.business_date.day): d for d in made}
    assert [by["health", day].sequence for day in (18, 19, 20)] == [1, 1, 2]
    assert [by["education", day].sequence for day in (18, 19, 20)] == [1, 3, 4]
    assert (by["police", 19].rows, by["police", 19].state) == (0, "held")
    assert by["social_care", 19].wave == 2
    assert not (tmp_path / "landing/330/social_care/2026-11-19").exists()
    assert by["social_care", 20].codes == ("SEQUENCE_GAP",)


@pytest.mark.parametrize(
    ("fault", "state", "bad", "good"), [("checksum", "refused", 2, 2), ("repeated", "refused", 1, 2)]
)
def test_a_correction_is_sound_and_comes_under_the_number_that_a_refused_delivery_has_not_used_up(
    tmp_path: Path, fault: str, state: str, bad: int, good: int
) -> None:
    second = DAY + dt.timedelta(days=1)
    plan = FaultPlan(0.004, (FileFault(fault, "330", "health", second, corrected=True),))
    made = make_nights(tmp_path, nights=2, children=300, faults=plan, agencies=["health"])
    assert [(d.fault, d.sequence, d.wave, d.state) for d in made] == [
        ("", 1, 1, "partly_loaded"),
        (fault, bad, 1, state),
        ("corrected", good, 2, "loaded"),
    ]
    assert json.loads((made[-1].folder / "manifest.json").read_text())["sequence"] == good


def test_most_faults_are_still_there_the_next_night(tmp_path: Path) -> None:
    make_nights(tmp_path, nights=2, children=4_000, faults="record", agencies=["health"])
    expected = pq.read_table(tmp_path / "truth/expected_records.parquet").to_pylist()
    who = {(r["business_date"], r["position"]): r["child"]
           for r in pq.read_table(tmp_path / "truth/records.parquet").to_pylist()}  # fmt: skip
    nights: dict[dt.date, set[tuple[str, str]]] = defaultdict(set)
    for e in expected:
        nights[e["business_date"]].add((who[e["business_date"], e["position"]], e["fault"]))
    first, second = nights.values()
    assert len(first & second) > 0.7 * len(first)


def test_an_unknown_fault_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no file fault"):
        FileFault("mangled", "330", "health", DAY)


def test_a_fault_that_cannot_befall_a_feed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can befall education"):
        FileFault("broken_xml", "330", "health", DAY)
    plan = FaultPlan(files=(FileFault("broken_xml", "330", "education", DAY),))
    with pytest.raises(ValueError, match="cannot have it as Parquet"):
        make_nights(tmp_path, children=60, faults=plan, form="parquet")
