"""In time, late, or not at all: what is said of a feed follows the clock, and not the moment at which a night was run."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipelines.deliveries import due
from pipelines.nights.run import RanNight
from pipelines.nights.summary import summary_of
from pipelines.reporting import refresh
from tests.nights.little_authority import AUTHORITY, day_of
from tests.nights.little_nights import LittleNights


@pytest.fixture
def place(tmp_path: Path) -> LittleNights:
    return LittleNights(tmp_path)


class Clock:
    """Sets the clock by which feeds are awaited."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def at(self, day: int, hour: int, minute: int = 0) -> None:
        """So many days after the business date of night 0."""
        now = datetime.combine(day_of(day), datetime.min.time(), ZoneInfo("Europe/London")).replace(
            hour=hour, minute=minute
        )

        class Stopped(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:
                return now

        self._patch.setattr(due, "datetime", Stopped)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def told_of(place: LittleNights, agency: str) -> str:
    """The state of a feed of night 0 in the summary."""
    [planned] = place.planned(asked=[0]).values()
    summary = summary_of(place.deployment, [_Ran(planned, "published")])
    return next(feed["state"] for feed in summary["nights"][0]["feeds"] if feed["agency"] == agency)


class _Ran(RanNight):
    fault = code = ""


def overview(place: LittleNights) -> str:
    refresh(place.deployment.home, place.deployment.engine)
    return (place.deployment.home.reports / day_of(0).isoformat() / "index.html").read_text()


def test_a_silent_feed_is_expected_until_it_is_due_and_missing_after_the_cut_off_without_another_run(
    place: LittleNights, clock: Clock
) -> None:
    clock.at(0, 23)
    place.deliver(0, "health")
    assert place.load() == {0: "published"}
    assert told_of(place, "police") == "expected"
    early = overview(place)
    clock.at(1, 6, 1)
    assert told_of(place, "police") == "missing"
    later = overview(place)
    assert later.count("Missing") > early.count("Missing")
    assert later.count("Expected") < early.count("Expected")
    assert told_of(place, "health") == "loaded"


def ack(place: LittleNights, agency: str) -> dict[str, object]:
    path = place.landing / AUTHORITY / agency / day_of(0).isoformat() / "ack.json"
    told = json.loads(path.read_text())
    assert told["late"] == any(code["code"] == "LATE" for code in told["codes"])
    return dict(told)


@pytest.mark.in_full
def test_who_delivers_in_time_is_not_late_because_the_night_was_run_for_another(
    place: LittleNights, clock: Clock
) -> None:
    clock.at(0, 22)
    place.deliver(0, "health")
    assert place.load() == {0: "published"}
    clock.at(1, 5, 59)
    place.deliver(0, "police")
    assert place.load() == {0: "published"}
    clock.at(1, 6)
    place.deliver(0, "education")
    assert place.load() == {0: "published"}
    assert [ack(place, agency)["late"] for agency in ("health", "police", "education")] == [False, False, True]
