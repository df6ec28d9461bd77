"""What was exchanged in the home, and can still be read, is found before anything is built from it; a memory for people stops nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.nights.protective import taken_away
from pipelines.tables import read_as, write_json
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights, broken_in

CHILD = children()[0]


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    made = LittleNights(tmp_path_factory.mktemp("two"))
    for night in (0, 1):
        made.deliver(night)
        made.load()
    return made


@pytest.mark.in_full
def test_another_table_in_the_store_fails_the_night_and_put_back_it_is_published(
    two_nights: LittleNights, tmp_path: Path
) -> None:
    place = two_nights.copied_to(tmp_path)
    place.feeds["health"].rows[f"P{CHILD.nhs}"]["address_line_1"] = "5 Elsewhere Row"
    place.deliver(2)
    assert place.load(before=broken_in("links")) == {2: "failed"}
    old, new = (
        next((place.home / "deliveries").rglob(f"health/{day_of(night)}/*/accepted.parquet")) for night in (1, 2)
    )
    kept = new.read_bytes()
    shutil.copyfile(old, new)
    assert place.load() == {2: "failed"}
    assert place.last(2).code == "STORE_DAMAGED"
    new.write_bytes(kept)
    assert place.load() == {2: "published"}
    assert "ELSEWHERE ROW" in str(place.published(2, "addresses").to_pylist()).upper()


@pytest.mark.in_full
def test_a_tombstone_that_cannot_be_read_stops_nothing(two_nights: LittleNights, tmp_path: Path) -> None:
    place = two_nights.copied_to(tmp_path)
    place.feeds["health"].rows[f"P{CHILD.nhs}"]["confidentiality"] = "S"
    place.deliver(2)
    place.load()
    (path, *_) = sorted((place.home / "snapshots" / AUTHORITY / "tombstones").glob("*.json"))
    told = len(taken_away(place.deployment, AUTHORITY))
    write_json({}, path)
    place.deliver(3)
    assert place.load() == {3: "published"}
    assert len(taken_away(place.deployment, AUTHORITY)) == told - 1


def test_a_pointer_with_a_night_that_is_no_date_is_told_by_its_code(two_nights: LittleNights, tmp_path: Path) -> None:
    place = two_nights.copied_to(tmp_path)
    path = place.home / "snapshots" / AUTHORITY / "current.json"
    told = read_as(path, dict)
    write_json({**told, "nights": {**told["nights"], "soon": "v=x"}}, path)
    place.deliver(2)
    assert place.load() == {1: "failed", 2: "failed"}  # the latest, and the one that something came for
    assert place.last(2).code == "STORE_DAMAGED"
