"""However odd a record is, and whatever number it bears: the night is published, and whoever else asks in the delivery is heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.nights import requests
from pipelines.seams.deliveries import ASKING
from tests.nights.little_authority import children
from tests.nights.little_nights import LittleNights
from tests.nights.test_protection_tasks import tasks

pytestmark = pytest.mark.in_full

CHILD, OTHER = children()[1], children()[2]
SHIELD = {"requested": True}


@pytest.fixture
def place(tmp_path: Path) -> LittleNights:
    made = LittleNights(tmp_path)
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


def record_of(place: LittleNights, number: int = 0) -> dict[str, Any]:
    """A record of social care."""
    return list(place.feeds["social_care"].rows.values())[number]


def hidden(place: LittleNights, night: int, family: str) -> bool:
    table = place.published(night)
    mine = table.filter(pc.equal(table["family_name"], family)).to_pylist()
    assert mine
    return all(row["shielded"] or row["withheld"] for row in mine)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


ODD = {
    "deep": {"note": nested(90)},
    "deeper than a parser goes": {"note": nested(240)},
    "names without end": {
        "shield": SHIELD,
        "names": [
            {"family": f"{chr(97 + place)}bcde" * 1_900, "given": f"fghij{chr(97 + place)}" * 1_600, "type": "alias"}
            for place in range(8)
        ],
    },
}


@pytest.mark.parametrize("what", ODD)
def test_the_night_is_published_and_the_others_are_heard(place: LittleNights, what: str) -> None:
    record_of(place).update(ODD[what])
    victim = record_of(place, 1)
    victim["shield"] = SHIELD
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert hidden(place, 1, victim["names"][0]["family"])


def test_one_that_cannot_be_worked_out_silences_no_other(monkeypatch: pytest.MonkeyPatch, place: LittleNights) -> None:
    as_ever = requests.requests_of

    def too_much(asking: pa.Table, *arguments: Any, **more: Any) -> pa.Table:
        if any(row["key"] == mine["la_child_id"] and row["named"] for row in asking.to_pylist()):
            raise MemoryError
        return as_ever(asking, *arguments, **more)

    mine, victim = record_of(place), record_of(place, 1)
    for row in (mine, victim):
        row["shield"] = SHIELD
        place.feeds["health"].drop(f"P{row['nhs_number']}")
    monkeypatch.setattr(requests, "requests_of", too_much)
    place.deliver(1)
    assert place.load() == {1: "published"}
    for row in (mine, victim):  # by its key at least
        assert hidden(place, 1, row["names"][0]["family"])
    assert len([task for task in tasks(place, 1) if task["kind"] == "unread"]) == 1


WRONG = {
    "one digit wrong": CHILD.nhs[:-2] + str((int(CHILD.nhs[-2]) + 1) % 10) + CHILD.nhs[-1],
    "another child's": OTHER.nhs,
    "no number": "TBC 00000000",
    "of a spreadsheet": f"{CHILD.nhs}.0",
}


@pytest.mark.parametrize("known", ["names and home", "birth date and home"])
@pytest.mark.parametrize("number", WRONG)
def test_a_mistyped_number_speaks_against_nothing_else_that_names_the_child(
    place: LittleNights, number: str, known: str
) -> None:
    rows = place.feeds["health"].rows
    asks = dict(rows[f"P{CHILD.nhs}"]) | {"local_patient_id": "", "nhs_number": WRONG[number], "confidentiality": "S"}
    asks |= {"birth_date": "13/13/2013"} if known == "names and home" else {"family_name": "", "given_name": ""}
    rows["asks"] = asks
    place.deliver(1)
    assert place.load() == {1: "published"}
    assert hidden(place, 1, CHILD.family)
    assert hidden(place, 1, OTHER.family) == (number == "another child's")


def test_what_asks_is_taken_apart_by_halves_and_each_keeps_its_place() -> None:
    rows = [
        {"position": place, "line": place, "key": None, "asked": "shield", "understood": True, "named": []}
        for place in range(1, 6)
    ]
    asking = pa.Table.from_pylist(rows, schema=ASKING.schema)
    whole = requests.requests_of(asking, "health", "330/health/2026-11-18/1-a")
    parts = [
        requests.requests_of(asking.slice(begin, 1), "health", "330/health/2026-11-18/1-a", first=begin)
        for begin in range(5)
    ]
    assert pa.concat_tables(parts).sort_by("entry_id").equals(whole) and whole.num_rows == 5


def test_a_fault_of_the_machine_takes_nothing_from_a_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what names a child would be lost for good where a disk was full for a moment."""
    rows = [
        {
            "position": 1,
            "line": 1,
            "key": "P1",
            "asked": "shield",
            "understood": True,
            "named": [{"concept": "upn", "value": "A1"}],
        }
    ]
    tried: list[int] = []

    def full(asking: pa.Table, *_: Any, **__: Any) -> pa.Table:
        tried.append(asking.num_rows)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(requests, "requests_of", full)
    with pytest.raises(OSError, match="No space"):
        list(
            requests._heard(
                pa.Table.from_pylist(rows, schema=ASKING.schema), "health", "330/health/2026-11-18/1-a", None
            )
        )
    assert tried == [1]
