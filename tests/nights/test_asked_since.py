"""No page sends people to open a child whose protection was asked for since its mark was last seen to be gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.nights import decisions
from tests.nights.little_authority import AUTHORITY, Delivery, children, day_of, put
from tests.nights.little_nights import LittleNights, few_keys_may_move
from tests.nights.test_protection import by
from tests.nights.test_protection_tasks import reference, tasks

pytestmark = pytest.mark.in_full

CHILD = children()[3]
KEY = f"P{CHILD.nhs}"


def sent(place: LittleNights, night: int, mark: str, *, sequence: int, mode: str = "full", fault: str = "") -> None:
    """Health delivers with that mark on the child's record; a delta has that record alone."""
    feed = place.feeds["health"]
    feed.sequence = sequence
    feed.rows[KEY]["confidentiality"] = mark
    rows = [dict(row) for key, row in feed.rows.items() if mode == "full" or key == KEY]
    put(place.landing, Delivery("health", day_of(night), sequence, mode, rows, fault))


def kinds(place: LittleNights, night: int) -> list[str]:
    return [task["kind"] for task in tasks(place, night)]


@pytest.fixture
def place(tmp_path: Path) -> LittleNights:
    """Health's next sequence is 2, of night 1."""
    made = LittleNights(tmp_path)
    made.deliver(0)
    assert made.load() == {0: "published"}
    return made


NOT_IN_FORCE = {
    "refused": {"sequence": 2, "fault": "checksum"},
    "refused, its manifest is none": {"sequence": 2, "fault": "manifest"},
    "held for a gap": {"sequence": 4, "mode": "delta"},
    "under a number that was used": {"sequence": 1},
}


@pytest.mark.parametrize("how", NOT_IN_FORCE)
def test_what_asks_in_a_delivery_that_is_not_in_force_is_not_gone(place: LittleNights, how: str) -> None:
    sent(place, 1, "S", **NOT_IN_FORCE[how])  # type: ignore[arg-type]
    place.load()
    (task,) = tasks(place, 1)
    assert (task["kind"], task["record_ref"]) == ("unsettled", reference(place, 1, f"health:{KEY}"))
    assert task["last_delivery"].startswith(f"{AUTHORITY}/health/{day_of(1).isoformat()}/")
    page = (place.home / "reports" / day_of(1).isoformat() / AUTHORITY / "protection.html").read_text()
    assert "isindex decide unshield" not in page


def test_a_correction_under_the_same_number_answers_it(place: LittleNights) -> None:
    sent(place, 1, "S", sequence=2, fault="checksum")
    place.load()
    sent(place, 1, "", sequence=2)
    place.load()
    assert kinds(place, 1) == ["gone"]


def test_another_delivery_of_the_same_date_answers_what_came_before_it_alone(place: LittleNights) -> None:
    sent(place, 1, "", sequence=2)
    place.load()
    sent(place, 1, "S", sequence=3, fault="checksum")  # after the one in force, of the same date
    place.load()
    assert kinds(place, 1) == ["unsettled"]
    sent(place, 1, "", sequence=4)
    place.load()
    assert kinds(place, 1) == ["gone"]


def test_a_late_one_that_asks_is_not_answered_by_what_had_come_before_it(place: LittleNights) -> None:
    sent(place, 2, "", sequence=3)
    place.load()
    sent(place, 1, "S", sequence=2, fault="checksum")
    place.load()
    assert kinds(place, 2) == ["unsettled"]
    sent(place, 3, "", sequence=4)
    place.load()
    assert kinds(place, 3) == ["gone"]


def test_a_mark_that_is_gone_and_asked_for_again_in_a_refused_delivery_is_not_gone(place: LittleNights) -> None:
    sent(place, 1, "S", sequence=2)
    place.load()
    sent(place, 2, "", sequence=3)
    place.load()
    assert kinds(place, 2) == ["gone"]
    sent(place, 3, "S", sequence=4, fault="checksum")
    place.load()
    assert kinds(place, 3) == ["unsettled"]


def test_a_mark_is_no_task_while_another_record_of_the_child_has_asked_since(place: LittleNights) -> None:
    sent(place, 1, "S", sequence=2)
    place.load()
    sent(place, 2, "", sequence=3)
    social = place.feeds["social_care"]
    row = next(row for row in social.rows.values() if row["nhs_number"] == CHILD.nhs)
    row["shield"] = {"requested": True, "by": "Court", "reason_code": "other"}
    place.deliver(2, "social_care")
    place.load()
    assert kinds(place, 2) == []


def test_what_a_held_night_found_is_no_task_of_an_agency_that_asked_for_nothing(place: LittleNights) -> None:
    """Health asks in a night that is held; police know the child by another name."""
    (row,) = (each for each in place.feeds["police"].rows.values() if each["surname"] == CHILD.family)
    row["surname"] = "Thistlewick"
    place.feeds["health"].rows[KEY]["confidentiality"] = "S"
    place.renumber()
    place.deliver(1)
    with few_keys_may_move():
        assert place.load() == {1: "held"}
        for gate in ("keys_moved", "volume"):
            decisions.override(place.deployment, AUTHORITY, day_of(1), gate, **by("Ruth"))  # type: ignore[arg-type]
        assert place.load() == {1: "published"}
    assert tasks(place, 1) == []
    assert place.last(1).figures["protection"]["standing"] == 1
