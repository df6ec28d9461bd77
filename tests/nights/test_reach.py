"""How far an authority's nights reach: what is beyond is neither delivered for nor run, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.contracts import authorities as known_authorities
from pipelines.errors import IsindexError
from pipelines.nights.night import Night
from pipelines.nights.reach import LONDON, first_nights, last_night
from pipelines.nights.run import run_night
from tests.nights.little_authority import AUTHORITY, day_of
from tests.nights.little_nights import LittleNights, bytes_under

Setting = Callable[[str, object], None]


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    place = LittleNights(tmp_path_factory.mktemp("two-nights"))
    for number in (2, 3):
        place.deliver(number)
    assert place.load() == {2: "published", 3: "published"}
    return place


@pytest.fixture
def place(two_nights: LittleNights, tmp_path: Path) -> LittleNights:
    return two_nights.copied_to(tmp_path)


def refused(place: LittleNights, day: date) -> str:
    """The code under which a run of a night is refused; nothing in the home has changed."""
    before = bytes_under(place.home)
    with pytest.raises(IsindexError) as caught:
        run_night(Night(place.deployment, AUTHORITY, day), started_by="a test")
    assert bytes_under(place.home) == before
    assert caught.value.exit_code == 2
    return caught.value.code


@pytest.mark.in_full
def test_a_night_before_the_first_one_is_refused(place: LittleNights) -> None:
    assert refused(place, day_of(1)) == "NIGHT_TOO_EARLY"


@pytest.mark.in_full
def test_the_setting_opens_the_time_before(place: LittleNights, setting: Setting) -> None:
    setting("ISINDEX_FIRST_NIGHT", day_of(1).isoformat())
    assert first_nights(place.deployment)[AUTHORITY] == day_of(1)
    place.deliver(1)
    assert place.load()[1] == "published"


def test_a_later_setting_closes_nothing_that_was_run(place: LittleNights, setting: Setting) -> None:
    setting("ISINDEX_FIRST_NIGHT", day_of(9).isoformat())
    assert first_nights(place.deployment)[AUTHORITY] == day_of(2)


def test_an_authority_that_never_delivered_begins_when_it_was_opened(place: LittleNights, setting: Setting) -> None:
    opened = known_authorities.opened()
    assert first_nights(place.deployment)["331"] == opened["331"]
    setting("ISINDEX_FIRST_NIGHT", (opened["331"] - timedelta(days=400)).isoformat())
    assert first_nights(place.deployment)["331"] == opened["331"]


def test_a_night_that_has_not_come_is_refused_and_tomorrow_s_is_not(place: LittleNights) -> None:
    today = datetime.now(LONDON).date()
    assert last_night() - today == timedelta(days=1)
    assert refused(place, last_night() + timedelta(days=1)) == "NIGHT_AHEAD"
    assert run_night(Night(place.deployment, AUTHORITY, last_night()), started_by="a test") == "published"


@pytest.mark.in_full
def test_a_night_that_was_let_go_is_refused(place: LittleNights, setting: Setting) -> None:
    setting("ISINDEX_KEEP_NIGHTS", 1)
    for number in (4, 5):
        place.deliver(number)
    assert place.load() == {4: "published", 5: "published"}
    for number in (2, 3, 4):  # the last of them is kept as the base of the next
        assert refused(place, day_of(number)) == "NIGHT_RETIRED"
    assert first_nights(place.deployment)[AUTHORITY] == day_of(5)
    setting("ISINDEX_FIRST_NIGHT", day_of(1).isoformat())
    assert first_nights(place.deployment)[AUTHORITY] == day_of(5)


def test_a_first_version_has_children_so_nothing_is_published_until_something_usable_came(tmp_path: Path) -> None:
    place = LittleNights(tmp_path)
    place.deliver(0, "health", "police", fault="checksum")
    assert place.load() == {0: "held"}
    assert place.last(0).reasons[0].startswith("Gate volume has not passed.")
    assert not list((place.home / "snapshots").rglob("v=*"))
    assert place.load() == {}
    place.deliver(0, "health")
    assert place.load() == {0: "published"}
