"""The person records of a night: carried over from its base, and the same as if all of them had been made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.contracts import load_contract
from pipelines.nights import plan
from pipelines.nights.feed_rows import read_feeds
from pipelines.records import carried_over
from pipelines.records.person_records import build_person_records
from pipelines.tables import read_table
from tests.nights.little_authority import AGENCIES
from tests.nights.little_nights import LittleNights


def assert_as_all_at_once(place: LittleNights, number: int) -> None:
    attempt = place.in_force(number)
    live = {agency: read_table(attempt.folder / "live" / f"{agency}.parquet") for agency in AGENCIES}
    contracts = {row.agency: load_contract(str(row.contract)) for row in read_feeds(attempt)}
    night = attempt.night
    made = build_person_records(live, contracts, night.authority, night.business_date)
    for name, table in vars(made).items():
        assert read_table(attempt.folder / "person" / f"{name}.parquet").equals(table), (number, name)


def test_a_night_carries_over_what_its_base_has_unless_that_was_made_by_other_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: list[dict[str, list[str]]] = []
    after = carried_over.person_records_after

    def noted(before: Any, keys: Any, *of_night: Any) -> Any:
        touched.append({agency: each.to_pylist() for agency, each in keys.items() if len(each)})
        return after(before, keys, *of_night)

    monkeypatch.setattr(carried_over, "person_records_after", noted)
    place = LittleNights(tmp_path)
    place.deliver(0)
    assert place.load() == {0: "published"}
    assert not touched  # there is no base
    first = next(iter(place.feeds["health"].rows.values()))
    first["carer_name"] = "Somebody Else"
    place.deliver(1, "health", "education")
    assert place.load() == {1: "published"}
    assert touched == [{"health": [first["local_patient_id"]]}]
    assert_as_all_at_once(place, 1)
    monkeypatch.setattr(plan, "FORMAT", "another")
    assert place.load() == {1: "published"}
    assert len(touched) == 1  # the program of the base was another
    assert_as_all_at_once(place, 1)
