"""Sample nights with injected faults are judged as their truth says: record by record, outcome and rule."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.contracts import load_contract
from pipelines.deliveries.files import verified
from pipelines.deliveries.landing import lying
from pipelines.deliveries.readers import read_delivery
from pipelines.validation.judge import judge
from sample_feeds.nights import make_nights

FIRST = date(2026, 11, 18)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nights")
    make_nights(folder, ["330"], first_night=FIRST, nights=1, children=3000, seed=7, faults="record")
    return folder


@pytest.mark.parametrize("agency", ["health", "education", "police", "social_care"])
def test_every_injected_fault_is_found_and_no_other(nights: Path, agency: str) -> None:
    (found,) = lying(str(nights / "landing"), agency=agency, business_date=FIRST)
    assert found.manifest is not None
    contract = load_contract(found.manifest.contract)
    with verified(found, found.manifest.files) as files:
        result = judge(read_delivery(files, contract, delta=False), contract, FIRST, authority="330")
    outcomes = dict(zip(*(result.accepted[name].to_pylist() for name in ("position", "outcome")), strict=True))
    rules: dict[int, set[str]] = {}
    for row in result.rejects.to_pylist():
        rules.setdefault(row["position"], set()).add(row["rule"])
        outcomes[row["position"]] = row["outcome"]
    truth = pq.read_table(nights / "truth" / "expected_records.parquet").to_pylist()
    expected = {row["position"]: row for row in truth if row["agency"] == agency and row["business_date"] == FIRST}
    assert len(expected) > 5
    wrong = [
        (row["fault"], row["outcome"], row["rule"], outcomes.get(position, "repeat"), sorted(rules.get(position, ())))
        for position, row in expected.items()
        if outcomes.get(position, "repeat") != row["outcome"] or (row["rule"] and row["rule"] not in rules[position])
    ]
    assert wrong == []
    unexpected = Counter(outcome for position, outcome in outcomes.items() if position not in expected)
    assert set(unexpected) == {"accepted"}
