"""What a feed holds after a night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipelines.records.live_records import FeedNight, apply_delivery
from pipelines.validation.judge import Judged, judge
from tests.validation.records import NIGHT, contract, judged, read, record, unreadable


def child(number: int, **changes: Any) -> dict[str, Any]:
    return record("health", {"local_patient_id": f"P{number}", "nhs_number": None, **changes})


def after(
    before: FeedNight | None,
    result: Judged,
    *,
    mode: str = "full",
    lost: int = 0,
    night: int = 0,
    agency: str = "health",
) -> FeedNight:
    return apply_delivery(
        before.live if before else None,
        result.accepted,
        result.rejects,
        contract(agency),
        mode=mode,
        lost=lost,
        delivery_id=f"delivery {night}",
        business_date=NIGHT + timedelta(days=night),
    )


def keys(night: FeedNight) -> list[str]:
    return night.live["key"].to_pylist()


def row(night: FeedNight, key: str) -> Mapping[str, Any]:
    return next(each for each in night.live.to_pylist() if each["key"] == key)


FIRST = [child(1), child(2), child(3)]


def first() -> FeedNight:
    return after(None, judged("health", *FIRST))


def test_a_first_delivery_is_all_new() -> None:
    night = first()
    assert keys(night) == ["P1", "P2", "P3"]
    assert night.changes == {"added": 3, "changed": 0, "unchanged": 0, "kept": 0, "withdrawn": 0}
    assert night.live.schema.names[:5] == ["position", "line", "key", "outcome", "unverified"]
    assert night.live.schema.names[-3:] == ["delivery_id", "as_of", "content"]


def test_absent_from_a_full_delivery_is_withdrawn_and_unchanged_records_stay_as_they_were() -> None:
    night = after(first(), judged("health", child(0), child(1), child(2, gender="2")), night=1)
    assert keys(night) == ["P0", "P1", "P2"]
    assert night.changes == {"added": 1, "changed": 1, "unchanged": 1, "kept": 0, "withdrawn": 1}
    assert (row(night, "P1")["delivery_id"], row(night, "P1")["as_of"], row(night, "P1")["position"]) == (
        "delivery 0",
        NIGHT,
        1,
    )
    assert row(night, "P2")["delivery_id"] == "delivery 1"


def test_an_uneventful_night_changes_no_byte() -> None:
    night = first()
    assert after(night, judged("health", *FIRST), night=1).live.equals(night.live)


def test_the_order_of_delivery_does_not_show() -> None:
    night = after(first(), judged("health", *reversed(FIRST)), night=1)
    assert night.live.equals(first().live)


def test_a_rejected_record_keeps_its_last_good_version() -> None:
    night = after(first(), judged("health", child(1), child(2, birth_date="2015-02-30"), child(3)), night=1)
    assert row(night, "P2")["birth_date"] == date(2015, 1, 1)
    assert night.changes["kept"] == 1
    assert night.changes["withdrawn"] == 0


def test_somebody_found_too_old_does_not_stay() -> None:
    night = after(first(), judged("health", child(1), child(2, birth_date="1980-01-01"), child(3)), night=1)
    assert keys(night) == ["P1", "P3"]


def test_nobody_is_withdrawn_when_records_were_lost() -> None:
    assert keys(after(first(), judged("health", child(1)), lost=2, night=1)) == ["P1", "P2", "P3"]


@pytest.mark.parametrize(("may_be", "stays"), [("", "P2"), ("P3", "P3"), ("P9", "P2")])
def test_for_a_damaged_record_one_that_is_absent_stays_its_own_where_the_key_can_be_made_out(
    may_be: str, stays: str
) -> None:
    sound = read("health", [child(1)])
    damaged = replace(sound, unreadable=unreadable(2, "RECORD-FIELD-COUNT", may_be=may_be), rows_read=2)
    night = after(first(), judge(damaged, contract("health"), NIGHT), night=1)
    assert keys(night) == ["P1", stays]
    assert (night.suspended, night.changes["withdrawn"]) == (1, 1)


def test_what_a_key_may_be_is_kept_as_a_digest_alone() -> None:
    damaged = replace(read("health", []), unreadable=unreadable(1, "RECORD-FIELD-COUNT", may_be="P2"), rows_read=1)
    (told,) = judge(damaged, contract("health"), NIGHT).rejects.to_pylist()
    assert told["key"] is None and "P2" not in repr(told) and len(told["may_be"]) == 32


def test_a_damaged_record_whose_key_is_known_keeps_its_own_version_only() -> None:
    sound = read("health", [child(1)])
    damaged = replace(sound, unreadable=unreadable(2, "RECORD-TOO-LARGE", "P2"), rows_read=2)
    assert keys(after(first(), judge(damaged, contract("health"), NIGHT), night=1)) == ["P1", "P2"]


def test_absence_means_nothing_where_the_contract_says_so() -> None:
    def contact(number: int) -> dict[str, Any]:
        return record("police", {"contact_ref": f"C{number}"})

    before = after(None, judged("police", contact(1), contact(2)), agency="police")
    night = after(before, judged("police", contact(3)), night=1, agency="police")
    assert keys(night) == ["C1", "C2", "C3"]
    assert night.changes["withdrawn"] == 0


def test_a_delta_changes_what_it_speaks_of() -> None:
    rows = [
        child(2, gender="2") | {"change": "upsert"},
        {"local_patient_id": "P3", "change": "withdraw"},
        child(4) | {"change": "upsert"},
        child(1, birth_date="x") | {"change": "upsert"},
    ]
    night = after(first(), judged("health", *rows, delta=True), mode="delta", night=1)
    assert keys(night) == ["P1", "P2", "P4"]
    assert night.changes == {"added": 1, "changed": 1, "unchanged": 0, "kept": 1, "withdrawn": 1}
    assert row(night, "P2")["gender"] == "2"


def test_a_delta_without_records_changes_nothing() -> None:
    night = after(first(), judged("health", delta=True), mode="delta", night=1)
    assert night.live.equals(first().live)
    assert night.changes["unchanged"] == 3


def test_a_withdrawn_child_is_taken_out() -> None:
    sound = record("social_care")
    before = after(None, judged("social_care", sound), agency="social_care")
    night = after(before, judged("social_care", sound | {"withdrawn": "true"}), night=1, agency="social_care")
    assert keys(night) == []
    assert night.changes["withdrawn"] == 1


@pytest.mark.parametrize("mode", ["full", "delta"])
def test_who_asks_for_a_shield_in_a_rejected_record_is_shielded(mode: str) -> None:
    asked = child(2, confidentiality="S", birth_date=None) | ({"change": "upsert"} if mode == "delta" else {})
    night = after(first(), judged("health", asked, delta=mode == "delta"), mode=mode, night=1)
    assert row(night, "P2")["confidentiality"] == "S"
    assert first().live["confidentiality"].to_pylist() == [None, None, None]


def test_a_nested_shield_is_set_too() -> None:
    open_child = record("social_care", {"shield": None})
    before = after(None, judged("social_care", open_child), agency="social_care")
    asked = record("social_care", {"names": None, "shield": {"requested": "perhaps"}})
    night = after(before, judged("social_care", asked), night=1, agency="social_care")
    assert row(night, "S1")["shield"]["requested"] is True
    assert row(night, "S1")["names"]


def test_records_of_an_older_contract_fit_a_newer_one() -> None:
    older = first().live.drop_columns(["carer_name"]).append_column("gone", pa.array(["x"] * 3))
    result = judged("health", child(1))
    night = apply_delivery(older, result.accepted, result.rejects, contract("health"), mode="full", lost=2,
                           delivery_id="delivery 1", business_date=NIGHT)  # fmt: skip
    assert night.live.schema.equals(first().live.schema)
    assert keys(night) == ["P1", "P2", "P3"]
