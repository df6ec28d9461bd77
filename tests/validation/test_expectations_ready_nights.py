"""On whole nights full of faults, the suites and the row rules, which share no code, come to the same verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.contracts import load_contract
from pipelines.deliveries import FoundDelivery, lying
from pipelines.deliveries.files import verified
from pipelines.deliveries.manifest import Manifest
from pipelines.deliveries.readers import read_delivery
from pipelines.errors import IsindexError
from pipelines.validation.expectations import judge_night
from pipelines.validation.judge import judge

LANDING = Path(__file__).parents[2] / "sample_feeds" / "ready_nights" / "landing"
FOUND = {f"{each.agency} {each.business_date}": each for each in lying(str(LANDING))}


@pytest.mark.others_in_full
@pytest.mark.parametrize("name", sorted(FOUND))
def test_no_accepted_record_of_a_ready_night_breaks_a_rule(name: str) -> None:
    found: FoundDelivery = FOUND[name]
    if not isinstance(found.manifest, Manifest):
        pytest.skip("the manifest is one of the night's faults")
    try:
        contract = load_contract(found.manifest.contract)
    except IsindexError:
        pytest.skip("the contract is one of the night's faults")
    with verified(found, found.manifest.files) as files:
        read = read_delivery(files, contract, delta=found.manifest.mode == "delta")
    judged = judge(read, contract, found.business_date, authority=found.authority)
    outcomes = judge_night(found.authority, found.business_date, contract, judged.accepted, {}, [], None)
    assert [outcome.description for outcome in outcomes if not outcome.passed] == []


def test_there_are_ready_nights_to_judge() -> None:
    assert len(FOUND) >= 4
