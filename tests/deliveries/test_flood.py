"""A delivery in which more records ask to be protected than anybody can mean is held; earlier wishes stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from pipelines.deliveries.standing import standing_deliveries
from pipelines.nights.arrivals import look_around
from pipelines.nights.decisions import waive
from pipelines.nights.retention import tidy
from pipelines.nights.summary import standing
from pipelines.tables import read_table
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights

CHILD = children()[3]
WHY: Any = {"actor": "Ruth", "reason": "a refuge has moved in", "at": datetime.now(UTC)}


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """Health holds a hundred and eight children; one of them asks."""
    place = LittleNights(tmp_path_factory.mktemp("flood"))
    for number in range(100):
        tens, ones = "abcdefghij"[number // 10], "abcdefghij"[number % 10]
        child = replace(children()[0], number=8 + number, given=f"Given{tens}{ones}", family=f"Family{tens}{ones}")
        place.feeds["health"].hold(replace(child, street=f"{number + 200} Long Row"))
    place.feeds["health"].rows[f"P{CHILD.nhs}"]["confidentiality"] = "S"
    place.deliver(0)
    assert place.load() == {0: "published"}
    return place


@pytest.fixture
def place(crowded: LittleNights, tmp_path: Path) -> LittleNights:
    return crowded.copied_to(tmp_path)


def mark(place: LittleNights, number: int, value: str) -> None:
    for row in list(place.feeds["health"].rows.values())[-number:]:
        row["confidentiality"] = value


def hidden(place: LittleNights, night: int) -> int:
    table = place.published(night)
    return int(pc.sum(pc.or_(table["shielded"], table["withheld"])).as_py())


def is_hidden(place: LittleNights, night: int, record_key: str) -> bool:
    folder = place.in_force(night).folder / "identities"
    (child,) = [
        row["index_id"]
        for row in read_table(folder / "identities.parquet").to_pylist()
        if row["record_key"] == record_key
    ]
    (seen,) = [row for row in read_table(folder / "visibility.parquet").to_pylist() if row["index_id"] == child]
    return bool(seen["shielded"] or seen["withheld"])


@pytest.mark.in_full
def test_a_flood_is_held_and_hides_nobody_but_whom_earlier_wishes_hide(place: LittleNights) -> None:
    mark(place, 100, "NULL but not quite")
    place.deliver(1, "health")
    place.load()
    place.deliver(1, "police")
    place.load()
    assert hidden(place, 1) == 1
    (entry,) = standing_deliveries(place.deployment.engine)
    assert (entry.state, [code["code"] for code in entry.codes]) == ("held", ["PROTECTION_FLOOD"])
    command = f"isindex waive --home HOME --authority {AUTHORITY} --agency health --sequence {entry.sequence} --reason"
    reports = place.home / "reports"
    night = reports / day_of(1).isoformat()
    for page in (reports / "index.html", night / "index.html", night / AUTHORITY / "protection.html"):
        told = unescape(page.read_text())
        assert command in told, page
        assert "confirm by a waiver" not in told  # that is for the supplier
    first, _, then = told.partition("Wishes to be protected that somebody must look at")
    assert command in first and "protect nobody until" in first
    (waits,) = standing(place.deployment)
    assert command in waits["what_to_do"]
    place.feeds["health"].rows[f"P{children()[0].nhs}"]["confidentiality"] = ""
    mark(place, 100, "")
    place.deliver(1, "health")
    place.load()
    assert command not in unescape((night / AUTHORITY / "protection.html").read_text())


@pytest.mark.in_full
def test_a_waiver_of_its_own_number_makes_a_flood_count(place: LittleNights) -> None:
    mark(place, 50, "S")
    place.deliver(1)
    place.load()
    assert hidden(place, 1) == 1
    sequence = place.feeds["health"].sequence
    waive(place.deployment, AUTHORITY, "health", sequence, **WHY)
    place.load()
    assert hidden(place, 1) > 50  # and whoever may be one of them


@pytest.mark.in_full
def test_every_wish_of_a_flood_that_is_waived_is_heard_though_its_record_be_rejected(place: LittleNights) -> None:
    mark(place, 50, "S")
    open_one = children()[5]
    care = place.feeds["social_care"]
    care.hold(open_one)
    number = next(key for key, row in care.rows.items() if row.get("nhs_number") == open_one.nhs)
    place.feeds["health"].rows[f"X{CHILD.nhs}"] = dict(
        place.feeds["health"].rows[f"P{open_one.nhs}"],
        local_patient_id="X77", family_name="", confidentiality="S",
    )  # fmt: skip
    place.deliver(1)
    place.load()
    assert hidden(place, 1) == 1
    assert not is_hidden(place, 1, f"social_care:{number}")
    waive(place.deployment, AUTHORITY, "health", place.feeds["health"].sequence, **WHY)
    place.load()
    assert is_hidden(place, 1, f"social_care:{number}")
    standing_wishes = read_table(place.in_force(1).folder / "protection" / "entries.parquet").num_rows
    assert standing_wishes >= 52
    mark(place, 51, "")
    del place.feeds["health"].rows[f"X{CHILD.nhs}"]
    place.deliver(2)
    place.load()
    tasks = read_table(place.in_force(2).folder / "protection" / "tasks.parquet")
    assert pc.sum(pc.equal(tasks["kind"], "gone")).as_py() >= 50  # a person is asked of each


@pytest.mark.in_full
def test_what_a_flood_asks_for_is_let_go_with_its_night_when_nobody_wants_it(place: LittleNights, setting: Any) -> None:
    mark(place, 50, "S")
    place.deliver(1)
    place.load()
    kept = list((place.home / "protection").rglob("*.flood.parquet"))
    assert len(kept) == 1
    assert not [value for value in (CHILD.nhs, CHILD.family) if value.encode() in kept[0].read_bytes()]
    setting("ISINDEX_KEEP_NIGHTS", "1")
    mark(place, 50, "")
    for night in (2, 3, 4):
        place.deliver(night)
        place.load()
    tidy(place.deployment, [AUTHORITY])
    assert not list((place.home / "protection").rglob("*.flood.parquet"))


@pytest.mark.in_full
@pytest.mark.parametrize("asking", [10, 19])
def test_a_few_are_no_flood(place: LittleNights, asking: int) -> None:
    mark(place, asking, "S")
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert hidden(place, 1) > asking
    assert standing_deliveries(place.deployment.engine) == []


@pytest.mark.in_full
def test_a_flood_in_a_folder_that_nobody_takes_in_is_told_by_every_look_until_it_is_put_right(
    place: LittleNights,
) -> None:
    def told() -> list[str]:
        found = look_around(place.deployment).findings
        return [each.message for each in found if each.code == "ASTRAY_FLOOD" and each.place.endswith("2026-11-31")]

    mark(place, 50, "S")
    place.deliver(1, "health")
    folder = place.landing / AUTHORITY / "health" / day_of(1).isoformat()
    astray = folder.rename(folder.parent / "2026-11-31")
    assert place.load() == {}
    for _ in range(2):
        (message,) = told()
        assert " 5" in message and "none of them is heard" in message
    assert "ASTRAY_FLOOD" in (place.home / "reports" / "index.html").read_text()
    astray.rename(folder)
    assert told() == []
    place.load()
    assert [entry.state for entry in standing_deliveries(place.deployment.engine)] == ["held"]
