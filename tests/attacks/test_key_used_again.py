"""A supplier gives a hidden child's key to another child, whom two people rightly open: the child herself stays hidden when she comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.nights.protection_decisions import confirm, unshield
from tests.attacks.attack import Scene
from tests.attacks.search import Haystack
from tests.attacks.test_replaced import nights
from tests.attacks.town import big_moves
from tests.attacks.victims import Victim
from tests.nights.little_authority import AUTHORITY
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.in_full
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
KEY = "social_care:S0100"


@pytest.fixture(autouse=True)
def _big_moves() -> Iterator[None]:
    with big_moves():
        yield


def _asks(place: LittleNights) -> Scene:
    """A child of whom social care alone knows, and asks; hidden after night 0."""
    scene = Scene(place, 100)
    _written(scene, scene.victim)
    scene.asks("social_care")
    nights(place, 0)
    return scene


def _written(scene: Scene, child: Victim, key: str = "", number: str = "") -> None:
    scene.add("social_care", child, key, open_=True, nhs_number=number or child.nhs)


def _opened(scene: Scene, key: str = KEY) -> None:
    deployment = scene.place.deployment
    made = unshield(deployment, AUTHORITY, key, actor="Ruth", reason="another child", at=NOW)
    confirm(deployment, AUTHORITY, made.number, actor="Sam", reason="another child", at=NOW)


def _is_shown(scene: Scene, night: int, child: Victim) -> list[bool]:
    rows = scene.place.published(night).to_pylist()
    mine = [row for row in rows if (row["family_name"] or "").casefold() == child.family.casefold()]
    return [not (row["shielded"] or row["withheld"]) for row in mine]


def _holds(scene: Scene, home: Victim) -> bool:
    hay = Haystack.of(scene.place.home, scene.place.landing, scene.place.deployment.engine)
    return bool([where for where in hay.where(home.code, "home") if "snapshots/" in where or "table" in where])


@pytest.mark.parametrize("back", ["under another key", "at a practice, by name alone"])
@pytest.mark.parametrize("gap", ["in one night", "after a gap"])
def test_the_child_who_had_the_key_stays_hidden(tmp_path: Path, gap: str, back: str) -> None:
    scene = _asks(LittleNights(tmp_path))
    place, fled = scene.place, scene.other(5)
    child, other = scene.victim, scene.other(6)
    scene.drop("social_care")
    if gap == "after a gap":
        nights(place, 1)
    _written(scene, other, "S0100")
    nights(place, 2)
    assert _is_shown(scene, 2, other) == [False]  # the key is hers until people have looked
    _opened(scene)
    nights(place, 3)
    assert _is_shown(scene, 3, other) == [True] and _holds(scene, other)
    again = replace(child, street=fled.street, code=fled.code, uprn=fled.uprn)
    if back == "under another key":
        _written(scene, again, "T0100")
    else:
        scene.add("health", again, "HB", open_=True, nhs_number="")
    nights(place, 4, 5)
    assert not any(_is_shown(scene, 5, child)) and not _holds(scene, fled) and not _holds(scene, child)
    assert _is_shown(scene, 5, other) == [True]


def test_the_child_who_had_the_key_is_back_under_it(tmp_path: Path) -> None:
    """The supplier sees the slip, after people have opened the other child: what was kept of the first is hers again."""
    scene = _asks(LittleNights(tmp_path))
    place, fled, child, other = scene.place, scene.other(5), scene.victim, scene.other(6)
    scene.drop("social_care")
    _written(scene, other, "S0100")
    nights(place, 1)
    _opened(scene)
    nights(place, 2)
    scene.drop("social_care", "S0100")
    _written(scene, replace(child, street=fled.street, code=fled.code, uprn=fled.uprn))
    _written(scene, other, "T0100")
    nights(place, 3, 4)
    assert not any(_is_shown(scene, 4, child)) and not _holds(scene, fled) and _is_shown(scene, 4, other) == [True]


def test_another_child_whose_record_stood_under_her_key_for_a_night_is_opened(tmp_path: Path) -> None:
    """A mix-up that is put right: the other child is hidden by what stood there, and two people open it, though the hidden child has the key."""
    scene = _asks(LittleNights(tmp_path))
    place, child, other = scene.place, scene.victim, scene.other(6)
    scene.add("health", other, "HQ", open_=True)
    nights(place, 1)
    assert _is_shown(scene, 1, other) == [True]
    scene.drop("social_care")
    _written(scene, other, "S0100")
    nights(place, 2)
    scene.drop("social_care", "S0100")
    _written(scene, child)
    nights(place, 3)
    assert _is_shown(scene, 3, other) == [False]
    _opened(scene, "health:HQ")
    nights(place, 4, 5)
    assert _is_shown(scene, 5, other) == [True] and _holds(scene, other)
    assert not any(_is_shown(scene, 5, child)) and not _holds(scene, child)


def test_a_namesake_who_has_the_key_next(tmp_path: Path) -> None:
    scene = _asks(LittleNights(tmp_path))
    place, fled, child = scene.place, scene.other(5), scene.victim
    other = replace(scene.other(3), family=child.family, given=child.given, born=child.born, sex=child.sex)
    scene.drop("social_care")
    _written(scene, other, "S0100")
    nights(place, 1)
    _opened(scene)
    nights(place, 2)
    assert _is_shown(scene, 2, child) == [True] and _holds(scene, other)
    scene.add("health", replace(child, street=fled.street, code=fled.code, uprn=fled.uprn), "HB", open_=True)
    nights(place, 3, 4)
    assert not _holds(scene, fled) and not _holds(scene, child)


@pytest.mark.parametrize("anew", ["number", "name"])
def test_a_child_of_whom_something_is_written_anew_is_opened_with_her_home(tmp_path: Path, anew: str) -> None:
    """The key is hers still: nothing of her home stays behind under another holder."""
    scene = _asks(LittleNights(tmp_path))
    place, child = scene.place, scene.victim
    scene.drop("social_care")
    number = scene.other(6).nhs if "number" in anew else child.nhs
    given = child.given[:-1] + ("y" if child.given[-1] != "y" else "x") if "name" in anew else child.given
    _written(scene, replace(child, given=given), "S0100", number)
    nights(place, 1)
    assert not any(_is_shown(scene, 1, child))
    _opened(scene)
    nights(place, 2, 3)
    assert _is_shown(scene, 3, child) == [True] and _holds(scene, child)


def test_a_wish_of_a_record_that_was_rejected_is_not_lifted_with_whoever_has_its_key_next(tmp_path: Path) -> None:
    scene = Scene(LittleNights(tmp_path), 100)
    place, fled, child, other = scene.place, scene.other(5), scene.victim, scene.other(6)
    _written(scene, child)
    scene.asks("social_care")
    scene.row("social_care")["names"] = []  # rejected: it is never live
    nights(place, 0)
    assert _is_shown(scene, 0, child) == []
    scene.drop("social_care")
    _written(scene, other, "S0100")
    nights(place, 1)
    assert _is_shown(scene, 1, other) == [False]
    _opened(scene)
    nights(place, 2)
    assert _is_shown(scene, 2, other) == [True]
    scene.add("health", replace(child, street=fled.street, code=fled.code, uprn=fled.uprn), "HB", open_=True)
    nights(place, 3, 4)
    assert not any(_is_shown(scene, 4, child)) and not _holds(scene, fled) and _is_shown(scene, 4, other) == [True]
